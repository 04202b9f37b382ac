//! `demo`: a mesh on this machine, and a join across three of its domains.
//!
//! In: a folder and a scale. Out: the folder with a mesh, made once and used again; and a page that shows what was found,
//! what the join answered, and what was pushed into each domain's storage.
//! Holds always:
//! - every number on the page comes from the engine's own reports of this run;
//! - a folder that is not the demo's is never touched.
//!
//! Start reading at [`run`].

mod folder;
mod page;

use std::path::Path;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::StreamExt as _;
use meshweave_embed::register::tasks;
use meshweave_engine::context::ScanReport;
use meshweave_engine::{Engine, Principal, Statement};
use meshweave_testdata::demo::{self, Mesh};

use self::folder::{Folder, State};
use super::register::register_all;
use crate::args::{Demo, Format, Global};
use crate::failure::{self, Fault, Outcome};
use crate::output::progress::Progress;
use crate::output::{Output, units};
use crate::session::Session;

/// Scale of the TPC-H products when none was asked for: seconds in a debug build.
const SCALE: f64 = 0.01;

/// Parcels that one carrier is still to deliver, by the country they go to: orders are Parquet files of `commerce`,
/// customers Parquet files of `identity`, parcels a Delta table of `logistics` that is partitioned by carrier.
const JOIN: &str = "\
SELECT c.country, count(*) AS parcels, sum(s.weight_kg) AS kg, sum(o.total) AS worth
FROM commerce.orders o
JOIN identity.customers c ON c.customer_id = o.customer_id
JOIN logistics.shipments s ON s.order_id = o.order_id
WHERE s.carrier = 'Ruckzuck' AND s.delivered_at IS NULL AND o.currency = 'EUR'
GROUP BY c.country
ORDER BY parcels DESC, c.country
LIMIT 8";

/// What the join gave, and what it took.
#[derive(Debug)]
struct Shown {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    scans: Vec<ScanReport>,
    took: Duration,
    bytes: u64,
    requests: u64,
}

/// Makes the mesh or finds it, runs the join, and prints the page.
///
/// # Errors
/// A folder that is not the demo's, or was made with another scale; everything that a query can fail with.
pub(crate) async fn run(args: &Demo, global: &Global, output: &Output) -> Outcome {
    let folder = Folder::new(&args.dir);
    let made = match folder.state(args.tpch)? {
        State::Ready { scale } => {
            progress(output, &format!("using the mesh in {} (TPC-H scale {scale})", args.dir.display()));
            false
        }
        State::Missing => {
            make(&folder, args.tpch.unwrap_or(SCALE), global, output).await?;
            true
        }
    };
    let session = Session::open_at(&without_settings(global), args.dir.clone()).await?;
    let shown = join(&session).await?;
    let page = page::Page { dir: &args.dir, made, session: &session, sql: JOIN, shown: &shown };
    match output.format(None) {
        Format::Json => output.print_json(&page.json()?),
        _ => output.print(&page.text(output)?),
    }
}

/// The demo brings its own settings; those of another mesh have no say in it.
fn without_settings(global: &Global) -> Global {
    Global { settings: None, ..global.clone() }
}

/// Says what is being done, as it may take a while.
fn progress(output: &Output, text: &str) {
    output.note(&output.error_style().dim(text));
}

/// Writes the mesh and registers its contracts with the engine, as a team of people would.
async fn make(folder: &Folder<'_>, scale: f64, global: &Global, output: &Output) -> Outcome {
    let started = Instant::now();
    progress(output, &format!("making a mesh in {} (TPC-H scale {scale})", folder.path().display()));
    folder.begin(scale)?;
    let options = demo::Options { scale: Some(scale), ..demo::Options::default() };
    let mesh = write(folder, &options, output).await?;
    register(&mesh, folder.path(), global, output).await?;
    folder.finish(scale)?;
    let contracts = units::count(mesh.contracts.len() as u64, "contract");
    progress(output, &format!("made it and registered {contracts} in {}", units::seconds(started.elapsed())));
    Ok(())
}

/// Writes documents and data, and tells which product is being written.
async fn write(folder: &Folder<'_>, options: &demo::Options, output: &Output) -> Outcome<Mesh> {
    let progress = Progress::steps(output, demo::products(options) as u64);
    let told = |number: usize, product: &str| progress.step(number as u64, || format!("writing {product}"));
    demo::write_mesh_telling(folder.path(), options, &told)
        .await
        .map_err(|error| failure::internal("making the demo's mesh", error))
}

/// Registers every contract of the mesh.
async fn register(mesh: &Mesh, dir: &Path, global: &Global, output: &Output) -> Outcome {
    let session = Session::open_at(&without_settings(global), dir.to_path_buf()).await?;
    let registrar = Principal::parse(&mesh.registrar)
        .map_err(|text| failure::unusable("the demo's registrar", text, "This is a defect of the demo."))?;
    let tasks = tasks(&mesh.contracts, None, false)?;
    let progress = Progress::steps(output, tasks.len() as u64);
    for (_, result) in register_all(&session, tasks, |_| registrar.clone(), Some(&progress)).await {
        result?;
    }
    Ok(())
}

/// Runs the join and keeps what the engine reports of it.
async fn join(session: &Session) -> Outcome<Shown> {
    let ctx = session.context();
    let engine: &Engine = &session.engine;
    let started = Instant::now();
    let mut answer = engine.query(&ctx, &Statement::new(JOIN)).await.map_err(|error| Fault::in_query(error, &ctx))?;
    let mut batches = Vec::new();
    while let Some(batch) = answer.stream.next().await {
        batches.push(batch.map_err(|error| Fault::in_query(error.into(), &ctx))?);
    }
    Ok(Shown {
        schema: SchemaRef::clone(&answer.schema),
        batches,
        scans: answer.scans(),
        took: started.elapsed(),
        bytes: answer.usage.bytes(),
        requests: answer.usage.requests(),
    })
}
