//! Group commit: many commits become durable by one `fdatasync`.
//!
//! A commit appends its record under the lock of the journal, and then waits here. If no sync is
//! running, the waiting thread becomes the leader: it syncs the file, outside of all locks, so
//! that other commits append meanwhile. The other threads are followers: they wait until the sync
//! ends. Then every commit that the sync covered returns, and one of the rest leads the next sync.
//!
//! At most one sync runs at a time. This is necessary for correctness: the kernel reports a failed
//! write-back to one `fdatasync` only, so a sync that runs beside a failing one may succeed
//! although data are lost.

use std::sync::{Arc, PoisonError};

use super::{
    disk::DiskFile,
    failure::{FailedStep, Health},
};
use crate::{
    EngineError,
    sync::{Condvar, Mutex, MutexGuard},
};

/// Which records of the journal are durable. Records are counted from the opening of the engine
/// on, through all files; a position is the number of records up to and including one record.
pub(super) struct GroupCommit {
    state: Mutex<SyncState>,
    sync_ended: Condvar,
}

struct SyncState {
    /// The file that receives records. All records of earlier files are durable.
    file: Arc<dyn DiskFile>,
    /// Records that were appended.
    appended: u64,
    /// Records that are known to be on disk.
    durable: u64,
    is_syncing: bool,
}

impl GroupCommit {
    pub(super) fn new(file: Arc<dyn DiskFile>) -> GroupCommit {
        let state = SyncState { file, appended: 0, durable: 0, is_syncing: false };
        GroupCommit { state: Mutex::new(state), sync_ended: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, SyncState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that are known to be on disk.
    pub(super) fn durable(&self) -> u64 {
        self.state().durable
    }

    /// How many records were appended and are not known to be on disk.
    pub(super) fn unsynced(&self) -> u64 {
        let state = self.state();
        state.appended.saturating_sub(state.durable)
    }

    /// Notes that the records up to this position were appended. The caller holds the lock of the
    /// journal.
    pub(super) fn note_appended(&self, position: u64) {
        self.state().appended = position;
    }

    /// Notes that further records go to another file. The caller holds the lock of the journal, and
    /// has waited until all records are durable, so no sync of the earlier file is running.
    pub(super) fn note_file(&self, file: Arc<dyn DiskFile>) {
        self.state().file = file;
    }

    /// Waits until the records up to this position are durable.
    pub(super) fn wait(&self, position: u64, health: &Health) -> Result<(), EngineError> {
        self.wait_locked(self.state(), position, health)
    }

    /// Waits until every record that is appended now is durable.
    pub(super) fn wait_for_all(&self, health: &Health) -> Result<(), EngineError> {
        let state = self.state();
        let position = state.appended;
        self.wait_locked(state, position, health)
    }

    fn wait_locked<'a>(
        &'a self,
        mut state: MutexGuard<'a, SyncState>,
        position: u64,
        health: &Health,
    ) -> Result<(), EngineError> {
        while state.durable < position {
            state = if state.is_syncing {
                self.sync_ended.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                health.require()?;
                self.lead(state, health)?
            };
        }
        Ok(())
    }

    /// Syncs everything that is appended now.
    fn lead<'a>(
        &'a self,
        mut state: MutexGuard<'a, SyncState>,
        health: &Health,
    ) -> Result<MutexGuard<'a, SyncState>, EngineError> {
        state.is_syncing = true;
        let (file, covered) = (Arc::clone(&state.file), state.appended);
        drop(state);
        let synced = file.sync_data().map_err(EngineError::Io);
        if let Err(error) = &synced {
            // Before the sync counts as ended, so that no thread leads another one.
            health.poison(FailedStep::Sync, error);
        }
        let mut state = self.state();
        state.is_syncing = false;
        if synced.is_ok() {
            state.durable = covered;
        }
        self.sync_ended.notify_all();
        synced.map(|()| state)
    }
}
