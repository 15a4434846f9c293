//! What clients attach: identifiers, which yield to the company, and devices.

use profile_protocol::IdentifierKind;
use profile_store::{ClaimResult, IdentitySettings, Rejected, StoreError, StoreOptions};

use crate::{
    engines::Engines,
    harness::{StoreHarness, unprotected},
    notation::parse_request,
    simulated_ids::SimulatedIds,
};

const HOUR_MS: u64 = 60 * 60 * 1_000;

/// A store to which these requests were sent.
fn after(engines: &Engines, requests: &[&str]) -> StoreHarness {
    let mut harness = StoreHarness::new(engines);
    requests.iter().for_each(|words| drop(harness.send(words)));
    harness
}

pub fn an_import_takes_what_a_client_attached_to_another_person(engines: &Engines) {
    let mut harness = after(engines, &["server x:2 name=Ben", "x:2 e:ann"]);
    assert_eq!(harness.send("import x:1 e:ann name=Ann"), "created 1: attached, moved 0");
    assert_eq!(harness.about(0), "x:2 name=Ben");
    assert_eq!(harness.about(1), "x:1 e:ann name=Ann");
    // Both histories show it, and each has no other outcome of the other profile.
    let sequences = |number: usize| -> Vec<u64> {
        harness.history(number).iter().map(|outcome| outcome.sequence).collect()
    };
    assert_eq!([sequences(0), sequences(1)], [vec![3, 2, 1], vec![3]]);
    harness.assert_sound();
}

pub fn an_update_takes_an_address_that_a_stranger_occupies(engines: &Engines) {
    let mut harness = after(engines, &["server x:1 e:ann", "e:new a:stranger"]);
    assert_eq!(harness.send("update:0 e:new"), "updated 0: matched, moved 1");
    assert_eq!(harness.about(0), "x:1 e:new");
    assert_eq!(harness.about(1), "a:stranger");
    // What the company has named for another person is still refused.
    harness.send("server x:3 e:cat");
    assert_eq!(harness.try_send("update:0 e:cat"), "duplicate 2");
    harness.assert_sound();
}

pub fn a_lead_that_the_company_imports_is_one_profile(engines: &Engines) {
    let mut harness = after(engines, &["a:tab city=Bonn", "e:ann a:tab", "server x:1"]);
    assert_eq!(harness.send("import x:1 e:ann"), "updated 1: matched, absorbed 0");
    assert_eq!(harness.about(1), "x:1 e:ann a:tab city=Bonn");
    let mut harness = after(engines, &["e:ann a:tab city=Bonn"]);
    assert_eq!(harness.send("import x:1 e:ann"), "updated 0: attached, matched");
    harness.assert_sound();
}

pub fn a_device_of_another_person_stops_no_import(engines: &Engines) {
    let mut harness = after(engines, &["server x:1 e:ann", "x:bogus e:cat a:tab"]);
    assert_eq!(harness.send("import x:1 a:tab name=Ann"), "updated 0: matched, owns x");
    assert_eq!(harness.about(0), "x:1 e:ann name=Ann");
    assert_eq!(harness.about(1), "x:bogus e:cat a:tab");
    harness.assert_sound();
}

pub fn an_external_id_of_a_stranger_stops_no_import(engines: &Engines) {
    let mut harness = after(engines, &["server e:ann", "x:bogus e:ann", "server x:1"]);
    assert_eq!(harness.send("import x:1 e:ann"), "updated 1: matched, absorbed 0, released");
    assert_eq!(harness.about(1), "x:1 e:ann");
    assert_eq!(harness.leads_to("x:bogus"), None);
    harness.undo(0).unwrap();
    assert_eq!([0, 1].map(|number| harness.about(number)), ["x:bogus e:ann", "x:1"]);
    harness.assert_sound();
}

pub fn a_stranger_merges_no_two_persons_that_the_company_knows(engines: &Engines) {
    let known = ["server e:ann name=Ann", "server p:5 name=Ben"];
    let mut harness = after(engines, &known);
    for words in ["e:ann p:5", "@p:5 e:ann", "@e:ann @p:5 a:stranger"] {
        assert!(harness.send(words).contains("known") || words.starts_with("@p"), "{words}");
        assert!(harness.is_unmerged(0) && harness.is_unmerged(1), "{words}");
    }
    // A device of each adds nothing to that.
    harness.send("e:ann a:mine");
    harness.send("p:5 a:other");
    harness.send("@a:mine @p:5 e:ann a:other");
    assert!(harness.is_unmerged(0) && harness.is_unmerged(1));
    assert_eq!(harness.send("server e:ann p:5"), "updated 0: matched, absorbed 1");
    harness.assert_sound();
}

pub fn an_undo_returns_identifiers_that_gave_way(engines: &Engines) {
    let mut harness = after(engines, &["server x:1", "x:1 e:bogus", "server e:ann a:tab"]);
    let before = [0, 1].map(|number| harness.about(number));
    assert_eq!(harness.send("import x:1 e:ann"), "updated 0: matched, absorbed 1, released");
    assert_eq!(harness.about(0), "x:1 e:ann a:tab");
    harness.undo(1).unwrap();
    assert_eq!([0, 1].map(|number| harness.about(number)), before);
    // The address is a client's as before, so it yields again.
    assert_eq!(harness.send("import x:7 e:bogus"), "created 2: attached, moved 0");
    harness.assert_sound();
}

