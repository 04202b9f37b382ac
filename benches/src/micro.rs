//! The small figures: looking up a name among many products, and planning over what plain DataFusion plans.
//!
//! Start reading at [`run`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use datafusion::physical_plan::displayable;
use meshweave_engine::Statement;
use meshweave_engine::catalog::NamePart;
use meshweave_testdata::golden;

use crate::child::Engine;
use crate::{Choice, mesh, plain, report, usage};

/// Domains among which the products of the lookup are spread.
const DOMAINS: usize = 20;
/// Times that a statement is planned; the best counts.
const PLANS: usize = 500;

/// What was measured.
#[derive(Debug, Clone)]
pub(crate) struct Small {
    /// Products in the catalog of the lookup.
    pub(crate) products: usize,
    /// CPU time of resolving one name, on average over all products.
    pub(crate) lookup: Duration,
    /// Statement, CPU time of the mesh's plan, of plain DataFusion's; the best of many each.
    pub(crate) plans: Vec<(&'static str, Duration, Duration)>,
}

/// One query to plan.
#[derive(Debug, Clone, Args)]
pub(crate) struct Planning {
    /// Which query, from 1 to 22.
    #[arg(long)]
    query: usize,
    /// The mesh folder, as the benchmark made it.
    #[arg(long)]
    dir: PathBuf,
    /// Times that it is planned; the best counts.
    #[arg(long, default_value_t = PLANS)]
    times: usize,
    /// Who plans; all three when it is left out.
    #[arg(long, value_delimiter = ',', value_enum, default_values = ["mesh", "mesh-delta", "datafusion"])]
    engines: Vec<Engine>,
    /// Threads that are planned for.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Prints the plans too.
    #[arg(long)]
    show: bool,
}

/// Plans one query with every engine that was asked for, and prints the best CPU time of each.
///
/// # Errors
/// When the query cannot be planned.
pub(crate) fn plan(planning: &Planning) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    for engine in &planning.engines {
        let sql = golden::query(planning.query, engine.suffix())?;
        let (best, plan) = runtime.block_on(planned(planning, *engine, &sql))?;
        let milliseconds = best.as_secs_f64() * 1000.0;
        let mut text = format!("q{:02} {}: {milliseconds:.3} ms CPU\n", planning.query, engine.title());
        if planning.show {
            text.push_str(&plan);
        }
        report::write(None, &text)?;
    }
    Ok(())
}

/// The best time of planning, and the plan.
async fn planned(planning: &Planning, engine: Engine, sql: &str) -> Result<(Duration, String)> {
    let (mut best, mut plan) = (Duration::MAX, String::new());
    if engine == Engine::Datafusion {
        let session = plain::open(&planning.dir, planning.threads).await?;
        for _ in 0..planning.times.max(1) {
            let before = usage::cpu();
            let made = plain::plan(&session, sql).await?;
            best = best.min(usage::cpu().saturating_sub(before));
            plan = displayable(made.as_ref()).indent(false).to_string();
        }
    } else {
        ensure!(engine.rival().is_none(), "{} plans in Python", engine.title());
        let engine = mesh::open(&planning.dir, planning.threads).await?;
        let statement = Statement::new(sql);
        for _ in 0..planning.times.max(1) {
            let before = usage::cpu();
            let made = engine.plan(&mesh::analyst()?, &statement, None).await?;
            best = best.min(usage::cpu().saturating_sub(before));
            plan = made.explain();
        }
    }
    Ok((best, plan))
}

/// Measures lookup and planning in this process.
///
/// # Errors
/// When a catalog cannot be made or a statement cannot be planned.
pub(crate) fn run(choice: &Choice, mesh: &Path) -> Result<Small> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let lookup = runtime.block_on(lookup(&choice.dir.join(format!("lookup{}", choice.products)), choice.products))?;
    let plans = runtime.block_on(plans(mesh, choice.threads))?;
    Ok(Small { products: choice.products, lookup, plans })
}

