//! Intents: what the company's own server asks for is done whole, or not at all.

use profile_store::{ClaimOutcome, ClaimResult, Effect, ProfileRef};
use proptest::prelude::*;

use crate::generators::{intent_sequences, requests_with_intents};
use crate::{
    engines::Engines,
    generators::small_limits,
    harness::{StoreHarness, contents, wait},
    model::IdentityModel,
    notation::{TestIntent, TestRequest, parse_request},
};

fn told(engines: &Engines, stored: &[&str], request: &str) -> (String, String) {
    let mut harness = StoreHarness::new(engines);
    for words in stored {
        harness.send(&format!("server {words}"));
    }
    let told = harness.try_send(request);
    harness.assert_sound();
    (told, harness.about(0))
}

pub fn an_import_merges_where_it_may_and_is_otherwise_refused_whole(engines: &Engines) {
    let merges = told(engines, &["x:1", "e:ann"], "import x:1 e:ann name=Ann");
    assert_eq!(merges, ("updated 0: matched, absorbed 1".into(), "x:1 e:ann name=Ann".into()));
    let owns = told(engines, &["x:1", "x:2 e:ann"], "import x:1 e:ann p:5 name=Ann");
    assert_eq!(owns, ("duplicate 1".into(), "x:1".into()));
    let differs = told(engines, &["x:1 p:5", "p:6 e:ann"], "import x:1 e:ann name=Ann");
    assert_eq!(differs, ("duplicate 1".into(), "x:1 p:5".into()));
    let replaces = told(engines, &["x:1 e:ann"], "import x:1 e:bob");
    assert_eq!(replaces, ("updated 0: matched, replaced".into(), "x:1 e:bob".into()));
}

pub fn an_import_is_refused_where_a_merge_was_undone(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["x:1", "server e:ann", "x:1 e:ann"] {
        harness.send(words);
    }
    harness.undo(1).unwrap();
    assert_eq!(harness.try_send("import x:1 e:ann"), "duplicate 1");
}

pub fn an_import_of_an_unknown_id_is_refused(engines: &Engines) {
    assert_eq!(told(engines, &["x:1"], "import id:? name=Ann").0, "no profile has this id");
    assert_eq!(told(engines, &["x:1"], "import id:old name=Ann").0, "no profile has this id");
}

pub fn a_create_is_refused_if_a_claim_leads_to_a_profile(engines: &Engines) {
    assert_eq!(told(engines, &[], "create x:1 e:ann").0, "created 0: attached, attached");
    assert_eq!(told(engines, &["x:1", "e:ann"], "create e:ann x:1").0, "duplicate 0");
    assert_eq!(told(engines, &["x:1", "e:ann"], "create e:ann x:2").0, "duplicate 1");
    // A shared device does not determine the survivor, but still belongs to another profile.
    assert_eq!(told(engines, &["e:ann a:tab"], "create e:bob a:tab").0, "duplicate 0");
    assert_eq!(told(engines, &["e:ann +e:bob"], "create x:1 e:bob").0, "duplicate 0");
}

pub fn an_update_is_about_the_profile_with_its_id_and_no_other(engines: &Engines) {
    let replaced = told(engines, &["x:1 e:ann", "p:5"], "update:0 e:bob name=Ann");
    assert_eq!(replaced, ("updated 0: matched, replaced".into(), "x:1 e:bob name=Ann".into()));
    assert_eq!(told(engines, &["x:1", "e:ann"], "update:0 e:ann").0, "duplicate 1");
    assert_eq!(told(engines, &["x:1", "a:tab"], "update:0 a:tab").0, "duplicate 1");
    assert_eq!(told(engines, &["x:1"], "update:7 e:ann").0, "no profile has this id");
}

pub fn an_update_by_an_absorbed_id_updates_the_survivor(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["x:1", "e:ann", "x:1 e:ann"] {
        harness.send(words);
    }
    assert_eq!(harness.try_send("update:1 p:5"), "updated 0: matched, attached");
    assert_eq!(harness.about(1), "x:1 e:ann p:5");
}

