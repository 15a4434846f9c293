//! A table in sled. Nothing else names sled.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use sled::{Db, IVec, Tree};
use tempfile::TempDir;

use crate::{
    EngineError, Key, Order, RangePage, Scan, Value,
    journaled::{Mark, Table, TableChange, TableReader},
    limits,
    range::PageRoom,
};

/// All keys are in one tree.
const TREE: &[u8] = b"profiles";

/// The tree that has the mark, and the key under which it has it.
const MARK_TREE: &[u8] = b"journal";
const MARK: &[u8] = b"mark";

/// How many times as much memory pages take as sled counts. sled counts their size on disk, while
/// it allocates their keys and values one by one, and it does not evict at once. A factor of up to
/// 1.5 was measured.
const CACHE_OVERHEAD: u64 = 2;

/// A sled database without a journal.
pub(crate) struct SledTable {
    db: Db,
    tree: Tree,
    /// Has the mark.
    marks: Tree,
    /// The file that holds sled's log. On Linux sled flushes it by `sync_file_range`, which leaves
    /// out the length of the file and the cache of the drive, so the table syncs it once more.
    log: File,
    /// The directory in which sled puts each value that is too large for its log, in a file.
    blobs: PathBuf,
    /// The files in it that are known to be on disk.
    synced: Mutex<HashSet<OsString>>,
    /// Bytes of changes that were put since the last flush.
    unflushed: AtomicUsize,
    /// Has the files, if they are a copy. Removed when the database is closed.
    _copy: Option<TempDir>,
}

/// The name of sled's log.
pub(crate) const LOG: &str = "db";

/// The directory of values that are too large for it.
const BLOBS: &str = "blobs";

impl SledTable {
    pub(crate) fn open(directory: &Path, cache_bytes: u64) -> Result<SledTable, EngineError> {
        let config = sled::Config::new()
            .path(directory)
            .cache_capacity(cache_bytes / CACHE_OVERHEAD)
            // The checkpointer flushes it.
            .flush_every_ms(None);
        let db = config.open().map_err(opening)?;
        let tree = db.open_tree(TREE).map_err(failed)?;
        let marks = db.open_tree(MARK_TREE).map_err(failed)?;
        let log = File::open(directory.join(LOG)).map_err(EngineError::Io)?;
        let (blobs, synced) = (directory.join(BLOBS), Mutex::default());
        let unflushed = AtomicUsize::new(0);
        Ok(SledTable { db, tree, marks, log, blobs, synced, unflushed, _copy: None })
    }

    /// Opens a copy of the table in a directory. The copy is in the directory for temporary files
    /// for as long as it is open.
    pub(crate) fn open_copy(directory: &Path, cache_bytes: u64) -> Result<SledTable, EngineError> {
        let copy = tempfile::tempdir().map_err(EngineError::Io)?;
        copy_files(directory, copy.path()).map_err(EngineError::Io)?;
        let blobs = directory.join(BLOBS);
        if blobs.is_dir() {
            let copied = copy.path().join(BLOBS);
            let created = fs::create_dir(&copied).and_then(|()| copy_files(&blobs, &copied));
            created.map_err(EngineError::Io)?;
        }
        let table = SledTable::open(copy.path(), cache_bytes)?;
        Ok(SledTable { _copy: Some(copy), ..table })
    }

    /// Returns once every change made before survives a crash.
    fn sync(&self) -> Result<(), EngineError> {
        self.unflushed.store(0, Ordering::Relaxed);
        self.db.flush().map_err(failed)?;
        // A blob must be on disk before the log refers to it.
        self.sync_blobs().and_then(|()| self.log.sync_data()).map_err(EngineError::Io)
    }

    /// Syncs the files that sled puts beside its log and does not sync.
    fn sync_blobs(&self) -> io::Result<()> {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut there, mut any) = (HashSet::new(), false);
        for entry in fs::read_dir(&self.blobs)? {
            let entry = entry?;
            if !synced.contains(&entry.file_name()) {
                match File::open(entry.path()) {
                    Ok(blob) => blob.sync_all()?,
                    // sled removed it meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                }
                any = true;
            }
            there.insert(entry.file_name());
        }
        *synced = there;
        if any { File::open(&self.blobs)?.sync_all() } else { Ok(()) }
    }
}

/// Copies the files of a directory, but not the directories in it.
fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            // Not `fs::copy`, which also copies that a file must not be written to.
            let mut copy = File::create(to.join(entry.file_name()))?;
            io::copy(&mut File::open(entry.path())?, &mut copy)?;
        }
    }
    Ok(())
}

