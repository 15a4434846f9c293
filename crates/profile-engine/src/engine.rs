//! What every engine promises: the traits that an engine implements.

use std::{fmt, future::Future, num::NonZeroU32, pin::Pin};

use crate::{CommitError, EngineError, EngineStatus, Key, Place, RangePage, Scan, Value, Write};

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Names one batch, so that a commit whose answer was lost can be recognized.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct BatchId {
    /// The process that commits: a random number of its own.
    pub writer: u64,
    /// Greater than that of every earlier batch of this writer in the same place.
    pub number: u64,
}

/// When a commit returns.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Durability {
    /// When it is on disk.
    #[default]
    Flushed,
    /// When it is applied. A crash before the next [`Engine::sync`] may undo it, and with it every
    /// later commit.
    Relaxed,
}

/// Where keys and values are kept.
///
/// No method blocks the thread that polls it, unless that thread declared by
/// [`dedicate_thread`](crate::dedicate_thread) that it polls nothing else. Futures are polled
/// within a tokio runtime.
pub trait Engine: Send + Sync + 'static {
    /// How many places there are. Constant for as long as any process has the data open.
    fn places(&self) -> NonZeroU32;

    /// Begins a session. Waits until no other session of this place is open, in any process.
    fn begin(&self, place: Place) -> BoxFuture<'_, Result<Box<dyn Session>, EngineError>>;

    /// The committed values of `keys`, in their order. Keys may be of several tenants. A commit
    /// that happens meanwhile may be seen for some keys and not for others, and may be seen shortly
    /// before it is durable.
    fn read(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>>;

    /// Reads a part of a range of committed data.
    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>>;

    /// Reads a part of a range of committed data that takes no more memory than it must: the page
    /// ends after the entry by which its keys and values reach this many bytes, if that comes
    /// before the limit of the scan. It has at least one entry if the range has one. What follows
    /// is in no memory.
    fn scan_page(&self, scan: Scan, bytes: usize) -> BoxFuture<'_, Result<RangePage, EngineError>>;

    /// Returns once every earlier commit is on disk.
    fn sync(&self) -> BoxFuture<'_, Result<(), EngineError>>;

    /// Bytes taken up on disk.
    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>>;

    /// Whether the engine accepts commits. After a failed write an engine may refuse all others,
    /// because it cannot know what is stored. Reads go on.
    fn is_writable(&self) -> bool;

    /// The state of the engine, without waiting for the disk.
    fn status(&self) -> EngineStatus {
        EngineStatus::default()
    }
}

impl fmt::Debug for dyn Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine(…)")
    }
}

/// Exclusive access to one place, until the session is committed or dropped. Dropping it changes
/// nothing.
pub trait Session: Send {
    /// The values of `keys`, in their order, with every earlier commit in this place.
    fn read(&mut self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>>;

    /// Reads a part of a range, with every earlier commit in this place.
    fn scan(&mut self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>>;

    /// Whether this batch was committed. Asked after [`CommitError::InDoubt`], in a new session of
    /// the same place and before its writer commits another batch there.
    fn is_committed(&mut self, batch: BatchId) -> BoxFuture<'_, Result<bool, EngineError>>;

    /// Makes every change of `writes`, or none of them. Of several changes of one key the last
    /// counts. Keys belong to tenants of this place, or to no tenant.
    ///
    /// Once the future was polled, the commit goes through even if the future is dropped. The place
    /// stays locked until then.
    fn commit(
        self: Box<Self>,
        batch: BatchId,
        writes: Vec<Write>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<(), CommitError>>;
}
