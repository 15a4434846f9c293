//! What the journaled engine promises, in thousands of orders in which its threads may run.
//!
//! Shuttle runs one thread at a time, and chooses the next one at each lock, condition variable,
//! atomic variable and operation of the disk. It reports a deadlock, and the schedule that led to a
//! failure. Half of the schedules are random; half are by probabilistic concurrency testing, which
//! finds bugs that take a few unlikely switches.
//!
//!     cargo test -p profile-engine --features model-check --lib interleavings

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use shuttle::{
    Config, Runner,
    rand::{Rng, thread_rng},
    scheduler::{PctScheduler, RandomScheduler, Scheduler},
    thread,
};

use super::{archive::ArchiveStorage, journal::ArchivedFile, simulated_disk::SimulatedDisk, *};
use crate::{Key, Order, RangePage, Scan, Value, range::PageRoom, sync};

/// Schedules of each scenario and scheduler.
const SCHEDULES: usize = 500;

/// Switches of threads that probabilistic concurrency testing places by chance.
const SWITCHES: usize = 3;

/// Memory of a batch that `batch` makes, and of the memtables that gather them.
const BATCH: usize = 2 * (limits::CHANGE_OVERHEAD_BYTES + 6);
const MEMTABLE: usize = 2 * BATCH;

const WRITERS: usize = 3;
const EACH: usize = 3;

fn check(scenario: fn()) {
    check_schedules(scenario, SCHEDULES);
}

fn check_schedules(scenario: fn(), schedules: usize) {
    run(RandomScheduler::new(schedules), scenario);
    run(PctScheduler::new(SWITCHES, schedules), scenario);
}

fn run(scheduler: impl Scheduler + 'static, scenario: fn()) {
    let mut config = Config::new();
    // Unoptimized code needs more than shuttle's default.
    config.stack_size = 512 * 1_024;
    Runner::new(scheduler, config).run(scenario);
}

/// A table in memory that loses, in a crash, some of the changes that were not flushed.
#[derive(Clone)]
struct ModelTable(Arc<(Mutex<TableState>, sync::Mutex<()>)>);

#[derive(Clone, Default)]
struct TableState {
    mark: Option<Mark>,
    live: BTreeMap<Key, Value>,
    kept: BTreeMap<Key, Value>,
    /// How many more puts and flushes succeed before one fails.
    failing_operation: Option<usize>,
    puts: Vec<Key>,
}

impl ModelTable {
    fn from_state(state: TableState) -> ModelTable {
        ModelTable(Arc::new((Mutex::new(state), sync::Mutex::new(()))))
    }

    fn state(&self) -> MutexGuard<'_, TableState> {
        self.0.0.lock().unwrap()
    }

    /// Lets other threads run first, if the scheduler wants so.
    fn pause(&self) {
        drop(self.0.1.lock());
    }

    fn crashed(&self) -> ModelTable {
        let TableState { live, mut kept, mark, .. } = self.state().clone();
        let changed: Vec<&Key> = live.keys().chain(kept.keys()).collect();
        let survives: Vec<Key> =
            changed.into_iter().filter(|_| thread_rng().r#gen()).cloned().collect();
        for key in survives {
            match live.get(&key) {
                Some(value) => drop(kept.insert(key, value.clone())),
                None => drop(kept.remove(&key)),
            }
        }
        ModelTable::from_state(TableState {
            live: kept.clone(),
            kept,
            mark,
            ..TableState::default()
        })
    }

    fn operate(&self, operation: impl FnOnce(&mut TableState)) -> Result<(), EngineError> {
        self.pause();
        let mut state = self.state();
        let fails = state.failing_operation == Some(0);
        state.failing_operation = state.failing_operation.and_then(|left| left.checked_sub(1));
        if fails {
            return Err(EngineError::Io(io::Error::other("the simulated table failed")));
        }
        operation(&mut state);
        Ok(())
    }
}

impl TableReader for ModelTable {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, EngineError> {
        self.pause();
        Ok(self.state().live.get(key).cloned())
    }

