//! Every limit of the store, and its reason.

use std::ops::RangeInclusive;

use profile_protocol::limits::{PHONE_DIGITS_MAX, PHONE_DIGITS_MIN, PROPERTIES, PROPERTIES_BYTES};

/// The default maximum of anonymous ids of a profile: the devices and browsers of a person over
/// some years. The oldest is removed first.
pub const ANONYMOUS_IDS: usize = 32;

/// The part of the devices of a profile, as a divisor, that may have been seen after a device
/// without its being noted that it was seen again the same day. So few requests that change nothing
/// else write the profile.
pub const DEVICES_SEEN_SINCE_PART: usize = 4;

/// The number of days for which a device that has returned cannot be pushed out of a full list by
/// clients. A person who is absent for longer loses no more than a device.
pub const DEVICE_DAYS: u64 = 30;

/// The anonymous ids that one request may claim: one of the profile, and one in `meta.identifiers`.
/// They stay in a full list, and so many older ones leave it.
pub const CLAIMED_DEVICES: usize = 2;

/// The maximum of push tokens of a profile, of which each of its devices has one. Of more, those
/// seen longest ago leave.
pub const PUSH_TOKENS: usize = 32;

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

/// Requests of one company that may wait to be committed. At 12,000 commits a second the last of
/// them waits for less than a tenth of a second; beyond that a quick refusal serves the caller
/// better than a slow answer.
#[cfg(not(feature = "model-check"))]
pub const COMPANY_QUEUE: usize = 1_024;

/// In model checks few requests fill a queue, so that callers wait for space in it.
#[cfg(feature = "model-check")]
pub const COMPANY_QUEUE: usize = 2;

/// Requests committed together. In the benchmark of the commit path little is gained beyond 64,
/// and each request of a batch waits for all of it; the rest is a reserve for slower disks.
pub const BATCH: usize = 256;

/// Claims that the requests of a batch make, unless one alone makes more: four a request, where
/// three are usual. Each may lead to a profile that has to be read.
pub const BATCH_CLAIMS: usize = 4 * BATCH;

/// Bytes of profiles that a batch reads, unless one request alone reads more. Requests whose
/// profiles no longer fit wait for the next batch. Reading and decoding this much takes some ten
/// milliseconds.
pub const BATCH_BYTES: usize = 4 * 1_024 * 1_024;

/// Profiles that a batch reads at a time, so that [`BATCH_BYTES`] is exceeded by no more than this
/// many of the largest profiles: 2 MB, which also stay in the cache of a processor until they are
/// decoded.
pub const BATCH_READ: usize = 8;

/// Bytes of profiles that a company's requests may read in one turn of a lane. A company that
/// read more sits out as many turns as that took, while others wait.
pub const TURN_BYTES: usize = 128 * 1_024;

/// Bytes of profiles that a request reads or writes without its company waiting for that. Usual
/// requests name one to three profiles of at most 4 KiB.
pub const USUAL_BYTES: usize = 16 * 1_024;

/// How many times as long as its expensive requests took a company waits after them while other
/// companies are served, so that they occupy a lane for a sixth of the time.
pub const PAUSE_FACTOR: u32 = 5;

/// The same for rows of a bulk import, after which their import waits. Reading a row, and its part
/// of the checkpoint, take longer than the lane does. While other companies are served, the rows of
/// an import occupy a lane for one part in seventeen of the time.
pub const IMPORT_PAUSE_FACTOR: u32 = 16;

/// Bytes beyond [`USUAL_BYTES`] that a company's requests write in a second while other companies
/// are served. Each is written to the journal, and two to three times to sled, which all companies
/// wait for if it is behind.
pub const EXCESS_WRITTEN_PER_SECOND: usize = 16 * 1_024 * 1_024;

/// The time in milliseconds that rows of a bulk import may be ahead of their pauses, so that they
/// are committed in batches and not one by one.
pub const IMPORT_DEBT_MS: u64 = 10;

