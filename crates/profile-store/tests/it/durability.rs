//! When a request counts as stored, and what readers see meanwhile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{sleep, yield_now},
    time::Duration,
};

use profile_store::{
    Durability, Engine, Outcome, StoreError,
    engine::{
        BoxFuture, EngineError, Key, MemoryEngine, Scan, SledEngine, SledOptions, Value, Write,
    },
    limits::{BATCH_CLAIMS, RELAXED_FLUSH_MS},
};

use crate::{
    clockwork::Clockwork,
    people::{Asked, asked},
    world::{World, contents, open_sled, wait},
};

fn opened(durability: Durability) -> World {
    World::opened(Arc::new(MemoryEngine::new()), Clockwork::new(), durability).unwrap()
}

#[test]
fn every_answer_waits_for_a_flush() {
    let mut world = opened(Durability::Flushed);
    let before = world.engine.flushes();
    for words in ["e:ann", "e:ann", "a:tab"] {
        world.say(words);
    }
    assert_eq!(world.engine.flushes() - before, 3);
    world.say_together(&["e:ann", "e:bob", "e:cat"].map(asked));
    assert_eq!(world.engine.flushes() - before, 5);
}

#[test]
fn requests_that_waited_together_are_one_batch_and_those_that_store_nothing_are_none() {
    let mut world = opened(Durability::Flushed);
    world.say_together(&["e:ann", "e:bob", "e:cat"].map(asked));
    // One went ahead of them.
    assert_eq!(world.store.batches(), 2);
    world.explain("e:dan");
    assert_eq!(world.try_say("create e:ann"), "duplicate 0");
    assert!(world.merge(0, 1).is_ok());
    assert_eq!(world.store.batches(), 2);
    world.say("e:ann");
    assert_eq!(world.store.batches(), 3);
}

#[test]
fn a_batch_ends_before_its_requests_claim_too_much() {
    let world = opened(Durability::Flushed);
    let named = 30;
    let append = (0..named).map(|number| format!("other-{number}")).collect();
    let asked = Asked { append, ..asked("server e:ann") };
    let together = BATCH_CLAIMS / (named + 1);
    let before = world.engine.batches();
    let submissions = (0..3 * together).map(|_| world.submission(&asked)).collect();
    assert!(world.submit_together(submissions).iter().all(Result::is_ok));
    // And one that went ahead of them.
    assert_eq!(world.engine.batches() - before, 4);
}

#[test]
fn relaxed_answers_are_flushed_soon_though_nothing_more_comes() {
    let mut world = opened(Durability::Relaxed);
    let before = world.engine.flushes();
    world.say("e:ann");
    sleep(Duration::from_millis(3 * RELAXED_FLUSH_MS));
    assert_eq!(world.engine.flushes() - before, 1);
    // And not again, with nothing to flush.
    sleep(Duration::from_millis(2 * RELAXED_FLUSH_MS));
    assert_eq!(world.engine.flushes() - before, 1);
}

#[test]
fn relaxed_answers_are_flushed_soon_though_more_keep_coming() {
    let mut world = opened(Durability::Relaxed);
    let before = world.engine.flushes();
    for number in 0..30 {
        world.say(&format!("e:person-{number}"));
        sleep(Duration::from_millis(RELAXED_FLUSH_MS / 5));
    }
    let flushes = world.engine.flushes() - before;
    assert!((2..=10).contains(&flushes), "{flushes}");
}

#[test]
fn an_outcome_is_shown_once_no_crash_can_take_it_back() {
    for durability in [Durability::Flushed, Durability::Relaxed] {
        let mut world = opened(durability);
        world.say("e:ann");
        world.say("x:1");
        wait(world.store.close()).unwrap();
        let engine = Arc::clone(&world.engine) as _;
        let again = World::opened(engine, Clockwork::after(1_000), durability).unwrap();
        let world = World { known: world.known, ..again };
        let shown = |world: &World| {
            let sequences = |outcomes: Vec<Outcome>| -> Vec<u64> {
                outcomes.into_iter().map(|outcome| outcome.sequence).collect()
            };
            (sequences(world.outcomes()), sequences(world.history(0)))
        };
        let identifiers = world.engine.hold_flushes();
        let submission = world.submission(&asked("e:ann name=Ann"));
        let answer = wait(world.store.enqueue(submission)).unwrap();
        // What was decided is there for readers before it is flushed.
        while world.about(0) != "e:ann name=Ann" {
            yield_now();
        }
        assert_eq!(shown(&world), (vec![1, 2], vec![1]), "{durability:?}");
        drop(identifiers);
        wait(answer).unwrap();
        wait(world.store.close()).unwrap();
        assert_eq!(shown(&world), (vec![1, 2, 3], vec![3, 1]), "{durability:?}");
    }
}

