//! What a table with a journal before it promises, over a table that can be crashed, made
//! to fail, and held up.

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

use super::*;
use crate::engine::Order;

type Contents = BTreeMap<Key, Value>;

// The table of these tests.

/// A table in memory. What is flushed survives a crash, and of what is not the test says
/// what does.
#[derive(Clone, Default)]
struct Medium(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
    /// What happens once while a reader is in the table, after it has found its answer.
    aside: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

#[derive(Default)]
struct State {
    /// What readers find.
    live: Contents,
    /// What a crash leaves, whatever else it leaves.
    kept: Contents,
    /// What was put since the last flush.
    unflushed: Vec<(Key, Option<Value>)>,
    /// The keys that were put, in this order, and how often all was flushed.
    puts: Vec<Key>,
    flushes: usize,
    fault: Option<Fault>,
    /// How many operations are let through before it stands still, if it is to.
    allowed: Option<usize>,
    /// Nothing is let through any more, and nobody waits.
    is_off: bool,
}

/// How long a table stands still at most, so that a test that fails ends.
const LONG: Duration = Duration::from_mins(1);

/// What goes wrong after so many puts and flushes.
#[derive(Clone, Copy, Debug)]
struct Fault {
    after: usize,
    how: How,
    /// What failed had been done all the same.
    done: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum How {
    Once,
    ForGood,
    Panics,
}

impl Medium {
    fn of(contents: &Contents) -> Medium {
        let medium = Medium::default();
        medium.state().live = contents.clone();
        medium.state().kept = contents.clone();
        medium
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.0.changed.notify_all();
    }

    /// Lets so many operations through, and then stands still.
    fn hold_after(&self, operations: usize) {
        self.change(|state| state.allowed = Some(operations));
    }

    fn release(&self) {
        self.change(|state| state.allowed = None);
    }

    fn fail(&self, fault: Fault) {
        self.change(|state| state.fault = Some(fault));
    }

    fn cut_off(&self) {
        self.change(|state| state.is_off = true);
    }

    /// What is left after a crash, if of what was not flushed `keeps` says what is kept.
    fn crash(&self, mut keeps: impl FnMut(usize) -> bool) {
        self.change(|state| {
            let unflushed = mem::take(&mut state.unflushed).into_iter().enumerate();
            for (_, (key, value)) in unflushed.filter(|(number, _)| keeps(*number)) {
                make(&mut state.kept, key, value);
            }
            let kept = state.kept.clone();
            *state = State { live: kept.clone(), kept, ..State::default() };
        });
    }

    /// Has something happen while the next reader is in the table.
    fn meanwhile(&self, aside: impl FnOnce() + Send + 'static) {
        *self.0.aside.lock().unwrap() = Some(Box::new(aside));
    }

    fn turn_aside(&self) {
        let aside = self.0.aside.lock().unwrap().take();
        aside.into_iter().for_each(|aside| aside());
    }

    fn operate(&self, operation: impl FnOnce(&mut State)) -> Result<(), EngineError> {
        let is_held = |state: &mut State| state.allowed == Some(0) && !state.is_off;
        let held = self.0.changed.wait_timeout_while(self.state(), LONG, is_held);
        let (mut state, held) = held.unwrap();
        if state.is_off || held.timed_out() {
            return Err(EngineError::Io(io::Error::other("the medium is off")));
        }
        state.allowed = state.allowed.map(|allowed| allowed - 1);
        let fault = state.fault.filter(|fault| fault.after == 0);
        if fault.is_none_or(|fault| fault.done) {
            operation(&mut state);
        }
        let Some(fault) = fault else {
            state.fault.iter_mut().for_each(|fault| fault.after -= 1);
            return Ok(());
        };
        match fault.how {
            How::ForGood => {}
            How::Once => state.fault = None,
            How::Panics => {
                drop(state);
                panic!("the table was told to");
            }
        }
        Err(EngineError::Io(io::Error::other("the medium failed")))
    }
}

impl Table for Medium {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, EngineError> {
        let value = self.state().live.get(key).cloned();
        self.turn_aside();
        Ok(value)
    }

    fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Value)>, EngineError> {
        let found = expected(&self.state().live, scan);
        self.turn_aside();
        Ok(found)
    }

    fn put(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), EngineError> {
        self.operate(|state| {
            let (key, value) = (key.to_vec(), value.map(<[u8]>::to_vec));
            state.puts.push(key.clone());
            state.unflushed.push((key.clone(), value.clone()));
            make(&mut state.live, key, value);
        })
    }

    fn flush(&self) -> Result<(), EngineError> {
        self.operate(|state| {
            state.flushes += 1;
            state.unflushed.clear();
            state.kept = state.live.clone();
        })
    }

    fn bytes(&self) -> Result<u64, EngineError> {
        Ok(self.state().live.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum())
    }
}

fn make(contents: &mut Contents, key: Key, value: Option<Value>) {
    match value {
        Some(value) => drop(contents.insert(key, value)),
        None => drop(contents.remove(&key)),
    }
}

/// What a scan reads of these contents.
fn expected(contents: &Contents, scan: &Scan) -> Vec<(Key, Value)> {
    let after = scan.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
    let within = |(key, _): &(&Key, &Value)| key.starts_with(&scan.prefix);
    let owned = |(key, value): (&Key, &Value)| (key.clone(), value.clone());
    match scan.order {
        Order::Ascending => {
            let entries = contents.range::<Key, _>((after, Bound::Unbounded));
            entries.filter(within).take(scan.limit).map(owned).collect()
        }
        Order::Descending => {
            let entries = contents.range::<Key, _>((Bound::Unbounded, after)).rev();
            entries.filter(within).take(scan.limit).map(owned).collect()
        }
    }
}

// Engines over it.

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

// Crashes.

#[derive(Clone, Debug)]
enum Step {
    /// A batch, and what is read afterwards.
    Apply(Vec<Write>, Scan),
    Flush,
    /// Waits until nothing is left to settle.
    Settle,
}

/// What happens from the start of a process to a crash.
#[derive(Clone, Debug)]
struct Life {
    generation_bytes: usize,
    /// How far settling comes, if that ends this life.
    fault: Option<Fault>,
    steps: Vec<Step>,
    tear: Tear,
    /// Which puts that were not flushed are kept, in turns.
    kept: Vec<bool>,
}

/// What becomes of what was written to the journal since the last flush.
#[derive(Clone, Debug)]
enum Tear {
    /// The process ended, and the system did not.
    Nothing,
    /// The file is as long as this part of it.
    Cut(Index),
    /// From there on it is as it was.
    Before(Index),
    /// From there on it is something else.
    Garbage(Index, Vec<u8>),
    /// Of blocks as long as this, those are as they were for which it says so, in turns.
    Blocks(usize, Vec<bool>),
}

/// The journal's newest file as the last flush left it.
#[derive(Default)]
struct Image {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Image {
    fn of(path: PathBuf) -> Image {
        Image { bytes: fs::read(&path).unwrap(), path }
    }

    /// Leaves in the file what may be in it after a crash.
    fn tear(&self, tear: &Tear) {
        let bytes = self.torn(tear);
        let file = File::options().write(true).open(&self.path).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
        file.write_all_at(&bytes, 0).unwrap();
    }

    fn torn(&self, tear: &Tear) -> Vec<u8> {
        let mut bytes = fs::read(&self.path).unwrap();
        let written = bytes.iter().zip(&self.bytes).take_while(|(now, then)| now == then).count();
        let part = |at: &Index, of: &[u8]| written + at.index(of.len() - written + 1);
        match tear {
            Tear::Nothing => {}
            Tear::Cut(at) => bytes.truncate(part(at, &bytes)),
            Tear::Before(at) => {
                bytes.truncate(part(at, &bytes));
                bytes.extend_from_slice(self.bytes.get(bytes.len()..).unwrap_or_default());
            }
            Tear::Garbage(at, garbage) => {
                let at = part(at, &bytes);
                let garbage = garbage.iter().cycle().copied();
                bytes[at..].iter_mut().zip(garbage).for_each(|(byte, with)| *byte = with);
            }
            Tear::Blocks(size, torn) => {
                let mut before = self.bytes.clone();
                before.resize(bytes.len().max(before.len()), 0);
                let blocks =
                    bytes[written..].chunks_mut(*size).zip(before[written..].chunks(*size));
                let torn = blocks.zip(torn.iter().cycle()).filter(|(_, torn)| **torn);
                torn.for_each(|((block, before), _)| block.copy_from_slice(&before[..block.len()]));
            }
        }
        bytes
    }
}

/// A machine, and what has to be true of it.
struct World {
    machine: Machine,
    /// All since the last crash: what there was, and what there was after each batch.
    history: Vec<Contents>,
    /// How many of these batches a crash must not take.
    promised: usize,
    image: Image,
}

impl World {
    fn new() -> World {
        let (machine, history) = (Machine::new(), vec![Contents::new()]);
        World { machine, history, promised: 0, image: Image::default() }
    }

    fn live(&mut self, life: &Life) -> Result<(), TestCaseError> {
        life.fault.into_iter().for_each(|fault| self.machine.medium.fail(fault));
        match self.machine.try_open(life.generation_bytes) {
            Err(error) => prop_assert!(life.fault.is_some(), "{error}"),
            Ok(engine) => {
                self.has_survived(&engine)?;
                let failed = life.steps.iter().try_for_each(|step| self.step(&engine, step));
                if let Err(Failed::Test(failed)) = failed {
                    return Err(failed);
                }
                prop_assert!(failed.is_ok() || life.fault.is_some());
                self.machine.end(engine);
                self.image.tear(&life.tear);
            }
        }
        let keeps = |number| life.kept[number % life.kept.len()];
        let is_power_lost = !matches!(life.tear, Tear::Nothing);
        self.machine.medium.crash(|number| !is_power_lost || keeps(number));
        Ok(())
    }

    /// What there is, is what there was after some batch, and none that was promised
    /// is lost.
    fn has_survived(&mut self, engine: &Journaled) -> Result<(), TestCaseError> {
        let contents = contents(engine);
        let survived = self.history[self.promised..].contains(&contents);
        prop_assert!(survived, "{contents:?} is none of {:?}", &self.history[self.promised..]);
        (self.history, self.promised) = (vec![contents], 0);
        self.image = Image::of(self.machine.newest());
        Ok(())
    }

    fn step(&mut self, engine: &Journaled, step: &Step) -> Result<(), Failed> {
        match step {
            Step::Apply(batch, scan) => {
                let mut contents = self.history[self.history.len() - 1].clone();
                for Write { key, value } in batch.clone() {
                    make(&mut contents, key, value);
                }
                self.history.push(contents);
                // Whoever has to wait has all before it flushed.
                if engine.shared.settling.is_behind().unwrap_or(false) {
                    self.image = Image::of(self.machine.newest());
                }
                apply(engine, batch.clone()).or(Err(Failed::Table))?;
                let newest = self.machine.newest();
                if newest != self.image.path {
                    self.image = Image::of(newest);
                }
                self.reads(engine, batch, scan)?;
            }
            Step::Flush => {
                flush(engine).or(Err(Failed::Table))?;
                self.promised = self.history.len() - 1;
                self.image = Image::of(self.machine.newest());
            }
            Step::Settle => {
                let fails = || engine.shared.settling.require_health().is_err();
                until(|| is_settled(&engine.shared) || fails());
            }
        }
        Ok(())
    }

    fn reads(&self, engine: &Journaled, batch: &[Write], scan: &Scan) -> Result<(), TestCaseError> {
        let contents = &self.history[self.history.len() - 1];
        let before = &self.history[self.history.len() - 2];
        let touched = batch.iter().map(|write| &write.key);
        let keys: Vec<Key> = touched.chain(before.keys()).chain(&scan.after).cloned().collect();
        let values: Vec<_> = keys.iter().map(|key| contents.get(key).cloned()).collect();
        prop_assert_eq!(now(engine.read(&keys)).unwrap(), values);
        for scan in [scan, &all(Order::Ascending), &all(Order::Descending)] {
            prop_assert_eq!(
                now(engine.scan(scan)).unwrap(),
                expected(contents, scan),
                "{:?}",
                scan
            );
        }
        Ok(())
    }
}

/// Why a life ended early.
enum Failed {
    Table,
    Test(TestCaseError),
}

impl From<TestCaseError> for Failed {
    fn from(failed: TestCaseError) -> Failed {
        Failed::Test(failed)
    }
}

/// Keys that often begin with one another.
fn few_keys() -> impl Strategy<Value = Key> {
    vec(prop::sample::select(&[0, b'a', 0xff][..]), 0..4)
}

fn values() -> impl Strategy<Value = Value> {
    let size = prop_oneof![3 => 0usize..8, 3 => 8usize..200, 1 => 600usize..900];
    (size, any::<u8>(), any::<u8>()).prop_map(|(size, first, others)| {
        let mut value = vec![others; size];
        value.iter_mut().take(1).for_each(|byte| *byte = first);
        value
    })
}

fn batches() -> impl Strategy<Value = Vec<Write>> {
    let write = (few_keys(), prop::option::weighted(0.7, values()));
    vec(write.prop_map(|(key, value)| Write { key, value }), 0..6)
}

fn scans() -> impl Strategy<Value = Scan> {
    let prefix = vec(prop::sample::select(&[0, b'a', 0xff][..]), 0..3);
    let order = prop::sample::select(&[Order::Ascending, Order::Descending][..]);
    (prefix, prop::option::of(few_keys()), order, 0usize..8)
        .prop_map(|(prefix, after, order, limit)| Scan { prefix, after, order, limit })
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (batches(), scans()).prop_map(|(batch, scan)| Step::Apply(batch, scan)),
        2 => Just(Step::Flush),
        1 => Just(Step::Settle),
    ]
}

fn tears() -> impl Strategy<Value = Tear> {
    let bools = || vec(any::<bool>(), 1..9);
    prop_oneof![
        Just(Tear::Nothing),
        any::<Index>().prop_map(Tear::Cut),
        any::<Index>().prop_map(Tear::Before),
        (any::<Index>(), vec(any::<u8>(), 1..64)).prop_map(|(at, with)| Tear::Garbage(at, with)),
        (prop::sample::select(&[8, 64, 512][..]), bools())
            .prop_map(|(size, torn)| Tear::Blocks(size, torn)),
    ]
}

fn lives() -> impl Strategy<Value = Life> {
    let how = prop::sample::select(&[How::Once, How::ForGood][..]);
    let fault =
        (0usize..60, how, any::<bool>()).prop_map(|(after, how, done)| Fault { after, how, done });
    let kept = vec(any::<bool>(), 1..9);
    (200usize..6_000, prop::option::of(fault), vec(steps(), 0..24), tears(), kept).prop_map(
        |(generation_bytes, fault, steps, tear, kept)| Life {
            generation_bytes,
            fault,
            steps,
            tear,
            kept,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_crash_leaves_what_there_was_after_some_batch_and_all_that_was_flushed(
        lives in vec(lives(), 3),
    ) {
        let mut world = World::new();
        for life in &lives {
            world.live(life)?;
        }
        world.has_survived(&world.machine.open(1_000))?;
    }
}

// Failures.

/// What a batch of the tests below adds, and how much is in a generation of theirs.
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

#[track_caller]
fn refuses(engine: &Journaled, told: &str) {
    for _ in 0..3 {
        for result in [apply(engine, numbered(0, BATCH)), apply(engine, Vec::new()), flush(engine)]
        {
            let Err(EngineError::Io(error)) = result else { panic!("{result:?}") };
            assert_eq!(error.to_string(), told);
        }
    }
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

fn faults(hows: &[How]) -> impl Iterator<Item = Fault> {
    let faults = hows.iter().flat_map(|how| {
        let done = [false, true].into_iter();
        done.flat_map(move |done| (0..26).map(move |after| Fault { after, how: *how, done }))
    });
    faults.collect::<Vec<_>>().into_iter()
}

#[test]
fn after_a_failure_of_the_table_writers_are_refused_and_readers_are_not() {
    for fault in faults(&[How::Once, How::ForGood]) {
        let machine = Machine::new();
        machine.medium.fail(fault);
        let engine = machine.open(GENERATION);
        let written = write_until_refused(&engine);
        refuses(&engine, "the medium failed");
        has_all(&engine, written);
        machine.crash(engine);
        has_all(&machine.open(GENERATION), written);
    }
}

#[test]
fn a_table_that_panics_is_one_that_failed() {
    for after in [0, 1, 5, 11, 12, 20] {
        let machine = Machine::new();
        machine.medium.fail(Fault { after, how: How::Panics, done: false });
        let engine = machine.open(GENERATION);
        let written = write_until_refused(&engine);
        refuses(&engine, "the thread that settles the journal has ended");
        has_all(&engine, written);
        machine.crash(engine);
        has_all(&machine.open(GENERATION), written);
    }
}

#[test]
fn whoever_waits_for_the_table_is_told_that_it_failed() {
    for how in [How::Once, How::ForGood, How::Panics] {
        let machine = Machine::new();
        let engine = machine.open_settled(GENERATION);
        machine.medium.hold_after(0);
        let writing = Writing::of(engine, 10_000, BATCH);
        writing.stops_at(10 + 2 + 1);
        machine.medium.fail(Fault { after: 0, how, done: false });
        machine.medium.release();
        let (engine, written) = writing.ended();
        assert_eq!(written, 10 + 2 + 1);
        has_all(&engine, written);
    }
}

#[test]
fn a_table_that_fails_at_once_is_noticed_though_nothing_is_written() {
    let machine = Machine::new();
    machine.medium.fail(Fault { after: 0, how: How::Once, done: false });
    let engine = machine.open(GENERATION);
    until(|| flush(&engine).is_err());
    refuses(&engine, "the medium failed");
}

#[test]
fn a_generation_that_cannot_begin_is_told_and_takes_nothing_with_it() {
    let machine = Machine::new();
    let engine = machine.open_settled(GENERATION);
    let in_the_way = machine.newest().with_file_name("0000000000000002.journal");
    fs::create_dir(&in_the_way).unwrap();
    let written = write_until_refused(&engine);
    assert_eq!(written, GENERATION / BATCH - 1);
    has_all(&engine, written);
    fs::remove_dir(in_the_way).unwrap();
    machine.crash(engine);
    has_all(&machine.open(GENERATION), written);
}

#[test]
fn a_failure_is_told_as_it_was_however_often() {
    let errors = [
        (EngineError::InUse, "another process is using this data directory", None),
        (EngineError::Damaged("page".into()), "the data is damaged: page", None),
        (
            EngineError::Io(io::Error::from_raw_os_error(28)),
            "the data could not be read or written",
            Some(28),
        ),
        (EngineError::Io(io::Error::other("text")), "the data could not be read or written", None),
    ];
    for (error, text, number) in errors {
        let failure = failure::Failure::of(&error);
        for told in [failure.error(), failure.error()] {
            assert_eq!(told.to_string(), text);
            let EngineError::Io(told) = told else { continue };
            assert_eq!(told.raw_os_error(), number);
            assert_eq!(EngineError::Io(told).to_string(), error.to_string());
        }
    }
}

// Pace.

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

#[test]
fn writers_are_ahead_of_a_table_that_stands_still_by_a_quarter_of_a_generation() {
    let machine = Machine::new();
    let engine = machine.open_settled(64 * 1_024);
    machine.medium.hold_after(0);
    let writing = Writing::of(engine, 300, 1_024);
    writing.stops_at(64 + 16 + 1);
    let bytes = {
        let overlay = writing.engine.shared.overlay();
        (overlay.closed.as_ref().map(|closed| closed.bytes()), overlay.open.bytes())
    };
    assert_eq!(bytes, (Some(64 * 1_024), 17 * 1_024));
    assert_eq!(contents(&writing.engine), of_numbers(0..81, 1_024));
    flush(&writing.engine).unwrap();
    machine.medium.release();
    let (engine, _) = writing.ended();
    assert_eq!(contents(&engine), of_numbers(0..300, 1_024));
    machine.crash(engine);
    assert_eq!(contents(&machine.open(64 * 1_024)), of_numbers(0..300, 1_024));
}

#[test]
fn writers_go_on_as_far_as_the_table_does() {
    let machine = Machine::new();
    let engine = machine.open_settled(512 * 1_024);
    machine.medium.hold_after(0);
    let writing = Writing::of(engine, 400, 4_096);
    writing.stops_at(128 + 32 + 1);
    machine.medium.hold_after(64);
    writing.stops_at(128 + 32 + 64 + 1);
    machine.medium.hold_after(32);
    writing.stops_at(128 + 32 + 96 + 1);
    machine.medium.release();
    let (engine, _) = writing.ended();
    assert_eq!(contents(&engine), of_numbers(0..400, 4_096));
}

#[test]
fn a_key_is_put_into_the_table_once_a_generation_and_in_the_order_of_keys() {
    let machine = Machine::new();
    let engine = machine.open_settled(GENERATION);
    for number in 0..500 {
        let often = [put("often", number.to_string()), put("oftener", "0"), put("oftener", "1")];
        let batch = [numbered(number, BATCH), often.to_vec()].concat();
        apply(&engine, batch).unwrap();
    }
    settled(&engine);
    let generations = usize::try_from(engine.shared.journal().generation()).unwrap() - 1;
    let state = machine.medium.state();
    for often in [&b"often"[..], b"oftener"] {
        assert_eq!(state.puts.iter().filter(|key| *key == often).count(), generations);
    }
    assert_eq!(state.flushes, generations + 1);
    let by_generation = state.puts.chunk_by(|one, next| one < next);
    assert_eq!(by_generation.count(), generations);
    let least = 500 * BATCH / GENERATION / 3;
    assert!((least..=4 * least).contains(&generations));
}

#[test]
fn the_table_is_flushed_before_much_of_it_is_not() {
    let machine = Machine::new();
    let engine = machine.open_settled(4 * limits::UNFLUSHED_BYTES);
    let bytes = limits::UNFLUSHED_BYTES / 8;
    (0..32).for_each(|number| apply(&engine, numbered(number, bytes)).unwrap());
    settled(&engine);
    assert_eq!(machine.medium.state().flushes, 1 + 4 + 1);
}

#[test]
fn a_journal_takes_up_no_more_than_some_generations() {
    let machine = Machine::new();
    let engine = machine.open_settled(GENERATION);
    for number in 0..1_000 {
        apply(&engine, numbered(number, BATCH)).unwrap();
        // Each record has a head, and each change a length.
        let most = 4 * GENERATION * 2;
        assert!(journal::bytes(machine.directory.path()).unwrap() < most as u64);
    }
    settled(&engine);
    until(|| fs::read_dir(machine.directory.path()).unwrap().count() == 2);
}

#[test]
fn a_key_that_changes_again_and_again_does_not_grow_the_journal_without_end() {
    let machine = Machine::new();
    let engine = machine.open_settled(GENERATION);
    let value = vec![7; GENERATION / 2];
    for number in 0..200 {
        apply(&engine, vec![put("hot", &value), put("count", key(number))]).unwrap();
        // Two generations and what is to be written over, each a batch too long.
        let most = 3 * (limits::JOURNAL_TIMES + 1) * GENERATION;
        let bytes = journal::bytes(machine.directory.path()).unwrap();
        assert!(bytes < most as u64, "{bytes} after {number}");
    }
    let puts = machine.medium.state().puts.iter().filter(|key| *key == b"hot").count();
    assert!(puts < 100, "{puts}");
}

#[test]
fn nobody_waits_for_ever_for_a_table_that_stands_still() {
    let machine = Machine::new();
    let pace = Pace { generation_bytes: GENERATION, patience: Duration::from_millis(50) };
    let engine = machine.paced(pace).unwrap();
    settled(&engine);
    machine.medium.hold_after(0);
    let written = write_until_refused(&engine);
    assert!((10..30).contains(&written), "{written}");
    assert_eq!(contents(&engine), of_numbers(0..written, BATCH));
    // Nor does whoever closes it.
    let shared = Arc::clone(&engine.shared);
    drop(engine);
    machine.medium.cut_off();
    // The thread ends after all. What is left besides is what was given up.
    until(|| Arc::strong_count(&shared) == 2);
    machine.medium.crash(|_| false);
    has_all(&machine.open(GENERATION), written);
}

#[test]
fn after_a_write_of_the_journal_that_failed_there_is_no_other() {
    let machine = Machine::new();
    let engine = machine.open_settled(GENERATION);
    apply(&engine, numbered(0, BATCH)).unwrap();
    let batch = vec![put("large", vec![0; GENERATION])];
    let in_the_way = machine.newest().with_file_name("0000000000000002.journal");
    fs::create_dir(&in_the_way).unwrap();
    apply(&engine, batch).unwrap_err();
    fs::remove_dir(in_the_way).unwrap();
    apply(&engine, numbered(1, BATCH)).unwrap_err();
    flush(&engine).unwrap_err();
}

// Readers.

/// An engine with a generation that stands before the table: of keys that the table has
/// with other values, that it has not, and that are removed.
fn closed_before_the_table() -> (Machine, Journaled, Contents) {
    let table = ["a", "b", "c", "d"].map(|key| (key.into(), b"old".to_vec())).into();
    let machine = Machine::with(&table);
    let engine = machine.open_settled(GENERATION);
    machine.medium.hold_after(0);
    let batch = vec![put("b", vec![7; GENERATION]), put("bb", "new"), remove("c")];
    apply(&engine, batch.clone()).unwrap();
    let mut expected = table;
    batch.into_iter().for_each(|Write { key, value }| make(&mut expected, key, value));
    assert!(!is_settled(&engine.shared));
    (machine, engine, expected)
}

/// Has the generation settled while a reader is in the table.
fn settle_meanwhile(machine: &Machine, engine: &Journaled) {
    let (medium, shared) = (machine.medium.clone(), Arc::clone(&engine.shared));
    machine.medium.meanwhile(move || {
        medium.release();
        until(|| is_settled(&shared));
    });
}

#[test]
fn values_that_are_settled_while_they_are_read_are_found_before_or_after() {
    for asked in [["a", "b", "bb", "c"], ["c", "bb", "b", "a"], ["bb", "a", "c", "b"]] {
        let (machine, engine, expected) = closed_before_the_table();
        settle_meanwhile(&machine, &engine);
        let keys = asked.map(|key| key.as_bytes().to_vec());
        let values = now(engine.read(&keys)).unwrap();
        assert_eq!(values, keys.map(|key| expected.get(&key).cloned()));
        assert!(is_settled(&engine.shared));
    }
}

#[test]
fn ranges_that_are_settled_while_they_are_read_are_found_before_or_after() {
    for limit in [1, 2, 3, usize::MAX] {
        for order in [Order::Ascending, Order::Descending] {
            let (machine, engine, contents) = closed_before_the_table();
            settle_meanwhile(&machine, &engine);
            let scan = Scan { limit, ..all(order) };
            assert_eq!(now(engine.scan(&scan)).unwrap(), expected(&contents, &scan));
            assert!(is_settled(&engine.shared));
        }
    }
}

#[test]
fn nobody_sees_a_value_go_back() {
    let machine = Machine::new();
    let engine = machine.open(GENERATION);
    let write = |number| {
        let both = ["a", "b"].map(|name| put(name, key(number)));
        apply(&engine, [numbered(number, BATCH), both.to_vec()].concat()).unwrap();
    };
    write(0);
    let first = Scan { limit: 1, ..all(Order::Ascending) };
    let (mut newest, ended) = (None, AtomicBool::new(false));
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            while !ended.load(SeqCst) {
                // What is read after something else can only be newer.
                let scans = || now(engine.scan(&first)).unwrap().pop().map(|(_, value)| value);
                let next = [read(&engine, b"a"), read(&engine, b"b"), scans()];
                assert!(newest <= next[0] && next.is_sorted(), "{newest:?} {next:?}");
                [.., newest] = next;
            }
        });
        (1..500).for_each(write);
        ended.store(true, SeqCst);
        reading.join().unwrap();
    });
}

