//! Who may find, who may read and who may add rows: the seam, and the policy of the contract's access block.
//!
//! Pure: no I/O, no clock, no DataFusion. Holds always: no rule, no access.
//!
//! Start reading at [`PolicyEngine`].

use std::fmt;

use meshweave_contract::model::{Product, Visibility};

use crate::principal::Principal;

/// What a principal wants to do with a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Find it: its name, columns, contract.
    Discover,
    /// Read its rows.
    Read,
    /// Add rows to it, through an input port that takes them.
    Write,
    /// Register a version of it.
    Register,
}

impl Action {
    /// The word in errors.
    pub fn word(self) -> &'static str {
        match self {
            Self::Discover => "find",
            Self::Read => "read",
            Self::Write => "add rows to",
            Self::Register => "register",
        }
    }
}

/// What a policy answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The whole product.
    Granted(Grant),
    /// Nothing.
    Refused {
        /// Why; shown to the caller.
        reason: String,
    },
}

/// What one principal gets of one product. Today: every row and column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Grant {}

/// Decides what a principal may do with a product.
pub trait PolicyEngine: fmt::Debug + Send + Sync {
    /// Decides; pure, and called once per principal, product and query.
    fn decide(&self, principal: &Principal, purpose: Option<&str>, product: &Product, action: Action) -> Decision;
}

/// The contract's access block as the policy, for whole products.
///
/// `public`: everyone. `restricted`: the owner's team and the listed readers. `private`: the owner's team.
/// Discovery likewise. To register, one must be in the owner's team; to add rows, in that or in one that an input port names
/// among its writers. Who may read may not write for that.
#[derive(Debug, Clone, Copy, Default)]
pub struct AccessBlockPolicy;

impl PolicyEngine for AccessBlockPolicy {
    fn decide(&self, principal: &Principal, _purpose: Option<&str>, product: &Product, action: Action) -> Decision {
        let access = &product.access;
        let owner = product.owner.team.as_deref();
        let readers = || access.readers.iter().map(String::as_str).collect::<Vec<_>>();
        let (visibility, listed) = match action {
            Action::Discover => (access.discovery, readers()),
            Action::Read => (access.read, readers()),
            Action::Write => match product.writers() {
                writers if writers.is_empty() => (Visibility::Private, writers),
                writers => (Visibility::Restricted, writers),
            },
            Action::Register => (Visibility::Private, Vec::new()),
        };
        let is_owner = owner.is_some_and(|team| principal.is_in(team));
        let is_listed = listed.iter().any(|team| principal.is_in(team));
        let open = match visibility {
            Visibility::Public => true,
            Visibility::Restricted => is_owner || is_listed,
            Visibility::Private => is_owner,
        };
        if open {
            return Decision::Granted(Grant::default());
        }
        let allowed = match (visibility, owner) {
            (Visibility::Restricted, Some(team)) => {
                let teams: Vec<&str> = std::iter::once(team).chain(listed).collect();
                format!("it is open to the teams {}", teams.join(", "))
            }
            (_, Some(team)) => format!("it is open to its owner's team {team} only"),
            (_, None) => "its contract names no owning team".to_owned(),
        };
        Decision::Refused { reason: allowed }
    }
}

#[cfg(test)]
mod tests;