pub fn what_the_company_repeats_is_its_own(engines: &Engines) {
    let mut harness = after(engines, &["e:ann a:tab"]);
    assert_eq!(harness.send("server e:ann"), "unchanged 0: matched");
    assert_eq!(harness.send("server x:1"), "created 1: attached");
    assert_eq!(harness.try_send("update:1 e:ann"), "duplicate 0");
    harness.assert_sound();
}

/// A store whose clock advances by an hour from request to request, for profiles of four devices.
fn hourly(engines: &Engines) -> StoreHarness {
    let clock = SimulatedIds::new().striding(HOUR_MS);
    let harness = StoreHarness::create(engines, clock, StoreOptions::default()).unwrap();
    let settings = IdentitySettings { anonymous_ids: 4, ..unprotected() };
    StoreHarness { settings: settings.into(), ..harness }
}

/// Lets a day pass.
fn wait_a_day(harness: &mut StoreHarness) {
    (0..24).for_each(|_| drop(harness.send("e:bob")));
}

pub fn the_device_seen_longest_ago_leaves_and_is_reported(engines: &Engines) {
    let mut harness = hourly(engines);
    for device in ["1", "2", "3", "4", "1"] {
        harness.send(&format!("e:ann a:{device}"));
    }
    assert_eq!(harness.send("e:ann a:5"), "updated 0: matched, attached, released");
    assert_eq!(harness.about(0), "e:ann a:3 a:4 a:1 a:5");
    assert_eq!(harness.leads_to("a:2"), None);
    harness.assert_sound();
}

pub fn a_merge_keeps_the_devices_seen_last(engines: &Engines) {
    let mut harness = hourly(engines);
    for words in ["x:1 a:1", "x:1 a:2", "x:1 a:3", "e:ann a:7", "e:ann a:8", "e:ann a:9"] {
        harness.send(&format!("server {words}"));
    }
    let merged = harness.send("server x:1 e:ann");
    assert_eq!(merged, "updated 0: matched, absorbed 1, released, released");
    assert_eq!(harness.about(0), "x:1 e:ann a:3 a:7 a:8 a:9");
    harness.undo(1).unwrap();
    let both = [0, 1].map(|number| harness.about(number));
    assert_eq!(both, ["x:1 a:1 a:2 a:3", "e:ann a:7 a:8 a:9"]);
    harness.assert_sound();
}

/// Sends a request about each of 30 devices of a profile.
fn send_thirty(harness: &mut StoreHarness, profile: &str, letter: char) {
    (0..30).for_each(|number| drop(harness.send(&format!("{profile} a:{letter}{number}"))));
}

pub fn of_two_full_lists_the_devices_seen_last_stay_and_every_other_one_is_released(
    engines: &Engines,
) {
    for merge in ["x:1 e:ann", "import x:1 e:ann", "manual"] {
        let mut harness = StoreHarness::new(engines);
        send_thirty(&mut harness, "x:1", 's');
        send_thirty(&mut harness, "e:ann", 't');
        let before = [0, 1].map(|number| harness.about(number));
        let outcome = match merge {
            "manual" => harness.merge(0, 1).unwrap(),
            words => harness.send_request(&parse_request(words)),
        };
        let released = outcome.claims.iter().filter(|claim| {
            (claim.kind, claim.result) == (IdentifierKind::AnonymousId, ClaimResult::Released)
        });
        assert_eq!(released.count(), 28, "{merge}");
        assert_eq!(harness.profile(0).identifiers.devices.len(), 32);
        for number in 0..30 {
            let earlier = (28 <= number).then_some(0);
            assert_eq!(harness.leads_to(&format!("a:s{number}")), earlier, "{merge}");
            assert_eq!(harness.leads_to(&format!("a:t{number}")), Some(0), "{merge}");
        }
        harness.undo(1).unwrap();
        assert_eq!([0, 1].map(|number| harness.about(number)), before, "{merge}");
        harness.assert_sound();
    }
}

pub fn an_undo_pushes_out_no_device(engines: &Engines) {
    let mut harness = hourly(engines);
    harness.settings = IdentitySettings { anonymous_ids: 3, ..unprotected() }.into();
    harness.send("e:ann a:own");
    wait_a_day(&mut harness);
    // This device has returned, and the next one has not, so that one leaves in the merge.
    for words in ["a:own", "e:ann a:new", "p:5 a:7", "p:5 a:8"] {
        harness.send(words);
    }
    assert_eq!(harness.send("e:ann p:5"), "updated 0: matched, absorbed 2, released");
    for device in ["a:5", "a:6"] {
        let attached = harness.send(&format!("e:ann {device}"));
        assert_eq!(attached, "updated 0: matched, attached, released");
    }
    harness.undo(2).unwrap();
    assert_eq!(harness.about(0), "e:ann a:own a:5 a:6");
    assert_eq!(harness.about(2), "p:5 a:7 a:8");
    harness.assert_sound();
}

