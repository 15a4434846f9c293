//! A request that names a known email address or phone number and a different external id, where
//! the company has such requests concern a new profile.

use profile_protocol::IdentifierKind;
use profile_store::{ClaimResult, DifferentExternalId, IdentitySettings};
use proptest::prelude::*;

use crate::{
    engines::Engines,
    generators::{SMALL_LIMITS, requests_with_intents, sequences},
    harness::{StoreHarness, unprotected},
    notation::{TestIntent, TestRequest},
};

/// A store of a company with this choice, to which these requests were sent.
fn after(engines: &Engines, choice: DifferentExternalId, requests: &[&str]) -> StoreHarness {
    let settings = IdentitySettings { different_external_id: choice, ..unprotected() };
    let mut harness = StoreHarness::with_settings(engines, settings);
    requests.iter().for_each(|words| drop(harness.send(words)));
    harness
}

fn with_new_profile(engines: &Engines, requests: &[&str]) -> StoreHarness {
    after(engines, DifferentExternalId::NewProfile, requests)
}

pub fn by_default_a_request_writes_to_the_profile_of_the_known_address(engines: &Engines) {
    let mut harness =
        after(engines, IdentitySettings::default().different_external_id, &["x:1 e:ann name=Jane"]);
    assert_eq!(harness.send("x:2 e:ann name=Jack"), "updated 0: taken, matched");
    assert_eq!(harness.about(0), "x:1 e:ann name=Jack");
    harness.assert_sound();
}

pub fn a_known_address_or_number_outranks_no_different_external_id(engines: &Engines) {
    for known in ["e:ann", "p:5"] {
        let mut harness = with_new_profile(engines, &[&format!("x:1 {known} name=Jane")]);
        let request = format!("x:2 {known} name=Jack");
        assert_eq!(harness.explain(&request).claims.len(), 2);
        assert_eq!(harness.send(&request), "created 1: attached, owns x");
        assert_eq!(harness.send(&request), "unchanged 1: matched, owns x");
        assert_eq!(harness.about(0), format!("x:1 {known} name=Jane"));
        assert_eq!(harness.about(1), "x:2 name=Jack");
        harness.assert_sound();
    }
}

pub fn an_import_of_a_different_external_id_is_refused_whole(engines: &Engines) {
    let mut harness = with_new_profile(engines, &["server x:1 e:ann name=Jane"]);
    for _ in 0..2 {
        assert_eq!(harness.try_send("import x:2 e:ann name=Jack"), "duplicate 0");
    }
    assert_eq!(harness.about(0), "x:1 e:ann name=Jane");
    assert_eq!(harness.leads_to("x:2"), None);
    // An update says whose external id changes.
    assert_eq!(harness.send("update:0 x:2"), "updated 0: matched, replaced");
    assert_eq!(harness.send("import x:2 e:ann name=Jack"), "updated 0: matched, matched");
    harness.assert_sound();
}

pub fn the_company_does_not_yield_to_an_external_id_of_a_client(engines: &Engines) {
    let mut harness = with_new_profile(engines, &["server e:ann", "x:bogus e:ann"]);
    assert_eq!(harness.send("import x:1 e:ann"), "updated 0: replaced, matched");
    assert_eq!(harness.about(0), "x:1 e:ann");
    harness.assert_sound();
}

pub fn a_profile_that_a_bogus_external_id_split_off_is_merged_by_the_next_import(
    engines: &Engines,
) {
    let mut harness = with_new_profile(engines, &["server e:ann name=Ann", "x:bogus e:ann"]);
    assert_eq!(harness.send("x:1 e:ann a:tab"), "created 1: attached, owns x, attached");
    assert_eq!(harness.send("import x:1 e:ann"), "updated 1: matched, absorbed 0, released");
    assert_eq!(harness.about(1), "x:1 e:ann a:tab name=Ann");
    assert_eq!(harness.leads_to("x:bogus"), None);
    harness.undo(0).unwrap();
    assert_eq!([0, 1].map(|number| harness.about(number)), ["x:bogus e:ann name=Ann", "x:1 a:tab"]);
    harness.assert_sound();
}

