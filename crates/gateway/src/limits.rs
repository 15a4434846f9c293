//! Every number the gateway promises to hold to, and where it comes from.

use std::{num::NonZeroU32, ops::RangeInclusive, time::Duration};

use crate::quota::Limits;

/// How long an answer may take, to be made or to be read, on top of what a request
/// may take to arrive, unless configured otherwise. A disk that stalls for longer is failing.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// What the anonymous ids of one profile may be configured to. Each is a place
/// that a shared device fills, and a few bytes of every write.
pub const ANONYMOUS_IDS_RANGE: RangeInclusive<u64> = 1..=256;

/// What the factor on the limits of `/api` may be configured to.
pub const API_FACTOR_RANGE: RangeInclusive<u64> = 1..=1_000;

/// Requests a company may send to one endpoint of `/api` that the original rations
/// most: those that erase.
pub const API_SMALL: Limits = api_limits(3, 60);

/// Requests a company may send to one endpoint of `/api` that does much work at
/// once, as the original documents it.
pub const API_MEDIUM: Limits = api_limits(10, 150);

/// Requests a company may send to any other endpoint of `/api`, as the original
/// documents it since 2026-04-08.
pub const API_LARGE: Limits = api_limits(75, 750);

const fn api_limits(burst: u32, steady: u32) -> Limits {
    Limits {
        burst: NonZeroU32::new(burst).expect("a limit is not zero"),
        steady: NonZeroU32::new(steady).expect("a limit is not zero"),
    }
}

/// Parts that each budget for bodies is divided into, at most; a company has one. With
/// fewer companies served there are as many parts as companies, since to keep room for
/// nobody would only turn away those who are there.
pub const COMPANY_PARTS: usize = 4;

/// How many connections of operators there may be. They are few, and an address
/// that only they can reach.
pub const ADMIN_CONNECTIONS: usize = 32;

/// Bytes of clients' bodies that may be arriving at a time, over all connections,
/// without the first [`BODY_FREE_BYTES`] of each. Whoever sends slowly can hold on to
/// them for [`BODY_TIMEOUT`]. A quarter of them is 170 of the largest.
pub const ARRIVING_BYTES: usize = 64 * 1024 * 1024;

/// The same of what comes with a private key. A quarter of it is three of the
/// largest bulk imports.
pub const SERVER_ARRIVING_BYTES: usize = 64 * 1024 * 1024;

/// Bytes of a body that are taken in without counting. Requests of browsers and
/// apps are a few hundred bytes, so that no flood of large bodies turns them away;
/// a connection has twice that for its buffers in any case.
pub const BODY_FREE_BYTES: usize = 4 * 1024;

/// How long a body may take to arrive once its head has, unless configured
/// otherwise. A client that sends
/// 100 KB in more than this is served better by asking again.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the body of a bulk import may take to arrive, unless configured otherwise:
/// 5 MB at 170 KB a second. Only who has shown a private key may take
/// that long, and only a connection on which that was done lasts longer for it.
pub const IMPORT_BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Requests a company may send in one [`BURST_WINDOW`], unless configured
/// otherwise: what the original documents for its client endpoints.
pub const BURST_REQUESTS: NonZeroU32 = NonZeroU32::new(350).expect("350 is not zero");

/// Length of the short rate-limit window, as the original documents it.
pub const BURST_WINDOW: Duration = Duration::from_secs(1);

/// Memory the store may use as a cache, in MiB, unless configured otherwise: a quarter
/// of a machine with 4 GiB, once there are as many profiles as fill it.
pub const CACHE_MIB: u64 = 1_024;

/// What the cache may be configured to, in MiB. sled keeps, and no longer counts, a
/// page that it would evict before it is flushed: with 64 MiB and 600,000 profiles the
/// process took 1.9 GB, with 256 MiB 0.4. Above 64 GiB a typing error is likelier than
/// the machine.
pub const CACHE_MIB_RANGE: RangeInclusive<u64> = 256..=65_536;

