//! What one call says beside its message: headers become a caller, a caller becomes a query's context.
//!
//! Holds always: a header that is understood and wrong is an error; a header that is not ours is ignored.
//!
//! Start reading at [`Caller::read`].

use std::time::Duration;

use meshweave_engine::{Principal, QueryContext};
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;

use crate::options::Options;
use crate::status::{Fault, Outcome};
use crate::wire::Profile;

/// Who calls, and how the answer is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    pub(crate) purpose: Option<String>,
    pub(crate) default_schema: Option<String>,
    pub(crate) profile: Profile,
    /// Whether the Apache JDBC driver calls: it cannot bind to a parameter without a type, and binds milliseconds only.
    pub(crate) is_jdbc: bool,
    pub(crate) timeout: Option<Duration>,
    /// Target and largest size of a message with rows, bytes.
    pub(crate) message_bytes: (usize, usize),
}

impl Caller {
    /// Reads the headers of one call.
    ///
    /// - `catalog`: the catalog's name; a `catalog` header that says another one is an error.
    pub(crate) fn read(headers: &MetadataMap, principal: Principal, catalog: &str, options: &Options) -> Outcome<Self> {
        if let Some(asked) = text(headers, "catalog")?
            && !asked.eq_ignore_ascii_case(catalog)
        {
            return Err(Fault::not_found(format!("catalog \"{asked}\" does not exist"))
                .hint(format!("The only catalog is {catalog}; domains are its schemas.")));
        }
        let database = text(headers, "database")?.filter(|name| !name.eq_ignore_ascii_case(catalog));
        let agent = text(headers, "user-agent")?.unwrap_or_default();
        let is_jdbc = is_jdbc(&agent);
        Ok(Self {
            principal,
            purpose: text(headers, "x-meshweave-purpose")?,
            default_schema: text(headers, "schema")?.or(database),
            profile: profile(headers)?.unwrap_or(if is_jdbc { Profile::Jdbc } else { Profile::Compat }),
            is_jdbc,
            timeout: timeout(headers)?,
            message_bytes: message_bytes(headers, options)?,
        })
    }

    /// The context of one statement of this caller.
    pub(crate) fn context(&self, statement_timeout: Duration, server: &CancellationToken) -> QueryContext {
        let limit = self.timeout.map_or(statement_timeout, |asked| asked.min(statement_timeout));
        let mut ctx = QueryContext::new(self.principal.clone()).with_timeout(limit);
        ctx.purpose.clone_from(&self.purpose);
        ctx.default_schema.clone_from(&self.default_schema);
        ctx.cancel = server.child_token();
        ctx
    }
}

/// Whether the Apache JDBC driver calls. It gives no name of its own: what can be seen is the library below it.
fn is_jdbc(agent: &str) -> bool {
    agent.starts_with("grpc-java") || agent.contains("JDBC Flight SQL Driver")
}

/// The text of a header; none when it is absent or empty.
fn text(headers: &MetadataMap, name: &str) -> Outcome<Option<String>> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(value.as_bytes())
        .map_err(|_| Fault::invalid(format!("the header `{name}` is not UTF-8 text")))?;
    Ok(Some(text.trim().to_owned()).filter(|t| !t.is_empty()))
}

/// The profile that a client asks for; none: it is known by its name.
fn profile(headers: &MetadataMap) -> Outcome<Option<Profile>> {
    match text(headers, "x-meshweave-wire")?.as_deref() {
        None => Ok(None),
        Some("compat") => Ok(Some(Profile::Compat)),
        Some("native" | "arrow") => Ok(Some(Profile::Arrow)),
        Some("jdbc") => Ok(Some(Profile::Jdbc)),
        Some(other) => Err(Fault::invalid(format!("the header `x-meshweave-wire` cannot be \"{other}\""))
            .hint("It is `compat` (the default), `jdbc` or `native`.")),
    }
}

