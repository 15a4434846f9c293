//! An engine for reading alone, above a table and a journal that it leaves as they are.

use std::{fmt, fs::File, num::NonZeroU32, sync::Arc};

use super::{
    disk::{Directory, Disk},
    journal, known_mark,
    mark::JournalPosition,
    merged_view::Memtables,
    read_view::ReadView,
    table::{Table, TableReader},
};
use crate::{
    BoxFuture, Engine, EngineError, Key, Place, RangePage, Scan, Session, Value, blocking::blocking,
};

/// A database that was opened for reading: it changes no byte on the disk. No session can begin.
pub struct ReadOnlyEngine {
    pub(super) view: Arc<ReadView<dyn TableReader>>,
    position: Option<JournalPosition>,
    bytes: u64,
}

impl ReadOnlyEngine {
    /// Reads the journal in the directory of this name within `directory`, above `table`. What the
    /// table does not have of it is kept in memory.
    pub(crate) fn open(
        table: Box<dyn Table>,
        directory: File,
        name: &'static str,
    ) -> Result<ReadOnlyEngine, EngineError> {
        let disk = Directory::within(directory, name);
        let (mark, mut memtables) = (known_mark(&*table, &disk)?, Memtables::default());
        let found = |batch| memtables.open.apply(batch);
        let position = journal::read(&disk, table.name(), mark.as_ref(), found)?;
        let bytes = table.bytes()? + disk.bytes().map_err(EngineError::Io)?;
        let view = ReadView::<dyn TableReader>::new(table, memtables);
        Ok(ReadOnlyEngine { view: Arc::new(view), position, bytes })
    }

    /// An engine for reading a table that has all changes up to this position.
    pub(super) fn from_snapshot(
        table: Box<dyn TableReader>,
        position: JournalPosition,
        bytes: u64,
    ) -> ReadOnlyEngine {
        let view = ReadView::new(table, Memtables::default());
        ReadOnlyEngine { view: Arc::new(view), position: Some(position), bytes }
    }

    /// How far in the journal the data go. `None` in a store of a version before tables noted
    /// anything about their journal.
    pub fn position(&self) -> Option<JournalPosition> {
        self.position
    }
}

impl Engine for ReadOnlyEngine {
    fn places(&self) -> NonZeroU32 {
        NonZeroU32::MIN
    }

    fn begin(&self, _: Place) -> BoxFuture<'_, Result<Box<dyn Session>, EngineError>> {
        Box::pin(std::future::ready(Err(EngineError::ReadOnly)))
    }

    fn read(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>> {
        let view = Arc::clone(&self.view);
        Box::pin(blocking(move || view.complete(&keys, view.lookup(&keys))))
    }

    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>> {
        let view = Arc::clone(&self.view);
        Box::pin(blocking(move || view.scan(&scan)))
    }

    fn scan_page(&self, scan: Scan, bytes: usize) -> BoxFuture<'_, Result<RangePage, EngineError>> {
        let view = Arc::clone(&self.view);
        Box::pin(blocking(move || view.scan_page(&scan, bytes)))
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        Box::pin(std::future::ready(Ok(self.bytes)))
    }

    fn is_writable(&self) -> bool {
        false
    }
}

impl fmt::Debug for ReadOnlyEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadOnlyEngine(…)")
    }
}
