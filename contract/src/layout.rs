//! Hidden partitions: which stretch of time a folder stands for.
//!
//! In: a table's storage, and the folders of a file. Out: for each partitioned column the stretch, in UTC.
//! Pure. Holds always: folders that do not fit the layout say nothing; a stretch is never narrower than the granularity.
//!
//! Start reading at [`hidden`].

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::model::{Partitioning, StorageSpec};

/// How much time one folder holds, from the longest to the shortest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Granularity {
    /// A calendar year.
    Year,
    /// A calendar month.
    Month,
    /// A calendar day.
    Day,
    /// An hour.
    Hour,
}

impl Granularity {
    /// The granularity that a contract's word means.
    pub fn of(word: &str) -> Option<Self> {
        Some(match word {
            "year" => Self::Year,
            "month" => Self::Month,
            "day" => Self::Day,
            "hour" => Self::Hour,
            _ => return None,
        })
    }

    /// The word of a contract.
    pub fn word(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Hour => "hour",
        }
    }

    /// The layout of a contract that names none.
    fn layout(self) -> &'static str {
        match self {
            Self::Year => "{year}/",
            Self::Month => "{year}/{month}/",
            Self::Day => "{year}/{month}/{day}/",
            Self::Hour => "{year}/{month}/{day}/{hour}/",
        }
    }
}

/// A stretch of time, seconds since 1970 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stretch {
    /// Its first second.
    pub from: i64,
    /// The first second after it.
    pub until: i64,
}

/// A partition that the layout of folders hides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// The column, as the contract spells it.
    pub field: String,
    /// How much time one folder holds at least.
    pub granularity: Granularity,
    segments: Vec<Vec<Piece>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Year,
    Month,
    Day,
    Hour,
    Date,
    Value,
    Field,
    Granularity,
}

const SLOTS: [(&str, Slot); 8] = [
    ("year", Slot::Year),
    ("month", Slot::Month),
    ("day", Slot::Day),
    ("hour", Slot::Hour),
    ("date", Slot::Date),
    ("value", Slot::Value),
    ("field", Slot::Field),
    ("granularity", Slot::Granularity),
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Slot(Slot),
}

/// What is wrong with a layout, in words; none when it can be read.
pub fn fault(layout: &str) -> Option<String> {
    segments(layout).err()
}

/// The hidden partitions of a table: one for each partitioned column that has a granularity.
///
/// A layout without `{field}` belongs to the first of them.
pub fn hidden(storage: &StorageSpec) -> Vec<Hidden> {
    let granular = |p: &Partitioning| Some((p.field.clone(), Granularity::of(p.granularity.as_deref()?)?));
    let all: Vec<(String, Granularity)> = storage.partitioning.iter().filter_map(granular).collect();
    let Some((_, first)) = all.first() else { return Vec::new() };
    let Ok(segments) = segments(storage.layout.as_deref().unwrap_or_else(|| first.layout())) else {
        return Vec::new();
    };
    let is_shared = segments.iter().flatten().any(|piece| *piece == Piece::Slot(Slot::Field));
    let count = if is_shared { all.len() } else { 1 };
    let one = |(field, granularity): (String, Granularity)| {
        let segments = segments.iter().map(|pieces| filled(pieces, &field, granularity)).collect();
        Hidden { field, granularity, segments }
    };
    all.into_iter().take(count).map(one).collect()
}

/// Parts a layout into segments and checks that it tells a time.
fn segments(layout: &str) -> Result<Vec<Vec<Piece>>, String> {
    let segments: Vec<Vec<Piece>> =
        layout.split('/').filter(|s| !s.is_empty()).map(pieces).collect::<Result<_, _>>()?;
    let slots: Vec<Slot> = segments
        .iter()
        .flatten()
        .filter_map(|piece| match piece {
            Piece::Slot(slot) => Some(*slot),
            Piece::Text(_) => None,
        })
        .collect();
    let has = |slot: Slot| slots.contains(&slot);
    for (word, slot) in SLOTS.iter().take(6) {
        if slots.iter().filter(|s| *s == slot).count() > 1 {
            return Err(format!("has {{{word}}} twice"));
        }
    }
    let parts = [Slot::Year, Slot::Month, Slot::Day].map(has);
    let day = usize::from(has(Slot::Date)) + usize::from(has(Slot::Value)) + usize::from(parts.contains(&true));
    match day {
        0 => Err("tells no time; it needs {year}, {date} or {value}".to_owned()),
        1 if matches!(parts, [false, true, _] | [_, false, true]) => {
            Err("has {month} without {year}, or {day} without {month}".to_owned())
        }
        1 if has(Slot::Hour) && !has(Slot::Date) && !has(Slot::Day) => Err("has {hour} without a day".to_owned()),
        1 => Ok(segments),
        _ => Err("tells the day in more than one way".to_owned()),
    }
}

