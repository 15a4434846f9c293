//! The metrics that are read from the rest of the gateway when they are rendered.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use profile_protocol::CompanyId;
use profile_store::{BATCH_SIZES, BatchCounts, LaneStatus, engine::EngineStatus};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue},
};

use super::{
    catalogue::{
        BATCH_REQUESTS, BODY_BYTES, BODY_LIMIT_BYTES, CACHE_BYTES, CACHE_EVICTIONS,
        CACHE_LIMIT_BYTES, CACHE_READS, CERTIFICATE_EXPIRY, CHECKPOINT_STALL_SECONDS, CHECKPOINTS,
        CLIENT_NETWORKS, CLOCK_TRUSTED, COMMIT_BATCHES, COMMIT_QUEUE_DEPTH, CONNECTIONS,
        CONNECTIONS_CLOSED, CONNECTIONS_LIMIT, DISK_FREE_BYTES, DISK_RESERVED_BYTES,
        DISK_WAIT_SECONDS, LANE_DEPTH, LANE_WAIT_SECONDS, MetricEntry, PENDING_BYTES, PROCESS_CPU,
        PROCESS_MAX_FDS, PROCESS_OPEN_FDS, PROCESS_RESIDENT, PROCESS_START, PROCESS_THREADS,
        PROCESS_VIRTUAL, PRUNED, RATE_LIMIT_USED, READY, RELOAD_SUCCESSFUL, RELOAD_TIME, SPANS,
        STORE_BYTES, UNARCHIVED_FILES, UNSYNCED_COMMITS,
    },
    labels::{Label, LabelText},
    series::SeriesWriter,
};
use crate::capacity::connection_table::ConnectionCounts;

/// What the gateway was like at one moment.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    pub(crate) batches: BatchCounts,
    pub(crate) bodies: Vec<BodyBudgetReading>,
    pub(crate) cache_limit: u64,
    /// The time since 1970 after which clients refuse the certificate, if there is one.
    pub(crate) certificate_expiry: Option<Duration>,
    pub(crate) checkpoint_stall: Duration,
    pub(crate) client_networks: usize,
    pub(crate) connections: ConnectionCounts,
    pub(crate) connections_limit: usize,
    pub(crate) disk_free: u64,
    pub(crate) disk_reserved: u64,
    pub(crate) disk_wait: Duration,
    pub(crate) engine: EngineStatus,
    pub(crate) is_clock_trusted: bool,
    pub(crate) is_ready: bool,
    pub(crate) is_reload_successful: bool,
    pub(crate) lanes: Vec<LaneStatus>,
    /// `None` where the system does not tell.
    pub(crate) process: Option<ProcessReading>,
    pub(crate) pruned_by_age: u64,
    pub(crate) pruned_by_count: u64,
    pub(crate) rate_limits: Vec<RateLimitReading>,
    pub(crate) reload_time: Duration,
    /// The counts of spans, if any are exported.
    pub(crate) spans: Option<[(&'static str, u64); 3]>,
    /// `None` if the file system failed to tell.
    pub(crate) store_bytes: Option<u64>,
}

/// How much of a budget for request bodies is used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyBudgetReading {
    pub(crate) name: &'static str,
    pub(crate) used: usize,
    pub(crate) capacity: usize,
}

/// How much of its windows a company has used at an endpoint, 0 to 1.
#[derive(Clone, Debug)]
pub(crate) struct RateLimitReading {
    pub(crate) company: CompanyId,
    pub(crate) endpoint: &'static str,
    pub(crate) burst: f64,
    pub(crate) steady: f64,
}

/// The process, as the system sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessReading {
    pub(crate) cpu: Duration,
    pub(crate) resident_bytes: u64,
    pub(crate) virtual_bytes: u64,
    pub(crate) threads: u64,
    pub(crate) open_files: u64,
    /// `None` if there is no limit.
    pub(crate) most_files: Option<u64>,
    /// The time since 1970 at which it started.
    pub(crate) started: Duration,
}

