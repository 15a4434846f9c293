//! Deletion: of a person who asks to be forgotten, nothing is kept but that there
//! was somebody.

use profile_protocol::{CompanyId, IdentifierKind, Revision};

use crate::{
    Caller, ClaimOutcome, ClaimResult, ClaimSource, DecisionContext, Effect, Identifier, Outcome,
    Profile, ProfileRef,
};

/// A person who is to be forgotten.
#[derive(Clone, Debug)]
pub struct Delete {
    /// Whose profile it is.
    pub company: CompanyId,
    /// What leads to it.
    pub whom: ProfileRef,
    /// The revision at which this is asked.
    pub revision: Revision,
}

/// What is recorded of a deletion: no more than whom those who follow the outcomes
/// are to forget as well.
pub(crate) fn deleted(asked: &Delete, profile: &Profile, context: DecisionContext) -> Outcome {
    let kind = match &asked.whom {
        ProfileRef::Id(_) => IdentifierKind::Id,
        ProfileRef::Identifier(identifier) => Identifier::kind(identifier),
    };
    Outcome {
        sequence: context.sequence,
        at: context.now,
        caller: Caller::Server,
        revision: asked.revision,
        survivor: Some(profile.id),
        effect: Effect::Deleted,
        claims: vec![ClaimOutcome {
            kind,
            origin: ClaimSource::Command,
            result: ClaimResult::Matched,
        }],
        changed: Vec::new(),
        changed_unlisted: 0,
        withheld: Vec::new(),
        withheld_unlisted: 0,
        previous: profile.last_outcome.into_iter().collect(),
    }
}