/// The longest pause for one reason, in milliseconds: a disk that stalls once does not stop a
/// company for long.
pub const MAX_PAUSE_MS: u64 = 250;

/// Companies without waiting requests that a lane remembers, with what they may still read.
pub const IDLE_COMPANIES: usize = 256;

/// Requests explained at a time. Each may read a hundred of the largest profiles, 25 MB.
pub const EXPLANATIONS: usize = 2;

/// Requests of one company explained at a time.
pub const COMPANY_EXPLANATIONS: usize = 1;

/// How often a batch is committed at most if the engine leaves each commit in doubt or says that
/// it failed before anything was stored.
pub const COMMIT_ATTEMPTS: usize = 5;

/// The number of random values for ids that are read from the system at a time: 256 bytes, which
/// the system returns without interruption.
pub const ENTROPY_POOL: usize = 16;

/// The maximum of attribute names that an outcome lists. Further names are only counted.
pub const CHANGED_NAMES: usize = 64;

/// The maximum of do-not-merge marks of a profile. The oldest is removed first.
pub const DO_NOT_MERGE: usize = 64;

/// The default number of days for which values are kept that clients replaced: a month, within
/// which customers and shops notice what was changed.
pub const REPLACED_DAYS: u64 = 30;

/// The maximum of attributes of which a profile notes that clients replaced them, each once for
/// each network. Beyond it, the oldest are forgotten. They take 20 KB.
pub const REPLACED_VALUES: usize = 512;

/// The maximum size of the replaced values that are kept for one profile, in bytes: as much as all
/// of its properties may take.
pub const REPLACED_BYTES: u64 = PROPERTIES_BYTES as u64;

/// The size of a list in bytes above which it is not kept when a client adds elements to it or
/// removes some: a small request would have all of it written.
pub const REPLACED_LIST_BYTES: usize = 1_024;

/// The size of a profile's record in bytes from which a small change is stored as such. Below it
/// nothing is gained: a request, its outcome and its keys take as much.
pub const LARGE_PROFILE_BYTES: usize = 1_024;

/// The maximum of changes of one record. Each is read with the profile, some microseconds each, and
/// the cost of a new record is shared by as many requests.
pub const PROFILE_CHANGES: usize = 256;

/// The part of a record that its changes may take. When it is written anew, requests have written
/// half as much.
pub const PROFILE_CHANGES_PART: usize = 2;

/// The maximum of pieces that a record with its changes consists of. Each change goes through all
/// of them when the profile is read.
pub const PROFILE_PIECES: usize = 16_384;

/// How often a profile is read again if its record is replaced meanwhile. More often in a row it
/// happens only if the profile is damaged.
pub const READ_ATTEMPTS: usize = 8;

/// The default number of days for which outcomes are kept: a quarter, within which complaints
/// about merges arrive.
pub const OUTCOME_DAYS: u64 = 90;

/// The default maximum of outcomes of a company. At 140 bytes each, they take 140 MB.
pub const OUTCOMES: u64 = 1_000_000;

/// The default number of outcomes of each profile that are kept beyond [`OUTCOMES`]: what happened
/// to a person stays readable however many requests follow about others. At 140 bytes each, they
/// take as much as the profile itself.
pub const PROFILE_OUTCOMES: u64 = 20;

/// The maximum length of the id of a request, in bytes: longer than the ids that proxies make. Each
/// outcome keeps one.
pub const REQUEST_ID_BYTES: usize = 64;

/// The digits of a phone number. An id of a request that has as many, and no letter, is not kept,
/// because outcomes and logs have no personal value.
pub const PHONE_NUMBER_DIGITS: RangeInclusive<usize> = PHONE_DIGITS_MIN..=PHONE_DIGITS_MAX;

/// The maximum of identifiers that a profile has lost and that still lead to it. A person who has
/// had more is found by the first of them, and by what the profile holds.
pub const FORMER_IDENTIFIERS: u32 = 32;

