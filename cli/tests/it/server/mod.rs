//! `serve` as a platform team runs it: watched, secured, traced, and stopped in order. The real binary, real signals, real clients.
//!
//! Start reading at [`Server`].

mod authenticated;
mod drain;
mod killed;
mod packaged;
mod tls;
mod traces;
mod watched;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::{FlightInfo, Ticket};
use futures::TryStreamExt as _;
use parking_lot::Mutex;
use serde_json::Value;
use tonic::transport::Channel;

use crate::mesh::{path, shared};
use crate::meshweave::command;

pub(crate) type Client = FlightSqlServiceClient<Channel>;

/// A running server of the shared mesh; it is killed by its pid when it is dropped before it ended.
pub(crate) struct Server {
    child: Child,
    /// What it told when it was ready.
    told: Value,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts it with these settings on top, and waits until it listens. It logs what changes.
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        Self::of(&mut Self::command(variables))
    }

    /// The command that starts it.
    pub(crate) fn command(variables: &[(&str, &str)]) -> Command {
        let args = ["--mesh", path(shared()), "serve", "--listen", "127.0.0.1:0", "--output", "json", "-v"];
        let mut command = command(&args);
        command.envs(variables.iter().copied());
        command
    }

    pub(crate) fn of(command: &mut Command) -> Self {
        let mut server = Self { child: command.spawn().unwrap(), told: Value::Null, log: Arc::default(), reader: None };
        server.read_log();
        server.listen();
        server
    }

    /// The same, with a log that nobody reads.
    pub(crate) fn unread(command: &mut Command) -> Self {
        let mut server = Self { child: command.spawn().unwrap(), told: Value::Null, log: Arc::default(), reader: None };
        server.listen();
        server
    }

    /// Reads the log from now on.
    pub(crate) fn read_log(&mut self) {
        let mut stderr = self.child.stderr.take().unwrap();
        let kept = Arc::clone(&self.log);
        self.reader = Some(std::thread::spawn(move || {
            let mut some = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut some) {
                kept.lock().push_str(&String::from_utf8_lossy(&some[..length]));
            }
        }));
    }

    /// Waits until it says where it listens.
    fn listen(&mut self) {
        let mut line = String::new();
        BufReader::new(self.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.told = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}\n{}", self.log.lock()));
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// What it told under this name.
    pub(crate) fn told(&self, name: &str) -> &str {
        self.told[name].as_str().unwrap_or_else(|| panic!("{name}: {}", self.told))
    }

    /// Where Flight SQL is, `host:port`.
    pub(crate) fn flight(&self) -> &str {
        self.told("flight_sql").split_once("://").unwrap().1
    }

    /// A client over a plain connection.
    pub(crate) async fn client(&self) -> Client {
        let channel = Channel::from_shared(format!("http://{}", self.flight())).unwrap().connect().await.unwrap();
        FlightSqlServiceClient::new(channel)
    }

    /// Sends a signal: `TERM`, `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until the log holds this text, and gives the log.
    pub(crate) async fn logged(&self, text: &str) -> String {
        loop {
            let log = self.log.lock().clone();
            if log.contains(text) {
                return log;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for its end, and gives all that it logged.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        (status, self.log.lock().clone())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The only ticket of an answer.
pub(crate) fn ticket(info: &FlightInfo) -> Ticket {
    info.endpoint[0].ticket.clone().unwrap()
}

/// The rows of a statement.
pub(crate) async fn rows(client: &mut Client, sql: &str) -> Result<usize, FlightError> {
    let info = client.execute(sql.to_owned(), None).await?;
    let batches: Vec<RecordBatch> = client.do_get(ticket(&info)).await?.try_collect().await?;
    Ok(batches.iter().map(RecordBatch::num_rows).sum())
}

/// A GET request over HTTP: the status line and the body.
pub(crate) fn get(url: &str) -> (String, String) {
    use std::io::Write as _;
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut socket = std::net::TcpStream::connect(host).unwrap();
    write!(socket, "GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}
