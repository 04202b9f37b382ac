//! From DataFusion's errors to ours.
//!
//! In: an error that came out of planning or running. Out: our own error when one travelled inside it, else the failure it
//! amounts to: a wrong statement, a name that leads nowhere, a limit, storage that does not answer, or our fault.
//!
//! Start reading at [`Error::from_datafusion`].

use std::error::Error as StdError;
use std::sync::Arc;

use arrow::error::ArrowError;
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use datafusion::parquet::errors::ParquetError;
use meshweave_contract::name::fold;

use super::{Error, Failure};

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        Self::from_datafusion(error, &[])
    }
}

impl Error {
    /// What an error of DataFusion amounts to.
    ///
    /// - `products`: what the query reads; named when storage fails and only one can be meant.
    pub fn from_datafusion(error: DataFusionError, products: &[String]) -> Self {
        if let Some(ours) = find(&error) {
            return ours;
        }
        if let Some(limit) = limit(&error) {
            return limit;
        }
        map(error, products)
    }
}

/// A limit that was reached somewhere in the chain of causes. The spill quota arrives as the text of an I/O error.
fn limit(error: &DataFusionError) -> Option<Error> {
    if let DataFusionError::ResourcesExhausted(text) = error.find_root() {
        return Some(exhausted(text));
    }
    let text = error.to_string();
    text.contains(SPILL_QUOTA).then(|| exhausted(&text))
}

/// How DataFusion says that the spill quota is used up.
const SPILL_QUOTA: &str = "used disk space during the spilling process";

/// Our own error somewhere in the chain of causes.
fn find(error: &DataFusionError) -> Option<Error> {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => find(inner),
        DataFusionError::Shared(inner) => find(inner),
        DataFusionError::Collection(errors) => errors.iter().find_map(find),
        DataFusionError::External(inner) => find_in(inner.as_ref()),
        DataFusionError::ArrowError(inner, _) => find_in(inner.as_ref()),
        DataFusionError::ParquetError(inner) => find_in(inner.as_ref()),
        DataFusionError::ObjectStore(inner) => find_in(inner.as_ref()),
        DataFusionError::IoError(inner) => inner.get_ref().and_then(|inner| find_in(inner)),
        _ => None,
    }
}

fn find_in(error: &(dyn StdError + 'static)) -> Option<Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(ours) = error.downcast_ref::<Error>() {
            return Some(ours.clone());
        }
        let inner = match (error.downcast_ref::<DataFusionError>(), error.downcast_ref::<ArrowError>()) {
            (Some(inner), _) => find(inner),
            (_, Some(ArrowError::ExternalError(inner))) => find_in(inner.as_ref()),
            _ => None,
        };
        if inner.is_some() {
            return inner;
        }
        if let Some(inner) = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            return find_in(inner);
        }
        next = error.source();
    }
    None
}

fn map(error: DataFusionError, products: &[String]) -> Error {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => map(*inner, products),
        DataFusionError::Shared(inner) => match Arc::try_unwrap(inner) {
            Ok(inner) => map(inner, products),
            Err(inner) => shared(&inner, products),
        },
        DataFusionError::Collection(errors) => match errors.into_iter().next() {
            Some(first) => map(first, products),
            None => Error::invalid_query("the statement is wrong"),
        },
        DataFusionError::SchemaError(inner, _) => schema(*inner),
        DataFusionError::Plan(text) => plan(&text),
        DataFusionError::SQL(inner, _) => Error::invalid_query(sentence(&inner.to_string())),
        DataFusionError::NotImplemented(text) => Failure::Unsupported { what: unsupported(&text), hint: None }.into(),
        DataFusionError::ResourcesExhausted(text) => exhausted(&text),
        DataFusionError::ObjectStore(inner) => storage(*inner, products),
        DataFusionError::ParquetError(inner) => parquet(*inner, products),
        DataFusionError::ArrowError(inner, _) => arrow(*inner, products),
        DataFusionError::External(inner) => external(inner, products),
        DataFusionError::Execution(text) => Error::invalid_query(sentence(&text)),
        DataFusionError::IoError(inner) => Error::unavailable(whose(products), "reading or spilling failed", inner),
        other => Error::internal("the query failed", other),
    }
}

