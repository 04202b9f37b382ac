//! How a store's error becomes ours, and how ours is found again inside the errors of other crates.
//!
//! Start reading at [`storage_failure`].

use std::sync::Arc;

use meshweave_engine::storage::Fault;
use meshweave_engine::{Error, Failure};
use object_store::path::Path;

/// Words a store's error; our own inside it (a cancelled query) comes out as itself.
///
/// - `product`: whose storage it is; named in every text.
/// - `object`: what was asked for.
/// - `pinned`: whether the object belongs to a pinned version; then a missing or different object means that it changed.
pub fn storage_failure(product: &str, object: &Path, pinned: bool, error: object_store::Error) -> Error {
    use object_store::Error as E;
    if let Some(ours) = find(&error) {
        return ours.clone();
    }
    match error {
        E::Precondition { .. } | E::NotModified { .. } | E::NotFound { .. } if pinned => Failure::PinnedObjectChanged {
            product: product.to_owned(),
            object: object.to_string(),
            cause: Some(Arc::new(error)),
        }
        .into(),
        E::NotFound { .. } => Error::unavailable(product, format!("nothing lies at \"{object}\""), error),
        other => Error::unavailable(product, at_fault(product, object.as_ref(), &other), other),
    }
}

/// What the storage of a product does wrong, in words that name its domain.
///
/// - `product`: the product, or the key of one of its tables; it begins with the domain.
/// - `object`: what was asked for; empty for the whole store.
pub fn at_fault(product: &str, object: &str, error: &(dyn std::error::Error + 'static)) -> String {
    let domain = product.split('.').next().unwrap_or(product);
    let words = Fault::of(error).map_or("does not answer as it should", Fault::words);
    let object = if object.is_empty() { String::new() } else { format!(" for \"{object}\"") };
    format!("the storage of domain {domain} {words}{object}")
}

/// Finds our error in the causes of another, nearest first.
pub fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Error> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(ours) = error.downcast_ref::<Error>() {
            return Some(ours);
        }
        current = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use datafusion::error::DataFusionError;
    use parquet::errors::ParquetError;

    use super::*;

    fn missing() -> object_store::Error {
        object_store::Error::NotFound { path: "a".into(), source: "gone".into() }
    }

    #[test]
    fn a_pinned_object_that_is_gone_has_changed() {
        let error = storage_failure("crm.customer", &Path::from("a"), true, missing());
        assert!(matches!(error.failure(), Failure::PinnedObjectChanged { product, .. } if product == "crm.customer"));
    }

    #[test]
    fn what_was_never_pinned_is_unavailable() {
        let error = storage_failure("crm.customer", &Path::from("a"), false, missing());
        assert!(matches!(error.failure(), Failure::Unavailable { what, .. } if what == "crm.customer"));
    }

    #[test]
    fn the_domain_and_its_fault_are_named() {
        let expired = "status code: 403 Forbidden: <Code>ExpiredToken</Code>";
        let cause = object_store::Error::PermissionDenied { path: "a".into(), source: expired.into() };
        let error = storage_failure("crm.customer", &Path::from("a"), true, cause);
        let told =
            "crm.customer is unavailable: the storage of domain crm says that the credentials have expired for \"a\"";
        assert_eq!(error.to_string(), told);
        assert!(error.hint().is_some_and(|hint| hint.starts_with("Renew the credentials")));
        assert_eq!(storage_failure("crm.customer", &Path::from("a"), false, missing()).hint(), None);
    }

    #[test]
    fn our_error_is_found_below_others() {
        let ours = storage_failure("p", &Path::from("a"), true, missing());
        let wrapped = DataFusionError::from(ParquetError::External(Box::new(ours)));
        let wrapped = DataFusionError::Shared(Arc::new(wrapped.context("reading")));
        assert!(find(&wrapped).is_some_and(|e| e.product() == Some("p")));
        assert!(find(&DataFusionError::Plan("no".to_owned())).is_none());
    }
}
