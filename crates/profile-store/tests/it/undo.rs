//! Undoing merges: what comes back, what stays, and what does not happen again.

use profile_protocol::{ChangedAttribute, IdentifierKind};
use profile_store::{Engine, Profile, Rules, StoreError, Unmerged, engine::Write};
use proptest::prelude::*;

use crate::{
    laws::{TIGHT, sequences},
    people::{Asked, asked},
    world::{World, wait},
};

fn named(attributes: &[ChangedAttribute]) -> Vec<&str> {
    let name = |attribute: &'_ ChangedAttribute| match attribute {
        ChangedAttribute::Field(field) => field.name().to_owned(),
        ChangedAttribute::Property(name) => name.as_str().to_owned(),
    };
    attributes.iter().map(name).map(String::leak).map(|name| &*name).collect()
}

/// Ann by her number, and by her address as somebody else, merged into one.
fn merged() -> World {
    let mut world = World::new();
    world.say("x:1 a:tab name=Ann plan=gold");
    world.say("e:ann p:5 name=A. zip=24103 size=m");
    assert_eq!(world.say("x:1 e:ann"), "updated 0: matched, absorbed 1");
    assert_eq!(world.about(0), "x:1 e:ann p:5 a:tab name=Ann zip=24103 plan=gold size=m");
    world
}

#[test]
fn both_are_what_they_were_if_nothing_was_written_since() {
    let world = merged();
    let unmerged = world.undo(1).unwrap();
    assert_eq!(world.about(0), "x:1 a:tab name=Ann plan=gold");
    assert_eq!(world.about(1), "e:ann p:5 name=A. zip=24103 size=m");
    assert!(world.lives(1));
    assert_eq!(world.leads_to("e:ann"), Some(1));
    assert_eq!(world.leads_to("p:5"), Some(1));
    assert_eq!((unmerged.kept, unmerged.lost), (vec![], vec![]));
    assert_eq!(named(&unmerged.outcome.changed), ["zip", "size"]);
    assert_eq!(unmerged.survivor, world.profile(0));
    assert_eq!(unmerged.restored, world.profile(1));
    world.is_sound();
}

#[test]
fn what_was_written_since_stays_with_the_survivor_and_is_named() {
    let mut world = merged();
    world.say("x:1 zip=10017 size=l plan=silver a:web");
    let unmerged = world.undo(1).unwrap();
    assert_eq!(world.about(0), "x:1 a:tab a:web name=Ann zip=10017 plan=silver size=l");
    assert_eq!(world.about(1), "e:ann p:5 name=A. zip=24103 size=m");
    assert_eq!(named(&unmerged.kept), ["zip", "size"]);
    world.is_sound();
}

#[test]
fn an_identifier_that_leads_to_somebody_else_by_now_is_lost_and_named() {
    let mut world = merged();
    world.say("server x:1 e:new");
    assert_eq!(world.say("e:ann name=Other"), "created 2: attached");
    let unmerged = world.undo(1).unwrap();
    assert_eq!(unmerged.lost, [IdentifierKind::Email]);
    assert_eq!(world.about(0), "x:1 e:new a:tab name=Ann plan=gold");
    assert_eq!(world.about(1), "p:5 name=A. zip=24103 size=m");
    assert_eq!(world.leads_to("e:ann"), Some(2));
    world.is_sound();
}

#[test]
fn the_same_request_does_not_merge_again_and_a_new_claim_does() {
    let mut world = merged();
    world.undo(1).unwrap();
    for _ in 0..2 {
        assert_eq!(world.say("x:1 e:ann"), "unchanged 0: matched, undone");
    }
    assert!(world.lives(1));
    // The number led to the absorbed profile, too, but merged nobody.
    assert_eq!(world.say("x:1 p:5"), "unchanged 0: matched, owns e");
    assert_eq!(world.say("e:ann a:new"), "updated 1: matched, attached");
    assert_eq!(world.say("x:1 id:1"), "updated 1: matched, absorbed 0");
    world.is_sound();
}

