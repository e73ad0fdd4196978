//! The two lines that dom0 needs.

use policy::caller::{DEFAULT_KEYRING, Keyring};

/// One line says what the qubes are, the other lets the client call the vault.
pub(super) fn lines(vault: &str, client: &str, keyring: &Keyring) -> Vec<String> {
    let (feature, argument) = match keyring.as_str() {
        DEFAULT_KEYRING => (String::new(), "+".to_owned()),
        keyring => (
            format!(" && qvm-features {client} vm-config.split-ssh-keyring {keyring}"),
            format!("+{keyring}"),
        ),
    };
    vec![
        format!(
            "qvm-service {vault} split-ssh-vault on && qvm-service {client} split-ssh-client on{feature}"
        ),
        format!(
            "echo 'qubes.SshAgent {argument} {client} @default allow target={vault}' | \
             sudo tee -a /etc/qubes/policy.d/30-user-split-ssh.policy"
        ),
    ]
}
