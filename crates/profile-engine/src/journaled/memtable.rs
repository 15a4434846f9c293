//! The newest changes of keys, in memory.

use std::{
    collections::{BTreeMap, btree_map},
    ops::Bound,
};

use super::range_chunk::RangeChunk;
use crate::{Key, Order, Value, Write, limits, range::PageRoom};

/// The newest change of each key that changed in one generation of the journal.
#[derive(Debug, Default)]
pub(super) struct Memtable {
    changes: BTreeMap<Key, Option<Value>>,
    /// Memory that the changes take.
    bytes: usize,
}

impl Memtable {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The newest change of a key: its value, or that it was removed.
    pub(super) fn get(&self, key: &[u8]) -> Option<&Option<Value>> {
        self.changes.get(key)
    }

    /// Its changes, in the order of their keys.
    pub(super) fn iter(&self) -> btree_map::Iter<'_, Key, Option<Value>> {
        self.changes.iter()
    }

    pub(super) fn apply(&mut self, batch: Vec<Write>) {
        for Write { key, value } in batch {
            let key_bytes = key.len();
            self.bytes += change_bytes(key_bytes, value.as_deref());
            if let Some(replaced) = self.changes.insert(key, value) {
                self.bytes -= change_bytes(key_bytes, replaced.as_deref());
            }
        }
    }

    /// The first changes of a range, until there are as many values as a page has `room` for, or
    /// this many removals beside them.
    pub(super) fn chunk(
        &self,
        (start, end): &(Bound<Key>, Bound<Key>),
        order: Order,
        mut room: PageRoom,
        mut removals: usize,
    ) -> RangeChunk {
        let range = self.changes.range::<Key, _>((start.as_ref(), end.as_ref()));
        let mut changes = Vec::new();
        let mut take = |(key, value): (&Key, &Option<Value>)| {
            changes.push((key.clone(), value.clone()));
            if let Some(value) = value {
                return room.take_is_last(key, value);
            }
            removals = removals.saturating_sub(1);
            removals == 0
        };
        let is_full = match order {
            Order::Ascending => range.into_iter().any(&mut take),
            Order::Descending => range.rev().any(&mut take),
        };
        let until = changes.last().filter(|_| is_full).map(|(key, _)| key.clone());
        RangeChunk { changes, until }
    }
}

/// Memory that one change takes, with its overhead.
pub(super) fn change_bytes(key_bytes: usize, value: Option<&[u8]>) -> usize {
    limits::CHANGE_OVERHEAD_BYTES + key_bytes + value.map_or(0, <[u8]>::len)
}
