//! The options of a session: those that headers can say as well, kept from call to call. A call's headers win.
//!
//! Start reading at [`Chosen`].

use std::collections::HashMap;
use std::time::Duration;

use meshweave_engine::settings::Timeout;

use super::messages::{
    GetSessionOptionsResult, OptionValue, Refused, SessionOptionValue, SetError, SetSessionOptionsRequest,
    SetSessionOptionsResult,
};
use crate::options::Options;
use crate::wire::Profile;

/// The start of the names of our own options and headers.
const OURS: &str = "x-meshweave-";
/// Smallest limit of a message that a client may ask for, bytes.
pub(crate) const SMALLEST_MESSAGE: usize = 65_536;

/// What a session has chosen; none: as the server does it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) schema: Option<String>,
    pub(crate) wire: Option<Profile>,
    pub(crate) purpose: Option<String>,
    pub(crate) project: Option<String>,
    pub(crate) max_staleness: Option<Duration>,
    pub(crate) max_message_bytes: Option<usize>,
}

/// Reads a length of time as headers and options say it: `30s`, `PT5M`.
pub(crate) fn read_duration(text: &str) -> Option<Duration> {
    let value = serde_json::Value::String(text.to_owned());
    serde_json::from_value::<Timeout>(value).ok().map(|Timeout(time)| time)
}

impl Chosen {
    /// Sets what can be set, and tells what cannot.
    ///
    /// - `catalog`: the catalog's name; no other can be chosen.
    pub(crate) fn set(
        &mut self,
        request: SetSessionOptionsRequest,
        catalog: &str,
        options: &Options,
    ) -> SetSessionOptionsResult {
        let set = |(name, value): (String, SessionOptionValue)| {
            let refused = self.set_one(&name, value.value, catalog, options).err()?;
            Some((name, SetError { value: refused as i32 }))
        };
        SetSessionOptionsResult { errors: request.session_options.into_iter().filter_map(set).collect() }
    }

    fn set_one(
        &mut self,
        name: &str,
        value: Option<OptionValue>,
        catalog: &str,
        options: &Options,
    ) -> Result<(), Refused> {
        let text = || match &value {
            None => Ok(None),
            Some(OptionValue::Text(text)) if text.trim().is_empty() => Ok(None),
            Some(OptionValue::Text(text)) => Ok(Some(text.trim().to_owned())),
            Some(_) => Err(Refused::InvalidValue),
        };
        let lower = name.to_ascii_lowercase();
        match lower.strip_prefix(OURS).unwrap_or(&lower) {
            "catalog" => match text()? {
                Some(asked) if !asked.eq_ignore_ascii_case(catalog) => return Err(Refused::InvalidValue),
                _ => {}
            },
            "schema" => self.schema = text()?,
            "wire" => {
                self.wire = match text()? {
                    Some(word) => Some(Profile::named(&word).ok_or(Refused::InvalidValue)?),
                    None => None,
                }
            }
            "purpose" => self.purpose = text()?,
            "project" => self.project = text()?,
            "max-staleness" => {
                self.max_staleness = match text()? {
                    Some(text) => Some(read_duration(&text).ok_or(Refused::InvalidValue)?),
                    None => None,
                }
            }
            "max-message-bytes" => self.max_message_bytes = bytes(value, options)?,
            _ => return Err(Refused::InvalidName),
        }
        Ok(())
    }

    /// What holds for the calls of this session, defaults included.
    ///
    /// - `schema`: what one-part names belong to in this call.
    pub(crate) fn told(&self, catalog: &str, schema: Option<&str>, options: &Options) -> GetSessionOptionsResult {
        let text = |text: &str| SessionOptionValue::from(OptionValue::Text(text.to_owned()));
        let ours = |name: &str| format!("{OURS}{name}");
        let or_nothing = |value: &Option<String>| text(value.as_deref().unwrap_or_default());
        let bytes = self.max_message_bytes.unwrap_or(options.max_message_bytes);
        let mut told = HashMap::from([
            ("catalog".to_owned(), text(catalog)),
            ("schema".to_owned(), text(self.schema.as_deref().or(schema).unwrap_or_default())),
            (ours("wire"), text(self.wire.unwrap_or(Profile::Compat).word())),
            (ours("purpose"), or_nothing(&self.purpose)),
            (ours("project"), or_nothing(&self.project)),
            (ours("max-message-bytes"), OptionValue::Whole(i64::try_from(bytes).unwrap_or(i64::MAX)).into()),
        ]);
        if let Some(limit) = self.max_staleness {
            told.insert(ours("max-staleness"), text(&Timeout(limit).to_string()));
        }
        GetSessionOptionsResult { session_options: told }
    }
}

