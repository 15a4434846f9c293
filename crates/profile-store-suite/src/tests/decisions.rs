//! Decisions: the profiles before, the request, the decision, and the profiles after. The notation
//! is that of [`notation`](crate::notation). Profiles are in the order of their creation, separated
//! by `|`.

use profile_store::{IdentitySettings, StoreError, engine::Write};

use crate::{
    engines::Engines,
    harness::{StoreHarness, contents, unprotected, wait},
    notation::{TestRequest, describe_identifiers, parse_request},
};

type Case = (&'static str, &'static str, &'static str, &'static str);

fn decides(engines: &Engines, rows: &[Case]) {
    decides_under(engines, &unprotected(), rows);
}

fn decides_under(engines: &Engines, settings: &IdentitySettings, rows: &[Case]) {
    for &(stored, request, decided, left) in rows {
        let mut harness = StoreHarness::with_settings(engines, settings.clone());
        for profile in stored.split('|').map(str::trim).filter(|profile| !profile.is_empty()) {
            let told = harness.send(&format!("server {profile}"));
            assert!(told.starts_with("created"), "{stored}: {told}");
        }
        assert_eq!(harness.send(request), decided, "{stored} <- {request}");
        assert_eq!(living(&harness), left, "{stored} <- {request}");
        harness.assert_sound();
    }
}

/// The profiles and their identifiers.
fn living(harness: &StoreHarness) -> String {
    let numbers = (0..harness.created.len()).map(|number| (number, harness.profile(number)));
    let living = numbers.filter(|(number, profile)| profile.id == harness.created[*number]);
    living
        .map(|(_, profile)| describe_identifiers(&profile.identifiers))
        .collect::<Vec<_>>()
        .join(" | ")
}

pub fn a_request_that_finds_no_profile_creates_one_with_all_claimed_identifiers(engines: &Engines) {
    decides(
        engines,
        &[
            ("", "a:tab", "created 0: attached", "a:tab"),
            ("", "p:5", "created 0: attached", "p:5"),
            ("", "e:ann", "created 0: attached", "e:ann"),
            ("", "x:1", "created 0: attached", "x:1"),
            ("", "@x:1", "created 0: attached", "x:1"),
            (
                "",
                "x:1 e:ann p:5 a:tab",
                "created 0: attached, attached, attached, attached",
                "x:1 e:ann p:5 a:tab",
            ),
            ("", "@a:tab a:pad", "created 0: attached, attached", "a:tab a:pad"),
            ("", "@e:ann e:ann", "created 0: attached", "e:ann"),
            ("x:1 e:ann", "x:2 e:bob", "created 1: attached, attached", "x:1 e:ann | x:2 e:bob"),
        ],
    );
}

pub fn an_identifier_matches_the_profile_that_holds_it(engines: &Engines) {
    decides(
        engines,
        &[
            ("x:1 e:ann p:5 a:tab", "a:tab", "unchanged 0: matched", "x:1 e:ann p:5 a:tab"),
            ("x:1 e:ann p:5 a:tab", "p:5", "unchanged 0: matched", "x:1 e:ann p:5 a:tab"),
            ("x:1 e:ann p:5 a:tab", "@e:ann", "unchanged 0: matched", "x:1 e:ann p:5 a:tab"),
            (
                "x:1 e:ann p:5 a:tab",
                "x:1 a:tab",
                "unchanged 0: matched, matched",
                "x:1 e:ann p:5 a:tab",
            ),
            ("e:ann", "id:0", "unchanged 0: matched", "e:ann"),
            ("e:ann", "kx:0", "unchanged 0: matched", "e:ann"),
            ("e:ann", "id:0 kx:0 e:ann", "unchanged 0: matched, matched", "e:ann"),
            ("e:ann +e:bob", "e:bob", "unchanged 0: matched", "e:ann +e:bob"),
            ("e:ann", "e:ann name=Ann", "updated 0: matched", "e:ann"),
        ],
    );
}

