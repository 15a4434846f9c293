//! A table that can be crashed, made to fail, and stopped.

use super::*;

/// A table in memory. Flushed changes survive a crash; the test says which others do.
#[derive(Clone, Default)]
pub(super) struct SimulatedTable(pub(super) Arc<SharedTable>);

#[derive(Default)]
pub(super) struct SharedTable {
    state: Mutex<SimulatedTableState>,
    changed: Condvar,
    /// Runs once while a reader is in the table, after the reader has found its answer.
    interruption: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

#[derive(Default)]
pub(super) struct SimulatedTableState {
    /// What readers find.
    pub(super) live: Contents,
    /// What survives a crash in any case.
    pub(super) kept: Contents,
    /// What the last flush has noted.
    pub(super) mark: Option<Mark>,
    /// What was put since the last flush.
    unflushed: Vec<(Key, Option<Value>)>,
    /// The keys that were put, in this order, and the number of flushes.
    pub(super) puts: Vec<Key>,
    pub(super) flushes: usize,
    /// The number of scans.
    pub(super) scans: usize,
    fault: Option<TableFault>,
    /// How many operations succeed before the table blocks, if it is to block.
    allowed: Option<usize>,
    /// Every operation fails at once.
    is_off: bool,
}

/// How long a table blocks at most, so that a failing test ends.
pub(super) const HOLD_LIMIT: Duration = Duration::from_mins(1);

/// A failure after this many puts and flushes.
#[derive(Clone, Copy, Debug)]
pub(super) struct TableFault {
    pub(super) after: usize,
    pub(super) how: How,
    /// The operation that fails is carried out nevertheless.
    pub(super) done: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum How {
    Once,
    Permanently,
    Panics,
}

impl SimulatedTable {
    pub(super) fn from_contents(contents: &Contents) -> SimulatedTable {
        let table = SimulatedTable::default();
        table.state().live = contents.clone();
        table.state().kept = contents.clone();
        table
    }

    pub(super) fn state(&self) -> MutexGuard<'_, SimulatedTableState> {
        self.0.state.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut SimulatedTableState)) {
        change(&mut self.state());
        self.0.changed.notify_all();
    }

    /// Lets this many operations through, and then blocks.
    pub(super) fn hold_after(&self, operations: usize) {
        self.change(|state| state.allowed = Some(operations));
    }

    pub(super) fn release(&self) {
        self.change(|state| state.allowed = None);
    }

    pub(super) fn fail(&self, fault: TableFault) {
        self.change(|state| state.fault = Some(fault));
    }

    pub(super) fn cut_off(&self) {
        self.change(|state| state.is_off = true);
    }

    /// What a loss of power leaves now, if it takes all changes that were not flushed.
    pub(super) fn crashed(&self) -> SimulatedTable {
        let table = SimulatedTable::from_contents(&self.state().kept);
        table.state().mark = self.state().mark;
        table
    }

    /// Crashes. `keeps` says which changes survive that were not flushed.
    pub(super) fn crash(&self, mut keeps: impl FnMut(usize) -> bool) {
        self.change(|state| {
            let unflushed = mem::take(&mut state.unflushed).into_iter().enumerate();
            for (_, (key, value)) in unflushed.filter(|(number, _)| keeps(*number)) {
                apply_change(&mut state.kept, key, value);
            }
            let (kept, mark) = (state.kept.clone(), state.mark);
            *state = SimulatedTableState {
                live: kept.clone(),
                kept,
                mark,
                ..SimulatedTableState::default()
            };
        });
    }

    /// Runs a function while the next reader is in the table.
    pub(super) fn meanwhile(&self, interruption: impl FnOnce() + Send + 'static) {
        *self.0.interruption.lock().unwrap() = Some(Box::new(interruption));
    }

    fn interrupt(&self) {
        let interruption = self.0.interruption.lock().unwrap().take();
        interruption.into_iter().for_each(|interruption| interruption());
    }

    fn operate(&self, operation: impl FnOnce(&mut SimulatedTableState)) -> Result<(), EngineError> {
        let is_held = |state: &mut SimulatedTableState| state.allowed == Some(0) && !state.is_off;
        let held = self.0.changed.wait_timeout_while(self.state(), HOLD_LIMIT, is_held);
        let (mut state, held) = held.unwrap();
        if state.is_off || held.timed_out() {
            return Err(EngineError::Io(io::Error::other("the disk is off")));
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
            How::Permanently => {}
            How::Once => state.fault = None,
            How::Panics => {
                drop(state);
                panic!("a simulated panic");
            }
        }
        Err(EngineError::Io(io::Error::other("the disk failed")))
    }
}

impl TableReader for SimulatedTable {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, EngineError> {
        let value = self.state().live.get(key).cloned();
        self.interrupt();
        Ok(value)
    }

    fn scan_page(&self, scan: &Scan, bytes: usize) -> Result<RangePage, EngineError> {
        let found = {
            let mut state = self.state();
            state.scans += 1;
            page_of(&state.live, scan, bytes)
        };
        self.interrupt();
        found
    }
}

impl Table for SimulatedTable {
    fn name(&self) -> &'static str {
        "table"
    }

    fn put(&self, changes: &[TableChange<'_>]) -> Result<(), EngineError> {
        changes.iter().try_for_each(|&(key, value)| {
            self.operate(|state| {
                let (key, value) = (key.clone(), value.cloned());
                state.puts.push(key.clone());
                state.unflushed.push((key.clone(), value.clone()));
                apply_change(&mut state.live, key, value);
            })
        })
    }

    fn flush(&self, mark: &Mark) -> Result<(), EngineError> {
        self.operate(|state| {
            state.flushes += 1;
            state.unflushed.clear();
            state.kept = state.live.clone();
            state.mark = Some(*mark);
        })
    }

    fn mark(&self) -> Result<Option<Mark>, EngineError> {
        Ok(self.state().mark)
    }

    fn snapshot(&self) -> Option<Box<dyn TableReader>> {
        Some(Box::new(SimulatedSnapshot(self.state().live.clone())))
    }

    fn bytes(&self) -> Result<u64, EngineError> {
        Ok(self.state().live.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum())
    }
}

struct SimulatedSnapshot(Contents);

impl TableReader for SimulatedSnapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, EngineError> {
        Ok(self.0.get(key).cloned())
    }

    fn scan_page(&self, scan: &Scan, bytes: usize) -> Result<RangePage, EngineError> {
        page_of(&self.0, scan, bytes)
    }
}

pub(super) fn apply_change(contents: &mut Contents, key: Key, value: Option<Value>) {
    match value {
        Some(value) => drop(contents.insert(key, value)),
        None => drop(contents.remove(&key)),
    }
}

fn page_of(contents: &Contents, scan: &Scan, bytes: usize) -> Result<RangePage, EngineError> {
    let all = expected(contents, &Scan { limit: usize::MAX, ..scan.clone() });
    RangePage::first_of(all.into_iter().map(Ok), PageRoom::of(scan, bytes))
}

/// What a scan of these contents returns.
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
