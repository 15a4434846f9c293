//! Undoing merges: what comes back, what stays, and what does not happen again.

use profile_protocol::{ChangedAttribute, IdentifierKind};
use profile_store::{IdentitySettings, Profile, StoreError, Unmerged, engine::Write};
use proptest::prelude::*;

use crate::{
    engines::Engines,
    generators::{SMALL_LIMITS, sequences},
    harness::{StoreHarness, contents, unprotected, wait},
    notation::{TestRequest, parse_request},
};

fn named(attributes: &[ChangedAttribute]) -> Vec<&str> {
    let name = |attribute: &'_ ChangedAttribute| match attribute {
        ChangedAttribute::Field(field) => field.name().to_owned(),
        ChangedAttribute::Property(name) => name.as_str().to_owned(),
    };
    attributes.iter().map(name).map(String::leak).map(|name| &*name).collect()
}

/// A profile of an external id, and one of an address, merged.
fn merged(engines: &Engines) -> StoreHarness {
    let mut harness = StoreHarness::new(engines);
    harness.send("x:1 a:tab name=Ann plan=gold");
    harness.send("e:ann p:5 name=A. zip=24103 size=m");
    assert_eq!(harness.send("x:1 e:ann"), "updated 0: matched, absorbed 1");
    assert_eq!(harness.about(0), "x:1 e:ann p:5 a:tab name=Ann zip=24103 plan=gold size=m");
    harness
}

pub fn an_undo_restores_both_profiles_if_nothing_was_written_since(engines: &Engines) {
    let harness = merged(engines);
    let unmerged = harness.undo(1).unwrap();
    assert_eq!(harness.about(0), "x:1 a:tab name=Ann plan=gold");
    assert_eq!(harness.about(1), "e:ann p:5 name=A. zip=24103 size=m");
    assert!(harness.is_unmerged(1));
    assert_eq!(harness.leads_to("e:ann"), Some(1));
    assert_eq!(harness.leads_to("p:5"), Some(1));
    assert_eq!((unmerged.kept, unmerged.lost), (vec![], vec![]));
    assert_eq!(named(&unmerged.outcome.changed), ["zip", "size"]);
    assert_eq!(unmerged.survivor, harness.profile(0));
    assert_eq!(unmerged.restored, harness.profile(1));
    harness.assert_sound();
}

pub fn a_preview_of_an_undo_writes_nothing_and_shows_what_the_undo_leaves(engines: &Engines) {
    let mut harness = merged(engines);
    harness.send("x:1 zip=10017 size=l plan=silver a:web");
    let before = contents(harness.engine.as_ref());
    let previewed = harness.preview_undo(1).unwrap();
    assert_eq!(contents(harness.engine.as_ref()), before);
    let unmerged = harness.undo(1).unwrap();
    let shown = |unmerged: &Unmerged| {
        let profiles = [&unmerged.survivor, &unmerged.restored];
        let values =
            profiles.map(|profile| (profile.identifiers.clone(), profile.attributes.clone()));
        (values, unmerged.kept.clone(), unmerged.lost.clone())
    };
    assert_eq!(shown(&previewed), shown(&unmerged));
    assert_eq!(harness.preview_undo(1).unwrap_err(), StoreError::NotMerged);
}

pub fn the_merges_that_made_a_profile_are_listed_until_they_are_undone(engines: &Engines) {
    let mut harness = merged(engines);
    harness.send("a:new");
    harness.merge(2, 0).unwrap();
    let merges = |harness: &StoreHarness| {
        let profile = harness.profile(2);
        let merges = wait(harness.store.merges(&harness.company, &profile)).unwrap();
        let ids = merges.iter().map(|merge| (merge.absorbed, merge.survivor));
        ids.collect::<Vec<_>>()
    };
    let [first, second, third] = [0, 1, 2].map(|number| harness.created[number]);
    assert_eq!(merges(&harness), [(second, first), (first, third)]);
    harness.undo(1).unwrap();
    assert_eq!(merges(&harness), [(first, third)]);
}

