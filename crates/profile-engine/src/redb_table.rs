//! A table in redb. Nothing else names redb.

use std::{
    fmt::Display,
    fs::File,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use redb::{
    AccessGuard, Database, DatabaseError, ReadOnlyTable, ReadableDatabase, ReadableTable,
    StorageBackend, StorageError, TableDefinition, WriteTransaction, backends::FileBackend,
};

use crate::{
    CacheStatus, EngineError, Order, RangePage, Scan, Value,
    journaled::{Mark, Table, TableChange, TableReader},
    limits,
    range::PageRoom,
    scratch_backend::ScratchBackend,
    stepwise_backend::StepwiseBackend,
};

/// All keys are in one table.
const ENTRIES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("entries");

/// The table that has the mark, and the key under which it has it.
const MARKS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("journal");
const MARK: &[u8] = b"mark";

/// The name of the file.
pub(crate) const FILE: &str = "table.redb";

/// A key and its value, as redb has them in memory.
type BorrowedEntry<'a> = (AccessGuard<'a, &'static [u8]>, AccessGuard<'a, &'static [u8]>);

/// What a committed transaction has left. Its pages stay on disk for as long as it is held.
#[derive(Clone)]
struct RedbSnapshot(Arc<ReadOnlyTable<&'static [u8], &'static [u8]>>);

/// One file, which is changed by whole transactions.
pub(crate) struct RedbTable {
    /// What was put and is in no committed transaction.
    pending: Mutex<Option<PendingChanges>>,
    /// What readers see: what the last committed transaction has left.
    snapshot: RwLock<RedbSnapshot>,
    db: Database,
    file: File,
}

/// A transaction, and how much was changed in it.
struct PendingChanges {
    transaction: WriteTransaction,
    changes: usize,
    bytes: usize,
}

impl PendingChanges {
    fn begin(db: &Database) -> Result<PendingChanges, EngineError> {
        let transaction = db.begin_write().map_err(failed)?;
        Ok(PendingChanges { transaction, changes: 0, bytes: 0 })
    }

    fn put(&mut self, changes: &[TableChange<'_>]) -> Result<(), EngineError> {
        let mut entries = self.transaction.open_table(ENTRIES).map_err(failed)?;
        for &(key, value) in changes {
            match value {
                Some(value) => drop(entries.insert(&key[..], &value[..]).map_err(failed)?),
                None => drop(entries.remove(&key[..]).map_err(failed)?),
            }
            self.changes += 1;
            self.bytes += key.len() + value.map_or(0, Vec::len);
        }
        Ok(())
    }

    /// Whether the transaction is to be committed before more is put.
    fn is_full(&self) -> bool {
        limits::TRANSACTION_CHANGES <= self.changes || limits::TRANSACTION_BYTES <= self.bytes
    }
}

impl RedbTable {
    /// Creates a table in an empty file.
    pub(crate) fn create(file: File, cache_bytes: u64) -> Result<RedbTable, EngineError> {
        let measured = file.try_clone().map_err(EngineError::Io)?;
        let backend = StepwiseBackend::new(FileBackend::new(file).map_err(opening)?);
        RedbTable::open_on(backend, measured, cache_bytes)
    }

    /// Opens the table in a file.
    pub(crate) fn open(file: File, cache_bytes: u64) -> Result<RedbTable, EngineError> {
        require_content(&file)?;
        RedbTable::create(file, cache_bytes)
    }

    /// Opens the table in a file, and keeps in memory what is written to it.
    pub(crate) fn open_read_only(file: File, cache_bytes: u64) -> Result<RedbTable, EngineError> {
        require_content(&file)?;
        let measured = file.try_clone().map_err(EngineError::Io)?;
        let backend = ScratchBackend::new(file).map_err(EngineError::Io)?;
        RedbTable::open_on(backend, measured, cache_bytes)
    }

    fn open_on(
        backend: impl StorageBackend,
        file: File,
        cache_bytes: u64,
    ) -> Result<RedbTable, EngineError> {
        let cache_bytes = usize::try_from(cache_bytes).unwrap_or(usize::MAX);
        let mut builder = Database::builder();
        let db = builder.set_cache_size(cache_bytes).create_with_backend(backend);
        let db = db.map_err(opening)?;
        let transaction = db.begin_write().map_err(failed)?;
        transaction.open_table(ENTRIES).map_err(failed)?;
        transaction.open_table(MARKS).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        let snapshot = RwLock::new(snapshot(&db)?);
        Ok(RedbTable { pending: Mutex::new(None), snapshot, db, file })
    }

    fn current(&self) -> RedbSnapshot {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn pending(&self) -> MutexGuard<'_, Option<PendingChanges>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits, and lets readers see the result. The pages that the transaction replaced can be
    /// used again from the next one on, unless a reader still has them.
    fn commit(&self, mut transaction: WriteTransaction) -> Result<(), EngineError> {
        // The next start need not read the whole file, whatever ends this process.
        transaction.set_quick_repair(true);
        transaction.commit().map_err(failed)?;
        let next = snapshot(&self.db)?;
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }
}

/// redb takes an empty file for a new table.
fn require_content(file: &File) -> Result<(), EngineError> {
    match file.metadata().map_err(EngineError::Io)?.len() {
        0 => Err(EngineError::Damaged(format!("{FILE} is empty"))),
        _ => Ok(()),
    }
}

fn snapshot(db: &Database) -> Result<RedbSnapshot, EngineError> {
    let reading = db.begin_read().map_err(failed)?;
    let entries = reading.open_table(ENTRIES).map_err(failed)?;
    Ok(RedbSnapshot(Arc::new(entries)))
}

impl TableReader for RedbSnapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, EngineError> {
        let value = ReadableTable::get(&*self.0, key).map_err(failed)?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    fn scan_page(&self, scan: &Scan, bytes: usize) -> Result<RangePage, EngineError> {
        let Some((start, end)) = scan.range() else { return Ok(RangePage::default()) };
        let range = (start.as_ref().map(Vec::as_slice), end.as_ref().map(Vec::as_slice));
        let entries = ReadableTable::range::<&[u8]>(&*self.0, range).map_err(failed)?;
        let owned = |entry: Result<BorrowedEntry<'_>, StorageError>| {
            entry.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())).map_err(failed)
        };
        let room = PageRoom::of(scan, bytes);
        match scan.order {
            Order::Ascending => RangePage::first_of(entries.map(owned), room),
            Order::Descending => RangePage::first_of(entries.rev().map(owned), room),
        }
    }
}