pub fn strangers_push_out_no_device_that_has_returned(engines: &Engines) {
    let mut harness = hourly(engines);
    let own = ["a:own-1", "a:own-2", "a:own-3", "a:own-4"];
    own.iter().for_each(|device| drop(harness.send(&format!("e:ann {device}"))));
    wait_a_day(&mut harness);
    own.iter().for_each(|device| drop(harness.send(device)));
    assert_eq!(harness.send("e:ann a:stranger"), "unchanged 0: matched, taken");
    // Neither by a merge: the devices of the other profile leave.
    ["a:7", "a:8"].iter().for_each(|device| drop(harness.send(&format!("p:5 {device}"))));
    let merged = harness.send("e:ann p:5");
    assert_eq!(merged, "updated 0: matched, absorbed 2, released, released");
    assert_eq!(harness.about(0), format!("e:ann p:5 {}", own.join(" ")));
    // The company is not limited, and what has not been seen for a month may leave.
    assert_eq!(harness.send("server e:ann a:new"), "updated 0: matched, attached, released");
    assert_eq!(harness.send("e:ann a:stranger"), "updated 0: matched, attached, released");
    assert_eq!(harness.leads_to("a:new"), None);
    (0..30).for_each(|_| wait_a_day(&mut harness));
    assert_eq!(harness.send("e:ann a:6"), "updated 0: matched, attached, released");
    assert_eq!(harness.leads_to("a:own-2"), None);
    harness.assert_sound();
}

pub fn a_device_in_use_is_never_pushed_out(engines: &Engines) {
    let mut harness = hourly(engines);
    harness.send("e:ann a:own");
    for number in 0..300 {
        // Ann is there before the list is full, and then once in ten days.
        if number == 3 || number % 240 == 0 {
            assert_eq!(harness.send("a:own"), "unchanged 0: matched", "{number}");
        }
        if (3..=24).contains(&number) {
            harness.send("e:bob");
        } else {
            harness.send(&format!("e:ann a:stranger-{number}"));
        }
    }
    assert_eq!(harness.leads_to("a:own"), Some(0));
    harness.assert_sound();
}

pub fn strangers_use_up_no_merges_of_the_company(engines: &Engines) {
    let mut harness = after(engines, &["server x:1 e:ann"]);
    harness.settings = IdentitySettings { merges: 2, ..unprotected() }.into();
    for number in 0..4 {
        harness.send(&format!("a:stranger-{number}"));
        harness.send(&format!("e:ann a:stranger-{number}"));
    }
    assert_eq!(harness.profile(0).absorbed.len(), 2);
    ["server p:5", "server p:6", "server p:7"].iter().for_each(|words| drop(harness.send(words)));
    assert_eq!(harness.send("import x:1 p:5"), "updated 0: matched, absorbed 5");
    // Its own merges are limited as before.
    assert!(harness.merge(0, 6).is_ok());
    assert_eq!(harness.merge(0, 7), Err(StoreError::Rejected(Rejected::MergeCap)));
    harness.undo(5).unwrap();
    assert!(harness.merge(0, 7).is_ok());
    harness.assert_sound();
}

pub fn an_undo_keeps_what_the_company_has_named_since_the_merge(engines: &Engines) {
    let mut harness = after(engines, &["e:ann", "p:5 a:ben", "e:ann p:5", "server p:5"]);
    harness.undo(1).unwrap();
    assert_eq!([0, 1].map(|number| harness.about(number)), ["e:ann", "p:5 a:ben"]);
    assert_eq!(harness.send("server x:7 e:cat"), "created 2: attached, attached");
    // The number is the company's, so it yields to no other profile.
    assert_eq!(harness.try_send("update:2 p:5"), "duplicate 1");
    harness.assert_sound();
}

pub fn an_undo_leaves_the_survivor_what_it_had_before_the_merge(engines: &Engines) {
    let harness = after(engines, &["x:2 e:ann", "server e:bob", "server e:ann +e:bob"]);
    harness.undo(1).unwrap();
    assert_eq!([0, 1].map(|number| harness.about(number)), ["x:2 e:ann", "e:bob"]);
    harness.assert_sound();
}

pub fn in_a_manual_merge_an_address_of_the_company_takes_precedence(engines: &Engines) {
    let mut harness = after(engines, &["e:lead a:tab", "server x:2 e:ben"]);
    let outcome = harness.merge(0, 1).unwrap();
    assert_eq!(harness.describe(&outcome), "updated 0: matched, absorbed 1, released");
    assert_eq!(harness.about(0), "x:2 e:ben a:tab");
    harness.undo(1).unwrap();
    assert_eq!([0, 1].map(|number| harness.about(number)), ["e:lead a:tab", "x:2 e:ben"]);
    // One of the company does not give way.
    harness.send("server e:lead");
    harness.merge(0, 1).unwrap();
    assert_eq!(harness.about(0), "x:2 e:lead a:tab +e:ben");
    harness.assert_sound();
}
