//! Tickets, prepared handles and bearer tokens: signed, versioned envelopes that hold all state.
//!
//! In: an [`Envelope`]. Out: bytes that only a holder of the key can have made, and back.
//! Holds always:
//! - nothing of an envelope is looked at before its signature was verified;
//! - an envelope is bound to the principal it was made for, and ends;
//! - a ticket is not a permission: the policy decides again when it is used.
//!
//! Start reading at [`Signer::open`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, Mac};
use meshweave_engine::{Error, Principal};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::status::{Fault, Outcome};

/// `MW` and the version of the layout: prefix, key id, signature, payload.
const PREFIX: [u8; 3] = *b"MW\x01";
const KEY_ID: usize = 8;
const MAC: usize = 32;
const HEAD: usize = PREFIX.len() + KEY_ID;

/// What an envelope is for; one kind is never taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum EnvelopeKind {
    /// Never made.
    Unspecified = 0,
    /// Fetches the rows of one planned statement.
    Ticket = 1,
    /// A prepared statement, with or without bound parameters.
    Handle = 2,
    /// A login.
    Bearer = 3,
}

impl EnvelopeKind {
    fn word(self) -> &'static str {
        match self {
            Self::Unspecified => "envelope",
            Self::Ticket => "ticket",
            Self::Handle => "prepared statement handle",
            Self::Bearer => "login",
        }
    }
}

/// The state of one statement, carried by the client.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Envelope {
    #[prost(enumeration = "EnvelopeKind", tag = "1")]
    pub(crate) kind: i32,
    /// SQL text.
    #[prost(string, tag = "2")]
    pub(crate) statement: String,
    /// An Arrow IPC stream of parameter rows; empty: none were bound.
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) parameters: Bytes,
    /// SHA-256 of the principal.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) principal: Vec<u8>,
    /// The version vector as JSON; empty: not pinned yet.
    #[prost(string, tag = "5")]
    pub(crate) versions: String,
    /// The wire profile's number.
    #[prost(uint32, tag = "6")]
    pub(crate) profile: u32,
    /// The schema of one-part names.
    #[prost(string, optional, tag = "7")]
    pub(crate) default_schema: Option<String>,
    /// Why the data is asked for.
    #[prost(string, optional, tag = "8")]
    pub(crate) purpose: Option<String>,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "9")]
    pub(crate) query_id: Vec<u8>,
    /// SHA-256 of the announced wire schema.
    #[prost(bytes = "vec", tag = "10")]
    pub(crate) schema: Vec<u8>,
    /// Milliseconds since 1970 UTC.
    #[prost(int64, tag = "11")]
    pub(crate) issued: i64,
    /// Milliseconds since 1970 UTC.
    #[prost(int64, tag = "12")]
    pub(crate) expires: i64,
    /// The principal as JSON; logins only.
    #[prost(string, tag = "13")]
    pub(crate) login: String,
    /// The session that it belongs to.
    #[prost(string, optional, tag = "14")]
    pub(crate) session: Option<String>,
    /// Whose account the query is on.
    #[prost(string, optional, tag = "15")]
    pub(crate) project: Option<String>,
    /// How old the answer may be, milliseconds.
    #[prost(uint64, optional, tag = "16")]
    pub(crate) max_staleness: Option<u64>,
    /// Whether the statement writes: it is run once.
    #[prost(bool, tag = "17")]
    pub(crate) writes: bool,
}

impl Envelope {
    /// The version vector it pins, when it does.
    pub(crate) fn pins(&self) -> Outcome<Option<meshweave_engine::version::VersionVector>> {
        if self.versions.is_empty() {
            return Ok(None);
        }
        serde_json::from_str(&self.versions).map(Some).map_err(|e| Fault::internal("reading a ticket's versions", &e))
    }
}

/// The binding of an envelope to who asked.
pub(crate) fn principal_hash(principal: &Principal) -> Outcome<Vec<u8>> {
    let text = serde_json::to_vec(principal).map_err(|e| Fault::internal("writing a principal", &e))?;
    Ok(Sha256::digest(text).to_vec())
}

/// A secret that signs tickets; replicas that share it serve each other's tickets.
#[derive(Clone)]
pub struct TicketKey(Arc<[u8; 32]>);

impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKey(…)")
    }
}