#[test]
fn what_was_undone_stays_undone_when_the_survivor_is_merged_itself() {
    let mut world = World::new();
    for words in ["e:ann", "p:5", "x:1"] {
        world.say(words);
    }
    assert_eq!(world.say("e:ann p:5"), "updated 0: matched, absorbed 1");
    world.undo(1).unwrap();
    assert_eq!(world.say("x:1 e:ann"), "updated 2: matched, absorbed 0");
    assert_eq!(world.say("x:1 p:5"), "unchanged 2: matched, undone");
    assert!(world.lives(1));
    world.is_sound();
}

#[test]
fn only_what_is_merged_can_be_undone_and_only_once() {
    let world = merged();
    assert_eq!(world.undo(0), Err(StoreError::NotMerged));
    world.undo(1).unwrap();
    assert_eq!(world.undo(1), Err(StoreError::NotMerged));
}

#[test]
fn merges_are_undone_in_any_order() {
    for order in [[1, 2], [2, 1]] {
        let mut world = World::new();
        for words in ["x:1 name=Ann", "e:ann city=Bonn", "p:5 plan=gold"] {
            world.say(words);
        }
        world.say("x:1 e:ann");
        world.say("x:1 p:5");
        for number in order {
            world.undo(number).unwrap();
            world.is_sound();
        }
        assert_eq!(world.about(0), "x:1 name=Ann");
        assert_eq!(world.about(1), "e:ann city=Bonn");
        assert_eq!(world.about(2), "p:5 plan=gold");
    }
}

#[test]
fn ids_that_led_to_a_restored_profile_lead_to_it_again() {
    for order in [[1, 2], [2, 1]] {
        let mut world = World::new();
        for words in ["x:1", "e:ann", "p:5"] {
            world.say(words);
        }
        assert_eq!(world.say("e:ann p:5"), "updated 1: matched, absorbed 2");
        assert_eq!(world.say("x:1 e:ann"), "updated 0: matched, absorbed 1");
        assert_eq!(world.profile(2).id, world.known[0]);
        world.undo(order[0]).unwrap();
        let expected = if order[0] == 1 { 1 } else { 2 };
        assert_eq!(world.profile(2).id, world.known[expected]);
        world.is_sound();
        world.undo(order[1]).unwrap();
        assert!((0..3).all(|number| world.lives(number)));
        world.is_sound();
    }
}

#[test]
fn devices_that_left_a_full_list_come_back() {
    let mut world = World::with_rules(Rules { anonymous_ids: 3, ..Rules::default() });
    for device in ["1", "2", "3"] {
        world.say(&format!("e:ann a:{device}"));
    }
    world.say("p:5 a:4");
    assert_eq!(world.say("e:ann p:5 a:4"), "updated 0: matched, absorbed 1, absorbed 1");
    assert_eq!(world.leads_to("a:1"), None);
    world.undo(1).unwrap();
    assert_eq!(world.about(0), "e:ann a:1 a:2 a:3");
    assert_eq!(world.about(1), "p:5 a:4");
    world.is_sound();
}

#[test]
fn undoing_leaves_an_outcome_in_the_history_of_both() {
    let world = merged();
    let outcome = world.undo(1).unwrap().outcome;
    assert_eq!(world.told(&outcome), "unmerged 0: restored 1");
    for number in [0, 1] {
        assert_eq!(world.history(number).first(), Some(&outcome));
    }
}

/// What undoing has to bring back.
fn comparable(profile: Profile) -> Profile {
    let updated = profile.created;
    Profile { updated, last_outcome: None, do_not_merge: Vec::new(), ..profile }
}

fn everybody(world: &World) -> Vec<Profile> {
    (0..world.known.len()).map(|number| comparable(world.profile(number))).collect()
}

