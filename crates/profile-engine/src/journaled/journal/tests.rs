//! Journals that were cut, torn, changed and forged.

mod retired_files;
mod wrong_files;

use std::{
    fs::{self, File, OpenOptions},
    path::PathBuf,
    time::SystemTime,
};

use proptest::prelude::*;
use tempfile::TempDir;

use super::{
    files::SPARE,
    record::{HEAD, MAGIC, fill, sum},
    recovery::read_records,
    *,
};
use crate::journaled::{disk::Directory, simulated_disk::SimulatedDisk};

/// The generation of the records of these tests, unless they say otherwise.
const OURS: u64 = 7;

/// How errors call the table.
const TABLE: &str = "table";

/// Bytes by which files grow.
const STEP: u64 = 1 << 20;

fn put(key: &[u8], value: &[u8]) -> Write {
    Write { key: key.to_vec(), value: Some(value.to_vec()) }
}

fn remove(key: &[u8]) -> Write {
    Write { key: key.to_vec(), value: None }
}

fn record(generation: u64, number: u32, synced: u32, batch: &[Write]) -> Vec<u8> {
    let mut record = Vec::new();
    encode(&mut record, Head { generation, before: 0, number, synced }, batch).unwrap();
    record
}

fn read(bytes: &[u8]) -> Result<Vec<Vec<Write>>, EngineError> {
    let mut batches = Vec::new();
    let mut found = |batch| batches.push(batch);
    let file = read_records(bytes.to_vec(), OURS, 0, None, &mut found)?;
    assert_eq!(usize::try_from(file.records).unwrap(), batches.len());
    Ok(batches)
}

/// A batch that differs from that of every other number, but not in its length.
fn numbered(number: u32) -> Vec<Write> {
    let value = [&number.to_be_bytes()[..], b"value"].concat();
    vec![put(b"", b""), remove(&number.to_be_bytes()), put(b"key", &value)]
}

/// The records of one file. When each was written, this many were known to be on disk.
fn records(generation: u64, synced: &[u32]) -> Vec<Vec<u8>> {
    let numbers = (0..).zip(synced);
    numbers.map(|(number, synced)| record(generation, number, *synced, &numbered(number))).collect()
}

/// The records that are left by syncs after the first, the third and the fourth.
fn some_records() -> (Vec<u32>, Vec<Vec<u8>>) {
    let synced = vec![0, 1, 1, 3, 4, 4];
    let records = records(OURS, &synced);
    (synced, records)
}

fn batches(numbers: impl IntoIterator<Item = u32>) -> Vec<Vec<Write>> {
    numbers.into_iter().map(numbered).collect()
}

/// A journal in a directory, and what its table has noted.
struct TestJournal {
    directory: TempDir,
    mark: Option<Mark>,
}

