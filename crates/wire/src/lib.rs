//! The SSH agent protocol: bytes <-> values.
