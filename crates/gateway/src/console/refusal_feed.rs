//! The refused requests that the console shows. They have no personal value, as in the log.

use std::{
    collections::VecDeque,
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

/// The newest refused requests of all companies: at most [`limits::CONSOLE_REFUSALS`].
#[derive(Debug, Default)]
pub(crate) struct RefusalFeed {
    kept: Mutex<KeptRefusals>,
}

#[derive(Debug, Default)]
struct KeptRefusals {
    /// The number of all refusals so far.
    counted: u64,
    /// The newest ones with their numbers, oldest first.
    newest: VecDeque<(u64, Arc<RefusalNote>)>,
}

impl RefusalFeed {
    /// Keeps a refusal, and forgets the oldest one if there are too many.
    pub(crate) fn note(&self, note: RefusalNote) {
        let mut kept = self.lock();
        kept.counted += 1;
        let number = kept.counted;
        if kept.newest.len() == limits::CONSOLE_REFUSALS {
            kept.newest.pop_front();
        }
        kept.newest.push_back((number, Arc::new(note)));
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
        let later = kept.newest.iter().rev().take_while(|(other, _)| number < *other);
        let theirs = later.filter(|(_, note)| note.company == *company);
        let mut notes: Vec<_> = theirs.take(limit).map(|(_, note)| Arc::clone(note)).collect();
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
    fn only_the_newest_are_kept() {
        let feed = RefusalFeed::default();
        for number in 0..limits::CONSOLE_REFUSALS + 5 {
            feed.note(note("ABC123", number));
        }
        let (kept, _) = requests(&feed, 0, usize::MAX);
        assert_eq!((kept.len(), kept[0].as_str()), (limits::CONSOLE_REFUSALS, "5"));
    }
}
