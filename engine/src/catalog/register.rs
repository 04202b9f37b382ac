//! `register`: from a contract's text to a product version that can be queried.
//!
//! The way: parse, decide, place, read the schema, compare with what is stored, provision, append. Everything that can refuse does so
//! before anything is made; what was made is taken back when the append fails.
//!
//! Start reading at [`Registrar::register`].

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use meshweave_contract::model::{Body, Product};
use meshweave_contract::name::{ProductId, alike, fold};
use meshweave_contract::parse::{Bundle, Parsed, Text, canonical_hash, nearest, slug};
use meshweave_contract::ports::SqlTable;
use meshweave_contract::problem::Severity;

use super::change::{self, ChangeReport};
use super::resolution::{Origin, Resolution, StoredTable, placed, resolve_columns, with_schema_file};
use super::{
    Catalog, CatalogSnapshot, CatalogStore, Domain, PortContract, Record, ResolvedColumn, ResolvedColumns,
    ResolvedTableColumns, assemble, schema_diff,
};
use crate::connect::Connectors;
use crate::context::QueryContext;
use crate::engine::Engine;
use crate::error::{Error, Failure, Result};
use crate::policy::{Action, Decision, PolicyEngine};
use crate::state::StateStore;
use crate::types::columns_of;

/// How often an append is tried again when somebody registered something else at the same moment.
const TRIES: usize = 5;

/// What to register.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The contract's text.
    pub text: Vec<u8>,
    /// Where it comes from, for messages; a `.json` ending means JSON.
    pub file: String,
    /// The contracts that a product document refers to; none for every other form. See [`meshweave_contract::parse::gather`].
    pub contracts: Vec<Text>,
    /// Storage for a contract that names none (`--storage`).
    pub storage: Option<String>,
    /// Only tell what would be done.
    pub dry_run: bool,
}

impl Registration {
    /// A registration of these documents; `storage` is for a contract that names none.
    pub fn new(bundle: Bundle, storage: Option<String>, dry_run: bool) -> Self {
        let Bundle { main: Text { text, file }, contracts } = bundle;
        Self { text, file, contracts, storage, dry_run }
    }

    fn bundle(&self) -> Bundle {
        let main = Text { text: self.text.clone(), file: self.file.clone() };
        Bundle { main, contracts: self.contracts.clone() }
    }
}

/// What was done, or would be.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Registered {
    /// `domain.product@version`.
    pub id: ProductId,
    /// `registered`, `unchanged`, or `would register`.
    pub outcome: String,
    /// The three steps in words: storage prefix, schema subject, catalog record; with what was found at each.
    pub steps: Vec<String>,
    /// How the contract's columns compare with what the files hold; one line each, empty when they agree.
    pub schema_report: Vec<String>,
    /// What deserves a look but does not stop.
    pub warnings: Vec<String>,
    /// What differs from the registered version before it; none for the first one.
    pub change: Option<ChangeReport>,
}

/// Tells the columns of a view's query: planning's part of a registration.
#[async_trait]
pub trait ViewColumns: Send + Sync {
    /// The columns of the answer of `sql`.
    ///
    /// # Errors
    /// What is wrong with the statement, or what the caller may not read.
    async fn view_columns(&self, ctx: &QueryContext, sql: &str) -> Result<SchemaRef>;
}

#[async_trait]
impl ViewColumns for Engine {
    async fn view_columns(&self, ctx: &QueryContext, sql: &str) -> Result<SchemaRef> {
        self.describe(ctx, sql).await.map(|info| info.schema)
    }
}

impl Engine {
    /// Registers one product version: storage prefix, schema subject, catalog record. Idempotent.
    ///
    /// # Errors
    /// [`crate::Failure::InvalidContract`], [`crate::Failure::Denied`] (location outside the domain's prefixes, or not the owner's team),
    /// [`crate::Failure::CatalogConflict`], [`crate::Failure::Unavailable`]; nothing is half done then.
    pub async fn register(&self, ctx: &QueryContext, registration: &Registration) -> Result<Registered> {
        self.registrar().register(ctx, registration).await
    }

    /// Tells what a registration would do and what it would change for consumers, also when it would be refused for that.
    ///
    /// # Errors
    /// As [`Self::register`], except [`crate::Failure::BreakingChange`]: see [`ChangeReport::refused`].
    pub async fn plan_registration(&self, ctx: &QueryContext, registration: &Registration) -> Result<Registered> {
        let registration = Registration { dry_run: true, ..registration.clone() };
        self.registrar().consider(ctx, &registration).await.map(|considered| considered.done)
    }