/// An error that others still hold: its text is kept, its kind is found as far as a reference tells.
fn shared(error: &DataFusionError, products: &[String]) -> Error {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => shared(inner, products),
        DataFusionError::Shared(inner) => shared(inner, products),
        DataFusionError::ResourcesExhausted(text) => exhausted(text),
        DataFusionError::Plan(text) => plan(text),
        DataFusionError::Execution(text) => Error::invalid_query(sentence(text)),
        DataFusionError::ArrowError(inner, _) if is_arithmetic(inner) => {
            Error::invalid_query(sentence(&inner.to_string()))
        }
        DataFusionError::ObjectStore(inner) => {
            Error::unavailable(whose(products), said(inner), Told(inner.to_string()))
        }
        other => Error::internal("the query failed", Told(other.strip_backtrace())),
    }
}

/// The text of a cause that cannot be owned.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Told(String);

fn external(inner: Box<dyn StdError + Send + Sync>, products: &[String]) -> Error {
    let inner = match inner.downcast::<object_store::Error>() {
        Ok(inner) => return storage(*inner, products),
        Err(inner) => inner,
    };
    let inner = match inner.downcast::<DataFusionError>() {
        Ok(inner) => return map(*inner, products),
        Err(inner) => inner,
    };
    match inner.downcast::<ArrowError>() {
        Ok(inner) => arrow(*inner, products),
        Err(inner) => {
            Error::from(Failure::Internal { message: "the query failed".to_owned(), cause: Some(Arc::from(inner)) })
        }
    }
}

fn arrow(error: ArrowError, products: &[String]) -> Error {
    match error {
        ArrowError::ExternalError(inner) => external(inner, products),
        error if is_arithmetic(&error) => Error::invalid_query(sentence(&error.to_string())),
        error => Error::internal("the query failed", error),
    }
}

fn is_arithmetic(error: &ArrowError) -> bool {
    matches!(
        error,
        ArrowError::CastError(_)
            | ArrowError::DivideByZero
            | ArrowError::ArithmeticOverflow(_)
            | ArrowError::ParseError(_)
            | ArrowError::ComputeError(_)
            | ArrowError::InvalidArgumentError(_)
    )
}

fn parquet(error: ParquetError, products: &[String]) -> Error {
    match error {
        ParquetError::External(inner) => external(inner, products),
        error => Failure::ContractBroken {
            product: whose(products),
            message: format!("a stored file cannot be read: {error}"),
            hint: None,
        }
        .into(),
    }
}

fn storage(error: object_store::Error, products: &[String]) -> Error {
    if let object_store::Error::Precondition { path, .. } = &error {
        let object = path.clone();
        return Failure::PinnedObjectChanged { product: whose(products), object, cause: Some(Arc::new(error)) }.into();
    }
    Error::unavailable(whose(products), said(&error), error)
}

fn said(error: &object_store::Error) -> String {
    match error {
        object_store::Error::NotFound { path, .. } => format!("{path} is not there"),
        object_store::Error::PermissionDenied { path, .. } => format!("the store does not let us read {path}"),
        object_store::Error::Unauthenticated { path, .. } => format!("the store does not know us, reading {path}"),
        _ => "the store does not answer".to_owned(),
    }
}

/// The product that must be meant, or the word for all.
fn whose(products: &[String]) -> String {
    match products {
        [only] => only.clone(),
        [] => "storage".to_owned(),
        many => format!("storage of {}", many.join(" or ")),
    }
}

fn exhausted(text: &str) -> Error {
    let (message, hint) = if text.contains(SPILL_QUOTA) {
        ("spilled data of all queries reached its limit".to_owned(), "Raise limits.spill, or make the query smaller.")
    } else {
        let asked = first_line(&sentence(text));
        let asked = asked.split(" with top memory consumers").next().unwrap_or_default();
        let message = format!("the memory for all queries is used up: {asked}");
        (message, "Raise limits.memory, lower limits.concurrent_queries, or make the query smaller.")
    };
    Failure::Exhausted { message, hint: Some(hint.to_owned()) }.into()
}