impl TableReader for SledTable {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, EngineError> {
        Ok(self.tree.get(key).map_err(failed)?.map(|value| value.to_vec()))
    }

    fn scan_page(&self, scan: &Scan, bytes: usize) -> Result<RangePage, EngineError> {
        let Some(range) = scan.range() else { return Ok(RangePage::default()) };
        let entries = self.tree.range::<Key, _>(range);
        let owned = |entry: sled::Result<(IVec, IVec)>| {
            entry.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(failed)
        };
        let room = PageRoom::of(scan, bytes);
        match scan.order {
            Order::Ascending => RangePage::first_of(entries.map(owned), room),
            Order::Descending => RangePage::first_of(entries.rev().map(owned), room),
        }
    }
}

impl Table for SledTable {
    fn name(&self) -> &'static str {
        LOG
    }

    fn put(&self, changes: &[TableChange<'_>]) -> Result<(), EngineError> {
        let mut bytes = 0;
        for &(key, value) in changes {
            let before = match value {
                Some(value) => self.tree.insert(key, value.as_slice()),
                None => self.tree.remove(key),
            };
            before.map_err(failed)?;
            bytes += key.len() + value.map_or(0, Vec::len);
        }
        // Small flushes keep a sync of the journal from waiting behind a large one.
        let unflushed = self.unflushed.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if limits::UNFLUSHED_BYTES <= unflushed { self.sync() } else { Ok(()) }
    }

    fn flush(&self, mark: &Mark) -> Result<(), EngineError> {
        // The mark must not be on disk before the changes.
        self.sync()?;
        self.marks.insert(MARK, mark.encode()).map_err(failed)?;
        self.sync()
    }

    fn mark(&self) -> Result<Option<Mark>, EngineError> {
        let Some(bytes) = self.marks.get(MARK).map_err(failed)? else { return Ok(None) };
        let mark = Mark::decode(&bytes);
        mark.map(Some).ok_or_else(|| EngineError::Damaged("the mark in db".to_owned()))
    }

    /// sled has no snapshots.
    fn snapshot(&self) -> Option<Box<dyn TableReader>> {
        None
    }

    fn bytes(&self) -> Result<u64, EngineError> {
        self.db.size_on_disk().map_err(failed)
    }
}

fn opening(error: sled::Error) -> EngineError {
    // sled reports a lock that is taken as an error of this kind, with the system's message in its
    // text.
    if let sled::Error::Io(error) = &error
        && error.to_string().contains("could not acquire lock")
    {
        return EngineError::InUse;
    }
    failed(error)
}

fn failed(error: sled::Error) -> EngineError {
    match error {
        sled::Error::Io(error) => EngineError::Io(error),
        sled::Error::ReportableBug(text) => EngineError::Io(io::Error::other(text)),
        error @ (sled::Error::Corruption { .. }
        | sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)) => EngineError::Damaged(error.to_string()),
    }
}

#[cfg(test)]
#[cfg(not(feature = "model-check"))]
mod tests {
    use super::*;

    #[test]
    fn blobs_are_synced_with_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let table = SledTable::open(directory.path(), limits::CACHE_BYTES).unwrap();
        let there = || -> HashSet<OsString> {
            let entries = fs::read_dir(directory.path().join(BLOBS)).unwrap();
            entries.map(|entry| entry.unwrap().file_name()).collect()
        };
        table.put(&[(&b"small".to_vec(), Some(&b"value".to_vec()))]).unwrap();
        table.sync().unwrap();
        assert!(table.synced.lock().unwrap().is_empty());
        for number in 0..3_u8 {
            table.put(&[(&vec![number], Some(&vec![number; 300_000]))]).unwrap();
            table.sync().unwrap();
            assert!(!there().is_empty());
            assert_eq!(*table.synced.lock().unwrap(), there());
        }
    }

    #[test]
    fn many_changes_are_flushed_in_small_steps() {
        let directory = tempfile::tempdir().unwrap();
        let table = SledTable::open(directory.path(), limits::CACHE_BYTES).unwrap();
        let value = vec![7; limits::UNFLUSHED_BYTES / 4];
        for number in 0..16_usize {
            table.put(&[(&vec![u8::try_from(number).unwrap()], Some(&value))]).unwrap();
            let expected = (number + 1) % 4 * (value.len() + 1);
            assert!(table.unflushed.load(Ordering::Relaxed) <= expected);
        }
    }
}
