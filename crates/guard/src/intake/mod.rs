//! From a socket to whole messages, and who they are from.

pub mod accept;
pub mod call;
mod carry;
mod connection;
pub mod header;
mod limits;
pub mod line;
pub mod sandboxes;
pub mod stream;
pub mod vsock;
