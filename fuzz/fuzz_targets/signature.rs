#![no_main]

use libfuzzer_sys::fuzz_target;
use split_ssh_fuzz::rebuild::Rebuild as _;
use wire::signature::Signature;

fuzz_target!(|bytes: &[u8]| {
    let parsed = Signature::parse(bytes);
    split_ssh_fuzz::check(bytes, &parsed, Signature::rebuild);
    if let Ok(signature) = parsed {
        let curve_bytes = match signature.algorithm {
            "ecdsa-sha2-nistp256"
            | "sk-ecdsa-sha2-nistp256@openssh.com"
            | "webauthn-sk-ecdsa-sha2-nistp256@openssh.com" => 32,
            "ecdsa-sha2-nistp384" => 48,
            "ecdsa-sha2-nistp521" => 66,
            _ => return assert_eq!(signature.ecdsa_numbers(), None),
        };
        let (r, s) = signature.ecdsa_numbers().unwrap();
        assert!(r.len() <= curve_bytes && s.len() <= curve_bytes);
    }
});
