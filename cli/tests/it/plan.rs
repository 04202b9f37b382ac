//! `plan`: what a new version changes, whom it would break, and that `register` refuses the same.

use crate::mesh::{contract, empty, path};
use crate::meshweave::run;

/// A mesh with one product that somebody reads and a view stands on.
struct Published {
    mesh: tempfile::TempDir,
}

impl Published {
    fn new() -> Self {
        let mesh = empty();
        let published = Self { mesh };
        let things = published.file("things", "1.0.0", "");
        published.run(&["register", &things]).ok();
        let view = published.mesh.path().join("view.yaml");
        let text = "apiVersion: meshweave/v1\nkind: View\nmetadata:\n  name: labels\n  domain: shop\n  version: 1.0.0\n\
                    spec:\n  sql: SELECT label FROM shop.things\n  access: {discovery: public, read: public}\n";
        std::fs::write(&view, text).unwrap();
        published.run(&["register", path(&view)]).ok();
        published.run(&["sql", "SELECT label FROM shop.things", "--as", "ann@shop-team"]).ok();
        published
    }

    /// A contract file; `drop` is a line of it that is left out.
    fn file(&self, name: &str, version: &str, drop: &str) -> String {
        let text = contract(name, version);
        let kept = text.lines().filter(|line| drop.is_empty() || !line.contains(drop));
        let file = self.mesh.path().join(format!("{name}-{version}.yaml"));
        std::fs::write(&file, kept.collect::<Vec<_>>().join("\n")).unwrap();
        path(&file).to_owned()
    }

    fn run(&self, args: &[&str]) -> crate::meshweave::Ran {
        let mut all = vec!["--mesh", path(self.mesh.path())];
        all.extend(args);
        run(&all)
    }
}

#[test]
fn a_breaking_change_names_whom_it_breaks_and_is_refused() {
    let published = Published::new();
    let broken = published.file("things", "1.1.0", "name: label");
    let plan = published.run(&["plan", &broken]);
    assert_eq!(plan.code, Some(5), "{plan:?}");
    let text = plan.text();
    assert!(text.contains("breaks its consumers") && text.contains("needs 2.0.0"), "{text}");
    assert!(text.contains("columns.label") && text.contains("MAJOR"), "{text}");
    assert!(text.contains("ann (1 query remembered"), "the caller that the log remembers: {text}");
    assert!(text.contains("shop.labels@1.0.0"), "the view that reads it: {text}");

    let refused = published.run(&["register", "-o", "json", &broken]).error(5);
    assert_eq!((refused["kind"].as_str(), refused["product"].as_str()), (Some("breaking_change"), Some("shop.things")));
    assert!(
        refused["problems"].to_string().contains("ann") && refused["hint"].to_string().contains("2.0.0"),
        "{refused}"
    );
    let json = published.run(&["plan", "-o", "json", &broken]);
    let json: serde_json::Value = serde_json::from_str(&json.text()).unwrap();
    assert_eq!(
        (json[0]["change"]["refused"].as_bool(), json[0]["change"]["class"].as_str()),
        (Some(true), Some("major"))
    );
}

#[test]
fn what_the_owner_may_not_find_is_counted_and_not_named() {
    let published = Published::new();
    let write = |file: &str, text: &str| {
        let file = published.mesh.path().join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        path(&file).to_owned()
    };
    write("domains/hr/domain.yaml", "apiVersion: meshweave/v1\nkind: Domain\nname: hr\nowner: { team: hr-team }\n");
    let secret = write(
        "secret.yaml",
        "apiVersion: meshweave/v1\nkind: View\nmetadata:\n  name: secret\n  domain: hr\n  version: 1.0.0\n\
         spec:\n  sql: SELECT label FROM shop.things\n  access: {discovery: private, read: private}\n",
    );
    published.run(&["register", &secret, "--as", "eve@hr-team,shop-team"]).ok();
    let broken = published.file("things", "1.1.0", "name: label");
    for command in ["plan", "register"] {
        let told = published.run(&[command, &broken]);
        let text = format!("{}{}", told.text(), told.stderr);
        assert_eq!(told.code, Some(5), "{text}");
        assert!(text.contains("may break 1 made from it that you may not find") && !text.contains("secret"), "{text}");
    }
    let seen = published.run(&["plan", &broken, "--as", "eve@hr-team,shop-team"]).text();
    assert!(seen.contains("hr.secret@1.0.0"), "{seen}");
}

#[test]
fn the_same_change_as_a_new_major_lives_beside_the_old() {
    let published = Published::new();
    let next = published.file("things", "2.0.0", "name: label");
    let plan = published.run(&["plan", &next]).ok();
    assert!(plan.contains("is a new major version") && plan.contains("ann (1 query"), "{plan}");
    published.run(&["register", &next]).ok();
    let columns = |name: &str| published.run(&["sql", "-o", "csv", &format!("SELECT * FROM shop.{name}")]).ok();
    assert!(columns("\"things@1\"").lines().next().unwrap().contains("label"));
    assert!(!columns("\"things@2\"").lines().next().unwrap().contains("label"));
    assert!(!columns("things").lines().next().unwrap().contains("name"), "the newest major is meant");
}

#[test]
fn what_breaks_nobody_passes_with_its_class() {
    let published = Published::new();
    let first = published.file("things", "1.0.0", "");
    assert!(published.run(&["plan", &first]).ok().contains("is registered with the same contract"));
    let same = published.file("things", "1.0.1", "");
    assert!(published.run(&["plan", &same]).ok().contains("breaks nobody"));
    let more = published.file("things", "1.0.2", "");
    let text = std::fs::read_to_string(&more).unwrap();
    std::fs::write(&more, format!("{text}\n      - {{ name: extra, logicalType: string }}\n")).unwrap();
    let text = published.run(&["plan", &more]).ok();
    assert!(text.contains("the heaviest MINOR") && text.contains("its version should be 1.1.0"), "{text}");
    let other = published.file("others", "1.0.0", "");
    let text = published.run(&["plan", &other]).ok();
    assert!(text.contains("is new") && text.contains("would write shop.others@1.0.0"), "{text}");
    assert_eq!(published.run(&["products", "-o", "json"]).json().as_array().unwrap().len(), 2, "nothing was written");
}
