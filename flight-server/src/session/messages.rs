//! The messages of sessions as Flight's protocol file defines them; the library that we build on has none of them.

use std::collections::HashMap;

use prost::Message;

/// `SessionOptionValue`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SessionOptionValue {
    /// None: the option is taken back.
    #[prost(oneof = "OptionValue", tags = "1, 2, 3, 4, 5")]
    pub(crate) value: Option<OptionValue>,
}

/// The one value of an option.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum OptionValue {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Flag(bool),
    #[prost(sfixed64, tag = "3")]
    Whole(i64),
    #[prost(double, tag = "4")]
    Number(f64),
    #[prost(message, tag = "5")]
    Texts(Texts),
}

/// `SessionOptionValue.StringListValue`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Texts {
    #[prost(string, repeated, tag = "1")]
    pub(crate) values: Vec<String>,
}

/// `SetSessionOptionsRequest`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetSessionOptionsRequest {
    #[prost(map = "string, message", tag = "1")]
    pub(crate) session_options: HashMap<String, SessionOptionValue>,
}

/// `SetSessionOptionsResult`: the options that were not taken, and why.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetSessionOptionsResult {
    #[prost(map = "string, message", tag = "1")]
    pub(crate) errors: HashMap<String, SetError>,
}

/// `SetSessionOptionsResult.Error`.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct SetError {
    #[prost(enumeration = "Refused", tag = "1")]
    pub(crate) value: i32,
}

/// `SetSessionOptionsResult.ErrorValue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Refused {
    /// Never sent.
    Unspecified = 0,
    /// There is no such option.
    InvalidName = 1,
    /// It cannot have this value.
    InvalidValue = 2,
    /// It cannot be set now.
    Error = 3,
}

/// `GetSessionOptionsResult`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct GetSessionOptionsResult {
    #[prost(map = "string, message", tag = "1")]
    pub(crate) session_options: HashMap<String, SessionOptionValue>,
}

/// `CloseSessionResult`; status 1: it is closed.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct CloseSessionResult {
    #[prost(int32, tag = "1")]
    pub(crate) status: i32,
}

impl CloseSessionResult {
    /// The session is closed, or there was none.
    pub(crate) const CLOSED: Self = Self { status: 1 };
}

impl From<OptionValue> for SessionOptionValue {
    fn from(value: OptionValue) -> Self {
        Self { value: Some(value) }
    }
}
