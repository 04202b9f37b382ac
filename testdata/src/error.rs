//! What can go wrong while test data is written or compared.

/// Why the data of a mesh could not be written or read back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An object store refused.
    #[error("the object store failed")]
    Store(#[from] object_store::Error),
    /// A file could not be encoded.
    #[error("a Parquet file could not be written or read")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// Columns did not fit together.
    #[error("a record batch could not be made")]
    Arrow(#[from] arrow::error::ArrowError),
    /// The mesh folder could not be written.
    #[error("\"{path}\" could not be written or read")]
    File {
        /// The file or folder.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A committed file does not say what it should.
    #[error("{0}")]
    Malformed(String),
    /// Options that make no mesh.
    #[error("{0}")]
    BadOptions(String),
}

/// The result of writing or reading test data.
pub type Result<T, E = Error> = std::result::Result<T, E>;
