//! The exports of the console: those that are under way, and those that ended.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use profile_protocol::{CompanyId, NamedTime};

use crate::{clock::Clock, limits, settings::TransferFormat};

/// What is exported.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ExportWish {
    pub(crate) format: TransferFormat,
    /// Only profiles that were updated then or later.
    pub(crate) since: Option<NamedTime>,
}

/// How much was exported.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct ExportedSoFar {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Profiles that cannot be read, and are left out.
    pub(crate) damaged: u64,
}

/// An export, under way or ended.
#[derive(Clone, Debug)]
pub(crate) struct ExportNote {
    pub(crate) company: CompanyId,
    pub(crate) wish: ExportWish,
    /// When it began, since 1970.
    pub(crate) began: Duration,
    pub(crate) done: ExportedSoFar,
}

/// How an export ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ExportEnd {
    /// All of it was sent.
    Whole,
    /// The file that was received ends early.
    CutOff(ExportCut),
}

/// Why an export was cut off.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum ExportCut {
    #[error("the download was broken off")]
    ReceiverGone,
    #[error("the receiver took nothing for too long")]
    ReceiverStalled,
    #[error("the session ended, or its key may no longer read profiles")]
    SessionEnded,
    #[error("the store could not be read")]
    Unreadable,
}

/// An export that ended.
#[derive(Clone, Debug)]
pub(crate) struct EndedExport {
    pub(crate) export: ExportNote,
    pub(crate) took: Duration,
    pub(crate) end: ExportEnd,
}

/// The exports of the console. Those that ended are in memory only.
#[derive(Debug, Default)]
pub(crate) struct ConsoleExports {
    notes: Arc<Mutex<ExportNotes>>,
}

#[derive(Debug, Default)]
struct ExportNotes {
    begun: u64,
    running: BTreeMap<u64, ExportNote>,
    /// Oldest first.
    ended: VecDeque<EndedExport>,
}

impl ExportNotes {
    /// Forgets the oldest ended export of a company.
    fn forget_oldest(&mut self, company: &CompanyId) {
        let oldest = self.ended.iter().position(|ended| ended.export.company == *company);
        oldest.and_then(|oldest| self.ended.remove(oldest));
    }

    /// The company that most of the ended exports are of.
    fn fullest(&self) -> Option<CompanyId> {
        let mut counts = HashMap::<&CompanyId, usize>::new();
        for ended in &self.ended {
            *counts.entry(&ended.export.company).or_default() += 1;
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(company, _)| company.clone())
    }

    fn ended(&mut self, ended: EndedExport) {
        let company = &ended.export.company;
        let of_company = self.ended.iter().filter(|other| other.export.company == *company);
        if limits::CONSOLE_COMPANY_ENDED_EXPORTS <= of_company.count() {
            self.forget_oldest(company);
        } else if limits::CONSOLE_ENDED_EXPORTS <= self.ended.len()
            && let Some(fullest) = self.fullest()
        {
            self.forget_oldest(&fullest);
        }
        self.ended.push_back(ended);
    }
}

impl ConsoleExports {
    /// Notes that an export begins, unless too many of the company or of all are under way.
    pub(crate) fn begin(
        &self,
        company: &CompanyId,
        wish: ExportWish,
        clock: Clock,
    ) -> Option<RunningExport> {
        let mut notes = lock(&self.notes);
        let of_company = notes.running.values().filter(|export| export.company == *company);
        if limits::CONSOLE_COMPANY_EXPORTS <= of_company.count()
            || limits::CONSOLE_EXPORTS <= notes.running.len()
        {
            return None;
        }
        notes.begun += 1;
        let number = notes.begun;
        let (company, done) = (company.clone(), ExportedSoFar::default());
        let export = ExportNote { company, wish, began: clock.unix_time(), done };
        notes.running.insert(number, export);
        let end = ExportEnd::CutOff(ExportCut::ReceiverGone);
        let notes = Arc::clone(&self.notes);
        Some(RunningExport { number, began: clock.elapsed(), end, clock, notes })
    }

    /// The exports of a company that are under way, oldest first.
    pub(crate) fn running(&self, company: &CompanyId) -> Vec<ExportNote> {
        let notes = lock(&self.notes);
        notes.running.values().filter(|export| export.company == *company).cloned().collect()
    }