    fn registrar(&self) -> Registrar<'_> {
        Registrar {
            catalog: &self.catalog,
            connectors: &self.connectors,
            policy: self.policy.as_ref(),
            views: self,
            state: &self.state,
            document_size: self.settings.storage.document_size.0,
        }
    }

    /// Resolves contracts that were put into the mesh folder by hand; see [`super::resolution::resolve_pending`].
    ///
    /// # Errors
    /// As there.
    pub async fn resolve_pending(&self, ctx: &QueryContext) -> Result<Vec<(String, String)>> {
        let limit = self.settings.storage.document_size.0;
        super::resolution::resolve_pending(ctx, &self.catalog, &self.connectors, limit).await
    }
}

/// What a registration needs.
#[derive(Clone, Copy)]
pub struct Registrar<'a> {
    /// Where it is registered.
    pub catalog: &'a Catalog,
    /// How storage is looked at.
    pub connectors: &'a Connectors,
    /// Who may register.
    pub policy: &'a dyn PolicyEngine,
    /// The columns of views.
    pub views: &'a dyn ViewColumns,
    /// Who queries which product.
    pub state: &'a StateStore,
    /// Largest schema file that is read, bytes.
    pub document_size: u64,
}

impl std::fmt::Debug for Registrar<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registrar").field("catalog", self.catalog).finish_non_exhaustive()
    }
}

/// What a registration comes to, before anything is made.
struct Considered {
    done: Registered,
    /// What is to be made; none for a version that is registered already.
    new: Option<New>,
}

struct New {
    resolution: Resolution,
    record: Record,
    catalog_version: u64,
}

/// A contract that was read.
struct Contract {
    product: Product,
    hash: String,
    warnings: Vec<String>,
}

