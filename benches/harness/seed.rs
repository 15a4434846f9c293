//! Fills stores with people fast: in this process, with many requests at a time, and with relaxed
//! durability. `preload.rs` fills the store of any gateway, over HTTP.

use std::{collections::VecDeque, fs, ops::Range, path::Path, sync::Arc, time::Duration};

use profile_store::{
    Durability, Outcome, Retention, Store, StoreError, StoreOptions, Submission, SystemIdGenerator,
    engine::{EmbeddedEngine, EmbeddedOptions, Engine, TableKind},
};
use tokio::runtime::{Builder, Runtime};

use crate::{
    clock,
    error::{ErrorContext, HarnessError},
    figures, limits,
    people::{self, VERSION},
    progress, scratch,
};

/// Stores these people of the first company in this directory. Returns how many it stored per
/// second.
pub(crate) fn people(data: &Path, numbers: Range<u64>) -> Result<f64, HarnessError> {
    store_people(open_embedded(data)?, numbers)
}

/// The same, in a new directory with a table in sled.
pub(crate) fn people_in_sled(data: &Path, numbers: Range<u64>) -> Result<f64, HarnessError> {
    let options = EmbeddedOptions { table: TableKind::Sled, ..EmbeddedOptions::default() };
    store_people(open_with(data, options)?, numbers)
}

fn store_people(engine: Arc<dyn Engine>, numbers: Range<u64>) -> Result<f64, HarnessError> {
    let count = numbers.end - numbers.start;
    let took = fill(engine, numbers.map(|number| people::customer(number, VERSION)))?;
    let rate = figures::rate(count, took);
    let printed = figures::per_second(rate);
    progress::print(&format!("  filled with {count} people in {} s ({printed})", took.as_secs()));
    Ok(rate)
}

/// Stores these visitors, who have no identifier but a device.
pub(crate) fn visitors(data: &Path, numbers: Range<u64>) -> Result<(), HarnessError> {
    fill(open_embedded(data)?, numbers.map(people::visitor)).map(drop)
}

fn fill(
    engine: Arc<dyn Engine>,
    bodies: impl Iterator<Item = String>,
) -> Result<Duration, HarnessError> {
    let began = clock::now();
    let company = people::first_company()?;
    let runtime = runtime()?;
    let store = runtime.block_on(open(engine, Durability::Relaxed, Retention::default()))?;
    let submissions = bodies.map(|body| people::submission(&company, &body));
    runtime.block_on(pour(&store, submissions, limits::SEED_WINDOW))?;
    runtime.block_on(store.close()).while_doing("close the filled store")?;
    Ok(began.elapsed())
}

const STORING: &str = "store a generated request (is the disk full?)";

/// Submits all of them in order, `window` at a time.
pub(crate) async fn pour(
    store: &Store,
    submissions: impl Iterator<Item = Result<Submission, HarnessError>>,
    window: usize,
) -> Result<(), HarnessError> {
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

/// Puts all of them into the store's queue at once, in order. The futures resolve to the answers.
pub(crate) async fn enqueue(
    store: &Store,
    submissions: impl Iterator<Item = Result<Submission, HarnessError>>,
) -> Result<Vec<impl Future<Output = Result<Outcome, StoreError>>>, HarnessError> {
    let mut waiting = Vec::new();
    for submission in submissions {
        waiting.push(store.enqueue(submission?).await.while_doing(STORING)?);
    }
    Ok(waiting)
}

/// Waits until all of these are stored.
pub(crate) async fn answered(
    waiting: impl IntoIterator<Item = impl Future<Output = Result<Outcome, StoreError>>>,
) -> Result<(), HarnessError> {
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
) -> Result<Store, HarnessError> {
    let id_generator = Arc::new(SystemIdGenerator::default());
    let options = StoreOptions { durability, retention };
    Store::open(engine, id_generator, options).await.while_doing("open a store")
}

/// The engine in this directory, with as much cache as the gateway has.
pub(crate) fn open_embedded(data: &Path) -> Result<Arc<dyn Engine>, HarnessError> {
    open_with(data, EmbeddedOptions::default())
}

fn open_with(data: &Path, options: EmbeddedOptions) -> Result<Arc<dyn Engine>, HarnessError> {
    fs::create_dir_all(data).while_doing(format_args!("create {}", data.display()))?;
    scratch::await_unlocked(data)?;
    let cache_bytes = limits::CACHE_MIB * 1_024 * 1_024;
    let options = EmbeddedOptions { cache_bytes, ..options };
    let engine = EmbeddedEngine::open(data, options);
    Ok(Arc::new(engine.while_doing(format_args!("open the store in {}", data.display()))?))
}

/// A runtime for the store's futures.
pub(crate) fn runtime() -> Result<Runtime, HarnessError> {
    Builder::new_current_thread().enable_time().build().while_doing("build a runtime")
}