    /// Those that ended, newest first.
    pub(crate) fn ended(&self, company: &CompanyId) -> Vec<EndedExport> {
        let notes = lock(&self.notes);
        let ended = notes.ended.iter().rev();
        ended.filter(|ended| ended.export.company == *company).cloned().collect()
    }
}

/// An export that is under way. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct RunningExport {
    number: u64,
    began: Duration,
    end: ExportEnd,
    clock: Clock,
    notes: Arc<Mutex<ExportNotes>>,
}

impl RunningExport {
    /// Notes how far it is.
    pub(crate) fn reached(&self, done: ExportedSoFar) {
        if let Some(export) = lock(&self.notes).running.get_mut(&self.number) {
            export.done = done;
        }
    }

    /// Ends it. One that is only dropped was broken off.
    pub(crate) fn end(mut self, end: ExportEnd) {
        self.end = end;
    }
}

impl Drop for RunningExport {
    fn drop(&mut self) {
        let took = self.clock.elapsed().saturating_sub(self.began);
        let mut notes = lock(&self.notes);
        if let Some(export) = notes.running.remove(&self.number) {
            notes.ended(EndedExport { export, took, end: self.end });
        }
    }
}

fn lock(notes: &Mutex<ExportNotes>) -> MutexGuard<'_, ExportNotes> {
    // Whatever a panic interrupted, notes are whole.
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WISH: ExportWish = ExportWish { format: TransferFormat::Csv, since: None };

    fn begin(exports: &ConsoleExports, name: &str) -> Option<RunningExport> {
        exports.begin(&name.parse().unwrap(), WISH, Clock::start())
    }

    #[test]
    fn an_export_is_seen_by_its_company_while_it_runs_and_after_it_ended() {
        let (exports, company) = (ConsoleExports::default(), "ABC123".parse().unwrap());
        let export = begin(&exports, "ABC123").unwrap();
        let done = ExportedSoFar { rows: 3, bytes: 400, damaged: 1 };
        export.reached(done);
        assert_eq!(exports.running(&company)[0].done, done);
        assert!(exports.running(&"XYZ789".parse().unwrap()).is_empty());
        export.end(ExportEnd::Whole);
        drop(begin(&exports, "ABC123"));
        assert!(exports.running(&company).is_empty());
        let ends: Vec<ExportEnd> = exports.ended(&company).iter().map(|ended| ended.end).collect();
        assert_eq!(ends, [ExportEnd::CutOff(ExportCut::ReceiverGone), ExportEnd::Whole]);
        assert!(exports.ended(&"XYZ789".parse().unwrap()).is_empty());
    }

    #[test]
    fn exports_under_way_are_bounded_for_each_company_and_for_all() {
        let exports = ConsoleExports::default();
        let first: Vec<_> = std::iter::from_fn(|| begin(&exports, "A1")).collect();
        assert_eq!(first.len(), limits::CONSOLE_COMPANY_EXPORTS);
        let others = (0..limits::CONSOLE_EXPORTS).map(|number| format!("B{number}"));
        let others: Vec<_> = others.filter_map(|name| begin(&exports, &name)).collect();
        assert_eq!(first.len() + others.len(), limits::CONSOLE_EXPORTS);
        drop(first);
        assert!(begin(&exports, "A1").is_some(), "one that ended counts no more");
    }

    #[test]
    fn exports_that_ended_are_bounded_and_no_company_takes_from_another() {
        let exports = ConsoleExports::default();
        drop(begin(&exports, "A1"));
        for _ in 0..limits::CONSOLE_ENDED_EXPORTS {
            drop(begin(&exports, "B2"));
        }
        let of = |name: &str| exports.ended(&name.parse().unwrap()).len();
        assert_eq!((of("A1"), of("B2")), (1, limits::CONSOLE_COMPANY_ENDED_EXPORTS));
        for number in 0..limits::CONSOLE_ENDED_EXPORTS {
            drop(begin(&exports, &format!("C{number}")));
        }
        assert_eq!(lock(&exports.notes).ended.len(), limits::CONSOLE_ENDED_EXPORTS);
        assert!(of("B2") < limits::CONSOLE_COMPANY_ENDED_EXPORTS, "the one with most pays");
    }
}
