//! The rules of identity written a second time, for readers: over plain maps and words, in the
//! order of docs/IDENTITY.md. It is slow, and finds the profile of an identifier by looking at all
//! of them.

mod claim;
mod claims;
mod former;
mod lists;
mod profile;
mod push_tokens;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use profile_store::{DifferentExternalId, IdentitySettings};

use self::{
    claim::{ModelClaim, ModelClaimSource, authority},
    claims::{ModelClaims, first_refused, moved},
    lists::{SECONDARY, keep_devices, keep_emails, note_seen, unappend},
    profile::ModelProfile,
    push_tokens::PushTokens,
    tokens::{ModelToken, TokenWords},
};
use crate::notation::{TestIntent, TestRequest};

/// All profiles, and the survivors of those that were merged.
#[derive(Default)]
pub struct IdentityModel {
    settings: IdentitySettings,
    stored: BTreeMap<usize, ModelProfile>,
    survivors: BTreeMap<usize, usize>,
    /// All profiles that were deleted.
    deleted: BTreeSet<usize>,
    /// The push tokens of all profiles.
    push_tokens: PushTokens,
    /// Identifiers that no profile holds, each with the profile that lost it last.
    former: BTreeMap<(String, String), usize>,
    /// Whether all tokens of the company were revoked.
    revoked: bool,
    now: u64,
}

impl IdentityModel {
    /// No profiles, under these settings.
    pub fn new(settings: IdentitySettings) -> IdentityModel {
        IdentityModel { settings, ..IdentityModel::default() }
    }

    /// How many profiles there have ever been.
    pub fn created_count(&self) -> usize {
        self.stored.len() + self.survivors.len() + self.deleted.len()
    }

    /// The profile that the nth is part of now.
    pub fn survivor_of(&self, number: usize) -> usize {
        self.survivors.get(&number).copied().unwrap_or(number)
    }

    /// Whether the nth was deleted.
    pub fn is_deleted(&self, number: usize) -> bool {
        self.deleted.contains(&number)
    }

    /// Deletes the profile that a request of one claim leads to, and describes the outcome.
    pub fn delete(&mut self, request: &TestRequest) -> String {
        self.now += 1;
        let (claims, _) = self.claims(request);
        let claim = &claims[0];
        let former = || self.former_holder(&claim.kind, &claim.text);
        let Some(number) = self.reach(claim).or_else(former) else {
            let reason = if claim.kind == "id" { "unknown" } else { "no profile" };
            return format!("nothing_deleted: {reason}");
        };
        if let Some(profile) = self.stored.remove(&number) {
            self.survivors.retain(|absorbed, _| !profile.absorbed.contains(absorbed));
            self.former.retain(|_, lost| *lost != number && !profile.absorbed.contains(lost));
            self.deleted.extend(profile.absorbed);
        }
        self.deleted.insert(number);
        self.push_tokens.delete(number);
        format!("deleted {number}: matched")
    }

    /// Revokes the tokens of the profile that the nth is part of, or all, and describes the answer.
    pub fn revoke_tokens(&mut self, number: Option<usize>) -> String {
        self.now += 1;
        let Some(number) = number else {
            self.revoked = true;
            return "tokens_revoked: ".to_owned();
        };
        let number = self.survivor_of(number);
        let Some(profile) = self.stored.get_mut(&number) else {
            return "no profile has this id".to_owned();
        };
        profile.revoked = true;
        format!("tokens_revoked {number}: matched")
    }

    /// Its identifiers and attributes, in the notation.
    pub fn about(&self, number: usize) -> String {
        self.stored[&self.survivor_of(number)].about()
    }

    /// When it was created and updated, counted in requests.
    pub fn times(&self, number: usize) -> (u64, u64) {
        let profile = &self.stored[&self.survivor_of(number)];
        (profile.created, profile.updated)
    }

    /// Carries out one request, and describes the outcome.
    pub fn decide(&mut self, request: &TestRequest) -> String {
        let held = self.held();
        let told = self.decided(request);
        self.note_lost(held);
        told
    }

