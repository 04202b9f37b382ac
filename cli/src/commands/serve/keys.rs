//! The keys that tickets are signed with, when several servers shall take each other's.
//!
//! Holds always: a key comes from the environment, and no error repeats it.
//!
//! Start reading at [`ticket_keys`].

use meshweave_engine::settings::Settings;
use meshweave_flight_server::TicketKey;

use crate::failure::{self, Outcome};

/// Hexadecimal digits of one key of 32 bytes.
const DIGITS: usize = 64;

/// The keys in the variable that `listen.ticket_keys_env` names, the one that signs first; none: the server makes its own.
///
/// # Errors
/// A variable that is not set, or holds something else than keys.
pub(super) fn ticket_keys(settings: &Settings) -> Outcome<Vec<TicketKey>> {
    let Some(variable) = &settings.listen.ticket_keys_env else { return Ok(Vec::new()) };
    let hint =
        "Set it to one or more keys of 64 hexadecimal digits, separated by commas (`openssl rand -hex 32` makes one).";
    let wrong =
        |what: &str| failure::unusable("listen.ticket_keys_env", format!("the variable {variable} {what}"), hint);
    let text = settings.environment.get(variable).ok_or_else(|| wrong("is not set"))?;
    text.split(',').map(|key| read(key.trim()).ok_or_else(|| wrong("holds something that is no key"))).collect()
}

fn read(text: &str) -> Option<TicketKey> {
    if text.len() != DIGITS || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut secret = [0; DIGITS / 2];
    for (byte, at) in secret.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(TicketKey::new(secret))
}

#[cfg(test)]
mod tests {
    use meshweave_engine::settings::Environment;

    use super::*;

    fn keys(named: Option<&str>, value: &str) -> Outcome<usize> {
        let mut settings = Settings::default();
        settings.listen.ticket_keys_env = named.map(str::to_owned);
        settings.environment = Environment::new([("KEYS".to_owned(), value.to_owned())]);
        ticket_keys(&settings).map(|keys| keys.len())
    }

    #[test]
    fn keys_come_from_the_variable_that_is_named() {
        let key = "0123456789abcdefABCDEF0123456789".repeat(2);
        assert_eq!(keys(None, &key).unwrap(), 0);
        assert_eq!(keys(Some("KEYS"), &key).unwrap(), 1);
        assert_eq!(keys(Some("KEYS"), &format!("{key}, {key}")).unwrap(), 2);
        for bad in ["", "secret", &key[1..], &format!("{key},"), &key.replace('0', "ä"), &key.replace('0', "+")] {
            let fault = keys(Some("KEYS"), bad).unwrap_err();
            assert!(bad.is_empty() || !format!("{fault:?}").contains(bad), "the error repeats the key");
        }
        keys(Some("OTHERS"), &key).unwrap_err();
    }
}