impl Registrar<'_> {
    /// Registers one product version.
    ///
    /// Who may: the team of the domain (the contract's own words about its owner do not count, they are the caller's).
    ///
    /// # Errors
    /// As [`Engine::register`].
    pub async fn register(&self, ctx: &QueryContext, registration: &Registration) -> Result<Registered> {
        let Considered { done, new } = self.consider(ctx, registration).await?;
        if let Some(refusal) = done.change.as_ref().and_then(|change| change.refusal(&registration.file)) {
            return Err(refusal);
        }
        if let Some(new) = new.filter(|_| !registration.dry_run) {
            self.provision_and_append(&new.resolution, &new.record, new.catalog_version).await?;
        }
        Ok(done)
    }

    /// Everything that comes before something is made.
    async fn consider(&self, ctx: &QueryContext, registration: &Registration) -> Result<Considered> {
        let Some(store) = self.catalog.store() else {
            return Err(Failure::Unsupported {
                what: "registering in a catalog that never changes".to_owned(),
                hint: None,
            }
            .into());
        };
        let mut contract = read(registration)?;
        let snapshot = self.catalog.refresh().await?;
        let domain = domain_of(&snapshot, &contract.product)?;
        contract.product.id.name.domain = domain.name.clone();
        self.may_register(ctx, &contract.product, &domain)?;
        if let Some(unchanged) = already(&snapshot, &contract)? {
            return Ok(Considered { done: unchanged, new: None });
        }
        check_names(&snapshot, &contract.product)?;
        let resolution = self.resolve(ctx, registration, &contract.product, &domain).await?;
        let mut done = Registered {
            id: contract.product.id.clone(),
            outcome: if registration.dry_run { "would register" } else { "registered" }.to_owned(),
            steps: Vec::new(),
            schema_report: resolution.report.clone(),
            warnings: contract.warnings.iter().chain(&resolution.warnings).cloned().collect(),
            change: None,
        };
        let resolved = resolution.record(&contract.product);
        let (product, tables) = assemble::seen(&contract.product, &domain, &resolved);
        let visible = |product: &Product| {
            let decision = self.policy.decide(&ctx.principal, ctx.purpose.as_deref(), product, Action::Discover);
            matches!(decision, Decision::Granted(_))
        };
        done.change = change::report(&snapshot, self.state, &product, &tables, &visible, &mut done.warnings).await;
        done.steps = steps(&resolution, &resolved, store.as_ref(), registration.dry_run);
        let record = record(ctx, registration, &contract, resolved)?;
        Ok(Considered { done, new: Some(New { resolution, record, catalog_version: snapshot.version }) })
    }

    fn may_register(&self, ctx: &QueryContext, product: &Product, domain: &Domain) -> Result<()> {
        let mut product = product.clone();
        product.owner.team = domain.owner_team.clone().or(product.owner.team);
        match self.policy.decide(&ctx.principal, ctx.purpose.as_deref(), &product, Action::Register) {
            Decision::Granted(_) => Ok(()),
            Decision::Refused { reason } => Err(Failure::Denied {
                principal: ctx.principal.user.clone(),
                action: Action::Register.word(),
                product: product.id.name.to_string(),
                reason,
                hint: domain.contact.as_ref().map(|contact| format!("Ask {contact}.")),
            }
            .into()),
        }
    }

    async fn resolve(
        &self,
        ctx: &QueryContext,
        registration: &Registration,
        product: &Product,
        domain: &Domain,
    ) -> Result<Resolution> {
        let resolution = match &product.body {
            Body::Stored => {
                let (product, origin) = with_schema_file(ctx, product.clone(), domain, self.document_size).await?;
                let product = placed(ctx, product, domain, registration.storage.as_deref()).await?;
                resolve_columns(ctx, self.connectors, &product, domain, origin).await?
            }
            Body::View { sql } => self.resolve_view(ctx, product, sql).await?,
            Body::Materialization { .. } => {
                let hint = "Register it as a View until then.".to_owned();
                return Err(Failure::Unsupported { what: "kind Materialization".to_owned(), hint: Some(hint) }.into());
            }
        };
        if !resolution.broken.is_empty() {
            return Err(invalid(&registration.file, "does not fit what is stored", resolution.broken));
        }
        for table in &resolution.tables {
            let names: HashSet<String> = table.columns.iter().map(|c| fold(&c.name)).collect();
            if names.len() < table.columns.len() {
                let lines = folded_twice(&table.columns);
                return Err(invalid(&registration.file, "has columns that unquoted names cannot tell apart", lines));
            }
        }
        Ok(resolution)
    }

    async fn resolve_view(&self, ctx: &QueryContext, product: &Product, sql: &str) -> Result<Resolution> {
        let seen = columns_of(self.views.view_columns(ctx, sql).await?.as_ref());
        let mut resolution = Resolution::new(Origin { source: "contract", schema_file: None });
        let declared = product.tables().first();
        let columns = match declared.map(|table| table.columns.as_slice()) {
            Some(declared) if !declared.is_empty() => {
                let (report, resolved) = schema_diff::compare(declared, &seen);
                resolution.report = report.differences.iter().map(ToString::to_string).collect();
                let broken = report.differences.iter().filter(|d| d.is_error());
                resolution.broken = broken.map(ToString::to_string).collect();
                resolved
            }
            _ => {
                resolution.source = "observed";
                schema_diff::observed_only(&seen)
            }
        };
        let name = match declared {
            Some(table) => table.name.clone(),
            None => meshweave_contract::name::TableName::new(product.id.name.product.as_str())
                .map_err(|error| Error::internal("a product's name is no table's name", error))?,
        };
        resolution.tables.push(ResolvedTableColumns { name, columns });
        Ok(resolution)
    }

    /// Makes the storage, appends the record; takes the storage back when the record is refused.
    async fn provision_and_append(&self, resolution: &Resolution, record: &Record, version: u64) -> Result<()> {
        let made = provision(&resolution.stored)?;
        let appended = self.append(record, version).await;
        if appended.is_err() {
            take_back(&made);
        }
        appended
    }

    /// Appends; tries again when somebody registered something else meanwhile, not when it was this product.
    async fn append(&self, record: &Record, mut version: u64) -> Result<()> {
        let store = self.catalog.store().ok_or_else(|| conflict(record))?;
        for _ in 0..TRIES {
            match store.append(version, std::slice::from_ref(record)).await {
                Ok(_) => {
                    self.catalog.refresh().await?;
                    return Ok(());
                }
                Err(error) if matches!(error.failure(), Failure::CatalogConflict { .. }) => {
                    let now = self.catalog.refresh().await?;
                    let folded = record.id.name.folded();
                    if now.version == version
                        || now
                            .entries
                            .iter()
                            .any(|e| e.id().name.folded() == folded && e.id().version == record.id.version)
                    {
                        return Err(error);
                    }
                    version = now.version;
                }
                Err(error) => return Err(error),
            }
        }
        Err(conflict(record))
    }
}

fn conflict(record: &Record) -> Error {
    Failure::CatalogConflict { what: record.id.to_string() }.into()
}

