//! Tables of plain files: the newest version, one kept before, and what folders say of the files in them.
//!
//! In: a port, and the kind of its files. Out: manifests; columns parted into those of files and those of folders.
//!
//! Start reading at [`latest`] and [`files`].

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use bytes::Bytes;
use datafusion::common::ScalarValue;
use meshweave_contract::layout;
use meshweave_engine::connect::{AsOf, Pinned, Port};
use meshweave_engine::version::Version;
use meshweave_engine::{Error, Failure, QueryContext, Result};

use super::columns::{Columns, TableFile};
use super::hidden::HiddenColumns;
use super::hive::{self, Folder};
use super::kind::Kind;
use super::listing;
use super::manifest::Manifest;
use super::source::Source;

/// What lies at a port right now.
///
/// # Errors
/// As [`listing::list`].
pub(crate) async fn latest(kind: &Kind, ctx: &QueryContext, port: &Port) -> Result<Manifest> {
    let source = Source::of(ctx, port);
    let files = listing::list(kind, port, source.store.as_ref()).await?;
    Manifest::of(files).map_err(|cause| Error::internal("a manifest could not be written", cause))
}

/// Pins what `as_of` names.
///
/// # Errors
/// As [`latest`] and [`recorded`]; [`Failure::Unsupported`] for a state by number or moment.
pub(crate) async fn pin(kind: &Kind, ctx: &QueryContext, port: &Port, as_of: &AsOf) -> Result<Pinned> {
    let manifest = match as_of {
        AsOf::Latest => ctx.bounded(latest(kind, ctx, port)).await?,
        AsOf::Recorded { version, manifest } => recorded(kind, port, version, manifest.as_ref())?,
        AsOf::Number(_) | AsOf::Timestamp(_) => return Err(no_time_travel(kind, port)),
    };
    Ok(Pinned { version: manifest.version(), manifest: Some(manifest.text.clone()), detail: Arc::new(manifest) })
}

/// The manifest that was pinned.
///
/// # Errors
/// [`Failure::Internal`] when another connector pinned it.
pub(crate) fn pinned(kind: &Kind, port: &Port, pinned: &Pinned) -> Result<Arc<Manifest>> {
    Arc::clone(&pinned.detail).downcast::<Manifest>().map_err(|_| {
        Failure::Internal {
            message: format!("what was pinned of {} is no manifest of {} files", port.key, kind.people),
            cause: None,
        }
        .into()
    })
}

/// A version that was kept before.
///
/// # Errors
/// [`Failure::Unavailable`] when it is of another kind, is no longer kept, or names files outside the port's place.
pub(crate) fn recorded(kind: &Kind, port: &Port, version: &Version, text: Option<&Bytes>) -> Result<Manifest> {
    let gone = |message: String| Failure::Unavailable { what: port.product.name.to_string(), message, cause: None };
    let Version::Manifest(hash) = version else {
        return Err(gone(format!("the recorded version is not one of {} files", kind.people)).into());
    };
    let Some(text) = text else {
        return Err(gone(format!("manifest {hash} is no longer kept")).into());
    };
    let manifest = Manifest::read(text, hash).map_err(gone)?;
    let folder = &port.location.path;
    match manifest.files.iter().find(|file| !file.location.prefix_matches(folder)) {
        None => Ok(manifest),
        Some(file) => Err(gone(format!("the kept manifest names \"{}\", which lies outside it", file.location)).into()),
    }
}

/// A state by number or moment, of files that keep none.
pub(crate) fn no_time_travel(kind: &Kind, port: &Port) -> Error {
    Failure::Unsupported {
        what: format!("time travel on {}, a product of plain {} files,", port.product.name, kind.people),
        hint: Some("Products of the format delta keep their versions.".to_owned()),
    }
    .into()
}

/// Neither contract nor files tell the columns.
pub(crate) fn nothing_to_observe(kind: &Kind, port: &Port) -> Error {
    Failure::Unavailable {
        what: port.product.name.to_string(),
        message: format!(
            "its contract names no columns, and no {} file lies at {} to learn them from",
            kind.people, port.location.url
        ),
        cause: None,
    }
    .into()
}

