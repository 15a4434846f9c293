//! How far settling is, and who waits for it.

use std::{
    ops::ControlFlow,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use super::{failure::Failure, overlay::Generation};
use crate::{engine::EngineError, limits};

/// A generation to be settled.
#[derive(Clone, Debug)]
pub(super) struct Closed {
    pub(super) number: u64,
    pub(super) changes: Arc<Generation>,
}

/// What whoever writes and the thread that settles tell each other.
#[derive(Debug)]
pub(super) struct Settling {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Bytes of the open generation.
    open: usize,
    closed: Option<Closed>,
    /// Bytes of the closed generation that are in the table.
    settled: usize,
    /// Why nothing is settled any more.
    failure: Option<Failure>,
    stopping: bool,
}

impl Settling {
    pub(super) fn of(closed: Closed) -> Settling {
        let closed = Some(closed);
        let state = State { open: 0, closed, settled: 0, failure: None, stopping: false };
        Settling { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until as large a part of the closed generation is settled as the open one
    /// has filled, or nearly. So nobody waits for long, and memory and journal are bounded.
    pub(super) fn keep_pace(&self, generation_bytes: usize) -> Result<(), EngineError> {
        let ahead = generation_bytes / limits::GENERATION_AHEAD;
        let mut state = self.state();
        loop {
            state.require_health()?;
            let Some(closed) = &state.closed else { return Ok(()) };
            let settled = share(state.settled, closed.changes.bytes(), generation_bytes);
            if state.open <= ahead + settled {
                return Ok(());
            }
            state = self.wait(state);
        }
    }

    pub(super) fn require_health(&self) -> Result<(), EngineError> {
        self.state().require_health()
    }

    /// Notes the size of the open generation. Returns whether it may be closed.
    pub(super) fn gathered(&self, bytes: usize) -> bool {
        let mut state = self.state();
        state.open = bytes;
        state.closed.is_none()
    }

    /// Hands a generation over to be settled. The one before has to be.
    pub(super) fn close(&self, closed: Closed) {
        let mut state = self.state();
        (state.open, state.settled) = (0, 0);
        state.closed = Some(closed);
        self.changed.notify_all();
    }

    /// Waits for a generation to settle; nothing if there is to be none any more.
    pub(super) fn next(&self) -> Option<Closed> {
        let mut state = self.state();
        loop {
            match &state.closed {
                _ if state.stopping => return None,
                Some(closed) => return Some(closed.clone()),
                None => state = self.wait(state),
            }
        }
    }

    /// Tells how much of a generation is settled, and hears whether to go on.
    pub(super) fn tell(&self, settled: usize) -> ControlFlow<()> {
        let mut state = self.state();
        state.settled = settled;
        self.changed.notify_all();
        if state.stopping { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Tells that all of a generation is settled.
    pub(super) fn finish(&self) {
        self.state().closed = None;
        self.changed.notify_all();
    }

    pub(super) fn fail(&self, error: &EngineError) {
        self.state().failure.get_or_insert(Failure::of(error));
        self.changed.notify_all();
    }

    pub(super) fn stop(&self) {
        self.state().stopping = true;
        self.changed.notify_all();
    }

    /// To be held by the thread that settles: when it ends, for whatever reason, nobody
    /// waits for it any more.
    pub(super) fn ending(&self) -> Ending<'_> {
        Ending(self)
    }
}

impl State {
    fn require_health(&self) -> Result<(), EngineError> {
        self.failure.as_ref().map_or(Ok(()), |failure| Err(failure.error()))
    }
}

pub(super) struct Ending<'a>(&'a Settling);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let ended = std::io::Error::other("the thread that settles the journal has ended");
        self.0.fail(&EngineError::Io(ended));
    }
}

/// As much of `whole` as `part` is of `of`.
fn share(part: usize, of: usize, whole: usize) -> usize {
    let share = part as u128 * whole as u128 / of.max(1) as u128;
    usize::try_from(share).map_or(whole, |share| share.min(whole))
}
