//! The `meshweave` command.
//!
//! In: what was typed, the mesh folder, the environment. Out: rows and texts on stdout, errors on stderr, an exit code.
//! Holds always:
//! - files and environment are read only in this crate; everything below is given values;
//! - two steps: as typed ([`args`]) becomes ready ([`session::Session`]) before any work begins;
//! - one failure is one message on stderr, and a pipe that was closed is not a failure.
//!
//! Start reading at [`run`]: it is the table of contents.

mod args;
mod commands;
mod config;
mod failure;
mod logs;
mod output;
mod session;
mod telemetry;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::task::JoinSet;

use crate::args::{Cli, Command};
use crate::failure::{Fault, Outcome};
use crate::output::Output;

/// Stack of each thread, bytes of address space; pages that are not touched cost nothing.
const STACK_BYTES: usize = 16 << 20;
/// How long a command that was interrupted may take to clean up.
const PATIENCE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    // Two libraries bring cryptography of their own; whoever asks for the usual one gets this. A second call finds the first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return failure::usage(&error),
    };
    // A server's settings say how it logs, and where its traces go: it starts both when it has read them.
    if !matches!(cli.command, Command::Serve(_)) {
        logs::start(&cli.global);
    }
    let output = Output::new(&cli.global);
    let outcome = start(cli, output);
    let code = failure::finish(outcome, &output);
    logs::end();
    code
}

/// Makes the runtime and drives the command on it, until it ends or Ctrl-C is pressed.
fn start(cli: Cli, output: Output) -> Outcome {
    // Plans of deep statements recurse; the default of 2 MiB per thread is too small for a debug build.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(|error| failure::internal("starting the runtime", error))?;
    let outcome = runtime.block_on(async {
        let outcome = interruptible(cli, output).await;
        session::close().await;
        outcome
    });
    // A thread may still sit in a system call that nothing can interrupt: a reader of stdin, a writer to a full pipe.
    runtime.shutdown_background();
    outcome
}

/// Runs the command; Ctrl-C drops it, which stops its work down to the storage requests.
///
/// The command has a thread of the pool: one that waits for a full pipe must not keep Ctrl-C from being heard.
async fn interruptible(cli: Cli, output: Output) -> Outcome {
    let hears_it_itself = match &cli.command {
        Command::Serve(_) | Command::Ingest(_) => true,
        Command::Sql(args) => commands::sql::is_a_session(args),
        _ => false,
    };
    let mut command = JoinSet::new();
    command.spawn(async move { run(cli, output).await });
    let ended = async |command: &mut JoinSet<Outcome>| match command.join_next().await {
        Some(Ok(outcome)) => outcome,
        Some(Err(error)) => Err(failure::internal("the command", error)),
        None => Ok(()),
    };
    if hears_it_itself {
        return ended(&mut command).await;
    }
    tokio::select! {
        outcome = ended(&mut command) => return outcome,
        Ok(()) = tokio::signal::ctrl_c() => {}
    }
    // Half-written files are removed as the command is dropped; a thread in a system call is not waited for.
    let _ = tokio::time::timeout(PATIENCE, command.shutdown()).await;
    Err(Fault::cancelled())
}

/// The commands.
async fn run(cli: Cli, output: Output) -> Outcome {
    let (global, output) = (&cli.global, &output);
    match cli.command {
        Command::Demo(args) => Box::pin(commands::demo::run(&args, global, output)).await,
        Command::Init(args) => commands::init::run(&args, output),
        Command::Check(args) => commands::check::run(&args, global, output),
        Command::Plan(args) => Box::pin(commands::plan::run(&args, global, output)).await,
        Command::Register(args) => Box::pin(commands::register::run(&args, global, output)).await,
        Command::Products(args) => Box::pin(commands::products::run(&args, global, output)).await,
        Command::Describe(args) => Box::pin(commands::describe::run(&args, global, output)).await,
        Command::Search(args) => Box::pin(commands::search::run(&args, global, output)).await,
        Command::Sql(args) => Box::pin(commands::sql::run(&args, global, output)).await,
        Command::Ingest(args) => Box::pin(commands::ingest::run(&args, global, output)).await,
        Command::Serve(args) => Box::pin(commands::serve::run(&args, global, output)).await,
        Command::User(args::User::Hash) => commands::user::hash(output),
        Command::Settings(asked) => commands::settings::run(global, &asked, output),
        Command::Completions { shell } => commands::manual::completions(shell, output),
        Command::Man => commands::manual::page(output),
    }
}
