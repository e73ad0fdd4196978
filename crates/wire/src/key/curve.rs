use super::{ECDSA_P256, ECDSA_P384, ECDSA_P521};

/// The NIST curves of RFC 5656.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
}

impl Curve {
    /// The curve's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::P256 => "nistp256",
            Self::P384 => "nistp384",
            Self::P521 => "nistp521",
        }
    }

    /// The type of plain keys, and of signatures, on this curve.
    pub fn algorithm(self) -> &'static str {
        match self {
            Self::P256 => ECDSA_P256,
            Self::P384 => ECDSA_P384,
            Self::P521 => ECDSA_P521,
        }
    }

    /// Bits of the field.
    pub fn bits(self) -> usize {
        match self {
            Self::P256 => 256,
            Self::P384 => 384,
            Self::P521 => 521,
        }
    }

    /// Bytes of one coordinate, and of the numbers of a signature at most.
    pub fn coordinate_bytes(self) -> usize {
        self.bits().div_ceil(8)
    }

    pub(super) fn is_uncompressed(self, point: &[u8]) -> bool {
        let coordinates = self.coordinate_bytes().saturating_mul(2);
        matches!(point, [4, xy @ ..] if xy.len() == coordinates)
    }
}
