//! A small mesh folder, a connector that reads a schema from memory, and principals.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use meshweave_contract::name::{ProductId, ProductName};
use meshweave_engine::catalog::Catalog;
use meshweave_engine::catalog::register::{Registered, Registrar, Registration, ViewColumns};
use meshweave_engine::connect::{AsOf, Capabilities, Connector, Connectors, Observed, Opened, Pinned, Port};
use meshweave_engine::policy::AccessBlockPolicy;
use meshweave_engine::settings::Settings;
use meshweave_engine::state::StateStore;
use meshweave_engine::version::Version;
use meshweave_engine::{Failure, Principal, QueryContext, Result};
use parking_lot::Mutex;

/// A mesh in a temporary folder.
pub(super) struct Mesh {
    folder: tempfile::TempDir,
    pub(super) connector: Arc<Fake>,
}

impl Mesh {
    /// A mesh with the domains commerce and crm, whose catalog is `source`.
    pub(super) fn new(source: &str) -> Self {
        let mesh = Self { folder: tempfile::tempdir().unwrap(), connector: Arc::default() };
        mesh.write("mesh.yaml", &format!("apiVersion: meshweave/v1\nkind: Mesh\nname: test\ncatalog: {source}\n"));
        mesh.domain("commerce", "location_template: file://./data/commerce/{product}/v{major}/\n");
        mesh.domain("crm", "");
        mesh
    }

    pub(super) fn folder() -> Self {
        Self::new("{source: folder}")
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(super) fn domain(&self, name: &str, more: &str) {
        let text = format!(
            "apiVersion: meshweave/v1\nkind: Domain\nname: {name}\nowner: {{team: {name}-team, contact: {name}@example.com}}\n\
             storage:\n  - prefix: file://./data/{name}/\nschema_prefixes: [ file://./schemas/{name}/ ]\n{more}"
        );
        self.write(&format!("domains/{name}/domain.yaml"), &text);
    }

    pub(super) async fn catalog(&self) -> Catalog {
        Catalog::open(self.path(), &Settings::default()).await.unwrap()
    }

    /// Something at a place, so that the connector is asked; the connector will see `fields` there.
    pub(super) fn store(&self, folder: &str, fields: &[(&str, DataType, bool)]) {
        self.write(&format!("{folder}/part-0.parquet"), "rows");
        let fields: Vec<Field> = fields.iter().map(|(n, t, null)| Field::new(*n, t.clone(), *null)).collect();
        *self.connector.schema.lock() = Arc::new(Schema::new(fields));
    }

    pub(super) async fn register_as(
        &self,
        who: &str,
        catalog: &Catalog,
        registration: &Registration,
    ) -> Result<Registered> {
        let connectors = Connectors::new([
            Arc::clone(&self.connector) as Arc<dyn Connector>,
            Arc::new(Fake { format: "delta", ..Fake::default() }),
        ]);
        let views = Views;
        let state = StateStore::new(self.path(), &Settings::default()).unwrap();
        let registrar = Registrar {
            catalog,
            connectors: &connectors,
            policy: &AccessBlockPolicy,
            views: &views,
            state: &state,
            document_size: 1 << 20,
        };
        registrar.register(&context(who), registration).await
    }

    pub(super) async fn register(&self, catalog: &Catalog, text: &str) -> Result<Registered> {
        self.register_as("ann@commerce-team,crm-team", catalog, &registration(text)).await
    }
}

pub(super) fn registration(text: &str) -> Registration {
    let (text, file) = (text.as_bytes().to_vec(), "contract.yaml".to_owned());
    Registration { text, file, contracts: Vec::new(), storage: None, dry_run: false }
}

pub(super) fn context(who: &str) -> QueryContext {
    QueryContext::new(Principal::parse(who).unwrap())
}

pub(super) fn id(domain: &str, product: &str, version: &str) -> ProductId {
    ProductId { name: ProductName::new(domain, product).unwrap(), version: version.parse().unwrap() }
}

/// A contract in the `datamesh.io/v1` form, with `more` lines under `spec`.
pub(super) fn contract(domain: &str, product: &str, version: &str, more: &str) -> String {
    format!(
        "apiVersion: datamesh.io/v1\nkind: DataProduct\nmetadata:\n  name: {product}\n  domain: {domain}\n  version: {version}\n\
         spec:\n{more}"
    )
}

/// A contract in the `spec 1.0` form with these columns (`name: type`), public.
pub(super) fn columns_contract(domain: &str, product: &str, version: &str, columns: &[(&str, &str)]) -> String {
    let columns: String =
        columns.iter().map(|(name, kind)| format!("    - {{name: {name}, type: {kind}}}\n")).collect();
    format!(
        "spec:\n  version: \"{version}\"\nmetadata:\n  name: {product}\n  domain: {domain}\n  owner: {domain}@example.com\n\
         schema:\n  type: table\n  columns:\n{columns}access:\n  discovery: public\n  read: public\n"
    )
}

/// A connector that sees the same schema wherever something lies.
#[derive(Debug)]
pub(super) struct Fake {
    pub(super) format: &'static str,
    pub(super) schema: Mutex<SchemaRef>,
    pub(super) probes: Mutex<Vec<String>>,
}

impl Default for Fake {
    fn default() -> Self {
        Self { format: "parquet", schema: Mutex::new(Arc::new(Schema::empty())), probes: Mutex::default() }
    }
}

#[async_trait]
impl Connector for Fake {
    fn format(&self) -> &'static str {
        self.format
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn probe(&self, _: &QueryContext, port: &Port) -> Result<Observed> {
        self.probes.lock().push(port.key.clone());
        let schema = Arc::clone(&self.schema.lock());
        Ok(Observed { schema, version: Version::Manifest("sha256:0".to_owned()), files: 1, bytes: 4, rows: None })
    }

    async fn pin(&self, _: &QueryContext, _: &Port, _: &AsOf) -> Result<Pinned> {
        Err(Failure::Unsupported { what: "pinning".to_owned(), hint: None }.into())
    }

    async fn open(&self, _: &QueryContext, _: &Port, _: &Pinned) -> Result<Opened> {
        Err(Failure::Unsupported { what: "opening".to_owned(), hint: None }.into())
    }
}

/// Views answer with one column, except those that read what nobody may.
struct Views;

#[async_trait]
impl ViewColumns for Views {
    async fn view_columns(&self, _: &QueryContext, sql: &str) -> Result<SchemaRef> {
        if sql.contains("secret") {
            return Err(Failure::ProductNotFound { product: "crm.secret".to_owned(), nearest: Vec::new() }.into());
        }
        Ok(Arc::new(Schema::new(vec![Field::new("total", DataType::Int64, true)])))
    }
}
