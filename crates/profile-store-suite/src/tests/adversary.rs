//! A stranger with the public key, who knows some identifiers of the customers, against an auditor
//! who says what a stranger must never reach.
//!
//! It prints its seed. `ADVERSARY_SEED` repeats a run; `ADVERSARY_STEPS` makes it longer.

use std::sync::Arc;

use profile_protocol::{Field, ProfileId, Revision, Text};
use profile_store::{
    DifferentExternalId, Identifier, IdentitySettings, Outcome, Rejected, Repair, Repaired,
    RepairedSender, RequestSender, SenderDigest, StoreError, StoreOptions, Submission, Timestamp,
    limits,
};

use crate::{
    engines::Engines,
    generators::different_external_id,
    harness::{StoreHarness, unprotected, wait},
    notation::{TestIntent, identifier, parse_request},
    random::{Choices, SeededRandom, setting},
    simulated_ids::SimulatedIds,
};

/// Six hours from request to request, so that days pass.
const STRIDE_MS: u64 = 6 * 60 * 60 * 1_000;

/// The networks of the stranger.
const STRANGER: [SenderDigest; 2] = [SenderDigest::from_bits(66), SenderDigest::from_bits(67)];

/// The network of the customers.
const CUSTOMER: SenderDigest = SenderDigest::from_bits(1);

/// As often as this, all repairs together may find something that the last ones brought up.
const REPAIRS: usize = 2;

/// The customers of the company.
const CUSTOMERS: usize = 5;

/// How many profiles the stranger fills at most.
const MOST_FILLS: u32 = 4;

/// Properties that the company learns of a customer at a time, and how often it does. Beside a
/// profile that the stranger has filled, there is no space for all of them.
const FACTS: usize = 150;
const MOST_LEARNED: usize = 4;

/// Visitors of whom only clients have told until the company imports them.
const LEADS: u64 = 4;

fn day(time: Timestamp) -> u64 {
    time.millis() / (24 * 60 * 60 * 1_000)
}

/// A customer, as the company knows one.
#[derive(Debug)]
struct Customer {
    number: usize,
    /// How often the company has changed the address.
    moves: usize,
    /// The profile, once the company has imported the customer.
    profile: Option<ProfileId>,
    /// How often the company has learned [`FACTS`].
    learned: usize,
    /// Steps since the customer's own device was seen.
    absent: u64,
    /// Whether the device, and the push token, have returned on a later day than the first.
    has_returned: [bool; 2],
}

impl Customer {
    fn external_id(&self) -> String {
        format!("x:customer-{}", self.number)
    }

    fn email(&self) -> String {
        format!("e:customer{}.{}", self.number, self.moves)
    }

    fn phone_number(&self) -> String {
        format!("p:{}", 100 + self.number)
    }

    fn device(&self) -> String {
        format!("a:own-device-{}", self.number)
    }

    fn push_token(&self) -> String {
        format!("own-token-{}", self.number)
    }

    /// Whether the company knows the phone number. It knows that of every other customer.
    fn has_phone_number(&self) -> bool {
        self.number.is_multiple_of(2)
    }

    /// All that the company knows.
    fn words(&self) -> String {
        let number = if self.has_phone_number() { self.phone_number() } else { String::new() };
        let (external_id, email) = (self.external_id(), self.email());
        let facts = (0..self.learned * FACTS).map(|fact| format!(" fact{fact}=1"));
        let facts = facts.collect::<String>();
        format!("{external_id} {email} {number} name=Customer{}{facts}", self.number)
    }
}

/// A company, its customers, and a stranger.
pub struct AdversarialWorld<C> {
    harness: StoreHarness,
    choices: C,
    customers: Vec<Customer>,
    /// Exchange tokens that the stranger was given: a profile, and the device that they are bound
    /// to.
    tokens: Vec<(usize, String)>,
    /// The outcomes of what the company asked for.
    of_company: Vec<Outcome>,
    /// How many profiles the stranger may still fill.
    fills_left: u32,
    /// How often the company learns more of a customer.
    most_learned: usize,
}

