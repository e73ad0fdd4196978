//! Keyrings, the agents behind them, and how many requests they have at once.

mod agent;
pub mod concurrency;
pub mod keyrings;
mod owner;
pub mod upstream;
