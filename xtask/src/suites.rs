//! The suites of `cargo xtask test`, cheap to dear, and how they are run.
//!
//! Start reading at [`all`].

use std::cell::OnceCell;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::clients::{self, Served};
use crate::process::{cargo_command, quiet};
use crate::tests_built::{self, TestProgram};
use crate::{book, environment, python};

/// Which suites to run.
#[derive(Debug, Clone, Args)]
pub(crate) struct Choice {
    /// Run these suites only.
    #[arg(long, value_name = "SUITE")]
    only: Vec<String>,
    /// A failure of these suites, or of what they need, is reported and forgiven.
    #[arg(long, value_name = "SUITE")]
    allow_skip: Vec<String>,
}

/// Spoiled messages that Flight SQL is sent in a night.
const NIGHTLY_INPUTS: &str = "1000000";

/// How long random cases go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// A share that fits every change.
    Test,
    /// A hundred times as many cases.
    Nightly,
}

/// What a suite needs that cargo does not bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Python,
    S3Server,
    GcsServer,
    AzureServer,
    PostgreSql,
    ArrowClient,
}

/// What a suite does; each gives its number of cases.
#[derive(Debug, Clone, Copy)]
enum Work {
    Format,
    Lint,
    Crates(&'static [&'static str]),
    /// The integration tests of the command line whose path begins with this module.
    CommandLine(&'static str),
    /// The scenarios of Arrow's integration client.
    Scenarios,
    /// Programs that nobody here wrote, against one served mesh.
    Clients(fn(&Served, Depth) -> Result<usize>),
    Python,
    DocTests,
    ApiDocs,
    Book,
}

/// One named part of the tests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Suite {
    name: &'static str,
    what: &'static str,
    needs: &'static [Need],
    work: Work,
}

/// Every suite, cheap to dear.
pub(crate) fn all() -> Vec<Suite> {
    let suite = |name, what, needs, work| Suite { name, what, needs, work };
    vec![
        suite("format", "rustfmt", &[], Work::Format),
        suite("book", "links and pages of the book", &[], Work::Book),
        suite("xtask", "the task runner itself", &[], Work::Crates(&["xtask"])),
        suite("contract", "names, types, contract forms", &[], Work::Crates(&["meshweave-contract"])),
        suite(
            "engine",
            "catalog, policy, plan, run; PostgreSQL, S3",
            &[Need::PostgreSql, Need::S3Server],
            Work::Crates(&["meshweave-engine"]),
        ),
        suite(
            "testdata",
            "generators, golden answers, test servers",
            &[Need::Python, Need::S3Server, Need::GcsServer, Need::AzureServer, Need::PostgreSql],
            Work::Crates(&["meshweave-testdata", "meshweave-test-peers", "meshweave-benches"]),
        ),
        suite(
            "connectors",
            "Parquet, Delta, conformance; local, S3, GCS, Azure, web",
            &[Need::S3Server, Need::GcsServer, Need::AzureServer],
            Work::Crates(&["meshweave-connectors"]),
        ),
        suite("flight", "Flight SQL, raw messages", &[], Work::Crates(&[FLIGHT])),
        suite("arrow-integration", "scenarios of Arrow's integration client", &[Need::ArrowClient], Work::Scenarios),
        suite("embed", "finding a mesh, its settings, its contracts", &[], Work::Crates(&["meshweave-embed"])),
        suite("portal", "health, readiness, metrics over HTTP", &[], Work::Crates(&["meshweave-portal"])),
        suite("cli", "the binary, .slt files, plan snapshots", &[], Work::Crates(&["meshweave"])),
        suite("server", "TLS, drain, health, metrics, traces", &[Need::Python], Work::CommandLine("server::")),
        suite("tpch", "22 queries over Parquet and Delta", &[], Work::CommandLine("tpch::")),
        suite(
            "stores",
            "domains in stores of every kind, faults, dead domains",
            &[Need::S3Server, Need::GcsServer, Need::AzureServer],
            Work::CommandLine("stores::"),
        ),
        suite("costs", "EXPLAIN ANALYZE against a counting proxy", &[Need::S3Server], Work::CommandLine("costs::")),
        suite(
            "differential",
            "random tables and statements against DuckDB",
            &[Need::Python],
            Work::CommandLine("differential::"),
        ),
        suite("adbc", "the real ADBC driver", &[Need::Python, Need::S3Server], Work::CommandLine("adbc::")),
        suite(
            "jdbc",
            "the Apache JDBC driver, SchemaCrawler, sqlline; ADBC for Java",
            &[],
            Work::Clients(|served, _| clients::jdbc::run(served)),
        ),
        suite("adbc-go", "ADBC's own validation suite", &[], Work::Clients(|served, _| clients::adbc_go(served))),
        suite(
            "clients-python",
            "drivers, data frames, replays, Superset's driver",
            &[],
            Work::Clients(|served, depth| clients::python(served, depth == Depth::Nightly)),
        ),
        suite("python", "the wheel: types, stopping, DB-API, notebooks, stubs", &[], Work::Python),
        suite("doc-tests", "examples in the documentation", &[], Work::DocTests),
        suite("lint", "clippy, warnings as errors", &[], Work::Lint),
        suite("api-docs", "rustdoc, warnings as errors", &[], Work::ApiDocs),
    ]
}

