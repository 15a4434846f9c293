//! The whole decision on one request: a pure function from what was asked and
//! what is stored to what shall be stored.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    iter,
    sync::Arc,
};

use profile_protocol::{
    ChangedAttribute, CompanyId, Email, IdentifierKind, Patch, ProfileId, Revision,
};

use crate::{
    Caller, Claim, ClaimSource, Claims, Effect, Identifier, Intent, Outcome, Profile,
    ProfileIdentifiers, ProfileRef, Rejected, Rules, Timestamp,
    decide::merge::{UNBOUNDED, merge},
    decide::patch::{Written, write},
    decide::size::{Sizes, fit_together},
    id_generator::profile_id,
    limits,
    model::outcome::{ClaimOutcome, ClaimResult, Ignored},
    resolve,
};

/// One request, ready to be decided.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Whose profiles it concerns.
    pub company: CompanyId,
    /// Who asks.
    pub caller: Caller,
    /// What it is meant to do.
    pub intent: Intent,
    /// The revision they ask at.
    pub revision: Revision,
    /// Who the person is.
    pub claims: Claims,
    /// Kinds of which the profile shall hold no identifier any more: `email`,
    /// `phone_number` and `external_id`. Only the company itself may say so, and
    /// one of which the request names an identifier stays.
    pub cleared: Vec<IdentifierKind>,
    /// Secondary addresses that leave. Those that join are among the claims.
    pub leaving_emails: Vec<Email>,
    /// What there is to know.
    pub patch: Patch,
    /// The company's rules.
    pub rules: Arc<Rules>,
}

/// What a decision needs beside the request and what is stored.
#[derive(Clone, Copy, Debug)]
pub struct DecisionContext {
    /// The time.
    pub now: Timestamp,
    /// The chance in the id of a profile that may have to be created; see
    /// [`IdGenerator::chance`](crate::IdGenerator::chance).
    pub entropy: u128,
    /// The number of the outcome.
    pub sequence: u64,
}

/// What shall be stored.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What became of the request.
    pub outcome: Outcome,
    /// The profile it is about, as it shall be; nothing if it is about nobody.
    pub profile: Option<Profile>,
    /// The merges that happened, in order.
    pub merges: Vec<Merge>,
}

/// One merge, with all that is needed to take it back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Merge {
    /// The number of the outcome that tells of it.
    pub sequence: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The survivor as it was just before.
    pub survivor: Profile,
    /// The absorbed profile as it was.
    pub absorbed: Profile,
    /// The claims that led to it.
    pub links: Vec<ProfileRef>,
    /// Whether the company protected its values then: see [`Rules::protect`].
    pub protect: bool,
}

/// The profile would have more properties than one may keep, so nothing of the
/// request is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the profile would have more properties than one may keep")]
pub struct PropertiesTooLarge;

