//! Pruning: outcomes leave by age and by number, and nothing else does.

use std::sync::Arc;

use profile_store::{
    Durability, Outcome, Retention, StoreOptions, engine::Write, limits::SEGMENT_BYTES,
};

use crate::{
    engines::Engines,
    harness::{StoreHarness, wait},
    notation::parse_request,
    simulated_ids::SimulatedIds,
};

/// The retention of outcomes of a company. None is kept for its profile.
fn retention(days: u64, count: u64) -> Retention {
    Retention { days, count, per_profile: 0 }
}

/// A clock by which every request is an hour later than the last.
fn hourly() -> SimulatedIds {
    SimulatedIds::new().striding(60 * 60 * 1_000)
}

fn keeping(engines: &Engines, retention: Retention) -> StoreHarness {
    let options = StoreOptions { durability: Durability::Flushed, retention };
    StoreHarness::create(engines, hourly(), options).unwrap()
}

fn kept(harness: &StoreHarness) -> Vec<u64> {
    harness.outcomes().iter().map(|outcome| outcome.sequence).collect()
}

/// Makes requests, and prunes.
fn requests(harness: &mut StoreHarness, count: usize) -> Vec<Outcome> {
    (0..count).for_each(|number| drop(harness.send(&format!("e:ann size={number}"))));
    harness.prune();
    harness.outcomes()
}

pub fn the_oldest_outcomes_are_removed_when_there_are_too_many(engines: &Engines) {
    let mut harness = keeping(engines, retention(3_650, 10));
    requests(&mut harness, 100);
    let kept = kept(&harness);
    assert_eq!(kept.last(), Some(&100));
    assert!(kept.len() <= 12, "{kept:?}");
    assert!(10 <= kept.len(), "{kept:?}");
    assert!(kept.is_sorted_by(|a, b| a + 1 == *b));
    harness.assert_sound();
}

pub fn outcomes_of_one_segment_are_removed_together_and_none_too_early(engines: &Engines) {
    let by_count = retention(3_650, 100);
    let together = |harness: &StoreHarness| {
        let all = (0..200).map(|number| parse_request(&format!("e:ann size={number}")));
        let answers =
            harness.submit_together(all.map(|request| harness.submission(&request)).collect());
        assert!(answers.iter().all(Result::is_ok));
    };
    let harness = keeping(engines, by_count);
    (0..3).for_each(|_| together(&harness));
    harness.prune();
    // The oldest that has to stay is in the midst of others.
    let left = kept(&harness);
    assert_eq!(left.last(), Some(&600));
    assert!((101..=100 + SEGMENT_BYTES / 40).contains(&left.len()), "{}", left.len());
    assert!(left.is_sorted_by(|a, b| a + 1 == *b));
    // A day ends in the midst of them, too: an hour passes with each.
    let harness = keeping(engines, retention(1, 1_000_000));
    together(&harness);
    harness.prune();
    let left = kept(&harness).len();
    assert!((25..=26 + SEGMENT_BYTES / 40).contains(&left), "{left}");
    harness.assert_sound();
}

pub fn outcomes_are_removed_when_they_are_too_old(engines: &Engines) {
    let mut harness = keeping(engines, retention(1, 1_000_000));
    requests(&mut harness, 100);
    // One request an hour: a day has 24 of them.
    let kept = kept(&harness);
    assert_eq!(kept.last(), Some(&100));
    assert!((24..=28).contains(&kept.len()), "{kept:?}");
}

pub fn the_newest_outcome_is_kept_and_numbers_continue_from_it(engines: &Engines) {
    let storage = engines.create();
    let engine = storage.open();
    let options = StoreOptions { retention: retention(1, 1), ..StoreOptions::default() };
    let mut harness = StoreHarness::open(Arc::clone(&engine), hourly(), options).unwrap();
    requests(&mut harness, 50);
    wait(harness.store.close()).unwrap();
    let mut harness = StoreHarness::open(engine, hourly(), options).unwrap();
    let submission = harness.submission(&parse_request("e:ann"));
    assert_eq!(harness.submit(submission).unwrap().sequence, 51);
}

pub fn a_history_ends_where_its_past_was_pruned(engines: &Engines) {
    let mut harness = keeping(engines, retention(3_650, 10));
    requests(&mut harness, 100);
    let oldest = kept(&harness)[0];
    let history = harness.history(0);
    assert_eq!(history.last().map(|outcome| outcome.sequence), Some(oldest));
}

pub fn a_damaged_record_is_kept_and_does_not_keep_others(engines: &Engines) {
    let mut harness = keeping(engines, retention(3_650, 10));
    let _ = requests(&mut harness, 1);
    let damaged = [&b"DEMO01\0o"[..], &1u64.to_be_bytes()].concat();
    let write = |value| wait(harness.engine.apply(vec![Write { key: damaged.clone(), value }]));
    write(Some(vec![9])).unwrap();
    for number in 0..100 {
        harness.send(&format!("e:ann size={number}"));
    }
    harness.prune();
    let audit = harness.audit();
    assert_eq!(audit.breaches.len(), 1);
    assert!((10..=12).contains(&audit.outcomes), "{}", audit.outcomes);
}
