//! Exports a span for each sampled request to a collector of traces.
//!
//! Spans wait in a bounded queue for a thread of their own. A span that finds the queue full is
//! dropped, so a collector that hangs delays no request. No attribute holds a value of a person.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_otlp::{ExporterBuildError, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanExporter, SpanLinks,
        SpanProcessor,
    },
};
use profile_protocol::CompanyId;

use crate::{
    http::trace_context::TraceContext, limits, ops::otlp_client::CollectorClient,
    settings::OtlpEndpoint,
};

/// What a span says about a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestSpan<'r> {
    pub(crate) context: &'r TraceContext,
    /// The name of the endpoint, which is empty for other paths and methods.
    pub(crate) endpoint: &'static str,
    /// `None` if the client closed its connection.
    pub(crate) status: Option<u16>,
    /// The code of the refusal, or that of an answer without one.
    pub(crate) code: &'static str,
    pub(crate) company: Option<&'r CompanyId>,
    pub(crate) took: Duration,
    /// The time since 1970 at which it was answered.
    pub(crate) ended: Duration,
}

/// Exports spans to one collector.
#[derive(Debug)]
pub(crate) struct SpanExport {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
    counts: Arc<SpanCounts>,
}

/// How many spans were exported, and how many were not.
#[derive(Debug, Default)]
pub(crate) struct SpanCounts {
    ended: AtomicU64,
    exported: AtomicU64,
    failed: AtomicU64,
}

impl SpanCounts {
    /// How many spans ended, how many the collector has, and how many it did not take. The rest was
    /// dropped or is in the queue.
    pub(crate) fn read(&self) -> [(&'static str, u64); 3] {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [
            ("ended", read(&self.ended)),
            ("exported", read(&self.exported)),
            ("failed", read(&self.failed)),
        ]
    }
}

impl SpanExport {
    /// Starts the thread that exports.
    pub(crate) fn start(endpoint: &OtlpEndpoint) -> Result<SpanExport, ExporterBuildError> {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(CollectorClient::new(endpoint.authority()))
            .with_endpoint(endpoint.to_string())
            .with_timeout(limits::COLLECTOR_TIMEOUT)
            .build()?;
        let counts = Arc::new(SpanCounts::default());
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(limits::SPAN_QUEUE)
            .with_max_export_batch_size(limits::SPAN_BATCH)
            .with_scheduled_delay(limits::SPAN_DELAY)
            .build();
        let exporter = CountingExporter { exporter, counts: Arc::clone(&counts) };
        let mut processor = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
        let version = env!("CARGO_PKG_VERSION");
        let resource = Resource::builder_empty()
            .with_service_name("profile-gateway")
            .with_attribute(KeyValue::new("service.version", version))
            .build();
        processor.set_resource(&resource);
        let scope = InstrumentationScope::builder("gateway").with_version(version).build();
        Ok(SpanExport { processor, scope, counts })
    }

    /// Queues the span of a request, unless its trace is not recorded or the queue is full.
    pub(crate) fn export(&self, span: &RequestSpan<'_>) {
        if span.context.is_sampled() {
            self.counts.ended.fetch_add(1, Ordering::Relaxed);
            self.processor.on_end(self.data(span));
        }
    }

    pub(crate) fn counts(&self) -> &SpanCounts {
        &self.counts
    }

    /// Exports what is in the queue, and ends the thread.
    pub(crate) fn close(&self) {
        if let Err(error) = self.processor.shutdown_with_timeout(limits::COLLECTOR_TIMEOUT) {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }

    fn data(&self, span: &RequestSpan<'_>) -> SpanData {
        let ids = span.context.ids();
        let span_context = SpanContext::new(
            TraceId::from(ids.trace.get()),
            SpanId::from(ids.span.get()),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        );
        let end_time = UNIX_EPOCH + span.ended;
        SpanData {
            span_context,
            parent_span_id: ids.parent.map_or(SpanId::INVALID, |parent| parent.get().into()),
            parent_span_is_remote: ids.parent.is_some(),
            span_kind: SpanKind::Server,
            name: if span.endpoint.is_empty() { "HTTP" } else { span.endpoint }.into(),
            start_time: end_time.checked_sub(span.took).unwrap_or(end_time),
            end_time,
            attributes: attributes(span),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: status(span),
            instrumentation_scope: self.scope.clone(),
        }
    }
}

/// The names are those of the semantic conventions for servers of HTTP, and two of the gateway.
fn attributes(span: &RequestSpan<'_>) -> Vec<KeyValue> {
    let mut attributes = vec![KeyValue::new("gateway.code", span.code)];
    if let Some((method, route)) = span.endpoint.split_once(' ') {
        attributes.push(KeyValue::new("http.request.method", method));
        attributes.push(KeyValue::new("http.route", route));
    }
    if let Some(status) = span.status {
        attributes.push(KeyValue::new("http.response.status_code", i64::from(status)));
    }
    if let Some(company) = span.company {
        attributes.push(KeyValue::new("gateway.company", company.to_string()));
    }
    attributes
}

/// An error of a caller is none of the server.
fn status(span: &RequestSpan<'_>) -> Status {
    match span.status {
        Some(500..) => Status::error(span.code),
        Some(_) | None => Status::Unset,
    }
}

/// An exporter that counts spans.
#[derive(Debug)]
struct CountingExporter {
    exporter: opentelemetry_otlp::SpanExporter,
    counts: Arc<SpanCounts>,
}

impl SpanExporter for CountingExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len() as u64;
        let result = self.exporter.export(batch).await;
        let SpanCounts { exported, failed, .. } = &*self.counts;
        let count = if result.is_ok() { exported } else { failed };
        count.fetch_add(spans, Ordering::Relaxed);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
