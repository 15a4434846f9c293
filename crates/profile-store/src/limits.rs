//! Every bound of the store, and where it comes from.

use profile_protocol::limits::{PROPERTIES, PROPERTIES_BYTES};

/// Anonymous ids one profile holds by default: the devices and browsers of a
/// person over some years. The oldest leaves first.
pub const ANONYMOUS_IDS: usize = 32;

/// Profiles that may be merged into one by default. A person seldom turns out
/// to be more than a handful of profiles; a hundred is a shared identifier.
pub const MERGES: usize = 100;

/// Properties up to which clients may fill a profile. The public endpoint is open to
/// everybody; the last hundred of [`PROPERTIES`] are kept for the company itself, whose
/// programs seldom write as many of one person.
pub const CLIENT_PROPERTIES: usize = PROPERTIES - 100;

/// Size up to which clients may fill the properties of a profile, in bytes: the hundred
/// that are kept for the company may have 120 bytes each.
pub const CLIENT_PROPERTIES_BYTES: usize = PROPERTIES_BYTES - 12 * 1_024;

/// Requests that may wait to be committed. At 12,000 commits a second the last
/// of them waits for a third of a second; beyond that, a quick refusal serves
/// the caller better than a slow answer.
pub const QUEUE: usize = 4_096;

/// Requests committed by one flush. In the benchmark of the commit path little is
/// gained beyond 64, and each request of a batch waits for all of it; the rest is
/// room for slower disks.
pub const BATCH: usize = 256;

/// Claims that the requests committed by one flush make, unless one alone makes more:
/// four a request, where three are usual. Each may lead to a profile that has to be
/// read, and profiles may be large.
pub const BATCH_CLAIMS: usize = 4 * BATCH;

/// Chances for ids that the system is asked for at a time: 256 bytes, which it gives
/// without interruption.
pub const ENTROPY_POOL: usize = 16;

/// Attribute names listed in one outcome; of more, only the number is
/// kept.
pub const CHANGED_NAMES: usize = 64;

/// Undone merges a profile remembers; the oldest is forgotten first.
pub const DO_NOT_MERGE: usize = 64;

/// Days an outcome is kept by default: a quarter, within which a complaint
/// about a merge arrives.
pub const OUTCOME_DAYS: u64 = 90;

/// Outcomes kept of one company by default. At 120 bytes each that is 120 MB.
pub const OUTCOMES: u64 = 1_000_000;

/// Bytes of a record of outcomes that follow one another, unless one alone is larger.
/// sled writes up to sixteen entries again when one of them changes, so what is gained
/// by fewer keys is lost again with larger values.
pub const SEGMENT_BYTES: usize = 4_096;

/// Records of outcomes read at a time.
pub const RUNS_READ: usize = 16;

/// Records of outcomes read at a time to find what has expired: mostly that nothing has.
pub const RUNS_PRUNED: usize = 8;

/// Records of outcomes looked at in one step of pruning, at least, or twice as many as
/// the batch before it wrote. A step runs between two batches and has to be short against
/// them; one of 128 took 15 ms where the records had to be read from the disk.
pub const PRUNE_STEP: usize = 8;

/// Milliseconds between two rounds of pruning.
pub const PRUNE_EVERY_MS: u64 = 60_000;

/// Milliseconds between two steps of a round when there is nothing else to do.
pub const PRUNE_PAUSE_MS: u64 = 10;

/// Outcomes in one page of a profile's history, at most.
pub const HISTORY_PAGE: usize = 100;

/// Profiles in one page of a list, at most: as many as the original gives.
pub const LIST_PAGE: usize = 100;

/// Entries of a list read at a time: few enough that the largest profiles there may be
/// fit into memory many times over.
pub const LIST_CHUNK: usize = 16;

/// Bytes of records after which a page of a list ends, be it short. A hundred of the
/// largest profiles would be 26 MB.
pub const LIST_BYTES: usize = 2 * 1_024 * 1_024;

/// Entries looked at for one page of a list: as many as ten full pages have. A page
/// whose bounds nearly nobody meets comes back short rather than late.
pub const LIST_ENTRIES: usize = 1_000;

/// Bulk imports kept of one company. Whoever still asks about one has seldom asked
/// for a thousand since.
pub const IMPORTS: usize = 1_000;

/// Profiles named in what came of a bulk import: as many as one may bring.
pub const IMPORT_PROFILES: usize = 10_000;

/// Problems named in what came of a bulk import: as many as a reader of its body tells
/// of at first, and then one for each profile it may bring.
pub const IMPORT_ERRORS: usize = 20_000;

/// Bytes of each text of a problem of a bulk import: room for a sentence, and for
/// the pointer to a property with a long name.
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

/// Entries an audit reads at a time.
pub const AUDIT_PAGE: usize = 1_024;

/// Entries a copy takes at a time. The largest are records of merges, of half a
/// megabyte, and nearly all are a thousandth of that.
pub const COPY_PAGE: usize = 256;

/// Breaches an audit lists; of more, only the number is kept.
pub const BREACHES: usize = 100;
