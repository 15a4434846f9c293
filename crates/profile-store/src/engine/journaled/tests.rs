//! What a table with a journal before it promises, over a table that can be crashed, made
//! to fail, and held up.

mod crashes;
mod ends;
mod failures;
mod medium;
mod pace;
mod readers;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    ops::Bound,
    os::unix::fs::FileExt,
    path::PathBuf,
    pin::pin,
    sync::{
        Condvar,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use proptest::{collection::vec, prelude::*, sample::Index};
use tempfile::TempDir;

use self::medium::{Fault, How, LONG, Medium, expected, make};
use super::*;
use crate::engine::Order;

type Contents = BTreeMap<Key, Value>;

/// What outlives a process.
struct Machine {
    directory: TempDir,
    medium: Medium,
}

impl Machine {
    fn new() -> Machine {
        Machine::with(&Contents::new())
    }

    fn with(contents: &Contents) -> Machine {
        Machine { directory: tempfile::tempdir().unwrap(), medium: Medium::of(contents) }
    }

    fn try_open(&self, generation_bytes: usize) -> Result<Journaled, EngineError> {
        self.paced(Pace { generation_bytes, patience: LONG })
    }

    fn paced(&self, pace: Pace) -> Result<Journaled, EngineError> {
        Journaled::open(Box::new(self.medium.clone()), self.directory.path(), pace)
    }

    fn open(&self, generation_bytes: usize) -> Journaled {
        self.try_open(generation_bytes).unwrap()
    }

    /// An engine that has settled what it found.
    fn open_settled(&self, generation_bytes: usize) -> Journaled {
        let engine = self.open(generation_bytes);
        settled(&engine);
        engine
    }

    /// Ends the process wherever it is.
    fn end(&self, engine: Journaled) {
        self.medium.cut_off();
        drop(engine);
    }

    /// Ends the process wherever it is, and loses all of the table that may be lost.
    fn crash(&self, engine: Journaled) {
        self.end(engine);
        self.medium.crash(|_| false);
    }

    /// The file of the journal that is written to.
    fn newest(&self) -> PathBuf {
        let entries = fs::read_dir(self.directory.path()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some()).max().unwrap()
    }
}

/// What a future has that never waits.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a future that blocks instead is not ready"),
    }
}

fn apply(engine: &Journaled, batch: Vec<Write>) -> Result<(), EngineError> {
    now(engine.apply(batch))
}

fn flush(engine: &Journaled) -> Result<(), EngineError> {
    now(engine.flush())
}

fn read(engine: &Journaled, key: &[u8]) -> Option<Value> {
    now(engine.read(&[key.to_vec()])).unwrap().remove(0)
}

fn contents(engine: &Journaled) -> Contents {
    now(engine.scan(&all(Order::Ascending))).unwrap().into_iter().collect()
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

/// A batch that adds a key of this number, which takes so many bytes of memory.
fn numbered(number: usize, bytes: usize) -> Vec<Write> {
    let key = key(number);
    let beside = limits::CHANGE_BYTES + key.len();
    let value = vec![u8::try_from(number % 251).unwrap(); bytes - beside];
    vec![put(key, value)]
}

/// All that batches of these numbers add.
fn of_numbers(numbers: impl IntoIterator<Item = usize>, bytes: usize) -> Contents {
    let writes = numbers.into_iter().flat_map(|number| numbered(number, bytes));
    writes.filter_map(|Write { key, value }| Some((key, value?))).collect()
}

/// Waits until something is so. What never is fails the test after a while.
#[track_caller]
fn until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..30_000 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("this never came about");
}

fn is_settled(shared: &Shared) -> bool {
    shared.overlay().closed.is_none()
}

fn settled(engine: &Journaled) {
    until(|| is_settled(&engine.shared));
}

/// What a batch adds, and how much is in a generation of theirs.
const BATCH: usize = 200;
const GENERATION: usize = 2_000;

/// Writes batch after batch until one is refused. Returns how many were not.
fn write_until_refused(engine: &Journaled) -> usize {
    let refused = (0..10_000).find(|number| {
        let written = apply(engine, numbered(*number, BATCH));
        written.and_then(|()| if number % 3 == 0 { flush(engine) } else { Ok(()) }).is_err()
    });
    refused.expect("a table that failed makes writers stop")
}

/// All that was written is there, and of what was refused nothing, or all.
fn has_all(engine: &Journaled, written: usize) {
    let contents = contents(engine);
    let refused = contents.contains_key(&key(written));
    assert_eq!(contents, of_numbers(0..written + usize::from(refused), BATCH));
    for (key, value) in contents {
        assert_eq!(read(engine, &key), Some(value));
    }
}

/// Writes one batch after the other on a thread of its own, until one is refused.
struct Writing {
    engine: Arc<Journaled>,
    written: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Writing {
    fn of(engine: Journaled, batches: usize, bytes: usize) -> Writing {
        let (engine, written) = (Arc::new(engine), Arc::new(AtomicUsize::new(0)));
        let (writer, count) = (Arc::clone(&engine), Arc::clone(&written));
        let thread = thread::spawn(move || {
            let write = |number| apply(&writer, numbered(number, bytes)).is_ok();
            let written = (0..batches).take_while(|number| write(*number));
            written.for_each(|number| count.store(number + 1, SeqCst));
        });
        Writing { engine, written, thread }
    }

    /// It goes as far as this, and then waits.
    #[track_caller]
    fn stops_at(&self, batches: usize) {
        until(|| batches <= self.written.load(SeqCst));
        // Who does not wait is further by then. Who does never is.
        thread::sleep(Duration::from_millis(20));
        assert_eq!(self.written.load(SeqCst), batches);
    }

    /// Returns the engine, and how many batches were written.
    #[track_caller]
    fn ended(self) -> (Journaled, usize) {
        until(|| self.thread.is_finished());
        self.thread.join().unwrap();
        (Arc::into_inner(self.engine).unwrap(), self.written.load(SeqCst))
    }
}
