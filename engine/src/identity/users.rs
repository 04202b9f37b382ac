//! A file of users, their teams and the argon2 hashes of their passwords.
//!
//! In: the text of the file, then names and passwords. Out: principals.
//! Holds always:
//! - a name that nobody has costs as much time as a wrong password, and gives the same words;
//! - so many passwords are hashed at a time, so many may wait, and one more is refused;
//! - a login that was given before holds only as long as its user is in the file, with the teams that stand there now.
//!
//! Start reading at [`StaticUsers`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use async_trait::async_trait;
use parking_lot::RwLock;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::{Authenticator, Credentials};
use crate::document::{invalid, invalid_hint, typed};
use crate::error::{Error, Failure, Result};
use crate::principal::Principal;

/// Longest password that is looked at, bytes.
const LONGEST_PASSWORD: usize = 1024;
/// What a name that nobody has is compared with when the file has no user at all.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGlzIGhlcmU$PIhgFNpYIuT3pLbeZ/Fk6dSVt0zGt3gVxkv7u1sPPyE";

/// The document as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: String,
    users: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    #[serde(default)]
    teams: Vec<String>,
    password: String,
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written").field("name", &self.name).field("teams", &self.teams).finish_non_exhaustive()
    }
}

/// The users of one file.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Users(BTreeMap<String, User>);

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[derive(Clone, PartialEq, Eq)]
struct User {
    teams: Vec<String>,
    /// In the form `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
    hash: String,
}

impl Users {
    /// Reads the file's text.
    ///
    /// - `file`: named in errors.
    ///
    /// # Errors
    /// [`Failure::InvalidConfiguration`]: unknown keys, a user without a name or twice, a hash that is none. No error repeats a hash.
    pub fn read(text: &str, file: &str) -> Result<Self> {
        let document: Document = typed(text, file)?;
        if document.api_version != "meshweave/v1" || document.kind != "Users" {
            return Err(invalid_hint(
                file,
                format!("it is {} {}, not meshweave/v1 Users", document.api_version, document.kind),
                "Begin the file with `apiVersion: meshweave/v1` and `kind: Users`.",
            ));
        }
        let mut users = BTreeMap::new();
        for Written { name, teams, password: hash } in document.users {
            if name.is_empty() || name.contains(':') {
                return Err(invalid(file, format!("\"{name}\" is no name of a user")));
            }
            let is_hash = PasswordHash::new(&hash).is_ok_and(|hash| hash.algorithm.as_str().starts_with("argon2"));
            if !is_hash {
                return Err(invalid_hint(
                    file,
                    format!("the password of {name} is not an argon2 hash"),
                    "`meshweave user hash` makes one.",
                ));
            }
            if users.insert(name.clone(), User { teams, hash }).is_some() {
                return Err(invalid(file, format!("the user {name} is there twice")));
            }
        }
        Ok(Self(users))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    fn principal(&self, name: &str) -> Option<Principal> {
        let user = self.0.get(name)?;
        Some(Principal { user: name.to_owned(), teams: user.teams.clone() })
    }

    /// The hash to compare with, and the principal when it is the name's own.
    fn looked_up(&self, name: &str) -> (String, Option<Principal>) {
        match self.0.get(name) {
            Some(user) => (user.hash.clone(), self.principal(name)),
            None => (self.0.values().next().map_or_else(|| NOBODY.to_owned(), |user| user.hash.clone()), None),
        }
    }
}

/// Tells callers apart by the users of a file, which may be exchanged while it is asked.
pub struct StaticUsers {
    users: RwLock<Arc<Users>>,
    hashing: Arc<Semaphore>,
    asking: Arc<AtomicUsize>,
    /// Callers that are hashed for, or wait for it.
    most: usize,
}

impl fmt::Debug for StaticUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticUsers").field("users", &*self.users.read()).finish_non_exhaustive()
    }
}

impl StaticUsers {
    /// - `hashings`: passwords that are hashed at a time; at least one.
    /// - `waiting`: callers that may wait for it; one more is refused.
    pub fn new(users: Users, hashings: usize, waiting: usize) -> Self {
        let hashings = hashings.max(1);
        Self {
            users: RwLock::new(Arc::new(users)),
            hashing: Arc::new(Semaphore::new(hashings)),
            asking: Arc::default(),
            most: hashings.saturating_add(waiting),
        }
    }

