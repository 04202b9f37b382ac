//! What settings promise.

use super::*;
use crate::error::Failure;

fn load(text: &str, env: &[(&str, &str)]) -> Result<Settings> {
    Settings::load(text, "meshweave.yaml", env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
}

fn refused(text: &str, env: &[(&str, &str)]) -> (String, String, String) {
    let error = load(text, env).unwrap_err();
    match error.failure() {
        Failure::InvalidConfiguration { place, message, hint } => {
            (place.clone(), message.clone(), hint.clone().unwrap_or_default())
        }
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn an_empty_document_means_defaults() {
    assert_eq!(load("", &[]).unwrap(), Settings::default());
    assert_eq!(load("# nothing yet\n", &[]).unwrap(), Settings::default());
}

#[test]
fn defaults_round_trip() {
    let text = yaml_serde::to_string(&Settings::default()).unwrap();
    assert!(text.contains("4GiB") && text.contains("30d") && text.contains("5m"), "{text}");
    assert_eq!(load(&text, &[]).unwrap(), Settings::default());
}

#[test]
fn sizes_are_read_as_people_write_them() {
    for (text, bytes) in
        [("4GiB", 4 << 30), ("64MiB", 64 << 20), ("10MB", 10_000_000), ("512 KiB", 512 << 10), ("77", 77)]
    {
        assert_eq!(text.parse::<ByteSize>(), Ok(ByteSize(bytes)), "{text}");
        assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)), "{text} must round trip");
    }
    for text in ["", "GiB", "-1", "1.5GiB", "4 apples", "99999999PiB"] {
        assert!(text.parse::<ByteSize>().is_err(), "{text:?} must be refused");
    }
}

#[test]
fn times_are_read_as_people_write_them() {
    let cases = [
        ("30s", 30),
        ("5m", 300),
        ("PT5M", 300),
        ("30d", 30 * 86_400),
        ("15_minutes", 900),
        ("1h 30m", 5_400),
        ("0s", 0),
    ];
    for (text, seconds) in cases {
        assert_eq!(text.parse::<Timeout>(), Ok(Timeout(Duration::from_secs(seconds))), "{text}");
        let printed = Timeout(Duration::from_secs(seconds)).to_string();
        assert_eq!(printed.parse(), Ok(Timeout(Duration::from_secs(seconds))), "{printed} must round trip");
    }
    for text in ["", "5", "1y", "2 months", "-5m", "soon"] {
        assert!(text.parse::<Timeout>().is_err(), "{text:?} must be refused");
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_one() {
    let (place, message, hint) = refused("limits:\n  memory: 1GiB\n  spil: 2GiB\n", &[]);
    assert_eq!(place, "meshweave.yaml:3:3");
    assert_eq!(message, "unknown key `spil` in `limits`");
    assert_eq!(hint, "Did you mean `spill`?");
}

#[test]
fn a_wrong_value_is_refused_with_its_place() {
    let (place, message, _) = refused("limits:\n  memory: much\n", &[]);
    assert_eq!(place, "meshweave.yaml:2:11");
    assert!(message.contains("\"much\" is no size"), "{message}");
}

#[test]
fn the_environment_overrides_the_file() {
    let settings = load(
        "limits: {memory: 1GiB}\n",
        &[
            ("MESHWEAVE_LIMITS__MEMORY", "2GiB"),
            ("MESHWEAVE_STORAGE__LOCAL", "[/srv/a, /srv/b]"),
            ("MESHWEAVE_LISTEN__FLIGHT", "127.0.0.1:4000"),
            ("MESHWEAVE_PRINCIPAL__USER", "123"),
            ("MESHWEAVE_PRINCIPAL__TEAMS", "[a, b]"),
            ("MESHWEAVE_MESH", "/srv/mesh"),
            ("HOME", "/root"),
        ],
    )
    .unwrap();
    assert_eq!(settings.limits.memory, ByteSize(2 << 30));
    assert_eq!(settings.storage.local, [PathBuf::from("/srv/a"), PathBuf::from("/srv/b")]);
    assert_eq!(settings.listen.flight, "127.0.0.1:4000");
    let principal = settings.principal.unwrap();
    assert_eq!((principal.user.as_str(), principal.teams.len()), ("123", 2));
    assert_eq!(settings.environment.get("HOME"), Some("/root"));
}

#[test]
fn a_variable_that_names_no_setting_is_refused_by_its_name() {
    let (place, message, hint) =
        refused("", &[("MESHWEAVE_LIMITS__MEMRY", "1GiB"), ("MESHWEAVE_LIMITS__SPILL", "1GiB")]);
    assert_eq!(place, "MESHWEAVE_LIMITS__MEMRY");
    assert!(message.contains("unknown key `memry`"), "{message}");
    assert_eq!(hint, "Did you mean `memory`?");
}

#[test]
fn the_environment_is_never_printed() {
    let settings = load("", &[("KEY", "s3cret")]).unwrap();
    assert!(!format!("{settings:?}").contains("s3cret"));
    assert!(!yaml_serde::to_string(&settings).unwrap().contains("s3cret"));
}

#[test]
fn the_reference_lists_every_setting_with_its_meaning() {
    let reference = Settings::reference();
    let of =
        |name: &str| reference.iter().find(|s| s.name == name).unwrap_or_else(|| unreachable!("{name} is missing"));
    assert_eq!(of("limits.memory").kind, "size");
    assert_eq!(of("limits.memory").default.as_deref(), Some("4GiB"));
    assert_eq!(of("limits.memory").variable, "MESHWEAVE_LIMITS__MEMORY");
    assert_eq!(of("limits.partitions").kind, "integer");
    assert_eq!(of("state.manifest_retention").default.as_deref(), Some("30d"));
    assert_eq!(of("principal.teams").kind, "list of text");
    assert!(reference.iter().all(|s| !s.doc.is_empty()), "{reference:?}");
    assert!(!reference.iter().any(|s| s.name.starts_with("environment")));
}
