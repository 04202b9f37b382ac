//! Who may find and who may read a product: narrower breaks, wider does not.
//!
//! Start reading at [`access`].

use super::note::{At, Ruling};
use crate::model::{Access, Visibility};

/// Compares access blocks.
pub(super) fn access(at: &mut At<'_>, old: &Access, new: &Access) {
    let Access { discovery, read, readers, row_policy_required } = old;
    visibility(at, "discovery", *discovery, new.discovery, "find");
    visibility(at, "read", *read, new.read, "read");
    at.list(
        "readers",
        readers,
        &new.readers,
        |team| match new.read {
            Visibility::Public => Ruling::patch("everybody may read, listed or not"),
            Visibility::Restricted | Visibility::Private => Ruling::major(format!("the team {team} may read no more")),
        },
        |team| match new.read {
            Visibility::Restricted => Ruling::minor(format!("the team {team} may read, too")),
            Visibility::Public | Visibility::Private => Ruling::patch("who is listed makes no difference here"),
        },
    );
    at.value("row_policy_required", row_policy_required, &new.row_policy_required, || match new.row_policy_required {
        true => Ruling::major("a reader without a row filter is refused from now on"),
        false => Ruling::minor("a reader without a row filter is refused no more"),
    });
}

fn visibility(at: &mut At<'_>, name: &str, old: Visibility, new: Visibility, verb: &str) {
    at.value(name, &word(old), &word(new), || match openness(new) > openness(old) {
        true => Ruling::minor(format!("more people may {verb} it")),
        false => Ruling::major(format!("fewer people may {verb} it")),
    });
}

fn openness(visibility: Visibility) -> u8 {
    match visibility {
        Visibility::Private => 0,
        Visibility::Restricted => 1,
        Visibility::Public => 2,
    }
}

fn word(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Public => "public",
        Visibility::Restricted => "restricted",
        Visibility::Private => "private",
    }
}

/// Whether members of `team` may read, when `owner` is the owning team.
pub(super) fn reads(access: &Access, owner: Option<&str>, team: &str) -> bool {
    let listed = || access.readers.iter().any(|reader| reader == team);
    owner == Some(team)
        || match access.read {
            Visibility::Public => true,
            Visibility::Restricted => listed(),
            Visibility::Private => false,
        }
}
