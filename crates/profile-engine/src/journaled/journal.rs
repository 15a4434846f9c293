//! The journal: the newest batches, in the order in which they were committed.
//!
//! There is one file for each generation of changes, which is named by the number of the
//! generation. A file is a sequence of records, one for each batch; docs/STORAGE.md describes their
//! bytes. A memtable holds the changes of one generation. Once its changes are in the table, a
//! later generation overwrites its file, because a sync is much faster where a file does not grow:
//! the file system has no metadata to write.

#[cfg(test)]
#[cfg(not(feature = "model-check"))]
mod tests;

use std::{io, sync::Arc};

use super::disk::{Disk, DiskFile};
use crate::{EngineError, Write, limits};

/// The extension of the journal's files.
const EXTENSION: &str = "journal";

/// The file that the next generation overwrites.
const SPARE: &str = "spare";

/// The first bytes of each record. The first of them occurs in no UTF-8 text, so no stored text can
/// look like a record when a torn file is searched for records.
const MAGIC: [u8; 4] = *b"\xffPJ1";

/// Bytes of a record before its changes.
const HEAD: usize = 32;

/// The length that stands for the value of a removed key.
const REMOVED: u32 = u32::MAX;

/// The journal of an engine, open for writing.
pub(super) struct Journal {
    disk: Arc<dyn Disk>,
    file: Arc<dyn DiskFile>,
    /// The generation of the file.
    generation: u64,
    /// How many records the generation before has.
    before: u32,
    /// Where the next record goes.
    end: u64,
    /// How many records the file has.
    records: u32,
    /// How many of them are known to be on disk.
    synced: u32,
    /// How many records were appended to earlier generations since the journal was opened.
    earlier: u64,
    record: Vec<u8>,
}

impl Journal {
    /// Opens the journal, passes its batches to `found`, oldest first, and begins a new generation.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        mut found: impl FnMut(Vec<Write>),
    ) -> Result<Journal, EngineError> {
        disk.create().map_err(EngineError::Io)?;
        let (mut last, mut before) = (0, None);
        for generation in generations(&*disk).map_err(EngineError::Io)? {
            if before.is_some() && generation != last + 1 {
                return Err(damaged(last + 1, 0));
            }
            before = Some(recover(&*disk, generation, before, &mut found)?);
            last = generation;
        }
        let generation = last + 1;
        Ok(Journal {
            file: begin(&*disk, generation).map_err(EngineError::Io)?,
            disk,
            generation,
            before: before.unwrap_or(0),
            end: 0,
            records: 0,
            synced: 0,
            earlier: 0,
            record: Vec::new(),
        })
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// The file that receives the records of this generation.
    pub(super) fn file(&self) -> Arc<dyn DiskFile> {
        Arc::clone(&self.file)
    }

    /// Bytes of the generation's records.
    pub(super) fn bytes(&self) -> u64 {
        self.end
    }

    /// How many records were appended since the journal was opened.
    pub(super) fn position(&self) -> u64 {
        self.earlier + u64::from(self.records)
    }

    /// Notes that the records up to this position are on disk.
    pub(super) fn note_durable(&mut self, position: u64) {
        let of_this_file = position.saturating_sub(self.earlier);
        self.synced = u32::try_from(of_this_file).map_or(self.records, |of| of.min(self.records));
    }

    /// Appends a batch. A crash may lose it until the file is synced.
    pub(super) fn append(&mut self, batch: &[Write]) -> io::Result<()> {
        self.record.clear();
        let &mut Journal { generation, before, records: number, synced, .. } = self;
        encode(&mut self.record, Head { generation, before, number, synced }, batch)?;
        self.file.write_all_at(&self.record, self.end)?;
        self.end += self.record.len() as u64;
        self.records += 1;
        self.record.shrink_to(limits::RECORD_BUFFER_BYTES);
        Ok(())
    }

    /// Ends this generation, and begins the next. Fails if a record is not known to be on disk.
    pub(super) fn begin_next(&mut self) -> io::Result<()> {
        if self.synced != self.records {
            return Err(io::Error::other("the journal is not on disk"));
        }
        // Cuts off what an older generation left behind the end of this one.
        self.file.set_len(self.end)?;
        self.file = begin(&*self.disk, self.generation + 1)?;
        self.earlier = self.position();
        self.generation += 1;
        self.before = self.records;
        (self.end, self.records, self.synced) = (0, 0, 0);
        Ok(())
    }
}

