//! The key for the digests of senders. A new store is made with one; a store of an earlier release
//! gets one when it is opened.

use crate::{
    IdGenerator, NoEntropy, SenderKey,
    engine::{BatchId, CommitError, Durability, Engine, EngineError, Place, Write},
    layout::{key::SENDER_KEY, record},
};

/// Why a store has no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SenderKeyError {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is no entropy for a key.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
}

/// The key of the store, which is generated if the store has none.
pub(crate) async fn open(
    engine: &dyn Engine,
    ids: &dyn IdGenerator,
    writer: u64,
) -> Result<SenderKey, SenderKeyError> {
    if let Some(stored) = engine.read(vec![SENDER_KEY.to_vec()]).await?.pop().flatten() {
        return Ok(record::decode_sender_key(&stored).map_err(EngineError::from)?);
    }
    // Other processes may open the same store.
    let mut session = engine.begin(Place::of_key(SENDER_KEY, engine.places())).await?;
    let stored = session.read(vec![SENDER_KEY.to_vec()]).await?.pop().flatten();
    if let Some(stored) = stored {
        return Ok(record::decode_sender_key(&stored).map_err(EngineError::from)?);
    }
    let key = generated(ids)?;
    let write = write(&key);
    let id = BatchId { writer, number: 1 };
    let commit = session.commit(id, vec![write], Durability::Flushed);
    commit.await.map_err(CommitError::into_cause)?;
    Ok(key)
}

/// The entry of a key.
pub(super) fn write(key: &SenderKey) -> Write {
    Write { key: SENDER_KEY.to_vec(), value: Some(record::encode_sender_key(key)) }
}

/// A key of random bits. Each random value has some bits that are random.
pub(super) fn generated(ids: &dyn IdGenerator) -> Result<SenderKey, NoEntropy> {
    let (first, second) = (ids.entropy()?, ids.entropy()?);
    let mut bytes = [0; 32];
    let halves = first.to_be_bytes().into_iter().chain(second.to_be_bytes());
    bytes.iter_mut().zip(halves).for_each(|(byte, random)| *byte = random);
    Ok(SenderKey::from_bytes(bytes))
}
