#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::bind::SessionBind;

fuzz_target!(|bytes: &[u8]| {
    split_ssh_fuzz::check(bytes, &SessionBind::parse(bytes), SessionBind::rebuild);
});
