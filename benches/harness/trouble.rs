//! What went wrong, in words for whoever started the harness.

use std::{error::Error, fmt::Display};

/// Why nothing can be measured, and what to do about it where that is known.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Trouble(String);

impl Trouble {
    /// Trouble that these words tell.
    pub(crate) fn new(text: impl Into<String>) -> Trouble {
        Trouble(text.into())
    }
}

/// Says of an error what it kept from being done.
pub(crate) trait While<T> {
    /// The same result; an error begins with what was being done.
    fn while_doing(self, doing: impl Display) -> Result<T, Trouble>;
}

impl<T, E: Error> While<T> for Result<T, E> {
    fn while_doing(self, doing: impl Display) -> Result<T, Trouble> {
        self.map_err(|error| {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            Trouble(format!("cannot {doing}: {error}{cause}"))
        })
    }
}
