//! The table that lies under a journal.

use super::mark::Mark;
use crate::{CacheStatus, EngineError, Key, RangePage, Scan, Value};

/// A key and its new value, or `None` to remove the key.
pub(crate) type TableChange<'a> = (&'a Key, Option<&'a Value>);

/// Keys and values that can be read.
pub(crate) trait TableReader: Send + Sync + 'static {
    /// The value of a key. In a table that is being changed, changes may be found before they are
    /// flushed.
    fn get(&self, key: &[u8]) -> Result<Option<Value>, EngineError>;

    /// Reads a part of a range, as [`Engine::scan_page`](crate::Engine::scan_page) does.
    fn scan_page(&self, scan: &Scan, bytes: usize) -> Result<RangePage, EngineError>;

    /// Reads a part of a range.
    fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Value)>, EngineError> {
        if scan.limit == 0 {
            return Ok(Vec::new());
        }
        Ok(self.scan_page(scan, usize::MAX)?.entries)
    }
}

/// Keys and values that are changed a chunk at a time. A change that was not flushed may be lost
/// in a crash or not, each change on its own, but never half of a change.
pub(crate) trait Table: TableReader {
    /// The name of its file, by which errors call it.
    fn name(&self) -> &'static str;

    /// Puts some changes into the table. Their keys are in order.
    fn put(&self, changes: &[TableChange<'_>]) -> Result<(), EngineError>;

    /// Notes `mark`. Returns once it survives a crash, and with it every change made before.
    /// Readers find all of them by then.
    fn flush(&self, mark: &Mark) -> Result<(), EngineError>;

    /// The mark that was noted last.
    fn mark(&self) -> Result<Option<Mark>, EngineError>;

    /// The table as it is now: no change that is put later is found in it. `None` if tables of this
    /// kind cannot be read so.
    fn snapshot(&self) -> Option<Box<dyn TableReader>>;

    /// Bytes taken up on disk.
    fn bytes(&self) -> Result<u64, EngineError>;

    /// The cache, if the table counts what it does.
    fn cache(&self) -> CacheStatus {
        CacheStatus::default()
    }
}