/// Decides one request. `reached` holds, for each claim, the profile it leads to.
pub fn decide(
    submission: &Submission,
    reached: &[Option<&Profile>],
    context: DecisionContext,
) -> Result<Decision, Rejected> {
    let Submission { claims, caller, rules, intent, .. } = submission;
    intent.admits(claims.made(), reached)?;
    let mut resolution = resolve(claims.made(), reached, *caller, rules);
    intent.accepts(reached, &resolution.results)?;
    let profile_of =
        |id: ProfileId| reached.iter().flatten().find(|profile| profile.id == id).copied();
    let before = resolution.survivor.and_then(profile_of);
    let absorbed = resolution.absorbed.iter().copied().filter_map(profile_of);

    let start = before.cloned().unwrap_or_else(|| newcomer(context));
    let previous = previous_outcomes(&start, absorbed.clone());
    let (mut profile, merges) =
        absorb_all(start, absorbed, submission, &resolution.results, context);
    let released = rename(&mut profile.identifiers, submission, &mut resolution.results);
    let mut base = untouched(submission, &resolution.results, context);
    base.claims.extend(released);
    if before.is_none() && profile.identifiers.highest().is_none() {
        intent.spares_nobody()?;
        return Ok(Decision { outcome: base, profile: None, merges: Vec::new() });
    }
    if before.is_some_and(|before| loses_its_last(submission, before, &profile)) {
        return Err(Rejected::NoIdentifierLeft);
    }
    // What it had matters only where that is more than a client may make of it.
    let fits = |profile: &Profile| fit_together(iter::once(&profile.attributes.properties));
    let had = (!fits(&profile)).then(|| profile.attributes.properties.clone());
    let Written { mut changed, mut withheld } =
        write(&mut profile, &submission.patch, *caller, rules.protect);
    if !changed.is_empty() && !fits(&profile) {
        let had = had.as_ref().map(Sizes::of).unwrap_or_default();
        if !had.may_become(&Sizes::of(&profile.attributes.properties), *caller) {
            return Err(PropertiesTooLarge.into());
        }
    }

    let known = before.is_some_and(|before| before.identifiers == profile.identifiers);
    let effect = match before {
        None => Effect::Created,
        Some(_) if known && changed.is_empty() && merges.is_empty() => Effect::Unchanged,
        Some(_) => Effect::Updated,
    };
    if effect != Effect::Unchanged {
        profile.updated = context.now;
    }
    profile.last_outcome = Some(context.sequence);
    let (changed_unlisted, withheld_unlisted) =
        (list_bounded(&mut changed), list_bounded(&mut withheld));
    let survivor = Some(profile.id);
    let base = Outcome { changed, changed_unlisted, withheld, withheld_unlisted, ..base };
    let outcome = Outcome { survivor, effect, previous, ..base };
    Ok(Decision { outcome, profile: Some(profile), merges })
}

/// Cuts a list of attributes to what an outcome holds, and says how
/// many are left out.
pub(crate) fn list_bounded(changed: &mut Vec<ChangedAttribute>) -> usize {
    let unlisted = changed.len().saturating_sub(limits::CHANGED_NAMES);
    changed.truncate(limits::CHANGED_NAMES);
    unlisted
}

/// The outcome of a request that is about nobody. Every other outcome completes
/// it.
fn untouched(
    submission: &Submission,
    results: &[ClaimResult],
    context: DecisionContext,
) -> Outcome {
    let made = submission.claims.made().iter().zip(results);
    let made = made.map(|(claim, &result)| ClaimOutcome {
        kind: claim.kind(),
        origin: claim.origin,
        result,
    });
    Outcome {
        sequence: context.sequence,
        at: context.now,
        caller: submission.caller,
        revision: submission.revision,
        survivor: None,
        effect: Effect::Unidentified,
        claims: made.chain(submission.claims.dismissed().iter().copied()).collect(),
        changed: Vec::new(),
        changed_unlisted: 0,
        withheld: Vec::new(),
        withheld_unlisted: 0,
        previous: Vec::new(),
    }
}

/// A new profile, which holds nothing yet.
fn newcomer(context: DecisionContext) -> Profile {
    Profile::new(profile_id(context.now, context.entropy), context.now)
}

fn previous_outcomes<'a>(
    survivor: &Profile,
    absorbed: impl Iterator<Item = &'a Profile>,
) -> Vec<u64> {
    let absorbed = absorbed.filter_map(|profile| profile.last_outcome);
    survivor.last_outcome.into_iter().chain(absorbed).collect()
}

fn absorb_all<'a>(
    mut survivor: Profile,
    all: impl Iterator<Item = &'a Profile>,
    submission: &Submission,
    results: &[ClaimResult],
    context: DecisionContext,
) -> (Profile, Vec<Merge>) {
    let protect = submission.rules.protect;
    let rules = Rules { protect, ..UNBOUNDED };
    let mut merges = Vec::new();
    for absorbed in all.cloned() {
        let before = survivor.clone();
        survivor = merge(survivor, absorbed.clone(), &rules);
        let links = links_to(absorbed.id, &submission.claims, results);
        let DecisionContext { now: at, sequence, .. } = context;
        merges.push(Merge { sequence, at, survivor: before, absorbed, links, protect });
    }
    (survivor, merges)
}

