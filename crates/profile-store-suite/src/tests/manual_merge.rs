//! Manual merges: the company merges two profiles, and can undo it.

use profile_protocol::{ChangedAttribute, limits::PROPERTIES};
use profile_store::{Effect, IdentitySettings, PropertiesTooLarge, Rejected, StoreError};
use proptest::prelude::*;

use crate::generators::requests_with_intents;
use crate::{
    engines::Engines,
    generators::SMALL_LIMITS,
    harness::{StoreHarness, contents, unprotected},
    notation::{TestRequest, parse_request},
};

fn people(engines: &Engines, all: &[&str]) -> StoreHarness {
    let mut harness = StoreHarness::new(engines);
    for words in all {
        let told = harness.send(&format!("server {words}"));
        assert!(told.starts_with("created"), "{told}");
    }
    harness
}

/// What is answered to merging the second into the first, and what is left.
fn merged(harness: &StoreHarness) -> (String, String) {
    let answer = harness.describe_answer(&harness.merge(0, 1));
    harness.assert_sound();
    (answer, harness.about(0))
}

pub fn the_destination_keeps_its_values_and_gaps_are_filled(engines: &Engines) {
    let harness = people(engines, &["e:ann name=Ann", "p:5 a:tab name=A. plan=gold"]);
    let expected = ("updated 0: matched, absorbed 1", "e:ann p:5 a:tab name=Ann plan=gold");
    assert_eq!(merged(&harness), (expected.0.into(), expected.1.into()));
    assert!(!harness.is_unmerged(1));
    assert_eq!(harness.leads_to("p:5"), Some(0));
}

pub fn no_identifier_prevents_a_manual_merge(engines: &Engines) {
    let harness = people(engines, &["x:1 e:ann p:5", "x:2 e:bob p:6"]);
    let told = "updated 0: matched, absorbed 1, released, released";
    assert_eq!(merged(&harness), (told.into(), "x:1 e:ann p:5 +e:bob".into()));
    assert_eq!(harness.leads_to("e:bob"), Some(0));
    assert_eq!((harness.leads_to("x:2"), harness.leads_to("p:6")), (None, None));
}

pub fn the_sources_primary_address_follows_the_destinations_secondary_ones(engines: &Engines) {
    let harness = people(engines, &["e:a1 +e:a2 +e:a3", "e:b1 +e:b2 +e:b3"]);
    let mut harness = StoreHarness { settings: SMALL_LIMITS.into(), ..harness };
    let told = "updated 0: matched, absorbed 1, released, released, released";
    assert_eq!(merged(&harness), (told.into(), "e:a1 +e:a2 +e:a3".into()));
    harness.undo(1).unwrap();
    harness.settings = IdentitySettings { secondary_emails: 3, ..SMALL_LIMITS }.into();
    assert_eq!(merged(&harness).1, "e:a1 +e:b1 +e:a2 +e:a3");
}

pub fn a_released_identifier_can_be_attached_elsewhere_and_an_undo_then_loses_it(
    engines: &Engines,
) {
    let mut harness = people(engines, &["x:1 p:5", "x:2 p:6"]);
    harness.merge(0, 1).unwrap();
    assert_eq!(harness.send("p:6"), "created 2: attached");
    let unmerged = harness.undo(1).unwrap();
    assert_eq!(unmerged.lost, [profile_protocol::IdentifierKind::PhoneNumber]);
    assert_eq!((harness.about(0), harness.about(1)), ("x:1 p:5".into(), "x:2".into()));
    harness.assert_sound();
}

pub fn ids_of_absorbed_profiles_stand_for_their_survivors(engines: &Engines) {
    let harness = people(engines, &["x:1", "x:2", "x:3", "x:4"]);
    harness.merge(0, 1).unwrap();
    harness.merge(2, 3).unwrap();
    let outcome = harness.merge(1, 3).unwrap();
    assert_eq!(harness.describe(&outcome), "updated 0: matched, absorbed 2, released");
    for number in 0..4 {
        assert_eq!(harness.profile(number).id, harness.created[0]);
    }
    harness.assert_sound();
}

