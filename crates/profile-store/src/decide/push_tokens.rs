//! Push tokens: which profile has one, and which tokens leave a profile that has too many.
//!
//! A token belongs to one profile at most, and the last request wins. It is kept under the id of
//! the profile that got it. If that profile is merged into another, the token belongs to the
//! survivor without being written again, and an undo of the merge gives it back.

use ahash::HashSet;
use profile_protocol::{CompanyId, ProfileId, PushTokenDetails, Revision};

use crate::{
    Caller, ClaimOutcome, ClaimResult, Claims, Decision, DecisionContext, Effect, Outcome,
    PushTokenId, PushTokenOutcome, PushTokenResult, RequestIds, RequestSender, StoredProfile,
    StoredPushToken, Timestamp,
    decide::{empty_outcome::empty_outcome, token_check::check_tokens},
    limits,
};

/// A token under the id of the profile that got it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HeldPushToken {
    pub(crate) holder: ProfileId,
    pub(crate) token: StoredPushToken,
}

/// What is stored about a token, and about the profile that is to have it.
#[derive(Clone, Debug)]
pub(crate) struct PushTokenState<'p> {
    /// The tokens of the profile.
    pub(crate) held: Vec<HeldPushToken>,
    /// The id under which the token is kept, if it is kept.
    pub(crate) holder: Option<ProfileId>,
    /// The other profile that has the token, if one has.
    pub(crate) owner: Option<&'p StoredProfile>,
}

/// A decision on a request that registers a token.
#[derive(Clone, Debug)]
pub(crate) struct RegisteredPushToken {
    pub(crate) decision: Decision,
    /// The profile that lost the token, unless the decision has it already.
    pub(crate) loser: Option<StoredProfile>,
    pub(crate) put: Option<HeldPushToken>,
    pub(crate) removed: Vec<(ProfileId, PushTokenId)>,
}

/// Adds to the decision on a request, which concerns this profile, what happens to the token that
/// the request registers.
pub(crate) fn register(
    mut decision: Decision,
    profile: ProfileId,
    details: &PushTokenDetails,
    state: PushTokenState<'_>,
    context: DecisionContext,
) -> RegisteredPushToken {
    let PushTokenState { held, holder, owner } = state;
    let id = PushTokenId::of_token(&details.token);
    let known = held.iter().find(|one| Some(one.holder) == holder && one.token.id() == id);
    let caller = decision.outcome.caller;
    let (result, put, removed) = match known {
        Some(known) => {
            let (result, put) = renewed(known, details, caller, context.now);
            (result, put, Vec::new())
        }
        None => match leaving(&held, caller, context.now) {
            None => (PushTokenResult::NoSpace, None, Vec::new()),
            Some(leaving) => {
                let token = StoredPushToken::new(details, context.now);
                let result = owner
                    .map_or(PushTokenResult::Attached, |owner| PushTokenResult::Moved(owner.id));
                let put = HeldPushToken { holder: profile, token };
                (result, Some(put), leaving)
            }
        },
    };
    let outcome = PushTokenOutcome { result, released: removed.len() };
    note(&mut decision, outcome, context);
    let is_moved = matches!(result, PushTokenResult::Moved(_));
    let loser = owner.filter(|_| is_moved).and_then(|owner| loser(&mut decision, owner, context));
    let previous_place =
        holder.filter(|holder| put.is_some() && known.is_none() && *holder != profile);
    let removed = removed.into_iter().chain(previous_place.map(|holder| (holder, id))).collect();
    RegisteredPushToken { decision, loser, put, removed }
}

/// What a request says about a token that the profile has. That a client named it is noted once a
/// day, so that requests which change nothing seldom write.
fn renewed(
    known: &HeldPushToken,
    details: &PushTokenDetails,
    caller: Caller,
    now: Timestamp,
) -> (PushTokenResult, Option<HeldPushToken>) {
    let token = known.token.with_details(details);
    let result = if token == known.token {
        if caller == Caller::Client && now.day() <= token.recorded.day() {
            return (PushTokenResult::Matched, None);
        }
        PushTokenResult::Matched
    } else {
        PushTokenResult::Updated
    };
    let token = StoredPushToken { recorded: now.max(token.recorded), ..token };
    (result, Some(HeldPushToken { holder: known.holder, token }))
}

/// The tokens that leave, those seen longest ago first, so that there is space for another one.
/// `None` if a client would push out tokens that are in use.
fn leaving(
    held: &[HeldPushToken],
    caller: Caller,
    now: Timestamp,
) -> Option<Vec<(ProfileId, PushTokenId)>> {
    let excess = (held.len() + 1).saturating_sub(limits::PUSH_TOKENS);
    if excess == 0 {
        return Some(Vec::new());
    }
    let may_leave = |one: &&HeldPushToken| match caller {
        Caller::Client => !has_returned_lately(&one.token, now),
        Caller::Server => true,
    };
    let mut leaving: Vec<&HeldPushToken> = held.iter().filter(may_leave).collect();
    leaving.sort_by_key(|one| one.token.recorded);
    if leaving.len() < excess {
        return None;
    }
    Some(leaving.iter().take(excess).map(|one| (one.holder, one.token.id())).collect())
}

