//! What an open store does from time to time: it prunes, and under relaxed durability it syncs.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, watch},
    time::{Instant, sleep},
};

use super::{clock_watch::ClockWatch, prune::Pruner};
use crate::{Timestamp, engine::Durability, lane::StoreContext, limits, sync::Ordering};

const SYNC_EVERY: Duration = Duration::from_millis(limits::RELAXED_FLUSH_MS);
const PRUNE_EVERY: Duration = Duration::from_millis(limits::PRUNE_EVERY_MS);
const CLOCK_EVERY: Duration = Duration::from_millis(limits::CLOCK_EVERY_MS);
const PRUNE_PAUSE: Duration = Duration::from_millis(limits::PRUNE_PAUSE_MS);
const MAX_PRUNE_PAUSE: Duration = Duration::from_millis(limits::MAX_PRUNE_PAUSE_MS);

/// Maintains the store until it is closed.
pub(crate) async fn run(
    shared: Arc<StoreContext>,
    pruner: Arc<Mutex<Pruner>>,
    writer: u64,
    mut closed: watch::Receiver<bool>,
) {
    tokio::select! {
        // A store that was dropped without a word is closed as well.
        _ = closed.wait_for(|closed| *closed) => {}
        () = sync_always(&shared) => {}
        () = prune_always(&shared, &pruner, writer) => {}
    }
}

/// Puts on disk what is only applied. Under flushed durability there is nothing to do.
async fn sync_always(shared: &StoreContext) {
    if shared.durability == Durability::Flushed {
        return std::future::pending().await;
    }
    loop {
        sleep(SYNC_EVERY).await;
        if shared.unflushed.begin_sync() {
            match shared.disk_waits.during(shared.engine.sync()).await {
                Ok(()) => shared.unflushed.end_sync(),
                // The engine refuses all that follows, and says so to every caller.
                Err(_) => return std::future::pending().await,
            }
        }
    }
}

async fn prune_always(shared: &StoreContext, pruner: &Mutex<Pruner>, writer: u64) {
    let mut clock = loop {
        match ClockWatch::begin(shared, writer).await {
            Ok(clock) => break clock,
            Err(error) => {
                tracing::warn!(%error, "the newest stored time could not be read");
                sleep(PRUNE_EVERY).await;
            }
        }
    };
    loop {
        let mut has_data = false;
        let mut began = Instant::now();
        while prune_step(shared, pruner, clock.observe(shared)).await {
            has_data = true;
            sleep(prune_pause(began.elapsed())).await;
            began = Instant::now();
        }
        let now = clock.observe(shared);
        if shared.engine.is_writable()
            && let Err(error) = clock.store(shared.engine.as_ref(), now, has_data).await
        {
            tracing::warn!(%error, "the trusted time could not be stored");
        }
        for _ in 0..limits::PRUNE_EVERY_MS / limits::CLOCK_EVERY_MS {
            sleep(CLOCK_EVERY).await;
            clock.observe(shared);
        }
    }
}

/// How long pruning pauses after a step that took this long, so that requests keep the processors.
fn prune_pause(took: Duration) -> Duration {
    (took * limits::PRUNE_PAUSE_FACTOR).clamp(PRUNE_PAUSE, MAX_PRUNE_PAUSE)
}

/// Takes one step of pruning, the larger the more outcomes were recorded since the last one.
/// Without a time, no outcome is too old. Returns whether the round goes on.
async fn prune_step(shared: &StoreContext, pruner: &Mutex<Pruner>, now: Option<Timestamp>) -> bool {
    if !shared.engine.is_writable() {
        return false;
    }
    let recorded = shared.recorded.swap(0, Ordering::Relaxed);
    let page = (2 * recorded).clamp(limits::PRUNE_STEP, limits::MAX_PRUNE_STEP);
    let engine = shared.engine.as_ref();
    let mut pruner = pruner.lock().await;
    match pruner.step(engine, now, page, &shared.pruned).await {
        Ok(goes_on) => goes_on,
        Err(error) => {
            tracing::warn!(%error, "expired outcomes could not be removed");
            false
        }
    }
}
