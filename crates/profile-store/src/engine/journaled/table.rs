//! What lies under a journal.

use crate::engine::{EngineError, Key, Scan, Value};

/// Keys and values that are changed one by one. Nothing is promised of changes that
/// were not flushed: after a crash any part of them may be there, each as a whole.
pub(crate) trait Table: Send + Sync + 'static {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Value>, EngineError>;

    /// Reads a part of a range.
    fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Value)>, EngineError>;

    /// Gives a key its value, or removes it.
    fn put(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), EngineError>;

    /// Returns once all that was put will survive a crash.
    fn flush(&self) -> Result<(), EngineError>;

    /// Bytes taken up on the medium.
    fn bytes(&self) -> Result<u64, EngineError>;
}