impl TestJournal {
    fn new() -> TestJournal {
        let journal = TestJournal { directory: tempfile::tempdir().unwrap(), mark: None };
        journal.disk().create().unwrap();
        journal
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(Directory::within(File::open(self.directory.path()).unwrap(), "journal"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("journal").join(name)
    }

    fn file(&self, generation: u64) -> PathBuf {
        self.path(&file_name(generation))
    }

    fn try_open(&self) -> Result<(Journal, Vec<Vec<Write>>), EngineError> {
        let mut batches = Vec::new();
        let found = |batch| batches.push(batch);
        let journal = Journal::open(self.disk(), TABLE, self.mark.as_ref(), STEP, found)?;
        Ok((journal, batches))
    }

    /// Opens it as an engine does, whose table notes the journal.
    fn open(&mut self) -> (Journal, Vec<Vec<Write>>) {
        let (journal, batches) = self.try_open().unwrap();
        let new = Mark { store: journal.store(), checkpointed: 0, closed: None };
        self.mark.get_or_insert(new);
        (journal, batches)
    }

    /// Notes that the table has all changes up to a generation, and retires their files.
    fn checkpoint(&mut self, generation: u64) {
        self.mark.as_mut().unwrap().checkpointed = generation;
        // Everything in the file is kept, whatever left it there.
        let end = fs::metadata(self.file(generation)).map_or(0, |file| file.len());
        retire(&*self.disk(), generation, end, STEP).unwrap();
    }

    #[track_caller]
    fn is_refused_because_of(&self, generation: u64) {
        match self.try_open() {
            Err(EngineError::Damaged(reason)) => {
                assert!(
                    reason.starts_with(&format!("journal/{}", file_name(generation))),
                    "{reason}"
                );
            }
            opened => panic!("opened with {:?}", opened.map(|(_, batches)| batches.len())),
        }
    }

    /// The records in the file of a generation, of these lengths together.
    fn records(&self, generation: u64, bytes: usize) -> Vec<u8> {
        fs::read(self.file(generation)).unwrap()[PAGE..PAGE + bytes].to_vec()
    }
}

fn append(journal: &mut Journal, batch: &[Write]) -> io::Result<()> {
    if journal.prepare(batch)? {
        sync(journal)?;
        journal.grow()?;
    }
    journal.append()
}

/// Syncs the journal as group commit does.
fn sync(journal: &mut Journal) -> io::Result<()> {
    journal.file.sync_data()?;
    journal.note_durable(journal.position());
    Ok(())
}

fn begin_next(journal: &mut Journal) {
    sync(journal).unwrap();
    journal.begin_next().unwrap();
}

/// A file of which writes succeed and syncs fail.
fn file_that_cannot_be_synced() -> Arc<dyn DiskFile> {
    Arc::new(OpenOptions::new().write(true).open("/dev/null").unwrap())
}

#[track_caller]
fn is_damaged(bytes: &[u8], number: usize) {
    let read = read(bytes);
    let expected = format!("record {number}, ");
    assert!(read.as_ref().is_err_and(|error| error.to_string().contains(&expected)), "{read:?}");
}

#[track_caller]
fn has(bytes: &[u8], number: u32) {
    assert_eq!(read(bytes).unwrap(), batches(0..number));
}

#[test]
fn the_bytes_of_a_record_never_change() {
    let expected = [
        &b"\xffPJ1"[..],
        &[0, 0, 0, 0, 0, 0, 0, 7],
        &[0, 0, 0, 0],
        &[0, 0, 0, 2],
        &[0, 0, 0, 1],
        &[0, 0, 0, 26],
        &[0x43, 0xa6, 0xd3, 0xb3],
        &[0, 0, 0, 1, 0, 0, 0, 5],
        b"kvalue",
        &[0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff],
        b"gone",
    ];
    assert_eq!(record(7, 2, 1, &[put(b"k", b"value"), remove(b"gone")]), expected.concat());
}

#[test]
fn a_torn_record_is_left_out_and_no_record_before_it() {
    let (_, records) = some_records();
    let bytes = records.concat();
    // What lies behind it in a file that is written over, or in one that is not.
    let older = self::records(OURS - 1, &[0; 8]).concat();
    let behind = [Vec::new(), vec![0; 100], vec![0xff; 100], older];
    let ends: Vec<usize> = (0..=records.len()).map(|n| records[..n].concat().len()).collect();
    for cut in 0..=bytes.len() {
        let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
        for behind in &behind {
            let file = [&bytes[..cut], behind].concat();
            has(&file, u32::try_from(whole).unwrap());
        }
    }
}

#[test]
fn a_flipped_bit_is_damage_if_a_later_record_proves_it() {
    let (synced, records) = some_records();
    let ends: Vec<usize> = (0..=records.len()).map(|n| records[..n].concat().len()).collect();
    let mut damaged = 0;
    for (number, span) in ends.windows(2).enumerate() {
        let known = synced[number + 1..].iter().any(|synced| number < *synced as usize);
        for bit in span[0] * 8..span[1] * 8 {
            let mut bytes = records.concat();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if known {
                damaged += 1;
                is_damaged(&bytes, number);
            } else {
                has(&bytes, u32::try_from(number).unwrap());
            }
        }
    }
    assert_eq!(damaged, ends[4] * 8);
}

#[test]
fn a_missing_record_is_damage_if_a_later_one_proves_it() {
    let (_, records) = some_records();
    let without = |gone: usize| {
        let left = records.iter().enumerate().filter(|(number, _)| *number != gone);
        left.flat_map(|(_, record)| record.clone()).collect::<Vec<u8>>()
    };
    (0..4).for_each(|gone| is_damaged(&without(gone), gone));
    has(&without(4), 4);
    has(&without(5), 5);
}

#[test]
fn a_lost_record_is_damage_if_the_end_of_the_generation_proves_it() {
    let head = Head { generation: OURS, before: 0, number: 2, synced: 2 };
    let [first, last] = [record(OURS, 0, 0, &numbered(0)), record(OURS, 1, 0, &numbered(1))];
    let whole = [first.clone(), last.clone(), encode_end(head)].concat();
    has(&whole, 2);
    for bit in first.len() * 8..(first.len() + last.len()) * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        is_damaged(&bytes, 1);
    }
    is_damaged(&[first, encode_end(head)].concat(), 1);
}

#[test]
fn records_out_of_order_are_not_read() {
    let unknown = |number| record(OURS, number, 0, &numbered(number));
    has(&[unknown(0), unknown(1), unknown(1), unknown(2)].concat(), 2);
    has(&[unknown(0), unknown(2)].concat(), 1);
    has(&unknown(1), 0);
    has(&[unknown(0), unknown(0)].concat(), 1);
}

#[test]
fn records_of_another_generation_are_ignored() {
    for other in [0, OURS - 1, OURS + 1, OURS << 32, u64::MAX] {
        let others = records(other, &[0, 1, 2, 3]);
        let ours = records(OURS, &[0, 1]);
        has(&others.concat(), 0);
        has(&[&ours[0], &others[1], &others[2]].map(Vec::as_slice).concat(), 1);
        has(&[&ours[0], &ours[1], &others[2], &others[3]].map(Vec::as_slice).concat(), 2);
    }
}

#[test]
fn a_value_that_looks_like_a_record_is_only_a_value() {
    let likeness = [record(OURS, 1, 9, &numbered(66)), record(OURS, 2, 9, &numbered(67))];
    let batches = [vec![put(&likeness.concat(), &likeness.concat())], numbered(1)];
    let first = record(OURS, 0, 0, &batches[0]);
    assert_eq!(read(&first).unwrap(), batches[..1]);
    let mut both = [first, record(OURS, 1, 0, &batches[1])].concat();
    assert_eq!(read(&both).unwrap(), batches);
    // Not even where what follows is torn.
    both.pop();
    assert_eq!(read(&both).unwrap(), batches[..1]);
}

#[test]
fn a_whole_record_of_no_changes_that_could_have_been_written_is_damage() {
    let hostile: [&[u8]; 6] = [
        &[0],
        &[0, 0, 0, 1, 0, 0, 0, 0],
        &[0, 0, 0, 0, 0, 0, 0, 1],
        &[0xff; 8],
        &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
        &[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe],
    ];
    for changes in hostile {
        is_damaged(&[record(OURS, 0, 0, &numbered(0)), signed(OURS, 1, 0, changes)].concat(), 1);
    }
}

/// A record of any bytes, with a valid checksum.
fn signed(generation: u64, number: u32, synced: u32, changes: &[u8]) -> Vec<u8> {
    let mut record = record(generation, number, synced, &[]);
    record.extend_from_slice(changes);
    fill(&mut record, HEAD - 8, u32::try_from(changes.len()).unwrap());
    let sum = sum(&record);
    fill(&mut record, HEAD - 4, sum);
    record
}

/// Bytes, records, and bytes that are nearly a record.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let bytes = || prop::collection::vec(prop_oneof![Just(0), Just(0xff), any::<u8>()], 0..60);
    let few = || prop_oneof![0u32..4, any::<u32>()];
    let generation = || prop_oneof![4 => Just(OURS), 1 => any::<u64>()];
    let head = (generation(), few(), few(), few()).prop_map(|(of, number, synced, length)| {
        let mut record = record(of, number, synced, &[]);
        fill(&mut record, HEAD - 8, length);
        record
    });
    let signed = (generation(), few(), few(), bytes())
        .prop_map(|(of, number, synced, changes)| signed(of, number, synced, &changes));
    let whole = (generation(), 0u32..4, few())
        .prop_map(|(of, number, synced)| record(of, number, synced, &numbered(number)));
    let piece =
        prop_oneof![1 => bytes(), 1 => Just(MAGIC.to_vec()), 1 => head, 1 => signed, 4 => whole];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn hostile_bytes_do_no_harm(bytes in hostile()) {
        if let Ok(read) = read(&bytes) {
            let numbered = (0..).zip(&read);
            let length: usize = numbered.map(|(number, batch)| record(OURS, number, 0, batch).len()).sum();
            prop_assert!(length <= bytes.len());
        }
    }

