//! A table that can be crashed, made to fail, and held up.

use super::*;

/// A table in memory. What is flushed survives a crash, and of what is not the test says
/// what does.
#[derive(Clone, Default)]
pub(super) struct Medium(pub(super) Arc<Inner>);

#[derive(Default)]
pub(super) struct Inner {
    state: Mutex<State>,
    changed: Condvar,
    /// What happens once while a reader is in the table, after it has found its answer.
    aside: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

#[derive(Default)]
pub(super) struct State {
    /// What readers find.
    pub(super) live: Contents,
    /// What a crash leaves, whatever else it leaves.
    pub(super) kept: Contents,
    /// What was put since the last flush.
    unflushed: Vec<(Key, Option<Value>)>,
    /// The keys that were put, in this order, and how often all was flushed.
    pub(super) puts: Vec<Key>,
    pub(super) flushes: usize,
    /// How often a range was read.
    pub(super) scans: usize,
    fault: Option<Fault>,
    /// How many operations are let through before it stands still, if it is to.
    allowed: Option<usize>,
    /// Nothing is let through any more, and nobody waits.
    is_off: bool,
}

/// How long a table stands still at most, so that a test that fails ends.
pub(super) const LONG: Duration = Duration::from_mins(1);

/// What goes wrong after so many puts and flushes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) after: usize,
    pub(super) how: How,
    /// What failed had been done all the same.
    pub(super) done: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum How {
    Once,
    ForGood,
    Panics,
}

impl Medium {
    pub(super) fn of(contents: &Contents) -> Medium {
        let medium = Medium::default();
        medium.state().live = contents.clone();
        medium.state().kept = contents.clone();
        medium
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.0.changed.notify_all();
    }

    /// Lets so many operations through, and then stands still.
    pub(super) fn hold_after(&self, operations: usize) {
        self.change(|state| state.allowed = Some(operations));
    }

    pub(super) fn release(&self) {
        self.change(|state| state.allowed = None);
    }

    pub(super) fn fail(&self, fault: Fault) {
        self.change(|state| state.fault = Some(fault));
    }

    pub(super) fn cut_off(&self) {
        self.change(|state| state.is_off = true);
    }

    /// What is left after a crash, if of what was not flushed `keeps` says what is kept.
    pub(super) fn crash(&self, mut keeps: impl FnMut(usize) -> bool) {
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
    pub(super) fn meanwhile(&self, aside: impl FnOnce() + Send + 'static) {
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
        let found = {
            let mut state = self.state();
            state.scans += 1;
            expected(&state.live, scan)
        };
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

pub(super) fn make(contents: &mut Contents, key: Key, value: Option<Value>) {
    match value {
        Some(value) => drop(contents.insert(key, value)),
        None => drop(contents.remove(&key)),
    }
}

/// What a scan reads of these contents.
pub(super) fn expected(contents: &Contents, scan: &Scan) -> Vec<(Key, Value)> {
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