/// Everything one run shares between suites.
struct Run {
    depth: Depth,
    programs: OnceCell<Vec<TestProgram>>,
    served: OnceCell<Served>,
}

impl Run {
    /// The test programs, built on first use.
    fn programs(&self) -> Result<&[TestProgram]> {
        if self.programs.get().is_none() {
            let _first = self.programs.set(tests_built::build()?);
        }
        self.programs.get().map(Vec::as_slice).context("test programs")
    }

    /// The served mesh, started on first use and stopped at the end.
    fn served(&self) -> Result<&Served> {
        if self.served.get().is_none() {
            let _first = self.served.set(Served::start()?);
        }
        self.served.get().context("a served mesh")
    }

    /// What test programs are told.
    fn variables(&self) -> Vec<(String, String)> {
        let cases = match self.depth {
            Depth::Test => "1",
            Depth::Nightly => "100",
        };
        let mut variables = vec![
            ("MESHWEAVE_TEST_ENV".to_owned(), environment::folder().to_string_lossy().into_owned()),
            ("MESHWEAVE_TEST_SHARE".to_owned(), cases.to_owned()),
        ];
        if self.depth == Depth::Nightly {
            variables.push(("MESHWEAVE_FUZZ_INPUTS".to_owned(), NIGHTLY_INPUTS.to_owned()));
        }
        variables
    }

    fn suite(&self, suite: &Suite) -> Result<usize> {
        for need in suite.needs {
            match need {
                Need::Python => environment::python().map(drop)?,
                Need::S3Server => environment::s3_server().map(drop)?,
                Need::GcsServer => environment::gcs_server().map(drop)?,
                Need::AzureServer => environment::azure_server()?,
                Need::PostgreSql => environment::postgresql()?,
                Need::ArrowClient => environment::arrow_client().map(drop)?,
            }
        }
        match suite.work {
            Work::Format => quiet(cargo_command().args(["fmt", "--all", "--", "--check"])).map(|_| 1),
            Work::Lint => {
                quiet(cargo_command().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
                    .map(|_| 1)
            }
            Work::Crates(packages) => self.crates(packages),
            Work::DocTests => {
                let text = quiet(cargo_command().args(["test", "--workspace", "--doc"]))?;
                Ok(tests_built::counts(&text).0)
            }
            Work::ApiDocs => {
                quiet(cargo_command().args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
                    .map(|_| 1)
            }
            Work::Clients(run) => run(self.served()?, self.depth),
            Work::CommandLine(module) => self.module("meshweave", "test", module),
            Work::Scenarios => self.module(FLIGHT, "lib", SCENARIOS),
            Work::Python => python::run(),
            Work::Book => book::check(),
        }
    }

    /// The tests of one program of a package whose path begins with `module`.
    fn module(&self, package: &str, kind: &str, module: &str) -> Result<usize> {
        let variables = self.variables();
        let mut passed = 0;
        for program in self.programs()?.iter().filter(|p| p.package == package && p.kind == kind) {
            passed += tests_built::run(program, &[module], &variables)?;
        }
        if passed == 0 {
            bail!("{package} has no tests in {module}");
        }
        Ok(passed)
    }

    fn crates(&self, packages: &[&str]) -> Result<usize> {
        let variables = self.variables();
        let skip = match packages {
            ["meshweave"] => LONG_MODULES.map(|m| ["--skip", m]).concat(),
            [FLIGHT] => vec!["--skip", SCENARIOS],
            _ => Vec::new(),
        };
        let mut passed = 0;
        for package in packages {
            let before = passed;
            for program in self.programs()?.iter().filter(|p| p.package == *package) {
                passed += tests_built::run(program, &skip, &variables)?;
            }
            if passed == before {
                bail!("{package} has no tests");
            }
        }
        Ok(passed)
    }
}

/// Modules of the command line's integration tests that are suites of their own.
const LONG_MODULES: [&str; 6] = ["server::", "tpch::", "stores::", "costs::", "differential::", "adbc::"];

/// The package of the Flight SQL server, and its module that is a suite of its own.
const FLIGHT: &str = "meshweave-flight-server";
const SCENARIOS: &str = "scenarios::";

/// Runs the chosen suites and prints one line for each.
///
/// # Errors
/// When a chosen name is no suite.
pub(crate) fn run(choice: &Choice, depth: Depth) -> Result<ExitCode> {
    let suites = all();
    for name in choice.only.iter().chain(&choice.allow_skip) {
        if !suites.iter().any(|s| s.name == name) {
            let names: Vec<_> = suites.iter().map(|s| s.name).collect();
            bail!("there is no suite {name:?}; there are: {}", names.join(", "));
        }
    }
    let run = Run { depth, programs: OnceCell::new(), served: OnceCell::new() };
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for suite in suites.iter().filter(|s| choice.only.is_empty() || choice.only.iter().any(|name| name == s.name)) {
        println!("suite {:<17} {}", suite.name, suite.what);
        match run.suite(suite) {
            Ok(count) => {
                println!("suite {:<17} ok, {count} cases", suite.name);
                passed += count;
            }
            Err(error) if choice.allow_skip.iter().any(|name| name == suite.name) => {
                println!("suite {:<17} SKIPPED: {error:#}", suite.name);
                skipped += 1;
            }
            Err(error) => {
                println!("suite {:<17} FAILED: {error:#}", suite.name);
                failed += 1;
            }
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
