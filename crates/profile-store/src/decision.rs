//! The whole decision on one request: a pure function from what was asked and
//! what is stored to what shall be stored.

use profile_protocol::{CompanyId, Email, Patch, ProfileId, Revision};

use crate::{
    Claims, Effect, Held, Identifier, Named, Origin, Outcome, Profile, Resolution, Rules, Scope,
    Timestamp, limits,
    merge::{merge, newest},
    mint::profile_id,
    outcome::{ClaimOutcome, Fate},
    resolve,
};

/// One request, ready to be decided.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Whose profiles it concerns.
    pub company: CompanyId,
    /// Who asks.
    pub scope: Scope,
    /// The revision they ask at.
    pub revision: Revision,
    /// Who the person is.
    pub claims: Claims,
    /// Secondary addresses that leave. Those that join are among the claims.
    pub leaving_emails: Vec<Email>,
    /// What there is to know.
    pub patch: Patch,
    /// The company's rules.
    pub rules: Rules,
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
) -> Result<Decision, PropertiesTooLarge> {
    let Submission { claims, scope, rules, .. } = submission;
    let resolution = resolve(claims.made(), reached, *scope, rules);
    let profile_of =
        |id: ProfileId| reached.iter().flatten().find(|profile| profile.id == id).copied();
    let before = resolution.survivor.and_then(profile_of);
    let absorbed = resolution.absorbed.iter().copied().filter_map(profile_of);

    let base = untouched(submission, &resolution, moment);
    let Some(start) = before.cloned().or_else(|| newcomer(&resolution, moment)) else {
        return Ok(Decision { outcome: base, profile: None, merges: Vec::new() });
    };
    let previous = previous_outcomes(&start, absorbed.clone());
    let (mut profile, merges) = absorb_all(start, absorbed, rules, moment);
    attach_all(&mut profile.held, claims, &resolution.fates, rules);
    detach_all(&mut profile.held, submission);
    let mut changed = submission.patch.clone().apply(&mut profile.attributes);
    if !changed.is_empty() && !profile.attributes.properties.fit() {
        return Err(PropertiesTooLarge);
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
    let changed_unlisted = changed.len().saturating_sub(limits::CHANGED_NAMES);
    changed.truncate(limits::CHANGED_NAMES);
    let survivor = Some(profile.id);
    let outcome = Outcome { survivor, effect, changed, changed_unlisted, previous, ..base };
    Ok(Decision { outcome, profile: Some(profile), merges })
}

/// The outcome of a request that is about nobody. Every other outcome completes
/// it.
fn untouched(submission: &Submission, resolution: &Resolution, moment: Moment) -> Outcome {
    let made = submission.claims.made().iter().zip(&resolution.fates);
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
        previous: Vec::new(),
    }
}

/// A new profile, if there is an identifier for it to hold.
fn newcomer(resolution: &Resolution, moment: Moment) -> Option<Profile> {
    let holds = resolution.fates.contains(&Fate::Attached);
    holds.then(|| Profile::new(profile_id(moment.now, moment.chance), moment.now))
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
    rules: &Rules,
    moment: Moment,
) -> (Profile, Vec<Merge>) {
    let mut merges = Vec::new();
    for absorbed in all.cloned() {
        let before = survivor.clone();
        survivor = merge(survivor, absorbed.clone(), rules);
        merges.push(Merge {
            sequence: moment.sequence,
            at: moment.now,
            survivor: before,
            absorbed,
        });
    }
    (survivor, merges)
}

/// Gives the profile the identifiers that were attached.
fn attach_all(held: &mut Held, claims: &Claims, fates: &[Fate], rules: &Rules) {
    for (claim, fate) in claims.made().iter().zip(fates) {
        if let (Named::Holder(identifier), Fate::Attached | Fate::Replaced) = (&claim.named, fate) {
            attach(held, claim.origin, identifier.clone(), rules);
        }
    }
}

fn attach(held: &mut Held, origin: Origin, identifier: Identifier, rules: &Rules) {
    match identifier {
        Identifier::AnonymousId(id) => {
            let older = std::mem::take(&mut held.anonymous_ids);
            held.anonymous_ids = newest(rules.anonymous_ids, older, vec![id]);
        }
        Identifier::Email(email) if origin == Origin::Append => {
            let older = std::mem::take(&mut held.secondary_emails);
            held.secondary_emails = newest(rules.secondary_emails, older, vec![email]);
        }
        Identifier::PhoneNumber(number) => held.phone_number = Some(number),
        Identifier::Email(email) => held.email = Some(email),
        Identifier::ExternalId(id) => held.external_id = Some(id),
    }
}

/// The identifiers that a request names.
fn named(claims: &Claims) -> impl Iterator<Item = &Identifier> {
    claims.made().iter().filter_map(|claim| match &claim.named {
        Named::Holder(identifier) => Some(identifier),
        Named::Profile(_) => None,
    })
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
    held.secondary_emails.retain(|email| stays(email) || !leaving_emails.contains(email));
}
