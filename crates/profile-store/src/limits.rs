//! Every limit of the store, and its reason.

use profile_protocol::limits::{PROPERTIES, PROPERTIES_BYTES};

/// The default maximum of anonymous ids of a profile: the devices and browsers of a person over
/// some years. The oldest is removed first.
pub const ANONYMOUS_IDS: usize = 32;

/// The default maximum of profiles merged into one. A person seldom has more than a handful of
/// profiles; a hundred indicate a shared identifier.
pub const MERGES: usize = 100;

/// The number of properties up to which clients may fill a profile. Anyone can use the public
/// endpoint, so the last hundred of [`PROPERTIES`] are reserved for the company itself, whose
/// programs seldom write as many to one person.
pub const CLIENT_PROPERTIES: usize = PROPERTIES - 100;

/// The size of properties in bytes up to which clients may fill a profile: the hundred properties
/// that are reserved for the company may have 120 bytes each.
pub const CLIENT_PROPERTIES_BYTES: usize = PROPERTIES_BYTES - 12 * 1_024;

/// The maximum of requests that wait for a commit. At 12,000 commits a second, the last one waits
/// for a third of a second; beyond that, a quick refusal is better than a slow response.
pub const QUEUE: usize = 4_096;

/// The maximum of requests committed by one flush. In the benchmark of the commit path, little is
/// gained beyond 64, and each request waits for its whole batch; the rest is for slower disks.
pub const BATCH: usize = 256;

/// The maximum of claims of the requests committed by one flush, unless a single request has more:
/// four for each request, where three are usual. Each claim may find a large profile that has to
/// be read.
pub const BATCH_CLAIMS: usize = 4 * BATCH;

/// The number of random values for ids that are read from the system at a time: 256 bytes, which
/// the system returns without interruption.
pub const ENTROPY_POOL: usize = 16;

/// The maximum of attribute names that an outcome lists. Further names are only counted.
pub const CHANGED_NAMES: usize = 64;

/// The maximum of do-not-merge marks of a profile. The oldest is removed first.
pub const DO_NOT_MERGE: usize = 64;

/// The default number of days for which outcomes are kept: a quarter, within which complaints
/// about merges arrive.
pub const OUTCOME_DAYS: u64 = 90;

/// The default maximum of outcomes of a company. At 120 bytes each, they take 120 MB.
pub const OUTCOMES: u64 = 1_000_000;

/// The maximum size of an outcome segment in bytes, unless a single outcome is larger. sled
/// rewrites up to sixteen entries when one of them changes, so larger values would cost what fewer
/// keys save.
pub const SEGMENT_BYTES: usize = 4_096;

/// The number of outcome segments read at a time.
pub const RUNS_READ: usize = 16;

/// The number of outcome segments read at a time to find expired ones. Usually none has expired.
pub const RUNS_PRUNED: usize = 8;

/// The minimum of outcome segments that one step of pruning reads; a step reads twice as many as
/// the previous batch wrote if that is more. A step runs between two batches and must be short in
/// comparison. A step of 128 segments took 15 ms where they had to be read from the disk.
pub const PRUNE_STEP: usize = 8;

/// The time between two rounds of pruning, in milliseconds.
pub const PRUNE_EVERY_MS: u64 = 60_000;

/// The time between two steps of a round while the store is idle, in milliseconds.
pub const PRUNE_PAUSE_MS: u64 = 10;

/// The maximum of outcomes in one page of a profile's history.
pub const HISTORY_PAGE: usize = 100;

/// The maximum of profiles in one page of a list, as in the original.
pub const LIST_PAGE: usize = 100;

/// The number of list entries read at a time, so few that even the largest profiles take little
/// memory.
pub const LIST_CHUNK: usize = 16;

/// The size of records in bytes after which a page of a list ends early. A hundred of the largest
/// profiles would take 26 MB.
pub const LIST_BYTES: usize = 2 * 1_024 * 1_024;

/// The maximum of entries read for one page of a list: as many as ten full pages have. A page
/// whose filter matches few profiles ends early, so that it does not take long.
pub const LIST_ENTRIES: usize = 1_000;

/// The maximum of bulk imports kept for a company. A program that asks about an import has seldom
/// started a thousand others since.
pub const IMPORTS: usize = 1_000;

/// The maximum of profiles in the result of a bulk import, as in its request.
pub const IMPORT_PROFILES: usize = 10_000;

/// The maximum of problems in the result of a bulk import: as many as the parser of its body
/// reports, and one for each profile.
pub const IMPORT_ERRORS: usize = 20_000;

/// The maximum size of each text of a problem of a bulk import, in bytes: enough for a sentence,
/// and for the pointer to a property with a long name.
pub const IMPORT_TEXT_BYTES: usize = 512;

/// Memory that changes take until their generation is closed and settled. While it is,
/// the next one gathers. A key that changes again meanwhile is settled once: a larger
/// generation saves more of that, and takes longer to read after a crash.
pub const GENERATION_BYTES: usize = 16 * 1_024 * 1_024;

/// What a change takes in memory beside the bytes of its key and its value: two
/// allocations, and its place in a map.
pub const CHANGE_BYTES: usize = 96;

/// How many times as large the file of a generation may be before that is closed, since a
/// key that changes again and again is in it each time.
pub const JOURNAL_TIMES: usize = 2;

/// Seconds without any progress in settling after which whoever waits for it is told that
/// the medium failed. A flush of a megabyte takes milliseconds, and a second where the
/// disk is busy.
pub const STALLED_SECONDS: u64 = 60;

/// Of a generation, the part by which the open one may be ahead of what is settled of
/// the closed one: a quarter.
pub const GENERATION_AHEAD: usize = 4;

/// Bytes of changes that are settled until it is told how far that is: a few
/// milliseconds' work, for which a request may have to wait.
pub const SETTLED_BYTES: usize = 64 * 1_024;

/// Bytes of changes that are settled until the table is flushed: little at a time, so that
/// the flush of a batch need not wait behind a large one.
pub const UNFLUSHED_BYTES: usize = 2 * 1_024 * 1_024;

/// Removals of keys that one step of a scan passes over.
pub const REMOVALS_SCANNED: usize = 1_024;

/// Milliseconds a commit may stay unflushed under relaxed durability.
pub const RELAXED_FLUSH_MS: u64 = 100;

/// The number of entries that an audit reads at a time.
pub const AUDIT_PAGE: usize = 1_024;

/// The number of entries that a copy reads at a time. The largest are merge records of half a
/// megabyte; nearly all are a thousandth of that.
pub const COPY_PAGE: usize = 256;

/// The maximum of breaches that an audit lists. Further breaches are only counted.
pub const BREACHES: usize = 100;
