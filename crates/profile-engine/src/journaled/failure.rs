//! Whether the engine still accepts writes.

use std::error::Error;

use crate::{
    EngineError,
    sync::{AtomicBool, Ordering},
};

/// Healthy until the first write that fails; poisoned from then on. After a failed write the
/// contents of the disk are unknown: a later `fdatasync` may succeed without having written what
/// the failed one lost. Therefore no later write may be confirmed.
pub(super) struct Health {
    is_poisoned: AtomicBool,
}

impl Health {
    pub(super) fn new() -> Health {
        Health { is_poisoned: AtomicBool::new(false) }
    }

    pub(super) fn is_poisoned(&self) -> bool {
        self.is_poisoned.load(Ordering::SeqCst)
    }

    pub(super) fn require(&self) -> Result<(), EngineError> {
        if self.is_poisoned() { Err(EngineError::Poisoned) } else { Ok(()) }
    }

    /// Refuses all writes from now on, because the engine is closed.
    pub(super) fn close(&self) {
        self.is_poisoned.store(true, Ordering::SeqCst);
    }

    /// Refuses all writes from now on. The first failure is logged; later ones are its
    /// consequences.
    pub(super) fn poison(&self, step: FailedStep, error: &EngineError) {
        if !self.is_poisoned.swap(true, Ordering::SeqCst) {
            tracing::error!(
                operation = step.as_str(),
                error = error as &(dyn Error + 'static),
                // Lines in JSON show an error without its source.
                cause = error.source().map(tracing::field::display),
                "a write failed; the engine refuses all writes until it is opened again",
            );
        }
    }
}

/// The step that failed, for the log.
#[derive(Clone, Copy, Debug)]
pub(super) enum FailedStep {
    Append,
    Sync,
    BeginFile,
    GrowFile,
    Checkpoint,
    WaitForCheckpoint,
    Close,
}

impl FailedStep {
    fn as_str(self) -> &'static str {
        match self {
            FailedStep::Append => "append to the journal",
            FailedStep::Sync => "sync the journal",
            FailedStep::BeginFile => "begin a file of the journal",
            FailedStep::GrowFile => "extend a file of the journal",
            FailedStep::Checkpoint => "checkpoint",
            FailedStep::WaitForCheckpoint => "wait for the checkpoint",
            FailedStep::Close => "note the end of the journal",
        }
    }
}