    #[test]
    fn random_bytes_hold_no_batch(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(read(&bytes).unwrap(), Vec::<Vec<Write>>::new());
    }

    #[test]
    fn every_batch_is_read_as_it_was_written(batch in any_batch()) {
        prop_assert_eq!(read(&record(OURS, 0, 0, &batch)).unwrap(), [batch]);
    }
}

fn any_batch() -> impl Strategy<Value = Vec<Write>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..20);
    let write = (bytes(), prop::option::of(bytes()));
    prop::collection::vec(write.prop_map(|(key, value)| Write { key, value }), 0..5)
}

#[test]
fn the_bytes_of_the_end_of_a_generation_never_change() {
    let head = Head { generation: 7, before: 3, number: 2, synced: 2 };
    let expected = [
        &b"\xffPJE"[..],
        &[0, 0, 0, 0, 0, 0, 0, 7],
        &[0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2],
        &[0, 0, 0, 0],
        &[0; 4],
    ];
    let (expected, end) = (expected.concat(), encode_end(head));
    assert_eq!(end[..HEAD - 4], expected[..HEAD - 4]);
    assert_eq!(end.len(), HEAD);
}

#[test]
fn a_file_has_a_header_and_its_records() {
    let mut journal = TestJournal::new();
    let (mut open, recovered) = journal.open();
    assert_eq!((recovered, open.generation()), (Vec::new(), 1));
    append(&mut open, &numbered(0)).unwrap();
    append(&mut open, &[]).unwrap();
    sync(&mut open).unwrap();
    append(&mut open, &numbered(2)).unwrap();
    let expected =
        [record(1, 0, 0, &numbered(0)), record(1, 1, 0, &[]), record(1, 2, 2, &numbered(2))];
    let expected = expected.concat();
    assert_eq!(journal.records(1, expected.len()), expected);
    assert_eq!(journal.disk().bytes().unwrap(), PAGE as u64 + STEP);
    drop(open);
    assert_eq!(journal.open().1, [numbered(0), Vec::new(), numbered(2)]);
}