pub fn values_written_since_stay_with_the_survivor_and_are_reported(engines: &Engines) {
    let mut harness = merged(engines);
    harness.send("x:1 zip=10017 size=l plan=silver a:web");
    let unmerged = harness.undo(1).unwrap();
    assert_eq!(harness.about(0), "x:1 a:tab a:web name=Ann zip=10017 plan=silver size=l");
    assert_eq!(harness.about(1), "e:ann p:5 name=A. zip=24103 size=m");
    assert_eq!(named(&unmerged.kept), ["zip", "size"]);
    harness.assert_sound();
}

pub fn an_identifier_that_leads_to_another_profile_by_now_is_lost_and_reported(engines: &Engines) {
    let mut harness = merged(engines);
    harness.send("server x:1 e:new");
    assert_eq!(harness.send("e:ann name=Other"), "created 2: attached");
    let unmerged = harness.undo(1).unwrap();
    assert_eq!(unmerged.lost, [IdentifierKind::Email]);
    assert_eq!(harness.about(0), "x:1 e:new a:tab name=Ann plan=gold");
    assert_eq!(harness.about(1), "p:5 name=A. zip=24103 size=m");
    assert_eq!(harness.leads_to("e:ann"), Some(2));
    harness.assert_sound();
}

pub fn an_identifier_in_place_of_one_of_the_absorbed_profile_returns_with_it(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["a:tab", "x:1 e:ann", "@a:tab x:1", "update:1 e:new"] {
        harness.send(words);
    }
    assert_eq!(harness.about(0), "x:1 e:new a:tab");
    let unmerged = harness.undo(1).unwrap();
    assert_eq!((unmerged.kept, unmerged.lost), (vec![], vec![]));
    assert_eq!(harness.about(0), "a:tab");
    assert_eq!(harness.about(1), "x:1 e:new");
    assert_eq!(harness.leads_to("e:ann"), None);
    harness.assert_sound();
}

pub fn an_identifier_returns_though_the_one_before_belongs_to_another_profile(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["a:tab", "x:1 e:ann", "@a:tab x:1", "update:1 e:new", "e:ann"] {
        harness.send(words);
    }
    assert_eq!(harness.undo(1).unwrap().lost, [IdentifierKind::Email]);
    assert_eq!(harness.about(0), "a:tab");
    assert_eq!(harness.about(1), "x:1 e:new");
    assert_eq!(harness.leads_to("e:ann"), Some(2));
    harness.assert_sound();
}

pub fn an_identifier_that_the_company_named_for_the_survivor_stays_with_it(engines: &Engines) {
    let mut harness = merged(engines);
    harness.send("server x:1 e:new");
    harness.undo(1).unwrap();
    assert_eq!(harness.about(0), "x:1 e:new a:tab name=Ann plan=gold");
    assert_eq!(harness.about(1), "e:ann p:5 name=A. zip=24103 size=m");
    harness.assert_sound();
}

pub fn the_same_request_does_not_merge_again_and_a_new_claim_does(engines: &Engines) {
    let mut harness = merged(engines);
    harness.undo(1).unwrap();
    for _ in 0..2 {
        assert_eq!(harness.send("x:1 e:ann"), "unchanged 0: matched, undone");
    }
    assert!(harness.is_unmerged(1));
    // The number led to the absorbed profile as well, but no merge.
    assert_eq!(harness.send("x:1 p:5"), "unchanged 0: matched, owns e");
    assert_eq!(harness.send("e:ann a:new"), "updated 1: matched, attached");
    assert_eq!(harness.send("x:1 id:1"), "updated 1: matched, absorbed 0");
    harness.assert_sound();
}

pub fn an_undone_merge_stays_undone_when_the_survivor_is_merged_itself(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["e:ann", "p:5", "x:1"] {
        harness.send(words);
    }
    assert_eq!(harness.send("e:ann p:5"), "updated 0: matched, absorbed 1");
    harness.undo(1).unwrap();
    assert_eq!(harness.send("x:1 e:ann"), "updated 2: matched, absorbed 0");
    assert_eq!(harness.send("x:1 p:5"), "unchanged 2: matched, undone");
    assert!(harness.is_unmerged(1));
    harness.assert_sound();
}

