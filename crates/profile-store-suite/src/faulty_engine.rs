//! An engine in memory that fails at one operation, and knows what a crash would leave of it.

use std::{
    future::ready,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use profile_store::{
    Durability, Engine,
    engine::{
        BatchId, BoxFuture, CommitError, EngineError, Key, MemoryEngine, Place, Scan, Session,
        Write,
    },
};

use crate::{
    harness::contents,
    wrapped_engine::{EngineHooks, PageFuture, ReadFuture, ScanFuture, WrappedEngine},
};

/// How an operation fails.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EngineFault {
    /// Whether the operation is carried out all the same.
    pub done: bool,
    /// Whether every later operation fails as well.
    pub for_good: bool,
    /// Whether a commit that fails is in doubt. Then the engine stays writable, and syncs do not
    /// fail; otherwise it takes no commit after a write that failed.
    pub in_doubt: bool,
}

/// An operation that failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FaultyOperation {
    /// A read, a scan, or a question whether a batch is committed.
    Read,
    /// A commit or a sync.
    Write,
}

/// An engine in memory that fails at one operation. A commit that is flushed is two operations, of
/// which the second puts it on disk; a commit in doubt is one.
pub type FaultyEngine = WrappedEngine<FaultyHooks>;

/// What makes operations of a [`FaultyEngine`] fail.
#[derive(Clone)]
pub struct FaultyHooks(Arc<FaultyState>);

struct FaultyState {
    flushed: Arc<MemoryEngine>,
    /// Batches that are applied and not flushed yet.
    unflushed: Mutex<Vec<Vec<Write>>>,
    /// How many operations there were.
    operations: AtomicUsize,
    fails_at: usize,
    fault: EngineFault,
    failed: Mutex<Vec<FaultyOperation>>,
}

impl FaultyEngine {
    /// An empty engine of which the operation with this number, from 0, fails.
    pub fn new(fails_at: usize, fault: EngineFault) -> FaultyEngine {
        FaultyEngine::over(Arc::new(MemoryEngine::new()), fails_at, fault)
    }

    /// The same, with what a crash left of an earlier one.
    pub fn over(left: Arc<MemoryEngine>, fails_at: usize, fault: EngineFault) -> FaultyEngine {
        let inner = Arc::new(copied(left.as_ref()));
        let hooks = FaultyHooks(Arc::new(FaultyState {
            flushed: left,
            unflushed: Mutex::default(),
            operations: AtomicUsize::new(0),
            fails_at,
            fault,
            failed: Mutex::default(),
        }));
        FaultyEngine { inner, hooks }
    }

    /// The operations that failed.
    pub fn failed(&self) -> Vec<FaultyOperation> {
        self.hooks.0.failed.lock().unwrap().clone()
    }

    /// Whether a write failed.
    pub fn is_poisoned(&self) -> bool {
        !self.hooks.0.fault.in_doubt && self.failed().contains(&FaultyOperation::Write)
    }

    /// How many batches a crash may take away.
    pub fn unflushed(&self) -> usize {
        self.hooks.0.unflushed.lock().unwrap().len()
    }

    /// What a crash leaves if only so many of the batches that were not flushed survive it.
    pub fn after_crash(&self, surviving: usize) -> Arc<MemoryEngine> {
        let engine = copied(self.hooks.0.flushed.as_ref());
        for batch in self.hooks.0.unflushed.lock().unwrap().iter().take(surviving) {
            commit_to_memory(&engine, batch.clone());
        }
        Arc::new(engine)
    }

    /// Counts an operation. Returns whether it fails.
    fn fails(&self, operation: FaultyOperation) -> bool {
        let FaultyState { operations, fails_at, fault, failed, .. } = self.hooks.0.as_ref();
        let number = operations.fetch_add(1, Ordering::SeqCst);
        let fails = number == *fails_at || (fault.for_good && *fails_at < number);
        if fails {
            failed.lock().unwrap().push(operation);
        }
        fails
    }

    fn attempt<T>(
        &self,
        operation: FaultyOperation,
        carry_out: impl FnOnce() -> T,
    ) -> Result<T, EngineError> {
        if !self.fails(operation) {
            return Ok(carry_out());
        }
        if self.hooks.0.fault.done {
            carry_out();
        }
        Err(unplugged())
    }

    fn apply(&self, batch: BatchId, inner: Box<dyn Session>, writes: Vec<Write>) {
        self.hooks.0.unflushed.lock().unwrap().push(writes.clone());
        wait_now(inner.commit(batch, writes, Durability::Flushed)).unwrap();
    }

    fn flush(&self) {
        let batches = std::mem::take(&mut *self.hooks.0.unflushed.lock().unwrap());
        batches.into_iter().for_each(|batch| commit_to_memory(&self.hooks.0.flushed, batch));
    }

