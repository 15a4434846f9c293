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