pub fn an_update_makes_a_secondary_address_that_it_names_the_primary_one(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("server e:ann +e:bob");
    assert_eq!(harness.try_send("update:0 e:bob"), "updated 0: matched, replaced");
    assert_eq!(harness.about(0), "e:bob");
    assert_eq!(harness.leads_to("e:ann"), None);
    assert_eq!(harness.try_send("update:0 e:bob"), "unchanged 0: matched, matched");
    harness.assert_sound();
}

pub fn a_cleared_identifier_leads_to_no_profile_and_can_be_attached_to_another(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("x:1 e:ann p:5");
    assert_eq!(harness.try_send("update:0 e:-"), "updated 0: matched, released");
    assert_eq!((harness.about(0), harness.leads_to("e:ann")), ("x:1 p:5".into(), None));
    assert_eq!(harness.try_send("create e:ann"), "created 1: attached");
    assert_eq!(harness.try_send("import x:1 e:- p:-"), "updated 0: matched, released");
    assert_eq!(harness.about(0), "x:1");
    harness.assert_sound();
}

pub fn a_named_identifier_is_not_cleared_and_a_client_clears_none(engines: &Engines) {
    let named = told(engines, &["x:1 e:ann"], "import @x:1 @e:ann e:-");
    assert_eq!(named, ("unchanged 0: matched, matched".into(), "x:1 e:ann".into()));
    let client = told(engines, &["x:1 e:ann"], "x:1 e:-");
    assert_eq!(client, ("unchanged 0: matched".into(), "x:1 e:ann".into()));
}

pub fn an_address_that_is_cleared_may_stay_as_a_secondary_one(engines: &Engines) {
    let moved = told(engines, &["x:1 e:ann"], "import x:1 +e:ann e:-");
    assert_eq!(moved, ("updated 0: matched, matched, released".into(), "x:1 +e:ann".into()));
}

pub fn the_last_identifier_of_a_profile_is_not_taken_away(engines: &Engines) {
    let last = "the profile would have no identifier";
    assert_eq!(
        told(engines, &["x:1 e:ann"], "update:0 x:- e:-"),
        (last.into(), "x:1 e:ann".into())
    );
    assert_eq!(told(engines, &["+e:ann"], "update:0 -e:ann"), (last.into(), "+e:ann".into()));
    assert_eq!(told(engines, &["x:1 a:tab"], "update:0 x:-").1, "a:tab");
}

pub fn the_history_of_a_profile_contains_what_was_cleared(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["x:1 e:ann", "update:0 e:-", "update:0 e:-"] {
        harness.try_send(words);
    }
    let history = harness.history(0);
    let told: Vec<String> = history.iter().map(|outcome| harness.describe(outcome)).collect();
    assert_eq!(
        told,
        ["unchanged 0: matched", "updated 0: matched, released", "created 0: attached, attached"]
    );
}

pub fn the_store_decides_on_intents_as_the_model(engines: &Engines) {
    engines.check((small_limits(), intent_sequences()), |(settings, sequence)| {
        let mut model = IdentityModel::new(settings.clone());
        let mut harness = StoreHarness::with_settings(engines, settings);
        for request in &sequence {
            prop_assert_eq!(
                harness.try_send_request(request),
                model.decide(request),
                "{:?}",
                request
            );
        }
        prop_assert_eq!(harness.created.len(), model.created_count());
        for number in 0..model.created_count() {
            prop_assert_eq!(harness.profile(number).id, harness.created[model.survivor_of(number)]);
            prop_assert_eq!(harness.about(number), model.about(number));
        }
        harness.assert_sound();
        Ok(())
    });
}

pub fn a_refused_request_changes_no_byte_of_the_store(engines: &Engines) {
    engines.check((small_limits(), intent_sequences()), |(settings, sequence)| {
        let mut harness = StoreHarness::with_settings(engines, settings);
        for request in &sequence {
            let before = contents(harness.engine.as_ref());
            let submission = harness.submission(request);
            if harness.submit(submission).is_err() {
                prop_assert_eq!(contents(harness.engine.as_ref()), before, "{:?}", request);
            }
        }
        Ok(())
    });
}

fn all(harness: &StoreHarness) -> Vec<String> {
    (0..harness.created.len()).map(|number| harness.about(number)).collect()
}

