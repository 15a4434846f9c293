//! Journals that were cut, torn, changed and forged.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::SystemTime,
};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::journaled::disk::Directory;

/// The generation of the records of these tests, unless they say otherwise.
const OURS: u64 = 7;

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
    let whole = super::read(bytes, OURS, None, &mut |batch| batches.push(batch))?;
    assert_eq!(usize::try_from(whole.records).unwrap(), batches.len());
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

fn disk(directory: &Path) -> Arc<dyn Disk> {
    Arc::new(Directory::new(directory))
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

fn opened(directory: &TempDir) -> (Journal, Vec<Vec<Write>>) {
    let mut batches = Vec::new();
    let journal = Journal::open(disk(directory.path()), |batch| batches.push(batch)).unwrap();
    (journal, batches)
}

#[track_caller]
fn is_not_opened(directory: &TempDir) {
    assert!(matches!(Journal::open(disk(directory.path()), drop), Err(EngineError::Damaged(_))));
}

fn file(directory: &TempDir, generation: u64) -> PathBuf {
    directory.path().join(file_name(generation))
}

/// A file of which writes succeed and syncs fail.
fn file_that_cannot_be_synced() -> Arc<dyn DiskFile> {
    Arc::new(OpenOptions::new().write(true).open("/dev/null").unwrap())
}

#[track_caller]
fn is_damaged(bytes: &[u8], number: usize) {
    let read = read(bytes);
    let expected = damaged(OURS, u32::try_from(number).unwrap()).to_string();
    assert!(read.as_ref().is_err_and(|error| error.to_string() == expected), "{read:?}");
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
fn a_file_holds_its_records_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, recovered) = opened(&directory);
    assert_eq!((recovered, journal.generation()), (Vec::new(), 1));
    journal.append(&numbered(0)).unwrap();
    journal.append(&[]).unwrap();
    sync(&mut journal).unwrap();
    journal.append(&numbered(2)).unwrap();
    let expected =
        [record(1, 0, 0, &numbered(0)), record(1, 1, 0, &[]), record(1, 2, 2, &numbered(2))];
    assert_eq!(fs::read(file(&directory, 1)).unwrap(), expected.concat());
    assert_eq!(disk(directory.path()).bytes().unwrap(), expected.concat().len() as u64);
    drop(journal);
    assert_eq!(opened(&directory).1, [numbered(0), Vec::new(), numbered(2)]);
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
fn records_that_were_overwritten_in_part_are_ignored() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, _) = opened(&directory);
    (0..5).for_each(|number| journal.append(&numbered(number)).unwrap());
    let long = fs::read(file(&directory, 1)).unwrap();
    begin_next(&mut journal);
    retire(&*disk(directory.path()), 1).unwrap();
    journal.append(&numbered(5)).unwrap();
    begin_next(&mut journal);
    (6..8).for_each(|number| journal.append(&numbered(number)).unwrap());
    drop(journal);
    let written_over = fs::read(file(&directory, 3)).unwrap();
    assert_eq!(written_over.len(), long.len());
    assert!(written_over.ends_with(&record(1, 4, 0, &numbered(4))));
    let (journal, recovered) = opened(&directory);
    assert_eq!((recovered, journal.generation()), (batches(5..8), 4));
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
fn the_next_generation_begins_only_when_the_one_before_is_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, _) = opened(&directory);
    journal.append(&numbered(0)).unwrap();
    journal.begin_next().unwrap_err();
    journal.note_durable(0);
    journal.begin_next().unwrap_err();
    assert_eq!(generations(&*disk(directory.path())).unwrap(), [1]);
    assert_eq!(journal.generation(), 1);
    sync(&mut journal).unwrap();
    journal.begin_next().unwrap();
    assert_eq!(generations(&*disk(directory.path())).unwrap(), [1, 2]);
}

#[test]
fn no_record_claims_to_be_on_disk_when_it_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, _) = opened(&directory);
    sync(&mut journal).unwrap();
    journal.append(&numbered(0)).unwrap();
    let written = std::mem::replace(&mut journal.file, file_that_cannot_be_synced());
    sync(&mut journal).unwrap_err();
    sync(&mut journal).unwrap_err();
    journal.file = written;
    journal.append(&numbered(1)).unwrap();
    let expected = [record(1, 0, 0, &numbered(0)), record(1, 1, 0, &numbered(1))];
    assert_eq!(fs::read(file(&directory, 1)).unwrap(), expected.concat());
}

#[test]
fn a_batch_that_could_not_be_written_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, _) = opened(&directory);
    journal.append(&numbered(0)).unwrap();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let written = std::mem::replace(&mut journal.file, Arc::new(full));
    journal.append(&numbered(66)).unwrap_err();
    journal.file = written;
    journal.append(&numbered(1)).unwrap();
    assert_eq!(fs::read(file(&directory, 1)).unwrap(), records(1, &[0, 0]).concat());
}

