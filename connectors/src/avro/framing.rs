//! Follows the framing of an Avro file, to know whether it ended where a block ends.
//!
//! In: the bytes of the file as they pass by. Out: rows that its blocks announce, and whether it is whole.
//! Holds always: nothing is kept but counters. The reader of `arrow-avro` takes a file that is cut within a block for a shorter file.
//!
//! Start reading at [`Framing::pass`].
//!
//! # Source
//! Avro 1.12, "Object Container Files".

/// Bytes of the marker that ends the header and every block.
const MARKER: u64 = 16;
/// Bits that a whole number takes at most.
const NUMBER_BITS: u32 = 70;

/// What stands next in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Entries of the header's map that follow; none ends the map.
    Entries,
    /// The size of the entries, which is only told with a negative count.
    EntriesSize,
    KeyLength,
    ValueLength,
    /// Rows of the next block.
    Rows,
    /// Bytes of the block.
    BlockLength,
}

/// How far a file was followed.
#[derive(Debug)]
pub(super) struct Framing {
    skip: u64,
    next: Next,
    number: u64,
    bits: u32,
    entries: u64,
    rows: u64,
    is_broken: bool,
}

impl Framing {
    /// At the start of a file: behind its four letters the header's map follows.
    pub(super) fn new() -> Self {
        Self { skip: 4, next: Next::Entries, number: 0, bits: 0, entries: 0, rows: 0, is_broken: false }
    }

    /// Follows some more bytes.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_broken {
            if self.skip > 0 {
                let count = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
                self.skip -= count as u64;
                bytes = &bytes[count..];
                continue;
            }
            let byte = bytes[0];
            bytes = &bytes[1..];
            if self.bits >= NUMBER_BITS {
                self.is_broken = true;
                return;
            }
            self.number |= u64::from(byte & 0x7f).checked_shl(self.bits).unwrap_or(0);
            self.bits += 7;
            if byte & 0x80 == 0 {
                let number = (self.number >> 1).cast_signed() ^ -(self.number & 1).cast_signed();
                (self.number, self.bits) = (0, 0);
                self.take(number);
            }
        }
    }

    fn take(&mut self, number: i64) {
        let Ok(count) = u64::try_from(number) else {
            if self.next == Next::Entries {
                self.entries = number.unsigned_abs();
                self.next = Next::EntriesSize;
            } else {
                self.is_broken = true;
            }
            return;
        };
        match self.next {
            Next::Entries if count == 0 => (self.skip, self.next) = (MARKER, Next::Rows),
            Next::Entries => (self.entries, self.next) = (count, Next::KeyLength),
            Next::EntriesSize => self.next = Next::KeyLength,
            Next::KeyLength => (self.skip, self.next) = (count, Next::ValueLength),
            Next::ValueLength => {
                self.entries -= 1;
                self.skip = count;
                self.next = if self.entries == 0 { Next::Entries } else { Next::KeyLength };
            }
            Next::Rows => {
                self.rows = self.rows.saturating_add(count);
                self.next = Next::BlockLength;
            }
            Next::BlockLength => (self.skip, self.next) = (count.saturating_add(MARKER), Next::Rows),
        }
    }

    /// Rows of the blocks that were passed, when the file may end here; none when it is cut.
    pub(super) fn whole(&self) -> Option<u64> {
        let is_whole = !self.is_broken && self.skip == 0 && self.bits == 0 && self.next == Next::Rows;
        is_whole.then_some(self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with one entry, and two blocks of 3 rows in 2 bytes.
    fn file() -> Vec<u8> {
        let mut bytes = b"Obj\x01".to_vec();
        bytes.extend([2, 2, b'k', 4, b'v', b'v', 0]);
        bytes.extend([7; 16]);
        for _ in 0..2 {
            bytes.extend([6, 4, 1, 2]);
            bytes.extend([7; 16]);
        }
        bytes
    }

    #[test]
    fn only_the_ends_of_blocks_are_ends() {
        let file = file();
        let header = 4 + 7 + 16;
        let block = 4 + 16;
        for cut in 0..=file.len() {
            let mut framing = Framing::new();
            file[..cut].chunks(3).for_each(|bytes| framing.pass(bytes));
            let expected = [(header, 0), (header + block, 3), (header + 2 * block, 6)];
            let expected = expected.iter().find(|(at, _)| *at == cut).map(|(_, rows)| *rows);
            assert_eq!(framing.whole(), expected, "cut at {cut}");
        }
    }

    #[test]
    fn nonsense_is_no_end() {
        let mut framing = Framing::new();
        framing.pass(b"Obj\x01");
        framing.pass(&[0xff; 64]);
        assert_eq!(framing.whole(), None);
    }
}
