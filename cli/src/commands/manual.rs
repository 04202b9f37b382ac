//! What a package of the binary brings along: shell completions and the manual page, made from the definitions themselves.
//!
//! Start reading at [`page`].

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Cli;
use crate::failure::{self, Outcome};
use crate::output::Output;

/// Prints the completions of a shell.
pub(crate) fn completions(shell: Shell, output: &Output) -> Outcome {
    let mut command = Cli::command();
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, "meshweave", &mut text);
    output.print(&String::from_utf8_lossy(&text))
}

/// Prints the manual page: every command and option, in the form of `man`.
///
/// # Errors
/// None in practice: it is written into memory.
pub(crate) fn page(output: &Output) -> Outcome {
    let mut command = Cli::command();
    command.build();
    let mut text = Vec::new();
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    for command in std::iter::once(&command).chain(shown) {
        let written = clap_mangen::Man::new(command.clone()).render(&mut text);
        written.map_err(|error| failure::internal("writing the manual page", error))?;
    }
    output.print(&String::from_utf8_lossy(&text))
}
