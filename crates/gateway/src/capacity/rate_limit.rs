//! A rate limit: how many requests are allowed in each of two windows.

use std::num::NonZeroU32;

/// How many requests a company may send in each of its two windows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RateLimit {
    /// Requests in one [`BURST_WINDOW`](crate::limits::BURST_WINDOW).
    pub burst: NonZeroU32,
    /// Requests in one [`STEADY_WINDOW`](crate::limits::STEADY_WINDOW).
    pub steady: NonZeroU32,
}

impl RateLimit {
    /// No limit: more requests than any gateway is sent in a window.
    pub const NONE: RateLimit = RateLimit { burst: NonZeroU32::MAX, steady: NonZeroU32::MAX };

    /// A limit from constants. Zero fails to compile.
    pub(crate) const fn constant(burst: u32, steady: u32) -> RateLimit {
        RateLimit {
            burst: NonZeroU32::new(burst).expect("a limit is not zero"),
            steady: NonZeroU32::new(steady).expect("a limit is not zero"),
        }
    }

    /// This limit multiplied by `factor`. With the largest factor there is no limit.
    #[must_use]
    pub fn times(self, factor: NonZeroU32) -> RateLimit {
        RateLimit {
            burst: self.burst.saturating_mul(factor),
            steady: self.steady.saturating_mul(factor),
        }
    }

    /// This limit and one request more in each window.
    #[must_use]
    pub(crate) fn with_one_more(self) -> RateLimit {
        RateLimit { burst: self.burst.saturating_add(1), steady: self.steady.saturating_add(1) }
    }

    /// This limit divided by a number for each window, rounded up. Part of no limit is no limit.
    #[must_use]
    pub fn divided(self, burst: NonZeroU32, steady: NonZeroU32) -> RateLimit {
        if self == RateLimit::NONE {
            return self;
        }
        let part = |whole: NonZeroU32, divisor: NonZeroU32| {
            NonZeroU32::new(whole.get().div_ceil(divisor.get())).unwrap_or(NonZeroU32::MIN)
        };
        RateLimit { burst: part(self.burst, burst), steady: part(self.steady, steady) }
    }
}
