//! Writes the series of metrics that are read from elsewhere when they are rendered.

use std::fmt;

use prometheus_client::{
    encoding::{
        DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet,
    },
    metrics::MetricType,
};

use super::{
    catalogue::{MetricEntry, MetricKind},
    labels::{Label, Labels},
};

/// The series of one metric.
pub(super) struct SeriesWriter<'e> {
    encoder: MetricEncoder<'e>,
}

impl<'e> SeriesWriter<'e> {
    /// Writes what the catalogue says about a metric. Its series follow.
    pub(super) fn begin(
        encoder: &'e mut DescriptorEncoder<'_>,
        entry: MetricEntry,
    ) -> Result<SeriesWriter<'e>, fmt::Error> {
        let kind = match entry.kind {
            MetricKind::Counter => MetricType::Counter,
            MetricKind::Gauge => MetricType::Gauge,
            MetricKind::Histogram => MetricType::Histogram,
            MetricKind::Info => MetricType::Info,
        };
        let encoder = encoder.encode_descriptor(entry.base_name(), entry.help, None, kind)?;
        Ok(SeriesWriter { encoder })
    }

    pub(super) fn counter(
        &mut self,
        labels: &[Label<'_>],
        value: &impl EncodeCounterValue,
    ) -> fmt::Result {
        let write = |encoder: &mut MetricEncoder<'_>| {
            encoder.encode_counter::<NoLabelSet, _, u64>(value, None)
        };
        self.with_labels(labels, write)
    }

    pub(super) fn gauge(
        &mut self,
        labels: &[Label<'_>],
        value: &impl EncodeGaugeValue,
    ) -> fmt::Result {
        self.with_labels(labels, |encoder| encoder.encode_gauge(value))
    }

    /// A histogram of whole numbers: each size, and how many there were of it. There were none of a
    /// larger size.
    pub(super) fn histogram(&mut self, sum: u64, sizes: &[(usize, u64)]) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "numbers above 2^53 may be rounded")]
        let (float, sum) = (|size: &usize| *size as f64, sum as f64);
        let buckets = sizes.iter().map(|(size, count)| (float(size), *count));
        let buckets: Vec<(f64, u64)> = buckets.chain([(f64::MAX, 0)]).collect();
        let count = sizes.iter().map(|(_, count)| count).sum();
        self.encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn with_labels(
        &mut self,
        labels: &[Label<'_>],
        write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        if labels.is_empty() {
            return write(&mut self.encoder);
        }
        let labels = Labels(labels);
        write(&mut self.encoder.encode_family(&labels)?)
    }
}
