//! What a caller may find: the question that listings of a door ask.

use meshweave_contract::model::Product;

use crate::context::QueryContext;
use crate::engine::Engine;
use crate::policy::{Action, Decision};

impl Engine {
    /// Whether the caller of `ctx` may find `product`: its name, its columns and its contract.
    pub fn may_discover(&self, ctx: &QueryContext, product: &Product) -> bool {
        let decision = self.policy.decide(&ctx.principal, ctx.purpose.as_deref(), product, Action::Discover);
        matches!(decision, Decision::Granted(_))
    }
}
