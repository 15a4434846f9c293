//! The values of metrics, read from their text format.

use std::collections::BTreeMap;

/// The values of all series at one moment, by their names with labels.
#[derive(Debug, Default)]
pub(crate) struct MetricValues {
    values: BTreeMap<String, f64>,
}

impl MetricValues {
    /// Reads the text that the gateway renders itself.
    pub(crate) fn read(text: &str) -> MetricValues {
        let series = text.lines().filter(|line| !line.starts_with('#'));
        let pair = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        MetricValues { values: series.filter_map(pair).collect() }
    }

    /// The value of one series; zero if there is none.
    pub(crate) fn get(&self, series: &str) -> f64 {
        self.values.get(series).copied().unwrap_or_default()
    }

    /// The series whose names begin like this.
    pub(crate) fn beginning<'v>(&'v self, start: &'v str) -> impl Iterator<Item = (&'v str, f64)> {
        let from = self.values.range(start.to_owned()..);
        from.map(|(name, value)| (name.as_str(), *value))
            .take_while(move |(name, _)| name.starts_with(start))
    }

    /// The sum of all series of this name, or of the one series with labels.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let labelled = format!("{name}{{");
        self.get(name) + self.beginning(&labelled).map(|(_, value)| value).sum::<f64>()
    }

    /// The greatest of the series whose names begin like this.
    pub(crate) fn greatest(&self, start: &str) -> f64 {
        self.beginning(start).map(|(_, value)| value).fold(0.0, f64::max)
    }
}

/// The value of a label in the name of a series.
pub(crate) fn label<'s>(series: &'s str, name: &str) -> Option<&'s str> {
    let (_, after) = series.split_once(&format!("{name}=\""))?;
    after.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_series_and_by_beginning() {
        let text = "# HELP a A.\na{x=\"1 2\"} 3\na{x=\"b\"} 4.5\nab 1\nwrong\n";
        let values = MetricValues::read(text);
        assert!((values.get("a{x=\"1 2\"}") - 3.0).abs() < f64::EPSILON);
        assert_eq!(values.beginning("a{").count(), 2);
        assert!((values.greatest("a{") - 4.5).abs() < f64::EPSILON);
        assert!((values.sum("a") - 7.5).abs() < f64::EPSILON);
        assert!((values.sum("ab") - 1.0).abs() < f64::EPSILON);
        assert_eq!(label("a{x=\"b\",y=\"c\"}", "y"), Some("c"));
    }
}
