//! What a store's error means to those who must act on it: a few faults, each with its words and what to do next.
//!
//! In: an error with an [`object_store::Error`] somewhere among its causes. Out: a [`Fault`].
//! The stores' clients tell status and body of a refused request only as text, so its code is read there.
//!
//! Start reading at [`Fault::of`].

use std::error::Error as StdError;

use object_store::client::{HttpError, HttpErrorKind};

use super::client::Interruption;

/// What is wrong with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It takes no connection.
    NoConnection,
    /// It takes a connection and does not answer.
    NoAnswer,
    /// It stopped in the middle of an answer.
    Stalled,
    /// It broke the connection off.
    BrokenOff,
    /// Its answer has another length than it says.
    WrongLength,
    /// It wants fewer requests.
    Throttled,
    /// It says that it has trouble itself.
    Failing,
    /// The credentials were good, and are not any more.
    Expired,
    /// It and we disagree on the time.
    ClockSkew,
    /// It does not let us.
    Refused,
    /// It is a web server that lists nothing.
    CannotList,
}

/// The codes of stores' answers, nearest meaning first.
const CODES: [(&str, Fault); 13] = [
    ("ExpiredToken", Fault::Expired),
    ("TokenRefreshRequired", Fault::Expired),
    ("Signature not valid in the specified time frame", Fault::Expired),
    ("Signature fields not well formed", Fault::Refused),
    ("RequestTimeTooSkewed", Fault::ClockSkew),
    ("SlowDown", Fault::Throttled),
    ("ServerBusy", Fault::Throttled),
    ("status code: 429", Fault::Throttled),
    ("status code: 405", Fault::CannotList),
    ("status code: 501", Fault::CannotList),
    ("status code: 5", Fault::Failing),
    ("status code: 401", Fault::Refused),
    ("status code: 403", Fault::Refused),
];

/// An error and what caused it, nearest first.
fn causes<'a>(first: Option<&'a (dyn StdError + 'static)>) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = first;
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

impl Fault {
    /// The fault among the causes of an error; none when there is no store's error in it, or one that is no fault of the store
    /// (nothing lies there).
    pub fn of(error: &(dyn StdError + 'static)) -> Option<Self> {
        if let Some(interruption) = causes(Some(error)).find_map(|e| e.downcast_ref::<Interruption>()) {
            return Some(Self::of_interruption(*interruption));
        }
        if let Some(connection) = causes(Some(error)).find_map(|e| e.downcast_ref::<HttpError>()) {
            return Some(Self::of_connection(connection));
        }
        let store = causes(Some(error)).find_map(|e| e.downcast_ref::<object_store::Error>())?;
        let text = store.to_string();
        CODES.into_iter().find(|(code, _)| text.contains(code)).map(|(_, fault)| fault)
    }

    fn of_interruption(interruption: Interruption) -> Self {
        match interruption {
            Interruption::NoAnswer(_) => Self::NoAnswer,
            Interruption::Stalled(_) => Self::Stalled,
            Interruption::Short(_) | Interruption::Long => Self::WrongLength,
        }
    }

    fn of_connection(error: &HttpError) -> Self {
        // A connection that is not made in time is an elapsed time to the client, and a missing connection to everybody else.
        let is_connect = causes(StdError::source(error))
            .any(|e| e.to_string().contains("error trying to connect") || e.to_string() == "client error (Connect)");
        match error.kind() {
            HttpErrorKind::Connect => Self::NoConnection,
            HttpErrorKind::Timeout if is_connect => Self::NoConnection,
            HttpErrorKind::Timeout => Self::NoAnswer,
            _ => Self::BrokenOff,
        }
    }

    /// What the store does, in words that follow "the storage of domain crm".
    pub fn words(self) -> &'static str {
        match self {
            Self::NoConnection => "cannot be reached",
            Self::NoAnswer => "does not answer",
            Self::Stalled => "stopped in the middle of an answer",
            Self::BrokenOff => "broke the connection off",
            Self::WrongLength => "sends answers of the wrong length",
            Self::Throttled => "asks to slow down",
            Self::Failing => "reports an error of its own",
            Self::Expired => "says that the credentials have expired",
            Self::ClockSkew => "refuses the time of this machine's clock",
            Self::Refused => "refuses the credentials",
            Self::CannotList => "lists no files",
        }
    }

    /// What to do next.
    pub fn hint(self) -> &'static str {
        match self {
            Self::NoConnection => {
                "See whether the store is up, and whether the domain's `endpoint` is right; then run the query again."
            }
            Self::NoAnswer | Self::Stalled => {
                "Run the query again later; a store that is only slow needs a longer `storage.stall_timeout`."
            }
            Self::BrokenOff | Self::WrongLength | Self::Failing => {
                "Run the query again later; if it goes on, tell those who run the store."
            }
            Self::Throttled => "Run the query again later, or raise `storage.retries` and `storage.retry_timeout`.",
            Self::Expired => {
                "Renew the credentials that the domain's document names; the next query uses the new ones."
            }
            Self::ClockSkew => "Set the clock of the machine that Meshweave runs on.",
            Self::CannotList => {
                "A web server lists files only where it speaks WebDAV; name the files in the contract's location, as in \
                 https://host/folder/{a,b}.parquet."
            }
            Self::Refused => "Let the domain's credentials read there, or name others in the domain's document.",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answered(text: &str) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: text.into() }
    }

    #[test]
    fn codes_in_answers_are_told_apart() {
        let check = |text: &str, expected: Option<Fault>| assert_eq!(Fault::of(&answered(text)), expected, "{text}");
        check("status code: 403 Forbidden: <Code>ExpiredToken</Code>", Some(Fault::Expired));
        check("status code: 403 Forbidden: <Code>RequestTimeTooSkewed</Code>", Some(Fault::ClockSkew));
        check("status code: 403 Forbidden: <Code>AccessDenied</Code>", Some(Fault::Refused));
        check("status code: 503 Service Unavailable: <Code>SlowDown</Code>", Some(Fault::Throttled));
        check("status code: 503 Service Unavailable: ", Some(Fault::Failing));
        check("something else", None);
    }

    #[test]
    fn what_the_connection_did_comes_before_its_text() {
        let over = |error: HttpError| object_store::Error::Generic { store: "S3", source: Box::new(error) };
        let stalled = HttpError::new(HttpErrorKind::Timeout, Interruption::Stalled(Duration::from_secs(1)));
        assert_eq!(Fault::of(&over(stalled)), Some(Fault::Stalled));
        let refused = HttpError::new(HttpErrorKind::Connect, std::io::Error::other("refused"));
        assert_eq!(Fault::of(&over(refused)), Some(Fault::NoConnection));
        let reset = HttpError::new(HttpErrorKind::Interrupted, std::io::Error::other("reset"));
        assert_eq!(Fault::of(&over(reset)), Some(Fault::BrokenOff));
    }

    #[test]
    fn an_error_without_a_store_has_no_fault() {
        assert_eq!(Fault::of(&std::io::Error::other("status code: 503")), None);
    }
}
