//! Avro's whole numbers and byte strings, as files frame their blocks with them.
//!
//! Start reading at [`read`].
//!
//! # Source
//! Avro 1.12, "Binary Encoding": zig-zag numbers of seven bits a byte.

use std::io::{ErrorKind, Read};

use super::blocks::Why;

/// Bytes of the longest number.
pub(super) const LONGEST: usize = 10;

/// The next number.
pub(super) fn read(from: &mut impl Read) -> Result<i64, Why> {
    read_or_end(from)?.ok_or(Why::Cut)
}

/// The next number; none at the end of the file.
pub(super) fn read_or_end(from: &mut impl Read) -> Result<Option<i64>, Why> {
    let mut number = 0_u64;
    for place in 0..LONGEST {
        let mut byte = [0];
        match from.read_exact(&mut byte) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof && place == 0 => return Ok(None),
            read => read?,
        }
        number |= u64::from(byte[0] & 0x7f) << (7 * place);
        if byte[0] & 0x80 == 0 {
            return Ok(Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed()));
        }
    }
    Err(Why::Broken("has a number that is too long".to_owned()))
}

/// The next number, which is a size in bytes of at most `limit`.
pub(super) fn size(from: &mut impl Read, limit: usize) -> Result<usize, Why> {
    let number = read(from)?;
    let size = usize::try_from(number).map_err(|_| Why::Broken(format!("has a part of {number} bytes")))?;
    if size > limit { Err(Why::TooLarge) } else { Ok(size) }
}

/// So many bytes; memory is taken as they come.
pub(super) fn bytes(from: &mut impl Read, size: usize) -> Result<Vec<u8>, Why> {
    let mut bytes = Vec::new();
    from.take(size as u64).read_to_end(&mut bytes)?;
    if bytes.len() < size { Err(Why::Cut) } else { Ok(bytes) }
}

/// Appends a number.
pub(super) fn write(number: i64, to: &mut Vec<u8>) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while rest >= 0x80 {
        to.push(0x80 | u8::try_from(rest & 0x7f).unwrap_or_default());
        rest >>= 7;
    }
    to.push(u8::try_from(rest).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for number in [0, -1, 1, 63, 64, -64, -65, 1 << 20, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            write(number, &mut bytes);
            assert!(bytes.len() <= LONGEST);
            assert_eq!(read(&mut bytes.as_slice()).unwrap(), number);
            assert!(matches!(read(&mut &bytes[..bytes.len() - 1]), Err(Why::Cut)));
        }
        assert!(matches!(read(&mut [0xff; 11].as_slice()), Err(Why::Broken(_))));
    }
}
