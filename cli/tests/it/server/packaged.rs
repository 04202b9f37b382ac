//! What is packaged runs: the systemd unit and the container file, their words and variables given to the real binary.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use crate::mesh::{path, shared};
use crate::meshweave;
use crate::server::{Server, get, rows};

fn packaged(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)).unwrap()
}

/// The values of a key of the unit.
fn unit<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

/// The variables, their folders laid into `folder`; ports that are told become any that are free.
fn variables(words: Vec<&str>, folder: &Path) -> Vec<(String, String)> {
    let place = |value: &str| {
        ["%S", "%C", "/var/lib", "/var/cache"].iter().fold(value.to_owned(), |v, p| v.replace(p, path(folder)))
    };
    words
        .into_iter()
        .map(|word| {
            let (name, value) = word.split_once('=').unwrap();
            let value = if name.contains("LISTEN") { "0.0.0.0:0".to_owned() } else { place(value) };
            (name.to_owned(), value)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_unit_starts_a_server_that_tells_systemd_and_is_stopped_in_time() {
    let text = packaged("packaging/meshweave.service");
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("meshweave")).unwrap();
    let settings = folder.path().join("meshweave.yaml");
    fs::write(&settings, "listen: { flight: \"127.0.0.1:0\" }\n").unwrap();
    let [start] = unit(&text, "ExecStart")[..] else { panic!("one command") };
    let words: Vec<String> = start
        .split(' ')
        .skip(1)
        .map(|word| match word {
            "/etc/meshweave/mesh" => path(shared()).to_owned(),
            "/etc/meshweave/meshweave.yaml" => path(&settings).to_owned(),
            other => other.to_owned(),
        })
        .collect();
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    words.extend(["--output", "json"]);
    let socket = folder.path().join("notify");
    let supervisor = UnixDatagram::bind(&socket).unwrap();
    let mut command = meshweave::command(&words);
    command.envs(variables(unit(&text, "Environment"), folder.path())).env("NOTIFY_SOCKET", &socket);
    let server = Server::of(&mut command);
    let mut told = [0; 64];
    let length = supervisor.recv(&mut told).unwrap();
    assert_eq!((unit(&text, "Type"), &told[..length]), (vec!["notify"], &b"READY=1"[..]));
    assert_eq!(rows(&mut server.client().await, "SELECT 1").await.unwrap(), 1);
    server.signal("TERM");
    let (status, log) = server.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(folder.path().join("meshweave/state.db").is_file());

    let stop: u64 = unit(&text, "TimeoutStopSec")[0].trim_end_matches('s').parse().unwrap();
    let ran = meshweave::run(&["--mesh", path(shared()), "settings", "--output", "json"]).json();
    let drain = ran.as_array().unwrap().iter().find(|s| s["name"] == "limits.drain_timeout").unwrap();
    let drain: u64 = drain["value"].as_str().unwrap().trim_end_matches('s').parse().unwrap();
    assert!(stop >= drain + 15, "systemd waits {stop} s, a drain takes {drain} s and its end a little more");
}

#[test]
fn the_container_file_starts_a_server_and_its_health_check_finds_it() {
    let text = packaged("Containerfile").replace("\\\n", " ");
    let line = |key: &str| text.lines().filter_map(|line| line.strip_prefix(key)).next_back().unwrap().trim();
    let list = |words: &str| -> Vec<String> { serde_json::from_str(words).unwrap() };
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("meshweave")).unwrap();
    let mut env = variables(line("ENV ").split_whitespace().collect(), folder.path());
    env.retain(|(name, _)| name != "MESHWEAVE_MESH");
    env.push(("MESHWEAVE_MESH".to_owned(), path(shared()).to_owned()));
    env.push(("MESHWEAVE_LISTEN__FLIGHT".to_owned(), "127.0.0.1:0".to_owned()));
    let run = |words: &[String]| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command: Command = meshweave::command(&words);
        command.envs(env.iter().cloned());
        command
    };
    assert_eq!(list(line("ENTRYPOINT ")), ["meshweave"]);
    let mut words = list(line("CMD "));
    words.extend(["--output".to_owned(), "json".to_owned()]);
    let server = Server::of(&mut run(&words));
    let http = server.told("http").replace("0.0.0.0", "127.0.0.1");
    assert_eq!(get(&format!("{http}/ready")).0, "HTTP/1.1 200 OK");
    let (_, check) = line("HEALTHCHECK ").split_once("CMD ").unwrap();
    let check = list(check);
    assert_eq!(check[0], "meshweave");
    let port = http.rsplit_once(':').unwrap().1;
    let mut probe = run(&check[1..]);
    probe.env("MESHWEAVE_LISTEN__HTTP", format!("0.0.0.0:{port}"));
    meshweave::finish(&mut probe).ok();
    assert!(!line("USER ").starts_with('0') && line("USER ") != "root");
}
