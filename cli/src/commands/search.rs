//! `search`: products by words, from the catalog alone.
//!
//! Start reading at [`run`].

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt32Array};
use meshweave_engine::catalog::search::{Hit, Place};

use crate::args::{Format, Global, Search};
use crate::failure::{self, Outcome};
use crate::output::units::count;
use crate::output::{Output, Style};
use crate::session::Session;

/// Letters of a place that are shown.
const SHOWN: usize = 72;

/// Finds products that have every word.
///
/// # Errors
/// No mesh.
pub(crate) async fn run(args: &Search, global: &Global, output: &Output) -> Outcome {
    let session = Session::open(global).await?;
    let words = args.words.join(" ");
    let mut hits = session.engine.snapshot().search(&words, &|product| session.may_find(product));
    let found = hits.len();
    hits.truncate(args.limit);
    match output.format(None) {
        Format::Table => output.print(&hits.iter().map(|hit| as_text(hit, output.style())).collect::<String>())?,
        Format::Json => output.print_json(&hits.iter().map(Hit::told).collect())?,
        _ => output.batch(&as_batch(&hits)?)?,
    }
    if found == 0 {
        output.note(&format!("no product has {words:?}; fewer or shorter words find more"));
    } else if found > hits.len() {
        output.note(&format!("… {} (--limit {found})", count((found - hits.len()) as u64, "more product")));
    }
    Ok(())
}

/// Name, version and owner; the description; where the words were found beside the name.
fn as_text(hit: &Hit, style: Style) -> String {
    let product = &hit.entry.product;
    let owner = product.owner.team.as_deref().map(|team| format!("  {}", style.dim(team))).unwrap_or_default();
    let mut text = format!("{} {}{owner}\n", style.name(&product.id.name), product.id.version);
    if let Some(line) = product.description.as_deref().and_then(|text| text.trim().lines().next()) {
        text.push_str(&format!("  {}\n", short(line)));
    }
    let beside = |place: &&Place| !matches!(place.kind, "name" | "description");
    let places: Vec<String> =
        hit.places.iter().filter(beside).map(|place| format!("{} {}", place.kind, short(&place.text))).collect();
    if !places.is_empty() {
        text.push_str(&format!("  {}\n", style.dim(places.join(", "))));
    }
    text
}

fn short(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN - 1).chain(['…']).collect()
}

fn as_batch(hits: &[Hit]) -> Outcome<RecordBatch> {
    let texts =
        |get: &dyn Fn(&Hit) -> Option<String>| Arc::new(hits.iter().map(get).collect::<StringArray>()) as ArrayRef;
    let places = |hit: &Hit| {
        let words: Vec<String> = hit.places.iter().map(|place| format!("{}: {}", place.kind, place.text)).collect();
        Some(words.join("; "))
    };
    let scores: UInt32Array = hits.iter().map(|hit| Some(hit.score)).collect();
    RecordBatch::try_from_iter([
        ("product", texts(&|hit| Some(hit.entry.id().name.to_string()))),
        ("version", texts(&|hit| Some(hit.entry.id().version.to_string()))),
        ("owner", texts(&|hit| hit.entry.product.owner.team.clone())),
        ("description", texts(&|hit| hit.entry.product.description.clone())),
        ("score", Arc::new(scores) as ArrayRef),
        ("places", texts(&places)),
    ])
    .map_err(|error| failure::internal("listing the products", error))
}
