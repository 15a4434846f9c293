//! The loop over sled alone: the gateway's own keys and bytes, written by one thread as fast as it
//! can, one flush for each batch. It has no HTTP, no decisions and no caller who waits, so it shows
//! what the gateway would do if all of that cost nothing.

use std::{
    fs::{self, File},
    path::Path,
    time::Duration,
};

use profile_store::engine::Write;
use sled::Batch;

use crate::{
    clock,
    error::{ErrorContext, HarnessError},
    figures::{self, Percentiles},
    limits,
    recording::RecordedBatches,
    scratch::{self, DATABASE},
    wrk::LoadResult,
};

/// The gateway's tree.
const TREE: &str = "profiles";

/// Writes these batches into the database of this directory, until there are no more or the time is
/// over. Times are those of whole batches.
pub(crate) fn replay(
    data: &Path,
    batches: &RecordedBatches,
    seconds: u64,
) -> Result<LoadResult, HarnessError> {
    let opening = format!("open sled in {}", data.display());
    fs::create_dir_all(data).while_doing(&opening)?;
    scratch::await_unlocked(data)?;
    // As the gateway's engine configures it.
    let config = sled::Config::new()
        .path(data)
        .cache_capacity(limits::SLED_CACHE_BYTES)
        .flush_every_ms(None);
    let db = config.open().while_doing(&opening)?;
    let tree = db.open_tree(TREE).while_doing(&opening)?;
    let log = File::open(data.join(DATABASE)).while_doing(&opening)?;

    let writing = "write to sled (is the disk full?)";
    let (began, mut times) = (clock::now(), Vec::with_capacity(batches.writes.len()));
    for writes in &batches.writes {
        let batch_began = clock::now();
        tree.apply_batch(batch(writes)).while_doing(writing)?;
        db.flush().while_doing(writing)?;
        log.sync_data().while_doing(writing)?;
        times.push(batch_began.elapsed());
        if Duration::from_secs(seconds) < began.elapsed() {
            break;
        }
    }
    let (took, requests) = (began.elapsed(), (times.len() * batches.size) as u64);
    let rate = figures::rate(requests, took);
    let longest = times.iter().max().map_or(0.0, |&took| figures::micros(took));
    let times = Percentiles::from_times(&mut times);
    Ok(LoadResult { requests, rate, times, longest, refused: 0, broken: 0, processors: 0.0 })
}

fn batch(writes: &[Write]) -> Batch {
    let mut batch = Batch::default();
    for Write { key, value } in writes {
        match value {
            Some(value) => batch.insert(key.as_slice(), value.as_slice()),
            None => batch.remove(key.as_slice()),
        }
    }
    batch
}