/// The request with nothing in it but its claims, so that all it can do is merge.
fn only_claims(asked: Asked) -> Asked {
    let Asked { server: _, subject, attributes, .. } = asked;
    Asked { subject, attributes, ..Asked::default() }
}

/// Undoes all that a request merged, and sees that all is as it was and stays so.
fn undone(world: &mut World, last: &Asked) {
    let before = everybody(world);
    let outcome = world.ask(last);
    let absorbed: Vec<_> = outcome.absorbed().collect();
    for id in absorbed.iter().rev() {
        let number = world.known.iter().position(|known| known == id).unwrap();
        world.undo(number).unwrap();
        world.is_sound();
    }
    assert!(everybody(world) == before, "{last:?}");
    // What the merge had been in the way of may happen now, but not the merge.
    let again = world.ask(last);
    assert!(again.absorbed().all(|id| !absorbed.contains(&id)), "{last:?}");
}

proptest! {
    #[test]
    fn undo_after_merge_restores_both_sides(sequence in sequences(), protect in any::<bool>()) {
        let mut world = World::with_rules(Rules { protect, ..Rules::default() });
        for asked in sequence {
            let claims = only_claims(asked.clone());
            let outcome = wait(world.store.explain(world.submission(&claims))).unwrap();
            let attaches = outcome.claims.iter().any(|claim| claim.result.as_str() == "attached");
            if 0 < outcome.absorbed().count() && !attaches {
                undone(&mut world, &claims);
            }
            world.ask(&asked);
        }
    }
}

#[test]
fn a_secondary_address_taken_away_since_stays_away() {
    let mut world = World::new();
    world.say("server x:1 +e:old");
    world.say("e:ann");
    world.say("x:1 e:ann");
    world.ask(&asked("server x:1 -e:old"));
    world.undo(1).unwrap();
    assert_eq!(world.about(0), "x:1");
    assert_eq!(world.leads_to("e:old"), None);
}

#[test]
fn what_a_later_survivor_had_of_its_own_stays_when_an_earlier_merge_is_undone() {
    let mut world = World::new();
    for words in ["x:1 name=Ann plan=gold", "e:ann", "p:5 name=Ann plan=gold"] {
        world.say(words);
    }
    world.say("e:ann p:5");
    world.say("x:1 e:ann");
    world.undo(2).unwrap();
    assert_eq!(world.about(0), "x:1 e:ann name=Ann plan=gold");
    world.undo(1).unwrap();
    assert_eq!(world.about(0), "x:1 name=Ann plan=gold");
    assert_eq!(world.about(1), "e:ann");
    assert_eq!(world.about(2), "p:5 name=Ann plan=gold");
}

#[test]
fn what_was_undone_does_not_come_back_when_a_later_merge_is_undone() {
    let mut world = World::new();
    for words in ["x:1", "e:ann", "p:5 a:tab name=Ann tz=Here plan=gold"] {
        world.say(words);
    }
    world.say("e:ann p:5");
    world.say("x:1 e:ann");
    world.undo(2).unwrap();
    assert_eq!(world.undo(1).unwrap().lost, []);
    assert_eq!(world.about(0), "x:1");
    assert_eq!(world.about(1), "e:ann");
    assert_eq!(world.about(2), "p:5 a:tab name=Ann tz=Here plan=gold");
}

#[test]
fn what_an_undone_merge_kept_out_comes_in() {
    let mut world = World::new();
    for words in ["x:1", "e:ann tz=Here city=Rome plan=gold", "p:5 tz=There city=Bonn plan=free"] {
        world.say(words);
    }
    world.say("x:1 e:ann");
    world.say("x:1 p:5");
    assert_eq!(world.about(0), "x:1 e:ann p:5 city=Rome tz=There plan=gold");
    world.undo(1).unwrap();
    assert_eq!(world.about(0), "x:1 p:5 city=Bonn tz=There plan=free");
    world.undo(2).unwrap();
    assert_eq!(world.about(0), "x:1");
}