pub fn a_stranger_reaches_nothing_that_belongs_to_a_customer(engines: &Engines) {
    let seed = setting("ADVERSARY_SEED", u64::from(std::process::id()));
    let steps = setting("ADVERSARY_STEPS", u64::from(engines.cases() * 4).clamp(200, 2_000));
    println!("ADVERSARY_SEED={seed} ADVERSARY_STEPS={steps}");
    let mut random = SeededRandom::new(seed);
    // A new company now and then: what is possible before the first import is possible once.
    for world in 0..steps / 100 {
        let choice = different_external_id(usize::try_from(world).unwrap());
        let choices = SeededRandom::new(random.number());
        let mut world = AdversarialWorld::new(engines, choices, choice);
        (0..100).for_each(|_| world.step());
        world.repair();
        world.assert_sound();
    }
}

impl<C: Choices> AdversarialWorld<C> {
    /// A company without customers yet, in an empty store.
    pub fn new(
        engines: &Engines,
        choices: C,
        different_external_id: DifferentExternalId,
    ) -> AdversarialWorld<C> {
        let clock = SimulatedIds::new().striding(STRIDE_MS);
        let harness = StoreHarness::create(engines, clock, StoreOptions::default()).unwrap();
        let settings = IdentitySettings {
            anonymous_ids: 12,
            merges: 6,
            protect: true,
            different_external_id,
            ..unprotected()
        };
        let customer = |number| Customer {
            number,
            moves: 0,
            profile: None,
            learned: 0,
            absent: 0,
            has_returned: [false; 2],
        };
        AdversarialWorld {
            harness: StoreHarness { settings: settings.into(), ..harness },
            choices,
            customers: (0..CUSTOMERS).map(customer).collect(),
            tokens: Vec::new(),
            of_company: Vec::new(),
            fills_left: MOST_FILLS,
            most_learned: MOST_LEARNED,
        }
    }

    /// The same, in which no profile gets many properties: each later step looks at all of them,
    /// which takes an unoptimized build seconds.
    #[must_use]
    pub fn with_small_profiles(self) -> AdversarialWorld<C> {
        AdversarialWorld { fills_left: 0, most_learned: 0, ..self }
    }

    /// One request, of the company, of a customer or of the stranger. Panics if the stranger has
    /// reached what a stranger must never reach.
    pub fn step(&mut self) {
        let customer = self.choices.index(CUSTOMERS);
        match self.choices.below(14) {
            0 => self.import(customer),
            1 => self.move_address(customer),
            2 | 3 => self.visit(customer),
            4 => self.do_seldom(customer),
            _ => self.attack(),
        }
        self.customers.iter_mut().for_each(|customer| customer.absent += 1);
        // A customer who stays away too long may find the device forgotten, and not taken over.
        let absent = self.customers.iter().position(|customer| 8 < customer.absent);
        absent.into_iter().for_each(|customer| self.visit(customer));
        self.audit();
    }

    /// The company undoes what the stranger did in the last days, imports its customers once more,
    /// and finds them as it left them.
    pub fn repair(&mut self) {
        for network in STRANGER {
            self.repair_network(network);
            let Repaired { removed, returned, .. } = self.repair_network(network);
            assert_eq!((removed, returned), (Vec::new(), Vec::new()), "a repair left something");
        }
        // What came for a customer while another person's profile had it left with the stranger's.
        self.customers.iter_mut().for_each(|customer| customer.has_returned = [false; 2]);
        // The stranger may have merged the profile of a customer into another one. Whatever the
        // company knows of the customer is together, in one of the two.
        for customer in self.customers.iter_mut().filter(|customer| customer.profile.is_some()) {
            let found = self.harness.find(&customer.external_id());
            customer.profile = found.map(|profile| profile.id);
            assert!(customer.profile.is_some(), "a customer was lost");
        }
        // What the company wrote to a merged profile stays with the survivor of the merge.
        let known = |number: &usize| self.customers[*number].profile.is_some();
        let known: Vec<usize> = (0..CUSTOMERS).filter(known).collect();
        known.into_iter().for_each(|number| self.import(number));
        self.audit();
        let is_left = |network: &SenderDigest| {
            let Repaired { removed, returned, restored, removed_tokens, .. } =
                self.repair_network(*network);
            !(removed.is_empty()
                && returned.is_empty()
                && restored.is_empty()
                && removed_tokens.is_empty())
        };
        let is_quiet = |_| !STRANGER.iter().any(is_left);
        assert!((0..REPAIRS).any(is_quiet), "repairs find something again and again");
    }

    fn repair_network(&self, network: SenderDigest) -> Repaired {
        let asked = Repair {
            company: self.harness.company.clone(),
            sender: RepairedSender::Digest(network),
            since: Timestamp::default(),
            steps: limits::REPAIR_STEPS,
            settings: Arc::clone(&self.harness.settings),
            revision: Revision::LATEST,
            request_ids: None,
        };
        let repaired = wait(self.harness.store.repair(&asked)).unwrap();
        assert!(repaired.is_complete);
        repaired
    }

