//! The `source:` of the catalog in `mesh.yaml`: a word, or a mapping with one.
//!
//! Holds always: a URL that was written where a variable's name belongs is not repeated.
//!
//! Start reading at [`Source`].

use std::fmt;
use std::path::PathBuf;

use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Where product versions are registered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Source {
    /// Files in the mesh folder.
    #[default]
    Folder,
    /// An SQLite file, when named here.
    Sqlite(Option<PathBuf>),
    /// A PostgreSQL database, when a variable names it.
    Postgres(Option<PostgresConfig>),
    /// Some other word; refused with the ones there are.
    Other(String),
}

/// A PostgreSQL database.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresConfig {
    /// The environment's variable that holds the URL: the URL holds a password, and never stands in a file of the mesh.
    pub url_env: String,
}

/// What is opened for a [`Source`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreConfig {
    /// Files in the mesh folder.
    Folder,
    /// This SQLite file.
    Sqlite(PathBuf),
    /// The PostgreSQL database whose URL this variable holds.
    Postgres {
        /// Of the process's environment.
        variable: String,
        /// File and line that name it.
        place: String,
    },
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = Source;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`folder`, `sqlite: PATH`, or `postgres: {url_env: VARIABLE}`")
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<Source, E> {
                Ok(match word {
                    "folder" => Source::Folder,
                    "sqlite" => Source::Sqlite(None),
                    "postgres" => Source::Postgres(None),
                    other => Source::Other(other.to_owned()),
                })
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Source, A::Error> {
                let word: String = map.next_key()?.ok_or_else(|| de::Error::custom("`source` is empty"))?;
                let source = match word.as_str() {
                    "sqlite" => Source::Sqlite(Some(map.next_value()?)),
                    "postgres" => Source::Postgres(map.next_value::<Named>()?.0),
                    _ => {
                        map.next_value::<IgnoredAny>()?;
                        Source::Other(word)
                    }
                };
                match map.next_key::<String>()? {
                    Some(second) => Err(de::Error::custom(format!("`source` names a second catalog, `{second}`"))),
                    None => Ok(source),
                }
            }
        }
        deserializer.deserialize_any(Words)
    }
}

/// What stands behind `postgres:`; a text there may be the URL, and is not repeated by an error.
struct Named(Option<PostgresConfig>);

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Mapping;
        impl<'de> Visitor<'de> for Mapping {
            type Value = Named;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`{url_env: VARIABLE}`")
            }
            fn visit_str<E: de::Error>(self, _: &str) -> Result<Named, E> {
                Ok(Named(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Named, A::Error> {
                PostgresConfig::deserialize(de::value::MapAccessDeserializer::new(map)).map(|named| Named(Some(named)))
            }
        }
        deserializer.deserialize_any(Mapping)
    }
}
