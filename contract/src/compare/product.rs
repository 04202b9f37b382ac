//! The head of a product: who it is, where it stands in its life, what it is made from.
//!
//! Holds always: every field is taken apart by name, so a new field of the model does not build until somebody decides here
//! what its change means.
//!
//! Start reading at [`product`].

use std::cmp::Ordering;

use super::note::{At, Ruling};
use super::scales::{Spans, dates, spans};
use super::{access, custom, ports};
use crate::model::{Body, Lifecycle, Owner, Product, Quota, SampleQuery, Span, Status, Upstream};
use crate::name::{ProductId, ProductName};

/// Compares two versions of a product.
pub(super) fn product(at: &mut At<'_>, old: &Product, new: &Product) {
    let Product {
        id: ProductId { name: ProductName { domain, product }, version: _ },
        status,
        description,
        owner,
        tags,
        glossary,
        sample_queries,
        lifecycle,
        input_ports,
        output_ports,
        upstream,
        access,
        retention,
        encryption,
        quota,
        body,
        custom,
    } = old;
    let renamed = || Ruling::major("queries find a product by its name");
    at.value("domain", domain, &new.id.name.domain, renamed);
    at.value("name", product, &new.id.name.product, renamed);
    at.value("status", &word(*status), &word(new.status), || status_ruling(*status, new.status));
    at.words("description", description.as_ref(), new.description.as_ref());
    self::owner(&mut at.under("owner"), owner, old, new);
    at.word_list("tags", tags, &new.tags);
    at.word_list("glossary", glossary, &new.glossary);
    at.word_list("sample_queries", &samples(sample_queries), &samples(&new.sample_queries));
    self::lifecycle(&mut at.under("lifecycle"), lifecycle, &new.lifecycle);
    ports::input_ports(&mut at.under("input_ports"), input_ports, &new.input_ports);
    let sides = ports::sides(old, new);
    ports::output_ports(&mut at.under("output_ports"), output_ports, &new.output_ports, sides);
    at.word_list("upstream", &sources(upstream), &sources(&new.upstream));
    access::access(&mut at.under("access"), access, &new.access);
    self::retention(at, retention.as_ref(), new.retention.as_ref());
    at.option("encryption", encryption.as_ref(), new.encryption.as_ref(), encryption_ruling);
    self::quota(&mut at.under("quota"), quota.as_ref(), new.quota.as_ref());
    self::body(&mut at.under("body"), body, &new.body);
    custom::custom(&mut at.under("custom"), custom, &new.custom, custom::Place::Words);
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Draft => "draft",
        Status::Active => "active",
        Status::Deprecated => "deprecated",
        Status::Retired => "retired",
    }
}

fn status_ruling(old: Status, new: Status) -> Ruling {
    match (old, new) {
        (_, Status::Retired) => Ruling::major("a retired product answers no more"),
        (Status::Active | Status::Deprecated, Status::Draft) => {
            Ruling::major("a draft is not found by those who read it so far")
        }
        (_, Status::Deprecated) => Ruling::heard("its end is announced; consumers should plan for it"),
        (_, Status::Active | Status::Draft) => Ruling::minor("it offers more than before"),
    }
}

fn owner(at: &mut At<'_>, owner: &Owner, old: &Product, new: &Product) {
    let Owner { team, contact, support } = owner;
    at.option("team", team.as_ref(), new.owner.team.as_ref(), |team, _| {
        let loses = team.is_some_and(|team| access::reads(&old.access, Some(team), team) && !reads_still(new, team));
        match loses {
            true => Ruling {
                warns: true,
                ..Ruling::patch("another team answers for it, and the old team may read no more")
            },
            false => Ruling::patch("another team answers for it; what is promised stays"),
        }
    });
    at.words("contact", contact.as_ref(), new.owner.contact.as_ref());
    at.word_list("support", support, &new.owner.support);
}

fn reads_still(new: &Product, team: &str) -> bool {
    access::reads(&new.access, new.owner.team.as_deref(), team)
}

fn samples(queries: &[SampleQuery]) -> Vec<String> {
    let told = |SampleQuery { description, sql }: &SampleQuery| match description {
        Some(description) => format!("{description}: {sql}"),
        None => sql.clone(),
    };
    queries.iter().map(told).collect()
}

fn sources(upstream: &[Upstream]) -> Vec<String> {
    let told = |Upstream { domain, product }: &Upstream| match domain {
        Some(domain) => format!("{domain}.{product}"),
        None => product.clone(),
    };
    upstream.iter().map(told).collect()
}

