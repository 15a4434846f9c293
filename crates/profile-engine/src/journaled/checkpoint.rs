//! The checkpointer: puts closed memtables into the table, and retires their files of the journal.

use super::{Core, failure::FailedStep, journal, memtable::change_bytes, progress::Closed};
use crate::{EngineError, limits};

impl Core {
    /// Checkpoints one memtable after the other, until told to stop or until a write fails.
    pub(super) fn run_checkpointer(&self) {
        let running = self.progress.running(&self.health);
        while let Some(closed) = self.progress.next() {
            if let Err(error) = self.checkpoint(&closed) {
                self.poison(FailedStep::Checkpoint, &error);
                break;
            }
        }
        drop(running);
    }

    /// Puts the changes of a memtable into the table, in the order of their keys, and then drops
    /// the memtable and its file of the journal. Returns early, with nothing dropped, if told to
    /// stop.
    pub(super) fn checkpoint(
        &self,
        Closed { generation, memtable }: &Closed,
    ) -> Result<(), EngineError> {
        let (mut put, mut reported, mut flushed) = (0, 0, 0);
        for (key, value) in memtable.iter() {
            self.table.put(key, value.as_deref())?;
            put += change_bytes(key.len(), value.as_deref());
            if limits::PROGRESS_BYTES <= put - reported {
                reported = put;
                if self.progress.advance(put).is_break() {
                    return Ok(());
                }
            }
            if limits::UNFLUSHED_BYTES <= put - flushed {
                flushed = put;
                self.table.flush()?;
            }
        }
        self.table.flush()?;
        journal::retire(&*self.disk, *generation).map_err(EngineError::Io)?;
        let dropped = self.memtables_mut().closed.take();
        self.progress.finish();
        // Freeing many entries takes long enough to be done outside of the lock.
        drop(dropped);
        Ok(())
    }
}
