//! Small meshes whose domains lie in stores of every kind, and tables of a few numbers to put there.
//!
//! Start reading at [`Small`].

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parquet::arrow::ArrowWriter;

use crate::mesh::path;
use crate::meshweave::{self, Ran};

/// Rows of every table here.
pub(super) const ROWS: i64 = 20_000;

/// Reads every value of a table.
pub(super) fn sum_of(product: &str) -> String {
    format!("SELECT count(*) AS \"rows\", sum(id) AS total, count(DISTINCT label) AS labels FROM {product}")
}

/// What [`sum_of`] answers for a table of [`batch`].
pub(super) fn sum(first: i64) -> serde_json::Value {
    serde_json::json!([{"rows": ROWS, "total": (first..first + ROWS).sum::<i64>(), "labels": ROWS}])
}

/// Numbers from `first` on, with labels that do not compress away.
pub(super) fn batch(first: i64) -> RecordBatch {
    let columns = [Field::new("id", DataType::Int64, false), Field::new("label", DataType::Utf8, true)];
    let ids: Vec<i64> = (first..first + ROWS).collect();
    let labels: StringArray = ids.iter().map(|id| Some(format!("label {id}"))).collect();
    let schema = Arc::new(Schema::new(columns.to_vec()));
    RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(ids)), Arc::new(labels)]).unwrap()
}

/// A batch as a Parquet file.
pub(super) fn parquet(batch: &RecordBatch) -> Bytes {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes.into()
}

/// Puts one Parquet file.
pub(super) async fn put_parquet(store: &dyn ObjectStore, folder: &str, first: i64) {
    let path = ObjectPath::parse(format!("{folder}/part-0.parquet")).unwrap();
    store.put(&path, parquet(&batch(first)).into()).await.unwrap();
}

/// Puts a Delta table of one file and one commit.
pub(super) async fn put_delta(store: &dyn ObjectStore, folder: &str, first: i64) {
    put_parquet(store, folder, first).await;
    let size = parquet(&batch(first)).len();
    let field = |name: &str, kind: &str, nullable: bool| serde_json::json!({"name": name, "type": kind, "nullable": nullable, "metadata": {}});
    let fields = [field("id", "long", false), field("label", "string", true)];
    let schema = serde_json::json!({"type": "struct", "fields": fields}).to_string();
    let log = [
        serde_json::json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}),
        serde_json::json!({"metaData": {"id": "one", "format": {"provider": "parquet", "options": {}},
            "schemaString": schema, "partitionColumns": [], "configuration": {}, "createdTime": 0}}),
        serde_json::json!({"add": {"path": "part-0.parquet", "partitionValues": {}, "size": size,
            "modificationTime": 0, "dataChange": true}}),
    ];
    let text = log.map(|line| line.to_string()).join("\n");
    let path = ObjectPath::parse(format!("{folder}/_delta_log/00000000000000000000.json")).unwrap();
    store.put(&path, text.into()).await.unwrap();
}

/// A mesh in a folder of its own, whose local principal keeps every domain.
pub(crate) struct Small {
    folder: tempfile::TempDir,
    pub(super) variables: Vec<(String, String)>,
}

impl Small {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mesh = Self { folder, variables: Vec::new() };
        mesh.write("mesh.yaml", "apiVersion: meshweave/v1\nkind: Mesh\nname: small\ncatalog: { source: folder }\n");
        mesh.write("meshweave.yaml", "principal:\n  user: keeper\n  teams: [keepers]\n");
        mesh
    }

    /// The mesh folder.
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Writes a file of the mesh.
    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Says a domain's storage: the items under `storage:`, in YAML's flow form.
    pub(super) fn domain(&self, name: &str, storage: &str) {
        let text = format!(
            "apiVersion: meshweave/v1\nkind: Domain\nname: {name}\n\
             owner: {{ team: keepers, contact: keepers@example.com }}\nstorage:\n  - {storage}\n"
        );
        self.write(&format!("domains/{name}/domain.yaml"), &text);
    }

    /// Registers a product that lies at a location.
    pub(super) fn register(&self, domain: &str, product: &str, location: &str, format: &str) {
        let text = format!(
            "apiVersion: v3.1.0\nkind: DataContract\nid: urn:test:{domain}:{product}\nname: {product}\nversion: 1.0.0\n\
             status: active\ndomain: {domain}\ndataProduct: {product}\ndescription:\n  purpose: Numbers.\n\
             servers:\n  - {{ server: mesh, type: custom, location: \"{location}\", format: {format} }}\n\
             schema:\n  - name: {product}\n    physicalType: table\n    properties:\n\
             \x20     - {{ name: id, logicalType: integer, physicalType: BIGINT, required: true }}\n\
             \x20     - {{ name: label, logicalType: string, physicalType: VARCHAR, required: false }}\n"
        );
        let name = format!("contracts/{domain}-{product}.yaml");
        self.write(&name, &text);
        self.run(&["register", path(&self.folder.path().join(name))]).ok();
    }

    /// The binary on this mesh, with the credentials in its environment.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut all = vec!["--mesh", path(self.folder.path())];
        all.extend(args);
        let mut command = meshweave::command(&all);
        for name in ["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "HTTP_PROXY", "http_proxy"] {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(super) fn run(&self, args: &[&str]) -> Ran {
        meshweave::finish(&mut self.command(args))
    }

    /// The rows of a statement.
    pub(super) fn rows(&self, sql: &str) -> serde_json::Value {
        self.run(&["sql", sql, "--output", "json"]).json()
    }
}
