//! The id of a session: in the cookie of clients that keep one, else in the login, else made of the bearer.
//!
//! Start reading at [`SessionId`].

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use tonic::metadata::MetadataMap;
use uuid::Uuid;

/// The name of the cookie that the Flight specification gives.
pub(crate) const COOKIE: &str = "arrow_flight_session_id";
/// Longest id that is taken, bytes.
const LONGEST: usize = 128;

/// Names a session of one principal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SessionId(String);

impl SessionId {
    /// A fresh one that nobody guesses.
    pub(crate) fn fresh() -> Self {
        Self(Uuid::new_v4().simple().to_string())
    }

    /// One that somebody sent; none when it is not of our form.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_one = !text.is_empty() && text.len() <= LONGEST && text.bytes().all(fits);
        is_one.then(|| Self(text.to_owned()))
    }

    /// The one of a token that is not ours: the same for every call with it.
    pub(crate) fn of_token(token: &str) -> Self {
        let digest = Sha256::new().chain_update(b"meshweave session").chain_update(token).finalize();
        Self(URL_SAFE_NO_PAD.encode(digest))
    }

    /// The one in a call's cookies.
    pub(crate) fn of_cookies(headers: &MetadataMap) -> Option<Self> {
        let cookies = headers.get_all("cookie").iter().filter_map(|value| value.to_str().ok());
        let pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut ours = pairs.filter(|(name, _)| name.trim() == COOKIE);
        ours.find_map(|(_, value)| Self::read(value.trim().trim_matches('"')))
    }

    /// As it is sent.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cookies: &[&str], expected: Option<&str>) {
        let mut headers = MetadataMap::new();
        for cookie in cookies {
            headers.append("cookie", cookie.parse().unwrap());
        }
        assert_eq!(SessionId::of_cookies(&headers).as_ref().map(SessionId::as_str), expected);
    }

    #[test]
    fn it_is_found_among_other_cookies() {
        check(&[], None);
        check(&["a=b; arrow_flight_session_id=x-1_Y; c=d"], Some("x-1_Y"));
        check(&["a=b", "arrow_flight_session_id=\"x\""], Some("x"));
        check(&["arrow_flight_session_id="], None);
        check(&["arrow_flight_session_id=a b"], None);
        check(&[&format!("arrow_flight_session_id={}", "x".repeat(129))], None);
        check(&["not_arrow_flight_session_id=x"], None);
    }

    #[test]
    fn a_fresh_one_and_one_of_a_token_have_our_form() {
        for id in [SessionId::fresh(), SessionId::of_token("secret")] {
            assert_eq!(SessionId::read(id.as_str()), Some(id));
        }
        assert_ne!(SessionId::fresh(), SessionId::fresh());
        assert!(!SessionId::of_token("secret").as_str().contains("secret"));
    }
}