pub fn an_import_or_update_carried_out_twice_equals_it_carried_out_once(engines: &Engines) {
    engines.check((small_limits(), intent_sequences()), |(settings, sequence)| {
        let mut harness = StoreHarness::with_settings(engines, settings);
        for request in &sequence {
            let submission = harness.submission(request);
            let first = harness.submit(submission.clone());
            let mut once = all(&harness);
            if !matches!(request.intent, TestIntent::Import | TestIntent::Update(_)) {
                continue;
            }
            let mut second = harness.submit(submission.clone());
            // What is left of a profile that gave an identifier may be absorbed by a repetition.
            let is_moved = |claim: &ClaimOutcome| matches!(claim.result, ClaimResult::Moved(_));
            if first.as_ref().is_ok_and(|first| first.claims.iter().any(is_moved)) {
                once = all(&harness);
                second = harness.submit(submission);
            }
            match (first, second) {
                (Ok(first), Ok(second)) => {
                    prop_assert_eq!(second.effect, Effect::Unchanged, "{:?}", request);
                    prop_assert_eq!(second.survivor, first.survivor);
                }
                (first, second) => prop_assert_eq!(first, second, "{:?}", request),
            }
            prop_assert_eq!(once, all(&harness));
        }
        Ok(())
    });
}

pub fn a_profile_holds_what_an_update_names(engines: &Engines) {
    engines.check(
        (intent_sequences(), 0usize..3, requests_with_intents()),
        |(sequence, number, last)| {
            let mut harness = StoreHarness::new(engines);
            harness.send("x:9");
            for request in &sequence {
                let submission = harness.submission(request);
                let _ = harness.submit(submission);
            }
            let last =
                TestRequest { subject: Vec::new(), ..last }.with_intent(TestIntent::Update(number));
            let submission = harness.submission(&last);
            let claims = submission.claims.clone();
            let Ok(outcome) = harness.submit(submission) else { return Ok(()) };
            prop_assert_eq!(outcome.survivor, Some(harness.profile(number).id));
            prop_assert_eq!(outcome.absorbed().count(), 0);
            for claim in claims.made() {
                let ProfileRef::Identifier(identifier) = &claim.target else { continue };
                let identifiers = wait(harness.store.find(&harness.company, identifier)).unwrap();
                prop_assert_eq!(
                    identifiers.map(|profile| profile.id),
                    outcome.survivor,
                    "{:?}",
                    claim
                );
            }
            Ok(())
        },
    );
}

pub fn an_explained_intent_is_decided_as_explained(engines: &Engines) {
    engines.check((small_limits(), intent_sequences()), |(settings, sequence)| {
        let mut harness = StoreHarness::with_settings(engines, settings);
        for request in &sequence {
            let explained = wait(harness.store.explain(harness.submission(request)));
            let submission = harness.submission(request);
            let happened = harness.submit(submission);
            match (explained, happened) {
                (Ok(explained), Ok(happened)) => {
                    let results = |claims: Vec<ClaimOutcome>| -> Vec<ClaimResult> {
                        claims.into_iter().map(|claim| claim.result).collect()
                    };
                    prop_assert_eq!(explained.effect, happened.effect);
                    prop_assert_eq!(results(explained.claims), results(happened.claims));
                }
                (explained, happened) => prop_assert_eq!(explained, happened),
            }
        }
        Ok(())
    });
}

pub fn requests_of_one_batch_find_the_profiles_of_those_before_them(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    let words = ["create e:ann", "create e:ann", "import x:1 e:ann", "create x:1"];
    let submissions = words.iter().map(|words| harness.submission(&parse_request(words))).collect();
    let answers = harness.submit_together(submissions);
    answers.iter().for_each(|answer| harness.note_created(answer));
    let told: Vec<String> = answers.iter().map(|answer| harness.describe_answer(answer)).collect();
    let expected =
        ["created 0: attached", "duplicate 0", "updated 0: attached, matched", "duplicate 0"];
    assert_eq!(told, expected);
    assert_eq!(
        harness.outcomes().iter().map(|outcome| outcome.sequence).collect::<Vec<_>>(),
        [1, 2]
    );
}
