//! How many properties a profile may have, and whose the room for them is.

use profile_protocol::{
    PropertyName, PropertyValue,
    limits::{PROPERTIES, PROPERTIES_BYTES},
};
use profile_store::{
    Outcome, PropertiesTooLarge, Rejected, StoreError, Submission,
    limits::{CLIENT_PROPERTIES, CLIENT_PROPERTIES_BYTES},
};

use crate::{people::asked, world::World};

const TOO_LARGE: Result<Outcome, StoreError> =
    Err(StoreError::Rejected(Rejected::PropertiesTooLarge(PropertiesTooLarge)));

/// Sets a property that takes up so many bytes with its name.
fn filled(words: &str, name: &str, bytes: usize, world: &World) -> Submission {
    let mut submission = world.submission(&asked(words));
    submission.patch.properties.set.push(property(name, bytes));
    submission
}

fn property(name: &str, bytes: usize) -> (PropertyName, PropertyValue) {
    let text = "x".repeat(bytes - name.len() - 2);
    (name.parse().unwrap(), format!("\"{text}\"").parse().unwrap())
}

/// Sets so many properties, of which no other prefix has any.
fn many(words: &str, prefix: &str, count: usize, world: &World) -> Submission {
    let mut submission = world.submission(&asked(words));
    let name = |number| format!("{prefix}{number}").parse().unwrap();
    submission.patch.properties.set =
        (0..count).map(|number| (name(number), "1".parse().unwrap())).collect();
    submission
}

#[test]
fn a_request_that_brings_too_many_properties_is_refused_whole() {
    let mut world = World::new();
    world.say("x:1 plan=gold");
    world.say("e:ann");
    let before = world.about(0);
    let submission = filled("x:1 e:ann name=Ann a:tab", "notes", 256 * 1024, &world);
    assert_eq!(world.submit(submission), TOO_LARGE);

    let mut many = world.submission(&asked("x:1 a:tab"));
    for number in 0..PROPERTIES {
        let name = format!("p{number}").parse().unwrap();
        many.patch.properties.set.push((name, "1".parse().unwrap()));
    }
    assert_eq!(world.submit(many), TOO_LARGE);

    assert_eq!(world.about(0), before);
    assert_eq!(world.leads_to("e:ann"), Some(1));
    assert_eq!(world.leads_to("a:tab"), None);
    assert_eq!(world.outcomes().len(), 2);
    // A profile may be full to the last byte.
    let submission = filled("server x:1", "notes", 256 * 1024 - "plan\"gold\"".len(), &world);
    assert!(world.submit(submission).is_ok());
    world.is_sound();
}

#[test]
fn clients_cannot_fill_a_profile_so_that_the_company_has_no_room() {
    let mut world = World::new();
    world.submit(many("e:ann", "p", CLIENT_PROPERTIES, &world)).unwrap();
    assert_eq!(world.submit(many("e:ann", "q", 1, &world)), TOO_LARGE);
    // Nor can they with a profile of their own, which they would have absorbed.
    world.submit(many("a:tab", "r", 1, &world)).unwrap();
    assert_eq!(world.say("e:ann a:tab"), "unchanged 0: matched, too large");
    let room = PROPERTIES - CLIENT_PROPERTIES;
    assert!(world.submit(many("server e:ann", "s", room, &world)).is_ok());
    assert_eq!(world.submit(many("server e:ann", "t", 1, &world)), TOO_LARGE);
    world.is_sound();
}

#[test]
fn clients_may_change_and_take_away_what_the_company_filled_a_profile_with() {
    let mut world = World::new();
    world.submit(many("server e:ann", "p", PROPERTIES, &world)).unwrap();
    assert_eq!(world.say("e:ann p1=2 name=Ann"), "updated 0: matched");
    assert_eq!(world.say("e:ann p2= p3="), "updated 0: matched");
    assert_eq!(world.try_say("e:ann q=1"), PropertiesTooLarge.to_string());
    // What has no properties may become part of it.
    world.say("a:tab name=Eve");
    assert_eq!(world.say("e:ann a:tab"), "updated 0: matched, absorbed 1");
}

#[test]
fn profiles_that_together_have_too_many_properties_stay_apart() {
    let mut world = World::new();
    for (words, kibibytes) in [("x:1", 150), ("e:ann", 150), ("p:5", 50)] {
        let submission = filled(words, words, kibibytes * 1024, &world);
        world.submit(submission).unwrap();
    }
    assert_eq!(world.say("x:1 e:ann p:5"), "updated 0: matched, too large, absorbed 2");
    world.is_sound();
}

#[test]
fn clients_cannot_fill_the_bytes_that_are_the_companys_own() {
    let mut world = World::new();
    world.submit(filled("e:ann", "notes", CLIENT_PROPERTIES_BYTES, &world)).unwrap();
    let more = filled("e:ann", "notes", CLIENT_PROPERTIES_BYTES + 1, &world);
    assert_eq!(world.submit(more), TOO_LARGE);
    assert_eq!(world.try_say("e:ann q=1"), PropertiesTooLarge.to_string());
    let room = PROPERTIES_BYTES - CLIENT_PROPERTIES_BYTES;
    assert_eq!(world.submit(filled("server e:ann", "own", room + 1, &world)), TOO_LARGE);
    assert!(world.submit(filled("server e:ann", "own", room, &world)).is_ok());
    world.is_sound();
}

