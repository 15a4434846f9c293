//! Identifiers that a profile has lost.

use crate::{Caller, Identifier, Outcome, Timestamp};

/// The request by which a profile lost an identifier.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IdentifierLoss {
    /// When that was.
    pub at: Timestamp,
    /// The number of the outcome of the request.
    pub sequence: u64,
    /// The sender of the request.
    pub by: Caller,
}

impl IdentifierLoss {
    /// A loss by the request with this outcome.
    pub(crate) const fn by_outcome(outcome: &Outcome) -> IdentifierLoss {
        let Outcome { at, sequence, caller, .. } = outcome;
        IdentifierLoss { at: *at, sequence: *sequence, by: *caller }
    }
}

/// An identifier that a profile, or one that was merged into it, has lost, and by which a deletion
/// still finds it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LostIdentifier {
    /// The identifier.
    pub identifier: Identifier,
    /// The request by which it was lost. Earlier releases did not note it.
    pub loss: Option<IdentifierLoss>,
}
