//! The certificate of the server, which can be exchanged while it runs.
//!
//! In: PEM texts. Out: what a connection is secured with. Holds always:
//! - a certificate that does not fit its key, or cannot be read, is refused, and the one before stays;
//! - what is exchanged is used by new connections; open ones go on with what they began with;
//! - the cryptography is chosen here, by name, and never by what else happens to be in the process.
//!
//! Start reading at [`Tls::new`].

use std::sync::Arc;

use meshweave_engine::{Failure, Result};
use parking_lot::RwLock;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// PEM texts, and where they came from.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem {
    /// The server's certificate, followed by those that vouch for it.
    pub certificate: (String, Vec<u8>),
    /// Its private key.
    pub key: (String, Vec<u8>),
    /// The certificates that vouch for clients; when given, a client needs a certificate.
    pub client_ca: Option<(String, Vec<u8>)>,
}

impl std::fmt::Debug for Pem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let client_ca = self.client_ca.as_ref().map(|(place, _)| place);
        f.debug_struct("Pem")
            .field("certificate", &self.certificate.0)
            .field("client_ca", &client_ca)
            .finish_non_exhaustive()
    }
}

/// What connections are secured with.
#[derive(Debug)]
pub struct Tls(RwLock<Arc<ServerConfig>>);

impl Tls {
    /// Takes a certificate, its key, and whom to trust.
    ///
    /// # Errors
    /// [`Failure::InvalidConfiguration`] with the place of the text that cannot be used.
    pub fn new(pem: &Pem) -> Result<Self> {
        Ok(Self(RwLock::new(config(pem)?)))
    }

    /// Takes others, for connections that are made from now on.
    ///
    /// # Errors
    /// As [`Self::new`]; what there was before stays.
    pub fn exchange(&self, pem: &Pem) -> Result<()> {
        let config = config(pem)?;
        *self.0.write() = config;
        Ok(())
    }

    /// What secures the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0.read()))
    }
}

fn config(pem: &Pem) -> Result<Arc<ServerConfig>> {
    let provider = Arc::new(ring::default_provider());
    let wrong = |place: &str, why: &dyn std::fmt::Display| invalid(place, format!("it cannot be used: {why}"));
    let (place, text) = &pem.certificate;
    let chain = certificates(place, text)?;
    let (key_place, key_text) = &pem.key;
    // The parser's own words may quote the text; a key is never quoted.
    let key = PrivateKeyDer::from_pem_slice(key_text)
        .map_err(|_| invalid(key_place, "it holds no private key".to_owned()))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(place, &error))?;
    let builder = match &pem.client_ca {
        None => builder.with_no_client_auth(),
        Some((place, text)) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(place, text)? {
                roots.add(certificate).map_err(|error| wrong(place, &error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| wrong(place, &error))?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| wrong(place, &error))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(place: &str, text: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let certificates = read.map_err(|error| invalid(place, format!("it cannot be read as PEM: {error}")))?;
    if certificates.is_empty() {
        return Err(invalid(place, "it holds no certificate".to_owned()));
    }
    Ok(certificates)
}

fn invalid(place: &str, message: String) -> meshweave_engine::Error {
    let hint = "The settings under `tls` name a certificate chain and its private key in PEM form.".to_owned();
    Failure::InvalidConfiguration { place: place.to_owned(), message, hint: Some(hint) }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem() -> Pem {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Pem {
            certificate: ("server.pem".to_owned(), made.cert.pem().into_bytes()),
            key: ("key.pem".to_owned(), made.signing_key.serialize_pem().into_bytes()),
            client_ca: None,
        }
    }

    fn check(pem: &Pem, place: &str, message: &str) {
        let refused = Tls::new(pem).unwrap_err().to_string();
        assert!(refused.starts_with(place) && refused.contains(message), "{refused}");
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_place() {
        let nothing = |place: &str| (place.to_owned(), b"nothing".to_vec());
        Tls::new(&pem()).unwrap();
        check(&Pem { certificate: nothing("server.pem"), ..pem() }, "server.pem", "holds no certificate");
        check(&Pem { key: nothing("key.pem"), ..pem() }, "key.pem", "holds no private key");
        check(&Pem { client_ca: Some(nothing("ca.pem")), ..pem() }, "ca.pem", "holds no certificate");
        check(&Pem { key: pem().key, ..pem() }, "server.pem", "cannot be used");
        let mut cut = pem();
        cut.certificate.1.truncate(100);
        check(&cut, "server.pem", "");
    }

    #[test]
    fn a_bad_exchange_changes_nothing() {
        let tls = Tls::new(&pem()).unwrap();
        let before = Arc::clone(&tls.0.read());
        tls.exchange(&Pem { key: pem().key, ..pem() }).unwrap_err();
        assert!(Arc::ptr_eq(&before, &tls.0.read()));
        tls.exchange(&pem()).unwrap();
        assert!(!Arc::ptr_eq(&before, &tls.0.read()));
    }

    #[test]
    fn a_key_is_never_printed() {
        let pem = pem();
        let key = String::from_utf8(pem.key.1.clone()).unwrap();
        assert!(!format!("{pem:?}").contains(key.lines().nth(1).unwrap()));
    }
}
