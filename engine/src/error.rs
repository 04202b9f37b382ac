//! What can go wrong, in words that say what failed, on which product, and what to do next.
//!
//! Holds always:
//! - an [`Error`] travels through DataFusion in `External` and comes out as itself;
//! - a text never quotes its cause: [`Error::report`] prints the chain once;
//! - a [`Kind`] is what callers act on; it decides the exit code and the gRPC status.
//!
//! Start reading at [`Failure`].

mod datafusion;

use std::fmt::{self, Write as _};
use std::sync::Arc;

use ::datafusion::error::DataFusionError;
use meshweave_contract::name::ProductName;

/// The engine's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// What callers act on; few and stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A name leads nowhere.
    NotFound,
    /// The statement or its parameters are wrong.
    InvalidQuery,
    /// A contract is wrong, or may not be registered.
    InvalidContract,
    /// A new version would break those who rely on the product.
    BreakingChange,
    /// A setting or a document of the mesh is wrong.
    InvalidConfiguration,
    /// Nobody, or nobody any more.
    Unauthenticated,
    /// Known, and not allowed.
    Denied,
    /// The data does not keep its contract's promise.
    ContractBroken,
    /// Try again later.
    Unavailable,
    /// A limit was reached.
    Exhausted,
    /// The caller went away or asked to stop.
    Cancelled,
    /// The time that was given ran out.
    TimedOut,
    /// Right, and not offered.
    Unsupported,
    /// Our fault.
    Internal,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::NotFound,
        Self::InvalidQuery,
        Self::InvalidContract,
        Self::BreakingChange,
        Self::InvalidConfiguration,
        Self::Unauthenticated,
        Self::Denied,
        Self::ContractBroken,
        Self::Unavailable,
        Self::Exhausted,
        Self::Cancelled,
        Self::TimedOut,
        Self::Unsupported,
        Self::Internal,
    ];

    /// The stable word used in JSON errors.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::InvalidQuery => "invalid_query",
            Self::InvalidContract => "invalid_contract",
            Self::BreakingChange => "breaking_change",
            Self::InvalidConfiguration => "invalid_configuration",
            Self::Unauthenticated => "unauthenticated",
            Self::Denied => "denied",
            Self::ContractBroken => "contract_broken",
            Self::Unavailable => "unavailable",
            Self::Exhausted => "exhausted",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::Unsupported => "unsupported",
            Self::Internal => "internal",
        }
    }

    /// The exit code of the command line.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::InvalidQuery | Self::InvalidConfiguration | Self::Unsupported => 2,
            Self::InvalidContract => 3,
            Self::BreakingChange => 5,
            Self::Denied | Self::Unauthenticated => 4,
            Self::ContractBroken => 6,
            Self::NotFound => 7,
            Self::Unavailable | Self::TimedOut => 8,
            Self::Exhausted => 9,
            Self::Cancelled => 130,
        }
    }
}

