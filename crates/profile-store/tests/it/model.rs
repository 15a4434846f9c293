//! The rules of identity a second time, for readers: over plain maps and words,
//! in the order of docs/IDENTITY.md, with no thought of speed. It looks for the
//! holder of an identifier by asking everybody.

use std::collections::{BTreeMap, BTreeSet};

use profile_store::Rules;

use crate::people::{Asked, Meant};

/// One person. Kinds are the letters of the notation.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Person {
    /// External id, primary address and phone number, of each at most one.
    single: BTreeMap<String, String>,
    /// Devices, oldest first.
    devices: Vec<String>,
    /// Secondary addresses, oldest first.
    further: Vec<String>,
    facts: BTreeMap<String, String>,
    /// Everybody who turned out to be this person.
    absorbed: Vec<usize>,
    created: u64,
    updated: u64,
}

impl Person {
    fn holds(&self, claim: &Claim) -> bool {
        let list = if claim.kind == "a" { &self.devices } else { &self.further };
        let listed = matches!(claim.kind.as_str(), "a" | "e") && list.contains(&claim.text);
        listed || self.single.get(&claim.kind) == Some(&claim.text)
    }

    /// Whether the place for this identifier holds another.
    fn differs(&self, claim: &Claim) -> bool {
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
struct Claim {
    kind: String,
    text: String,
    place: Place,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Subject,
    Attributes,
    Append,
}

fn authority(kind: &str) -> usize {
    ["a", "p", "e", "x", "id"].iter().position(|known| *known == kind).unwrap()
}

/// Everybody, and whom the absorbed became.
pub(crate) struct Model {
    rules: Rules,
    living: BTreeMap<usize, Person>,
    became: BTreeMap<usize, usize>,
    /// Everybody who was deleted.
    gone: BTreeSet<usize>,
    now: u64,
}

impl Model {
    pub(crate) fn new(rules: Rules) -> Model {
        let (living, became, gone) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Model { rules, living, became, gone, now: 0 }
    }

    /// How many profiles there have ever been.
    pub(crate) fn ever(&self) -> usize {
        self.living.len() + self.became.len() + self.gone.len()
    }

    /// The living profile that the nth is now.
    pub(crate) fn living(&self, number: usize) -> usize {
        self.became.get(&number).copied().unwrap_or(number)
    }

    /// Whether the nth was deleted.
    pub(crate) fn is_gone(&self, number: usize) -> bool {
        self.gone.contains(&number)
    }

    /// Deletes whom this leads to, and says whom. The words are one claim.
    pub(crate) fn delete(&mut self, asked: &Asked) -> String {
        self.now += 1;
        let (claims, _) = self.claims(asked);
        let Some(number) = self.reach(&claims[0]) else { return "nobody".to_owned() };
        if let Some(person) = self.living.remove(&number) {
            self.became.retain(|absorbed, _| !person.absorbed.contains(absorbed));
            self.gone.extend(person.absorbed);
        }
        self.gone.insert(number);
        format!("deleted {number}: matched")
    }

    /// All that is known of it.
    pub(crate) fn about(&self, number: usize) -> String {
        self.living[&self.living(number)].about()
    }

    /// When it was created and updated, in requests since the beginning.
    pub(crate) fn times(&self, number: usize) -> (u64, u64) {
        let person = &self.living[&self.living(number)];
        (person.created, person.updated)
    }

    /// Carries out one request, and says what was decided.
    pub(crate) fn ask(&mut self, asked: &Asked) -> String {
        self.now += 1;
        let (claims, dismissed) = self.claims(asked);
        let reached: Vec<Option<usize>> = claims.iter().map(|claim| self.reach(claim)).collect();
        if let Some(refusal) = self.refusal(asked, &reached) {
            return refusal;
        }

        // Rule 1: the claim of highest authority says whom the request is about.
        let survivor = claims.iter().zip(&reached).find_map(|(claim, reached)| {
            reached.filter(|number| !is_strange_device(&self.living[number], claim, &claims))
        });
        let newcomer = Person { created: self.now, updated: self.now, ..Person::default() };
        let before = survivor.map(|number| self.living[&number].clone());
        let mut person = before.clone().unwrap_or(newcomer);
        let number = survivor.unwrap_or(self.ever());

        let promoted = promote(&mut person, asked, &claims);
        let (mut results, attached) =
            self.claim_by_claim(asked, &claims, &reached, survivor, &mut person);
        if let Some((place, result)) = promoted {
            results[place] = result;
        }
        if asked.meant == Meant::Import
            && let Some(number) = first_refused(&results, &reached)
        {
            return format!("duplicate {number}");
        }
        let released = self.rename(&mut person, asked, &claims);
        for place in attached {
            let joined = matches!(results[place].as_str(), "attached" | "replaced");
            if joined && !person.holds(&claims[place]) {
                results[place] = "taken".to_owned();
            }
        }
        results.extend(dismissed);
        results.extend(released.iter().map(|_| "released".to_owned()));
        let results = results.join(", ");
        if person.highest().is_none() {
            let nobody = format!("unidentified: {results}");
            if let Some(answer) = nameless(asked, before.as_ref(), nobody) {
                return answer;
            }
        }

        // Rule 5: then what the request itself says.
        learn(&mut person, &asked.facts);
        let effect = match before {
            None => "created",
            Some(before) if before == person => "unchanged",
            Some(_) => "updated",
        };
        if effect != "unchanged" {
            person.updated = self.now;
        }
        self.settle(number, person);
        format!("{effect} {number}: {results}")
    }

    /// Rules 2, 3 and 4, claim by claim: the fates, and the places of those that
    /// led to nobody.
    fn claim_by_claim(
        &self,
        asked: &Asked,
        claims: &[Claim],
        reached: &[Option<usize>],
        survivor: Option<usize>,
        person: &mut Person,
    ) -> (Vec<String>, Vec<usize>) {
        let (mut results, mut attached) = (Vec::new(), Vec::new());
        for (claim, &reached) in claims.iter().zip(reached) {
            let result = match reached {
                Some(reached) if Some(reached) == survivor => "matched".to_owned(),
                Some(reached) if person.absorbed.contains(&reached) => {
                    format!("absorbed {reached}")
                }
                Some(reached) => self.take_in(person, claim, reached),
                None => {
                    attached.push(results.len());
                    attach(person, claim, asked.server, claims).to_owned()
                }
            };
            let led_here = result == "matched" || result.starts_with("absorbed");
            let goes = person.single.get("e") == Some(&claim.text)
                && cleared(asked, claims, "e").is_some();
            if led_here && claim.place == Place::Append && (goes || !person.holds(claim)) {
                // It led here as the primary address, which is replaced or cleared now.
                person.further.push(claim.text.clone());
            }
            results.push(result);
        }
        for (result, reached) in results.iter_mut().zip(reached) {
            let absorbed = reached.filter(|number| person.absorbed.contains(number));
            // Refused to a weak claim, granted to a stronger one after it.
            *result = absorbed.map_or(result.clone(), |number| format!("absorbed {number}"));
        }
        (results, attached)
    }

    /// What the request gives and takes beside its claims. Returns what was cleared.
    fn rename(&self, person: &mut Person, asked: &Asked, claims: &[Claim]) -> Vec<String> {
        let kinds = ["x", "e", "p"].into_iter().filter_map(|kind| cleared(asked, claims, kind));
        let released = kinds.filter_map(|kind| person.single.remove(&kind)).collect();
        self.cut_to_size(person, asked, claims);
        released
    }

    /// Why nothing of a request is stored, if whom it leads to is reason enough.
    fn refusal(&self, asked: &Asked, reached: &[Option<usize>]) -> Option<String> {
        let target = match asked.meant {
            Meant::Upsert | Meant::Import => return None,
            Meant::Create => None,
            Meant::Update(number) if !self.living.contains_key(&self.living(number)) => {
                return Some("no profile has this id".to_owned());
            }
            Meant::Update(number) => Some(self.living(number)),
        };
        let other = reached.iter().flatten().find(|&&number| Some(number) != target)?;
        Some(format!("duplicate {other}"))
    }

    fn cut_to_size(&self, person: &mut Person, asked: &Asked, claims: &[Claim]) {
        leave(person, asked, claims);
        keep(&mut person.devices, self.rules.anonymous_ids, claims, "a");
        keep(&mut person.further, self.rules.secondary_emails, claims, "e");
    }

    /// Lets this person live, and an end be of everybody they turned out to be.
    fn settle(&mut self, number: usize, person: Person) {
        for absorbed in &person.absorbed {
            self.living.remove(absorbed);
            self.became.insert(*absorbed, number);
        }
        self.living.insert(number, person);
    }

    /// The claims of a request in the order in which they are looked up, and the
    /// fates of what is no claim.
    fn claims(&self, asked: &Asked) -> (Vec<Claim>, Vec<String>) {
        let (mut claims, mut dismissed) = (Vec::<Claim>::new(), Vec::new());
        let mut add = |kind: &str, text: String, place| {
            if claims.iter().all(|claim| (claim.kind.as_str(), &claim.text) != (kind, &text)) {
                claims.push(Claim { kind: kind.to_owned(), text, place });
            }
        };
        for (place, said) in
            [(Place::Subject, &asked.subject), (Place::Attributes, &asked.attributes)]
        {
            for kind in ["id", "kx", "x", "e", "p", "a"] {
                for (_, text) in said.iter().filter(|(said, _)| said == kind) {
                    match (kind, text.as_str()) {
                        ("id", "old") => dismissed.push("foreign".to_owned()),
                        ("kx", "expired") => dismissed.push("token expired".to_owned()),
                        ("id" | "kx", text) => add("id", self.known_id(text), place),
                        (kind, text) => add(kind, text.to_owned(), place),
                    }
                }
            }
        }
        if asked.server {
            asked.append.iter().for_each(|text| add("e", text.clone(), Place::Append));
        } else if !asked.append.is_empty() || !asked.unappend.is_empty() {
            dismissed.push("server only".to_owned());
        }
        (claims, dismissed)
    }

    /// Ids that nobody ever had are all the same to the tests.
    fn known_id(&self, text: &str) -> String {
        let known = text.parse().is_ok_and(|number: usize| number < self.ever());
        if known { text.to_owned() } else { "?".to_owned() }
    }

    fn reach(&self, claim: &Claim) -> Option<usize> {
        if claim.kind == "id" {
            let number = claim.text.parse().ok().map(|number| self.living(number));
            number.filter(|number| self.living.contains_key(number))
        } else {
            self.living.iter().find(|(_, person)| person.holds(claim)).map(|(number, _)| *number)
        }
    }

    /// Makes another person part of the survivor, unless something stands in the
    /// way.
    fn take_in(&self, survivor: &mut Person, claim: &Claim, number: usize) -> String {
        let other = &self.living[&number];
        if let Some(reason) = self.obstacle(survivor, claim, other) {
            return reason;
        }
        absorb(survivor, number, other.clone());
        format!("absorbed {number}")
    }

    /// Why this person may not be absorbed, if they may not.
    fn obstacle(&self, survivor: &Person, claim: &Claim, other: &Person) -> Option<String> {
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
        (self.rules.merges < merged).then(|| "capped".to_owned())
    }
}

/// Whom the first claim leads to that is somebody else's.
fn first_refused(results: &[String], reached: &[Option<usize>]) -> Option<usize> {
    let refused = |result: &str| {
        result.starts_with("owns") || result.starts_with("differs") || result == "capped"
    };
    let mut pairs = results.iter().zip(reached);
    pairs.find_map(|(result, reached)| reached.filter(|_| refused(result)))
}

/// An update makes a secondary address that it names the primary one: the place of
/// the claim, and its fate.
fn promote(person: &mut Person, asked: &Asked, claims: &[Claim]) -> Option<(usize, String)> {
    let Meant::Update(_) = asked.meant else { return None };
    let named = |claim: &Claim| claim.kind == "e" && claim.place == Place::Attributes;
    let place = claims.iter().position(named)?;
    let text = &claims[place].text;
    if !person.further.contains(text) {
        return None;
    }
    person.further.retain(|further| further != text);
    let before = person.single.insert("e".to_owned(), text.clone());
    Some((place, if before.is_some() { "replaced" } else { "attached" }.to_owned()))
}

/// The answer to a request after which nothing leads to the person it is about, if
/// that is the end of it.
fn nameless(asked: &Asked, before: Option<&Person>, nobody: String) -> Option<String> {
    let refused = || Some("the profile would have no identifier".to_owned());
    let takes = asked.meant != Meant::Upsert || !asked.cleared.is_empty();
    match (before, asked.meant) {
        (Some(before), _) if before.highest().is_some() && takes => refused(),
        (Some(_), _) => None,
        (None, Meant::Import) => Some("no profile has this id".to_owned()),
        (None, Meant::Create) => refused(),
        (None, Meant::Upsert | Meant::Update(_)) => Some(nobody),
    }
}

/// The kind, if `null` takes away what is held of it: not if the request names one.
fn cleared(asked: &Asked, claims: &[Claim], kind: &str) -> Option<String> {
    let named = claims.iter().any(|claim| claim.kind == kind && claim.place != Place::Append);
    let said = asked.server && asked.cleared.iter().any(|cleared| cleared == kind);
    (said && !named).then(|| kind.to_owned())
}

/// Whether a device leads to somebody who differs from the person whom the
/// request names.
fn is_strange_device(person: &Person, device: &Claim, claims: &[Claim]) -> bool {
    let differs = |claim: &Claim| {
        claim.place != Place::Append && person.differs(claim) && !person.holds(claim)
    };
    device.kind == "a" && claims.iter().any(differs)
}

fn attach(person: &mut Person, claim: &Claim, server: bool, claims: &[Claim]) -> &'static str {
    match claim.kind.as_str() {
        "id" => "unknown",
        "a" => {
            person.devices.push(claim.text.clone());
            "attached"
        }
        _ if claim.place == Place::Append => {
            person.further.push(claim.text.clone());
            "attached"
        }
        kind => {
            let attributes_say =
                claims.iter().any(|other| other.kind == kind && other.place == Place::Attributes);
            let overruled = claim.place == Place::Subject && attributes_say;
            let taken = person.differs(claim);
            if taken && (!server || overruled) {
                return "taken";
            }
            person.single.insert(kind.to_owned(), claim.text.clone());
            if taken { "replaced" } else { "attached" }
        }
    }
}

/// Rule 4: what the survivor has stands, and gaps are filled.
fn absorb(survivor: &mut Person, number: usize, absorbed: Person) {
    let Person { single, devices, further, facts, absorbed: ids, created, updated: _ } = absorbed;
    for (kind, text) in single {
        survivor.single.entry(kind).or_insert(text);
    }
    survivor.devices.splice(0..0, devices);
    survivor.further.splice(0..0, further);
    survivor.absorbed.push(number);
    survivor.absorbed.extend(ids);
    survivor.created = survivor.created.min(created);

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

/// Secondary addresses leave if the company says so and does not name them
/// otherwise.
fn leave(person: &mut Person, asked: &Asked, claims: &[Claim]) {
    let named = |text: &String| claims.iter().any(|claim| claim.kind == "e" && claim.text == *text);
    if asked.server {
        person.further.retain(|text| named(text) || !asked.unappend.contains(text));
    }
}

/// The oldest that the request does not name leaves first; if it names them all,
/// the last that it names.
fn keep(list: &mut Vec<String>, limit: usize, claims: &[Claim], kind: &str) {
    let named: Vec<&String> =
        claims.iter().filter(|claim| claim.kind == kind).map(|claim| &claim.text).collect();
    while limit < list.len() {
        let unnamed = list.iter().position(|text| !named.contains(&text));
        let last_named =
            || named.iter().rev().find_map(|name| list.iter().position(|text| text == *name));
        list.remove(unnamed.or_else(last_named).unwrap());
    }
}

fn learn(person: &mut Person, facts: &[(String, String)]) {
    for (name, value) in facts {
        if value.is_empty() {
            person.facts.remove(name);
        } else {
            person.facts.insert(name.clone(), value.clone());
        }
    }
}
