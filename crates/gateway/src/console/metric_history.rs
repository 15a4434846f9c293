//! The values of some metrics over the last hour and day, so that charts need no Prometheus.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::metric_values::MetricValues;
use crate::limits;

/// The beginnings of the series that are kept. None of them grows with the number of companies.
const KEPT: [&str; 5] = [
    "gateway_requests_total{",
    "gateway_refusals_total{",
    "gateway_profiles_total{effect=\"merged\"}",
    CLIENT_SECONDS,
    "gateway_request_seconds_count{endpoint=\"POST /client/profiles\"}",
];

/// The beginning of the buckets of requests of browsers and apps.
pub(super) const CLIENT_SECONDS: &str =
    "gateway_request_seconds_bucket{endpoint=\"POST /client/profiles\"";

/// The series of batches, which is not among the metrics of events.
pub(super) const BATCHES: &str = "batches";

/// Values at one time.
#[derive(Clone, Debug)]
pub(super) struct MetricSample {
    values: BTreeMap<String, f64>,
}

impl MetricSample {
    pub(super) fn get(&self, series: &str) -> f64 {
        self.values.get(series).copied().unwrap_or_default()
    }

    pub(super) fn beginning<'v>(&'v self, start: &'v str) -> impl Iterator<Item = (&'v str, f64)> {
        let all = self.values.iter().map(|(name, value)| (name.as_str(), *value));
        all.filter(move |(name, _)| name.starts_with(start))
    }
}

/// Two rings of samples: one for each minute of the last hour, and one for each five minutes of
/// the last day.
#[derive(Debug, Default)]
pub(crate) struct MetricHistory {
    rings: Mutex<SampleRings>,
}

#[derive(Debug, Default)]
struct SampleRings {
    taken: usize,
    hour: VecDeque<MetricSample>,
    day: VecDeque<MetricSample>,
}

impl MetricHistory {
    /// Adds the sample of a minute.
    pub(crate) fn add(&self, values: &MetricValues, batches: u64) {
        let series = KEPT.iter().flat_map(|start| values.beginning(start));
        let mut values: BTreeMap<String, f64> =
            series.map(|(name, value)| (name.to_owned(), value)).collect();
        #[expect(clippy::cast_precision_loss, reason = "a chart has fewer digits")]
        values.insert(BATCHES.to_owned(), batches as f64);
        let sample = MetricSample { values };
        let mut rings = self.lock();
        if rings.taken.is_multiple_of(limits::DAY_SAMPLE_MINUTES) {
            push(&mut rings.day, sample.clone(), limits::DAY_SAMPLES);
        }
        push(&mut rings.hour, sample, limits::HOUR_SAMPLES);
        rings.taken += 1;
    }

    /// The samples of the last hour, oldest first.
    pub(super) fn hour(&self) -> Vec<MetricSample> {
        self.lock().hour.iter().cloned().collect()
    }

    /// The samples of the last day, oldest first.
    pub(super) fn day(&self) -> Vec<MetricSample> {
        self.lock().day.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, SampleRings> {
        // Whatever a panic interrupted, samples are whole.
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push(ring: &mut VecDeque<MetricSample>, sample: MetricSample, most: usize) {
    if ring.len() == most {
        ring.pop_front();
    }
    ring.push_back(sample);
}

/// The increase of a series from each sample to the next.
pub(super) fn increases(samples: &[MetricSample], series: &str) -> Vec<f64> {
    let pairs = samples.iter().zip(samples.iter().skip(1));
    pairs.map(|(before, after)| (after.get(series) - before.get(series)).max(0.0)).collect()
}

/// The time within which so much of the requests of browsers and apps was answered between two
/// samples, in milliseconds: the end of the bucket of the slowest of them. `None` without requests.
pub(super) fn quantile(before: &MetricSample, after: &MetricSample, part: f64) -> Option<f64> {
    let mut buckets: Vec<(f64, f64)> = after
        .beginning(CLIENT_SECONDS)
        .filter_map(|(name, count)| {
            let end = super::metric_values::label(name, "le")?;
            let end = if end == "+Inf" { f64::INFINITY } else { end.parse().ok()? };
            Some((end, count - before.get(name)))
        })
        .collect();
    buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
    let all = buckets.last().map(|(_, count)| *count).filter(|count| *count > 0.0)?;
    let within = buckets.iter().find(|(_, count)| all * part <= *count)?;
    // The last bucket has no end; the one before says at least how long.
    let ends: Vec<f64> =
        buckets.iter().map(|(end, _)| *end).filter(|end| end.is_finite()).collect();
    let longest = ends.last().copied().unwrap_or_default();
    Some(within.0.min(longest) * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(accepted: u64, fast: u64, all: u64) -> MetricValues {
        let bucket = |end: &str, count| format!("{CLIENT_SECONDS},le=\"{end}\"}} {count}\n");
        MetricValues::read(&format!(
            "gateway_requests_total{{outcome=\"accepted\"}} {accepted}\n{}{}{}other 1\n",
            bucket("0.001", fast),
            bucket("0.5", all),
            bucket("+Inf", all)
        ))
    }

    #[test]
    fn both_rings_are_bounded() {
        let history = MetricHistory::default();
        for minute in 0..3_000 {
            history.add(&text(minute, 0, 0), 0);
        }
        let (hour, day) = (history.hour(), history.day());
        assert_eq!((hour.len(), day.len()), (limits::HOUR_SAMPLES, limits::DAY_SAMPLES));
        let increases = increases(&day, "gateway_requests_total{outcome=\"accepted\"}");
        assert!(increases.iter().all(|increase| (*increase - 5.0).abs() < f64::EPSILON));
        assert!(hour[0].values.len() < 10, "only some series are kept");
    }

    #[test]
    fn a_quantile_is_the_end_of_its_bucket() {
        let history = MetricHistory::default();
        history.add(&text(0, 10, 10), 0);
        history.add(&text(0, 100, 110), 0);
        let [before, after] = &history.hour()[..] else { panic!() };
        assert_eq!(quantile(before, after, 0.5), Some(1.0));
        assert_eq!(quantile(before, after, 0.99), Some(500.0));
        assert_eq!(quantile(after, after, 0.5), None);
    }
}
