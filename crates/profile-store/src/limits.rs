//! Every bound of the store, and where it comes from.

/// Anonymous ids one profile holds by default: the devices and browsers of a
/// person over some years. The oldest leaves first.
pub const ANONYMOUS_IDS: usize = 32;

/// Profiles that may be merged into one by default. A person seldom turns out
/// to be more than a handful of profiles; a hundred is a shared identifier.
pub const MERGES: usize = 100;

/// Requests that may wait to be committed. At 20,000 commits a second the last
/// of them waits for a fifth of a second; beyond that, a quick refusal serves
/// the caller better than a slow answer.
pub const QUEUE: usize = 4_096;

/// Requests committed by one flush. Doubling it gained nothing in the benchmark
/// of the commit path, and each request of a batch waits for all of it.
pub const BATCH: usize = 256;

/// Attribute names listed in one outcome record; of more, only the number is
/// kept.
pub const CHANGED_NAMES: usize = 64;

/// Milliseconds a commit may stay unflushed under relaxed durability.
pub const RELAXED_FLUSH_MS: u64 = 100;

/// Entries an audit reads at a time.
pub const AUDIT_PAGE: usize = 1_024;

/// Breaches an audit lists; of more, only the number is kept.
pub const BREACHES: usize = 100;
