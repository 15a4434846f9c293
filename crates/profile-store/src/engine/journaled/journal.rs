//! The journal: what was written last.
//!
//! There is a file for each generation of changes, named by its number: a sequence of
//! records, one for each batch. docs/STORAGE.md draws them byte by byte. The file of a
//! generation that is no longer needed is written over by a later one, because a flush is
//! far quicker where a file does not grow: the file system has nothing of its own to write.

#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use crate::engine::{EngineError, Write};

/// What the name of a journal's file ends with.
const EXTENSION: &str = "journal";

/// The file that the next generation writes over.
const SPARE: &str = "spare";

/// What each record starts with. No text has the first byte, so that nobody can say
/// anything that looks like a record when one that is torn is searched.
const MAGIC: [u8; 4] = *b"\xffPJ1";

/// Bytes of a record before its changes.
const HEAD: usize = 32;

/// The length of the value of a key that is removed.
const REMOVED: u32 = u32::MAX;

/// Memory that is kept for the next record; a larger one gives it back.
const KEPT_BYTES: usize = 1 << 20;

/// The journal of a store, open for writing.
pub(super) struct Journal {
    directory: PathBuf,
    file: File,
    /// The generation that the file is of.
    generation: u64,
    /// How many records the generation before has.
    before: u32,
    /// Where the next record goes.
    end: u64,
    /// How many records the file has, and how many of them are known to be on the medium.
    records: u32,
    synced: u32,
    record: Vec<u8>,
}

impl Journal {
    /// Opens the journal in this directory, and hands over the batches that are in it,
    /// oldest first. It goes on with a new generation.
    pub(super) fn open(
        directory: &Path,
        mut found: impl FnMut(Vec<Write>),
    ) -> Result<Journal, EngineError> {
        fs::create_dir_all(directory).map_err(EngineError::Io)?;
        let (mut last, mut before) = (0, None);
        for generation in generations(directory).map_err(EngineError::Io)? {
            if before.is_some() && generation != last + 1 {
                return Err(damaged(last + 1, 0));
            }
            before = Some(recover(directory, generation, before, &mut found)?);
            last = generation;
        }
        let generation = last + 1;
        Ok(Journal {
            directory: directory.to_owned(),
            file: begin(directory, generation).map_err(EngineError::Io)?,
            generation,
            before: before.unwrap_or(0),
            end: 0,
            records: 0,
            synced: 0,
            record: Vec::new(),
        })
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Bytes of the generation's records.
    pub(super) fn bytes(&self) -> u64 {
        self.end
    }

    /// Whether all that was written down is known to be on the medium.
    pub(super) fn is_synced(&self) -> bool {
        self.synced == self.records
    }

    /// Writes a batch down. It may be lost until it is synchronized.
    pub(super) fn append(&mut self, batch: &[Write]) -> io::Result<()> {
        self.record.clear();
        let &mut Journal { generation, before, records: number, synced, .. } = self;
        encode(&mut self.record, Head { generation, before, number, synced }, batch)?;
        self.file.write_all_at(&self.record, self.end)?;
        self.end += self.record.len() as u64;
        self.records += 1;
        self.record.shrink_to(KEPT_BYTES);
        Ok(())
    }

    /// Returns once all that was written down will survive a crash.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if !self.is_synced() {
            self.file.sync_data()?;
            self.synced = self.records;
        }
        Ok(())
    }

    /// Ends this generation, and begins the next.
    pub(super) fn begin_next(&mut self) -> io::Result<()> {
        self.sync()?;
        // What an older generation left behind its end is to be gone some time.
        self.file.set_len(self.end)?;
        self.file = begin(&self.directory, self.generation + 1)?;
        self.generation += 1;
        self.before = self.records;
        (self.end, self.records, self.synced) = (0, 0, 0);
        Ok(())
    }
}

