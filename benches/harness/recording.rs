//! The very bytes that the committer writes, noted down for the loop over sled alone.

use std::{
    mem,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use profile_store::{
    Durability, Retention,
    engine::{BoxFuture, Engine, EngineError, Key, MemoryEngine, Scan, Value, Write},
};

use crate::{
    limits,
    people::{self, VERSION},
    seed,
    trouble::{Trouble, While},
};

/// The writes of one flush after the other.
pub(crate) struct Groups {
    /// Of how many requests each has the writes.
    pub(crate) size: usize,
    pub(crate) writes: Vec<Vec<Write>>,
}

/// An engine that reads from another and writes nowhere. Whoever is asked about twice
/// would be decided by what is out of date, so nobody is.
struct Recording {
    read: Arc<dyn Engine>,
    noted: Mutex<Vec<Write>>,
    gate: Mutex<()>,
}

impl Recording {
    /// Holds up every read until the guard is dropped, so that requests gather: what is
    /// kept of them together takes fewer keys.
    fn hold(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<Write> {
        mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Engine for Recording {
    fn read<'a>(
        &'a self,
        keys: &'a [Key],
    ) -> BoxFuture<'a, Result<Vec<Option<Value>>, EngineError>> {
        Box::pin(async {
            drop(self.hold());
            self.read.read(keys).await
        })
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<(Key, Value)>, EngineError>> {
        self.read.scan(scan)
    }

    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<(), EngineError>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).extend(batch);
        Box::pin(std::future::ready(Ok(())))
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        self.read.bytes()
    }
}

/// What is written when so many new people come to an empty store, so many together.
pub(crate) fn new_people(count: u64, together: usize) -> Result<Groups, Trouble> {
    let first = limits::SEEDED;
    let bodies =
        (first..first + whole(count, together)).map(|number| people::customer(number, VERSION));
    record(Arc::new(MemoryEngine::new()), bodies, together)
}

/// What is written when so many of the people in this store change, so many together.
/// Each time another `turn` is recorded it is other people's turn, as long as there are
/// enough.
pub(crate) fn updates(
    data: &Path,
    known: u64,
    count: u64,
    turn: u64,
    together: usize,
) -> Result<Groups, Trouble> {
    // The run over HTTP leaves the last tenth alone as well.
    let known = known * 9 / 10;
    let count = count.min(known);
    let numbers = (0..whole(count, together)).map(|number| shuffled(turn * count + number, known));
    let bodies = numbers.map(|number| people::customer(number, VERSION + 1 + turn));
    record(seed::open_sled(data)?, bodies, together)
}

/// As many as make whole groups.
fn whole(count: u64, together: usize) -> u64 {
    count - count % together as u64
}

/// A number below `count`, all over it, and no two the same in `count` that follow.
fn shuffled(number: u64, count: u64) -> u64 {
    /// A prime greater than any count there is, so that it divides none.
    const PRIME: u64 = 15_485_863;
    number % count * PRIME % count
}

/// No outcome is ever removed: what tidying up costs the gateway, the loop is spared.
const KEEP_ALL: Retention = Retention { days: u64::MAX, count: u64::MAX };

fn record(
    read: Arc<dyn Engine>,
    bodies: impl Iterator<Item = String>,
    together: usize,
) -> Result<Groups, Trouble> {
    let runtime = seed::runtime()?;
    let company = people::first_company()?;
    let recording = Arc::new(Recording { read, noted: Mutex::default(), gate: Mutex::default() });
    let engine: Arc<dyn Engine> = Arc::<Recording>::clone(&recording);
    let store = runtime.block_on(seed::open(engine, Durability::Relaxed, KEEP_ALL))?;
    // That the store is of this version is written before any request.
    drop(recording.take());
    let mut submissions = bodies.map(|body| people::submission(&company, &body)).peekable();
    let mut writes = Vec::new();
    while submissions.peek().is_some() {
        let group = submissions.by_ref().take(together);
        let identifiers = recording.hold();
        let answers = runtime.block_on(seed::enqueue(&store, group))?;
        drop(identifiers);
        runtime.block_on(seed::answered(answers))?;
        writes.push(recording.take());
    }
    runtime.block_on(store.close()).while_doing("close the store that was recorded")?;
    Ok(Groups { size: together, writes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_the_writes_of_as_many_requests_as_it_is_said_to() {
        let writes =
            |groups: Groups| -> Vec<usize> { groups.writes.iter().map(Vec::len).collect() };
        let alone = writes(new_people(2, 1).unwrap());
        let together = writes(new_people(2 * 30 + 1, 30).unwrap());
        // One alone: the person, two identifiers, the order of updates, and the outcome.
        assert_eq!(alone, [5, 5]);
        // The outcomes of a group are kept in a few records.
        let people = 30 * 4;
        assert_eq!(together.len(), 2);
        assert!(together.iter().all(|writes| (people + 1..people + 16).contains(writes)));
    }

    #[test]
    fn shuffling_names_nobody_twice() {
        let mut named: Vec<u64> = (5..1_005).map(|number| shuffled(number, 1_000)).collect();
        named.sort_unstable();
        assert!(named.into_iter().eq(0..1_000));
    }
}
