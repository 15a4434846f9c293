//! Laws that hold for every sequence of requests.

use std::{cell::Cell, collections::HashSet};

use profile_store::{
    ClaimResult, Effect, Identifier, IdentitySettings, Outcome, Profile, ProfileRef, Refused,
    Submission,
};
use proptest::prelude::*;

use crate::generators::{SMALL_LIMITS, sequences, small_limits};
use crate::{
    engines::Engines,
    harness::{StoreHarness, contents, unprotected, wait},
    model::IdentityModel,
    notation::{TestRequest, identifier},
    simulated_ids::EPOCH,
    without_conflict,
};

/// The identifiers and attributes of each profile, by the number of each id.
fn all_profiles(harness: &StoreHarness) -> Vec<String> {
    (0..harness.created.len()).map(|number| harness.about(number)).collect()
}

/// A profile without the number of its newest outcome, and without when its devices were seen.
fn without_traces(mut profile: Profile) -> Profile {
    for device in &mut profile.identifiers.devices {
        device.seen = device.attached;
    }
    profile.identifiers.devices.sort_by(|one, other| one.id.cmp(&other.id));
    Profile { last_outcome: None, ..profile }
}

fn holder(harness: &StoreHarness, identifier: &Identifier) -> Option<Profile> {
    wait(harness.store.find(&harness.company, identifier)).unwrap()
}

fn profiles(harness: &StoreHarness) -> Vec<Profile> {
    (0..harness.created.len()).map(|number| without_traces(harness.profile(number))).collect()
}

fn is_refused(result: ClaimResult) -> bool {
    matches!(result, ClaimResult::Refused(_))
}

fn is_moved(result: ClaimResult) -> bool {
    matches!(result, ClaimResult::Moved(_))
}

/// Whether what a request changes may change target it is about: it names its
/// subject by a device, or the company gives the subject another identifier than
/// the one it is named by, or secondary addresses that bring more.
fn is_loose(request: &TestRequest) -> bool {
    let renamed = |(kind, text): &(String, String)| {
        request.attributes.iter().any(|(other, told)| other == kind && told != text)
    };
    let by_device = request.subject.iter().any(|(kind, _)| kind == "a");
    by_device
        || request.server && (!request.append.is_empty() || request.subject.iter().any(renamed))
}

pub fn the_store_decides_as_the_model(engines: &Engines) {
    engines.check((small_limits(), sequences()), |(settings, sequence)| {
        let mut model = IdentityModel::new(settings.clone());
        let mut harness = StoreHarness::with_settings(engines, settings);
        for request in &sequence {
            let outcome = harness.send_request(request);
            prop_assert_eq!(harness.describe(&outcome), model.decide(request), "{:?}", request);
        }
        prop_assert_eq!(harness.created.len(), model.created_count());
        for number in 0..model.created_count() {
            let profile = harness.profile(number);
            prop_assert_eq!(profile.id, harness.created[model.survivor_of(number)]);
            prop_assert_eq!(harness.about(number), model.about(number));
            let times = (profile.created.millis() - EPOCH, profile.updated.millis() - EPOCH);
            prop_assert_eq!(times, model.times(number));
        }
        harness.assert_sound();
        Ok(())
    });
}

pub fn each_identifier_leads_to_the_one_profile_that_holds_it(engines: &Engines) {
    engines.check((small_limits(), sequences()), |(settings, sequence)| {
        let mut harness = StoreHarness::with_settings(engines, settings);
        for request in &sequence {
            harness.send_request(request);
        }
        let all = [
            ("x", &["1", "2", "3"][..]),
            ("e", &["ann", "bob", "cat", "dan", "eve"]),
            ("p", &["5", "6", "7"]),
            ("a", &["tab", "pad", "web", "app", "tv"]),
        ];
        let living = profiles(&harness);
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
                let found = holder(&harness, &identifier).map(|profile| profile.id);
                prop_assert!(holders.len() <= 1);
                prop_assert_eq!(holders.first().copied(), found);
            }
        }
        Ok(())
    });
}

