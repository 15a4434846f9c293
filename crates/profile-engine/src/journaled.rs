//! Makes an engine of a table: batches that are all or nothing, and commits that take no longer
//! than one write to a file.
//!
//! A commit appends its batch to the journal and applies it to the open memtable. It waits for a
//! sync of the journal, and for nothing else. Readers see the memtables above the table. When the
//! open memtable is large enough it is closed, and the checkpointer, a thread of its own, puts
//! its changes into the table, in the order of their keys and each key once. Then it flushes the
//! table, and drops the memtable and its file of the journal. After a crash the journal is read
//! again. It takes precedence over the table, which may have any part of the same changes
//! already.
//!
//! - `journal` has the format of the records, and reads them again; `disk` has its files.
//! - `group_commit` makes many commits durable by one sync.
//! - `memtable`, `range_chunk` and `merged_view` have what is not in the table yet.
//! - `checkpoint` moves it into the table; `progress` keeps commits from getting far ahead of
//!   that.
//! - `failure` refuses all writes after the first that failed.
//! - `archive` keeps files of the journal that would be used again; `archiver` puts them there.
//! - `snapshot` has the table as it was after a generation.
//! - `session` is the asynchronous side: places, sessions and blocking threads.

mod archive;
mod archiver;
mod checkpoint;
mod disk;
mod failure;
mod group_commit;
mod journal;
mod mark;
mod memtable;
mod merged_view;
mod progress;
mod range_chunk;
mod read_only;
mod read_view;
mod session;
mod snapshot;
mod snapshot_request;
mod table;

#[cfg(test)]
#[cfg(feature = "model-check")]
mod interleavings;
#[cfg(test)]
mod simulated_disk;
#[cfg(test)]
#[cfg(not(feature = "model-check"))]
mod tests;

use std::{
    fs::File,
    io, mem,
    sync::{Arc, PoisonError},
};

use self::{
    archiver::{ArchiveOptions, ArchivedJournal, Archiver},
    disk::{Directory, Disk},
    failure::{FailedStep, Health},
    group_commit::GroupCommit,
    journal::Journal,
    merged_view::Memtables,
    progress::{CheckpointProgress, Closed},
    read_view::ReadView,
    snapshot_request::SnapshotRequest,
};
use crate::{
    Durability, EngineError, EngineStatus, Order, Scan, Write, limits,
    sync::{
        Mutex, MutexGuard,
        thread::{self, JoinHandle},
    },
};

pub use self::{
    archive::{ArchivedBatches, JournalArchive},
    mark::JournalPosition,
    read_only::ReadOnlyEngine,
    snapshot::{ArchiveEnd, EngineSnapshot},
};
pub(crate) use self::{
    mark::{JournalEnd, Mark, StoreId},
    progress::Pace,
    session::JournaledEngine,
    table::{Table, TableChange, TableReader},
};

/// Whether the directory of this name within `directory` holds a journal.
pub(crate) fn has_journal(directory: File, name: &'static str) -> Result<bool, EngineError> {
    let disk = Directory::within(directory, name);
    Ok(!journal::generations(&disk).map_err(EngineError::Io)?.is_empty())
}

/// A table with a journal before it. Its methods block.
pub(crate) struct Journaled {
    core: Arc<Core>,
    /// None once the engine is closed.
    checkpointer: Mutex<Option<JoinHandle<()>>>,
    /// None if there is no archive, or once the engine is closed.
    archiver: Mutex<Option<JoinHandle<()>>>,
}

/// What commits, readers and the checkpointer have in common. A thread that takes several of the
/// locks takes them in this order: journal, memtables, then those within the other fields.
struct Core {
    view: ReadView<dyn Table>,
    disk: Arc<dyn Disk>,
    journal: Mutex<Journal>,
    store: StoreId,
    archiver: Option<Arc<Archiver>>,
    /// The newest generation that the table has.
    checkpointed: Mutex<u64>,
    group_commit: GroupCommit,
    progress: CheckpointProgress,
    health: Arc<Health>,
    snapshots: SnapshotRequest,
}

impl Journaled {
    /// Opens the journal in the directory of this name within `directory`, above `table`. Its files
    /// go into the archive, if there is one, before they are used again.
    pub(crate) fn open(
        table: Box<dyn Table>,
        directory: File,
        name: &'static str,
        pace: Pace,
        archive: Option<JournalArchive>,
    ) -> Result<Journaled, EngineError> {
        let archive = archive.map(ArchiveOptions::new);
        Journaled::open_on(table, Arc::new(Directory::within(directory, name)), pace, archive)
    }

