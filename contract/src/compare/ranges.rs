//! Bounds of a column's values and lengths.
//!
//! Holds always: what counts is the bound that holds in the end. `min: 0` that becomes `above: 0` is one narrower bound, not one
//! that is gone and one that is new.
//!
//! Start reading at [`range`].

use std::cmp::Ordering;

use serde_json::Value;

use super::custom::told;
use super::note::{At, Ruling, Shift, Sides};
use super::scales::bounds;
use crate::model::Range;

/// A bound, and whether it is itself ruled out.
type Bound<'v> = Option<(&'v Value, bool)>;

/// Compares ranges.
pub(super) fn range(at: &mut At<'_>, old: &Range, new: &Range, sides: Sides) {
    let Range { min, above, max, below, min_length, max_length } = old;
    let lower = end_rule(lower(old), lower(new), Ordering::Greater, sides);
    let upper = end_rule(upper(old), upper(new), Ordering::Less, sides);
    let ends = [
        ("min", min, &new.min, &lower),
        ("above", above, &new.above, &lower),
        ("max", max, &new.max, &upper),
        ("below", below, &new.below, &upper),
    ];
    for (name, old, new, ruling) in ends {
        let (old, new) = (old.as_ref().map(told), new.as_ref().map(told));
        at.option(name, old.as_ref(), new.as_ref(), |_, _| ruling.clone());
    }
    at.option("min_length", min_length.as_ref(), new.min_length.as_ref(), |old, new| {
        let longer = new.copied().unwrap_or_default() > old.copied().unwrap_or_default();
        let shift = if longer { Shift::Tighter } else { Shift::Looser };
        let why = if longer { "the shortest text is longer" } else { "texts may be shorter than before" };
        sides.rule(shift, why)
    });
    at.option("max_length", max_length.as_ref(), new.max_length.as_ref(), |old, new| {
        let longer = new.copied().unwrap_or(u64::MAX) > old.copied().unwrap_or(u64::MAX);
        let shift = if longer { Shift::Wider } else { Shift::Tighter };
        sides.rule(shift, if longer { "texts may be longer than before" } else { "the longest text is shorter" })
    });
}

fn lower(range: &Range) -> Bound<'_> {
    stricter(range.min.as_ref(), range.above.as_ref(), Ordering::Greater)
}

fn upper(range: &Range) -> Bound<'_> {
    stricter(range.max.as_ref(), range.below.as_ref(), Ordering::Less)
}

/// The bound that holds of an inclusive and an exclusive one.
fn stricter<'v>(inclusive: Option<&'v Value>, exclusive: Option<&'v Value>, inward: Ordering) -> Bound<'v> {
    match (inclusive, exclusive) {
        (Some(inclusive), Some(exclusive)) if bounds(inclusive, exclusive) == Some(inward) => Some((inclusive, false)),
        (_, Some(exclusive)) => Some((exclusive, true)),
        (inclusive, None) => inclusive.map(|value| (value, false)),
    }
}

fn end_rule(old: Bound<'_>, new: Bound<'_>, inward: Ordering, sides: Sides) -> Ruling {
    match shift(old, new, inward) {
        None => Ruling::patch("another bound holds already"),
        Some(shift) => sides.rule(shift, why(shift)),
    }
}

/// What a new bound does to an old one; none when the same holds.
pub(super) fn shift(old: Bound<'_>, new: Bound<'_>, inward: Ordering) -> Option<Shift> {
    match (old, new) {
        (None, None) => None,
        (None, Some(_)) => Some(Shift::Tighter),
        (Some(_), None) => Some(Shift::Looser),
        (Some((old, out)), Some((new, now_out))) => match (bounds(new, old), out, now_out) {
            (Some(Ordering::Equal), a, b) if a == b => None,
            (Some(Ordering::Equal), _, now_out) => Some(if now_out { Shift::Tighter } else { Shift::Looser }),
            (Some(order), _, _) if order == inward => Some(Shift::Tighter),
            (Some(_), _, _) => Some(Shift::Looser),
            (None, _, _) => Some(Shift::Other),
        },
    }
}

fn why(shift: Shift) -> &'static str {
    match shift {
        Shift::Tighter => "values keep within narrower bounds",
        Shift::Looser | Shift::Wider => "values may lie outside the old bounds",
        Shift::Other => "the bounds cannot be put in order",
    }
}
