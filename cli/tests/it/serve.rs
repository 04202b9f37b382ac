//! `serve`: it tells where it listens, answers there, and stops when it is asked to.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;
use std::process::Command;

use crate::mesh::{on_shared, path, shared};
use crate::meshweave::command;

#[test]
fn it_listens_tells_where_and_stops_gracefully() {
    for signal in ["-TERM", "-INT"] {
        let args = ["--mesh", path(shared()), "serve", "--listen", "127.0.0.1:0", "--output", "json"];
        let mut child = command(&args).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        let address = told["flight_sql"].as_str().unwrap().strip_prefix("grpc://").unwrap().to_owned();
        TcpStream::connect(&address).unwrap();
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let status = child.wait().unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(status.code(), Some(0), "{signal}: {stderr}");
        assert!(stderr.contains("stopped"), "{stderr}");
    }
}

#[test]
fn an_address_that_is_taken_or_open_to_others_is_refused() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = on_shared(&["serve", "--listen", &address]);
    assert!(ran.failed(2).contains("--listen"), "{}", ran.stderr);
    let ran = on_shared(&["serve", "--listen", "0.0.0.0:0"]);
    assert!(ran.failed(2).contains("authenticator"), "{}", ran.stderr);
    assert_eq!(ran.text(), "", "nothing is told of a server that does not serve");
}