    /// Panics if an audit finds anything wrong.
    pub fn assert_sound(&self) {
        self.harness.assert_sound();
        let outcomes = self.harness.outcomes();
        for kept in &self.of_company {
            let found = outcomes.iter().find(|outcome| outcome.sequence == kept.sequence);
            assert_eq!(found, Some(kept), "history was forged");
        }
    }

    /// The company imports a customer, which never fails.
    fn import(&mut self, number: usize) {
        if self.customers[number].learned < self.most_learned && self.choices.once_in(4) {
            self.customers[number].learned += 1;
        }
        let words = format!("import {}", self.customers[number].words());
        let outcome = self.send_for_company(&words);
        let found = outcome.unwrap_or_else(|error| panic!("{words}: {error}"));
        let known = self.customers[number].profile.replace(found);
        let known = known.map(|known| self.survivor_of(known));
        assert!(known.is_none_or(|known| known == found), "{words} found another profile");
    }

    /// The company gives a customer another address, which never fails.
    fn move_address(&mut self, number: usize) {
        let Some(id) = self.customers[number].profile else { return };
        self.customers[number].moves += 1;
        let created = self.harness.created.iter().position(|known| *known == id).unwrap();
        let words = format!("update:{created} {}", self.customers[number].email());
        let outcome = self.send_for_company(&words);
        assert_eq!(outcome, Ok(self.survivor_of(id)), "{words}");
    }

    fn do_seldom(&mut self, number: usize) {
        match self.choices.below(6) {
            0 => self.create(number),
            1 => self.erase(number),
            2 => self.merge_and_undo(number),
            3 => self.sign(number),
            4 => self.import_lead(),
            _ => self.come_as_lead(),
        }
    }

    /// The company creates a customer, which is refused if clients have told of the person before.
    fn create(&mut self, number: usize) {
        if self.customers[number].profile.is_some() {
            return;
        }
        let request = parse_request(&format!("create {}", self.customers[number].words()));
        let submission = self.harness.submission(&request);
        match self.harness.submit(submission) {
            Ok(outcome) => {
                self.customers[number].profile = outcome.survivor;
                self.of_company.push(outcome);
            }
            Err(StoreError::Rejected(Rejected::Duplicate { .. })) => {}
            Err(error) => panic!("{request:?}: {error}"),
        }
    }

    /// The company erases a customer, and no other one.
    fn erase(&mut self, number: usize) {
        let Some(id) = self.customers[number].profile else { return };
        let id = self.survivor_of(id);
        let word = self.customers[number].external_id();
        assert_eq!(self.harness.delete(&word).outcome.survivor, Some(id), "{word}");
        for word in [word, self.customers[number].email(), self.customers[number].device()] {
            assert_eq!(self.harness.find(&word), None, "{word} was not erased");
        }
        let customer = &mut self.customers[number];
        (customer.profile, customer.learned, customer.has_returned) = (None, 0, [false; 2]);
    }

    /// The company merges a profile that is no customer's into one that is, and undoes that.
    fn merge_and_undo(&mut self, number: usize) {
        let Some(id) = self.customers[number].profile else { return };
        let source = self.choices.index(self.harness.created.len());
        let customers = self.customers.iter().filter_map(|one| one.profile);
        let customers: Vec<ProfileId> = customers.map(|id| self.survivor_of(id)).collect();
        if !self.harness.exists(source)
            || customers.contains(&self.survivor_of(self.harness.created[source]))
        {
            return;
        }
        let [destination, source] = [id, self.harness.created[source]].map(|id| {
            let id = self.survivor_of(id);
            self.harness.created.iter().position(|known| *known == id).unwrap()
        });
        match self.harness.merge(destination, source) {
            Ok(outcome) => self.of_company.push(outcome),
            // The company itself has merged as many.
            Err(StoreError::Rejected(Rejected::MergeCap)) => return,
            Err(error) => panic!("a manual merge was refused: {error}"),
        }
        self.audit();
        self.harness.undo(source).unwrap();
    }