/// What the claims name that led to this absorbed profile.
fn links_to(id: ProfileId, claims: &Claims, results: &[ClaimResult]) -> Vec<ProfileRef> {
    let pairs = claims.made().iter().zip(results);
    let leading = pairs.filter(|(_, result)| **result == ClaimResult::Absorbed(id));
    leading.map(|(claim, _)| claim.named.clone()).collect()
}

/// The identifiers that a request names.
fn named(claims: &Claims) -> impl Iterator<Item = &Identifier> {
    claims.made().iter().filter_map(|claim| match &claim.named {
        ProfileRef::Identifier(identifier) => Some(identifier),
        ProfileRef::Id(_) => None,
    })
}

/// Gives and takes identifiers as the request says. Returns what it took by kind.
fn rename(
    identifiers: &mut ProfileIdentifiers,
    submission: &Submission,
    results: &mut [ClaimResult],
) -> Vec<ClaimOutcome> {
    let Submission { claims, rules, .. } = submission;
    let released = release(identifiers, submission);
    // Whatever leaves the first place may be asked for as a secondary one.
    if let Intent::Update(_) = submission.intent {
        promote(identifiers, claims, results);
    }
    attach_all(identifiers, claims, results);
    detach_all(identifiers, submission);
    bound(identifiers, claims, rules);
    settle(results, claims, identifiers);
    released
}

/// Gives the profile the identifiers that were attached. An address that is to be
/// a secondary one may have led to it as the primary one that is replaced now.
fn attach_all(identifiers: &mut ProfileIdentifiers, claims: &Claims, results: &[ClaimResult]) {
    for (claim, result) in claims.made().iter().zip(results) {
        let ProfileRef::Identifier(identifier) = &claim.named else { continue };
        let joins = match result {
            ClaimResult::Attached | ClaimResult::Replaced => true,
            ClaimResult::Matched | ClaimResult::Absorbed(_) => {
                claim.origin == ClaimSource::Append && !identifiers.holds(identifier)
            }
            ClaimResult::Restored(_)
            | ClaimResult::Released
            | ClaimResult::Refused(_)
            | ClaimResult::Ignored(_) => false,
        };
        if joins {
            attach(identifiers, claim.origin, identifier.clone());
        }
    }
}

fn attach(identifiers: &mut ProfileIdentifiers, origin: ClaimSource, identifier: Identifier) {
    match identifier {
        Identifier::AnonymousId(id) => identifiers.anonymous_ids.push(id),
        Identifier::Email(email) if origin == ClaimSource::Append => {
            identifiers.secondary_emails.push(email)
        }
        Identifier::PhoneNumber(number) => identifiers.phone_number = Some(number),
        Identifier::Email(email) => identifiers.email = Some(email),
        Identifier::ExternalId(id) => identifiers.external_id = Some(id),
    }
}

/// An update says what the profile holds, so an address that was a secondary one
/// becomes the primary one.
fn promote(identifiers: &mut ProfileIdentifiers, claims: &Claims, results: &mut [ClaimResult]) {
    for (claim, result) in claims.made().iter().zip(results) {
        let ProfileRef::Identifier(Identifier::Email(email)) = &claim.named else { continue };
        if claim.origin == ClaimSource::Attributes && identifiers.secondary_emails.contains(email) {
            identifiers.secondary_emails.retain(|secondary| secondary != email);
            let before = identifiers.email.replace(email.clone());
            *result = if before.is_some() { ClaimResult::Replaced } else { ClaimResult::Attached };
        }
    }
}