fn schema(error: SchemaError) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => Failure::NameNotFound {
            what: "column",
            nearest: nearest(&field, &valid_fields),
            product: field.relation.as_ref().map(ToString::to_string),
            name: field.name.clone(),
        }
        .into(),
        SchemaError::AmbiguousReference { field } => Error::invalid_query_hint(
            format!("column {} is in several tables", field.name),
            "Write the table's name or alias before it.",
        ),
        other => Error::invalid_query_hint(sentence(&other.to_string()), "Give one of them another name with AS."),
    }
}

/// The columns nearest to a mistyped one, at most three: those of the same table first.
fn nearest(field: &Column, valid: &[Column]) -> Vec<String> {
    let same_table = |column: &&Column| field.relation.is_none() || column.relation == field.relation;
    let mut names: Vec<&str> = valid.iter().filter(same_table).map(|column| column.name.as_str()).collect();
    if names.is_empty() {
        names = valid.iter().map(|column| column.name.as_str()).collect();
    }
    let wanted = fold(&field.name);
    let mut scored: Vec<(usize, &str)> =
        names.into_iter().map(|name| (strsim::damerau_levenshtein(&wanted, &fold(name)), name)).collect();
    scored.sort_unstable();
    scored.dedup();
    let far = wanted.chars().count() / 2 + 1;
    scored.into_iter().filter(|(distance, _)| *distance <= far).take(3).map(|(_, name)| name.to_owned()).collect()
}

fn plan(text: &str) -> Error {
    if let Some(rest) = text.strip_prefix("Invalid function '") {
        let mut words = rest.split('\'');
        let name = words.next().unwrap_or_default().to_owned();
        let nearest = words.nth(1).map(str::to_owned).into_iter().collect();
        return Failure::NameNotFound { what: "function", name, product: None, nearest }.into();
    }
    if let Some(name) = text.strip_prefix("table function '").and_then(|rest| rest.split('\'').next()) {
        let name = name.to_owned();
        return Failure::NameNotFound { what: "table function", name, product: None, nearest: Vec::new() }.into();
    }
    Error::invalid_query(sentence(text))
}

/// A text as ours: without the prefixes of others, lower case first, no final stop.
fn sentence(text: &str) -> String {
    const PREFIXES: [&str; 10] = [
        "Error during planning: ",
        "Execution error: ",
        "Schema error: ",
        "Arrow error: ",
        "Cast error: ",
        "Compute error: ",
        "Invalid argument error: ",
        "Parser error: ",
        "sql parser error: ",
        "This feature is not implemented: ",
    ];
    let mut text = text.trim();
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)) {
        text = rest;
    }
    crate::plan::lower_first(text.trim_end_matches('.'))
}

