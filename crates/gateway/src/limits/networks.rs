//! The bounds on what client networks may send.

use std::num::NonZeroU32;

use crate::capacity::rate_limit::RateLimit;

/// The part of a company's burst that one client network has by default: 50 requests of 350 in one
/// second. A page sends one or two requests when it is opened, so the pupils of a school behind one
/// address may open a page at the same time. Seven networks together may exhaust the burst.
pub const NETWORK_BURST_DIVISOR: NonZeroU32 = NonZeroU32::new(7).expect("seven is not zero");

/// The part of a company's steady limit that one client network has by default: 700 requests of
/// 3,500 in one minute. That is a page a minute for each of several hundred pupils.
pub const NETWORK_STEADY_DIVISOR: NonZeroU32 = NonZeroU32::new(5).expect("five is not zero");

/// The size in bytes of each part of a decoded body that counts as one more request of its client
/// network and its company: most bodies are smaller, and what a body says is stored.
pub const BODY_BYTES_OF_A_REQUEST: usize = 16 * 1_024;

/// The requests in the limit of a client network for each merge that its requests may lead to. A
/// merge writes what the absorbed profile has twice, so that a merge of a full profile writes 1 MB.
/// A person's devices are merged once each.
pub const REQUESTS_OF_A_MERGE: NonZeroU32 = NonZeroU32::new(5).expect("five is not zero");

/// How many client networks have their merges counted exactly, at each company. A network is
/// counted for a minute after a request that names several identifiers.
pub const MERGING_NETWORKS: usize = 256 * NETWORK_SHARDS;

/// The counts of merges that networks share once [`MERGING_NETWORKS`] are counted.
pub const SHARED_MERGE_WINDOWS: usize = 256 * NETWORK_SHARDS;

/// The rate limit of one client network on requests that concern no configured company. No client
/// has a reason to send any, and a page with a wrong address sends as many as it would otherwise.
pub const NO_COMPANY_RATE_LIMIT: RateLimit = RateLimit::constant(50, 700);

/// The client networks that are counted exactly, each at each company that it sends requests to. A
/// network is counted for a minute, so these are 1,900 new ones a second. 1,792 networks are as
/// many as a hash table of 4,096 entries has space for while they come and go. All of them take
/// 25 MiB.
pub const COUNTED_NETWORKS: usize = 1_792 * NETWORK_SHARDS;

/// The windows that networks share once [`COUNTED_NETWORKS`] are counted. They take 4 MiB. At the
/// default limits 760,000 requests in each second exhaust all of them, which is far more than a
/// gateway serves.
pub const SHARED_NETWORK_WINDOWS: usize = 1_024 * NETWORK_SHARDS;

/// The locks over the windows of client networks: more than a machine has processors, so that
/// requests seldom wait for one another.
pub const NETWORK_SHARDS: usize = 64;