/// Takes away the identifiers of the kinds that are cleared, but none of a kind of
/// which the request names one: that says what to hold instead.
fn release(identifiers: &mut ProfileIdentifiers, submission: &Submission) -> Vec<ClaimOutcome> {
    let Submission { caller: Caller::Server, claims, cleared, .. } = submission else {
        return Vec::new();
    };
    let named = |kind| {
        let named = |claim: &Claim| claim.kind() == kind && claim.origin != ClaimSource::Append;
        claims.made().iter().any(named)
    };
    let mut released = Vec::new();
    for &kind in cleared.iter().filter(|kind| !named(**kind)) {
        let identifiers = match kind {
            IdentifierKind::Email => identifiers.email.take().is_some(),
            IdentifierKind::PhoneNumber => identifiers.phone_number.take().is_some(),
            IdentifierKind::ExternalId => identifiers.external_id.take().is_some(),
            IdentifierKind::AnonymousId | IdentifierKind::Id => false,
        };
        if identifiers {
            let (origin, result) = (ClaimSource::Attributes, ClaimResult::Released);
            released.push(ClaimOutcome { kind, origin, result });
        }
    }
    released
}

/// Whether a request takes the last identifier of a profile away. What only
/// describes a profile that has none is stored.
fn loses_its_last(submission: &Submission, before: &Profile, after: &Profile) -> bool {
    let takes = submission.intent != Intent::Upsert || !submission.cleared.is_empty();
    takes && after.identifiers.highest().is_none() && before.identifiers.highest().is_some()
}

/// Takes away the secondary addresses that are to leave. One that the request
/// names as well stays where it is, or the request carried out twice would
/// differ from the request carried out once.
fn detach_all(identifiers: &mut ProfileIdentifiers, submission: &Submission) {
    let Submission { caller: Caller::Server, claims, leaving_emails, .. } = submission else {
        return;
    };
    let stays = |email: &Email| {
        named(claims).any(|named| matches!(named, Identifier::Email(named) if named == email))
    };
    identifiers.secondary_emails.retain(|email| !leaving_emails.contains(email) || stays(email));
}

/// Cuts the lists to their bounds: the oldest leaves first, but what the request
/// names stays, since it is in use this very moment. Of more named than there is
/// room for, the last leaves.
fn bound(identifiers: &mut ProfileIdentifiers, claims: &Claims, rules: &Rules) {
    let ProfileIdentifiers { anonymous_ids, secondary_emails, .. } = identifiers;
    if anonymous_ids.len() <= rules.anonymous_ids
        && secondary_emails.len() <= rules.secondary_emails
    {
        return;
    }
    // A request may name thousands of addresses, so each is looked at once.
    let turns: HashMap<&Identifier, usize> = named(claims).zip(0..).collect();
    let turn = |identifier| turns.get(&identifier).copied().unwrap_or(usize::MAX);
    keep(anonymous_ids, rules.anonymous_ids, |id| turn(Identifier::AnonymousId(id.clone())));
    keep(secondary_emails, rules.secondary_emails, |email| turn(Identifier::Email(email.clone())));
}

/// Keeps those whose turn comes first; of those without one, the newest.
fn keep<T>(list: &mut Vec<T>, limit: usize, turn: impl Fn(&T) -> usize) {
    let mut order: Vec<_> =
        list.iter().enumerate().map(|(place, item)| (turn(item), Reverse(place))).collect();
    order.sort_unstable();
    let leaving: HashSet<usize> =
        order.into_iter().skip(limit).map(|(_, Reverse(place))| place).collect();
    let mut places = 0..;
    list.retain(|_| places.next().is_none_or(|place: usize| !leaving.contains(&place)));
}

/// Corrects the fates as it turned out: what was attached and could not be kept
/// was not attached.
fn settle(results: &mut [ClaimResult], claims: &Claims, identifiers: &ProfileIdentifiers) {
    for (result, claim) in results.iter_mut().zip(claims.made()) {
        if let (ProfileRef::Identifier(identifier), ClaimResult::Attached | ClaimResult::Replaced) =
            (&claim.named, *result)
            && !identifiers.holds(identifier)
        {
            *result = ClaimResult::Ignored(Ignored::PlaceTaken);
        }
    }
}