pub fn a_new_identifier_is_attached_where_the_profile_has_none_of_its_kind(engines: &Engines) {
    decides(
        engines,
        &[
            ("e:ann", "e:ann a:tab", "updated 0: matched, attached", "e:ann a:tab"),
            ("e:ann", "e:ann p:5", "updated 0: matched, attached", "e:ann p:5"),
            ("e:ann", "x:1 e:ann", "updated 0: attached, matched", "x:1 e:ann"),
            ("a:tab", "e:ann a:tab", "updated 0: attached, matched", "e:ann a:tab"),
            ("e:ann", "id:0 p:5", "updated 0: matched, attached", "e:ann p:5"),
            ("e:ann a:tab", "e:ann a:pad", "updated 0: matched, attached", "e:ann a:tab a:pad"),
            ("x:1 +e:ann", "x:1 e:bob", "updated 0: matched, attached", "x:1 e:bob +e:ann"),
        ],
    );
}

pub fn a_client_never_replaces_an_identifier(engines: &Engines) {
    decides(
        engines,
        &[
            ("x:1 e:ann", "x:1 e:bob", "unchanged 0: matched, taken", "x:1 e:ann"),
            ("x:1 e:ann", "x:2 e:ann", "unchanged 0: taken, matched", "x:1 e:ann"),
            ("x:1 p:5", "x:1 p:6", "unchanged 0: matched, taken", "x:1 p:5"),
            ("x:1 e:ann", "id:0 e:bob", "unchanged 0: matched, taken", "x:1 e:ann"),
            ("x:1 e:ann", "@x:1 e:bob", "unchanged 0: matched, taken", "x:1 e:ann"),
            ("x:1 e:ann", "x:1 e:bob name=Ann", "updated 0: matched, taken", "x:1 e:ann"),
            ("", "@e:ann e:bob", "created 0: attached, taken", "e:ann"),
        ],
    );
}

pub fn the_company_itself_replaces_identifiers(engines: &Engines) {
    decides(
        engines,
        &[
            ("x:1 e:ann", "server x:1 e:bob", "updated 0: matched, replaced", "x:1 e:bob"),
            ("x:1 e:ann", "server x:2 e:ann", "updated 0: replaced, matched", "x:2 e:ann"),
            ("x:1 p:5", "server x:1 p:6", "updated 0: matched, replaced", "x:1 p:6"),
            ("e:ann", "server @e:ann e:bob", "updated 0: matched, replaced", "e:bob"),
            ("x:1 e:ann", "server @x:1 @e:bob", "updated 0: matched, replaced", "x:1 e:bob"),
        ],
    );
}

pub fn the_profile_holds_the_identifier_of_the_attributes_where_the_subject_differs(
    engines: &Engines,
) {
    decides(
        engines,
        &[
            ("", "server @e:ann e:bob", "created 0: taken, replaced", "e:bob"),
            ("e:bob", "server @e:ann e:bob", "unchanged 0: taken, matched", "e:bob"),
            ("x:1 p:5", "server @x:1 @p:6 p:7", "updated 0: matched, taken, replaced", "x:1 p:7"),
            ("x:1", "server @x:1 @p:6 p:7", "updated 0: matched, taken, replaced", "x:1 p:7"),
        ],
    );
}