    fn decided(&mut self, request: &TestRequest) -> String {
        self.now += 1;
        let (made, dismissed) = self.claims(request);
        let claims = ModelClaims { made: &made, by_company: request.server };
        let reached: Vec<Option<usize>> = made.iter().map(|claim| self.reach(claim)).collect();
        if let Some(refusal) = self.refusal(request, &claims, &reached) {
            return refusal;
        }

        let survivor = self.survivor(request, &claims, &reached);
        let new_profile =
            ModelProfile { created: self.now, updated: self.now, ..ModelProfile::default() };
        let before = survivor.map(|number| self.stored[&number].clone());
        let mut profile = before.clone().unwrap_or(new_profile);
        let start = profile.clone();
        let number = survivor.unwrap_or(self.created_count());

        let promoted = promote(&mut profile, request, &made);
        let (mut results, attached) =
            self.claim_by_claim(request, &claims, &reached, survivor, &mut profile);
        if let Some((number, result)) = promoted {
            results[number] = result;
        }
        if request.intent == TestIntent::Import
            && let Some(number) = first_refused(&made, &results, &reached)
        {
            return format!("duplicate {number}");
        }
        let mut released = self.rename(&mut profile, request, &claims, &attached);
        for &number in &attached {
            let joined = matches!(results[number].as_str(), "attached" | "replaced")
                || results[number].starts_with("moved");
            if joined && !profile.holds(&made[number]) {
                "taken".clone_into(&mut results[number]);
            }
        }
        released.extend(self.dropped(&start, &profile, &made, &results, &released));
        let moved: Vec<(usize, &ModelClaim)> = moved(&results, &made, &reached).collect();
        results.extend(dismissed);
        results.extend(released.iter().map(|_| "released".to_owned()));
        let results = results.join(", ");
        if profile.highest().is_none() {
            let unidentified = format!("unidentified: {results}");
            if let Some(answer) = without_identifiers(request, before.as_ref(), unidentified) {
                return answer;
            }
        }

        // Rule 5: then what the request itself says.
        profile.patch(&request.facts, request.server);
        let effect = match before {
            None => "created",
            Some(before) if before.equals(&profile) => "unchanged",
            Some(_) => "updated",
        };
        if effect != "unchanged" {
            profile.updated = self.now;
        }
        self.store(number, profile);
        for (number, claim) in moved {
            let other = self.stored.get_mut(&number).unwrap();
            other.single.remove(&claim.kind);
            other.by_client.remove(&claim.kind);
            other.updated = self.now;
        }
        let token = request.push_token.as_ref().map(|token| self.register(token, number));
        let (told, is_change) = token.unwrap_or_default();
        let effect = if is_change && effect == "unchanged" { "updated" } else { effect };
        format!("{effect} {number}: {results}{told}")
    }

    /// Gives a push token to this profile, and describes what that changed, if anything.
    fn register(&mut self, token: &str, number: usize) -> (String, bool) {
        let token = self.push_tokens.register(token, number);
        for number in token.changed {
            self.stored.get_mut(&number).unwrap().updated = self.now;
        }
        (format!("; token {}", token.result), token.is_change)
    }

    /// Removes a push token from the profile that has it, if the request names that profile.
    pub fn unregister(&mut self, token: &str, is_named: bool) {
        self.now += 1;
        if is_named && let Some(owner) = self.push_tokens.remove(token) {
            self.stored.get_mut(&owner).unwrap().updated = self.now;
        }
    }

    /// The push tokens of the profile that the nth is part of.
    pub fn tokens_of(&self, number: usize) -> BTreeSet<String> {
        self.push_tokens.of(self.survivor_of(number))
    }

    /// Rule 1: the claim of highest authority determines the survivor.
    fn survivor(
        &self,
        request: &TestRequest,
        claims: &ModelClaims<'_>,
        reached: &[Option<usize>],
    ) -> Option<usize> {
        if let TestIntent::Update(number) = request.intent {
            return Some(self.survivor_of(number));
        }
        claims.made.iter().zip(reached).find_map(|(claim, reached)| {
            reached.filter(|number| {
                let profile = &self.stored[number];
                !claims.is_device_of_another(profile, claim)
                    && !claims.is_misattached(claim, profile)
                    && !self.is_of_another_record(claims, claim, profile)
            })
        })
    }

    /// Whether the company has a claim decide nothing, since the profile has another external id.
    fn is_of_another_record(
        &self,
        claims: &ModelClaims<'_>,
        claim: &ModelClaim,
        profile: &ModelProfile,
    ) -> bool {
        self.settings.different_external_id == DifferentExternalId::NewProfile
            && authority(&claim.kind) < authority("x")
            && claims.names_another_external_id(profile)
    }

