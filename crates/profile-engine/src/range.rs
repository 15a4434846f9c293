//! Parts of the ordered keys.

use std::ops::Bound;

use crate::Key;

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
