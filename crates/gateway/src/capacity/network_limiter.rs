//! The rate limiter of client networks: exact for a bounded number of networks, approximate beyond.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, Hash, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ahash::HashMap;
use profile_protocol::CompanyId;

use super::{
    client_network::ClientNetwork,
    rate_limit::RateLimit,
    rate_limiter::{RateLimitDecision, Windows},
};
use crate::limits;

/// The rate limit of one client network at a company with this limit, unless the settings name
/// another one. It grows with the limit of the company.
pub fn default_network_limits(company: RateLimit) -> RateLimit {
    company.divided(limits::NETWORK_BURST_DIVISOR, limits::NETWORK_STEADY_DIVISOR)
}

/// The usage of the two windows of each client network at each company.
///
/// The windows of a network at a company are counted exactly while there is space for them. A
/// network that comes while all space is taken by windows that are not over shares windows with
/// the other networks that have the same hash. There are so many of these that the requests of a
/// whole gateway exhaust few, so networks that were counted before stay as they are, and nearly all
/// others are served. Memory stays within a fixed bound, whatever the number of networks.
#[derive(Debug)]
pub struct NetworkLimiter {
    hashers: [RandomState; 2],
    shards: Box<[Mutex<NetworkShard>]>,
}

impl NetworkLimiter {
    /// Creates a limiter that counts this many networks in each of its shards exactly, and all
    /// others of the shard in this many shared windows.
    fn new(shards: usize, exact: usize, shared: usize) -> NetworkLimiter {
        let empty = |_| Mutex::new(NetworkShard::new(exact, shared));
        NetworkLimiter {
            hashers: [RandomState::new(), RandomState::new()],
            shards: (0..shards.max(1)).map(empty).collect(),
        }
    }

    /// Decides about one request of `network` to `company`. `None` is for requests that concern no
    /// configured company. `now` is the time since the process started. A `now` before an earlier
    /// one counts as that earlier one.
    pub fn charge(
        &self,
        network: ClientNetwork,
        company: Option<&CompanyId>,
        limits: RateLimit,
        now: Duration,
    ) -> RateLimitDecision {
        let key = self.key((network, company));
        self.shard(key).charge(key, limits, now)
    }

    /// Decides about one preflight of `network` to `company`. Preflights have windows of their own:
    /// a page that sends one needs a request as well.
    pub fn charge_preflight(
        &self,
        network: ClientNetwork,
        company: &CompanyId,
        limits: RateLimit,
        now: Duration,
    ) -> RateLimitDecision {
        let key = self.key((network, company, "preflight"));
        self.shard(key).charge(key, limits, now)
    }

    /// Decides about one request of `network` for a document that concerns no company. These have
    /// windows of their own.
    pub fn charge_document(
        &self,
        network: ClientNetwork,
        limits: RateLimit,
        now: Duration,
    ) -> RateLimitDecision {
        let key = self.key((network, "document"));
        self.shard(key).charge(key, limits, now)
    }

    /// A limiter of merges, of which each network has few.
    pub fn of_merges() -> NetworkLimiter {
        NetworkLimiter::sharded(limits::MERGING_NETWORKS, limits::SHARED_MERGE_WINDOWS)
    }

    /// Creates a limiter that counts so many networks exactly, and all others in so many shared
    /// windows, both in equal parts for each shard.
    fn sharded(exact: usize, shared: usize) -> NetworkLimiter {
        let shards = limits::NETWORK_SHARDS;
        NetworkLimiter::new(shards, exact / shards, shared / shards)
    }

    /// Reserves so many merges for a request of `network` to `company`. `None` if the windows of
    /// the network have none left. Where they have one, all are reserved.
    pub fn reserve(
        &self,
        network: ClientNetwork,
        company: &CompanyId,
        limits: RateLimit,
        now: Duration,
        merges: u32,
    ) -> Option<ReservedMerges> {
        let key = self.key((network, Some(company)));
        let decision = self.shard(key).charge_as(key, limits, now, merges);
        let is_admitted = matches!(decision, RateLimitDecision::Admitted(_));
        is_admitted.then_some(ReservedMerges { key, merges, at: now })
    }

    /// Gives back what a reservation has not used.
    #[expect(clippy::needless_pass_by_value, reason = "a reservation is given back once")]
    pub fn give_back(&self, reserved: ReservedMerges, used: u32, now: Duration) {
        let ReservedMerges { key, merges, at } = reserved;
        let unused = merges.saturating_sub(used);
        if 0 < unused {
            self.shard(key).take_back(key, at, now, unused);
        }
    }

    /// Decides about a request that was charged as one before, and counts as so many more. It is
    /// admitted unless others have exceeded the limit since, so that a limit of one request admits
    /// a large one.
    pub fn charge_more(
        &self,
        network: ClientNetwork,
        company: &CompanyId,
        limits: RateLimit,
        now: Duration,
        requests: u32,
    ) -> RateLimitDecision {
        let key = self.key((network, Some(company)));
        self.shard(key).charge_as(key, limits.with_one_more(), now, requests)
    }