    /// Rules 2, 3, 4 and 8, claim by claim: the results, and the indexes of the claims that led to
    /// no profile.
    fn claim_by_claim(
        &self,
        request: &TestRequest,
        claims: &ModelClaims<'_>,
        reached: &[Option<usize>],
        survivor: Option<usize>,
        profile: &mut ModelProfile,
    ) -> (Vec<String>, Vec<usize>) {
        let (mut results, mut attached) = (Vec::new(), Vec::new());
        for (claim, &reached) in claims.made.iter().zip(reached) {
            let result = match reached {
                Some(reached) if Some(reached) == survivor => "matched".to_owned(),
                Some(reached) if profile.absorbed.contains(&reached) => {
                    format!("absorbed {reached}")
                }
                Some(reached) => self.merge_into(request, profile, claims, claim, reached),
                None => {
                    attached.push(results.len());
                    claims.attach(profile, claim, request.server, self.now).to_owned()
                }
            };
            results.push(result);
        }
        for ((claim, result), reached) in claims.made.iter().zip(&mut results).zip(reached) {
            let Some(reached) = *reached else { continue };
            if profile.absorbed.contains(&reached) {
                // Refused to a weak claim, granted to a stronger one after it.
                *result = format!("absorbed {reached}");
            } else if result == "yields" {
                *result = match claims.attach(profile, claim, request.server, self.now) {
                    "attached" | "replaced" => format!("moved {reached}"),
                    other => other.to_owned(),
                };
            }
        }
        let moved = (0..results.len()).filter(|number| results[*number].starts_with("moved"));
        attached.extend(moved);
        for (claim, result) in claims.made.iter().zip(&results) {
            hold_named(profile, request, claims, claim, result);
        }
        (results, attached)
    }

    /// Clears and removes identifiers. Returns the kinds of those that were cleared, and of those
    /// that left a list.
    fn rename(
        &self,
        profile: &mut ModelProfile,
        request: &TestRequest,
        claims: &ModelClaims<'_>,
        attached: &[usize],
    ) -> Vec<String> {
        let kinds =
            ["x", "e", "p"].into_iter().filter_map(|kind| cleared(request, claims.made, kind));
        let mut released: Vec<String> =
            kinds.filter(|kind| profile.single.remove(kind).is_some()).collect();
        profile.by_client.retain(|kind| !released.contains(kind));
        released.extend(unappend(profile, request, claims.made));
        note_seen(profile, claims, &self.settings, self.now);
        let devices = keep_devices(profile, self.settings.anonymous_ids, claims);
        let most = self.settings.secondary_emails;
        let emails = keep_emails(&mut profile.further, most, claims);
        let is_new = |kind: &str, text: &String| {
            let mut new = attached.iter().map(|number| &claims.made[*number]);
            new.any(|claim| claim.kind == kind && claim.text == *text)
        };
        let left = devices.iter().filter(|text| !is_new("a", text));
        released.extend(left.map(|_| "a".to_owned()));
        let left = emails.iter().filter(|text| !is_new("e", text));
        released.extend(left.map(|_| SECONDARY.to_owned()));
        if claims.by_company {
            for claim in claims.made {
                if profile.single.get(&claim.kind) == Some(&claim.text) {
                    profile.by_client.remove(&claim.kind);
                }
            }
        }
        released
    }

    /// The kinds of the identifiers that a merge dropped, since the company had named others.
    fn dropped(
        &self,
        before: &ModelProfile,
        profile: &ModelProfile,
        claims: &[ModelClaim],
        results: &[String],
        released: &[String],
    ) -> Vec<String> {
        let mut dropped = Vec::new();
        for kind in ["x", "e", "p"] {
            let lost = |one: &ModelProfile| {
                let text = one.single.get(kind);
                let claim = text.map(|text| ModelClaim {
                    kind: kind.to_owned(),
                    text: text.clone(),
                    source: ModelClaimSource::Attributes,
                });
                claim.is_some_and(|claim| !profile.holds(&claim))
            };
            let told = claims.iter().zip(results).any(|(claim, result)| {
                claim.kind == kind && (result == "replaced" || result.starts_with("moved"))
            });
            let told = told || released.iter().any(|released| released == kind);
            let absorbed = profile.absorbed.iter().filter_map(|number| self.stored.get(number));
            let count =
                usize::from(lost(before) && !told) + absorbed.filter(|one| lost(one)).count();
            dropped.extend(std::iter::repeat_n(kind.to_owned(), count));
        }
        dropped
    }

