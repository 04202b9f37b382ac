//! Hears of changes in the mesh folder as they happen.
//!
//! Holds always:
//! - whoever waits is also woken when the watching begins: what was missed before is found by looking;
//! - what this program itself writes (`.meshweave`, hidden files) and mere reading is no change;
//! - where the system does not watch (no more watches, a file system without them), nobody is woken, and a warning says so once:
//!   the folder is looked at in turns anyway.
//!
//! Start reading at [`Watch::start`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventHandler, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::{debug, warn};

/// Watches one mesh folder while it lives.
pub(super) struct Watch {
    mesh: PathBuf,
    heard: Arc<Notify>,
    /// What keeps the system's watches; none where there are none.
    watcher: Mutex<Option<Box<dyn Watcher + Send>>>,
    /// Whether the domains' folder is watched; it may be made later than the mesh.
    domains: AtomicBool,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("mesh", &self.mesh).finish_non_exhaustive()
    }
}

impl Watch {
    /// Starts watching, with what the system has.
    pub(super) fn start(mesh: &Path) -> Self {
        Self::with(mesh, |handler| Ok(Box::new(RecommendedWatcher::new(handler, notify::Config::default())?)))
    }

    fn with(mesh: &Path, make: impl FnOnce(Handler) -> notify::Result<Box<dyn Watcher + Send>>) -> Self {
        let heard = Arc::new(Notify::new());
        let root = std::path::absolute(mesh).unwrap_or_else(|_| mesh.to_owned());
        let watch = Self { mesh: root.clone(), heard, watcher: Mutex::default(), domains: AtomicBool::default() };
        let handler = Handler { mesh: root, heard: Arc::clone(&watch.heard), told: false };
        let made = make(handler).and_then(|mut watcher| {
            watcher.watch(&watch.mesh, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        match made {
            Ok(watcher) => *watch.watcher.lock() = Some(watcher),
            Err(error) => tell(&watch.mesh, &error),
        }
        watch.watch_domains();
        watch.heard.notify_one();
        watch
    }

    /// Waits until something may have changed; what was heard while nobody waited counts once. For one waiter.
    pub(super) async fn heard(&self) {
        self.heard.notified().await;
        self.watch_domains();
    }

    /// Whether changes are heard.
    #[cfg(test)]
    pub(super) fn hears(&self) -> bool {
        self.watcher.lock().is_some()
    }

    fn watch_domains(&self) {
        let domains = self.mesh.join("domains");
        let mut watcher = self.watcher.lock();
        let Some(watching) = watcher.as_mut() else { return };
        if !domains.is_dir() {
            // Whoever takes the folder away takes its watches away.
            self.domains.store(false, Ordering::Relaxed);
            return;
        }
        if self.domains.load(Ordering::Relaxed) {
            return;
        }
        match watching.watch(&domains, RecursiveMode::Recursive) {
            Ok(()) => {
                self.domains.store(true, Ordering::Relaxed);
                // What was put there before the watch.
                self.heard.notify_one();
            }
            Err(error) => {
                tell(&domains, &error);
                *watcher = None;
            }
        }
    }
}

fn tell(folder: &Path, error: &notify::Error) {
    warn!(folder = %folder.display(), %error, "changes of the mesh folder are not heard, it is looked at in turns");
}

/// Called by the system's thread.
struct Handler {
    mesh: PathBuf,
    heard: Arc<Notify>,
    told: bool,
}

impl EventHandler for Handler {
    fn handle_event(&mut self, event: notify::Result<Event>) {
        match event {
            Ok(event) if is_change(&self.mesh, &event) => self.heard.notify_one(),
            Ok(_) => {}
            // A folder that was made just now and cannot be watched any more: what happened in it is found by looking.
            Err(error) => {
                if self.told {
                    debug!(%error, "a change of the mesh folder was not heard");
                } else {
                    tell(&self.mesh, &error);
                }
                self.told = true;
                self.heard.notify_one();
            }
        }
    }
}

/// Whether an event may have changed the catalog.
fn is_change(mesh: &Path, event: &Event) -> bool {
    let changes = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => true,
    };
    let is_shown = |path: &PathBuf| {
        let relative = path.strip_prefix(mesh).unwrap_or(path);
        !relative.components().any(|part| part.as_os_str().to_string_lossy().starts_with('.'))
    };
    // Events were lost.
    event.need_rescan() || (changes && (event.paths.is_empty() || event.paths.iter().any(is_shown)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use notify::event::{CreateKind, ModifyKind, RenameMode};
    use notify::{Config, Error, ErrorKind, Result, WatcherKind};

    use super::*;

    #[test]
    fn reading_and_hidden_files_are_no_changes() {
        let check = |kind, path: &str, expected| {
            let event = Event::new(kind).add_path(path.into());
            assert_eq!(is_change(Path::new("/m"), &event), expected, "{kind:?} {path}");
        };
        let file = "/m/domains/a/b/1.0.0.yaml";
        check(EventKind::Create(CreateKind::File), file, true);
        check(EventKind::Access(AccessKind::Close(AccessMode::Write)), file, true);
        check(EventKind::Access(AccessKind::Open(AccessMode::Any)), file, false);
        check(EventKind::Create(CreateKind::File), "/m/.meshweave/catalog.json", false);
        check(EventKind::Create(CreateKind::File), "/m/domains/a/b/.1.0.0.yaml.swp", false);
        let rename = Event::new(EventKind::Modify(ModifyKind::Name(RenameMode::Both)));
        let rename = rename.add_path("/m/domains/a/b/.1.0.0.yaml.tmp".into()).add_path(file.into());
        assert!(is_change(Path::new("/m"), &rename), "a file that is renamed into its place");
    }

    /// A system that gives no more watches.
    #[derive(Debug)]
    struct Exhausted;

    impl Watcher for Exhausted {
        fn new<F: EventHandler>(_: F, _: Config) -> Result<Self> {
            Ok(Self)
        }

        fn watch(&mut self, _: &Path, _: RecursiveMode) -> Result<()> {
            Err(Error::new(ErrorKind::MaxFilesWatch))
        }

        fn unwatch(&mut self, _: &Path) -> Result<()> {
            Ok(())
        }

        fn kind() -> WatcherKind {
            WatcherKind::NullWatcher
        }
    }

    #[tokio::test]
    async fn without_watches_the_waiter_is_woken_once_and_then_only_looks_in_turns() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("domains")).unwrap();
        let watch = Watch::with(folder.path(), |_| Ok(Box::new(Exhausted)));
        assert!(!watch.hears());
        watch.heard().await;
        std::fs::write(folder.path().join("domains/x.yaml"), "").unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(50), watch.heard()).await.is_err());
    }

    #[tokio::test]
    async fn folders_that_are_made_later_are_watched_too() {
        let folder = tempfile::tempdir().unwrap();
        let watch = Watch::start(folder.path());
        assert!(watch.hears());
        watch.heard().await;
        let product = folder.path().join("domains/commerce/orders");
        std::fs::create_dir_all(&product).unwrap();
        let guard = Duration::from_secs(60);
        tokio::time::timeout(guard, watch.heard()).await.unwrap();
        // The watch of a folder that was made a moment ago may begin a moment later.
        let written = async {
            for number in 0.. {
                std::fs::write(product.join(format!("{number}.0.0.yaml")), "x").unwrap();
                if tokio::time::timeout(Duration::from_millis(200), watch.heard()).await.is_ok() {
                    break;
                }
            }
        };
        tokio::time::timeout(guard, written).await.unwrap();
    }
}