/// Companies in one configuration. Each costs a few hundred bytes for as long as
/// the process runs, so the full number costs tens of megabytes.
pub const COMPANIES: usize = 100_000;

/// Memory that a compaction lets each of its two stores use as a cache. It reads and
/// writes each entry once and in order, so more would hold what nobody asks for
/// again.
pub const COMPACTION_CACHE_BYTES: u64 = 128 * 1024 * 1024;

/// Connections of clients at a time, unless configured otherwise: more than ten
/// thousand that do nothing. More wait to be accepted.
pub const CONNECTIONS: usize = 16_384;

/// What the connections may be configured to. Above a million a typing error is
/// likelier than the machine.
pub const CONNECTIONS_RANGE: RangeInclusive<u64> = 1..=1_000_000;

/// Size of a configuration file, in bytes: [`COMPANIES`] companies at about 600
/// bytes of TOML each, rounded up. It bounds what a wrong path can read.
pub const CONFIGURATION_BYTES: u64 = 64 * 1024 * 1024;

/// How long the rest of a body that nobody will read may take to arrive. It is
/// usually there already; the answer waits for no longer than a client notices.
pub const DISCARD_TIMEOUT: Duration = Duration::from_millis(250);

/// How long a connection that was closed may take to see it.
pub const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Keys that seal or open exchange tokens: the one in use, and those it replaced
/// over the life of a token.
pub const EXCHANGE_KEYS: usize = 16;

/// Keys with which a company signs whom its pages name: the one in use, and those
/// that it takes the place of.
pub const SIGNATURE_KEYS: usize = 4;

/// How long an exchange token stands for its profile: as long as the cookie in
/// which browsers keep it.
pub const EXCHANGE_TOKEN_LIFETIME: Duration = Duration::from_hours(730 * 24);

/// Members of one gzip body. Every encoder in use writes one. Each further one
/// costs a reset of the decoder, 3 µs for 20 bytes, so that without a bound a body
/// of 100 KB would cost 17 ms and yield nothing.
pub const GZIP_MEMBERS: usize = 64;

/// How long the head of a request may take to arrive, unless configured otherwise.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an idle connection is kept open, unless configured otherwise: longer than the 60 s after which
/// usual load balancers close theirs, so that it is they who do.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Bytes of clients' bodies over [`BODY_FREE_BYTES`] that were read and are not
/// answered yet: 81 of the largest, and 20 in a quarter. Parsed, a body becomes up to
/// 24 times as large (an array of one-digit numbers to append), so this is 192 MiB.
pub const HELD_BYTES: usize = 8 * 1024 * 1024;

/// The same of what comes with a private key, which is rationed more: 40 of the
/// largest, and 10 in a quarter.
pub const SERVER_HELD_BYTES: usize = 4 * 1024 * 1024;

/// The same of clients' smaller bodies, which have room of their own, so that no flood
/// of large ones turns them away. Of usual ones this is more than the store lets wait,
/// and a quarter four seconds of a company's burst; parsed, it is at most 96 MiB.
pub const HELD_SMALL_BYTES: usize = 4 * 1024 * 1024;

/// The same of smaller bodies that come with a private key.
pub const SERVER_HELD_SMALL_BYTES: usize = 2 * 1024 * 1024;

/// Bytes of bulk imports that have arrived and are not answered yet: eight of the
/// largest, and two in a quarter, one that is carried out and one that waits. They
/// have room of their own, so that one takes nobody else's.
pub const IMPORT_BYTES: usize = 40_000_000;

/// Keys of one company: enough for a key per service, few enough to review.
pub const KEYS_PER_COMPANY: usize = 64;

/// Length of a key's name, in bytes. It is for people and shows up in logs.
pub const KEY_NAME_BYTES: usize = 64;

/// Length of an origin, in bytes: a host name has at most 253, and 67 remain
/// for the scheme and the port.
pub const ORIGIN_BYTES: usize = 320;

