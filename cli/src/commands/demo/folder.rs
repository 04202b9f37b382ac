//! The demo's folder: whether there is a mesh of ours in it, of which scale, and whether it is whole.
//!
//! A marker, `demo.json`, is written first and completed last, so that a folder that was left half made is known.
//!
//! Start reading at [`Folder::state`].

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{self, Outcome};

const MARKER: &str = "demo.json";
/// Grows when the demo's mesh changes so much that an old folder is of no use.
const FORMAT: u32 = 1;
/// Everything that the demo makes; nothing else is ever removed.
const CHILDREN: [&str; 8] =
    ["mesh.yaml", "meshweave.yaml", "domains", "data", "schemas", "contracts", ".meshweave", MARKER];

/// The folder that was named.
#[derive(Debug)]
pub(super) struct Folder<'a> {
    path: &'a Path,
}

/// What lies in the folder.
#[derive(Debug, PartialEq)]
pub(super) enum State {
    /// Nothing: a mesh can be made.
    Missing,
    /// A whole mesh of this scale.
    Ready {
        /// TPC-H scale factor.
        scale: f64,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    v: u32,
    scale: f64,
    complete: bool,
}

impl<'a> Folder<'a> {
    /// The folder, whatever lies in it.
    pub(super) fn new(path: &'a Path) -> Self {
        Self { path }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.path
    }

    /// Looks at what lies there; a mesh that was left half made is cleared away.
    ///
    /// - `wanted`: the scale that was asked for; none takes any.
    ///
    /// # Errors
    /// A folder that is not the demo's; a mesh of another scale or of another format.
    pub(super) fn state(&self, wanted: Option<f64>) -> Outcome<State> {
        let Some(marker) = self.marker()? else {
            return if self.is_empty()? { Ok(State::Missing) } else { Err(self.foreign()) };
        };
        if !marker.complete {
            self.clear()?;
            return Ok(State::Missing);
        }
        let refuse = |message: String| {
            let hint = format!("Remove {} to make it anew, or name another folder with --dir DIR.", self.name());
            Err(failure::unusable(self.name(), message, hint))
        };
        if marker.v != FORMAT {
            return refuse(format!("holds a demo of format {}, and this program makes format {FORMAT}", marker.v));
        }
        match wanted {
            Some(wanted) if wanted.to_bits() != marker.scale.to_bits() => {
                refuse(format!("holds a demo of scale {}, not {wanted}", marker.scale))
            }
            _ => Ok(State::Ready { scale: marker.scale }),
        }
    }

    /// Marks the folder as ours, and as not whole yet.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn begin(&self, scale: f64) -> Outcome {
        std::fs::create_dir_all(self.path).map_err(|error| failure::file(self.path, "making the folder", error))?;
        self.mark(scale, false)
    }

    /// Marks the mesh as whole.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn finish(&self, scale: f64) -> Outcome {
        self.mark(scale, true)
    }

    fn mark(&self, scale: f64, complete: bool) -> Outcome {
        let text = serde_json::to_string(&Marker { v: FORMAT, scale, complete })
            .map_err(|error| failure::internal("marking the demo's folder", error))?;
        let path = self.path.join(MARKER);
        std::fs::write(&path, text + "\n").map_err(|error| failure::file(&path, "writing", error))
    }

    fn marker(&self) -> Outcome<Option<Marker>> {
        let path = self.path.join(MARKER);
        if !path.is_file() {
            return Ok(None);
        }
        let text = std::fs::read(&path).map_err(|error| failure::file(&path, "reading", error))?;
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            let hint = format!("Remove {} to make it anew, or name another folder with --dir DIR.", self.name());
            failure::unusable(path.display().to_string(), format!("is not a demo's marker: {error}"), hint)
        })
    }

    fn is_empty(&self) -> Outcome<bool> {
        if !self.path.exists() {
            return Ok(true);
        }
        let mut children =
            std::fs::read_dir(self.path).map_err(|error| failure::file(self.path, "reading the folder", error))?;
        Ok(children.next().is_none())
    }

    fn foreign(&self) -> failure::Fault {
        let hint = "Name another folder with --dir DIR: the demo only uses an empty one, or one that it has made.";
        failure::unusable(self.name(), "is not empty and was not made by the demo", hint)
    }

    /// Removes what the demo makes, the marker last.
    fn clear(&self) -> Outcome {
        for child in CHILDREN {
            let path: PathBuf = self.path.join(child);
            let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            match removed {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(failure::file(&path, "removing what was left half made", error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_used_again_only_when_it_is_ours_whole_and_of_the_scale() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("demo");
        let folder = Folder::new(&path);
        assert_eq!(folder.state(None).unwrap(), State::Missing);
        folder.begin(0.01).unwrap();
        std::fs::create_dir(path.join("data")).unwrap();
        std::fs::write(path.join("notes.txt"), "mine").unwrap();
        assert_eq!(folder.state(None).unwrap(), State::Missing);
        assert!(path.join("notes.txt").exists() && !path.join("data").exists());

        folder.begin(0.01).unwrap();
        folder.finish(0.01).unwrap();
        assert_eq!(folder.state(None).unwrap(), State::Ready { scale: 0.01 });
        assert_eq!(folder.state(Some(0.01)).unwrap(), State::Ready { scale: 0.01 });
        assert!(folder.state(Some(1.0)).is_err());
        std::fs::write(path.join(MARKER), r#"{"v":0,"scale":0.01,"complete":true}"#).unwrap();
        assert!(folder.state(None).is_err());
        std::fs::write(path.join(MARKER), "{").unwrap();
        assert!(folder.state(None).is_err());
        std::fs::remove_file(path.join(MARKER)).unwrap();
        assert!(folder.state(None).is_err(), "a folder that is not ours must be refused");
    }
}
