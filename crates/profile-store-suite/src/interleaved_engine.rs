//! An engine that several stores share. Each of its steps lets other tasks run first, and some of
//! them fail.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex},
    task::Poll,
};

use profile_store::{
    Durability, Engine,
    engine::{BatchId, BoxFuture, CommitError, EngineError, Key, Place, Scan, Session, Write},
};

use crate::{
    random::{Choices, SeededRandom},
    wrapped_engine::{EngineHooks, PageFuture, ReadFuture, ScanFuture, WrappedEngine},
};

/// Another engine, interrupted before and after each operation.
pub type InterleavedEngine = WrappedEngine<Interleaving>;

/// Pauses around operations, and faults of some.
#[derive(Clone)]
pub struct Interleaving(Arc<Mutex<FaultSource>>);

struct FaultSource {
    random: SeededRandom,
    counts: InterleavedFaults,
}

/// How many faults of each kind there were.
#[derive(Clone, Copy, Debug, Default)]
pub struct InterleavedFaults {
    /// Reads, scans and questions that failed.
    pub reads: u64,
    /// Sessions that could not be begun.
    pub begins: u64,
    /// Commits that were in doubt and done.
    pub in_doubt_done: u64,
    /// Commits that were in doubt and not done.
    pub in_doubt_not_done: u64,
    /// Commits that failed.
    pub failed: u64,
}

/// How a commit ends.
enum RandomEnd {
    Confirmed,
    InDoubtDone,
    InDoubtNotDone,
    Failed,
}

impl InterleavedEngine {
    /// The same engine with faults of this seed.
    pub fn new(inner: Arc<dyn Engine>, seed: u64) -> InterleavedEngine {
        let counts = InterleavedFaults::default();
        let faults = FaultSource { random: SeededRandom::new(seed), counts };
        InterleavedEngine { inner, hooks: Interleaving(Arc::new(Mutex::new(faults))) }
    }

    /// How many faults there were.
    pub fn faults(&self) -> InterleavedFaults {
        self.hooks.0.lock().unwrap().counts
    }
}

impl Interleaving {
    /// Fails once in so many times.
    fn fail(
        &self,
        times: u64,
        count: impl FnOnce(&mut InterleavedFaults) -> &mut u64,
    ) -> Result<(), EngineError> {
        let FaultSource { random, counts } = &mut *self.0.lock().unwrap();
        if !random.once_in(times) {
            return Ok(());
        }
        *count(counts) += 1;
        Err(lost())
    }

    fn fail_read(&self) -> Result<(), EngineError> {
        self.fail(80, |counts| &mut counts.reads)
    }

    fn commit_end(&self) -> RandomEnd {
        let FaultSource { random, counts } = &mut *self.0.lock().unwrap();
        let (count, end) = match random.below(20) {
            0 => (&mut counts.in_doubt_done, RandomEnd::InDoubtDone),
            1 => (&mut counts.in_doubt_not_done, RandomEnd::InDoubtNotDone),
            2 => (&mut counts.failed, RandomEnd::Failed),
            _ => return RandomEnd::Confirmed,
        };
        *count += 1;
        end
    }
}

fn lost() -> EngineError {
    EngineError::Io(std::io::Error::other("the connection was lost"))
}

/// Lets other tasks run first.
async fn pause() {
    let mut paused = false;
    poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Carries an operation out between two pauses.
async fn interleaved<T>(operation: impl Future<Output = T>) -> T {
    pause().await;
    let output = operation.await;
    pause().await;
    output
}

impl EngineHooks for Interleaving {
    fn begin(
        engine: &InterleavedEngine,
        place: Place,
    ) -> BoxFuture<'_, Result<Box<dyn Session>, EngineError>> {
        Box::pin(interleaved(async move {
            engine.hooks.fail(100, |counts| &mut counts.begins)?;
            engine.inner.begin(place).await
        }))
    }

    fn read(engine: &InterleavedEngine, keys: Vec<Key>) -> ReadFuture<'_> {
        Box::pin(interleaved(engine.inner.read(keys)))
    }

    fn scan(engine: &InterleavedEngine, scan: Scan) -> ScanFuture<'_> {
        Box::pin(interleaved(engine.inner.scan(scan)))
    }

    fn scan_page(engine: &InterleavedEngine, scan: Scan, bytes: usize) -> PageFuture<'_> {
        Box::pin(interleaved(engine.inner.scan_page(scan, bytes)))
    }

    fn sync(engine: &InterleavedEngine) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(interleaved(engine.inner.sync()))
    }

    fn session_read<'s>(
        engine: &'s InterleavedEngine,
        session: &'s mut dyn Session,
        keys: Vec<Key>,
    ) -> ReadFuture<'s> {
        Box::pin(interleaved(async move {
            engine.hooks.fail_read()?;
            session.read(keys).await
        }))
    }

    fn session_scan<'s>(
        engine: &'s InterleavedEngine,
        session: &'s mut dyn Session,
        scan: Scan,
    ) -> ScanFuture<'s> {
        Box::pin(interleaved(async move {
            engine.hooks.fail_read()?;
            session.scan(scan).await
        }))
    }

    fn is_committed<'s>(
        engine: &'s InterleavedEngine,
        session: &'s mut dyn Session,
        batch: BatchId,
    ) -> BoxFuture<'s, Result<bool, EngineError>> {
        Box::pin(interleaved(async move {
            engine.hooks.fail_read()?;
            session.is_committed(batch).await
        }))
    }

    fn commit(
        engine: InterleavedEngine,
        session: Box<dyn Session>,
        batch: BatchId,
        writes: Vec<Write>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<(), CommitError>> {
        Box::pin(interleaved(async move {
            match engine.hooks.commit_end() {
                RandomEnd::Confirmed => session.commit(batch, writes, durability).await,
                RandomEnd::InDoubtDone => {
                    session.commit(batch, writes, durability).await?;
                    Err(CommitError::InDoubt(lost()))
                }
                RandomEnd::InDoubtNotDone => Err(CommitError::InDoubt(lost())),
                RandomEnd::Failed => Err(CommitError::Failed(lost())),
            }
        }))
    }
}
