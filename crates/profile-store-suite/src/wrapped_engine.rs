//! An engine around another one. Hooks change some of its calls, and the others are passed on.

use std::{num::NonZeroU32, sync::Arc};

use profile_store::{
    Durability, Engine,
    engine::{
        BatchId, BoxFuture, CommitError, EngineError, Key, Place, RangePage, Scan, Session, Value,
        Write,
    },
};

/// The values of keys, once they are read.
pub type ReadFuture<'e> = BoxFuture<'e, Result<Vec<Option<Value>>, EngineError>>;

/// The entries of a range, once they are read.
pub type ScanFuture<'e> = BoxFuture<'e, Result<Vec<(Key, Value)>, EngineError>>;

/// A page of a range, once it is read.
pub type PageFuture<'e> = BoxFuture<'e, Result<RangePage, EngineError>>;

/// Another engine, with hooks around its calls.
#[derive(Clone)]
pub struct WrappedEngine<H> {
    pub inner: Arc<dyn Engine>,
    pub hooks: H,
}

/// What a [`WrappedEngine`] does differently from the engine inside it. Each hook passes its call
/// on unless it is implemented.
pub trait EngineHooks: Clone + Send + Sync + Sized + 'static {
    /// Begins a session of the engine inside.
    fn begin(
        engine: &WrappedEngine<Self>,
        place: Place,
    ) -> BoxFuture<'_, Result<Box<dyn Session>, EngineError>> {
        engine.inner.begin(place)
    }

    /// Reads committed values.
    fn read(engine: &WrappedEngine<Self>, keys: Vec<Key>) -> ReadFuture<'_> {
        engine.inner.read(keys)
    }

    /// Scans committed data.
    fn scan(engine: &WrappedEngine<Self>, scan: Scan) -> ScanFuture<'_> {
        engine.inner.scan(scan)
    }

    /// Reads a page of committed data.
    fn scan_page(engine: &WrappedEngine<Self>, scan: Scan, bytes: usize) -> PageFuture<'_> {
        engine.inner.scan_page(scan, bytes)
    }

    /// Makes every earlier commit durable.
    fn sync(engine: &WrappedEngine<Self>) -> BoxFuture<'_, Result<(), EngineError>> {
        engine.inner.sync()
    }

    /// Whether the engine accepts commits.
    fn is_writable(engine: &WrappedEngine<Self>) -> bool {
        engine.inner.is_writable()
    }

    /// Reads values in a session.
    fn session_read<'s>(
        _engine: &'s WrappedEngine<Self>,
        session: &'s mut dyn Session,
        keys: Vec<Key>,
    ) -> ReadFuture<'s> {
        session.read(keys)
    }

    /// Scans a range in a session.
    fn session_scan<'s>(
        _engine: &'s WrappedEngine<Self>,
        session: &'s mut dyn Session,
        scan: Scan,
    ) -> ScanFuture<'s> {
        session.scan(scan)
    }

    /// Asks whether a batch was committed.
    fn is_committed<'s>(
        _engine: &'s WrappedEngine<Self>,
        session: &'s mut dyn Session,
        batch: BatchId,
    ) -> BoxFuture<'s, Result<bool, EngineError>> {
        session.is_committed(batch)
    }

    /// Commits a session of the engine inside.
    fn commit(
        _engine: WrappedEngine<Self>,
        session: Box<dyn Session>,
        batch: BatchId,
        writes: Vec<Write>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<(), CommitError>> {
        session.commit(batch, writes, durability)
    }
}

impl<H: EngineHooks> Engine for WrappedEngine<H> {
    fn places(&self) -> NonZeroU32 {
        self.inner.places()
    }

    fn begin(&self, place: Place) -> BoxFuture<'_, Result<Box<dyn Session>, EngineError>> {
        Box::pin(async move {
            let inner = H::begin(self, place).await?;
            Ok(Box::new(WrappedSession { inner, engine: self.clone() }) as Box<dyn Session>)
        })
    }

    fn read(&self, keys: Vec<Key>) -> ReadFuture<'_> {
        H::read(self, keys)
    }

    fn scan(&self, scan: Scan) -> ScanFuture<'_> {
        H::scan(self, scan)
    }

    fn scan_page(&self, scan: Scan, bytes: usize) -> PageFuture<'_> {
        H::scan_page(self, scan, bytes)
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        H::sync(self)
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        self.inner.bytes()
    }

    fn is_writable(&self) -> bool {
        H::is_writable(self)
    }
}

struct WrappedSession<H> {
    inner: Box<dyn Session>,
    engine: WrappedEngine<H>,
}

impl<H: EngineHooks> Session for WrappedSession<H> {
    fn read(&mut self, keys: Vec<Key>) -> ReadFuture<'_> {
        H::session_read(&self.engine, self.inner.as_mut(), keys)
    }

    fn scan(&mut self, scan: Scan) -> ScanFuture<'_> {
        H::session_scan(&self.engine, self.inner.as_mut(), scan)
    }

    fn is_committed(&mut self, batch: BatchId) -> BoxFuture<'_, Result<bool, EngineError>> {
        H::is_committed(&self.engine, self.inner.as_mut(), batch)
    }

    fn commit(
        self: Box<Self>,
        batch: BatchId,
        writes: Vec<Write>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<(), CommitError>> {
        H::commit(self.engine, self.inner, batch, writes, durability)
    }
}