fn invalid(file: &str, message: impl Into<String>, problems: Vec<String>) -> Error {
    Failure::InvalidContract { file: file.to_owned(), message: message.into(), problems }.into()
}

fn read(registration: &Registration) -> Result<Contract> {
    let Parsed { product, problems, .. } = registration.bundle().parse();
    let errors: Vec<String> =
        problems.iter().filter(|p| p.severity == Severity::Error).map(ToString::to_string).collect();
    match product {
        Some(product) if errors.is_empty() => Ok(Contract {
            hash: canonical_hash(&product),
            product,
            warnings: problems.iter().map(ToString::to_string).collect(),
        }),
        _ => {
            let message = match errors.len() {
                1 => "has 1 problem".to_owned(),
                many => format!("has {many} problems"),
            };
            Err(invalid(&registration.file, message, errors))
        }
    }
}

fn domain_of(snapshot: &CatalogSnapshot, product: &Product) -> Result<Arc<Domain>> {
    let name = product.id.name.domain.as_str();
    let broken = snapshot.problems.iter().find(|p| alike(&p.subject, name));
    // A domain whose document was broken since serves queries as it was; nothing new comes to it.
    let domain = snapshot.domain(name).filter(|_| broken.is_none());
    domain.map(Arc::clone).ok_or_else(|| {
        match broken {
            Some(problem) => Failure::InvalidConfiguration {
                place: problem.place.clone(),
                message: problem.message.clone(),
                hint: Some(format!("The domain {name} can be used again when this is mended.")),
            },
            None => Failure::NameNotFound {
                what: "domain",
                name: name.to_owned(),
                product: None,
                nearest: nearest(name, snapshot.domains.iter().map(|d| d.name.as_str())),
            },
        }
        .into()
    })
}

/// The answer for a version that is registered already: `unchanged`, or a refusal when the contract is another one.
fn already(snapshot: &CatalogSnapshot, contract: &Contract) -> Result<Option<Registered>> {
    let id = &contract.product.id;
    let Some(entry) = snapshot.entry(id) else { return Ok(None) };
    if entry.hash != contract.hash {
        let line = format!("{id} is registered with hash {}; this contract has {}.", entry.hash, contract.hash);
        let message =
            format!("differs from the registered {id}; a registered version never changes, so give it a new one");
        return Err(invalid(&id.to_string(), message, vec![line]));
    }
    Ok(Some(Registered {
        id: id.clone(),
        outcome: "unchanged".to_owned(),
        steps: vec![format!("catalog: {id} is registered with the same contract")],
        schema_report: Vec::new(),
        warnings: contract.warnings.clone(),
        change: None,
    }))
}

/// Refuses names that unquoted names cannot tell apart: the product beside others, its tables, their columns.
fn check_names(snapshot: &CatalogSnapshot, product: &Product) -> Result<()> {
    let mut lines = Vec::new();
    let name = &product.id.name;
    let other = snapshot.entries.iter().find(|e| e.id().name.folded() == name.folded() && e.id().name != *name);
    lines.extend(other.map(|e| format!("{name} folds like the registered {}.", e.id().name)));
    let mut tables = HashSet::new();
    for SqlTable { name, table, .. } in product.sql_tables() {
        if !tables.insert(name.folded()) {
            lines.push(format!("Two tables fold like {name}."));
        }
        let twice = assemble::folded_twice(&table.columns);
        lines.extend(twice.map(|(a, b)| format!("Columns {a} and {b} of table {name} fold alike.")));
    }
    match lines.is_empty() {
        true => Ok(()),
        false => Err(invalid(&product.id.to_string(), "has names that unquoted names cannot tell apart", lines)),
    }
}

fn folded_twice(columns: &[ResolvedColumn]) -> Vec<String> {
    let mut seen = HashSet::new();
    columns
        .iter()
        .filter(|c| !seen.insert(fold(&c.name)))
        .map(|c| format!("Two columns fold like {}.", c.name))
        .collect()
}

fn record(
    ctx: &QueryContext,
    registration: &Registration,
    contract: &Contract,
    resolved: ResolvedColumns,
) -> Result<Record> {
    let id = contract.product.id.clone();
    let is_json = registration.file.to_lowercase().ends_with(".json");
    let ending = if is_json { "json" } else { "yaml" };
    Ok(Record {
        text: registration.text.clone(),
        is_json,
        contracts: port_contracts(&registration.contracts)?,
        place: format!("domains/{}/{}/{}.{ending}", id.name.domain, id.name.product, id.version),
        resolved: Some(resolved),
        hash: contract.hash.clone(),
        registered_at: Some(jiff::Timestamp::now().to_string()),
        registered_by: Some(ctx.principal.user.clone()),
        id,
    })
}

