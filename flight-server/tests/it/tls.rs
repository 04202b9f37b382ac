//! Secured connections: who may connect, and a certificate that is exchanged while the server runs.

use std::sync::Arc;
use std::time::Duration;

use arrow_flight::sql::client::FlightSqlServiceClient;
use meshweave_flight_server::{Options, Pem, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

use crate::small::{Client, Server, ada, rows};

/// Somebody who vouches for certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// The certificate and the key of `name`.
    fn vouch(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn server(&self) -> Pem {
        let (certificate, key) = self.vouch("localhost");
        Pem {
            certificate: ("server.pem".into(), certificate.into_bytes()),
            key: ("key.pem".into(), key.into_bytes()),
            client_ca: None,
        }
    }
}

async fn serve(pem: &Pem) -> (Server, Arc<Tls>) {
    let tls = Arc::new(Tls::new(pem).unwrap());
    let options = Options { tls: Some(Arc::clone(&tls)), ..Options::new(ada()) };
    (Server::with(options).await, tls)
}

/// Who trusts `authority`, and may show a certificate.
async fn connect(
    server: &Server,
    authority: &Authority,
    own: Option<(String, String)>,
) -> Result<Client, tonic::transport::Error> {
    let mut tls =
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem())).domain_name("localhost");
    if let Some((certificate, key)) = own {
        tls = tls.identity(Identity::from_pem(certificate, key));
    }
    let address = server.address.replace("http://", "https://");
    let channel = Channel::from_shared(address).unwrap().tls_config(tls)?.connect().await?;
    Ok(FlightSqlServiceClient::new(channel))
}

const ONE: &str = "SELECT count(*) FROM orders";

#[tokio::test]
async fn only_secured_connections_are_served() {
    let authority = Authority::new();
    let (server, _) = serve(&authority.server()).await;
    let mut client = connect(&server, &authority, None).await.unwrap();
    assert_eq!(rows(&mut client, ONE).await, "3");
    assert!(connect(&server, &Authority::new(), None).await.is_err(), "a client that trusts somebody else");
    // Without TLS the first bytes are no handshake: no call is answered.
    let plain = Channel::from_shared(server.address.clone()).unwrap().connect().await;
    let answered = match plain {
        Ok(channel) => FlightSqlServiceClient::new(channel).execute(ONE.into(), None).await.is_ok(),
        Err(_) => false,
    };
    assert!(!answered);
}

#[tokio::test]
async fn a_client_needs_a_certificate_where_one_is_asked_for() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let pem = Pem { client_ca: Some(("clients.pem".into(), clients.pem().into_bytes())), ..authority.server() };
    let (server, _) = serve(&pem).await;
    let mut known = connect(&server, &authority, Some(clients.vouch("ada"))).await.unwrap();
    assert_eq!(rows(&mut known, ONE).await, "3");
    for stranger in [None, Some(Authority::new().vouch("ada"))] {
        // With TLS 1.3 the refusal may come with the first call.
        let answered = match connect(&server, &authority, stranger).await {
            Ok(mut client) => client.execute(ONE.into(), None).await.is_ok(),
            Err(_) => false,
        };
        assert!(!answered);
    }
}

#[tokio::test]
async fn new_connections_see_the_new_certificate_and_open_ones_go_on() {
    let (old, new) = (Authority::new(), Authority::new());
    let (server, tls) = serve(&old.server()).await;
    let mut before = connect(&server, &old, None).await.unwrap();
    assert_eq!(rows(&mut before, ONE).await, "3");

    let bad = Pem { key: old.server().key, ..new.server() };
    tls.exchange(&bad).unwrap_err();
    connect(&server, &old, None).await.unwrap();

    tls.exchange(&new.server()).unwrap();
    let mut after = connect(&server, &new, None).await.unwrap();
    assert_eq!(rows(&mut after, ONE).await, "3");
    assert!(connect(&server, &old, None).await.is_err(), "new connections have the new certificate");
    assert_eq!(rows(&mut before, ONE).await, "3", "the open connection goes on");
}

#[tokio::test]
async fn one_that_says_nothing_is_given_up_and_keeps_nobody_waiting() {
    let authority = Authority::new();
    let tls = Arc::new(Tls::new(&authority.server()).unwrap());
    let options = Options { tls: Some(tls), handshake_timeout: Duration::from_secs(1), ..Options::new(ada()) };
    let door = Arc::clone(&options.door);
    let server = Server::with(options).await;
    let mut silent = TcpStream::connect(server.address.trim_start_matches("http://")).await.unwrap();
    // On a machine that is very busy the client may be too slow as well: it tries again.
    let mut client = loop {
        if let Ok(client) = connect(&server, &authority, None).await {
            break client;
        }
    };
    assert_eq!(rows(&mut client, ONE).await, "3");
    let mut byte = [0];
    assert!(matches!(silent.read(&mut byte).await, Ok(0) | Err(_)), "the silent connection is closed");
    while door.handshakes_failed.get() == 0 || door.connections.get() > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(rows(&mut client, ONE).await, "3", "the other connection goes on");
}
