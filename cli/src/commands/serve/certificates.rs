//! The files of the server's certificate: read at the start, looked at again and again, exchanged when they change.
//!
//! Holds always: files that cannot be used are an error in the log, once, and the certificate before stays.
//!
//! Start reading at [`keep`].

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use meshweave_engine::metrics::DoorMetrics;
use meshweave_engine::settings::TlsSettings;
use meshweave_flight_server::{Pem, Tls};
use tokio::signal::unix::Signal;
use tracing::{error, info};

use crate::failure::{self, Fault, Outcome};

/// Shortest pause between two looks.
const SHORTEST: Duration = Duration::from_millis(100);
/// No certificate file is larger, bytes.
const LARGEST: u64 = 4 << 20;

/// A certificate and the files it came from.
#[derive(Debug)]
pub(super) struct Certificates {
    files: TlsSettings,
    tls: Arc<Tls>,
    /// What was found at the last look, whether it could be used or not.
    seen: Found,
}

/// The files' texts, or why they cannot be read.
type Found = Result<Pem, String>;

impl Certificates {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// Files that cannot be read or used.
    pub(super) fn read(files: TlsSettings) -> Outcome<Self> {
        let pem = read(&files)?;
        let tls = Arc::new(Tls::new(&pem)?);
        Ok(Self { files, tls, seen: Ok(pem) })
    }

    /// What connections are secured with.
    pub(super) fn tls(&self) -> Arc<Tls> {
        Arc::clone(&self.tls)
    }

    /// Looks at the files, and takes them when they are others than the last time.
    async fn look(&mut self, door: &DoorMetrics) {
        let files = self.files.clone();
        let found = match tokio::task::spawn_blocking(move || read(&files)).await {
            Ok(read) => read.map_err(|fault| told(&fault)),
            Err(stopped) => Err(stopped.to_string()),
        };
        if found == self.seen {
            return;
        }
        let taken = match &found {
            Ok(pem) => self.tls.exchange(pem).map_err(|error| error.report()),
            Err(why) => Err(why.clone()),
        };
        match taken {
            Ok(()) => {
                door.certificates_taken.add(1);
                info!("new connections are secured with the new certificate");
            }
            Err(why) => {
                door.certificates_refused.add(1);
                error!(error = why, "the new certificate is refused, the one before stays");
            }
        }
        self.seen = found;
    }
}

/// Keeps the certificate current: looks at its files now and then, and at SIGHUP. Never ends.
pub(super) async fn keep(certificates: Option<&mut Certificates>, hangups: &mut Signal, door: &DoorMetrics) {
    let Some(certificates) = certificates else {
        while hangups.recv().await.is_some() {
            info!("nothing to load again: there is no certificate");
        }
        return std::future::pending().await;
    };
    let pause = certificates.files.reload.0.max(SHORTEST);
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = hangups.recv() => info!("looking at the certificate"),
        }
        certificates.look(door).await;
    }
}

fn read(files: &TlsSettings) -> Outcome<Pem> {
    let text = |path: &Path| -> Outcome<(String, Vec<u8>)> {
        let mut text = Vec::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut text));
        read.map_err(|error| failure::file(path, "reading a certificate", error))?;
        Ok((path.display().to_string(), text))
    };
    Ok(Pem {
        certificate: text(&files.certificate)?,
        key: text(&files.key)?,
        client_ca: files.client_ca.as_deref().map(text).transpose()?,
    })
}

fn told(fault: &Fault) -> String {
    match fault {
        Fault::Failed { error, .. } => error.report(),
        Fault::BrokenPipe | Fault::Reported(_) => "the files cannot be read".to_owned(),
    }
}
