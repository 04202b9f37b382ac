//! A kind of plain files: what a contract calls it, and how its files are named.
//!
//! Start reading at [`Kind`].

use datafusion::datasource::file_format::file_compression_type::FileCompressionType;

/// How packed files are named, and how they are unpacked.
const PACKED: &[(&str, FileCompressionType)] = &[
    (".gz", FileCompressionType::GZIP),
    (".zst", FileCompressionType::ZSTD),
    (".bz2", FileCompressionType::BZIP2),
    (".xz", FileCompressionType::XZ),
];

/// A kind of plain files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// The word of a contract's `format`.
    pub(crate) word: &'static str,
    /// What people call it.
    pub(crate) people: &'static str,
    /// How names of its files end.
    pub(crate) endings: &'static [&'static str],
    /// Whether a file may be packed as a whole (`orders.csv.gz`).
    pub(crate) may_be_packed: bool,
}

impl Kind {
    /// Whether a name is one of a file of this kind.
    pub(crate) fn has(&self, name: &str) -> bool {
        let plain = if self.may_be_packed { unpacked_name(name).0 } else { name };
        self.endings.iter().any(|ending| plain.ends_with(ending))
    }

    /// How a file is packed, told by its name.
    pub(crate) fn packing(&self, name: &str) -> FileCompressionType {
        if self.may_be_packed { unpacked_name(name).1 } else { FileCompressionType::UNCOMPRESSED }
    }
}

fn unpacked_name(name: &str) -> (&str, FileCompressionType) {
    let packed = PACKED.iter().find_map(|(ending, packing)| Some((name.strip_suffix(ending)?, *packing)));
    packed.unwrap_or((name, FileCompressionType::UNCOMPRESSED))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: Kind = Kind { word: "csv", people: "CSV", endings: &[".csv"], may_be_packed: true };

    #[test]
    fn names_tell_kind_and_packing() {
        let cases = [
            ("a.csv", true, FileCompressionType::UNCOMPRESSED),
            ("a.csv.gz", true, FileCompressionType::GZIP),
            ("a.csv.zst", true, FileCompressionType::ZSTD),
            ("a.csv.bz2", true, FileCompressionType::BZIP2),
            ("a.csv.xz", true, FileCompressionType::XZ),
            ("a.gz", false, FileCompressionType::GZIP),
            ("a.csv.zip", false, FileCompressionType::UNCOMPRESSED),
        ];
        for (name, is_csv, packing) in cases {
            assert_eq!((CSV.has(name), CSV.packing(name)), (is_csv, packing), "{name}");
        }
    }
}
