//! What only a server needs: its addresses, its certificate, where its traces and logs go.
//!
//! Start reading at [`Listen`].

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ByteSize, Timeout};

/// The word that turns a listener off.
const OFF: &str = "off";

/// Addresses the server listens on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Flight SQL, `host:port`. Without an authenticator only a loopback address is allowed; with one, any other needs `tls` or `plaintext`.
    pub flight: String,
    /// Whether other machines may connect to Flight SQL without TLS: passwords and rows can then be read on their way. For servers
    /// behind something that encrypts.
    pub plaintext: bool,
    /// Whether contracts can be registered over Flight SQL, by those who may register them here (the domain's owner). It changes the
    /// catalog, and makes folders where contracts name places of their domain. `storage.document_size` bounds each contract.
    pub register: bool,
    /// `/health` and `/ready` over HTTP, `host:port`, or `off`. Default: 127.0.0.1:8080; any free port where Flight SQL takes any free port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// `/metrics` for Prometheus, `host:port`, or `off`. Default: 127.0.0.1:9090; any free port where Flight SQL takes any free port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<String>,
    /// Connections that `http` and `metrics` each hold at a time; more wait.
    pub http_connections: usize,
    /// Connections to Flight SQL that are being secured at a time; more wait.
    pub handshakes: usize,
    /// Time in which a connection to Flight SQL must be secured.
    pub handshake_timeout: Timeout,
    /// The environment's variable that holds the keys of tickets, 64 hexadecimal digits each, separated by commas: the first signs, all are
    /// taken. Servers with the same keys take each other's tickets. Default: a key of its own, made when the server starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket_keys_env: Option<String>,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            flight: "127.0.0.1:31337".to_owned(),
            plaintext: false,
            register: false,
            http: None,
            metrics: None,
            http_connections: 64,
            handshakes: 256,
            handshake_timeout: Timeout(Duration::from_secs(10)),
            ticket_keys_env: None,
        }
    }
}

impl Listen {
    /// Where HTTP listens, for a server whose Flight SQL listens on `flight`; none when it is off.
    pub fn http_address(&self, flight: &str) -> Option<String> {
        address(self.http.as_deref(), flight, "127.0.0.1:8080")
    }

    /// Where metrics listen, for a server whose Flight SQL listens on `flight`; none when they are off.
    pub fn metrics_address(&self, flight: &str) -> Option<String> {
        address(self.metrics.as_deref(), flight, "127.0.0.1:9090")
    }
}

fn address(told: Option<&str>, flight: &str, usual: &str) -> Option<String> {
    match told {
        Some(off) if off.eq_ignore_ascii_case(OFF) => None,
        Some(told) => Some(told.to_owned()),
        None if flight.ends_with(":0") => Some("127.0.0.1:0".to_owned()),
        None => Some(usual.to_owned()),
    }
}

/// Who may connect: a file of users with the argon2 hashes of their passwords. `meshweave user hash` makes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthenticatorSettings {
    /// The file; a relative one is relative to `meshweave.yaml`.
    pub users: PathBuf,
    /// How often the file is looked at (default 10s). A user who is taken out is refused from then on; SIGHUP looks at once.
    #[serde(default = "reload")]
    pub reload: Timeout,
    /// How long a login can be used (default 12h); then a client must connect again.
    #[serde(default = "login_lifetime")]
    pub login_lifetime: Timeout,
    /// Passwords that are hashed at a time (default 2); each takes some 20 MB and a core.
    #[serde(default = "concurrent_hashes")]
    pub concurrent_hashes: usize,
    /// Callers that may wait for that (default 64); one more is refused.
    #[serde(default = "waiting_hashes")]
    pub waiting_hashes: usize,
}

fn login_lifetime() -> Timeout {
    Timeout(Duration::from_secs(12 * 3600))
}

fn concurrent_hashes() -> usize {
    2
}

fn waiting_hashes() -> usize {
    64
}

/// What callers keep between two calls: options and temporary tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SessionSettings {
    /// Sessions that hold something at a time; one more is refused.
    pub limit: usize,
    /// Sessions of one principal that hold something at a time; one more is refused.
    pub per_principal: usize,
    /// After how much time without a call a session ends, and its temporary tables with it (`30m`).
    pub idle: Timeout,
    /// Memory that the temporary tables of one session may hold, bytes; it counts in `limits.memory` as well.
    pub temp_memory: ByteSize,
    /// Memory that the temporary tables of all sessions may hold together, bytes.
    pub temp_memory_of_all: ByteSize,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            limit: 10_000,
            per_principal: 1_000,
            idle: Timeout(Duration::from_secs(30 * 60)),
            temp_memory: ByteSize(256 << 20),
            temp_memory_of_all: ByteSize(1 << 30),
        }
    }
}

/// The certificate that secures Flight SQL; files in PEM form, relative ones to `meshweave.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// The server's certificate, followed by those that vouch for it.
    pub certificate: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
    /// The certificates that vouch for clients. When set, a client without a certificate that one of them signed is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
    /// How often the files are looked at (default 10s). New ones are used for new connections; SIGHUP looks at once.
    #[serde(default = "reload")]
    pub reload: Timeout,
}

fn reload() -> Timeout {
    Timeout(Duration::from_secs(10))
}

/// Where traces of queries go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetrySettings {
    /// The OpenTelemetry collector that takes traces over OTLP/gRPC, `http://host:4317`. Default: none, no traces are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<String>,
    /// The name of this service in traces.
    pub service_name: String,
    /// Which part of the traces that begin here is kept, from 0 to 1; a caller that brings its own trace decides for it.
    pub sample: f64,
    /// Spans that may wait for the collector; more are lost.
    pub queued_spans: usize,
    /// Time in which the collector must take what it is sent.
    pub timeout: Timeout,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            service_name: "meshweave".to_owned(),
            sample: 1.0,
            queued_spans: 8192,
            timeout: Timeout(Duration::from_secs(5)),
        }
    }
}

/// What a server logs, and how; `--log`, `-v` and `--log-format` win.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// The form of log lines: `text`, or `json` with one object per line. Default: text.
    #[schemars(with = "Option<String>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<LogForm>,
    /// What is logged: a level, or `target=level` pairs. Default: warnings and errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Lines that may wait while standard error is not read; further ones are lost and counted.
    pub queued_lines: usize,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: None, filter: None, queued_lines: 10_000 }
    }
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogForm {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(http: Option<&str>, flight: &str, expected: Option<&str>) {
        let listen = Listen { http: http.map(str::to_owned), metrics: http.map(str::to_owned), ..Listen::default() };
        assert_eq!(listen.http_address(flight).as_deref(), expected);
        let metrics = expected.map(|address| address.replace("8080", "9090"));
        assert_eq!(listen.metrics_address(flight), metrics);
    }

    #[test]
    fn listeners_are_usual_told_or_off() {
        check(None, "127.0.0.1:31337", Some("127.0.0.1:8080"));
        check(None, "127.0.0.1:0", Some("127.0.0.1:0"));
        check(Some("0.0.0.0:80"), "127.0.0.1:0", Some("0.0.0.0:80"));
        check(Some("off"), "127.0.0.1:31337", None);
        check(Some("OFF"), "127.0.0.1:0", None);
    }
}
