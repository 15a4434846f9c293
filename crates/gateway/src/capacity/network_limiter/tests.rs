//! The limiter of client networks counts exactly while there is space, and stays bounded beyond.

use std::{net::IpAddr, num::NonZeroU32};

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::capacity::rate_limiter::RateLimiter;

fn limits(burst: u32, steady: u32) -> RateLimit {
    RateLimit { burst: NonZeroU32::new(burst).unwrap(), steady: NonZeroU32::new(steady).unwrap() }
}

fn network(number: u32) -> ClientNetwork {
    IpAddr::from(number.to_be_bytes()).into()
}

fn company(id: &str) -> CompanyId {
    id.parse().unwrap()
}

fn is_admitted(decision: RateLimitDecision) -> bool {
    matches!(decision, RateLimitDecision::Admitted(_))
}

fn milliseconds(time: u64) -> Duration {
    Duration::from_millis(time)
}

#[test]
fn a_network_has_a_part_of_what_its_company_has() {
    let of = |burst, steady| default_network_limits(limits(burst, steady));
    assert_eq!(default_network_limits(limits::CLIENT_RATE_LIMIT), limits(50, 700));
    assert_eq!(of(1, 1), limits(1, 1));
    assert_eq!(of(8, 11), limits(2, 3));
    assert_eq!(of(1_000_000, 1_000_000), limits(142_858, 200_000));
}

#[test]
fn neither_networks_nor_companies_share_windows() {
    let limiter = NetworkLimiter::default();
    let (one, other) = (company("ABC123"), company("XYZ789"));
    for (number, company) in
        [(1, Some(&one)), (2, Some(&one)), (1, Some(&other)), (1, None), (2, None)]
    {
        let charge = || limiter.charge(network(number), company, limits(1, 1), Duration::ZERO);
        assert!(is_admitted(charge()), "{number} {company:?}");
        assert_eq!(charge(), RateLimitDecision::Throttled { retry_after_seconds: 60 });
    }
    assert_eq!(limiter.counted(), 5);
    let preflight = || limiter.charge_preflight(network(1), &one, limits(1, 1), Duration::ZERO);
    assert!(is_admitted(preflight()) && !is_admitted(preflight()));
}

#[test]
fn what_a_request_counts_as_beyond_one_is_refused_once_others_have_exceeded_the_limit() {
    let limiter = NetworkLimiter::default();
    let (company, limits) = (company("ABC123"), limits(2, 2));
    let charge = || {
        let decision = limiter.charge(network(1), Some(&company), limits, Duration::ZERO);
        is_admitted(decision)
    };
    let more = |requests| {
        let now = Duration::ZERO;
        is_admitted(limiter.charge_more(network(1), &company, limits, now, requests))
    };
    assert!(charge() && charge());
    // Its own request is among the two.
    assert!(more(6));
    assert!(!more(1) && !charge());
}

#[test]
fn networks_whose_windows_are_over_make_space_for_others() {
    let limiter = NetworkLimiter::new(1, 2, 1);
    let charge = |number, time| {
        is_admitted(limiter.charge(network(number), None, limits(1, 2), milliseconds(time)))
    };
    assert!(charge(1, 0) && charge(2, 1_000));
    // There is no space, so these share windows.
    assert!(charge(3, 1_000) && !charge(4, 1_000));
    // The first is over, the second is not.
    assert!(charge(4, 61_000) && charge(5, 61_000));
    assert!(!charge(4, 61_500) && !charge(5, 61_500));
    assert_eq!(limiter.counted(), 2);
    // All are over.
    assert!(charge(6, 130_000));
    assert_eq!(limiter.counted(), 1);
}

#[test]
fn a_network_that_was_counted_is_served_whatever_number_of_others_comes() {
    let limiter = NetworkLimiter::new(4, 100, 100);
    let honest = 0..40;
    let charge = |number, time| {
        is_admitted(limiter.charge(network(number), None, limits(5, 10), milliseconds(time)))
    };
    assert!(honest.clone().all(|number| charge(number, 0)));
    for number in 1_000..101_000 {
        charge(number, 10);
    }
    assert!(limiter.counted() <= 400, "{}", limiter.counted());
    assert!(honest.clone().all(|number| charge(number, 20)));
    for _ in 0..3 {
        honest.clone().for_each(|number| assert!(charge(number, 30)));
    }
    assert!(honest.clone().all(|number| !charge(number, 40)), "they are still counted exactly");
}

#[test]
fn the_end_of_time_is_no_special_case() {
    let limiter = NetworkLimiter::new(1, 2, 1);
    for number in [1, 2, 3] {
        let charge = |now| limiter.charge(network(number), None, limits(1, 20), now);
        assert!(is_admitted(charge(Duration::MAX)), "{number}");
        assert!(!is_admitted(charge(Duration::ZERO)), "{number}");
    }
}

#[test]
fn the_default_bounds_are_those_of_the_limits() {
    let limiter = NetworkLimiter::default();
    let shards: Vec<_> = limiter.shards.iter().map(|shard| shard.lock().unwrap()).collect();
    let exact: usize = shards.iter().map(|shard| shard.exact).sum();
    let shared: usize = shards.iter().map(|shard| shard.shared_windows).sum();
    assert_eq!((exact, shared), (limits::COUNTED_NETWORKS, limits::SHARED_NETWORK_WINDOWS));
    // The sizes that the reasons of the limits give.
    let counted = 4_096 * (size_of::<(u128, Windows)>() + 1);
    let ends = 2_048 * size_of::<(Duration, u128)>();
    let bytes = (counted + ends) * limits::NETWORK_SHARDS;
    assert!(bytes <= 25 << 20, "{bytes}");
    assert!(limits::SHARED_NETWORK_WINDOWS * size_of::<Windows>() <= 4 << 20);
}

