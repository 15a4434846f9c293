//! Engines: where keys and values are kept.
//!
//! The store above decides; an engine keeps bytes. It knows neither profiles nor
//! companies, only that keys are ordered and that a batch is all or nothing.

mod journaled;
mod memory;
mod sled;

use std::{future::Future, ops::Bound, pin::Pin};

pub use self::sled::{SledEngine, SledOptions};
pub use memory::MemoryEngine;

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A key. Keys are ordered by their bytes.
pub type Key = Vec<u8>;

/// A value.
pub type Value = Vec<u8>;

/// One change: the key's new value, or nothing to remove it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Write {
    /// What changes.
    pub key: Key,
    /// What it changes to.
    pub value: Option<Value>,
}

/// Which way to read a range.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// From the smallest key up.
    Ascending,
    /// From the greatest key down.
    Descending,
}

/// A part of the keys that start with one prefix.
#[derive(Clone, Debug)]
pub struct Scan {
    /// What the keys start with.
    pub prefix: Key,
    /// The key after which to begin, in the order of reading; nothing to begin
    /// with the first.
    pub after: Option<Key>,
    /// Which way to read.
    pub order: Order,
    /// How many entries to read at most.
    pub limit: usize,
}

impl Scan {
    /// Between which keys to read; nothing if there can be none.
    pub(crate) fn range(&self) -> Option<(Bound<Key>, Bound<Key>)> {
        let past = past_prefix(&self.prefix);
        let after = self.after.as_deref();
        // A reader may go on from a key that is not in the range; then the range
        // begins where it begins, or is over.
        let (before_all, past_all) = (
            after.is_some_and(|after| after < self.prefix.as_slice()),
            after.zip(past.as_deref()).is_some_and(|(after, past)| past <= after),
        );
        let (start, end) = (Bound::Included(self.prefix.clone()), Bound::Excluded);
        let end = past.map_or(Bound::Unbounded, end);
        let from = after.map(|after| Bound::Excluded(after.to_vec()));
        match self.order {
            Order::Ascending if past_all => None,
            Order::Ascending => Some((from.filter(|_| !before_all).unwrap_or(start), end)),
            Order::Descending if before_all => None,
            Order::Descending => Some((start, from.filter(|_| !past_all).unwrap_or(end))),
        }
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

impl Order {
    /// Whether a key comes before another.
    pub(crate) fn is_before(self, one: &[u8], other: &[u8]) -> bool {
        match self {
            Order::Ascending => one < other,
            Order::Descending => other < one,
        }
    }
}

/// Where keys and values are kept.
///
/// A store is the only writer of its engine, and calls `apply` and `flush` one
/// after the other. It reads while it writes. Futures may block the thread that
/// polls them for as long as the medium takes, so they are polled on threads
/// that may be blocked.
pub trait Engine: Send + Sync + 'static {
    /// The values of `keys`, in their order. While a batch is applied, some may be of
    /// before it and others of after.
    fn read<'a>(
        &'a self,
        keys: &'a [Key],
    ) -> BoxFuture<'a, Result<Vec<Option<Value>>, EngineError>>;

    /// Reads a part of a range.
    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<(Key, Value)>, EngineError>>;

    /// Makes every change of `batch`, or none of them. Later reads see them. A
    /// crash before the next `flush` may take the batch back as a whole, and
    /// with it every later one.
    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<(), EngineError>>;

    /// Returns once all that was applied will survive a crash.
    fn flush(&self) -> BoxFuture<'_, Result<(), EngineError>>;

    /// Bytes taken up on the medium.
    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>>;
}

/// Why an engine could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Another process has the data open.
    #[error("another process is using this data directory")]
    InUse,
    /// The medium failed or is full.
    #[error("the data could not be read or written")]
    Io(#[source] std::io::Error),
    /// What is on the medium is not what was written.
    #[error("the data is damaged: {0}")]
    Damaged(String),
}
