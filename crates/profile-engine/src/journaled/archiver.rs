//! The archiver: a thread that puts files of the journal into the archive, and then lets later
//! generations use them.
//!
//! The checkpointer says which generations the table has. Their files are the queue: each keeps its
//! name in the journal until it is archived. So an archive that fails or hangs holds up no commit
//! and no checkpoint.

use std::{
    error::Error,
    io, mem,
    sync::{Arc, PoisonError},
    time::Duration,
};

use super::{
    archive::{ArchiveStorage, JournalArchive},
    disk::Disk,
    failure::Health,
    journal::{archived_bytes, generations, make_spare, set_aside},
    mark::StoreId,
};
use crate::{
    EngineError, limits,
    sync::{Condvar, Mutex, MutexGuard},
};

/// An archive, and how long it may take.
pub(super) struct ArchiveOptions {
    pub(super) storage: Box<dyn ArchiveStorage>,
    /// How long a caller waits for one file.
    pub(super) wait_limit: Duration,
    /// How long a stop waits for the file that is being archived.
    pub(super) stop_limit: Duration,
}

impl ArchiveOptions {
    pub(super) fn new(archive: JournalArchive) -> ArchiveOptions {
        ArchiveOptions {
            storage: Box::new(archive),
            wait_limit: Duration::from_secs(limits::ARCHIVE_WAIT_SECONDS),
            stop_limit: Duration::from_secs(limits::ARCHIVE_STOP_SECONDS),
        }
    }
}

/// What the archiver and those who need it have in common.
pub(super) struct Archiver {
    options: ArchiveOptions,
    journal: ArchivedJournal,
    state: Mutex<ArchiverState>,
    /// There is something to do.
    asked: Condvar,
    /// A file was archived, an attempt has ended, or the thread.
    answered: Condvar,
    /// Held while the journal is changed. After a stop it is not changed any more, because another
    /// engine may have it.
    retiring: Mutex<()>,
}

/// The journal whose files are archived.
pub(super) struct ArchivedJournal {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) store: StoreId,
    /// Bytes by which a file grows.
    pub(super) step: u64,
    /// After a failed write the journal is not changed either.
    pub(super) health: Arc<Health>,
}

struct ArchiverState {
    /// The newest generation that the table has.
    checkpointed: u64,
    /// The newest generation that is archived, as are all before it.
    archived: u64,
    /// The newest generation that should have been archived by now.
    late: u64,
    /// How many attempts were asked for.
    asked: u64,
    /// How many of them were answered by an attempt that has ended.
    answered: u64,
    /// What the log says last.
    reported: ReportedArchive,
    is_stopping: bool,
    /// The thread has ended.
    has_ended: bool,
}

impl ArchiverState {
    fn is_waiting(&self) -> bool {
        self.archived < self.checkpointed
    }

    fn note_late(&mut self) {
        if self.is_waiting() {
            self.late = self.checkpointed;
        }
    }

    /// Notes what is put into the log. Returns what was there before.
    fn report(&mut self, report: ReportedArchive) -> ReportedArchive {
        mem::replace(&mut self.reported, report)
    }
}

/// What the log says about the archive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ReportedArchive {
    Working,
    Hanging,
    Failing,
}

/// Whether to go on with the next file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum NextFile {
    Wanted,
    Stopping,
}

impl Archiver {
    /// The archiver of a journal of which the table has this generation. Files of earlier ones wait
    /// for it if they could not be archived before.
    pub(super) fn new(
        options: ArchiveOptions,
        journal: ArchivedJournal,
        checkpointed: u64,
    ) -> io::Result<Archiver> {
        let oldest = generations(&*journal.disk)?.into_iter().next();
        let archived = oldest.map_or(checkpointed, |oldest| checkpointed.min(oldest.max(1) - 1));
        let state = ArchiverState {
            checkpointed,
            archived,
            late: 0,
            asked: u64::from(archived < checkpointed),
            answered: 0,
            reported: ReportedArchive::Working,
            is_stopping: false,
            has_ended: false,
        };
        Ok(Archiver {
            options,
            journal,
            state: Mutex::new(state),
            asked: Condvar::new(),
            answered: Condvar::new(),
            retiring: Mutex::new(()),
        })
    }

    fn state(&self) -> MutexGuard<'_, ArchiverState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Files of the journal that should have been archived by now.
    pub(super) fn late_files(&self) -> u64 {
        let state = self.state();
        state.late.saturating_sub(state.archived)
    }

    /// Passes the file of a generation on, which the table has. The file is late if two others
    /// wait before it.
    pub(super) fn note_checkpointed(&self, generation: u64) {
        let mut state = self.state();
        let waiting = state.checkpointed.saturating_sub(state.archived);
        state.checkpointed = generation;
        if 1 < waiting || state.archived < state.late {
            state.note_late();
        }
        state.asked += 1;
        self.asked.notify_all();
    }

    /// Lets the archiver try again if files wait.
    pub(super) fn try_again(&self) {
        let mut state = self.state();
        if state.is_waiting() {
            state.asked += 1;
            self.asked.notify_all();
        }
    }

