//! Engines: where keys and values are kept.
//!
//! The store above decides; an engine keeps bytes. It knows neither profiles nor
//! companies, only that keys are ordered and that a batch is all or nothing.

mod memory;
mod sled;

use std::{future::Future, pin::Pin};

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
