//! Every attack of `attacks_plain_pipe.rs` bounces off split-ssh: its goal is missed, the vault's agent is as it
//! was, and the qube can still do what it may.

use testbed::attack::{self, Front, Scene};

macro_rules! bounces {
    ($($attack:ident)*) => {$(
        #[test]
        fn $attack() {
            let mut scene = Scene::new(Front::SplitSsh);
            let outcome = attack::$attack(&mut scene);
            assert!(!outcome.is_reached(), "the attack reached its goal: {outcome:?}");
            scene.assert_intact();
            scene.assert_served();
        }
    )*};
}

bounces! {
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
    flood_without_reading
}

#[test]
fn exhaust_descriptors() {
    let mut scene = Scene::with_few_descriptors(Front::SplitSsh);
    let outcome = attack::exhaust_descriptors(&mut scene);
    assert!(!outcome.is_reached(), "{outcome:?}");
    scene.assert_intact();
    scene.assert_served();
}