#[test]
fn clients_cannot_fill_those_bytes_by_a_merge_and_the_company_may() {
    let mut world = World::new();
    let room = PROPERTIES_BYTES - CLIENT_PROPERTIES_BYTES;
    world.submit(filled("e:ann", "notes", CLIENT_PROPERTIES_BYTES, &world)).unwrap();
    world.submit(filled("a:tab", "more", room, &world)).unwrap();
    assert_eq!(world.say("e:ann a:tab"), "unchanged 0: matched, too large");
    assert_eq!(world.say("server e:ann a:tab"), "updated 0: matched, absorbed 1");
    assert_eq!(world.profile(0).attributes.properties.bytes(), PROPERTIES_BYTES);
    world.is_sound();
}

#[test]
fn clients_cannot_put_names_of_their_own_in_place_of_the_companys() {
    let mut world = World::new();
    let room = PROPERTIES - CLIENT_PROPERTIES;
    world.submit(many("e:ann", "p", CLIENT_PROPERTIES, &world)).unwrap();
    world.submit(many("server e:ann", "s", room, &world)).unwrap();
    let taken = (0..room).map(|number| format!("s{number}").parse().unwrap());
    let mut swap = many("e:ann", "q", room, &world);
    swap.patch.properties.unset = taken.collect();
    assert_eq!(world.submit(swap.clone()), TOO_LARGE);
    // What they take away without a substitute leaves room, which is the company's again.
    swap.patch.properties.set.clear();
    assert!(world.submit(swap).is_ok());
    assert_eq!(world.submit(many("e:ann", "q", 1, &world)), TOO_LARGE);
    assert!(world.submit(many("server e:ann", "s", room, &world)).is_ok());
    world.is_sound();
}

#[test]
fn clients_cannot_let_their_values_grow_by_what_they_take_of_the_companys() {
    let mut world = World::new();
    let room = PROPERTIES_BYTES - CLIENT_PROPERTIES_BYTES;
    world.submit(filled("e:ann", "notes", CLIENT_PROPERTIES_BYTES, &world)).unwrap();
    world.submit(filled("server e:ann", "own", room, &world)).unwrap();
    for name in ["notes", "new"] {
        let mut swap = filled("e:ann", "own", room / 2, &world);
        let had = if name == "notes" { CLIENT_PROPERTIES_BYTES } else { 0 };
        swap.patch.properties.set.push(property(name, had + room / 2));
        assert_eq!(world.submit(swap), TOO_LARGE, "{name}");
    }
    assert!(world.submit(filled("e:ann", "own", room / 2, &world)).is_ok());
    assert!(world.submit(filled("server e:ann", "own", room, &world)).is_ok());
    // Nor by a merge: a profile of theirs may survive.
    world.submit(filled("a:tab", "own", room + 1, &world)).unwrap();
    assert_eq!(world.say("e:ann a:tab"), "unchanged 0: matched, too large");
    world.submit(filled("a:pad", "own", room, &world)).unwrap();
    assert_eq!(world.say("e:ann a:pad"), "updated 0: matched, absorbed 2");
    world.is_sound();
}

#[test]
fn what_two_profiles_have_in_common_counts_once() {
    let half = CLIENT_PROPERTIES / 2;
    let mut world = World::new();
    world.submit(many("a:tab", "p", half + 1, &world)).unwrap();
    world.submit(many("a:pad", "p", half + 1, &world)).unwrap();
    assert_eq!(world.say("@a:pad a:tab"), "updated 1: matched, absorbed 0");
    world.submit(many("a:phone", "q", half, &world)).unwrap();
    assert_eq!(world.say("a:tab @a:phone"), "unchanged 2: matched, too large");
    assert_eq!(world.say("a:phone q0="), "updated 2: matched");
    assert_eq!(world.say("a:tab @a:phone"), "updated 2: matched, absorbed 1");
    assert_eq!(world.profile(0).attributes.properties.len(), CLIENT_PROPERTIES);
    world.is_sound();
}

#[test]
fn two_profiles_too_full_to_be_one_are_joined_once_the_company_has_made_room() {
    let mut world = World::new();
    let room = PROPERTIES - CLIENT_PROPERTIES;
    world.submit(many("e:ann", "p", CLIENT_PROPERTIES, &world)).unwrap();
    world.submit(many("p:5", "q", room, &world)).unwrap();
    let joins = "server import e:ann p:5 plan=gold";
    assert_eq!(world.try_say(joins), PropertiesTooLarge.to_string());
    world.say("p:5 one-more=1");
    assert_eq!(world.try_say(joins), "duplicate 1");
    world.say("server import p:5 q0= q1=");
    assert_eq!(world.try_say(joins), "updated 0: matched, absorbed 1");
    world.is_sound();
}
