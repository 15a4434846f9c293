//! Which outcomes are kept.

use crate::{Timestamp, limits};

/// How long outcomes are kept, at least: those recorded together leave together.
/// The newest of a company always stay: their numbers are how the next one is found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Retention {
    /// Days an outcome is kept.
    pub days: u64,
    /// Outcomes kept of one company.
    pub count: u64,
    /// Outcomes kept of each profile beyond `count`, the newest. So requests about other profiles
    /// do not remove what happened to this one.
    pub per_profile: u64,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention {
            days: limits::OUTCOME_DAYS,
            count: limits::OUTCOMES,
            per_profile: limits::PROFILE_OUTCOMES,
        }
    }
}

impl Retention {
    /// The number up to which outcomes are beyond `count`, if this is the company's newest.
    pub(crate) fn beyond_count(self, newest: u64) -> u64 {
        newest.saturating_sub(self.count.max(1))
    }

    /// Whether an outcome of this time is too old.
    pub(crate) fn is_too_old(self, at: Timestamp, now: Timestamp) -> bool {
        const DAY_MILLIS: u64 = 24 * 60 * 60 * 1_000;
        self.days.saturating_mul(DAY_MILLIS) < now.millis().saturating_sub(at.millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60 * 1_000;
    const RETENTION: Retention = Retention { days: 7, count: 100, per_profile: 0 };

    fn is_too_old(age_millis: u64) -> bool {
        let now = Timestamp::from_millis(1_000 * DAY);
        RETENTION.is_too_old(Timestamp::from_millis(1_000 * DAY - age_millis), now)
    }

    #[test]
    fn a_record_leaves_when_too_many_follow_it() {
        assert_eq!(RETENTION.beyond_count(500), 400);
        assert_eq!(RETENTION.beyond_count(99), 0);
    }

    #[test]
    fn a_record_leaves_when_it_is_too_old() {
        assert!(!is_too_old(7 * DAY));
        assert!(is_too_old(7 * DAY + 1));
    }

    #[test]
    fn an_outcome_of_a_clock_that_was_ahead_is_not_old() {
        let (now, later) = (Timestamp::from_millis(DAY), Timestamp::from_millis(900 * DAY));
        assert!(!RETENTION.is_too_old(later, now));
    }

    #[test]
    fn the_newest_record_stays() {
        for count in [0, 1] {
            assert_eq!(Retention { count, ..RETENTION }.beyond_count(500), 499);
        }
    }
}
