//! Promises about time: fresher, more available and faster is more; the other way round is less.
//!
//! Start reading at [`levels`].

use super::custom;
use super::note::{At, Ruling};
use super::scales::{Spans, spans};
use crate::model::{Latency, ServiceLevels, Span};

const MAX_LATENCIES: usize = 200;

/// Compares service levels.
pub(super) fn levels(at: &mut At<'_>, old: &ServiceLevels, new: &ServiceLevels) {
    let ServiceLevels { freshness, freshness_column, availability_ppm, latency, support, custom } = old;
    at.option("freshness", freshness.as_ref(), new.freshness.as_ref(), |old, new| {
        at_most(old, new, "its rows may be older than before", "its rows are fresher than before")
    });
    let (column, new_column) = (freshness_column.as_ref(), new.freshness_column.as_ref());
    at.said("freshness_column", column, new_column, "the column that tells the age");
    at.option("availability_ppm", availability_ppm.as_ref(), new.availability_ppm.as_ref(), |old, new| {
        match (old, new) {
            (None, _) => Ruling::minor("a share of successful reads is promised now"),
            (Some(_), None) => Ruling::major("no share of successful reads is promised any more"),
            (Some(old), Some(new)) if new > old => Ruling::minor("more reads succeed"),
            _ => Ruling::major("fewer reads succeed"),
        }
    });
    self::latency(&mut at.under("latency"), latency, &new.latency);
    at.words("support", support.as_ref(), new.support.as_ref());
    custom::custom(&mut at.under("custom"), custom, &new.custom, custom::Place::Levels);
}

/// A bound from above: smaller is more.
fn at_most(old: Option<&Span>, new: Option<&Span>, looser: &str, tighter: &str) -> Ruling {
    match (old, new) {
        (None, _) => Ruling::minor("it is promised now"),
        (Some(_), None) => Ruling::major("it is promised no more"),
        (Some(old), Some(new)) => match spans(&old.0, &new.0) {
            Spans::Shorter => Ruling::minor(tighter),
            Spans::Same => Ruling::patch("the same span in other words"),
            Spans::Longer | Spans::Either => Ruling::major(looser),
        },
    }
}

/// Bounds on the time of an answer. One is kept when another of at least its percentile is at least as low.
fn latency(at: &mut At<'_>, old: &[Latency], new: &[Latency]) {
    if old == new {
        return;
    }
    // Nobody means so many; to weigh each against each other would take the square of their number.
    if old.len() + new.len() > MAX_LATENCIES {
        let ruling = Ruling::major(format!("these are more than {MAX_LATENCIES} bounds, too many to weigh"));
        return at.add("bounds", Some(old.len().to_string()), Some(new.len().to_string()), ruling);
    }
    let kept = |wanted: &Latency, by: &[Latency]| {
        let at_least = |l: &&Latency| l.percentile >= wanted.percentile;
        by.iter().filter(at_least).any(|l| matches!(spans(&wanted.below.0, &l.below.0), Spans::Shorter | Spans::Same))
    };
    for bound in old {
        match new.iter().find(|l| l.percentile == bound.percentile) {
            Some(same) => at.value(&name(bound), &bound.below, &same.below, || match kept(bound, new) {
                true => Ruling::minor("answers are faster"),
                false => Ruling::major("answers may take longer"),
            }),
            None => at.add(
                &name(bound),
                Some(bound.below.to_string()),
                None,
                match kept(bound, new) {
                    true => Ruling::minor("a stricter bound holds instead"),
                    false => Ruling::major("answers may take longer"),
                },
            ),
        }
    }
    for bound in new.iter().filter(|l| !old.iter().any(|o| o.percentile == l.percentile)) {
        let ruling = Ruling::minor("a further bound on the time of an answer");
        at.add(&name(bound), None, Some(bound.below.to_string()), ruling);
    }
}

/// `p99_9` for hundredths of a percent.
fn name(Latency { percentile, below: _ }: &Latency) -> String {
    let (whole, part) = (percentile / 100, percentile % 100);
    match part {
        0 => format!("p{whole}"),
        part if part % 10 == 0 => format!("p{whole}_{}", part / 10),
        part => format!("p{whole}_{part:02}"),
    }
}