impl TicketKey {
    /// A key of 32 bytes.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(Arc::new(secret))
    }

    /// A fresh random key.
    ///
    /// # Errors
    /// [`meshweave_engine::Failure::Internal`] when the system gives no randomness.
    pub fn random() -> Result<Self, Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|e| Error::internal("making a ticket key", std::io::Error::other(e)))?;
        Ok(Self::new(secret))
    }

    /// Names the key without telling it.
    fn id(&self) -> [u8; KEY_ID] {
        let digest = Sha256::new().chain_update(b"meshweave ticket key").chain_update(*self.0).finalize();
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&digest[..KEY_ID]);
        id
    }

    fn mac(&self, head: &[u8], payload: &[u8]) -> Outcome<Hmac<Sha256>> {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&*self.0)
            .map_err(|e| Fault::internal("preparing a signature", &e))?;
        mac.update(head);
        mac.update(payload);
        Ok(mac)
    }
}

/// Milliseconds since 1970 UTC.
pub(crate) type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Makes and checks envelopes.
#[derive(Clone)]
pub(crate) struct Signer {
    /// The first signs; every one verifies.
    keys: Arc<[TicketKey]>,
    clock: Clock,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

impl Signer {
    /// A signer with the system's clock; without keys it makes a random one.
    pub(crate) fn new(keys: &[TicketKey]) -> Result<Self, Error> {
        let keys = if keys.is_empty() { vec![TicketKey::random()?] } else { keys.to_vec() };
        Ok(Self { keys: keys.into(), clock: Arc::new(|| chrono::Utc::now().timestamp_millis()) })
    }

    /// The same with another clock.
    #[cfg(test)]
    pub(crate) fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Signs `envelope` for `lifetime` from now.
    pub(crate) fn seal(&self, envelope: Envelope, lifetime: Duration) -> Outcome<Bytes> {
        self.sealed(envelope, lifetime).map(|(sealed, _)| sealed)
    }

    /// The same, and when it ends: milliseconds since 1970 UTC.
    pub(crate) fn sealed(&self, mut envelope: Envelope, lifetime: Duration) -> Outcome<(Bytes, i64)> {
        envelope.issued = (self.clock)();
        envelope.expires = envelope.issued.saturating_add(i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX));
        let key = self.keys.first().ok_or_else(|| Fault::internal("signing", &"there is no key"))?;
        let payload = envelope.encode_to_vec();
        let mut sealed = Vec::with_capacity(HEAD + MAC + payload.len());
        sealed.extend_from_slice(&PREFIX);
        sealed.extend_from_slice(&key.id());
        let mac = key.mac(&sealed, &payload)?.finalize().into_bytes();
        sealed.extend_from_slice(&mac);
        sealed.extend_from_slice(&payload);
        Ok((sealed.into(), envelope.expires))
    }

    /// Verifies signature, kind and time, in this order, and only then gives what is inside.
    pub(crate) fn open(&self, sealed: &[u8], kind: EnvelopeKind) -> Outcome<Envelope> {
        let word = kind.word();
        let altered = || {
            Fault::invalid(format!("this {word} was not made by this server, or was altered"))
                .hint("Run the statement again: a server that was restarted makes new ones.")
        };
        if sealed.len() < HEAD + MAC || sealed[..PREFIX.len()] != PREFIX {
            return Err(altered());
        }
        let (head, rest) = sealed.split_at(HEAD);
        let (mac, payload) = rest.split_at(MAC);
        let key = self.keys.iter().find(|key| key.id() == head[PREFIX.len()..]).ok_or_else(altered)?;
        key.mac(head, payload)?.verify_slice(mac).map_err(|_| altered())?;
        let envelope = Envelope::decode(payload).map_err(|_| altered())?;
        if envelope.kind != kind as i32 {
            return Err(Fault::invalid(format!("this is not a {word}")));
        }
        if (self.clock)() >= envelope.expires {
            return Err(Fault::stale(format!("this {word} has expired")).hint("Run the statement again."));
        }
        Ok(envelope)
    }