/// Removes the files up to that of this generation, oldest first: a newer file must not be missing
/// while an older one exists. The last is kept, to be overwritten.
pub(super) fn retire(disk: &dyn Disk, generation: u64) -> io::Result<()> {
    for old in generations(disk)?.into_iter().filter(|of| *of <= generation) {
        disk.rename(&file_name(old), SPARE)?;
        disk.sync_names()?;
    }
    Ok(())
}

fn file_name(generation: u64) -> String {
    format!("{generation:016}.{EXTENSION}")
}

/// The generations that have files, oldest first.
fn generations(disk: &dyn Disk) -> io::Result<Vec<u64>> {
    let names = disk.names()?;
    let stems = names.iter().filter_map(|name| name.strip_suffix(EXTENSION)?.strip_suffix('.'));
    let mut found: Vec<u64> = stems.filter_map(|stem| stem.parse().ok()).collect();
    found.sort_unstable();
    Ok(found)
}

/// Creates the file of a generation, from the spare one if there is one, and makes its name
/// durable.
fn begin(disk: &dyn Disk, generation: u64) -> io::Result<Arc<dyn DiskFile>> {
    let name = file_name(generation);
    match disk.rename(SPARE, &name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.open(&name)?;
    disk.sync_names()?;
    Ok(file)
}

/// Reads the records that a process left of a generation. Returns how many there are. `before` is
/// the number of records of the generation before, if its file was read.
fn recover(
    disk: &dyn Disk,
    generation: u64,
    before: Option<u32>,
    found: &mut impl FnMut(Vec<Write>),
) -> Result<u32, EngineError> {
    let name = file_name(generation);
    let bytes = disk.read(&name).map_err(EngineError::Io)?;
    let whole = read(&bytes, generation, before, found)?;
    // The bytes that were read may be in memory alone: after a failed sync the system considers
    // them written. So they are written once more before they count.
    let kept = bytes.get(..whole.bytes).ok_or_else(|| damaged(generation, whole.records))?;
    let write = |file: Arc<dyn DiskFile>| {
        file.write_all_at(kept, 0)?;
        if kept.len() < bytes.len() {
            file.set_len(kept.len() as u64)?;
        }
        file.sync_all()
    };
    disk.open(&name).and_then(write).map_err(EngineError::Io)?;
    Ok(whole.records)
}

/// The head of a record, without the length and the checksum of its changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Head {
    generation: u64,
    /// How many records the generation before has.
    before: u32,
    number: u32,
    /// How many records of the generation were known to be on disk.
    synced: u32,
}

fn encode(record: &mut Vec<u8>, head: Head, batch: &[Write]) -> io::Result<()> {
    record.extend_from_slice(&MAGIC);
    record.extend_from_slice(&head.generation.to_be_bytes());
    for number in [head.before, head.number, head.synced] {
        record.extend_from_slice(&number.to_be_bytes());
    }
    record.extend_from_slice(&[0; 8]);
    for Write { key, value } in batch {
        record.extend_from_slice(&length(key)?.to_be_bytes());
        let of_value = value.as_deref().map_or(Ok(REMOVED), length)?;
        record.extend_from_slice(&of_value.to_be_bytes());
        record.extend_from_slice(key);
        record.extend_from_slice(value.as_deref().unwrap_or_default());
    }
    let length = length(record.get(HEAD..).unwrap_or_default())?;
    fill(record, HEAD - 8, length);
    let sum = sum(record);
    fill(record, HEAD - 4, sum);
    Ok(())
}