/// The maximum of deletion jobs kept for a company: years of erasures, at 40 bytes each. The oldest
/// is removed first.
pub const DELETION_JOBS: u64 = 10_000;

/// The maximum of entries that a deletion reads at a time.
pub const DELETION_SCAN: usize = 1_024;

/// The maximum size of an outcome segment in bytes, unless a single outcome is larger. sled
/// rewrites up to sixteen entries when one of them changes, so larger values would cost what fewer
/// keys save.
pub const SEGMENT_BYTES: usize = 4_096;

/// The number of outcomes that a repair reads at a time, some 160 KB.
pub const REPAIR_PAGE: usize = 1_000;

/// The requests whose replaced values a repair reads at a time: 4 MB if they are the largest.
pub const REPAIR_KEPT: usize = 16;

/// The profiles that a repair remembers to have looked at for replaced values, so that it reads
/// each once: 3 MB.
pub const REPAIR_REMEMBERED: usize = 100_000;

/// The maximum of merges that one repair undoes, and of single identifiers and of devices that it
/// removes, but for the last request. Each merge, and each profile that loses identifiers, is a
/// commit. What a stranger did beyond that is undone by further repairs.
pub const REPAIR_STEPS: usize = 1_000;

/// The maximum of profiles in each list of what a repair leaves as it is.
pub const REPAIR_LISTED: usize = 1_000;

/// The number of outcome segments read at a time.
pub const SEGMENTS_READ: usize = 16;

/// The number of outcome segments read at a time to find expired ones. Usually none has expired.
pub const SEGMENTS_PRUNED: usize = 8;

/// The minimum of outcome segments that one step of pruning looks at. A step looks at twice as many
/// as were recorded since the last one, if that is more, so that pruning keeps up.
pub const PRUNE_STEP: usize = 8;

/// The maximum of the same. What a step removes is one commit, which other commits wait for.
pub const MAX_PRUNE_STEP: usize = 128;

/// The number of outcomes read to find the newest of a profile that count as one segment in
/// [`PRUNE_STEP`].
pub const PRUNE_READS: usize = 16;

/// The maximum of profiles of which a step of pruning remembers the oldest outcome that stays. Each
/// takes some 40 bytes.
pub const PRUNE_PROFILES: usize = 65_536;

/// The minimum of new outcomes of a company between two searches for kept outcomes that have
/// become too many of their profile. A search takes place when as many outcomes are new as were
/// kept, so that it costs no more than the requests did.
pub const PRUNE_AGAIN: u64 = 1_024;

/// The difference between wall clock and monotonic clock in milliseconds from which the wall clock
/// is doubted. Time servers correct seconds.
pub const CLOCK_DRIFT_MS: u64 = 5 * 60 * 1_000;

/// How far the wall clock may be ahead of the newest stored time when a store is opened, in
/// milliseconds. Outcomes are kept for days, so a day more or less matters little.
pub const CLOCK_AHEAD_MS: u64 = 24 * 60 * 60 * 1_000;

/// For how long a doubted wall clock has to agree with the monotonic clock until it is believed, in
/// milliseconds. An operator notices a wrong clock within a day.
pub const CLOCK_CONFIRMED_MS: u64 = 24 * 60 * 60 * 1_000;

/// The time between two readings of the clock while pruning waits, in milliseconds.
pub const CLOCK_EVERY_MS: u64 = 1_000;

/// How far the stored trusted time may be behind, in milliseconds, so that it is seldom written.
pub const TRUSTED_TIME_MS: u64 = 60 * 60 * 1_000;

/// The time between two rounds of pruning, in milliseconds.
pub const PRUNE_EVERY_MS: u64 = 60_000;

/// The minimum of the time between two steps of a round, in milliseconds.
pub const PRUNE_PAUSE_MS: u64 = 10;

