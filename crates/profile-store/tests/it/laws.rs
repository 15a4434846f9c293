//! Laws that hold for every sequence of requests.

use std::collections::{BTreeMap, HashSet};

use profile_store::{
    ClaimResult, Effect, Identifier, Outcome, Profile, ProfileRef, Rules, Sentinels,
};
use proptest::prelude::*;

use crate::{
    clockwork::EPOCH,
    model::Model,
    people::{Asked, identifier},
    world::{World, contents, wait},
};

/// Bounds small enough that short sequences meet them.
pub(crate) const TIGHT: Rules = Rules {
    anonymous_ids: 3,
    secondary_emails: 2,
    merges: 4,
    sentinels: Sentinels { added: Vec::new(), removed: Vec::new() },
    protect: false,
};

fn chosen(from: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(from).prop_map(str::to_owned)
}

/// At most one identifier of each kind, of few.
fn identifiers(often: f64) -> impl Strategy<Value = Vec<(String, String)>> {
    let maybe = |share: f64, kind: &'static str, from: &'static [&'static str]| {
        prop::option::weighted(
            share * often,
            chosen(from).prop_map(move |text| (kind.into(), text)),
        )
    };
    (
        maybe(0.1, "id", &["0", "1", "2", "3", "99", "old"]),
        maybe(0.1, "kx", &["0", "1", "2", "99", "expired"]),
        maybe(0.4, "x", &["1", "2", "3"]),
        maybe(0.5, "e", &["ann", "bob", "cat", "dan"]),
        maybe(0.4, "p", &["5", "6", "7"]),
        maybe(0.6, "a", &["tab", "pad", "web", "app", "tv"]),
    )
        .prop_map(|(id, token, external, email, phone, device)| {
            [id, token, external, email, phone, device].into_iter().flatten().collect()
        })
}

fn facts() -> impl Strategy<Value = Vec<(String, String)>> {
    let names = chosen(&["name", "city", "zip", "tz", "plan", "size"]);
    prop::collection::btree_map(names, chosen(&["", "one", "two"]), 0..4)
        .prop_map(|facts: BTreeMap<String, String>| facts.into_iter().collect())
}

/// Requests about few people, by clients and by the company itself.
pub(crate) fn requests() -> impl Strategy<Value = Asked> {
    let emails = || prop::collection::vec(chosen(&["ann", "bob", "cat", "dan", "eve"]), 0..4);
    let secondary = prop::option::weighted(0.2, (emails(), emails()));
    let parts = (any::<bool>(), identifiers(0.3), identifiers(1.0), secondary, facts());
    parts
        .prop_map(|(server, subject, attributes, secondary, facts)| {
            let (append, unappend) = secondary.unwrap_or_default();
            Asked { server, subject, attributes, append, unappend, facts, ..Asked::default() }
        })
        .prop_filter("somebody is named", |asked| {
            !asked.subject.is_empty() || !asked.attributes.is_empty()
        })
}

pub(crate) fn sequences() -> impl Strategy<Value = Vec<Asked>> {
    prop::collection::vec(requests(), 1..20)
}

/// What is known of everybody who lives, and the ids that lead to them.
fn everybody(world: &World) -> Vec<String> {
    (0..world.known.len()).map(|number| world.about(number)).collect()
}

/// A profile apart from the note of its newest outcome.
fn without_outcome(profile: Profile) -> Profile {
    Profile { last_outcome: None, ..profile }
}

fn holder(world: &World, identifier: &Identifier) -> Option<Profile> {
    wait(world.store.find(&world.company, identifier)).unwrap()
}

fn profiles(world: &World) -> Vec<Profile> {
    (0..world.known.len()).map(|number| without_outcome(world.profile(number))).collect()
}

fn is_refused(result: ClaimResult) -> bool {
    matches!(result, ClaimResult::Refused(_))
}

/// Whether what a request changes may change whom it is about: it names its
/// subject by a device, or the company gives the subject another identifier than
/// the one it is named by, or secondary addresses that bring more.
fn is_loose(asked: &Asked) -> bool {
    let renamed = |(kind, text): &(String, String)| {
        asked.attributes.iter().any(|(other, told)| other == kind && told != text)
    };
    let by_device = asked.subject.iter().any(|(kind, _)| kind == "a");
    by_device || asked.server && (!asked.append.is_empty() || asked.subject.iter().any(renamed))
}

