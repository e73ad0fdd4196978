//! The colour of a qube, by the names of Qubes' labels.

use serde::{Deserialize, Serialize};

/// One of Qubes' eight labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QubeColor {
    Red,
    Orange,
    Yellow,
    Green,
    Gray,
    Blue,
    Purple,
    Black,
}

impl QubeColor {
    pub const ALL: [Self; 8] = [
        Self::Red,
        Self::Orange,
        Self::Yellow,
        Self::Green,
        Self::Gray,
        Self::Blue,
        Self::Purple,
        Self::Black,
    ];

    /// The label's name, as Qubes has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Orange => "orange",
            Self::Yellow => "yellow",
            Self::Green => "green",
            Self::Gray => "gray",
            Self::Blue => "blue",
            Self::Purple => "purple",
            Self::Black => "black",
        }
    }
}
