//! Stories that operators tell: what happens to people, request by request.

use profile_store::{Caller, Claims};

use crate::{
    people::{asked, open},
    world::World,
};

#[test]
fn a_visitor_who_signs_up_keeps_what_was_known_of_the_device() {
    let mut world = World::new();
    assert_eq!(world.say("a:tab plan=trial city=Bonn"), "created 0: attached");
    assert_eq!(world.say("e:ann a:tab name=Ann"), "updated 0: attached, matched");
    assert_eq!(world.about(0), "e:ann a:tab name=Ann city=Bonn plan=trial");
}

#[test]
fn a_customer_who_signs_in_on_a_new_device_is_one_profile() {
    let mut world = World::new();
    world.say("x:7 e:ann name=Ann city=Bonn");
    world.say("a:phone plan=trial city=Kiel zip=24103 tz=Europe/Berlin");
    assert_eq!(world.say("e:ann a:phone"), "updated 0: matched, absorbed 1");
    // The address with more of it filled is taken whole.
    let ann = "x:7 e:ann a:phone name=Ann city=Kiel zip=24103 tz=Europe/Berlin plan=trial";
    assert_eq!(world.about(0), ann);
    // The id that the device was given goes on leading to her.
    assert_eq!(world.about(1), ann);
    assert_eq!(world.say("id:1 plan=gold"), "updated 0: matched");
    world.is_sound();
}

#[test]
fn a_shared_tablet_never_writes_one_person_onto_another() {
    let mut world = World::new();
    world.say("e:ann a:tablet name=Ann");
    assert_eq!(world.say("e:bob a:tablet name=Bob"), "created 1: attached, owns e");
    assert_eq!(world.say("x:3 e:cat a:tablet name=Cat"), "created 2: attached, attached, owns e");
    assert_eq!(world.say("e:bob a:tablet plan=gold"), "updated 1: matched, owns e");
    assert_eq!(world.about(0), "e:ann a:tablet name=Ann");
    assert_eq!(world.about(1), "e:bob name=Bob plan=gold");
    assert_eq!(world.about(2), "x:3 e:cat name=Cat");
    world.is_sound();
}

#[test]
fn a_phone_number_leads_to_whoever_adds_an_address_to_it() {
    let mut world = World::new();
    assert_eq!(world.say("p:5"), "created 0: attached");
    assert_eq!(world.say("e:ann p:5 name=Ann"), "updated 0: attached, matched");
    assert_eq!(world.say("e:ann plan=gold"), "updated 0: matched");
    assert_eq!(world.about(0), "e:ann p:5 name=Ann plan=gold");
    world.is_sound();
}

#[test]
fn a_phone_number_of_its_own_joins_the_address_it_is_named_with() {
    let mut world = World::new();
    world.say("e:ann name=Ann");
    world.say("p:5 plan=texts");
    assert_eq!(world.say("e:ann p:5"), "updated 0: matched, absorbed 1");
    assert_eq!(world.about(0), "e:ann p:5 name=Ann plan=texts");
    world.is_sound();
}

/// The first person logs out, the client does not reset its anonymous id, and
/// the next one logs in.
#[test]
fn who_logs_in_after_another_did_not_reset_the_device_is_somebody_else() {
    let mut world = World::new();
    world.say("a:browser plan=trial");
    assert_eq!(world.say("x:1 e:ann a:browser name=Ann"), "updated 0: attached, attached, matched");
    world.say("a:browser seen=pricing");
    assert_eq!(world.say("x:2 e:bob a:browser name=Bob"), "created 1: attached, attached, owns x");
    assert_eq!(world.about(0), "x:1 e:ann a:browser name=Ann plan=trial seen=pricing");
    assert_eq!(world.about(1), "x:2 e:bob name=Bob");
    world.is_sound();
}

#[test]
fn long_chains_of_merges_end_at_one_profile() {
    let mut world = World::new();
    for device in 0..20 {
        world.say(&format!("a:tab-{device} d{device}=seen"));
    }
    world.say("p:5");
    world.say("e:ann");
    world.say("x:1");
    for device in 0..20 {
        world.say(&format!("p:5 a:tab-{device}"));
    }
    world.say("e:ann p:5");
    assert_eq!(world.say("x:1 e:ann"), "updated 22: matched, absorbed 21");
    for number in 0..world.known.len() {
        assert_eq!(world.profile(number).id, world.known[22]);
    }
    assert_eq!(world.profile(0).attributes.properties.len(), 20);
    assert_eq!(world.profile(0).created, world.outcomes()[0].at);
    let audit = world.audit();
    assert_eq!((audit.profiles, audit.aliases, audit.merges), (1, 22, 22));
    world.is_sound();
}

#[test]
fn a_form_that_sends_null_for_everybody_mixes_nobody_up() {
    let mut world = World::new();
    assert_eq!(world.say("x:null e:ann name=Ann"), "created 0: attached, placeholder");
    assert_eq!(world.say("x:null e:bob name=Bob"), "created 1: attached, placeholder");
    assert_eq!(world.say("x:null e:ann plan=gold"), "updated 0: matched, placeholder");
    assert_eq!(world.about(0), "e:ann name=Ann plan=gold");
    assert_eq!(world.about(1), "e:bob name=Bob");
    assert_eq!(world.leads_to("x:null"), None);
    // Without an address there is nothing to decide.
    let nobody = asked("x:null name=Cat").request(&world.known);
    let sentinels = &world.rules.sentinels;
    assert!(
        Claims::from_request(&nobody, Caller::Client, sentinels, |token| open(token, &[])).is_err()
    );
    world.is_sound();
}

#[test]
fn somebody_who_knows_an_address_cannot_touch_who_is_who() {
    let mut world = World::new();
    world.say("x:1 e:ann p:5 name=Ann");
    world.say("x:2 e:bob name=Bob");
    assert_eq!(world.say("e:ann plan=gold"), "updated 0: matched");
    // No identifier is replaced, and no address joins.
    assert_eq!(world.say("e:ann x:9 p:9"), "unchanged 0: taken, matched, taken");
    assert_eq!(world.say("id:0 e:eve"), "unchanged 0: matched, taken");
    assert_eq!(world.say("e:ann +e:eve"), "unchanged 0: matched, server only");
    assert_eq!(world.say("e:ann -e:ann"), "unchanged 0: matched, server only");
    // Nobody who owns a name is merged into anybody.
    assert_eq!(world.say("x:2 e:ann"), "unchanged 1: matched, owns x");
    assert_eq!(world.say("e:bob p:5"), "unchanged 1: matched, owns x");
    assert_eq!(world.say("id:0 x:2"), "unchanged 0: matched, differs in x");
    let company = world.company.clone();
    world.company = "OTHER1".parse().unwrap();
    assert_eq!(world.say("id:0 e:ann name=Eve"), "created 2: unknown, attached");
    world.company = company;
    assert_eq!(world.about(0), "x:1 e:ann p:5 name=Ann plan=gold");
    assert_eq!(world.about(1), "x:2 e:bob name=Bob");
    for nobody in ["x:9", "p:9", "e:eve"] {
        assert_eq!(world.leads_to(nobody), None, "{nobody}");
    }
    world.is_sound();
}
