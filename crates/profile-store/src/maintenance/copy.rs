//! Copies: a store without its past.
//!
//! An engine may leave old versions of what was changed or deleted on its medium. A
//! copy has what is stored now, and never had anything else.

use crate::{
    engine::{Engine, EngineError, Key, Order, Scan, Value, Write},
    layout::key,
    limits,
};

/// What a copy holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Copied {
    /// How many entries.
    pub entries: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

/// Why a store was not copied as a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// What is to be copied cannot be read.
    #[error("what is to be copied cannot be read")]
    Source(#[source] EngineError),
    /// The copy cannot be written.
    #[error("the copy cannot be written")]
    Target(#[source] EngineError),
    /// What is to be copied is laid out in a way that this version does not know.
    #[error("the data are not those of a profile store, or of another version of it")]
    Format,
    /// There is something already where the copy is to be.
    #[error("there is data already where the copy is to be")]
    NotEmpty,
}

/// Copies the store that lies in `from` into `to`, which has to be empty. Nothing
/// may write to either meanwhile. The copy is on its medium when this returns; one
/// that was broken off is no store, and is not opened as one.
pub async fn copy(from: &dyn Engine, to: &dyn Engine) -> Result<Copied, CopyError> {
    let format = [key::FORMAT.to_vec()];
    let version = from.read(&format).await.map_err(CopyError::Source)?.pop().flatten();
    let version = version.filter(|version| version == key::FORMAT_VERSION);
    let version = version.ok_or(CopyError::Format)?;
    if !page(to, None, 1).await.map_err(CopyError::Target)?.is_empty() {
        return Err(CopyError::NotEmpty);
    }
    let mut copied = Copied::default();
    // All but the format, which says that a store is there and so comes last.
    let mut after = Some(key::FORMAT.to_vec());
    loop {
        let entries = page(from, after, limits::COPY_PAGE).await.map_err(CopyError::Source)?;
        let Some((last, _)) = entries.last() else { break };
        after = Some(last.clone());
        write(to, entries, &mut copied).await.map_err(CopyError::Target)?;
    }
    to.flush().await.map_err(CopyError::Target)?;
    let [format] = format;
    write(to, vec![(format, version)], &mut copied).await.map_err(CopyError::Target)?;
    to.flush().await.map_err(CopyError::Target)?;
    Ok(copied)
}

async fn page(
    engine: &dyn Engine,
    after: Option<Key>,
    limit: usize,
) -> Result<Vec<(Key, Value)>, EngineError> {
    let scan = Scan { prefix: Vec::new(), after, order: Order::Ascending, limit };
    engine.scan(&scan).await
}

async fn write(
    to: &dyn Engine,
    entries: Vec<(Key, Value)>,
    copied: &mut Copied,
) -> Result<(), EngineError> {
    copied.entries += entries.len() as u64;
    copied.bytes +=
        entries.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() as u64;
    let writes = entries.into_iter().map(|(key, value)| Write { key, value: Some(value) });
    to.apply(writes.collect()).await
}
