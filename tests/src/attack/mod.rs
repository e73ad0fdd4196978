//! Attacks of a compromised client qube that has nothing but its agent's socket.
//!
//! Each is a function of a [`Target`] and says what came of it, judged in the vault and by what it gained, not by
//! what a program printed. `tests/attacks_plain_pipe.rs` shows each at work on a plain pipe, `tests/attacks_guarded.rs`
//! that split-ssh stops it; the demo shows some side by side.

mod exhaust;
mod load;
mod scene;
mod sign;
mod tamper;
mod target;

pub use exhaust::{exhaust_descriptors, flood_without_reading};
pub use load::{load_pkcs11_module, load_pkcs11_module_of_the_vault, load_sk_provider};
pub use scene::{Front, Scene};
pub use sign::{
    borrow_destination, forge_a_bind, issue_a_certificate, sign_a_commit, sign_a_release,
    sign_a_thousand_times, sign_raw_bytes, sign_with_sha1,
};
pub use tamper::{
    add_a_key, delete_all_keys, delete_all_keys_by_version_1, delete_one_key, kill_the_agent,
    list_every_key, lock_the_agent, poison_a_key,
};
pub use target::{Outcome, Target};