fn pieces(segment: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = segment;
    while let Some((before, after)) = rest.split_once('{') {
        let (word, after) = after.split_once('}').ok_or_else(|| "has a `{` that nothing closes".to_owned())?;
        let slot = SLOTS.iter().find(|(known, _)| *known == word).map(|(_, slot)| *slot);
        let slot = slot.ok_or_else(|| format!("has the unknown slot `{{{word}}}`"))?;
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(Piece::Slot(slot));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

/// The pieces of one column: its name filled in, and neighbouring texts made one.
fn filled(pieces: &[Piece], field: &str, granularity: Granularity) -> Vec<Piece> {
    let mut filled: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let piece = match piece {
            Piece::Slot(Slot::Field) => Piece::Text(field.to_owned()),
            Piece::Slot(Slot::Granularity) => Piece::Text(granularity.word().to_owned()),
            other => other.clone(),
        };
        match (filled.last_mut(), piece) {
            (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(&text),
            (_, piece) => filled.push(piece),
        }
    }
    filled
}

/// What folders have told so far.
#[derive(Debug, Default, Clone, Copy)]
struct Told {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    hour: Option<i8>,
}

impl Hidden {
    /// The stretch of time that a file's folders stand for; none when they do not fit the layout.
    ///
    /// - `folders`: names from the outermost on. Folders of other partitions (`region=north`) may stand among those of the layout.
    pub fn stretch(&self, folders: &[&str]) -> Option<Stretch> {
        let mut told = Told::default();
        let mut left = folders.iter();
        for segment in &self.segments {
            loop {
                let folder = left.next()?;
                if let Some(more) = read(segment, folder, self.granularity, told) {
                    told = more;
                    break;
                }
                if !folder.contains('=') {
                    return None;
                }
            }
        }
        told.stretch(self.granularity)
    }

    /// Names of folders of the form `name=…` that belong to the layout, and not to partitions that SQL sees.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment.first() {
            Some(Piece::Text(text)) => text.split_once('=').map(|(key, _)| key),
            _ => None,
        })
    }
}

fn read(segment: &[Piece], folder: &str, granularity: Granularity, mut told: Told) -> Option<Told> {
    let mut rest = folder;
    for piece in segment {
        rest = match piece {
            Piece::Text(text) => rest.strip_prefix(text.as_str())?,
            Piece::Slot(slot) => slot.read(rest, granularity, &mut told)?,
        };
    }
    rest.is_empty().then_some(told)
}

impl Slot {
    /// Reads its value from the start of `text`, and gives the rest.
    fn read<'t>(self, text: &'t str, granularity: Granularity, told: &mut Told) -> Option<&'t str> {
        let two = |text: &'t str| -> Option<(i8, &'t str)> {
            let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
            let value = text.get(..digits)?.parse().ok()?;
            Some((value, &text[digits..]))
        };
        let dash = |text: &'t str| text.strip_prefix('-').unwrap_or(text);
        match self {
            Self::Year => {
                let digits = text.get(..4).filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?;
                told.year = Some(digits.parse().ok()?);
                Some(&text[4..])
            }
            Self::Month | Self::Day | Self::Hour => {
                let (value, rest) = two(text)?;
                match self {
                    Self::Month => told.month = Some(value),
                    Self::Day => told.day = Some(value),
                    _ => told.hour = Some(value),
                }
                Some(rest)
            }
            Self::Date => {
                let rest = Self::Year.read(text, granularity, told)?;
                let rest = Self::Month.read(dash(rest), granularity, told)?;
                Self::Day.read(dash(rest), granularity, told)
            }
            Self::Value => {
                let rest = Self::Year.read(text, granularity, told)?;
                if granularity == Granularity::Year {
                    return Some(rest);
                }
                let rest = Self::Month.read(dash(rest), granularity, told)?;
                if granularity == Granularity::Month {
                    return Some(rest);
                }
                let rest = Self::Day.read(dash(rest), granularity, told)?;
                if granularity == Granularity::Day {
                    return Some(rest);
                }
                Self::Hour.read(rest.strip_prefix(['-', 'T'])?, granularity, told)
            }
            Self::Field | Self::Granularity => None,
        }
    }
}

impl Told {
    /// The stretch of the coarser of what was told and the granularity.
    fn stretch(self, granularity: Granularity) -> Option<Stretch> {
        let told = match (self.month, self.day, self.hour) {
            (None, ..) => Granularity::Year,
            (_, None, _) => Granularity::Month,
            (.., None) => Granularity::Day,
            _ => Granularity::Hour,
        };
        let coarse = told.min(granularity);
        let or_first = |value: Option<i8>, at: Granularity, first: i8| {
            if coarse >= at { value.unwrap_or(first) } else { first }
        };
        // What was told must be a time, also where the stretch is longer.
        let date = Date::new(self.year?, self.month.unwrap_or(1), self.day.unwrap_or(1)).ok()?;
        date.at(0, 0, 0, 0).with().hour(self.hour.unwrap_or(0)).build().ok()?;
        let from =
            Date::new(self.year?, or_first(self.month, Granularity::Month, 1), or_first(self.day, Granularity::Day, 1))
                .ok()?
                .at(0, 0, 0, 0)
                .with()
                .hour(or_first(self.hour, Granularity::Hour, 0))
                .build()
                .ok()?;
        let length = match coarse {
            Granularity::Year => 1.year(),
            Granularity::Month => 1.month(),
            Granularity::Day => 1.day(),
            Granularity::Hour => 1.hour(),
        };
        Some(Stretch { from: seconds(from)?, until: seconds(from.checked_add(length).ok()?)? })
    }
}