    /// Takes other users from now on.
    pub fn exchange(&self, users: Users) {
        *self.users.write() = Arc::new(users);
    }

    fn now(&self) -> Arc<Users> {
        Arc::clone(&self.users.read())
    }

    /// Whether the password is the one of the hash.
    async fn fits(&self, password: String, hash: String) -> Result<bool> {
        let asking = Asking::enter(&self.asking, self.most)?;
        let closed = |error| Error::internal("waiting to compare a password", error);
        let place = Arc::clone(&self.hashing).acquire_owned().await.map_err(closed)?;
        let compared = tokio::task::spawn_blocking(move || {
            // Held until the work is done, also when the caller has gone.
            let _held = (asking, place);
            let hash = PasswordHash::new(&hash).ok()?;
            Argon2::default().verify_password(password.as_bytes(), &hash).ok()
        });
        Ok(compared.await.map_err(|error| Error::internal("comparing a password", error))?.is_some())
    }
}

/// A caller that is hashed for, or waits for it.
struct Asking(Arc<AtomicUsize>);

impl Asking {
    fn enter(asking: &Arc<AtomicUsize>, most: usize) -> Result<Self> {
        let one_more = |now: usize| (now < most).then_some(now + 1);
        if asking.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_err() {
            return Err(Failure::Exhausted {
                message: "too many callers log in at the same time".to_owned(),
                hint: Some("Try again, or raise authenticator.waiting_hashes.".to_owned()),
            }
            .into());
        }
        Ok(Self(Arc::clone(asking)))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn unauthenticated(reason: &str) -> Error {
    Failure::Unauthenticated { reason: reason.to_owned() }.into()
}

#[async_trait]
impl Authenticator for StaticUsers {
    fn tells_callers_apart(&self) -> bool {
        true
    }

    async fn authenticate(&self, credentials: &Credentials) -> Result<Principal> {
        let (user, password) = match credentials {
            Credentials::Password { user, password } => (user, password),
            Credentials::None => return Err(unauthenticated("the caller shows no user and password, and no login")),
            Credentials::Bearer { .. } => return Err(unauthenticated("the token is no login of this server")),
        };
        let wrong = || unauthenticated("the user or the password is wrong");
        if password.len() > LONGEST_PASSWORD {
            return Err(wrong());
        }
        let (hash, principal) = self.now().looked_up(user);
        let fits = self.fits(password.clone(), hash).await?;
        principal.filter(|_| fits).ok_or_else(wrong)
    }

    async fn still(&self, principal: &Principal) -> Result<Principal> {
        self.now().principal(&principal.user).ok_or_else(|| unauthenticated("the user is not known any more"))
    }
}

/// The hash of a password with a fresh salt, as the file of users holds it. Takes some 20 MB and a noticeable time.
///
/// # Errors
/// [`Failure::InvalidQuery`] for a password that is empty or longer than 1024 bytes; [`Failure::Internal`] when the system gives no
/// randomness.
pub fn hash_password(password: &str) -> Result<String> {
    if password.is_empty() || password.len() > LONGEST_PASSWORD {
        return Err(Error::invalid_query(format!("a password has 1 to {LONGEST_PASSWORD} bytes")));
    }
    let failed = |error: argon2::password_hash::Error| {
        Error::internal("hashing a password", std::io::Error::other(error.to_string()))
    };
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| Error::internal("making a salt", std::io::Error::other(error)))?;
    let salt = SaltString::encode_b64(&salt).map_err(failed)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default());
    Ok(argon2.hash_password(password.as_bytes(), &salt).map_err(failed)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    /// A hash that costs next to nothing.
    fn cheap(password: &str) -> String {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
        let salt = SaltString::encode_b64(b"0123456789abcdef").unwrap();
        argon2.hash_password(password.as_bytes(), &salt).unwrap().to_string()
    }

    fn file(users: &[(&str, &str, &str)]) -> String {
        let mut text = "apiVersion: meshweave/v1\nkind: Users\nusers:\n".to_owned();
        for (name, teams, hash) in users {
            text.push_str(&format!("  - {{ name: {name}, teams: [{teams}], password: \"{hash}\" }}\n"));
        }
        text
    }

    fn users(list: &[(&str, &str, &str)]) -> Users {
        Users::read(&file(list), "users.yaml").unwrap()
    }

    fn password(user: &str, password: &str) -> Credentials {
        Credentials::Password { user: user.to_owned(), password: password.to_owned() }
    }

    #[tokio::test]
    async fn a_user_is_known_by_the_password_alone() {
        let known = StaticUsers::new(users(&[("ada", "crm, shop", &cheap("p:w"))]), 1, 8);
        let ada = known.authenticate(&password("ada", "p:w")).await.unwrap();
        assert_eq!((ada.user.as_str(), ada.teams.len()), ("ada", 2));
        let mut texts = Vec::new();
        for wrong in
            [password("ada", "pw"), password("bob", "p:w"), password("", ""), password("ada", &"x".repeat(2000))]
        {
            let error = known.authenticate(&wrong).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Unauthenticated);
            texts.push(error.to_string());
        }
        texts.dedup();
        assert_eq!(texts.len(), 1, "nothing tells a wrong name from a wrong password: {texts:?}");
        for other in [Credentials::None, Credentials::Bearer { token: "x".to_owned() }] {
            assert_eq!(known.authenticate(&other).await.unwrap_err().kind(), Kind::Unauthenticated);
        }
    }

