//! What a table with a journal before it promises, tested above a table that can be crashed, made
//! to fail, and stopped.

mod archives;
mod back_pressure;
mod crashes;
mod failures;
mod group_commit;
mod log;
mod readers;
mod sessions;
mod shutdown;
mod simulated_table;
mod snapshots;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    ops::Bound,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::{
        Condvar,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use proptest::{collection::vec, prelude::*, sample::Index};
use tempfile::TempDir;

use self::log::{listen, logged};
use self::simulated_table::{HOLD_LIMIT, How, SimulatedTable, TableFault, apply_change, expected};
use super::*;
use crate::{BoxFuture, Key, RangePage, Value, range::PageRoom};

/// The directory of the journal.
const JOURNAL: &str = "journal";

type Contents = BTreeMap<Key, Value>;

/// What survives the end of a process.
struct Machine {
    directory: TempDir,
    table: SimulatedTable,
}

impl Machine {
    fn new() -> Machine {
        Machine { directory: tempfile::tempdir().unwrap(), table: SimulatedTable::default() }
    }

    /// A machine with a store that has these contents in its table.
    fn with(contents: &Contents) -> Machine {
        let machine = Machine::new();
        machine.crash(machine.open_checkpointed(MEMTABLE));
        machine.table.state().live = contents.clone();
        machine.table.state().kept = contents.clone();
        machine
    }

    fn try_open(&self, memtable_bytes: usize) -> Result<Journaled, EngineError> {
        self.paced(Pace { memtable_bytes, stall_limit: HOLD_LIMIT })
    }

    fn paced(&self, pace: Pace) -> Result<Journaled, EngineError> {
        self.archived(pace, None)
    }

    fn archived(
        &self,
        pace: Pace,
        archive: Option<JournalArchive>,
    ) -> Result<Journaled, EngineError> {
        let parent = File::open(self.directory.path()).unwrap();
        Journaled::open(Box::new(self.table.clone()), parent, JOURNAL, pace, archive)
    }

    fn open(&self, memtable_bytes: usize) -> Journaled {
        self.try_open(memtable_bytes).unwrap()
    }

    /// An engine that has checkpointed what it recovered.
    fn open_checkpointed(&self, memtable_bytes: usize) -> Journaled {
        let engine = self.open(memtable_bytes);
        checkpointed(&engine);
        engine
    }

    /// Ends the process wherever it is.
    fn end(&self, engine: Journaled) {
        self.table.cut_off();
        drop(engine);
    }

    /// Ends the process wherever it is, and loses all of the table that may be lost.
    fn crash(&self, engine: Journaled) {
        self.end(engine);
        self.table.crash(|_| false);
    }

    fn journal_bytes(&self) -> u64 {
        Directory::within(File::open(self.directory.path()).unwrap(), JOURNAL).bytes().unwrap()
    }