/// The laws, over one engine. Opening a database for each of hundreds of cases
/// takes its time, so there are fewer of them on disk.
macro_rules! laws {
    ($engine:ident, $cases:expr, $world:expr) => {
        mod $engine {
            use super::*;

            fn world(rules: Rules) -> World {
                $world(rules)
            }

            proptest! {
                #![proptest_config(ProptestConfig::with_cases($cases))]

                #[test]
                fn the_store_decides_as_the_rules_read(sequence in sequences()) {
                    let (mut world, mut model) = (world(TIGHT), Model::new(TIGHT));
                    for asked in &sequence {
                        let outcome = world.ask(asked);
                        prop_assert_eq!(world.told(&outcome), model.ask(asked), "{:?}", asked);
                    }
                    prop_assert_eq!(world.known.len(), model.ever());
                    for number in 0..model.ever() {
                        let profile = world.profile(number);
                        prop_assert_eq!(profile.id, world.known[model.living(number)]);
                        prop_assert_eq!(world.about(number), model.about(number));
                        let times = (profile.created.millis() - EPOCH, profile.updated.millis() - EPOCH);
                        prop_assert_eq!(times, model.times(number));
                    }
                    world.is_sound();
                }

                #[test]
                fn each_identifier_leads_to_the_one_living_profile_that_holds_it(sequence in sequences()) {
                    let mut world = world(TIGHT);
                    for asked in &sequence {
                        world.ask(asked);
                    }
                    let all = [
                        ("x", &["1", "2", "3"][..]),
                        ("e", &["ann", "bob", "cat", "dan", "eve"]),
                        ("p", &["5", "6", "7"]),
                        ("a", &["tab", "pad", "web", "app", "tv"]),
                    ];
                    let living = profiles(&world);
                    for (kind, texts) in all {
                        for text in texts {
                            let identifier = identifier(kind, text).unwrap();
                            let mut holders: Vec<_> = living
                                .iter()
                                .filter(|profile| profile.identifiers.holds(&identifier))
                                .map(|profile| profile.id)
                                .collect();
                            holders.sort();
                            holders.dedup();
                            let found = holder(&world, &identifier).map(|profile| profile.id);
                            prop_assert!(holders.len() <= 1);
                            prop_assert_eq!(holders.first().copied(), found);
                        }
                    }
                }

                #[test]
                fn no_identifier_is_lost_to_clients_while_there_is_room(sequence in sequences()) {
                    let mut world = world(Rules::default());
                    let mut taken_up = HashSet::new();
                    for asked in sequence.into_iter().map(|asked| Asked { server: false, ..asked }) {
                        let claims = world.submission(&asked).claims;
                        let outcome = world.ask(&asked);
                        for (claim, told) in claims.made().iter().zip(outcome.claims) {
                            if let (ProfileRef::Identifier(identifier), false) =
                                (&claim.target, matches!(told.result, ClaimResult::Ignored(_)))
                            {
                                taken_up.insert(identifier.clone());
                            }
                        }
                        for identifier in &taken_up {
                            prop_assert!(holder(&world, identifier).is_some_and(|one| one.identifiers.holds(identifier)));
                        }
                    }
                }

                #[test]
                fn absorbed_ids_resolve_in_one_hop(sequence in sequences()) {
                    let mut world = world(Rules { merges: 100, ..TIGHT });
                    for asked in &sequence {
                        let before = profiles(&world);
                        let outcome = world.ask(asked);
                        let survivor = outcome.survivor;
                        for (number, profile) in before.iter().enumerate() {
                            // Whoever led to the survivor or to an absorbed profile leads to the survivor.
                            let moved = outcome.absorbed().any(|id| id == profile.id);
                            let expected = if moved { survivor.unwrap() } else { profile.id };
                            prop_assert_eq!(world.profile(number).id, expected);
                        }
                    }
                }

                #[test]
                fn a_request_carried_out_twice_equals_it_carried_out_once(sequence in sequences()) {
                    let mut world = world(TIGHT);
                    for asked in &sequence {
                        let first = world.ask(asked);
                        if is_loose(asked) && first.claims.iter().any(|claim| is_refused(claim.result)) {
                            // Part of what it names is somebody else's. Asked again, it may be
                            // about that person.
                            continue;
                        }
                        let once = profiles(&world);
                        let second = world.ask(asked);
                        let effect = match first.effect {
                            Effect::Unidentified => Effect::Unidentified,
                            _ => Effect::Unchanged,
                        };
                        prop_assert_eq!(second.effect, effect, "{:?}: {}", asked, world.told(&second));
                        prop_assert_eq!(second.survivor, first.survivor);
                        prop_assert_eq!(profiles(&world), once);
                    }
                }

                #[test]
                fn what_is_told_of_a_claim_is_true(sequence in sequences()) {
                    let mut world = world(TIGHT);
                    for asked in &sequence {
                        let submission = world.submission(asked);
                        let claims = submission.claims.clone();
                        let Outcome { survivor, claims: told, .. } = world.ask(asked);
                        for (claim, told) in claims.made().iter().zip(told) {
                            let ProfileRef::Identifier(identifier) = &claim.target else { continue };
                            let found = holder(&world, identifier).map(|profile| profile.id);
                            match told.result {
                                ClaimResult::Attached | ClaimResult::Replaced => prop_assert_eq!(found, survivor),
                                ClaimResult::Refused(_) => prop_assert!(found.is_some() && found != survivor),
                                _ => {}
                            }
                        }
                    }
                }

                #[test]
                fn companies_never_see_each_other(sequence in sequences(), whose in prop::collection::vec(any::<bool>(), 20)) {
                    let mut both = world(TIGHT);
                    let (mut known, mut alone) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
                    // The one name begins with the other.
                    let names = ["DEMO", "DEMO1"];
                    for (asked, second) in sequence.iter().zip(&whose) {
                        let company = usize::from(*second);
                        both.company = names[company].parse().unwrap();
                        both.known = std::mem::take(&mut known[company]);
                        alone[company].push((asked, both.ask(asked)));
                        known[company] = std::mem::take(&mut both.known);
                    }
                    for company in [0, 1] {
                        both.company = names[company].parse().unwrap();
                        both.known = known[company].clone();
                        let mut separate = world(TIGHT);
                        for (asked, outcome) in &alone[company] {
                            let told = both.told(outcome);
                            let outcome = separate.ask(asked);
                            prop_assert_eq!(separate.told(&outcome), told);
                        }
                        prop_assert_eq!(everybody(&separate), everybody(&both));
                    }
                    both.is_sound();
                }

                #[test]
                fn requests_of_one_batch_are_decided_as_if_one_by_one(sequence in sequences(), split in 0usize..20) {
                    let (mut together, mut separate) = (world(TIGHT), world(TIGHT));
                    let (before, batch) = sequence.split_at(split.min(sequence.len() - 1));
                    for asked in before {
                        together.ask(asked);
                        separate.ask(asked);
                    }
                    // Those of a batch know the ids that were known before it.
                    let submissions: Vec<_> = batch.iter().map(|asked| separate.submission(asked)).collect();
                    let outcomes = together.say_together(batch);
                    let ahead = separate.ahead();
                    separate.submit(ahead).unwrap();
                    separate.known.truncate(separate.known.len() - 1);
                    let one_by_one: Vec<Outcome> =
                        submissions.into_iter().map(|one| separate.submit(one).unwrap()).collect();
                    prop_assert_eq!(outcomes, one_by_one);
                    prop_assert_eq!(together.outcomes(), separate.outcomes());
                    // A reader may begin and end in the midst of what is recorded together.
                    let all = separate.outcomes();
                    for after in 0..=all.len() {
                        let some = together.store.outcomes(&together.company, after as u64, 2);
                        let expected: Vec<Outcome> = all.iter().skip(after).take(2).cloned().collect();
                        prop_assert_eq!(wait(some).unwrap(), expected);
                    }
                    // How outcomes are recorded tells which of them were decided together.
                    let all_but_outcomes = |world: &World| {
                        let mut all = contents(world.engine.as_ref());
                        all.retain(|(key, _)| !key.starts_with(b"DEMO01\0o"));
                        all
                    };
                    prop_assert_eq!(all_but_outcomes(&together), all_but_outcomes(&separate));
                }
            }

            /// Requests about people none of whom is taken for another: each identifier
            /// belongs to one person, a person has one of each kind, and some devices.
            mod without_conflict {
                use super::*;

                /// What a request names of a person: which of their identifiers.
                #[derive(Clone, Copy, Debug)]
                pub(super) struct NamedPerson {
                    person: usize,
                    kinds: [bool; 3],
                    device: Option<usize>,
                }

                fn all() -> impl Strategy<Value = NamedPerson> {
                    (0usize..3, any::<[bool; 3]>(), prop::option::of(0usize..3))
                        .prop_map(|(person, kinds, device)| NamedPerson { person, kinds, device })
                }

                pub(super) fn words(named: &NamedPerson, anchored: bool) -> Vec<(String, String)> {
                    let NamedPerson { person, kinds, device } = *named;
                    let mut words: Vec<(String, String)> = ["x", "e", "p"]
                        .into_iter()
                        .zip(kinds)
                        .filter(|(kind, said)| *said || (anchored && *kind == "x"))
                        .map(|(kind, _)| (kind.into(), format!("{}", person + 1)))
                        .collect();
                    words.extend(device.map(|device| ("a".into(), format!("tab-{person}-{device}"))));
                    words
                }

                pub(super) fn asked(named: &NamedPerson, anchored: bool) -> Asked {
                    Asked { attributes: words(named, anchored), ..Asked::default() }
                }

                pub(super) fn sequences() -> impl Strategy<Value = Vec<NamedPerson>> {
                    prop::collection::vec(all(), 1..12).prop_map(|mut all| {
                        all.retain(|named| named.device.is_some() || named.kinds.contains(&true));
                        all
                    })
                }

                /// Who is one person by these requests alone: what is named together belongs
                /// together, however it came to be known.
                pub(super) fn components(sequence: &[NamedPerson], anchored: bool) -> Vec<Vec<String>> {
                    let mut groups: Vec<Vec<String>> = Vec::new();
                    for named in sequence {
                        let mut joined: Vec<String> = words(named, anchored)
                            .into_iter()
                            .map(|(kind, text)| format!("{kind}:{text}"))
                            .collect();
                        groups.retain(|group| {
                            let touched = group.iter().any(|word| joined.contains(word));
                            if touched {
                                joined.extend(group.iter().cloned());
                            }
                            !touched
                        });
                        joined.sort();
                        joined.dedup();
                        groups.push(joined);
                    }
                    groups.sort();
                    groups
                }

                /// The same of a store.
                pub(super) fn partition(world: &World) -> Vec<Vec<String>> {
                    let mut groups: Vec<Vec<String>> = (0..world.known.len())
                        .map(|number| {
                            let identifiers = crate::people::holds(&world.profile(number).identifiers);
                            let mut words: Vec<String> = identifiers.split(' ').map(str::to_owned).collect();
                            words.sort();
                            words
                        })
                        .collect();
                    groups.sort();
                    groups.dedup();
                    groups
                }
            }

            proptest! {
                #[test]
                fn where_no_claim_was_turned_away_people_are_who_was_named_together(
                    sequence in without_conflict::sequences(),
                ) {
                    let mut world = world(Rules::default());
                    let mut turned_away = false;
                    for named in &sequence {
                        let outcome = world.ask(&without_conflict::asked(named, false));
                        turned_away |= outcome.claims.iter().any(|claim| {
                            matches!(claim.result, ClaimResult::Refused(_) | ClaimResult::Ignored(_))
                        });
                    }
                    if !turned_away {
                        let expected = without_conflict::components(&sequence, false);
                        prop_assert_eq!(without_conflict::partition(&world), expected);
                    }
                }

                #[test]
                fn requests_without_conflict_give_the_same_people_in_any_order(
                    (sequence, shuffled) in without_conflict::sequences()
                        .prop_flat_map(|sequence| (Just(sequence.clone()), Just(sequence).prop_shuffle())),
                ) {
                    let mut partitions = Vec::new();
                    for order in [&sequence, &shuffled] {
                        let mut world = world(Rules::default());
                        for named in order {
                            world.ask(&without_conflict::asked(named, true));
                        }
                        partitions.push(without_conflict::partition(&world));
                    }
                    prop_assert_eq!(&partitions[0], &partitions[1]);
                    prop_assert_eq!(&partitions[0], &without_conflict::components(&sequence, true));
                }
            }
        }
    };
}

laws!(memory, 256, World::with_rules);
laws!(sled, 12, World::on_disk);
