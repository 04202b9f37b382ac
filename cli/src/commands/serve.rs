//! `serve`: the mesh over Arrow Flight SQL, with health, metrics and traces beside it, until SIGTERM or Ctrl-C.
//!
//! Start reading at [`run`].

mod authenticator;
mod certificates;
mod keys;
mod listeners;
mod probe;
mod signals;
mod supervisor;
mod threads;

use std::sync::Arc;

use meshweave_engine::settings::Settings;
use meshweave_flight_server::{Options, SessionLimits};
use meshweave_portal::Limits;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::authenticator::Known;
use self::certificates::Certificates;
use self::listeners::Listeners;
use self::signals::Signals;
use self::threads::Threads;
use crate::args::{Global, Serve};
use crate::failure::Outcome;
use crate::output::Output;
use crate::session::{self, Session};
use crate::{config, logs, telemetry};

/// Opens the mesh, listens, tells how to connect, and serves until it is asked to stop.
///
/// # Errors
/// No mesh; an address that is taken or not allowed; a certificate that cannot be used.
pub(crate) async fn run(args: &Serve, global: &Global, output: &Output) -> Outcome {
    let mesh = session::absolute(&session::find_mesh(global)?)?;
    let settings = config::load(global, Some(&mesh))?;
    if args.health {
        return probe::run(args, &settings, output).await;
    }
    let traces = telemetry::start(&settings.telemetry)?;
    let limit = settings.telemetry.timeout.0;
    logs::start_server(global, &settings.logs, traces.as_ref().map(telemetry::Telemetry::listener))?;
    let is_traced = traces.is_some();
    let served = Box::pin(async {
        let session = Session::open_with(global, mesh, settings).await?;
        serve(args, &session, is_traced, output).await
    })
    .await;
    if let Some(traces) = traces {
        traces.end(limit).await;
    }
    served
}

/// Serves an open mesh.
async fn serve(args: &Serve, session: &Session, is_traced: bool, output: &Output) -> Outcome {
    let settings = session.engine.settings().clone();
    if let Some(lost) = logs::lost() {
        // Set once: a process opens one mesh.
        let _ = session.engine.metrics().log_lines_lost.set(lost);
    }
    let mut certificates = settings.tls.clone().map(Certificates::read).transpose()?;
    let mut known = settings.authenticator.clone().map(Known::read).transpose()?;
    let listeners = Listeners::bind(args, &settings.listen).await?;
    // From here on a signal stops the server; before it, it ends the process.
    let mut signals = Signals::new()?;
    let (mut hangups, mut looks) = (signals::hangups()?, signals::hangups()?);
    let mut options = options(session, &settings, is_traced);
    if let Some(known) = &known {
        options.authenticator = known.authenticator();
        options.login_lifetime = known.login_lifetime();
    }
    options.ticket_keys = keys::ticket_keys(&settings)?;
    let threads = Threads::start()?;
    options.work = threads.handle();
    options.tls = certificates.as_ref().map(Certificates::tls);
    let (stop, hurry, door) = (CancellationToken::new(), options.hurry.clone(), Arc::clone(&options.door));

    meshweave_flight_server::check_address(listeners.flight(), &options)?;
    listeners.tell(session, certificates.is_some(), known.is_some(), output)?;
    let limits =
        Limits { connections: settings.listen.http_connections, patience: settings.listen.handshake_timeout.0 };
    let beside = CancellationToken::new();
    let (flight, mut portal) = listeners.open_portal(&session.engine, limits, &beside);
    supervisor::tell("READY=1");
    let engine = Arc::clone(&session.engine);
    let ctx = session.context();
    let served = tokio::select! {
        served = meshweave_flight_server::serve(Arc::clone(&session.engine), flight, options, stop.cancelled()) => served,
        () = engine.keep_current(&ctx) => Ok(()),
        () = certificates::keep(certificates.as_mut(), &mut hangups, &door) => Ok(()),
        () = authenticator::keep(known.as_mut(), &mut looks) => Ok(()),
        () = signals.obey(&stop, &hurry) => Ok(()),
    };
    beside.cancel();
    finish(&mut portal).await;
    served?;
    output.note("stopped");
    Ok(())
}

fn options(session: &Session, settings: &Settings, is_traced: bool) -> Options {
    let mut options = Options::new(session.principal.clone());
    options.plaintext = settings.listen.plaintext;
    let largest = usize::try_from(settings.storage.document_size.0).unwrap_or(usize::MAX);
    options.register = settings.listen.register.then_some(largest);
    options.sessions = SessionLimits {
        sessions: settings.sessions.limit,
        per_principal: settings.sessions.per_principal,
        idle: settings.sessions.idle.0,
    };
    options.plans_ahead = settings.limits.plans_ahead;
    options.handshakes = settings.listen.handshakes;
    options.handshake_timeout = settings.listen.handshake_timeout.0;
    options.drain = settings.limits.drain_timeout.0;
    options.door = Arc::clone(&session.engine.metrics().door);
    options.trace = is_traced.then_some(telemetry::follow);
    options
}

/// Waits for requests that are being answered; what hangs is dropped.
async fn finish(portal: &mut JoinSet<()>) {
    let ended = async { while portal.join_next().await.is_some() {} };
    if tokio::time::timeout(crate::PATIENCE, ended).await.is_err() {
        portal.shutdown().await;
    }
}