#[test]
fn records_that_were_overwritten_in_part_are_ignored() {
    let mut journal = TestJournal::new();
    let (mut open, _) = journal.open();
    (0..5).for_each(|number| append(&mut open, &numbered(number)).unwrap());
    begin_next(&mut open);
    journal.checkpoint(1);
    append(&mut open, &numbered(5)).unwrap();
    begin_next(&mut open);
    (6..8).for_each(|number| append(&mut open, &numbered(number)).unwrap());
    drop(open);
    let written_over = fs::read(journal.file(3)).unwrap();
    let old = record(1, 4, 0, &numbered(4));
    assert!(written_over.windows(old.len()).any(|bytes| bytes == old));
    let (open, recovered) = journal.open();
    assert_eq!((recovered, open.generation()), (batches(5..8), 4));
}

#[test]
fn the_next_generation_begins_only_when_the_one_before_is_on_disk() {
    let mut journal = TestJournal::new();
    let (mut open, _) = journal.open();
    append(&mut open, &numbered(0)).unwrap();
    open.begin_next().unwrap_err();
    open.note_durable(0);
    open.begin_next().unwrap_err();
    assert_eq!(generations(&*journal.disk()).unwrap(), [1]);
    assert_eq!(open.generation(), 1);
    sync(&mut open).unwrap();
    open.begin_next().unwrap();
    assert_eq!(generations(&*journal.disk()).unwrap(), [1, 2]);
}

#[test]
fn no_record_claims_to_be_on_disk_when_it_is_not() {
    let mut journal = TestJournal::new();
    let (mut open, _) = journal.open();
    sync(&mut open).unwrap();
    append(&mut open, &numbered(0)).unwrap();
    let written = std::mem::replace(&mut open.file, file_that_cannot_be_synced());
    sync(&mut open).unwrap_err();
    sync(&mut open).unwrap_err();
    open.file = written;
    append(&mut open, &numbered(1)).unwrap();
    let expected = [record(1, 0, 0, &numbered(0)), record(1, 1, 0, &numbered(1))].concat();
    assert_eq!(journal.records(1, expected.len()), expected);
}

#[test]
fn a_batch_that_could_not_be_written_leaves_nothing_behind() {
    let mut journal = TestJournal::new();
    let (mut open, _) = journal.open();
    append(&mut open, &numbered(0)).unwrap();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let written = std::mem::replace(&mut open.file, Arc::new(full));
    append(&mut open, &numbered(66)).unwrap_err();
    open.file = written;
    append(&mut open, &numbered(1)).unwrap();
    let expected = records(1, &[0, 0]).concat();
    assert_eq!(journal.records(1, expected.len()), expected);
}

#[test]
fn recovered_records_are_on_disk_before_anything_else_is_written() {
    // The process before ended before its sync, while the system went on.
    let disk = SimulatedDisk::new();
    let mut open = Journal::open(Arc::new(disk.clone()), TABLE, None, STEP, drop).unwrap();
    let mark = Mark { store: open.store(), checkpointed: 0, closed: None };
    append(&mut open, &numbered(0)).unwrap();
    drop(open);
    let count = |disk: SimulatedDisk| {
        let mut found = 0;
        Journal::open(Arc::new(disk), TABLE, Some(&mark), STEP, |_| found += 1).unwrap();
        found
    };
    assert_eq!(count(disk.crashed()), 0);
    assert_eq!(count(disk.clone()), 1);
    assert_eq!(count(disk.crashed()), 1);
}

