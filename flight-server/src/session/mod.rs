//! What callers keep between two calls: options, and temporary tables.
//!
//! In: the id that a call brings, in its cookie or its bearer. Out: the [`Session`] of that id and that principal.
//! Holds always:
//! - an id alone opens nothing: a session belongs to the principal who began it, and for another one the same id is another session;
//! - a session begins when there is something to keep; those who only read have none;
//! - there are so many sessions at most, and one that nobody uses ends, with everything it holds.
//!
//! Start reading at [`Sessions`].

mod id;
mod messages;
mod options;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use meshweave_engine::Principal;
use meshweave_engine::temp::TempSchema;
use parking_lot::Mutex;

use crate::status::{Fault, Outcome};
pub(crate) use id::{COOKIE, SessionId};
pub(crate) use messages::{
    CloseSessionResult, GetSessionOptionsResult, SetSessionOptionsRequest, SetSessionOptionsResult,
};
#[cfg(test)]
pub(crate) use messages::{OptionValue, Refused, SessionOptionValue, SetError};
pub(crate) use options::{Chosen, SMALLEST_MESSAGE, read_duration};

/// How many sessions there may be, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// At a time.
    pub sessions: usize,
    /// Of one principal at a time.
    pub per_principal: usize,
    /// Time without a call after which one ends.
    pub idle: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self { sessions: 10_000, per_principal: 1_000, idle: Duration::from_secs(30 * 60) }
    }
}

/// What one caller keeps.
pub(crate) struct Session {
    chosen: Mutex<Chosen>,
    /// None where the backend has no temporary tables.
    temp: Option<Arc<TempSchema>>,
    used: Mutex<Instant>,
}

impl Session {
    /// The options as they are now.
    pub(crate) fn chosen(&self) -> Chosen {
        self.chosen.lock().clone()
    }

    /// Changes the options.
    pub(crate) fn choose<T>(&self, change: impl FnOnce(&mut Chosen) -> T) -> T {
        change(&mut self.chosen.lock())
    }

    /// Its tables.
    pub(crate) fn temp(&self) -> Option<Arc<TempSchema>> {
        self.temp.clone()
    }
}

/// The sessions of one server.
pub(crate) struct Sessions {
    limits: SessionLimits,
    open: Mutex<HashMap<(Principal, SessionId), Arc<Session>>>,
    /// What a caller without tables plans with; nothing is ever written to it.
    none: Option<Arc<TempSchema>>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("limits", &self.limits).field("open", &self.open.lock().len()).finish()
    }
}

impl Sessions {
    /// - `none`: an empty schema; none where the backend has no temporary tables.
    pub(crate) fn new(limits: SessionLimits, none: Option<Arc<TempSchema>>) -> Self {
        Self { limits, open: Mutex::default(), none }
    }

    /// Whether sessions have temporary tables.
    pub(crate) fn have_tables(&self) -> bool {
        self.none.is_some()
    }

    /// The session of an id, when it holds something.
    pub(crate) fn find(&self, principal: &Principal, id: &SessionId) -> Option<Arc<Session>> {
        let mut open = self.open.lock();
        let key = (principal.clone(), id.clone());
        let session = open.get(&key)?;
        if self.is_over(session) {
            let ended = open.remove(&key);
            drop(open);
            drop(ended);
            return None;
        }
        *session.used.lock() = Instant::now();
        Some(Arc::clone(session))
    }

    /// The session of an id; it begins when there is none.
    ///
    /// - `temp`: makes an empty schema for its tables.
    ///
    /// # Errors
    /// There are as many sessions as there may be.
    pub(crate) fn begin(
        &self,
        principal: &Principal,
        id: &SessionId,
        temp: impl FnOnce() -> Option<Arc<TempSchema>>,
    ) -> Outcome<Arc<Session>> {
        if let Some(session) = self.find(principal, id) {
            return Ok(session);
        }
        self.sweep();
        let mut open = self.open.lock();
        if let Some(session) = open.get(&(principal.clone(), id.clone())) {
            return Ok(Arc::clone(session));
        }
        if open.len() >= self.limits.sessions {
            return Err(too_many("the server", self.limits.sessions, "sessions.limit"));
        }
        if open.keys().filter(|(owner, _)| owner == principal).count() >= self.limits.per_principal {
            return Err(too_many(&principal.user, self.limits.per_principal, "sessions.per_principal"));
        }
        let session = Arc::new(Session { chosen: Mutex::default(), temp: temp(), used: Mutex::new(Instant::now()) });
        open.insert((principal.clone(), id.clone()), Arc::clone(&session));
        Ok(session)
    }

