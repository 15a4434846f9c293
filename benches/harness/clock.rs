//! The only place where the harness reads a clock.

use std::time::{Duration, Instant};

use crate::report;

#[expect(clippy::disallowed_methods, reason = "to measure is what this program is for")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// How many of something came in a second.
pub(crate) fn rate(count: u64, took: Duration) -> f64 {
    report::float(count) / took.as_secs_f64().max(1e-9)
}

/// Microseconds, as all times of a table are told.
pub(crate) fn micros(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6
}
