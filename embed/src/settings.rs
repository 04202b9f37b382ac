//! `meshweave.yaml` and the environment, read and handed to the engine's typed settings.
//!
//! Holds always: relative folders in the file are relative to the file, never to where the command was typed.
//!
//! Start reading at [`load`].

use std::path::{Path, PathBuf};

use meshweave_engine::Result;
use meshweave_engine::settings::Settings;

use crate::{Options, fault};

/// The file's usual name.
pub const FILE: &str = "meshweave.yaml";

/// Reads the settings of this process: the file, then `MESHWEAVE_A__B` from the environment, then the folders that were allowed.
///
/// - `mesh`: the mesh folder, where the file is looked for unless it was named.
///
/// # Errors
/// A file that cannot be read, an unknown key, a value that is wrong: with file, line and column.
pub fn load(options: &Options, mesh: Option<&Path>) -> Result<Settings> {
    let path = match (&options.settings, mesh) {
        (Some(named), _) => Some(named.clone()),
        (None, Some(mesh)) => Some(mesh.join(FILE)).filter(|path| path.is_file()),
        (None, None) => None,
    };
    let (text, place, folder) = match &path {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| fault::file(path, "reading the settings", e))?;
            (text, path.display().to_string(), path.parent().map(Path::to_path_buf))
        }
        None => (String::new(), FILE.to_owned(), None),
    };
    let mut settings = Settings::load(&text, &place, environment())?;
    anchor(&mut settings, folder.as_deref().unwrap_or_else(|| Path::new("")));
    settings.storage.local.extend(options.allow_local.iter().cloned());
    Ok(settings)
}

/// The environment as text; a variable that is not Unicode cannot be one of ours.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Makes relative folders relative to the settings' own folder.
fn anchor(settings: &mut Settings, folder: &Path) {
    let absolute = |path: &mut PathBuf| *path = folder.join(&*path);
    settings.storage.local.iter_mut().for_each(absolute);
    settings.limits.spill_folder.iter_mut().for_each(absolute);
    settings.state.path.iter_mut().for_each(absolute);
    if let Some(tls) = &mut settings.tls {
        [&mut tls.certificate, &mut tls.key].into_iter().chain(&mut tls.client_ca).for_each(absolute);
    }
    settings.authenticator.iter_mut().map(|authenticator| &mut authenticator.users).for_each(absolute);
    settings.catalog.bucket.copies.iter_mut().for_each(absolute);
    settings.catalog.bucket.credentials.file.iter_mut().for_each(absolute);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_folders_belong_to_the_file() {
        let mut settings = Settings::default();
        settings.storage.local = vec!["shared".into(), "/srv/data".into()];
        settings.state.path = Some("state.db".into());
        anchor(&mut settings, Path::new("/etc/mesh"));
        assert_eq!(settings.storage.local, [PathBuf::from("/etc/mesh/shared"), PathBuf::from("/srv/data")]);
        assert_eq!(settings.state.path, Some(PathBuf::from("/etc/mesh/state.db")));
    }
}
