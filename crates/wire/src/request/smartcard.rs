use super::constraint::{self, Constraint, Holder};
use super::secret::Secret;
use crate::Malformed;
use crate::reader::Reader;
use crate::writer::Writer;

/// A token: the library that speaks to it, and its PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smartcard<'a> {
    /// Path of a PKCS#11 library. ssh-agent **loads and runs** it.
    pub provider: &'a [u8],
    /// The token's PIN.
    pub pin: Secret<'a>,
}

/// 20 and 26: load a token's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddSmartcard<'a> {
    /// Which token.
    pub card: Smartcard<'a>,
    /// `None`: message 20, `Some`: message 26.
    pub constraints: Option<Vec<Constraint<'a>>>,
}

impl<'a> Smartcard<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            provider: reader.text("a provider's path")?,
            pin: Secret(reader.text("a PIN")?),
        })
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.string(self.provider).string(self.pin.0);
    }
}

impl<'a> AddSmartcard<'a> {
    pub(super) fn read(reader: &mut Reader<'a>, constrained: bool) -> Result<Self, Malformed> {
        let card = Smartcard::read(reader)?;
        let constraints = constrained
            .then(|| constraint::read_all(reader, Holder::Smartcard))
            .transpose()?;
        Ok(Self { card, constraints })
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        self.card.write(writer);
        constraint::write_all(self.constraints.as_deref(), writer);
    }
}
