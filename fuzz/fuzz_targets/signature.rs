#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::signature::Signature;

fuzz_target!(|bytes: &[u8]| {
    let parsed = Signature::parse(bytes);
    split_ssh_fuzz::check(bytes, &parsed, Signature::rebuild);
    if let Ok(signature) = parsed {
        assert_eq!(
            signature.ecdsa_numbers().is_some(),
            signature.algorithm.contains("ecdsa")
        );
    }
});