/// A limit of messages, as a number or as text.
fn bytes(value: Option<OptionValue>, options: &Options) -> Result<Option<usize>, Refused> {
    let asked = match value {
        None => return Ok(None),
        Some(OptionValue::Whole(bytes)) => usize::try_from(bytes).ok(),
        Some(OptionValue::Text(text)) => text.trim().parse().ok(),
        Some(OptionValue::Flag(_) | OptionValue::Number(_) | OptionValue::Texts(_)) => None,
    };
    let fits = |bytes: &usize| (SMALLEST_MESSAGE..=options.max_negotiated_message_bytes).contains(bytes);
    asked.filter(fits).map(Some).ok_or(Refused::InvalidValue)
}

#[cfg(test)]
mod tests {
    use meshweave_engine::Principal;
    use prost::Message as _;

    use super::*;

    fn options() -> Options {
        Options::new(Principal { user: "ada".into(), teams: vec![] })
    }

    fn set(chosen: &mut Chosen, name: &str, value: Option<OptionValue>) -> Option<i32> {
        let session_options = HashMap::from([(name.to_owned(), SessionOptionValue { value })]);
        let request = SetSessionOptionsRequest { session_options };
        let read = SetSessionOptionsRequest::decode(request.encode_to_vec().as_slice()).unwrap();
        chosen.set(read, "mesh", &options()).errors.get(name).map(|error| error.value)
    }

    fn text(value: &str) -> Option<OptionValue> {
        Some(OptionValue::Text(value.to_owned()))
    }

    #[test]
    fn what_is_set_is_told_again() {
        let mut chosen = Chosen::default();
        for (name, value) in [
            ("catalog", text("MESH")),
            ("schema", text("crm")),
            ("x-meshweave-wire", text("native")),
            ("Purpose", text("billing")),
            ("x-meshweave-project", text("p1")),
            ("max-staleness", text("PT5M")),
            ("x-meshweave-max-message-bytes", Some(OptionValue::Whole(1 << 20))),
        ] {
            assert_eq!(set(&mut chosen, name, value), None, "{name}");
        }
        let told = chosen.told("mesh", None, &options()).session_options;
        let of = |name: &str| told[name].value.clone().unwrap();
        assert_eq!(of("schema"), OptionValue::Text("crm".into()));
        assert_eq!(of("x-meshweave-wire"), OptionValue::Text("arrow".into()));
        assert_eq!(of("x-meshweave-max-message-bytes"), OptionValue::Whole(1 << 20));
        assert_eq!(chosen.max_staleness, Some(Duration::from_secs(300)));
        assert_eq!(set(&mut chosen, "schema", None), None);
        assert_eq!(chosen.schema, None, "an option without a value is taken back");
    }

    #[test]
    fn wrong_names_and_values_are_told_apart() {
        let mut chosen = Chosen::default();
        let (name, value) = (Some(Refused::InvalidName as i32), Some(Refused::InvalidValue as i32));
        assert_eq!(set(&mut chosen, "lol_invalid", text("x")), name);
        assert_eq!(set(&mut chosen, "catalog", text("other")), value);
        assert_eq!(set(&mut chosen, "schema", Some(OptionValue::Flag(true))), value);
        assert_eq!(set(&mut chosen, "wire", text("morse")), value);
        assert_eq!(set(&mut chosen, "max-message-bytes", Some(OptionValue::Whole(1))), value);
        assert_eq!(set(&mut chosen, "max-message-bytes", Some(OptionValue::Number(1e6))), value);
        assert_eq!(set(&mut chosen, "max-staleness", text("soon")), value);
        assert_eq!(chosen, Chosen::default());
    }
}
