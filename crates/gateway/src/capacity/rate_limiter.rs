//! The rate limiter: admits or throttles requests by two fixed windows.

use std::{hash::Hash, num::NonZeroU32, time::Duration};

use ahash::RandomState;
use dashmap::DashMap;
use profile_protocol::CompanyId;

use super::rate_limit::RateLimit;
use crate::limits;

/// The decision of [`RateLimiter::charge`] about one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RateLimitDecision {
    /// The request is charged to both windows and may be served.
    Admitted(RateLimitStatus),
    /// The request is charged to neither window and must not be served.
    Throttled {
        /// Whole seconds, at least one, after which a request is admitted if the company sends
        /// nothing else until then. No smaller number is correct.
        retry_after_seconds: u64,
    },
}

/// The steady window of a company after an admitted request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RateLimitStatus {
    /// Requests that the window admits.
    pub limit: u32,
    /// Requests left in the window.
    pub remaining: u32,
    /// Whole seconds until the window ends, rounded up, at least one.
    pub reset_seconds: u64,
}

/// The usage of the two windows of each key `K`, by default of each company.
///
/// A window opens with its first request. Both windows are decided together, so a request that one
/// window refuses is not charged to the other.
///
/// Only configured companies may be charged: that bounds the map.
#[derive(Debug)]
pub struct RateLimiter<K: Eq + Hash = CompanyId> {
    // Invariant: a guard into this map never leaves the function that took it,
    // and no function takes two. Holding one across a second call can deadlock.
    charged: DashMap<K, Windows, RandomState>,
}

impl<K: Clone + Eq + Hash> RateLimiter<K> {
    /// Decides about one request of `key`. `now` is the time since the process started. A `now`
    /// before an earlier one counts as that earlier one.
    pub fn charge(&self, key: &K, limits: RateLimit, now: Duration) -> RateLimitDecision {
        self.charge_as(key, limits, now, 1)
    }

    /// Decides about a request of `key` that counts as so many. It is admitted where a request that
    /// counts as one would be.
    pub fn charge_as(
        &self,
        key: &K,
        limits: RateLimit,
        now: Duration,
        requests: u32,
    ) -> RateLimitDecision {
        match self.charged.get_mut(key) {
            Some(mut windows) => windows.charge(limits, now, requests),
            None => self.charge_newcomer(key, limits, now, requests),
        }
    }

    /// The decision about a request of `key` now, without charging it. An admitted request would
    /// find this rate-limit status.
    pub fn peek(&self, key: &K, limits: RateLimit, now: Duration) -> RateLimitDecision {
        let windows = self.charged.get(key).map(|windows| *windows);
        windows.unwrap_or_default().peek(limits, now)
    }

    /// The used part of the open windows of each key at `now`.
    pub(crate) fn used(&self, now: Duration) -> Vec<(K, WindowUse)> {
        let used = self.charged.iter().map(|entry| (entry.key().clone(), entry.used(now)));
        used.filter(|(_, used)| used.steady != 0 || used.burst != 0).collect()
    }

    /// Forgets keys that are no longer configured, so that reloads do not grow the map.
    pub fn retain(&self, is_configured: impl Fn(&K) -> bool) {
        self.charged.retain(|key, _| is_configured(key));
    }

    #[cold]
    fn charge_newcomer(
        &self,
        key: &K,
        limits: RateLimit,
        now: Duration,
        requests: u32,
    ) -> RateLimitDecision {
        self.charged.entry(key.clone()).or_default().charge(limits, now, requests)
    }
}

impl<K: Eq + Hash> Default for RateLimiter<K> {
    fn default() -> RateLimiter<K> {
        RateLimiter { charged: DashMap::default() }
    }
}

/// How many requests are charged to the two windows of one key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct WindowUse {
    pub(crate) burst: u32,
    pub(crate) steady: u32,
}

/// The two windows of one key.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Windows {
    burst: Window,
    latest: Duration,
    steady: Window,
}

