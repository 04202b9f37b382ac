//! What credentials promise: one way each, found where it says, never printed.

use super::*;

fn variables(pairs: &[(&str, &str)]) -> Environment {
    Environment::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
}

fn found(config: &CredentialsConfig, kind: Kind, mesh: &Path, env: &[(&str, &str)]) -> Result<Credentials> {
    let environment = variables(env);
    resolve(Some(config), kind, Sources { place: "domain.yaml", mesh, environment: &environment, limit: 1024 })
}

fn by_yaml(text: &str) -> CredentialsConfig {
    yaml_serde::from_str(text).unwrap()
}

const KEYS: &str = "{ access_key_id_env: KEY, secret_access_key_env: SECRET }";

fn keys(credentials: Credentials) -> (String, String, Option<String>) {
    let Credentials::Keys(keys) = credentials else { unreachable!("{credentials:?}") };
    (keys.access_key_id, keys.secret_access_key.0, keys.session_token.map(|token| token.0))
}

#[test]
fn variables_are_looked_up_and_a_missing_one_is_named() {
    let env = [("KEY", "id"), ("SECRET", "s3cret")];
    let credentials = found(&by_yaml(KEYS), Kind::S3, Path::new("."), &env).unwrap();
    assert_eq!(keys(credentials), ("id".to_owned(), "s3cret".to_owned(), None));
    let error = found(&by_yaml(KEYS), Kind::S3, Path::new("."), &env[..1]).unwrap_err();
    assert_eq!(error.to_string(), "domain.yaml: the credentials' variable SECRET is not set");
}

#[test]
fn each_kind_of_store_takes_its_own_ways_and_no_others() {
    let azure = "tenant_id: t, client_id: c";
    let cases = [
        (KEYS.to_owned(), vec![Kind::S3]),
        ("{ profile: p }".to_owned(), vec![Kind::S3]),
        ("{ instance: true }".to_owned(), vec![Kind::S3, Kind::Gcs, Kind::Azure]),
        ("{ service_account_env: X }".to_owned(), vec![Kind::Gcs]),
        ("{ account_key_env: X }".to_owned(), vec![Kind::Azure]),
        ("{ sas_env: X }".to_owned(), vec![Kind::Azure]),
        (format!("{{ client_secret_env: X, {azure} }}"), vec![Kind::Azure]),
        (format!("{{ federated_token_file: x, {azure} }}"), vec![Kind::Azure]),
        ("{ bearer_env: X }".to_owned(), vec![Kind::Http]),
        ("{ file: x }".to_owned(), vec![Kind::S3, Kind::Gcs, Kind::Azure, Kind::Http]),
        ("{}".to_owned(), vec![]),
        ("{ file: x, profile: p }".to_owned(), vec![]),
        ("{ access_key_id_env: X }".to_owned(), vec![]),
        ("{ client_secret_env: X, tenant_id: t }".to_owned(), vec![]),
        ("{ bearer_env: X, tenant_id: t }".to_owned(), vec![]),
        ("{ profile: p, session_token_env: X }".to_owned(), vec![]),
        ("{ file: x, instance_endpoint: 'http://127.0.0.1:1' }".to_owned(), vec![]),
    ];
    for (text, expected) in cases {
        let config = by_yaml(&text);
        let all = [Kind::S3, Kind::Gcs, Kind::Azure, Kind::Http];
        let taken: Vec<Kind> = all.into_iter().filter(|kind| check(&config, *kind, "domain.yaml").is_ok()).collect();
        assert_eq!(taken, expected, "{text}");
        for kind in all.into_iter().filter(|kind| !expected.contains(kind)) {
            let error = check(&config, kind, "domain.yaml").unwrap_err();
            assert!(error.hint().is_some_and(|hint| hint.contains('`')), "{text}: {error}");
        }
    }
}

