//! The law about the order of requests, proven by brute force: all small sets of requests about a
//! few identifiers, in every order. The table of docs/IDENTITY.md says how often the order decides.

use std::{collections::HashMap, ops::RangeInclusive};

use profile_protocol::ProfileId;
use profile_store::{
    Claim, ClaimResult, DecisionContext, DifferentExternalId, Identifier, IdentitySettings,
    Outcome, ProfileRef, StoredProfile, Submission, Timestamp, decide,
};
use profile_store_suite::notation::{self, TestIntent, TestRequest};

const DOCUMENT: &str = include_str!("../../../../docs/IDENTITY.md");

/// A set of identifiers, one bit each.
type IdentifierSet = u16;

/// Who sends the requests of a set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Senders {
    Clients,
    Imports,
    /// Each request may be of a client or an import.
    Both,
}

impl Senders {
    const fn name(self) -> &'static str {
        match self {
            Senders::Clients => "clients",
            Senders::Imports => "imports",
            Senders::Both => "clients and imports",
        }
    }

    fn intents(self) -> &'static [TestIntent] {
        match self {
            Senders::Clients => &[TestIntent::Upsert],
            Senders::Imports => &[TestIntent::Import],
            Senders::Both => &[TestIntent::Upsert, TestIntent::Import],
        }
    }
}

/// How many values of each kind there are, and of how many requests the sets are.
struct Universe {
    description: &'static str,
    /// Of external ids, email addresses, phone numbers and devices.
    values: [usize; 4],
    sizes: RangeInclusive<usize>,
    senders: Senders,
    /// Whether identifiers may also be in `meta.identifiers`.
    has_subjects: bool,
    choice: DifferentExternalId,
}

/// One request of a universe.
struct PossibleRequest {
    named: IdentifierSet,
    submission: Submission,
}

const KINDS: [&str; 4] = ["x", "e", "p", "a"];

impl Universe {
    /// The identifiers, each with its kind and number.
    fn identifiers(&self) -> Vec<(usize, usize)> {
        let of_kind = |kind: usize| (0..self.values[kind]).map(move |number| (kind, number));
        (0..KINDS.len()).flat_map(of_kind).collect()
    }

    /// All requests with at most one identifier of each kind.
    fn requests(&self) -> Vec<PossibleRequest> {
        let identifiers = self.identifiers();
        let has_one_of_each = |set: &IdentifierSet| {
            (0..KINDS.len()).all(|kind| {
                let named = named_by(*set, &identifiers).filter(|(one, _)| *one == kind);
                named.count() <= 1
            })
        };
        let sets = (1..1 << identifiers.len()).filter(has_one_of_each);
        let mut requests = Vec::new();
        for named in sets {
            for subject in (0..=named).filter(|subject| subject & !named == 0) {
                for &intent in self.senders.intents() {
                    if subject == 0 || self.has_subjects {
                        requests.push(self.request(named, subject, intent));
                    }
                }
            }
        }
        requests
    }

    /// A request that names these identifiers, those of `subject` in `meta.identifiers`.
    fn request(
        &self,
        named: IdentifierSet,
        subject: IdentifierSet,
        intent: TestIntent,
    ) -> PossibleRequest {
        let words = |set| {
            named_by(set, &self.identifiers())
                .map(|(kind, number)| (KINDS[kind].to_owned(), (number + 1).to_string()))
                .collect()
        };
        let (subject, attributes) = (words(subject), words(named & !subject));
        let request = TestRequest { subject, attributes, ..TestRequest::default() };
        let is_upsert = intent == TestIntent::Upsert;
        let request = if is_upsert { request } else { request.with_intent(intent) };
        let different_external_id = self.choice;
        let settings = IdentitySettings { different_external_id, ..IdentitySettings::default() };
        let submission = request.submission("DEMO01", &[]);
        let submission = Submission { settings: settings.into(), ..submission };
        PossibleRequest { named, submission }
    }
}

/// The identifiers of a set.
fn named_by(
    set: IdentifierSet,
    identifiers: &[(usize, usize)],
) -> impl Iterator<Item = (usize, usize)> {
    let bits = identifiers.iter().enumerate();
    bits.filter(move |(bit, _)| set & (1 << bit) != 0).map(|(_, identifier)| *identifier)
}

