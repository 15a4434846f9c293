//! An engine that notes which outcomes are confirmed.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use profile_store::{
    Durability,
    engine::{BatchId, BoxFuture, CommitError, Session, Write},
};
use profile_store_suite::wrapped_engine::{EngineHooks, WrappedEngine};

use crate::lanes::COMPANIES;

/// Notes the newest outcome of the first company that a commit has confirmed.
#[derive(Clone)]
pub(crate) struct Confirmations(pub(crate) Arc<AtomicU64>);

impl EngineHooks for Confirmations {
    fn commit(
        engine: WrappedEngine<Self>,
        session: Box<dyn Session>,
        batch: BatchId,
        writes: Vec<Write>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<(), CommitError>> {
        Box::pin(async move {
            let newest = writes.iter().filter_map(|write| outcome_number(&write.key)).max();
            let result = session.commit(batch, writes, durability).await;
            // A commit in doubt is confirmed by the question about it, in this scenario at once.
            if !matches!(result, Err(CommitError::Failed(_))) {
                engine.hooks.0.fetch_max(newest.unwrap_or(0), Ordering::SeqCst);
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
