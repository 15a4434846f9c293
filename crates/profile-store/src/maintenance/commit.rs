//! One batch in a session of its own.

use crate::engine::{BatchId, CommitError, Durability, Engine, EngineError, Place, Write};

/// Begins a session of a place, and commits a batch in it.
pub(super) async fn commit(
    engine: &dyn Engine,
    place: Place,
    id: BatchId,
    writes: Vec<Write>,
    durability: Durability,
) -> Result<(), EngineError> {
    let session = engine.begin(place).await?;
    session.commit(id, writes, durability).await.map_err(CommitError::into_cause)
}
