//! A table in redb, compared with a model, killed, damaged, and on storage that fails.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use proptest::{collection::vec, prelude::*};
use redb::{ReadableTableMetadata, backends::InMemoryBackend};
use tempfile::TempDir;

use super::*;
use crate::{
    Key,
    journaled::{JournalEnd, StoreId},
};

const CACHE_BYTES: u64 = 1_024 * 1_024;

type TableContents = BTreeMap<Key, Value>;
type Changes = BTreeMap<Key, Option<Value>>;

/// A directory for one table. A copy of the table stands for what a killed process leaves.
struct TableDirectory {
    directory: TempDir,
    copies: usize,
}

impl TableDirectory {
    fn new() -> TableDirectory {
        TableDirectory { directory: tempfile::tempdir().unwrap(), copies: 0 }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join(format!("{FILE}.{}", self.copies))
    }

    fn create(&self) -> RedbTable {
        let file = File::options().read(true).write(true).create_new(true).open(self.path());
        RedbTable::create(file.unwrap(), CACHE_BYTES).unwrap()
    }

    fn open(&self) -> RedbTable {
        open(&self.path()).unwrap()
    }

    /// Ends the process that has the table open, and lets the next one open it.
    fn killed(&mut self) {
        let left = self.path();
        self.copies += 1;
        fs::copy(left, self.path()).unwrap();
    }
}

fn open(path: &Path) -> Result<RedbTable, EngineError> {
    let file = File::options().read(true).write(true).open(path).unwrap();
    RedbTable::open(file, CACHE_BYTES)
}

fn mark(checkpointed: u64) -> Mark {
    let closed = checkpointed.is_multiple_of(2).then_some(JournalEnd { generation: 9, records: 7 });
    Mark { store: StoreId::from_bytes([7; 16]), checkpointed, closed }
}

fn put(table: &RedbTable, changes: &Changes) -> Result<(), EngineError> {
    let changes: Vec<TableChange<'_>> =
        changes.iter().map(|(key, value)| (key, value.as_ref())).collect();
    table.put(&changes)
}

fn scan_all(table: &RedbTable) -> Result<TableContents, EngineError> {
    let (prefix, after, order) = (Vec::new(), None, Order::Ascending);
    let scan = Scan { prefix, after, order, limit: usize::MAX };
    Ok(table.scan(&scan)?.into_iter().collect())
}

#[derive(Clone, Debug)]
enum TableStep {
    Put(Changes),
    Flush,
    Reopen,
    Kill,
    OpenReadOnly,
    Read(Key, Scan),
}

fn keys() -> impl Strategy<Value = Key> {
    vec(prop::sample::select(&[0, b'a', 0xff][..]), 0..4)
}

fn changes() -> impl Strategy<Value = Changes> {
    let size = prop_oneof![4 => 0usize..20, 1 => 2_000usize..20_000];
    let value = (any::<u8>(), size).prop_map(|(byte, size)| vec![byte; size]);
    prop::collection::btree_map(keys(), prop::option::weighted(0.7, value), 0..12)
}

fn steps() -> impl Strategy<Value = TableStep> {
    let order = prop::sample::select(&[Order::Ascending, Order::Descending][..]);
    let prefix = vec(prop::sample::select(&[0, b'a', 0xff][..]), 0..3);
    let limit = prop_oneof![0usize..8, Just(usize::MAX)];
    let scan = (prefix, prop::option::of(keys()), order, limit)
        .prop_map(|(prefix, after, order, limit)| Scan { prefix, after, order, limit });
    prop_oneof![
        4 => changes().prop_map(TableStep::Put),
        2 => Just(TableStep::Flush),
        1 => Just(TableStep::Reopen),
        1 => Just(TableStep::Kill),
        1 => Just(TableStep::OpenReadOnly),
        4 => (keys(), scan).prop_map(|(key, scan)| TableStep::Read(key, scan)),
    ]
}

/// What a scan of these contents returns.
fn expected(contents: &TableContents, scan: &Scan) -> Vec<(Key, Value)> {
    let mut found: Vec<(Key, Value)> = contents.clone().into_iter().collect();
    if scan.order == Order::Descending {
        found.reverse();
    }
    let after = scan.after.as_ref();
    found.retain(|(key, _)| key.starts_with(&scan.prefix));
    found.retain(|(key, _)| after.is_none_or(|after| scan.order.is_before(after, key)));
    found.truncate(scan.limit);
    found
}

