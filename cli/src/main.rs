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

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};
use crate::failure::{Fault, Outcome};
use crate::output::Output;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return failure::usage(&error),
    };
    logs::start(&cli.global);
    let output = Output::new(&cli.global);
    let outcome = start(cli, &output);
    failure::finish(outcome, &output)
}

/// Makes the runtime and drives the command on it, until it ends or Ctrl-C is pressed.
fn start(cli: Cli, output: &Output) -> Outcome {
    // Plans of deep statements recurse; the default of 2 MiB per thread is too small for a debug build.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(16 << 20)
        .build()
        .map_err(|error| failure::internal("starting the runtime", error))?;
    let outcome = runtime.block_on(Box::pin(interruptible(cli, output)));
    // A reader of stdin may still sit in a system call that nothing can interrupt.
    runtime.shutdown_background();
    outcome
}

/// Runs the command; Ctrl-C drops it, which stops its work down to the storage requests.
async fn interruptible(cli: Cli, output: &Output) -> Outcome {
    if matches!(cli.command, Command::Serve(_)) {
        return run(cli, output).await;
    }
    tokio::select! {
        outcome = run(cli, output) => outcome,
        Ok(()) = tokio::signal::ctrl_c() => Err(Fault::cancelled()),
    }
}

/// The commands.
async fn run(cli: Cli, output: &Output) -> Outcome {
    let global = &cli.global;
    match cli.command {
        Command::Demo(args) => Box::pin(commands::demo::run(&args, global, output)).await,
        Command::Check(args) => commands::check::run(&args, global, output),
        Command::Register(args) => Box::pin(commands::register::run(&args, global, output)).await,
        Command::Products(args) => Box::pin(commands::products::run(&args, global, output)).await,
        Command::Describe(args) => Box::pin(commands::describe::run(&args, global, output)).await,
        Command::Sql(args) => Box::pin(commands::sql::run(&args, global, output)).await,
        Command::Serve(args) => Box::pin(commands::serve::run(&args, global, output)).await,
        Command::Settings => commands::settings::run(global, output),
    }
}
