//! The header of an Avro file: its schema, how its blocks are packed, and the marker behind each of them.
//!
//! Start reading at [`Header::read`].

use std::io::Read;

use super::blocks::Why;
use super::number;

/// The first bytes of every file.
const MAGIC: [u8; 4] = *b"Obj\x01";
/// The entry that names the packing.
const CODEC: &[u8] = b"avro.codec";

/// What stands behind the header and behind every block of a file, and in no other file.
pub(super) type Marker = [u8; 16];

/// The header of a file.
#[derive(Debug)]
pub(super) struct Header {
    /// The header of the same file without packing.
    pub(super) bytes: Vec<u8>,
    /// The word for the packing.
    pub(super) codec: String,
    /// The file's marker.
    pub(super) marker: Marker,
}

impl Header {
    /// Reads the header.
    ///
    /// - `limit`: bytes of all its entries.
    ///
    /// # Errors
    /// What is no header, or larger.
    pub(super) fn read(from: &mut impl Read, limit: usize) -> Result<Self, Why> {
        let mut magic = [0; MAGIC.len()];
        from.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(Why::Broken("is no Avro file".to_owned()));
        }
        let (mut codec, mut bytes, mut left) = ("null".to_owned(), magic.to_vec(), limit);
        loop {
            let mut entries = number::read(from)?;
            if entries == 0 {
                break;
            }
            if entries < 0 {
                // The size of the entries, for whoever passes over them.
                number::read(from)?;
                entries = entries.checked_neg().unwrap_or(i64::MAX);
            }
            for _ in 0..entries {
                let key = part(from, &mut left)?;
                let value = part(from, &mut left)?;
                if key == CODEC {
                    codec = String::from_utf8_lossy(&value).into_owned();
                    continue;
                }
                number::write(1, &mut bytes);
                for part in [key, value] {
                    number::write(i64::try_from(part.len()).unwrap_or(i64::MAX), &mut bytes);
                    bytes.extend(part);
                }
            }
        }
        number::write(0, &mut bytes);
        let mut marker = Marker::default();
        from.read_exact(&mut marker)?;
        bytes.extend(marker);
        Ok(Self { bytes, codec, marker })
    }
}

fn part(from: &mut impl Read, left: &mut usize) -> Result<Vec<u8>, Why> {
    let size = number::size(from, *left)?;
    // Entries without bytes take their place too.
    *left = left.saturating_sub(size + 1);
    if *left == 0 { Err(Why::TooLarge) } else { number::bytes(from, size) }
}
