//! What the table knows of the journal above it.

use std::fmt;

/// The identity of a store. It is in its table and in each file of its journal, so that files of
/// different stores are told apart.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) struct StoreId(u128);

impl StoreId {
    /// A new identity.
    pub(super) fn random() -> StoreId {
        StoreId(uuid::Uuid::new_v4().as_u128())
    }

    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> StoreId {
        StoreId(u128::from_be_bytes(bytes))
    }

    pub(super) const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a table notes, in the same step as the changes of a generation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Mark {
    pub(crate) store: StoreId,
    /// The newest generation of which all changes are in the table. The journal has the next.
    pub(crate) checkpointed: u64,
    /// Where the journal ended when the store was last closed.
    pub(crate) closed: Option<JournalEnd>,
}

/// The end of a journal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct JournalEnd {
    pub(crate) generation: u64,
    pub(crate) records: u32,
}

/// How far someone is who follows the journal of a store: all generations before this one, and so
/// many records of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct JournalPosition {
    pub(super) store: StoreId,
    pub(super) generation: u64,
    pub(super) records: u32,
}

impl JournalPosition {
    /// How many bytes it takes.
    pub const BYTES: usize = 28;

    pub(super) fn after_generation(store: StoreId, generation: u64) -> JournalPosition {
        JournalPosition { store, generation: generation + 1, records: 0 }
    }

    /// Its bytes: the identity of the store, the generation and the number of records, big-endian.
    pub fn to_bytes(self) -> Vec<u8> {
        let (generation, records) = (self.generation.to_be_bytes(), self.records.to_be_bytes());
        [&self.store.to_bytes()[..], &generation, &records].concat()
    }

    /// See [`to_bytes`](JournalPosition::to_bytes). `None` if these are not its bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<JournalPosition> {
        let (store, rest) = bytes.split_first_chunk()?;
        let (generation, rest) = rest.split_first_chunk()?;
        let (store, generation) = (StoreId::from_bytes(*store), u64::from_be_bytes(*generation));
        Some(JournalPosition {
            store,
            generation,
            records: u32::from_be_bytes(rest.try_into().ok()?),
        })
    }

    /// The position after this generation begins and so many records of it, in the journal of the
    /// same store.
    #[must_use]
    pub fn elsewhere(&self, generation: u64, records: u32) -> JournalPosition {
        JournalPosition { store: self.store, generation, records }
    }

    /// Whether it is further than another position in the journal of the same store.
    pub fn is_beyond(&self, other: &JournalPosition) -> bool {
        (other.generation, other.records) < (self.generation, self.records)
    }

    /// Whether both are positions in the journal of one store.
    pub fn is_of_same_store(&self, other: &JournalPosition) -> bool {
        self.store == other.store
    }
}

impl fmt::Display for JournalPosition {
    /// As people compare positions: `12:345`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.generation, self.records)
    }
}

/// The version of the bytes of a mark.
const VERSION: u8 = 1;

impl Mark {
    /// Its bytes, as docs/STORAGE.md describes them.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (generation, records) = self.closed.map_or((0, 0), |end| (end.generation, end.records));
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.store.to_bytes());
        bytes.extend_from_slice(&self.checkpointed.to_be_bytes());
        bytes.extend_from_slice(&generation.to_be_bytes());
        bytes.extend_from_slice(&records.to_be_bytes());
        bytes
    }

    /// See [`encode`](Mark::encode). `None` if these are not the bytes of a mark.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Mark> {
        let (&[VERSION], rest) = bytes.split_first_chunk()? else { return None };
        let (store, rest) = rest.split_first_chunk()?;
        let (checkpointed, rest) = rest.split_first_chunk()?;
        let (generation, rest) = rest.split_first_chunk()?;
        let records = u32::from_be_bytes(rest.try_into().ok()?);
        let generation = u64::from_be_bytes(*generation);
        let closed = (generation != 0).then_some(JournalEnd { generation, records });
        let (store, checkpointed) =
            (StoreId::from_bytes(*store), u64::from_be_bytes(*checkpointed));
        Some(Mark { store, checkpointed, closed })
    }
}