    #[tokio::test]
    async fn a_login_holds_as_long_as_its_user_is_there() {
        let known = StaticUsers::new(users(&[("ada", "crm", &cheap("x"))]), 1, 8);
        let ada = known.authenticate(&password("ada", "x")).await.unwrap();
        known.exchange(users(&[("ada", "shop", &cheap("y"))]));
        assert_eq!(known.still(&ada).await.unwrap().teams, ["shop"]);
        known.exchange(Users::default());
        assert_eq!(known.still(&ada).await.unwrap_err().kind(), Kind::Unauthenticated);
    }

    #[tokio::test]
    async fn so_many_are_hashed_for_and_wait_and_no_more() {
        let known = StaticUsers::new(users(&[("ada", "", &cheap("x"))]), 1, 1);
        let place = Arc::clone(&known.hashing).acquire_owned().await.unwrap();
        let held = Asking::enter(&known.asking, known.most).unwrap();
        let asked = password("ada", "x");
        let mut waiting = known.authenticate(&asked);
        assert!(futures::poll!(&mut waiting).is_pending());
        let refused = known.authenticate(&asked).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Exhausted);
        drop((place, held));
        waiting.await.unwrap();
        assert_eq!(known.asking.load(Ordering::Acquire), 0);
    }

    #[test]
    fn a_file_that_is_wrong_says_what_and_repeats_no_hash() {
        let hash = cheap("x");
        for (text, expected) in [
            (file(&[("ada", "", "secret")]), "the password of ada is not an argon2 hash"),
            (file(&[("ada", "", &hash), ("ada", "", &hash)]), "the user ada is there twice"),
            (file(&[("\"a:b\"", "", &hash)]), "is no name of a user"),
            (file(&[]).replace("Users", "Mesh"), "not meshweave/v1 Users"),
            (file(&[]).replace("users:", "user:"), "unknown key `user`"),
        ] {
            let error = Users::read(&text, "users.yaml").unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidConfiguration, "{error}");
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!error.report().contains("secret") && !error.report().contains(&hash), "{error}");
        }
        assert_eq!(format!("{:?}", users(&[("ada", "", &hash)])), "{\"ada\"}");
        PasswordHash::new(NOBODY).unwrap();
    }

    #[tokio::test]
    async fn what_is_hashed_is_known_again() {
        let hash = hash_password("correct horse").unwrap();
        assert_ne!(hash, hash_password("correct horse").unwrap(), "the salt is fresh");
        let known = StaticUsers::new(users(&[("ada", "", &hash)]), 2, 8);
        known.authenticate(&password("ada", "correct horse")).await.unwrap();
        assert!(hash_password("").is_err() && hash_password(&"x".repeat(1025)).is_err());
    }
}
