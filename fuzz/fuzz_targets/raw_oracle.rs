#![no_main]

//! What is raw data, no server could take for a login.

use libfuzzer_sys::fuzz_target;
use policy::intent::Intent;
use split_ssh_fuzz::login_oracle::could_be_login;

/// Of an ed25519 key whose point is `k` 32 times: the corpus names it.
const SIGNER: &[u8] = b"\0\0\0\x0bssh-ed25519\0\0\0\x20kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk";

fuzz_target!(|bytes: &[u8]| {
    if Intent::classify(bytes, SIGNER) == Ok(Intent::Raw) {
        assert!(!could_be_login(bytes));
        assert!(!bytes.windows(32).any(|part| part == [b'k'; 32]));
    }
});
