//! An engine that notes which outcomes are confirmed.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use profile_store::{
    Durability, Engine,
    engine::{
        BatchId, BoxFuture, CommitError, EngineError, Key, Place, Scan, Session, Value, Write,
    },
};
use profile_store_suite::interleaved_engine::InterleavedEngine;

use crate::lanes::COMPANIES;

/// An engine that notes which outcomes of the first company its commits have confirmed.
pub(crate) struct ConfirmingEngine {
    pub(crate) inner: Arc<InterleavedEngine>,
    pub(crate) confirmed: Arc<AtomicU64>,
}

impl Engine for ConfirmingEngine {
    fn places(&self) -> NonZeroU32 {
        self.inner.places()
    }

    fn begin(&self, place: Place) -> BoxFuture<'_, Result<Box<dyn Session>, EngineError>> {
        Box::pin(async move {
            let inner = self.inner.begin(place).await?;
            let confirmed = Arc::clone(&self.confirmed);
            Ok(Box::new(ConfirmingSession { inner, confirmed }) as Box<dyn Session>)
        })
    }

    fn read(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>> {
        self.inner.read(keys)
    }

    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>> {
        self.inner.scan(scan)
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        self.inner.sync()
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        self.inner.bytes()
    }

    fn is_writable(&self) -> bool {
        self.inner.is_writable()
    }
}

struct ConfirmingSession {
    inner: Box<dyn Session>,
    confirmed: Arc<AtomicU64>,
}

impl Session for ConfirmingSession {
    fn read(&mut self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>> {
        self.inner.read(keys)
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
            let newest = writes.iter().filter_map(|write| outcome_number(&write.key)).max();
            let result = self.inner.commit(batch, writes, durability).await;
            // A commit in doubt is confirmed by the question about it, in this scenario at once.
            if !matches!(result, Err(CommitError::Failed(_))) {
                self.confirmed.fetch_max(newest.unwrap_or(0), Ordering::SeqCst);
            }
            result
        })
    }
}

/// The number in the key of a segment of outcomes of the first company.
fn outcome_number(key: &[u8]) -> Option<u64> {
    let number = key.strip_prefix(COMPANIES[0].as_bytes())?.strip_prefix(b"\0o")?;
    Some(u64::from_be_bytes(number.try_into().unwrap()))
}