/// Resolves every name of a catalog of `products` products once, and gives the mean.
async fn lookup(dir: &Path, products: usize) -> Result<Duration> {
    write_catalog(dir, products)?;
    let engine = mesh::open(dir, 1).await?;
    let snapshot = engine.snapshot();
    let name = |text: String| NamePart { text, quoted: false };
    let names: Vec<[NamePart; 2]> =
        (0..products).map(|n| [name(format!("Domain_{}", n % DOMAINS)), name(format!("Product_{n}"))]).collect();
    let before = usage::cpu();
    for parts in &names {
        snapshot.resolve(parts, None, &|_| true).with_context(|| format!("{}.{}", parts[0].text, parts[1].text))?;
    }
    let spent = usage::cpu().saturating_sub(before);
    Ok(spent / u32::try_from(products.max(1))?)
}

/// A mesh folder with many registered contracts and no data.
pub(crate) fn write_catalog(dir: &Path, products: usize) -> Result<()> {
    if dir.join("mesh.yaml").exists() {
        return Ok(());
    }
    for domain in 0..DOMAINS {
        let folder = dir.join(format!("domains/domain-{domain}"));
        std::fs::create_dir_all(&folder)?;
        let text = format!(
            "apiVersion: meshweave/v1\nkind: Domain\nname: domain-{domain}\nowner: {{ team: t, contact: t@example.com }}\n\
             storage:\n  - prefix: file://./data/domain-{domain}/\nlocation_template: file://./data/domain-{domain}/{{product}}/\n"
        );
        std::fs::write(folder.join("domain.yaml"), text)?;
    }
    for product in 0..products {
        let (domain, name) = (product % DOMAINS, format!("product-{product}"));
        let folder = dir.join(format!("domains/domain-{domain}/{name}"));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("1.0.0.yaml"), contract(domain, &name))?;
    }
    std::fs::write(
        dir.join("mesh.yaml"),
        "apiVersion: meshweave/v1\nkind: Mesh\nname: lookup\ncatalog: { source: folder }\n",
    )?;
    Ok(())
}

/// A contract with its columns and its place, so that nothing is looked at in the background.
pub(crate) fn contract(domain: usize, name: &str) -> String {
    format!(
        "apiVersion: v3.1.0\nkind: DataContract\nid: urn:meshweave:lookup:{name}\nname: {name}\nversion: 1.0.0\nstatus: active\n\
         domain: domain-{domain}\ndataProduct: {name}\n\
         servers:\n  - server: mesh\n    type: local\n    path: file://./data/domain-{domain}/{name}/\n    format: parquet\n\
         schema:\n  - name: {name}\n    properties:\n      - {{ name: id, logicalType: string, required: true }}\n\
         customProperties:\n  - property: access\n    value: public\n"
    )
}

async fn plans(dir: &Path, threads: usize) -> Result<Vec<(&'static str, Duration, Duration)>> {
    let engine = mesh::open(dir, threads).await?;
    let session = plain::open(dir, threads).await?;
    let one_row = "SELECT n_name FROM reference.nation WHERE n_nationkey = 7";
    let mut statements = vec![("one row", one_row.to_owned())];
    for (title, query) in [("q1", 1), ("q2", 2), ("q5", 5), ("q8", 8), ("q21", 21)] {
        statements.push((title, golden::query(query, "")?));
    }
    let mut plans = Vec::new();
    for (title, sql) in statements {
        let (mut ours, mut theirs) = (Duration::MAX, Duration::MAX);
        for _ in 0..PLANS {
            let statement = Statement::new(sql.as_str());
            let before = usage::cpu();
            engine.plan(&mesh::analyst()?, &statement, None).await?;
            let between = usage::cpu();
            plain::plan(&session, &sql).await?;
            ours = ours.min(between.saturating_sub(before));
            theirs = theirs.min(usage::cpu().saturating_sub(between));
        }
        plans.push((title, ours, theirs));
    }
    Ok(plans)
}