    fn scan_page(&self, scan: &Scan, bytes: usize) -> Result<RangePage, EngineError> {
        self.pause();
        let state = self.state();
        let within = |key: &&Key| {
            let is_after = scan.after.as_ref().is_none_or(|after| after < *key);
            is_after && key.starts_with(&scan.prefix)
        };
        let keys = state.live.keys().filter(within);
        let entries = keys.map(|key| Ok((key.clone(), state.live[key].clone())));
        RangePage::first_of(entries, PageRoom::of(scan, bytes))
    }
}

impl Table for ModelTable {
    fn name(&self) -> &'static str {
        "table"
    }

    fn put(&self, changes: &[TableChange<'_>]) -> Result<(), EngineError> {
        changes.iter().try_for_each(|&(key, value)| {
            self.operate(|state| {
                state.puts.push(key.clone());
                match value {
                    Some(value) => drop(state.live.insert(key.clone(), value.clone())),
                    None => drop(state.live.remove(key)),
                }
            })
        })
    }

    fn flush(&self, mark: &Mark) -> Result<(), EngineError> {
        self.operate(|state| {
            state.kept = state.live.clone();
            state.mark = Some(*mark);
        })
    }

    fn mark(&self) -> Result<Option<Mark>, EngineError> {
        Ok(self.state().mark)
    }

    fn snapshot(&self) -> Option<Box<dyn TableReader>> {
        let state = TableState { live: self.state().live.clone(), ..TableState::default() };
        Some(Box::new(ModelTable::from_state(state)))
    }

    fn bytes(&self) -> Result<u64, EngineError> {
        Ok(0)
    }
}

/// An archive in memory.
#[derive(Clone, Default)]
struct ModelArchive(Arc<ModelArchiveState>);

#[derive(Default)]
struct ModelArchiveState {
    files: Mutex<BTreeMap<u64, Vec<u8>>>,
    /// The archive answers while nothing else holds this.
    gate: sync::Mutex<()>,
    /// How many more files it takes before it fails once.
    failing: Mutex<Option<usize>>,
}

impl ArchiveStorage for ModelArchive {
    fn keep(&self, _: StoreId, generation: u64, bytes: &[u8]) -> Result<(), EngineError> {
        drop(self.0.gate.lock());
        let mut failing = self.0.failing.lock().unwrap();
        let fails = *failing == Some(0);
        *failing = failing.and_then(|left| left.checked_sub(1));
        if fails {
            return Err(EngineError::Io(io::Error::other("the simulated archive failed")));
        }
        let mut files = self.0.files.lock().unwrap();
        assert_eq!(files.entry(generation).or_insert_with(|| bytes.to_vec()), bytes);
        Ok(())
    }

    fn location(&self) -> String {
        "memory".to_owned()
    }
}

impl ModelArchive {
    /// What the archive has now.
    fn copied(&self) -> ModelArchive {
        let files = Mutex::new(self.0.files.lock().unwrap().clone());
        ModelArchive(Arc::new(ModelArchiveState { files, ..ModelArchiveState::default() }))
    }

    /// The archive gets all that the engine has, without a gap.
    fn gets_everything_of(&self, engine: &Journaled) {
        let end = engine.core.archive_all().unwrap();
        assert!(end.is_archived);
        assert_eq!(engine.core.status().unarchived_files, 0);
        let mut replayed = BTreeMap::new();
        for generation in 1..end.position.generation {
            let bytes = self.0.files.lock().unwrap()[&generation].clone();
            let file = ArchivedFile::parse(bytes, engine.core.store, generation).unwrap();
            let writes = file.batches.into_iter().flatten();
            replayed.extend(writes.filter_map(|Write { key, value }| Some((key, value?))));
        }
        assert_eq!(replayed, contents(engine));
    }
}

/// A disk and a table.
#[derive(Clone)]
struct ModelMachine {
    disk: SimulatedDisk,
    table: ModelTable,
    /// The batches of which the commit has returned.
    confirmed: Arc<Mutex<Vec<(usize, usize)>>>,
}

impl ModelMachine {
    fn new() -> ModelMachine {
        let table = ModelTable::from_state(TableState::default());
        ModelMachine { disk: SimulatedDisk::new(), table, confirmed: Arc::default() }
    }

    fn open(&self, memtable_bytes: usize) -> Arc<Journaled> {
        self.open_archived(memtable_bytes, None)
    }

