//! Tests the windows against another rate limiter, under clocks that step, and with many threads.
//!
//! `governor` uses the generic cell rate algorithm, which refills gradually, where a window refills
//! at once. Both agree exactly within the first window. In every later window, a limiter with twice
//! the burst admits at least as much.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use governor::{Quota, clock::FakeRelativeClock};
use proptest::{collection::vec, prelude::*};

use super::{RateLimit, RateLimitDecision, RateLimiter};
use crate::limits::{BURST_WINDOW, STEADY_WINDOW};

/// More requests than any of these tests sends.
const PLENTY: u32 = 1_000_000;

fn limits(burst: u32, steady: u32) -> RateLimit {
    RateLimit { burst: NonZeroU32::new(burst).unwrap(), steady: NonZeroU32::new(steady).unwrap() }
}

fn admits(limiter: &RateLimiter<()>, limits: RateLimit, now: Duration) -> bool {
    matches!(limiter.charge(&(), limits, now), RateLimitDecision::Admitted(_))
}

/// An oracle that admits `burst` requests at once, and one more after each `period`.
struct Oracle {
    clock: FakeRelativeClock,
    limiter: governor::RateLimiter<
        governor::state::NotKeyed,
        governor::state::InMemoryState,
        FakeRelativeClock,
        governor::middleware::NoOpMiddleware<governor::nanos::Nanos>,
    >,
    now: Duration,
}

impl Oracle {
    fn new(burst: u32, period: Duration) -> Oracle {
        let clock = FakeRelativeClock::default();
        let quota = Quota::with_period(period).unwrap();
        let quota = quota.allow_burst(NonZeroU32::new(burst).unwrap());
        let limiter = governor::RateLimiter::direct_with_clock(quota, clock.clone());
        Oracle { clock, limiter, now: Duration::ZERO }
    }

    /// Twice the burst of a window that admits `limit`, at the same rate.
    fn lenient(limit: u32, window: Duration) -> Oracle {
        Oracle::new(2 * limit, window / limit)
    }

    fn admits(&mut self, now: Duration) -> bool {
        self.clock.advance(now.saturating_sub(self.now));
        self.now = now;
        self.limiter.check().is_ok()
    }
}

/// Requests within one window: the time of each since the window opened.
fn within(window: Duration) -> impl Strategy<Value = Vec<Duration>> {
    let end = u64::try_from(window.as_micros()).unwrap();
    vec(0..end, 1..80).prop_map(|mut micros| {
        micros.sort_unstable();
        // The first request opens the window.
        let first = micros[0];
        micros.into_iter().map(|micros| Duration::from_micros(micros - first)).collect()
    })
}

/// Requests over many windows: the pause before each, in milliseconds.
fn pauses() -> impl Strategy<Value = Vec<u64>> {
    let pause = prop_oneof![
        8 => Just(0),
        4 => 0..100_u64,
        2 => 950..1_050_u64,
        1 => 10_000..70_000_u64,
    ];
    vec(pause, 1..400)
}

fn moments(pauses: &[u64]) -> impl Iterator<Item = Duration> {
    pauses.iter().scan(Duration::ZERO, |now, &pause| {
        *now += Duration::from_millis(pause);
        Some(*now)
    })
}

