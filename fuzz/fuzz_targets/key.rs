#![no_main]

use libfuzzer_sys::fuzz_target;
use split_ssh_fuzz::rebuild::Rebuild as _;
use wire::key::PublicKey;

fuzz_target!(|bytes: &[u8]| {
    let parsed = PublicKey::parse(bytes);
    split_ssh_fuzz::check(bytes, &parsed, PublicKey::rebuild);
    if let Ok(key) = parsed {
        let plain = key.plain_blob();
        let again = PublicKey::parse(&plain).map(|key| key.plain().clone());
        assert_eq!(again.as_ref(), Ok(key.plain()));
    }
});