    fn open_archived(
        &self,
        memtable_bytes: usize,
        archive: Option<&ModelArchive>,
    ) -> Arc<Journaled> {
        let limit = Duration::from_secs(1);
        let pace = Pace { memtable_bytes, stall_limit: limit };
        let archive = archive.map(|archive| ArchiveOptions {
            storage: Box::new(archive.clone()),
            wait_limit: limit,
            stop_limit: limit,
        });
        let (table, disk) = (Box::new(self.table.clone()), Arc::new(self.disk.clone()));
        Arc::new(Journaled::open_on(table, disk, pace, archive).unwrap())
    }

    /// What a loss of power leaves now. No other thread runs meanwhile.
    fn crashed(&self) -> ModelMachine {
        let confirmed = Arc::new(Mutex::new(self.confirmed.lock().unwrap().clone()));
        ModelMachine { disk: self.disk.crashed(), table: self.table.crashed(), confirmed }
    }

    /// The batches survive as a whole, all that were confirmed, and of each writer the first ones.
    fn has_every_confirmed_batch(&self) {
        let engine = self.open(MEMTABLE);
        let confirmed = self.confirmed.lock().unwrap();
        has_whole_batches(&contents(&engine), &confirmed);
    }

    /// Commits the batches of one writer until one fails, on a thread of its own.
    fn start_writer(
        &self,
        engine: &Arc<Journaled>,
        writer: usize,
        then: impl Fn(&Journaled) + Send + 'static,
    ) -> JoinHandle<()> {
        let (engine, confirmed) = (Arc::clone(engine), Arc::clone(&self.confirmed));
        thread::spawn(move || {
            for number in 0..EACH {
                if engine.core.commit(batch(writer, number), Durability::Flushed).is_err() {
                    assert!(!engine.core.is_writable());
                    break;
                }
                confirmed.lock().unwrap().push((writer, number));
                then(&engine);
            }
        })
    }

    fn start_writers(&self, engine: &Arc<Journaled>) -> Vec<JoinHandle<()>> {
        (0..WRITERS).map(|writer| self.start_writer(engine, writer, |_| {})).collect()
    }
}

/// Two keys of their own for each batch.
fn batch(writer: usize, number: usize) -> Vec<Write> {
    let write = |name: &str| put(&format!("{name}{writer}{number}"), "val");
    vec![write("a"), write("z")]
}

/// These contents have whole batches, all that were confirmed, and of each writer the first ones.
fn has_whole_batches(contents: &BTreeMap<Key, Value>, confirmed: &[(usize, usize)]) {
    for writer in 0..WRITERS {
        let is_there = |number: &usize| {
            let keys = batch(writer, *number).into_iter().map(|write| write.key);
            let found: Vec<bool> = keys.map(|key| contents.contains_key(&key)).collect();
            assert!(found.iter().all(|one| *one == found[0]), "a part of a batch");
            found[0]
        };
        let first = (0..EACH).take_while(is_there).count();
        assert!(!(first..EACH).any(|number| is_there(&number)), "a later batch is there");
        let lost = confirmed.iter().find(|(of, number)| *of == writer && first <= *number);
        assert_eq!(lost, None, "a confirmed batch is missing");
    }
}

fn put(key: &str, value: &str) -> Write {
    Write { key: key.into(), value: Some(value.into()) }
}

fn all() -> Scan {
    Scan { prefix: Vec::new(), after: None, order: Order::Ascending, limit: usize::MAX }
}

fn contents(engine: &Journaled) -> BTreeMap<Key, Value> {
    engine.core.view.scan(&all()).unwrap().into_iter().collect()
}

