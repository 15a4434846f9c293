//! The embedded engine. Nothing outside this file names sled.

use std::{fmt, fs::File, io, ops::Bound, path::Path};

use sled::{Batch, Db, IVec, Tree};

use super::{BoxFuture, Engine, EngineError, Key, Order, Scan, Value, Write};

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
}

impl Default for SledOptions {
    fn default() -> SledOptions {
        SledOptions { cache_bytes: 1024 * 1024 * 1024 }
    }
}

/// A sled database in a directory of its own.
pub struct SledEngine {
    db: Db,
    tree: Tree,
    /// The file that holds sled's log. On Linux sled flushes it by
    /// `sync_file_range`, which leaves out the file's length and the drive's own
    /// cache, so it is synchronized once more from here.
    log: File,
}

/// The name of that file.
const LOG: &str = "db";

impl SledEngine {
    /// Opens the database in `directory`, creating it if there is none. After a
    /// crash this replays the log, which takes time in step with its length.
    pub fn open(directory: &Path, options: SledOptions) -> Result<SledEngine, EngineError> {
        let config = sled::Config::new()
            .path(directory)
            .cache_capacity(options.cache_bytes / CACHE_UNCOUNTED)
            // The store flushes when it has promised to, and nobody else needs to.
            .flush_every_ms(None);
        let db = config.open().map_err(opening)?;
        let tree = db.open_tree(TREE).map_err(failed)?;
        let log = File::open(directory.join(LOG)).map_err(EngineError::Io)?;
        Ok(SledEngine { db, tree, log })
    }

    fn read_all(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, EngineError> {
        let value = |key: &Key| Ok(self.tree.get(key).map_err(failed)?.map(|value| value.to_vec()));
        keys.iter().map(value).collect()
    }

    fn scan_range(&self, scan: &Scan) -> Result<Vec<(Key, Value)>, EngineError> {
        let past = past_prefix(&scan.prefix);
        let within = |after: &&[u8]| match scan.order {
            Order::Ascending => scan.prefix.as_slice() <= *after,
            Order::Descending => past.as_deref().is_none_or(|past| *after < past),
        };
        // A reader may go on from a key that is not in the range; then the range
        // begins where it begins.
        let after = scan.after.as_deref().filter(within).map(Bound::Excluded);
        let start = Bound::Included(scan.prefix.as_slice());
        let end = past.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let owned = |entry: sled::Result<(IVec, IVec)>| {
            entry.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(failed)
        };
        match scan.order {
            Order::Ascending => {
                let range = self.tree.range::<&[u8], _>((after.unwrap_or(start), end));
                range.take(scan.limit).map(owned).collect()
            }
            Order::Descending => {
                let range = self.tree.range::<&[u8], _>((start, after.unwrap_or(end)));
                range.rev().take(scan.limit).map(owned).collect()
            }
        }
    }

    fn apply_batch(&self, writes: Vec<Write>) -> Result<(), EngineError> {
        let mut batch = Batch::default();
        for Write { key, value } in writes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.tree.apply_batch(batch).map_err(failed)
    }
}

/// The smallest key greater than every key with this prefix, if there is one.
fn past_prefix(prefix: &[u8]) -> Option<Key> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

impl Engine for SledEngine {
    fn read<'a>(
        &'a self,
        keys: &'a [Key],
    ) -> BoxFuture<'a, Result<Vec<Option<Value>>, EngineError>> {
        Box::pin(async { self.read_all(keys) })
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<(Key, Value)>, EngineError>> {
        Box::pin(async { self.scan_range(scan) })
    }

    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(async { self.apply_batch(batch) })
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(async {
            self.db.flush().map_err(failed)?;
            self.log.sync_data().map_err(EngineError::Io)
        })
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        Box::pin(async { self.db.size_on_disk().map_err(failed) })
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
