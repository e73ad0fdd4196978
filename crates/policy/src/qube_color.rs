//! The colour of a qube, by the names of Qubes' labels.

word_enum! {
    /// One of Qubes' eight labels.
    pub enum QubeColor {
        Red = "red",
        Orange = "orange",
        Yellow = "yellow",
        Green = "green",
        Gray = "gray",
        Blue = "blue",
        Purple = "purple",
        Black = "black",
    }
}
