//! Options, the mesh that is found, exit codes and the form of errors.

use crate::mesh::{empty, on_shared, path, shared};
use crate::meshweave::{command, finish, run, run_in};

#[test]
fn help_and_version_are_answers() {
    assert!(run(&["--help"]).ok().contains("Usage: meshweave"));
    assert!(run(&["sql", "--help"]).ok().contains("--max-rows"));
    assert!(run(&["--version"]).ok().starts_with("meshweave "));
}

#[test]
fn wrong_usage_is_exit_code_two_in_words_and_in_json() {
    assert!(run(&["sql", "--nope"]).failed(2).contains("--nope"));
    let error = run(&["sql", "--output", "json", "--nope"]).error(2);
    assert_eq!(error["kind"], "invalid_configuration");
    assert!(error["message"].as_str().unwrap().contains("--nope"), "{error}");
    run(&["demo", "--tpch", "-1"]).failed(2);
    run(&["--as", "@team", "products"]).failed(2);
}

#[test]
fn without_a_mesh_the_hint_says_how_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run_in(folder.path(), &["products"]);
    let stderr = ran.failed(2);
    assert!(stderr.starts_with("error: ") && stderr.contains("mesh.yaml"), "{stderr}");
    assert!(stderr.contains("hint: ") && stderr.contains("meshweave demo"), "{stderr}");

    std::fs::create_dir(folder.path().join("my-mesh")).unwrap();
    std::fs::write(folder.path().join("my-mesh/mesh.yaml"), "").unwrap();
    assert!(run_in(folder.path(), &["products"]).failed(2).contains("--mesh my-mesh"));
    assert!(run(&["--mesh", "/does/not/exist", "products"]).failed(2).contains("/does/not/exist"));
}

#[test]
fn the_mesh_is_found_from_below_by_option_and_by_environment() {
    let below = shared().join("domains/commerce");
    let here = run_in(&below, &["products", "--output", "json"]).json();
    let by_option = on_shared(&["products", "--output", "json"]).json();
    let by_document = path(&shared().join("mesh.yaml")).to_owned();
    let by_document = run(&["products", "--output", "json", "--mesh", &by_document]).json();
    let by_environment = finish(command(&["products", "-o", "json"]).env("MESHWEAVE_MESH", shared())).json();
    assert!(by_option.as_array().is_some_and(|products| products.len() > 10), "{by_option}");
    assert_eq!(here, by_option);
    assert_eq!(by_document, by_option);
    assert_eq!(by_environment, by_option);
}

#[test]
fn json_errors_have_kind_message_product_hint_and_query() {
    let error = on_shared(&["sql", "--output", "json", "SELECT * FROM commerce.ordesr"]).error(7);
    assert_eq!(error["kind"], "not_found");
    assert_eq!(error["product"], "commerce.ordesr");
    assert!(error["hint"].as_str().unwrap().contains("commerce.orders"), "{error}");
    assert_eq!(error["query_id"].as_str().unwrap().len(), 36);
}

#[test]
fn nothing_is_coloured_in_a_pipe() {
    let ran = on_shared(&["products"]);
    assert!(!ran.ok().contains('\u{1b}'));
    assert!(!on_shared(&["sql", "SELECT * FROM no.where"]).failed(7).contains('\u{1b}'));
}

#[test]
fn settings_come_from_the_file_then_from_the_environment() {
    let mesh = empty();
    let settings = |name: &str, variable: &str| {
        let ran = finish(
            command(&["settings", "--output", "json", "--mesh", path(mesh.path())])
                .env(if variable.is_empty() { "UNUSED" } else { variable }, "12345"),
        );
        let list = ran.json();
        let one = list.as_array().unwrap().iter().find(|one| one["name"] == name).cloned().unwrap();
        assert!(!one["doc"].as_str().unwrap().is_empty(), "{one}");
        one["value"].clone()
    };
    let default = settings("limits.batch_rows", "");
    assert_eq!(default, 8192);
    assert_eq!(settings("limits.batch_rows", "MESHWEAVE_LIMITS__BATCH_ROWS"), 12345);
    let text = run(&["settings", "--mesh", path(mesh.path())]).ok();
    assert!(text.contains("limits.batch_rows: 8192") && text.contains("MESHWEAVE_LIMITS__BATCH_ROWS"), "{text}");

    std::fs::write(mesh.path().join("meshweave.yaml"), "limits:\n  memroy: 1GiB\n").unwrap();
    let stderr = run(&["settings", "--mesh", path(mesh.path())]).failed(2).to_owned();
    assert!(stderr.contains("meshweave.yaml:2:") && stderr.contains("memroy"), "{stderr}");
}

#[test]
fn who_asks_is_typed_configured_or_the_system_user() {
    let mesh = empty();
    std::fs::write(mesh.path().join("orders.yaml"), crate::mesh::contract("things", "1.0.0")).unwrap();
    let file = path(&mesh.path().join("orders.yaml")).to_owned();
    let register = |args: &[&str]| {
        let mut all = vec!["--mesh", path(mesh.path()), "register", "--dry-run", &file];
        all.extend(args);
        run(&all)
    };
    register(&[]).ok();
    let refused = register(&["--as", "stranger@other-team"]);
    assert!(refused.failed(4).contains("stranger"), "{}", refused.stderr);
    std::fs::remove_file(mesh.path().join("meshweave.yaml")).unwrap();
    let refused = register(&[]);
    assert!(refused.failed(4).contains("somebody"), "{}", refused.stderr);
}

#[test]
fn logs_are_off_by_default_and_go_to_stderr() {
    const QUERY: &str = "SELECT count(*) FROM reference.region_delta";
    assert_eq!(on_shared(&["sql", QUERY, "--quiet"]).stderr, "");
    let text = finish(command(&["sql", QUERY, "-q", "--mesh", path(shared())]).env("MESHWEAVE_LOG", "trace"));
    assert!(!text.stderr.is_empty() && serde_json::from_slice::<serde_json::Value>(&text.stdout).is_err());
    let json = finish(
        command(&["sql", QUERY, "-q", "--log-format", "json", "--mesh", path(shared())]).env("MESHWEAVE_LOG", "trace"),
    );
    let first = json.stderr.lines().next().unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(first).is_ok(), "{first}");
}

#[test]
fn the_page_of_settings_is_the_one_in_the_book() {
    let page = run(&["settings", "--markdown"]).ok();
    let book = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/settings.md")).unwrap();
    assert_eq!(page, book, "`cargo xtask docs` writes docs/src/settings.md anew");
}
