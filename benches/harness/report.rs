//! The table.

use std::{fmt::Write, time::Duration};

use crate::clock;

/// Times within which a half, all but a hundredth, and all but a thousandth were
/// done, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

impl Percentiles {
    /// Those of these times, which are sorted for it.
    pub(crate) fn of(times: &mut [Duration]) -> Percentiles {
        times.sort_unstable();
        let at = |thousandths: usize| {
            let index = (times.len() * thousandths / 1_000).min(times.len().saturating_sub(1));
            times.get(index).map_or(0.0, |&took| clock::micros(took))
        };
        Percentiles { p50: at(500), p99: at(990), p999: at(999) }
    }
}

/// A result as a part of another.
#[derive(Clone, Debug)]
pub(crate) struct Ratio {
    pub(crate) value: f64,
    pub(crate) of: String,
    /// How much it is to be at least.
    pub(crate) at_least: Option<f64>,
}

/// One line of the table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) result: String,
    pub(crate) times: Option<Percentiles>,
    pub(crate) ratios: Vec<Ratio>,
    /// Something wanted of this line that is no ratio: in words, and whether it is so.
    pub(crate) wanted: Vec<(String, bool)>,
    pub(crate) note: String,
}

/// All that was measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Adds a line, and says it at once.
    pub(crate) fn add(&mut self, row: Row) {
        crate::tell(&format!("  {}: {}", row.what, row.result));
        self.rows.push(row);
    }

    /// The table.
    pub(crate) fn markdown(&self) -> String {
        let mut table = "\n| what | result | p50 | p99 | p999 | ratio | wanted | met | notes |\n\
                         |---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
        for row in &self.rows {
            // Writing to a string does not fail.
            let _ = writeln!(table, "| {} |", row.cells().join(" | "));
        }
        table
    }
}

impl Row {
    fn cells(&self) -> [String; 9] {
        let time = |of: fn(&Percentiles) -> f64| {
            self.times.as_ref().map_or_else(|| "–".to_owned(), |times| duration(of(times)))
        };
        let ratio = |ratio: &Ratio| format!("{:.2} × {}", ratio.value, ratio.of);
        let (wanted, met): (Vec<String>, Vec<&str>) = self.verdicts().into_iter().unzip();
        [
            self.what.clone(),
            self.result.clone(),
            time(|times| times.p50),
            time(|times| times.p99),
            time(|times| times.p999),
            self.ratios.iter().map(ratio).collect::<Vec<_>>().join("; "),
            wanted.join("; "),
            met.join("; "),
            self.note.clone(),
        ]
    }

    fn verdicts(&self) -> Vec<(String, &'static str)> {
        let verdict = |is_met| if is_met { "yes" } else { "**no**" };
        let of_ratio = |ratio: &Ratio| {
            let least = ratio.at_least?;
            Some((format!("≥ {least} × {}", ratio.of), verdict(least <= ratio.value)))
        };
        let others = self.wanted.iter().map(|(text, is_met)| (text.clone(), verdict(*is_met)));
        self.ratios.iter().filter_map(of_ratio).chain(others).collect()
    }
}

/// A time given in microseconds, to three digits.
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

/// How often something was done in a second.
pub(crate) fn per_second(rate: f64) -> String {
    format!("{}/s", grouped(rate))
}

/// A whole number with its thousands set apart.
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

/// The same, of something that was counted.
pub(crate) fn count(number: u64) -> String {
    grouped(float(number))
}

/// A number of bytes in units of 1,000,000.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{} MB", grouped(float(bytes) / 1e6))
}

/// What was counted, to reckon with.
#[expect(clippy::cast_precision_loss, reason = "nothing is counted to 16 digits here")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

/// The value in the middle; between two, their mean.
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
    fn numbers_are_told_as_people_read_them() {
        assert_eq!(per_second(1_234_567.8), "1,234,568/s");
        assert_eq!(per_second(999.0), "999/s");
        assert_eq!([0.03, 2.5, 12_345.6].map(duration), ["30 ns", "2.50 µs", "12.3 ms"]);
    }

    #[test]
    fn the_median_is_the_middle_one_or_lies_between_the_two() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()).to_bits(), 2.0_f64.to_bits());
        assert_eq!(median([4.0, 1.0].into_iter()).to_bits(), 2.5_f64.to_bits());
    }

    #[test]
    fn a_ratio_that_is_too_low_is_told_as_not_met() {
        let ratio = |value| Ratio { value, of: "loop".to_owned(), at_least: Some(0.8) };
        let row = Row { ratios: vec![ratio(0.9), ratio(0.7)], ..Row::default() };
        let expected = [("≥ 0.8 × loop", "yes"), ("≥ 0.8 × loop", "**no**")];
        let verdicts = row.verdicts();
        let told = verdicts.iter().map(|(text, verdict)| (text.as_str(), *verdict));
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let mut times: Vec<Duration> = (1..=1_000).rev().map(Duration::from_micros).collect();
        let Percentiles { p50, p99, p999 } = Percentiles::of(&mut times);
        let rounded = [p50, p99, p999].map(f64::round).map(f64::to_bits);
        assert_eq!(rounded, [501.0_f64, 991.0, 1_000.0].map(f64::to_bits));
    }
}
