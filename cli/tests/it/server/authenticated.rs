//! A server whose callers log in: from the hash of a password to a connection of another address, and out of the file again.

use std::fs;
use std::path::{Path, PathBuf};

use arrow_flight::error::FlightError;
use tonic::Code;

use crate::mesh::{on_shared, path, shared};
use crate::meshweave::{command, run, run_with_input};
use crate::server::{Client, Server, rows};

/// A file of one user whose password is the command's own hash of it.
fn users(folder: &Path, names: &[&str]) -> PathBuf {
    let hash = run_with_input(&["user", "hash"], "correct horse\n").ok();
    let mut text = "apiVersion: meshweave/v1\nkind: Users\nusers:\n".to_owned();
    for name in names {
        text.push_str(&format!("  - {{ name: {name}, password: \"{}\" }}\n", hash.trim()));
    }
    let file = folder.join("users.yaml");
    fs::write(&file, text).unwrap();
    file
}

async fn login(server: &Server, user: &str, password: &str) -> Result<Client, FlightError> {
    let mut client = server.client().await;
    client.handshake(user, password).await?;
    Ok(client)
}

#[test]
fn a_password_becomes_a_hash_and_is_not_shown() {
    let hash = run_with_input(&["user", "hash"], "correct horse\n").ok();
    assert!(hash.starts_with("$argon2id$v=19$") && hash.ends_with('\n') && !hash.contains("horse"), "{hash}");
    assert!(run_with_input(&["user", "hash"], "\n").failed(2).contains("a password has 1 to 1024 bytes"));
    run(&["user"]).failed(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_log_in_and_who_is_taken_out_is_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = users(folder.path(), &["ada"]);
    let server =
        Server::start(&[("MESHWEAVE_AUTHENTICATOR__USERS", path(&file)), ("MESHWEAVE_AUTHENTICATOR__RELOAD", "1h")]);
    assert!(rows(&mut server.client().await, "SELECT 1").await.is_err(), "nobody comes in");
    assert!(login(&server, "ada", "wrong").await.is_err());
    let mut ada = login(&server, "ada", "correct horse").await.unwrap();
    assert_eq!(rows(&mut ada, "SELECT 1").await.unwrap(), 1);
    ada.execute_update("CREATE TABLE mine AS SELECT 1 AS x".into(), None).await.unwrap();
    assert_eq!(rows(&mut ada, "SELECT * FROM temp.mine").await.unwrap(), 1);

    fs::write(&file, "apiVersion: meshweave/v1\nkind: Users\nusers: [ nobody").unwrap();
    server.signal("HUP");
    let log = server.logged("the new file of users is refused").await;
    assert!(log.contains("ERROR") && !log.contains("$argon2"), "{log}");
    assert_eq!(rows(&mut ada, "SELECT 1").await.unwrap(), 1, "the users before stay");

    users(folder.path(), &["bob"]);
    server.signal("HUP");
    server.logged("the file of users was taken again").await;
    let FlightError::Tonic(status) = rows(&mut ada, "SELECT 1").await.unwrap_err() else { panic!("not a status") };
    assert_eq!(status.code(), Code::Unauthenticated);
    login(&server, "bob", "correct horse").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn other_machines_are_served_with_a_login_and_encryption_or_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let file = users(folder.path(), &["ada"]);
    let settings = folder.path().join("meshweave.yaml");
    fs::write(&settings, "authenticator: { users: users.yaml }\n").unwrap();
    let serve = ["--settings", path(&settings), "serve", "--listen", "0.0.0.0:0"];
    let ran = on_shared(&serve);
    assert!(ran.failed(2).contains("connections are not encrypted"), "{}", ran.stderr);
    assert!(ran.stderr.contains("listen.plaintext"), "{}", ran.stderr);

    let variables = [("MESHWEAVE_AUTHENTICATOR__USERS", path(&file)), ("MESHWEAVE_LISTEN__PLAINTEXT", "true")];
    let args = ["--mesh", path(shared()), "serve", "--listen", "0.0.0.0:0", "--output", "json", "-v"];
    let server = Server::of(command(&args).envs(variables));
    assert!(server.flight().starts_with("0.0.0.0:"), "{}", server.flight());
    let mut ada = login(&server, "ada", "correct horse").await.unwrap();
    assert_eq!(rows(&mut ada, "SELECT 1").await.unwrap(), 1);
}

#[test]
fn a_file_of_users_that_cannot_be_used_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("meshweave.yaml");
    fs::write(&settings, "authenticator: { users: users.yaml }\n").unwrap();
    let serve = ["--settings", path(&settings), "serve", "--listen", "127.0.0.1:0"];
    assert!(on_shared(&serve).failed(2).contains("users.yaml"));
    let users = "apiVersion: meshweave/v1\nkind: Users\nusers: [ { name: ada, password: plain } ]\n";
    fs::write(folder.path().join("users.yaml"), users).unwrap();
    let ran = on_shared(&serve);
    assert!(ran.failed(2).contains("the password of ada is not an argon2 hash"), "{}", ran.stderr);
    assert!(ran.stderr.contains("meshweave user hash") && !ran.stderr.contains("plain\n"), "{}", ran.stderr);
}