    /// Why a request is refused for the profiles that its claims lead to.
    fn refusal(
        &self,
        request: &TestRequest,
        claims: &ModelClaims<'_>,
        reached: &[Option<usize>],
    ) -> Option<String> {
        let target = match request.intent {
            TestIntent::Upsert | TestIntent::Import => return None,
            TestIntent::Create => None,
            TestIntent::Update(number) if !self.stored.contains_key(&self.survivor_of(number)) => {
                return Some("no profile has this id".to_owned());
            }
            TestIntent::Update(number) => Some(self.survivor_of(number)),
        };
        let may_be_found = |claim: &ModelClaim, number: usize| match target {
            None => claims.is_misattached(claim, &self.stored[&number]),
            Some(target) => number == target || claims.may_yield(claim, &self.stored[&number]),
        };
        let mut pairs = claims.made.iter().zip(reached);
        let other = pairs
            .find_map(|(claim, reached)| reached.filter(|number| !may_be_found(claim, *number)))?;
        Some(format!("duplicate {other}"))
    }

    /// Stores this profile, and removes all that were merged into it.
    fn store(&mut self, number: usize, profile: ModelProfile) {
        for absorbed in &profile.absorbed {
            self.stored.remove(absorbed);
            self.survivors.insert(*absorbed, number);
            self.push_tokens.merge(*absorbed, number);
        }
        self.stored.insert(number, profile);
    }

    /// The claims of a request in the order in which they are looked up, and the
    /// results of what is no claim.
    fn claims(&self, request: &TestRequest) -> (Vec<ModelClaim>, Vec<String>) {
        let (mut claims, mut dismissed) = (Vec::<ModelClaim>::new(), Vec::new());
        let (mut tokens, mut useless) = (Vec::new(), Vec::new());
        let mut add = |kind: &str, text: String, source| {
            if claims.iter().all(|claim| (claim.kind.as_str(), &claim.text) != (kind, &text)) {
                claims.push(ModelClaim { kind: kind.to_owned(), text, source });
            }
        };
        for (source, said) in [
            (ModelClaimSource::Subject, &request.subject),
            (ModelClaimSource::Attributes, &request.attributes),
        ] {
            let mut devices = Vec::new();
            for kind in ["id", "kx", "x", "e", "p", "a"] {
                if kind == "a" {
                    // A device that a token stands for comes first.
                    devices.drain(..).for_each(|device| add("a", device, source));
                }
                for (_, text) in said.iter().filter(|(said, _)| said == kind) {
                    match (kind, text.as_str()) {
                        ("id", "old") => dismissed.push("foreign".to_owned()),
                        ("kx", "expired") => dismissed.push("token expired".to_owned()),
                        ("kx", text) => match self.token(request, text, &mut tokens) {
                            Some(ModelToken::Profile(id)) => add("id", id, source),
                            Some(ModelToken::Device(device)) => devices.push(device),
                            Some(ModelToken::Useless(reason)) => useless.push(reason.to_owned()),
                            None => {}
                        },
                        ("id", text) => add("id", self.canonical_id(text), source),
                        (kind, text) => add(kind, text.to_owned(), source),
                    }
                }
            }
        }
        if request.server {
            request.append.iter().for_each(|text| add("e", text.clone(), ModelClaimSource::Append));
        } else if !request.append.is_empty() || !request.unappend.is_empty() {
            dismissed.push("server only".to_owned());
        }
        (claims, [dismissed, useless].concat())
    }

    /// What a token stands for. Of two tokens of one profile the second is not looked at. `seen`
    /// are the ids of the tokens so far.
    fn token(
        &self,
        request: &TestRequest,
        text: &str,
        seen: &mut Vec<String>,
    ) -> Option<ModelToken> {
        let words = TokenWords::read(text);
        let id = self.canonical_id(words.number);
        if seen.contains(&id) {
            return None;
        }
        seen.push(id.clone());
        let ids = request.subject.iter().chain(&request.attributes);
        let mut ids = ids.filter(|(kind, text)| kind == "id" && text != "old");
        // A profile whose id the request names as well is found by that.
        if ids.any(|(_, text)| self.canonical_id(text) == id) {
            return Some(ModelToken::Profile(id));
        }
        let number = words.number.parse().ok().map(|number| self.survivor_of(number));
        let profile = number.and_then(|number| self.stored.get(&number));
        let is_revoked = self.revoked || profile.is_some_and(|profile| profile.revoked);
        Some(words.judged(id, is_revoked, profile.map(|profile| &profile.devices[..])))
    }

