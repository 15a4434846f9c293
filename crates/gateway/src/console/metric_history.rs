//! The values of some metrics over the last hour and day, so that charts need no Prometheus.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::metric_values::MetricValues;
use crate::limits;

/// The beginnings of the series that are kept. None of them grows with the number of companies.
const KEPT: [&str; 5] = [
    "gateway_requests_total{",
    "gateway_refusals_total{",
    MERGED,
    CLIENT_SECONDS,
    "gateway_request_seconds_count{endpoint=\"POST /client/profiles\"}",
];

/// The beginning of the buckets of requests of browsers and apps.
pub(super) const CLIENT_SECONDS: &str =
    "gateway_request_seconds_bucket{endpoint=\"POST /client/profiles\"";

/// The series of merges.
pub(super) const MERGED: &str = "gateway_profiles_total{effect=\"merged\"}";

/// The series of batches, which is not among the metrics of events.
pub(super) const BATCHES: &str = "batches";

/// The series of the other readings of a moment, by the names of their metrics.
pub(super) const DISK_FREE: &str = "gateway_disk_free_bytes";
pub(super) const DISK_WAIT: &str = "gateway_disk_wait_seconds";
pub(super) const CLOSED_CONNECTIONS: &str = "gateway_connections_closed_total";

/// What a sample has beside the metrics of events, which are those of its moment only if they are
/// read then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MomentReadings {
    pub(crate) batches: u64,
    pub(crate) disk_free: u64,
    pub(crate) disk_wait: Duration,
    pub(crate) connections_closed: u64,
}

/// Values at one time.
#[derive(Clone, Debug)]
pub(super) struct MetricSample {
    values: BTreeMap<String, f64>,
}

impl MetricSample {
    /// The values of the series that are kept of the metrics of events.
    pub(super) fn of(values: &MetricValues) -> MetricSample {
        let series = KEPT.iter().flat_map(|start| values.beginning(start));
        let values = series.map(|(name, value)| (name.to_owned(), value)).collect();
        MetricSample { values }
    }

    #[expect(clippy::cast_precision_loss, reason = "neither a chart nor a rule has as many digits")]
    fn note(&mut self, readings: &MomentReadings) {
        for (name, value) in [
            (BATCHES, readings.batches as f64),
            (DISK_FREE, readings.disk_free as f64),
            (DISK_WAIT, readings.disk_wait.as_secs_f64()),
            (CLOSED_CONNECTIONS, readings.connections_closed as f64),
        ] {
            self.values.insert(name.to_owned(), value);
        }
    }

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
    pub(crate) fn add(&self, values: &MetricValues, readings: &MomentReadings) {
        let mut sample = MetricSample::of(values);
        sample.note(readings);
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

    const READINGS: MomentReadings = MomentReadings {
        batches: 0,
        disk_free: 1,
        disk_wait: Duration::ZERO,
        connections_closed: 2,
    };

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
            history.add(&text(minute, 0, 0), &READINGS);
        }
        let (hour, day) = (history.hour(), history.day());
        assert_eq!((hour.len(), day.len()), (limits::HOUR_SAMPLES, limits::DAY_SAMPLES));
        let increases = increases(&day, "gateway_requests_total{outcome=\"accepted\"}");
        assert!(increases.iter().all(|increase| (*increase - 5.0).abs() < f64::EPSILON));
        assert!(hour[0].values.len() < 12, "only some series are kept");
    }

    #[test]
    fn a_quantile_is_the_end_of_its_bucket() {
        let history = MetricHistory::default();
        history.add(&text(0, 10, 10), &READINGS);
        history.add(&text(0, 100, 110), &READINGS);
        let [before, after] = &history.hour()[..] else { panic!() };
        assert_eq!(quantile(before, after, 0.5), Some(1.0));
        assert_eq!(quantile(before, after, 0.99), Some(500.0));
        assert_eq!(quantile(after, after, 0.5), None);
    }
}