pub fn an_id_or_a_token_of_the_profile_outranks_a_different_external_id(engines: &Engines) {
    for named in ["id:0", "kx:0"] {
        let mut harness = with_new_profile(engines, &["x:1 e:ann"]);
        let request = format!("{named} x:2 e:ann city=Bonn");
        assert_eq!(harness.send(&request), "updated 0: matched, taken, matched");
        assert_eq!(harness.about(0), "x:1 e:ann city=Bonn");
        harness.assert_sound();
    }
    let mut harness = with_new_profile(engines, &["x:1 e:ann a:tab"]);
    assert_eq!(harness.send("kx:0/tab x:2 city=Bonn"), "created 1: attached, owns x");
    harness.assert_sound();
}

pub fn an_external_id_that_a_manual_merge_removed_is_unknown(engines: &Engines) {
    let mut harness = with_new_profile(engines, &["x:1 e:ann", "x:2 p:5"]);
    harness.merge(0, 1).unwrap();
    assert_eq!(harness.about(0), "x:1 e:ann p:5");
    assert_eq!(harness.send("x:2 p:5"), "created 2: attached, owns x");
    // The undo returns what no other profile holds.
    let unmerged = harness.undo(1).unwrap();
    assert_eq!(unmerged.lost, [IdentifierKind::ExternalId]);
    assert_eq!([0, 1, 2].map(|number| harness.about(number)), ["x:1 e:ann", "p:5", "x:2"]);
    // Nothing contradicts the external id any more.
    assert_eq!(harness.send("x:2 p:5"), "updated 2: matched, absorbed 1");
    harness.assert_sound();
}

pub fn the_choice_applies_from_the_next_request_on(engines: &Engines) {
    let mut harness = after(engines, DifferentExternalId::SameProfile, &["x:1 e:ann"]);
    assert_eq!(harness.send("x:2 e:ann"), "unchanged 0: taken, matched");
    let different_external_id = DifferentExternalId::NewProfile;
    harness.settings = IdentitySettings { different_external_id, ..unprotected() }.into();
    assert_eq!(harness.send("x:2 e:ann"), "created 1: attached, owns x");
    harness.settings = unprotected().into();
    assert_eq!(harness.send("x:2 e:ann"), "unchanged 1: matched, owns x");
    assert_eq!(harness.send("x:3 e:ann"), "unchanged 0: taken, matched");
    harness.assert_sound();
}

/// Whether the request names its profile by an id, or finds it by one.
fn is_by_id(request: &TestRequest) -> bool {
    let names_id = |(kind, _): &(String, String)| kind == "id" || kind == "kx";
    matches!(request.intent, TestIntent::Update(_))
        || request.subject.iter().chain(&request.attributes).any(names_id)
}

pub fn a_request_writes_to_no_profile_with_an_external_id_that_it_does_not_name(engines: &Engines) {
    let settings =
        IdentitySettings { different_external_id: DifferentExternalId::NewProfile, ..SMALL_LIMITS };
    let sequences = (sequences(), prop::collection::vec(requests_with_intents(), 1..6));
    engines.check(sequences, |(before, requests)| {
        let mut harness = StoreHarness::with_settings(engines, settings.clone());
        before.iter().for_each(|request| drop(harness.send_request(request)));
        for request in requests.iter().filter(|request| !is_by_id(request)) {
            let named = request.subject.iter().chain(&request.attributes);
            let named: Vec<&str> =
                named.filter(|(kind, _)| kind == "x").map(|(_, text)| text.as_str()).collect();
            let submission = harness.submission(request);
            let Ok(outcome) = harness.submit(submission) else { continue };
            let Some(survivor) = outcome.survivor else { continue };
            let number = harness.created.iter().position(|id| *id == survivor).unwrap();
            let held = harness.profile(number).identifiers;
            // The company merges profiles whatever external ids clients have named for them.
            let yields =
                request.server && held.client_attached.contains(IdentifierKind::ExternalId);
            let is_named = held.external_id.is_none_or(|held| named.contains(&held.as_str()));
            let is_named = is_named || yields || named.is_empty();
            prop_assert!(is_named, "{request:?}: {}", harness.describe(&outcome));
            let is_ignored = |kind| {
                let mut claims = outcome.claims.iter().filter(|claim| claim.kind == kind);
                claims.any(|claim| matches!(claim.result, ClaimResult::Ignored(_)))
            };
            prop_assert!(named.len() != 1 || !is_ignored(IdentifierKind::ExternalId));
        }
        Ok(())
    });
}