pub fn no_client_loses_an_identifier_below_the_limits(engines: &Engines) {
    engines.check(sequences(), |sequence| {
        let mut harness = StoreHarness::with_settings(engines, unprotected());
        let mut taken_up = HashSet::new();
        for request in sequence.into_iter().map(|request| TestRequest { server: false, ..request })
        {
            let claims = harness.submission(&request).claims;
            let outcome = harness.send_request(&request);
            for (claim, told) in claims.made().iter().zip(outcome.claims) {
                if let (ProfileRef::Identifier(identifier), false) =
                    (&claim.target, matches!(told.result, ClaimResult::Ignored(_)))
                {
                    taken_up.insert(identifier.clone());
                }
            }
            for identifier in &taken_up {
                prop_assert!(
                    holder(&harness, identifier)
                        .is_some_and(|one| one.identifiers.holds(identifier))
                );
            }
        }
        Ok(())
    });
}

pub fn absorbed_ids_resolve_in_one_hop(engines: &Engines) {
    engines.check(sequences(), |sequence| {
        let mut harness =
            StoreHarness::with_settings(engines, IdentitySettings { merges: 100, ..SMALL_LIMITS });
        for request in &sequence {
            let before = profiles(&harness);
            let outcome = harness.send_request(request);
            let survivor = outcome.survivor;
            for (number, profile) in before.iter().enumerate() {
                // An id of the survivor or of an absorbed profile leads to the survivor.
                let moved = outcome.absorbed().any(|id| id == profile.id);
                let expected = if moved { survivor.unwrap() } else { profile.id };
                prop_assert_eq!(harness.profile(number).id, expected);
            }
        }
        Ok(())
    });
}

pub fn a_sender_that_has_spent_its_merges_merges_nothing_and_may_merge_later(engines: &Engines) {
    let merged_later = Cell::new(0);
    engines.check((small_limits(), sequences()), |(settings, sequence)| {
        let mut harness = StoreHarness::with_settings(engines, settings);
        for request in &sequence {
            let submission = harness.submission(request);
            let claims = submission.claims.clone().without_merges();
            let spent = harness.submit(Submission { claims, ..submission }).unwrap();
            prop_assert_eq!(spent.absorbed().next(), None);
            let refused = ClaimResult::Refused(Refused::MergeRate);
            if spent.claims.iter().any(|claim| claim.result == refused) {
                let merged = harness.send_request(request).absorbed().count();
                merged_later.set(merged_later.get() + merged);
            }
        }
        Ok(())
    });
    assert!(0 < merged_later.get(), "no request would have merged");
}

pub fn a_request_carried_out_twice_equals_it_carried_out_once(engines: &Engines) {
    engines.check((small_limits(), sequences()), |(settings, sequence)| {
        let mut harness = StoreHarness::with_settings(engines, settings);
        for request in &sequence {
            let first = harness.send_request(request);
            let moves = first.claims.iter().any(|claim| is_moved(claim.result));
            let is_refused = first.claims.iter().any(|claim| is_refused(claim.result));
            // Without `protect`, a client may remove what the company knows.
            let both_known = ClaimResult::Refused(Refused::BothKnown);
            let is_known = first.claims.iter().any(|claim| claim.result == both_known);
            if is_known || (is_loose(request) || moves) && is_refused {
                // Part of what it names belongs to another profile, which the repeated
                // request may update.
                continue;
            }
            let once = profiles(&harness);
            let second = harness.send_request(request);
            let effect = match first.effect {
                Effect::Unidentified => Effect::Unidentified,
                Effect::Created | Effect::Updated | Effect::Unchanged => Effect::Unchanged,
                Effect::Unmerged
                | Effect::Deleted
                | Effect::NothingDeleted
                | Effect::TokensRevoked => {
                    panic!("no request does this")
                }
            };
            prop_assert_eq!(second.effect, effect, "{:?}: {}", request, harness.describe(&second));
            prop_assert_eq!(second.survivor, first.survivor);
            prop_assert_eq!(profiles(&harness), once);
        }
        Ok(())
    });
}

pub fn the_result_of_a_claim_is_true(engines: &Engines) {
    engines.check((small_limits(), sequences()), |(settings, sequence)| {
        let mut harness = StoreHarness::with_settings(engines, settings);
        for request in &sequence {
            let submission = harness.submission(request);
            let claims = submission.claims.clone();
            let Outcome { survivor, claims: told, .. } = harness.send_request(request);
            for (claim, told) in claims.made().iter().zip(told) {
                let ProfileRef::Identifier(identifier) = &claim.target else { continue };
                let found = holder(&harness, identifier).map(|profile| profile.id);
                match told.result {
                    ClaimResult::Attached | ClaimResult::Replaced | ClaimResult::Moved(_) => {
                        prop_assert_eq!(found, survivor);
                    }
                    ClaimResult::Refused(_) => prop_assert!(found.is_some() && found != survivor),
                    ClaimResult::Matched
                    | ClaimResult::Absorbed(_)
                    | ClaimResult::Restored(_)
                    | ClaimResult::Released
                    | ClaimResult::Ignored(_) => {}
                }
            }
        }
        Ok(())
    });
}

