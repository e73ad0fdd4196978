//! The controls: every attack reaches its goal where bytes pass through unread. An attack that fails here
//! would prove nothing in `attacks_guarded.rs`.

use testbed::attack::{self, Front, Scene};

macro_rules! works {
    ($($attack:ident)*) => {$(
        #[test]
        fn $attack() {
            let outcome = attack::$attack(&mut Scene::new(Front::Guide));
            assert!(outcome.is_reached(), "the attack does not work on a plain pipe: {outcome:?}");
        }
    )*};
}

works! {
    list_every_key
    delete_all_keys
    delete_all_keys_by_version_1
    delete_one_key
    lock_the_agent
    kill_the_agent
    add_a_key
    poison_a_key
    load_pkcs11_module
    load_pkcs11_module_of_the_vault
    load_sk_provider
    sign_a_thousand_times
    sign_a_commit
    sign_a_release
    sign_raw_bytes
    issue_a_certificate
    forge_a_bind
    borrow_destination
    sign_with_sha1
}

/// Over socat, whose processes are lighter than ncat's.
#[test]
fn exhaust_descriptors() {
    let mut scene = Scene::with_few_descriptors(Front::Socat);
    let outcome = attack::exhaust_descriptors(&mut scene);
    assert!(outcome.is_reached(), "{outcome:?}");
}

#[test]
fn flood_without_reading() {
    let mut scene = Scene::new(Front::Socat);
    let outcome = attack::flood_without_reading(&mut scene);
    assert!(outcome.is_reached(), "{outcome:?}");
}
