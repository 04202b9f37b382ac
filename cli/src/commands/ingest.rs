//! `ingest`: the rows of a file into a product that takes them, all or none.
//!
//! In: a product, and a file (or stdin) of a format that connectors read. Out: how many rows the product has more, and since which
//! version.
//! Holds always: the right to add rows is asked for before the file is opened; Ctrl-C before the commit leaves nothing behind.
//!
//! Start reading at [`run`].

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use meshweave_connectors::offered::{self, Offered};
use meshweave_engine::QueryContext;
use meshweave_engine::ingest::{Offer, Taken};
use meshweave_engine::temp::IngestMode;
use meshweave_engine::version::Version;
use serde_json::json;
use tempfile::NamedTempFile;

use crate::args::{Global, Ingest};
use crate::failure::{self, Fault, Outcome};
use crate::output::Output;
use crate::output::units::count;
use crate::session::Session;

/// Adds the rows of a file to a product.
///
/// # Errors
/// A product that does not take them, a file that cannot be read, rows that break the contract; nothing is added then.
pub(crate) async fn run(args: &Ingest, global: &Global, output: &Output) -> Outcome {
    let offer = offer(&args.product)?;
    let format = format(args)?;
    let session = Session::open(global).await?;
    let mut ctx = session.context();
    if let Some(limit) = args.timeout {
        ctx = ctx.with_timeout(limit);
    }
    let in_query = |error| Fault::in_query(error, &ctx);
    let (product, promised) = session.engine.columns_for(&ctx, &offer).map_err(in_query)?;
    let input = Input::of(&args.file, &format)?;
    let settings = session.engine.settings();
    let offered = Offered { file: input.path(), format: &format, product: &product, promised: &promised };
    let rows = offered::rows(settings, &ctx, &offered).await.map_err(in_query)?;
    let work = session.engine.append(&ctx, offer, rows);
    let taken = until_interrupted(&ctx, work).await.map_err(in_query)?;
    told(&taken, output)
}

/// Waits for the work; Ctrl-C cancels it, and what it has begun is taken back before this returns.
async fn until_interrupted<T>(ctx: &QueryContext, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        Ok(()) = tokio::signal::ctrl_c() => ctx.cancel.cancel(),
    }
    work.await
}

/// `domain.product`, with `.table` or `@major` behind it.
fn offer(product: &str) -> Outcome<Offer> {
    match product.split_once('.') {
        Some((schema, table)) if !schema.is_empty() && !table.is_empty() => {
            Ok(Offer { schema: schema.to_owned(), table: table.to_owned(), mode: IngestMode::Append })
        }
        _ => Err(failure::unusable("PRODUCT", format!("{product:?} names no product"), "Write domain.product.")),
    }
}

/// The format of the file: as said, else as its name tells.
fn format(args: &Ingest) -> Outcome<String> {
    if let Some(format) = &args.format {
        return Ok(format.to_lowercase());
    }
    offered::format_of(&args.file).map(str::to_owned).ok_or_else(|| {
        let hint = "Say it: --format csv, json (one object per line), parquet, avro or arrow.";
        failure::unusable("FILE", format!("the name {} does not tell its format", args.file.display()), hint)
    })
}

/// The file to read; what comes through a pipe is put into one first, since most formats are not read from front to back.
enum Input {
    Named(PathBuf),
    Piped(NamedTempFile),
}

impl Input {
    fn of(file: &Path, format: &str) -> Outcome<Self> {
        if file.as_os_str() != "-" {
            return Ok(Self::Named(file.to_owned()));
        }
        if std::io::stdin().is_terminal() {
            let hint = "Name a file, or pipe one in: meshweave ingest commerce.orders - --format csv < orders.csv";
            return Err(failure::unusable("FILE", "no rows are piped in", hint));
        }
        let failed = |error| failure::file(Path::new("stdin"), "reading the rows", error);
        let ending = if matches!(format, "jsonl" | "ndjson") { "json" } else { format };
        let mut piped = tempfile::Builder::new().suffix(&format!(".{ending}")).tempfile().map_err(failed)?;
        std::io::copy(&mut std::io::stdin().lock(), piped.as_file_mut()).map_err(failed)?;
        piped.as_file_mut().flush().map_err(failed)?;
        Ok(Self::Piped(piped))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Named(path) => path,
            Self::Piped(file) => file.path(),
        }
    }
}

/// Says what was added.
fn told(taken: &Taken, output: &Output) -> Outcome {
    let version = match &taken.version {
        Some(Version::Delta(number)) => Some(*number),
        _ => None,
    };
    if output.is_json() {
        let told = json!({ "product": taken.key, "rows": taken.rows, "version": version, "files": taken.files, "bytes": taken.bytes });
        return output.print_json(&told);
    }
    let since = version.map_or_else(String::new, |number| format!(", which has them since version {number}"));
    output.print(&format!("{} added to {}{since}\n", count(taken.rows, "row"), taken.key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_a_domain_and_a_name() {
        let parts = |text: &str| offer(text).map(|offer| (offer.schema, offer.table)).ok();
        let of = |schema: &str, table: &str| Some((schema.to_owned(), table.to_owned()));
        assert_eq!(parts("commerce.orders"), of("commerce", "orders"));
        assert_eq!(parts("commerce.orders.items@2"), of("commerce", "orders.items@2"));
        for wrong in ["orders", ".orders", "commerce.", ""] {
            assert!(parts(wrong).is_none(), "{wrong:?}");
        }
    }
}
