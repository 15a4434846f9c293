//! Errors, in words for the person who started the harness.

use std::{error::Error, fmt::Display};

/// Why a measurement failed, and what to do about it where that is clear.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct HarnessError(String);

impl HarnessError {
    /// An error with this text.
    pub(crate) fn new(text: impl Into<String>) -> HarnessError {
        HarnessError(text.into())
    }
}

/// Adds to an error what the harness was doing.
pub(crate) trait ErrorContext<T> {
    /// The same result. An error then begins with `cannot` and this text.
    fn while_doing(self, doing: impl Display) -> Result<T, HarnessError>;
}

impl<T, E: Error> ErrorContext<T> for Result<T, E> {
    fn while_doing(self, doing: impl Display) -> Result<T, HarnessError> {
        self.map_err(|error| {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            HarnessError(format!("cannot {doing}: {error}{cause}"))
        })
    }
}
