//! The checkpointer: puts closed memtables into the table, and retires their files of the journal.

use super::{
    Core, failure::FailedStep, journal, memtable::change_bytes, progress::Closed,
    table::TableChange,
};
use crate::{EngineError, Key, Value, limits};

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
    /// the memtable, and retires its file of the journal. Returns early, with nothing dropped, if
    /// told to stop.
    pub(super) fn checkpoint(
        &self,
        Closed { generation, journal_end, memtable }: &Closed,
    ) -> Result<(), EngineError> {
        let mut changes = memtable.iter().peekable();
        let mut put = 0;
        while changes.peek().is_some() {
            let (chunk, bytes) = next_chunk(&mut changes);
            self.view.table.put(&chunk)?;
            put += bytes;
            if self.progress.advance(put).is_break() {
                return Ok(());
            }
        }
        self.view.table.flush(&self.mark(*generation, None))?;
        *self.checkpointed() = *generation;
        self.retire(*generation, *journal_end)?;
        self.take_wanted_snapshot(*generation);
        let dropped = self.view.memtables_mut().closed.take();
        self.progress.finish();
        // Freeing many entries takes long enough to be done outside of the lock.
        drop(dropped);
        Ok(())
    }

    /// Lets a later generation use the files up to this one, or passes them on to the archiver,
    /// which does so.
    fn retire(&self, generation: u64, journal_end: u64) -> Result<(), EngineError> {
        if let Some(archiver) = &self.archiver {
            archiver.note_checkpointed(generation);
            return Ok(());
        }
        let step = self.progress.journal_step();
        journal::retire(&*self.disk, generation, journal_end, step).map_err(EngineError::Io)
    }
}

/// The next changes, of at least [`limits::PROGRESS_BYTES`] or the rest of them, and their bytes.
fn next_chunk<'m>(
    changes: &mut impl Iterator<Item = (&'m Key, &'m Option<Value>)>,
) -> (Vec<TableChange<'m>>, usize) {
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    for (key, value) in changes {
        bytes += change_bytes(key.len(), value.as_deref());
        chunk.push((key, value.as_ref()));
        if limits::PROGRESS_BYTES <= bytes {
            break;
        }
    }
    (chunk, bytes)
}
