//! Merging on demand: the company itself says that two profiles are one person.

use std::sync::Arc;

use profile_protocol::{CompanyId, IdentifierKind, ProfileId, Revision};

use crate::{
    Caller, ClaimOutcome, ClaimResult, ClaimSource, Decision, DecisionContext, Effect, Merge,
    Outcome, Profile, ProfileRef, PropertiesTooLarge, Rejected, Rules, merge,
};

/// Two profiles that are to be one, whatever their identifiers are. Ids of
/// profiles that were merged before stand for whom they became.
#[derive(Clone, Debug)]
pub struct MergeProfiles {
    /// Whose profiles they are.
    pub company: CompanyId,
    /// The one whose values stand, and whose id it goes on under.
    pub destination: ProfileId,
    /// The one that is merged into it.
    pub source: ProfileId,
    /// The company's rules.
    pub rules: Arc<Rules>,
    /// The revision at which this is asked.
    pub revision: Revision,
}

/// Decides what becomes of the two. An address of the source for which the first
/// place is taken becomes a secondary one; its other identifiers for which there
/// is no place are let go of, until the merge is undone.
pub(crate) fn join(
    asked: &MergeProfiles,
    destination: &Profile,
    source: &Profile,
    context: DecisionContext,
) -> Result<Decision, Rejected> {
    if destination.id == source.id {
        return Ok(already_one(asked, destination, context));
    }
    if asked.rules.merges < destination.absorbed.len() + 1 + source.absorbed.len() {
        return Err(Rejected::MergeCap);
    }
    let mut giving = source.clone();
    if destination.identifiers.email.is_some() {
        giving.identifiers.secondary_emails.extend(giving.identifiers.email.take());
    }
    let mut profile = merge(destination.clone(), giving, &asked.rules);
    if !profile.attributes.properties.fit() {
        return Err(PropertiesTooLarge.into());
    }
    profile.updated = context.now;
    profile.last_outcome = Some(context.sequence);

    let mut claims = vec![said(IdentifierKind::Id, ClaimResult::Matched)];
    claims.push(said(IdentifierKind::Id, ClaimResult::Absorbed(source.id)));
    let all = destination.identifiers.iter().chain(source.identifiers.iter());
    let released = all.filter(|identifier| !profile.identifiers.holds(identifier));
    claims.extend(released.map(|identifier| said(identifier.kind(), ClaimResult::Released)));
    let previous = destination.last_outcome.into_iter().chain(source.last_outcome).collect();
    let survivor = Some(destination.id);
    let outcome = Outcome { survivor, claims, previous, ..outcome(asked, context) };
    let merge = Merge {
        sequence: context.sequence,
        at: context.now,
        survivor: destination.clone(),
        absorbed: source.clone(),
        links: vec![ProfileRef::Id(source.id)],
        protect: asked.rules.protect,
    };
    Ok(Decision { outcome, profile: Some(profile), merges: vec![merge] })
}

/// Both ids lead to one profile: it stays as it is.
fn already_one(asked: &MergeProfiles, profile: &Profile, context: DecisionContext) -> Decision {
    let outcome = Outcome {
        survivor: Some(profile.id),
        effect: Effect::Unchanged,
        claims: vec![said(IdentifierKind::Id, ClaimResult::Matched); 2],
        previous: profile.last_outcome.into_iter().collect(),
        ..outcome(asked, context)
    };
    let profile = Profile { last_outcome: Some(context.sequence), ..profile.clone() };
    Decision { outcome, profile: Some(profile), merges: Vec::new() }
}

fn said(kind: IdentifierKind, result: ClaimResult) -> ClaimOutcome {
    ClaimOutcome { kind, origin: ClaimSource::Command, result }
}

fn outcome(asked: &MergeProfiles, context: DecisionContext) -> Outcome {
    Outcome {
        sequence: context.sequence,
        at: context.now,
        caller: Caller::Server,
        revision: asked.revision,
        survivor: None,
        effect: Effect::Updated,
        claims: Vec::new(),
        changed: Vec::new(),
        changed_unlisted: 0,
        withheld: Vec::new(),
        withheld_unlisted: 0,
        previous: Vec::new(),
    }
}
