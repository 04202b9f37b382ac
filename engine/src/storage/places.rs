//! Where local places lead, as long as no link stands on their way.
//!
//! In: the URL of a place, as a contract writes it. Out: its location, when it was found before and still leads there.
//! Holds always: only what no link decides is kept, and that none has been put there is looked at every time; so what is given is what
//! would be found.
//!
//! Start reading at [`Places::get`].

use std::collections::HashMap;
use std::path::PathBuf;

use parking_lot::Mutex;

use super::local::is_real;
use super::location::Location;

/// Places that are kept; when there are more, all are found again.
const MOST: usize = 4096;

/// The places of one domain, by their URLs.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<HashMap<String, (PathBuf, Location)>>);

impl Places {
    /// Where a place leads.
    ///
    /// Cost: one look at the file system.
    pub(super) fn get(&self, url: &str) -> Option<Location> {
        let (path, location) = self.0.lock().get(url)?.clone();
        is_real(&path).then_some(location)
    }

    /// Keeps where a place leads.
    ///
    /// - `path`: its path; nothing but the links on it decides where it leads.
    pub(super) fn put(&self, url: &str, path: PathBuf, location: &Location) {
        let mut places = self.0.lock();
        if places.len() >= MOST {
            places.clear();
        }
        places.insert(url.to_owned(), (path, location.clone()));
    }
}