/// What is not offered, as the subject of "… is not supported": without the debug text that follows, and said once.
fn unsupported(text: &str) -> String {
    const SAID: [&str; 8] = [
        " is not supported yet",
        " is not supported",
        " are not supported",
        " not supported yet",
        " not supported",
        " is not implemented yet",
        " is not implemented",
        " are not enabled",
    ];
    let text = first_line(&sentence(text));
    // `Some type: Name { field: … }` and `Name(…, …)` are Debug texts of the planner.
    let cut = text.find(" {").or_else(|| text.find(": ").filter(|_| text.contains('('))).unwrap_or(text.len());
    let told = match text.split_at(cut) {
        (told, "") => told,
        (told, _) => told.rsplit_once(": ").map_or(told, |(told, _)| told),
    };
    let told = told.trim().trim_end_matches([':', '.']);
    let told = SAID.iter().find_map(|said| told.strip_suffix(said)).unwrap_or(told);
    let told = told.strip_prefix("unsupported ").unwrap_or(told);
    if told.starts_with("ast node") { "a part of this statement".to_owned() } else { told.to_owned() }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_end_matches([':', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn ours() -> Error {
        Failure::Cancelled.into()
    }

    #[test]
    fn our_error_comes_out_of_every_wrapping() {
        let external = || DataFusionError::from(ours());
        let wrapped = [
            external(),
            external().context("while reading"),
            DataFusionError::Shared(Arc::new(external())),
            DataFusionError::Collection(vec![DataFusionError::Plan("x".to_owned()), external()]),
            DataFusionError::from(ArrowError::ExternalError(Box::new(external()))),
            DataFusionError::from(ParquetError::External(Box::new(ours()))),
            DataFusionError::from(object_store::Error::Generic { store: "x", source: Box::new(ours()) }),
            DataFusionError::External(Box::new(ArrowError::ExternalError(Box::new(ours())))),
            DataFusionError::IoError(std::io::Error::other(ours())),
        ];
        for error in wrapped {
            let text = error.to_string();
            assert_eq!(Error::from(error).kind(), Kind::Cancelled, "{text}");
        }
    }

    #[test]
    fn kinds_of_foreign_errors() {
        let gone = || object_store::Error::NotFound { path: "a/b".to_owned(), source: "x".into() };
        let replaced = object_store::Error::Precondition { path: "a/b".to_owned(), source: "x".into() };
        let cases = [
            (DataFusionError::Plan("Error during planning: No.".to_owned()), Kind::InvalidQuery, "no"),
            (
                DataFusionError::Plan("Invalid function 'sums'.\nDid you mean 'sum'?".to_owned()),
                Kind::NotFound,
                "function \"sums\" does not exist",
            ),
            (DataFusionError::ObjectStore(Box::new(gone())), Kind::Unavailable, "a.b is unavailable: a/b is not there"),
            (
                DataFusionError::External(Box::new(replaced)),
                Kind::Unavailable,
                "a.b changed during the query: a/b is not the object that was pinned",
            ),
            (ArrowError::DivideByZero.into(), Kind::InvalidQuery, "divide by zero error"),
            (
                ArrowError::CastError("Cannot cast string 'x' to value of Int64 type".to_owned()).into(),
                Kind::InvalidQuery,
                "cannot cast string 'x' to value of Int64 type",
            ),
            (DataFusionError::Internal("bug".to_owned()), Kind::Internal, "the query failed"),
        ];
        for (error, kind, text) in cases {
            let mapped = Error::from_datafusion(error, &["a.b".to_owned()]);
            assert_eq!((mapped.kind(), mapped.to_string().as_str()), (kind, text));
        }
    }

    #[test]
    fn what_is_not_supported_is_said_once_and_without_debug_text() {
        let cases = [
            ("SELECT item with multiple aliases is not supported", "SELECT item with multiple aliases"),
            (
                "Unsupported ast node in sqltorel: Subscript { index: Ident { value: \"x\" } }",
                "a part of this statement",
            ),
            ("Unsupported ast node in sqltorel: Interval(Interval { value: 1 })", "a part of this statement"),
            ("Hive formats not supported: Some(HiveFormat { row_format: None })", "hive formats"),
            ("CLUSTER BY", "CLUSTER BY"),
            ("Recursive CTEs are not enabled", "recursive CTEs"),
        ];
        for (text, expected) in cases {
            let error = Error::from(DataFusionError::NotImplemented(text.to_owned()));
            assert_eq!(error.kind(), Kind::Unsupported);
            assert_eq!(error.to_string(), format!("{expected} is not supported"));
        }
    }

    #[test]
    fn limits_name_their_setting() {
        let memory = Error::from(DataFusionError::ResourcesExhausted("Failed to allocate 1 MB".to_owned()));
        assert!(memory.hint().unwrap().contains("limits.memory"));
        let spill = Error::from(DataFusionError::ResourcesExhausted(
            "The used disk space during the spilling process has exceeded".to_owned(),
        ));
        assert!(spill.hint().unwrap().contains("limits.spill"));
        assert_eq!((memory.kind(), spill.kind()), (Kind::Exhausted, Kind::Exhausted));
    }

    #[test]
    fn a_mistyped_column_is_told_its_neighbours() {
        let valid = ["amount", "orderId", "placed"].map(Column::from_name).to_vec();
        let field = Box::new(Column::from_name("amuont"));
        let error = schema(SchemaError::FieldNotFound { field, valid_fields: valid });
        assert_eq!(error.hint().as_deref(), Some("Did you mean amount?"));
    }
}