/// Bytes that the journal in this directory takes up.
pub(super) fn bytes(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        match entry?.metadata() {
            Ok(metadata) => bytes += metadata.len(),
            // It was renamed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

/// Removes the files up to that of this generation, oldest first: what is newer must not
/// be gone while what is older is still there. The last is kept to be written over.
pub(super) fn retire(directory: &Path, generation: u64) -> io::Result<()> {
    let handle = File::open(directory)?;
    for old in generations(directory)?.into_iter().filter(|of| *of <= generation) {
        fs::rename(path(directory, old), directory.join(SPARE))?;
        handle.sync_all()?;
    }
    Ok(())
}

fn path(directory: &Path, generation: u64) -> PathBuf {
    directory.join(format!("{generation:016}.{EXTENSION}"))
}

/// The generations that there are files of, oldest first.
fn generations(directory: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = PathBuf::from(entry?.file_name());
        let is_ours = name.extension().is_some_and(|extension| extension == EXTENSION);
        let stem = name.file_stem().filter(|_| is_ours).and_then(|stem| stem.to_str());
        found.extend(stem.and_then(|stem| stem.parse::<u64>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

/// Makes the file of a generation, of the spare one if there is one, and sees that it
/// will be found after a crash.
fn begin(directory: &Path, generation: u64) -> io::Result<File> {
    let path = path(directory, generation);
    match fs::rename(directory.join(SPARE), &path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    File::open(directory)?.sync_all()?;
    Ok(file)
}

/// Reads what a process left of a generation, of which the one before is known to have
/// so many records. Returns how many this one has.
fn recover(
    directory: &Path,
    generation: u64,
    before: Option<u32>,
    found: &mut impl FnMut(Vec<Write>),
) -> Result<u32, EngineError> {
    let path = path(directory, generation);
    let bytes = fs::read(&path).map_err(EngineError::Io)?;
    let whole = read(&bytes, generation, before, found)?;
    // What was read may be in the system's memory alone, and after a flush that failed
    // it is taken for written. So it is written once more before it counts.
    let kept = bytes.get(..whole.bytes).unwrap_or_default();
    let write = |file: File| {
        file.write_all_at(kept, 0)?;
        if kept.len() < bytes.len() {
            file.set_len(kept.len() as u64)?;
        }
        file.sync_all()
    };
    OpenOptions::new().write(true).open(path).and_then(write).map_err(EngineError::Io)?;
    Ok(whole.records)
}

/// What a record says of itself, but for the length and sum of its changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Head {
    generation: u64,
    /// How many records the generation before has.
    before: u32,
    number: u32,
    /// How many records of the generation were known to be on the medium.
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
    if let Some(place) = record.get_mut(at..at + 4) {
        place.copy_from_slice(&number.to_be_bytes());
    }
}

fn length(bytes: &[u8]) -> io::Result<u32> {
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length < REMOVED);
    length.ok_or_else(|| io::Error::other("a batch is larger than the journal can hold"))
}

/// The checksum of a record: of all of it but the checksum.
fn sum(record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(record.get(..HEAD - 4).unwrap_or_default());
    hasher.update(record.get(HEAD..).unwrap_or_default());
    hasher.finalize()
}

/// A record as it was found.
struct Found<'a> {
    head: Head,
    changes: &'a [u8],
}

/// The record at the start of these bytes, and what follows it. Nothing if what stands
/// there is no whole record of this generation.
fn found(bytes: &[u8], generation: u64) -> Option<(Found<'_>, &[u8])> {
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
    whole.then_some((Found { head, changes: record.get(HEAD..)? }, rest))
}

/// How much of a file is whole.
#[derive(Debug, Eq, PartialEq)]
struct Whole {
    records: u32,
    bytes: usize,
}

/// Reads the batches in a file of the journal. What was being written when the process
/// ended may be torn at its end, and is left out, since nobody was answered; what is torn
/// elsewhere is damage.
fn read(
    bytes: &[u8],
    generation: u64,
    before: Option<u32>,
    batch: &mut impl FnMut(Vec<Write>),
) -> Result<Whole, EngineError> {
    let (mut records, mut rest) = (0, bytes);
    while let Some((record, behind)) = found(rest, generation) {
        if record.head.number != records {
            break;
        }
        if before.is_some_and(|before| before != record.head.before) {
            return Err(damaged(generation - 1, record.head.before));
        }
        batch(changes(record.changes).ok_or_else(|| damaged(generation, records))?);
        (records, rest) = (records + 1, behind);
    }
    if later_knows_of(rest, generation, records) {
        return Err(damaged(generation, records));
    }
    Ok(Whole { records, bytes: bytes.len() - rest.len() })
}

fn damaged(generation: u64, number: u32) -> EngineError {
    EngineError::Damaged(format!("record {number} of generation {generation} of the journal"))
}

/// Whether one of the records in these bytes was written when the record of this number
/// was known to be on the medium.
fn later_knows_of(bytes: &[u8], generation: u64, number: u32) -> bool {
    let starts = bytes.windows(MAGIC.len()).enumerate().filter(|(_, window)| *window == MAGIC);
    let mut records = starts.filter_map(|(at, _)| found(bytes.get(at..)?, generation));
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
