//! How the embedded engine is set up.

use std::{num::NonZeroU32, thread};

use crate::limits;

/// What keeps the data under the journal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TableKind {
    /// One file that is changed only by whole transactions. It survives a loss of power.
    Redb,
    /// A log of many small changes. It does not survive every loss of power.
    Sled,
}

/// How the embedded engine is set up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EmbeddedOptions {
    /// The table of a new directory. A directory that has a table keeps it.
    pub table: TableKind,
    /// Memory that cached pages are meant to take, in bytes.
    pub cache_bytes: u64,
    /// Memory that changes take until they are checkpointed into the table, at most twice as much.
    pub memtable_bytes: usize,
    /// How many places there are, at most [`limits::MAX_PLACES`]. Nothing on disk depends on it.
    pub places: NonZeroU32,
}

impl Default for EmbeddedOptions {
    /// As many places as there are processors.
    fn default() -> EmbeddedOptions {
        let processors = thread::available_parallelism().ok();
        let places = processors.and_then(|count| NonZeroU32::try_from(count).ok());
        EmbeddedOptions {
            table: TableKind::Redb,
            cache_bytes: limits::CACHE_BYTES,
            memtable_bytes: limits::MEMTABLE_BYTES,
            places: places.unwrap_or(NonZeroU32::MIN),
        }
    }
}