proptest! {
    #![proptest_config(ProptestConfig {
        // Each case syncs many times.
        cases: ProptestConfig::default().cases / 4,
        ..ProptestConfig::default()
    })]

    #[test]
    fn it_has_what_was_flushed_with_its_mark_and_nothing_else(steps in vec(steps(), 0..30)) {
        let mut directory = TableDirectory::new();
        let mut table = Some(directory.create());
        let (mut flushed, mut pending) = (TableContents::new(), Changes::new());
        let (mut flushes, mut noted) = (0, None);
        for step in steps {
            let open = table.as_ref().unwrap();
            match step {
                TableStep::Put(changes) => {
                    put(open, &changes).unwrap();
                    pending.extend(changes);
                }
                TableStep::Flush => {
                    flushes += 1;
                    noted = Some(mark(flushes));
                    open.flush(&mark(flushes)).unwrap();
                    for (key, value) in std::mem::take(&mut pending) {
                        match value {
                            Some(value) => drop(flushed.insert(key, value)),
                            None => drop(flushed.remove(&key)),
                        }
                    }
                }
                TableStep::Reopen => {
                    drop(table.take());
                    pending.clear();
                    table = Some(directory.open());
                }
                TableStep::Kill => {
                    directory.killed();
                    pending.clear();
                    table = Some(directory.open());
                }
                TableStep::OpenReadOnly => {
                    directory.killed();
                    let before = fs::read(directory.path()).unwrap();
                    let file = File::open(directory.path()).unwrap();
                    let read_only = RedbTable::open_read_only(file, CACHE_BYTES).unwrap();
                    prop_assert_eq!(scan_all(&read_only).unwrap(), flushed.clone());
                    prop_assert_eq!(read_only.mark().unwrap(), noted);
                    drop(read_only);
                    prop_assert!(fs::read(directory.path()).unwrap() == before);
                    pending.clear();
                    table = Some(directory.open());
                }
                TableStep::Read(key, scan) => {
                    prop_assert_eq!(open.get(&key).unwrap(), flushed.get(&key).cloned());
                    prop_assert_eq!(open.scan(&scan).unwrap(), expected(&flushed, &scan));
                }
            }
            let open = table.as_ref().unwrap();
            prop_assert_eq!(open.mark().unwrap(), noted);
            prop_assert_eq!(scan_all(open).unwrap(), flushed.clone());
        }
    }
}

#[test]
fn a_reader_keeps_its_view_while_changes_are_flushed() {
    let directory = TableDirectory::new();
    let table = directory.create();
    let numbered = |number: u8| (vec![number], Some(vec![number; 1_000]));
    put(&table, &(0..100).map(numbered).collect()).unwrap();
    table.flush(&mark(1)).unwrap();
    let reader = table.current();
    let snapshot = table.snapshot().unwrap();
    put(&table, &(0..100).map(|number| (vec![number], None)).collect()).unwrap();
    table.flush(&mark(2)).unwrap();
    assert_eq!(reader.0.len().unwrap(), 100);
    let all = Scan { prefix: Vec::new(), after: None, order: Order::Ascending, limit: usize::MAX };
    assert_eq!(snapshot.scan(&all).unwrap().len(), 100);
    assert_eq!(snapshot.get(&[7]).unwrap(), Some(vec![7; 1_000]));
    assert_eq!(scan_all(&table).unwrap(), TableContents::new());
}

#[test]
fn a_file_is_open_in_one_table_at_a_time() {
    let directory = TableDirectory::new();
    let table = directory.create();
    assert!(matches!(open(&directory.path()), Err(EngineError::InUse)));
    drop(table);
    directory.open();
}

/// Storage in memory that fails after some operations, once or from then on.
#[derive(Clone, Debug)]
struct FailingBackend {
    memory: Arc<InMemoryBackend>,
    left: Arc<AtomicUsize>,
    is_permanent: bool,
}

