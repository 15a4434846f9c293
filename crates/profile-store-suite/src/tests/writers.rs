//! Since when a person has each identifier, and who brought or took it.

use std::collections::{BTreeMap, BTreeSet};

use profile_protocol::ProfileId;
use profile_store::{Caller, LostIdentifier, Profile, SingleKinds, ValueSource, WrittenPart};
use proptest::prelude::*;

use crate::{
    engines::Engines,
    generators::{SMALL_LIMITS, requests_with_intents},
    harness::{StoreHarness, wait},
    notation::TestRequest,
};

fn writers(harness: &StoreHarness, profile: &Profile) -> Vec<ValueSource> {
    wait(harness.store.writers(&harness.company, profile)).unwrap()
}

/// The name of an identifier in these tests; none for an attribute.
fn name(part: &WrittenPart) -> Option<String> {
    match part {
        WrittenPart::Identifier(kind) => Some(kind.name().to_owned()),
        WrittenPart::SecondaryEmail(email) => Some(format!("+{}", email.as_str())),
        WrittenPart::Device(id) => Some(format!("a:{}", id.as_str())),
        WrittenPart::Attribute(_) => None,
    }
}

/// The identifiers of the first profile, with who brought each, and by which outcome.
fn brought(harness: &StoreHarness) -> Vec<String> {
    let shown = |source: ValueSource| {
        let outcome = source.written.map_or("-".to_owned(), |(_, number)| number.to_string());
        Some(format!("{} {} {outcome}", name(&source.part)?, source.by.as_str()))
    };
    writers(harness, &harness.profile(0)).into_iter().filter_map(shown).collect()
}

/// Sends requests, and sees who brought each identifier of the first profile.
#[track_caller]
fn assert_brought(engines: &Engines, requests: &[&str], expected: &[&str]) {
    let mut harness = StoreHarness::new(engines);
    for words in requests {
        harness.try_send(words);
    }
    assert_eq!(brought(&harness), expected, "{requests:?}");
}

pub fn an_identifier_tells_which_request_brought_it(engines: &Engines) {
    assert_brought(
        engines,
        &["e:ann a:tab", "server e:ann +e:bob", "server e:ann +e:cat p:5", "e:ann a:pad"],
        &[
            "phone_number server 3",
            "email server 1",
            "+bob@example.com server 2",
            "+cat@example.com server 3",
            "a:pad client 4",
            "a:tab client 1",
        ],
    );
    // A merge brings what the other profile had, and nothing else.
    assert_brought(
        engines,
        &["server x:1 +e:bob", "server e:ann +e:cat a:tab", "import x:1 e:ann"],
        &[
            "email server 3",
            "external_id server 1",
            "+bob@example.com server 1",
            "+cat@example.com server 3",
            "a:tab server 2",
        ],
    );
    // Which of the two addresses left the list is not known, so neither time is.
    assert_brought(
        engines,
        &["server x:1 +e:ann", "server x:1 +e:bob", "server x:1 -e:ann", "server x:1 +e:cat"],
        &["external_id server 1", "+bob@example.com server -", "+cat@example.com server 4"],
    );
}

pub fn a_lost_identifier_tells_which_request_took_it(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["server x:1 e:ann p:5", "e:bob", "update:0 e:cat", "import x:1 p:6"] {
        harness.try_send(words);
    }
    let profile = harness.profile(0);
    let former = wait(harness.store.former_identifiers(&harness.company, &profile)).unwrap();
    let shown = |lost: &LostIdentifier| {
        let loss = lost.loss.unwrap();
        assert!(profile.created < loss.at);
        assert_eq!(loss.by, Caller::Server);
        (lost.identifier.as_str().to_owned(), loss.sequence)
    };
    let shown: Vec<(String, u64)> = former.iter().map(shown).collect();
    let expected = [("ann@example.com", 3), ("+15005550005", 4)];
    assert_eq!(shown, expected.map(|(text, number)| (text.to_owned(), number)));
}