    /// A customer who is signed in visits the shop.
    fn sign(&mut self, number: usize) {
        if self.customers[number].profile.is_none() {
            return;
        }
        let (id, customer) = (self.customers[number].profile, &mut self.customers[number]);
        customer.absent = 0;
        let words = [customer.external_id(), customer.email(), customer.device()].join(" ");
        let submission = self.harness.submission(&parse_request(&words));
        let claims = submission.claims.clone().signed();
        let sender = RequestSender { network: Some(CUSTOMER), device: None };
        let outcome = self.harness.submit(Submission { sender, claims, ..submission }).unwrap();
        let id = id.map(|id| self.survivor_of(id));
        assert_eq!(outcome.survivor, id, "{words} found another profile");
        self.note_returned(number);
    }

    /// A visitor tells the shop an address and a number, of which the stranger knows.
    fn come_as_lead(&mut self) {
        let number = 1_000 + self.choices.below(LEADS);
        let words = format!("e:{number} p:{number} a:lead-{number} name=Lead");
        self.send_from(CUSTOMER, &words);
    }

    /// The company imports such a visitor, which never fails.
    fn import_lead(&mut self) {
        let number = 1_000 + self.choices.below(LEADS);
        let words = format!("import x:lead-{number} e:{number} p:{number} name=Lead");
        if let Err(error) = self.send_for_company(&words) {
            panic!("{words}: {error}");
        }
        for word in [format!("x:lead-{number}"), format!("e:{number}"), format!("p:{number}")] {
            let found = self.harness.find(&word).map(|profile| profile.id);
            let lead = self.harness.find(&format!("x:lead-{number}")).map(|profile| profile.id);
            assert_eq!(found, lead, "{word} was not imported");
        }
    }

    /// The profile that this one is part of now: a stranger's device may be the survivor.
    fn survivor_of(&self, id: ProfileId) -> ProfileId {
        let created = self.harness.created.iter().position(|known| *known == id).unwrap();
        self.harness.profile(created).id
    }

    fn send_for_company(&mut self, words: &str) -> Result<ProfileId, String> {
        let request = parse_request(words);
        assert_ne!(request.intent, TestIntent::Upsert);
        let submission = self.harness.submission(&request);
        let outcome = self.harness.submit(submission).map_err(|error| error.to_string())?;
        let survivor = outcome.survivor.unwrap();
        self.of_company.push(outcome);
        Ok(survivor)
    }

    /// A customer visits the shop with a device that is known there.
    fn visit(&mut self, number: usize) {
        let customer = &mut self.customers[number];
        if customer.profile.is_none() {
            return;
        }
        customer.absent = 0;
        let (email, device, token) = (customer.email(), customer.device(), customer.push_token());
        self.send_from(CUSTOMER, &format!("{email} {device} t:{token}"));
        self.note_returned(number);
    }

    fn send_from(&mut self, network: SenderDigest, words: &str) -> Outcome {
        let submission = self.harness.submission(&parse_request(words));
        let sender = RequestSender { network: Some(network), device: None };
        self.harness.submit(Submission { sender, ..submission }).unwrap()
    }

    /// A request of the stranger: any identifiers of customers, past and future addresses, and
    /// some of the stranger's own, wherever a request may name them.
    fn attack(&mut self) {
        if 0 < self.fills_left && self.choices.below(24) == 23 {
            self.fills_left -= 1;
            return self.fill();
        }
        let mut words: Vec<String> = Vec::new();
        for place in ["@", ""] {
            for kind in ["x", "e", "p", "a"] {
                if self.choices.once_in(if place == "@" { 6 } else { 2 }) {
                    let identifier = self.identifier(kind);
                    words.push(format!("{place}{identifier}"));
                }
            }
        }
        let address = self.identifier("e");
        let added = [format!("+{address}"), format!("-{address}"), self.push_token_word()];
        let cleared = ["name=Eve", "name=", "city=Nowhere", "plan=stolen", "x:-", "e:-", "p:-"];
        let rare = added.into_iter().filter(|_| self.choices.once_in(8));
        words.extend(rare.collect::<Vec<String>>());
        words.extend(cleared.into_iter().filter(|_| self.choices.once_in(4)).map(str::to_owned));
        words.extend(self.exchange_token());
        let request = parse_request(&words.join(" "));
        if !request.subject.is_empty() || !request.attributes.is_empty() {
            let network = STRANGER[self.choices.index(STRANGER.len())];
            let outcome = self.send_from(network, &words.join(" "));
            self.keep_token(&words, &outcome);
        }
    }

