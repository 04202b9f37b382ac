//! Registering several product versions: stored ones first, then the views over them.
//!
//! In: contracts in any order. Out: per product version, what was done.
//! Holds always:
//! - each product version stands for itself: one that fails does not undo or stop another;
//! - a view that misses another one waits for it, as long as anything moves.
//!
//! Start reading at [`Engine::register_all`].

use meshweave_contract::model::Body;
use meshweave_contract::parse::Bundle;

use super::register::{Registered, Registration};
use crate::context::QueryContext;
use crate::engine::Engine;
use crate::error::{Error, Failure, Kind, Result};

/// One product version and what is to be done with it.
#[derive(Debug, Clone)]
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

/// Tasks for these documents: stored products before the views over them; else their order stays.
///
/// # Errors
/// [`Failure::InvalidConfiguration`]: no document at all; one storage for several products.
pub fn tasks(bundles: Vec<Bundle>, storage: Option<&str>, dry_run: bool) -> Result<Vec<Task>> {
    if bundles.is_empty() {
        let hint = "Contracts are files that end in .yaml, .yml or .json.";
        return Err(unusable("register", "no contract files were found", hint));
    }
    if bundles.len() > 1 && storage.is_some() {
        let hint = "Name one contract, or write the locations into the contracts.";
        return Err(unusable("--storage", "one location cannot hold several products", hint));
    }
    let mut tasks: Vec<Task> = bundles.into_iter().map(|bundle| Task::new(bundle, storage, dry_run)).collect();
    tasks.sort_by_key(Task::depends);
    Ok(tasks)
}

fn unusable(place: &str, message: &str, hint: &str) -> Error {
    let (place, message) = (place.to_owned(), message.to_owned());
    Failure::InvalidConfiguration { place, message, hint: Some(hint.to_owned()) }.into()
}

/// A file's name and what became of it.
pub type Done = (String, Result<Registered>);

impl Engine {
    /// Registers one after the other.
    ///
    /// - `ctx`: the context for a task.
    /// - `tell`: is told how many are done, and which file is next.
    pub async fn register_all(
        &self,
        tasks: Vec<Task>,
        ctx: impl Fn(&Task) -> QueryContext + Send + Sync,
        tell: impl Fn(usize, &str) + Send + Sync,
    ) -> Vec<Done> {
        let mut done = Vec::with_capacity(tasks.len());
        let mut waiting = tasks;
        loop {
            let before = waiting.len();
            let mut missing = Vec::new();
            for task in waiting {
                tell(done.len(), &task.registration.file);
                match self.register(&ctx(&task), &task.registration).await {
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
}
