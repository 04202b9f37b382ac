//! Who calls: the `authorization` header (or Flight's older `auth-token-bin`) becomes a principal.
//!
//! Holds always:
//! - where callers are not told apart, every one is the local principal, and a bearer proves nothing;
//! - where they are, a call without valid credentials is refused before anything else is looked at.
//!
//! Start reading at [`Identity::known`].

use std::sync::Arc;
use std::time::Duration;

use arrow_flight::BasicAuth;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use meshweave_engine::Principal;
use meshweave_engine::identity::{Authenticator, Credentials};
use prost::Message as _;
use tonic::metadata::MetadataMap;

use crate::session::SessionId;
use crate::status::{Fault, Outcome};
use crate::ticket::{Envelope, EnvelopeKind, Signer};

/// The header of a token that a handshake's message was answered with.
const OLDER_TOKEN: &str = "auth-token-bin";

/// How the callers of one server are told apart.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) signer: Signer,
    pub(crate) login_lifetime: Duration,
}

/// Who calls, and the session that the call's login or token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) principal: Principal,
    pub(crate) session: Option<SessionId>,
}

impl Identity {
    /// The principal of one call, and the session of its bearer.
    pub(crate) async fn known(&self, headers: &MetadataMap) -> Outcome<Known> {
        if !self.authenticator.tells_callers_apart() {
            let principal = self.authenticator.authenticate(&Credentials::None).await?;
            // The bearer proves nothing here, and still tells one connection from another.
            return Ok(Known { principal, session: self.session_of(headers) });
        }
        let credentials = credentials(headers)?;
        if let Credentials::Bearer { token } = &credentials
            && let Some(login) = self.login(token)?
        {
            let principal = self.authenticator.still(&login.principal).await?;
            return Ok(Known { principal, session: login.session });
        }
        let principal = self.authenticator.authenticate(&credentials).await?;
        let session = match &credentials {
            Credentials::Bearer { token } => Some(SessionId::of_token(token)),
            Credentials::None | Credentials::Password { .. } => None,
        };
        Ok(Known { principal, session })
    }

    /// Whether a handshake with these headers says who calls in its message, if anywhere.
    pub(crate) fn is_silent(&self, headers: &MetadataMap) -> bool {
        self.authenticator.tells_callers_apart() && matches!(credentials(headers), Ok(Credentials::None))
    }

    /// The bearer that a handshake answers with, and its session: a signed login, which proves nothing where callers are not told apart.
    ///
    /// - `sent`: what its first message says, where the headers are silent; empty: nothing.
    pub(crate) async fn handshake(&self, headers: &MetadataMap, sent: &[u8]) -> Outcome<(String, SessionId)> {
        let Known { principal, session } = match sent {
            [] => self.known(headers).await?,
            sent => Known { principal: self.authenticator.authenticate(&basic_auth(sent)?).await?, session: None },
        };
        if let (Ok(Credentials::Bearer { token }), Some(session)) = (credentials(headers), session) {
            return Ok((token, session));
        }
        let session = SessionId::fresh();
        let login = serde_json::to_string(&principal).map_err(|e| Fault::internal("writing a login", &e))?;
        let kind = EnvelopeKind::Bearer as i32;
        let envelope = Envelope { kind, login, session: Some(session.as_str().to_owned()), ..Envelope::default() };
        Ok((URL_SAFE_NO_PAD.encode(self.signer.seal(envelope, self.login_lifetime)?), session))
    }

    fn session_of(&self, headers: &MetadataMap) -> Option<SessionId> {
        let Ok(Credentials::Bearer { token }) = credentials(headers) else { return None };
        match self.login(&token) {
            Ok(Some(login)) => login.session,
            Ok(None) => Some(SessionId::of_token(&token)),
            Err(_) => None,
        }
    }

    /// The principal of a login that this server (or a replica with its key) has signed; none when it is another's token.
    fn login(&self, token: &str) -> Outcome<Option<Known>> {
        let Ok(sealed) = URL_SAFE_NO_PAD.decode(token) else {
            return Ok(None);
        };
        match self.signer.open(&sealed, EnvelopeKind::Bearer) {
            Ok(envelope) => {
                let principal = serde_json::from_str(&envelope.login);
                let principal = principal.map_err(|e| Fault::internal("reading a login", &e))?;
                Ok(Some(Known { principal, session: envelope.session.as_deref().and_then(SessionId::read) }))
            }
            Err(fault) if fault.is_stale() => {
                Err(Fault::unauthenticated("not authenticated: the login has expired").hint("Connect again."))
            }
            Err(_) => Ok(None),
        }
    }
}

/// Reads the message of a handshake as Flight's `BasicAuth`.
fn basic_auth(sent: &[u8]) -> Outcome<Credentials> {
    let read = BasicAuth::decode(sent)
        .map_err(|_| Fault::unauthenticated("not authenticated: the message of the handshake is no BasicAuth"))?;
    Ok(Credentials::Password { user: read.username, password: read.password })
}

/// Reads the header that clients send who logged in with a message; an empty one says nothing.
fn older_token(headers: &MetadataMap) -> Outcome<Credentials> {
    let wrong = || Fault::unauthenticated(format!("not authenticated: the `{OLDER_TOKEN}` header cannot be read"));
    let Some(value) = headers.get_bin(OLDER_TOKEN) else { return Ok(Credentials::None) };
    let token = String::from_utf8(value.to_bytes().map_err(|_| wrong())?.to_vec()).map_err(|_| wrong())?;
    Ok(if token.is_empty() { Credentials::None } else { Credentials::Bearer { token } })
}

