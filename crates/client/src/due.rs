//! How many replies are due. Only lengths are read here; the vault does the judging.

/// Counts the whole messages that pass, however they are split.
#[derive(Debug, Default)]
pub struct Messages {
    whole: u64,
    header: [u8; 4],
    of_header: usize,
    /// Bytes of the present message's body that are still to come.
    left: u64,
}

impl Messages {
    pub fn pass(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            if self.left > 0 {
                let body = usize::try_from(self.left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                self.left -= body as u64;
                bytes = bytes.get(body..).unwrap_or_default();
            } else {
                if let Some(place) = self.header.get_mut(self.of_header) {
                    *place = byte;
                }
                self.of_header += 1;
                bytes = rest;
                if self.of_header < self.header.len() {
                    continue;
                }
                self.of_header = 0;
                self.left = u64::from(u32::from_be_bytes(self.header));
            }
            if self.left == 0 {
                self.whole += 1;
            }
        }
    }

    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// True at the start, and after a whole message.
    pub fn at_boundary(&self) -> bool {
        self.left == 0 && self.of_header == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Messages;

    #[test]
    fn any_split_counts_alike() {
        let stream = [
            0, 0, 0, 1, 11, 0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0, 0, 0, 1, 0, 9,
        ];
        for size in 1..=stream.len() {
            let mut messages = Messages::default();
            stream.chunks(size).for_each(|chunk| messages.pass(chunk));
            assert_eq!(messages.whole(), 3, "in chunks of {size}");
            assert!(!messages.at_boundary());
        }
    }

    #[test]
    fn half_a_message_is_not_due() {
        let mut messages = Messages::default();
        messages.pass(&[0, 0, 0, 2, 11]);
        assert_eq!(messages.whole(), 0);
        messages.pass(&[0]);
        assert_eq!(messages.whole(), 1);
        assert!(messages.at_boundary());
    }
}
