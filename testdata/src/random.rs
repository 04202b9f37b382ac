//! Numbers that look random and are the same on every machine (SplitMix64).
//!
//! Start reading at [`Random`].

/// A stream of numbers that its seed decides.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The stream of one subject: equal words and numbers give equal streams.
    pub(crate) fn of(subject: &str, number: u64) -> Self {
        let hash =
            subject.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        Self(hash ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A whole number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A whole number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low.wrapping_add_unsigned(self.below(high.abs_diff(low) + 1))
    }

    /// One of `choices`, which is not empty.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        let at = usize::try_from(self.below(choices.len() as u64)).unwrap_or(0);
        choices[at]
    }

    /// True `percent` times in a hundred.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A fraction from 0 to 1, in thousandths, so that every machine prints it alike.
    pub(crate) fn thousandths(&mut self) -> f64 {
        f64::from(u32::try_from(self.below(1001)).unwrap_or(0)) / 1000.0
    }

    /// The text of a UUID of version 4.
    pub(crate) fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        let (x, y, z) = (a >> 32, (a >> 16) & 0xffff, a & 0x0fff);
        format!("{x:08x}-{y:04x}-4{z:03x}-{:04x}-{:012x}", 0x8000 | ((b >> 48) & 0x3fff), b & 0xffff_ffff_ffff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides_everything() {
        let (mut a, mut b, mut c) = (Random::of("x", 1), Random::of("x", 1), Random::of("x", 2));
        let stream: Vec<u64> = (0..8).map(|_| a.next()).collect();
        assert_eq!(stream, (0..8).map(|_| b.next()).collect::<Vec<_>>());
        assert_ne!(stream, (0..8).map(|_| c.next()).collect::<Vec<_>>());
    }

    #[test]
    fn uuids_are_of_version_4() {
        let uuid = Random::of("uuid", 7).uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
        assert!(["8", "9", "a", "b"].contains(&&uuid[19..20]), "{uuid}");
    }

    #[test]
    fn between_includes_both_ends() {
        let mut random = Random::of("ends", 0);
        let seen: std::collections::BTreeSet<i64> = (0..200).map(|_| random.between(-1, 1)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [-1, 0, 1]);
    }
}
