//! The rules of identity written a second time, for readers: over plain maps and words, in the
//! order of docs/IDENTITY.md. It is slow, and finds the profile of an identifier by looking at all
//! of them.

mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use profile_store::IdentitySettings;

use self::tokens::{ModelToken, TokenWords};
use crate::notation::{TestIntent, TestRequest};

/// One profile. Kinds are the letters of the notation.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct ModelProfile {
    /// External id, primary address and phone number, of each at most one.
    single: BTreeMap<String, String>,
    /// Devices, oldest first.
    devices: Vec<String>,
    /// Secondary addresses, oldest first.
    further: Vec<String>,
    facts: BTreeMap<String, String>,
    /// All profiles that were merged into this one.
    absorbed: Vec<usize>,
    created: u64,
    updated: u64,
    /// Whether its tokens, of which all are old but those that are called new, were revoked.
    revoked: bool,
}

impl ModelProfile {
    fn holds(&self, claim: &ModelClaim) -> bool {
        let list = if claim.kind == "a" { &self.devices } else { &self.further };
        let listed = matches!(claim.kind.as_str(), "a" | "e") && list.contains(&claim.text);
        listed || self.single.get(&claim.kind) == Some(&claim.text)
    }

    /// Whether the profile holds another identifier of this kind, of which it may hold one.
    fn differs(&self, claim: &ModelClaim) -> bool {
        self.single.get(&claim.kind).is_some_and(|identifiers| *identifiers != claim.text)
    }