/// The stored columns that are promised.
pub(crate) fn only(stored: &Schema, promised: &Schema) -> Schema {
    let is_promised = |field: &&FieldRef| promised.field_with_name(field.name()).is_ok();
    Schema::new(stored.fields().iter().filter(is_promised).cloned().collect::<Vec<_>>())
}

/// The files do not keep what the contract promises.
pub(crate) fn broken(port: &Port, message: String, hint: Option<&str>) -> Error {
    Failure::ContractBroken { product: port.product.name.to_string(), message, hint: hint.map(str::to_owned) }.into()
}

/// The partition folders of every file, in the order of the manifest.
fn folders(port: &Port, manifest: &Manifest) -> Vec<Vec<Folder>> {
    manifest.files.iter().map(|file| hive::folders(&listing::below(&port.location.path, &file.location))).collect()
}

/// Names of the partition columns of a manifest, outermost first.
fn partition_names(folders: &[Vec<Folder>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in folders.iter().flatten() {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// The partition columns as observed: typed as promised where something is promised, else as their values look.
///
/// Folders that the contract's layout hides are none, unless the contract promises a column of their name.
pub(crate) fn partition_fields(port: &Port, manifest: &Manifest) -> Vec<Field> {
    let folders = folders(port, manifest);
    let promised = |name: &str| -> Option<DataType> {
        Some(port.schema.as_ref()?.field_with_name(name).ok()?.data_type().clone())
    };
    let hidden = layout::hidden(&port.spec);
    let is_hidden = |name: &str| hidden.iter().any(|hidden| hidden.keys().any(|key| key == name));
    partition_names(&folders)
        .into_iter()
        .filter(|name| promised(name).is_some() || !is_hidden(name))
        .map(|name| {
            let values = folders.iter().map(|folders| {
                folders.iter().rev().find(|(column, _)| *column == name).and_then(|(_, value)| value.as_deref())
            });
            let is_nullable = values.clone().any(|value| value.is_none());
            let data_type = promised(&name).unwrap_or_else(|| hive::inferred(values));
            Field::new(name, data_type, is_nullable)
        })
        .collect()
}

/// Parts the columns, and gives every file its partition values.
///
/// A column that folders hold is read from the folders, also when the files hold it too.
///
/// # Errors
/// [`Failure::ContractBroken`] when a file lies in no folder of a partition column, or its value is not of the column's type.
pub(crate) fn files(port: &Port, manifest: &Manifest, schema: SchemaRef) -> Result<(Columns, Vec<TableFile>)> {
    let folders = folders(port, manifest);
    let hidden = HiddenColumns::of(&port.spec, &schema);
    let columns = Columns::new(schema, &partition_names(&folders)).with_hidden(hidden);
    let files = manifest
        .files
        .iter()
        .zip(&folders)
        .map(|(meta, folders)| {
            let values = columns
                .partitions
                .iter()
                .map(|field| partition_value(port, meta.location.as_ref(), folders, field))
                .collect::<Result<_>>()?;
            let hidden = columns.hidden.bounds(&listing::below(&port.location.path, &meta.location));
            Ok(TableFile { meta: meta.clone(), values, hidden })
        })
        .collect::<Result<_>>()?;
    Ok((columns, files))
}

fn partition_value(port: &Port, path: &str, folders: &[Folder], field: &Field) -> Result<ScalarValue> {
    let name = field.name();
    let Some((_, value)) = folders.iter().rev().find(|(column, _)| column == name) else {
        return Err(broken(port, format!("\"{path}\" lies in no folder of partition column \"{name}\""), None));
    };
    let data_type = field.data_type();
    if value.is_none() && !field.is_nullable() {
        let message =
            format!("\"{path}\" has null in partition column \"{name}\" ({data_type}), which may not be null");
        return Err(broken(port, message, None));
    }
    hive::typed(value.as_deref(), data_type).map_err(|_| {
        let text = value.as_deref().unwrap_or_default();
        broken(port, format!("\"{path}\" has \"{text}\" in partition column \"{name}\", promised is {data_type}"), None)
    })
}
