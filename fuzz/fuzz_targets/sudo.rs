#![no_main]

use libfuzzer_sys::fuzz_target;
use split_ssh_fuzz::rebuild::Rebuild as _;
use wire::sudo::SudoRequest;

fuzz_target!(|bytes: &[u8]| {
    split_ssh_fuzz::check(bytes, &SudoRequest::parse(bytes), SudoRequest::rebuild);
});
