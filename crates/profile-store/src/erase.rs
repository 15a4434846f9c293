//! Deletion: of a person who asks to be forgotten, nothing is kept but that there
//! was somebody.

use profile_protocol::{CompanyId, IdentifierKind, Revision};

use crate::{
    ClaimOutcome, Effect, Fate, Identifier, Moment, Named, Origin, Outcome, Profile, Scope,
};

/// A person who is to be forgotten.
#[derive(Clone, Debug)]
pub struct Delete {
    /// Whose profile it is.
    pub company: CompanyId,
    /// What leads to it.
    pub whom: Named,
    /// The revision at which this is asked.
    pub revision: Revision,
}

/// What is recorded of a deletion: no more than whom those who follow the outcomes
/// are to forget as well.
pub(crate) fn deleted(asked: &Delete, profile: &Profile, moment: Moment) -> Outcome {
    let kind = match &asked.whom {
        Named::Profile(_) => IdentifierKind::Id,
        Named::Holder(identifier) => Identifier::kind(identifier),
    };
    Outcome {
        sequence: moment.sequence,
        at: moment.now,
        scope: Scope::Server,
        revision: asked.revision,
        survivor: Some(profile.id),
        effect: Effect::Deleted,
        claims: vec![ClaimOutcome { kind, origin: Origin::Command, fate: Fate::Matched }],
        changed: Vec::new(),
        changed_unlisted: 0,
        withheld: Vec::new(),
        withheld_unlisted: 0,
        previous: profile.last_outcome.into_iter().collect(),
    }
}
