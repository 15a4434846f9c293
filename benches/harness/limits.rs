//! Every number that the harness uses, and the reason for it.

use std::time::Duration;

/// Connections of the load generator: those that the targets are defined for.
pub(crate) const CONNECTIONS: usize = 64;

/// Memory for the store's cache, in MiB: the gateway's default.
pub(crate) const CACHE_MIB: u64 = 1_024;

/// The cache that the loop over sled configures: as much as the gateway's engine does, which counts
/// on pages taking twice their size in memory.
pub(crate) const SLED_CACHE_BYTES: u64 = CACHE_MIB * 1_024 * 1_024 / 2;

/// Memory that the process may take beside the cache.
pub(crate) const MEMORY_BESIDE_CACHE_MIB: u64 = 150;

/// The highest rate limit that a company can have. It allows a million requests in a minute, which
/// bounds how long a run against one company may be.
pub(crate) const REQUESTS: u32 = 1_000_000;

/// Requests that a gateway answers in a second at most, by estimate, so that no run reaches
/// [`REQUESTS`]. It is several times what was measured.
pub(crate) const RATE_AT_MOST: u64 = 50_000;

/// Seconds of one run against one company: as many as [`REQUESTS`] allow at that rate.
pub(crate) const RUN_SECONDS: u64 = 20;

/// How long all parts together may take. Growth, the last one, makes its last step smaller where it
/// would take longer.
pub(crate) const ALL_PARTS: Duration = Duration::from_mins(24);

/// How much of that a step of growth takes beside filling the store: two runs, two starts, and
/// removing the data.
pub(crate) const STEP_BESIDE_FILLING: Duration = Duration::from_secs(45);

/// How much slower filling becomes as the store grows.
pub(crate) const FILLING_SLOWS_TO: f64 = 0.8;

/// A step of growth that is made smaller is a multiple of this.
pub(crate) const STEP_MULTIPLE: u64 = 100_000;

/// Companies in the generated configuration.
pub(crate) const COMPANIES: u64 = 200;

/// Numbers reserved for the new people of one run: more than it can send.
pub(crate) const NEW_PER_RUN: u64 = 10_000_000;

/// People who may be stored before a run: the first of those numbers.
pub(crate) const SEEDED: u64 = NEW_PER_RUN;

/// Visitors whom one run of the mix may merge. It sends a twentieth of its requests for that, so
/// they last for 20,000 requests a second over 20 seconds.
pub(crate) const VISITORS_PER_RUN: u64 = 20_000;

/// Requests recorded for the loop over sled, for each second of the loop. If sled is faster, the
/// loop ends sooner.
pub(crate) const RECORDED_PER_SECOND: u64 = 20_000;

/// Requests recorded at most. Each takes about 1.5 KB of memory.
pub(crate) const RECORDED: u64 = 200_000;

/// Requests that wait in the store's queue while a store is filled: half of that queue.
pub(crate) const SEED_WINDOW: usize = 2_048;

/// Connections by which a gateway's store is filled: as many as half a batch has requests.
pub(crate) const PRELOAD_CONNECTIONS: usize = 128;

/// Requests that a filling thread takes at a time, so that threads seldom wait for each other.
pub(crate) const PRELOAD_CHUNK: usize = 32;

/// How often a request that fills a store is sent again after a 429 or a 503, each time after
/// 50 ms: for longer than a rate-limit window of a minute.
pub(crate) const PRELOAD_RETRIES: usize = 1_400;

/// How long a client waits for its socket before it asks whether to wait on.
pub(crate) const CLIENT_POLL: Duration = Duration::from_millis(50);

/// Calls of `fdatasync` by which the disk is measured.
pub(crate) const FLUSHES: usize = 200;

/// How long a gateway may take to start or to stop. Replaying the log of millions of profiles takes
/// minutes on a slow disk.
pub(crate) const PROCESS_TIMEOUT: Duration = Duration::from_mins(10);

/// How often the harness asks whether a gateway has started or stopped.
pub(crate) const POLL: Duration = Duration::from_millis(2);

/// Rows of an export that are imported, so that an import takes about a minute.
pub(crate) const IMPORTED_ROWS: u64 = 50_000;

/// The pause between two visits of a page of the console: imports may be listed ten times in a
/// second.
pub(crate) const VISIT_PAUSE: Duration = Duration::from_millis(110);

/// How often the harness asks whether a command that it measures has ended.
pub(crate) const COMMAND_POLL: Duration = Duration::from_millis(10);

/// How long a gateway's counters must stay the same until it counts as idle: longer than a flush.
pub(crate) const IDLE: Duration = Duration::from_millis(100);

/// Bytes on disk for each profile, for the check of free space: half as much again as is measured,
/// since sled's log grows before it shrinks.
pub(crate) const DISK_PER_PROFILE: u64 = 4_096;

/// The same for each update.
pub(crate) const DISK_PER_UPDATE: u64 = 512;

/// Free space on disk that is required in any case.
pub(crate) const DISK_AT_LEAST: u64 = 1 << 30;

/// Free space on disk that large profiles take while they are attacked: the seeded store, its copy,
/// and what 350 rewrites of 220 KB in each of ten seconds add.
pub(crate) const DISK_OF_ATTACK: u64 = 4 << 30;

/// Seconds of load before a measured run, so that it does not begin with an empty cache.
pub(crate) const WARM_UP_SECONDS: u64 = 1;

/// How long an attack lasts before the neighbour is measured.
pub(crate) const ATTACK_LEAD: Duration = Duration::from_millis(500);

/// Bytes of the property that a rich profile has beside those of every customer.
pub(crate) const RICH_PROPERTY_BYTES: usize = 8_000;

/// Properties of a large profile. A client may fill a profile up to 900.
pub(crate) const LARGE_PROPERTIES: usize = 880;

/// Bytes of the value of each: 220 KB for the profile, where a client may fill up to 244 KiB.
pub(crate) const LARGE_PROPERTY_BYTES: usize = 236;

/// Requests that fill a large profile, so that each stays below the 100 KB of a body.
pub(crate) const LARGE_PARTS: usize = 3;

/// Addresses that one request with a private key may append.
pub(crate) const APPENDED_EMAILS: u64 = 100;

/// Different requests of an attack: as many as make every large profile named several times.
pub(crate) const ATTACK_POOL: u64 = 1_024;

/// Different bulk imports: more than are carried out in one run. Each takes 5 MB of memory.
pub(crate) const IMPORT_POOL: u64 = 16;

/// Bytes of a bulk import: the most that the gateway accepts.
pub(crate) const IMPORT_BYTES: usize = 5_000_000;
