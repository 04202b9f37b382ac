//! From what a caller shows to who the caller is.
//!
//! Holds always: a door makes no principal by itself; it asks an [`Authenticator`].
//!
//! Start reading at [`Authenticator`].

mod users;

use std::fmt;

use async_trait::async_trait;

use crate::error::Result;
use crate::principal::Principal;

pub use users::{StaticUsers, Users, hash_password};

/// What a caller shows.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Credentials {
    /// Nothing.
    #[default]
    None,
    /// A name and a password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// A token.
    Bearer {
        /// The token.
        token: String,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Password { user, .. } => f.debug_struct("Password").field("user", user).finish_non_exhaustive(),
            Self::Bearer { .. } => f.debug_struct("Bearer").finish_non_exhaustive(),
        }
    }
}

/// Tells who a caller is.
#[async_trait]
pub trait Authenticator: fmt::Debug + Send + Sync {
    /// Whether callers are told apart; a door that listens to other machines needs it.
    fn tells_callers_apart(&self) -> bool;

    /// Who shows these credentials.
    ///
    /// # Errors
    /// [`crate::Failure::Unauthenticated`] when they are nobody's.
    async fn authenticate(&self, credentials: &Credentials) -> Result<Principal>;

    /// Who somebody is now that was authenticated before and shows a login of ours: the same, unless the authenticator knows better.
    ///
    /// # Errors
    /// [`crate::Failure::Unauthenticated`] when nobody is called so any more.
    async fn still(&self, principal: &Principal) -> Result<Principal> {
        Ok(principal.clone())
    }
}

/// Every caller is the one local principal, whatever they show: for embedded use and for a server that only this machine reaches.
#[derive(Debug, Clone)]
pub struct LocalPrincipal(pub Principal);

#[async_trait]
impl Authenticator for LocalPrincipal {
    fn tells_callers_apart(&self) -> bool {
        false
    }

    async fn authenticate(&self, _credentials: &Credentials) -> Result<Principal> {
        Ok(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show() {
        let shown = [
            Credentials::Password { user: "ada".to_owned(), password: "secret".to_owned() },
            Credentials::Bearer { token: "secret".to_owned() },
        ];
        for credentials in shown {
            assert!(!format!("{credentials:?}").contains("secret"));
        }
    }

    #[test]
    fn every_caller_is_the_local_principal() {
        let principal = Principal { user: "ada".to_owned(), teams: vec!["crm".to_owned()] };
        let local = LocalPrincipal(principal.clone());
        let somebody = Credentials::Bearer { token: "x".to_owned() };
        for credentials in [Credentials::None, somebody] {
            let found = futures::executor::block_on(local.authenticate(&credentials)).unwrap();
            assert_eq!(found, principal);
        }
    }
}
