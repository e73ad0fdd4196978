//! Writes the base types of RFC 4251 §5.

/// Bytes being put together.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// What `write` writes.
    pub fn build(write: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut writer = Self::default();
        write(&mut writer);
        writer.bytes
    }

    /// Bytes as they are, without a length.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.raw(&[value])
    }

    /// Four bytes, big endian.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// Eight bytes, big endian.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// 0 or 1.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.u8(u8::from(value))
    }

    /// A string with its length. One of 4 GiB or more cannot be written and gets a length that no
    /// reader accepts; messages end at [`MAX_MESSAGE`](crate::limits::MAX_MESSAGE).
    pub fn string(&mut self, string: impl AsRef<[u8]>) -> &mut Self {
        let string = string.as_ref();
        self.u32(u32::try_from(string.len()).unwrap_or(u32::MAX))
            .raw(string)
    }

    /// A positive `mpint` from its magnitude as [`positive_mpint`] gives it.
    ///
    /// [`positive_mpint`]: crate::reader::Reader::positive_mpint
    pub fn positive_mpint(&mut self, magnitude: &[u8]) -> &mut Self {
        if crate::reader::is_high(magnitude) {
            self.nested(|inside| {
                inside.u8(0).raw(magnitude);
            })
        } else {
            self.string(magnitude)
        }
    }

    /// A string of what `write` writes.
    pub fn nested(&mut self, write: impl FnOnce(&mut Self)) -> &mut Self {
        self.string(Self::build(write))
    }
}
