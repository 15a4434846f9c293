//! Lanes, callers and readers of a store, and of two stores over one engine.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use profile_protocol::CompanyId;
use profile_store::{
    Background, Effect, Engine, Outcome, Store, StoreError, StoreOptions, Submission,
    engine::MemoryEngine, limits::COMPANY_QUEUE,
};
use profile_store_suite::{
    interleaved_engine::InterleavedEngine, notation::parse_request, simulated_ids::SimulatedIds,
    wrapped_engine::WrappedEngine,
};
use shuttle::{
    Config, Runner,
    future::{JoinHandle, block_on, spawn, yield_now},
    rand::{Rng, thread_rng},
    scheduler::{PctScheduler, RandomScheduler, Scheduler},
};

use crate::confirmations::Confirmations;

/// Schedules of each scenario and scheduler.
const SCHEDULES: usize = 250;

/// Switches of tasks that probabilistic concurrency testing places.
const SWITCHES: usize = 3;

/// Companies of different places.
pub(crate) const COMPANIES: [&str; 2] = ["DEMO01", "DEMO02"];

const CALLERS: usize = 3;

/// Requests of each caller.
const EACH: usize = 2;

/// More outcomes than a run has.
const ALL: usize = 1_000;

fn check<F: Future<Output = ()> + 'static>(scenario: fn() -> F) {
    run(RandomScheduler::new(SCHEDULES), scenario);
    run(PctScheduler::new(SWITCHES, SCHEDULES), scenario);
}

fn run<F: Future<Output = ()> + 'static>(scheduler: impl Scheduler + 'static, scenario: fn() -> F) {
    let mut config = Config::new();
    // Unoptimized code needs more than shuttle's default.
    config.stack_size = 512 * 1_024;
    Runner::new(scheduler, config).run(move || block_on(scenario()));
}

type Answer = Result<Outcome, StoreError>;

/// A store whose lanes are tasks of their own.
struct ScheduledStore {
    store: Arc<Store>,
    lanes: Vec<JoinHandle<()>>,
}

impl ScheduledStore {
    async fn open(engine: Arc<dyn Engine>, number: u64) -> ScheduledStore {
        let ids = Arc::new(SimulatedIds::after(number << 16));
        let assembled = Store::assemble(engine, ids, StoreOptions::default()).await;
        // Maintenance needs a clock. Nothing here expires.
        let (store, Background { lanes, maintenance: _ }) = assembled.unwrap();
        ScheduledStore { store: Arc::new(store), lanes: lanes.into_iter().map(spawn).collect() }
    }

    /// Sends the requests of a caller, one after the other, from a task of its own.
    fn call(&self, caller: usize) -> JoinHandle<Vec<Answer>> {
        let store = Arc::clone(&self.store);
        spawn(async move {
            let mut answers = Vec::new();
            for number in 0..EACH {
                answers.push(store.submit(request(caller, number)).await);
            }
            answers
        })
    }

    /// Enqueues more requests than fit into the queue of a company, from a task of its own. Returns
    /// the numbers of the outcomes, in the order of the requests.
    fn enqueue(&self, caller: usize) -> JoinHandle<Vec<u64>> {
        let store = Arc::clone(&self.store);
        spawn(async move {
            let mut waiting = Vec::new();
            for number in 0..2 * COMPANY_QUEUE {
                let words = format!("a:shared m{caller}{number}=1");
                let request = parse_request(&words).submission(COMPANIES[0], &[]);
                match store.enqueue(request).await {
                    Ok(answer) => waiting.push(answer),
                    Err(error) => assert_eq!(error, StoreError::Closed),
                }
            }
            let mut numbers = Vec::new();
            for answer in waiting {
                numbers.push(answer.await.unwrap().sequence);
            }
            numbers
        })
    }

    /// Waits until every lane has ended.
    async fn ended(self) {
        for lane in self.lanes {
            lane.await.unwrap();
        }
    }
}

/// All callers name one profile of each company, by an identifier that they share.
fn request(caller: usize, number: usize) -> Submission {
    let company = COMPANIES[(caller + number) % COMPANIES.len()];
    parse_request(&format!("a:shared n{caller}{number}=1")).submission(company, &[])
}

fn company(name: &str) -> CompanyId {
    name.parse().unwrap()
}

/// An engine with an empty store, so that no fault prevents a store from opening.
async fn formatted() -> Arc<MemoryEngine> {
    let engine = Arc::new(MemoryEngine::with_places(NonZeroU32::new(2).unwrap()));
    drop(ScheduledStore::open(Arc::clone(&engine) as _, u64::from(u32::MAX)).await);
    engine
}