/// Whether the token was seen lately, and on a later day than that on which the profile got it: the
/// rule of devices.
fn has_returned_lately(token: &StoredPushToken, now: Timestamp) -> bool {
    token.created.day() < token.recorded.day()
        && now.day().saturating_sub(token.recorded.day()) < limits::DEVICE_DAYS
}

/// Notes in a decision what happened to tokens. A profile whose tokens change is updated.
fn note(decision: &mut Decision, outcome: PushTokenOutcome, context: DecisionContext) {
    decision.outcome.push_token = Some(outcome);
    let is_change = outcome.result.is_change() || outcome.released != 0;
    if is_change && decision.outcome.effect == Effect::Unchanged {
        decision.outcome.effect = Effect::Updated;
    }
    if is_change && let Some(profile) = &mut decision.profile {
        profile.updated = context.now;
    }
}

/// The profile that lost the token, unless the decision has it already.
fn loser(
    decision: &mut Decision,
    owner: &StoredProfile,
    context: DecisionContext,
) -> Option<StoredProfile> {
    if decision.yielding.iter().any(|one| one.id == owner.id) {
        return None;
    }
    decision.outcome.previous.extend(owner.last_outcome);
    Some(changed(owner, context))
}

/// A profile whose tokens change.
fn changed(profile: &StoredProfile, context: DecisionContext) -> StoredProfile {
    let mut profile = profile.clone();
    profile.updated = context.now;
    profile.last_outcome = Some(context.sequence);
    profile
}

/// A request to remove a push token from its profile.
#[derive(Clone, Debug)]
pub struct RemovePushToken {
    /// The company that the token belongs to.
    pub company: CompanyId,
    /// The token.
    pub token: PushTokenId,
    /// The profiles of which one must have the token. `None`: any profile may have it.
    pub named: Option<Claims>,
    /// When the profile got the token, if it is to be removed only where that is so.
    pub created: Option<Timestamp>,
    /// The sender.
    pub caller: Caller,
    /// The API revision of the request.
    pub revision: Revision,
    /// The ids of the request, which its outcome keeps.
    pub request_ids: Option<RequestIds>,
    /// Where the request of a client came from, which its outcome keeps.
    pub sender: RequestSender,
}

/// The outcome of a removal, and the profile without the token, if it lost it. `owner` is the
/// profile that has the token, and `reached` holds the profile that each claim found.
pub(crate) fn remove(
    asked: &RemovePushToken,
    owner: Option<&StoredProfile>,
    reached: &[Option<&StoredProfile>],
    context: DecisionContext,
) -> (Outcome, Option<StoredProfile>) {
    let claims = match &asked.named {
        None => Vec::new(),
        Some(claims) => matched(claims, owner, reached, context),
    };
    let is_named = |claim: &ClaimOutcome| claim.result == ClaimResult::Matched;
    let owner = owner.filter(|_| asked.named.is_none() || claims.iter().any(is_named));
    let (result, effect) = match owner {
        Some(_) => (PushTokenResult::Released, Effect::Updated),
        None => (PushTokenResult::NotHeld, Effect::Unidentified),
    };
    let outcome = Outcome {
        survivor: owner.map(|owner| owner.id),
        claims,
        previous: owner.and_then(|owner| owner.last_outcome).into_iter().collect(),
        push_token: Some(PushTokenOutcome { result, released: 0 }),
        request_ids: asked.request_ids.clone(),
        sender: asked.sender,
        ..empty_outcome(context, asked.caller, asked.revision, effect)
    };
    (outcome, owner.map(|owner| changed(owner, context)))
}

/// The claims that found the profile which has the token, and those that do not count.
fn matched(
    claims: &Claims,
    owner: Option<&StoredProfile>,
    reached: &[Option<&StoredProfile>],
    context: DecisionContext,
) -> Vec<ClaimOutcome> {
    let checked = check_tokens(claims, reached, context.tokens_revoked);
    let pairs = checked.claims.made().iter().zip(checked.reached.iter());
    let found = pairs.filter(|(_, reached)| {
        owner.is_some_and(|owner| reached.is_some_and(|reached| reached.id == owner.id))
    });
    let found = found.map(|(claim, _)| ClaimOutcome {
        kind: claim.kind(),
        origin: claim.origin,
        result: ClaimResult::Matched,
    });
    found.chain(checked.claims.dismissed().iter().copied()).collect()
}

/// The ids under which the tokens of a profile are kept.
pub(crate) fn holders(profile: &StoredProfile) -> HashSet<ProfileId> {
    profile.absorbed.iter().copied().chain([profile.id]).collect()
}
