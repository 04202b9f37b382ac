//! What can be typed: the commands and their options, exactly as clap reads them.
//!
//! Holds always: nothing here touches a file; [`crate::session`] turns it into ready objects.
//!
//! Start reading at [`Command`].

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use meshweave_engine::Principal;

/// Query data products by name, across the domains of a data mesh.
#[derive(Debug, Parser)]
#[command(name = "meshweave", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Start with `meshweave demo`: it makes a small mesh and joins products of three domains.\n\
    Exit codes: 0 ok, 1 internal, 2 usage or configuration, 3 invalid contract, 4 denied, 5 breaking change, 6 a promise is not kept, \
    7 not found, 8 unavailable or timed out, 9 a limit, 130 cancelled.")]
pub(crate) struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// The mesh folder, or `s3://bucket/prefix/`. Default: the current folder or its nearest parent that holds mesh.yaml
    #[arg(long, global = true, env = "MESHWEAVE_MESH", value_name = "PATH")]
    pub(crate) mesh: Option<PathBuf>,
    /// Who asks, for embedded use. Default: `principal` of meshweave.yaml, else the user of the operating system
    #[arg(long = "as", global = true, value_name = "USER@TEAM,TEAM", value_parser = Principal::parse)]
    pub(crate) principal: Option<Principal>,
    /// How to write the answer. Default: by the ending of --out, else table
    #[arg(long, short = 'o', global = true, value_name = "FORMAT")]
    pub(crate) output: Option<Format>,
    /// The settings of this process. Default: meshweave.yaml in the mesh folder, when there is one
    #[arg(long = "settings", global = true, env = "MESHWEAVE_SETTINGS", value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// A folder outside the mesh that products may lie in; can be given several times
    #[arg(long = "allow-local", global = true, value_name = "DIR")]
    pub(crate) allow_local: Vec<PathBuf>,
    /// Write nothing but the answer and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Log to stderr: -v what changes, -vv every step, -vvv everything
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// What to log, as `target=level` pairs; wins over -v
    #[arg(long, global = true, env = "MESHWEAVE_LOG", value_name = "FILTER", hide_env_values = true)]
    pub(crate) log: Option<String>,
    /// The form of log lines. Default: `logs.format` of meshweave.yaml for a server, else text
    #[arg(long, global = true, env = "MESHWEAVE_LOG_FORMAT", value_name = "FORM")]
    pub(crate) log_format: Option<LogFormat>,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, for people.
    Table,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON array of objects.
    Json,
    /// One JSON object per line.
    #[value(alias = "jsonl")]
    Ndjson,
    /// Apache Parquet.
    Parquet,
    /// Arrow IPC: the file format into a file, the stream format into a pipe.
    #[value(alias = "feather")]
    Arrow,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a small mesh, join products of three domains, and show what was pushed down
    Demo(Demo),
    /// Make a mesh folder with a first product, and the CI that guards its contract
    Init(Init),
    /// Validate contract files without touching storage
    Check(Check),
    /// Show what registering would do, what changes for consumers, and whom it would break
    Plan(Plan),
    /// Register product versions: storage prefix, schema, catalog record
    Register(Register),
    /// List the data products you may find
    Products(Products),
    /// Tell everything a product's contract says
    Describe(Describe),
    /// Find products by words in their names, tags, columns and descriptions
    Search(Search),
    /// Run SQL over data products: one statement, or a session on a terminal
    Sql(Sql),
    /// Add the rows of a file to a product whose contract takes them: all of them, or none
    Ingest(Ingest),
    /// Serve the mesh over Arrow Flight SQL, with health and metrics over HTTP
    Serve(Serve),
    /// Make what the file of users needs: `meshweave user hash` turns a password into its hash
    #[command(subcommand)]
    User(User),
    /// Show every setting of meshweave.yaml: its value here, and what it means
    Settings(SettingsPage),
    /// Print the completions of a shell: `meshweave completions bash > /etc/bash_completion.d/meshweave`
    Completions {
        /// Which shell
        #[arg(value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
    /// Print the manual page, for `man -l`
    #[command(hide = true)]
    Man,
}

/// `meshweave user`
#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Print the argon2 hash of a password: typed on the terminal, or the first line of a pipe
    Hash,
}

/// `meshweave settings`
#[derive(Debug, Args)]
pub(crate) struct SettingsPage {
    /// Write the reference page of every setting as Markdown, without the values of this process
    #[arg(long)]
    pub(crate) markdown: bool,
}

/// `meshweave demo`
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where the demo's mesh is made, and found again the next time
    #[arg(long, value_name = "DIR", default_value = "meshweave-demo")]
    pub(crate) dir: PathBuf,
    /// Scale factor of the TPC-H products: 1 is about 1 GB of raw data. Default: 0.01, or what the folder was made with
    #[arg(long, value_name = "SF", value_parser = scale)]
    pub(crate) tpch: Option<f64>,
}

/// `meshweave init`
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The mesh folder; what is there already stays
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// The domain
    #[arg(long, value_name = "NAME", default_value = "shop")]
    pub(crate) domain: String,
    /// Its first product
    #[arg(long, value_name = "NAME", default_value = "orders")]
    pub(crate) product: String,
    /// The team that owns it. Default: the domain's name and `-team`
    #[arg(long, value_name = "NAME")]
    pub(crate) team: Option<String>,
}

