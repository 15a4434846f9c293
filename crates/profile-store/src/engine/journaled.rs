//! Gives a table what an engine promises: batches that are all or nothing, and flushes
//! that take no longer than one write.
//!
//! A batch is written down in the journal and laid over the table in memory, which is all
//! that an answer waits for. Once enough has gathered the generation is closed, and a
//! thread of its own settles it: it puts its changes into the table, in the order of their
//! keys and each key once, flushes the table, and lets go of what the journal has of
//! them. After a crash the journal is read again, and counts for more than the table,
//! which may have any part of it already.

mod failure;
mod journal;
mod overlay;
mod settling;
mod table;
#[cfg(test)]
mod tests;

use std::{
    io, mem,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    thread::{self, JoinHandle},
};

use self::{
    journal::Journal,
    overlay::{Overlay, Stretch, merged, size},
    settling::{Closed, Settling},
};
use crate::{
    engine::{BoxFuture, Engine, EngineError, Key, Scan, Value, Write},
    limits,
};

pub(crate) use self::{settling::Pace, table::Table};

/// A table with a journal before it.
pub(crate) struct Journaled {
    shared: Arc<Shared>,
    settler: Option<JoinHandle<()>>,
}

/// What the thread that settles has in common with all others. Who takes several of its
/// locks takes them in this order.
struct Shared {
    table: Box<dyn Table>,
    directory: PathBuf,
    journal: Mutex<Journal>,
    overlay: RwLock<Overlay>,
    settling: Settling,
}

impl Journaled {
    /// Opens the journal in `directory`, and lays what it has over `table`.
    pub(crate) fn open(
        table: Box<dyn Table>,
        directory: &Path,
        pace: Pace,
    ) -> Result<Journaled, EngineError> {
        let mut overlay = Overlay::default();
        let journal = Journal::open(directory, |batch| overlay.open.make(batch))?;
        let closed = Closed { number: journal.generation() - 1, changes: overlay.close() };
        // A process that ends again and again before anything is settled leaves more
        // each time.
        let much = 2 * pace.generation_bytes < closed.changes.bytes();
        let shared = Arc::new(Shared {
            table,
            directory: directory.to_owned(),
            journal: Mutex::new(journal),
            overlay: RwLock::new(overlay),
            settling: Settling::of(closed.clone(), pace),
        });
        if much && let Err(error) = shared.settle(&closed) {
            // As when it is dropped: the table may wait for ever.
            mem::forget(shared);
            return Err(error);
        }
        let settling = Arc::clone(&shared);
        let settler = thread::Builder::new().name("settler".into());
        let settler = settler.spawn(move || settling.settle_all()).map_err(EngineError::Io)?;
        Ok(Journaled { shared, settler: Some(settler) })
    }
}

impl Drop for Journaled {
    /// Waits for the thread that settles, which goes no further: what is not in the
    /// table is in the journal.
    fn drop(&mut self) {
        if !self.shared.settling.stop() {
            // A table that failed may wait for ever for what it could not write.
            mem::forget(Arc::clone(&self.shared));
        } else if let Some(settler) = self.settler.take() {
            drop(settler.join());
        }
    }
}

impl Shared {
    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn overlay(&self) -> RwLockReadGuard<'_, Overlay> {
        self.overlay.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn overlay_mut(&self) -> RwLockWriteGuard<'_, Overlay> {
        self.overlay.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, EngineError> {
        // First what is newer: what is let go of there meanwhile is in the table by then.
        let newer: Vec<_> = {
            let overlay = self.overlay();
            keys.iter().map(|key| overlay.get(key).cloned()).collect()
        };
        let values = keys.iter().zip(newer);
        values.map(|(key, newer)| newer.map_or_else(|| self.table.get(key), Ok)).collect()
    }

    fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Value)>, EngineError> {
        let (mut found, mut rest) = (Vec::new(), scan.clone());
        while 0 < rest.limit {
            let above = self.overlay().stretch(&rest, limits::REMOVALS_SCANNED);
            // As many more as may turn out to be removed.
            let limit = rest.limit.saturating_add(above.removals());
            let below = self.table.scan(&Scan { limit, ..rest.clone() })?;
            let below = Stretch::of(below, limit);
            let Stretch { changes, until } = merged(below, above, scan.order);
            let entries = changes.into_iter().filter_map(|(key, value)| Some((key, value?)));
            found.extend(entries.take(rest.limit));
            if until.is_none() {
                break;
            }
            rest.limit = scan.limit - found.len();
            rest.after = until;
        }
        Ok(found)
    }

    fn apply(&self, batch: Vec<Write>) -> Result<(), EngineError> {
        if self.settling.is_behind()? {
            // What was applied before does not wait for its flush meanwhile.
            self.flush()?;
            let kept = self.settling.keep_pace();
            kept.inspect_err(|error| self.settling.fail(error))?;
        }
        let mut journal = self.journal();
        self.settling.require_health()?;
        self.written(journal.append(&batch))?;
        let in_memory = {
            let mut overlay = self.overlay_mut();
            overlay.open.make(batch);
            overlay.open.bytes()
        };
        // A key that is written over and over is in memory once, and in the journal
        // each time.
        let written = usize::try_from(journal.bytes()).unwrap_or(usize::MAX);
        let gathered = in_memory.max(written / limits::JOURNAL_TIMES);
        if self.settling.gathered(gathered) {
            let number = journal.generation();
            self.written(journal.begin_next())?;
            let changes = self.overlay_mut().close();
            self.settling.close(Closed { number, changes });
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), EngineError> {
        // Whoever fails says so before another may write.
        let mut journal = self.journal();
        self.settling.require_health()?;
        self.written(journal.sync())
    }

    /// After a write that failed nobody knows what is on the medium, so that there must be
    /// no other.
    fn written(&self, result: io::Result<()>) -> Result<(), EngineError> {
        let result = result.map_err(EngineError::Io);
        result.inspect_err(|error| self.settling.fail(error))
    }

    fn bytes(&self) -> Result<u64, EngineError> {
        let journal = journal::bytes(&self.directory).map_err(EngineError::Io)?;
        Ok(self.table.bytes()? + journal)
    }

    /// Settles one generation after the other, until told to stop.
    fn settle_all(&self) {
        let ending = self.settling.ending();
        while let Some(closed) = self.settling.next() {
            if let Err(error) = self.settle(&closed) {
                tracing::error!(%error, "what is in the journal could not be put into the table");
                self.settling.fail(&error);
                break;
            }
        }
        drop(ending);
    }

    /// Puts the changes of a generation into the table, and lets go of it; or ends
    /// before that, if it is told to.
    fn settle(&self, Closed { number, changes }: &Closed) -> Result<(), EngineError> {
        let (mut settled, mut told, mut flushed) = (0, 0, 0);
        for (key, value) in changes.iter() {
            self.table.put(key, value.as_deref())?;
            settled += size(key.len(), value.as_deref());
            if limits::SETTLED_BYTES <= settled - told {
                told = settled;
                if self.settling.tell(settled).is_break() {
                    return Ok(());
                }
            }
            if limits::UNFLUSHED_BYTES <= settled - flushed {
                flushed = settled;
                self.table.flush()?;
            }
        }
        self.table.flush()?;
        journal::retire(&self.directory, *number).map_err(EngineError::Io)?;
        let gone = self.overlay_mut().closed.take();
        self.settling.finish();
        drop(gone);
        Ok(())
    }
}

impl Engine for Journaled {
    fn read<'a>(
        &'a self,
        keys: &'a [Key],
    ) -> BoxFuture<'a, Result<Vec<Option<Value>>, EngineError>> {
        Box::pin(async { self.shared.read(keys) })
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<(Key, Value)>, EngineError>> {
        Box::pin(async { self.shared.scan(scan) })
    }

    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(async { self.shared.apply(batch) })
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(async { self.shared.flush() })
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        Box::pin(async { self.shared.bytes() })
    }
}
