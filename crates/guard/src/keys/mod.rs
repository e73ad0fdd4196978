//! Keyrings, the agents behind them, and how many requests they have at once.

mod agent;
pub mod agent_unit;
pub mod concurrency;
pub mod keyrings;
pub mod upstream;
