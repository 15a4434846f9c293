//! Snapshots: the table at the moment at which it has all changes up to the end of a generation,
//! and no later ones.
//!
//! The checkpointer takes a snapshot between two memtables, so commits go on meanwhile.

use std::{fmt, mem, sync::PoisonError};

use super::{
    Core, mark::JournalPosition, read_only::ReadOnlyEngine, snapshot_request::SnapshotSlot,
    table::TableReader,
};
use crate::EngineError;

/// All data of an engine as they were at one moment. For as long as it is held, what is removed or
/// replaced meanwhile stays on the disk.
pub struct EngineSnapshot {
    /// Reads the data.
    pub engine: ReadOnlyEngine,
    /// How far in the journal the snapshot goes.
    pub position: JournalPosition,
}

impl fmt::Debug for EngineSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineSnapshot").field("position", &self.position).finish_non_exhaustive()
    }
}

/// What the archive of the journal has to have for every commit that was confirmed before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ArchiveEnd {
    /// Where the archive ends then.
    pub position: JournalPosition,
    /// Whether it has everything up to there.
    pub is_archived: bool,
}

impl Core {
    /// A snapshot that has every commit that was confirmed before. `None` if tables of this kind
    /// have no snapshots. Waits for a checkpoint.
    pub(super) fn snapshot(&self) -> Result<Option<EngineSnapshot>, EngineError> {
        let (table, position) = self.checkpoint_all()?;
        let Some(table) = table else { return Ok(None) };
        let engine = ReadOnlyEngine::from_snapshot(table, position, self.view.table.bytes()?);
        Ok(Some(EngineSnapshot { engine, position }))
    }

    /// Waits until the files of every commit that was confirmed before are in the archive, or
    /// cannot be put there now.
    pub(super) fn archive_all(&self) -> Result<ArchiveEnd, EngineError> {
        if let Some(archiver) = &self.archiver {
            archiver.try_again();
        }
        let (_, position) = self.checkpoint_all()?;
        let is_archived = self
            .archiver
            .as_ref()
            .is_some_and(|archiver| archiver.wait_for(position.generation.saturating_sub(1)));
        Ok(ArchiveEnd { position, is_archived })
    }

    /// The table once it has every commit that was confirmed before, and its position.
    fn checkpoint_all(
        &self,
    ) -> Result<(Option<Box<dyn TableReader>>, JournalPosition), EngineError> {
        let caller = self.snapshots.caller.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = {
            let journal = self.journal();
            journal.generation() - u64::from(journal.bytes() == 0)
        };
        *self.snapshots.slot() = SnapshotSlot::Wanted(wanted);
        let taken = self.wait_for_snapshot(wanted);
        *self.snapshots.slot() = SnapshotSlot::Unused;
        drop(caller);
        let (table, generation) = taken?;
        Ok((table, JournalPosition::after_generation(self.store, generation)))
    }

    fn wait_for_snapshot(
        &self,
        wanted: u64,
    ) -> Result<(Option<Box<dyn TableReader>>, u64), EngineError> {
        loop {
            let finished = self.progress.status().checkpoints;
            self.advance_to(wanted)?;
            let slot = mem::replace(&mut *self.snapshots.slot(), SnapshotSlot::Wanted(wanted));
            if let SnapshotSlot::Taken(table, generation) = slot {
                return Ok((table, generation));
            }
            self.progress.wait_for_finish(finished, &self.health)?;
        }
    }

    /// Unless a checkpoint is under way: begins that of the wanted generation, or takes the
    /// snapshot if the table has the generation already.
    fn advance_to(&self, wanted: u64) -> Result<(), EngineError> {
        // No memtable is closed while this is held, so nothing is put into the table.
        let mut journal = self.journal();
        self.health.require()?;
        if self.progress.is_stopping() {
            return Err(EngineError::Poisoned);
        }
        if !self.progress.is_idle() {
            return Ok(());
        }
        let checkpointed = *self.checkpointed();
        if checkpointed < wanted {
            self.close_memtable(&mut journal)
        } else {
            self.take_wanted_snapshot(checkpointed);
            Ok(())
        }
    }

    /// Takes the snapshot that a caller waits for, if any. The table has all changes up to this
    /// generation, and no others.
    pub(super) fn take_wanted_snapshot(&self, generation: u64) {
        let mut slot = self.snapshots.slot();
        if matches!(&*slot, SnapshotSlot::Wanted(wanted) if *wanted <= generation) {
            *slot = SnapshotSlot::Taken(self.view.table.snapshot(), generation);
        }
    }
}