pub fn two_profiles_of_one_person_are_merged_into_the_one_of_higher_authority(engines: &Engines) {
    decides(
        engines,
        &[
            ("x:1 | e:ann", "x:1 e:ann", "updated 0: matched, absorbed 1", "x:1 e:ann"),
            ("e:ann | x:1", "x:1 e:ann", "updated 1: matched, absorbed 0", "x:1 e:ann"),
            ("e:ann | p:5", "e:ann p:5", "updated 0: matched, absorbed 1", "e:ann p:5"),
            ("p:5 | a:tab", "p:5 a:tab", "updated 0: matched, absorbed 1", "p:5 a:tab"),
            ("a:tab | a:pad", "@a:pad a:tab", "updated 1: matched, absorbed 0", "a:tab a:pad"),
            (
                "x:1 | e:ann | p:5 | a:tab",
                "x:1 e:ann p:5 a:tab",
                "updated 0: matched, absorbed 1, absorbed 2, absorbed 3",
                "x:1 e:ann p:5 a:tab",
            ),
            (
                "x:1 | e:ann a:tab",
                "x:1 e:ann a:tab",
                "updated 0: matched, absorbed 1, absorbed 1",
                "x:1 e:ann a:tab",
            ),
            ("e:ann | a:tab", "id:0 a:tab", "updated 0: matched, absorbed 1", "e:ann a:tab"),
            ("x:1 | e:ann", "id:1 x:1", "updated 1: matched, absorbed 0", "x:1 e:ann"),
            ("x:1 | e:ann", "kx:1 x:1", "updated 1: matched, absorbed 0", "x:1 e:ann"),
            ("x:1 e:ann | p:5", "@p:5 id:0", "updated 1: matched, absorbed 0", "x:1 e:ann p:5"),
            (
                "x:1 | e:ann",
                "x:1 e:ann p:5",
                "updated 0: matched, absorbed 1, attached",
                "x:1 e:ann p:5",
            ),
        ],
    );
}

pub fn the_subject_determines_the_survivor_first(engines: &Engines) {
    decides(
        engines,
        &[
            ("x:1 | e:ann", "@e:ann x:1", "updated 1: matched, absorbed 0", "x:1 e:ann"),
            ("x:1 | a:tab", "@a:tab x:1", "updated 1: matched, absorbed 0", "x:1 a:tab"),
            (
                "x:1 e:ann | a:tab",
                "@a:tab e:ann",
                "unchanged 1: matched, owns x",
                "x:1 e:ann | a:tab",
            ),
            ("x:1", "@e:ann x:1", "updated 0: attached, matched", "x:1 e:ann"),
        ],
    );
}

pub fn a_weaker_claim_never_merges_a_profile(engines: &Engines) {
    decides(
        engines,
        &[
            ("e:ann | x:1 p:5", "e:ann p:5", "unchanged 0: matched, owns x", "e:ann | x:1 p:5"),
            ("x:1 | e:ann p:5", "x:1 p:5", "unchanged 0: matched, owns e", "x:1 | e:ann p:5"),
            ("x:1 | p:5 a:tab", "x:1 a:tab", "unchanged 0: matched, owns p", "x:1 | p:5 a:tab"),
            ("x:1 | +e:ann p:5", "x:1 p:5", "unchanged 0: matched, owns e", "x:1 | p:5 +e:ann"),
            (
                "x:1 | e:ann a:tab",
                "@x:1 @a:tab e:ann",
                "updated 0: matched, absorbed 1, absorbed 1",
                "x:1 e:ann a:tab",
            ),
        ],
    );
}

pub fn profiles_with_conflicting_identifiers_are_not_merged(engines: &Engines) {
    decides(
        engines,
        &[
            (
                "x:1 p:5 | e:ann p:6",
                "x:1 e:ann",
                "unchanged 0: matched, differs in p",
                "x:1 p:5 | e:ann p:6",
            ),
            (
                "x:1 e:ann | e:bob p:5",
                "id:0 e:bob",
                "unchanged 0: matched, differs in e",
                "x:1 e:ann | e:bob p:5",
            ),
            (
                "x:1 | x:2 e:ann",
                "id:0 x:2",
                "unchanged 0: matched, differs in x",
                "x:1 | x:2 e:ann",
            ),
            ("x:1 | x:2", "server id:0 x:2", "unchanged 0: matched, differs in x", "x:1 | x:2"),
            // Identifiers that earlier claims of the request attach count, too.
            (
                "x:1 | e:ann p:5 | p:6",
                "x:1 e:ann p:6",
                "updated 0: matched, absorbed 1, differs in p",
                "x:1 e:ann p:5 | p:6",
            ),
            (
                "x:1 | e:ann p:6",
                "@x:1 @p:7 e:ann",
                "updated 0: matched, attached, differs in p",
                "x:1 p:7 | e:ann p:6",
            ),
        ],
    );
}

