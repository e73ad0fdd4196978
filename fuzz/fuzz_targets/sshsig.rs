#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::sshsig::SshsigRequest;

fuzz_target!(|bytes: &[u8]| {
    split_ssh_fuzz::check(bytes, &SshsigRequest::parse(bytes), SshsigRequest::rebuild);
});
