//! A disk in memory that can be crashed, made to fail, and stopped.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use super::disk::{Disk, DiskFile};
use crate::sync::Mutex as ScheduledMutex;

/// A disk that loses, in a crash, everything that was not synced.
///
/// After a sync that failed, later syncs of the file succeed but make nothing durable, which is
/// what a kernel may do.
#[derive(Clone)]
pub(super) struct SimulatedDisk(Arc<SharedDisk>);

struct SharedDisk {
    /// Not one of the scheduled primitives, so that a crash is one step.
    state: Mutex<DiskState>,
    changed: Condvar,
    turn: ScheduledMutex<()>,
}

#[derive(Clone, Default)]
pub(super) struct DiskState {
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    files: Vec<FileContents>,
    /// How many syncs of data began and ended.
    pub(super) begun: usize,
    pub(super) ended: usize,
    /// How many syncs of data ran at the same time, at most.
    pub(super) most_at_once: usize,
    /// A sync of data began after one that failed had ended.
    pub(super) has_sync_after_a_failed_one: bool,
    has_failed: bool,
    /// Syncs of data wait.
    is_held: bool,
    /// How many more syncs of data succeed before one fails.
    failing_sync: Option<usize>,
    /// How many more writes succeed before one fails.
    failing_write: Option<usize>,
}

#[derive(Clone, Default)]
struct FileContents {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// A sync failed.
    has_lost: bool,
}

impl SimulatedDisk {
    pub(super) fn new() -> SimulatedDisk {
        SimulatedDisk::from_state(DiskState::default())
    }

    fn from_state(state: DiskState) -> SimulatedDisk {
        let (state, turn) = (Mutex::new(state), ScheduledMutex::new(()));
        SimulatedDisk(Arc::new(SharedDisk { state, changed: Condvar::new(), turn }))
    }

    /// Lets other threads run first, if the scheduler wants so.
    fn pause(&self) {
        drop(self.0.turn.lock());
    }

    pub(super) fn state(&self) -> MutexGuard<'_, DiskState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is on the disk after a loss of power now.
    pub(super) fn crashed(&self) -> SimulatedDisk {
        let DiskState { durable_names, mut files, .. } = self.state().clone();
        for file in &mut files {
            file.live.clone_from(&file.durable);
            file.has_lost = false;
        }
        let names = durable_names.clone();
        SimulatedDisk::from_state(DiskState { names, durable_names, files, ..DiskState::default() })
    }

    /// Fails one sync of data, after this many that succeed.
    pub(super) fn fail_sync_after(&self, syncs: usize) {
        self.state().failing_sync = Some(syncs);
    }

    /// Fails one write, after this many that succeed.
    pub(super) fn fail_write_after(&self, writes: usize) {
        self.state().failing_write = Some(writes);
    }

    fn sync(&self, number: usize) -> io::Result<()> {
        self.pause();
        let written = {
            let mut state = self.state();
            state.begun += 1;
            state.has_sync_after_a_failed_one |= state.has_failed;
            state.most_at_once = state.most_at_once.max(state.begun - state.ended);
            state.files[number].live.clone()
        };
        self.0.changed.notify_all();
        self.pause();
        let mut state = self.state();
        while state.is_held {
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.ended += 1;
        let fails = counts_down(&mut state.failing_sync);
        state.has_failed |= fails;
        let file = &mut state.files[number];
        file.has_lost |= fails;
        if !file.has_lost {
            file.durable = written;
        }
        if fails { Err(io::Error::other("the simulated sync failed")) } else { Ok(()) }
    }
}

#[cfg(not(feature = "model-check"))]
impl SimulatedDisk {
    /// Lets syncs of data begin, and not end.
    pub(super) fn hold_syncs(&self) {
        self.state().is_held = true;
    }

    pub(super) fn release_syncs(&self) {
        self.state().is_held = false;
        self.0.changed.notify_all();
    }
}

/// Whether it is this time.
fn counts_down(remaining: &mut Option<usize>) -> bool {
    let is_now = *remaining == Some(0);
    *remaining = remaining.and_then(|remaining| remaining.checked_sub(1));
    is_now
}

impl Disk for SimulatedDisk {
    fn create(&self) -> io::Result<()> {
        Ok(())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn bytes(&self) -> io::Result<u64> {
        let state = self.state();
        Ok(state.names.values().map(|number| state.files[*number].live.len() as u64).sum())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let state = self.state();
        let number = state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(state.files[*number].live.clone())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        let created = state.files.len();
        let number = *state.names.entry(name.to_owned()).or_insert(created);
        if number == created {
            state.files.push(FileContents::default());
        }
        Ok(Arc::new(SimulatedFile { disk: self.clone(), number }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.pause();
        let mut state = self.state();
        let number = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), number);
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        self.pause();
        let mut state = self.state();
        state.durable_names = state.names.clone();
        Ok(())
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    number: usize,
}

impl DiskFile for SimulatedFile {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.pause();
        let mut state = self.disk.state();
        if counts_down(&mut state.failing_write) {
            return Err(io::Error::other("the simulated write failed"));
        }
        let live = &mut state.files[self.number].live;
        let start = usize::try_from(offset).unwrap();
        live.resize(live.len().max(start + bytes.len()), 0);
        live[start..start + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().files[self.number].live.len() as u64)
    }

    fn grow(&self, bytes: u64) -> io::Result<()> {
        self.disk.pause();
        let mut state = self.disk.state();
        state.files[self.number].live.resize(usize::try_from(bytes).unwrap(), 0);
        Ok(())
    }

    fn cut(&self, bytes: u64) -> io::Result<()> {
        self.disk.pause();
        let mut state = self.disk.state();
        state.files[self.number].live.truncate(usize::try_from(bytes).unwrap());
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.sync(self.number)
    }

    fn sync_all(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let file = &mut state.files[self.number];
        if !file.has_lost {
            file.durable.clone_from(&file.live);
        }
        Ok(())
    }
}
