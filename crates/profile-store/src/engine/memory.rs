//! An engine that forgets everything when it is dropped: for tests, and the
//! model that other engines are compared with.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{BoxFuture, Engine, EngineError, Key, Order, Scan, Value, Write};

/// A sorted map behind a lock.
#[derive(Default)]
pub struct MemoryEngine {
    entries: Mutex<BTreeMap<Key, Value>>,
}

impl MemoryEngine {
    /// An empty engine.
    pub fn new() -> MemoryEngine {
        MemoryEngine::default()
    }

    // A thread that panicked while it held the lock left no batch half done: the
    // map's own operations do not panic.
    fn entries(&self) -> MutexGuard<'_, BTreeMap<Key, Value>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for MemoryEngine {
    fn read<'a>(
        &'a self,
        keys: &'a [Key],
    ) -> BoxFuture<'a, Result<Vec<Option<Value>>, EngineError>> {
        let entries = self.entries();
        let values = keys.iter().map(|key| entries.get(key).cloned()).collect();
        Box::pin(std::future::ready(Ok(values)))
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<(Key, Value)>, EngineError>> {
        let entries = self.entries();
        let start = Bound::Included(scan.prefix.clone());
        let within = entries
            .range((start, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(&scan.prefix));
        let mut found: Vec<(Key, Value)> =
            within.map(|(key, value)| (key.clone(), value.clone())).collect();
        if scan.order == Order::Descending {
            found.reverse();
        }
        if let Some(after) = &scan.after {
            found.retain(|(key, _)| match scan.order {
                Order::Ascending => after < key,
                Order::Descending => key < after,
            });
        }
        found.truncate(scan.limit);
        Box::pin(std::future::ready(Ok(found)))
    }

    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<(), EngineError>> {
        let mut entries = self.entries();
        for Write { key, value } in batch {
            match value {
                Some(value) => drop(entries.insert(key, value)),
                None => drop(entries.remove(&key)),
            }
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        let bytes: usize = self.entries().iter().map(|(key, value)| key.len() + value.len()).sum();
        Box::pin(std::future::ready(Ok(bytes as u64)))
    }
}

/// Shows how much there is, and nothing of it.
impl fmt::Debug for MemoryEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryEngine({} entries)", self.entries().len())
    }
}
