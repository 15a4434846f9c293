//! Reading what an earlier process left of the journal, and judging whether it is all there.

use std::io;

use super::{
    files::{file_name, generations},
    header::{FileHeader, PAGE},
    record::{first_record, records_within},
};
use crate::{
    EngineError, Write, decode_writes,
    journaled::{
        disk::Disk,
        mark::{JournalEnd, Mark},
    },
};

/// A generation that was read.
#[derive(Debug)]
pub(super) struct RecoveredFile {
    pub(super) generation: u64,
    /// How many records the generation before has, as its records say.
    pub(super) before: u32,
    pub(super) records: u32,
    /// The bytes of the file up to the end of its last batch.
    pub(super) kept: Vec<u8>,
    /// The file has a header: it was not written by a version of this engine before there were
    /// any.
    pub(super) has_header: bool,
    /// It says that the next generation has begun.
    pub(super) has_ended: bool,
    /// What follows the last batch and was written in this generation.
    torn: TornTail,
}

/// What was being written when the process ended, and does not count.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct TornTail {
    /// Whole records after one that is not whole.
    pub(super) records: usize,
    /// There is part of a record.
    pub(super) is_torn: bool,
}

/// Passes the batches of the journal to `found`, oldest first. Errors call the table by the name
/// `table`.
pub(super) fn recover(
    disk: &dyn Disk,
    table: &str,
    mark: Option<&Mark>,
    found: &mut impl FnMut(Vec<Write>),
) -> Result<Vec<RecoveredFile>, EngineError> {
    let mut present = generations(disk).map_err(EngineError::Io)?;
    let files = match mark {
        // What is in the table already is left from a checkpoint that was cut off.
        Some(mark) => {
            present.retain(|generation| mark.checkpointed < *generation);
            read_marked(disk, table, mark, &present, found)?
        }
        None => read_unmarked(disk, &present, found)?,
    };
    files.iter().for_each(log_torn_tail);
    Ok(files)
}

fn log_torn_tail(file: &RecoveredFile) {
    if file.torn != TornTail::default() {
        tracing::warn!(
            file = file_name(file.generation),
            batches_kept = file.records,
            whole_records_dropped = file.torn.records,
            part_of_a_record_dropped = file.torn.is_torn,
            "the journal ends in a write that was cut off; its requests were never answered",
        );
    }
}

/// Reads the generations after the one that the table has checkpointed.
fn read_marked(
    disk: &dyn Disk,
    table: &str,
    mark: &Mark,
    present: &[u64],
    found: &mut impl FnMut(Vec<Write>),
) -> Result<Vec<RecoveredFile>, EngineError> {
    let mut files: Vec<RecoveredFile> = Vec::new();
    let last = present.last().copied().unwrap_or(mark.checkpointed + 1);
    for generation in mark.checkpointed + 1..=last {
        if !present.contains(&generation) {
            return Err(mismatched(generation, "is missing", table));
        }
        let bytes = read_file(disk, generation)?;
        let previous = files.last();
        if let Err(reason) = check_header(&bytes, mark, generation) {
            // The next generation has begun when the one before says so, and not earlier.
            if generation == last && previous.is_some_and(|previous| !previous.has_ended) {
                break;
            }
            return Err(match reason {
                WrongFile::Damaged(what) => damaged(generation, what),
                WrongFile::Mismatched(what) => mismatched(generation, what, table),
            });
        }
        let before = previous.map(|previous| previous.records);
        let file = read_records(bytes, generation, PAGE, before, found)?;
        check_end(&file, previous, table, mark)?;
        files.push(file);
    }
    match missing_after(files.last(), mark) {
        Some(generation) => Err(mismatched(generation, "is missing", table)),
        None => Ok(files),
    }
}

/// A generation that was there, although this one is the last to be found.
fn missing_after(last: Option<&RecoveredFile>, mark: &Mark) -> Option<u64> {
    let ended = last.filter(|last| last.has_ended).map(|last| last.generation + 1);
    let found = last.map_or(mark.checkpointed, |last| last.generation);
    let closed = mark.closed.map(|end| end.generation).filter(|closed| found < *closed);
    ended.or(closed)
}

/// Reads the journal of a table that knows of none: that of a store whose creation was cut off, or
/// that of a store of a version before tables knew of it.
fn read_unmarked(
    disk: &dyn Disk,
    present: &[u64],
    found: &mut impl FnMut(Vec<Write>),
) -> Result<Vec<RecoveredFile>, EngineError> {
    let mut files: Vec<RecoveredFile> = Vec::new();
    for &generation in present {
        let previous = files.last();
        if previous.is_some_and(|previous| previous.generation + 1 != generation) {
            return Err(damaged(generation - 1, "is missing"));
        }
        let bytes = read_file(disk, generation)?;
        let has_header = FileHeader::newest(&bytes).is_some();
        let before = previous.map(|previous| previous.records);
        let start = if has_header { PAGE } else { 0 };
        let file = read_records(bytes, generation, start, before, found)?;
        // The table knows of the journal before the first batch is written.
        let is_beginning = file.records == 0 && (generation == 1 || previous.is_some());
        if has_header && !is_beginning {
            return Err(damaged(generation, "belongs to a table that is missing"));
        }
        files.push(RecoveredFile { has_header, ..file });
    }
    Ok(files)
}

