//! Parts of a range, and how the changes of a newer part take precedence.

use crate::{Key, Order, RangePage, Value};

/// A part of a range, in the order of reading.
#[derive(Debug)]
pub(super) struct RangeChunk {
    pub(super) changes: Vec<(Key, Option<Value>)>,
    /// The key up to which the chunk is complete; `None` if it is complete to the end of the range.
    pub(super) until: Option<Key>,
}

impl From<RangePage> for RangeChunk {
    fn from(page: RangePage) -> RangeChunk {
        let changes = page.entries.into_iter().map(|(key, value)| (key, Some(value))).collect();
        RangeChunk { changes, until: page.next_after }
    }
}

impl RangeChunk {
    /// How many of the changes remove a key.
    pub(super) fn removals(&self) -> usize {
        self.changes.iter().filter(|(_, value)| value.is_none()).count()
    }
}

/// The changes of both chunks, as far as both are complete. Where both change a key, the change of
/// `above` counts.
pub(super) fn merged(below: RangeChunk, above: RangeChunk, order: Order) -> RangeChunk {
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
    RangeChunk { changes, until }
}

/// The key that is reached first, if any of the two is ever reached.
fn nearer(one: Option<Key>, other: Option<Key>, order: Order) -> Option<Key> {
    match (one, other) {
        (Some(one), Some(other)) if order.is_before(&other, &one) => Some(other),
        (Some(one), _) => Some(one),
        (None, other) => other,
    }
}