    /// Waits until this generation is archived, which was passed on. False if the attempt failed,
    /// or took longer for one file than callers wait.
    pub(super) fn wait_for(&self, generation: u64) -> bool {
        let mut state = self.state();
        let asked = state.asked;
        while state.archived < generation && state.answered < asked && !state.has_ended {
            let waited = self.answered.wait_timeout(state, self.options.wait_limit);
            let (changed, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            state = changed;
            if waited.timed_out() {
                self.note_hanging(state);
                return false;
            }
        }
        generation <= state.archived
    }

    fn note_hanging(&self, mut state: MutexGuard<'_, ArchiverState>) {
        state.note_late();
        let is_new = state.reported == ReportedArchive::Working;
        if is_new {
            state.report(ReportedArchive::Hanging);
        }
        drop(state);
        if is_new {
            tracing::warn!(
                directory = self.options.storage.location(),
                "the archive of the journal does not answer; files of the journal stay in the \
                 data directory until it does",
            );
        }
    }

    /// Tells the thread to end, and waits a little. Returns whether it has ended. If it has not, it
    /// hangs in the archive, and does no more than end once the archive answers.
    pub(super) fn stop(&self) -> bool {
        let mut state = self.state();
        state.is_stopping = true;
        self.asked.notify_all();
        while !state.has_ended {
            let waited = self.answered.wait_timeout(state, self.options.stop_limit);
            let (changed, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            state = changed;
            if waited.timed_out() {
                break;
            }
        }
        let has_ended = state.has_ended;
        drop(state);
        // The journal is no longer changed from here on.
        drop(self.retiring.lock());
        has_ended
    }

    /// Makes one attempt after the other, until told to stop.
    pub(super) fn run(&self) {
        let running = RunningArchiver(self);
        while let Some((asked, checkpointed)) = self.next() {
            let attempted = self.archive_up_to(checkpointed);
            self.end_attempt(asked, checkpointed, attempted);
        }
        drop(running);
    }

    /// Waits for an attempt that is asked for. Returns how many were, and up to which generation
    /// there are files. `None` if the thread is to end.
    fn next(&self) -> Option<(u64, u64)> {
        let mut state = self.state();
        while !state.is_stopping && state.answered == state.asked {
            state = self.asked.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        (!state.is_stopping).then_some((state.asked, state.checkpointed))
    }

    fn archive_up_to(&self, checkpointed: u64) -> Result<NextFile, EngineError> {
        let mut retired_end = None;
        let attempted = self.archive_files(checkpointed, &mut retired_end);
        if let Some(end) = retired_end {
            let changing = self.retiring.lock().unwrap_or_else(PoisonError::into_inner);
            if self.may_change_journal() {
                let ArchivedJournal { disk, step, .. } = &self.journal;
                make_spare(&**disk, end, *step).map_err(EngineError::Io)?;
            }
            drop(changing);
        }
        attempted
    }

    /// Archives file after file, and sets each aside. Notes where the records of the last of them
    /// end.
    fn archive_files(
        &self,
        checkpointed: u64,
        retired_end: &mut Option<u64>,
    ) -> Result<NextFile, EngineError> {
        let ArchivedJournal { disk, store, .. } = &self.journal;
        let there = generations(&**disk).map_err(EngineError::Io)?;
        for generation in there.into_iter().take_while(|there| *there <= checkpointed) {
            let bytes = archived_bytes(&**disk, *store, generation)?;
            if let Some(bytes) = &bytes {
                self.options.storage.keep(*store, generation, bytes)?;
            }
            if self.set_aside(generation)? == NextFile::Stopping {
                return Ok(NextFile::Stopping);
            }
            // What was written before files had a first page is cleared as a whole.
            *retired_end = Some(bytes.map_or(0, |bytes| bytes.len() as u64));
        }
        Ok(NextFile::Wanted)
    }

    fn may_change_journal(&self) -> bool {
        !self.state().is_stopping && !self.journal.health.is_poisoned()
    }

    /// Takes an archived file out of the journal, unless the engine is being closed.
    fn set_aside(&self, generation: u64) -> Result<NextFile, EngineError> {
        let changing = self.retiring.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.may_change_journal() {
            return Ok(NextFile::Stopping);
        }
        set_aside(&*self.journal.disk, generation).map_err(EngineError::Io)?;
        drop(changing);
        self.state().archived = generation;
        self.answered.notify_all();
        Ok(NextFile::Wanted)
    }

    fn end_attempt(&self, asked: u64, checkpointed: u64, attempted: Result<NextFile, EngineError>) {
        let mut state = self.state();
        state.answered = asked;
        let reported = match &attempted {
            Ok(NextFile::Wanted) => {
                state.archived = checkpointed;
                state.report(ReportedArchive::Working)
            }
            Ok(NextFile::Stopping) => ReportedArchive::Working,
            Err(_) => {
                state.note_late();
                state.report(ReportedArchive::Failing)
            }
        };
        self.answered.notify_all();
        drop(state);
        match attempted {
            Ok(_) if reported != ReportedArchive::Working => self.report_success(),
            Err(error) if reported != ReportedArchive::Failing => self.report_failure(&error),
            Ok(_) | Err(_) => {}
        }
    }

    fn report_success(&self) {
        let directory = self.options.storage.location();
        tracing::info!(directory, "files of the journal are archived again");
    }

    fn report_failure(&self, error: &EngineError) {
        tracing::warn!(
            directory = self.options.storage.location(),
            error = error as &(dyn Error + 'static),
            cause = error.source().map(tracing::field::display),
            "a file of the journal was not archived; it stays in the data directory, and the \
             gateway tries again",
        );
    }
}

/// Held by the thread for as long as it runs. If it ends by a panic, what is to be archived stays,
/// and counts as late.
struct RunningArchiver<'a>(&'a Archiver);

impl Drop for RunningArchiver<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.has_ended = true;
        if !state.is_stopping {
            state.note_late();
        }
        self.0.answered.notify_all();
    }
}
