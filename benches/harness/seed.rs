//! Stores filled with people, fast: in this process, many requests at a time, and
//! with an answer that waits for no flush.

use std::{collections::VecDeque, fs, ops::Range, path::Path, sync::Arc, time::Duration};

use profile_store::{
    Durability, Outcome, Retention, Store, StoreError, StoreOptions, Submission, SystemIdGenerator,
    engine::{Engine, SledEngine, SledOptions},
};
use tokio::runtime::{Builder, Runtime};

use crate::{
    clock, limits,
    people::{self, VERSION},
    report, scratch, tell,
    trouble::{Trouble, While},
};

/// Sees to it that this directory has these people of the first company. Tells how many
/// it took in in a second.
pub(crate) fn people(data: &Path, numbers: Range<u64>) -> Result<f64, Trouble> {
    let count = numbers.end - numbers.start;
    let took = fill(data, numbers.map(|number| people::customer(number, VERSION)))?;
    let rate = clock::rate(count, took);
    let told = report::per_second(rate);
    tell(&format!("  filled with {count} people in {} s ({told})", took.as_secs()));
    Ok(rate)
}

/// Sees to it that it has these visitors, known only by their devices.
pub(crate) fn visitors(data: &Path, numbers: Range<u64>) -> Result<(), Trouble> {
    fill(data, numbers.map(people::visitor)).map(drop)
}

fn fill(data: &Path, bodies: impl Iterator<Item = String>) -> Result<Duration, Trouble> {
    let began = clock::now();
    let company = people::first_company()?;
    let runtime = runtime()?;
    let store =
        runtime.block_on(open(open_sled(data)?, Durability::Relaxed, Retention::default()))?;
    let submissions = bodies.map(|body| people::submission(&company, &body));
    runtime.block_on(pour(&store, submissions, limits::SEED_WINDOW))?;
    runtime.block_on(store.close()).while_doing("close a store that was filled")?;
    Ok(began.elapsed())
}

const STORING: &str = "store what fills a store (is the disk full?)";

/// Submits all of it in order, with so many at a time that wait.
pub(crate) async fn pour(
    store: &Store,
    submissions: impl Iterator<Item = Result<Submission, Trouble>>,
    window: usize,
) -> Result<(), Trouble> {
    let mut waiting = VecDeque::with_capacity(window);
    for submission in submissions {
        waiting.push_back(store.enqueue(submission?).await.while_doing(STORING)?);
        if waiting.len() == window
            && let Some(answer) = waiting.pop_front()
        {
            answer.await.while_doing(STORING)?;
        }
    }
    answered(waiting).await
}

/// Has all of it wait for the committer at once, in order.
pub(crate) async fn enqueue(
    store: &Store,
    submissions: impl Iterator<Item = Result<Submission, Trouble>>,
) -> Result<Vec<impl Future<Output = Result<Outcome, StoreError>>>, Trouble> {
    let mut waiting = Vec::new();
    for submission in submissions {
        waiting.push(store.enqueue(submission?).await.while_doing(STORING)?);
    }
    Ok(waiting)
}

/// Waits until all of this is stored.
pub(crate) async fn answered(
    waiting: impl IntoIterator<Item = impl Future<Output = Result<Outcome, StoreError>>>,
) -> Result<(), Trouble> {
    for answer in waiting {
        answer.await.while_doing(STORING)?;
    }
    Ok(())
}

/// A store over this engine.
pub(crate) async fn open(
    engine: Arc<dyn Engine>,
    durability: Durability,
    retention: Retention,
) -> Result<Store, Trouble> {
    let id_generator = Box::new(SystemIdGenerator::default());
    let options = StoreOptions { durability, retention };
    Store::open(engine, id_generator, options).await.while_doing("open a store")
}

/// The engine in this directory, with as much cache as the gateway is given.
pub(crate) fn open_sled(data: &Path) -> Result<Arc<dyn Engine>, Trouble> {
    fs::create_dir_all(data).while_doing(format_args!("create {}", data.display()))?;
    scratch::await_unlocked(data)?;
    let cache_bytes = limits::CACHE_MIB * 1_024 * 1_024;
    let options = SledOptions { cache_bytes, ..SledOptions::default() };
    let engine = SledEngine::open(data, options);
    Ok(Arc::new(engine.while_doing(format_args!("open the store in {}", data.display()))?))
}

/// What futures are run on.
pub(crate) fn runtime() -> Result<Runtime, Trouble> {
    Builder::new_current_thread().enable_time().build().while_doing("build a runtime")
}
