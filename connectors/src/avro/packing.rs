//! How the blocks of an Avro file are packed, and how they are unpacked within a bound.
//!
//! Start reading at [`Packing::unpack`].

use std::io::Read;

use super::blocks::Why;

/// Bytes of the checksum behind a snappy block.
const CHECKSUM: usize = 4;
/// Memory that an unpacker may need for itself, bytes; packings name the size of their windows in the file.
const WINDOW: u64 = 128 << 20;

/// A packing of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Deflate,
    Snappy,
    Zstandard,
    Bzip2,
    Xz,
}

impl Packing {
    /// The packing of this name.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn named(word: &str) -> Result<Self, Why> {
        Ok(match word {
            "null" => Self::None,
            "deflate" => Self::Deflate,
            "snappy" => Self::Snappy,
            "zstandard" => Self::Zstandard,
            "bzip2" => Self::Bzip2,
            "xz" => Self::Xz,
            _ => return Err(Why::Broken("has blocks of an unknown packing".to_owned())),
        })
    }

    /// The bytes of a block.
    ///
    /// - `limit`: how many there may be.
    ///
    /// # Errors
    /// More bytes; what cannot be unpacked.
    pub(super) fn unpack(self, packed: Vec<u8>, limit: usize) -> Result<Vec<u8>, Why> {
        let bytes = packed.as_slice();
        let unpacked = match self {
            Self::None => return Ok(packed),
            Self::Snappy => return snappy(bytes, limit),
            Self::Deflate => within(flate2::read::DeflateDecoder::new(bytes), limit)?,
            Self::Zstandard => {
                let mut unpacker = zstd::Decoder::new(bytes)?;
                unpacker.window_log_max(WINDOW.ilog2())?;
                within(unpacker, limit)?
            }
            Self::Bzip2 => within(bzip2::read::MultiBzDecoder::new(bytes), limit)?,
            Self::Xz => {
                let unpacker = liblzma::stream::Stream::new_stream_decoder(WINDOW, 0);
                let unpacker = unpacker.map_err(|error| Why::Io(error.into()))?;
                within(liblzma::read::XzDecoder::new_stream(bytes, unpacker), limit)?
            }
        };
        Ok(unpacked)
    }
}

fn within(unpacker: impl Read, limit: usize) -> Result<Vec<u8>, Why> {
    let mut bytes = Vec::new();
    // A block that ends early is damaged, for its marker was there.
    let read = unpacker.take(limit as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| Why::Broken(format!("has a block that cannot be unpacked: {error}")))?;
    if bytes.len() > limit { Err(Why::TooLarge) } else { Ok(bytes) }
}

fn snappy(block: &[u8], limit: usize) -> Result<Vec<u8>, Why> {
    let broken = || Why::Broken("has a block that cannot be unpacked".to_owned());
    let (packed, checksum) = block.split_last_chunk::<CHECKSUM>().ok_or_else(broken)?;
    if snap::raw::decompress_len(packed).map_err(|_| broken())? > limit {
        return Err(Why::TooLarge);
    }
    let bytes = snap::raw::Decoder::new().decompress_vec(packed).map_err(|_| broken())?;
    let mut sum = flate2::Crc::new();
    sum.update(&bytes);
    if sum.sum() == u32::from_be_bytes(*checksum) { Ok(bytes) } else { Err(broken()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(packing: Packing, bytes: &[u8]) -> Vec<u8> {
        match packing {
            Packing::None => bytes.to_vec(),
            Packing::Deflate => {
                let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
                packer.write_all(bytes).unwrap();
                packer.finish().unwrap()
            }
            Packing::Snappy => {
                let mut sum = flate2::Crc::new();
                sum.update(bytes);
                let mut packed = snap::raw::Encoder::new().compress_vec(bytes).unwrap();
                packed.extend(sum.sum().to_be_bytes());
                packed
            }
            Packing::Zstandard => zstd::encode_all(bytes, 3).unwrap(),
            Packing::Bzip2 => {
                let mut packer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
                packer.write_all(bytes).unwrap();
                packer.finish().unwrap()
            }
            Packing::Xz => {
                let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 6);
                packer.write_all(bytes).unwrap();
                packer.finish().unwrap()
            }
        }
    }

    #[test]
    fn a_block_is_unpacked_within_its_bound() {
        let all = [
            ("null", Packing::None),
            ("deflate", Packing::Deflate),
            ("snappy", Packing::Snappy),
            ("zstandard", Packing::Zstandard),
            ("bzip2", Packing::Bzip2),
            ("xz", Packing::Xz),
        ];
        let bytes = vec![7; 100_000];
        for (word, packing) in all {
            assert_eq!(Packing::named(word).unwrap(), packing);
            let block = packed(packing, &bytes);
            assert!(packing == Packing::None || block.len() < 10_000, "{word}: {}", block.len());
            assert_eq!(packing.unpack(block.clone(), bytes.len()).unwrap(), bytes, "{word}");
            if packing != Packing::None {
                assert!(matches!(packing.unpack(block.clone(), bytes.len() - 1), Err(Why::TooLarge)), "{word}");
                let cut = packing.unpack(block[..block.len() / 2].to_vec(), bytes.len());
                assert!(!matches!(&cut, Ok(found) if *found == bytes), "{word} {cut:?}");
                assert!(packing.unpack(b"no".to_vec(), 1000).is_err(), "{word}");
            }
        }
        assert!(matches!(Packing::named("lzo"), Err(Why::Broken(_))));
    }
}