    fn highest(&self) -> Option<&'static str> {
        let identifiers = |kind: &str| match kind {
            "a" => !self.devices.is_empty(),
            "e" => self.single.contains_key("e") || !self.further.is_empty(),
            kind => self.single.contains_key(kind),
        };
        ["x", "e", "p", "a"].into_iter().find(|kind| identifiers(kind))
    }

    fn about(&self) -> String {
        let mut words = Vec::new();
        for kind in ["x", "e", "p"] {
            words.extend(self.single.get(kind).map(|text| format!("{kind}:{text}")));
        }
        words.extend(self.devices.iter().map(|text| format!("a:{text}")));
        words.extend(self.further.iter().map(|text| format!("+e:{text}")));
        let fields = ["name", "city", "zip", "tz"];
        let own = self.facts.keys().map(String::as_str).filter(|name| !fields.contains(name));
        for name in fields.into_iter().chain(own) {
            words.extend(self.facts.get(name).map(|value| format!("{name}={value}")));
        }
        words.join(" ")
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct ModelClaim {
    kind: String,
    text: String,
    source: ModelClaimSource,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ModelClaimSource {
    Subject,
    Attributes,
    Append,
}

fn authority(kind: &str) -> usize {
    ["a", "p", "e", "x", "id"].iter().position(|known| *known == kind).unwrap()
}

/// All profiles, and the survivors of those that were merged.
pub struct IdentityModel {
    settings: IdentitySettings,
    stored: BTreeMap<usize, ModelProfile>,
    survivors: BTreeMap<usize, usize>,
    /// All profiles that were deleted.
    deleted: BTreeSet<usize>,
    /// Whether all tokens of the company were revoked.
    revoked: bool,
    now: u64,
}

impl IdentityModel {
    /// No profiles, under these settings.
    pub fn new(settings: IdentitySettings) -> IdentityModel {
        let (stored, survivors, deleted) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        IdentityModel { settings, stored, survivors, deleted, revoked: false, now: 0 }
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
        let Some(number) = self.reach(&claims[0]) else { return "no profile".to_owned() };
        if let Some(profile) = self.stored.remove(&number) {
            self.survivors.retain(|absorbed, _| !profile.absorbed.contains(absorbed));
            self.deleted.extend(profile.absorbed);
        }
        self.deleted.insert(number);
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
        self.now += 1;
        let (claims, dismissed) = self.claims(request);
        let reached: Vec<Option<usize>> = claims.iter().map(|claim| self.reach(claim)).collect();
        if let Some(refusal) = self.refusal(request, &reached) {
            return refusal;
        }

        // Rule 1: the claim of highest authority determines the survivor.
        let survivor = claims.iter().zip(&reached).find_map(|(claim, reached)| {
            reached.filter(|number| !is_device_of_another(&self.stored[number], claim, &claims))
        });
        let new_profile =
            ModelProfile { created: self.now, updated: self.now, ..ModelProfile::default() };
        let before = survivor.map(|number| self.stored[&number].clone());
        let mut profile = before.clone().unwrap_or(new_profile);
        let number = survivor.unwrap_or(self.created_count());

        let promoted = promote(&mut profile, request, &claims);
        let (mut results, attached) =
            self.claim_by_claim(request, &claims, &reached, survivor, &mut profile);
        if let Some((number, result)) = promoted {
            results[number] = result;
        }
        if request.intent == TestIntent::Import
            && let Some(number) = first_refused(&results, &reached)
        {
            return format!("duplicate {number}");
        }
        let released = self.rename(&mut profile, request, &claims);
        for number in attached {
            let joined = matches!(results[number].as_str(), "attached" | "replaced");
            if joined && !profile.holds(&claims[number]) {
                "taken".clone_into(&mut results[number]);
            }
        }
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
        patch(&mut profile, &request.facts);
        let effect = match before {
            None => "created",
            Some(before) if before == profile => "unchanged",
            Some(_) => "updated",
        };
        if effect != "unchanged" {
            profile.updated = self.now;
        }
        self.store(number, profile);
        format!("{effect} {number}: {results}")
    }

    /// Rules 2, 3 and 4, claim by claim: the results, and the indexes of the claims that led to no
    /// profile.
    fn claim_by_claim(
        &self,
        request: &TestRequest,
        claims: &[ModelClaim],
        reached: &[Option<usize>],
        survivor: Option<usize>,
        profile: &mut ModelProfile,
    ) -> (Vec<String>, Vec<usize>) {
        let (mut results, mut attached) = (Vec::new(), Vec::new());
        for (claim, &reached) in claims.iter().zip(reached) {
            let result = match reached {
                Some(reached) if Some(reached) == survivor => "matched".to_owned(),
                Some(reached) if profile.absorbed.contains(&reached) => {
                    format!("absorbed {reached}")
                }
                Some(reached) => self.merge_into(profile, claim, reached),
                None => {
                    attached.push(results.len());
                    attach(profile, claim, request.server, claims).to_owned()
                }
            };
            let led_here = result == "matched" || result.starts_with("absorbed");
            let goes = profile.single.get("e") == Some(&claim.text)
                && cleared(request, claims, "e").is_some();
            if led_here
                && claim.source == ModelClaimSource::Append
                && (goes || !profile.holds(claim))
            {
                // It led here as the primary address, which is replaced or cleared now.
                profile.further.push(claim.text.clone());
            }
            results.push(result);
        }
        for (result, reached) in results.iter_mut().zip(reached) {
            let absorbed = reached.filter(|number| profile.absorbed.contains(number));
            // Refused to a weak claim, granted to a stronger one after it.
            *result = absorbed.map_or(result.clone(), |number| format!("absorbed {number}"));
        }
        (results, attached)
    }

    /// Clears and removes identifiers. Returns those that were cleared.
    fn rename(
        &self,
        profile: &mut ModelProfile,
        request: &TestRequest,
        claims: &[ModelClaim],
    ) -> Vec<String> {
        let kinds = ["x", "e", "p"].into_iter().filter_map(|kind| cleared(request, claims, kind));
        let released = kinds.filter_map(|kind| profile.single.remove(&kind)).collect();
        self.cut_to_size(profile, request, claims);
        released
    }

    /// Why a request is refused for the profiles that its claims lead to.
    fn refusal(&self, request: &TestRequest, reached: &[Option<usize>]) -> Option<String> {
        let target = match request.intent {
            TestIntent::Upsert | TestIntent::Import => return None,
            TestIntent::Create => None,
            TestIntent::Update(number) if !self.stored.contains_key(&self.survivor_of(number)) => {
                return Some("no profile has this id".to_owned());
            }
            TestIntent::Update(number) => Some(self.survivor_of(number)),
        };
        let other = reached.iter().flatten().find(|&&number| Some(number) != target)?;
        Some(format!("duplicate {other}"))
    }

    fn cut_to_size(
        &self,
        profile: &mut ModelProfile,
        request: &TestRequest,
        claims: &[ModelClaim],
    ) {
        unappend(profile, request, claims);
        keep(&mut profile.devices, self.settings.anonymous_ids, claims, "a");
        keep(&mut profile.further, self.settings.secondary_emails, claims, "e");
    }

    /// Stores this profile, and removes all that were merged into it.
    fn store(&mut self, number: usize, profile: ModelProfile) {
        for absorbed in &profile.absorbed {
            self.stored.remove(absorbed);
            self.survivors.insert(*absorbed, number);
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

    fn reach(&self, claim: &ModelClaim) -> Option<usize> {
        if claim.kind == "id" {
            let number = claim.text.parse().ok().map(|number| self.survivor_of(number));
            number.filter(|number| self.stored.contains_key(number))
        } else {
            self.stored.iter().find(|(_, profile)| profile.holds(claim)).map(|(number, _)| *number)
        }
    }

    /// Merges another profile into the survivor, unless something prevents it.
    fn merge_into(&self, survivor: &mut ModelProfile, claim: &ModelClaim, number: usize) -> String {
        let other = &self.stored[&number];
        if let Some(reason) = self.obstacle(survivor, claim, other) {
            return reason;
        }
        absorb(survivor, number, other.clone());
        format!("absorbed {number}")
    }

    /// Why this profile may not be absorbed, if it may not.
    fn obstacle(
        &self,
        survivor: &ModelProfile,
        claim: &ModelClaim,
        other: &ModelProfile,
    ) -> Option<String> {
        if let Some(highest) = other.highest()
            && authority(&claim.kind) < authority(highest)
        {
            return Some(format!("owns {highest}"));
        }
        for kind in ["x", "e", "p"] {
            if let (Some(ours), Some(theirs)) = (survivor.single.get(kind), other.single.get(kind))
                && ours != theirs
            {
                return Some(format!("differs in {kind}"));
            }
        }
        // Rule 7.
        let merged = survivor.absorbed.len() + 1 + other.absorbed.len();
        (self.settings.merges < merged).then(|| "capped".to_owned())
    }
}

/// The profile of the first claim that was refused.
fn first_refused(results: &[String], reached: &[Option<usize>]) -> Option<usize> {
    let refused = |result: &str| {
        result.starts_with("owns") || result.starts_with("differs") || result == "capped"
    };
    let mut pairs = results.iter().zip(reached);
    pairs.find_map(|(result, reached)| reached.filter(|_| refused(result)))
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
    Some((number, if before.is_some() { "replaced" } else { "attached" }.to_owned()))
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

/// Whether a device leads to a profile that conflicts with the identifiers of the request.
fn is_device_of_another(
    profile: &ModelProfile,
    device: &ModelClaim,
    claims: &[ModelClaim],
) -> bool {
    let differs = |claim: &ModelClaim| {
        claim.source != ModelClaimSource::Append && profile.differs(claim) && !profile.holds(claim)
    };
    device.kind == "a" && claims.iter().any(differs)
}

fn attach(
    profile: &mut ModelProfile,
    claim: &ModelClaim,
    server: bool,
    claims: &[ModelClaim],
) -> &'static str {
    match claim.kind.as_str() {
        "id" => "unknown",
        "a" => {
            profile.devices.push(claim.text.clone());
            "attached"
        }
        _ if claim.source == ModelClaimSource::Append => {
            profile.further.push(claim.text.clone());
            "attached"
        }
        kind => {
            let attributes_say = claims
                .iter()
                .any(|other| other.kind == kind && other.source == ModelClaimSource::Attributes);
            let overruled = claim.source == ModelClaimSource::Subject && attributes_say;
            let taken = profile.differs(claim);
            if taken && (!server || overruled) {
                return "taken";
            }
            profile.single.insert(kind.to_owned(), claim.text.clone());
            if taken { "replaced" } else { "attached" }
        }
    }
}

/// Rule 4: the survivor keeps its values, and gaps are filled.
fn absorb(survivor: &mut ModelProfile, number: usize, absorbed: ModelProfile) {
    let ModelProfile {
        single,
        devices,
        further,
        facts,
        absorbed: ids,
        created,
        updated: _,
        revoked,
    } = absorbed;
    for (kind, text) in single {
        survivor.single.entry(kind).or_insert(text);
    }
    survivor.devices.splice(0..0, devices);
    survivor.further.splice(0..0, further);
    survivor.absorbed.push(number);
    survivor.absorbed.extend(ids);
    survivor.created = survivor.created.min(created);
    survivor.revoked |= revoked;

    let address = |facts: &BTreeMap<String, String>| {
        ["city", "zip"].into_iter().filter(|name| facts.contains_key(*name)).count()
    };
    let theirs_is_fuller = address(&survivor.facts) < address(&facts);
    if theirs_is_fuller {
        survivor.facts.retain(|name, _| name != "city" && name != "zip");
    }
    for (name, value) in facts {
        match name.as_str() {
            "tz" => drop(survivor.facts.insert(name, value)),
            "city" | "zip" if !theirs_is_fuller => {}
            _ => drop(survivor.facts.entry(name).or_insert(value)),
        }
    }
}

/// Removes secondary addresses that the server unappends and does not name otherwise.
fn unappend(profile: &mut ModelProfile, request: &TestRequest, claims: &[ModelClaim]) {
    let named = |text: &String| claims.iter().any(|claim| claim.kind == "e" && claim.text == *text);
    if request.server {
        profile.further.retain(|text| named(text) || !request.unappend.contains(text));
    }
}

/// Removes the oldest that the request does not name first; if it names them all, the last that it
/// names.
fn keep(list: &mut Vec<String>, limit: usize, claims: &[ModelClaim], kind: &str) {
    let named: Vec<&String> =
        claims.iter().filter(|claim| claim.kind == kind).map(|claim| &claim.text).collect();
    while limit < list.len() {
        let unnamed = list.iter().position(|text| !named.contains(&text));
        let last_named =
            || named.iter().rev().find_map(|name| list.iter().position(|text| text == *name));
        list.remove(unnamed.or_else(last_named).unwrap());
    }
}

fn patch(profile: &mut ModelProfile, facts: &[(String, String)]) {
    for (name, value) in facts {
        if value.is_empty() {
            profile.facts.remove(name);
        } else {
            profile.facts.insert(name.clone(), value.clone());
        }
    }
}