fn fill(record: &mut [u8], at: usize, number: u32) {
    if let Some(field) = record.get_mut(at..at + 4) {
        field.copy_from_slice(&number.to_be_bytes());
    }
}

fn length(bytes: &[u8]) -> io::Result<u32> {
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length < REMOVED);
    length.ok_or_else(|| io::Error::other("a batch is larger than the journal can hold"))
}

/// The checksum of a record, over all of it but the checksum.
fn sum(record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(record.get(..HEAD - 4).unwrap_or_default());
    hasher.update(record.get(HEAD..).unwrap_or_default());
    hasher.finalize()
}

/// A record that was read.
struct Record<'a> {
    head: Head,
    changes: &'a [u8],
}

/// The record at the start of these bytes, and the bytes that follow it. `None` if the bytes do not
/// start with a whole record of this generation.
fn first_record(bytes: &[u8], generation: u64) -> Option<(Record<'_>, &[u8])> {
    let (magic, rest) = bytes.split_first_chunk::<4>()?;
    let (of, rest) = rest.split_first_chunk()?;
    if *magic != MAGIC || u64::from_be_bytes(*of) != generation {
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
    let whole = *summed == sum(record).to_be_bytes();
    whole.then_some((Record { head, changes: record.get(HEAD..)? }, rest))
}

/// How much of a file is whole.
#[derive(Debug, Eq, PartialEq)]
struct Whole {
    records: u32,
    bytes: usize,
}

/// Reads the batches in a file of the journal. Records that were being written when the process
/// ended may be torn. They are left out, since their commits were not confirmed. A torn record
/// elsewhere is damage.
fn read(
    bytes: &[u8],
    generation: u64,
    before: Option<u32>,
    batch: &mut impl FnMut(Vec<Write>),
) -> Result<Whole, EngineError> {
    let (mut records, mut rest) = (0, bytes);
    while let Some((record, behind)) = first_record(rest, generation) {
        if record.head.number != records {
            break;
        }
        if before.is_some_and(|before| before != record.head.before) {
            return Err(damaged(generation - 1, record.head.before));
        }
        batch(changes(record.changes).ok_or_else(|| damaged(generation, records))?);
        (records, rest) = (records + 1, behind);
    }
    if later_record_proves(rest, generation, records) {
        return Err(damaged(generation, records));
    }
    Ok(Whole { records, bytes: bytes.len() - rest.len() })
}

fn damaged(generation: u64, number: u32) -> EngineError {
    EngineError::Damaged(format!("record {number} of generation {generation} of the journal"))
}

/// Whether a record in these bytes was written when the record of this number was known to be on
/// disk.
fn later_record_proves(bytes: &[u8], generation: u64, number: u32) -> bool {
    let starts = bytes.windows(MAGIC.len()).enumerate().filter(|(_, window)| *window == MAGIC);
    let mut records = starts.filter_map(|(at, _)| first_record(bytes.get(at..)?, generation));
    records.any(|(record, _)| number < record.head.synced)
}

fn changes(mut bytes: &[u8]) -> Option<Vec<Write>> {
    let mut changes = Vec::new();
    while !bytes.is_empty() {
        let (of_key, rest) = bytes.split_first_chunk()?;
        let (of_value, rest) = rest.split_first_chunk()?;
        let (key, rest) = rest.split_at_checked(u32::from_be_bytes(*of_key).try_into().ok()?)?;
        let (value, rest) = match u32::from_be_bytes(*of_value) {
            REMOVED => (None, rest),
            length => {
                let (value, rest) = rest.split_at_checked(length.try_into().ok()?)?;
                (Some(value.to_vec()), rest)
            }
        };
        changes.push(Write { key: key.to_vec(), value });
        bytes = rest;
    }
    Some(changes)
}