    /// The file of the journal that receives records.
    fn newest(&self) -> PathBuf {
        let entries = fs::read_dir(self.directory.path().join(JOURNAL)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some()).max().unwrap()
    }
}

/// Commits without waiting for the disk.
fn apply(engine: &Journaled, batch: Vec<Write>) -> Result<(), EngineError> {
    engine.core.commit(batch, Durability::Relaxed)
}

fn sync(engine: &Journaled) -> Result<(), EngineError> {
    engine.core.sync()
}

fn read_all(engine: &Journaled, keys: &[Key]) -> Vec<Option<Value>> {
    engine.core.view.complete(keys, engine.core.view.lookup(keys)).unwrap()
}

fn read(engine: &Journaled, key: &[u8]) -> Option<Value> {
    read_all(engine, &[key.to_vec()]).remove(0)
}

fn contents(engine: &Journaled) -> Contents {
    engine.core.view.scan(&all(Order::Ascending)).unwrap().into_iter().collect()
}

fn all(order: Order) -> Scan {
    Scan { prefix: Vec::new(), after: None, order, limit: usize::MAX }
}

fn put(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Write {
    Write { key: key.as_ref().to_vec(), value: Some(value.as_ref().to_vec()) }
}

fn remove(key: impl AsRef<[u8]>) -> Write {
    Write { key: key.as_ref().to_vec(), value: None }
}

fn key(number: usize) -> Key {
    format!("key {number:06}").into_bytes()
}

/// A batch that adds a key of this number, and takes this many bytes of memory.
fn numbered(number: usize, bytes: usize) -> Vec<Write> {
    let key = key(number);
    let beside = limits::CHANGE_OVERHEAD_BYTES + key.len();
    let value = vec![u8::try_from(number % 251).unwrap(); bytes - beside];
    vec![put(key, value)]
}

/// The contents that batches of these numbers add.
fn numbered_contents(numbers: impl IntoIterator<Item = usize>, bytes: usize) -> Contents {
    let writes = numbers.into_iter().flat_map(|number| numbered(number, bytes));
    writes.filter_map(|Write { key, value }| Some((key, value?))).collect()
}

/// Waits until a condition holds. The test fails if it does not within half a minute.
#[track_caller]
fn wait_until(mut holds: impl FnMut() -> bool) {
    for _ in 0..30_000 {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("the condition never held");
}

/// Whether every commit is on disk.
fn is_durable(engine: &Journaled) -> bool {
    let journal = engine.core.journal();
    engine.core.group_commit.durable() == journal.position()
}

fn is_checkpointed(core: &Core) -> bool {
    core.view.memtables().closed.is_none()
}

fn checkpointed(engine: &Journaled) {
    wait_until(|| is_checkpointed(&engine.core));
}

/// Bytes of a batch, and of the memtables that gather them.
const BATCH: usize = 200;
const MEMTABLE: usize = 2_000;

/// Writes batch after batch until one is refused. Returns how many were not.
fn write_until_refused(engine: &Journaled) -> usize {
    let refused = (0..10_000).find(|number| {
        let written = apply(engine, numbered(*number, BATCH));
        written.and_then(|()| if number % 3 == 0 { sync(engine) } else { Ok(()) }).is_err()
    });
    refused.expect("a failed table makes commits fail")
}

/// Every batch that was committed is there, and of the one that failed nothing, or all.
fn has_all(engine: &Journaled, written: usize) {
    let contents = contents(engine);
    let refused = contents.contains_key(&key(written));
    assert_eq!(contents, numbered_contents(0..written + usize::from(refused), BATCH));
    for (key, value) in contents {
        assert_eq!(read(engine, &key), Some(value));
    }
}

/// Commits one batch after the other on a thread of its own, until one fails.
struct Writing {
    engine: Arc<Journaled>,
    written: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Writing {
    fn start(engine: Journaled, batches: usize, bytes: usize) -> Writing {
        let (engine, written) = (Arc::new(engine), Arc::new(AtomicUsize::new(0)));
        let (writer, count) = (Arc::clone(&engine), Arc::clone(&written));
        let thread = thread::spawn(move || {
            let write = |number| apply(&writer, numbered(number, bytes)).is_ok();
            let written = (0..batches).take_while(|number| write(*number));
            written.for_each(|number| count.store(number + 1, SeqCst));
        });
        Writing { engine, written, thread }
    }

    /// It commits this many batches, and then waits.
    #[track_caller]
    fn stops_at(&self, batches: usize) {
        wait_until(|| batches <= self.written.load(SeqCst));
        // A writer that does not wait would be further by then.
        thread::sleep(Duration::from_millis(20));
        assert_eq!(self.written.load(SeqCst), batches);
    }

    /// Returns the engine, and how many batches were written.
    #[track_caller]
    fn finish(self) -> (Journaled, usize) {
        wait_until(|| self.thread.is_finished());
        self.thread.join().unwrap();
        (Arc::into_inner(self.engine).unwrap(), self.written.load(SeqCst))
    }
}
