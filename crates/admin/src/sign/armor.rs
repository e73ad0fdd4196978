//! An SSHSIG as a file holds it (PROTOCOL.sshsig §1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wire::sshsig::SshsigRequest;
use wire::writer::Writer;

const VERSION: u32 = 1;
/// Characters a line, as ssh-keygen writes.
const LINE: usize = 70;

/// The signature that the key in `key` made over `request`.
pub fn armored(key: &[u8], request: &SshsigRequest<'_>, signature: &[u8]) -> String {
    let blob = Writer::build(|writer| {
        writer
            .raw(b"SSHSIG")
            .u32(VERSION)
            .string(key)
            .string(request.namespace)
            .string(request.reserved)
            .string(request.hash_algorithm)
            .string(signature);
    });
    let mut text = String::from("-----BEGIN SSH SIGNATURE-----\n");
    for (number, character) in STANDARD.encode(blob).chars().enumerate() {
        if number > 0 && number % LINE == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push_str("\n-----END SSH SIGNATURE-----\n");
    text
}
