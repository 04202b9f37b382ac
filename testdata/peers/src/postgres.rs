//! A real PostgreSQL server in a temporary folder, which can be stopped in its tracks, killed, and started again.
//!
//! Holds always: it runs as somebody who is not root, listens on loopback only, and asks for a password.
//!
//! Start reading at [`PostgresServer::start`].

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use parking_lot::Mutex;
use tempfile::TempDir;

use crate::find::postgres_folder;
use crate::processes;
use crate::started::free_address;

/// Who may do everything in the server.
const USER: &str = "meshweave";
/// The password of [`USER`], so that a test can look for it where it must not be.
const PASSWORD: &str = "hush-47f1c0";
/// How often a start is tried: somebody may take the free port first.
const STARTS: usize = 5;
/// How often a new server is asked whether it answers, and how long between.
const QUESTIONS: usize = 600;
const PAUSE: Duration = Duration::from_millis(50);

/// The server that tests of one process share while any of them runs.
static SHARED: tokio::sync::Mutex<Weak<PostgresServer>> = tokio::sync::Mutex::const_new(Weak::new());

/// A running PostgreSQL server; it ends, and its data goes, when this is dropped.
#[derive(Debug)]
pub struct PostgresServer {
    process: Mutex<Child>,
    folder: TempDir,
    programs: PathBuf,
    account: Option<Account>,
    address: SocketAddr,
    databases: AtomicU32,
}

/// A database of its own in a shared server.
#[derive(Debug, Clone)]
pub struct Database {
    server: Arc<PostgresServer>,
    name: String,
}

impl Database {
    /// Its URL, password and all.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// Runs statements in it; see [`PostgresServer::sql`].
    ///
    /// # Errors
    /// When the server refuses.
    pub fn sql(&self, text: &str) -> Result<String> {
        self.server.sql(&self.name, text)
    }
}

/// Who the server runs as when we are root.
#[derive(Debug, Clone)]
struct Account {
    uid: u32,
    gid: u32,
}

impl PostgresServer {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// When PostgreSQL is missing (the message names the Debian package) or does not start; its own words are in the message.
    pub async fn start() -> Result<Self> {
        let programs = postgres_folder()?;
        let mut last = None;
        for _ in 0..STARTS {
            match Self::try_start(&programs).await {
                Ok(server) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("no start was tried"))).context("PostgreSQL did not start")
    }