    /// How many networks are counted exactly now, at each company.
    pub fn counted(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).counted.len()).sum()
    }

    /// A name for what has windows of its own, such as a network at a company, that no client can
    /// predict. Two of them are the same with a probability of one in 2^128.
    fn key(&self, of: impl Hash + Copy) -> u128 {
        let [upper, lower] = &self.hashers;
        let [upper, lower] = [upper, lower].map(|hasher| hasher.hash_one(of));
        u128::from(upper) << 64 | u128::from(lower)
    }

    #[expect(clippy::indexing_slicing, reason = "there is at least one shard")]
    fn shard(&self, key: u128) -> MutexGuard<'_, NetworkShard> {
        lock(&self.shards[index(key, self.shards.len())])
    }
}

impl Default for NetworkLimiter {
    fn default() -> NetworkLimiter {
        NetworkLimiter::sharded(limits::COUNTED_NETWORKS, limits::SHARED_NETWORK_WINDOWS)
    }
}

/// Merges that are charged to a network until it is known how many there were.
#[derive(Debug)]
#[must_use = "what is not given back counts as merged"]
pub struct ReservedMerges {
    key: u128,
    merges: u32,
    at: Duration,
}

/// A number below `length` that depends on the key.
fn index(key: u128, length: usize) -> usize {
    usize::try_from(key % length.max(1) as u128).unwrap_or_default()
}

fn lock(shard: &Mutex<NetworkShard>) -> MutexGuard<'_, NetworkShard> {
    // Whatever a panic interrupted, windows are whole.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The networks of some hashes.
#[derive(Debug)]
struct NetworkShard {
    counted: HashMap<u128, Windows>,
    /// When the windows of each counted network are over, in that order. A network whose windows
    /// were opened again meanwhile is put at the end.
    ends: VecDeque<(Duration, u128)>,
    /// The most networks that are counted.
    exact: usize,
    latest: Duration,
    /// Empty until the first network has to share windows.
    shared: Vec<Windows>,
    shared_windows: usize,
}

impl NetworkShard {
    fn new(exact: usize, shared_windows: usize) -> NetworkShard {
        NetworkShard {
            counted: HashMap::default(),
            ends: VecDeque::new(),
            exact,
            latest: Duration::ZERO,
            shared: Vec::new(),
            shared_windows,
        }
    }

    fn charge(&mut self, key: u128, limits: RateLimit, now: Duration) -> RateLimitDecision {
        self.charge_as(key, limits, now, 1)
    }

    fn charge_as(
        &mut self,
        key: u128,
        limits: RateLimit,
        now: Duration,
        requests: u32,
    ) -> RateLimitDecision {
        self.latest = self.latest.max(now);
        let now = self.latest;
        self.drop_windows_that_are_over(now);
        if let Some(windows) = self.counted.get_mut(&key) {
            return windows.charge(limits, now, requests);
        }
        if self.exact <= self.counted.len() {
            return self.shared(key).charge(limits, now, requests);
        }
        let mut windows = Windows::default();
        let decision = windows.charge(limits, now, requests);
        self.ends.push_back((windows.end(), key));
        self.counted.insert(key, windows);
        decision
    }

    /// Takes back a part of what was charged to a network at a time.
    fn take_back(&mut self, key: u128, charged: Duration, now: Duration, requests: u32) {
        self.latest = self.latest.max(now);
        let now = self.latest;
        if let Some(windows) = self.counted.get_mut(&key) {
            windows.take_back(charged, now, requests);
        } else if !self.shared.is_empty() {
            self.shared(key).take_back(charged, now, requests);
        }
    }

    /// Each pass of the loop undoes one insertion, or follows a steady window that was opened
    /// again, so the loop costs as much as the requests before it.
    fn drop_windows_that_are_over(&mut self, now: Duration) {
        for _ in 0..self.ends.len() {
            match self.ends.front() {
                Some((end, _)) if *end <= now => {}
                Some(_) | None => return,
            }
            let Some((_, key)) = self.ends.pop_front() else { return };
            match self.counted.get(&key) {
                Some(windows) if !windows.are_over(now) => {
                    self.ends.push_back((windows.end(), key));
                }
                Some(_) | None => drop(self.counted.remove(&key)),
            }
        }
    }

    /// The windows that this network shares with others.
    #[expect(clippy::indexing_slicing, reason = "there is at least one")]
    fn shared(&mut self, key: u128) -> &mut Windows {
        if self.shared.is_empty() {
            self.shared = vec![Windows::default(); self.shared_windows.max(1)];
        }
        // The lower half of the key chose the shard.
        let index = index(key >> 64, self.shared.len());
        &mut self.shared[index]
    }
}

#[cfg(test)]
mod tests;
