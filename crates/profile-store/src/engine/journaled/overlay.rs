//! What is in the journal and not all in the table yet, as readers see it.

use std::{
    collections::{BTreeMap, btree_map},
    ops::Bound,
    sync::Arc,
};

use crate::{
    engine::{Key, Order, Scan, Value, Write},
    limits,
};

/// The newest change of each key, over some time.
#[derive(Debug, Default)]
pub(super) struct Generation {
    entries: BTreeMap<Key, Option<Value>>,
    /// Memory that they take.
    bytes: usize,
}

impl Generation {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Its changes, in the order of their keys.
    pub(super) fn iter(&self) -> btree_map::Iter<'_, Key, Option<Value>> {
        self.entries.iter()
    }

    pub(super) fn make(&mut self, batch: Vec<Write>) {
        for Write { key, value } in batch {
            let of_key = key.len();
            self.bytes += size(of_key, value.as_deref());
            if let Some(before) = self.entries.insert(key, value) {
                self.bytes -= size(of_key, before.as_deref());
            }
        }
    }
}

/// What one change takes in memory: more than its bytes, which lie apart.
pub(super) fn size(of_key: usize, value: Option<&[u8]>) -> usize {
    limits::CHANGE_BYTES + of_key + value.map_or(0, <[u8]>::len)
}

/// The changes that the table does not have, or not all of them: those being made to
/// it, and above them those that gather meanwhile.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    pub(super) open: Generation,
    pub(super) closed: Option<Arc<Generation>>,
}

/// A part of a range, in the order of reading.
#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) changes: Vec<(Key, Option<Value>)>,
    /// The key up to which there are no others; nothing if that is the end of the range.
    pub(super) until: Option<Key>,
}

impl Stretch {
    /// What was found of a range where at most so many were looked for.
    pub(super) fn of(entries: Vec<(Key, Value)>, limit: usize) -> Stretch {
        let until = entries.last().filter(|_| entries.len() == limit);
        let until = until.map(|(key, _)| key.clone());
        let changes = entries.into_iter().map(|(key, value)| (key, Some(value))).collect();
        Stretch { changes, until }
    }

    /// How many of the changes remove a key.
    pub(super) fn removals(&self) -> usize {
        self.changes.iter().filter(|(_, value)| value.is_none()).count()
    }
}

impl Overlay {
    /// The newest change of a key: its value, or that it was removed.
    pub(super) fn get(&self, key: &[u8]) -> Option<&Option<Value>> {
        let closed = || self.closed.as_ref()?.entries.get(key);
        self.open.entries.get(key).or_else(closed)
    }

    /// Closes the open generation. The one that was closed before has to be gone.
    pub(super) fn close(&mut self) -> Arc<Generation> {
        let closed = Arc::new(std::mem::take(&mut self.open));
        self.closed = Some(Arc::clone(&closed));
        closed
    }

    /// The first changes of a range, until there are as many values as it asks for, or
    /// so many removals beside them.
    pub(super) fn stretch(&self, scan: &Scan, removals: usize) -> Stretch {
        let Some(range) = scan.range() else {
            return Stretch { changes: Vec::new(), until: None };
        };
        let mut stretch = first_of(&self.open, &range, scan, removals);
        if let Some(closed) = &self.closed {
            stretch = merged(first_of(closed, &range, scan, removals), stretch, scan.order);
        }
        stretch
    }
}

fn first_of(
    generation: &Generation,
    (start, end): &(Bound<Key>, Bound<Key>),
    scan: &Scan,
    removals: usize,
) -> Stretch {
    let entries = generation.entries.range::<Key, _>((start.as_ref(), end.as_ref()));
    let (mut changes, mut values) = (Vec::new(), 0);
    let mut take = |(key, value): (&Key, &Option<Value>)| {
        values += usize::from(value.is_some());
        changes.push((key.clone(), value.clone()));
        values == scan.limit || values + removals <= changes.len()
    };
    let full = match scan.order {
        Order::Ascending => entries.into_iter().any(&mut take),
        Order::Descending => entries.rev().any(&mut take),
    };
    let until = changes.last().filter(|_| full).map(|(key, _)| key.clone());
    Stretch { changes, until }
}

/// Both, where those `above` count for more, as far as both go.
pub(super) fn merged(below: Stretch, above: Stretch, order: Order) -> Stretch {
    let until = nearer(below.until, above.until, order);
    let within = |key: &Key| until.as_ref().is_none_or(|until| !order.is_before(until, key));
    let mut changes = Vec::with_capacity(below.changes.len() + above.changes.len());
    let mut above = above.changes.into_iter().take_while(|(key, _)| within(key)).peekable();
    for (key, value) in below.changes.into_iter().take_while(|(key, _)| within(key)) {
        while let Some(change) = above.next_if(|(other, _)| order.is_before(other, &key)) {
            changes.push(change);
        }
        let newer = above.next_if(|(other, _)| *other == key);
        changes.push(newer.unwrap_or((key, value)));
    }
    changes.extend(above);
    Stretch { changes, until }
}