#[test]
fn its_size_is_known_whatever_the_journal_does_meanwhile() {
    let machine = Machine::new();
    let writing = Writing::of(machine.open(400), 300, 200);
    while !writing.thread.is_finished() {
        now(writing.engine.bytes()).unwrap();
    }
    let (engine, written) = writing.ended();
    assert!(64 * written as u64 <= now(engine.bytes()).unwrap());
}

#[test]
fn a_scan_passes_over_any_number_of_removals() {
    let removed = 150..2 * limits::REMOVALS_SCANNED + 150;
    let mut left = of_numbers(0..removed.end + 150, 128);
    let machine = Machine::with(&left);
    machine.medium.hold_after(0);
    let engine = machine.open(1_000_000);
    apply(&engine, removed.clone().map(|number| remove(key(number))).collect()).unwrap();
    removed.for_each(|number| drop(left.remove(&key(number))));
    for order in [Order::Ascending, Order::Descending] {
        for (limit, after) in [(1, 149), (149, 0), (151, 0), (200, 2_000), (usize::MAX, 1_000)] {
            let scan = Scan { limit, after: Some(key(after)), ..all(order) };
            assert_eq!(now(engine.scan(&scan)).unwrap(), expected(&left, &scan), "{scan:?}");
        }
        assert_eq!(now(engine.scan(&all(order))).unwrap(), expected(&left, &all(order)));
    }
    machine.end(engine);
}

