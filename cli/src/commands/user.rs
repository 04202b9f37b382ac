//! `user hash`: the hash of a password, for the file of users.
//!
//! Holds always: the password is asked for on a terminal without being shown, or read from a pipe; it is never an argument, which
//! other processes could read.
//!
//! Start reading at [`hash`].

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;

use meshweave_engine::identity::hash_password;

use crate::failure::{self, Outcome};
use crate::output::Output;

/// Longest line that is read, bytes.
const LONGEST: u64 = 4096;

/// Prints the hash of one password.
///
/// # Errors
/// A password that is empty or very long; two that differ.
pub(crate) fn hash(output: &Output) -> Outcome {
    let password = if std::io::stdin().is_terminal() { asked()? } else { piped()? };
    output.print(&format!("{}\n", hash_password(&password)?))
}

/// Asks twice, and shows nothing of it.
fn asked() -> Outcome<String> {
    let ask = |what: &str| {
        let answer = rpassword::prompt_password(what);
        answer.map_err(|error| failure::file(Path::new("the terminal"), "reading a password", error))
    };
    let password = ask("Password: ")?;
    if ask("Again: ")? != password {
        return Err(failure::unusable("the password", "the two are not the same", "Type the same password twice."));
    }
    Ok(password)
}

/// The first line, without its end.
fn piped() -> Outcome<String> {
    let mut line = String::new();
    let mut input = std::io::Read::take(std::io::stdin().lock(), LONGEST);
    let read = input.read_line(&mut line);
    read.map_err(|error| failure::file(Path::new("standard input"), "reading a password", error))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
