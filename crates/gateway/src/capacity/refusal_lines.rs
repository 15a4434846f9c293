//! How many log lines about refused requests are written: so many of each company in a second.

use std::{
    collections::HashMap,
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use profile_protocol::CompanyId;

use crate::limits;

/// The requests whose log lines are counted together.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum RefusalGroup {
    /// The requests of one configured company.
    Company(CompanyId),
    /// The requests of no configured company.
    NoCompany,
    /// The requests of all companies beyond [`limits::COMPANIES_WITH_LINES`].
    OtherCompanies,
}

/// Whether a line is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LineDecision {
    /// It is written, after a line about so many that were left out in earlier seconds.
    Written {
        /// The number of lines that were left out and not reported yet.
        left_out: u64,
    },
    /// There are too many in this second.
    LeftOut,
}

/// The log lines about refused requests, counted for each company and second.
///
/// The table has at most [`limits::COMPANIES_WITH_LINES`] entries and two more.
#[derive(Debug)]
pub(crate) struct RefusalLines {
    per_second: AtomicU32,
    counts: Mutex<LineCounts>,
}

impl RefusalLines {
    /// Counts lines of which each company may have so many in a second.
    pub(crate) fn new(per_second: u32) -> RefusalLines {
        RefusalLines { per_second: AtomicU32::new(per_second), counts: Mutex::default() }
    }

    /// Changes how many lines each company may have in a second.
    pub(crate) fn set_per_second(&self, per_second: u32) {
        self.per_second.store(per_second, Ordering::Relaxed);
    }

    /// Counts a line at this time. Returns the group that it was counted in as well.
    pub(crate) fn count(
        &self,
        company: Option<&CompanyId>,
        now: Duration,
    ) -> (LineDecision, RefusalGroup) {
        let most = self.per_second.load(Ordering::Relaxed);
        let (second, mut counts) = (now.as_secs(), self.lock());
        let (count, group) = counts.count_of(company, second);
        (count.add(second, most), group)
    }

    /// The groups whose lines were left out in seconds before this time, each with their number.
    /// Forgets the groups without lines in this second.
    pub(crate) fn take_left_out(&self, now: Duration) -> Vec<(RefusalGroup, u64)> {
        self.lock().take_before(now.as_secs())
    }

