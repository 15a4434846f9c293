//! An engine whose reads and syncs can be held up, so that requests gather into one batch, and that
//! counts what it does.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use profile_store::{
    Durability, Engine,
    engine::{
        BatchId, BoxFuture, CommitError, EngineError, Key, Place, Scan, Session, Value, Write,
    },
};

/// Another engine behind two gates: one for reads, one for syncs.
#[derive(Clone)]
pub struct GatedEngine {
    inner: Arc<dyn Engine>,
    gates: Arc<Gates>,
}

#[derive(Default)]
struct Gates {
    reads: Mutex<()>,
    syncs: Mutex<()>,
    commits: AtomicUsize,
    synced: AtomicUsize,
    entries_read: AtomicUsize,
}

impl GatedEngine {
    /// The same engine, behind open gates.
    pub fn new(inner: Arc<dyn Engine>) -> GatedEngine {
        GatedEngine { inner, gates: Arc::default() }
    }

    /// Holds up every read until the guard is dropped.
    pub fn hold_reads(&self) -> MutexGuard<'_, ()> {
        self.gates.reads.lock().unwrap()
    }

    /// Holds up every sync until the guard is dropped.
    pub fn hold_syncs(&self) -> MutexGuard<'_, ()> {
        self.gates.syncs.lock().unwrap()
    }

    /// How many batches were committed.
    pub fn commits(&self) -> usize {
        self.gates.commits.load(Ordering::SeqCst)
    }

    /// How often it was synced.
    pub fn syncs(&self) -> usize {
        self.gates.synced.load(Ordering::SeqCst)
    }

    /// How many keys and entries were read outside of sessions.
    pub fn entries_read(&self) -> usize {
        self.gates.entries_read.load(Ordering::SeqCst)
    }

    /// Changes what is stored without the store.
    pub async fn apply(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        let key = writes.first().map(|write| write.key.clone()).unwrap_or_default();
        let place = Place::of_key(&key, self.inner.places());
        let session = self.inner.begin(place).await.map_err(CommitError::Failed)?;
        let batch = BatchId { writer: 0, number: 0 };
        session.commit(batch, writes, Durability::Flushed).await
    }

    async fn sync_gated(&self) -> Result<(), EngineError> {
        drop(self.hold_syncs());
        self.gates.synced.fetch_add(1, Ordering::SeqCst);
        self.inner.sync().await
    }

    fn count_read(&self, entries: usize) {
        self.gates.entries_read.fetch_add(entries, Ordering::SeqCst);
    }
}

impl Engine for GatedEngine {
    fn places(&self) -> NonZeroU32 {
        self.inner.places()
    }

    fn begin(&self, place: Place) -> BoxFuture<'_, Result<Box<dyn Session>, EngineError>> {
        Box::pin(async move {
            let inner = self.inner.begin(place).await?;
            Ok(Box::new(GatedSession { inner, engine: self.clone() }) as Box<dyn Session>)
        })
    }

    fn read(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>> {
        Box::pin(async {
            drop(self.hold_reads());
            self.count_read(keys.len());
            self.inner.read(keys).await
        })
    }

    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>> {
        Box::pin(async {
            let entries = self.inner.scan(scan).await?;
            self.count_read(entries.len());
            Ok(entries)
        })
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(self.sync_gated())
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        self.inner.bytes()
    }

    fn is_writable(&self) -> bool {
        self.inner.is_writable()
    }
}

struct GatedSession {
    inner: Box<dyn Session>,
    engine: GatedEngine,
}

impl Session for GatedSession {
    fn read(&mut self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>> {
        Box::pin(async {
            drop(self.engine.hold_reads());
            self.inner.read(keys).await
        })
    }

    fn scan(&mut self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>> {
        self.inner.scan(scan)
    }

    fn is_committed(&mut self, batch: BatchId) -> BoxFuture<'_, Result<bool, EngineError>> {
        self.inner.is_committed(batch)
    }

    fn commit(
        self: Box<Self>,
        batch: BatchId,
        writes: Vec<Write>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<(), CommitError>> {
        Box::pin(async move {
            self.engine.gates.commits.fetch_add(1, Ordering::SeqCst);
            self.inner.commit(batch, writes, Durability::Relaxed).await?;
            match durability {
                Durability::Flushed => self.engine.sync_gated().await.map_err(|error| {
                    // What was committed is visible, so only an engine that stopped may say so.
                    let doubt = self.engine.is_writable();
                    if doubt { CommitError::InDoubt(error) } else { CommitError::Failed(error) }
                }),
                Durability::Relaxed => Ok(()),
            }
        })
    }
}