#[test]
fn what_outlived_its_process_is_flushed_before_anybody_reads_it() {
    let world = World::new();
    let again = World::over(Arc::clone(&world.engine) as _);
    assert_eq!(again.engine.flushes(), 1);
}

#[test]
fn closing_flushes_what_was_answered() {
    let mut world = opened(Durability::Relaxed);
    let before = world.engine.flushes();
    world.say("e:ann");
    wait(world.store.close()).unwrap();
    assert_eq!(world.engine.flushes() - before, 1);
}

#[test]
fn a_closed_store_takes_no_more_and_holds_nothing_open() {
    let directory = tempfile::tempdir().unwrap();
    let options = SledOptions { cache_bytes: 8 * 1024 * 1024, generation_bytes: 8 * 1024 };
    for round in 0..5 {
        let engine = Arc::new(open_sled(directory.path()));
        let mut world = World::resumed(engine, Clockwork::after(round * 1_000));
        world.ask(&asked("e:ann"));
        let busy = SledEngine::open(directory.path(), options);
        assert!(matches!(busy, Err(EngineError::InUse)), "{busy:?}");
        wait(world.store.close()).unwrap();
        assert!(!world.store.is_healthy());
        let submission = world.submission(&asked("e:ann"));
        assert_eq!(world.submit(submission), Err(StoreError::Closed));
        assert_eq!(wait(world.store.close()), Err(StoreError::Closed));
        assert_eq!(world.outcomes().len() as u64, round + 1);
    }
}

/// Shows one state to its first reads, and another to all later ones.
struct Shifting {
    first: MemoryEngine,
    then: MemoryEngine,
    reads: AtomicUsize,
    shifts_after: usize,
}

impl Engine for Shifting {
    fn read<'a>(
        &'a self,
        keys: &'a [Key],
    ) -> BoxFuture<'a, Result<Vec<Option<Value>>, EngineError>> {
        let early = self.reads.fetch_add(1, Ordering::SeqCst) < self.shifts_after;
        if early { self.first.read(keys) } else { self.then.read(keys) }
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<(Key, Value)>, EngineError>> {
        self.then.scan(scan)
    }

    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<(), EngineError>> {
        self.then.apply(batch)
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        self.then.flush()
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        self.then.bytes()
    }
}

fn copy(world: &World) -> MemoryEngine {
    duplicate(world.engine.as_ref())
}

fn duplicate(of: &dyn Engine) -> MemoryEngine {
    let engine = MemoryEngine::new();
    let writes = contents(of).into_iter().map(|(key, value)| Write { key, value: Some(value) });
    wait(engine.apply(writes.collect())).unwrap();
    engine
}

/// A store that changes from one state to another after so many reads.
fn shifting(world: &World, before: &dyn Engine, after: &dyn Engine, shifts_after: usize) -> World {
    let (first, then) = (duplicate(before), duplicate(after));
    let reads = AtomicUsize::new(0);
    let engine = Shifting { first, then, reads, shifts_after };
    World { known: world.known.clone(), ..World::over(Arc::new(engine)) }
}

#[test]
fn who_is_read_while_being_merged_or_parted_is_found() {
    let mut world = World::new();
    for words in ["a:tab", "e:ann", "e:ann a:tab", "x:1"] {
        world.say(words);
    }
    let do_not_merge = copy(&world);
    world.say("x:1 e:ann");
    let merged = copy(&world);
    world.undo(1).unwrap();
    let parted = copy(&world);
    for (before, after) in [(&do_not_merge, &merged), (&merged, &parted)] {
        // Opening reads once, so the second read is the first of the look-up.
        for shifts_after in 1..5 {
            assert!(shifting(&world, before, after, shifts_after).find("a:tab").is_some());
            for number in 0..2 {
                let shifting = shifting(&world, before, after, shifts_after);
                let profile = shifting.store.profile(&shifting.company, shifting.known[number]);
                assert!(wait(profile).unwrap().is_some(), "{number} after {shifts_after} reads");
            }
        }
    }
}