/// The profiles that some requests led to, in one order.
#[derive(Clone, Default)]
struct ReplayedOrder {
    profiles: Vec<StoredProfile>,
    requests: u64,
    /// Whether each claim so far was matched, attached or absorbed, and nothing was removed.
    accepts_every_claim: bool,
}

impl ReplayedOrder {
    fn new() -> ReplayedOrder {
        ReplayedOrder { accepts_every_claim: true, ..ReplayedOrder::default() }
    }

    fn after(&self, submission: &Submission) -> ReplayedOrder {
        let number = self.requests + 1;
        let context = DecisionContext {
            now: Timestamp::from_millis(number),
            entropy: u128::from(number),
            sequence: number,
            tokens_revoked: None,
        };
        let found = |claim: &Claim| {
            self.profiles.iter().find(|profile| match &claim.target {
                ProfileRef::Id(id) => profile.id == *id,
                ProfileRef::Identifier(identifier) => profile.identifiers.holds(identifier),
            })
        };
        let reached: Vec<Option<&StoredProfile>> =
            submission.claims.made().iter().map(found).collect();
        let Ok(decision) = decide(submission, &reached, context) else {
            // Nothing of a refused import is stored.
            return ReplayedOrder { requests: number, accepts_every_claim: false, ..self.clone() };
        };
        let replaced = decision.merges.iter().map(|merge| merge.absorbed.id);
        let written: Vec<StoredProfile> =
            decision.profile.into_iter().chain(decision.yielding).collect();
        let replaced: Vec<ProfileId> =
            replaced.chain(written.iter().map(|profile| profile.id)).collect();
        let kept = self.profiles.iter().filter(|profile| !replaced.contains(&profile.id));
        ReplayedOrder {
            profiles: kept.cloned().chain(written).collect(),
            requests: number,
            accepts_every_claim: self.accepts_every_claim && accepts_every_claim(&decision.outcome),
        }
    }

    /// The identifiers of each profile.
    fn partition(&self, identifiers: &[Identifier]) -> Vec<IdentifierSet> {
        let held = |profile: &StoredProfile| {
            let bits = identifiers.iter().enumerate();
            let bits = bits.filter(|(_, identifier)| profile.identifiers.holds(identifier));
            bits.fold(0, |set, (bit, _)| set | 1 << bit)
        };
        let mut groups: Vec<IdentifierSet> = self.profiles.iter().map(held).collect();
        groups.sort_unstable();
        groups
    }
}

fn accepts_every_claim(outcome: &Outcome) -> bool {
    let is_accepted = |result: ClaimResult| {
        matches!(result, ClaimResult::Matched | ClaimResult::Attached | ClaimResult::Absorbed(_))
    };
    outcome.claims.iter().all(|claim| is_accepted(claim.result))
}

/// The identifiers that these requests name together, directly or through others.
fn components(named: impl Iterator<Item = IdentifierSet>) -> Vec<IdentifierSet> {
    let mut groups: Vec<IdentifierSet> = Vec::new();
    for mut group in named {
        groups.retain(|other| {
            let meets = other & group != 0;
            group |= if meets { *other } else { 0 };
            !meets
        });
        groups.push(group);
    }
    groups.sort_unstable();
    groups
}

/// What all orders of one set of requests show.
#[derive(Clone, Copy, Default)]
struct SetResult {
    /// Whether there is an order that accepts every claim.
    is_accepted: bool,
    /// Whether there is an order that leads to other profiles than who was named together.
    differs: bool,
}

/// How many sets of a universe show what.
#[derive(Debug, Eq, PartialEq)]
struct Counts {
    sets: usize,
    accepted: usize,
    /// Those of them of which another order leads to other profiles.
    decided_by_order: usize,
}

/// The search through all orders of all sets of a universe.
struct Search<'u> {
    universe: &'u Universe,
    identifiers: Vec<Identifier>,
    requests: Vec<PossibleRequest>,
    /// The results, by the positions of the requests of a set, one bit each.
    results: HashMap<u64, SetResult>,
}

