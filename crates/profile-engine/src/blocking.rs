//! Work that waits for the disk, and the threads it may block.

use std::{cell::Cell, io};

use tokio::task::spawn_blocking;

use crate::EngineError;

thread_local! {
    static DEDICATED: Cell<bool> = const { Cell::new(false) };
}

/// Declares that this thread polls one future and nothing else, as the thread of a lane does. An
/// engine may block it: nothing else waits for it, and handing work to another thread and back
/// costs more than the work where the processors are busy.
pub fn dedicate_thread() {
    DEDICATED.set(true);
}

/// Runs what waits for the disk: on this thread if it is dedicated, or else on one that may block.
/// Once polled it is completed, even if the future is dropped.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    if DEDICATED.get() {
        return work();
    }
    let panicked = |error| Err(EngineError::Io(io::Error::other(error)));
    spawn_blocking(work).await.unwrap_or_else(panicked)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn worked_on() -> thread::ThreadId {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(blocking(|| Ok(thread::current().id()))).unwrap()
    }

    #[test]
    fn only_a_dedicated_thread_is_blocked() {
        assert_ne!(worked_on(), thread::current().id());
        let dedicated = thread::spawn(|| {
            dedicate_thread();
            assert_eq!(worked_on(), thread::current().id());
        });
        dedicated.join().unwrap();
        assert_ne!(worked_on(), thread::current().id());
    }
}