fn lifecycle(at: &mut At<'_>, old: &Lifecycle, new: &Lifecycle) {
    let Lifecycle { deprecated_at, sunset_at, successor } = old;
    at.option("deprecated_at", deprecated_at.as_ref(), new.deprecated_at.as_ref(), |_, new| match new {
        Some(_) => Ruling::heard("its end is announced; consumers should plan for it"),
        None => Ruling::minor("its end is taken back"),
    });
    at.option("sunset_at", sunset_at.as_ref(), new.sunset_at.as_ref(), |old, new| match (old, new) {
        (None, _) => Ruling::heard("it has an end now; consumers should plan for it"),
        (Some(_), None) => Ruling::minor("it has no end any more"),
        (Some(old), Some(new)) => match dates(old, new) {
            Some(Ordering::Greater) => Ruling::minor("it answers longer than announced"),
            Some(Ordering::Equal) => Ruling::patch("the same moment in other words"),
            // To announce an end is no MAJOR, or no version could ever end; the notice period guards how early it may be.
            Some(Ordering::Less) | None => {
                Ruling::heard("it ends earlier than announced; consumers should plan for it")
            }
        },
    });
    at.option("successor", successor.as_ref(), new.successor.as_ref(), |_, _| {
        Ruling::patch("where to go instead is advice; what is promised stays")
    });
}

fn retention(at: &mut At<'_>, old: Option<&Span>, new: Option<&Span>) {
    at.option("retention", old, new, |old, new| match (old, new) {
        (None, _) => Ruling::heard("nothing said how long rows are kept; from now on older ones may go"),
        (Some(_), None) => Ruling::major("how long rows are kept is promised no more"),
        (Some(old), Some(new)) => match spans(&old.0, &new.0) {
            Spans::Longer => Ruling::minor("rows are kept longer"),
            Spans::Same => Ruling::patch("the same span in other words"),
            Spans::Shorter | Spans::Either => Ruling::major("rows are kept for a shorter time; history is lost"),
        },
    });
}

fn encryption_ruling(old: Option<&String>, new: Option<&String>) -> Ruling {
    let strength = |text: &String| {
        let name = text.trim_end_matches(|c: char| c.is_ascii_digit());
        text[name.len()..].parse::<u32>().ok().map(|bits| (name.to_lowercase(), bits))
    };
    match (old, new) {
        (None, _) => Ruling::minor("rows are encrypted at rest now"),
        (Some(_), None) => Ruling::major("encryption at rest is promised no more"),
        (Some(old), Some(new)) => match (strength(old), strength(new)) {
            (Some((a, before)), Some((b, after))) if a == b && after > before => Ruling::minor("the key is longer"),
            _ => Ruling::major("rows are encrypted in another way; nothing here knows which is stronger"),
        },
    }
}

fn quota(at: &mut At<'_>, old: Option<&Quota>, new: Option<&Quota>) {
    let none = Quota::default();
    let Quota { concurrent_queries, scanned_bytes_per_day, custom } = old.unwrap_or(&none);
    let after = new.unwrap_or(&none);
    let limit = |old: Option<&u64>, new: Option<&u64>| match (old, new) {
        (Some(old), Some(new)) if new > old => Ruling::minor("a consumer may use more"),
        (_, None) => Ruling::minor("a consumer may use as much as it wants"),
        (_, Some(_)) => Ruling::major("a consumer may use less than before"),
    };
    at.option("concurrent_queries", concurrent_queries.as_ref(), after.concurrent_queries.as_ref(), limit);
    at.option("scanned_bytes_per_day", scanned_bytes_per_day.as_ref(), after.scanned_bytes_per_day.as_ref(), limit);
    custom::custom(&mut at.under("custom"), custom, &after.custom, custom::Place::Limits);
}

fn body(at: &mut At<'_>, old: &Body, new: &Body) {
    let (kind, sql, refresh) = parts(old);
    let (new_kind, new_sql, new_refresh) = parts(new);
    at.value("kind", &kind, &new_kind, || {
        Ruling::heard("its columns and promises stay, but its rows are made in another way")
    });
    at.option("sql", sql.as_ref(), new_sql.as_ref(), |old, new| match (old, new) {
        (Some(old), Some(new)) if same_statement(old, new) => Ruling::patch("the same statement with other spacing"),
        _ => Ruling::heard("its columns and promises stay, but its rows may be others"),
    });
    let (refresh, new_refresh) = (refresh.map(custom::told), new_refresh.map(custom::told));
    at.option("refresh", refresh.as_ref(), new_refresh.as_ref(), |_, _| {
        Ruling::patch("how it is kept up to date; how fresh it is at least stands in its service levels")
    });
}

fn parts(body: &Body) -> (&'static str, Option<&String>, Option<&serde_json::Value>) {
    match body {
        Body::Stored => ("stored", None, None),
        Body::View { sql } => ("view", Some(sql), None),
        Body::Materialization { sql, refresh } => ("materialization", Some(sql), Some(refresh)),
    }
}

/// Whether two statements differ in blanks only. Blanks inside quotes and comments mean something, so such statements never do.
fn same_statement(old: &str, new: &str) -> bool {
    let bare = |text: &str| !text.contains(['\'', '"']) && !text.contains("--") && !text.contains("/*");
    bare(old) && bare(new) && old.split_whitespace().eq(new.split_whitespace())
}
