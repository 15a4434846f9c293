//! The bytes of a record: one batch, or the end of its generation. docs/STORAGE.md describes them.

use std::io;

use crate::{Write, encode_writes};

/// The first bytes of each record of a batch. The first of them occurs in no UTF-8 text, so no
/// stored text can look like a record when a torn file is searched for records.
pub(super) const MAGIC: [u8; 4] = *b"\xffPJ1";

/// The first bytes of the record that ends a generation.
pub(super) const END_MAGIC: [u8; 4] = *b"\xffPJE";

/// Bytes of a record before its changes.
pub(super) const HEAD: usize = 32;

/// The head of a record, without the length and the checksum of its changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Head {
    pub(super) generation: u64,
    /// How many records the generation before has.
    pub(super) before: u32,
    pub(super) number: u32,
    /// How many records of the generation were known to be on disk.
    pub(super) synced: u32,
}

/// Appends the record of a batch to `record`, which is empty.
pub(super) fn encode(record: &mut Vec<u8>, head: Head, batch: &[Write]) -> io::Result<()> {
    begin(record, MAGIC, head);
    let is_too_large = || io::Error::other("a batch is larger than the journal can hold");
    encode_writes(record, batch).ok_or_else(is_too_large)?;
    let length = record.len().saturating_sub(HEAD).try_into().or(Err(is_too_large()))?;
    finish(record, length);
    Ok(())
}

/// The record that ends a generation, after its last batch.
pub(super) fn encode_end(head: Head) -> Vec<u8> {
    let mut record = Vec::new();
    begin(&mut record, END_MAGIC, head);
    finish(&mut record, 0);
    record
}

fn begin(record: &mut Vec<u8>, magic: [u8; 4], head: Head) {
    record.extend_from_slice(&magic);
    record.extend_from_slice(&head.generation.to_be_bytes());
    for number in [head.before, head.number, head.synced] {
        record.extend_from_slice(&number.to_be_bytes());
    }
    record.extend_from_slice(&[0; 8]);
}

/// Fills in the length of the changes, and the checksum.
fn finish(record: &mut [u8], length: u32) {
    fill(record, HEAD - 8, length);
    let sum = sum(record);
    fill(record, HEAD - 4, sum);
}

pub(super) fn fill(record: &mut [u8], at: usize, number: u32) {
    if let Some(field) = record.get_mut(at..at + 4) {
        field.copy_from_slice(&number.to_be_bytes());
    }
}

/// The checksum of a record, over all of it but the checksum.
pub(super) fn sum(record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(record.get(..HEAD - 4).unwrap_or_default());
    hasher.update(record.get(HEAD..).unwrap_or_default());
    hasher.finalize()
}

/// A record that was read.
pub(super) struct Record<'a> {
    pub(super) head: Head,
    /// The changes of a batch. `None` in the record that ends a generation.
    pub(super) changes: Option<&'a [u8]>,
}

/// The record at the start of these bytes, and the bytes that follow it. `None` if the bytes do not
/// start with a whole record of this generation.
pub(super) fn first_record(bytes: &[u8], generation: u64) -> Option<(Record<'_>, &[u8])> {
    let (magic, rest) = bytes.split_first_chunk::<4>()?;
    let (of, rest) = rest.split_first_chunk()?;
    let is_end = *magic == END_MAGIC;
    if !is_end && *magic != MAGIC || u64::from_be_bytes(*of) != generation {
        return None;
    }
    let (before, rest) = rest.split_first_chunk()?;
    let (number, rest) = rest.split_first_chunk()?;
    let (synced, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (summed, _) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (record, rest) = bytes.split_at_checked(HEAD.checked_add(length)?)?;
    let [before, number, synced] = [before, number, synced].map(|bytes| u32::from_be_bytes(*bytes));
    let head = Head { generation, before, number, synced };
    let is_whole = *summed == sum(record).to_be_bytes();
    let changes = record.get(HEAD..).filter(|_| !is_end);
    is_whole.then_some((Record { head, changes }, rest))
}

/// The whole records of this generation anywhere in these bytes.
pub(super) fn records_within(bytes: &[u8], generation: u64) -> impl Iterator<Item = Record<'_>> {
    let begins = |window: &[u8]| window == MAGIC || window == END_MAGIC;
    let starts = bytes.windows(MAGIC.len()).enumerate().filter(move |(_, window)| begins(window));
    starts.filter_map(move |(at, _)| Some(first_record(bytes.get(at..)?, generation)?.0))
}
