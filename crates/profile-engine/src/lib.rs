//! Engines keep the bytes of a profile store.
//!
//! An engine knows keys, values and places. It knows neither profiles nor HTTP. The store above it
//! decides what to write; an engine makes a batch of writes durable, all of it or nothing.
//!
//! # Places and sessions
//!
//! The unit of work is one batch of one **place**. A place is a group of tenants, which the hash of a
//! tenant's name selects ([`Place::of_tenant`]). The store begins a [`Session`] of a place, reads
//! under it, and commits once. Sessions of the same place follow one another, in whatever process they
//! were begun, so each reads what the one before committed. Sessions of different places run side by
//! side. Reads of the [`Engine`] itself need no session and wait for none.
//!
//! # How to implement an engine
//!
//! [`MemoryEngine`] is the shortest one, and the model that others are compared with. [`SledEngine`]
//! keeps its data in one directory of one process. An engine outside of this crate implements the
//! same two traits, and promises this:
//!
//! - **Exclusive sessions.** [`Engine::begin`] returns when no other session of the place is open.
//!   In one process a lock per place is enough. Where several processes share the data, take a lock in
//!   the data, such as the row of the place. Places are begun in the order in which they are asked for,
//!   as far as possible, so that no caller starves.
//! - **A session that is dropped changes nothing**, and frees its place.
//! - **A commit is atomic.** Other callers may see some keys of a batch before others while it commits,
//!   but after a crash all of it is there, or nothing.
//! - **A confirmed commit is durable**: an `Ok` of [`Durability::Flushed`] survives the loss of power,
//!   and with it every earlier commit of the place. An `Ok` of [`Durability::Relaxed`] may be lost in a
//!   crash until [`Engine::sync`] returns, together with every later commit.
//! - **The answer of a commit is true.** Return [`CommitError::Failed`] only if the batch is certainly
//!   not committed, or if the engine refuses all further writes. If the answer was lost, as with a
//!   connection that broke during `COMMIT`, return [`CommitError::InDoubt`], and store each [`BatchId`]
//!   with its batch, so that [`Session::is_committed`] can answer later.
//! - **A commit goes through** once its future was polled, even if the future is dropped.
//! - **No method blocks** the thread that polls its future, unless that thread declared by
//!   [`dedicate_thread`] that it polls nothing else. Locks that are held for microseconds are
//!   fine; waiting for a disk or a network is not.
//! - **Every bound is written down** with its reason, as in [`limits`].
//!
//! Keys are compared byte by byte. A collation of a database that orders them otherwise is wrong.

mod blocking;
mod journaled;
pub mod limits;
mod memory;
mod range;
mod sled;
mod sync;

use std::{fmt, future::Future, num::NonZeroU32, pin::Pin};

pub use self::sled::{SledEngine, SledOptions};
pub use blocking::dedicate_thread;
pub use memory::MemoryEngine;
pub use range::{Order, Scan};

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A key. Keys are ordered by their bytes. What precedes the first zero byte names the tenant.
pub type Key = Vec<u8>;

/// A value.
pub type Value = Vec<u8>;

/// One change: the new value of a key, or `None` to remove the key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Write {
    /// The key that changes.
    pub key: Key,
    /// Its new value.
    pub value: Option<Value>,
}

/// What is locked and committed together. A tenant belongs to one place for as long as any process
/// has the data open.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Place(u32);

impl Place {
    /// The place of a tenant among `places`.
    pub fn of_tenant(tenant: &[u8], places: NonZeroU32) -> Place {
        // FNV-1a: the same on every machine and in every version.
        let hash = tenant.iter().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        });
        Place(hash % places)
    }

    /// The place of a key's tenant.
    pub fn of_key(key: &[u8], places: NonZeroU32) -> Place {
        let tenant = key.split(|byte| *byte == 0).next().unwrap_or_default();
        Place::of_tenant(tenant, places)
    }

    /// All places, in order.
    pub fn all(places: NonZeroU32) -> impl Iterator<Item = Place> {
        (0..places.get()).map(Place)
    }

    /// Its number, from zero.
    pub const fn number(self) -> u32 {
        self.0
    }
}

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
/// No method blocks the thread that polls it, unless that thread declared by [`dedicate_thread`]
/// that it polls nothing else. Futures are polled within a tokio runtime.
pub trait Engine: Send + Sync + 'static {
    /// How many places there are. Constant for as long as any process has the data open.
    fn places(&self) -> NonZeroU32;

    /// Begins a session. Waits until no other session of this place is open, in any process.
    fn begin(&self, place: Place) -> BoxFuture<'_, Result<Box<dyn Session>, EngineError>>;

    /// The committed values of `keys`, in their order. Keys may be of several tenants. A commit that
    /// happens meanwhile may be seen for some keys and not for others, and may be seen shortly before
    /// it is durable.
    fn read(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>>;

    /// Reads a part of a range of committed data.
    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>>;

    /// Returns once every earlier commit is on disk.
    fn sync(&self) -> BoxFuture<'_, Result<(), EngineError>>;

    /// Bytes taken up on disk.
    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>>;

    /// Whether the engine accepts commits. After a failed write an engine may refuse all others,
    /// because it cannot know what is stored. Reads go on.
    fn is_writable(&self) -> bool;
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

/// Why a commit was not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// If the engine is still writable, nothing of the batch was stored, and the batch may be tried
    /// again. If it is not, the batch may be visible to readers, and all or nothing of it may be found
    /// when the data are opened again.
    #[error("the batch was not committed")]
    Failed(#[source] EngineError),
    /// The batch is committed or not: [`Session::is_committed`] answers which.
    #[error("the engine did not say whether the batch was committed")]
    InDoubt(#[source] EngineError),
}

/// Why an engine could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Another process has the data open.
    #[error("another process is using this data directory")]
    InUse,
    /// The disk failed or is full.
    #[error("the data could not be read or written")]
    Io(#[source] std::io::Error),
    /// The data on disk are not the data that were written.
    #[error("the data is damaged: {0}")]
    Damaged(String),
    /// A write failed before, and no other is made until the data are opened again.
    #[error("an earlier write failed; nothing more is stored until a restart")]
    Poisoned,
}
