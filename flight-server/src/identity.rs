//! Who calls: the `authorization` header becomes a principal.
//!
//! Holds always:
//! - where callers are not told apart, every one is the local principal, and a bearer proves nothing;
//! - where they are, a call without valid credentials is refused before anything else is looked at.
//!
//! Start reading at [`Identity::principal`].

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use meshweave_engine::Principal;
use meshweave_engine::identity::{Authenticator, Credentials};
use tonic::metadata::MetadataMap;

use crate::status::{Fault, Outcome};
use crate::ticket::{Envelope, EnvelopeKind, Signer};

/// How the callers of one server are told apart.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) signer: Signer,
    pub(crate) login_lifetime: Duration,
}

impl Identity {
    /// The principal of one call.
    pub(crate) async fn principal(&self, headers: &MetadataMap) -> Outcome<Principal> {
        if !self.authenticator.tells_callers_apart() {
            return Ok(self.authenticator.authenticate(&Credentials::None).await?);
        }
        let credentials = credentials(headers)?;
        if let Credentials::Bearer { token } = &credentials
            && let Some(principal) = self.login(token)?
        {
            return Ok(principal);
        }
        Ok(self.authenticator.authenticate(&credentials).await?)
    }

    /// The bearer that a handshake answers with: a signed login, which proves nothing where callers are not told apart.
    pub(crate) async fn handshake(&self, headers: &MetadataMap) -> Outcome<String> {
        let principal = self.principal(headers).await?;
        if let Ok(Credentials::Bearer { token }) = credentials(headers) {
            return Ok(token);
        }
        let login = serde_json::to_string(&principal).map_err(|e| Fault::internal("writing a login", &e))?;
        let envelope = Envelope { kind: EnvelopeKind::Bearer as i32, login, ..Envelope::default() };
        Ok(URL_SAFE_NO_PAD.encode(self.signer.seal(envelope, self.login_lifetime)?))
    }

    /// The principal of a login that this server (or a replica with its key) has signed; none when it is another's token.
    fn login(&self, token: &str) -> Outcome<Option<Principal>> {
        let Ok(sealed) = URL_SAFE_NO_PAD.decode(token) else {
            return Ok(None);
        };
        match self.signer.open(&sealed, EnvelopeKind::Bearer) {
            Ok(envelope) => {
                serde_json::from_str(&envelope.login).map(Some).map_err(|e| Fault::internal("reading a login", &e))
            }
            Err(fault) if fault.is_stale() => {
                Err(Fault::unauthenticated("not authenticated: the login has expired").hint("Connect again."))
            }
            Err(_) => Ok(None),
        }
    }
}

/// Reads the `authorization` header: `Basic` with or without padding, or `Bearer`; schemes in any case.
fn credentials(headers: &MetadataMap) -> Outcome<Credentials> {
    let Some(value) = headers.get("authorization") else {
        return Ok(Credentials::None);
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
            assert_eq!(identity.principal(&headers).await.unwrap().user, "local");
            assert!(!identity.handshake(&headers).await.unwrap().is_empty());
        }
    }

    #[tokio::test]
    async fn a_password_gives_a_login_that_is_enough_afterwards() {
        let identity = identity(OnlyAda);
        for basic in ["Basic YWRhOnA6dw==", "basic YWRhOnA6dw"] {
            let bearer = identity.handshake(&headers(basic)).await.unwrap();
            let principal = identity.principal(&headers(&format!("Bearer {bearer}"))).await.unwrap();
            assert_eq!((principal.user.as_str(), principal.teams.as_slice()), ("ada", &["crm".to_owned()][..]));
        }
    }

    #[tokio::test]
    async fn nobody_is_refused() {
        let identity = identity(OnlyAda);
        for headers in [MetadataMap::new(), headers("Bearer x"), headers("Basic eDp5"), headers("nonsense")] {
            let fault = identity.principal(&headers).await.unwrap_err();
            assert_eq!(fault.code(), Code::Unauthenticated);
        }
    }
}
