//! The common part of all outcomes.

use profile_protocol::{ChangedAttribute, Revision};

use crate::{Caller, DecisionContext, Effect, Outcome, RequestSender, limits};

/// An outcome without a survivor, claims, changes, an id of its request and a sender.
pub(crate) fn empty_outcome(
    context: DecisionContext,
    caller: Caller,
    revision: Revision,
    effect: Effect,
) -> Outcome {
    Outcome {
        sequence: context.sequence,
        at: context.now,
        caller,
        revision,
        survivor: None,
        effect,
        claims: Vec::new(),
        changed: Vec::new(),
        changed_unlisted: 0,
        withheld: Vec::new(),
        withheld_unlisted: 0,
        previous: Vec::new(),
        push_token: None,
        request_ids: None,
        sender: RequestSender::default(),
    }
}

/// Truncates a list of attributes to the number that an outcome lists. Returns how many
/// attributes were removed.
pub(crate) fn list_bounded(attributes: &mut Vec<ChangedAttribute>) -> usize {
    let unlisted = attributes.len().saturating_sub(limits::CHANGED_NAMES);
    attributes.truncate(limits::CHANGED_NAMES);
    unlisted
}
