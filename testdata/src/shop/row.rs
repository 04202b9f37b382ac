//! What happened in the shop: orders and customers as plain values, from which every table is made.
//!
//! Holds always: an order or a customer is decided by its number alone, so tables written apart agree.
//!
//! Start reading at [`Order::number`].

use super::Size;
use crate::random::Random;

/// Microseconds of one day.
pub(super) const DAY_US: i64 = 86_400_000_000;
/// The first day of the shop, as microseconds since 1970: 2026-10-01T00:00:00Z.
pub(super) const FIRST_DAY_US: i64 = 1_790_812_800_000_000;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Created,
    Paid,
    Shipped,
    Cancelled,
}

impl Status {
    /// Its word in the data.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Paid => "paid",
            Self::Shipped => "shipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// What an order has gone through to stand here.
    pub(super) fn history(self) -> &'static [Self] {
        match self {
            Self::Created => &[Self::Created],
            Self::Paid => &[Self::Created, Self::Paid],
            Self::Shipped => &[Self::Created, Self::Paid, Self::Shipped],
            Self::Cancelled => &[Self::Created, Self::Cancelled],
        }
    }
}

/// One order.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) customer: u64,
    pub(super) placed_us: i64,
    pub(super) status: Status,
    pub(super) cents: i64,
    pub(super) lines: i32,
    pub(super) note: Option<&'static str>,
    /// For what the tables add to it.
    pub(super) random: Random,
}

const NOTES: [&str; 6] = [
    "Bitte beim Nachbarn abgeben — Türöffner defekt.",
    "Merci de sonner deux fois !",
    "お届けは午後にお願いします。",
    "Пожалуйста, без звонка.",
    "gift 🎁, no invoice inside",
    "it's the \"blue\" door; 50% off was promised\nsecond line",
];

impl Order {
    /// The order with this number, of `size.orders` that are spread evenly over the days.
    ///
    /// The first order of every day but the first came in just before midnight and was filed a day late:
    /// it lies in a folder whose name does not fit its timestamp.
    pub(super) fn number(number: u64, size: Size) -> Self {
        let mut random = Random::of("order", number);
        let days = u64::from(size.files_per_table.max(1));
        let day = day_of(number, size.orders, days);
        let is_late = day > 0 && (number == 0 || day_of(number - 1, size.orders, days) != day);
        let millis = if is_late { -2_000 } else { random.between(0, 86_399_999) };
        let status =
            [Status::Created, Status::Paid, Status::Shipped, Status::Shipped, Status::Shipped, Status::Cancelled];
        let status = status[usize::try_from(random.below(6)).unwrap_or(0)];
        Self {
            id: random.uuid(),
            customer: random.below(size.customers()),
            placed_us: FIRST_DAY_US + i64::try_from(day).unwrap_or(0) * DAY_US + millis * 1_000,
            status,
            cents: random.between(199, 250_000),
            lines: i32::try_from(random.between(1, 4)).unwrap_or(1),
            note: random.chance(20).then(|| random.pick(&NOTES)),
            random,
        }
    }
}

/// The day, from 0, in whose folder an order lies: the file it belongs to, see [`Size::cut`].
fn day_of(number: u64, orders: u64, days: u64) -> u64 {
    ((number + 1) * days).div_ceil(orders.max(1)).saturating_sub(1).min(days - 1)
}

/// The key of a customer in every table.
pub(super) fn customer_id(number: u64) -> String {
    format!("C{number:07}")
}

/// The key of an article.
pub(super) fn sku(number: u64) -> String {
    format!("SKU-{number:04}")
}

/// Articles of the shop.
pub(super) const ARTICLES: u64 = 500;

/// Countries and a town of each; not every country has postcodes.
pub(super) const PLACES: [(&str, &str, Option<&str>); 8] = [
    ("DE", "Köln", Some("50667")),
    ("FR", "Besançon", Some("25000")),
    ("JP", "札幌市", Some("060-0001")),
    ("PL", "Łódź", Some("90-001")),
    ("IE", "Baile Átha Cliath", None),
    ("BR", "São Paulo", Some("01000-000")),
    ("AE", "دبي", None),
    ("US", "Springfield", Some("62701")),
];

/// The place that belongs to a customer.
pub(super) fn place_of(customer: u64) -> (&'static str, &'static str, Option<&'static str>) {
    let at = Random::of("place", customer).below(PLACES.len() as u64);
    PLACES[usize::try_from(at).unwrap_or(0)]
}

/// Text that looks like prose, of about `words` words: what makes `SELECT *` dear.
pub(super) fn prose(random: &mut Random, words: usize) -> String {
    const WORDS: [&str; 16] = [
        "quiet", "river", "früh", "market", "lantern", "seldom", "été", "parcel", "north", "window", "straße",
        "copper", "garden", "niño", "harbour", "evening",
    ];
    let text: Vec<String> = (0..words).map(|_| format!("{}{}", random.pick(&WORDS), random.below(1000))).collect();
    text.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_of_an_order_is_the_file_it_is_cut_into() {
        for (orders, files) in [(4_000, 4), (1_001, 16), (7, 3), (5, 8)] {
            let size = Size { orders, files_per_table: files };
            for (file, range) in size.cut(orders).into_iter().enumerate() {
                for number in range {
                    assert_eq!(
                        day_of(number, orders, u64::from(files)),
                        file as u64,
                        "order {number} of {orders} in {files}"
                    );
                }
            }
        }
    }

    #[test]
    fn one_order_of_every_later_day_is_late() {
        let size = Size { orders: 400, files_per_table: 4 };
        let late = |range: std::ops::Range<u64>, day: i64| {
            range.filter(|&n| Order::number(n, size).placed_us < FIRST_DAY_US + day * DAY_US).count()
        };
        let counts: Vec<usize> = (0_i64..).zip(size.cut(400)).map(|(day, range)| late(range, day)).collect();
        assert_eq!(counts, [0, 1, 1, 1]);
    }
}