/// `grpc-timeout`: up to eight digits and a unit.
fn timeout(headers: &MetadataMap) -> Outcome<Option<Duration>> {
    let Some(text) = text(headers, "grpc-timeout")? else {
        return Ok(None);
    };
    let wrong = || Fault::invalid(format!("the header `grpc-timeout` cannot be \"{text}\""));
    let (digits, unit) = text.split_at_checked(text.len() - 1).ok_or_else(wrong)?;
    let value: u64 = digits.parse().map_err(|_| wrong())?;
    Ok(Some(match unit {
        "H" => Duration::from_secs(value.saturating_mul(3600)),
        "M" => Duration::from_secs(value.saturating_mul(60)),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return Err(wrong()),
    }))
}

fn message_bytes(headers: &MetadataMap, options: &Options) -> Outcome<(usize, usize)> {
    let Some(text) = text(headers, "x-meshweave-max-message-bytes")? else {
        return Ok((options.target_message_bytes, options.max_message_bytes));
    };
    let most = options.max_negotiated_message_bytes;
    match text.parse::<usize>() {
        Ok(limit) if (65_536..=most).contains(&limit) => Ok((options.target_message_bytes.min(limit / 2), limit)),
        _ => Err(Fault::invalid(format!("the header `x-meshweave-max-message-bytes` cannot be \"{text}\""))
            .hint(format!("It is a number of bytes from 65536 to {most}."))),
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn read(headers: &[(&'static str, &str)]) -> Outcome<Caller> {
        let mut map = MetadataMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let principal = Principal { user: "ada".into(), teams: vec![] };
        Caller::read(&map, principal.clone(), "mesh", &Options::new(principal))
    }

    #[test]
    fn headers_of_drivers_are_understood() {
        let caller = read(&[
            ("database", "crm"),
            ("catalog", "MESH"),
            ("x-meshweave-purpose", "billing"),
            ("x-meshweave-wire", "native"),
            ("grpc-timeout", "1500m"),
            ("user-agent", "grpc-java JDBC Flight SQL Driver v20"),
        ])
        .unwrap();
        assert_eq!(caller.default_schema.as_deref(), Some("crm"));
        assert_eq!(caller.purpose.as_deref(), Some("billing"));
        assert_eq!((caller.profile, caller.is_jdbc), (Profile::Arrow, true));
        assert_eq!(caller.timeout, Some(Duration::from_millis(1500)));
    }

    #[test]
    fn the_catalog_as_database_is_no_schema() {
        assert_eq!(read(&[("database", "mesh")]).unwrap().default_schema, None);
        assert_eq!(read(&[("database", "a"), ("schema", "b")]).unwrap().default_schema.as_deref(), Some("b"));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for (header, code) in [
            (("catalog", "other"), Code::NotFound),
            (("x-meshweave-wire", "fancy"), Code::InvalidArgument),
            (("grpc-timeout", "5"), Code::InvalidArgument),
            (("grpc-timeout", "xS"), Code::InvalidArgument),
            (("x-meshweave-max-message-bytes", "12"), Code::InvalidArgument),
        ] {
            assert_eq!(read(&[header]).unwrap_err().code(), code, "{header:?}");
        }
    }

    #[test]
    fn the_earlier_deadline_holds() {
        let caller = read(&[("grpc-timeout", "1S")]).unwrap();
        let ctx = caller.context(Duration::from_secs(300), &CancellationToken::new());
        assert_eq!(ctx.deadline.unwrap().1, Duration::from_secs(1));
        let ctx = caller.context(Duration::from_millis(5), &CancellationToken::new());
        assert_eq!(ctx.deadline.unwrap().1, Duration::from_millis(5));
    }

    #[test]
    fn the_server_can_cancel_what_runs() {
        let server = CancellationToken::new();
        let ctx = read(&[]).unwrap().context(Duration::from_secs(1), &server);
        server.cancel();
        assert!(ctx.cancel.is_cancelled());
    }
}
