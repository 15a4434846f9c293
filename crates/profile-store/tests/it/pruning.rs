//! Pruning: outcomes leave by age and by number, and nothing else does.

use std::sync::Arc;

use profile_store::{
    Durability, Engine, Outcome, Retention, StoreOptions,
    engine::{MemoryEngine, Write},
    limits::SEGMENT_BYTES,
};

use crate::{
    clockwork::Clockwork,
    people::asked,
    world::{World, wait},
};

/// Clockwork in which every request is an hour later than the last.
fn hourly() -> Clockwork {
    Clockwork::new().striding(60 * 60 * 1_000)
}

fn keeping(retention: Retention) -> World {
    let options = StoreOptions { durability: Durability::Flushed, retention };
    World::run(Arc::new(MemoryEngine::new()), hourly(), options).unwrap()
}

fn kept(world: &World) -> Vec<u64> {
    world.outcomes().iter().map(|outcome| outcome.sequence).collect()
}

/// A step of pruning follows each batch, and a round begins each time.
fn requests(world: &mut World, count: usize) -> Vec<Outcome> {
    (0..count).for_each(|number| drop(world.say(&format!("e:ann size={number}"))));
    world.settle();
    world.outcomes()
}

#[test]
fn the_oldest_leave_when_there_are_too_many() {
    let mut world = keeping(Retention { days: 3_650, count: 10 });
    requests(&mut world, 100);
    let kept = kept(&world);
    assert_eq!(kept.last(), Some(&100));
    assert!(kept.len() <= 12, "{kept:?}");
    assert!(10 <= kept.len(), "{kept:?}");
    assert!(kept.is_sorted_by(|a, b| a + 1 == *b));
    world.is_sound();
}

#[test]
fn outcomes_recorded_together_leave_together_and_none_of_them_too_early() {
    let by_count = Retention { days: 3_650, count: 100 };
    let together = |world: &World| {
        let all = (0..200).map(|number| asked(&format!("e:ann size={number}")));
        let answers = world.submit_together(all.map(|asked| world.submission(&asked)).collect());
        assert!(answers.iter().all(Result::is_ok));
    };
    // A round comes by the company that goes ahead, too.
    let settle = |world: &World| (0..4).for_each(|_| world.settle());
    let world = keeping(by_count);
    (0..3).for_each(|_| together(&world));
    settle(&world);
    // The oldest that has to stay is in the midst of others.
    let left = kept(&world);
    assert_eq!(left.last(), Some(&600));
    assert!((101..=100 + SEGMENT_BYTES / 40).contains(&left.len()), "{}", left.len());
    assert!(left.is_sorted_by(|a, b| a + 1 == *b));
    // A day ends in the midst of them, too: an hour passes with each.
    let world = keeping(Retention { days: 1, count: 1_000_000 });
    together(&world);
    settle(&world);
    let left = kept(&world).len();
    assert!((25..=26 + SEGMENT_BYTES / 40).contains(&left), "{left}");
    world.is_sound();
}

#[test]
fn the_oldest_leave_when_they_are_too_old() {
    let mut world = keeping(Retention { days: 1, count: 1_000_000 });
    requests(&mut world, 100);
    // One request an hour: a day has 24 of them.
    let kept = kept(&world);
    assert_eq!(kept.last(), Some(&100));
    assert!((24..=28).contains(&kept.len()), "{kept:?}");
}

#[test]
fn the_newest_stays_and_numbers_go_on_from_it() {
    let engine = Arc::new(MemoryEngine::new());
    let options =
        StoreOptions { retention: Retention { days: 1, count: 1 }, ..StoreOptions::default() };
    let mut world = World::run(Arc::clone(&engine) as _, hourly(), options).unwrap();
    requests(&mut world, 50);
    wait(world.store.close()).unwrap();
    let mut world = World::run(engine, hourly(), options).unwrap();
    let submission = world.submission(&asked("e:ann"));
    assert_eq!(world.submit(submission).unwrap().sequence, 51);
}

#[test]
fn a_history_ends_where_its_past_was_pruned() {
    let mut world = keeping(Retention { days: 3_650, count: 10 });
    requests(&mut world, 100);
    let oldest = kept(&world)[0];
    let history = world.history(0);
    assert_eq!(history.last().map(|outcome| outcome.sequence), Some(oldest));
}

#[test]
fn a_damaged_record_stays_and_keeps_no_other() {
    let mut world = keeping(Retention { days: 3_650, count: 10 });
    let _ = requests(&mut world, 1);
    let damaged = [&b"DEMO01\0o"[..], &1u64.to_be_bytes()].concat();
    let write = |value| wait(world.engine.apply(vec![Write { key: damaged.clone(), value }]));
    write(Some(vec![9])).unwrap();
    for number in 0..100 {
        world.say(&format!("e:ann size={number}"));
    }
    world.settle();
    let audit = world.audit();
    assert_eq!(audit.breaches.len(), 1);
    assert!((10..=12).contains(&audit.outcomes), "{}", audit.outcomes);
}