proptest! {
    #[test]
    fn the_first_window_admits_what_the_oracle_admits(
        moments in within(BURST_WINDOW),
        limit in 1..40_u32,
    ) {
        // One more than the window admits, so that gradual refilling is too late for it.
        let (limiter, mut oracle) = (RateLimiter::default(), Oracle::new(limit, BURST_WINDOW));
        for now in moments {
            prop_assert_eq!(admits(&limiter, limits(limit, PLENTY), now), oracle.admits(now));
        }
    }

    #[test]
    fn the_first_steady_window_admits_what_the_oracle_admits(
        moments in within(STEADY_WINDOW),
        limit in 1..40_u32,
    ) {
        let (limiter, mut oracle) = (RateLimiter::default(), Oracle::new(limit, STEADY_WINDOW));
        for now in moments {
            prop_assert_eq!(admits(&limiter, limits(PLENTY, limit), now), oracle.admits(now));
        }
    }

    #[test]
    fn no_more_is_admitted_than_an_oracle_with_twice_the_burst_would(
        pauses in pauses(),
        burst in 1..12_u32,
        steady in 1..60_u32,
    ) {
        let limiter = RateLimiter::default();
        let mut short = Oracle::lenient(burst, BURST_WINDOW);
        let mut long = Oracle::lenient(steady, STEADY_WINDOW);
        for now in moments(&pauses) {
            if admits(&limiter, limits(burst, steady), now) {
                prop_assert!(short.admits(now), "too many at {now:?} for the short window");
                prop_assert!(long.admits(now), "too many at {now:?} for the long window");
            }
        }
    }

    #[test]
    fn a_window_is_never_worse_than_an_oracle_that_fills_up_once_a_window(
        pauses in pauses(),
        limit in 1..12_u32,
    ) {
        let (limiter, mut oracle) = (RateLimiter::default(), Oracle::new(limit, BURST_WINDOW));
        let (mut admitted, mut by_oracle) = (0, 0);
        for now in moments(&pauses) {
            admitted += u32::from(admits(&limiter, limits(limit, PLENTY), now));
            by_oracle += u32::from(oracle.admits(now));
            prop_assert!(by_oracle <= admitted, "fewer than the oracle at {now:?}");
        }
    }

    #[test]
    fn a_clock_that_steps_is_one_that_stood_still_until_it_caught_up(
        steps in vec(stepping(), 1..200),
        burst in 1..6_u32,
        steady in 1..12_u32,
    ) {
        let (stepped, steadied) = (RateLimiter::default(), RateLimiter::default());
        let (mut latest, limits) = (Duration::ZERO, limits(burst, steady));
        for now in steps {
            latest = latest.max(now);
            let decision = stepped.charge(&(), limits, now);
            prop_assert_eq!(decision, steadied.charge(&(), limits, latest));
            if let RateLimitDecision::Throttled { retry_after_seconds } = decision {
                prop_assert!((1..=STEADY_WINDOW.as_secs()).contains(&retry_after_seconds));
            }
        }
    }

    #[test]
    fn a_clock_that_steps_admits_no_more_than_a_window_holds(
        steps in vec(stepping(), 1..400),
        burst in 1..6_u32,
        steady in 1..12_u32,
    ) {
        let limiter = RateLimiter::default();
        let mut latest = Duration::ZERO;
        let mut admitted: Vec<Duration> = Vec::new();
        for now in steps {
            latest = latest.max(now);
            if admits(&limiter, limits(burst, steady), now) {
                admitted.push(latest);
            }
        }
        prop_assert!(most_of_one_window(&admitted, BURST_WINDOW) <= burst as usize);
        prop_assert!(most_of_one_window(&admitted, STEADY_WINDOW) <= steady as usize);
    }
}

/// The times of a clock that is set back and forth, up to the largest duration.
fn stepping() -> impl Strategy<Value = Duration> {
    prop_oneof![
        6 => (0..5_000_u64).prop_map(Duration::from_millis),
        2 => (0..200_000_u64).prop_map(Duration::from_millis),
        1 => any::<u64>().prop_map(Duration::from_nanos),
        1 => (0..3_u64).prop_map(|before| Duration::MAX.saturating_sub(Duration::from_secs(before))),
    ]
}

/// The most requests of one window. The first request after each window opens the next.
fn most_of_one_window(admitted: &[Duration], length: Duration) -> usize {
    let (mut most, mut used, mut opened) = (0, 0, None);
    for &now in admitted {
        let lasts = opened.is_some_and(|opened| now.saturating_sub(opened) < length);
        if !lasts {
            (used, opened) = (0, Some(now));
        }
        used += 1;
        most = most.max(used);
    }
    most
}

/// Requests of four threads while time advances: each request is one tick later than the previous
/// one of any thread, though threads overtake one another.
fn charged_by_four_threads(limits: RateLimit, tick: Duration, ticks: u64) -> u64 {
    let (limiter, clock) = (RateLimiter::default(), AtomicU64::new(0));
    let admitted_by_thread = || {
        let next = || Some(clock.fetch_add(1, Ordering::Relaxed)).filter(|now| *now < ticks);
        let at = |now| tick * u32::try_from(now).unwrap();
        std::iter::from_fn(next).filter(|&now| admits(&limiter, limits, at(now))).count() as u64
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(admitted_by_thread)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

#[test]
fn threads_and_a_moving_clock_fill_every_short_window_and_overfill_none() {
    // A window opens at most three ticks late, which the other threads may hold back, so ten and a
    // half seconds have eleven windows. Each receives about a thousand requests.
    let admitted = charged_by_four_threads(limits(300, PLENTY), Duration::from_millis(1), 10_500);
    assert_eq!(admitted, 11 * 300);
}

#[test]
fn threads_and_a_moving_clock_fill_every_long_window_and_overfill_none() {
    let tick = Duration::from_millis(60);
    let admitted = charged_by_four_threads(limits(PLENTY, 300), tick, 10_500);
    assert_eq!(admitted, 11 * 300);
}

#[test]
fn threads_and_a_moving_clock_are_held_by_whichever_window_is_full() {
    // Five per second are 300 per minute, of which the long window admits 200.
    let tick = Duration::from_millis(60);
    let admitted = charged_by_four_threads(limits(5, 200), tick, 10_900);
    assert_eq!(admitted, 11 * 200);
}
