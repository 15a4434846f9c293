//! Why the store did not do what it was asked.

use crate::{PropertiesTooLarge, Rejected};

/// Why a request was not stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StoreError {
    /// What is asked cannot be done to the profiles there are.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// More requests wait than may; ask again in a moment.
    #[error("too many requests are waiting to be stored")]
    Overloaded,
    /// The profile was not merged into another, or that was undone.
    #[error("the profile was not merged into another, or that was undone")]
    NotMerged,
    /// The data could not be read; ask again.
    #[error("stored data could not be read")]
    Unavailable,
    /// What is stored about this person is damaged; an audit will say how.
    #[error("stored data is damaged")]
    Damaged,
    /// A write failed, and nothing more is stored until a restart.
    #[error("a write failed; the store takes no more requests until it is opened again")]
    Poisoned,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl From<PropertiesTooLarge> for StoreError {
    fn from(error: PropertiesTooLarge) -> StoreError {
        Rejected::from(error).into()
    }
}
