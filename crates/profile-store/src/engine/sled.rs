//! The embedded engine. Nothing outside this file names sled.

use std::{
    collections::HashSet,
    ffi::OsString,
    fmt,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use sled::{Db, IVec, Tree};

use super::{
    BoxFuture, Engine, EngineError, Key, Order, Scan, Value, Write,
    journaled::{Journaled, Pace, Table},
};
use crate::limits;

/// Everything lies in one tree, so that one batch is atomic over all of it.
const TREE: &[u8] = b"profiles";

/// How much more memory pages take than sled counts: it goes by their size on the
/// medium, while their keys and values are allocated one by one, and it does not evict
/// at once. Up to 1.5 times as much was measured.
const CACHE_UNCOUNTED: u64 = 2;

/// How sled is set up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SledOptions {
    /// Memory that cached pages are meant to take, in bytes. Where each page lies comes
    /// on top of that, with 0.2 KB for each profile.
    pub cache_bytes: u64,
    /// Memory that changes take until they are put into sled, at most twice as much.
    pub generation_bytes: usize,
}

impl Default for SledOptions {
    fn default() -> SledOptions {
        SledOptions { cache_bytes: 1024 * 1024 * 1024, generation_bytes: limits::GENERATION_BYTES }
    }
}

/// A sled database in a directory of its own, with a journal before it.
pub struct SledEngine {
    journaled: Journaled,
}

/// A sled database without a journal.
struct SledTable {
    db: Db,
    tree: Tree,
    /// The file that holds sled's log. On Linux sled flushes it by
    /// `sync_file_range`, which leaves out the file's length and the drive's own
    /// cache, so it is synchronized once more from here.
    log: File,
    /// Where sled puts what is too large for its log, each in a file of its own.
    blobs: PathBuf,
    /// Those of them that are known to be on the medium.
    synced: Mutex<HashSet<OsString>>,
}

/// The name of that file.
const LOG: &str = "db";

/// The directory of what is too large for it.
const BLOBS: &str = "blobs";

/// The directory of the journal, beside sled's own files.
const JOURNAL: &str = "journal";

impl SledEngine {
    /// Opens the database in `directory`, creating it if there is none. After a
    /// crash this replays sled's log, which takes time in step with its length, and
    /// reads the journal.
    pub fn open(directory: &Path, options: SledOptions) -> Result<SledEngine, EngineError> {
        let table = SledTable::open(directory, options)?;
        let journal = directory.join(JOURNAL);
        let pace = Pace::of(options.generation_bytes);
        let journaled = Journaled::open(Box::new(table), &journal, pace)?;
        // That there are these files at all has to last as well.
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(EngineError::Io)?;
        Ok(SledEngine { journaled })
    }
}

impl SledTable {
    fn open(directory: &Path, options: SledOptions) -> Result<SledTable, EngineError> {
        let config = sled::Config::new()
            .path(directory)
            .cache_capacity(options.cache_bytes / CACHE_UNCOUNTED)
            // It is flushed when a generation of the journal is settled.
            .flush_every_ms(None);
        let db = config.open().map_err(opening)?;
        let tree = db.open_tree(TREE).map_err(failed)?;
        let log = File::open(directory.join(LOG)).map_err(EngineError::Io)?;
        let (blobs, synced) = (directory.join(BLOBS), Mutex::default());
        Ok(SledTable { db, tree, log, blobs, synced })
    }

    /// Synchronizes the files that sled put beside its log, and does not synchronize.
    fn sync_blobs(&self) -> io::Result<()> {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut there, mut any) = (HashSet::new(), false);
        for entry in fs::read_dir(&self.blobs)? {
            let entry = entry?;
            if !synced.contains(&entry.file_name()) {
                match File::open(entry.path()) {
                    Ok(blob) => blob.sync_all()?,
                    // Nothing leads to it any more.
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

impl Table for SledTable {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, EngineError> {
        Ok(self.tree.get(key).map_err(failed)?.map(|value| value.to_vec()))
    }

    fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Value)>, EngineError> {
        let Some(range) = scan.range() else { return Ok(Vec::new()) };
        let entries = self.tree.range::<Key, _>(range);
        let owned = |entry: sled::Result<(IVec, IVec)>| {
            entry.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(failed)
        };
        match scan.order {
            Order::Ascending => entries.take(scan.limit).map(owned).collect(),
            Order::Descending => entries.rev().take(scan.limit).map(owned).collect(),
        }
    }

    fn put(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), EngineError> {
        let before = match value {
            Some(value) => self.tree.insert(key, value),
            None => self.tree.remove(key),
        };
        before.map(drop).map_err(failed)
    }

    fn flush(&self) -> Result<(), EngineError> {
        self.db.flush().map_err(failed)?;
        // Whatever the log leads to has to be there when the log is.
        self.sync_blobs().and_then(|()| self.log.sync_data()).map_err(EngineError::Io)
    }

    fn bytes(&self) -> Result<u64, EngineError> {
        self.db.size_on_disk().map_err(failed)
    }
}

impl Engine for SledEngine {
    fn read<'a>(
        &'a self,
        keys: &'a [Key],
    ) -> BoxFuture<'a, Result<Vec<Option<Value>>, EngineError>> {
        self.journaled.read(keys)
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<(Key, Value)>, EngineError>> {
        self.journaled.scan(scan)
    }

    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<(), EngineError>> {
        self.journaled.apply(batch)
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        self.journaled.flush()
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        self.journaled.bytes()
    }
}

impl fmt::Debug for SledEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SledEngine(…)")
    }
}

fn opening(error: sled::Error) -> EngineError {
    match error {
        // sled reports a lock it could not take as an error of this kind, and
        // puts the system's own words into its text.
        sled::Error::Io(error) if error.to_string().contains("could not acquire lock") => {
            EngineError::InUse
        }
        error => failed(error),
    }
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
mod tests {
    use super::*;

    #[test]
    fn what_sled_puts_beside_its_log_is_synchronized_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let table = SledTable::open(directory.path(), SledOptions::default()).unwrap();
        let there = || -> HashSet<OsString> {
            let entries = fs::read_dir(directory.path().join(BLOBS)).unwrap();
            entries.map(|entry| entry.unwrap().file_name()).collect()
        };
        table.put(b"small", Some(b"value")).unwrap();
        table.flush().unwrap();
        assert!(table.synced.lock().unwrap().is_empty());
        for number in 0..3_u8 {
            table.put(&[number], Some(&vec![number; 300_000])).unwrap();
            table.flush().unwrap();
            assert!(!there().is_empty());
            assert_eq!(*table.synced.lock().unwrap(), there());
        }
    }
}
