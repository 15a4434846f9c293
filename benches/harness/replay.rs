//! The loop over sled alone: the bytes of the gateway, written as fast as one thread
//! can, in groups that one flush serves. It has no HTTP, no decisions and nobody who
//! waits, and is what the gateway could do if all of that were for nothing.

use std::{
    fs::{self, File},
    path::Path,
    time::Duration,
};

use profile_store::engine::Write;
use sled::Batch;

use crate::{
    clock, limits,
    recording::Groups,
    report::Percentiles,
    scratch::{self, DATABASE},
    trouble::{Trouble, While},
    wrk::Measured,
};

/// The tree that the gateway has its data in.
const TREE: &str = "profiles";

/// Writes these groups into the database of this directory, until there are no more or
/// the time is over. Times are those of a whole group.
pub(crate) fn replay(data: &Path, groups: &Groups, seconds: u64) -> Result<Measured, Trouble> {
    let opening = format!("open sled in {}", data.display());
    fs::create_dir_all(data).while_doing(&opening)?;
    scratch::await_unlocked(data)?;
    // All as crates/profile-store/src/engine/sled.rs has it.
    let config = sled::Config::new()
        .path(data)
        .cache_capacity(limits::SLED_CACHE_BYTES)
        .flush_every_ms(None);
    let db = config.open().while_doing(&opening)?;
    let tree = db.open_tree(TREE).while_doing(&opening)?;
    let log = File::open(data.join(DATABASE)).while_doing(&opening)?;

    let writing = "write to sled (is the disk full?)";
    let (began, mut times) = (clock::now(), Vec::with_capacity(groups.writes.len()));
    for group in &groups.writes {
        let group_began = clock::now();
        tree.apply_batch(batch(group)).while_doing(writing)?;
        db.flush().while_doing(writing)?;
        log.sync_data().while_doing(writing)?;
        times.push(group_began.elapsed());
        if Duration::from_secs(seconds) < began.elapsed() {
            break;
        }
    }
    let (took, requests) = (began.elapsed(), (times.len() * groups.size) as u64);
    let rate = clock::rate(requests, took);
    Ok(Measured { requests, rate, times: Percentiles::of(&mut times), processors: 0.0 })
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