pub fn only_what_is_merged_can_be_undone_and_only_once(engines: &Engines) {
    let harness = merged(engines);
    assert_eq!(harness.undo(0), Err(StoreError::NotMerged));
    harness.undo(1).unwrap();
    assert_eq!(harness.undo(1), Err(StoreError::NotMerged));
}

pub fn merges_are_undone_in_any_order(engines: &Engines) {
    for order in [[1, 2], [2, 1]] {
        let mut harness = StoreHarness::new(engines);
        for words in ["x:1 name=Ann", "e:ann city=Bonn", "p:5 plan=gold"] {
            harness.send(words);
        }
        harness.send("x:1 e:ann");
        harness.send("x:1 p:5");
        for number in order {
            harness.undo(number).unwrap();
            harness.assert_sound();
        }
        assert_eq!(harness.about(0), "x:1 name=Ann");
        assert_eq!(harness.about(1), "e:ann city=Bonn");
        assert_eq!(harness.about(2), "p:5 plan=gold");
    }
}

pub fn ids_that_led_to_a_restored_profile_lead_to_it_again(engines: &Engines) {
    for order in [[1, 2], [2, 1]] {
        let mut harness = StoreHarness::new(engines);
        for words in ["x:1", "e:ann", "p:5"] {
            harness.send(words);
        }
        assert_eq!(harness.send("e:ann p:5"), "updated 1: matched, absorbed 2");
        assert_eq!(harness.send("x:1 e:ann"), "updated 0: matched, absorbed 1");
        assert_eq!(harness.profile(2).id, harness.created[0]);
        harness.undo(order[0]).unwrap();
        let expected = if order[0] == 1 { 1 } else { 2 };
        assert_eq!(harness.profile(2).id, harness.created[expected]);
        harness.assert_sound();
        harness.undo(order[1]).unwrap();
        assert!((0..3).all(|number| harness.is_unmerged(number)));
        harness.assert_sound();
    }
}

pub fn devices_that_left_a_full_list_come_back(engines: &Engines) {
    let mut harness = StoreHarness::with_settings(
        engines,
        IdentitySettings { anonymous_ids: 3, ..unprotected() },
    );
    for device in ["1", "2", "3"] {
        harness.send(&format!("e:ann a:{device}"));
    }
    harness.send("p:5 a:4");
    let merged = harness.send("e:ann p:5 a:4");
    assert_eq!(merged, "updated 0: matched, absorbed 1, absorbed 1, released");
    assert_eq!(harness.leads_to("a:1"), None);
    harness.undo(1).unwrap();
    assert_eq!(harness.about(0), "e:ann a:1 a:2 a:3");
    assert_eq!(harness.about(1), "p:5 a:4");
    harness.assert_sound();
}

pub fn devices_that_left_a_long_list_come_back(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for number in 0..32 {
        harness.send(&format!("e:ann a:own-{number}"));
    }
    let before = harness.about(0);
    ["a:1", "a:2", "a:3"].iter().for_each(|device| drop(harness.send(&format!("p:5 {device}"))));
    let merged = harness.send("e:ann p:5");
    assert_eq!(merged, "updated 0: matched, absorbed 1, released, released, released");
    assert_eq!(harness.leads_to("a:own-2"), None);
    harness.undo(1).unwrap();
    assert_eq!([harness.about(0), harness.about(1)], [before, "p:5 a:1 a:2 a:3".to_owned()]);
    harness.assert_sound();
}

pub fn undoing_leaves_an_outcome_in_the_history_of_both(engines: &Engines) {
    let harness = merged(engines);
    let outcome = harness.undo(1).unwrap().outcome;
    assert_eq!(harness.describe(&outcome), "unmerged 0: restored 1");
    for number in [0, 1] {
        assert_eq!(harness.history(number).first(), Some(&outcome));
    }
}

/// What undoing has to bring back.
fn comparable(profile: Profile) -> Profile {
    let updated = profile.created;
    Profile { updated, last_outcome: None, do_not_merge: Vec::new(), ..profile }
}

