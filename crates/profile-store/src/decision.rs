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
    Claim, Claims, Effect, Held, Identifier, Intent, Named, Origin, Outcome, Profile, Rejected,
    Rules, Scope, Timestamp, limits,
    merge::{UNBOUNDED, merge},
    mint::profile_id,
    outcome::{ClaimOutcome, Fate, Ignored},
    resolve,
    size::{Sizes, fit_together},
    writing::{Written, write},
};

/// One request, ready to be decided.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Whose profiles it concerns.
    pub company: CompanyId,
    /// Who asks.
    pub scope: Scope,
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
pub struct Moment {
    /// The time.
    pub now: Timestamp,
    /// The chance in the id of a profile that may have to be created; see
    /// [`Mint::chance`](crate::Mint::chance).
    pub chance: u128,
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
    pub links: Vec<Named>,
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
    moment: Moment,
) -> Result<Decision, Rejected> {
    let Submission { claims, scope, rules, intent, .. } = submission;
    intent.admits(claims.made(), reached)?;
    let mut resolution = resolve(claims.made(), reached, *scope, rules);
    intent.accepts(reached, &resolution.fates)?;
    let profile_of =
        |id: ProfileId| reached.iter().flatten().find(|profile| profile.id == id).copied();
    let before = resolution.survivor.and_then(profile_of);
    let absorbed = resolution.absorbed.iter().copied().filter_map(profile_of);

    let start = before.cloned().unwrap_or_else(|| newcomer(moment));
    let previous = previous_outcomes(&start, absorbed.clone());
    let (mut profile, merges) = absorb_all(start, absorbed, submission, &resolution.fates, moment);
    let released = rename(&mut profile.held, submission, &mut resolution.fates);
    let mut base = untouched(submission, &resolution.fates, moment);
    base.claims.extend(released);
    if before.is_none() && profile.held.highest().is_none() {
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
        write(&mut profile, &submission.patch, *scope, rules.protect);
    if !changed.is_empty() && !fits(&profile) {
        let had = had.as_ref().map(Sizes::of).unwrap_or_default();
        if !had.may_become(&Sizes::of(&profile.attributes.properties), *scope) {
            return Err(PropertiesTooLarge.into());
        }
    }

    let known = before.is_some_and(|before| before.held == profile.held);
    let effect = match before {
        None => Effect::Created,
        Some(_) if known && changed.is_empty() && merges.is_empty() => Effect::Unchanged,
        Some(_) => Effect::Updated,
    };
    if effect != Effect::Unchanged {
        profile.updated = moment.now;
    }
    profile.last_outcome = Some(moment.sequence);
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
fn untouched(submission: &Submission, fates: &[Fate], moment: Moment) -> Outcome {
    let made = submission.claims.made().iter().zip(fates);
    let made =
        made.map(|(claim, &fate)| ClaimOutcome { kind: claim.kind(), origin: claim.origin, fate });
    Outcome {
        sequence: moment.sequence,
        at: moment.now,
        scope: submission.scope,
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
fn newcomer(moment: Moment) -> Profile {
    Profile::new(profile_id(moment.now, moment.chance), moment.now)
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
    fates: &[Fate],
    moment: Moment,
) -> (Profile, Vec<Merge>) {
    let protect = submission.rules.protect;
    let rules = Rules { protect, ..UNBOUNDED };
    let mut merges = Vec::new();
    for absorbed in all.cloned() {
        let before = survivor.clone();
        survivor = merge(survivor, absorbed.clone(), &rules);
        let links = links_to(absorbed.id, &submission.claims, fates);
        let Moment { now: at, sequence, .. } = moment;
        merges.push(Merge { sequence, at, survivor: before, absorbed, links, protect });
    }
    (survivor, merges)
}

/// What the claims name that led to this absorbed profile.
fn links_to(id: ProfileId, claims: &Claims, fates: &[Fate]) -> Vec<Named> {
    let pairs = claims.made().iter().zip(fates);
    let leading = pairs.filter(|(_, fate)| **fate == Fate::Absorbed(id));
    leading.map(|(claim, _)| claim.named.clone()).collect()
}

/// The identifiers that a request names.
fn named(claims: &Claims) -> impl Iterator<Item = &Identifier> {
    claims.made().iter().filter_map(|claim| match &claim.named {
        Named::Holder(identifier) => Some(identifier),
        Named::Profile(_) => None,
    })
}

/// Gives and takes identifiers as the request says. Returns what it took by kind.
fn rename(held: &mut Held, submission: &Submission, fates: &mut [Fate]) -> Vec<ClaimOutcome> {
    let Submission { claims, rules, .. } = submission;
    let released = release(held, submission);
    // Whatever leaves the first place may be asked for as a secondary one.
    if let Intent::Update(_) = submission.intent {
        promote(held, claims, fates);
    }
    attach_all(held, claims, fates);
    detach_all(held, submission);
    bound(held, claims, rules);
    settle(fates, claims, held);
    released
}

/// Gives the profile the identifiers that were attached. An address that is to be
/// a secondary one may have led to it as the primary one that is replaced now.
fn attach_all(held: &mut Held, claims: &Claims, fates: &[Fate]) {
    for (claim, fate) in claims.made().iter().zip(fates) {
        let Named::Holder(identifier) = &claim.named else { continue };
        let joins = match fate {
            Fate::Attached | Fate::Replaced => true,
            Fate::Matched | Fate::Absorbed(_) => {
                claim.origin == Origin::Append && !held.holds(identifier)
            }
            Fate::Restored(_) | Fate::Released | Fate::Refused(_) | Fate::Ignored(_) => false,
        };
        if joins {
            attach(held, claim.origin, identifier.clone());
        }
    }
}

fn attach(held: &mut Held, origin: Origin, identifier: Identifier) {
    match identifier {
        Identifier::AnonymousId(id) => held.anonymous_ids.push(id),
        Identifier::Email(email) if origin == Origin::Append => held.secondary_emails.push(email),
        Identifier::PhoneNumber(number) => held.phone_number = Some(number),
        Identifier::Email(email) => held.email = Some(email),
        Identifier::ExternalId(id) => held.external_id = Some(id),
    }
}

/// An update says what the profile holds, so an address that was a secondary one
/// becomes the primary one.
fn promote(held: &mut Held, claims: &Claims, fates: &mut [Fate]) {
    for (claim, fate) in claims.made().iter().zip(fates) {
        let Named::Holder(Identifier::Email(email)) = &claim.named else { continue };
        if claim.origin == Origin::Attributes && held.secondary_emails.contains(email) {
            held.secondary_emails.retain(|secondary| secondary != email);
            let before = held.email.replace(email.clone());
            *fate = if before.is_some() { Fate::Replaced } else { Fate::Attached };
        }
    }
}

/// Takes away the identifiers of the kinds that are cleared, but none of a kind of
/// which the request names one: that says what to hold instead.
fn release(held: &mut Held, submission: &Submission) -> Vec<ClaimOutcome> {
    let Submission { scope: Scope::Server, claims, cleared, .. } = submission else {
        return Vec::new();
    };
    let named = |kind| {
        let named = |claim: &Claim| claim.kind() == kind && claim.origin != Origin::Append;
        claims.made().iter().any(named)
    };
    let mut released = Vec::new();
    for &kind in cleared.iter().filter(|kind| !named(**kind)) {
        let held = match kind {
            IdentifierKind::Email => held.email.take().is_some(),
            IdentifierKind::PhoneNumber => held.phone_number.take().is_some(),
            IdentifierKind::ExternalId => held.external_id.take().is_some(),
            IdentifierKind::AnonymousId | IdentifierKind::Id => false,
        };
        if held {
            let (origin, fate) = (Origin::Attributes, Fate::Released);
            released.push(ClaimOutcome { kind, origin, fate });
        }
    }
    released
}

/// Whether a request takes the last identifier of a profile away. What only
/// describes a profile that has none is stored.
fn loses_its_last(submission: &Submission, before: &Profile, after: &Profile) -> bool {
    let takes = submission.intent != Intent::Upsert || !submission.cleared.is_empty();
    takes && after.held.highest().is_none() && before.held.highest().is_some()
}

/// Takes away the secondary addresses that are to leave. One that the request
/// names as well stays where it is, or the request carried out twice would
/// differ from the request carried out once.
fn detach_all(held: &mut Held, submission: &Submission) {
    let Submission { scope: Scope::Server, claims, leaving_emails, .. } = submission else {
        return;
    };
    let stays = |email: &Email| {
        named(claims).any(|named| matches!(named, Identifier::Email(named) if named == email))
    };
    held.secondary_emails.retain(|email| !leaving_emails.contains(email) || stays(email));
}

/// Cuts the lists to their bounds: the oldest leaves first, but what the request
/// names stays, since it is in use this very moment. Of more named than there is
/// room for, the last leaves.
fn bound(held: &mut Held, claims: &Claims, rules: &Rules) {
    let Held { anonymous_ids, secondary_emails, .. } = held;
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
fn settle(fates: &mut [Fate], claims: &Claims, held: &Held) {
    for (fate, claim) in fates.iter_mut().zip(claims.made()) {
        if let (Named::Holder(identifier), Fate::Attached | Fate::Replaced) = (&claim.named, *fate)
            && !held.holds(identifier)
        {
            *fate = Fate::Ignored(Ignored::PlaceTaken);
        }
    }
}