pub fn companies_never_see_each_other(engines: &Engines) {
    engines.check((sequences(), prop::collection::vec(any::<bool>(), 20)), |(sequence, whose)| {
        let mut both = StoreHarness::with_settings(engines, SMALL_LIMITS);
        let (mut known, mut alone) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
        // The one name begins with the other.
        let names = ["DEMO", "DEMO1"];
        for (request, second) in sequence.iter().zip(&whose) {
            let company = usize::from(*second);
            both.company = names[company].parse().unwrap();
            both.created = std::mem::take(&mut known[company]);
            alone[company].push((request, both.send_request(request)));
            known[company] = std::mem::take(&mut both.created);
        }
        for company in [0, 1] {
            both.company = names[company].parse().unwrap();
            both.created.clone_from(&known[company]);
            let mut separate = StoreHarness::with_settings(engines, SMALL_LIMITS);
            for (request, outcome) in &alone[company] {
                let told = both.describe(outcome);
                let outcome = separate.send_request(request);
                prop_assert_eq!(separate.describe(&outcome), told);
            }
            prop_assert_eq!(all_profiles(&separate), all_profiles(&both));
        }
        both.assert_sound();
        Ok(())
    });
}

pub fn requests_of_one_batch_are_decided_as_if_one_by_one(engines: &Engines) {
    engines.check((small_limits(), sequences(), 0usize..20), |(settings, sequence, split)| {
        let (mut together, mut separate) = (
            StoreHarness::with_settings(engines, settings.clone()),
            StoreHarness::with_settings(engines, settings),
        );
        let (before, batch) = sequence.split_at(split.min(sequence.len() - 1));
        for request in before {
            together.send_request(request);
            separate.send_request(request);
        }
        // Requests of a batch name the ids that were created before it.
        let submissions: Vec<_> =
            batch.iter().map(|request| separate.submission(request)).collect();
        let outcomes = together.send_together(batch);
        let ahead = separate.ahead();
        separate.submit(ahead).unwrap();
        separate.created.truncate(separate.created.len() - 1);
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
        // Outcomes of one batch share a segment.
        let all_but_outcomes = |harness: &StoreHarness| {
            let mut all = contents(harness.engine.as_ref());
            all.retain(|(key, _)| !key.starts_with(b"DEMO01\0o"));
            all
        };
        prop_assert_eq!(all_but_outcomes(&together), all_but_outcomes(&separate));
        Ok(())
    });
}

pub fn without_refused_claims_identifiers_named_together_are_one_profile(engines: &Engines) {
    engines.check(without_conflict::sequences(), |sequence| {
        let mut harness = StoreHarness::with_settings(engines, unprotected());
        let mut has_refused_claims = false;
        for named in &sequence {
            let outcome = harness.send_request(&without_conflict::written(named, false));
            has_refused_claims |= outcome.claims.iter().any(|claim| {
                matches!(claim.result, ClaimResult::Refused(_) | ClaimResult::Ignored(_))
            });
        }
        if !has_refused_claims {
            let expected = without_conflict::components(&sequence, false);
            prop_assert_eq!(without_conflict::partition(&harness), expected);
        }
        Ok(())
    });
}

pub fn requests_without_conflict_give_the_same_profiles_in_any_order(engines: &Engines) {
    engines.check(
        without_conflict::sequences()
            .prop_flat_map(|sequence| (Just(sequence.clone()), Just(sequence).prop_shuffle())),
        |(sequence, shuffled)| {
            let mut partitions = Vec::new();
            for order in [&sequence, &shuffled] {
                let mut harness = StoreHarness::with_settings(engines, unprotected());
                for named in order {
                    harness.send_request(&without_conflict::written(named, true));
                }
                partitions.push(without_conflict::partition(&harness));
            }
            prop_assert_eq!(&partitions[0], &partitions[1]);
            prop_assert_eq!(&partitions[0], &without_conflict::components(&sequence, true));
            Ok(())
        },
    );
}