#[test]
fn who_was_merged_again_after_an_undo_stays_when_their_first_survivor_leaves() {
    let mut world = World::new();
    for words in ["x:1", "e:ann", "p:5 a:tab"] {
        world.say(words);
    }
    world.say("e:ann p:5");
    world.say("x:1 e:ann");
    world.undo(2).unwrap();
    assert_eq!(world.say("@x:1 id:2"), "updated 0: matched, absorbed 2");
    world.undo(1).unwrap();
    assert_eq!(world.about(0), "x:1 p:5 a:tab");
    assert_eq!(world.about(1), "e:ann");
    assert_eq!(world.leads_to("a:tab"), Some(0));
    world.is_sound();
}

proptest! {
    /// Where nothing but merging happens after a while, undoing it all in any order
    /// brings back everything as it was, whether the company protected its values in
    /// some of it, all or none.
    #[test]
    fn merges_undone_in_any_order_leave_nothing_behind(
        sequence in sequences(),
        merging in sequences(),
        protected in prop::collection::vec(any::<bool>(), 20),
        orders in prop::collection::vec(any::<prop::sample::Index>(), 100),
    ) {
        let mut world = World::new();
        for asked in &sequence {
            world.ask(asked);
        }
        let before = everybody(&world);
        let mut merged = Vec::new();
        for (asked, protect) in merging.into_iter().map(only_claims).zip(protected) {
            world.rules = Rules { protect, ..Rules::default() }.into();
            let submission = world.submission(&asked);
            let outcome = wait(world.store.explain(submission)).unwrap();
            let told = outcome.claims.iter().map(|claim| claim.result.as_str());
            if outcome.survivor.is_some() && told.clone().all(|result| result != "attached") {
                merged.extend(world.ask(&asked).absorbed());
            }
        }
        for order in orders {
            if merged.is_empty() {
                break;
            }
            let absorbed = merged.swap_remove(order.index(merged.len()));
            let number = world.known.iter().position(|known| *known == absorbed).unwrap();
            let unmerged = world.undo(number).unwrap();
            prop_assert!(unmerged.kept.is_empty() && unmerged.lost.is_empty());
            world.is_sound();
        }
        prop_assert_eq!(everybody(&world), before);
    }
}

proptest! {
    /// Whoever asks, and whatever lists are full.
    #[test]
    fn all_is_sound_whatever_is_asked_and_undone(
        steps in prop::collection::vec((sequences(), any::<prop::sample::Index>()), 1..6),
    ) {
        let mut world = World::with_rules(TIGHT);
        for (sequence, undone) in steps {
            for asked in &sequence {
                world.ask(asked);
            }
            let numbers: Vec<usize> = (0..world.known.len()).filter(|&n| !world.lives(n)).collect();
            if numbers.is_empty() {
                continue;
            }
            let number = numbers[undone.index(numbers.len())];
            let Unmerged { survivor, restored, .. } = world.undo(number).unwrap();
            prop_assert!(world.lives(number));
            for profile in [survivor, restored] {
                prop_assert!(profile.identifiers.anonymous_ids.len() <= TIGHT.anonymous_ids);
                prop_assert!(profile.identifiers.secondary_emails.len() <= TIGHT.secondary_emails);
                prop_assert!(profile.absorbed.len() <= TIGHT.merges);
            }
            world.is_sound();
        }
    }
}

#[test]
fn a_merge_whose_record_is_damaged_is_not_undone_and_nobody_is_told_to_ask_again() {
    let mut world = merged();
    let mut key = b"DEMO01\0m".to_vec();
    key.extend_from_slice(&world.known[1].bits().to_be_bytes());
    wait(world.engine.apply(vec![Write { key, value: Some(vec![9]) }])).unwrap();
    assert_eq!(world.undo(1), Err(StoreError::Damaged));
    assert_eq!(world.say("x:1 e:ann"), "unchanged 0: matched, matched");
}
