//! The memtables above the table, as readers see them.

use std::{mem, sync::Arc};

use super::{
    memtable::Memtable,
    range_chunk::{RangeChunk, merged},
};
use crate::{Scan, Value, range::PageRoom};

/// The changes that are not in the table yet, or not all of them: those of the closed memtable,
/// which are being checkpointed, and above them those of the open one.
#[derive(Debug, Default)]
pub(super) struct Memtables {
    pub(super) open: Memtable,
    pub(super) closed: Option<Arc<Memtable>>,
}

impl Memtables {
    /// The newest change of a key: its value, or that it was removed.
    fn get(&self, key: &[u8]) -> Option<&Option<Value>> {
        self.open.get(key).or_else(|| self.closed.as_ref()?.get(key))
    }

    pub(super) fn lookup(&self, key: &[u8]) -> Lookup {
        self.get(key).map_or(Lookup::InTable, |change| Lookup::Changed(change.clone()))
    }

    /// Closes the open memtable. The one that was closed before must be gone.
    pub(super) fn close(&mut self) -> Arc<Memtable> {
        let closed = Arc::new(mem::take(&mut self.open));
        self.closed = Some(Arc::clone(&closed));
        closed
    }

    /// The first changes of a range, until one of the memtables has as many values as a page has
    /// `room` for, or this many removals beside them.
    pub(super) fn chunk(&self, scan: &Scan, room: PageRoom, removals: usize) -> RangeChunk {
        let Some(range) = scan.range() else {
            return RangeChunk { changes: Vec::new(), until: None };
        };
        let open = self.open.chunk(&range, scan.order, room, removals);
        match &self.closed {
            Some(closed) => {
                merged(closed.chunk(&range, scan.order, room, removals), open, scan.order)
            }
            None => open,
        }
    }
}

/// What the memtables know of a key.
#[derive(Debug)]
pub(super) enum Lookup {
    /// Its newest change: its value, or that it was removed.
    Changed(Option<Value>),
    /// They have no change of it, so that the table has its value.
    InTable,
}

