//! Hears of changes of the catalog as they happen, on a connection of its own.
//!
//! Holds always:
//! - whoever waits is also woken when the listening begins and when it breaks off: what was missed meanwhile is found by looking;
//! - a connection that is lost is made again; one on which nothing was heard for a while is tried;
//! - it ends with the store.
//!
//! Start reading at [`Listener::start`].

use std::sync::Arc;
use std::time::Duration;

use datafusion::common::runtime::SpawnedTask;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::CHANNEL;
use crate::error::Result;
use crate::postgres::Server;

/// How long nothing is heard before the connection is tried.
const SILENCE: Duration = Duration::from_secs(30);
/// Time between two connections.
const PAUSE: Duration = Duration::from_secs(1);

/// The task that listens; dropping it ends it.
#[derive(Debug)]
pub(super) struct Listener {
    heard: Arc<Notify>,
    _task: SpawnedTask<()>,
}

impl Listener {
    /// Starts listening, on the runtime of the caller.
    pub(super) fn start(server: Server) -> Self {
        let heard = Arc::new(Notify::new());
        let task = SpawnedTask::spawn(listen(server, Arc::clone(&heard)));
        Self { heard, _task: task }
    }

    /// Waits until something may have changed; what was heard while nobody waited counts once. For one waiter.
    pub(super) async fn heard(&self) {
        self.heard.notified().await;
    }
}

async fn listen(server: Server, heard: Arc<Notify>) {
    let mut told = false;
    loop {
        let mut listened = false;
        if let Err(error) = hear(&server, &heard, &mut listened).await {
            match told && !listened {
                false => {
                    warn!(error = %error.report(), "changes of the catalog are not heard now, it is looked at in turns")
                }
                true => debug!(error = %error.report(), "changes of the catalog are still not heard"),
            }
            told = true;
        }
        if listened {
            heard.notify_one();
        }
        sleep(PAUSE).await;
    }
}

/// Listens until the connection is lost.
async fn hear(server: &Server, heard: &Notify, listened: &mut bool) -> Result<()> {
    // A pool of its own each time: a connection that hangs keeps its place until the system gives it up.
    let pool = server.pool(1);
    let mut listener = server
        .within(async {
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.eager_reconnect(false);
            listener.listen(CHANNEL).await?;
            Ok(listener)
        })
        .await?;
    *listened = true;
    heard.notify_one();
    loop {
        match timeout(SILENCE, listener.try_recv()).await {
            Ok(message) => match server.within(std::future::ready(message)).await? {
                Some(_) => heard.notify_one(),
                None => return Ok(()),
            },
            Err(_) => {
                server.within(sqlx::query("SELECT 1").execute(&mut listener)).await?;
            }
        }
    }
}