pub fn a_device_of_another_person_does_not_determine_the_survivor(engines: &Engines) {
    decides(
        engines,
        &[
            ("e:ann a:tab", "e:bob a:tab", "created 1: attached, owns e", "e:ann a:tab | e:bob"),
            ("x:1 a:tab", "x:2 a:tab", "created 1: attached, owns x", "x:1 a:tab | x:2"),
            ("p:5 a:tab", "server p:6 a:tab", "created 1: attached, owns p", "p:5 a:tab | p:6"),
            ("e:ann a:tab", "p:5 a:tab", "updated 0: attached, matched", "e:ann p:5 a:tab"),
            (
                "e:ann +e:bob a:tab",
                "e:bob a:tab",
                "unchanged 0: matched, matched",
                "e:ann a:tab +e:bob",
            ),
            (
                "e:ann a:tab | a:pad",
                "@a:tab e:bob a:pad",
                "updated 1: owns e, attached, matched",
                "e:ann a:tab | e:bob a:pad",
            ),
            (
                "e:ann a:tab",
                "server a:tab +e:bob",
                "updated 0: matched, attached",
                "e:ann a:tab +e:bob",
            ),
        ],
    );
}

pub fn a_claim_that_names_no_profile_is_noted_and_never_attached(engines: &Engines) {
    decides(
        engines,
        &[
            ("", "id:?", "unidentified: unknown", ""),
            ("", "id:old", "unidentified: foreign", ""),
            ("", "kx:expired", "unidentified: token expired", ""),
            ("", "kx:99", "unidentified: unknown", ""),
            ("", "id:? e:ann", "created 0: unknown, attached", "e:ann"),
            ("", "id:old e:ann", "created 0: attached, foreign", "e:ann"),
            ("", "kx:unsealed a:tab", "created 0: attached, token unsealed", "a:tab"),
            ("", "kx:foreign a:tab", "created 0: attached, token foreign", "a:tab"),
            ("", "e:ann a:undefined", "created 0: attached, placeholder", "e:ann"),
            ("", "x:null e:ann", "created 0: attached, placeholder", "e:ann"),
            ("e:ann", "@id:? e:ann", "unchanged 0: unknown, matched", "e:ann"),
        ],
    );
}

pub fn only_the_company_itself_changes_secondary_addresses(engines: &Engines) {
    decides(
        engines,
        &[
            ("e:ann", "e:ann +e:bob", "unchanged 0: matched, server only", "e:ann"),
            ("e:ann +e:bob", "e:ann -e:bob", "unchanged 0: matched, server only", "e:ann +e:bob"),
            ("e:ann", "server e:ann +e:bob", "updated 0: matched, attached", "e:ann +e:bob"),
            ("e:ann +e:bob", "server e:ann -e:bob", "updated 0: matched, released", "e:ann"),
            ("e:ann", "server e:ann -e:bob", "unchanged 0: matched", "e:ann"),
            ("e:ann", "server e:ann -e:ann", "unchanged 0: matched", "e:ann"),
            ("e:ann", "server e:ann +e:ann", "unchanged 0: matched", "e:ann"),
            ("x:1 | e:ann", "server x:1 +e:ann", "updated 0: matched, absorbed 1", "x:1 e:ann"),
            (
                "e:ann | e:bob",
                "server e:ann +e:bob",
                "unchanged 0: matched, differs in e",
                "e:ann | e:bob",
            ),
            ("", "server id:old +e:ann", "created 0: attached, foreign", "+e:ann"),
            ("+e:ann", "server e:ann", "unchanged 0: matched", "+e:ann"),
        ],
    );
}

