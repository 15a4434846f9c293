//! Engines keep the bytes of a profile store.
//!
//! An engine knows keys, values and places. It knows neither profiles nor HTTP. The store above it
//! decides what to write; an engine makes a batch of writes durable, all of it or nothing.
//!
//! # Places and sessions
//!
//! The unit of work is one batch of one **place**. A place is a group of tenants, which the hash
//! of a tenant's name selects ([`Place::of_tenant`]). The store begins a [`Session`] of a place,
//! reads under it, and commits once. Sessions of the same place follow one another, in whatever
//! process they were begun, so each reads what the one before committed. Sessions of different
//! places run side by side. Reads of the [`Engine`] itself need no session and wait for none.
//!
//! # How to implement an engine
//!
//! [`MemoryEngine`] is the shortest one, and the model that others are compared with.
//! [`EmbeddedEngine`] keeps its data in one directory of one process. An engine outside of this
//! crate implements the same two traits, and promises this:
//!
//! - **Exclusive sessions.** [`Engine::begin`] returns when no other session of the place is open.
//!   In one process a lock per place is enough. Where several processes share the data, take a lock
//!   in the data, such as the row of the place. Places are begun in the order in which they are
//!   asked for, as far as possible, so that no caller starves.
//! - **A session that is dropped changes nothing**, and frees its place.
//! - **A commit is atomic.** Other callers may see some keys of a batch before others while it
//!   commits, but after a crash all of it is there, or nothing.
//! - **A confirmed commit is durable**: an `Ok` of [`Durability::Flushed`] survives the loss of
//!   power, and with it every earlier commit of the place. An `Ok` of [`Durability::Relaxed`] may
//!   be lost in a crash until [`Engine::sync`] returns, together with every later commit.
//! - **The answer of a commit is true.** Return [`CommitError::Failed`] only if the batch is
//!   certainly not committed, or if the engine refuses all further writes. If the answer was lost,
//!   as with a connection that broke during `COMMIT`, return [`CommitError::InDoubt`], and store
//!   each [`BatchId`] with its batch, so that [`Session::is_committed`] can answer later.
//! - **A commit goes through** once its future was polled, even if the future is dropped.
//! - **No method blocks** the thread that polls its future, unless that thread declared by
//!   [`dedicate_thread`] that it polls nothing else. Locks that are held for microseconds are
//!   fine; waiting for a disk or a network is not.
//! - **Every bound is written down** with its reason, as in [`limits`].
//!
//! Keys are compared byte by byte. A collation of a database that orders them otherwise is wrong.

// A new variant is decided on wherever the enum is matched.
#![warn(clippy::wildcard_enum_match_arm)]

mod blocking;
mod embedded;
mod engine;
mod entry;
mod error;
mod journaled;
pub mod limits;
mod memory;
mod open_file;
mod place;
mod range;
mod redb_table;
mod scratch_backend;
mod sled_table;
mod status;
mod stepwise_backend;
mod sync;

pub use blocking::dedicate_thread;
pub use embedded::{EmbeddedEngine, EmbeddedOptions, TableKind};
pub use engine::{BatchId, BoxFuture, Durability, Engine, Session};
pub use entry::{Key, Value, Write, decode_writes, encode_writes};
pub use error::{CommitError, EngineError};
pub use journaled::{
    ArchiveEnd, ArchivedBatches, EngineSnapshot, JournalArchive, JournalPosition, ReadOnlyEngine,
};
pub use memory::MemoryEngine;
pub use place::Place;
pub use range::{Order, RangePage, Scan};
pub use status::{CacheStatus, CheckpointStatus, EngineStatus};
