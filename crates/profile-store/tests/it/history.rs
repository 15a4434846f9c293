//! Histories: what happened to one person, and the stream of all outcomes.

use profile_store::Outcome;

use crate::world::{World, wait};

fn sequences(outcomes: &[Outcome]) -> Vec<u64> {
    outcomes.iter().map(|outcome| outcome.sequence).collect()
}

/// Two people of three requests each, in turn, who turn out to be one.
fn interwoven() -> World {
    let mut world = World::new();
    for words in ["x:1", "e:ann", "x:1 name=Ann", "e:ann", "x:1", "e:ann city=Bonn"] {
        world.say(words);
    }
    world.say("e:other");
    world.say("x:1 e:ann");
    world
}

#[test]
fn a_person_has_the_past_of_everybody_they_turned_out_to_be() {
    let world = interwoven();
    assert_eq!(sequences(&world.history(0)), [8, 6, 5, 4, 3, 2, 1]);
    // The id of the absorbed profile tells the same.
    assert_eq!(world.history(0), world.history(1));
    assert_eq!(sequences(&world.history(2)), [7]);
}

#[test]
fn a_restored_person_has_their_own_past_again() {
    let world = interwoven();
    world.undo(1).unwrap();
    // What they have in common begins with the undoing.
    assert_eq!(sequences(&world.history(0))[..2], [9, 8]);
    assert!(sequences(&world.history(1)).contains(&2));
    assert_eq!(sequences(&world.history(2)), [7]);
}

#[test]
fn a_history_is_read_page_by_page_without_gap_or_repeat() {
    let world = interwoven();
    let profile = wait(world.store.profile(&world.company, world.known[0])).unwrap().unwrap();
    for size in 1..=8 {
        let mut read = Vec::new();
        let first = wait(world.store.history(&world.company, world.known[0], size));
        let mut page = first.unwrap().unwrap();
        loop {
            assert!(page.outcomes.len() <= size);
            read.append(&mut page.outcomes);
            let Some(next) = page.next else { break };
            page = wait(world.store.history_from(&world.company, &profile, next, size)).unwrap();
        }
        assert_eq!(sequences(&read), [8, 6, 5, 4, 3, 2, 1], "{size} a page");
    }
}

#[test]
fn nobody_has_no_history() {
    let world = interwoven();
    let nobody = profile_protocol::ProfileId::from_bits(7);
    assert_eq!(wait(world.store.history(&world.company, nobody, 10)).unwrap(), None);
}

#[test]
fn a_consumer_follows_all_outcomes_without_gap_or_repeat() {
    let mut world = interwoven();
    let mut followed = Vec::new();
    loop {
        let after = followed.last().copied().unwrap_or(0);
        let page = wait(world.store.outcomes(&world.company, after, 3)).unwrap();
        if page.is_empty() {
            break;
        }
        followed.extend(sequences(&page));
        if followed.len() == 6 {
            world.say("e:late");
        }
    }
    assert_eq!(followed, (1..=9).collect::<Vec<u64>>());
}

#[test]
fn who_was_parted_has_a_history_without_the_other() {
    let mut world = World::new();
    for words in ["x:1", "x:1 name=A", "x:2", "x:2 name=B"] {
        world.say(words);
    }
    world.merge(0, 1).unwrap();
    world.say("x:1 name=C");
    world.undo(1).unwrap();
    world.say("x:2 name=D");
    assert_eq!(sequences(&world.history(0)), [7, 6, 5, 2, 1]);
    assert_eq!(sequences(&world.history(1)), [8, 7, 4, 3]);
    // Merged again, they have one past.
    world.merge(0, 1).unwrap();
    assert_eq!(sequences(&world.history(1)), [9, 8, 7, 6, 5, 4, 3, 2, 1]);
}
