//! How far the times of requests are ahead of the clock, and why.

use ahash::HashMap;
use profile_protocol::CompanyId;

use crate::{Timestamp, limits};

/// The companies of a lane whose times are ahead of the clock.
#[derive(Debug, Default)]
pub(crate) struct TimesAhead {
    leads: HashMap<CompanyId, TimeLead>,
}

/// How far times are ahead, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
struct TimeLead {
    /// All of it, after the last request.
    total: u64,
    /// What the clock was set back. The rest comes from requests that were many.
    set_back: u64,
}

impl TimesAhead {
    /// The time of a company's next request, after requests up to `newest`. It is later than
    /// `newest`, or the same if the request is not the first of its batch and the company has too
    /// many requests for a millisecond each.
    pub(crate) fn next(
        &mut self,
        company: &CompanyId,
        newest: Timestamp,
        now: Timestamp,
        is_first: bool,
    ) -> Timestamp {
        let before = self.leads.get(company).copied().unwrap_or_default();
        let total = newest.millis().saturating_sub(now.millis());
        // Each request is counted below, and between requests the clock only comes closer. Whatever
        // else lies between them is a clock that went back, or another store's that is ahead.
        let went_back = total.saturating_sub(before.total);
        let set_back = before.set_back.saturating_add(went_back).min(total);
        let is_near = total - set_back < limits::TIMES_AHEAD_MILLIS;
        let next = if is_first || is_near { newest.next() } else { newest }.max(now);
        let total = next.millis().saturating_sub(now.millis());
        if total == 0 {
            self.leads.remove(company);
        } else {
            self.leads.insert(company.clone(), TimeLead { total, set_back });
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times of requests, each at a reading of the clock: those of one batch after the first.
    fn times(newest: u64, readings: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let (mut ahead, company) = (TimesAhead::default(), "ABC123".parse().unwrap());
        let mut newest = Timestamp::from_millis(newest);
        let times = readings.into_iter().map(|now| {
            newest = ahead.next(&company, newest, Timestamp::from_millis(now), false);
            newest.millis()
        });
        times.collect()
    }

    #[test]
    fn requests_share_a_time_once_a_company_has_too_many_for_a_millisecond_each() {
        let times = times(0, (0..2_000).map(|_| 10_000));
        assert_eq!(times[..2], [10_000, 10_001]);
        assert_eq!(times[1_000..], [11_000; 1_000]);
    }

    #[test]
    fn requests_have_a_time_each_though_the_clock_is_behind_at_the_start_or_goes_back() {
        let at_the_start = times(9_000_000, (0..900).map(|reading| 1_000 + reading / 10));
        let readings = (0..400).map(|reading| if reading < 200 { 9_000_000 } else { 1_000 });
        for times in [at_the_start, times(0, readings)] {
            assert!(times.is_sorted_by(|one, next| one < next), "{times:?}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_lets_no_company_run_ahead_without_end() {
        let times = times(9_000_000, (0..5_000).map(|_| 1_000));
        assert_eq!(times.last(), Some(&(9_000_000 + limits::TIMES_AHEAD_MILLIS)));
        assert_eq!(self::times(9_000_000, [1_000, 9_000_500]), [9_000_001, 9_000_500]);
    }
}
