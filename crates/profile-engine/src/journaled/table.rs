//! The table that lies under a journal.

use crate::{EngineError, Key, Scan, Value};

/// Keys and values that are changed one by one. A change that was not flushed may be lost in a
/// crash or not, each change on its own, but never half of a change.
pub(crate) trait Table: Send + Sync + 'static {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Value>, EngineError>;

    /// Reads a part of a range.
    fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Value)>, EngineError>;

    /// Sets the value of a key, or removes the key.
    fn put(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), EngineError>;

    /// Returns once every change made before survives a crash.
    fn flush(&self) -> Result<(), EngineError>;

    /// Bytes taken up on disk.
    fn bytes(&self) -> Result<u64, EngineError>;
}