pub fn a_merge_tells_whose_request_led_to_it(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["e:ann", "a:tab", "e:ann a:tab", "server p:5"] {
        harness.try_send(words);
    }
    harness.merge(0, 2).unwrap();
    let merges = wait(harness.store.merges(&harness.company, &harness.profile(0))).unwrap();
    let by: Vec<Option<Caller>> = merges.iter().map(|merge| merge.by).collect();
    assert_eq!(by, [Some(Caller::Client), Some(Caller::Server)]);
}

/// What the company does after a request, with the numbers of profiles.
#[derive(Clone, Debug)]
enum CompanyStep {
    Nothing,
    Undo(usize),
    Merge(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<(TestRequest, CompanyStep)>> {
    let after = prop_oneof![
        8 => Just(CompanyStep::Nothing),
        1 => (0..6_usize).prop_map(CompanyStep::Undo),
        1 => (0..6_usize, 0..6_usize).prop_map(|(one, other)| CompanyStep::Merge(one, other)),
    ];
    prop::collection::vec((requests_with_intents(), after), 1..25)
}

/// The number of the outcome of what the company did, if it did anything.
fn after(harness: &StoreHarness, step: &CompanyStep) -> Option<u64> {
    let exists = |number: usize| number < harness.created.len();
    match *step {
        CompanyStep::Undo(number) if exists(number) => {
            harness.undo(number).ok().map(|undone| undone.outcome.sequence)
        }
        CompanyStep::Merge(one, other) if exists(one) && exists(other) => {
            harness.merge(one, other).ok().map(|outcome| outcome.sequence)
        }
        CompanyStep::Nothing | CompanyStep::Undo(_) | CompanyStep::Merge(..) => None,
    }
}

/// The identifiers of a profile that may tell a time, each with its value.
fn held(profile: &Profile) -> BTreeMap<String, String> {
    let single = |kind| Some((WrittenPart::Identifier(kind), profile.identifiers.single(kind)?));
    let singles = SingleKinds::ALL.into_iter().filter_map(single);
    let singles = singles.map(|(part, value)| (name(&part), value.as_str().to_owned()));
    let emails = profile.identifiers.secondary_emails.iter();
    let emails = emails.map(|email| (format!("+{}", email.as_str()), String::new()));
    singles.filter_map(|(name, value)| Some((name?, value))).chain(emails).collect()
}

/// Which outcome brought what each profile holds.
type Brought = BTreeMap<(ProfileId, String, String), u64>;

/// Takes in that the outcome with this number may have changed what profiles hold. One that is
/// merged into another keeps what it had until the merge is undone.
fn follow(harness: &StoreHarness, brought: &mut Brought, number: u64) {
    let profiles: Vec<Profile> = (0..harness.created.len()).map(|n| harness.profile(n)).collect();
    let all = profiles.iter().flat_map(|profile| {
        held(profile).into_iter().map(|(name, value)| (profile.id, name, value))
    });
    let all: BTreeSet<_> = all.collect();
    let living: BTreeSet<ProfileId> = profiles.iter().map(|profile| profile.id).collect();
    brought.retain(|held, _| all.contains(held) || !living.contains(&held.0));
    for held in all {
        brought.entry(held).or_insert(number);
    }
}

pub fn no_identifier_tells_a_request_that_did_not_bring_it(engines: &Engines) {
    engines.check(steps(), |steps| {
        let mut harness = StoreHarness::with_settings(engines, SMALL_LIMITS);
        let mut all = Brought::new();
        for (request, company) in steps {
            let submission = harness.submission(&request);
            if let Ok(outcome) = harness.submit(submission) {
                follow(&harness, &mut all, outcome.sequence);
            }
            if let Some(number) = after(&harness, &company) {
                follow(&harness, &mut all, number);
            }
        }
        for number in 0..harness.created.len() {
            let profile = harness.profile(number);
            let values = held(&profile);
            for ValueSource { part, written, .. } in writers(&harness, &profile) {
                let named = name(&part).and_then(|name| Some((values.get(&name)?.clone(), name)));
                if let (Some((value, name)), Some((_, told))) = (named, written) {
                    let known = all.get(&(profile.id, name, value)).copied();
                    prop_assert_eq!(known, Some(told), "{:?} of {:?}", part, profile.id);
                }
            }
        }
        Ok(())
    });
}
