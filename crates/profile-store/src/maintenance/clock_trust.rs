//! Whether the wall clock may be believed, judged by the monotonic clock and by what is stored.
//!
//! A wrong wall clock must not remove what is not old. So the clock is trusted while it agrees with
//! an earlier time that was trusted and with the monotonic time since. A clock that does not is
//! doubted, until it agrees again or has run evenly for long.

use std::time::Duration;

use crate::{Timestamp, limits};

/// Both clocks, read together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ClockReading {
    pub(crate) wall: Timestamp,
    /// The time since the store was opened. It never goes back.
    pub(crate) monotonic: Duration,
}

impl ClockReading {
    /// The wall clock that follows from this reading at a later monotonic time.
    fn projected(self, monotonic: Duration) -> Timestamp {
        let passed = millis(monotonic.saturating_sub(self.monotonic));
        Timestamp::from_millis(self.wall.millis().saturating_add(passed))
    }
}

/// What the wall clock is expected to show.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Expectation {
    reading: ClockReading,
    /// How far the wall clock may be ahead, in milliseconds.
    ahead: u64,
}

impl Expectation {
    fn holds(self, now: ClockReading) -> bool {
        let (expected, wall) = (self.reading.projected(now.monotonic).millis(), now.wall.millis());
        expected.saturating_sub(limits::CLOCK_DRIFT_MS) <= wall
            && wall <= expected.saturating_add(self.ahead)
    }
}

/// What is known of the wall clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ClockTrust {
    /// It agrees with what was expected. `since` is when it was first trusted.
    Trusted { since: ClockReading },
    /// It disagrees.
    Doubted(ClockDoubt),
}

/// A wall clock that is not trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ClockDoubt {
    expectation: Expectation,
    /// Since when the wall clock has run evenly.
    even_since: ClockReading,
}

impl ClockTrust {
    /// The state when a store is opened. `newest` is the newest time that is stored, if anything
    /// is. The store may have been closed for a day without doubt.
    pub(crate) fn begin(now: ClockReading, newest: Option<Timestamp>) -> ClockTrust {
        let Some(newest) = newest else { return ClockTrust::Trusted { since: now } };
        let reading = ClockReading { wall: newest, monotonic: now.monotonic };
        let expectation = Expectation { reading, ahead: limits::CLOCK_AHEAD_MS };
        if expectation.holds(now) {
            ClockTrust::Trusted { since: now }
        } else {
            ClockTrust::Doubted(ClockDoubt { expectation, even_since: now })
        }
    }

    /// The state after a later reading.
    #[must_use]
    pub(crate) fn judge(self, now: ClockReading) -> ClockTrust {
        match self {
            ClockTrust::Trusted { since } => {
                let expectation = Expectation { reading: since, ahead: limits::CLOCK_DRIFT_MS };
                if expectation.holds(now) {
                    self
                } else {
                    ClockTrust::Doubted(ClockDoubt { expectation, even_since: now })
                }
            }
            ClockTrust::Doubted(doubt) => doubt.judge(now),
        }
    }

    /// Whether what is old by the wall clock is old.
    pub(crate) fn is_trusted(self) -> bool {
        match self {
            ClockTrust::Trusted { .. } => true,
            ClockTrust::Doubted(_) => false,
        }
    }

    /// The best estimate of the time: that of the wall clock if it is trusted.
    pub(crate) fn estimate(self, now: ClockReading) -> Timestamp {
        match self {
            ClockTrust::Trusted { .. } => now.wall,
            ClockTrust::Doubted(doubt) => doubt.expectation.reading.projected(now.monotonic),
        }
    }
}