impl Search<'_> {
    fn of(universe: &Universe) -> Search<'_> {
        let identifier = |(kind, number): (usize, usize)| {
            notation::identifier(KINDS[kind], &(number + 1).to_string()).unwrap()
        };
        let identifiers = universe.identifiers().into_iter().map(identifier).collect();
        let requests = universe.requests();
        Search { universe, identifiers, requests, results: HashMap::new() }
    }

    fn counts(mut self) -> Counts {
        self.extend(&ReplayedOrder::new(), 0);
        let results = || self.results.values().filter(|result| result.is_accepted);
        let decided_by_order = results().filter(|result| result.differs).count();
        Counts { sets: self.results.len(), accepted: results().count(), decided_by_order }
    }

    /// Sends each other request after those of this set, which led to this order.
    fn extend(&mut self, order: &ReplayedOrder, set: u64) {
        let size = set.count_ones() as usize;
        if self.universe.sizes.contains(&size) {
            self.record(order, set);
        }
        if size == *self.universe.sizes.end() {
            return;
        }
        for position in 0..self.requests.len() {
            if set & (1 << position) == 0 {
                let next = order.after(&self.requests[position].submission);
                self.extend(&next, set | 1 << position);
            }
        }
    }

    fn record(&mut self, order: &ReplayedOrder, set: u64) {
        let all = self.requests.iter().enumerate();
        let named = all.filter(|(position, _)| set & (1 << position) != 0);
        let expected = components(named.map(|(_, request)| request.named));
        let differs = order.partition(&self.identifiers) != expected;
        assert!(!(order.accepts_every_claim && differs), "{}", self.universe.description);
        let result = self.results.entry(set).or_default();
        result.is_accepted |= order.accepts_every_claim;
        result.differs |= differs;
    }
}

const ONE_PERSON: &str = "one of each kind";
const WITH_SUBJECTS: &str = "an external id, an address, a device, also in `meta.identifiers`";
const TWO_PEOPLE: &str = "two external ids, addresses and devices";
const THREE_CUSTOMERS: &str = "three external ids, an address, a device";

const UNIVERSES: &[Universe] = &[
    universe(ONE_PERSON, [1, 1, 1, 1], 2..=4, Senders::Clients),
    universe(ONE_PERSON, [1, 1, 1, 1], 2..=4, Senders::Imports),
    universe(ONE_PERSON, [1, 1, 1, 1], 2..=3, Senders::Both),
    Universe {
        has_subjects: true,
        ..universe(WITH_SUBJECTS, [1, 1, 0, 1], 2..=3, Senders::Clients)
    },
    universe(TWO_PEOPLE, [2, 2, 0, 2], 2..=3, Senders::Clients),
    universe(TWO_PEOPLE, [2, 2, 0, 2], 2..=3, Senders::Imports),
    universe(THREE_CUSTOMERS, [3, 1, 0, 1], 2..=4, Senders::Clients),
];

const fn universe(
    description: &'static str,
    values: [usize; 4],
    sizes: RangeInclusive<usize>,
    senders: Senders,
) -> Universe {
    let choice = DifferentExternalId::SameProfile;
    Universe { description, values, sizes, senders, has_subjects: false, choice }
}

/// The row of a universe. The choice about a different external id makes no difference for it.
fn row(universe: &Universe) -> String {
    let Universe { description, values, sizes, senders, .. } = universe;
    let counts = Search::of(universe).counts();
    if 1 < values[0] {
        let choice = DifferentExternalId::NewProfile;
        let other = Universe { choice, sizes: sizes.clone(), ..*universe };
        assert_eq!(Search::of(&other).counts(), counts, "{description}");
    }
    let Counts { sets, accepted, decided_by_order } = counts;
    let (least, most, senders) = (sizes.start(), sizes.end(), senders.name());
    format!(
        "| {description} | {senders} | {least} to {most} | {sets} | {accepted} | {decided_by_order} |"
    )
}

#[test]
fn what_is_named_together_is_one_profile_in_each_order_that_accepts_every_claim() {
    let rows: Vec<String> = UNIVERSES.iter().map(row).collect();
    let (_, table) = DOCUMENT.split_once("<!-- orders -->").unwrap();
    let (table, _) = table.split_once("<!-- /orders -->").unwrap();
    let documented: Vec<&str> = table.trim().lines().skip(2).collect();
    assert_eq!(rows, documented, "\n{}", rows.join("\n"));
}
