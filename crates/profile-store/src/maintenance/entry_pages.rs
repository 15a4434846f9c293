//! Many entries of a store, a page of bounded size at a time.

use crate::{
    engine::{Engine, EngineError, Key, Order, Scan, Value},
    limits,
};

/// Reads all entries whose keys have a prefix, in the order of their keys. A page has at most so
/// many entries, and ends with the one by which it has [`limits::PAGE_BYTES`].
pub(super) struct EntryPages<'e> {
    engine: &'e dyn Engine,
    /// The rest of the range; nothing once its last page was read.
    rest: Option<Scan>,
}

impl EntryPages<'_> {
    /// Pages of so many entries at most.
    pub(super) fn of(engine: &dyn Engine, prefix: Key, limit: usize) -> EntryPages<'_> {
        let rest = Scan { prefix, after: None, order: Order::Ascending, limit };
        EntryPages { engine, rest: Some(rest) }
    }

    /// The same, of all entries whose keys follow this one.
    pub(super) fn after(engine: &dyn Engine, key: Key, limit: usize) -> EntryPages<'_> {
        let (prefix, after, order) = (Vec::new(), Some(key), Order::Ascending);
        EntryPages { engine, rest: Some(Scan { prefix, after, order, limit }) }
    }

    /// The next entries. `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<(Key, Value)>>, EngineError> {
        let Some(rest) = &mut self.rest else { return Ok(None) };
        let page = self.engine.scan_page(rest.clone(), limits::PAGE_BYTES).await?;
        rest.after.clone_from(&page.next_after);
        if page.next_after.is_none() {
            self.rest = None;
        }
        Ok(Some(page.entries).filter(|entries| !entries.is_empty()))
    }
}