    /// Ends a session; what a statement of it still reads stays until that has ended.
    pub(crate) fn close(&self, principal: &Principal, id: &SessionId) {
        let ended = self.open.lock().remove(&(principal.clone(), id.clone()));
        if let Some(temp) = ended.and_then(|session| session.temp()) {
            temp.clear();
        }
    }

    /// The tables that a call sees: those of its session, none yet, or none at all for callers who cannot have a session.
    pub(crate) fn temp(&self, principal: &Principal, id: Option<&SessionId>) -> Option<Arc<TempSchema>> {
        let session = self.find(principal, id?);
        session.map_or_else(|| self.none.clone(), |session| session.temp())
    }

    /// Ends the sessions that nobody uses.
    pub(crate) fn sweep(&self) {
        let mut ended = Vec::new();
        let mut open = self.open.lock();
        open.retain(|_, session| {
            let over = self.is_over(session);
            if over {
                ended.push(Arc::clone(session));
            }
            !over
        });
        drop(open);
        drop(ended);
    }

    /// Ends sessions as their time is over. Never ends itself.
    pub(crate) async fn keep_swept(&self) {
        let pause = (self.limits.idle / 4).clamp(Duration::from_secs(1), Duration::from_secs(60));
        loop {
            tokio::time::sleep(pause).await;
            self.sweep();
        }
    }

    fn is_over(&self, session: &Session) -> bool {
        session.used.lock().elapsed() >= self.limits.idle
    }
}

fn too_many(who: &str, limit: usize, setting: &str) -> Fault {
    Fault::exhausted(format!("{who} has {limit} sessions, the limit of {setting}"))
        .hint("Close connections that are not needed; a session that nobody uses ends by itself.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Principal {
        Principal { user: "ada".into(), teams: vec![] }
    }

    fn id(text: &str) -> SessionId {
        SessionId::read(text).unwrap()
    }

    fn sessions(sessions: usize, per_principal: usize, idle: Duration) -> Sessions {
        Sessions::new(SessionLimits { sessions, per_principal, idle }, None)
    }

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn an_id_is_worth_nothing_to_another_principal() {
        let sessions = sessions(10, 10, LONG);
        let bob = Principal { user: "bob".into(), teams: vec![] };
        let of_ada = sessions.begin(&ada(), &id("one"), || None).unwrap();
        assert!(sessions.find(&bob, &id("one")).is_none());
        let of_bob = sessions.begin(&bob, &id("one"), || None).unwrap();
        assert!(!Arc::ptr_eq(&of_ada, &of_bob));
        sessions.close(&bob, &id("one"));
        assert!(Arc::ptr_eq(&of_ada, &sessions.find(&ada(), &id("one")).unwrap()));
    }

    #[test]
    fn their_number_is_bounded_for_all_and_for_each() {
        let sessions = sessions(3, 2, LONG);
        let bob = Principal { user: "bob".into(), teams: vec![] };
        sessions.begin(&ada(), &id("a"), || None).unwrap();
        sessions.begin(&ada(), &id("b"), || None).unwrap();
        sessions.begin(&ada(), &id("b"), || None).unwrap();
        let told = |fault: Fault| fault.message().to_owned();
        let refused = told(sessions.begin(&ada(), &id("c"), || None).err().unwrap());
        assert!(refused.contains("sessions.per_principal"), "{refused}");
        sessions.begin(&bob, &id("a"), || None).unwrap();
        let refused = told(sessions.begin(&bob, &id("b"), || None).err().unwrap());
        assert!(refused.contains("sessions.limit"), "{refused}");
        sessions.close(&ada(), &id("a"));
        sessions.begin(&bob, &id("b"), || None).unwrap();
    }

    #[test]
    fn one_that_nobody_uses_ends() {
        let sessions = sessions(1, 1, Duration::ZERO);
        for text in ["a", "b", "c"] {
            sessions.begin(&ada(), &id(text), || None).unwrap();
            assert!(sessions.find(&ada(), &id(text)).is_none(), "{text}");
        }
        sessions.begin(&ada(), &id("d"), || None).unwrap();
        sessions.sweep();
        assert!(sessions.open.lock().is_empty());
    }
}
