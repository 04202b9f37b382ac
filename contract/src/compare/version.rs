//! Which version a change needs, and whether a version is enough. Pure arithmetic.

use semver::{BuildMetadata, Prerelease, Version};

use super::{Class, Verdict};

/// The smallest version after `old` that a change of this class may be published under.
pub(super) fn needed(old: &Version, class: Option<Class>) -> Version {
    let Some(class) = class else { return old.clone() };
    // A pre-release promises nothing yet: it may become the version that it leads to, whatever changes on the way.
    if !old.pre.is_empty() && leads_to(old) >= class {
        return released(old);
    }
    let (major, minor, patch) = (old.major, old.minor, old.patch);
    match class {
        Class::Major if major > 0 => Version::new(major.saturating_add(1), 0, 0),
        Class::Major => Version::new(0, minor.saturating_add(1), 0),
        Class::Minor if major > 0 => Version::new(major, minor.saturating_add(1), 0),
        Class::Minor | Class::Patch => Version::new(major, minor, patch.saturating_add(1)),
    }
}

/// Whether `new` is enough for a change of this class after `old`.
pub(super) fn verdict(old: &Version, new: &Version, class: Option<Class>) -> Verdict {
    let needed = needed(old, class);
    match class {
        None if new == old => Verdict::Unchanged,
        None if new > old => Verdict::Enough,
        _ if new <= old => Verdict::NotNewer { needed },
        _ if released(new) >= released(&needed) => Verdict::Enough,
        _ => Verdict::TooSmall { needed },
    }
}

/// The version without what marks a pre-release or a build.
fn released(version: &Version) -> Version {
    Version { pre: Prerelease::EMPTY, build: BuildMetadata::EMPTY, ..version.clone() }
}

/// Which class of change the release after a pre-release may hold: 2.0.0 everything, 1.2.0 additions, 1.2.3 words.
fn leads_to(version: &Version) -> Class {
    match (version.major, version.minor, version.patch) {
        (_, 0, 0) | (0, _, 0) => Class::Major,
        (0, _, _) | (_, _, 0) => Class::Minor,
        _ => Class::Patch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn the_version_that_a_change_needs() {
        let cases = [
            ("1.2.3", "2.0.0", "1.3.0", "1.2.4"),
            ("0.2.3", "0.3.0", "0.2.4", "0.2.4"),
            ("0.0.3", "0.1.0", "0.0.4", "0.0.4"),
            ("2.0.0-rc.1", "2.0.0", "2.0.0", "2.0.0"),
            ("1.2.0-rc.1", "2.0.0", "1.2.0", "1.2.0"),
            ("1.2.3-rc.1", "2.0.0", "1.3.0", "1.2.3"),
            ("0.2.0-rc.1", "0.2.0", "0.2.0", "0.2.0"),
            ("0.2.3-rc.1", "0.3.0", "0.2.3", "0.2.3"),
            ("1.2.3+build.5", "2.0.0", "1.3.0", "1.2.4"),
        ];
        for (old, major, minor, patch) in cases {
            assert_eq!(needed(&v(old), Some(Class::Major)), v(major), "{old} MAJOR");
            assert_eq!(needed(&v(old), Some(Class::Minor)), v(minor), "{old} MINOR");
            assert_eq!(needed(&v(old), Some(Class::Patch)), v(patch), "{old} PATCH");
            assert_eq!(needed(&v(old), None), v(old), "{old} unchanged");
        }
    }

    #[test]
    fn whether_a_version_is_enough() {
        let cases = [
            ("1.2.3", "2.0.0", Some(Class::Major), "enough"),
            ("1.2.3", "2.0.0-rc.1", Some(Class::Major), "enough"),
            ("1.2.3", "1.3.0", Some(Class::Major), "too small: 2.0.0"),
            ("1.2.3", "1.3.0", Some(Class::Minor), "enough"),
            ("1.2.3", "1.2.4", Some(Class::Minor), "too small: 1.3.0"),
            ("1.2.3", "1.2.4", Some(Class::Patch), "enough"),
            ("1.2.3", "1.2.3", Some(Class::Patch), "not newer: 1.2.4"),
            ("1.2.3", "1.1.0", Some(Class::Patch), "not newer: 1.2.4"),
            ("1.2.3", "1.2.3", None, "unchanged"),
            ("1.2.3", "1.2.4", None, "enough"),
            ("1.2.3", "1.2.2", None, "not newer: 1.2.3"),
            ("2.0.0-rc.1", "2.0.0-rc.2", Some(Class::Major), "enough"),
            ("2.0.0-rc.2", "2.0.0-rc.1", Some(Class::Patch), "not newer: 2.0.0"),
            ("0.2.3", "0.3.0", Some(Class::Major), "enough"),
            ("0.2.3", "0.2.4", Some(Class::Major), "too small: 0.3.0"),
        ];
        for (old, new, class, expected) in cases {
            let got = match verdict(&v(old), &v(new), class) {
                Verdict::Unchanged => "unchanged".to_owned(),
                Verdict::Enough => "enough".to_owned(),
                Verdict::TooSmall { needed } => format!("too small: {needed}"),
                Verdict::NotNewer { needed } => format!("not newer: {needed}"),
            };
            assert_eq!(got, expected, "{old} -> {new} {class:?}");
        }
    }
}
