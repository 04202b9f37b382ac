//! Cuts what a scan will read into partitions of about equal work.
//!
//! Start reading at [`partitions`].

/// Row groups of one file that a scan will read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Share {
    /// Index of the file.
    pub(crate) file: usize,
    /// Indexes of its row groups, ascending.
    pub(crate) groups: Vec<usize>,
}

/// Cuts into at most `target` partitions; order is kept and none is empty.
///
/// - `weights`: bytes of each row group to read, in order: file, row group, bytes.
/// - `may_split`: whether the row groups of one file may go to several partitions.
///
/// Cost: one pass.
pub(crate) fn partitions(weights: &[(usize, usize, u64)], target: usize, may_split: bool) -> Vec<Vec<Share>> {
    let units = if may_split { weights.iter().map(|w| vec![*w]).collect() } else { by_file(weights) };
    let weigh = |unit: &[(usize, usize, u64)]| unit.iter().map(|(_, _, bytes)| u128::from(*bytes).max(1)).sum::<u128>();
    let total: u128 = units.iter().map(|unit| weigh(unit)).sum();
    let target = target.max(1);
    let mut parts: Vec<Vec<Share>> = vec![Vec::new(); target];
    let mut passed: u128 = 0;
    for unit in &units {
        let weight = weigh(unit);
        let middle = passed + weight / 2;
        let part = usize::try_from(middle * target as u128 / total.max(1)).unwrap_or(0).min(target - 1);
        for (file, group, _) in unit {
            add(&mut parts[part], *file, *group);
        }
        passed += weight;
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn by_file(weights: &[(usize, usize, u64)]) -> Vec<Vec<(usize, usize, u64)>> {
    weights.chunk_by(|a, b| a.0 == b.0).map(<[_]>::to_vec).collect()
}

fn add(part: &mut Vec<Share>, file: usize, group: usize) {
    match part.last_mut() {
        Some(share) if share.file == file => share.groups.push(group),
        _ => part.push(Share { file, groups: vec![group] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(parts: &[Vec<Share>]) -> Vec<Vec<(usize, Vec<usize>)>> {
        parts.iter().map(|part| part.iter().map(|s| (s.file, s.groups.clone())).collect()).collect()
    }

    #[test]
    fn equal_work_for_each() {
        let weights: Vec<_> = (0..4).map(|group| (0, group, 10)).chain([(1, 0, 40)]).collect();
        let expected = [vec![(0, vec![0, 1, 2, 3])], vec![(1, vec![0])]];
        assert_eq!(shares(&partitions(&weights, 2, true)), expected);
        let expected = [vec![(0, vec![0, 1])], vec![(0, vec![2, 3])], vec![(1, vec![0])]];
        assert_eq!(shares(&partitions(&weights, 4, true)), expected);
    }

    #[test]
    fn files_stay_whole_when_they_must() {
        let weights: Vec<_> = (0..4).map(|group| (0, group, 10)).chain([(1, 0, 40)]).collect();
        let expected = [vec![(0, vec![0, 1, 2, 3])], vec![(1, vec![0])]];
        assert_eq!(shares(&partitions(&weights, 8, false)), expected);
    }

    #[test]
    fn every_row_group_goes_to_exactly_one() {
        for target in 1..9 {
            let weights: Vec<_> = (0..5).flat_map(|f| (0..3).map(move |g| (f, g, ((f * 7 + g) % 4) as u64))).collect();
            let mut seen: Vec<_> = partitions(&weights, target, true)
                .into_iter()
                .flatten()
                .flat_map(|share| share.groups.into_iter().map(move |group| (share.file, group)))
                .collect();
            seen.sort_unstable();
            assert_eq!(seen, weights.iter().map(|(f, g, _)| (*f, *g)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn nothing_gives_nothing() {
        assert!(partitions(&[], 4, true).is_empty());
    }
}
