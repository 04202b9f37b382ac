//! A certificate from files: taken, exchanged at SIGHUP and by itself, refused when it is bad. The ADBC driver connects over it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow_flight::sql::client::FlightSqlServiceClient;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tonic::transport::{Certificate, Channel, ClientTlsConfig};

use crate::mesh::{path, shared};
use crate::meshweave;
use crate::server::{Client, Server, get, rows};

/// Somebody who vouches for certificates, and what was vouched for last.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes a certificate of this machine, and its key.
    fn write(&self, files: &Files) {
        let key = KeyPair::generate().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.0).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        fs::write(&files.certificate, certificate.pem()).unwrap();
    }
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn in_folder(folder: &Path) -> Self {
        Self { certificate: folder.join("server.pem"), key: folder.join("key.pem") }
    }

    fn serve(&self, reload: &str) -> Server {
        Server::start(&[
            ("MESHWEAVE_TLS__CERTIFICATE", path(&self.certificate)),
            ("MESHWEAVE_TLS__KEY", path(&self.key)),
            ("MESHWEAVE_TLS__RELOAD", reload),
        ])
    }
}

async fn connect(server: &Server, trusted: &Authority) -> Result<Client, tonic::transport::Error> {
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(trusted.0.pem())).domain_name("localhost");
    let channel = Channel::from_shared(format!("https://{}", server.flight())).unwrap().tls_config(tls)?;
    Ok(FlightSqlServiceClient::new(channel.connect().await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_exchanges_the_certificate_and_a_bad_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::in_folder(folder.path());
    let (old, new) = (Authority::new(), Authority::new());
    old.write(&files);
    let server = files.serve("1h");
    assert!(server.told("flight_sql").starts_with("grpc+tls://"));
    let mut before = connect(&server, &old).await.unwrap();
    assert_eq!(rows(&mut before, "SELECT 1").await.unwrap(), 1);

    fs::write(&files.certificate, "no certificate").unwrap();
    server.signal("HUP");
    let log = server.logged("the new certificate is refused").await;
    assert!(log.contains("ERROR") && log.contains(path(&files.certificate)), "{log}");
    connect(&server, &old).await.unwrap();

    new.write(&files);
    server.signal("HUP");
    server.logged("secured with the new certificate").await;
    let mut after = connect(&server, &new).await.unwrap();
    assert_eq!(rows(&mut after, "SELECT 1").await.unwrap(), 1);
    assert!(connect(&server, &old).await.is_err(), "new connections see the new certificate");
    assert_eq!(rows(&mut before, "SELECT 1").await.unwrap(), 1, "the open connection goes on");
    let (_, numbers) = get(server.told("metrics"));
    assert!(numbers.contains("meshweave_certificate_reloads_total{outcome=\"refused\"} 1\n"), "{numbers}");
    assert!(numbers.contains("meshweave_certificate_reloads_total{outcome=\"taken\"} 1\n"), "{numbers}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_change_are_noticed_without_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::in_folder(folder.path());
    let (old, new) = (Authority::new(), Authority::new());
    old.write(&files);
    let server = files.serve("100ms");
    connect(&server, &old).await.unwrap();
    new.write(&files);
    server.logged("secured with the new certificate").await;
    connect(&server, &new).await.unwrap();
}

#[test]
fn the_adbc_driver_connects_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::in_folder(folder.path());
    let authority = Authority::new();
    authority.write(&files);
    let trusted = folder.path().join("ca.pem");
    fs::write(&trusted, authority.0.pem()).unwrap();
    let server = files.serve("1h");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../flight-server/tests/python/adbc_tls.py");
    let python = meshweave_test_peers::python().unwrap();
    let ran = Command::new(python).args([script, server.told("flight_sql"), path(&trusted)]).output().unwrap();
    let text = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{text}\n{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(text, "ok: rows came over TLS\nok: a certificate that nobody trusted vouches for is refused\n");
}

#[test]
fn a_server_does_not_start_with_a_certificate_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::in_folder(folder.path());
    Authority::new().write(&files);
    let other = Files { certificate: folder.path().join("other.pem"), key: folder.path().join("other-key.pem") };
    Authority::new().write(&other);
    let serve = |key: &Path| {
        let args = ["--mesh", path(shared()), "serve", "--listen", "127.0.0.1:0"];
        meshweave::finish(
            meshweave::command(&args)
                .env("MESHWEAVE_TLS__CERTIFICATE", &files.certificate)
                .env("MESHWEAVE_TLS__KEY", key),
        )
    };
    let mixed = serve(&other.key);
    assert!(mixed.failed(2).contains("server.pem: it cannot be used"), "{}", mixed.stderr);
    let missing = serve(&folder.path().join("nothing.pem"));
    assert!(missing.stderr.contains("nothing.pem"), "{}", missing.stderr);
    assert_ne!(missing.code, Some(0));
}
