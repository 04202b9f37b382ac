//! The actions that are ours: finding products by words, and registering contracts.
//!
//! In: JSON with a version. Out: JSON with a version.
//! Holds always:
//! - what the caller may not find does not exist here;
//! - who may register is decided where every registration is, by the catalog's own words about the domain's owner;
//! - nothing is registered where the server's settings do not allow it, and nothing that is larger than they say is looked into.
//!
//! Start reading at [`register`].

use bytes::Bytes;
use meshweave_contract::parse::{self, Text};
use meshweave_engine::QueryContext;
use meshweave_engine::catalog::registrations::{self, Done, Task};
use meshweave_engine::catalog::search::Hit;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::service::Service;
use crate::status::{Fault, Outcome};

/// Finds products by words.
pub(crate) const SEARCH: &str = "meshweave.search";
/// Registers contracts.
pub(crate) const REGISTER: &str = "meshweave.register";

/// The version of the bodies.
const VERSION: u64 = 1;
/// The longest search, bytes.
const LONGEST_SEARCH: usize = 4096;

/// The body of a search.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    words: String,
}

/// The body of a registration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    documents: Vec<Document>,
    /// Contracts that a product document among them may refer to.
    #[serde(default)]
    beside: Vec<Document>,
    /// Where the data lies, for a contract that names no location.
    #[serde(default)]
    storage: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    file: String,
    text: String,
}

impl From<Document> for Text {
    fn from(Document { file, text }: Document) -> Self {
        Self { text: text.into_bytes(), file }
    }
}

/// Products that have every word and that the caller may find, the best first.
pub(crate) fn search(service: &Service, ctx: &QueryContext, body: &[u8]) -> Outcome<Bytes> {
    let wanted: Wanted = read(SEARCH, body)?;
    if wanted.words.len() > LONGEST_SEARCH {
        return Err(Fault::invalid("there are too many words to search for")
            .hint(format!("They may have {LONGEST_SEARCH} bytes together.")));
    }
    let hits = service.backend.catalog().search(&wanted.words, &|product| service.backend.discovers(ctx, product));
    Ok(answer(&json!({"v": VERSION, "hits": hits.iter().map(Hit::told).collect::<Value>()})))
}

/// Registers contracts, each product version for itself; the answer tells of each what was done, or how it failed.
pub(crate) async fn register(service: &Service, ctx: &QueryContext, body: &[u8]) -> Outcome<Bytes> {
    let largest = service.options.register.ok_or_else(|| {
        Fault::unsupported("registering over Flight SQL")
            .hint("Its operator allows it with `listen.register: true`; else run `meshweave register` at the mesh.")
    })?;
    let tasks = tasks(read(REGISTER, body)?, largest)?;
    let work = async { Ok(service.backend.register(ctx, tasks).await) };
    let done = ctx.bounded(work).await?;
    let told: Value = done.into_iter().map(|done| told(ctx, done)).collect();
    Ok(answer(&json!({"v": VERSION, "done": told})))
}

/// What is to be registered.
///
/// - `largest`: a document may have, bytes.
fn tasks(sent: Sent, largest: usize) -> Outcome<Vec<Task>> {
    if let Some(large) = sent.documents.iter().chain(&sent.beside).find(|document| document.text.len() > largest) {
        return Err(Fault::exhausted(format!("{} has {} bytes, more than {largest}", large.file, large.text.len()))
            .hint("The server's setting is `storage.document_size`."));
    }
    let texts = |documents: Vec<Document>| documents.into_iter().map(Text::from).collect::<Vec<_>>();
    let bundles = parse::gather(&texts(sent.documents), &texts(sent.beside));
    Ok(registrations::tasks(bundles, sent.storage.as_deref(), sent.dry_run)?)
}

/// What became of one product version.
fn told(ctx: &QueryContext, (file, result): Done) -> Value {
    match result {
        Ok(registered) => {
            let (user, outcome) = (&ctx.principal.user, registered.outcome.as_str());
            tracing::info!(product = %registered.id, user, outcome, "a contract came over the wire");
            json!({"file": file, "registered": registered})
        }
        Err(error) => {
            let problems = json!(error.problems());
            let mut failed = Fault::from(error).of(ctx.query_id).told();
            failed["problems"] = problems;
            json!({"file": file, "failed": failed})
        }
    }
}

/// A body of a version that is known.
fn read<T: DeserializeOwned>(action: &str, body: &[u8]) -> Outcome<T> {
    let wrong = |error: serde_json::Error| Fault::invalid(format!("the body of {action} cannot be read: {error}"));
    let mut object: Map<String, Value> = serde_json::from_slice(body).map_err(wrong)?;
    match object.remove("v").as_ref().and_then(Value::as_u64) {
        Some(VERSION) => serde_json::from_value(object.into()).map_err(wrong),
        Some(other) => Err(Fault::unsupported(&format!("version {other} of {action}"))),
        None => Err(Fault::invalid(format!("the body of {action} has no version")).hint("It is JSON with `\"v\": 1`.")),
    }
}

fn answer(value: &Value) -> Bytes {
    value.to_string().into()
}
