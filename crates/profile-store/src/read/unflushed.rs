//! Outcomes that are applied and not on disk yet.
//!
//! A crash may undo such an outcome, and its number is then used again. A reader that had seen the
//! first outcome would miss the second one, so no reader sees an outcome before it is on disk.

use std::sync::PoisonError;

use ahash::HashMap;
use profile_protocol::CompanyId;

use crate::sync::{Mutex, MutexGuard};

/// The number of each company's first outcome that is not on disk. Noted before it is applied and
/// cleared after it is on disk, so that a reader who reads first and asks then is never told too
/// late.
#[derive(Debug, Default)]
pub(crate) struct Unflushed {
    first: Mutex<FirstUnflushed>,
}

#[derive(Debug, Default)]
struct FirstUnflushed {
    noted: HashMap<CompanyId, u64>,
    /// Those that the sync under way covers.
    syncing: HashMap<CompanyId, u64>,
}

impl Unflushed {
    /// Notes an outcome that is about to be applied. A company's are numbered upwards, so only the
    /// first matters.
    pub(crate) fn note(&self, company: &CompanyId, sequence: u64) {
        let mut first = self.first();
        if !first.noted.contains_key(company) {
            first.noted.insert(company.clone(), sequence);
        }
    }

    /// Withdraws the note of an outcome that was not committed. Another store may commit an outcome
    /// of this number, which readers are to see.
    pub(crate) fn withdraw(&self, company: &CompanyId, sequence: u64) {
        let mut first = self.first();
        // An earlier note is about an outcome that was committed.
        if first.noted.get(company) == Some(&sequence) {
            first.noted.remove(company);
        }
    }

    /// Forgets what was noted of a company: it is on disk.
    pub(crate) fn clear(&self, company: &CompanyId) {
        self.first().noted.remove(company);
    }

    /// Forgets a company, all outcomes of which were removed.
    pub(crate) fn forget(&self, company: &CompanyId) {
        let mut first = self.first();
        first.noted.remove(company);
        first.syncing.remove(company);
    }

    /// Begins a sync of all that was noted. Returns whether there is anything to sync.
    pub(crate) fn begin_sync(&self) -> bool {
        let mut first = self.first();
        for (company, sequence) in std::mem::take(&mut first.noted) {
            first.syncing.entry(company).or_insert(sequence);
        }
        !first.syncing.is_empty()
    }

    /// Forgets what was noted before the sync began: it is on disk.
    pub(crate) fn end_sync(&self) {
        self.first().syncing.clear();
    }

    /// Whether this outcome, which was read already, could still be taken back.
    pub(crate) fn holds(&self, company: &CompanyId, sequence: u64) -> bool {
        let first = self.first();
        let holds = |noted: &HashMap<CompanyId, u64>| {
            noted.get(company).is_some_and(|first| *first <= sequence)
        };
        holds(&first.noted) || holds(&first.syncing)
    }

    // The map's own operations do not panic, so it is never half changed.
    fn first(&self) -> MutexGuard<'_, FirstUnflushed> {
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
    fn outcomes_are_held_from_the_first_noted_until_they_are_cleared() {
        let unflushed = Unflushed::default();
        unflushed.note(&company("A"), 3);
        unflushed.note(&company("A"), 4);
        unflushed.note(&company("B"), 1);
        let held = |text: &str, sequence| unflushed.holds(&company(text), sequence);
        assert!(!held("A", 2) && held("A", 3) && held("A", 9));
        assert!(held("B", 1) && !held("C", 1));
        unflushed.clear(&company("A"));
        assert!(!held("A", 3) && held("B", 1));
    }

    #[test]
    fn an_outcome_that_was_not_committed_is_withdrawn_and_earlier_ones_are_held() {
        let unflushed = Unflushed::default();
        let held = |sequence| unflushed.holds(&company("A"), sequence);
        unflushed.note(&company("A"), 3);
        unflushed.withdraw(&company("A"), 3);
        assert!(!held(3));
        unflushed.note(&company("A"), 4);
        unflushed.note(&company("A"), 5);
        unflushed.withdraw(&company("A"), 5);
        assert!(held(4) && held(5));
    }

    #[test]
    fn a_sync_clears_what_was_noted_before_it_began_and_nothing_else() {
        let unflushed = Unflushed::default();
        unflushed.note(&company("A"), 3);
        assert!(unflushed.begin_sync());
        unflushed.note(&company("A"), 5);
        let held = |sequence| unflushed.holds(&company("A"), sequence);
        assert!(held(3) && held(5));
        unflushed.end_sync();
        assert!(!held(4) && held(5));
        assert!(unflushed.begin_sync());
        unflushed.end_sync();
        assert!(!unflushed.begin_sync() && !held(5));
    }
}
