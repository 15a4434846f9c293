//! Parts of the ordered keys.

use std::ops::Bound;

use crate::{EngineError, Key, Value};

/// Which way to read a range.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// From the smallest key up.
    Ascending,
    /// From the greatest key down.
    Descending,
}

/// A part of the keys that start with one prefix.
#[derive(Clone, Debug)]
pub struct Scan {
    /// What the keys start with.
    pub prefix: Key,
    /// The key after which to begin, in the order of reading; nothing to begin
    /// with the first.
    pub after: Option<Key>,
    /// Which way to read.
    pub order: Order,
    /// How many entries to read at most.
    pub limit: usize,
}

impl Scan {
    /// Between which keys to read; nothing if there can be none.
    pub(crate) fn range(&self) -> Option<(Bound<Key>, Bound<Key>)> {
        let past = past_prefix(&self.prefix);
        let after = self.after.as_deref();
        // A reader may go on from a key that is not in the range; then the range
        // begins where it begins, or is over.
        let (before_all, past_all) = (
            after.is_some_and(|after| after < self.prefix.as_slice()),
            after.zip(past.as_deref()).is_some_and(|(after, past)| past <= after),
        );
        let (start, end) = (Bound::Included(self.prefix.clone()), Bound::Excluded);
        let end = past.map_or(Bound::Unbounded, end);
        let from = after.map(|after| Bound::Excluded(after.to_vec()));
        match self.order {
            Order::Ascending if past_all => None,
            Order::Ascending => Some((from.filter(|_| !before_all).unwrap_or(start), end)),
            Order::Descending if before_all => None,
            Order::Descending => Some((start, from.filter(|_| !past_all).unwrap_or(end))),
        }
    }
}

/// A part of a range, in the order of reading.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RangePage {
    /// Its entries.
    pub entries: Vec<(Key, Value)>,
    /// The key after which the next page begins; nothing if no entry follows. A full page has a key
    /// here even if the range ends with it, and the next page is empty then.
    pub next_after: Option<Key>,
}

impl RangePage {
    /// The first of these entries, which are all of a range, up to what a page has room for.
    pub(crate) fn first_of(
        entries: impl Iterator<Item = Result<(Key, Value), EngineError>>,
        mut room: PageRoom,
    ) -> Result<RangePage, EngineError> {
        let mut page = RangePage::default();
        for entry in entries {
            if page.push_is_last(entry?, &mut room) {
                break;
            }
        }
        Ok(page)
    }

    /// Adds the next entry. Returns whether the page has no room for another.
    pub(crate) fn push_is_last(&mut self, (key, value): (Key, Value), room: &mut PageRoom) -> bool {
        let is_last = room.take_is_last(&key, &value);
        self.next_after = is_last.then(|| key.clone());
        self.entries.push((key, value));
        is_last
    }
}

/// What else a page has room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageRoom {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
}

impl PageRoom {
    /// The room of a page of this scan that ends with the entry that reaches this many bytes.
    pub(crate) fn of(scan: &Scan, bytes: usize) -> PageRoom {
        PageRoom { entries: scan.limit, bytes }
    }

    /// Takes the room of an entry, which a page has for one at least. Returns whether none is left.
    pub(crate) fn take_is_last(&mut self, key: &[u8], value: &[u8]) -> bool {
        self.entries = self.entries.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(key.len() + value.len());
        self.entries == 0 || self.bytes == 0
    }
}

/// The smallest key greater than every key with this prefix, if there is one.
fn past_prefix(prefix: &[u8]) -> Option<Key> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

impl Order {
    /// Whether a key comes before another.
    pub(crate) fn is_before(self, one: &[u8], other: &[u8]) -> bool {
        match self {
            Order::Ascending => one < other,
            Order::Descending => other < one,
        }
    }
}
