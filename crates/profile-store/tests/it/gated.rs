//! An engine whose reads can be held up, so that requests gather into one batch,
//! whose flushes can be, and that counts what it is asked.

use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering},
};

use profile_store::{
    Engine,
    engine::{BoxFuture, EngineError, Key, Scan, Value, Write},
};

pub(crate) struct Gated {
    inner: Arc<dyn Engine>,
    gate: Mutex<()>,
    flush_gate: Mutex<()>,
    batches: AtomicUsize,
    flushes: AtomicUsize,
}

impl Gated {
    pub(crate) fn new(inner: Arc<dyn Engine>) -> Gated {
        Gated {
            inner,
            gate: Mutex::new(()),
            flush_gate: Mutex::new(()),
            batches: AtomicUsize::new(0),
            flushes: AtomicUsize::new(0),
        }
    }

    /// Holds up every read until the guard is dropped.
    pub(crate) fn close(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap()
    }

    /// Holds up every flush until the guard is dropped.
    pub(crate) fn hold_flushes(&self) -> MutexGuard<'_, ()> {
        self.flush_gate.lock().unwrap()
    }

    /// How many batches were applied.
    pub(crate) fn batches(&self) -> usize {
        self.batches.load(Ordering::SeqCst)
    }

    /// How often it was flushed.
    pub(crate) fn flushes(&self) -> usize {
        self.flushes.load(Ordering::SeqCst)
    }
}

impl Engine for Gated {
    fn read<'a>(
        &'a self,
        keys: &'a [Key],
    ) -> BoxFuture<'a, Result<Vec<Option<Value>>, EngineError>> {
        Box::pin(async {
            drop(self.close());
            self.inner.read(keys).await
        })
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<(Key, Value)>, EngineError>> {
        self.inner.scan(scan)
    }

    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<(), EngineError>> {
        self.batches.fetch_add(1, Ordering::SeqCst);
        self.inner.apply(batch)
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(async {
            drop(self.hold_flushes());
            self.flushes.fetch_add(1, Ordering::SeqCst);
            self.inner.flush().await
        })
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        self.inner.bytes()
    }
}
