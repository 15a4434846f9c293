//! Merging on demand: what the company says is one person becomes one, and can be
//! parted again.

use profile_protocol::limits::PROPERTIES;
use profile_store::{Effect, PropertiesTooLarge, Rejected, Rules, StoreError};
use proptest::prelude::*;

use crate::{
    intents,
    laws::TIGHT,
    people::{Asked, asked},
    world::{World, contents},
};

fn people(all: &[&str]) -> World {
    let mut world = World::new();
    for words in all {
        let told = world.say(&format!("server {words}"));
        assert!(told.starts_with("created"), "{told}");
    }
    world
}

/// What is answered to merging the second into the first, and what is left.
fn merged(world: &World) -> (String, String) {
    let answer = world.answered(&world.merge(0, 1));
    world.is_sound();
    (answer, world.about(0))
}

#[test]
fn the_destinations_values_stand_and_gaps_are_filled() {
    let world = people(&["e:ann name=Ann", "p:5 a:tab name=A. plan=gold"]);
    let expected = ("updated 0: matched, absorbed 1", "e:ann p:5 a:tab name=Ann plan=gold");
    assert_eq!(merged(&world), (expected.0.into(), expected.1.into()));
    assert!(!world.lives(1));
    assert_eq!(world.leads_to("p:5"), Some(0));
}

#[test]
fn no_identifier_keeps_two_apart_that_are_to_be_one() {
    let world = people(&["x:1 e:ann p:5", "x:2 e:bob p:6"]);
    let told = "updated 0: matched, absorbed 1, released, released";
    assert_eq!(merged(&world), (told.into(), "x:1 e:ann p:5 +e:bob".into()));
    assert_eq!(world.leads_to("e:bob"), Some(0));
    assert_eq!((world.leads_to("x:2"), world.leads_to("p:6")), (None, None));
}

#[test]
fn the_sources_own_address_goes_before_its_secondary_ones_and_after_the_destinations() {
    let world = people(&["e:a1 +e:a2 +e:a3", "e:b1 +e:b2 +e:b3"]);
    let mut world = World { rules: TIGHT.into(), ..world };
    let told = "updated 0: matched, absorbed 1, released, released, released";
    assert_eq!(merged(&world), (told.into(), "e:a1 +e:a2 +e:a3".into()));
    world.undo(1).unwrap();
    world.rules = Rules { secondary_emails: 3, ..TIGHT }.into();
    assert_eq!(merged(&world).1, "e:a1 +e:b1 +e:a2 +e:a3");
}

#[test]
fn what_was_let_go_of_may_be_taken_up_and_is_lost_to_an_undo_then() {
    let mut world = people(&["x:1 p:5", "x:2 p:6"]);
    world.merge(0, 1).unwrap();
    assert_eq!(world.say("p:6"), "created 2: attached");
    let unmerged = world.undo(1).unwrap();
    assert_eq!(unmerged.lost, [profile_protocol::IdentifierKind::PhoneNumber]);
    assert_eq!((world.about(0), world.about(1)), ("x:1 p:5".into(), "x:2".into()));
    world.is_sound();
}

#[test]
fn ids_of_merged_profiles_stand_for_whom_they_became() {
    let world = people(&["x:1", "x:2", "x:3", "x:4"]);
    world.merge(0, 1).unwrap();
    world.merge(2, 3).unwrap();
    let outcome = world.merge(1, 3).unwrap();
    assert_eq!(world.told(&outcome), "updated 0: matched, absorbed 2, released");
    for number in 0..4 {
        assert_eq!(world.profile(number).id, world.known[0]);
    }
    world.is_sound();
}

#[test]
fn who_is_one_already_stays_so() {
    let world = people(&["x:1", "x:2"]);
    world.merge(0, 1).unwrap();
    let before = world.profile(0);
    for (destination, source) in [(0, 1), (1, 0), (0, 0)] {
        let outcome = world.merge(destination, source).unwrap();
        assert_eq!(world.told(&outcome), "unchanged 0: matched, matched");
    }
    assert_eq!(world.profile(0).updated, before.updated);
    assert_eq!(world.profile(0).absorbed, before.absorbed);
    assert_eq!(world.history(0).len(), 6);
    world.is_sound();
}

#[test]
fn a_merge_that_may_not_be_changes_nothing() {
    let mut world = people(&["x:1", "x:2", "x:3"]);
    world.merge(1, 2).unwrap();
    world.rules = Rules { merges: 1, ..Rules::default() }.into();
    let before = contents(world.engine.as_ref());
    assert_eq!(world.merge(0, 7), Err(StoreError::Rejected(Rejected::UnknownProfile)));
    assert_eq!(world.merge(7, 0), Err(StoreError::Rejected(Rejected::UnknownProfile)));
    assert_eq!(world.merge(0, 1), Err(StoreError::Rejected(Rejected::MergeCap)));
    assert_eq!(contents(world.engine.as_ref()), before);
    world.rules = Rules { merges: 2, ..Rules::default() }.into();
    assert!(world.merge(0, 1).is_ok());
}

