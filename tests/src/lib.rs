//! What every end-to-end test stands on.
