//! Asks the policy, once per product and action, and remembers the answers for one query.
//!
//! In: the caller and a product. Out: whether it may be found, and a grant to read it or to add rows, or a refusal.
//! Holds always: no storage is touched here; a product that may not be found does not exist.
//!
//! Start reading at [`Decisions::read`].

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use meshweave_contract::model::Product;

use crate::catalog::{CatalogSnapshot, Entry};
use crate::context::QueryContext;
use crate::error::{Failure, Result};
use crate::observe::drift::DriftRows;
use crate::observe::queries::Queries;
use crate::policy::{Action, Decision, Grant, PolicyEngine};

/// The policy's answers for one query.
///
/// Answers are kept by the product's place in memory: the query's snapshot never moves.
pub(crate) struct Decisions<'a> {
    ctx: &'a QueryContext,
    policy: &'a dyn PolicyEngine,
    taken: RefCell<HashMap<(usize, Action), Decision>>,
}

impl<'a> Decisions<'a> {
    pub(crate) fn new(ctx: &'a QueryContext, policy: &'a dyn PolicyEngine) -> Self {
        Self { ctx, policy, taken: RefCell::default() }
    }

    /// Whether the caller may find the product.
    pub(crate) fn visible(&self, product: &Product) -> bool {
        matches!(self.decide(product, Action::Discover), Decision::Granted(_))
    }

    /// What the caller may read of the product.
    ///
    /// # Errors
    /// [`Failure::Denied`] with the policy's reason, and whom to ask.
    pub(super) fn read(&self, entry: &Entry) -> Result<Grant> {
        self.grant(entry, Action::Read)
    }

    /// Whether the caller may add rows to the product: a question of its own, which no right to read answers.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) fn write(&self, entry: &Entry) -> Result<()> {
        self.grant(entry, Action::Write).map(drop)
    }

    fn grant(&self, entry: &Entry, action: Action) -> Result<Grant> {
        let product = &entry.id().name;
        let span = tracing::info_span!("decide", %product, action = action.word(), granted = tracing::field::Empty);
        let decision = span.in_scope(|| self.decide(&entry.product, action));
        span.record("granted", matches!(decision, Decision::Granted(_)));
        match decision {
            Decision::Granted(grant) => Ok(grant),
            Decision::Refused { reason } => Err(Failure::Denied {
                principal: self.ctx.principal.user.clone(),
                action: action.word(),
                product: product.to_string(),
                reason,
                hint: whom_to_ask(entry),
            }
            .into()),
        }
    }

    /// The query log as the caller may see it: own queries, and those over products of the caller's teams.
    pub(super) fn queries(&self, snapshot: &CatalogSnapshot) -> Queries {
        let principal = &self.ctx.principal;
        let is_owner = |entry: &&Arc<Entry>| {
            let team = entry.product.owner.team.as_deref().or(entry.domain.owner_team.as_deref());
            team.is_some_and(|team| principal.is_in(team))
        };
        let mut owned: Vec<String> =
            snapshot.entries.iter().filter(is_owner).map(|entry| entry.id().name.to_string()).collect();
        owned.dedup();
        Queries { principal: principal.user.clone(), owned }
    }

    /// The drift of product versions that the caller may find.
    pub(super) fn drift(&self, snapshot: &CatalogSnapshot) -> DriftRows {
        let mut versions: HashMap<String, HashMap<String, bool>> = HashMap::new();
        for entry in &snapshot.entries {
            let of_product = versions.entry(entry.id().name.to_string()).or_default();
            of_product.insert(entry.id().version.to_string(), self.visible(&entry.product));
        }
        DriftRows { versions }
    }

    fn decide(&self, product: &Product, action: Action) -> Decision {
        let key = (std::ptr::from_ref(product) as usize, action);
        if let Some(decision) = self.taken.borrow().get(&key) {
            return decision.clone();
        }
        let decision = self.policy.decide(&self.ctx.principal, self.ctx.purpose.as_deref(), product, action);
        self.taken.borrow_mut().insert(key, decision.clone());
        decision
    }
}

fn whom_to_ask(entry: &Entry) -> Option<String> {
    let owner = &entry.product.owner;
    let contact = owner.contact.as_deref().or(entry.domain.contact.as_deref());
    let team = owner.team.as_deref().or(entry.domain.owner_team.as_deref());
    match (contact, team) {
        (Some(contact), Some(team)) => Some(format!("Ask the owner, {team} ({contact}).")),
        (Some(contact), None) => Some(format!("Ask the owner, {contact}.")),
        (None, Some(team)) => Some(format!("Ask the owner, {team}.")),
        (None, None) => None,
    }
}
