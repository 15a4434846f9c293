//! A table in redb. Nothing else names redb.

use std::{
    fs, io,
    ops::Bound,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError, RwLock, atomic::AtomicU64, atomic::Ordering},
};

use redb::{
    Database, DatabaseError, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition,
    WriteTransaction,
};

use crate::{
    EngineError, Key, Order, Scan, Value,
    journaled::{Change, Table},
};

/// All keys are in one table.
const ENTRIES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("entries");

/// The name of the file.
const FILE: &str = "table.redb";

type Snapshot = std::sync::Arc<ReadOnlyTable<&'static [u8], &'static [u8]>>;

/// One file, which is changed by whole transactions.
pub(crate) struct RedbTable {
    /// What was put and not flushed.
    transaction: Mutex<Option<WriteTransaction>>,
    /// What readers see: what the last flush has left.
    snapshot: RwLock<Snapshot>,
    db: Database,
    bytes: AtomicU64,
    path: std::path::PathBuf,
}

impl RedbTable {
    /// Whether a directory holds a table of this kind.
    pub(crate) fn is_in(directory: &Path) -> bool {
        directory.join(FILE).exists()
    }

    pub(crate) fn open(directory: &Path, cache_bytes: u64) -> Result<RedbTable, EngineError> {
        fs::create_dir_all(directory).map_err(EngineError::Io)?;
        let path = directory.join(FILE);
        let cache_bytes = usize::try_from(cache_bytes).unwrap_or(usize::MAX);
        let mut builder = Database::builder();
        let db = builder.set_cache_size(cache_bytes).create(&path).map_err(opening)?;
        let transaction = db.begin_write().map_err(failed)?;
        transaction.open_table(ENTRIES).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        let snapshot = RwLock::new(snapshot(&db)?);
        let bytes = AtomicU64::new(0);
        Ok(RedbTable { transaction: Mutex::new(None), snapshot, db, bytes, path })
    }

    fn snapshot(&self) -> Snapshot {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn transaction(&self) -> MutexGuard<'_, Option<WriteTransaction>> {
        self.transaction.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn snapshot(db: &Database) -> Result<Snapshot, EngineError> {
    let reading = db.begin_read().map_err(failed)?;
    reading.open_table(ENTRIES).map(Snapshot::new).map_err(failed)
}

impl Table for RedbTable {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, EngineError> {
        let snapshot = self.snapshot();
        let value = ReadableTable::get(&*snapshot, key).map_err(failed)?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Value)>, EngineError> {
        let Some((start, end)) = scan.range() else { return Ok(Vec::new()) };
        let bound = |bound: &Bound<Key>| -> Bound<Key> { bound.clone() };
        let (start, end) = (bound(&start), bound(&end));
        let range = (start.as_ref().map(Vec::as_slice), end.as_ref().map(Vec::as_slice));
        let snapshot = self.snapshot();
        let entries = ReadableTable::range::<&[u8]>(&*snapshot, range).map_err(failed)?;
        let owned = |entry: Result<
            (redb::AccessGuard<'_, &[u8]>, redb::AccessGuard<'_, &[u8]>),
            redb::StorageError,
        >| {
            entry.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())).map_err(failed)
        };
        match scan.order {
            Order::Ascending => entries.take(scan.limit).map(owned).collect(),
            Order::Descending => entries.rev().take(scan.limit).map(owned).collect(),
        }
    }

    fn put(&self, changes: &[Change<'_>]) -> Result<(), EngineError> {
        let mut current = self.transaction();
        let transaction = match &mut *current {
            Some(transaction) => transaction,
            none => none.insert(self.db.begin_write().map_err(failed)?),
        };
        let mut entries = transaction.open_table(ENTRIES).map_err(failed)?;
        for &(key, value) in changes {
            match value {
                Some(value) => {
                    drop(entries.insert(key.as_slice(), value.as_slice()).map_err(failed)?)
                }
                None => drop(entries.remove(key.as_slice()).map_err(failed)?),
            }
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), EngineError> {
        let Some(mut transaction) = self.transaction().take() else { return Ok(()) };
        // The next start need not read the whole file, whatever ends this process.
        transaction.set_quick_repair(true);
        transaction.commit().map_err(failed)?;
        let next = snapshot(&self.db)?;
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    fn bytes(&self) -> Result<u64, EngineError> {
        let bytes = fs::metadata(&self.path).map_err(EngineError::Io)?.len();
        self.bytes.store(bytes, Ordering::Relaxed);
        Ok(bytes)
    }
}

fn opening(error: DatabaseError) -> EngineError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => EngineError::InUse,
        error => failed(error),
    }
}

fn failed(error: impl Into<redb::Error>) -> EngineError {
    match error.into() {
        redb::Error::Io(error) => EngineError::Io(error),
        error @ redb::Error::Corrupted(_) => EngineError::Damaged(error.to_string()),
        error => EngineError::Io(io::Error::other(error)),
    }
}