/// `meshweave check`
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Contract files, or folders of them. Default: the mesh's `domains` folder
    #[arg(value_name = "FILE|DIR")]
    pub(crate) paths: Vec<PathBuf>,
}

/// `meshweave plan`
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Contract files, or folders of them
    #[arg(value_name = "FILE|DIR", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Where the product lies, when its contract does not say
    #[arg(long, value_name = "URL")]
    pub(crate) storage: Option<String>,
}

/// `meshweave register`
#[derive(Debug, Args)]
pub(crate) struct Register {
    /// A contract file
    #[arg(long = "config", value_name = "FILE")]
    pub(crate) config: Vec<PathBuf>,
    /// Contract files, or folders of them
    #[arg(value_name = "FILE|DIR", required_unless_present = "config")]
    pub(crate) paths: Vec<PathBuf>,
    /// Where the product lies, when its contract does not say
    #[arg(long, value_name = "URL")]
    pub(crate) storage: Option<String>,
    /// Only tell what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `meshweave products`
#[derive(Debug, Args)]
pub(crate) struct Products {
    /// Only the products of one domain
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) domain: Option<String>,
}

/// `meshweave search`
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Every word must be found; one of four letters or more may be mistyped
    #[arg(value_name = "WORD", required = true)]
    pub(crate) words: Vec<String>,
    /// Products that are shown at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
}

/// `meshweave describe`
#[derive(Debug, Args)]
pub(crate) struct Describe {
    /// `domain.product`, `domain.product@2` or `domain.product@2.1.0`
    #[arg(value_name = "PRODUCT[@VERSION]")]
    pub(crate) product: String,
    /// The version, when the product's name does not say: `2`, `2.1` or `2.1.0`
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// Print the contract's original text, byte for byte; the contracts of a product document follow it
    #[arg(long, conflicts_with = "export")]
    pub(crate) contract: bool,
    /// Print the registered schema: the Avro file that the contract names, else the resolved columns as JSON
    #[arg(long, conflicts_with_all = ["export", "contract"])]
    pub(crate) schema: bool,
    /// Print the product in a standard's form, as YAML, or as JSON with `--output json`
    #[arg(long, value_name = "STANDARD")]
    pub(crate) export: Option<Standard>,
}

/// A standard that a product can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Standard {
    /// Open Data Contract Standard 3.2: one document per output port.
    Odcs,
    /// Open Data Product Standard 1.1: the product, which refers to its contracts.
    Odps,
}

/// `meshweave sql`
#[derive(Debug, Args)]
pub(crate) struct Sql {
    /// The statement; `-` reads it from stdin, as does leaving it away in a pipe. Left away on a terminal: a session
    #[arg(value_name = "SQL", conflicts_with = "file")]
    pub(crate) text: Option<String>,
    /// Read the statement from a file; `-` is stdin
    #[arg(long, short, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Write the answer into a file, whole or not at all
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Show the plan, and what is pushed into each domain's storage, instead of running the statement
    #[arg(long)]
    pub(crate) explain: bool,
    /// With --explain: run the statement all the same, and show what each scan read and what it took
    #[arg(long, requires = "explain")]
    pub(crate) analyze: bool,
    /// A parameter: `NAME=VALUE` for `:NAME`, `VALUE` for `$1`, `?` in order, `=VALUE` when the value holds a `=`
    #[arg(long = "param", short = 'p', value_name = "[NAME=]VALUE", allow_hyphen_values = true)]
    pub(crate) params: Vec<String>,
    /// The domain that names without one belong to
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) schema: Option<String>,
    /// Stop the statement after this time (`30s`, `5m`)
    #[arg(long, value_name = "TIME", value_parser = crate::config::duration)]
    pub(crate) timeout: Option<Duration>,
    /// Rows that the table view shows at most; 0 shows all. Other formats always write every row
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) max_rows: usize,
}

/// `meshweave ingest`
#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// `domain.product`, with `.table` for a further table and `@2` for an older major version
    #[arg(value_name = "PRODUCT")]
    pub(crate) product: String,
    /// A file of Parquet, CSV (with a header), JSON (one object per line), Avro or Arrow; `-` reads stdin
    #[arg(value_name = "FILE", default_value = "-")]
    pub(crate) file: PathBuf,
    /// What the file is: parquet, csv, json, avro or arrow. Default: as its name ends
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// Stop after this time (`30s`, `5m`); nothing is added then
    #[arg(long, value_name = "TIME", value_parser = crate::config::duration)]
    pub(crate) timeout: Option<Duration>,
}

/// `meshweave serve`
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The address for Flight SQL. Default: `listen.flight` of meshweave.yaml, 127.0.0.1:31337
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Option<String>,
    /// Do not serve, but ask the server that runs with these settings whether it is alive
    #[arg(long)]
    pub(crate) health: bool,
}

/// A scale factor: a positive, finite number.
fn scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if scale > 0.0 && scale <= 1000.0 => Ok(scale),
        _ => Err("a scale factor is a number above 0 and up to 1000, such as 0.01 or 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definitions_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn scale_factors_are_positive_numbers() {
        for bad in ["0", "-1", "nan", "inf", "x", "1e9"] {
            assert!(scale(bad).is_err(), "{bad} must be refused");
        }
        assert_eq!(scale("0.01"), Ok(0.01));
    }
}