fn seconds(at: DateTime) -> Option<i64> {
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;
    /// 2024-01-05T00:00:00Z.
    const FIFTH: i64 = 1_704_412_800;

    fn storage(partitioning: &[(&str, Option<&str>)], layout: Option<&str>) -> StorageSpec {
        let one = |(field, granularity): &(&str, Option<&str>)| Partitioning {
            field: (*field).to_owned(),
            granularity: granularity.map(str::to_owned),
        };
        StorageSpec {
            partitioning: partitioning.iter().map(one).collect(),
            layout: layout.map(str::to_owned),
            ..StorageSpec::new("parquet")
        }
    }

    fn check(granularity: &str, layout: Option<&str>, folders: &str, expected: Option<(i64, i64)>) {
        let all = hidden(&storage(&[("ts", Some(granularity))], layout));
        let folders: Vec<&str> = folders.split('/').collect();
        let found = all[0].stretch(&folders).map(|s| (s.from, s.until));
        assert_eq!(found, expected, "{layout:?} by {granularity}: {folders:?}");
    }

    #[test]
    fn folders_tell_their_stretch() {
        let day = Some((FIFTH, FIFTH + DAY));
        check("day", None, "2024/01/05", day);
        check("day", None, "2024/1/5", day);
        check("day", Some("dt={date}/"), "dt=2024-01-05", day);
        check("day", Some("dt={date}/"), "dt=20240105", day);
        check("day", Some("{field}_{granularity}={value}/"), "ts_day=2024-01-05", day);
        check("day", Some("year={year}/month={month}/day={day}"), "year=2024/month=01/day=05", day);
        check("hour", None, "2024/01/05/13", Some((FIFTH + 13 * 3600, FIFTH + 14 * 3600)));
        check("hour", Some("h={value}"), "h=2024-01-05-13", Some((FIFTH + 13 * 3600, FIFTH + 14 * 3600)));
        check("month", None, "2024/02", Some((1_706_745_600, 1_706_745_600 + 29 * DAY)));
        check("year", None, "2023", Some((1_672_531_200, 1_672_531_200 + 365 * DAY)));
    }

    #[test]
    fn a_stretch_is_never_narrower_than_the_granularity() {
        check("month", Some("dt={date}/"), "dt=2024-02-11", Some((1_706_745_600, 1_706_745_600 + 29 * DAY)));
        check("day", Some("{year}/"), "2023", Some((1_672_531_200, 1_672_531_200 + 365 * DAY)));
    }

    #[test]
    fn other_partitions_may_stand_between() {
        check("day", None, "region=n/2024/01/05/run=7", Some((FIFTH, FIFTH + DAY)));
    }

    #[test]
    fn what_does_not_fit_says_nothing() {
        for folders in ["", "2024/13/05", "2024/02/30", "late", "2024/01", "x/2024/01/05", "2024/01/05x", "24/01/05"] {
            check("day", None, folders, None);
        }
        check("hour", None, "2024/01/05/24", None);
        check("month", Some("dt={date}/"), "dt=2024-02-30", None);
    }

    #[test]
    fn a_layout_must_tell_a_time() {
        let cases = [
            ("dt={date}/", true),
            ("{field}_{granularity}={value}/", true),
            ("{date}/{hour}", true),
            ("{month}/", false),
            ("{year}/{day}", false),
            ("{year}/{month}/{hour}", false),
            ("region/", false),
            ("{year}/{date}", false),
            ("{year}/{year}", false),
            ("{week}/", false),
            ("{year", false),
        ];
        for (layout, is_good) in cases {
            assert_eq!(fault(layout).is_none(), is_good, "{layout}: {:?}", fault(layout));
        }
    }

    #[test]
    fn a_layout_with_a_field_serves_every_column() {
        let both = [("a", Some("day")), ("region", None), ("b", Some("month"))];
        let fields = |layout| hidden(&storage(&both, layout)).into_iter().map(|h| h.field).collect::<Vec<_>>();
        assert_eq!(fields(Some("{field}={value}")), ["a", "b"]);
        assert_eq!(fields(None), ["a"]);
        let all = hidden(&storage(&both, Some("{field}={value}")));
        let folders = ["a=2024-01-05", "region=x", "b=2024-02"];
        assert_eq!(all[0].stretch(&folders), Some(Stretch { from: FIFTH, until: FIFTH + DAY }));
        assert!(all[1].stretch(&folders).is_some());
        assert_eq!(all[1].keys().collect::<Vec<_>>(), ["b"]);
    }
}
