//! The decision on one request, step by step.

use crate::{
    Caller, ClaimOutcome, ClaimResult, Claims, DecisionContext, Effect, Intent, Merge, Outcome,
    Profile, Rejected, Resolution, StoredProfile, Submission,
    decide::{
        empty_outcome::{empty_outcome, list_bounded},
        identifiers::{dropped, update_identifiers},
        merge_all::{links_to, merge_all},
        patch::{ClientRules, Written, write},
        replaced::{Replacement, forget_written, limit, until},
        room::make_room,
        size::{PropertiesTooLarge, fits},
        token_check::check_tokens,
    },
    id_generator::profile_id,
    model::{encoded_properties::DamagedProperty, replaced::KeptValues},
    resolve,
};

/// What will be stored.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The result of the request.
    pub outcome: Outcome,
    /// The profile after the request, unless the request concerns no profile.
    pub profile: Option<StoredProfile>,
    /// The merges that the request led to, in order.
    pub merges: Vec<Merge>,
    /// Other profiles, which gave identifiers to that profile.
    pub yielding: Vec<StoredProfile>,
    /// The values that the request of a client replaced, if there are any.
    pub kept: Option<KeptValues>,
}

/// Why a request was not decided. Nothing of it is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DecisionError {
    /// The rules reject the request.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// A property of a profile that the request concerns is damaged.
    #[error(transparent)]
    Damaged(#[from] DamagedProperty),
}

/// Decides one request. `reached` holds, for each claim, the profile that the claim found.
pub fn decide(
    submission: &Submission,
    reached: &[Option<&StoredProfile>],
    context: DecisionContext,
) -> Result<Decision, DecisionError> {
    let checked = check_tokens(&submission.claims, reached, context.tokens_revoked);
    decide_claims(submission, &checked.claims, &checked.reached, context)
}

/// Decides one request with these claims, whose tokens are checked.
fn decide_claims(
    submission: &Submission,
    claims: &Claims,
    reached: &[Option<&StoredProfile>],
    context: DecisionContext,
) -> Result<Decision, DecisionError> {
    let Submission { caller, settings, intent, .. } = submission;
    intent.admits(claims, reached)?;
    let Resolution { survivor: before, absorbed, mut results } =
        resolve(claims, reached, *caller, *intent, settings);
    intent.accepts(claims, reached, &results)?;

    let start = before.cloned().unwrap_or_else(|| new_profile(context));
    let held = start.identifiers.clone();
    let links = |id| links_to(id, claims, &results);
    let (mut profile, merges) = merge_all(start, &absorbed, links, submission, context)?;
    let removed = update_identifiers(
        &mut profile.identifiers,
        &held,
        submission,
        claims,
        &mut results,
        context.now,
    );
    let dropped = dropped(&held, &absorbed, &profile.identifiers, claims, &results, &removed);
    let yielding = yielding(claims, reached, &results, context);
    let outcomes = claim_outcomes(claims, &results, [removed, dropped].concat());
    if before.is_none() && profile.identifiers.highest().is_none() {
        return unidentified(submission, outcomes, context);
    }
    if before.is_some_and(|before| loses_last_identifier(submission, before, &profile)) {
        return Err(Rejected::NoIdentifierLeft.into());
    }

    let mut written = write_patch(&mut profile, &merges, submission, before.is_some())?;
    let kept = keep_replaced(&mut profile, &mut written, submission, context);
    let attributes_changed = !written.changed.is_empty() || !merges.is_empty();
    let effect = effect(before, &profile, attributes_changed);
    if effect != Effect::Unchanged {
        profile.updated = context.now;
    }
    profile.last_outcome = Some(context.sequence);
    let outcome = written_outcome(submission, written, effect, context);
    let outcome = Outcome { survivor: Some(profile.id), claims: outcomes, ..outcome };
    let previous = previous_outcomes(&outcome, before, reached);
    let outcome = Outcome { previous, ..outcome };
    Ok(Decision { outcome, profile: Some(profile), merges, yielding, kept })
}

/// The profiles that gave identifiers to the survivor, without them.
fn yielding(
    claims: &Claims,
    reached: &[Option<&StoredProfile>],
    results: &[ClaimResult],
    context: DecisionContext,
) -> Vec<StoredProfile> {
    let mut yielding: Vec<StoredProfile> = Vec::new();
    for ((claim, reached), result) in claims.made().iter().zip(reached).zip(results) {
        let (ClaimResult::Moved(id), Some(reached)) = (*result, reached) else { continue };
        let position = yielding.iter().position(|profile| profile.id == id);
        let position = position.unwrap_or_else(|| {
            yielding.push((*reached).clone());
            yielding.len() - 1
        });
        for profile in yielding.iter_mut().skip(position).take(1) {
            profile.identifiers.remove_single(claim.kind());
            profile.updated = context.now;
            profile.last_outcome = Some(context.sequence);
        }
    }
    yielding
}

fn new_profile(context: DecisionContext) -> StoredProfile {
    Profile::new(profile_id(context.now, context.entropy), context.now).into()
}