#[test]
fn recovered_records_are_written_once_more() {
    let mut journal = TestJournal::new();
    let (mut open, _) = journal.open();
    append(&mut open, &numbered(0)).unwrap();
    let written = File::options().write(true).open(journal.file(1)).unwrap();
    written.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(journal.open().1, batches(0..1));
    assert_ne!(written.metadata().unwrap().modified().unwrap(), SystemTime::UNIX_EPOCH);
    let expected = record(1, 0, 0, &numbered(0));
    assert_eq!(journal.records(1, expected.len()), expected);
}

#[test]
fn a_journal_is_recovered_oldest_first_however_often_it_is_opened() {
    let mut journal = TestJournal::new();
    for number in 0..12 {
        let (mut open, recovered) = journal.open();
        assert_eq!((recovered, open.generation()), (batches(0..number), u64::from(number) + 1));
        append(&mut open, &numbered(number)).unwrap();
    }
}

#[test]
fn a_generation_that_ends_in_a_torn_record_is_followed_by_the_next() {
    let mut journal = TestJournal::new();
    let (mut open, _) = journal.open();
    (0..3).for_each(|number| append(&mut open, &numbered(number)).unwrap());
    let last = usize::try_from(open.end).unwrap() - 1;
    let mut torn = fs::read(journal.file(1)).unwrap();
    torn[last] ^= 1;
    fs::write(journal.file(1), torn).unwrap();
    let (mut open, recovered) = journal.open();
    assert_eq!(recovered, batches(0..2));
    (2..4).for_each(|number| append(&mut open, &numbered(number)).unwrap());
    assert_eq!(journal.open().1, batches(0..4));
    assert_eq!(journal.open().1, batches(0..4));
}

#[test]
fn a_file_grows_in_steps_and_survives_a_torn_header() {
    let mut journal = TestJournal::new();
    let (mut open, _) = journal.open();
    let large = vec![put(b"large", &vec![7; 3 << 20])];
    for count in 1..=5_u64 {
        append(&mut open, &large).unwrap();
        let length = fs::metadata(journal.file(1)).unwrap().len();
        let records = length - PAGE as u64;
        assert!(count * (3 << 20) < records && records.is_multiple_of(STEP));
        assert_eq!(open.header.length, length);
    }
    let newest = usize::try_from(open.header.offset()).unwrap();
    drop(open);
    let mut bytes = fs::read(journal.file(1)).unwrap();
    bytes[newest] ^= 1;
    fs::write(journal.file(1), &bytes).unwrap();
    assert_eq!(journal.try_open().unwrap().1.len(), 5);
    fs::write(journal.file(1), &bytes[..bytes.len() - (8 << 20)]).unwrap();
    journal.is_refused_because_of(1);
}

#[test]
fn a_journal_without_headers_is_read_and_continued_with_headers() {
    let mut journal = TestJournal::new();
    fs::write(journal.file(4), records(4, &[0, 0]).concat()).unwrap();
    let head = |number| Head { generation: 5, before: 2, number, synced: 0 };
    let mut last = Vec::new();
    encode(&mut last, head(0), &numbered(2)).unwrap();
    fs::write(journal.file(5), last).unwrap();
    let (open, recovered) = journal.try_open().unwrap();
    assert_eq!((recovered, open.generation()), (batches(0..3), 6));
    drop(open);
    // Cut off before the table knew of it.
    let (mut open, recovered) = journal.try_open().unwrap();
    assert_eq!((recovered, open.generation()), (batches(0..3), 7));
    journal.mark = Some(Mark { store: open.store(), checkpointed: 6, closed: None });
    append(&mut open, &numbered(3)).unwrap();
    drop(open);
    assert_eq!(journal.open().1, batches(3..4));
}

#[test]
fn other_files_are_left_alone() {
    let mut journal = TestJournal::new();
    let others = ["1.journa", "journal", "one.journal", "-1.journal", "1.journal.old", ".journal"];
    for other in others {
        fs::write(journal.path(other), b"other").unwrap();
    }
    assert_eq!(journal.open().1, Vec::<Vec<Write>>::new());
    retire(&*journal.disk(), 1, PAGE as u64, STEP).unwrap();
    for other in others {
        assert_eq!(fs::read(journal.path(other)).unwrap(), b"other");
    }
}
