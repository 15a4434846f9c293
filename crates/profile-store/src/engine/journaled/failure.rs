//! An error that is told to everybody who asks from then on.

use std::io;

use crate::engine::EngineError;

#[derive(Debug)]
pub(super) enum Failure {
    /// What the system said, by its number.
    System(i32),
    /// Any other failure to read or write.
    Io(io::ErrorKind, String),
    Damaged(String),
    InUse,
}

impl Failure {
    pub(super) fn of(error: &EngineError) -> Failure {
        match error {
            EngineError::Io(error) => match error.raw_os_error() {
                Some(number) => Failure::System(number),
                None => Failure::Io(error.kind(), error.to_string()),
            },
            EngineError::Damaged(what) => Failure::Damaged(what.clone()),
            EngineError::InUse => Failure::InUse,
        }
    }

    pub(super) fn error(&self) -> EngineError {
        match self {
            Failure::System(number) => EngineError::Io(io::Error::from_raw_os_error(*number)),
            Failure::Io(kind, text) => EngineError::Io(io::Error::new(*kind, text.clone())),
            Failure::Damaged(what) => EngineError::Damaged(what.clone()),
            Failure::InUse => EngineError::InUse,
        }
    }
}
