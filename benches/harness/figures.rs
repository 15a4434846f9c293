//! Figures: rates, percentiles and medians, and how they are printed.

use std::time::Duration;

/// Latencies at three percentiles, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

impl Percentiles {
    /// The percentiles of `times`. Sorts `times`.
    pub(crate) fn from_times(times: &mut [Duration]) -> Percentiles {
        times.sort_unstable();
        let at = |thousandths: usize| {
            let index = (times.len() * thousandths / 1_000).min(times.len().saturating_sub(1));
            times.get(index).map_or(0.0, |&took| micros(took))
        };
        Percentiles { p50: at(500), p99: at(990), p999: at(999) }
    }

    /// The median of each percentile over several runs.
    pub(crate) fn median(runs: &[Percentiles]) -> Percentiles {
        let over = |percentile: fn(&Percentiles) -> f64| median(runs.iter().map(percentile));
        Percentiles {
            p50: over(|run| run.p50),
            p99: over(|run| run.p99),
            p999: over(|run| run.p999),
        }
    }
}

/// Events per second.
pub(crate) fn rate(count: u64, took: Duration) -> f64 {
    float(count) / took.as_secs_f64().max(1e-9)
}

/// A duration in microseconds, the unit of all times in the table.
pub(crate) fn micros(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6
}

/// Formats a time, given in microseconds, to three digits.
pub(crate) fn duration(micros: f64) -> String {
    match micros {
        ..1.0 => format!("{:.0} ns", micros * 1e3),
        ..10.0 => format!("{micros:.2} µs"),
        ..100.0 => format!("{micros:.1} µs"),
        ..1_000.0 => format!("{micros:.0} µs"),
        ..10_000.0 => format!("{:.2} ms", micros / 1e3),
        ..100_000.0 => format!("{:.1} ms", micros / 1e3),
        ..1_000_000.0 => format!("{:.0} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}

/// Formats a rate: `1,234/s`.
pub(crate) fn per_second(rate: f64) -> String {
    format!("{}/s", grouped(rate))
}

/// Formats a number without decimals, its thousands separated by commas.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if 0 < place && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a count, its thousands separated by commas.
pub(crate) fn count(number: u64) -> String {
    grouped(float(number))
}

/// Formats a number of bytes in units of 1,000,000.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{} MB", grouped(float(bytes) / 1e6))
}

/// A count as a float.
#[expect(clippy::cast_precision_loss, reason = "no count here reaches 16 digits")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

/// The median. Of an even number of values, the mean of the middle two; of none, 0.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let lower = values.get(values.len().saturating_sub(1) / 2);
    let upper = values.get(values.len() / 2);
    lower.zip(upper).map_or(0.0, |(lower, upper)| f64::midpoint(*lower, *upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_formatted_for_people() {
        assert_eq!(per_second(1_234_567.8), "1,234,568/s");
        assert_eq!(per_second(999.0), "999/s");
        assert_eq!([0.03, 2.5, 12_345.6].map(duration), ["30 ns", "2.50 µs", "12.3 ms"]);
    }

    #[test]
    fn the_median_is_the_middle_value_or_the_mean_of_the_middle_two() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()).to_bits(), 2.0_f64.to_bits());
        assert_eq!(median([4.0, 1.0].into_iter()).to_bits(), 2.5_f64.to_bits());
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let mut times: Vec<Duration> = (1..=1_000).rev().map(Duration::from_micros).collect();
        let Percentiles { p50, p99, p999 } = Percentiles::from_times(&mut times);
        let rounded = [p50, p99, p999].map(f64::round).map(f64::to_bits);
        assert_eq!(rounded, [501.0_f64, 991.0, 1_000.0].map(f64::to_bits));
    }
}