fn read_file(disk: &dyn Disk, generation: u64) -> Result<Vec<u8>, EngineError> {
    disk.read(&file_name(generation)).map_err(EngineError::Io)
}

/// Why a file is not the one that the table expects.
enum WrongFile {
    /// A part of it is missing.
    Damaged(&'static str),
    /// It may be whole, and belong to another table or another copy of this one.
    Mismatched(&'static str),
}

fn check_header(bytes: &[u8], mark: &Mark, generation: u64) -> Result<(), WrongFile> {
    let Some(header) = FileHeader::newest(bytes) else {
        return Err(WrongFile::Damaged("has lost its first page"));
    };
    if header.store != mark.store {
        return Err(WrongFile::Mismatched("belongs to another store"));
    }
    if header.generation != generation {
        return Err(WrongFile::Mismatched("has the content of an older file"));
    }
    if (bytes.len() as u64) < header.length {
        return Err(WrongFile::Damaged("was cut off"));
    }
    Ok(())
}

/// Compares the end of a file with what is known of it elsewhere.
fn check_end(
    file: &RecoveredFile,
    previous: Option<&RecoveredFile>,
    table: &str,
    mark: &Mark,
) -> Result<(), EngineError> {
    if let Some(previous) = previous.filter(|previous| !previous.has_ended)
        && 0 < file.records
    {
        return Err(damaged(previous.generation, "has lost its end"));
    }
    match mark.closed {
        Some(JournalEnd { generation, records })
            if generation == file.generation && records != file.records =>
        {
            let what = "is not the file that was there when the store was closed";
            Err(mismatched(generation, what, table))
        }
        _ => Ok(()),
    }
}

/// Reads the batches in a file from `start` on. Records that were being written when the process
/// ended may be torn. They are left out, since their commits were not confirmed. A torn record
/// elsewhere is damage.
pub(super) fn read_records(
    mut bytes: Vec<u8>,
    generation: u64,
    start: usize,
    before: Option<u32>,
    batch: &mut impl FnMut(Vec<Write>),
) -> Result<RecoveredFile, EngineError> {
    let mut rest = bytes.get(start..).unwrap_or_default();
    let (mut records, mut has_ended) = (0, false);
    let mut recorded_before = before.unwrap_or(0);
    while let Some((record, behind)) = first_record(rest, generation) {
        if record.head.number != records {
            break;
        }
        if before.is_some_and(|before| before != record.head.before) {
            return Err(damaged(generation - 1, "has lost records"));
        }
        recorded_before = record.head.before;
        let Some(content) = record.changes else {
            has_ended = true;
            break;
        };
        batch(decode_writes(content).ok_or_else(|| damaged_record(generation, records))?);
        (records, rest) = (records + 1, behind);
    }
    let torn = if has_ended { TornTail::default() } else { torn_tail(rest, generation, records)? };
    let end = bytes.len() - rest.len();
    bytes.truncate(end);
    let before = recorded_before;
    let kept = bytes;
    Ok(RecoveredFile { generation, before, records, kept, has_header: true, has_ended, torn })
}

/// What follows the last whole record. It is damage if a record in it was written when the record
/// of this number was known to be on disk.
fn torn_tail(bytes: &[u8], generation: u64, number: u32) -> Result<TornTail, EngineError> {
    let mut torn = TornTail::default();
    for record in records_within(bytes, generation) {
        if number < record.head.synced {
            return Err(damaged_record(generation, number));
        }
        torn.records += 1;
    }
    let begins = |magic: [u8; 4]| [&magic[..], &generation.to_be_bytes()].concat();
    torn.is_torn = bytes.starts_with(&begins(super::record::MAGIC)) || 0 < torn.records;
    Ok(torn)
}

pub(super) fn damaged(generation: u64, what: &str) -> EngineError {
    EngineError::Damaged(format!("journal/{} {what}", file_name(generation)))
}

/// The error for a file that does not match the table, although either of them may be whole.
fn mismatched(generation: u64, what: &str, table: &str) -> EngineError {
    let what = format!(
        "{what}: {table} and the journal are not of one copy of the data directory; restore both \
         from one copy"
    );
    damaged(generation, &what)
}

fn damaged_record(generation: u64, number: u32) -> EngineError {
    damaged(generation, &format!("has lost record {number}, which was on disk"))
}

/// Writes the batches of a file once more: the bytes that were read may be in memory alone,
/// because after a failed sync the system considers them written.
pub(super) fn write_again(disk: &dyn Disk, file: &RecoveredFile) -> io::Result<()> {
    let open = disk.open(&file_name(file.generation))?;
    open.write_all_at(&file.kept, 0)?;
    open.sync_all()
}
