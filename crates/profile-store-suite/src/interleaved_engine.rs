//! An engine that several stores share. Each of its steps lets other tasks run first, and some of
//! them fail.

use std::{
    future::poll_fn,
    num::NonZeroU32,
    sync::{Arc, Mutex},
    task::Poll,
};

use profile_store::{
    Durability, Engine,
    engine::{
        BatchId, BoxFuture, CommitError, EngineError, Key, Place, Scan, Session, Value, Write,
    },
};

use crate::random::SeededRandom;

/// Another engine, interrupted before and after each operation.
#[derive(Clone)]
pub struct InterleavedEngine {
    inner: Arc<dyn Engine>,
    faults: Arc<Mutex<FaultSource>>,
}

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
        InterleavedEngine { inner, faults: Arc::new(Mutex::new(faults)) }
    }

    /// How many faults there were.
    pub fn faults(&self) -> InterleavedFaults {
        self.faults.lock().unwrap().counts
    }

    /// Fails once in so many times.
    fn fail(
        &self,
        times: u64,
        count: impl FnOnce(&mut InterleavedFaults) -> &mut u64,
    ) -> Result<(), EngineError> {
        let FaultSource { random, counts } = &mut *self.faults.lock().unwrap();
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
        let FaultSource { random, counts } = &mut *self.faults.lock().unwrap();
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

impl Engine for InterleavedEngine {
    fn places(&self) -> NonZeroU32 {
        self.inner.places()
    }

    fn begin(&self, place: Place) -> BoxFuture<'_, Result<Box<dyn Session>, EngineError>> {
        Box::pin(interleaved(async move {
            self.fail(100, |counts| &mut counts.begins)?;
            let inner = self.inner.begin(place).await?;
            Ok(Box::new(InterleavedSession { inner, engine: self.clone() }) as Box<dyn Session>)
        }))
    }

    fn read(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>> {
        Box::pin(interleaved(self.inner.read(keys)))
    }

    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>> {
        Box::pin(interleaved(self.inner.scan(scan)))
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(interleaved(self.inner.sync()))
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        self.inner.bytes()
    }

    fn is_writable(&self) -> bool {
        self.inner.is_writable()
    }
}

struct InterleavedSession {
    inner: Box<dyn Session>,
    engine: InterleavedEngine,
}

impl Session for InterleavedSession {
    fn read(&mut self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>> {
        Box::pin(interleaved(async {
            self.engine.fail_read()?;
            self.inner.read(keys).await
        }))
    }

    fn scan(&mut self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>> {
        Box::pin(interleaved(async {
            self.engine.fail_read()?;
            self.inner.scan(scan).await
        }))
    }

    fn is_committed(&mut self, batch: BatchId) -> BoxFuture<'_, Result<bool, EngineError>> {
        Box::pin(interleaved(async move {
            self.engine.fail_read()?;
            self.inner.is_committed(batch).await
        }))
    }

    fn commit(
        self: Box<Self>,
        batch: BatchId,
        writes: Vec<Write>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<(), CommitError>> {
        let InterleavedSession { inner, engine } = *self;
        Box::pin(interleaved(async move {
            match engine.commit_end() {
                RandomEnd::Confirmed => inner.commit(batch, writes, durability).await,
                RandomEnd::InDoubtDone => {
                    inner.commit(batch, writes, durability).await?;
                    Err(CommitError::InDoubt(lost()))
                }
                RandomEnd::InDoubtNotDone => Err(CommitError::InDoubt(lost())),
                RandomEnd::Failed => Err(CommitError::Failed(lost())),
            }
        }))
    }
}
