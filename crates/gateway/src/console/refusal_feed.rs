//! The refused requests that the console shows. They have no personal value, as in the log.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use profile_protocol::CompanyId;

use crate::limits;

/// A refused request.
#[derive(Debug)]
pub(crate) struct RefusalNote {
    /// When it was refused, since 1970.
    pub(crate) at: Duration,
    pub(crate) company: CompanyId,
    /// The id of the request.
    pub(crate) request: String,
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    /// Where in the body it is wrong, as the log shows it.
    pub(crate) pointers: String,
    /// What is wrong, without anything of the request.
    pub(crate) detail: Option<&'static str>,
}

/// The newest refused requests: at most [`limits::CONSOLE_COMPANY_REFUSALS`] of a company, and
/// [`limits::CONSOLE_REFUSALS`] of all.
#[derive(Debug, Default)]
pub(crate) struct RefusalFeed {
    kept: Mutex<KeptRefusals>,
}

/// The newest refusals of one company with their numbers, oldest first.
type CompanyRefusals = VecDeque<(u64, Arc<RefusalNote>)>;

#[derive(Debug, Default)]
struct KeptRefusals {
    /// The number of all refusals so far.
    counted: u64,
    /// The number of those that are kept.
    kept: usize,
    /// None of them is empty.
    companies: HashMap<CompanyId, CompanyRefusals>,
}

impl KeptRefusals {
    /// Forgets the oldest refusal of this company.
    fn forget_oldest(&mut self, company: &CompanyId) {
        let Some(theirs) = self.companies.get_mut(company) else { return };
        self.kept -= usize::from(theirs.pop_front().is_some());
        if theirs.is_empty() {
            self.companies.remove(company);
        }
    }

    /// The company of which most refusals are kept.
    fn fullest(&self) -> Option<CompanyId> {
        let fullest = self.companies.iter().max_by_key(|(_, theirs)| theirs.len());
        fullest.map(|(company, _)| company.clone())
    }
}

impl RefusalFeed {
    /// Keeps a refusal, and forgets the oldest one of its company if there are too many of it, or
    /// of the company with the most if there are too many of all.
    pub(crate) fn note(&self, note: RefusalNote) {
        let mut kept = self.lock();
        let theirs = kept.companies.get(&note.company).map_or(0, VecDeque::len);
        if limits::CONSOLE_COMPANY_REFUSALS <= theirs {
            kept.forget_oldest(&note.company);
        } else if limits::CONSOLE_REFUSALS <= kept.kept
            && let Some(fullest) = kept.fullest()
        {
            kept.forget_oldest(&fullest);
        }
        kept.counted += 1;
        kept.kept += 1;
        let number = kept.counted;
        let theirs = kept.companies.entry(note.company.clone()).or_default();
        theirs.push_back((number, Arc::new(note)));
    }

    /// The newest refusals of a company after the one of this number, oldest first, and the number
    /// to ask with next.
    pub(crate) fn after(
        &self,
        company: &CompanyId,
        number: u64,
        limit: usize,
    ) -> (Vec<Arc<RefusalNote>>, u64) {
        let kept = self.lock();
        let theirs = kept.companies.get(company).into_iter().flat_map(|theirs| theirs.iter().rev());
        let later = theirs.take_while(|(other, _)| number < *other).take(limit);
        let mut notes: Vec<_> = later.map(|(_, note)| Arc::clone(note)).collect();
        notes.reverse();
        (notes, kept.counted)
    }

    fn lock(&self) -> MutexGuard<'_, KeptRefusals> {
        // Whatever a panic interrupted, entries are whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(company: &str, request: usize) -> RefusalNote {
        RefusalNote {
            at: Duration::ZERO,
            company: company.parse().unwrap(),
            request: request.to_string(),
            status: 400,
            code: "invalid",
            pointers: String::new(),
            detail: None,
        }
    }

    fn requests(feed: &RefusalFeed, number: u64, limit: usize) -> (Vec<String>, u64) {
        let (notes, next) = feed.after(&"ABC123".parse().unwrap(), number, limit);
        (notes.iter().map(|note| note.request.clone()).collect(), next)
    }

    #[test]
    fn a_company_sees_its_newest_refusals_once() {
        let feed = RefusalFeed::default();
        for number in 1..=6 {
            feed.note(note(if number % 3 == 0 { "XYZ789" } else { "ABC123" }, number));
        }
        let texts = |numbers: &[u8]| numbers.iter().map(ToString::to_string).collect();
        assert_eq!(requests(&feed, 0, 10), (texts(&[1, 2, 4, 5]), 6));
        assert_eq!(requests(&feed, 0, 2), (texts(&[4, 5]), 6));
        assert_eq!(requests(&feed, 4, 10), (texts(&[5]), 6));
        assert_eq!(requests(&feed, 6, 10), (vec![], 6));
    }

    #[test]
    fn a_flood_of_one_company_leaves_the_refusals_of_others() {
        let feed = RefusalFeed::default();
        feed.note(note("XYZ789", 0));
        for number in 0..limits::CONSOLE_REFUSALS + 5 {
            feed.note(note("ABC123", number));
        }
        let (kept, _) = requests(&feed, 0, usize::MAX);
        let first = limits::CONSOLE_REFUSALS + 5 - limits::CONSOLE_COMPANY_REFUSALS;
        assert_eq!((kept.len(), &kept[0]), (limits::CONSOLE_COMPANY_REFUSALS, &first.to_string()));
        assert_eq!(feed.after(&"XYZ789".parse().unwrap(), 0, 10).0.len(), 1);
    }

    #[test]
    fn refusals_of_all_companies_are_bounded_at_the_cost_of_the_one_with_the_most() {
        let feed = RefusalFeed::default();
        for number in 0..limits::CONSOLE_REFUSALS {
            feed.note(note(["A1", "B2", "C3", "ABC123"][number % 4], number));
        }
        feed.note(note("XYZ789", 0));
        assert_eq!(feed.lock().kept, limits::CONSOLE_REFUSALS);
        assert_eq!(feed.after(&"XYZ789".parse().unwrap(), 0, 10).0.len(), 1);
        let kept: usize = feed.lock().companies.values().map(VecDeque::len).sum();
        assert_eq!(kept, limits::CONSOLE_REFUSALS);
    }
}