/// Reads the `authorization` header: `Basic` with or without padding, or `Bearer`; schemes in any case.
fn credentials(headers: &MetadataMap) -> Outcome<Credentials> {
    let Some(value) = headers.get("authorization") else {
        return older_token(headers);
    };
    let wrong = || Fault::unauthenticated("not authenticated: the `authorization` header is neither Basic nor Bearer");
    let text = value.to_str().map_err(|_| wrong())?;
    let (scheme, rest) = text.split_once(' ').ok_or_else(wrong)?;
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Ok(Credentials::Bearer { token: rest.trim().to_owned() }),
        "basic" => {
            let bytes = STANDARD_NO_PAD.decode(rest.trim().trim_end_matches('=')).map_err(|_| wrong())?;
            let text = String::from_utf8(bytes).map_err(|_| wrong())?;
            let (user, password) = text.split_once(':').ok_or_else(wrong)?;
            Ok(Credentials::Password { user: user.to_owned(), password: password.to_owned() })
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use meshweave_engine::identity::LocalPrincipal;
    use meshweave_engine::{Error, Failure, Result};
    use tonic::Code;
    use tonic::metadata::MetadataValue;

    use super::*;

    #[derive(Debug)]
    struct OnlyAda;

    #[async_trait]
    impl Authenticator for OnlyAda {
        fn tells_callers_apart(&self) -> bool {
            true
        }

        async fn authenticate(&self, credentials: &Credentials) -> Result<Principal> {
            match credentials {
                Credentials::Password { user, password } if user == "ada" && password == "p:w" => {
                    Ok(Principal { user: "ada".into(), teams: vec!["crm".into()] })
                }
                _ => Err(Error::from(Failure::Unauthenticated { reason: "unknown user".into() })),
            }
        }
    }

    fn identity(authenticator: impl Authenticator + 'static) -> Identity {
        let authenticator = Arc::new(authenticator);
        Identity { authenticator, signer: Signer::new(&[]).unwrap(), login_lifetime: Duration::from_secs(60) }
    }

    fn headers(authorization: &str) -> MetadataMap {
        let mut map = MetadataMap::new();
        map.insert("authorization", authorization.parse().unwrap());
        map
    }

    #[tokio::test]
    async fn without_an_authenticator_everybody_is_the_local_principal() {
        let identity = identity(LocalPrincipal(Principal { user: "local".into(), teams: vec![] }));
        for headers in [MetadataMap::new(), headers("Bearer x"), headers("Basic eDp5"), headers("nonsense")] {
            assert_eq!(identity.known(&headers).await.unwrap().principal.user, "local");
            assert!(!identity.handshake(&headers, b"").await.unwrap().0.is_empty());
        }
    }

    #[tokio::test]
    async fn a_password_gives_a_login_that_is_enough_afterwards() {
        let identity = identity(OnlyAda);
        for basic in ["Basic YWRhOnA6dw==", "basic YWRhOnA6dw"] {
            let (bearer, session) = identity.handshake(&headers(basic), b"").await.unwrap();
            let known = identity.known(&headers(&format!("Bearer {bearer}"))).await.unwrap();
            assert_eq!(known.session.as_ref(), Some(&session));
            let again = identity.handshake(&headers(&format!("Bearer {bearer}")), b"").await.unwrap();
            assert_eq!(again, (bearer, session), "a handshake with a login gives the same one back");
            let principal = known.principal;
            assert_eq!((principal.user.as_str(), principal.teams.as_slice()), ("ada", &["crm".to_owned()][..]));
        }
    }

    #[tokio::test]
    async fn a_message_gives_a_login_as_a_header_does() {
        let identity = identity(OnlyAda);
        let sent = |password: &str| BasicAuth { username: "ada".into(), password: password.into() }.encode_to_vec();
        assert!(identity.is_silent(&MetadataMap::new()) && !identity.is_silent(&headers("Basic eDp5")));
        let (bearer, session) = identity.handshake(&MetadataMap::new(), &sent("p:w")).await.unwrap();
        let mut map = MetadataMap::new();
        map.insert_bin(OLDER_TOKEN, MetadataValue::from_bytes(bearer.as_bytes()));
        let known = identity.known(&map).await.unwrap();
        assert_eq!((known.principal.user.as_str(), known.session), ("ada", Some(session)));
        for wrong in [sent("pw"), b"\xff".to_vec(), vec![]] {
            let fault = identity.handshake(&MetadataMap::new(), &wrong).await.unwrap_err();
            assert_eq!(fault.code(), Code::Unauthenticated, "{wrong:?}");
        }
        map.insert_bin(OLDER_TOKEN, MetadataValue::from_bytes(b""));
        assert!(identity.is_silent(&map), "an empty token is none");
    }

    #[tokio::test]
    async fn nobody_is_refused() {
        let identity = identity(OnlyAda);
        for headers in [MetadataMap::new(), headers("Bearer x"), headers("Basic eDp5"), headers("nonsense")] {
            let fault = identity.known(&headers).await.unwrap_err();
            assert_eq!(fault.code(), Code::Unauthenticated);
        }
    }
}
