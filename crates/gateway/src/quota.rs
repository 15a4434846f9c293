//! Rate limits: who may still be served, and when the others may return.

use std::{hash::Hash, num::NonZeroU32, time::Duration};

use dashmap::DashMap;
use profile_protocol::CompanyId;

use crate::limits;

/// How many requests a company may send in each of its two windows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Requests in one [`limits::BURST_WINDOW`].
    pub burst: NonZeroU32,
    /// Requests in one [`limits::STEADY_WINDOW`].
    pub steady: NonZeroU32,
}

impl Limits {
    /// This many times as much in each window.
    #[must_use]
    pub fn times(self, factor: NonZeroU32) -> Limits {
        Limits {
            burst: self.burst.saturating_mul(factor),
            steady: self.steady.saturating_mul(factor),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { burst: limits::BURST_REQUESTS, steady: limits::STEADY_REQUESTS }
    }
}

/// What [`Quotas::charge`] decided about one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Admission {
    /// The request was charged to both windows and is to be served.
    Admitted(Standing),
    /// The request was charged to neither window and is not to be served.
    Throttled {
        /// Whole seconds, at least one, after which a request is admitted if the
        /// company sends nothing else until then. No smaller number is true.
        retry_after_seconds: u64,
    },
}

/// Where a company stands in its steady window after an admitted request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing {
    /// Requests the window holds.
    pub limit: u32,
    /// Requests left in the window.
    pub remaining: u32,
    /// Whole seconds until the window ends, rounded up, at least one.
    pub reset_seconds: u64,
}

/// What has been used of two windows: those of each company, or of whatever else
/// `K` tells apart.
///
/// A window opens with the first request in it. Both windows of a company are
/// decided together, so a request that one of them refuses costs nothing in the
/// other.
///
/// Only configured companies may be charged: that is what bounds the map.
#[derive(Debug)]
pub struct Quotas<K: Eq + Hash = CompanyId> {
    // Invariant: a guard into this map never leaves the function that took it,
    // and no function takes two. Holding one across a second call can deadlock.
    charged: DashMap<K, Windows>,
}

impl<K: Clone + Eq + Hash> Quotas<K> {
    /// Decides about one request of `who`, `now` being the time since the process
    /// started. A `now` before one seen earlier counts as that one.
    pub fn charge(&self, who: &K, limits: Limits, now: Duration) -> Admission {
        match self.charged.get_mut(who) {
            Some(mut windows) => windows.charge(limits, now),
            None => self.charge_newcomer(who, limits, now),
        }
    }

    /// Forgets those that `is_configured` does not know, so that reloading the
    /// configuration cannot make the map grow for ever.
    pub fn retain(&self, is_configured: impl Fn(&K) -> bool) {
        self.charged.retain(|who, _| is_configured(who));
    }

    #[cold]
    fn charge_newcomer(&self, who: &K, limits: Limits, now: Duration) -> Admission {
        self.charged.entry(who.clone()).or_default().charge(limits, now)
    }
}

impl<K: Eq + Hash> Default for Quotas<K> {
    fn default() -> Quotas<K> {
        Quotas { charged: DashMap::new() }
    }
}

/// The two windows of one company.
#[derive(Debug, Default)]
struct Windows {
    burst: Window,
    latest: Duration,
    steady: Window,
}

impl Windows {
    fn charge(&mut self, limits: Limits, now: Duration) -> Admission {
        self.latest = self.latest.max(now);
        let now = self.latest;
        let burst = self.burst.at(now, limits::BURST_WINDOW);
        let steady = self.steady.at(now, limits::STEADY_WINDOW);
        let burst_wait = burst.wait(limits.burst, now, limits::BURST_WINDOW);
        let wait = burst_wait.max(steady.wait(limits.steady, now, limits::STEADY_WINDOW));
        if wait.is_zero() {
            self.burst = burst.with_one_more();
            self.steady = steady.with_one_more();
            Admission::Admitted(self.steady.standing(limits.steady, now))
        } else {
            Admission::Throttled { retry_after_seconds: seconds_rounded_up(wait) }
        }
    }
}