impl ClockDoubt {
    fn judge(self, now: ClockReading) -> ClockTrust {
        let even = Expectation { reading: self.even_since, ahead: limits::CLOCK_DRIFT_MS };
        let ran = now.monotonic.saturating_sub(self.even_since.monotonic);
        if self.expectation.holds(now) {
            ClockTrust::Trusted { since: now }
        } else if !even.holds(now) {
            ClockTrust::Doubted(ClockDoubt { even_since: now, ..self })
        } else if limits::CLOCK_CONFIRMED_MS <= millis(ran) {
            ClockTrust::Trusted { since: now }
        } else {
            ClockTrust::Doubted(self)
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const SECOND: u64 = 1_000;
    const DAY: u64 = 24 * 60 * 60 * SECOND;
    const EPOCH: u64 = 20_000 * DAY;

    /// Both clocks that long after the start, the wall clock off by so much.
    fn reading(passed: u64, off: i64) -> ClockReading {
        let wall = (EPOCH + passed).saturating_add_signed(off);
        ClockReading {
            wall: Timestamp::from_millis(wall),
            monotonic: Duration::from_millis(passed),
        }
    }

    fn opened() -> ClockTrust {
        ClockTrust::begin(reading(0, 0), Some(Timestamp::from_millis(EPOCH)))
    }

    #[test]
    fn a_clock_that_jumps_is_doubted_until_it_is_right_again() {
        for days in [100_i64, -400, 1, -1, 20_000] {
            let off = days * DAY.cast_signed();
            let jumped = opened().judge(reading(60 * SECOND, off));
            assert!(!jumped.is_trusted(), "{days}");
            let estimate = jumped.estimate(reading(90 * SECOND, off));
            assert_eq!(estimate.millis(), EPOCH + 90 * SECOND);
            assert!(jumped.judge(reading(120 * SECOND, 0)).is_trusted(), "{days}");
        }
    }

    #[test]
    fn a_correction_of_seconds_is_no_jump() {
        for off in [-2_000, 2_000] {
            assert!(opened().judge(reading(SECOND, off)).is_trusted());
        }
    }

    #[test]
    fn a_clock_that_stays_ahead_is_believed_after_it_ran_evenly_for_long() {
        let off = 100 * DAY.cast_signed();
        let jumped = opened().judge(reading(SECOND, off));
        let before = limits::CLOCK_CONFIRMED_MS;
        assert!(!jumped.judge(reading(before, off)).is_trusted());
        assert!(jumped.judge(reading(before + SECOND, off)).is_trusted());
    }

    #[test]
    fn a_further_jump_begins_the_wait_anew() {
        let off = 100 * DAY.cast_signed();
        let jumped = opened().judge(reading(SECOND, off));
        let half = limits::CLOCK_CONFIRMED_MS / 2;
        let again = jumped.judge(reading(half, 2 * off));
        assert!(!again.judge(reading(2 * half + SECOND, 2 * off)).is_trusted());
        assert!(again.judge(reading(3 * half + SECOND, 2 * off)).is_trusted());
    }

    #[test]
    fn a_store_that_was_closed_for_a_day_is_not_doubted_and_one_closed_for_longer_is() {
        let closed_for = |days: u64| {
            let now = reading(0, (days * DAY).cast_signed());
            ClockTrust::begin(now, Some(Timestamp::from_millis(EPOCH)))
        };
        assert!(closed_for(1).is_trusted());
        assert!(!closed_for(2).is_trusted());
        let off = 100 * DAY.cast_signed();
        assert!(closed_for(100).judge(reading(limits::CLOCK_CONFIRMED_MS, off)).is_trusted());
    }

    #[test]
    fn a_store_without_data_trusts_the_clock() {
        assert!(ClockTrust::begin(reading(0, 0), None).is_trusted());
    }

    proptest! {
        /// Whatever the wall clock does: it is trusted only close to the true time, or after it ran
        /// evenly for long.
        #[test]
        fn no_jump_is_trusted_before_it_is_confirmed(
            steps in vec((1..60 * SECOND, prop_oneof![
                Just(0_i64),
                -20_000 * DAY.cast_signed()..20_000 * DAY.cast_signed(),
                -10_000_i64..10_000,
            ]), 1..60),
        ) {
            // All steps together take less than confirming a clock does.
            prop_assume!(60 * 60 * SECOND < limits::CLOCK_CONFIRMED_MS);
            let (mut trust, mut passed) = (opened(), 0);
            for (step, off) in steps {
                passed += step;
                trust = trust.judge(reading(passed, off));
                let bound = 2 * limits::CLOCK_DRIFT_MS + 10 * SECOND;
                prop_assert!(!trust.is_trusted() || off.unsigned_abs() <= bound);
                let estimate = trust.estimate(reading(passed, off)).millis();
                prop_assert!(estimate.abs_diff(EPOCH + passed) <= bound);
            }
        }
    }
}
