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
    Durability, Engine, Outcome, StoreError, StoreOptions,
    engine::{EmbeddedEngine, EmbeddedOptions, EngineError, Key, MemoryEngine},
    limits::{BATCH_CLAIMS, RELAXED_FLUSH_MS},
};
use profile_store_suite::{
    engines::{Engines, open_embedded},
    faulty_engine::copied,
    harness::{StoreHarness, wait},
    notation::{TestRequest, parse_request},
    simulated_ids::SimulatedIds,
    wrapped_engine::{EngineHooks, ReadFuture, WrappedEngine},
};

fn opened(durability: Durability) -> StoreHarness {
    StoreHarness::open(
        Arc::new(MemoryEngine::new()),
        SimulatedIds::new(),
        StoreOptions { durability, ..StoreOptions::default() },
    )
    .unwrap()
}

#[test]
fn every_answer_waits_for_a_flush() {
    let mut harness = opened(Durability::Flushed);
    let before = harness.engine.syncs();
    for words in ["e:ann", "e:ann", "a:tab"] {
        harness.send(words);
    }
    assert_eq!(harness.engine.syncs() - before, 3);
    harness.send_together(&["e:ann", "e:bob", "e:cat"].map(parse_request));
    assert_eq!(harness.engine.syncs() - before, 5);
}

#[test]
fn requests_that_waited_together_are_one_batch_and_those_that_store_nothing_are_none() {
    let mut harness = opened(Durability::Flushed);
    harness.send_together(&["e:ann", "e:bob", "e:cat"].map(parse_request));
    // One went ahead of them.
    assert_eq!(harness.store.batches(), 2);
    harness.explain("e:dan");
    assert_eq!(harness.try_send("create e:ann"), "duplicate 0");
    assert!(harness.merge(0, 1).is_ok());
    assert_eq!(harness.store.batches(), 2);
    harness.send("e:ann");
    assert_eq!(harness.store.batches(), 3);
}

#[test]
fn a_batch_ends_before_its_requests_claim_too_much() {
    let harness = opened(Durability::Flushed);
    let named = 30;
    let append = (0..named).map(|number| format!("other-{number}")).collect();
    let request = TestRequest { append, ..parse_request("server e:ann") };
    let together = BATCH_CLAIMS / (named + 1);
    let before = harness.engine.commits();
    let submissions = (0..3 * together).map(|_| harness.submission(&request)).collect();
    assert!(harness.submit_together(submissions).iter().all(Result::is_ok));
    // And one that went ahead of them.
    assert_eq!(harness.engine.commits() - before, 4);
}

#[test]
fn relaxed_answers_are_flushed_soon_though_nothing_more_comes() {
    let mut harness = opened(Durability::Relaxed);
    let before = harness.engine.syncs();
    harness.send("e:ann");
    sleep(Duration::from_millis(3 * RELAXED_FLUSH_MS));
    assert_eq!(harness.engine.syncs() - before, 1);
    // And not again, with nothing to flush.
    sleep(Duration::from_millis(2 * RELAXED_FLUSH_MS));
    assert_eq!(harness.engine.syncs() - before, 1);
}

#[test]
fn relaxed_answers_are_flushed_soon_though_more_keep_coming() {
    let mut harness = opened(Durability::Relaxed);
    let before = harness.engine.syncs();
    for number in 0..30 {
        harness.send(&format!("e:person-{number}"));
        sleep(Duration::from_millis(RELAXED_FLUSH_MS / 5));
    }
    let flushes = harness.engine.syncs() - before;
    assert!((2..=10).contains(&flushes), "{flushes}");
}

#[test]
fn an_outcome_is_shown_once_no_crash_can_take_it_back() {
    for durability in [Durability::Flushed, Durability::Relaxed] {
        let mut harness = opened(durability);
        harness.send("e:ann");
        harness.send("x:1");
        wait(harness.store.close()).unwrap();
        let engine = Arc::clone(&harness.engine) as _;
        let again = StoreHarness::open(
            engine,
            SimulatedIds::after(1_000),
            StoreOptions { durability, ..StoreOptions::default() },
        )
        .unwrap();
        let harness = StoreHarness { created: harness.created, ..again };
        let shown = |harness: &StoreHarness| {
            let sequences = |outcomes: Vec<Outcome>| -> Vec<u64> {
                outcomes.into_iter().map(|outcome| outcome.sequence).collect()
            };
            // A page that holds one outcome does not end at one that is not shown yet.
            let newest = harness.store.outcomes_before(&harness.company, u64::MAX, 1);
            let newest = sequences(wait(newest).unwrap());
            (sequences(harness.outcomes()), newest, sequences(harness.history(0)))
        };
        let identifiers = harness.engine.hold_syncs();
        let submission = harness.submission(&parse_request("e:ann name=Ann"));
        let answer = wait(harness.store.enqueue(submission)).unwrap();
        // What was decided is there for readers before it is flushed.
        while harness.about(0) != "e:ann name=Ann" {
            yield_now();
        }
        assert_eq!(shown(&harness), (vec![1, 2], vec![2], vec![1]), "{durability:?}");
        drop(identifiers);
        wait(answer).unwrap();
        wait(harness.store.close()).unwrap();
        assert_eq!(shown(&harness), (vec![1, 2, 3], vec![3], vec![3, 1]), "{durability:?}");
    }
}

