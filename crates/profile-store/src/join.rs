//! Merging on demand: the company itself says that two profiles are one person.

use std::sync::Arc;

use profile_protocol::{CompanyId, IdentifierKind, ProfileId, Revision};

use crate::{
    ClaimOutcome, Decision, Effect, Fate, Merge, Moment, Named, Origin, Outcome, Profile,
    PropertiesTooLarge, Rejected, Rules, Scope, merge,
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
    moment: Moment,
) -> Result<Decision, Rejected> {
    if destination.id == source.id {
        return Ok(already_one(asked, destination, moment));
    }
    if asked.rules.merges < destination.absorbed.len() + 1 + source.absorbed.len() {
        return Err(Rejected::MergeCap);
    }
    let mut giving = source.clone();
    if destination.held.email.is_some() {
        giving.held.secondary_emails.extend(giving.held.email.take());
    }
    let mut profile = merge(destination.clone(), giving, &asked.rules);
    if !profile.attributes.properties.fit() {
        return Err(PropertiesTooLarge.into());
    }
    profile.updated = moment.now;
    profile.last_outcome = Some(moment.sequence);

    let mut claims = vec![said(IdentifierKind::Id, Fate::Matched)];
    claims.push(said(IdentifierKind::Id, Fate::Absorbed(source.id)));
    let all = destination.held.identifiers().chain(source.held.identifiers());
    let released = all.filter(|identifier| !profile.held.holds(identifier));
    claims.extend(released.map(|identifier| said(identifier.kind(), Fate::Released)));
    let previous = destination.last_outcome.into_iter().chain(source.last_outcome).collect();
    let survivor = Some(destination.id);
    let outcome = Outcome { survivor, claims, previous, ..outcome(asked, moment) };
    let merge = Merge {
        sequence: moment.sequence,
        at: moment.now,
        survivor: destination.clone(),
        absorbed: source.clone(),
        links: vec![Named::Profile(source.id)],
        protect: asked.rules.protect,
    };
    Ok(Decision { outcome, profile: Some(profile), merges: vec![merge] })
}

/// Both ids lead to one profile: it stays as it is.
fn already_one(asked: &MergeProfiles, profile: &Profile, moment: Moment) -> Decision {
    let outcome = Outcome {
        survivor: Some(profile.id),
        effect: Effect::Unchanged,
        claims: vec![said(IdentifierKind::Id, Fate::Matched); 2],
        previous: profile.last_outcome.into_iter().collect(),
        ..outcome(asked, moment)
    };
    let profile = Profile { last_outcome: Some(moment.sequence), ..profile.clone() };
    Decision { outcome, profile: Some(profile), merges: Vec::new() }
}

fn said(kind: IdentifierKind, fate: Fate) -> ClaimOutcome {
    ClaimOutcome { kind, origin: Origin::Command, fate }
}

fn outcome(asked: &MergeProfiles, moment: Moment) -> Outcome {
    Outcome {
        sequence: moment.sequence,
        at: moment.now,
        scope: Scope::Server,
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