/// The contracts of ports as they are kept: under the last part of their names, each its own.
fn port_contracts(contracts: &[Text]) -> Result<Vec<PortContract>> {
    let mut kept: Vec<PortContract> = Vec::with_capacity(contracts.len());
    for Text { text, file } in contracts {
        let text = String::from_utf8(text.clone())
            .map_err(|_| invalid(file, "is not written in UTF-8, as the contract of a port must be", Vec::new()))?;
        let last = file.rsplit(['/', '\\']).next().unwrap_or_default();
        let (stem, ending) = last.rsplit_once('.').unwrap_or((last, "yaml"));
        let ending = if ending.eq_ignore_ascii_case("json") { "json" } else { "yaml" };
        let stem = Some(slug(stem)).filter(|stem| !stem.is_empty()).unwrap_or_else(|| "contract".to_owned());
        let numbered = (2_u32..).map(|number| format!("{stem}-{number}.{ending}"));
        let mut names = std::iter::once(format!("{stem}.{ending}")).chain(numbered);
        let name = names.find(|name| kept.iter().all(|other| fold(&other.name) != fold(name))).unwrap_or_default();
        kept.push(PortContract { name, text });
    }
    Ok(kept)
}

/// The three steps in words.
fn steps(resolution: &Resolution, resolved: &ResolvedColumns, store: &dyn CatalogStore, dry: bool) -> Vec<String> {
    let mut steps: Vec<String> = resolution.stored.iter().map(|stored| storage_step(stored, dry)).collect();
    if steps.is_empty() {
        steps.push("storage: none to prepare".to_owned());
    }
    let columns: usize = resolved.tables.iter().map(|t| t.columns.len()).sum();
    let stores = if dry { "would store" } else { "stored" };
    let (subject, version, source) = (&resolved.subject, &resolved.version, &resolved.source);
    steps.push(format!("schema: {stores} {columns} columns under {subject}, version {version}, as in: {source}"));
    let writes = if dry { "would write" } else { "wrote" };
    steps.push(format!("catalog: {writes} {subject}@{version} to {}", store.describe()));
    steps
}

fn storage_step(stored: &StoredTable, dry: bool) -> String {
    let url = &stored.location.url;
    let found = match &stored.observed {
        Some(observed) => format!("{} {} files, {} bytes found", observed.files, stored.format, observed.bytes),
        None => "nothing stored yet".to_owned(),
    };
    match folder_to_make(stored) {
        Some(_) if dry => format!("storage: would make {url} ({found})"),
        Some(_) => format!("storage: made {url} ({found})"),
        None if stored.location.is_local() => format!("storage: {url} is there ({found})"),
        None => format!("storage: {url} needs no preparation ({found})"),
    }
}

/// The local folder that a table will lie in, when it is not there yet.
fn folder_to_make(stored: &StoredTable) -> Option<PathBuf> {
    let location = &stored.location;
    if !location.is_local() || location.pattern.is_some() {
        return None;
    }
    let path = location.url.to_file_path().ok()?;
    let names = |name: &std::ffi::OsStr| name.to_string_lossy().contains(&format!(".{}", stored.format));
    let is_file = !stored.url.ends_with('/') && path.file_name().is_some_and(names);
    let folder = if is_file { path.parent()?.to_owned() } else { path };
    (!folder.exists()).then_some(folder)
}

/// Makes the folders that are missing; gives back every folder that was made, deepest first.
fn provision(stored: &[StoredTable]) -> Result<Vec<PathBuf>> {
    let mut made = Vec::new();
    for folder in stored.iter().filter_map(folder_to_make) {
        let missing = folder.ancestors().take_while(|a| !a.exists()).map(PathBuf::from);
        made.splice(0..0, missing);
        if let Err(error) = std::fs::create_dir_all(&folder) {
            take_back(&made);
            return Err(Error::unavailable(folder.display().to_string(), "the folder cannot be made", error));
        }
    }
    Ok(made)
}

/// Removes folders that were made, as far as nobody has put anything there meanwhile.
fn take_back(made: &[PathBuf]) {
    for folder in made {
        if let Err(error) = std::fs::remove_dir(folder) {
            tracing::debug!(folder = %folder.display(), %error, "kept a folder that was made for a refused registration");
        }
    }
}
