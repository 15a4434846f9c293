//! Stories of operators, request by request.

use profile_store::{Caller, Claims};

use crate::{
    engines::Engines,
    harness::StoreHarness,
    notation::{open, parse_request},
};

pub fn a_visitor_who_signs_up_keeps_the_attributes_of_the_device(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    assert_eq!(harness.send("a:tab plan=trial city=Bonn"), "created 0: attached");
    assert_eq!(harness.send("e:ann a:tab name=Ann"), "updated 0: attached, matched");
    assert_eq!(harness.about(0), "e:ann a:tab name=Ann city=Bonn plan=trial");
}

pub fn a_customer_who_signs_in_on_a_new_device_is_one_profile(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("x:7 e:ann name=Ann city=Bonn");
    harness.send("a:phone plan=trial city=Kiel zip=24103 tz=Europe/Berlin");
    assert_eq!(harness.send("e:ann a:phone"), "updated 0: matched, absorbed 1");
    // The address with more of it filled is taken whole.
    let ann = "x:7 e:ann a:phone name=Ann city=Kiel zip=24103 tz=Europe/Berlin plan=trial";
    assert_eq!(harness.about(0), ann);
    // The id that the device was given goes on leading to her.
    assert_eq!(harness.about(1), ann);
    assert_eq!(harness.send("id:1 plan=gold"), "updated 0: matched");
    harness.assert_sound();
}

pub fn a_shared_tablet_never_writes_one_person_onto_another(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("e:ann a:tablet name=Ann");
    assert_eq!(harness.send("e:bob a:tablet name=Bob"), "created 1: attached, owns e");
    assert_eq!(
        harness.send("x:3 e:cat a:tablet name=Cat"),
        "created 2: attached, attached, owns e"
    );
    assert_eq!(harness.send("e:bob a:tablet plan=gold"), "updated 1: matched, owns e");
    assert_eq!(harness.about(0), "e:ann a:tablet name=Ann");
    assert_eq!(harness.about(1), "e:bob name=Bob plan=gold");
    assert_eq!(harness.about(2), "x:3 e:cat name=Cat");
    harness.assert_sound();
}

pub fn an_address_is_added_to_the_profile_of_a_phone_number(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    assert_eq!(harness.send("p:5"), "created 0: attached");
    assert_eq!(harness.send("e:ann p:5 name=Ann"), "updated 0: attached, matched");
    assert_eq!(harness.send("e:ann plan=gold"), "updated 0: matched");
    assert_eq!(harness.about(0), "e:ann p:5 name=Ann plan=gold");
    harness.assert_sound();
}

pub fn a_profile_of_a_phone_number_merges_into_that_of_an_address(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("e:ann name=Ann");
    harness.send("p:5 plan=texts");
    assert_eq!(harness.send("e:ann p:5"), "updated 0: matched, absorbed 1");
    assert_eq!(harness.about(0), "e:ann p:5 name=Ann plan=texts");
    harness.assert_sound();
}

/// The first customer logs out, the client does not reset its anonymous id, and the next customer
/// logs in.
pub fn a_second_login_on_a_device_that_was_not_reset_is_another_profile(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("a:browser plan=trial");
    assert_eq!(
        harness.send("x:1 e:ann a:browser name=Ann"),
        "updated 0: attached, attached, matched"
    );
    harness.send("a:browser seen=pricing");
    assert_eq!(
        harness.send("x:2 e:bob a:browser name=Bob"),
        "created 1: attached, attached, owns x"
    );
    assert_eq!(harness.about(0), "x:1 e:ann a:browser name=Ann plan=trial seen=pricing");
    assert_eq!(harness.about(1), "x:2 e:bob name=Bob");
    harness.assert_sound();
}

pub fn long_chains_of_merges_end_at_one_profile(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for device in 0..20 {
        harness.send(&format!("a:tab-{device} d{device}=seen"));
    }
    harness.send("p:5");
    harness.send("e:ann");
    harness.send("x:1");
    for device in 0..20 {
        harness.send(&format!("p:5 a:tab-{device}"));
    }
    harness.send("e:ann p:5");
    assert_eq!(harness.send("x:1 e:ann"), "updated 22: matched, absorbed 21");
    for number in 0..harness.created.len() {
        assert_eq!(harness.profile(number).id, harness.created[22]);
    }
    assert_eq!(harness.profile(0).attributes.properties.len(), 20);
    assert_eq!(harness.profile(0).created, harness.outcomes()[0].at);
    let audit = harness.audit();
    assert_eq!((audit.profiles, audit.aliases, audit.merges), (1, 22, 22));
    harness.assert_sound();
}

pub fn a_form_that_always_sends_null_merges_no_profiles(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    assert_eq!(harness.send("x:null e:ann name=Ann"), "created 0: attached, placeholder");
    assert_eq!(harness.send("x:null e:bob name=Bob"), "created 1: attached, placeholder");
    assert_eq!(harness.send("x:null e:ann plan=gold"), "updated 0: matched, placeholder");
    assert_eq!(harness.about(0), "e:ann name=Ann plan=gold");
    assert_eq!(harness.about(1), "e:bob name=Bob");
    assert_eq!(harness.leads_to("x:null"), None);
    // Without an address there is nothing to decide.
    let missing = parse_request("x:null name=Cat").request(&harness.created);
    let placeholders = &harness.settings.placeholders;
    assert!(
        Claims::from_request(&missing, Caller::Client, placeholders, |token| open(token, &[]))
            .is_err()
    );
    harness.assert_sound();
}

pub fn a_client_that_guesses_an_address_cannot_change_identities(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("x:1 e:ann p:5 name=Ann");
    harness.send("x:2 e:bob name=Bob");
    assert_eq!(harness.send("e:ann plan=gold"), "updated 0: matched");
    // No identifier is replaced, and no address joins.
    assert_eq!(harness.send("e:ann x:9 p:9"), "unchanged 0: taken, matched, taken");
    assert_eq!(harness.send("id:0 e:eve"), "unchanged 0: matched, taken");
    assert_eq!(harness.send("e:ann +e:eve"), "unchanged 0: matched, server only");
    assert_eq!(harness.send("e:ann -e:ann"), "unchanged 0: matched, server only");
    // A profile with an identifier of higher authority is not merged.
    assert_eq!(harness.send("x:2 e:ann"), "unchanged 1: matched, owns x");
    assert_eq!(harness.send("e:bob p:5"), "unchanged 1: matched, owns x");
    assert_eq!(harness.send("id:0 x:2"), "unchanged 0: matched, differs in x");
    let company = harness.company.clone();
    harness.company = "OTHER1".parse().unwrap();
    assert_eq!(harness.send("id:0 e:ann name=Eve"), "created 2: unknown, attached");
    harness.company = company;
    assert_eq!(harness.about(0), "x:1 e:ann p:5 name=Ann plan=gold");
    assert_eq!(harness.about(1), "x:2 e:bob name=Bob");
    for missing in ["x:9", "p:9", "e:eve"] {
        assert_eq!(harness.leads_to(missing), None, "{missing}");
    }
    harness.assert_sound();
}