fn all_profiles(harness: &StoreHarness) -> Vec<Profile> {
    (0..harness.created.len()).map(|number| comparable(harness.profile(number))).collect()
}

/// The request with nothing in it but its claims, so that all it can do is merge.
fn only_claims(request: TestRequest) -> TestRequest {
    let TestRequest { server: _, subject, attributes, .. } = request;
    TestRequest { subject, attributes, ..TestRequest::default() }
}

/// Undoes all that a request merged, and sees that all is as it was and stays so.
fn undone(harness: &mut StoreHarness, last: &TestRequest) {
    let before = all_profiles(harness);
    let outcome = harness.send_request(last);
    let absorbed: Vec<_> = outcome.absorbed().collect();
    for id in absorbed.iter().rev() {
        let number = harness.created.iter().position(|known| known == id).unwrap();
        harness.undo(number).unwrap();
        harness.assert_sound();
    }
    assert!(all_profiles(harness) == before, "{last:?}");
    // What the merge had been in the way of may happen now, but not the merge.
    let again = harness.send_request(last);
    assert!(again.absorbed().all(|id| !absorbed.contains(&id)), "{last:?}");
}

pub fn an_undo_after_any_merge_restores_both_profiles(engines: &Engines) {
    engines.check((sequences(), any::<bool>()), |(sequence, protect)| {
        let mut harness = StoreHarness::with_settings(
            engines,
            IdentitySettings { protect, ..IdentitySettings::default() },
        );
        for request in sequence {
            let claims = only_claims(request.clone());
            let outcome = wait(harness.store.explain(harness.submission(&claims))).unwrap();
            let attaches = outcome.claims.iter().any(|claim| claim.result.as_str() == "attached");
            if 0 < outcome.absorbed().count() && !attaches {
                undone(&mut harness, &claims);
            }
            harness.send_request(&request);
        }
        Ok(())
    });
}

pub fn a_secondary_address_taken_away_since_stays_away(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("server x:1 +e:old");
    harness.send("e:ann");
    harness.send("x:1 e:ann");
    harness.send_request(&parse_request("server x:1 -e:old"));
    harness.undo(1).unwrap();
    assert_eq!(harness.about(0), "x:1");
    assert_eq!(harness.leads_to("e:old"), None);
}

pub fn a_later_survivor_keeps_its_own_values_when_an_earlier_merge_is_undone(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["x:1 name=Ann plan=gold", "e:ann", "p:5 name=Ann plan=gold"] {
        harness.send(words);
    }
    harness.send("e:ann p:5");
    harness.send("x:1 e:ann");
    harness.undo(2).unwrap();
    assert_eq!(harness.about(0), "x:1 e:ann name=Ann plan=gold");
    harness.undo(1).unwrap();
    assert_eq!(harness.about(0), "x:1 name=Ann plan=gold");
    assert_eq!(harness.about(1), "e:ann");
    assert_eq!(harness.about(2), "p:5 name=Ann plan=gold");
}

pub fn an_undone_merge_does_not_return_when_a_later_merge_is_undone(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["x:1", "e:ann", "p:5 a:tab name=Ann tz=Here plan=gold"] {
        harness.send(words);
    }
    harness.send("e:ann p:5");
    harness.send("x:1 e:ann");
    harness.undo(2).unwrap();
    assert_eq!(harness.undo(1).unwrap().lost, []);
    assert_eq!(harness.about(0), "x:1");
    assert_eq!(harness.about(1), "e:ann");
    assert_eq!(harness.about(2), "p:5 a:tab name=Ann tz=Here plan=gold");
}

pub fn values_that_an_undone_merge_displaced_return(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["x:1", "e:ann tz=Here city=Rome plan=gold", "p:5 tz=There city=Bonn plan=free"] {
        harness.send(words);
    }
    harness.send("x:1 e:ann");
    harness.send("x:1 p:5");
    assert_eq!(harness.about(0), "x:1 e:ann p:5 city=Rome tz=There plan=gold");
    harness.undo(1).unwrap();
    assert_eq!(harness.about(0), "x:1 p:5 city=Bonn tz=There plan=free");
    harness.undo(2).unwrap();
    assert_eq!(harness.about(0), "x:1");
}

