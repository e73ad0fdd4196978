//! Attack h: use the vault up.

use std::io::Write;
use std::thread;
use std::time::Duration;

use super::Scene;
use crate::message::{self, Message};
use crate::raw::Connection;

/// More than the agent of [`Scene::with_few_descriptors`] may have open.
const CONNECTIONS: usize = 140;

/// Many connections, each with half a message: the vault's own user is no longer served.
pub fn exhaust_descriptors(scene: &mut Scene) -> bool {
    let half = Message::of(message::SIGN).raw([0; 1000]).framed();
    let connections: Vec<Connection> = (0..CONNECTIONS)
        .map(|_| {
            let mut connection = scene.connect();
            connection.send_bytes(&half[..half.len() / 2]);
            connection
        })
        .collect();
    let starved = starves(scene);
    drop(connections);
    starved
}

/// Requests without end from connections that never read a reply.
pub fn flood_without_reading(scene: &mut Scene) -> bool {
    const FLOODS: usize = 20;
    let floods: Vec<Connection> = (0..FLOODS).map(|_| scene.connect()).collect();
    for flood in &floods {
        let mut stream = flood.stream.try_clone().expect("a second handle");
        thread::spawn(move || {
            let lists = Message::of(message::LIST).framed().repeat(10_000);
            // Ends when the connection does.
            while stream.write_all(&lists).is_ok() {}
        });
    }
    let starved = starves(scene);
    for flood in floods {
        drop(flood.stream.shutdown(std::net::Shutdown::Both));
    }
    starved
}

/// Whether, while the attack builds up, the vault's user is ever left without an answer.
fn starves(scene: &Scene) -> bool {
    const LOOKS: usize = 40;
    const PAUSE: Duration = Duration::from_millis(100);
    (0..LOOKS).any(|_| {
        thread::sleep(PAUSE);
        !scene.vaults_user_is_served()
    })
}