pub fn a_replaced_address_may_stay_as_a_secondary_one(engines: &Engines) {
    decides(
        engines,
        &[
            ("e:ann", "server e:bob +e:ann", "updated 0: replaced, matched", "e:bob +e:ann"),
            (
                "x:1 e:ann",
                "server x:1 e:bob +e:ann",
                "updated 0: matched, replaced, matched",
                "x:1 e:bob +e:ann",
            ),
        ],
    );
}

pub fn an_address_that_the_request_claims_is_not_removed(engines: &Engines) {
    decides(
        engines,
        &[
            ("e:ann", "server e:ann +e:bob -e:bob", "updated 0: matched, attached", "e:ann +e:bob"),
            (
                "x:1 +e:bob",
                "server x:1 e:bob -e:bob",
                "unchanged 0: matched, matched",
                "x:1 +e:bob",
            ),
            ("", "server id:? +e:ann -e:ann", "created 0: unknown, attached", "+e:ann"),
        ],
    );
}

pub fn the_oldest_secondary_address_is_removed_from_a_full_list(engines: &Engines) {
    decides(
        engines,
        &[
            (
                "e:ann +e:b +e:c +e:d +e:e",
                "server e:ann +e:f",
                "updated 0: matched, attached, released",
                "e:ann +e:c +e:d +e:e +e:f",
            ),
            // An entry that the same request claims stays.
            (
                "e:ann +e:b +e:c +e:d +e:e",
                "server e:ann +e:b +e:f",
                "updated 0: matched, matched, attached, released",
                "e:ann +e:b +e:d +e:e +e:f",
            ),
            (
                "e:ann",
                "server e:ann +e:b +e:c +e:d +e:e +e:f",
                "updated 0: matched, attached, attached, attached, attached, taken",
                "e:ann +e:b +e:c +e:d +e:e",
            ),
            (
                "e:ann +e:b +e:c +e:d +e:e",
                "server e:ann -e:c +e:f",
                "updated 0: matched, attached, released",
                "e:ann +e:b +e:d +e:e +e:f",
            ),
        ],
    );
}

pub fn the_oldest_device_is_removed_from_a_full_list(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for number in 1..=32 {
        harness.send(&format!("e:ann a:device-{number}"));
    }
    assert_eq!(harness.send("e:ann a:device-33"), "updated 0: matched, attached, released");
    assert_eq!(harness.profile(0).identifiers.devices.len(), 32);
    assert_eq!(harness.leads_to("a:device-1"), None);
    assert_eq!(harness.leads_to("a:device-2"), Some(0));
    assert_eq!(harness.leads_to("a:device-33"), Some(0));
    harness.assert_sound();
}

pub fn a_device_that_the_request_claims_stays_in_a_full_list(engines: &Engines) {
    let settings = IdentitySettings { anonymous_ids: 3, ..unprotected() };
    decides_under(
        engines,
        &settings,
        &[
            // The device belonged to the absorbed profile.
            ("@a:1 e:ann | a:4", "e:ann a:4", "updated 0: matched, absorbed 1", "e:ann a:1 a:4"),
        ],
    );
    let mut harness = StoreHarness::with_settings(engines, settings.clone());
    harness.send("a:new name=Ann");
    for device in ["1", "2", "3"] {
        harness.send(&format!("e:ann a:{device}"));
    }
    assert_eq!(harness.send("e:ann a:new"), "updated 1: matched, absorbed 0, released");
    assert_eq!(harness.leads_to("a:new"), Some(1));
    assert_eq!(harness.leads_to("a:1"), None);
    // The device was the oldest of a full list.
    assert_eq!(harness.send("@a:new a:4 e:ann"), "updated 1: matched, matched, attached, released");
    assert_eq!(harness.leads_to("a:new"), Some(1));
    assert_eq!(harness.leads_to("a:2"), None);
    harness.assert_sound();
}