/// Renders what was read last.
#[derive(Debug, Default)]
pub(super) struct ReadingsCollector {
    current: Mutex<Readings>,
}

impl ReadingsCollector {
    pub(super) fn set(&self, readings: Readings) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = readings;
    }
}

impl Collector for ReadingsCollector {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let readings = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let mut writer = ReadingsWriter { encoder, readings: &readings };
        writer.callers()?;
        writer.lanes()?;
        writer.engine()?;
        writer.disk()?;
        writer.configuration()?;
        readings.process.as_ref().map_or(Ok(()), |process| writer.process(process))
    }
}

struct ReadingsWriter<'r, 'e> {
    encoder: DescriptorEncoder<'e>,
    readings: &'r Readings,
}

/// The order of the calls is that of the catalogue.
impl ReadingsWriter<'_, '_> {
    fn callers(&mut self) -> fmt::Result {
        let Readings { connections, .. } = self.readings;
        self.rate_limits()?;
        self.gauge(CLIENT_NETWORKS, &(self.readings.client_networks as u64))?;
        self.gauge(CONNECTIONS, &(connections.open as u64))?;
        self.gauge(CONNECTIONS_LIMIT, &(self.readings.connections_limit as u64))?;
        let closed = [
            ("full", connections.refused_full),
            ("idle", connections.closed_idle),
            ("network", connections.refused_network),
        ];
        self.counters(CONNECTIONS_CLOSED, "reason", &closed)?;
        let mut used = SeriesWriter::begin(&mut self.encoder, BODY_BYTES)?;
        let budget = |budget: &BodyBudgetReading| ("budget", LabelText::Constant(budget.name));
        for body in &self.readings.bodies {
            used.gauge(&[budget(body)], &(body.used as u64))?;
        }
        let mut limits = SeriesWriter::begin(&mut self.encoder, BODY_LIMIT_BYTES)?;
        let mut bodies = self.readings.bodies.iter();
        bodies.try_for_each(|body| limits.gauge(&[budget(body)], &(body.capacity as u64)))
    }

    fn rate_limits(&mut self) -> fmt::Result {
        let mut ratios = SeriesWriter::begin(&mut self.encoder, RATE_LIMIT_USED)?;
        for RateLimitReading { company, endpoint, burst, steady } in &self.readings.rate_limits {
            for (window, used) in [("burst", burst), ("steady", steady)] {
                let labels: [Label<'_>; 3] = [
                    ("company", LabelText::Company(company)),
                    ("endpoint", LabelText::Constant(endpoint)),
                    ("window", LabelText::Constant(window)),
                ];
                ratios.gauge(&labels, used)?;
            }
        }
        Ok(())
    }

    fn lanes(&mut self) -> fmt::Result {
        let Readings { batches, lanes, .. } = self.readings;
        self.counter(COMMIT_BATCHES, batches.total())?;
        let sizes: Vec<(usize, u64)> = BATCH_SIZES.into_iter().zip(batches.batches).collect();
        let mut histogram = SeriesWriter::begin(&mut self.encoder, BATCH_REQUESTS)?;
        histogram.histogram(batches.requests, &sizes)?;
        let depth: usize = lanes.iter().map(|lane| lane.depth).sum();
        self.gauge(COMMIT_QUEUE_DEPTH, &(depth as u64))?;
        let numbered = || (0_u64..).map(|number| ("lane", LabelText::Number(number))).zip(lanes);
        let mut depths = SeriesWriter::begin(&mut self.encoder, LANE_DEPTH)?;
        for (label, lane) in numbered() {
            depths.gauge(&[label], &(lane.depth as u64))?;
        }
        let mut waits = SeriesWriter::begin(&mut self.encoder, LANE_WAIT_SECONDS)?;
        numbered()
            .try_for_each(|(label, lane)| waits.gauge(&[label], &lane.longest_wait.as_secs_f64()))
    }