/// Everything the engine can fail with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The catalog snapshot of this query holds no such product (or hides it from this caller).
    #[error("data product \"{product}\" does not exist")]
    ProductNotFound {
        /// The name as the caller wrote it.
        product: String,
        /// Names a few letters away, nearest first, at most three.
        nearest: Vec<String>,
    },
    /// A name inside a statement leads nowhere: a column, a function, a table of a product.
    #[error("{what} \"{name}\" does not exist{}", .product.as_ref().map(|p| format!(" in {p}")).unwrap_or_default())]
    NameNotFound {
        /// `column`, `table`, `major version`, `domain`, ….
        what: &'static str,
        /// As the caller wrote it.
        name: String,
        /// Where it was looked for.
        product: Option<String>,
        /// Names a few letters away, nearest first, at most three.
        nearest: Vec<String>,
    },
    /// The statement is wrong.
    #[error("{message}")]
    InvalidQuery {
        /// What is wrong with it; lower case, no final stop.
        message: String,
        /// What to do next; a sentence.
        hint: Option<String>,
    },
    /// A setting, `mesh.yaml` or a `domain.yaml` is wrong.
    #[error("{place}: {message}")]
    InvalidConfiguration {
        /// File, line and column, or the setting's name.
        place: String,
        /// What is wrong.
        message: String,
        /// What to do next; a sentence.
        hint: Option<String>,
    },
    /// A contract is wrong, or may not be registered as it is.
    #[error("contract {file} {message}")]
    InvalidContract {
        /// The file, or the product.
        file: String,
        /// What is wrong.
        message: String,
        /// One line each: file:line:column, code, what is wrong, how to mend it.
        problems: Vec<String>,
    },
    /// A new version takes away what consumers rely on, and is no new major version.
    #[error("{message}")]
    BreakingChange {
        /// The product.
        product: String,
        /// What breaks what.
        message: String,
        /// One line each: every breaking change, and whom it would break.
        problems: Vec<String>,
        /// Which version it needs.
        hint: Option<String>,
    },
    /// Somebody else changed the catalog at the same moment.
    #[error("the catalog changed while {what} was being registered")]
    CatalogConflict {
        /// The product version.
        what: String,
    },
    /// The caller may not.
    #[error("{principal} may not {action} {product}: {reason}")]
    Denied {
        /// Who asked.
        principal: String,
        /// `read`, `register`, ….
        action: &'static str,
        /// On what.
        product: String,
        /// Why not.
        reason: String,
        /// Whom to ask; a sentence.
        hint: Option<String>,
    },
    /// Nobody, or nobody any more.
    #[error("not authenticated: {reason}")]
    Unauthenticated {
        /// Why not.
        reason: String,
    },
    /// What is stored is not what the contract promises.
    #[error("{product} breaks its contract: {message}")]
    ContractBroken {
        /// Whose promise.
        product: String,
        /// What differs.
        message: String,
        /// What to do next; a sentence.
        hint: Option<String>,
    },
    /// An object was replaced or removed after this query had pinned it.
    #[error("{product} changed during the query: {object} is not the object that was pinned")]
    PinnedObjectChanged {
        /// The product.
        product: String,
        /// The object's path.
        object: String,
        /// What the store said.
        #[source]
        cause: Option<Cause>,
    },
    /// Storage, or the catalog's database, does not answer or refuses.
    #[error("{what} is unavailable: {message}")]
    Unavailable {
        /// The product, domain or part.
        what: String,
        /// What was tried.
        message: String,
        /// What the other side said.
        #[source]
        cause: Option<Cause>,
    },
    /// A limit of the settings was reached.
    #[error("{message}")]
    Exhausted {
        /// Which limit, its size, and what asked for more.
        message: String,
        /// Which setting to change; a sentence.
        hint: Option<String>,
    },
    /// The caller went away or asked to stop.
    #[error("the query was cancelled")]
    Cancelled,
    /// The deadline passed.
    #[error("the query did not finish within {limit}")]
    TimedOut {
        /// The limit in words (`30 s`).
        limit: String,
    },
    /// Right, and not offered.
    #[error("{what} is not supported")]
    Unsupported {
        /// What was asked for.
        what: String,
        /// What to do instead; a sentence.
        hint: Option<String>,
    },
    /// A temporary table of that name is there already.
    #[error("{table} exists already")]
    TempTableExists {
        /// `temp.name`.
        table: String,
    },
    /// The product takes no rows, from nobody or not in this way.
    #[error("{product} does not take these rows: {reason}")]
    TakesNoRows {
        /// The product.
        product: String,
        /// Why not.
        reason: String,
        /// What to do instead; a sentence.
        hint: String,
    },
    /// Rows that were sent do not keep the contract of the product that they are for; none was added.
    #[error("the rows do not keep the contract of {product}, and none was added: {}", .problems.join("; "))]
    RowsRefused {
        /// The product.
        product: String,
        /// Everything that is wrong, each with the first row and a count where it is about rows.
        problems: Vec<String>,
    },
    /// A statement that writes, and was run already.
    #[error("the statement was run already, and it writes: it is not run twice")]
    RunBefore,
    /// Our fault.
    #[error("{message}")]
    Internal {
        /// What was being done.
        message: String,
        /// What went wrong.
        #[source]
        cause: Option<Cause>,
    },
}

/// A [`Failure`], cheap to move and to clone.
#[derive(Clone)]
pub struct Error(Arc<Failure>);

impl Error {
    /// What happened.
    pub fn failure(&self) -> &Failure {
        &self.0
    }

    /// A statement that is wrong, without a hint.
    pub fn invalid_query(message: impl Into<String>) -> Self {
        Failure::InvalidQuery { message: message.into(), hint: None }.into()
    }