pub fn at_the_limit_of_merges_merging_stops_and_updating_continues(engines: &Engines) {
    let settings = IdentitySettings { merges: 1, ..unprotected() };
    decides_under(
        engines,
        &settings,
        &[(
            "x:1 | e:ann | p:5",
            "x:1 e:ann p:5 a:tab name=Ann",
            "updated 0: matched, absorbed 1, capped, attached",
            "x:1 e:ann a:tab | p:5",
        )],
    );
    // The merges of the absorbed profile count, too.
    let later = || {
        let mut harness =
            StoreHarness::with_settings(engines, IdentitySettings { merges: 2, ..unprotected() });
        for words in ["x:1", "e:ann", "p:5", "a:tab", "e:ann p:5"] {
            harness.send(words);
        }
        harness
    };
    assert_eq!(later().send("x:1 e:ann a:tab"), "updated 0: matched, absorbed 1, capped");
    let mut harness = later();
    assert_eq!(harness.send("x:1 a:tab"), "updated 0: matched, absorbed 3");
    assert_eq!(harness.send("x:1 e:ann"), "unchanged 0: matched, capped");
    assert_eq!(harness.send("x:1 name=Ann"), "updated 0: matched");
    harness.assert_sound();
}

pub fn an_outcome_links_to_the_previous_outcomes(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["x:1", "e:ann", "x:1 e:ann", "e:ann"] {
        harness.send(words);
    }
    let previous: Vec<Vec<u64>> =
        harness.outcomes().into_iter().map(|outcome| outcome.previous).collect();
    assert_eq!(previous, [vec![], vec![], vec![1, 2], vec![3]]);
}

pub fn an_outcome_lists_changed_attributes_up_to_a_limit_and_counts_the_others(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    let mut many = harness.submission(&parse_request("x:1"));
    for number in 0..70 {
        let name = format!("p{number}").parse().unwrap();
        many.patch.properties.set.push((name, "1".parse().unwrap()));
    }
    let outcome = harness.submit(many).unwrap();
    assert_eq!((outcome.changed.len(), outcome.changed_unlisted), (64, 6));
    let outcome = harness.send_request(&parse_request("x:1 name=Ann p1="));
    assert_eq!((outcome.changed.len(), outcome.changed_unlisted), (2, 0));
}

pub fn of_thousands_of_addresses_the_first_are_attached_in_linear_time(engines: &Engines) {
    // An algorithm that is cubic in their number takes minutes here.
    let mut harness = StoreHarness::new(engines);
    harness.send("server x:1");
    let append = (0..4_000).map(|number| format!("e{number}")).collect();
    harness.send_request(&TestRequest { append, ..parse_request("server x:1") });
    assert_eq!(harness.about(0), "x:1 +e:e0 +e:e1 +e:e2 +e:e3");
}

pub fn a_taken_place_is_decided_without_the_attributes_of_its_profile(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("server x:1 e:ann");
    harness.send("server e:ben name=Ben plan=gold");
    harness.send("server p:5 name=Cat");
    // The attributes of two profiles are damaged: they are the last parts of a record.
    for number in [1, 2] {
        let id = harness.created[number].bits().to_be_bytes();
        let key = [b"DEMO01\0p", id.as_slice()].concat();
        let all = contents(harness.engine.as_ref());
        let (_, mut value) = all.into_iter().find(|(one, _)| *one == key).unwrap();
        value.pop();
        wait(harness.engine.apply(vec![Write { key, value: Some(value) }])).unwrap();
    }
    assert_eq!(harness.send("x:1 e:ben"), "unchanged 0: matched, differs in e");
    assert_eq!(harness.send("@x:1 e:ben a:tab"), "updated 0: matched, differs in e, attached");
    // A profile that may be merged, or that the request is about, is decoded.
    for words in ["e:ben", "x:1 p:5", "server x:1 e:ben", "p:5"] {
        let submission = harness.submission(&parse_request(words));
        assert_eq!(harness.submit(submission), Err(StoreError::Damaged), "{words}");
    }
}