impl TableReader for RedbTable {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, EngineError> {
        self.current().get(key)
    }

    fn scan_page(&self, scan: &Scan, bytes: usize) -> Result<RangePage, EngineError> {
        self.current().scan_page(scan, bytes)
    }
}

impl Table for RedbTable {
    fn name(&self) -> &'static str {
        FILE
    }

    fn put(&self, changes: &[TableChange<'_>]) -> Result<(), EngineError> {
        let mut current = self.pending();
        let mut pending = match current.take() {
            Some(pending) => pending,
            None => PendingChanges::begin(&self.db)?,
        };
        pending.put(changes)?;
        if pending.is_full() {
            return self.commit(pending.transaction);
        }
        *current = Some(pending);
        Ok(())
    }

    fn flush(&self, mark: &Mark) -> Result<(), EngineError> {
        let pending = match self.pending().take() {
            Some(pending) => pending,
            None => PendingChanges::begin(&self.db)?,
        };
        let mut marks = pending.transaction.open_table(MARKS).map_err(failed)?;
        marks.insert(MARK, mark.encode().as_slice()).map_err(failed)?;
        drop(marks);
        self.commit(pending.transaction)
    }

    fn mark(&self) -> Result<Option<Mark>, EngineError> {
        let reading = self.db.begin_read().map_err(failed)?;
        let marks = reading.open_table(MARKS).map_err(failed)?;
        let Some(bytes) = ReadableTable::get(&marks, MARK).map_err(failed)? else {
            return Ok(None);
        };
        let mark = Mark::decode(bytes.value());
        mark.map(Some).ok_or_else(|| EngineError::Damaged(format!("{FILE} has no valid mark")))
    }

    fn snapshot(&self) -> Option<Box<dyn TableReader>> {
        Some(Box::new(self.current()))
    }

    fn bytes(&self) -> Result<u64, EngineError> {
        Ok(self.file.metadata().map_err(EngineError::Io)?.len())
    }

    fn cache(&self) -> CacheStatus {
        let counts = self.db.cache_stats();
        CacheStatus {
            bytes: counts.used_bytes() as u64,
            hits: counts.read_hits(),
            misses: counts.read_misses(),
            evictions: counts.evictions(),
        }
    }
}

fn opening(error: DatabaseError) -> EngineError {
    if matches!(error, DatabaseError::DatabaseAlreadyOpen) {
        EngineError::InUse
    } else {
        failed(error)
    }
}

fn failed(error: impl Into<redb::Error>) -> EngineError {
    let error = error.into();
    if is_damage(&error) {
        return damaged(error);
    }
    EngineError::Io(if let redb::Error::Io(error) = error {
        error
    } else {
        io::Error::other(error)
    })
}

/// Whether the file is not one that this version of redb has written.
fn is_damage(error: &redb::Error) -> bool {
    if let redb::Error::Io(error) = error {
        // Another file, or one of which a part is missing.
        return matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof);
    }
    matches!(
        error,
        redb::Error::Corrupted(_)
            | redb::Error::UpgradeRequired(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. }
    )
}

fn damaged(error: impl Display) -> EngineError {
    EngineError::Damaged(format!("{FILE}: {error}"))
}

#[cfg(test)]
#[cfg(not(feature = "model-check"))]
mod tests;