    /// All ids without a profile are the same to the tests.
    fn canonical_id(&self, text: &str) -> String {
        let known = text.parse().is_ok_and(|number: usize| number < self.created_count());
        if known { text.to_owned() } else { "?".to_owned() }
    }

    /// Merges another profile into the survivor, unless something prevents it.
    fn merge_into(
        &self,
        request: &TestRequest,
        survivor: &mut ModelProfile,
        claims: &ModelClaims<'_>,
        claim: &ModelClaim,
        number: usize,
    ) -> String {
        let other = &self.stored[&number];
        let yields = claims.may_yield(claim, other);
        let merges = matches!(request.intent, TestIntent::Upsert | TestIntent::Import);
        if yields && (!merges || claims.is_misattached(claim, other)) {
            return "yields".to_owned();
        }
        match claims.obstacle(survivor, claim, other, self.settings.merges) {
            Some(_) if yields => "yields".to_owned(),
            Some(reason) => reason,
            None => {
                survivor.absorb(number, other.clone());
                survivor.client_merges += usize::from(!claims.by_company);
                format!("absorbed {number}")
            }
        }
    }

    fn reach(&self, claim: &ModelClaim) -> Option<usize> {
        if claim.kind == "id" {
            let number = claim.text.parse().ok().map(|number| self.survivor_of(number));
            number.filter(|number| self.stored.contains_key(number))
        } else {
            self.stored.iter().find(|(_, profile)| profile.holds(claim)).map(|(number, _)| *number)
        }
    }
}

/// The answer to a request that would leave a profile without identifiers, unless it is carried
/// out.
fn without_identifiers(
    request: &TestRequest,
    before: Option<&ModelProfile>,
    unidentified: String,
) -> Option<String> {
    let refused = || Some("the profile would have no identifier".to_owned());
    let takes = request.intent != TestIntent::Upsert || !request.cleared.is_empty();
    match (before, request.intent) {
        (Some(before), _) if before.highest().is_some() && takes => refused(),
        (Some(_), _) => None,
        (None, TestIntent::Import) => Some("no profile has this id".to_owned()),
        (None, TestIntent::Create) => refused(),
        (None, TestIntent::Upsert | TestIntent::Update(_)) => Some(unidentified),
    }
}

/// The kind, if `null` takes away what is held of it: not if the request names one.
fn cleared(request: &TestRequest, claims: &[ModelClaim], kind: &str) -> Option<String> {
    let named =
        claims.iter().any(|claim| claim.kind == kind && claim.source != ModelClaimSource::Append);
    let said = request.server && request.cleared.iter().any(|cleared| cleared == kind);
    (said && !named).then(|| kind.to_owned())
}

/// Holds what a claim names, where its result does not say that another one is held: secondary
/// addresses, which may have led here as the primary one that is replaced or cleared now, and what
/// a merge has dropped for another identifier of a client.
fn hold_named(
    profile: &mut ModelProfile,
    request: &TestRequest,
    claims: &ModelClaims<'_>,
    claim: &ModelClaim,
    result: &str,
) {
    let led_here = result == "matched" || result.starts_with("absorbed");
    let is_new = result == "attached" || result.starts_with("moved");
    if claim.source == ModelClaimSource::Append {
        let goes = profile.single.get("e") == Some(&claim.text)
            && cleared(request, claims.made, "e").is_some();
        if is_new || led_here && (goes || !profile.holds(claim)) {
            profile.further.push(claim.text.clone());
        }
    } else if led_here
        && claims.by_company
        && claim.is_single()
        && !claims.overrule(claim)
        && !profile.holds(claim)
    {
        profile.set_single(claim, true);
    }
}

/// An update makes a secondary address that it names the primary one. Returns the index of the
/// claim, and its result.
fn promote(
    profile: &mut ModelProfile,
    request: &TestRequest,
    claims: &[ModelClaim],
) -> Option<(usize, String)> {
    let TestIntent::Update(_) = request.intent else { return None };
    let named =
        |claim: &ModelClaim| claim.kind == "e" && claim.source == ModelClaimSource::Attributes;
    let number = claims.iter().position(named)?;
    let text = &claims[number].text;
    if !profile.further.contains(text) {
        return None;
    }
    profile.further.retain(|further| further != text);
    let before = profile.single.insert("e".to_owned(), text.clone());
    profile.note_author("e", true);
    Some((number, if before.is_some() { "replaced" } else { "attached" }.to_owned()))
}
