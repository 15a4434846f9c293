//! Records the bytes that a lane commits, for the loop over sled alone.

use std::{
    future::ready,
    mem,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use profile_store::{
    Durability, Retention,
    engine::{BatchId, BoxFuture, CommitError, Engine, Key, MemoryEngine, Session, Write},
};
use profile_store_suite::wrapped_engine::{EngineHooks, ReadFuture, WrappedEngine};

use crate::{
    error::{ErrorContext, HarnessError},
    limits,
    people::{self, VERSION},
    seed,
};

/// The writes of batches, one after the other.
pub(crate) struct RecordedBatches {
    /// Requests in each batch.
    pub(crate) size: usize,
    pub(crate) writes: Vec<Vec<Write>>,
}

/// An engine that reads from another one, and records writes instead of making them. It never reads
/// what it recorded, so no person may be sent twice.
type RecordingEngine = WrappedEngine<RecordingHooks>;

#[derive(Clone, Default)]
struct RecordingHooks {
    recorded: Arc<Mutex<Vec<Write>>>,
    gate: Arc<Mutex<()>>,
}

impl RecordingHooks {
    /// Delays every read until the guard is dropped, so that requests wait for each other and form
    /// one batch.
    fn delay_reads(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recorded(&self) -> MutexGuard<'_, Vec<Write>> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<Write> {
        mem::take(&mut *self.recorded())
    }
}

impl EngineHooks for RecordingHooks {
    fn read(engine: &RecordingEngine, keys: Vec<Key>) -> ReadFuture<'_> {
        Box::pin(async {
            drop(engine.hooks.delay_reads());
            engine.inner.read(keys).await
        })
    }

    fn session_read<'s>(
        engine: &'s RecordingEngine,
        session: &'s mut dyn Session,
        keys: Vec<Key>,
    ) -> ReadFuture<'s> {
        Box::pin(async {
            drop(engine.hooks.delay_reads());
            session.read(keys).await
        })
    }

    fn commit(
        engine: RecordingEngine,
        _session: Box<dyn Session>,
        _batch: BatchId,
        writes: Vec<Write>,
        _durability: Durability,
    ) -> BoxFuture<'static, Result<(), CommitError>> {
        engine.hooks.recorded().extend(writes);
        Box::pin(ready(Ok(())))
    }
}

/// The writes of `count` new people into an empty store, `together` in each batch.
pub(crate) fn new_people(count: u64, together: usize) -> Result<RecordedBatches, HarnessError> {
    let first = limits::SEEDED;
    let bodies =
        (first..first + whole(count, together)).map(|number| people::customer(number, VERSION));
    record(Arc::new(MemoryEngine::new()), bodies, together)
}

/// The writes of `count` updates of the people in this store, `together` in each batch. Different
/// rounds update different people, as long as there are enough.
pub(crate) fn updates(
    data: &Path,
    stored: u64,
    count: u64,
    round: u64,
    together: usize,
) -> Result<RecordedBatches, HarnessError> {
    // The load over HTTP never updates the last tenth either.
    let stored = stored * 9 / 10;
    let count = count.min(stored);
    let numbers =
        (0..whole(count, together)).map(|number| shuffled(round * count + number, stored));
    let bodies = numbers.map(|number| people::customer(number, VERSION + 1 + round));
    record(seed::open_embedded(data)?, bodies, together)
}

/// The largest number of requests that fills whole batches.
fn whole(count: u64, together: usize) -> u64 {
    count - count % together as u64
}

/// A permutation of the numbers below `count` that puts neighbours far apart.
fn shuffled(number: u64, count: u64) -> u64 {
    /// A prime greater than every count, so that it divides none.
    const PRIME: u64 = 15_485_863;
    number % count * PRIME % count
}

/// Keeps all outcomes: the loop does not pay for pruning, which the gateway does.
const KEEP_ALL: Retention = Retention { days: u64::MAX, count: u64::MAX, per_profile: 0 };

fn record(
    read: Arc<dyn Engine>,
    bodies: impl Iterator<Item = String>,
    together: usize,
) -> Result<RecordedBatches, HarnessError> {
    let runtime = seed::runtime()?;
    let company = people::first_company()?;
    let recording = RecordingHooks::default();
    let engine = RecordingEngine { inner: read, hooks: recording.clone() };
    let engine: Arc<dyn Engine> = Arc::new(engine);
    let store = runtime.block_on(seed::open(engine, Durability::Relaxed, KEEP_ALL))?;
    // A new store writes its layout version before any request.
    drop(recording.take());
    let mut submissions = bodies.map(|body| people::submission(&company, &body)).peekable();
    let mut writes = Vec::new();
    while submissions.peek().is_some() {
        let batch = submissions.by_ref().take(together);
        let delayed = recording.delay_reads();
        let answers = runtime.block_on(seed::enqueue(&store, batch))?;
        drop(delayed);
        runtime.block_on(seed::answered(answers))?;
        writes.push(recording.take());
    }
    runtime.block_on(store.close()).while_doing("close the recorded store")?;
    Ok(RecordedBatches { size: together, writes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_the_writes_of_as_many_requests_as_its_size() {
        let writes = |batches: RecordedBatches| -> Vec<usize> {
            batches.writes.iter().map(Vec::len).collect()
        };
        let alone = writes(new_people(2, 1).unwrap());
        let together = writes(new_people(2 * 30 + 1, 30).unwrap());
        // One alone: the person, two identifiers, the order of updates, the outcome, its number.
        assert_eq!(alone, [6, 6]);
        // The outcomes of a batch are stored in a few records.
        let people = 30 * 4;
        assert_eq!(together.len(), 2);
        assert!(together.iter().all(|writes| (people + 1..people + 16).contains(writes)));
    }

    #[test]
    fn shuffling_repeats_no_number() {
        let mut named: Vec<u64> = (5..1_005).map(|number| shuffled(number, 1_000)).collect();
        named.sort_unstable();
        assert!(named.into_iter().eq(0..1_000));
    }
}
