//! Outcomes that are applied and not flushed yet.
//!
//! A crash may take such an outcome back, and its number is then given out again.
//! Whoever had read it would miss the one that comes in its place, so until the
//! flush nobody is shown it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use profile_protocol::CompanyId;

/// The number of each company's first outcome that is not flushed. Noted before
/// it is applied and cleared after the flush, so that a reader who reads first and
/// asks then is never told too late.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    first: Mutex<HashMap<CompanyId, u64>>,
}

impl Pending {
    /// Notes an outcome that is about to be applied. A company's are numbered upwards,
    /// so only the first matters.
    pub(crate) fn note(&self, company: &CompanyId, sequence: u64) {
        let mut first = self.first();
        if !first.contains_key(company) {
            first.insert(company.clone(), sequence);
        }
    }

    /// Forgets all that was noted: it is flushed.
    pub(crate) fn clear(&self) {
        self.first().clear();
    }

    /// Whether this outcome, which was read already, could still be taken back.
    pub(crate) fn holds(&self, company: &CompanyId, sequence: u64) -> bool {
        self.first().get(company).is_some_and(|first| *first <= sequence)
    }

    // The map's own operations do not panic, so nobody left it half changed.
    fn first(&self) -> MutexGuard<'_, HashMap<CompanyId, u64>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn company(text: &str) -> CompanyId {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_noted_is_held_from_its_first_number_until_it_is_cleared() {
        let pending = Pending::default();
        pending.note(&company("A"), 3);
        pending.note(&company("A"), 4);
        pending.note(&company("B"), 1);
        let held = |text: &str, sequence| pending.holds(&company(text), sequence);
        assert!(!held("A", 2) && held("A", 3) && held("A", 9));
        assert!(held("B", 1) && !held("C", 1));
        pending.clear();
        assert!(!held("A", 3) && !held("B", 1));
    }
}