/// A fixed window: since when it is open, and what was used of it. One of which
/// nothing was used never opened.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    opened: Duration,
    used: u32,
}

impl Window {
    /// The window a request at `now` falls into: this one while it lasts, and a
    /// new one of `length` from then on.
    fn at(self, now: Duration, length: Duration) -> Window {
        // Not by when it ends, which may be past the end of time.
        let lasts = 0 < self.used && now.saturating_sub(self.opened) < length;
        if lasts { self } else { Window { opened: now, used: 0 } }
    }

    /// How long until it ends.
    fn left(self, now: Duration, length: Duration) -> Duration {
        length.saturating_sub(now.saturating_sub(self.opened))
    }

    /// How long until a request is admitted: not at all, or until the end.
    fn wait(self, limit: NonZeroU32, now: Duration, length: Duration) -> Duration {
        if self.used < limit.get() { Duration::ZERO } else { self.left(now, length) }
    }

    fn with_one_more(self) -> Window {
        Window { used: self.used.saturating_add(1), ..self }
    }

    /// Where a steady window stands.
    fn standing(self, limit: NonZeroU32, now: Duration) -> Standing {
        Standing {
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

    fn limits(burst: u32, steady: u32) -> Limits {
        Limits { burst: NonZeroU32::new(burst).unwrap(), steady: NonZeroU32::new(steady).unwrap() }
    }

    fn charge(quotas: &Quotas, limits: Limits, milliseconds: u64) -> Admission {
        quotas.charge(&company("ABC123"), limits, Duration::from_millis(milliseconds))
    }

    fn admitted(limit: u32, remaining: u32, reset_seconds: u64) -> Admission {
        Admission::Admitted(Standing { limit, remaining, reset_seconds })
    }

    fn throttled(retry_after_seconds: u64) -> Admission {
        Admission::Throttled { retry_after_seconds }
    }

    #[test]
    fn an_admitted_request_learns_where_the_steady_window_stands() {
        let quotas = Quotas::<CompanyId>::default();
        assert_eq!(charge(&quotas, limits(10, 20), 500), admitted(20, 19, 60));
        assert_eq!(charge(&quotas, limits(10, 20), 1_499), admitted(20, 18, 60));
        assert_eq!(charge(&quotas, limits(10, 20), 1_500), admitted(20, 17, 59));
        assert_eq!(charge(&quotas, limits(10, 20), 60_499), admitted(20, 16, 1));
        assert_eq!(charge(&quotas, limits(10, 20), 60_500), admitted(20, 19, 60));
    }

    #[test]
    fn a_full_burst_window_refuses_until_it_ends() {
        let quotas = Quotas::<CompanyId>::default();
        charge(&quotas, limits(1, 20), 0);
        assert_eq!(charge(&quotas, limits(1, 20), 999), throttled(1));
        assert_eq!(charge(&quotas, limits(1, 20), 1_000), admitted(20, 18, 59));
    }

    #[test]
    fn when_both_windows_refuse_the_later_end_counts() {
        let quotas = Quotas::<CompanyId>::default();
        charge(&quotas, limits(1, 1), 0);
        assert_eq!(charge(&quotas, limits(1, 1), 10), throttled(60));
        assert_eq!(charge(&quotas, limits(1, 1), 59_999), throttled(1));
        assert_eq!(charge(&quotas, limits(1, 1), 60_000), admitted(1, 0, 60));
    }

    #[test]
    fn a_refused_request_is_charged_to_neither_window() {
        let quotas = Quotas::<CompanyId>::default();
        charge(&quotas, limits(1, 3), 0);
        for _ in 0..100 {
            assert_eq!(charge(&quotas, limits(1, 3), 1), throttled(1));
        }
        assert_eq!(charge(&quotas, limits(1, 3), 1_000), admitted(3, 1, 59));
        assert_eq!(charge(&quotas, limits(1, 3), 2_000), admitted(3, 0, 58));
    }

    #[test]
    fn changed_limits_hold_from_the_next_request() {
        let quotas = Quotas::<CompanyId>::default();
        assert_eq!(charge(&quotas, limits(5, 5), 0), admitted(5, 4, 60));
        assert_eq!(charge(&quotas, limits(5, 5), 0), admitted(5, 3, 60));
        assert_eq!(charge(&quotas, limits(1, 1), 0), throttled(60));
        assert_eq!(charge(&quotas, limits(9, 9), 0), admitted(9, 6, 60));
    }

    #[test]
    fn time_that_goes_backwards_stands_still() {
        let quotas = Quotas::<CompanyId>::default();
        charge(&quotas, limits(1, 20), 5_000);
        assert_eq!(charge(&quotas, limits(1, 20), 0), throttled(1));
        assert_eq!(charge(&quotas, limits(1, 20), 6_000), admitted(20, 18, 59));
        assert_eq!(charge(&quotas, limits(2, 20), 0), admitted(20, 17, 59));
    }

    #[test]
    fn the_end_of_time_is_no_special_case() {
        let quotas = Quotas::<CompanyId>::default();
        let decision = quotas.charge(&company("ABC123"), limits(1, 20), Duration::MAX);
        assert!(matches!(decision, Admission::Admitted(_)));
        let decision = quotas.charge(&company("ABC123"), limits(1, 20), Duration::MAX);
        assert_eq!(decision, throttled(1));
    }

    #[test]
    fn companies_do_not_share_windows() {
        let quotas = Quotas::<CompanyId>::default();
        charge(&quotas, limits(1, 1), 0);
        let other = quotas.charge(&company("XYZ789"), limits(1, 1), Duration::ZERO);
        assert_eq!(other, admitted(1, 0, 60));
    }

    #[test]
    fn a_company_no_longer_configured_is_forgotten() {
        let quotas = Quotas::<CompanyId>::default();
        charge(&quotas, limits(1, 1), 0);
        quotas.retain(|company| company.as_str() != "ABC123");
        assert!(quotas.charged.is_empty());
    }

    #[test]
    fn threads_together_get_no_more_than_the_limit() {
        let quotas = Quotas::<CompanyId>::default();
        let admitted_by_thread = || {
            (0..1_000)
                .filter(|_| matches!(charge(&quotas, limits(700, 900), 0), Admission::Admitted(_)))
                .count()
        };
        let admitted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(admitted_by_thread)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(admitted, 700);
    }

    /// The same promise said differently: remembers when every request was
    /// admitted, and when the window it fell into opened.
    #[derive(Default)]
    struct Model {
        admitted: VecDeque<u64>,
        burst_opened: Option<u64>,
        steady_opened: Option<u64>,
    }

    impl Model {
        fn decide(&mut self, limits: Limits, now: u64) -> bool {
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
        // Mostly small steps, some about a window long, so that edges are met.
        let pause = prop_oneof![6 => 0..300_u64, 2 => 900..1_100_u64, 1 => 20_000..61_000_u64];
        vec((pause, 1..6_u32, 1..12_u32), 1..120)
    }

    proptest! {
        #[test]
        fn decisions_are_those_of_a_model_that_forgets_nothing(steps in steps()) {
            let (quotas, mut model, mut now) = (Quotas::<CompanyId>::default(), Model::default(), 0);
            for (pause, burst, steady) in steps {
                now += pause;
                let limits = limits(burst, steady);
                let expected = model.decide(limits, now);
                let decision = charge(&quotas, limits, now);
                prop_assert_eq!(matches!(decision, Admission::Admitted(_)), expected);
            }
        }

        #[test]
        fn retry_after_is_true_and_no_smaller_number_is(steps in steps(), wait_less in any::<bool>()) {
            let (quotas, mut now) = (Quotas::<CompanyId>::default(), 0);
            let limits = limits(3, 7);
            for (pause, _, _) in steps {
                now += pause;
                let Admission::Throttled { retry_after_seconds } = charge(&quotas, limits, now) else {
                    continue;
                };
                prop_assert!(1 <= retry_after_seconds);
                if wait_less && 1 < retry_after_seconds {
                    let early = charge(&quotas, limits, now + (retry_after_seconds - 1) * 1_000);
                    prop_assert_eq!(early, throttled(1));
                }
                now += retry_after_seconds * 1_000;
                prop_assert!(matches!(charge(&quotas, limits, now), Admission::Admitted(_)));
            }
        }
    }
}