/// The effect of a request that turned `before` into `after`.
fn effect(
    before: Option<&StoredProfile>,
    after: &StoredProfile,
    attributes_changed: bool,
) -> Effect {
    match before {
        None => Effect::Created,
        Some(before)
            if attributes_changed
                || !before.identifiers.equals_but_for_marks(&after.identifiers) =>
        {
            Effect::Updated
        }
        Some(_) => Effect::Unchanged,
    }
}

/// The previous outcomes about each profile that the outcome concerns, in their order.
fn previous_outcomes(
    outcome: &Outcome,
    survivor: Option<&StoredProfile>,
    reached: &[Option<&StoredProfile>],
) -> Vec<u64> {
    let profiles = || survivor.into_iter().chain(reached.iter().copied().flatten());
    let profile = |id| profiles().find(|profile| profile.id == id);
    let concerned = outcome.concerned();
    concerned.into_iter().filter_map(profile).filter_map(|profile| profile.last_outcome).collect()
}

/// The results of all claims, then those of identifiers that are not claims, then the removed
/// identifiers.
fn claim_outcomes(
    claims: &Claims,
    results: &[ClaimResult],
    removed: Vec<ClaimOutcome>,
) -> Vec<ClaimOutcome> {
    let made = claims.made().iter().zip(results);
    let made = made.map(|(claim, &result)| ClaimOutcome {
        kind: claim.kind(),
        origin: claim.origin,
        result,
    });
    made.chain(claims.dismissed().iter().copied()).chain(removed).collect()
}

/// The decision on a request that concerns no profile and creates none.
fn unidentified(
    submission: &Submission,
    claims: Vec<ClaimOutcome>,
    context: DecisionContext,
) -> Result<Decision, DecisionError> {
    if let Some(rejected) = submission.intent.requires_target() {
        return Err(rejected.into());
    }
    let Submission { caller, revision, .. } = *submission;
    let outcome = empty_outcome(context, caller, revision, Effect::Unidentified);
    let request_ids = submission.request_ids.clone();
    let outcome = Outcome { claims, request_ids, sender: submission.sender, ..outcome };
    Ok(Decision { outcome, profile: None, merges: Vec::new(), yielding: Vec::new(), kept: None })
}

/// Whether a request removes the last identifier of a profile. A request that only describes a
/// profile without identifiers is stored.
fn loses_last_identifier(
    submission: &Submission,
    before: &StoredProfile,
    after: &StoredProfile,
) -> bool {
    let may_remove = submission.intent != Intent::Upsert || !submission.cleared.is_empty();
    may_remove && after.identifiers.highest().is_none() && before.identifiers.highest().is_some()
}

/// Applies the patch, unless the profile would exceed the limit of properties. A client's patch
/// leaves out what would exceed it, so only the company's is refused, and only if it does not fit
/// without what clients wrote.
fn write_patch(
    profile: &mut StoredProfile,
    merges: &[Merge],
    submission: &Submission,
    is_stored: bool,
) -> Result<Written, DecisionError> {
    let Submission { patch, caller, settings, .. } = submission;
    let keeps_replaced = is_stored && 0 < settings.replaced_days;
    let rules = ClientRules { protect: settings.protect, keeps_replaced };
    let mut written = write(profile, patch, *caller, rules)?;
    let has_changed = !written.changed.is_empty() || !merges.is_empty();
    if *caller == Caller::Server && has_changed {
        written.withheld.extend(make_room(profile, merges)?);
    }
    if written.changed.is_empty() || fits(profile) {
        Ok(written)
    } else {
        Err(Rejected::from(PropertiesTooLarge).into())
    }
}

/// Notes in the profile what a client replaced. Returns the values to keep beside it.
fn keep_replaced(
    profile: &mut StoredProfile,
    written: &mut Written,
    submission: &Submission,
    context: DecisionContext,
) -> Option<KeptValues> {
    let DecisionContext { now, sequence, .. } = context;
    let days = submission.settings.replaced_days;
    let replaced = std::mem::take(&mut written.replaced);
    let values = match submission.caller {
        Caller::Client if replaced.is_empty() => Vec::new(),
        Caller::Client => {
            let replacement = Replacement { sender: submission.sender, sequence, now, days };
            replacement.note(&mut profile.replaced, replaced)
        }
        Caller::Server => {
            forget_written(&mut profile.replaced, &submission.patch);
            Vec::new()
        }
    };
    limit(&mut profile.replaced);
    if values.is_empty() {
        return None;
    }
    Some(KeptValues { profile: profile.id, until: until(now, days), values })
}

/// An outcome with the attributes that the request changed and did not change.
fn written_outcome(
    submission: &Submission,
    written: Written,
    effect: Effect,
    context: DecisionContext,
) -> Outcome {
    let Submission { caller, revision, .. } = *submission;
    let Written { mut changed, mut withheld, replaced: _ } = written;
    let (changed_unlisted, withheld_unlisted) =
        (list_bounded(&mut changed), list_bounded(&mut withheld));
    Outcome {
        changed,
        changed_unlisted,
        withheld,
        withheld_unlisted,
        request_ids: submission.request_ids.clone(),
        sender: submission.sender,
        ..empty_outcome(context, caller, revision, effect)
    }
}
