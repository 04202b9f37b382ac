//! The meshes that are served: one whose products hold rows, and one with many wide products and no rows.
//!
//! Holds always: a mesh that was written whole is used again; sizes are part of its folder's name.
//!
//! Start reading at [`prepare`].

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

/// All rows of few columns.
pub(super) const NARROW: &str = "SELECT * FROM bench.narrow";
/// All rows of many columns.
pub(super) const WIDE: &str = "SELECT * FROM bench.wide";
/// Views and dictionaries, which one profile sends as they are and another makes plain.
pub(super) const WORDS: &str = "SELECT id, plain, other, arrow_cast(city, 'Dictionary(Int32, Utf8)') AS city, \
                                arrow_cast(country, 'Dictionary(Int32, Utf8)') AS country FROM bench.words";

/// What stands beside a mesh that is whole.
const READY: &str = "bench-ready";
/// Files of each product.
const FILES: usize = 4;
/// Rows that are made at a time.
const CHUNK: usize = 1 << 14;
/// Columns of the wide product.
const COLUMNS: usize = 100;
/// Bytes of one row on the wire, about: numbers take 8, texts 20.
const NARROW_ROW: usize = 36;
const WIDE_ROW: usize = 40 * 8 + 40 * 8 + 20 * 20;
const WORDS_ROW: usize = 8 + 4 * 20;

/// A kind of column.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// The number of the row.
    Number,
    Double,
    /// A text that hardly comes twice.
    Word,
    /// One of a few texts.
    Repeated,
}

/// A product of the mesh with rows.
struct Product {
    name: &'static str,
    columns: Vec<(String, Kind)>,
    rows: usize,
}

/// Rows of the narrow product.
pub(super) fn narrow_rows(mebibytes: usize) -> usize {
    rows(mebibytes, NARROW_ROW)
}

/// Rows of the wide product.
pub(super) fn wide_rows(mebibytes: usize) -> usize {
    rows(mebibytes, WIDE_ROW)
}

/// Rows of the product of texts.
pub(super) fn words_rows(mebibytes: usize) -> usize {
    rows(mebibytes, WORDS_ROW)
}

/// As many as all files hold alike.
fn rows(mebibytes: usize, row: usize) -> usize {
    ((mebibytes << 20) / row / FILES).max(1) * FILES
}

fn products(mebibytes: usize, points: usize) -> Vec<Product> {
    let column = |(name, kind): (&str, Kind)| (name.to_owned(), kind);
    let few = || [("id", Kind::Number), ("x", Kind::Double), ("word", Kind::Word)].map(column).to_vec();
    let kind = |n: usize| match n % 5 {
        0 | 1 => Kind::Number,
        2 | 3 => Kind::Double,
        _ => Kind::Word,
    };
    let wide = (0..COLUMNS).map(|n| (format!("c{n}"), kind(n))).collect();
    let words = [
        ("id", Kind::Number),
        ("plain", Kind::Word),
        ("other", Kind::Word),
        ("city", Kind::Repeated),
        ("country", Kind::Repeated),
    ];
    vec![
        Product { name: "narrow", columns: few(), rows: narrow_rows(mebibytes) },
        Product { name: "wide", columns: wide, rows: wide_rows(mebibytes) },
        Product { name: "words", columns: words.map(column).to_vec(), rows: words_rows(mebibytes) },
        Product { name: "points", columns: few(), rows: points.div_ceil(FILES).max(1) * FILES },
    ]
}

/// Gives the folder of the mesh with rows; makes it when it is not there.
///
/// # Errors
/// Those of the file system.
pub(super) fn prepare(dir: &Path, mebibytes: usize, points: usize) -> Result<PathBuf> {
    made(&dir.join(format!("rows-{mebibytes}-{points}")), |mesh| {
        domain(mesh, "bench")?;
        for product in products(mebibytes, points) {
            let columns: Vec<_> = product.columns.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
            contract(mesh, "bench", product.name, &columns)?;
            write_rows(&mesh.join("data/bench").join(product.name), &product)?;
        }
        Ok(())
    })
}

/// Gives the folder of a mesh with many products without rows; makes it when it is not there.
///
/// # Errors
/// Those of the file system.
pub(super) fn prepare_tables(dir: &Path, products: usize, columns: usize) -> Result<PathBuf> {
    const DOMAINS: usize = 20;
    made(&dir.join(format!("tables-{products}-{columns}")), |mesh| {
        for number in 0..DOMAINS {
            domain(mesh, &format!("domain-{number}"))?;
        }
        let kinds = [Kind::Number, Kind::Double, Kind::Word];
        let named: Vec<_> = (0..columns).map(|n| (format!("column_{n}"), kinds[n % kinds.len()])).collect();
        let named: Vec<_> = named.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
        for number in 0..products {
            contract(mesh, &format!("domain-{}", number % DOMAINS), &format!("product-{number}"), &named)?;
        }
        Ok(())
    })
}