pub fn a_profile_merged_again_after_an_undo_stays_when_its_first_survivor_leaves(
    engines: &Engines,
) {
    let mut harness = StoreHarness::new(engines);
    for words in ["x:1", "e:ann", "p:5 a:tab"] {
        harness.send(words);
    }
    harness.send("e:ann p:5");
    harness.send("x:1 e:ann");
    harness.undo(2).unwrap();
    assert_eq!(harness.send("@x:1 id:2"), "updated 0: matched, absorbed 2");
    harness.undo(1).unwrap();
    assert_eq!(harness.about(0), "x:1 p:5 a:tab");
    assert_eq!(harness.about(1), "e:ann");
    assert_eq!(harness.leads_to("a:tab"), Some(0));
    harness.assert_sound();
}

/// Where nothing but merging happens after a while, undoing it all in any order
/// brings back everything as it was, whether the company protected its values in
/// some of it, all or none.
pub fn merges_undone_in_any_order_leave_nothing_behind(engines: &Engines) {
    engines.check(
        (
            sequences(),
            sequences(),
            prop::collection::vec(any::<bool>(), 20),
            prop::collection::vec(any::<prop::sample::Index>(), 100),
        ),
        |(sequence, merging, protected, orders)| {
            let mut harness = StoreHarness::new(engines);
            for request in &sequence {
                harness.send_request(request);
            }
            let before = all_profiles(&harness);
            let mut merged = Vec::new();
            for (request, protect) in merging.into_iter().map(only_claims).zip(protected) {
                harness.settings =
                    IdentitySettings { protect, ..IdentitySettings::default() }.into();
                let submission = harness.submission(&request);
                let outcome = wait(harness.store.explain(submission)).unwrap();
                let told = outcome.claims.iter().map(|claim| claim.result.as_str());
                if outcome.survivor.is_some() && told.clone().all(|result| result != "attached") {
                    merged.extend(harness.send_request(&request).absorbed());
                }
            }
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

/// Requests of clients and of the company, with full lists.
pub fn the_store_is_sound_after_any_requests_and_undos(engines: &Engines) {
    engines.check(
        prop::collection::vec((sequences(), any::<prop::sample::Index>()), 1..6),
        |steps| {
            let mut harness = StoreHarness::with_settings(engines, SMALL_LIMITS);
            for (sequence, undone) in steps {
                for request in &sequence {
                    harness.send_request(request);
                }
                let numbers: Vec<usize> =
                    (0..harness.created.len()).filter(|&n| !harness.is_unmerged(n)).collect();
                if numbers.is_empty() {
                    continue;
                }
                let number = numbers[undone.index(numbers.len())];
                let Unmerged { survivor, restored, .. } = harness.undo(number).unwrap();
                prop_assert!(harness.is_unmerged(number));
                for profile in [survivor, restored] {
                    prop_assert!(profile.identifiers.devices.len() <= SMALL_LIMITS.anonymous_ids);
                    prop_assert!(
                        profile.identifiers.secondary_emails.len() <= SMALL_LIMITS.secondary_emails
                    );
                    prop_assert!(profile.absorbed.len() <= SMALL_LIMITS.merges);
                }
                harness.assert_sound();
            }
            Ok(())
        },
    );
}

pub fn a_merge_with_a_damaged_record_is_not_undone_and_the_error_is_permanent(engines: &Engines) {
    let mut harness = merged(engines);
    let mut key = b"DEMO01\0m".to_vec();
    key.extend_from_slice(&harness.created[1].bits().to_be_bytes());
    wait(harness.engine.apply(vec![Write { key, value: Some(vec![9]) }])).unwrap();
    assert_eq!(harness.undo(1), Err(StoreError::Damaged));
    assert_eq!(harness.send("x:1 e:ann"), "unchanged 0: matched, matched");
}
