//! What is wrong with rows: per rule, how many rows break it and which is the first.
//!
//! Start reading at [`Findings::note`].

/// Everything that was found so far, in the order in which it was found first.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

#[derive(Debug)]
struct Finding {
    rule: String,
    /// Counted from 1, in the order in which rows came.
    first_row: u64,
    rows: u64,
}

impl Findings {
    /// Whether nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes rows that break a rule.
    ///
    /// - `before`: rows that came before the batch.
    /// - `places`: those of the rows in the batch, ascending.
    pub(super) fn note(&mut self, rule: &str, before: u64, places: &[usize]) {
        let Some(first) = places.first() else { return };
        let rows = places.len() as u64;
        match self.0.iter_mut().find(|known| known.rule == rule) {
            Some(known) => known.rows += rows,
            None => self.0.push(Finding { rule: rule.to_owned(), first_row: before + *first as u64 + 1, rows }),
        }
    }

    /// One line per rule.
    pub(super) fn told(&self) -> Vec<String> {
        let line = |one: &Finding| match one.rows {
            1 => format!("{} (row {})", one.rule, one.first_row),
            rows => format!("{} ({rows} rows, the first is row {})", one.rule, one.first_row),
        };
        self.0.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_over_batches() {
        let mut findings = Findings::default();
        findings.note("a", 0, &[]);
        assert!(findings.is_empty());
        findings.note("a", 10, &[2, 3]);
        findings.note("b", 10, &[0]);
        findings.note("a", 20, &[0]);
        assert_eq!(findings.told(), ["a (3 rows, the first is row 13)", "b (row 11)"]);
    }
}