    fn open_on(
        table: Box<dyn Table>,
        disk: Arc<dyn Disk>,
        pace: Pace,
        archive: Option<ArchiveOptions>,
    ) -> Result<Journaled, EngineError> {
        let (mark, mut memtables) = (known_mark(&*table, &*disk)?, Memtables::default());
        let found = |batch| memtables.open.apply(batch);
        let (name, step) = (table.name(), pace.journal_step());
        let journal = Journal::open(Arc::clone(&disk), name, mark.as_ref(), step, found)?;
        let closed = Closed {
            generation: journal.generation() - 1,
            journal_end: journal.end_before(),
            memtable: memtables.close(),
        };
        let in_table = mark.map_or(0, |mark| mark.checkpointed);
        let health = Arc::new(Health::new());
        let archiver = archive.map(|archive| {
            let (disk, health) = (Arc::clone(&disk), Arc::clone(&health));
            let journal = ArchivedJournal { disk, store: journal.store(), step, health };
            Archiver::new(archive, journal, in_table)
        });
        let archiver = archiver.transpose().map_err(EngineError::Io)?.map(Arc::new);
        // A process that ends again and again before its first checkpoint leaves more each time.
        let is_much = 2 * pace.memtable_bytes < closed.memtable.bytes();
        let core = Arc::new(Core {
            view: ReadView::new(table, memtables),
            disk,
            group_commit: GroupCommit::new(journal.file()),
            store: journal.store(),
            archiver,
            checkpointed: Mutex::new(in_table),
            journal: Mutex::new(journal),
            progress: CheckpointProgress::new(closed.clone(), pace),
            health,
            snapshots: SnapshotRequest::new(),
        });
        // The table has to know of the journal before anything is written to it.
        if (mark.is_none() || is_much)
            && let Err(error) = core.checkpoint(&closed)
        {
            // As in `drop`: dropping the table may block forever.
            mem::forget(core);
            return Err(error);
        }
        let running = Arc::clone(&core);
        let checkpointer = start("checkpointer", move || running.run_checkpointer())?;
        let (checkpointer, archiver) = (Mutex::new(Some(checkpointer)), Mutex::new(None));
        let engine = Journaled { core, checkpointer, archiver };
        engine.start_archiver()?;
        Ok(engine)
    }

    /// The thread has nothing of the table, which an archive that hangs must not keep open.
    fn start_archiver(&self) -> Result<(), EngineError> {
        if let Some(archiver) = &self.core.archiver {
            let running = Arc::clone(archiver);
            let thread = start("archiver", move || running.run())?;
            *self.archiver.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        }
        Ok(())
    }

    /// Ends the archiver. One that hangs in the archive is not waited for.
    fn stop_archiver(&self) {
        let thread = self.archiver.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(archiver), Some(thread)) = (&self.core.archiver, thread)
            && archiver.stop()
        {
            drop(thread.join());
        }
    }

    /// Waits for the checkpointer, which ends early, since what is not in the table is in the
    /// journal. Then notes in the table where the journal ends. No commit is accepted afterwards.
    /// An error loses nothing: what was confirmed is on disk, but the next start cannot rule out
    /// that the end of the journal was cut off.
    pub(crate) fn close(&self) -> Result<(), EngineError> {
        let running = self.checkpointer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(checkpointer) = running else { return Ok(()) };
        if !self.core.progress.stop() || self.core.health.is_poisoned() {
            // A table that failed may block forever on what it could not write.
            mem::forget(Arc::clone(&self.core));
            self.stop_archiver();
            return Err(EngineError::Poisoned);
        }
        drop(checkpointer.join());
        let noted = self.core.note_closed();
        match &noted {
            Ok(()) => self.core.health.close(),
            Err(error) => self.core.poison(FailedStep::Close, error),
        }
        self.stop_archiver();
        noted
    }
}

