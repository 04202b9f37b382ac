//! Finds what became of each named thing: tables, columns, members of a struct.
//!
//! Start reading at [`pairs`].

use std::collections::HashMap;

use crate::name::fold;

/// What became of the old things, and which of the new ones were not there.
pub(super) struct Pairs {
    /// For each old thing the new one it became, by index.
    pub(super) became: Vec<Option<usize>>,
    /// The new things that no old one became, in order.
    pub(super) added: Vec<usize>,
}

/// Pairs things by name: spelled alike, else alike under folding.
pub(super) fn pairs(old: &[&str], new: &[&str]) -> Pairs {
    let mut exact: HashMap<&str, usize> = HashMap::new();
    let mut folded: HashMap<String, Vec<usize>> = HashMap::new();
    for (i, name) in new.iter().enumerate() {
        exact.entry(name).or_insert(i);
        folded.entry(fold(name)).or_default().push(i);
    }
    let mut taken = vec![false; new.len()];
    let mut became: Vec<Option<usize>> = Vec::with_capacity(old.len());
    for name in old {
        let found = exact.get(name).copied().filter(|i| !taken[*i]);
        found.into_iter().for_each(|i| taken[i] = true);
        became.push(found);
    }
    for (slot, name) in became.iter_mut().zip(old).filter(|(slot, _)| slot.is_none()) {
        let candidates = folded.get(&fold(name)).map_or(&[][..], Vec::as_slice);
        *slot = candidates.iter().copied().find(|i| !taken[*i]);
        slot.iter().for_each(|i| taken[*i] = true);
    }
    let added = (0..new.len()).filter(|i| !taken[*i]).collect();
    Pairs { became, added }
}

impl Pairs {
    /// Pairs an old thing that is gone with a new one that was not there.
    pub(super) fn join(&mut self, old: usize, new: usize) {
        self.became[old] = Some(new);
        self.added.retain(|i| *i != new);
    }

    /// Whether the things that stayed follow each other as before.
    pub(super) fn in_order(&self) -> bool {
        let stayed: Vec<usize> = self.became.iter().flatten().copied().collect();
        stayed.is_sorted()
    }
}
