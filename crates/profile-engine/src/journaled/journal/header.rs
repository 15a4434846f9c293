//! The first page of a file of the journal: which store and generation it belongs to, and how long
//! it is.
//!
//! The page has two slots. A file that grows gets a header with its new length in the slot that is
//! not in use, so a torn write leaves the other one.

use crate::journaled::mark::StoreId;

/// Bytes of the first page. Records follow.
pub(crate) const PAGE: usize = 4_096;

/// Bytes from the first slot to the second.
const SLOT: usize = PAGE / 2;

/// Bytes of a header.
const BYTES: usize = 48;

/// The first bytes of a header.
const MAGIC: [u8; 4] = *b"\xffPJH";

/// One header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct FileHeader {
    pub(super) store: StoreId,
    pub(super) generation: u64,
    /// Bytes that the file has at least.
    pub(super) length: u64,
    /// How often the file has grown in this generation.
    pub(super) revision: u32,
}

impl FileHeader {
    /// The first page of a file that has this header alone.
    pub(super) fn page(&self) -> Vec<u8> {
        let mut page = self.encode();
        page.resize(PAGE, 0);
        page
    }

    /// Where the header of the next revision is written.
    pub(super) fn offset(&self) -> u64 {
        if self.revision.is_multiple_of(2) { 0 } else { SLOT as u64 }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.store.to_bytes());
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(&self.length.to_be_bytes());
        bytes.extend_from_slice(&self.revision.to_be_bytes());
        bytes.resize(BYTES - 4, 0);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<FileHeader> {
        let (summed, sum) = bytes.get(..BYTES)?.split_last_chunk::<4>()?;
        let (magic, rest) = summed.split_first_chunk()?;
        let (store, rest) = rest.split_first_chunk()?;
        let (generation, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (revision, _) = rest.split_first_chunk()?;
        let is_whole = *magic == MAGIC && *sum == crc32fast::hash(summed).to_be_bytes();
        is_whole.then(|| FileHeader {
            store: StoreId::from_bytes(*store),
            generation: u64::from_be_bytes(*generation),
            length: u64::from_be_bytes(*length),
            revision: u32::from_be_bytes(*revision),
        })
    }

    /// The newest header of a file, if it has any.
    pub(super) fn newest(file: &[u8]) -> Option<FileHeader> {
        let slots = [file.get(..SLOT), file.get(SLOT..PAGE)].into_iter().flatten();
        slots.filter_map(FileHeader::decode).max_by_key(|header| header.revision)
    }
}
