//! What readers see: the memtables above the table.

use std::sync::PoisonError;

use super::{
    merged_view::{Lookup, Memtables},
    range_chunk::{RangeChunk, merged},
    table::TableReader,
};
use crate::{
    EngineError, Key, RangePage, Scan, Value, limits,
    range::PageRoom,
    sync::{RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// A table, and the changes that it does not have yet.
pub(super) struct ReadView<T: TableReader + ?Sized> {
    pub(super) table: Box<T>,
    memtables: RwLock<Memtables>,
}

impl<T: TableReader + ?Sized> ReadView<T> {
    pub(super) fn new(table: Box<T>, memtables: Memtables) -> ReadView<T> {
        ReadView { table, memtables: RwLock::new(memtables) }
    }

    pub(super) fn memtables(&self) -> RwLockReadGuard<'_, Memtables> {
        self.memtables.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn memtables_mut(&self) -> RwLockWriteGuard<'_, Memtables> {
        self.memtables.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the memtables know of each key.
    pub(super) fn lookup(&self, keys: &[Key]) -> Vec<Lookup> {
        let memtables = self.memtables();
        keys.iter().map(|key| memtables.lookup(key)).collect()
    }

    /// The values of keys, from the memtables or else from the table. The memtables must be read
    /// first: a change that is dropped from them meanwhile is in the table by then.
    pub(super) fn complete(
        &self,
        keys: &[Key],
        found: Vec<Lookup>,
    ) -> Result<Vec<Option<Value>>, EngineError> {
        let value = |(key, found): (&Key, Lookup)| match found {
            Lookup::Changed(value) => Ok(value),
            Lookup::InTable => self.table.get(key),
        };
        keys.iter().zip(found).map(value).collect()
    }

    pub(super) fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Value)>, EngineError> {
        if scan.limit == 0 {
            return Ok(Vec::new());
        }
        Ok(self.scan_page(scan, usize::MAX)?.entries)
    }

    pub(super) fn scan_page(&self, scan: &Scan, bytes: usize) -> Result<RangePage, EngineError> {
        let (mut page, mut room) = (RangePage::default(), PageRoom::of(scan, bytes));
        let mut rest = scan.clone();
        loop {
            let above = self.memtables().chunk(&rest, room, limits::SCANNED_REMOVALS);
            // As many more as the changes above may remove.
            let limit = room.entries.saturating_add(above.removals());
            let below = self.table.scan_page(&Scan { limit, ..rest.clone() }, room.bytes)?;
            let RangeChunk { changes, until } = merged(below.into(), above, scan.order);
            for (key, value) in changes {
                if let Some(value) = value
                    && page.push_is_last((key, value), &mut room)
                {
                    return Ok(page);
                }
            }
            if until.is_none() {
                return Ok(page);
            }
            rest.after = until;
        }
    }
}