#[test]
fn the_limiter_of_merges_has_the_bounds_of_the_limits() {
    let limiter = NetworkLimiter::of_merges();
    let shards: Vec<_> = limiter.shards.iter().map(|shard| shard.lock().unwrap()).collect();
    let exact: usize = shards.iter().map(|shard| shard.exact).sum();
    let shared: usize = shards.iter().map(|shard| shard.shared_windows).sum();
    assert_eq!((exact, shared), (limits::MERGING_NETWORKS, limits::SHARED_MERGE_WINDOWS));
}

/// Requests: the pause before each, its network, and its company.
fn requests(
    pauses: impl Strategy<Value = u64>,
    networks: u32,
) -> impl Strategy<Value = Vec<(u64, u32, Option<bool>)>> {
    vec((pauses, 0..networks, any::<Option<bool>>()), 1..300)
}

/// Mostly small steps, some about as long as a window.
fn pauses() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..300_u64, 2 => 900..1_100_u64, 1 => 20_000..62_000_u64]
}

impl NetworkShard {
    fn would_admit(&self, key: u128, limits: RateLimit, now: Duration) -> bool {
        let mut windows = self.counted.get(&key).copied().unwrap_or_default();
        is_admitted(windows.charge(limits, now, 1))
    }
}

#[test]
fn merges_that_are_reserved_at_once_do_not_exceed_the_limit() {
    let (limiter, company) = (NetworkLimiter::of_merges(), company("ABC123"));
    let reserve = |time, merges| {
        limiter.reserve(network(1), &company, limits(5, 7), milliseconds(time), merges)
    };
    let held: Vec<ReservedMerges> = (0..20).filter_map(|_| reserve(0, 1)).collect();
    assert_eq!(held.len(), 5);
    // One is given back in the same second, and one after the second, which says nothing about the
    // next.
    let mut held = held.into_iter();
    limiter.give_back(held.next().unwrap(), 0, milliseconds(10));
    assert!(reserve(20, 1).is_some() && reserve(20, 1).is_none());
    assert!(reserve(1_100, 1).is_some());
    limiter.give_back(held.next().unwrap(), 0, milliseconds(1_100));
    assert!(reserve(1_100, 1).is_some() && reserve(1_100, 1).is_some());
    assert!(reserve(1_100, 1).is_none());
}

proptest! {
    #[test]
    fn decisions_are_those_of_a_limiter_that_forgets_nothing(
        requests in requests(pauses(), 12),
        burst in 1..5_u32,
        steady in 1..9_u32,
    ) {
        let (limiter, model) = (NetworkLimiter::new(3, 36, 1), RateLimiter::default());
        let (companies, mut now) = ([company("ABC123"), company("XYZ789")], 0);
        for (pause, number, chosen) in requests {
            now += pause;
            let (limits, at) = (limits(burst, steady), milliseconds(now));
            let company = chosen.map(|second| &companies[usize::from(second)]);
            let decision = limiter.charge(network(number), company, limits, at);
            prop_assert_eq!(decision, model.charge(&(number, chosen), limits, at));
        }
    }

    #[test]
    fn reserved_merges_that_did_not_take_place_leave_no_trace(
        steps in vec((pauses(), 1..4_u32, 0..4_u32), 1..200),
    ) {
        // A limiter to which each request is charged once it is known what it did.
        let (limiter, known) = (NetworkLimiter::new(1, 1, 1), NetworkLimiter::new(1, 1, 1));
        let (company, limits, mut now) = (company("ABC123"), limits(4, 9), 0);
        for (pause, reserved, used) in steps {
            now += pause;
            let (at, used) = (milliseconds(now), used.min(reserved));
            let reservation = limiter.reserve(network(1), &company, limits, at, reserved);
            let key = known.key((network(1), Some(&company)));
            let mut windows = known.shard(key);
            prop_assert_eq!(reservation.is_some(), windows.would_admit(key, limits, at));
            if let Some(reservation) = reservation {
                limiter.give_back(reservation, used, at);
                windows.charge_as(key, limits, at, used);
            }
        }
    }

    #[test]
    fn however_full_it_is_it_stays_bounded_and_limits_every_network(
        requests in requests(0..2_000_u64, 40),
        exact in 0..6_usize,
    ) {
        let limiter = NetworkLimiter::new(2, exact, 2);
        let (limits, mut now) = (limits(3, 5), 0);
        let mut admitted: HashMap<(u32, Option<bool>), VecDeque<u64>> = HashMap::default();
        let companies = [company("ABC123"), company("XYZ789")];
        for (pause, number, chosen) in requests {
            now += pause;
            let company = chosen.map(|second| &companies[usize::from(second)]);
            let at = milliseconds(now);
            let decision = limiter.charge(network(number), company, limits, at);
            prop_assert!(limiter.counted() <= 2 * exact);
            if is_admitted(decision) {
                let times = admitted.entry((number, chosen)).or_default();
                times.push_back(now);
                times.retain(|time| now < time + 60_000);
                // Once in shared windows, and once in its own, and twice each at the edges.
                prop_assert!(times.len() <= 4 * 5);
            }
        }
    }
}
