//! The embedded engine. Nothing outside this file names sled.

use std::{
    collections::HashSet,
    ffi::OsString,
    fmt,
    fs::{self, File},
    io,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
};

use sled::{Db, IVec, Tree};

use crate::{
    BoxFuture, Engine, EngineError, Key, Order, Place, Scan, Session, Value,
    journaled::{Journaled, JournaledEngine, Pace, Table},
    limits,
};

/// All keys are in one tree.
const TREE: &[u8] = b"profiles";

/// How many times as much memory pages take as sled counts. sled counts their size on disk, while
/// it allocates their keys and values one by one, and it does not evict at once. A factor of up to
/// 1.5 was measured.
const CACHE_OVERHEAD: u64 = 2;

/// How the embedded engine is set up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SledOptions {
    /// Memory that cached pages are meant to take, in bytes. The positions of pages take more
    /// memory beside that, 0.2 KB for each profile.
    pub cache_bytes: u64,
    /// Memory that changes take until they are checkpointed into sled, at most twice as much.
    pub memtable_bytes: usize,
    /// How many places there are, at most [`limits::MAX_PLACES`]. Nothing on disk depends on it.
    pub places: NonZeroU32,
}

impl Default for SledOptions {
    /// As many places as there are processors.
    fn default() -> SledOptions {
        let processors = thread::available_parallelism().ok();
        let places = processors.and_then(|count| NonZeroU32::try_from(count).ok());
        SledOptions {
            cache_bytes: limits::CACHE_BYTES,
            memtable_bytes: limits::MEMTABLE_BYTES,
            places: places.unwrap_or(NonZeroU32::MIN),
        }
    }
}

/// A sled database in a directory of its own, with a journal before it.
pub struct SledEngine {
    engine: JournaledEngine,
}

/// A sled database without a journal.
struct SledTable {
    db: Db,
    tree: Tree,
    /// The file that holds sled's log. On Linux sled flushes it by `sync_file_range`, which leaves
    /// out the length of the file and the cache of the drive, so the table syncs it once more.
    log: File,
    /// The directory in which sled puts each value that is too large for its log, in a file.
    blobs: PathBuf,
    /// The files in it that are known to be on disk.
    synced: Mutex<HashSet<OsString>>,
}

/// The name of sled's log.
const LOG: &str = "db";

/// The directory of values that are too large for it.
const BLOBS: &str = "blobs";

/// The directory of the journal, beside sled's own files.
const JOURNAL: &str = "journal";

impl SledEngine {
    /// Opens the database in `directory`, and creates it if it is missing. After a crash this
    /// replays sled's log, which takes time in proportion to its length, and reads the journal. It
    /// blocks.
    ///
    /// The engine is closed when it and all its sessions are dropped. That waits for the current
    /// step of the checkpoint.
    pub fn open(directory: &Path, options: SledOptions) -> Result<SledEngine, EngineError> {
        let table = SledTable::open(directory, options)?;
        let journal = directory.join(JOURNAL);
        let pace = Pace::from_memtable_bytes(options.memtable_bytes);
        let journaled = Journaled::open(Box::new(table), &journal, pace)?;
        // The names of the files must survive a crash as well.
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(EngineError::Io)?;
        Ok(SledEngine { engine: JournaledEngine::new(journaled, options.places) })
    }
}

impl SledTable {
    fn open(directory: &Path, options: SledOptions) -> Result<SledTable, EngineError> {
        let config = sled::Config::new()
            .path(directory)
            .cache_capacity(options.cache_bytes / CACHE_OVERHEAD)
            // The checkpointer flushes it.
            .flush_every_ms(None);
        let db = config.open().map_err(opening)?;
        let tree = db.open_tree(TREE).map_err(failed)?;
        let log = File::open(directory.join(LOG)).map_err(EngineError::Io)?;
        let (blobs, synced) = (directory.join(BLOBS), Mutex::default());
        Ok(SledTable { db, tree, log, blobs, synced })
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
        // A blob must be on disk before the log refers to it.
        self.sync_blobs().and_then(|()| self.log.sync_data()).map_err(EngineError::Io)
    }

    fn bytes(&self) -> Result<u64, EngineError> {
        self.db.size_on_disk().map_err(failed)
    }
}

impl Engine for SledEngine {
    fn places(&self) -> NonZeroU32 {
        self.engine.places()
    }

    fn begin(&self, place: Place) -> BoxFuture<'_, Result<Box<dyn Session>, EngineError>> {
        self.engine.begin(place)
    }

    fn read(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>> {
        self.engine.read(keys)
    }

    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>> {
        self.engine.scan(scan)
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        self.engine.sync()
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        self.engine.bytes()
    }

    fn is_writable(&self) -> bool {
        self.engine.is_writable()
    }
}

impl fmt::Debug for SledEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SledEngine(…)")
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
