//! Reads the base types of RFC 4251 §5 in their one canonical spelling.

use crate::limits::MAX_NAME;
use crate::{BadMessage, Malformed, Problem};

/// The unread rest of some bytes, and how far it is from their start.
///
/// Each `what` completes the sentence `expected …`; see [`Malformed::what`].
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from their start.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0 }
    }

    /// Runs `parse` over all of `bytes`.
    ///
    /// # Errors
    /// What `parse` fails with, or bytes left over.
    pub fn whole<T>(
        bytes: &'a [u8],
        parse: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        let mut reader = Self::new(bytes);
        let value = parse(&mut reader)?;
        reader.end()?;
        Ok(value)
    }

    /// Runs `read_body` over all of a message's body.
    pub(crate) fn message<T>(
        payload: &'a [u8],
        read_body: impl FnOnce(u8, &mut Self) -> Result<T, Problem>,
    ) -> Result<T, BadMessage> {
        let mut number = 0;
        let read = || {
            let mut reader = Self::new(payload);
            number = reader.u8("a message number")?;
            let value = read_body(number, &mut reader)?;
            reader.end()?;
            Ok(value)
        };
        read().map_err(|problem| BadMessage { number, problem })
    }

    /// What `meaning` makes of what `read` reads. Where that is nothing, `what` is missed at the place where it began.
    ///
    /// # Errors
    /// What `read` fails with, or nothing is made of it.
    pub fn read_as<T, U>(
        &mut self,
        what: &'static str,
        read: impl FnOnce(&mut Self, &'static str) -> Result<T, Malformed>,
        meaning: impl FnOnce(T) -> Option<U>,
    ) -> Result<U, Malformed> {
        let wrong = self.expected(what);
        meaning(read(self, what)?).ok_or(wrong)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The error that `what` is not at the present place.
    pub fn expected(&self, what: &'static str) -> Malformed {
        Malformed { what, at: self.at }
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn bytes(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], Malformed> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(self.expected(what));
        };
        self.rest = rest;
        self.at = self.at.saturating_add(count);
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<&'a [u8; N], Malformed> {
        let Some((taken, rest)) = self.rest.split_first_chunk() else {
            return Err(self.expected(what));
        };
        self.rest = rest;
        self.at = self.at.saturating_add(N);
        Ok(taken)
    }

    /// One byte.
    ///
    /// # Errors
    /// Nothing is left.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, Malformed> {
        let [byte] = *self.array(what)?;
        Ok(byte)
    }

    /// Four bytes, big endian.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(*self.array(what)?))
    }

    /// Eight bytes, big endian.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn u64(&mut self, what: &'static str) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(*self.array(what)?))
    }

    /// A boolean, 0 or 1. RFC 4251 reads any other byte as true but forbids to write one, and
    /// OpenSSH accepts it; here it is refused, for else two spellings would mean the same.
    ///
    /// # Errors
    /// Another byte, or nothing is left.
    pub fn bool(&mut self, what: &'static str) -> Result<bool, Malformed> {
        self.read_as(what, Self::u8, |byte| match byte {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        })
    }

    /// Exactly the byte `wanted`.
    ///
    /// # Errors
    /// Another byte, or nothing is left.
    pub fn constant_u8(&mut self, wanted: u8, what: &'static str) -> Result<(), Malformed> {
        self.read_as(what, Self::u8, |byte| (byte == wanted).then_some(()))
    }

    /// A length of four bytes, and as many bytes. Nothing is allocated.
    ///
    /// # Errors
    /// Fewer bytes are left than the length says.
    pub fn string(&mut self, what: &'static str) -> Result<&'a [u8], Malformed> {
        let wrong = self.expected(what);
        let length = self.u32(what)?;
        let length = usize::try_from(length).map_err(|_| wrong)?;
        self.bytes(length, what).map_err(|_| wrong)
    }

    /// A string of exactly `N` bytes.
    ///
    /// # Errors
    /// Another length, or a string cut short.
    pub fn string_of<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<&'a [u8; N], Malformed> {
        self.read_as(what, Self::string, |string| string.try_into().ok())
    }

    /// A string that fits `fits`.
    ///
    /// # Errors
    /// It does not, or it is cut short.
    pub fn string_that(
        &mut self,
        what: &'static str,
        fits: impl FnOnce(&[u8]) -> bool,
    ) -> Result<&'a [u8], Malformed> {
        self.read_as(what, Self::string, |string| fits(string).then_some(string))
    }

    /// Exactly the string `wanted`.
    ///
    /// # Errors
    /// Another string.
    pub fn constant(&mut self, wanted: &str, what: &'static str) -> Result<(), Malformed> {
        self.string_that(what, |string| string == wanted.as_bytes())?;
        Ok(())
    }

    /// A string without a NUL byte: C programs end it there, and would read another text than we.
    ///
    /// # Errors
    /// A NUL, or a string cut short.
    pub fn text(&mut self, what: &'static str) -> Result<&'a [u8], Malformed> {
        self.string_that(what, |string| !string.contains(&0))
    }

    /// The name of an algorithm, method or extension, RFC 4251 §6: 1 to 64 bytes of printable ASCII
    /// without space and comma.
    ///
    /// # Errors
    /// Another string.
    pub fn name(&mut self, what: &'static str) -> Result<&'a str, Malformed> {
        self.read_as(what, Self::string, |string| {
            let printable = |byte: &u8| byte.is_ascii_graphic() && *byte != b',';
            let is_name = (1..=MAX_NAME).contains(&string.len()) && string.iter().all(printable);
            std::str::from_utf8(string).ok().filter(|_| is_name)
        })
    }

    /// A positive `mpint` as its magnitude: big endian, no leading zero, never empty.
    ///
    /// # Errors
    /// Zero, a negative number, a needless leading zero, or a string cut short.
    pub fn positive_mpint(&mut self, what: &'static str) -> Result<&'a [u8], Malformed> {
        self.read_as(what, Self::string, |string| match string {
            [0, magnitude @ ..] if is_high(magnitude) => Some(magnitude),
            [1..=0x7f, ..] => Some(string),
            _ => None,
        })
    }

    /// A string whose inside `parse` reads to its end; gives the string and the value.
    ///
    /// # Errors
    /// What `parse` fails with, bytes left over inside, or a string cut short.
    pub fn nested<T>(
        &mut self,
        what: &'static str,
        parse: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<(&'a [u8], T), Malformed> {
        let mut inside = self.clone();
        inside.u32(what)?;
        let string = self.string(what)?;
        inside.rest = string;
        let value = parse(&mut inside)?;
        inside.end()?;
        Ok((string, value))
    }

    /// A string that holds `parse` again and again, at most `most` times.
    ///
    /// # Errors
    /// What `parse` fails with, more than `most`, or a string cut short.
    pub fn nested_list<T>(
        &mut self,
        what: &'static str,
        most: usize,
        mut parse: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let (_, list) = self.nested(what, |inside| {
            let mut list = Vec::new();
            while !inside.is_empty() {
                if list.len() >= most {
                    return Err(inside.expected(what));
                }
                list.push(parse(inside)?);
            }
            Ok(list)
        })?;
        Ok(list)
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.rest;
        self.rest = &[];
        self.at = self.at.saturating_add(rest.len());
        rest
    }

    /// The bytes between `earlier`, a clone of this reader taken before, and the present place.
    pub fn since(&self, earlier: &Self) -> &'a [u8] {
        let length = self.at.saturating_sub(earlier.at);
        earlier.rest.get(..length).unwrap_or(earlier.rest)
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// Something is.
    pub fn end(&self) -> Result<(), Malformed> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(self.expected("the end of the data"))
        }
    }
}

/// Whether `magnitude` would be read as a negative number without a zero byte in front.
pub(crate) fn is_high(magnitude: &[u8]) -> bool {
    magnitude.first().is_some_and(|byte| *byte >= 0x80)
}
