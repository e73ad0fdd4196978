//! Keyrings, the agents behind them, and how many requests they have at once.

mod agent;
pub mod concurrency;
pub mod keyrings;
pub mod known_keys;
pub mod owner;
pub mod unlock;
pub mod upstream;
