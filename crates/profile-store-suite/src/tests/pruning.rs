//! Pruning: outcomes leave by age and by number, and nothing else does.

use std::sync::Arc;

use profile_store::{
    Durability, Effect, Outcome, Retention, StoreOptions, engine::Write, limits::SEGMENT_BYTES,
};

use crate::{
    engines::Engines,
    harness::{StoreHarness, wait},
    notation::parse_request,
    random::{Choices, SeededRandom, client_request, setting},
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

/// Outcomes kept of each profile in the following tests, and of the company.
const PER_PROFILE: usize = 3;
const COUNT: u64 = 10;

fn keeping_profiles(engines: &Engines) -> StoreHarness {
    keeping(engines, Retention { days: 3_650, count: COUNT, per_profile: PER_PROFILE as u64 })
}

fn history(harness: &StoreHarness, number: usize) -> Vec<u64> {
    harness.history(number).iter().map(|outcome| outcome.sequence).collect()
}

pub fn the_newest_outcomes_of_a_profile_outlive_a_flood_about_others(engines: &Engines) {
    let mut harness = keeping_profiles(engines);
    (0..8).for_each(|number| drop(harness.send(&format!("e:ann size={number}"))));
    (0..50).for_each(|number| drop(harness.send(&format!("e:bob size={number}"))));
    (0..50).for_each(|number| drop(harness.send(&format!("e:flood{number}"))));
    let others = harness.created.len() as u64;
    harness.prune();
    assert_eq!(history(&harness, 0), [8, 7, 6]);
    assert_eq!(history(&harness, 1), [58, 57, 56]);
    assert_eq!(kept(&harness).len() as u64, 3 + 3 + (others - 2));
    harness.assert_sound();
    // Newer outcomes replace the older ones of the profile.
    harness.send("e:ann size=8");
    (50..100).for_each(|number| drop(harness.send(&format!("e:flood{number}"))));
    harness.prune();
    assert_eq!(history(&harness, 0), [109, 8, 7]);
    harness.assert_sound();
}

pub fn outcomes_of_a_deleted_profile_and_of_none_do_not_outlive_a_flood(engines: &Engines) {
    let mut harness = keeping_profiles(engines);
    harness.send("e:ann");
    harness.delete("e:ann");
    (0..50).for_each(|_| drop(harness.send("e:bob")));
    harness.prune();
    assert_eq!(kept(&harness), (43..=52).collect::<Vec<u64>>());
    harness.assert_sound();
}

pub fn outcomes_of_a_segment_that_are_kept_stay_where_others_of_it_are_removed(engines: &Engines) {
    let mut harness = keeping_profiles(engines);
    let all = (0..90).map(|number| match number % 30 {
        0 => parse_request(&format!("e:ann size={number}")),
        _ => parse_request(&format!("e:bob size={number}")),
    });
    let answers = harness.submit_together(all.map(|one| harness.submission(&one)).collect());
    let ann: Vec<u64> =
        answers.iter().step_by(30).map(|one| one.as_ref().unwrap().sequence).collect();
    (0..50).for_each(|number| drop(harness.send(&format!("e:cid size={number}"))));
    harness.prune();
    let left = kept(&harness);
    assert!(ann.iter().all(|sequence| left.contains(sequence)), "{left:?}");
    // Three each, and what is within the count.
    assert_eq!(left.len() as u64, 2 * PER_PROFILE as u64 + COUNT);
    assert!(left.is_sorted_by(|a, b| a < b));
    harness.assert_sound();
    // Reading goes on after any of them, kept or not.
    for after in 0..140 {
        let read = wait(harness.store.outcomes(&harness.company, after, 1_000)).unwrap();
        let read = read.iter().map(|outcome| outcome.sequence);
        assert!(read.eq(left.iter().copied().filter(|sequence| after < *sequence)));
    }
    // And goes back before any of them, however many there are to a page.
    for before in (0..=142).chain([u64::MAX]) {
        for limit in [1, 2, 7, 1_000] {
            let read = harness.store.outcomes_before(&harness.company, before, limit);
            let read: Vec<u64> =
                wait(read).unwrap().iter().map(|outcome| outcome.sequence).collect();
            let earlier = left.iter().rev().copied().filter(|sequence| *sequence < before);
            assert_eq!(read, earlier.take(limit).collect::<Vec<u64>>(), "{before}, {limit}");
        }
    }
}

pub fn each_history_keeps_its_newest_outcomes_whatever_is_merged_undone_or_deleted(
    engines: &Engines,
) {
    let mut random = SeededRandom::new(setting("PRUNING_SEED", 7));
    let mut harness = keeping_profiles(engines);
    for round in 0..12 {
        for _ in 0..25 {
            let submission = harness.submission(&parse_request(&client_request(&mut random)));
            if let Ok(outcome) = harness.submit(submission)
                && outcome.effect == Effect::Created
            {
                harness.created.extend(outcome.survivor);
            }
        }
        let profiles = harness.created.len();
        drop(harness.merge(random.index(profiles), random.index(profiles)));
        drop(harness.undo(random.index(profiles)));
        drop(harness.delete(&format!("e:{}", random.below(16))));
        let existing: Vec<usize> = (0..profiles).filter(|one| harness.exists(*one)).collect();
        let before: Vec<Vec<u64>> =
            existing.iter().map(|number| history(&harness, *number)).collect();
        harness.prune();
        for (number, before) in existing.iter().zip(before) {
            let newest = before.get(..PER_PROFILE).unwrap_or(&before);
            let after = history(&harness, *number);
            assert!(after.starts_with(newest), "round {round}: {before:?} {after:?}");
        }
        let bound = COUNT + 1 + (PER_PROFILE * profiles) as u64;
        assert!(kept(&harness).len() as u64 <= bound);
        harness.assert_sound();
    }
}