#[test]
fn files_hold_what_their_kind_of_store_takes() {
    let folder = tempfile::tempdir().unwrap();
    let config = by_yaml("{ file: keys }");
    let read = |kind: Kind, text: &str| {
        std::fs::write(folder.path().join("keys"), text).unwrap();
        found(&config, kind, folder.path(), &[])
    };
    for text in [
        "access_key_id: id\nsecret_access_key: a/b=+c\n",
        "[default]\naws_access_key_id = id\naws_secret_access_key = a/b=+c\n",
    ] {
        let expected = ("id".to_owned(), "a/b=+c".to_owned(), None);
        assert_eq!(keys(read(Kind::S3, text).unwrap()), expected, "{text}");
    }
    let secret = |text: &str| Secret(text.to_owned());
    let json = r#"{"client_email": "a@b"}"#;
    assert!(read(Kind::Gcs, json).unwrap() == Credentials::ServiceAccount(secret(json)));
    assert!(read(Kind::Azure, "account_key: aGk=\n").unwrap() == Credentials::AccountKey(secret("aGk=")));
    assert!(read(Kind::Azure, "sas: sv=1&sig=x\n").unwrap() == Credentials::SharedAccess(secret("sv=1&sig=x")));
    assert!(read(Kind::Http, "token\n").unwrap() == Credentials::Bearer(secret("token")));
    for (kind, text) in [
        (Kind::S3, "root:s3cret:0:0\n"),
        (Kind::Gcs, "s3cret"),
        (Kind::Azure, "password: s3cret\n"),
        (Kind::Azure, "account_key: s3cret\nsas: s3cret\n"),
        (Kind::Http, "two s3cret words"),
    ] {
        let error = read(kind, text).unwrap_err();
        assert!(!error.report().contains("s3cret") && error.to_string().contains("does not hold keys"), "{error}");
    }
    assert!(read(Kind::S3, &"x".repeat(2000)).unwrap_err().to_string().contains("larger than 1024 bytes"));
}

/// Both AWS files, and an environment that names them.
fn aws_files(config: &str, credentials: &str) -> (tempfile::TempDir, Vec<(&'static str, String)>) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("config"), config).unwrap();
    std::fs::write(path("credentials"), credentials).unwrap();
    let env = vec![("AWS_CONFIG_FILE", path("config")), ("AWS_SHARED_CREDENTIALS_FILE", path("credentials"))];
    (folder, env)
}

const CONFIG: &str = "\
[default]
region = eu-west-1
[profile lake]
region=eu-central-1
s3 =
  aws_access_key_id = not-this
; comment
[profile role]
role_arn = arn:aws:iam::1:role/x
web_identity_token_file = /var/token
[profile sso]
sso_session = corp
[lake2]
aws_access_key_id = not-a-profile
";

const CREDENTIALS: &str = "\
# comment
[default]
aws_access_key_id = default-id
aws_secret_access_key = default-secret
[lake]
aws_access_key_id = lake-id
aws_secret_access_key = a/b=+c
aws_session_token = token==
[half]
aws_access_key_id = half-id
";

fn profile(name: &str) -> Result<(Credentials, Option<String>)> {
    let (_folder, env) = aws_files(CONFIG, CREDENTIALS);
    let environment = Environment::new(env.into_iter().map(|(k, v)| (k.to_owned(), v)));
    let sources = Sources { place: "domain.yaml", mesh: Path::new("."), environment: &environment, limit: 4096 };
    let config = CredentialsConfig { profile: Some(name.to_owned()), ..CredentialsConfig::default() };
    Ok((resolve(Some(&config), Kind::S3, sources)?, region(Some(&config), sources)?))
}

#[test]
fn a_profile_is_what_both_files_say_of_it() {
    let (credentials, region) = profile("lake").unwrap();
    assert_eq!(keys(credentials), ("lake-id".to_owned(), "a/b=+c".to_owned(), Some("token==".to_owned())));
    assert_eq!(region.as_deref(), Some("eu-central-1"));
    let (credentials, region) = profile("default").unwrap();
    assert_eq!((keys(credentials).0.as_str(), region.as_deref()), ("default-id", Some("eu-west-1")));
    let Credentials::Role(role) = profile("role").unwrap().0 else { unreachable!() };
    assert_eq!((role.arn.as_str(), role.token_file.as_path()), ("arn:aws:iam::1:role/x", Path::new("/var/token")));
}

#[test]
fn a_profile_without_keys_is_refused_by_name() {
    let check = |name: &str, words: &str| {
        let error = profile(name).err().unwrap();
        assert!(error.to_string().contains(words) && error.hint().is_some(), "{error}");
    };
    check("sso", "takes its keys by `sso_session`");
    check("half", "the profile \"half\" holds no keys");
    check("nobody", "there is no profile \"nobody\" in");
    check("lake2", "there is no profile \"lake2\"");
    let environment = variables(&[]);
    let sources = Sources { place: "domain.yaml", mesh: Path::new("."), environment: &environment, limit: 1 };
    let config = by_yaml("{ profile: p }");
    assert!(resolve(Some(&config), Kind::S3, sources).unwrap_err().to_string().contains("HOME is not set"));
}

#[test]
fn the_home_folder_is_looked_at_without_variables() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    std::fs::write(home.path().join(".aws/credentials"), CREDENTIALS).unwrap();
    let env = [("HOME", home.path().to_str().unwrap())];
    assert_eq!(keys(found(&by_yaml("{ profile: lake }"), Kind::S3, Path::new("."), &env).unwrap()).0, "lake-id");
}