pub fn merging_a_profile_into_itself_changes_nothing(engines: &Engines) {
    let harness = people(engines, &["x:1", "x:2"]);
    harness.merge(0, 1).unwrap();
    let before = harness.profile(0);
    for (destination, source) in [(0, 1), (1, 0), (0, 0)] {
        let outcome = harness.merge(destination, source).unwrap();
        assert_eq!(harness.describe(&outcome), "unchanged 0: matched, matched");
    }
    assert_eq!(harness.profile(0).updated, before.updated);
    assert_eq!(harness.profile(0).absorbed, before.absorbed);
    assert_eq!(harness.history(0).len(), 6);
    harness.assert_sound();
}

pub fn a_refused_manual_merge_changes_nothing(engines: &Engines) {
    let mut harness = people(engines, &["x:1", "x:2", "x:3"]);
    harness.merge(1, 2).unwrap();
    harness.settings = IdentitySettings { merges: 1, ..unprotected() }.into();
    let before = contents(harness.engine.as_ref());
    assert_eq!(harness.merge(0, 7), Err(StoreError::Rejected(Rejected::UnknownProfile)));
    assert_eq!(harness.merge(7, 0), Err(StoreError::Rejected(Rejected::UnknownProfile)));
    assert_eq!(harness.merge(0, 1), Err(StoreError::Rejected(Rejected::MergeCap)));
    assert_eq!(contents(harness.engine.as_ref()), before);
    harness.settings = IdentitySettings { merges: 2, ..unprotected() }.into();
    assert!(harness.merge(0, 1).is_ok());
}

/// Two profiles that together have two properties more than one may have.
fn too_many_properties(engines: &Engines, sender: &str) -> StoreHarness {
    let mut harness = StoreHarness::new(engines);
    for (words, prefix) in [("x:1", "p"), ("x:2", "q")] {
        let mut many = harness.submission(&parse_request(&format!("{sender} {words}")));
        for number in 0..=PROPERTIES / 2 {
            let name = format!("{prefix}{number}").parse().unwrap();
            many.patch.properties.set.push((name, "1".parse().unwrap()));
        }
        harness.submit(many).unwrap();
    }
    harness
}

pub fn profiles_with_too_many_properties_together_are_not_merged(engines: &Engines) {
    let harness = too_many_properties(engines, "server");
    assert_eq!(
        harness.merge(0, 1),
        Err(StoreError::Rejected(Rejected::PropertiesTooLarge(PropertiesTooLarge)))
    );
    assert!(harness.is_unmerged(1));
}

pub fn what_clients_wrote_to_the_source_is_left_out_where_it_does_not_fit(engines: &Engines) {
    let harness = too_many_properties(engines, "");
    let before = [0, 1].map(|number| harness.about(number));
    let outcome = harness.merge(0, 1).unwrap();
    let property = |name: &str| ChangedAttribute::Property(name.parse().unwrap());
    assert_eq!(outcome.withheld, ["q99", "q98"].map(property));
    assert_eq!(harness.profile(0).attributes.properties.len(), PROPERTIES);
    harness.undo(1).unwrap();
    assert_eq!([0, 1].map(|number| harness.about(number)), before);
    harness.assert_sound();
}

pub fn a_manual_merge_joins_the_histories(engines: &Engines) {
    let mut harness = people(engines, &["x:1", "x:2"]);
    harness.send("x:2 name=Ann");
    let outcome = harness.merge(0, 1).unwrap();
    assert_eq!(outcome.previous, [1, 3]);
    let sequences = harness.history(1).into_iter().map(|outcome| outcome.sequence);
    assert_eq!(sequences.collect::<Vec<_>>(), [4, 3, 2, 1]);
}

pub fn after_an_undo_a_manual_merge_is_possible_again(engines: &Engines) {
    let mut harness = people(engines, &["x:1 p:5", "e:ann p:6"]);
    for _ in 0..2 {
        harness.merge(0, 1).unwrap();
        harness.undo(1).unwrap();
        assert_eq!(harness.about(1), "e:ann p:6");
    }
    // A do-not-merge mark does not prevent a manual merge.
    harness.send("server @x:1 p:7");
    assert_eq!(harness.send("server @x:1 id:1"), "unchanged 0: matched, undone");
    assert!(harness.merge(0, 1).is_ok());
    harness.assert_sound();
}

