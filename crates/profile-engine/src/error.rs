//! Why an engine could not do what it was asked.

/// Why a commit was not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// If the engine is still writable, nothing of the batch was stored, and the batch may be tried
    /// again. If it is not, the batch may be visible to readers, and all or nothing of it may be
    /// found when the data are opened again.
    #[error("the batch was not committed")]
    Failed(#[source] EngineError),
    /// The batch is committed or not: [`Session::is_committed`](crate::Session::is_committed)
    /// answers which.
    #[error("the engine did not say whether the batch was committed")]
    InDoubt(#[source] EngineError),
}

impl CommitError {
    /// What the engine said, for a caller that does not try again.
    pub fn into_cause(self) -> EngineError {
        match self {
            CommitError::Failed(error) | CommitError::InDoubt(error) => error,
        }
    }
}

/// Why an engine could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Another process has the data open.
    #[error("another process is using this data directory")]
    InUse,
    /// The disk failed or is full.
    #[error("the data could not be read or written")]
    Io(#[source] std::io::Error),
    /// The data on disk are not the data that were written.
    #[error("the data is damaged: {0}")]
    Damaged(String),
    /// The data were opened for reading.
    #[error("the data is open for reading only")]
    ReadOnly,
    /// A write failed before, and no other is made until the data are opened again.
    #[error("an earlier write failed; nothing more is stored until a restart")]
    Poisoned,
}
