//! Row counts and sizes of a file's row groups, side by side in memory: every plan looks at all of them, and in the metadata they lie
//! hundreds of bytes apart.
//!
//! Start reading at [`Groups::of`].

use parquet::file::metadata::ParquetMetaData;

/// What is weighed of the row groups of one file.
#[derive(Debug)]
pub(crate) struct Groups {
    /// Row counts, one per row group.
    pub(crate) rows: Vec<u64>,
    /// Rows of the whole file.
    pub(crate) all_rows: u64,
    /// One per column of the table; nested ones with all their leaves.
    pub(crate) columns: Vec<Sizes>,
}

/// Sizes of one column, bytes, one entry per row group.
#[derive(Debug)]
pub(crate) struct Sizes {
    /// The column's name.
    pub(crate) name: String,
    /// As stored.
    pub(crate) compressed: Vec<u64>,
    /// As they were before they were compressed.
    pub(crate) unpacked: Vec<u64>,
}

impl Groups {
    /// Of the row groups of a footer.
    pub(crate) fn of(metadata: &ParquetMetaData) -> Self {
        let groups = metadata.row_groups();
        let descriptor = metadata.file_metadata().schema_descr();
        let mut columns: Vec<Sizes> = Vec::new();
        for leaf in 0..descriptor.num_columns() {
            let name = descriptor.get_column_root(leaf).name();
            let chunks = || groups.iter().map(|group| group.column(leaf));
            let compressed = chunks().map(|chunk| unsigned(chunk.compressed_size()));
            let unpacked = chunks().map(|chunk| unsigned(chunk.uncompressed_size()));
            match columns.last_mut().filter(|column| column.name == name) {
                Some(column) => {
                    column.compressed.iter_mut().zip(compressed).for_each(add);
                    column.unpacked.iter_mut().zip(unpacked).for_each(add);
                }
                None => columns.push(Sizes {
                    name: name.to_owned(),
                    compressed: compressed.collect(),
                    unpacked: unpacked.collect(),
                }),
            }
        }
        let rows: Vec<u64> = groups.iter().map(|group| unsigned(group.num_rows())).collect();
        Self { all_rows: rows.iter().sum(), rows, columns }
    }
}

/// A footer may claim anything.
fn add((sum, bytes): (&mut u64, u64)) {
    *sum = sum.saturating_add(bytes);
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
