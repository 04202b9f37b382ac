//! `register`: from a contract's text to a product version that can be queried.
//!
//! Start reading at [`Registration`].

use meshweave_contract::name::ProductId;

use crate::context::QueryContext;
use crate::engine::Engine;
use crate::error::Result;

/// What to register.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The contract's text.
    pub text: Vec<u8>,
    /// Where it comes from, for messages; a `.json` ending means JSON.
    pub file: String,
    /// Storage for a contract that names none (`--storage`).
    pub storage: Option<String>,
    /// Only tell what would be done.
    pub dry_run: bool,
}

/// What was done, or would be.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Registered {
    /// `domain.product@version`.
    pub id: ProductId,
    /// `registered`, `unchanged`, or `would register`.
    pub outcome: String,
    /// The three steps in words: storage prefix, schema subject, catalog record; with what was found at each.
    pub steps: Vec<String>,
    /// How the contract's columns compare with what the files hold; one line each, empty when they agree.
    pub schema_report: Vec<String>,
    /// What deserves a look but does not stop.
    pub warnings: Vec<String>,
}

impl Engine {
    /// Registers one product version: storage prefix, schema subject, catalog record. Idempotent.
    ///
    /// # Errors
    /// [`crate::Failure::InvalidContract`], [`crate::Failure::Denied`] (location outside the domain's prefixes, or not the owner's team),
    /// [`crate::Failure::CatalogConflict`], [`crate::Failure::Unavailable`]; nothing is half done then.
    pub async fn register(&self, ctx: &QueryContext, registration: &Registration) -> Result<Registered> {
        let _ = (ctx, registration);
        todo!("catalog room")
    }
}