    /// A statement that is wrong, and what to do.
    pub fn invalid_query_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Failure::InvalidQuery { message: message.into(), hint: Some(hint.into()) }.into()
    }

    /// Our fault, with its cause.
    pub fn internal(message: impl Into<String>, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Failure::Internal { message: message.into(), cause: Some(Arc::new(cause)) }.into()
    }

    /// Something that does not answer, with its cause.
    pub fn unavailable(
        what: impl Into<String>,
        message: impl Into<String>,
        cause: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Failure::Unavailable { what: what.into(), message: message.into(), cause: Some(Arc::new(cause)) }.into()
    }

    /// What callers act on.
    pub fn kind(&self) -> Kind {
        match self.failure() {
            Failure::ProductNotFound { .. } | Failure::NameNotFound { .. } => Kind::NotFound,
            Failure::InvalidQuery { .. }
            | Failure::TempTableExists { .. }
            | Failure::TakesNoRows { .. }
            | Failure::RowsRefused { .. }
            | Failure::RunBefore => Kind::InvalidQuery,
            Failure::InvalidConfiguration { .. } => Kind::InvalidConfiguration,
            Failure::InvalidContract { .. } => Kind::InvalidContract,
            Failure::BreakingChange { .. } => Kind::BreakingChange,
            Failure::Denied { .. } => Kind::Denied,
            Failure::Unauthenticated { .. } => Kind::Unauthenticated,
            Failure::ContractBroken { .. } => Kind::ContractBroken,
            Failure::PinnedObjectChanged { .. } | Failure::Unavailable { .. } | Failure::CatalogConflict { .. } => {
                Kind::Unavailable
            }
            Failure::Exhausted { .. } => Kind::Exhausted,
            Failure::Cancelled => Kind::Cancelled,
            Failure::TimedOut { .. } => Kind::TimedOut,
            Failure::Unsupported { .. } => Kind::Unsupported,
            Failure::Internal { .. } => Kind::Internal,
        }
    }

    /// The product it is about, when there is one.
    pub fn product(&self) -> Option<&str> {
        match self.failure() {
            Failure::ProductNotFound { product, .. }
            | Failure::Denied { product, .. }
            | Failure::BreakingChange { product, .. }
            | Failure::ContractBroken { product, .. }
            | Failure::TakesNoRows { product, .. }
            | Failure::RowsRefused { product, .. }
            | Failure::PinnedObjectChanged { product, .. } => Some(product),
            Failure::NameNotFound { product, .. } => product.as_deref(),
            // What a store's fault is about is a product, unless a place was looked at before any product was.
            Failure::Unavailable { what, cause: Some(cause), .. } if !what.contains("://") => {
                crate::storage::Fault::of(cause.as_ref()).map(|_| what.as_str())
            }
            _ => None,
        }
    }

    /// What to do next; a sentence, when there is one to say.
    pub fn hint(&self) -> Option<String> {
        let did_you_mean = |nearest: &[String], otherwise: &str| {
            Some(match nearest {
                [] => otherwise.to_owned(),
                [one] => format!("Did you mean {one}?"),
                many => format!("Did you mean one of {}?", many.join(", ")),
            })
        };
        match self.failure() {
            Failure::ProductNotFound { nearest, .. } => {
                did_you_mean(nearest, "`SELECT * FROM mesh.products` lists what you may use.")
            }
            Failure::NameNotFound { nearest, .. } if !nearest.is_empty() => did_you_mean(nearest, ""),
            Failure::InvalidQuery { hint, .. }
            | Failure::InvalidConfiguration { hint, .. }
            | Failure::Denied { hint, .. }
            | Failure::BreakingChange { hint, .. }
            | Failure::ContractBroken { hint, .. }
            | Failure::Exhausted { hint, .. }
            | Failure::Unsupported { hint, .. } => hint.clone(),
            Failure::PinnedObjectChanged { .. } => Some("Run the query again: it will pin the new objects.".to_owned()),
            Failure::CatalogConflict { .. } => Some("Run the command again.".to_owned()),
            Failure::TempTableExists { .. } => {
                Some("Drop it first, or write CREATE OR REPLACE TABLE or CREATE TABLE IF NOT EXISTS.".to_owned())
            }
            Failure::TakesNoRows { hint, .. } => Some(hint.clone()),
            Failure::RowsRefused { .. } => {
                Some("Mend the rows and send all of them again; `describe` shows the contract.".to_owned())
            }
            Failure::RunBefore => Some("Ask for the statement anew to run it again.".to_owned()),
            Failure::Unavailable { cause: Some(cause), .. } => {
                crate::storage::Fault::of(cause.as_ref()).map(|fault| fault.hint().to_owned())
            }
            _ => None,
        }
    }

    /// What is wrong with a contract, one line each; empty for every other failure.
    pub fn problems(&self) -> &[String] {
        match self.failure() {
            Failure::InvalidContract { problems, .. } | Failure::BreakingChange { problems, .. } => problems,
            _ => &[],
        }
    }

    /// The error and its causes on one line each; a cause that is already quoted is left out.
    pub fn report(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let line = error.to_string();
            if !text.contains(&line) {
                let _ = write!(text, "\n  because: {line}");
            }
            cause = error.source();
        }
        text
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self(Arc::new(failure))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

/// Names a product in an error.
pub fn product_word(name: &ProductName) -> String {
    name.to_string()
}