#[derive(Clone, Debug)]
enum MergeStep {
    Ask(TestRequest),
    Merge(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<MergeStep>> {
    let step = prop_oneof![
        3 => requests_with_intents().prop_map(MergeStep::Ask),
        1 => (0usize..5, 0usize..5).prop_map(|(destination, source)| MergeStep::Merge(destination, source)),
    ];
    prop::collection::vec(step, 1..20)
}

fn all_profiles(harness: &StoreHarness) -> Vec<(String, u64)> {
    let numbers = 0..harness.created.len();
    numbers
        .map(|number| (harness.about(number), harness.profile(number).created.millis()))
        .collect()
}

pub fn a_manual_merge_undone_at_once_restores_both_profiles(engines: &Engines) {
    engines.check((steps(), 0usize..4, 0usize..4), |(steps, destination, source)| {
        let mut harness = StoreHarness::with_settings(engines, SMALL_LIMITS);
        for words in ["x:8", "x:9"] {
            harness.send(words);
        }
        take(&mut harness, &steps);
        let before = all_profiles(&harness);
        let Ok(outcome) = harness.merge(destination, source) else { return Ok(()) };
        harness.assert_sound();
        let Some(absorbed) = outcome.absorbed().next() else {
            prop_assert_eq!(outcome.effect, Effect::Unchanged);
            prop_assert_eq!(all_profiles(&harness), before);
            return Ok(());
        };
        let number = harness.created.iter().position(|known| *known == absorbed).unwrap();
        let unmerged = harness.undo(number).unwrap();
        prop_assert!(unmerged.kept.is_empty() && unmerged.lost.is_empty());
        prop_assert_eq!(all_profiles(&harness), before);
        harness.assert_sound();
        Ok(())
    });
}

pub fn manual_merges_undone_in_any_order_leave_nothing_behind(engines: &Engines) {
    engines.check(
        (
            steps(),
            prop::collection::vec((0usize..6, 0usize..6), 1..6),
            prop::collection::vec(any::<prop::sample::Index>(), 10),
        ),
        |(steps, pairs, orders)| {
            let mut harness = StoreHarness::new(engines);
            harness.send("x:9");
            take(&mut harness, &steps);
            let before = all_profiles(&harness);
            let outcomes = pairs.iter().filter_map(|&(into, from)| harness.merge(into, from).ok());
            let mut merged: Vec<_> =
                outcomes.flat_map(|outcome| outcome.absorbed().collect::<Vec<_>>()).collect();
            for order in orders {
                if merged.is_empty() {
                    break;
                }
                let absorbed = merged.swap_remove(order.index(merged.len()));
                let number = harness.created.iter().position(|known| *known == absorbed).unwrap();
                let unmerged = harness.undo(number).unwrap();
                prop_assert!(unmerged.kept.is_empty() && unmerged.lost.is_empty());
                harness.assert_sound();
            }
            prop_assert_eq!(all_profiles(&harness), before);
            Ok(())
        },
    );
}

pub fn the_store_is_sound_after_any_manual_merges(engines: &Engines) {
    engines.check(steps(), |steps| {
        let mut harness = StoreHarness::with_settings(engines, SMALL_LIMITS);
        take(&mut harness, &steps);
        harness.assert_sound();
        for number in 0..harness.created.len() {
            let profile = harness.profile(number);
            prop_assert!(profile.absorbed.len() <= SMALL_LIMITS.merges);
            prop_assert!(
                profile.identifiers.secondary_emails.len() <= SMALL_LIMITS.secondary_emails
            );
        }
        Ok(())
    });
}

fn take(harness: &mut StoreHarness, steps: &[MergeStep]) {
    for step in steps {
        match step {
            MergeStep::Ask(request) => drop(harness.try_send_request(request)),
            MergeStep::Merge(destination, source) => drop(harness.merge(*destination, *source)),
        }
    }
}
