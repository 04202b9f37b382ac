//! What a client is told when something fails: one fault, one gRPC status.
//!
//! In: an engine [`Error`], or a protocol fault made here. Out: a [`Status`] with code, text, details and trailers.
//! Holds always:
//! - no `Debug` text and no cause of an internal fault reaches a client: it sees the query id, the log has the cause;
//! - a fault says what failed and, in its hint, what to do next.
//!
//! Start reading at [`Fault::into_status`].

use std::collections::BTreeMap;

use arrow_flight::sql::Any;
use bytes::Bytes;
use meshweave_engine::{Error, Failure, Kind};
use prost::Message;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};
use uuid::Uuid;

/// The answer header and error trailer that names the query.
pub(crate) const QUERY_ID: &str = "x-meshweave-query-id";

/// The result of this crate's own steps.
pub(crate) type Outcome<T> = Result<T, Fault>;

/// Something that failed, ready to become a [`Status`].
#[derive(Debug, Clone)]
pub(crate) struct Fault(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    code: Code,
    kind: &'static str,
    message: String,
    hint: Option<String>,
    product: Option<String>,
    /// For the log only.
    cause: Option<String>,
    query: Option<Uuid>,
}

impl Fault {
    fn new(code: Code, kind: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            kind,
            message: message.into(),
            hint: None,
            product: None,
            cause: None,
            query: None,
        }))
    }

    /// The request is wrong.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, Kind::InvalidQuery.word(), message)
    }

    /// The request was right once, and is not any more.
    pub(crate) fn stale(message: impl Into<String>) -> Self {
        Self::new(Code::FailedPrecondition, "stale", message)
    }

    /// A limit was reached.
    pub(crate) fn exhausted(message: impl Into<String>) -> Self {
        Self::new(Code::ResourceExhausted, Kind::Exhausted.word(), message)
    }

    /// Try again later, or elsewhere.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, Kind::Unavailable.word(), message)
    }

    /// Not allowed to this caller.
    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self::new(Code::PermissionDenied, Kind::Denied.word(), message)
    }

    /// Nobody, or nobody any more.
    pub(crate) fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(Code::Unauthenticated, Kind::Unauthenticated.word(), message)
    }

    /// A name leads nowhere.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, Kind::NotFound.word(), message)
    }

    /// Right, and not offered.
    pub(crate) fn unsupported(what: &str) -> Self {
        Self::new(Code::Unimplemented, Kind::Unsupported.word(), format!("{what} is not supported"))
    }

    /// What was read is not what was promised.
    pub(crate) fn broken_promise(message: impl Into<String>) -> Self {
        Self::new(Code::FailedPrecondition, Kind::ContractBroken.word(), message)
    }

    /// Our fault; `cause` goes to the log only.
    pub(crate) fn internal(doing: &str, cause: &dyn std::fmt::Display) -> Self {
        let mut fault = Self::new(Code::Internal, Kind::Internal.word(), "internal error");
        fault.0.cause = Some(format!("{doing}: {cause}"));
        fault
    }

    /// The same with a sentence that says what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same, known to belong to a query.
    pub(crate) fn of(mut self, query: Uuid) -> Self {
        self.0.query = Some(query);
        self
    }

    /// Whether it says that something was right once, and is not any more.
    pub(crate) fn is_stale(&self) -> bool {
        self.0.kind == "stale"
    }

    /// The gRPC code it becomes.
    #[cfg(test)]
    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    /// The primary text.
    pub(crate) fn text(&self) -> &str {
        &self.0.message
    }

    /// The primary text.
    #[cfg(test)]
    pub(crate) fn message(&self) -> &str {
        self.text()
    }

    /// What may be shown of it; logs it when it is ours.
    fn shown(self) -> Inner {
        let mut inner = *self.0;
        if inner.code == Code::Internal {
            let cause = inner.cause.as_deref().unwrap_or(&inner.message);
            tracing::error!(query_id = ?inner.query.map(|q| q.to_string()), cause, "a request failed inside");
            inner.message = "internal error".to_owned();
            inner.hint = Some("The server's log has the cause under the query id.".to_owned());
        }
        inner
    }

    /// The same as JSON, for an answer that tells of several things of which some have failed.
    pub(crate) fn told(self) -> serde_json::Value {
        let Inner { kind, message, hint, product, query, .. } = self.shown();
        let query = query.map(|id| id.to_string());
        serde_json::json!({"kind": kind, "message": message, "hint": hint, "product": product, "query_id": query})
    }

    /// The status of this fault; logs it when it is ours.
    pub(crate) fn into_status(self) -> Status {
        let inner = self.shown();
        let query = inner.query;
        let text = match (&inner.hint, query) {
            (Some(hint), Some(id)) if inner.code == Code::Internal => {
                format!("{} (query {id})\nhint: {hint}", inner.message)
            }
            (Some(hint), _) => format!("{}\nhint: {hint}", inner.message),
            (None, _) => inner.message.clone(),
        };
        let details = inner.details(&text);
        Status::with_details_and_metadata(inner.code, text, details, inner.trailers())
    }
}