/// The one that is reached first, if any of the two is ever reached.
fn nearer(one: Option<Key>, other: Option<Key>, order: Order) -> Option<Key> {
    match (one, other) {
        (Some(one), Some(other)) if order.is_before(&other, &one) => Some(other),
        (Some(one), _) => Some(one),
        (None, other) => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Changes = BTreeMap<Key, Option<Value>>;

    /// What lies in the table, and the two generations above it.
    #[derive(Clone, Debug)]
    struct Layers {
        table: BTreeMap<Key, Value>,
        closed: Option<Changes>,
        open: Changes,
    }

    impl Layers {
        fn overlay(&self) -> Overlay {
            let closed = self.closed.clone().map(|changes| Arc::new(generation(changes)));
            Overlay { open: generation(self.open.clone()), closed }
        }

        /// The newest change of each key that a scan may come to.
        fn changes(&self, scan: &Scan) -> Vec<(Key, Option<Value>)> {
            let table = self.table.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
            let mut all: Changes = table.collect();
            all.extend(self.above());
            in_reach(all, scan)
        }

        /// The newest change of each key that is above the table.
        fn above(&self) -> Changes {
            let mut above = self.closed.clone().unwrap_or_default();
            above.extend(self.open.clone());
            above
        }

        /// One step of a scan, as an engine makes it.
        fn step(&self, scan: &Scan, removals: usize) -> Stretch {
            let table = self.table.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
            let below = in_reach(table.collect(), scan).into_iter();
            let below = below.filter_map(|(key, value)| Some((key, value?))).take(scan.limit);
            let above = self.overlay().stretch(scan, removals);
            merged(Stretch::of(below.collect(), scan.limit), above, scan.order)
        }
    }

    fn generation(changes: Changes) -> Generation {
        let mut generation = Generation::default();
        generation.make(changes.into_iter().map(|(key, value)| Write { key, value }).collect());
        generation
    }

    fn in_reach(changes: Changes, scan: &Scan) -> Vec<(Key, Option<Value>)> {
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

    proptest! {
        #[test]
        fn a_step_has_the_newest_change_of_each_key_as_far_as_it_goes(
            layers in layers(), scan in scans(), removals in 1usize..5,
        ) {
            let Stretch { changes, until } = layers.step(&scan, removals);
            let mut expected = layers.changes(&scan);
            if let Some(until) = &until {
                expected.retain(|(key, _)| !scan.order.is_before(until, key));
                prop_assert_eq!(changes.last().map(|(key, _)| key), Some(until));
            }
            prop_assert_eq!(changes, expected);
        }

        #[test]
        fn step_after_step_leads_through_all_of_a_range(
            layers in layers(), mut scan in scans(), removals in 1usize..5,
        ) {
            let (expected, mut changes) = (layers.changes(&scan), Vec::new());
            loop {
                let step = layers.step(&scan, removals);
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
        fn a_stretch_ends_with_its_range_or_when_it_has_as_much_as_was_asked_for(
            layers in layers(), scan in scans(), removals in 1usize..5,
        ) {
            let closed = Layers { open: Changes::new(), ..layers.clone() };
            let open = Layers { closed: None, ..layers.clone() };
            for (layers, generations) in [(closed, 1), (open, 1), (layers, 2)] {
                let Stretch { changes, until } = layers.overlay().stretch(&scan, removals);
                let removed = removed(&changes);
                let values = changes.len() - removed;
                prop_assert!(removed <= generations * removals);
                prop_assert!(values <= scan.limit.saturating_mul(generations));
                if generations == 1 {
                    let full = values == scan.limit || removed == removals;
                    prop_assert_eq!(until.is_some(), full);
                }
                if until.is_none() {
                    prop_assert_eq!(changes, in_reach(layers.above(), &scan));
                }
            }
        }

        #[test]
        fn the_newest_change_of_a_key_is_found(layers in layers(), key in keys()) {
            let (overlay, above) = (layers.overlay(), layers.above());
            prop_assert_eq!(overlay.get(&key), above.get(&key));
        }

        #[test]
        fn a_generation_is_as_large_as_the_newest_changes_of_its_keys(
            batches in prop::collection::vec(batch(), 0..6),
        ) {
            let (mut generation, mut model) = (Generation::default(), Changes::new());
            for batch in batches {
                model.extend(batch.iter().cloned().map(|Write { key, value }| (key, value)));
                generation.make(batch);
                let sizes = model.iter().map(|(key, value)| size(key.len(), value.as_deref()));
                prop_assert_eq!(generation.bytes(), sizes.sum::<usize>());
                prop_assert!(generation.iter().eq(&model));
            }
        }
    }

    #[test]
    fn what_is_closed_stays_in_sight_and_makes_room() {
        let mut overlay = Overlay::default();
        let put = |value: &[u8]| vec![Write { key: b"key".to_vec(), value: Some(value.to_vec()) }];
        overlay.open.make(put(b"old"));
        let closed = overlay.close();
        assert_eq!((closed.bytes(), overlay.open.bytes()), (limits::CHANGE_BYTES + 6, 0));
        assert_eq!(overlay.get(b"key"), Some(&Some(b"old".to_vec())));
        overlay.open.make(put(b"new"));
        assert_eq!(overlay.get(b"key"), Some(&Some(b"new".to_vec())));
        assert_eq!(overlay.get(b"other"), None);
    }
}
