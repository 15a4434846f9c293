//! An engine that forgets everything when it is dropped: for tests, and the model that other
//! engines are compared with.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    future::ready,
    num::NonZeroU32,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::OwnedMutexGuard;

use crate::{
    BatchId, BoxFuture, CommitError, Durability, Engine, EngineError, Key, Order, Place, RangePage,
    Scan, Session, Value, Write, range::PageRoom,
};

/// A sorted map behind a lock.
pub struct MemoryEngine {
    shared: Arc<MemoryContents>,
}

struct MemoryContents {
    entries: Mutex<BTreeMap<Key, Value>>,
    /// For each place the newest batch of each writer. Locked by a session for as long as it is
    /// open.
    places: Vec<Arc<tokio::sync::Mutex<Ledger>>>,
    count: NonZeroU32,
}

type Ledger = HashMap<u64, u64>;

impl MemoryEngine {
    /// An empty engine with one place.
    pub fn new() -> MemoryEngine {
        MemoryEngine::with_places(NonZeroU32::MIN)
    }

    /// An empty engine with this many places.
    pub fn with_places(count: NonZeroU32) -> MemoryEngine {
        let places = Place::all(count).map(|_| Arc::default()).collect();
        MemoryEngine {
            shared: Arc::new(MemoryContents { entries: Mutex::default(), places, count }),
        }
    }
}

impl Default for MemoryEngine {
    fn default() -> MemoryEngine {
        MemoryEngine::new()
    }
}

impl MemoryContents {
    // A thread that panicked while it held the lock left no batch half done: the map's own
    // operations do not panic.
    fn entries(&self) -> MutexGuard<'_, BTreeMap<Key, Value>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, keys: &[Key]) -> Vec<Option<Value>> {
        let entries = self.entries();
        keys.iter().map(|key| entries.get(key).cloned()).collect()
    }

    fn scan(&self, scan: &Scan) -> Vec<(Key, Value)> {
        let entries = self.entries();
        let found = found(&entries, scan).into_iter().take(scan.limit);
        found.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    fn scan_page(&self, scan: &Scan, bytes: usize) -> Result<RangePage, EngineError> {
        let entries = self.entries();
        let found = found(&entries, scan).into_iter();
        let found = found.map(|(key, value)| Ok((key.clone(), value.clone())));
        RangePage::first_of(found, PageRoom::of(scan, bytes))
    }

    fn apply(&self, writes: Vec<Write>) {
        let mut entries = self.entries();
        for Write { key, value } in writes {
            match value {
                Some(value) => drop(entries.insert(key, value)),
                None => drop(entries.remove(&key)),
            }
        }
    }
}

/// All entries that a scan would find without its limit.
fn found<'e>(entries: &'e BTreeMap<Key, Value>, scan: &Scan) -> Vec<(&'e Key, &'e Value)> {
    let start = Bound::Included(scan.prefix.clone());
    let within = entries
        .range((start, Bound::Unbounded))
        .take_while(|(key, _)| key.starts_with(&scan.prefix));
    let mut found: Vec<(&Key, &Value)> = within.collect();
    if scan.order == Order::Descending {
        found.reverse();
    }
    if let Some(after) = &scan.after {
        found.retain(|(key, _)| match scan.order {
            Order::Ascending => after < *key,
            Order::Descending => *key < after,
        });
    }
    found
}

impl Engine for MemoryEngine {
    fn places(&self) -> NonZeroU32 {
        self.shared.count
    }

    fn begin(&self, place: Place) -> BoxFuture<'_, Result<Box<dyn Session>, EngineError>> {
        Box::pin(async move {
            let number = usize::try_from(place.number()).unwrap_or(usize::MAX);
            let unknown = || EngineError::Damaged(format!("there is no place {}", place.number()));
            let lock = self.shared.places.get(number).ok_or_else(unknown)?;
            let ledger = Arc::clone(lock).lock_owned().await;
            let shared = Arc::clone(&self.shared);
            Ok(Box::new(MemorySession { shared, ledger }) as Box<dyn Session>)
        })
    }

    fn read(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>> {
        Box::pin(ready(Ok(self.shared.read(&keys))))
    }

    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>> {
        Box::pin(ready(Ok(self.shared.scan(&scan))))
    }

    fn scan_page(&self, scan: Scan, bytes: usize) -> BoxFuture<'_, Result<RangePage, EngineError>> {
        Box::pin(ready(self.shared.scan_page(&scan, bytes)))
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(ready(Ok(())))
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        let entries = self.shared.entries();
        let bytes: usize = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
        Box::pin(ready(Ok(bytes as u64)))
    }

    fn is_writable(&self) -> bool {
        true
    }
}

struct MemorySession {
    shared: Arc<MemoryContents>,
    ledger: OwnedMutexGuard<Ledger>,
}

impl Session for MemorySession {
    fn read(&mut self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>> {
        Box::pin(ready(Ok(self.shared.read(&keys))))
    }

    fn scan(&mut self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>> {
        Box::pin(ready(Ok(self.shared.scan(&scan))))
    }

    fn is_committed(&mut self, batch: BatchId) -> BoxFuture<'_, Result<bool, EngineError>> {
        Box::pin(ready(Ok(self.ledger.get(&batch.writer) == Some(&batch.number))))
    }

    fn commit(
        mut self: Box<Self>,
        batch: BatchId,
        writes: Vec<Write>,
        _durability: Durability,
    ) -> BoxFuture<'static, Result<(), CommitError>> {
        Box::pin(async move {
            self.ledger.insert(batch.writer, batch.number);
            self.shared.apply(writes);
            Ok(())
        })
    }
}

/// Shows how much there is, and nothing of it.
impl fmt::Debug for MemoryEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryEngine({} entries)", self.shared.entries().len())
    }
}