#[test]
fn what_outlived_its_process_is_flushed_before_it_is_read() {
    let harness = StoreHarness::new(&Engines::in_memory());
    let again = StoreHarness::over(Arc::clone(&harness.engine) as _);
    assert_eq!(again.engine.syncs(), 1);
}

#[test]
fn closing_flushes_what_was_answered() {
    let mut harness = opened(Durability::Relaxed);
    let before = harness.engine.syncs();
    harness.send("e:ann");
    wait(harness.store.close()).unwrap();
    assert_eq!(harness.engine.syncs() - before, 1);
}

#[test]
fn a_closed_store_takes_no_more_and_holds_nothing_open() {
    let directory = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions {
        cache_bytes: 8 * 1024 * 1024,
        memtable_bytes: 8 * 1024,
        ..EmbeddedOptions::default()
    };
    for round in 0..5 {
        let engine = Arc::new(open_embedded(directory.path()));
        let mut harness = StoreHarness::resumed(engine, SimulatedIds::after(round * 1_000));
        harness.send_request(&parse_request("e:ann"));
        let busy = EmbeddedEngine::open(directory.path(), options);
        assert!(matches!(busy, Err(EngineError::InUse)), "{busy:?}");
        wait(harness.store.close()).unwrap();
        assert!(!harness.store.is_healthy());
        let submission = harness.submission(&parse_request("e:ann"));
        assert_eq!(harness.submit(submission), Err(StoreError::Closed));
        assert_eq!(wait(harness.store.close()), Err(StoreError::Closed));
        assert_eq!(harness.outcomes().len() as u64, round + 1);
    }
}

/// Shows one state to the first reads, and that of the engine inside to all later ones.
#[derive(Clone)]
struct Shifting {
    first: Arc<MemoryEngine>,
    reads: Arc<AtomicUsize>,
    shifts_after: usize,
}

impl EngineHooks for Shifting {
    fn read(engine: &WrappedEngine<Self>, keys: Vec<Key>) -> ReadFuture<'_> {
        let Shifting { first, reads, shifts_after } = &engine.hooks;
        let early = reads.fetch_add(1, Ordering::SeqCst) < *shifts_after;
        if early { first.read(keys) } else { engine.inner.read(keys) }
    }
}

fn copy(harness: &StoreHarness) -> MemoryEngine {
    copied(harness.engine.as_ref())
}

/// A store that changes from one state to another after so many reads.
fn shifting(
    harness: &StoreHarness,
    before: &dyn Engine,
    after: &dyn Engine,
    shifts_after: usize,
) -> StoreHarness {
    let hooks = Shifting { first: Arc::new(copied(before)), reads: Arc::default(), shifts_after };
    let engine = WrappedEngine { inner: Arc::new(copied(after)), hooks };
    StoreHarness { created: harness.created.clone(), ..StoreHarness::over(Arc::new(engine)) }
}

#[test]
fn who_is_read_while_being_merged_or_parted_is_found() {
    let mut harness = StoreHarness::new(&Engines::in_memory());
    for words in ["a:tab", "e:ann", "e:ann a:tab", "x:1"] {
        harness.send(words);
    }
    let do_not_merge = copy(&harness);
    harness.send("x:1 e:ann");
    let merged = copy(&harness);
    harness.undo(1).unwrap();
    let parted = copy(&harness);
    for (before, after) in [(&do_not_merge, &merged), (&merged, &parted)] {
        // Opening reads once, so the second read is the first of the look-up.
        for shifts_after in 1..5 {
            assert!(shifting(&harness, before, after, shifts_after).find("a:tab").is_some());
            for number in 0..2 {
                let shifting = shifting(&harness, before, after, shifts_after);
                let profile = shifting.store.profile(&shifting.company, shifting.created[number]);
                assert!(wait(profile).unwrap().is_some(), "{number} after {shifts_after} reads");
            }
        }
    }
}
