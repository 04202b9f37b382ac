//! Registering several product versions: stored ones first, then the views over them.
//!
//! In: contract files in any order, or documents that a caller made. Out: per product version, what was done.
//! Holds always:
//! - each product version stands for itself: one that fails does not undo or stop another;
//! - a view that misses another one waits for it, as long as anything moves.
//!
//! Start reading at [`all`].

use std::path::PathBuf;

use meshweave_contract::model::Body;
use meshweave_contract::parse::Bundle;
use meshweave_engine::catalog::register::{Registered, Registration};
use meshweave_engine::{Engine, Error, Kind, Principal, QueryContext, Result};

use crate::{fault, files};

/// One product version and what is to be done with it.
#[derive(Debug)]
pub struct Task {
    /// What to register.
    pub registration: Registration,
    /// Whether it is a query over other products, which must be there first.
    depends: bool,
}

impl Task {
    /// A task for these documents; `storage` is for a contract that names none.
    pub fn new(bundle: Bundle, storage: Option<&str>, dry_run: bool) -> Self {
        let depends = bundle.parse().product.is_some_and(|product| !matches!(product.body, Body::Stored));
        Self { registration: Registration::new(bundle, storage.map(str::to_owned), dry_run), depends }
    }

    /// Whether it is a query over other products, which must be there first.
    pub fn depends(&self) -> bool {
        self.depends
    }
}

/// Reads the files and puts stored products before the views over them; else their order stays.
///
/// # Errors
/// A file that cannot be read; none at all.
pub fn tasks(paths: &[PathBuf], storage: Option<&str>, dry_run: bool) -> Result<Vec<Task>> {
    let bundles = files::bundles(paths)?;
    if bundles.is_empty() {
        let hint = "Contracts are files that end in .yaml, .yml or .json.";
        return Err(fault::unusable("register", "no contract files were found", hint));
    }
    if bundles.len() > 1 && storage.is_some() {
        let hint = "Name one contract, or write the locations into the contracts.";
        return Err(fault::unusable("--storage", "one location cannot hold several products", hint));
    }
    let mut tasks: Vec<Task> = bundles.into_iter().map(|bundle| Task::new(bundle, storage, dry_run)).collect();
    tasks.sort_by_key(Task::depends);
    Ok(tasks)
}

/// A file's name and what became of it.
pub type Done = (String, Result<Registered, Error>);

/// Registers one after the other.
///
/// - `who`: the principal for a task.
/// - `tell`: is told how many are done, and which file is next.
pub async fn all(
    engine: &Engine,
    tasks: Vec<Task>,
    who: impl Fn(&Task) -> Principal + Send + Sync,
    tell: impl Fn(usize, &str) + Send + Sync,
) -> Vec<Done> {
    let mut done = Vec::with_capacity(tasks.len());
    let mut waiting = tasks;
    loop {
        let before = waiting.len();
        let mut missing = Vec::new();
        for task in waiting {
            tell(done.len(), &task.registration.file);
            let ctx = QueryContext::new(who(&task));
            match engine.register(&ctx, &task.registration).await {
                Err(error) if task.depends && error.kind() == Kind::NotFound => missing.push((task, error)),
                result => done.push((task.registration.file, result)),
            }
        }
        if missing.is_empty() || missing.len() == before {
            done.extend(missing.into_iter().map(|(task, error)| (task.registration.file, Err(error))));
            return done;
        }
        waiting = missing.into_iter().map(|(task, _)| task).collect();
    }
}