#[test]
fn two_with_too_many_properties_stay_two() {
    let mut world = World::new();
    for (words, prefix) in [("x:1", "p"), ("x:2", "q")] {
        let mut many = world.submission(&asked(words));
        for number in 0..=PROPERTIES / 2 {
            let name = format!("{prefix}{number}").parse().unwrap();
            many.patch.properties.set.push((name, "1".parse().unwrap()));
        }
        world.submit(many).unwrap();
    }
    assert_eq!(
        world.merge(0, 1),
        Err(StoreError::Rejected(Rejected::PropertiesTooLarge(PropertiesTooLarge)))
    );
    assert!(world.lives(1));
}

#[test]
fn the_history_of_one_is_that_of_both() {
    let mut world = people(&["x:1", "x:2"]);
    world.say("x:2 name=Ann");
    let outcome = world.merge(0, 1).unwrap();
    assert_eq!(outcome.previous, [1, 3]);
    let sequences = world.history(1).into_iter().map(|outcome| outcome.sequence);
    assert_eq!(sequences.collect::<Vec<_>>(), [4, 3, 2, 1]);
}

#[test]
fn who_was_parted_may_be_merged_on_demand_again() {
    let mut world = people(&["x:1 p:5", "e:ann p:6"]);
    for _ in 0..2 {
        world.merge(0, 1).unwrap();
        world.undo(1).unwrap();
        assert_eq!(world.about(1), "e:ann p:6");
    }
    // Nor does what parted them before keep two apart.
    world.say("server @x:1 p:7");
    assert_eq!(world.say("server @x:1 id:1"), "unchanged 0: matched, undone");
    assert!(world.merge(0, 1).is_ok());
    world.is_sound();
}

#[derive(Clone, Debug)]
enum Step {
    Ask(Asked),
    Merge(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => intents::intents().prop_map(Step::Ask),
        1 => (0usize..5, 0usize..5).prop_map(|(destination, source)| Step::Merge(destination, source)),
    ];
    prop::collection::vec(step, 1..20)
}

fn everybody(world: &World) -> Vec<(String, u64)> {
    let numbers = 0..world.known.len();
    numbers.map(|number| (world.about(number), world.profile(number).created.millis())).collect()
}

proptest! {
    #[test]
    fn a_merge_on_demand_undone_at_once_leaves_both_as_they_were(
        steps in steps(), destination in 0usize..4, source in 0usize..4,
    ) {
        let mut world = World::with_rules(TIGHT);
        for words in ["x:8", "x:9"] {
            world.say(words);
        }
        take(&mut world, &steps);
        let before = everybody(&world);
        let Ok(outcome) = world.merge(destination, source) else { return Ok(()) };
        world.is_sound();
        let Some(absorbed) = outcome.absorbed().next() else {
            prop_assert_eq!(outcome.effect, Effect::Unchanged);
            prop_assert_eq!(everybody(&world), before);
            return Ok(());
        };
        let number = world.known.iter().position(|known| *known == absorbed).unwrap();
        let unmerged = world.undo(number).unwrap();
        prop_assert!(unmerged.kept.is_empty() && unmerged.lost.is_empty());
        prop_assert_eq!(everybody(&world), before);
        world.is_sound();
    }

    #[test]
    fn merges_on_demand_undone_in_any_order_leave_nothing_behind(
        steps in steps(),
        pairs in prop::collection::vec((0usize..6, 0usize..6), 1..6),
        orders in prop::collection::vec(any::<prop::sample::Index>(), 10),
    ) {
        let mut world = World::new();
        world.say("x:9");
        take(&mut world, &steps);
        let before = everybody(&world);
        let outcomes = pairs.iter().filter_map(|&(into, from)| world.merge(into, from).ok());
        let mut merged: Vec<_> = outcomes.flat_map(|outcome| outcome.absorbed().collect::<Vec<_>>()).collect();
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

    #[test]
    fn all_is_sound_whatever_is_merged(steps in steps()) {
        let mut world = World::with_rules(TIGHT);
        take(&mut world, &steps);
        world.is_sound();
        for number in 0..world.known.len() {
            let profile = world.profile(number);
            prop_assert!(profile.absorbed.len() <= TIGHT.merges);
            prop_assert!(profile.identifiers.secondary_emails.len() <= TIGHT.secondary_emails);
        }
    }
}

fn take(world: &mut World, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Ask(asked) => drop(world.try_ask(asked)),
            Step::Merge(destination, source) => drop(world.merge(*destination, *source)),
        }
    }
}
