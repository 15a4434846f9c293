//! The alerts that need more than the values of one moment: increases, rates and forecasts over the
//! samples of the last hour and day.

use std::time::Duration;

use super::{
    company_history::{CompanyMinute, RequestCounts},
    metric_history::{CLOSED_CONNECTIONS, DISK_FREE, DISK_WAIT, MERGED, MetricSample, quantile},
    metric_values::MetricValues,
};
use crate::limits;

/// What alerts are told from.
pub(super) struct Observed<'o> {
    pub(super) values: &'o MetricValues,
    /// The samples of the last hour, one for each minute, oldest first.
    pub(super) minutes: &'o [MetricSample],
    /// Those of the last day.
    pub(super) day: &'o [MetricSample],
    /// The requests of companies at each of the last minutes, oldest first.
    pub(super) companies: &'o [CompanyMinute],
    /// The time since 1970.
    pub(super) now: Duration,
}

/// The minutes over which most rules look.
const MINUTES: usize = 5;

/// Those over which refusals of a company count.
const REFUSED_MINUTES: usize = 15;

/// The minutes of history without which nothing is forecast.
const FORECAST_MINUTES: usize = 60;

/// The samples of the day in one hour.
const HOUR: usize = 60 / limits::DAY_SAMPLE_MINUTES;

/// The sample of so many minutes ago, or else the oldest.
fn before(minutes: &[MetricSample], ago: usize) -> Option<&MetricSample> {
    minutes.iter().rev().nth(ago).or(minutes.first())
}

/// By how much a series has increased in so many minutes.
fn increase(observed: &Observed<'_>, series: &str, ago: usize) -> f64 {
    let before = before(observed.minutes, ago);
    before.map_or(0.0, |before| observed.values.sum(series) - before.get(series))
}

pub(super) fn have_failed(observed: &Observed<'_>) -> bool {
    0.0 < increase(observed, "gateway_requests_total{outcome=\"failed\"}", MINUTES)
}

pub(super) fn connections_are_closed(observed: &Observed<'_>) -> bool {
    0.0 < increase(observed, CLOSED_CONNECTIONS, MINUTES)
}

pub(super) fn disk_has_waited(observed: &Observed<'_>) -> bool {
    let newest = observed.minutes.iter().rev().take(MINUTES);
    let waits = newest.map(|sample| sample.get(DISK_WAIT));
    waits.chain([observed.values.get(DISK_WAIT)]).any(|wait| 1.0 < wait)
}

/// Whether 99 of 100 requests of browsers and apps take more than a second.
pub(super) fn is_slow(observed: &Observed<'_>) -> bool {
    let now = MetricSample::of(observed.values);
    let before = before(observed.minutes, MINUTES);
    before.and_then(|before| quantile(before, &now, 0.99)).is_some_and(|millis| 1_000.0 < millis)
}

/// Whether the disk would be full within a day if it went on filling as in the last six hours.
pub(super) fn disk_fills_up(observed: &Observed<'_>) -> bool {
    const LEAST: f64 = 536_870_912.0;
    let newest = observed.day.iter().rev().take(6 * HOUR + 1);
    let mut free: Vec<f64> = newest.map(|sample| sample.get(DISK_FREE)).collect();
    free.reverse();
    FORECAST_MINUTES / limits::DAY_SAMPLE_MINUTES < free.len()
        && forecast(&free, number(24 * HOUR)).is_some_and(|free| free < LEAST)
}

/// The value so many steps after the last one, on the line that fits the values best.
fn forecast(values: &[f64], after: f64) -> Option<f64> {
    let count = number(values.len());
    let places = || (0_u32..).map(f64::from);
    let (middle, mean) = ((count - 1.0) / 2.0, values.iter().sum::<f64>() / count);
    let spread: f64 = values.iter().zip(places()).map(|(_, at)| (at - middle).powi(2)).sum();
    let rise: f64 =
        values.iter().zip(places()).map(|(value, at)| (at - middle) * (value - mean)).sum();
    (0.0 < spread).then(|| mean + rise / spread * (middle + after))
}

/// Whether people merge five times as fast as on the day before, and more than a hundred did in the
/// last hour. Without an earlier hour there is nothing to compare with.
pub(super) fn merges_many(observed: &Observed<'_>) -> bool {
    let in_hour = increase(observed, MERGED, limits::HOUR_SAMPLES);
    let earlier = observed.day.len().saturating_sub(HOUR);
    let earlier = observed.day.get(..earlier).unwrap_or_default();
    let (Some(first), Some(last)) = (earlier.first(), earlier.last()) else { return false };
    let steps = earlier.len() - 1;
    if steps == 0 {
        return false;
    }
    let hours = number(steps) / number(HOUR);
    100.0 < in_hour && 5.0 * (last.get(MERGED) - first.get(MERGED)) / hours < in_hour
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The requests of a company in so many minutes.
fn in_minutes(observed: &Observed<'_>, company: &str, ago: usize) -> RequestCounts {
    let minutes: &[CompanyMinute] = observed.companies;
    let before = minutes.iter().rev().nth(ago).or(minutes.first());
    // A company that had sent nothing is in no sample.
    let Some(before) = before else { return RequestCounts::default() };
    let now = RequestCounts::of(observed.values, company);
    now.since(before.get(company).copied().unwrap_or_default())
}

pub(super) fn is_company_throttled(observed: &Observed<'_>, company: &str) -> bool {
    0.0 < in_minutes(observed, company, MINUTES).throttled
}

/// Whether more than half of more than a hundred requests were refused.
pub(super) fn is_company_refused(observed: &Observed<'_>, company: &str) -> bool {
    let RequestCounts { all, accepted, .. } = in_minutes(observed, company, REFUSED_MINUTES);
    100.0 < all && 0.5 * all < all - accepted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_is_on_the_line_that_fits_best() {
        let close = |found: Option<f64>, expected: f64| {
            assert!((found.unwrap() - expected).abs() < 1e-9, "{found:?}");
        };
        close(forecast(&[10.0, 8.0, 6.0], 3.0), 0.0);
        close(forecast(&[5.0; 9], 100.0), 5.0);
        // A single low value is no trend.
        close(forecast(&[4.0, 1.0, 4.0], 10.0), 3.0);
        assert_eq!(forecast(&[1.0], 1.0), None);
        assert_eq!(forecast(&[], 1.0), None);
    }
}