impl FailingBackend {
    fn operate(&self) -> io::Result<()> {
        let count = |left: usize| match left {
            0 if self.is_permanent => Some(0),
            left => Some(left.checked_sub(1).unwrap_or(usize::MAX)),
        };
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count) {
            Ok(0) => Err(io::Error::other("the simulated storage failed")),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

impl StorageBackend for FailingBackend {
    fn len(&self) -> io::Result<u64> {
        self.operate()?;
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.operate()?;
        self.memory.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.operate()?;
        self.memory.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.operate()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.operate()?;
        self.memory.write(offset, data)
    }
}

/// Puts, flushes and reads; ends with the first failure.
fn use_table(backend: FailingBackend) -> Result<(), EngineError> {
    let measured = File::open("/dev/null").unwrap();
    let table = RedbTable::open_on(backend, measured, CACHE_BYTES)?;
    for checkpointed in 0..3 {
        let changes = (0..20_u8).map(|number| (vec![number], Some(vec![number; 3_000])));
        put(&table, &changes.collect())?;
        table.flush(&mark(checkpointed))?;
        scan_all(&table)?;
    }
    Ok(())
}

#[test]
fn storage_that_fails_is_an_error_and_no_panic() {
    let fail_after = |operations: usize, is_permanent| {
        let memory = Arc::new(InMemoryBackend::new());
        let left = Arc::new(AtomicUsize::new(operations));
        let used = use_table(FailingBackend { memory, left: Arc::clone(&left), is_permanent });
        (used, operations - left.load(Ordering::SeqCst).min(operations))
    };
    let (used, operations) = fail_after(usize::MAX / 2, false);
    used.unwrap();
    for is_permanent in [false, true] {
        // The last few are those of closing the table.
        let spread = (100..operations - 20).step_by(operations / 40);
        for after in (0..100).chain(spread) {
            match fail_after(after, is_permanent).0 {
                Err(EngineError::Io(_)) => {}
                used => panic!("{used:?} after {after}"),
            }
        }
    }
}

#[test]
fn a_file_that_was_cut_off_is_damaged_or_has_its_content_and_is_no_panic() {
    let mut directory = TableDirectory::new();
    let table = directory.create();
    let numbered = |number: u16| (number.to_be_bytes().to_vec(), Some(vec![7; 2_000]));
    put(&table, &(0..300).map(numbered).collect()).unwrap();
    table.flush(&mark(1)).unwrap();
    let all = scan_all(&table).unwrap();
    directory.killed();
    let unclean = fs::read(directory.path()).unwrap();
    directory.copies -= 1;
    drop(table);
    let clean = fs::read(directory.path()).unwrap();
    for whole in [clean, unclean] {
        let steps = (0..whole.len()).step_by(whole.len() / 60);
        for length in [0, 1, 8, 9, 64, 319, 320, 4_095, 4_096].into_iter().chain(steps) {
            fs::write(directory.path(), &whole[..length]).unwrap();
            let read =
                open(&directory.path()).and_then(|table| Ok((table.mark()?, scan_all(&table)?)));
            match read {
                Err(EngineError::Damaged(reason)) => assert!(reason.starts_with(FILE), "{reason}"),
                Ok(found) => assert_eq!(found, (Some(mark(1)), all.clone()), "{length}"),
                Err(error) => panic!("{error:?} at {length}"),
            }
        }
    }
}

/// Puts the changes as a checkpoint does.
fn put_in_chunks(table: &RedbTable, changes: &Changes) {
    let changes: Vec<TableChange<'_>> =
        changes.iter().map(|(key, value)| (key, value.as_ref())).collect();
    changes.chunks(100).for_each(|chunk| table.put(chunk).unwrap());
}

/// This many entries of 1 kB with every `step`th number.
fn entries(numbers: u32, step: usize, byte: u8) -> Changes {
    let numbered = |number: u32| (number.to_be_bytes().to_vec(), Some(vec![byte; 1_000]));
    (0..numbers).step_by(step).map(numbered).collect()
}

#[test]
fn changes_of_every_page_grow_the_file_by_few_transactions_and_not_by_every_page() {
    use std::os::unix::fs::MetadataExt;

    let directory = TableDirectory::new();
    let table = directory.create();
    put_in_chunks(&table, &entries(40_000, 1, 1));
    table.flush(&mark(1)).unwrap();
    let on_disk = || fs::metadata(directory.path()).unwrap().blocks() * 512;
    let before = on_disk();
    put_in_chunks(&table, &entries(40_000, 2, 2));
    table.flush(&mark(2)).unwrap();
    let grown = on_disk().saturating_sub(before);
    let transaction = limits::TRANSACTION_CHANGES as u64 * 4_096;
    assert!(grown <= 3 * transaction, "{before} bytes, and then {grown} more");
}

#[test]
fn a_process_that_ends_between_the_transactions_of_a_checkpoint_leaves_whole_changes_and_the_mark()
{
    let mut directory = TableDirectory::new();
    let table = directory.create();
    put_in_chunks(&table, &entries(6_000, 1, 1));
    table.flush(&mark(1)).unwrap();
    put_in_chunks(&table, &entries(6_000, 1, 2));
    directory.killed();
    let left = directory.open();
    assert_eq!(left.mark().unwrap(), Some(mark(1)));
    let found = scan_all(&left).unwrap();
    let with = |byte: u8| found.values().filter(|value| **value == vec![byte; 1_000]).count();
    assert_eq!(with(1) + with(2), 6_000);
    assert!(0 < with(1) && 0 < with(2), "{} of the changes are there", with(2));
}