impl Inner {
    /// `google.rpc.Status` with one `ErrorInfo`: what `grpc-status-details-bin` is defined to hold.
    fn details(&self, text: &str) -> Bytes {
        let mut metadata = BTreeMap::new();
        let mut put = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                metadata.insert(key.to_owned(), value);
            }
        };
        put("message", Some(self.message.clone()));
        put("hint", self.hint.clone());
        put("product", self.product.clone());
        put("query_id", self.query.map(|id| id.to_string()));
        let info = ErrorInfo { reason: self.kind.to_uppercase(), domain: "meshweave".to_owned(), metadata };
        let any =
            Any { type_url: "type.googleapis.com/google.rpc.ErrorInfo".to_owned(), value: info.encode_to_vec().into() };
        RpcStatus { code: self.code as i32, message: text.to_owned(), details: vec![any] }.encode_to_vec().into()
    }

    fn trailers(&self) -> MetadataMap {
        let mut trailers = MetadataMap::new();
        let mut put = |key: &'static str, value: &str| {
            if let Ok(value) = MetadataValue::try_from(value) {
                trailers.insert(key, value);
            }
        };
        put("x-meshweave-kind", self.kind);
        if let Some(hint) = &self.hint {
            put("x-meshweave-hint", hint);
        }
        if let Some(product) = &self.product {
            put("x-meshweave-product", product);
        }
        if let Some(id) = self.query {
            put(QUERY_ID, &id.to_string());
        }
        trailers
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let cause = (error.kind() == Kind::Internal).then(|| error.report());
        let message = match error.failure() {
            Failure::Internal { .. } => "internal error".to_owned(),
            _ => error.to_string(),
        };
        Self(Box::new(Inner {
            code: match error.failure() {
                Failure::TempTableExists { .. } => Code::AlreadyExists,
                Failure::RunBefore => Code::FailedPrecondition,
                _ => code_of(error.kind()),
            },
            kind: error.kind().word(),
            message,
            hint: error.hint(),
            product: error.product().map(str::to_owned),
            cause,
            query: None,
        }))
    }
}

/// The gRPC code of an engine's kind of error.
fn code_of(kind: Kind) -> Code {
    match kind {
        Kind::NotFound => Code::NotFound,
        Kind::InvalidQuery | Kind::InvalidContract | Kind::BreakingChange => Code::InvalidArgument,
        Kind::Unauthenticated => Code::Unauthenticated,
        Kind::Denied => Code::PermissionDenied,
        Kind::ContractBroken | Kind::InvalidConfiguration => Code::FailedPrecondition,
        Kind::Unavailable => Code::Unavailable,
        Kind::Exhausted => Code::ResourceExhausted,
        Kind::Cancelled => Code::Cancelled,
        Kind::TimedOut => Code::DeadlineExceeded,
        Kind::Unsupported => Code::Unimplemented,
        Kind::Internal => Code::Internal,
    }
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.rpc.ErrorInfo`.
#[derive(Clone, PartialEq, Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(btree_map = "string, string", tag = "3")]
    metadata: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(failure: Failure, code: Code, text: &str) {
        let status = Fault::from(Error::from(failure)).of(Uuid::nil()).into_status();
        assert_eq!((status.code(), status.message()), (code, text));
        assert_eq!(status.metadata().get(QUERY_ID).unwrap(), "00000000-0000-0000-0000-000000000000");
    }

    #[test]
    fn a_kind_has_one_code_and_the_hint_goes_along() {
        check(
            Failure::ProductNotFound { product: "a.b".into(), nearest: vec!["a.c".into()] },
            Code::NotFound,
            "data product \"a.b\" does not exist\nhint: Did you mean a.c?",
        );
        check(Failure::Cancelled, Code::Cancelled, "the query was cancelled");
        check(
            Failure::Unsupported { what: "INSERT".into(), hint: None },
            Code::Unimplemented,
            "INSERT is not supported",
        );
    }

    #[test]
    fn an_internal_fault_shows_the_query_and_never_its_cause() {
        let error = Error::internal("opening /secret/path", std::io::Error::other("boom"));
        let status = Fault::from(error).of(Uuid::nil()).into_status();
        assert_eq!(status.code(), Code::Internal);
        assert!(status.message().starts_with("internal error (query 00000000-"), "{}", status.message());
        let details = String::from_utf8_lossy(status.details()).into_owned();
        for hidden in ["secret", "boom"] {
            assert!(!status.message().contains(hidden) && !details.contains(hidden), "{hidden} was shown");
        }
    }

    #[test]
    fn details_are_the_standard_protobuf() {
        let status = Fault::invalid("bad").hint("Mend it.").into_status();
        let decoded = RpcStatus::decode(status.details()).unwrap();
        let info = ErrorInfo::decode(&*decoded.details[0].value).unwrap();
        assert_eq!(decoded.code, 3);
        assert_eq!((info.reason.as_str(), info.metadata["hint"].as_str()), ("INVALID_QUERY", "Mend it."));
    }
}