fn join(threads: Vec<JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_confirmed_commit_survives_a_crash_at_any_point() {
    check(|| {
        let machine = ModelMachine::new();
        let engine = machine.open(MEMTABLE);
        let writers = machine.start_writers(&engine);
        let crashing = machine.clone();
        let crash = thread::spawn(move || {
            for _ in 0..thread_rng().gen_range(0..12) {
                thread::yield_now();
            }
            crashing.crashed()
        });
        let crashed = crash.join().unwrap();
        join(writers);
        let crashed_later = machine.crashed();
        drop(engine);
        crashed.has_every_confirmed_batch();
        crashed_later.has_every_confirmed_batch();
        assert_eq!(crashed_later.confirmed.lock().unwrap().len(), WRITERS * EACH);
        let state = machine.disk.state();
        assert_eq!(state.most_at_once, 1);
        assert!(state.ended <= WRITERS * EACH);
    });
}

#[test]
fn a_failed_write_is_never_confirmed_and_no_thread_waits_for_it_forever() {
    check(|| {
        let machine = ModelMachine::new();
        let engine = machine.open(MEMTABLE);
        let after = thread_rng().gen_range(0..6);
        match thread_rng().gen_range(0..3) {
            0 => machine.disk.fail_sync_after(after),
            1 => machine.disk.fail_write_after(after),
            _ => machine.table.state().failing_operation = Some(after),
        }
        join(machine.start_writers(&engine));
        if !engine.core.is_writable() {
            assert!(matches!(engine.core.sync(), Err(EngineError::Poisoned)));
            let refused = engine.core.commit(Vec::new(), Durability::Relaxed);
            assert!(matches!(refused, Err(EngineError::Poisoned)));
        }
        // Reads go on, and find at least what was confirmed.
        let contents = contents(&engine);
        for (writer, number) in machine.confirmed.lock().unwrap().iter() {
            assert!(contents.contains_key(&batch(*writer, *number)[0].key));
        }
        let crashed = machine.crashed();
        assert!(!machine.disk.state().has_sync_after_a_failed_one);
        drop(engine);
        crashed.has_every_confirmed_batch();
    });
}

#[test]
fn readers_never_see_an_older_value_after_a_newer_one() {
    check(|| {
        let machine = ModelMachine::new();
        let engine = machine.open(MEMTABLE);
        let writing = Arc::clone(&engine);
        let writer = thread::spawn(move || {
            for number in 0..6 {
                let value = number.to_string();
                let writes = vec![put("a", &value), put("b", &value), put(&value, "new")];
                writing.core.commit(writes, Durability::Relaxed).unwrap();
            }
        });
        let reading = Arc::clone(&engine);
        let reader = thread::spawn(move || {
            let mut newest = None;
            for _ in 0..3 {
                let core = &reading.core;
                let keys = [b"a".to_vec(), b"b".to_vec()];
                let read = |key: &Key| {
                    let keys = std::slice::from_ref(key);
                    core.view.complete(keys, core.view.lookup(keys)).unwrap().remove(0)
                };
                let next = [read(&keys[0]), read(&keys[1])];
                assert!(newest <= next[0] && next[0] <= next[1], "{newest:?} {next:?}");
                let prefix = Scan { prefix: b"a".to_vec(), ..all() };
                let scanned = core.view.scan(&prefix).unwrap().into_iter().next();
                newest = scanned.map(|(_, value)| value);
                assert!(next[1] <= newest, "{next:?} {newest:?}");
            }
        });
        join(vec![writer, reader]);
        assert_eq!(contents(&engine).len(), 6 + 2);
    });
}

#[test]
fn memory_is_bounded_and_a_key_is_checkpointed_once_a_memtable() {
    check(|| {
        let machine = ModelMachine::new();
        let engine = machine.open(MEMTABLE);
        let bounded = |engine: &Journaled| {
            let memtables = engine.core.view.memtables();
            let open = memtables.open.bytes();
            // The pace is checked before the batches of all writers are appended.
            let ahead = MEMTABLE + MEMTABLE / limits::AHEAD_DIVISOR;
            assert!(open <= ahead + WRITERS * BATCH, "{open}");
        };
        let writers = (0..WRITERS).map(|writer| machine.start_writer(&engine, writer, bounded));
        join(writers.collect());
        assert_eq!(contents(&engine).len(), 2 * WRITERS * EACH);
        drop(engine);
        // Every key belongs to one batch, and every batch to one memtable.
        let mut puts = machine.table.state().puts.clone();
        let count = puts.len();
        puts.sort();
        puts.dedup();
        assert_eq!(puts.len(), count);
    });
}

#[test]
fn a_snapshot_has_whole_batches_and_all_that_were_confirmed_before() {
    check(|| {
        let machine = ModelMachine::new();
        let engine = machine.open(MEMTABLE);
        let writers = machine.start_writers(&engine);
        for _ in 0..2 {
            let confirmed = machine.confirmed.lock().unwrap().clone();
            let snapshot = engine.core.snapshot().unwrap().unwrap();
            let contents: BTreeMap<Key, Value> =
                snapshot.engine.view.scan(&all()).unwrap().into_iter().collect();
            has_whole_batches(&contents, &confirmed);
        }
        join(writers);
    });
}

#[test]
fn no_commit_and_no_checkpoint_waits_for_the_archive() {
    check(|| {
        let (machine, archive) = (ModelMachine::new(), ModelArchive::default());
        let engine = machine.open_archived(MEMTABLE, Some(&archive));
        let closed = archive.0.gate.lock().unwrap();
        join(machine.start_writers(&engine));
        let snapshot = engine.core.snapshot().unwrap().unwrap();
        let contents = snapshot.engine.view.scan(&all()).unwrap().into_iter().collect();
        has_whole_batches(&contents, &machine.confirmed.lock().unwrap());
        drop(closed);
        archive.gets_everything_of(&engine);
        assert!(engine.core.is_writable());
    });
}

#[test]
fn a_crash_at_any_point_leaves_what_the_archive_needs_to_have_no_gap() {
    check(|| {
        let (machine, archive) = (ModelMachine::new(), ModelArchive::default());
        *archive.0.failing.lock().unwrap() = Some(thread_rng().gen_range(0..6));
        let engine = machine.open_archived(MEMTABLE, Some(&archive));
        let writers = machine.start_writers(&engine);
        let crashing = (machine.clone(), archive.clone());
        let crash = thread::spawn(move || {
            for _ in 0..thread_rng().gen_range(0..40) {
                thread::yield_now();
            }
            (crashing.0.crashed(), crashing.1.copied())
        });
        let crashed = crash.join().unwrap();
        join(writers);
        assert!(engine.core.is_writable());
        drop(engine);
        for (machine, archive) in [crashed, (machine.crashed(), archive.copied())] {
            let engine = machine.open_archived(MEMTABLE, Some(&archive));
            archive.gets_everything_of(&engine);
        }
    });
}

#[test]
fn an_engine_closes_while_its_journal_is_archived() {
    check(|| {
        let (machine, archive) = (ModelMachine::new(), ModelArchive::default());
        let engine = machine.open_archived(MEMTABLE, Some(&archive));
        engine.core.commit(batch(0, 0), Durability::Flushed).unwrap();
        machine.confirmed.lock().unwrap().push((0, 0));
        let archiving = Arc::clone(&engine);
        let waiting = thread::spawn(move || drop(archiving.core.archive_all()));
        engine.close().unwrap();
        join(vec![waiting]);
        drop(engine);
        // The table notes where the journal ends, which the next start compares.
        let crashed = machine.crashed();
        machine.has_every_confirmed_batch();
        archive.gets_everything_of(&crashed.open_archived(MEMTABLE, Some(&archive)));
    });
}

#[test]
fn a_closed_engine_leaves_nothing_running_and_loses_nothing() {
    check(|| {
        let machine = ModelMachine::new();
        let engine = machine.open(MEMTABLE);
        let writers = machine.start_writers(&engine);
        let weak = Arc::downgrade(&engine.core);
        // The last writer closes it.
        drop(engine);
        join(writers);
        assert_eq!(weak.strong_count(), 0);
        machine.has_every_confirmed_batch();
        machine.crashed().has_every_confirmed_batch();
    });
}

#[test]
fn an_engine_closes_in_the_middle_of_a_checkpoint() {
    const LARGE: usize = limits::PROGRESS_BYTES;
    let scenario = || {
        let machine = ModelMachine::new();
        let engine = machine.open(2 * LARGE);
        let large = "x".repeat(LARGE);
        for number in 0..3 {
            let writes = vec![put(&number.to_string(), &large)];
            engine.core.commit(writes, Durability::Flushed).unwrap();
        }
        let weak = Arc::downgrade(&engine.core);
        drop(engine);
        assert_eq!(weak.strong_count(), 0);
        let engine = machine.crashed().open(2 * LARGE);
        assert_eq!(contents(&engine).len(), 3);
    };
    check_schedules(scenario, 100);
}