    /// All that were left out up to now.
    pub(crate) fn take_all_left_out(&self) -> Vec<(RefusalGroup, u64)> {
        self.lock().take_before(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, LineCounts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct LineCounts {
    companies: HashMap<CompanyId, LineCount>,
    no_company: LineCount,
    other_companies: LineCount,
}

impl LineCounts {
    /// The count for this company.
    fn count_of(
        &mut self,
        company: Option<&CompanyId>,
        second: u64,
    ) -> (&mut LineCount, RefusalGroup) {
        let Some(company) = company else {
            return (&mut self.no_company, RefusalGroup::NoCompany);
        };
        let is_new = !self.companies.contains_key(company);
        if is_new && limits::COMPANIES_WITH_LINES <= self.companies.len() {
            self.companies.retain(|_, count| !count.is_over(second));
        }
        if is_new && limits::COMPANIES_WITH_LINES <= self.companies.len() {
            return (&mut self.other_companies, RefusalGroup::OtherCompanies);
        }
        let count = self.companies.entry(company.clone()).or_default();
        (count, RefusalGroup::Company(company.clone()))
    }

    fn take_before(&mut self, second: u64) -> Vec<(RefusalGroup, u64)> {
        let of_company = |(company, count): (&CompanyId, &mut LineCount)| {
            (RefusalGroup::Company(company.clone()), count.take_before(second))
        };
        let shared = [
            (RefusalGroup::NoCompany, self.no_company.take_before(second)),
            (RefusalGroup::OtherCompanies, self.other_companies.take_before(second)),
        ];
        let all = self.companies.iter_mut().map(of_company).chain(shared);
        let mut left_out: Vec<_> = all.filter(|(_, lines)| *lines != 0).collect();
        left_out.sort_unstable();
        self.companies.retain(|_, count| !count.is_over(second));
        left_out
    }
}

/// The lines of one group in one second.
#[derive(Clone, Copy, Debug, Default)]
struct LineCount {
    second: u64,
    written: u32,
    /// Lines that were left out since the last report, in this second or before.
    left_out: u64,
}

impl LineCount {
    fn add(&mut self, second: u64, most: u32) -> LineDecision {
        if self.second != second {
            self.second = second;
            self.written = 0;
        }
        if self.written < most {
            self.written += 1;
            return LineDecision::Written { left_out: mem::take(&mut self.left_out) };
        }
        self.left_out += 1;
        LineDecision::LeftOut
    }

    fn take_before(&mut self, second: u64) -> u64 {
        if self.second < second { mem::take(&mut self.left_out) } else { 0 }
    }

    /// Whether nothing of this second is counted, and nothing has to be reported.
    fn is_over(&self, second: u64) -> bool {
        self.second < second && self.left_out == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn company(number: usize) -> CompanyId {
        format!("C{number}").parse().unwrap()
    }

    const fn at(seconds: u64) -> Duration {
        Duration::from_millis(seconds * 1_000 + 500)
    }

    const WRITTEN: LineDecision = LineDecision::Written { left_out: 0 };

    #[test]
    fn a_company_has_so_many_lines_in_a_second_and_others_have_theirs() {
        let lines = RefusalLines::new(2);
        for key in [Some(company(1)), Some(company(2)), None] {
            let count = |second| lines.count(key.as_ref(), at(second)).0;
            let decisions = [0, 0, 0, 0].map(count);
            assert_eq!(decisions, [WRITTEN, WRITTEN, LineDecision::LeftOut, LineDecision::LeftOut]);
            assert_eq!(count(1), LineDecision::Written { left_out: 2 });
            assert_eq!(count(1), WRITTEN);
            assert_eq!(count(1), LineDecision::LeftOut);
        }
    }

    #[test]
    fn what_was_left_out_is_reported_once_its_second_is_over() {
        let lines = RefusalLines::new(1);
        for key in [Some(company(2)), Some(company(1)), Some(company(1)), None, None, None] {
            lines.count(key.as_ref(), at(7));
        }
        assert_eq!(lines.take_left_out(at(7)), []);
        let expected = [(RefusalGroup::Company(company(1)), 1), (RefusalGroup::NoCompany, 2)];
        assert_eq!(lines.take_left_out(at(8)), expected);
        assert_eq!(lines.take_left_out(at(9)), []);
        assert!(lines.lock().companies.is_empty());
        lines.count(None, at(9));
        lines.count(None, at(9));
        assert_eq!(lines.take_all_left_out(), [(RefusalGroup::NoCompany, 1)]);
    }

    #[test]
    fn the_number_of_lines_can_be_changed_and_zero_writes_none() {
        let lines = RefusalLines::new(0);
        assert_eq!(lines.count(None, at(0)).0, LineDecision::LeftOut);
        lines.set_per_second(1);
        assert_eq!(lines.count(None, at(0)).0, LineDecision::Written { left_out: 1 });
        assert_eq!(lines.count(None, at(0)).0, LineDecision::LeftOut);
    }

    #[test]
    fn there_is_a_count_for_so_many_companies_and_one_for_all_others() {
        let lines = RefusalLines::new(1);
        let most = limits::COMPANIES_WITH_LINES;
        for number in 0..most {
            assert_eq!(lines.count(Some(&company(number)), at(0)).0, WRITTEN);
        }
        let others: Vec<_> =
            (0..3).map(|number| lines.count(Some(&company(most + number)), at(0))).collect();
        let (first, rest) = others.split_first().unwrap();
        assert_eq!(*first, (WRITTEN, RefusalGroup::OtherCompanies));
        assert!(rest.iter().all(|decided| decided.0 == LineDecision::LeftOut));
        assert_eq!(lines.lock().companies.len(), most);
        // A second later there is space again.
        let (decided, group) = lines.count(Some(&company(most)), at(1));
        assert_eq!((decided, group), (WRITTEN, RefusalGroup::Company(company(most))));
        assert_eq!(lines.lock().companies.len(), 1);
        assert_eq!(lines.take_left_out(at(2)), [(RefusalGroup::OtherCompanies, 2)]);
    }
}
