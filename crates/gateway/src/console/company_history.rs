//! How many requests each company has sent, at each of the last minutes, so that the console can
//! tell rates of single companies.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::metric_values::{MetricValues, label};
use crate::{limits, metrics::ACCEPTED};

const REQUESTS: &str = "gateway_company_requests_total{company=\"";

/// Requests of one company since the start, or in a time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct RequestCounts {
    pub(super) all: f64,
    pub(super) accepted: f64,
    pub(super) throttled: f64,
}

impl RequestCounts {
    /// Those of a company since the start.
    pub(super) fn of(values: &MetricValues, company: &str) -> RequestCounts {
        let mut counts = RequestCounts::default();
        for (series, count) in values.beginning(&format!("{REQUESTS}{company}\"")) {
            counts.add(series, count);
        }
        counts
    }

    fn add(&mut self, series: &str, count: f64) {
        self.all += count;
        match label(series, "code") {
            Some(ACCEPTED) => self.accepted += count,
            Some("throttled") => self.throttled += count,
            Some(_) | None => {}
        }
    }

    pub(super) fn since(self, before: RequestCounts) -> RequestCounts {
        RequestCounts {
            all: self.all - before.all,
            accepted: self.accepted - before.accepted,
            throttled: self.throttled - before.throttled,
        }
    }
}

/// The requests of each company that has metrics of its own.
pub(super) type CompanyMinute = BTreeMap<String, RequestCounts>;

/// The samples of the last minutes. Each has as many companies as have metrics of their own.
#[derive(Debug, Default)]
pub(crate) struct CompanyHistory {
    minutes: Mutex<VecDeque<CompanyMinute>>,
}

impl CompanyHistory {
    /// Adds the sample of a minute.
    pub(crate) fn add(&self, values: &MetricValues) {
        let mut minute = CompanyMinute::new();
        for (series, count) in values.beginning(REQUESTS) {
            let company = label(series, "company").unwrap_or_default();
            match minute.get_mut(company) {
                Some(counts) => counts.add(series, count),
                None => minute.entry(company.to_owned()).or_default().add(series, count),
            }
        }
        let mut minutes = self.lock();
        if minutes.len() == limits::COMPANY_SAMPLES {
            minutes.pop_front();
        }
        minutes.push_back(minute);
    }

    /// The samples, oldest first.
    pub(super) fn minutes(&self) -> Vec<CompanyMinute> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<CompanyMinute>> {
        // Whatever a panic interrupted, samples are whole.
        self.minutes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(company: &str, code: &str, count: usize) -> String {
        format!("{REQUESTS}{company}\",endpoint=\"a\",code=\"{code}\"}} {count}\n")
    }

    #[test]
    fn requests_of_each_company_are_counted_apart_and_the_samples_are_bounded() {
        let history = CompanyHistory::default();
        for minute in 0..2 * limits::COMPANY_SAMPLES {
            let both = text("A1", "accepted", minute) + &text("A1", "throttled", 2);
            history.add(&MetricValues::read(&(both + &text("A12", "invalid", 7))));
        }
        let minutes = history.minutes();
        assert_eq!(minutes.len(), limits::COMPANY_SAMPLES);
        let expected = RequestCounts { all: 18.0, accepted: 16.0, throttled: 2.0 };
        assert_eq!(minutes[0]["A1"], expected);
        assert_eq!(minutes[0]["A12"], RequestCounts { all: 7.0, ..RequestCounts::default() });
    }
}