impl RateLimitStatus {
    /// Whether the window has a limit.
    pub fn is_limited(&self) -> bool {
        self.limit != RateLimit::NONE.steady.get()
    }
}

impl Windows {
    /// Charges a request that counts as so many to both windows or to neither.
    pub(super) fn charge(
        &mut self,
        limits: RateLimit,
        now: Duration,
        requests: u32,
    ) -> RateLimitDecision {
        let wait = self.at(now).wait(limits);
        if wait.is_zero() {
            self.add(now, requests);
        } else {
            *self = self.at(now);
        }
        self.decision(limits, wait)
    }

    fn used(&self, now: Duration) -> WindowUse {
        let Windows { burst, steady, .. } = self.at(now);
        WindowUse { burst: burst.used, steady: steady.used }
    }

    /// Charges requests to both windows, whatever their limits.
    fn add(&mut self, now: Duration, requests: u32) {
        *self = self.at(now);
        self.burst = self.burst.with_more(requests);
        self.steady = self.steady.with_more(requests);
    }

    /// Takes back a part of what was charged at `charged`, unless a window has ended since.
    pub(super) fn take_back(&mut self, charged: Duration, now: Duration, requests: u32) {
        *self = self.at(now);
        self.burst = self.burst.with_less(charged, requests);
        self.steady = self.steady.with_less(charged, requests);
    }

    /// Whether both windows are over, so that nothing of them counts any more.
    pub(super) fn are_over(&self, now: Duration) -> bool {
        self.used(now) == WindowUse { burst: 0, steady: 0 }
    }

    /// A time by which both windows are over, unless the steady window is opened again. The last
    /// burst window began before the end of the steady window.
    pub(super) fn end(&self) -> Duration {
        let steady = self.steady.opened.saturating_add(limits::STEADY_WINDOW);
        steady.saturating_add(limits::BURST_WINDOW)
    }

    fn peek(self, limits: RateLimit, now: Duration) -> RateLimitDecision {
        let windows = self.at(now);
        windows.decision(limits, windows.wait(limits))
    }

    /// The windows of a request at `now`, which are new ones where the old ones are over.
    fn at(self, now: Duration) -> Windows {
        let latest = self.latest.max(now);
        Windows {
            burst: self.burst.at(latest, limits::BURST_WINDOW),
            latest,
            steady: self.steady.at(latest, limits::STEADY_WINDOW),
        }
    }

    /// The time until both windows admit a request.
    fn wait(&self, limits: RateLimit) -> Duration {
        let burst = self.burst.wait(limits.burst, self.latest, limits::BURST_WINDOW);
        burst.max(self.steady.wait(limits.steady, self.latest, limits::STEADY_WINDOW))
    }

    fn decision(&self, limits: RateLimit, wait: Duration) -> RateLimitDecision {
        if wait.is_zero() {
            RateLimitDecision::Admitted(self.steady.status(limits.steady, self.latest))
        } else {
            RateLimitDecision::Throttled { retry_after_seconds: seconds_rounded_up(wait) }
        }
    }
}

/// A fixed window: its start and its usage. An unused window is not open.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    opened: Duration,
    used: u32,
}

impl Window {
    /// The window of a request at `now`: this one while it lasts, otherwise a new one of `length`.
    fn at(self, now: Duration, length: Duration) -> Window {
        // Compares durations, because the end of the window may overflow.
        let lasts = 0 < self.used && now.saturating_sub(self.opened) < length;
        if lasts { self } else { Window { opened: now, used: 0 } }
    }

    /// The time until the window ends.
    fn left(self, now: Duration, length: Duration) -> Duration {
        length.saturating_sub(now.saturating_sub(self.opened))
    }

    /// The time until a request is admitted: zero, or until the window ends.
    fn wait(self, limit: NonZeroU32, now: Duration, length: Duration) -> Duration {
        if self.used < limit.get() { Duration::ZERO } else { self.left(now, length) }
    }