    /// The stranger fills the profile of a customer with properties.
    fn fill(&mut self) {
        let identifier = self.identifier("e");
        let name = self.choices.below(3);
        let junk = (0..limits::CLIENT_PROPERTIES).map(|number| format!(" junk{name}-{number}=1"));
        let words = format!("{identifier}{}", junk.collect::<String>());
        self.send_from(STRANGER[0], &words);
    }

    fn push_token_word(&mut self) -> String {
        format!("t:bogus-{}", self.choices.below(30))
    }

    /// An exchange token that the stranger was given before.
    fn exchange_token(&mut self) -> Option<String> {
        let is_used = !self.tokens.is_empty() && self.choices.once_in(6);
        is_used.then(|| {
            let (profile, device) = &self.tokens[self.choices.index(self.tokens.len())];
            format!("@kx:{profile}/{device}")
        })
    }

    /// Notes the token that a page gets which names a device: it is bound to the device.
    fn keep_token(&mut self, words: &[String], outcome: &Outcome) {
        let device = words.iter().find_map(|word| word.strip_prefix("a:"));
        let survivor = outcome.survivor;
        let profile = self.harness.created.iter().position(|known| Some(*known) == survivor);
        if let (Some(device), Some(profile)) = (device, profile) {
            self.tokens.push((profile, device.to_owned()));
        }
    }

    fn identifier(&mut self, kind: &str) -> String {
        let number = self.choices.index(CUSTOMERS);
        if self.choices.once_in(3) {
            return format!("{kind}:{}", 1_000 + self.choices.below(4));
        }
        let customer = &self.customers[number];
        match kind {
            "x" => customer.external_id(),
            "e" => {
                let moves = self.choices.index(customer.moves + 2);
                format!("e:customer{number}.{moves}")
            }
            "p" => customer.phone_number(),
            // The devices of customers are not known to a stranger.
            _ => format!("a:stranger-{}", self.choices.below(40)),
        }
    }

    /// What must hold whatever the stranger did.
    fn audit(&self) {
        let known = self
            .customers
            .iter()
            .filter_map(|one| one.profile.map(|id| (one, self.survivor_of(id))));
        let known: Vec<(&Customer, ProfileId)> = known.collect();
        for (customer, id) in &known {
            let mut told = vec![customer.external_id(), customer.email()];
            told.extend(customer.has_phone_number().then(|| customer.phone_number()));
            for word in told {
                let found = self.harness.find(&word).map(|profile| profile.id);
                assert_eq!(found, Some(*id), "{word} was taken over");
            }
            let profile = self.harness.find(&customer.external_id()).unwrap();
            let name = profile.attributes.fields[Field::FirstName].as_ref();
            let expected = format!("Customer{}", customer.number);
            assert_eq!(name.map(Text::as_str), Some(&expected[..]), "overwritten");
            let properties = profile.attributes.properties.iter();
            let facts = properties.filter(|(name, _)| name.as_str().starts_with("fact")).count();
            assert_eq!(facts, customer.learned * FACTS, "properties of the company were lost");
            self.audit_device(customer, *id);
        }
        let mut ids: Vec<ProfileId> = known.iter().map(|(_, id)| *id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), known.len(), "two customers were merged");
    }

    /// A device and a push token may be kept out while they are new, and belong to no other.
    fn audit_device(&self, customer: &Customer, id: ProfileId) {
        let device = self.harness.find(&customer.device()).map(|profile| profile.id);
        let token = self.harness.owner_of_token(&customer.push_token());
        let token = token.map(|number| self.survivor_of(self.harness.created[number]));
        let found = [device, token];
        for (found, has_returned) in found.into_iter().zip(customer.has_returned) {
            assert!(found.is_none_or(|found| found == id), "a device or token was taken over");
            assert!(found.is_some() || !has_returned, "a device or token in use was pushed out");
        }
    }

    /// Notes devices and push tokens that have returned on a later day.
    fn note_returned(&mut self, number: usize) {
        let customer = &self.customers[number];
        let device = identifier("a", &format!("own-device-{number}")).unwrap();
        let device = self.harness.find(&customer.device()).is_some_and(|profile| {
            let mut devices = profile.identifiers.devices.iter();
            devices.any(|one| {
                day(one.attached) < day(one.seen)
                    && Identifier::AnonymousId(one.id.clone()) == device
            })
        });
        let token = self.harness.stored_token(&customer.push_token());
        let token = token.is_some_and(|owned| day(owned.token.created) < day(owned.token.recorded));
        self.customers[number].has_returned = [device, token];
    }
}