// The ends of processes.

/// Batches that each of several processes adds before it ends, having settled nothing.
const EACH: usize = 3;

/// A machine on which so many processes ended before they settled anything.
fn ended_before_settling(processes: usize) -> Machine {
    let machine = Machine::new();
    for process in 0..processes {
        machine.medium.hold_after(0);
        let engine = machine.open(GENERATION);
        let numbers = EACH * process..EACH * (process + 1);
        numbers.for_each(|number| apply(&engine, numbered(number, BATCH)).unwrap());
        assert_eq!(machine.medium.state().puts, Vec::<Key>::new());
        machine.crash(engine);
    }
    machine
}

#[test]
fn what_several_processes_left_is_settled_before_anything_else_if_it_is_much() {
    let processes = (2 * GENERATION).div_ceil(EACH * BATCH);
    let machine = ended_before_settling(processes);
    let engine = machine.open(GENERATION);
    let all = of_numbers(0..EACH * processes, BATCH);
    assert_eq!(machine.medium.state().kept, all);
    assert!(is_settled(&engine.shared));
    assert_eq!(contents(&engine), all);
}

#[test]
fn nobody_waits_for_the_little_that_several_processes_left() {
    let processes = 2 * GENERATION / (EACH * BATCH);
    let machine = ended_before_settling(processes);
    machine.medium.hold_after(0);
    let engine = machine.open(GENERATION);
    assert_eq!(contents(&engine), of_numbers(0..EACH * processes, BATCH));
    machine.medium.release();
    settled(&engine);
    assert_eq!(machine.medium.state().kept, of_numbers(0..EACH * processes, BATCH));
}