#[cfg(test)]
#[cfg(not(feature = "model-check"))]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::{Key, Order, RangePage, Write, journaled::memtable::change_bytes, limits};

    type Changes = BTreeMap<Key, Option<Value>>;

    /// The contents of the table, and of the two memtables above it.
    #[derive(Clone, Debug)]
    struct Layers {
        table: BTreeMap<Key, Value>,
        closed: Option<Changes>,
        open: Changes,
    }

    impl Layers {
        fn memtables(&self) -> Memtables {
            let closed = self.closed.clone().map(|changes| Arc::new(memtable(changes)));
            Memtables { open: memtable(self.open.clone()), closed }
        }

        /// The newest change of each key that a scan may reach.
        fn changes(&self, scan: &Scan) -> Vec<(Key, Option<Value>)> {
            let table = self.table.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
            let mut all: Changes = table.collect();
            all.extend(self.above());
            reached_by(all, scan)
        }

        /// The newest change of each key that is above the table.
        fn above(&self) -> Changes {
            let mut above = self.closed.clone().unwrap_or_default();
            above.extend(self.open.clone());
            above
        }

        /// One step of a scan, as an engine makes it.
        fn step(&self, scan: &Scan, bytes: usize, removals: usize) -> RangeChunk {
            let room = PageRoom::of(scan, bytes);
            let table = self.table.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
            let below = reached_by(table.collect(), scan).into_iter();
            let below = below.filter_map(|(key, value)| Some(Ok((key, value?))));
            let below = RangePage::first_of(below, room).unwrap();
            let above = self.memtables().chunk(scan, room, removals);
            merged(below.into(), above, scan.order)
        }
    }

    fn memtable(changes: Changes) -> Memtable {
        let mut memtable = Memtable::default();
        memtable.apply(changes.into_iter().map(|(key, value)| Write { key, value }).collect());
        memtable
    }

    fn reached_by(changes: Changes, scan: &Scan) -> Vec<(Key, Option<Value>)> {
        let mut reached: Vec<_> = changes.into_iter().collect();
        if scan.order == Order::Descending {
            reached.reverse();
        }
        let after = scan.after.as_ref();
        reached.retain(|(key, _)| key.starts_with(&scan.prefix));
        reached.retain(|(key, _)| after.is_none_or(|after| scan.order.is_before(after, key)));
        reached
    }

    fn removed(changes: &[(Key, Option<Value>)]) -> usize {
        changes.iter().filter(|(_, value)| value.is_none()).count()
    }

    fn byte() -> impl Strategy<Value = u8> {
        prop::sample::select(&[0, b'a', 0xff][..])
    }

    /// Keys that often begin with one another.
    fn keys() -> impl Strategy<Value = Key> {
        prop::collection::vec(byte(), 0..4)
    }

    fn change() -> impl Strategy<Value = Option<Value>> {
        prop::option::of(prop::collection::vec(any::<u8>(), 0..3))
    }

    fn changes() -> impl Strategy<Value = Changes> {
        prop::collection::btree_map(keys(), change(), 0..20)
    }

    /// Changes of which several may be of one key.
    fn batch() -> impl Strategy<Value = Vec<Write>> {
        let write = (keys(), change()).prop_map(|(key, value)| Write { key, value });
        prop::collection::vec(write, 0..12)
    }

    fn layers() -> impl Strategy<Value = Layers> {
        let value = prop::collection::vec(any::<u8>(), 0..3);
        let table = prop::collection::btree_map(keys(), value, 0..20);
        (table, prop::option::weighted(0.8, changes()), changes())
            .prop_map(|(table, closed, open)| Layers { table, closed, open })
    }

    fn scans() -> impl Strategy<Value = Scan> {
        let prefix = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(byte(), 1..3)];
        let order = prop::sample::select(&[Order::Ascending, Order::Descending][..]);
        let limit = prop_oneof![4 => 1usize..6, 1 => Just(usize::MAX)];
        (prefix, prop::option::weighted(0.3, keys()), order, limit)
            .prop_map(|(prefix, after, order, limit)| Scan { prefix, after, order, limit })
    }

    /// How many bytes a page has room for.
    fn bytes() -> impl Strategy<Value = usize> {
        prop_oneof![1usize..20, Just(usize::MAX)]
    }

    proptest! {
        #[test]
        fn a_step_has_the_newest_change_of_each_key_as_far_as_it_goes(
            layers in layers(), scan in scans(), bytes in bytes(), removals in 1usize..5,
        ) {
            let RangeChunk { changes, until } = layers.step(&scan, bytes, removals);
            let mut expected = layers.changes(&scan);
            if let Some(until) = &until {
                expected.retain(|(key, _)| !scan.order.is_before(until, key));
                prop_assert_eq!(changes.last().map(|(key, _)| key), Some(until));
            }
            prop_assert_eq!(changes, expected);
        }

        #[test]
        fn steps_cover_a_whole_range(
            layers in layers(), mut scan in scans(), bytes in bytes(), removals in 1usize..5,
        ) {
            let (expected, mut changes) = (layers.changes(&scan), Vec::new());
            loop {
                let step = layers.step(&scan, bytes, removals);
                changes.extend(step.changes);
                scan.after = Some(match step.until {
                    Some(until) => until,
                    None => break,
                });
                prop_assert!(changes.len() <= expected.len());
            }
            prop_assert_eq!(changes, expected);
        }

        #[test]
        fn a_chunk_ends_with_its_range_or_at_the_limits_it_was_given(
            layers in layers(), scan in scans(), bytes in bytes(), removals in 1usize..5,
        ) {
            let room = PageRoom::of(&scan, bytes);
            let closed = Layers { open: Changes::new(), ..layers.clone() };
            let open = Layers { closed: None, ..layers.clone() };
            for (layers, memtables) in [(closed, 1), (open, 1), (layers, 2)] {
                let RangeChunk { changes, until } = layers.memtables().chunk(&scan, room, removals);
                let removed = removed(&changes);
                let values = changes.len() - removed;
                prop_assert!(removed <= memtables * removals);
                prop_assert!(values <= scan.limit.saturating_mul(memtables));
                if memtables == 1 {
                    let read = changes.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
                    let read: Vec<_> = read.map(|(key, value)| key.len() + value.len()).collect();
                    let is_large = bytes <= read.iter().sum();
                    let but_last: usize = read.iter().rev().skip(1).sum();
                    prop_assert!(but_last < bytes);
                    let full = values == scan.limit || removed == removals || is_large;
                    prop_assert_eq!(until.is_some(), full);
                }
                if until.is_none() {
                    prop_assert_eq!(changes, reached_by(layers.above(), &scan));
                }
            }
        }

        #[test]
        fn the_newest_change_of_a_key_is_found(layers in layers(), key in keys()) {
            let (memtables, above) = (layers.memtables(), layers.above());
            prop_assert_eq!(memtables.get(&key), above.get(&key));
        }

        #[test]
        fn a_memtable_is_as_large_as_the_newest_changes_of_its_keys(
            batches in prop::collection::vec(batch(), 0..6),
        ) {
            let (mut memtable, mut model) = (Memtable::default(), Changes::new());
            for batch in batches {
                model.extend(batch.iter().cloned().map(|Write { key, value }| (key, value)));
                memtable.apply(batch);
                let sizes = model.iter().map(|(key, value)| change_bytes(key.len(), value.as_deref()));
                prop_assert_eq!(memtable.bytes(), sizes.sum::<usize>());
                prop_assert!(memtable.iter().eq(&model));
            }
        }
    }

    #[test]
    fn a_closed_memtable_stays_visible_and_the_next_one_is_empty() {
        let mut memtables = Memtables::default();
        let put = |value: &[u8]| vec![Write { key: b"key".to_vec(), value: Some(value.to_vec()) }];
        memtables.open.apply(put(b"old"));
        let closed = memtables.close();
        assert_eq!(
            (closed.bytes(), memtables.open.bytes()),
            (limits::CHANGE_OVERHEAD_BYTES + 6, 0)
        );
        assert_eq!(memtables.get(b"key"), Some(&Some(b"old".to_vec())));
        memtables.open.apply(put(b"new"));
        assert_eq!(memtables.get(b"key"), Some(&Some(b"new".to_vec())));
        assert_eq!(memtables.get(b"other"), None);
    }
}
