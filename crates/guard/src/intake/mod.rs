//! From a socket to whole messages, and who they are from.

pub mod accept;
pub mod connection;
pub mod header;
pub mod limits;
pub mod stream;