#[test]
fn recovered_records_are_on_disk_before_anything_else_is_written() {
    // The process before may have ended before its sync, while the system went on.
    let directory = tempfile::tempdir().unwrap();
    symlink("/dev/null", file(&directory, 1)).unwrap();
    assert!(Journal::open(disk(directory.path()), drop).is_err());
}

#[test]
fn recovered_records_are_written_once_more() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, _) = opened(&directory);
    journal.append(&numbered(0)).unwrap();
    let written = File::options().write(true).open(file(&directory, 1)).unwrap();
    written.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(opened(&directory).1, batches(0..1));
    assert_ne!(written.metadata().unwrap().modified().unwrap(), SystemTime::UNIX_EPOCH);
    assert_eq!(fs::read(file(&directory, 1)).unwrap(), record(1, 0, 0, &numbered(0)));
}

#[test]
fn a_journal_is_recovered_oldest_first_however_often_it_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    for number in 0..12 {
        let (mut journal, recovered) = opened(&directory);
        assert_eq!((recovered, journal.generation()), (batches(0..number), u64::from(number) + 1));
        journal.append(&numbered(number)).unwrap();
    }
}

#[test]
fn a_generation_that_ends_in_a_torn_record_is_followed_by_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, _) = opened(&directory);
    (0..3).for_each(|number| journal.append(&numbered(number)).unwrap());
    let whole = fs::read(file(&directory, 1)).unwrap();
    fs::write(file(&directory, 1), &whole[..whole.len() - 1]).unwrap();
    let (mut journal, recovered) = opened(&directory);
    assert_eq!(recovered, batches(0..2));
    (2..4).for_each(|number| journal.append(&numbered(number)).unwrap());
    assert_eq!(opened(&directory).1, batches(0..4));
}

#[test]
fn a_gap_between_two_generations_is_damage() {
    for lost in 1..=3 {
        let directory = tempfile::tempdir().unwrap();
        let (mut journal, _) = opened(&directory);
        for number in 0..4 {
            journal.append(&numbered(number)).unwrap();
            journal.append(&numbered(number)).unwrap();
            begin_next(&mut journal);
        }
        let whole = fs::read(file(&directory, lost)).unwrap();
        for left in [0, whole.len() / 2, whole.len() - 1] {
            fs::write(file(&directory, lost), &whole[..left]).unwrap();
            is_not_opened(&directory);
        }
        fs::remove_file(file(&directory, lost)).unwrap();
        match lost {
            // This is what a checkpoint leaves.
            1 => assert_eq!(opened(&directory).1.len(), 6),
            _ => is_not_opened(&directory),
        }
    }
}

#[test]
fn bytes_behind_the_end_of_a_generation_are_cut_off_when_it_ends() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, _) = opened(&directory);
    (0..5).for_each(|number| journal.append(&numbered(number)).unwrap());
    begin_next(&mut journal);
    retire(&*disk(directory.path()), 1).unwrap();
    begin_next(&mut journal);
    journal.append(&numbered(6)).unwrap();
    begin_next(&mut journal);
    let head = Head { generation: 3, before: 0, number: 0, synced: 0 };
    let mut expected = Vec::new();
    encode(&mut expected, head, &numbered(6)).unwrap();
    assert_eq!(fs::read(file(&directory, 3)).unwrap(), expected);
    // The same holds for a torn record.
    fs::write(file(&directory, 4), b"torn").unwrap();
    opened(&directory);
    assert_eq!(fs::read(file(&directory, 4)).unwrap(), b"");
}

#[test]
fn the_oldest_generations_are_retired_first() {
    let directory = tempfile::tempdir().unwrap();
    (1..=4).for_each(|generation| drop(begin(&*disk(directory.path()), generation).unwrap()));
    // The second cannot be retired.
    fs::remove_file(file(&directory, 2)).unwrap();
    fs::create_dir(file(&directory, 2)).unwrap();
    retire(&*disk(directory.path()), 3).unwrap_err();
    assert_eq!(generations(&*disk(directory.path())).unwrap(), [2, 3, 4]);
    fs::remove_dir(file(&directory, 2)).unwrap();
    retire(&*disk(directory.path()), 3).unwrap();
    assert_eq!(generations(&*disk(directory.path())).unwrap(), [4]);
    assert!(directory.path().join(SPARE).exists());
}

#[test]
fn other_files_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let others = ["1.journa", "journal", "one.journal", "-1.journal", "1.journal.old", ".journal"];
    for other in others {
        fs::write(directory.path().join(other), b"other").unwrap();
    }
    assert_eq!(opened(&directory).1, Vec::<Vec<Write>>::new());
    retire(&*disk(directory.path()), 1).unwrap();
    for other in others {
        assert_eq!(fs::read(directory.path().join(other)).unwrap(), b"other");
    }
}
