//! How many profiles companies have, as of their last counts.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use profile_protocol::CompanyId;

use crate::limits;

/// The profiles of a company at a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct ProfileCount {
    pub(super) profiles: u64,
    /// When it was counted, since the start of the process.
    pub(super) at: Duration,
    /// How long the reading took, without pauses.
    pub(super) took: Duration,
}

/// The last count of each company, and whether there is a count under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProfileCounts {
    known: Arc<Mutex<KnownCounts>>,
}

#[derive(Debug, Default)]
struct KnownCounts {
    companies: BTreeMap<CompanyId, ProfileCount>,
    is_counting: bool,
}

/// The only count under way, until it is dropped.
pub(super) struct CountPermit(ProfileCounts);

impl Drop for CountPermit {
    fn drop(&mut self) {
        self.0.lock().is_counting = false;
    }
}

impl ProfileCounts {
    /// The last count of a company.
    pub(super) fn of(&self, company: &CompanyId) -> Option<ProfileCount> {
        self.lock().companies.get(company).copied()
    }

    /// Begins to count those of these companies whose last count is too old, unless a count is
    /// under way.
    pub(super) fn begin(
        &self,
        companies: impl Iterator<Item = CompanyId>,
        now: Duration,
    ) -> Option<(CountPermit, Vec<CompanyId>)> {
        let mut known = self.lock();
        let is_due = |company: &CompanyId| {
            known.companies.get(company).is_none_or(|count| count.is_old(now))
        };
        let due: Vec<CompanyId> = companies.filter(is_due).collect();
        if due.is_empty() || known.is_counting {
            return None;
        }
        known.is_counting = true;
        Some((CountPermit(self.clone()), due))
    }

    pub(super) fn keep(&self, company: CompanyId, count: ProfileCount) {
        let mut known = self.lock();
        known.companies.insert(company, count);
        if limits::PROFILE_COUNTS < known.companies.len() {
            let oldest = known.companies.iter().min_by_key(|(_, count)| count.at);
            let oldest = oldest.map(|(company, _)| company.clone());
            oldest.and_then(|company| known.companies.remove(&company));
        }
    }

    fn lock(&self) -> MutexGuard<'_, KnownCounts> {
        // Whatever a panic interrupted, entries are whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ProfileCount {
    /// Whether it is time to count again. What takes long is counted seldom.
    fn is_old(self, now: Duration) -> bool {
        let age = limits::PROFILE_COUNT_AGE.max(self.took * limits::PROFILE_COUNT_SHARE);
        age <= now.saturating_sub(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn company(number: usize) -> CompanyId {
        format!("C{number}").parse().unwrap()
    }

    fn counted(at: u64, took: u64) -> ProfileCount {
        let [at, took] = [at, took].map(Duration::from_secs);
        ProfileCount { profiles: 1, at, took }
    }

    #[test]
    fn one_count_is_under_way_and_only_of_what_is_old() {
        let counts = ProfileCounts::default();
        let age = limits::PROFILE_COUNT_AGE.as_secs();
        let due = |now| {
            let begun = counts.begin((0..3).map(company), Duration::from_secs(now));
            begun.map(|(permit, due)| (permit, due.len()))
        };
        let (permit, due_at_first) = due(1).unwrap();
        assert_eq!(due_at_first, 3);
        assert!(due(2).is_none(), "one is under way");
        counts.keep(company(0), counted(2, 0));
        counts.keep(company(1), counted(3, 0));
        counts.keep(company(2), counted(3, age));
        drop(permit);
        assert!(due(1 + age).is_none());
        assert_eq!(due(2 + age).unwrap().1, 1);
        assert_eq!(due(3 + age).unwrap().1, 2, "what took long is counted seldom");
    }

    #[test]
    fn so_many_companies_are_kept_and_the_oldest_count_is_forgotten() {
        let counts = ProfileCounts::default();
        for number in 0..=limits::PROFILE_COUNTS {
            counts.keep(company(number), counted(number as u64, 0));
        }
        assert_eq!(counts.lock().companies.len(), limits::PROFILE_COUNTS);
        assert_eq!(counts.of(&company(0)), None);
        assert_eq!(counts.of(&company(1)), Some(counted(1, 0)));
    }
}
