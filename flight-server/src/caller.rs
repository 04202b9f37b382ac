//! What one call says beside its message: headers and the session's options become a caller, a caller becomes a query's context.
//!
//! Holds always: a header that is understood and wrong is an error; a header that is not ours is ignored; a header wins over the
//! session's option, and that over what the client's name lets guess.
//!
//! Start reading at [`Caller::read`].

use std::sync::Arc;
use std::time::Duration;

use meshweave_engine::version::VersionVector;
use meshweave_engine::{Principal, QueryContext};
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;

use crate::options::Options;
use crate::session::{Chosen, SMALLEST_MESSAGE, SessionId, read_duration};
use crate::status::{Fault, Outcome};
use crate::wire::Profile;

/// The header with the versions of an earlier answer.
const VERSIONS: &str = "x-meshweave-versions";
/// How much earlier than the transport a caller's deadline is seen here, at least and at most.
const SHORTEST_LEAD: Duration = Duration::from_millis(2);
const LONGEST_LEAD: Duration = Duration::from_millis(50);

/// Who calls, and how the answer is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    /// Where the caller keeps things; none: nowhere.
    pub(crate) session: Option<SessionId>,
    /// A session that the caller is offered, as a cookie.
    pub(crate) offered: Option<SessionId>,
    pub(crate) purpose: Option<String>,
    pub(crate) project: Option<String>,
    pub(crate) max_staleness: Option<Duration>,
    pub(crate) default_schema: Option<String>,
    /// Versions to read instead of the newest, from an earlier answer.
    pub(crate) versions: Option<Arc<VersionVector>>,
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
    /// - `chosen`: the options of the caller's session.
    /// - `catalog`: the catalog's name; a `catalog` header that says another one is an error.
    pub(crate) fn read(
        headers: &MetadataMap,
        principal: Principal,
        chosen: Chosen,
        catalog: &str,
        options: &Options,
    ) -> Outcome<Self> {
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
            session: None,
            offered: None,
            purpose: text(headers, "x-meshweave-purpose")?.or(chosen.purpose),
            project: text(headers, "x-meshweave-project")?.or(chosen.project),
            max_staleness: max_staleness(headers)?.or(chosen.max_staleness),
            default_schema: text(headers, "schema")?.or(database).or(chosen.schema),
            profile: profile(headers)?
                .or(chosen.wire)
                .unwrap_or_else(|| if is_jdbc { Profile::Jdbc } else { Profile::of_agent(&agent) }),
            is_jdbc,
            versions: versions(headers)?,
            timeout: timeout(headers)?,
            message_bytes: message_bytes(headers, chosen.max_message_bytes, options)?,
        })
    }

    /// The context of one statement of this caller.
    pub(crate) fn context(&self, statement_timeout: Duration, server: &CancellationToken) -> QueryContext {
        let limit = self.timeout.map_or(statement_timeout, |asked| asked.min(statement_timeout));
        let mut ctx = QueryContext::new(self.principal.clone()).with_timeout(limit);
        // The transport watches the caller's deadline too, and calls its end a cancellation: ours comes before it.
        if let (Some((at, limit)), Some(_)) = (&mut ctx.deadline, self.timeout) {
            *at = at.checked_sub((*limit / 20).clamp(SHORTEST_LEAD, LONGEST_LEAD)).unwrap_or(*at);
        }
        ctx.purpose.clone_from(&self.purpose);
        ctx.project.clone_from(&self.project);
        ctx.max_staleness = self.max_staleness;
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

/// The version vector of an earlier answer.
fn versions(headers: &MetadataMap) -> Outcome<Option<Arc<VersionVector>>> {
    let Some(text) = text(headers, VERSIONS)? else {
        return Ok(None);
    };
    let read: Result<VersionVector, _> = serde_json::from_str(&text);
    match read {
        Ok(vector) if vector.v == VersionVector::default().v => Ok(Some(Arc::new(vector))),
        _ => Err(Fault::invalid(format!("the header `{VERSIONS}` is no version vector"))
            .hint("It is the `versions` of an answer's `app_metadata`, as JSON.")),
    }
}

/// The profile that a client asks for; none: it is known by its name.
fn profile(headers: &MetadataMap) -> Outcome<Option<Profile>> {
    let Some(word) = text(headers, "x-meshweave-wire")? else { return Ok(None) };
    match Profile::named(&word) {
        Some(profile) => Ok(Some(profile)),
        None => Err(Fault::invalid(format!("the header `x-meshweave-wire` cannot be \"{word}\""))
            .hint("It is `compat`, `jdbc`, `arrow` (or `native`), `odbc` or `grafana`.")),
    }
}

fn max_staleness(headers: &MetadataMap) -> Outcome<Option<Duration>> {
    let Some(text) = text(headers, "x-meshweave-max-staleness")? else { return Ok(None) };
    match read_duration(&text) {
        Some(limit) => Ok(Some(limit)),
        None => Err(Fault::invalid(format!("the header `x-meshweave-max-staleness` cannot be \"{text}\""))
            .hint("It is a length of time, such as `30s`, `5m` or `PT1H`.")),
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

/// Target and limit of messages: as the header asks, else as the session has chosen, else as the server does it.
fn message_bytes(headers: &MetadataMap, chosen: Option<usize>, options: &Options) -> Outcome<(usize, usize)> {
    let sizes = |limit: usize| (options.target_message_bytes.min(limit / 2), limit);
    let Some(text) = text(headers, "x-meshweave-max-message-bytes")? else {
        return Ok(chosen.map_or((options.target_message_bytes, options.max_message_bytes), sizes));
    };
    let most = options.max_negotiated_message_bytes;
    match text.parse::<usize>() {
        Ok(limit) if (SMALLEST_MESSAGE..=most).contains(&limit) => Ok(sizes(limit)),
        _ => Err(Fault::invalid(format!("the header `x-meshweave-max-message-bytes` cannot be \"{text}\""))
            .hint(format!("It is a number of bytes from {SMALLEST_MESSAGE} to {most}."))),
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn read(headers: &[(&'static str, &str)]) -> Outcome<Caller> {
        read_in(Chosen::default(), headers)
    }

    fn read_in(chosen: Chosen, headers: &[(&'static str, &str)]) -> Outcome<Caller> {
        let mut map = MetadataMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let principal = Principal { user: "ada".into(), teams: vec![] };
        Caller::read(&map, principal.clone(), chosen, "mesh", &Options::new(principal))
    }

    #[test]
    fn the_versions_of_an_earlier_answer_are_read() {
        let vector = r#"{"v":1,"products":{"commerce.orders@1":{"delta":912}}}"#;
        let caller = read(&[("x-meshweave-versions", vector)]).unwrap();
        assert_eq!(serde_json::to_string(caller.versions.unwrap().as_ref()).unwrap(), vector);
        for wrong in ["{}", "12", r#"{"v":2,"products":{}}"#, r#"{"v":1,"products":{"a.b@1":7}}"#] {
            assert_eq!(read(&[("x-meshweave-versions", wrong)]).unwrap_err().code(), Code::InvalidArgument, "{wrong}");
        }
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
    fn a_header_wins_over_the_session_and_that_over_the_clients_name() {
        let chosen = || Chosen {
            schema: Some("crm".into()),
            wire: Some(Profile::Grafana),
            purpose: Some("billing".into()),
            max_message_bytes: Some(1 << 20),
            ..Chosen::default()
        };
        let caller = read_in(chosen(), &[]).unwrap();
        assert_eq!((caller.default_schema.as_deref(), caller.purpose.as_deref()), (Some("crm"), Some("billing")));
        assert_eq!((caller.profile, caller.message_bytes), (Profile::Grafana, (512 << 10, 1 << 20)));
        let caller = read_in(chosen(), &[("schema", "shop"), ("x-meshweave-wire", "odbc")]).unwrap();
        assert_eq!((caller.default_schema.as_deref(), caller.profile), (Some("shop"), Profile::Odbc));
        for (agent, profile) in [
            ("ADBC Flight SQL Driver v1.13", Profile::Compat),
            ("Arrow Flight SQL ODBC Driver", Profile::Odbc),
            ("grafana-flightsql-datasource/1.2", Profile::Grafana),
            ("grpc-go/1.70", Profile::Compat),
        ] {
            assert_eq!(read(&[("user-agent", agent)]).unwrap().profile, profile, "{agent}");
        }
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
            (("x-meshweave-max-staleness", "soon"), Code::InvalidArgument),
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
