//! The file of users: read at the start, looked at again and again, exchanged when it changes.
//!
//! Holds always: a file that cannot be used is an error in the log, once, and the users before stay.
//!
//! Start reading at [`keep`].

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use meshweave_engine::identity::{Authenticator, StaticUsers, Users};
use meshweave_engine::settings::AuthenticatorSettings;
use tokio::signal::unix::Signal;
use tracing::{error, info};

use crate::failure::{self, Fault, Outcome};

/// Shortest pause between two looks.
const SHORTEST: Duration = Duration::from_millis(100);
/// No file of users is larger, bytes.
const LARGEST: u64 = 16 << 20;

/// The users, and the file they came from.
#[derive(Debug)]
pub(super) struct Known {
    settings: AuthenticatorSettings,
    users: Arc<StaticUsers>,
    /// What was found at the last look, whether it could be used or not.
    seen: Result<Users, String>,
}

impl Known {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// A file that cannot be read or used.
    pub(super) fn read(settings: AuthenticatorSettings) -> Outcome<Self> {
        let found = read(&settings.users)?;
        let users = StaticUsers::new(found.clone(), settings.concurrent_hashes, settings.waiting_hashes);
        Ok(Self { settings, users: Arc::new(users), seen: Ok(found) })
    }

    /// What tells callers apart.
    pub(super) fn authenticator(&self) -> Arc<dyn Authenticator> {
        Arc::clone(&self.users) as Arc<dyn Authenticator>
    }

    /// How long a login can be used.
    pub(super) fn login_lifetime(&self) -> Duration {
        self.settings.login_lifetime.0
    }

    /// Looks at the file, and takes it when it is another than the last time.
    async fn look(&mut self) {
        let path = self.settings.users.clone();
        let found = match tokio::task::spawn_blocking(move || read(&path)).await {
            Ok(read) => read.map_err(|fault| told(&fault)),
            Err(stopped) => Err(stopped.to_string()),
        };
        if found == self.seen {
            return;
        }
        match &found {
            Ok(users) => {
                info!(users = users.count(), "the file of users was taken again");
                self.users.exchange(users.clone());
            }
            Err(why) => error!(error = why, "the new file of users is refused, the one before stays"),
        }
        self.seen = found;
    }
}

/// Keeps the users current: looks at their file now and then, and at SIGHUP. Never ends.
pub(super) async fn keep(known: Option<&mut Known>, hangups: &mut Signal) {
    let Some(known) = known else { return std::future::pending().await };
    let pause = known.settings.reload.0.max(SHORTEST);
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = hangups.recv() => info!("looking at the file of users"),
        }
        known.look().await;
    }
}

fn read(path: &Path) -> Outcome<Users> {
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_string(&mut text));
    read.map_err(|error| failure::file(path, "reading the users", error))?;
    Ok(Users::read(&text, &path.display().to_string())?)
}

fn told(fault: &Fault) -> String {
    match fault {
        Fault::Failed { error, .. } => error.report(),
        Fault::BrokenPipe | Fault::Reported(_) => "the file cannot be read".to_owned(),
    }
}
