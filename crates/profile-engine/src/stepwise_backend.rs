//! Storage for redb that makes what it writes durable in small steps.

use std::{
    io,
    ops::Bound,
    sync::atomic::{AtomicUsize, Ordering},
};

use redb::{BackendError, StorageBackend, backends::FileBackend};

use crate::limits;

/// A file. A commit of redb writes many pages and then syncs them at once, and a sync of the
/// journal would wait for all of them. So this backend syncs after every
/// [`limits::CHECKPOINT_STEP_BYTES`] that it wrote.
#[derive(Debug)]
pub(crate) struct StepwiseBackend {
    file: FileBackend,
    /// The bytes that were written since the last sync.
    unflushed: AtomicUsize,
}

impl StepwiseBackend {
    pub(crate) fn new(file: FileBackend) -> StepwiseBackend {
        StepwiseBackend { file, unflushed: AtomicUsize::new(0) }
    }
}

impl StorageBackend for StepwiseBackend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.unflushed.store(0, Ordering::Relaxed);
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(offset, data)?;
        let unflushed = self.unflushed.fetch_add(data.len(), Ordering::Relaxed) + data.len();
        if unflushed < limits::CHECKPOINT_STEP_BYTES { Ok(()) } else { self.sync_data() }
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
