//! The formats in which metrics are exposed: the text format of Prometheus, and that of
//! `OpenMetrics`.

use std::fmt::Write;

/// A format of metrics.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MetricsFormat {
    /// `OpenMetrics` 1.0.
    OpenMetrics,
    /// The text format of Prometheus, which every tool reads.
    Text,
}

impl MetricsFormat {
    /// The format that a request asks for by its `Accept` headers: the text format, unless
    /// `OpenMetrics` is named and preferred to it.
    pub fn negotiate<'h>(accept: impl IntoIterator<Item = &'h str>) -> MetricsFormat {
        let ranges = accept.into_iter().flat_map(|header| header.split(',')).map(MediaRange::parse);
        let (mut open_metrics, mut text) = (0, 0);
        for range in ranges {
            match range.name.to_ascii_lowercase().as_str() {
                "application/openmetrics-text" => open_metrics = range.quality.max(open_metrics),
                "text/plain" | "text/*" | "*/*" => text = range.quality.max(text),
                _ => {}
            }
        }
        if text < open_metrics { MetricsFormat::OpenMetrics } else { MetricsFormat::Text }
    }

    /// The media type of a response.
    pub fn media_type(self) -> &'static str {
        match self {
            MetricsFormat::OpenMetrics => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
            MetricsFormat::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// An element of `Accept`, with its quality in thousandths.
struct MediaRange<'h> {
    name: &'h str,
    quality: u16,
}

impl MediaRange<'_> {
    fn parse(element: &str) -> MediaRange<'_> {
        let mut parts = element.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        MediaRange { name, quality: quality.map_or(1_000, thousandths) }
    }
}

/// A quality, 0 to 1. A malformed one counts as none.
fn thousandths(quality: &str) -> u16 {
    let (whole, fraction) = quality.split_once('.').unwrap_or((quality, ""));
    let digits = format!("{whole}{:0<3}", fraction.get(..3).unwrap_or(fraction));
    digits.parse().unwrap_or(0).min(1_000)
}

/// The text format of what was rendered as `OpenMetrics`.
///
/// It knows no type `info`, names a counter with its suffix in the comments as well, and has no
/// mark at its end.
pub(super) fn text_format(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = "";
    for line in open_metrics.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            help = described;
        } else if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.rsplit_once(' ').unwrap_or((typed, "untyped"));
            let (suffix, kind) = match kind {
                "counter" => ("_total", kind),
                "info" => ("_info", "gauge"),
                _ => ("", kind),
            };
            let help = help.strip_prefix(name).unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = write!(text, "# HELP {name}{suffix}{help}\n# TYPE {name}{suffix} {kind}\n");
        } else if !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_format_is_answered_unless_the_other_is_preferred() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,\
                          application/openmetrics-text;version=0.0.1;q=0.4,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, format) in [
            (&[][..], MetricsFormat::Text),
            (&["*/*"], MetricsFormat::Text),
            (&["text/plain"], MetricsFormat::Text),
            (&["text/html,application/xhtml+xml"], MetricsFormat::Text),
            (&[prometheus], MetricsFormat::OpenMetrics),
            (&["application/openmetrics-text"], MetricsFormat::OpenMetrics),
            (&["Application/OpenMetrics-Text; version=1.0.0"], MetricsFormat::OpenMetrics),
            (&["text/plain;q=0.5", "application/openmetrics-text"], MetricsFormat::OpenMetrics),
            (&["text/plain, application/openmetrics-text;q=0.9"], MetricsFormat::Text),
            (&["application/openmetrics-text;q=0"], MetricsFormat::Text),
            (&["application/openmetrics-text;q=many"], MetricsFormat::Text),
        ] {
            assert_eq!(MetricsFormat::negotiate(accept.iter().copied()), format, "{accept:?}");
        }
    }

    #[test]
    fn the_text_format_names_counters_and_information_as_their_series() {
        let open_metrics = "# HELP a Things.\n# TYPE a counter\na_total 1\n\
                            # HELP b A thing.\n# TYPE b info\nb_info{v=\"1\"} 1\n\
                            # HELP c More.\n# TYPE c gauge\nc 2\n# EOF\n";
        let text = "# HELP a_total Things.\n# TYPE a_total counter\na_total 1\n\
                    # HELP b_info A thing.\n# TYPE b_info gauge\nb_info{v=\"1\"} 1\n\
                    # HELP c More.\n# TYPE c gauge\nc 2\n";
        assert_eq!(text_format(open_metrics), text);
    }
}