#[test]
fn an_instance_takes_from_the_environment_what_it_needs() {
    let config = by_yaml("{ instance: true, instance_endpoint: 'http://127.0.0.1:1' }");
    let env = [("AWS_ROLE_ARN", "arn"), ("AWS_SECRET_ACCESS_KEY", "s3cret"), ("PATH", "/bin")];
    let Credentials::Instance(instance) = found(&config, Kind::S3, Path::new("."), &env).unwrap() else {
        unreachable!()
    };
    assert_eq!(instance.endpoint.as_deref(), Some("http://127.0.0.1:1"));
    assert_eq!(instance.variables, BTreeMap::from([("AWS_ROLE_ARN", "arn".to_owned())]));
    let Credentials::Instance(instance) = found(&config, Kind::Gcs, Path::new("."), &env).unwrap() else {
        unreachable!()
    };
    assert!(instance.variables.is_empty(), "another cloud's variables are none of its business");
}

#[test]
fn scopes_tell_who_asks_and_not_with_which_secret() {
    let secret = |text: &str| Secret(text.to_owned());
    let key = |id: &str, value: &str| {
        let keys = Keys { access_key_id: id.to_owned(), secret_access_key: secret(value), session_token: None };
        Credentials::Keys(keys).scope()
    };
    assert_eq!(key("a", "one"), key("a", "two"));
    assert_ne!(key("a", "one"), key("b", "one"));
    let account = |name: &str, key: &str| {
        let json = format!(r#"{{"client_email":"{name}","private_key":"{key}"}}"#);
        Credentials::ServiceAccount(Secret(json)).scope()
    };
    assert_eq!(account("a@x", "one"), account("a@x", "two"));
    assert_ne!(account("a@x", "one"), account("b@x", "one"));
    let sas = |text: &str| Credentials::SharedAccess(secret(text)).scope();
    assert_ne!(sas("sp=r&sig=1"), sas("sp=rw&sig=2"), "another signature may have other rights");
    let scopes = [key("a", "x"), account("a", "x"), sas("a"), Credentials::Bearer(secret("a")).scope()];
    let distinct: std::collections::BTreeSet<_> = scopes.iter().collect();
    assert_eq!(distinct.len(), scopes.len());
}

#[test]
fn keys_are_never_printed() {
    let credentials = found(&by_yaml(KEYS), Kind::S3, Path::new("."), &[("KEY", "id"), ("SECRET", "s3cret")]).unwrap();
    assert!(!format!("{credentials:?}").contains("s3cret"));
    assert_eq!(format!("{:?}", Secret("s3cret".to_owned())), "Secret(..)");
}