#[test]
fn a_table_that_fails_while_much_is_settled_is_not_opened() {
    let processes = (2 * GENERATION).div_ceil(EACH * BATCH);
    let all = of_numbers(0..EACH * processes, BATCH);
    for (after, done) in [(0, true), (1, false), (10, true), (all.len(), false), (all.len(), true)]
    {
        let machine = ended_before_settling(processes);
        machine.medium.fail(Fault { after, how: How::Once, done });
        assert!(machine.try_open(GENERATION).is_err());
        machine.medium.crash(|number| number % 2 == 0);
        assert_eq!(contents(&machine.open(GENERATION)), all);
    }
}

#[test]
fn a_dropped_engine_leaves_much_to_settle_and_nothing_running() {
    let machine = Machine::new();
    let engine = machine.open_settled(1_024 * 1_024);
    machine.medium.hold_after(3);
    (0..256).for_each(|number| apply(&engine, numbered(number, 4_096)).unwrap());
    until(|| machine.medium.state().puts.len() == 3);
    let shared = Arc::clone(&engine.shared);
    let dropping = thread::spawn(move || drop(engine));
    until(|| shared.settling.next().is_none());
    machine.medium.release();
    until(|| dropping.is_finished());
    dropping.join().unwrap();
    assert_eq!(Arc::strong_count(&shared), 1);
    drop(shared);
    assert_eq!(Arc::strong_count(&machine.medium.0), 1);
    assert_eq!(machine.medium.state().puts.len(), limits::SETTLED_BYTES / 4_096);
    let engine = machine.open(1_024 * 1_024);
    assert_eq!(contents(&engine), of_numbers(0..256, 4_096));
    settled(&engine);
    assert_eq!(machine.medium.state().kept, of_numbers(0..256, 4_096));
}

#[test]
fn a_journal_that_is_damaged_is_not_opened() {
    let machine = Machine::new();
    let engine = machine.open_settled(GENERATION);
    for number in 0..3 {
        apply(&engine, numbered(number, BATCH)).unwrap();
        flush(&engine).unwrap();
    }
    machine.crash(engine);
    let newest = machine.newest();
    let mut bytes = fs::read(&newest).unwrap();
    bytes[40] ^= 1;
    fs::write(newest, bytes).unwrap();
    assert!(matches!(machine.try_open(GENERATION), Err(EngineError::Damaged(_))));
    assert!(matches!(machine.try_open(GENERATION), Err(EngineError::Damaged(_))));
}
