//! Where a caller that wants a snapshot, and the checkpointer that takes it, meet.

use std::sync::PoisonError;

use super::table::TableReader;
use crate::sync::{Mutex, MutexGuard};

/// The snapshot that a caller waits for. There is one at most.
pub(super) struct SnapshotRequest {
    /// Held by the caller.
    pub(super) caller: Mutex<()>,
    slot: Mutex<SnapshotSlot>,
}

pub(super) enum SnapshotSlot {
    Unused,
    /// A snapshot that has all changes of this generation is wanted.
    Wanted(u64),
    /// The table, if its kind can be read so, and the newest generation that it has.
    Taken(Option<Box<dyn TableReader>>, u64),
}

impl SnapshotRequest {
    pub(super) fn new() -> SnapshotRequest {
        SnapshotRequest { caller: Mutex::new(()), slot: Mutex::new(SnapshotSlot::Unused) }
    }

    pub(super) fn slot(&self) -> MutexGuard<'_, SnapshotSlot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