/// The same engine with pauses, and with faults of which some leave commits in doubt.
fn interleaved(engine: &Arc<MemoryEngine>) -> Arc<InterleavedEngine> {
    Arc::new(InterleavedEngine::new(Arc::clone(engine) as _, thread_rng().r#gen()))
}

async fn answers(calls: Vec<JoinHandle<Vec<Answer>>>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for call in calls {
        answers.extend(call.await.unwrap());
    }
    answers
}

/// Each answered request is stored once, nothing else but requests without an answer is, the
/// numbers of outcomes have no gaps, and one profile was created.
async fn is_stored(store: &Store, answers: &[Answer]) {
    let answered: Vec<&Outcome> =
        answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
    let mut stored = Vec::new();
    for name in COMPANIES {
        let outcomes = store.outcomes(&company(name), 0, ALL).await.unwrap();
        let numbers: Vec<u64> = outcomes.iter().map(|outcome| outcome.sequence).collect();
        assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{numbers:?}");
        assert!(outcomes.is_sorted_by_key(|outcome| outcome.at), "a time goes back");
        let created = outcomes.iter().filter(|outcome| outcome.effect == Effect::Created).count();
        assert_eq!(created, usize::from(!outcomes.is_empty()));
        stored.extend(outcomes);
    }
    assert!(answered.iter().all(|outcome| stored.contains(outcome)), "an answered request is lost");
    assert!(stored.len() <= answers.len(), "more is stored than was sent");
    // Each request sets a property of its own.
    for (number, outcome) in stored.iter().enumerate() {
        let is_repeated = |other: &Outcome| other.changed == outcome.changed;
        assert!(!stored[..number].iter().any(is_repeated), "a request is stored twice");
    }
}

#[test]
fn an_answered_request_is_stored_once_whatever_its_commit_answered() {
    check(|| async {
        let engine = formatted().await;
        let scheduled = ScheduledStore::open(interleaved(&engine), 0).await;
        let calls = (0..CALLERS).map(|caller| scheduled.call(caller)).collect();
        let answers = answers(calls).await;
        for answer in &answers {
            assert!(
                matches!(answer, Ok(_) | Err(StoreError::Unavailable | StoreError::Overloaded)),
                "{answer:?}"
            );
        }
        is_stored(&scheduled.store, &answers).await;
        scheduled.store.close().await.unwrap();
        scheduled.ended().await;
    });
}

#[test]
fn two_stores_over_one_engine_number_their_outcomes_together() {
    check(|| async {
        let engine = formatted().await;
        let first = ScheduledStore::open(interleaved(&engine), 0).await;
        let second = ScheduledStore::open(interleaved(&engine), 1).await;
        let stores = [&first, &second];
        let calls = (0..CALLERS).map(|caller| stores[caller % 2].call(caller)).collect();
        let answers = answers(calls).await;
        for scheduled in [first, second] {
            scheduled.store.close().await.unwrap();
            scheduled.ended().await;
        }
        // A store does not show what it has left in doubt; a new one has left nothing.
        let reading = ScheduledStore::open(engine, 2).await;
        is_stored(&reading.store, &answers).await;
    });
}

#[test]
fn a_store_that_closes_answers_every_request_and_stores_what_it_accepted() {
    check(|| async {
        let engine = formatted().await;
        let scheduled = ScheduledStore::open(Arc::clone(&engine) as _, 0).await;
        let calls: Vec<_> = (0..CALLERS).map(|caller| scheduled.call(caller)).collect();
        for _ in 0..thread_rng().gen_range(0..12) {
            yield_now().await;
        }
        scheduled.store.close().await.unwrap();
        let answers = answers(calls).await;
        for answer in &answers {
            assert!(
                matches!(answer, Ok(_) | Err(StoreError::Closed | StoreError::Overloaded)),
                "{answer:?}"
            );
        }
        scheduled.ended().await;
        let again = ScheduledStore::open(engine, 1).await;
        is_stored(&again.store, &answers).await;
        let stored: usize = answers.iter().filter(|answer| answer.is_ok()).count();
        let mut outcomes = 0;
        for name in COMPANIES {
            outcomes += again.store.outcomes(&company(name), 0, ALL).await.unwrap().len();
        }
        assert_eq!(outcomes, stored, "a request that was not accepted is stored");
    });
}

#[test]
fn the_lanes_of_a_dropped_store_end() {
    check(|| async {
        let scheduled = ScheduledStore::open(interleaved(&formatted().await), 0).await;
        let calls: Vec<_> = (0..CALLERS).map(|caller| scheduled.call(caller)).collect();
        let ScheduledStore { store, lanes } = scheduled;
        // The last caller drops the store.
        drop(store);
        answers(calls).await;
        for lane in lanes {
            lane.await.unwrap();
        }
    });
}

#[test]
fn requests_that_are_enqueued_in_order_are_decided_in_order_and_wait_for_space() {
    check(|| async {
        let scheduled = ScheduledStore::open(formatted().await, 0).await;
        let calls: Vec<_> = (0..2).map(|caller| scheduled.enqueue(caller)).collect();
        for call in calls {
            let numbers: Vec<u64> = call.await.unwrap();
            assert!(numbers.len() == 2 * COMPANY_QUEUE && numbers.is_sorted(), "{numbers:?}");
        }
    });
}

#[test]
fn callers_that_wait_for_space_are_answered_when_the_store_closes() {
    check(|| async {
        let scheduled = ScheduledStore::open(formatted().await, 0).await;
        let calls: Vec<_> = (0..2).map(|caller| scheduled.enqueue(caller)).collect();
        for _ in 0..thread_rng().gen_range(0..12) {
            yield_now().await;
        }
        scheduled.store.close().await.unwrap();
        for call in calls {
            assert!(call.await.unwrap().is_sorted());
        }
        scheduled.ended().await;
    });
}

#[test]
fn a_reader_sees_no_outcome_before_its_commit_has_returned_and_none_disappears() {
    check(|| async {
        let confirmed = Arc::new(AtomicU64::new(0));
        let inner = interleaved(&formatted().await);
        let engine = WrappedEngine { inner, hooks: Confirmations(Arc::clone(&confirmed)) };
        let scheduled = ScheduledStore::open(Arc::new(engine), 0).await;
        let calls: Vec<_> = (0..CALLERS).map(|caller| scheduled.call(caller)).collect();
        let mut seen: Vec<Outcome> = Vec::new();
        for _ in 0..4 {
            yield_now().await;
            let read = scheduled.store.outcomes(&company(COMPANIES[0]), 0, ALL).await.unwrap();
            assert!(read.starts_with(&seen), "{seen:?} {read:?}");
            assert!(read.len() as u64 <= confirmed.load(Ordering::SeqCst), "{read:?}");
            seen = read;
        }
        answers(calls).await;
    });
}