fn start(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, EngineError> {
    thread::Builder::new().name(name.into()).spawn(run).map_err(EngineError::Io)
}

/// What a table notes about its journal. A table that notes nothing is one without data, or it has
/// the journal of a version before tables noted it, which left a file in each case.
fn known_mark(table: &dyn Table, disk: &dyn Disk) -> Result<Option<Mark>, EngineError> {
    let mark = table.mark()?;
    if mark.is_none() && journal::generations(disk).map_err(EngineError::Io)?.is_empty() {
        let (prefix, after, order) = (Vec::new(), None, Order::Ascending);
        if !table.scan(&Scan { prefix, after, order, limit: 1 })?.is_empty() {
            return Err(EngineError::Damaged("the journal is missing".to_owned()));
        }
    }
    Ok(mark)
}

impl Drop for Journaled {
    /// As [`Journaled::close`], which logs its error.
    fn drop(&mut self) {
        drop(self.close());
    }
}

impl Core {
    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn checkpointed(&self) -> MutexGuard<'_, u64> {
        self.checkpointed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the table notes when it has all changes up to this generation.
    fn mark(&self, checkpointed: u64, closed: Option<JournalEnd>) -> Mark {
        Mark { store: self.store, checkpointed, closed }
    }

    /// Notes in the table where the journal ends, so that a later start knows whether all of it is
    /// there. Without that note the end of the journal may be one that was cut off by a crash.
    fn note_closed(&self) -> Result<(), EngineError> {
        self.sync()?;
        // One lock after the other: a snapshot takes them in the other order.
        let end = self.journal().end();
        let checkpointed = *self.checkpointed();
        self.view.table.flush(&self.mark(checkpointed, Some(end)))
    }

    /// Commits a batch. After an error nothing, or all, of the batch may be visible and survive.
    fn commit(&self, batch: Vec<Write>, durability: Durability) -> Result<(), EngineError> {
        self.health.require()?;
        self.keep_pace()?;
        let position = self.append(batch)?;
        match durability {
            Durability::Flushed => self.wait_until_durable(position),
            Durability::Relaxed => Ok(()),
        }
    }

    /// Waits while the checkpoint is behind.
    fn keep_pace(&self) -> Result<(), EngineError> {
        if self.progress.is_behind() {
            // Relaxed commits that were made before become durable meanwhile.
            self.sync()?;
            let kept = self.progress.keep_pace(&self.health);
            kept.inspect_err(|error| self.poison(FailedStep::WaitForCheckpoint, error))?;
        }
        Ok(())
    }

    /// Appends a batch to the journal, and makes it visible. Returns its position in the journal.
    fn append(&self, batch: Vec<Write>) -> Result<u64, EngineError> {
        let mut journal = self.journal();
        self.health.require()?;
        journal.note_durable(self.group_commit.durable());
        if self.checked(FailedStep::Append, journal.prepare(&batch))? {
            self.wait_until_durable(journal.position())?;
            journal.note_durable(self.group_commit.durable());
            self.checked(FailedStep::GrowFile, journal.grow())?;
        }
        self.checked(FailedStep::Append, journal.append())?;
        let position = journal.position();
        self.group_commit.note_appended(position);
        let in_memory = {
            let mut memtables = self.view.memtables_mut();
            memtables.open.apply(batch);
            memtables.open.bytes()
        };
        // A key that is written over and over is in memory once, and in the journal each time.
        let in_journal = usize::try_from(journal.bytes()).unwrap_or(usize::MAX);
        if self.progress.note_open(in_memory.max(in_journal / limits::JOURNAL_FACTOR)) {
            self.close_memtable(&mut journal)?;
        }
        Ok(position)
    }

    /// Closes the open memtable, and begins the next generation of the journal.
    fn close_memtable(&self, journal: &mut Journal) -> Result<(), EngineError> {
        let generation = journal.generation();
        self.wait_until_durable(journal.position())?;
        journal.note_durable(self.group_commit.durable());
        self.checked(FailedStep::BeginFile, journal.begin_next())?;
        self.group_commit.note_file(journal.file());
        let memtable = self.view.memtables_mut().close();
        let journal_end = journal.end_before();
        self.progress.close(Closed { generation, journal_end, memtable });
        Ok(())
    }

    fn wait_until_durable(&self, position: u64) -> Result<(), EngineError> {
        let waited = self.group_commit.wait(position, &self.health);
        waited.inspect_err(|_| self.progress.wake())
    }

    /// Makes every commit durable that was made before.
    fn sync(&self) -> Result<(), EngineError> {
        self.health.require()?;
        let waited = self.group_commit.wait_for_all(&self.health);
        waited.inspect_err(|_| self.progress.wake())
    }

    fn checked<T>(&self, step: FailedStep, result: io::Result<T>) -> Result<T, EngineError> {
        let result = result.map_err(EngineError::Io);
        result.inspect_err(|error| self.poison(step, error))
    }

    fn poison(&self, step: FailedStep, error: &EngineError) {
        self.health.poison(step, error);
        self.progress.wake();
    }

    fn bytes(&self) -> Result<u64, EngineError> {
        let journal = self.disk.bytes().map_err(EngineError::Io)?;
        Ok(self.view.table.bytes()? + journal)
    }

    fn is_writable(&self) -> bool {
        !self.health.is_poisoned()
    }

    /// Takes no lock that is held while a thread waits for the disk.
    fn status(&self) -> EngineStatus {
        EngineStatus {
            unsynced_commits: self.group_commit.unsynced(),
            cache: self.view.table.cache(),
            unarchived_files: self.archiver.as_ref().map_or(0, |archiver| archiver.late_files()),
            ..self.progress.status()
        }
    }
}