    /// [`Self::open`], and the caller must be the one it was made for.
    pub(crate) fn open_for(&self, sealed: &[u8], kind: EnvelopeKind, principal: &Principal) -> Outcome<Envelope> {
        let envelope = self.open(sealed, kind)?;
        if envelope.principal != principal_hash(principal)? {
            let word = kind.word();
            return Err(Fault::denied(format!(
                "{} may not use this {word}: it was made for another principal",
                principal.user
            )));
        }
        Ok(envelope)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use proptest::prelude::*;
    use tonic::Code;

    use super::*;

    fn ada() -> Principal {
        Principal { user: "ada".into(), teams: vec!["crm".into()] }
    }

    fn signer() -> Signer {
        Signer::new(&[TicketKey::new([7; 32])]).unwrap().with_clock(Arc::new(|| 1_000))
    }

    fn envelope(kind: EnvelopeKind) -> Envelope {
        Envelope {
            kind: kind as i32,
            statement: "SELECT 1".into(),
            principal: principal_hash(&ada()).unwrap(),
            ..Envelope::default()
        }
    }

    #[test]
    fn what_was_sealed_is_opened_again() {
        let sealed = signer().seal(envelope(EnvelopeKind::Ticket), Duration::from_secs(1)).unwrap();
        let opened = signer().open_for(&sealed, EnvelopeKind::Ticket, &ada()).unwrap();
        assert_eq!((opened.statement.as_str(), opened.issued, opened.expires), ("SELECT 1", 1_000, 2_000));
    }

    #[test]
    fn every_altered_bit_is_noticed() {
        let sealed = signer().seal(envelope(EnvelopeKind::Ticket), Duration::from_secs(1)).unwrap();
        for at in 0..sealed.len() * 8 {
            let mut bad = sealed.to_vec();
            bad[at / 8] ^= 1 << (at % 8);
            let fault = signer().open(&bad, EnvelopeKind::Ticket).unwrap_err();
            assert_eq!(fault.code(), Code::InvalidArgument, "bit {at}");
        }
        for cut in 0..sealed.len() {
            assert_eq!(signer().open(&sealed[..cut], EnvelopeKind::Ticket).unwrap_err().code(), Code::InvalidArgument);
        }
    }

    #[test]
    fn it_ends() {
        let now = Arc::new(AtomicI64::new(0));
        let clock = Arc::clone(&now);
        let signer = signer().with_clock(Arc::new(move || clock.load(Ordering::Relaxed)));
        let sealed = signer.seal(envelope(EnvelopeKind::Handle), Duration::from_millis(10)).unwrap();
        now.store(9, Ordering::Relaxed);
        assert!(signer.open(&sealed, EnvelopeKind::Handle).is_ok());
        now.store(10, Ordering::Relaxed);
        assert_eq!(signer.open(&sealed, EnvelopeKind::Handle).unwrap_err().code(), Code::FailedPrecondition);
    }

    #[test]
    fn another_principal_is_refused_even_with_the_same_name() {
        let sealed = signer().seal(envelope(EnvelopeKind::Ticket), Duration::from_secs(1)).unwrap();
        let other = Principal { user: "ada".into(), teams: vec![] };
        let fault = signer().open_for(&sealed, EnvelopeKind::Ticket, &other).unwrap_err();
        assert_eq!(fault.code(), Code::PermissionDenied);
    }

    #[test]
    fn a_handle_is_no_ticket() {
        let sealed = signer().seal(envelope(EnvelopeKind::Handle), Duration::from_secs(1)).unwrap();
        let fault = signer().open(&sealed, EnvelopeKind::Ticket).unwrap_err();
        assert_eq!((fault.code(), fault.message()), (Code::InvalidArgument, "this is not a ticket"));
    }

    #[test]
    fn an_older_key_still_verifies_and_an_unknown_one_does_not() {
        let old = signer().seal(envelope(EnvelopeKind::Ticket), Duration::from_secs(1)).unwrap();
        let clock: Clock = Arc::new(|| 1_500);
        let rotated = Signer::new(&[TicketKey::new([8; 32]), TicketKey::new([7; 32])]).unwrap();
        assert!(rotated.with_clock(Arc::clone(&clock)).open(&old, EnvelopeKind::Ticket).is_ok());
        let stranger = Signer::new(&[]).unwrap().with_clock(clock);
        assert_eq!(stranger.open(&old, EnvelopeKind::Ticket).unwrap_err().code(), Code::InvalidArgument);
    }

    #[test]
    fn a_key_does_not_show_itself() {
        assert_eq!(format!("{:?}", TicketKey::new([65; 32])), "TicketKey(…)");
    }

    proptest! {
        #[test]
        fn bytes_of_strangers_never_open(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(signer().open(&bytes, EnvelopeKind::Ticket).is_err());
        }
    }
}
