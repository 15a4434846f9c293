//! Every number the harness is run by, and where it comes from.

use std::time::Duration;

/// Connections of the load generator: those of the numbers to meet.
pub(crate) const CONNECTIONS: usize = 64;

/// Memory for the store's cache, in MiB: the gateway's default.
pub(crate) const CACHE_MIB: u64 = 1_024;

/// What of that sled itself is told: see `CACHE_UNCOUNTED` in
/// crates/profile-store/src/engine/sled.rs.
pub(crate) const SLED_CACHE_BYTES: u64 = CACHE_MIB * 1_024 * 1_024 / 2;

/// Memory the process may take beside the cache.
pub(crate) const MEMORY_BESIDE_CACHE_MIB: u64 = 150;

/// The largest limits that a company can have. They allow no more than a million
/// requests in a minute, which bounds how long a run against one company may be.
pub(crate) const REQUESTS: u32 = 1_000_000;

/// Requests that a gateway is reckoned to answer in a second at most, so that no run
/// reaches [`REQUESTS`]. It is several times what has been seen.
pub(crate) const RATE_AT_MOST: u64 = 50_000;

/// Seconds of one run against one company: as many as [`REQUESTS`] allow at that rate.
pub(crate) const RUN_SECONDS: u64 = 20;

/// How long the whole harness may take. Where the last step of growth would take it
/// beyond, that step is made smaller.
pub(crate) const WHOLE: Duration = Duration::from_mins(14);

/// Of that, how long a step of growth takes beside filling the store: two runs, two
/// starts, and what is tidied up.
pub(crate) const STEP_BESIDE_FILLING: Duration = Duration::from_secs(45);

/// How much slower a store is filled than before, the more there is in it.
pub(crate) const FILLING_SLOWS_TO: f64 = 0.8;

/// A step of growth that was made smaller is a multiple of this.
pub(crate) const STEP_MULTIPLE: u64 = 100_000;

/// Companies that the generated configuration has.
pub(crate) const COMPANIES: u64 = 200;

/// Numbers set apart for the new people of one run: more than it can send.
pub(crate) const NEW_PER_RUN: u64 = 10_000_000;

/// People there may be before anybody new: the first of those numbers.
pub(crate) const SEEDED: u64 = NEW_PER_RUN;

/// Visitors known only by a device that one run of the mix may merge. It sends a
/// twentieth of its requests to that end, so they last for 20,000 requests a second
/// over 20 seconds.
pub(crate) const VISITORS_PER_RUN: u64 = 20_000;

/// Requests recorded for the loop over sled alone, for each second it is to run. If
/// sled is faster, the loop is over sooner.
pub(crate) const RECORDED_PER_SECOND: u64 = 20_000;

/// Requests recorded at most. Each takes about 1.5 KB of memory.
pub(crate) const RECORDED: u64 = 200_000;

/// Requests that wait for the committer while a store is filled: half its queue.
pub(crate) const SEED_WINDOW: usize = 2_048;

/// Flushes by which the disk is known.
pub(crate) const FLUSHES: usize = 200;

/// How long a gateway may take to start or to stop. Replaying the log of millions
/// takes minutes on a slow disk.
pub(crate) const PATIENCE: Duration = Duration::from_mins(10);

/// How often is asked whether it has.
pub(crate) const POLL: Duration = Duration::from_millis(2);

/// How long nothing has to happen until a gateway counts as idle: longer than a flush.
pub(crate) const SETTLING: Duration = Duration::from_millis(100);

/// Bytes on disk for each profile, by which is judged whether there is room: half as
/// much again as is seen, since sled's log grows before it shrinks.
pub(crate) const DISK_PER_PROFILE: u64 = 4_096;

/// The same for each update.
pub(crate) const DISK_PER_UPDATE: u64 = 512;

/// Room on disk that is asked for in any case.
pub(crate) const DISK_AT_LEAST: u64 = 1 << 30;
