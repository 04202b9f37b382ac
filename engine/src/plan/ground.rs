//! What a plan stands on, so that one that waited a moment may still be run instead of being made anew.
//!
//! In: a resolved statement. Out: whether everything that it was planned from is as it was.
//! Holds always:
//! - the policy is asked again, of the products and of the views over them; one that decides otherwise makes the plan worthless;
//! - a plan over another catalog than the present one is worthless, and so is one over tables that have no versions.
//!
//! Start reading at [`Ground::holds`].

use std::fmt;
use std::sync::Arc;

use crate::catalog::{CatalogSnapshot, Entry};
use crate::context::QueryContext;
use crate::plan::names::{Resolution, Target};
use crate::policy::{Action, Decision, Grant, PolicyEngine};

/// The catalog and the products of a plan that reads pinned versions and nothing else.
#[derive(Clone)]
pub(crate) struct Ground {
    snapshot: Arc<CatalogSnapshot>,
    policy: Arc<dyn PolicyEngine>,
    products: Vec<Arc<Entry>>,
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ground").field("products", &self.products.len()).finish_non_exhaustive()
    }
}

impl Ground {
    /// What a statement stands on; none when it writes, or reads a table without versions (a system table, a temporary one).
    pub(super) fn of(
        resolution: &Resolution,
        snapshot: &Arc<CatalogSnapshot>,
        policy: &Arc<dyn PolicyEngine>,
    ) -> Option<Self> {
        let mut scopes = resolution.views.iter().map(|view| &view.scope).chain([&resolution.scope]);
        let has_no_version = |target: &Target| matches!(target, Target::Ready(_));
        if resolution.change.is_some()
            || scopes.any(|scope| scope.sources.iter().any(|source| has_no_version(&source.target)))
        {
            return None;
        }
        let tables = resolution.wanted.iter().map(|wanted| &wanted.entry);
        let products = tables.chain(resolution.views.iter().map(|view| &view.entry)).cloned().collect();
        Some(Self { snapshot: Arc::clone(snapshot), policy: Arc::clone(policy), products })
    }

    /// Whether a plan that stands on this may be run now. The policy decides again, and every product must be granted whole: what is
    /// granted in part is planned anew.
    ///
    /// - `snapshot`: the catalog as it is now.
    /// - `ctx`: the one that it was planned with.
    pub(crate) fn holds(&self, snapshot: &Arc<CatalogSnapshot>, ctx: &QueryContext) -> bool {
        let whole = Decision::Granted(Grant::default());
        let is_granted = |entry: &Arc<Entry>| {
            self.policy.decide(&ctx.principal, ctx.purpose.as_deref(), &entry.product, Action::Read) == whole
        };
        Arc::ptr_eq(&self.snapshot, snapshot) && self.products.iter().all(is_granted)
    }
}
