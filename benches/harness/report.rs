//! The table of results.

use std::fmt::Write;

use crate::{
    figures::{Percentiles, duration},
    progress,
};

/// A result relative to another one.
#[derive(Clone, Debug)]
pub(crate) struct Ratio {
    pub(crate) value: f64,
    /// Name of the other result.
    pub(crate) of: String,
    /// The target, if there is one.
    pub(crate) bound: Option<RatioBound>,
}

/// A target for a ratio.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RatioBound {
    AtLeast(f64),
    AtMost(f64),
}

impl RatioBound {
    fn is_met(self, value: f64) -> bool {
        match self {
            RatioBound::AtLeast(bound) => bound <= value,
            RatioBound::AtMost(bound) => value <= bound,
        }
    }

    fn describe(self, of: &str) -> String {
        match self {
            RatioBound::AtLeast(bound) => format!("≥ {bound} × {of}"),
            RatioBound::AtMost(bound) => format!("≤ {bound} × {of}"),
        }
    }
}

/// One row of the table.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResultRow {
    pub(crate) what: String,
    pub(crate) result: String,
    pub(crate) times: Option<Percentiles>,
    pub(crate) ratios: Vec<Ratio>,
    /// Targets that are no ratios: in words, and whether each is met.
    pub(crate) wanted: Vec<(String, bool)>,
    pub(crate) note: String,
}

/// All results of a run.
#[derive(Debug, Default)]
pub(crate) struct ResultTable {
    rows: Vec<ResultRow>,
}

impl ResultTable {
    /// Adds a row, and prints its result at once.
    pub(crate) fn add(&mut self, row: ResultRow) {
        progress::print(&format!("  {}: {}", row.what, row.result));
        self.rows.push(row);
    }

    /// The table in Markdown.
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

impl ResultRow {
    fn cells(&self) -> [String; 9] {
        let time = |percentile: fn(&Percentiles) -> f64| {
            self.times.as_ref().map_or_else(|| "–".to_owned(), |times| duration(percentile(times)))
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
            let bound = ratio.bound?;
            Some((bound.describe(&ratio.of), verdict(bound.is_met(ratio.value))))
        };
        let others = self.wanted.iter().map(|(text, is_met)| (text.clone(), verdict(*is_met)));
        self.ratios.iter().filter_map(of_ratio).chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_beyond_its_bound_is_printed_as_not_met() {
        let ratio = |value, bound| Ratio { value, of: "loop".to_owned(), bound: Some(bound) };
        let ratios = vec![
            ratio(0.9, RatioBound::AtLeast(0.8)),
            ratio(0.7, RatioBound::AtLeast(0.8)),
            ratio(3.1, RatioBound::AtMost(3.0)),
        ];
        let row = ResultRow { ratios, ..ResultRow::default() };
        let expected =
            [("≥ 0.8 × loop", "yes"), ("≥ 0.8 × loop", "**no**"), ("≤ 3 × loop", "**no**")];
        let verdicts = row.verdicts();
        let printed = verdicts.iter().map(|(text, verdict)| (text.as_str(), *verdict));
        assert_eq!(printed.collect::<Vec<_>>(), expected);
    }
}