    fn commit(
        &self,
        inner: Box<dyn Session>,
        batch: BatchId,
        writes: Vec<Write>,
        durability: Durability,
    ) -> Result<(), CommitError> {
        let apply = || self.apply(batch, inner, writes);
        let flush = || {
            if durability == Durability::Flushed {
                self.flush();
            }
        };
        if self.hooks.0.fault.in_doubt {
            let both = || {
                apply();
                self.flush();
            };
            return self.attempt(FaultyOperation::Write, both).map_err(CommitError::InDoubt);
        }
        self.attempt(FaultyOperation::Write, apply).map_err(CommitError::Failed)?;
        match durability {
            Durability::Relaxed => Ok(()),
            Durability::Flushed => {
                self.attempt(FaultyOperation::Write, flush).map_err(CommitError::Failed)
            }
        }
    }
}

fn unplugged() -> EngineError {
    EngineError::Io(std::io::Error::other("the cable was pulled"))
}

/// A copy of all entries.
pub fn copied(engine: &dyn Engine) -> MemoryEngine {
    let copy = MemoryEngine::new();
    let writes = contents(engine).into_iter();
    let writes = writes.map(|(key, value)| Write { key, value: Some(value) });
    commit_to_memory(&copy, writes.collect());
    copy
}

/// Commits to an engine in memory without sessions.
pub fn commit_to_memory(engine: &MemoryEngine, writes: Vec<Write>) {
    let place = Place::of_key(b"", engine.places());
    let session = wait_now(engine.begin(place)).unwrap();
    let batch = BatchId { writer: 0, number: 0 };
    wait_now(session.commit(batch, writes, Durability::Flushed)).unwrap();
}

impl EngineHooks for FaultyHooks {
    fn read(engine: &FaultyEngine, keys: Vec<Key>) -> ReadFuture<'_> {
        let read = || wait_now(engine.inner.read(keys)).unwrap();
        Box::pin(ready(engine.attempt(FaultyOperation::Read, read)))
    }

    fn scan(engine: &FaultyEngine, scan: Scan) -> ScanFuture<'_> {
        let scan = || wait_now(engine.inner.scan(scan)).unwrap();
        Box::pin(ready(engine.attempt(FaultyOperation::Read, scan)))
    }

    fn scan_page(engine: &FaultyEngine, scan: Scan, bytes: usize) -> PageFuture<'_> {
        let scan = || wait_now(engine.inner.scan_page(scan, bytes)).unwrap();
        Box::pin(ready(engine.attempt(FaultyOperation::Read, scan)))
    }

    fn sync(engine: &FaultyEngine) -> BoxFuture<'_, Result<(), EngineError>> {
        if engine.hooks.0.fault.in_doubt {
            engine.flush();
            return Box::pin(ready(Ok(())));
        }
        Box::pin(ready(engine.attempt(FaultyOperation::Write, || engine.flush())))
    }

    fn is_writable(engine: &FaultyEngine) -> bool {
        !engine.is_poisoned()
    }

    fn session_read<'s>(
        engine: &'s FaultyEngine,
        session: &'s mut dyn Session,
        keys: Vec<Key>,
    ) -> ReadFuture<'s> {
        let read = || wait_now(session.read(keys)).unwrap();
        Box::pin(ready(engine.attempt(FaultyOperation::Read, read)))
    }

    fn session_scan<'s>(
        engine: &'s FaultyEngine,
        session: &'s mut dyn Session,
        scan: Scan,
    ) -> ScanFuture<'s> {
        let scan = || wait_now(session.scan(scan)).unwrap();
        Box::pin(ready(engine.attempt(FaultyOperation::Read, scan)))
    }

    fn is_committed<'s>(
        engine: &'s FaultyEngine,
        session: &'s mut dyn Session,
        batch: BatchId,
    ) -> BoxFuture<'s, Result<bool, EngineError>> {
        let ask = || wait_now(session.is_committed(batch)).unwrap();
        Box::pin(ready(engine.attempt(FaultyOperation::Read, ask)))
    }

    fn commit(
        engine: FaultyEngine,
        session: Box<dyn Session>,
        batch: BatchId,
        writes: Vec<Write>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<(), CommitError>> {
        Box::pin(ready(engine.commit(session, batch, writes, durability)))
    }
}

/// The result of a future that does not wait for anything.
pub fn wait_now<F: Future>(future: F) -> F::Output {
    // A task of the runtime would be interrupted from time to time in favour of others.
    let mut future = std::pin::pin!(tokio::task::unconstrained(future));
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("an engine in memory made its caller wait"),
    }
}