/// How many times as long as a step took pruning pauses after it, so that it uses a tenth of one
/// processor. Without the pause it used a quarter of what all requests did, where most profiles
/// have few outcomes and so most of these stay.
pub const PRUNE_PAUSE_FACTOR: u32 = 9;

/// The maximum of that pause, in milliseconds: a disk that stalls once does not stop pruning for
/// long.
pub const MAX_PRUNE_PAUSE_MS: u64 = 1_000;

/// The maximum of outcomes in one page of a profile's history.
pub const HISTORY_PAGE: usize = 100;

/// The maximum of outcomes that are read to find when each value of a profile was written. Each
/// takes some microseconds.
pub const WRITERS_OUTCOMES: usize = 1_000;

/// The maximum of profiles in one page of a list, as in the original.
pub const LIST_PAGE: usize = 100;

/// The number of list entries read at a time, so few that even the largest profiles take little
/// memory.
pub const LIST_CHUNK: usize = 16;

/// The profiles that one step of a count reads, so few that a reader beside it waits for no long
/// read of the disk. The largest of them take 7 MB.
pub const COUNT_STEP: usize = 25;

/// The size of records in bytes after which a page of a list ends early. A hundred of the largest
/// profiles would take 26 MB.
pub const LIST_BYTES: usize = 2 * 1_024 * 1_024;

/// The maximum of push tokens in one page of a list, as in the original.
pub const PUSH_TOKENS_LISTED: usize = 100;

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

/// The maximum of failed rows of a bulk import that are kept with what names them. They are written
/// in one commit, some five keys each. An import of which more rows fail has one fault in common.
pub const IMPORT_ROWS: usize = 1_000;

/// The maximum of ids and identifiers by which such a row is found when a person is erased: one of
/// each kind.
pub const IMPORT_ROW_NAMES: usize = 5;

/// The maximum size of what names such a row, in bytes: five identifiers of the greatest lengths.
pub const IMPORT_ROW_BYTES: usize = 2_048;

/// The maximum size of each text of a problem of a bulk import, in bytes: enough for a sentence,
/// and for the pointer to a property with a long name.
pub const IMPORT_TEXT_BYTES: usize = 512;

/// The time that a commit may stay unflushed under relaxed durability, in milliseconds.
pub const RELAXED_FLUSH_MS: u64 = 100;

/// The number of entries that an audit reads at a time.
pub const AUDIT_PAGE: usize = 1_024;

/// The number of entries that a copy reads at a time. Nearly all have less than a kilobyte.
pub const COPY_PAGE: usize = 256;

/// Bytes of keys and values with which a page of an audit, a copy or a deletion ends. Only its last
/// entry exceeds it. The largest are results of bulk imports with [`IMPORT_ERRORS`] problems, of
/// some megabytes, and many of them follow one another.
pub const PAGE_BYTES: usize = 1_024 * 1_024;

/// Bytes of keys and values of the journal that a backup gets in one commit. Of a key that several
/// batches change, a commit writes one value. This much is a fraction of a memtable.
pub const BACKUP_COMMIT_BYTES: usize = 4 * 1024 * 1024;

/// The maximum of breaches that an audit lists. Further breaches are only counted.
pub const BREACHES: usize = 100;

/// The number of companies that are migrated to a new layout between two log lines.
pub const MIGRATION_REPORT: u64 = 100;

/// The number of entries that one step of the deletion of a company removes. A step is one commit,
/// and reads as much as a step of a copy.
pub const DELETE_STEP: usize = 256;

/// The maximum of companies that are listed as stored but not configured. Further companies are
/// only counted. The list is one line of the log.
pub const COMPANIES_LISTED: usize = 20;

/// How far the times of a company's requests may be ahead of the clock, in milliseconds, before
/// requests of one batch share a time. Each has a millisecond of its own, so times run ahead while
/// a company has more than a thousand requests in a second. A batch never shares the time of the
/// one before it.
pub const TIMES_AHEAD_MILLIS: u64 = 1_000;
