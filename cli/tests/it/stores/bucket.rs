//! A mesh below a prefix of a bucket: the whole mesh is reached by its URL, from any folder.

use meshweave_test_peers::S3Server;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};

use crate::mesh::{contract, on_shared, path};
use crate::meshweave::{Ran, command, finish};

struct Far {
    runtime: tokio::runtime::Runtime,
    server: S3Server,
    folder: tempfile::TempDir,
}

impl Far {
    /// A bucket that holds `mesh.yaml` and the domain `shop`, and a folder with the settings to reach it.
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let server = runtime.block_on(S3Server::start()).unwrap();
        server.create_bucket("meshes").unwrap();
        let far = Self { runtime, server, folder: tempfile::tempdir().unwrap() };
        far.put("far/mesh.yaml", b"apiVersion: meshweave/v1\nkind: Mesh\nname: far\n".to_vec());
        let domain = format!(
            "apiVersion: meshweave/v1\nkind: Domain\nname: shop\nowner: {{ team: shop-team }}\nstorage:\n  - prefix: s3://meshes/data/\n    \
             endpoint: {}\n    credentials: {{ access_key_id_env: FAR_KEY, secret_access_key_env: FAR_SECRET }}\n",
            far.server.url()
        );
        far.put("far/domains/shop/domain.yaml", domain.into_bytes());
        let settings = format!(
            "principal:\n  user: keeper\n  teams: [shop-team]\ncatalog:\n  bucket:\n    endpoint: {}\n    copies: copies\n    \
             credentials: {{ access_key_id_env: FAR_KEY, secret_access_key_env: FAR_SECRET }}\n",
            far.server.url()
        );
        std::fs::write(far.folder.path().join("meshweave.yaml"), settings).unwrap();
        far
    }

    fn put(&self, name: &str, bytes: Vec<u8>) {
        let store = self.server.root().store(&self.server.url(), "meshes").unwrap();
        self.runtime.block_on(store.put(&Path::from(name), bytes.into())).unwrap();
    }

    fn names(&self) -> Vec<String> {
        use futures::TryStreamExt as _;
        let store = self.server.root().store(&self.server.url(), "meshes").unwrap();
        let prefix = Path::from("far/domains");
        let listed: Vec<_> = self.runtime.block_on(store.list(Some(&prefix)).try_collect()).unwrap();
        let mut names: Vec<String> = listed.into_iter().map(|meta| meta.location.to_string()).collect();
        names.sort();
        names
    }

    fn run(&self, args: &[&str]) -> Ran {
        let mut all = vec!["--mesh", "s3://meshes/far/"];
        all.extend(args);
        let root = self.server.root();
        let mut command = command(&all);
        finish(command.current_dir(self.folder.path()).env("FAR_KEY", &root.key).env("FAR_SECRET", &root.secret))
    }
}

#[test]
fn a_product_is_registered_in_a_bucket_and_read_from_everywhere() {
    let far = Far::new();
    let rows = far.folder.path().join("a.parquet");
    on_shared(&["sql", "SELECT CAST(7 AS BIGINT) AS id, 'seven' AS label", "--out", path(&rows)]).ok();
    far.put("data/things/a.parquet", std::fs::read(&rows).unwrap());
    let text = contract("things", "1.0.0")
        .replace("type: local", "type: s3")
        .replace("path: \"file://./data/shop/things/\"", "location: \"s3://meshes/data/things/\"");
    let file = far.folder.path().join("things.yaml");
    std::fs::write(&file, text).unwrap();
    let done = far.run(&["register", path(&file), "-o", "json"]).json();
    assert_eq!(done[0]["outcome"], "registered", "{done}");
    assert_eq!(
        far.names(),
        [
            "far/domains/shop/domain.yaml",
            "far/domains/shop/things/1.0.0.schema.json",
            "far/domains/shop/things/1.0.0.yaml"
        ]
    );
    let select = ["sql", "SELECT * FROM shop.things", "-o", "json"];
    let expected = serde_json::json!([{"id": 7, "label": "seven"}]);
    assert_eq!(far.run(&select).json(), expected);
    std::fs::remove_dir_all(far.folder.path().join("copies")).unwrap();
    assert_eq!(far.run(&select).json(), expected, "the copies are made again");
    assert_eq!(far.run(&["register", path(&file), "-o", "json"]).json()[0]["outcome"], "unchanged");
}

#[test]
fn a_bucket_that_cannot_be_used_is_an_error_that_says_why() {
    let far = Far::new();
    let mut wrong = command(&["--mesh", "s3://meshes/far/", "products", "-o", "json"]);
    wrong.current_dir(far.folder.path());
    let error = finish(&mut wrong).error(2);
    assert!(error["message"].as_str().unwrap().contains("FAR_KEY is not set"), "{error}");
    let error = far.run(&["check"]);
    assert!(error.failed(2).contains("needs a mesh folder"), "{}", error.stderr);
}