    /// An empty database in the server that the tests of this process share; the last one who has any stops it.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn database() -> Result<Database> {
        let mut shared = SHARED.lock().await;
        let server = match shared.upgrade() {
            Some(server) => server,
            None => {
                let server = Arc::new(Self::start().await?);
                *shared = Arc::downgrade(&server);
                server
            }
        };
        drop(shared);
        let name = server.create_database().await?;
        Ok(Database { server, name })
    }

    async fn try_start(programs: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let account = account(folder.path())?;
        let password = folder.path().join("password");
        std::fs::write(&password, PASSWORD)?;
        if let Some(Account { uid, gid }) = account {
            for path in [folder.path(), &password] {
                chown(path, Some(uid), Some(gid))?;
            }
        }
        let made = as_account(&account, &programs.join("initdb"))
            .args(["--username", USER, "--encoding", "UTF8", "--locale", "C", "--no-sync"])
            .args(["--auth-host", "scram-sha-256", "--auth-local", "trust"])
            .arg(format!("--pwfile={}", password.display()))
            .arg("--pgdata")
            .arg(folder.path().join("data"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .output()
            .context("initdb could not be run")?;
        if !made.status.success() {
            bail!("initdb failed: {}{}", String::from_utf8_lossy(&made.stdout), String::from_utf8_lossy(&made.stderr));
        }
        let address = free_address()?;
        let process = spawn(programs, &account, folder.path(), address)?;
        let process = Mutex::new(process);
        let (programs, databases) = (programs.to_owned(), AtomicU32::new(0));
        let server = Self { process, folder, programs, account, address, databases };
        server.wait_until_it_answers().await?;
        Ok(server)
    }

    async fn wait_until_it_answers(&self) -> Result<()> {
        for _ in 0..QUESTIONS {
            if let Some(status) = self.process.lock().try_wait()? {
                bail!("it ended at once ({status}): {}", self.log());
            }
            if self.sql("postgres", "SELECT 1").is_ok() {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("it does not answer on {}: {}", self.address, self.log())
    }

    /// What the server wrote so far.
    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The password in every URL.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{PASSWORD}@{}/{database}", self.address)
    }

    /// Makes an empty database and gives its name.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn create_database(&self) -> Result<String> {
        let name = format!("d{}", self.databases.fetch_add(1, Ordering::Relaxed));
        for _ in 0..QUESTIONS {
            match self.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0")) {
                // Two at once may want the template for themselves.
                Err(error) if error.to_string().contains("being accessed") => tokio::time::sleep(PAUSE).await,
                done => return done.map(|_| name),
            }
        }
        bail!("the database {name} could not be made")
    }

    /// Runs statements as the one who may do everything, and gives what they print, without heads and alignment.
    ///
    /// # Errors
    /// When the server does not answer or refuses.
    pub fn sql(&self, database: &str, text: &str) -> Result<String> {
        let output = as_account(&self.account, &self.programs.join("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"])
            .arg("--host")
            .arg(self.folder.path())
            .args(["--port", &self.address.port().to_string(), "--username", USER, "--dbname", database])
            .args(["--command", text])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            bail!("PostgreSQL refused: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Makes a certificate for 127.0.0.1, and lets connections be encrypted with it; gives the certificate's file.
    ///
    /// # Errors
    /// When `openssl` (which the Debian package brings) makes none, or the server does not take it.
    pub async fn encrypt(&self) -> Result<PathBuf> {
        let data = self.folder.path().join("data");
        let made = as_account(&self.account, Path::new("openssl"))
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "server.key", "-out", "server.crt"])
            .current_dir(&data)
            .stdin(Stdio::null())
            .output()
            .context("openssl could not be run")?;
        if !made.status.success() {
            bail!("openssl made no certificate: {}", String::from_utf8_lossy(&made.stderr));
        }
        self.sql("postgres", "ALTER SYSTEM SET ssl = on")?;
        self.sql("postgres", "SELECT pg_reload_conf()")?;
        for _ in 0..QUESTIONS {
            if self.sql("postgres", "SHOW ssl")? == "on" {
                return Ok(data.join("server.crt"));
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("the server does not take the certificate: {}", self.log())
    }

    /// Stops all of its processes in their tracks: connections stay, and nothing is answered, until [`Self::resume`].
    ///
    /// # Errors
    /// When a process cannot be sent the signal.
    pub fn pause(&self) -> Result<()> {
        let parent = self.pid();
        // The parent first, so that it makes no more children.
        processes::signal("STOP", &[parent])?;
        processes::wait_until_stopped(&[parent])?;
        let family = processes::family(parent);
        processes::signal("STOP", &family)?;
        processes::wait_until_stopped(&family)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When a process cannot be sent the signal.
    pub fn resume(&self) -> Result<()> {
        processes::signal("CONT", &processes::family(self.pid()))
    }

    /// Kills all of its processes at once, as a machine that fails does; its data stays.
    ///
    /// # Errors
    /// When a process cannot be sent the signal.
    pub async fn kill(&self) -> Result<()> {
        let family = processes::family(self.pid());
        processes::signal("KILL", &family)?;
        self.process.lock().wait()?;
        processes::wait_until_gone(&family).await
    }

    /// Starts it again, on the same port, after [`Self::kill`].
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn restart(&self) -> Result<()> {
        let process = spawn(&self.programs, &self.account, self.folder.path(), self.address)?;
        *self.process.lock() = process;
        self.wait_until_it_answers().await
    }

    /// The number of its first process.
    pub fn pid(&self) -> u32 {
        self.process.lock().id()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let mut process = self.process.lock();
        if matches!(process.try_wait(), Ok(Some(_))) {
            return;
        }
        let family = processes::family(process.id());
        // At once, and still in order: what it shares between its processes goes with it. Whatever fails here is gone already.
        let _stopped = processes::signal("QUIT", &[process.id()]);
        let _woken = processes::signal("CONT", &family);
        for _ in 0..QUESTIONS {
            if !matches!(process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        let _killed = processes::signal("KILL", &family);
        let _status = process.wait();
    }
}

/// Starts the server's first process.
fn spawn(programs: &Path, account: &Option<Account>, folder: &Path, address: SocketAddr) -> Result<Child> {
    let log = File::options().create(true).append(true).open(folder.join("log"))?;
    let child = as_account(account, &programs.join("postgres"))
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-h", "127.0.0.1", "-p", &address.port().to_string(), "-k"])
        .arg(folder)
        .args(["-c", "fsync=off", "-c", "max_connections=100", "-c", "shared_buffers=16MB"])
        .args(["-c", "dynamic_shared_memory_type=mmap", "-c", "autovacuum=off"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("postgres could not be run")?;
    Ok(child)
}

/// A program that runs as the account, in a process of its own number.
fn as_account(account: &Option<Account>, program: &Path) -> Command {
    match account {
        None => Command::new(program),
        Some(Account { uid, gid }) => {
            let mut command = Command::new("setpriv");
            command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()]);
            command.arg(program);
            command
        }
    }
}

/// Root may not run PostgreSQL: then it runs as `postgres`, or as `nobody`. Whoever else we are runs it.
fn account(ours: &Path) -> Result<Option<Account>> {
    if std::fs::metadata(ours)?.uid() != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").context("/etc/passwd")?;
    let named = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some(Account { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    };
    match named("postgres").or_else(|| named("nobody")) {
        Some(account) => Ok(Some(account)),
        None => bail!("root may not run PostgreSQL, and there is neither a user postgres nor a user nobody"),
    }
}