/// Allowed origins of one company. Every request from a browser is compared
/// with each in turn, so the list has to stay short.
pub const ORIGINS_PER_COMPANY: usize = 64;

/// What the merges into one profile may be configured to: none at all up to as
/// many as a record of 160 KB can list.
pub const MERGES_RANGE: RangeInclusive<u64> = 0..=10_000;

/// What the days an outcome is kept may be configured to.
pub const OUTCOME_DAYS_RANGE: RangeInclusive<u64> = 1..=3_650;

/// What the outcomes kept of one company may be configured to.
pub const OUTCOMES_RANGE: RangeInclusive<u64> = 1..=1_000_000_000;

/// How long browsers may remember the answer to a preflight: a day, the longest
/// that any of them honours.
pub const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(24);

/// Length of the list of headers a preflight may ask for, in bytes. What it asks
/// for is sent back.
pub const PREFLIGHT_HEADERS_BYTES: usize = 1_024;

/// Files a process needs open beside clients' connections: the store's, the listeners,
/// what the runtime has, a configuration file to reload, and operators' connections.
pub const OTHER_FILES: usize = 64 + ADMIN_CONNECTIONS;

/// Files that each worker has open beside its connections: the queue of its events, a
/// pipe to wake it, and what its runtime keeps.
pub const FILES_PER_WORKER: usize = 8;

/// What a rate limit may be configured to. Above a million a window the limit
/// no longer protects anything this gateway can do.
pub const REQUESTS_RANGE: RangeInclusive<u64> = 1..=1_000_000;

/// What the secondary addresses of one profile may be configured to.
pub const SECONDARY_EMAILS_RANGE: RangeInclusive<u64> = 0..=64;

/// Placeholders a company may add to the list, or take off it. Each identifier is
/// compared with all of them.
pub const SENTINELS_PER_COMPANY: usize = 256;

/// How long requests in flight may take to finish once the gateway was told to
/// stop.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);

/// Requests a company may send in one [`STEADY_WINDOW`], unless configured
/// otherwise: what the original documents for its client endpoints.
pub const STEADY_REQUESTS: NonZeroU32 = NonZeroU32::new(3_500).expect("3,500 is not zero");

/// Length of the long rate-limit window, as the original documents it.
pub const STEADY_WINDOW: Duration = Duration::from_mins(1);

/// What a time that a connection may take can be configured to, in seconds. Beyond
/// an hour nobody waits.
pub const TIMEOUT_SECONDS_RANGE: RangeInclusive<u64> = 1..=3_600;

/// What the number of worker threads may be configured to. Above 1,024 a typing
/// error is likelier than the machine.
pub const WORKERS_RANGE: RangeInclusive<u64> = 1..=1_024;

/// Profiles, outcomes or imports in one page of a list, at most, as the original
/// documents it.
pub const PAGE: usize = 100;

/// Profiles, outcomes or imports in one page of a list, unless asked otherwise.
pub const PAGE_DEFAULT: usize = 20;

/// Names in one `fields[profile]`. There are thirty without the properties.
pub const SPARSE_FIELDS: usize = 200;

/// Bulk imports carried out at a time, no two of them of one company. One of 5 MB takes
/// up to 120 MB while it is, 24 times its size, and each keeps [`IMPORT_ROWS_WAITING`]
/// places of the queue; two keep the committer busy.
pub const IMPORTS_AT_ONCE: usize = 2;

/// How long a bulk import waits for its turn: some twenty of those before it, of its
/// company and of others.
pub const IMPORT_WAIT: Duration = Duration::from_secs(20);

/// Rows of one bulk import that wait to be stored at a time: as many as one flush
/// takes, and a sixteenth of the queue, so that other requests find room in it.
pub const IMPORT_ROWS_WAITING: usize = 256;

/// Length of the host that links are made of, in bytes: the longest name there is, and
/// a port.
pub const HOST_BYTES: usize = 260;
