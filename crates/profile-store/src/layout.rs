//! The bytes in an engine: keys, records, and which keys an entry has in the sort orders.

pub(crate) mod index;
pub(crate) mod key;
pub(crate) mod profile_record;
pub(crate) mod record;
pub(crate) mod sort_cursor;