    fn engine(&mut self) -> fmt::Result {
        let engine = &self.readings.engine;
        self.gauge(DISK_WAIT_SECONDS, &self.readings.disk_wait.as_secs_f64())?;
        self.gauge(UNSYNCED_COMMITS, &engine.unsynced_commits)?;
        self.gauge(UNARCHIVED_FILES, &engine.unarchived_files)?;
        self.gauge(PENDING_BYTES, &engine.pending_bytes)?;
        self.counter(CHECKPOINTS, engine.checkpoints)?;
        self.gauge(CHECKPOINT_STALL_SECONDS, &self.readings.checkpoint_stall.as_secs_f64())?;
        self.gauge(CACHE_BYTES, &engine.cache.bytes)?;
        self.gauge(CACHE_LIMIT_BYTES, &self.readings.cache_limit)?;
        let reads = [("hit", engine.cache.hits), ("miss", engine.cache.misses)];
        self.counters(CACHE_READS, "result", &reads)?;
        self.counter(CACHE_EVICTIONS, engine.cache.evictions)
    }

    fn disk(&mut self) -> fmt::Result {
        let readings = self.readings;
        self.gauge(DISK_FREE_BYTES, &readings.disk_free)?;
        self.gauge(DISK_RESERVED_BYTES, &readings.disk_reserved)?;
        let mut bytes = SeriesWriter::begin(&mut self.encoder, STORE_BYTES)?;
        readings.store_bytes.iter().try_for_each(|read| bytes.gauge(&[], read))?;
        let pruned = [("age", readings.pruned_by_age), ("count", readings.pruned_by_count)];
        self.counters(PRUNED, "reason", &pruned)?;
        self.gauge(CLOCK_TRUSTED, &u64::from(readings.is_clock_trusted))
    }

    fn configuration(&mut self) -> fmt::Result {
        self.gauge(READY, &u64::from(self.readings.is_ready))?;
        self.gauge(RELOAD_SUCCESSFUL, &u64::from(self.readings.is_reload_successful))?;
        self.gauge(RELOAD_TIME, &self.readings.reload_time.as_secs_f64())?;
        let mut expiry = SeriesWriter::begin(&mut self.encoder, CERTIFICATE_EXPIRY)?;
        let known = self.readings.certificate_expiry;
        known.iter().try_for_each(|known| expiry.gauge(&[], &known.as_secs()))?;
        self.counters(SPANS, "result", self.readings.spans.as_ref().map_or(&[], |spans| &spans[..]))
    }

    fn process(&mut self, process: &ProcessReading) -> fmt::Result {
        let mut cpu = SeriesWriter::begin(&mut self.encoder, PROCESS_CPU)?;
        cpu.counter(&[], &process.cpu.as_secs_f64())?;
        self.gauge(PROCESS_RESIDENT, &process.resident_bytes)?;
        self.gauge(PROCESS_VIRTUAL, &process.virtual_bytes)?;
        self.gauge(PROCESS_THREADS, &process.threads)?;
        self.gauge(PROCESS_OPEN_FDS, &process.open_files)?;
        let mut most = SeriesWriter::begin(&mut self.encoder, PROCESS_MAX_FDS)?;
        process.most_files.iter().try_for_each(|files| most.gauge(&[], files))?;
        self.gauge(PROCESS_START, &process.started.as_secs_f64())
    }

    fn gauge(&mut self, entry: MetricEntry, value: &impl EncodeGaugeValue) -> fmt::Result {
        SeriesWriter::begin(&mut self.encoder, entry)?.gauge(&[], value)
    }

    fn counter(&mut self, entry: MetricEntry, value: u64) -> fmt::Result {
        SeriesWriter::begin(&mut self.encoder, entry)?.counter(&[], &value)
    }

    fn counters(
        &mut self,
        entry: MetricEntry,
        label: &'static str,
        values: &[(&'static str, u64)],
    ) -> fmt::Result {
        let mut counters = SeriesWriter::begin(&mut self.encoder, entry)?;
        let mut values = values.iter();
        values.try_for_each(|(name, value)| {
            counters.counter(&[(label, LabelText::Constant(name))], value)
        })
    }
}
