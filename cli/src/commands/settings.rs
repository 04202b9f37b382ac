//! `settings`: every setting of `meshweave.yaml`, its value for this process, its default and its meaning.
//!
//! Start reading at [`run`].

use std::fmt::Write as _;
use std::path::Path;

use meshweave_engine::settings::{SettingDoc, Settings};
use serde_json::{Value, json};

use crate::args::{Format, Global, SettingsPage};
use crate::config;
use crate::failure::{self, Outcome};
use crate::output::{Output, Style};
use crate::session;

/// Prints the settings; without a mesh, those that a process would have anywhere.
///
/// # Errors
/// Settings that cannot be read.
pub(crate) fn run(global: &Global, asked: &SettingsPage, output: &Output) -> Outcome {
    if asked.markdown {
        return output.print(&as_markdown(&Settings::reference()));
    }
    // A mesh that was named must be there; one that was only looked for need not.
    let mesh = match &global.mesh {
        // The settings of whoever uses a mesh in a bucket lie where it is used.
        Some(_) if session::bucket_mesh(global).is_some() => std::env::current_dir().ok(),
        Some(_) => Some(session::find_mesh(global)?),
        None => session::find_mesh(global).ok(),
    };
    let settings = config::load(global, mesh.as_deref().map(Path::new))?;
    let values = serde_json::to_value(&settings).map_err(|error| failure::internal("writing the settings", error))?;
    let docs = Settings::reference();
    match output.format(None) {
        Format::Json => output.print_json(&as_json(&docs, &values)),
        _ => output.print(&docs.iter().map(|doc| as_text(doc, &values, output.style())).collect::<String>()),
    }
}

/// The value at `a.b`; null when it is not set.
fn at<'a>(values: &'a Value, name: &str) -> &'a Value {
    name.split('.').fold(values, |value, key| value.get(key).unwrap_or(&Value::Null))
}

fn as_json(docs: &[SettingDoc], values: &Value) -> Value {
    let one = |doc: &SettingDoc| {
        json!({
            "name": doc.name,
            "value": at(values, &doc.name),
            "default": doc.default,
            "kind": doc.kind,
            "variable": doc.variable,
            "doc": doc.doc,
        })
    };
    docs.iter().map(one).collect()
}

/// The page of the book: one heading for each group, one entry for each setting.
fn as_markdown(docs: &[SettingDoc]) -> String {
    let mut page = String::from(MARKDOWN_HEAD);
    let mut group = "";
    for doc in docs {
        let of = doc.name.split('.').next().unwrap_or_default();
        if of != group {
            group = of;
            let _ = write!(page, "\n## `{group}`\n");
        }
        let default = doc.default.as_ref().map_or_else(|| "not set".to_owned(), |value| format!("`{value}`"));
        let _ =
            write!(page, "\n**`{}`** ({}, default {default}, `{}`)  \n{}\n", doc.name, doc.kind, doc.variable, doc.doc);
    }
    page
}

const MARKDOWN_HEAD: &str = "# Settings\n
<!-- Written by `cargo xtask docs` from the settings' own documentation. -->\n
`meshweave.yaml` holds the settings of one process. It lies in the mesh folder, or where `--settings FILE` or `MESHWEAVE_SETTINGS` says.
Unknown keys are refused. A variable of the environment wins over the file. `meshweave settings` shows the values that a process has.\n";

fn as_text(doc: &SettingDoc, values: &Value, style: Style) -> String {
    let value = match at(values, &doc.name) {
        Value::Null => style.dim("not set"),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let default = doc.default.as_deref().unwrap_or("not set");
    let about = style.dim(format!("{} · default {default} · {}", doc.kind, doc.variable));
    format!("{}: {value}\n  {}\n  {about}\n", style.name(&doc.name), doc.doc)
}