/// Makes a mesh whole, or finds that it is.
fn made(mesh: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    if !mesh.join(READY).exists() {
        if mesh.exists() {
            fs::remove_dir_all(mesh).context("a half-made mesh cannot be removed")?;
        }
        fs::create_dir_all(mesh)?;
        let text = "apiVersion: meshweave/v1\nkind: Mesh\nname: bench\ncatalog: { source: folder }\n";
        fs::write(mesh.join("mesh.yaml"), text)?;
        make(mesh)?;
        fs::write(mesh.join(READY), "")?;
    }
    Ok(mesh.to_owned())
}

fn domain(mesh: &Path, name: &str) -> Result<()> {
    let folder = mesh.join("domains").join(name);
    fs::create_dir_all(&folder)?;
    let text = format!(
        "apiVersion: meshweave/v1\nkind: Domain\nname: {name}\nowner: {{ team: bench, contact: bench@example.com }}\n\
         storage:\n  - prefix: file://./data/{name}/\n"
    );
    Ok(fs::write(folder.join("domain.yaml"), text)?)
}

/// A contract that says everything, so that nothing is looked at in the background.
fn contract(mesh: &Path, domain: &str, name: &str, columns: &[(&str, Kind)]) -> Result<()> {
    let folder = mesh.join("domains").join(domain).join(name);
    fs::create_dir_all(&folder)?;
    let mut text = format!(
        "apiVersion: v3.1.0\nkind: DataContract\nid: urn:bench:{domain}:{name}\nname: {name}\nversion: 1.0.0\nstatus: active\n\
         domain: {domain}\ndataProduct: {name}\nservers:\n  - server: mesh\n    type: local\n    \
         path: file://./data/{domain}/{name}/\n    format: parquet\ncustomProperties:\n  - property: access\n    \
         value: public\nschema:\n  - name: {name}\n    properties:\n"
    );
    for (column, kind) in columns {
        let (logical, physical) = match kind {
            Kind::Number => ("integer", "BIGINT"),
            Kind::Double => ("number", "DOUBLE"),
            Kind::Word | Kind::Repeated => ("string", "VARCHAR"),
        };
        text.push_str(&format!(
            "      - {{ name: {column}, logicalType: {logical}, physicalType: {physical}, description: About {column} }}\n"
        ));
    }
    Ok(fs::write(folder.join("1.0.0.yaml"), text)?)
}

/// The rows of a product in as many files, in order of their numbers; not compressed, so that reading them costs little.
fn write_rows(folder: &Path, product: &Product) -> Result<()> {
    fs::create_dir_all(folder)?;
    let each = product.rows / FILES;
    for file in 0..FILES {
        let schema = batch(product, 0, 0)?.schema();
        let properties = WriterProperties::builder().set_compression(Compression::UNCOMPRESSED).build();
        let target = File::create(folder.join(format!("p{file}.parquet")))?;
        let mut writer = ArrowWriter::try_new(target, schema, Some(properties))?;
        for first in (0..each).step_by(CHUNK) {
            writer.write(&batch(product, file * each + first, CHUNK.min(each - first))?)?;
        }
        writer.close()?;
    }
    Ok(())
}

fn batch(product: &Product, first: usize, rows: usize) -> Result<RecordBatch> {
    let columns = product.columns.iter().map(|(name, kind)| (name, column(*kind, first, rows)));
    Ok(RecordBatch::try_from_iter(columns)?)
}

#[expect(clippy::cast_precision_loss, reason = "any number will do")]
fn column(kind: Kind, first: usize, rows: usize) -> ArrayRef {
    let numbers = first..first + rows;
    match kind {
        Kind::Number => Arc::new(Int64Array::from_iter_values(numbers.map(|n| i64::try_from(n).unwrap_or(i64::MAX)))),
        Kind::Double => Arc::new(Float64Array::from_iter_values(numbers.map(|n| n as f64 / 7.0))),
        Kind::Word => Arc::new(StringArray::from_iter_values(numbers.map(|n| format!("a word of {n:06}")))),
        Kind::Repeated => {
            Arc::new(StringArray::from_iter_values(numbers.map(|n| format!("some place {:05}", n % 200))))
        }
    }
}
