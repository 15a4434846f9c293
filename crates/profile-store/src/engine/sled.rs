//! The embedded engine. Nothing outside this file names sled.

use std::{
    fmt,
    fs::File,
    io,
    ops::Bound,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use sled::{Batch, Db, IVec, Tree};

use super::{BoxFuture, Engine, EngineError, Key, Order, Scan, Value, Write};
use crate::limits;

/// Everything lies in one tree, so that one batch is atomic over all of it.
const TREE: &[u8] = b"profiles";

/// What reading a key takes at most, usually, whose page is in the cache.
const READ_CACHED: Duration = Duration::from_micros(10);

/// How much longer many keys may take before several threads read the rest.
const READ_PATIENCE: Duration = Duration::from_micros(100);

/// How many keys have to be left for that.
const READ_TOGETHER: usize = 4;

/// How much more memory pages take than sled counts: it goes by their size on the
/// medium, and their keys and values are allocated one by one. 1.5 times as much was
/// measured, and the rest is for what it does not evict at once.
const CACHE_UNCOUNTED: u64 = 2;

/// How sled is set up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SledOptions {
    /// Memory that cached pages may take, in bytes. Where each page lies comes on top of
    /// that, with 0.2 KB for each profile.
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

    fn value(&self, key: &Key) -> Result<Option<Value>, EngineError> {
        Ok(self.tree.get(key).map_err(failed)?.map(|value| value.to_vec()))
    }

    /// Reads one after the other, as long as that is quick. Where pages have to be
    /// fetched from the medium, the rest is read by several threads: to wait for many at
    /// a time takes little longer than to wait for one.
    fn read_all(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, EngineError> {
        #[expect(clippy::disallowed_methods, reason = "the medium is the rim")]
        let began = Instant::now();
        let mut values = Vec::with_capacity(keys.len());
        let (mut left, mut patience) = (keys, READ_PATIENCE);
        while let Some((key, rest)) = left.split_first() {
            if READ_TOGETHER <= left.len() && patience < began.elapsed() {
                break;
            }
            values.push(self.value(key)?);
            (left, patience) = (rest, patience + READ_CACHED);
        }
        self.read_together(left, &mut values)?;
        Ok(values)
    }

    fn read_together(
        &self,
        keys: &[Key],
        values: &mut Vec<Option<Value>>,
    ) -> Result<(), EngineError> {
        let share = keys.len().div_ceil(limits::READERS).max(1);
        let read = |keys: &[Key]| keys.iter().map(|key| self.value(key)).collect();
        let parts: Vec<Result<Vec<_>, EngineError>> = thread::scope(|scope| {
            let start = |keys| {
                let reader = thread::Builder::new().name("reader".into());
                // Without a thread, whoever collects what was read reads it.
                reader.spawn_scoped(scope, move || read(keys)).map_err(|_no_thread| keys)
            };
            let readers: Vec<_> = keys.chunks(share).map(start).collect();
            let finish = |reader: Result<thread::ScopedJoinHandle<'_, _>, _>| match reader {
                Ok(reader) => reader.join().unwrap_or_else(|_panic| Err(panicked())),
                Err(keys) => read(keys),
            };
            readers.into_iter().map(finish).collect()
        });
        for part in parts {
            values.append(&mut part?);
        }
        Ok(())
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

fn panicked() -> EngineError {
    EngineError::Io(io::Error::other("a thread that read panicked"))
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
    fn what_several_threads_read_is_what_one_reads() {
        let directory = tempfile::tempdir().unwrap();
        let options = SledOptions { cache_bytes: 8 * 1024 * 1024 };
        let engine = SledEngine::open(directory.path(), options).unwrap();
        let keys: Vec<Key> = (0..100_u8).map(|number| vec![number]).collect();
        let present = keys.iter().filter(|key| !key[0].is_multiple_of(3));
        let writes = present.map(|key| Write { key: key.clone(), value: Some(key.clone()) });
        engine.apply_batch(writes.collect()).unwrap();
        for count in [0, 1, 7, 8, 9, 100] {
            let mut values = Vec::new();
            engine.read_together(&keys[..count], &mut values).unwrap();
            assert_eq!(values, engine.read_all(&keys[..count]).unwrap());
            assert_eq!(values.iter().flatten().count(), count - count.div_ceil(3));
        }
    }
}