    fn with_more(self, requests: u32) -> Window {
        Window { used: self.used.saturating_add(requests), ..self }
    }

    /// The window without requests that were charged at a time, if it was open then.
    fn with_less(self, charged: Duration, requests: u32) -> Window {
        let was_open = self.opened <= charged;
        let less = if was_open { requests } else { 0 };
        Window { used: self.used.saturating_sub(less), ..self }
    }

    /// The rate-limit status of a steady window.
    fn status(self, limit: NonZeroU32, now: Duration) -> RateLimitStatus {
        RateLimitStatus {
            limit: limit.get(),
            remaining: limit.get().saturating_sub(self.used),
            reset_seconds: seconds_rounded_up(self.left(now, limits::STEADY_WINDOW)),
        }
    }
}

fn seconds_rounded_up(duration: Duration) -> u64 {
    let whole = duration.as_secs();
    if duration.subsec_nanos() == 0 { whole } else { whole.saturating_add(1) }
}

#[cfg(test)]
mod oracle;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn company(id: &str) -> CompanyId {
        id.parse().unwrap()
    }

    fn limits(burst: u32, steady: u32) -> RateLimit {
        RateLimit {
            burst: NonZeroU32::new(burst).unwrap(),
            steady: NonZeroU32::new(steady).unwrap(),
        }
    }

    fn charge(limiter: &RateLimiter, limits: RateLimit, milliseconds: u64) -> RateLimitDecision {
        limiter.charge(&company("ABC123"), limits, Duration::from_millis(milliseconds))
    }

    fn admitted(limit: u32, remaining: u32, reset_seconds: u64) -> RateLimitDecision {
        RateLimitDecision::Admitted(RateLimitStatus { limit, remaining, reset_seconds })
    }

    fn throttled(retry_after_seconds: u64) -> RateLimitDecision {
        RateLimitDecision::Throttled { retry_after_seconds }
    }

    #[test]
    fn a_request_that_counts_as_several_is_admitted_as_one_and_the_next_ones_wait() {
        let limiter = RateLimiter::default();
        let limits = limits(10, 10);
        let charge = |requests| limiter.charge_as(&(), limits, Duration::ZERO, requests);
        let admitted = |remaining| {
            let status = RateLimitStatus { limit: 10, remaining, reset_seconds: 60 };
            RateLimitDecision::Admitted(status)
        };
        assert_eq!(charge(7), admitted(3));
        assert_eq!(charge(7), admitted(0));
        assert!(matches!(charge(1), RateLimitDecision::Throttled { .. }));
    }

    #[test]
    fn an_admitted_request_learns_where_the_steady_window_stands() {
        let limiter = RateLimiter::<CompanyId>::default();
        assert_eq!(charge(&limiter, limits(10, 20), 500), admitted(20, 19, 60));
        assert_eq!(charge(&limiter, limits(10, 20), 1_499), admitted(20, 18, 60));
        assert_eq!(charge(&limiter, limits(10, 20), 1_500), admitted(20, 17, 59));
        assert_eq!(charge(&limiter, limits(10, 20), 60_499), admitted(20, 16, 1));
        assert_eq!(charge(&limiter, limits(10, 20), 60_500), admitted(20, 19, 60));
    }

    #[test]
    fn a_full_burst_window_refuses_until_it_ends() {
        let limiter = RateLimiter::<CompanyId>::default();
        charge(&limiter, limits(1, 20), 0);
        assert_eq!(charge(&limiter, limits(1, 20), 999), throttled(1));
        assert_eq!(charge(&limiter, limits(1, 20), 1_000), admitted(20, 18, 59));
    }

    #[test]
    fn when_both_windows_refuse_the_later_end_counts() {
        let limiter = RateLimiter::<CompanyId>::default();
        charge(&limiter, limits(1, 1), 0);
        assert_eq!(charge(&limiter, limits(1, 1), 10), throttled(60));
        assert_eq!(charge(&limiter, limits(1, 1), 59_999), throttled(1));
        assert_eq!(charge(&limiter, limits(1, 1), 60_000), admitted(1, 0, 60));
    }

    #[test]
    fn a_refused_request_is_charged_to_neither_window() {
        let limiter = RateLimiter::<CompanyId>::default();
        charge(&limiter, limits(1, 3), 0);
        for _ in 0..100 {
            assert_eq!(charge(&limiter, limits(1, 3), 1), throttled(1));
        }
        assert_eq!(charge(&limiter, limits(1, 3), 1_000), admitted(3, 1, 59));
        assert_eq!(charge(&limiter, limits(1, 3), 2_000), admitted(3, 0, 58));
    }

    #[test]
    fn changed_limits_hold_from_the_next_request() {
        let limiter = RateLimiter::<CompanyId>::default();
        assert_eq!(charge(&limiter, limits(5, 5), 0), admitted(5, 4, 60));
        assert_eq!(charge(&limiter, limits(5, 5), 0), admitted(5, 3, 60));
        assert_eq!(charge(&limiter, limits(1, 1), 0), throttled(60));
        assert_eq!(charge(&limiter, limits(9, 9), 0), admitted(9, 6, 60));
    }

    #[test]
    fn time_that_goes_backwards_stands_still() {
        let limiter = RateLimiter::<CompanyId>::default();
        charge(&limiter, limits(1, 20), 5_000);
        assert_eq!(charge(&limiter, limits(1, 20), 0), throttled(1));
        assert_eq!(charge(&limiter, limits(1, 20), 6_000), admitted(20, 18, 59));
        assert_eq!(charge(&limiter, limits(2, 20), 0), admitted(20, 17, 59));
    }

    #[test]
    fn the_end_of_time_is_no_special_case() {
        let limiter = RateLimiter::<CompanyId>::default();
        let decision = limiter.charge(&company("ABC123"), limits(1, 20), Duration::MAX);
        assert!(matches!(decision, RateLimitDecision::Admitted(_)));
        let decision = limiter.charge(&company("ABC123"), limits(1, 20), Duration::MAX);
        assert_eq!(decision, throttled(1));
    }

    #[test]
    fn a_peek_charges_nothing_and_says_what_a_charge_would_find() {
        let limiter = RateLimiter::<CompanyId>::default();
        let peek = |milliseconds| {
            let now = Duration::from_millis(milliseconds);
            limiter.peek(&company("ABC123"), limits(1, 2), now)
        };
        assert_eq!([peek(0), peek(0)], [admitted(2, 2, 60); 2]);
        assert_eq!(charge(&limiter, limits(1, 2), 0), admitted(2, 1, 60));
        assert_eq!(peek(0), throttled(1));
        assert_eq!(peek(1_000), admitted(2, 1, 59));
        assert_eq!(charge(&limiter, limits(1, 2), 1_000), admitted(2, 0, 59));
        assert_eq!(peek(2_000), throttled(58));
        assert_eq!(peek(60_000), admitted(2, 2, 60));
    }

    #[test]
    fn companies_do_not_share_windows() {
        let limiter = RateLimiter::<CompanyId>::default();
        charge(&limiter, limits(1, 1), 0);
        let other = limiter.charge(&company("XYZ789"), limits(1, 1), Duration::ZERO);
        assert_eq!(other, admitted(1, 0, 60));
    }

    #[test]
    fn what_is_used_is_that_of_the_open_windows() {
        let limiter = RateLimiter::<CompanyId>::default();
        charge(&limiter, limits(5, 9), 0);
        charge(&limiter, limits(5, 9), 10);
        let used = |now| limiter.used(Duration::from_millis(now));
        assert_eq!(used(20), [(company("ABC123"), WindowUse { burst: 2, steady: 2 })]);
        assert_eq!(used(1_000), [(company("ABC123"), WindowUse { burst: 0, steady: 2 })]);
        assert_eq!(used(60_000), []);
    }

    #[test]
    fn a_company_no_longer_configured_is_forgotten() {
        let limiter = RateLimiter::<CompanyId>::default();
        charge(&limiter, limits(1, 1), 0);
        limiter.retain(|company| company.as_str() != "ABC123");
        assert!(limiter.charged.is_empty());
    }

    #[test]
    fn threads_together_get_no_more_than_the_limit() {
        let limiter = RateLimiter::<CompanyId>::default();
        let admitted_by_thread = || {
            (0..1_000)
                .filter(|_| {
                    matches!(charge(&limiter, limits(700, 900), 0), RateLimitDecision::Admitted(_))
                })
                .count()
        };
        let admitted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(admitted_by_thread)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(admitted, 700);
    }

    /// The same promise in another form: remembers when every request was admitted, and when its
    /// window opened.
    #[derive(Default)]
    struct WindowModel {
        admitted: VecDeque<u64>,
        burst_opened: Option<u64>,
        steady_opened: Option<u64>,
    }

    impl WindowModel {
        fn decide(&mut self, limits: RateLimit, now: u64) -> bool {
            self.burst_opened = self.burst_opened.filter(|opened| now < opened + 1_000);
            self.steady_opened = self.steady_opened.filter(|opened| now < opened + 60_000);
            let fits = self.used_since(self.burst_opened) < limits.burst.get() as usize
                && self.used_since(self.steady_opened) < limits.steady.get() as usize;
            if fits {
                self.burst_opened.get_or_insert(now);
                self.steady_opened.get_or_insert(now);
                self.admitted.push_back(now);
            }
            fits
        }

        fn used_since(&self, opened: Option<u64>) -> usize {
            let opened = opened.unwrap_or(u64::MAX);
            self.admitted.iter().filter(|time| opened <= **time).count()
        }
    }

    fn steps() -> impl Strategy<Value = Vec<(u64, u32, u32)>> {
        // Mostly small steps, some about as long as a window, so that edges are tested.
        let pause = prop_oneof![6 => 0..300_u64, 2 => 900..1_100_u64, 1 => 20_000..61_000_u64];
        vec((pause, 1..6_u32, 1..12_u32), 1..120)
    }

    proptest! {
        #[test]
        fn decisions_are_those_of_a_model_that_forgets_nothing(steps in steps()) {
            let (limiter, mut model, mut now) = (RateLimiter::<CompanyId>::default(), WindowModel::default(), 0);
            for (pause, burst, steady) in steps {
                now += pause;
                let limits = limits(burst, steady);
                let expected = model.decide(limits, now);
                let at = Duration::from_millis(now);
                let peeked = limiter.peek(&company("ABC123"), limits, at);
                let decision = charge(&limiter, limits, now);
                prop_assert_eq!(matches!(decision, RateLimitDecision::Admitted(_)), expected);
                prop_assert_eq!(matches!(peeked, RateLimitDecision::Admitted(_)), expected);
            }
        }

        #[test]
        fn retry_after_is_true_and_no_smaller_number_is(steps in steps(), wait_less in any::<bool>()) {
            let (limiter, mut now) = (RateLimiter::<CompanyId>::default(), 0);
            let limits = limits(3, 7);
            for (pause, _, _) in steps {
                now += pause;
                let RateLimitDecision::Throttled { retry_after_seconds } = charge(&limiter, limits, now) else {
                    continue;
                };
                prop_assert!(1 <= retry_after_seconds);
                if wait_less && 1 < retry_after_seconds {
                    let early = charge(&limiter, limits, now + (retry_after_seconds - 1) * 1_000);
                    prop_assert_eq!(early, throttled(1));
                }
                now += retry_after_seconds * 1_000;
                prop_assert!(matches!(charge(&limiter, limits, now), RateLimitDecision::Admitted(_)));
            }
        }
    }
}
