//! The catalogue: the name and the meaning of every metric.

use std::fmt::Write;

use prometheus_client::registry::{Metric, Registry};

/// The name and the meaning of one metric.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MetricEntry {
    /// The name in Prometheus.
    pub name: &'static str,
    /// The type.
    pub kind: MetricKind,
    /// The labels, as in `{effect}`, or an empty text.
    pub labels: &'static str,
    /// The help text.
    pub help: &'static str,
}

impl MetricEntry {
    /// The name without the suffix that the encoder adds.
    pub(super) fn base_name(&self) -> &'static str {
        self.name.trim_end_matches(self.kind.suffix())
    }

    /// Registers a metric under this entry and returns a handle to it.
    pub(super) fn register<M: Clone + Metric>(self, registry: &mut Registry, metric: M) -> M {
        self.add(registry, metric.clone());
        metric
    }

    pub(super) fn add(self, registry: &mut Registry, metric: impl Metric) {
        // The encoder adds a full stop to the help text.
        registry.register(self.base_name(), self.help.trim_end_matches('.'), metric);
    }
}

/// The type of a metric.
#[expect(missing_docs, reason = "each variant is the name of its kind")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MetricKind {
    Counter,
    Gauge,
    Histogram,
    Info,
}

impl MetricKind {
    /// The name of the type in Prometheus.
    pub fn as_str(self) -> &'static str {
        match self {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
            MetricKind::Info => "info",
        }
    }

    pub(super) fn suffix(self) -> &'static str {
        match self {
            MetricKind::Counter => "_total",
            MetricKind::Gauge | MetricKind::Histogram => "",
            MetricKind::Info => "_info",
        }
    }
}

/// Every metric, in the order in which they are rendered.
pub const CATALOGUE: &[MetricEntry] = &[
    BUILD_INFO,
    REQUESTS,
    REFUSALS,
    PROFILES,
    REQUEST_SECONDS,
    PARSE_SECONDS,
    COMMIT_SECONDS,
    HANDSHAKES_FAILED,
    COMPANY_REQUESTS,
    RATE_LIMIT_USED,
    CLIENT_NETWORKS,
    CONNECTIONS,
    CONNECTIONS_LIMIT,
    CONNECTIONS_CLOSED,
    BODY_BYTES,
    BODY_LIMIT_BYTES,
    COMMIT_BATCHES,
    BATCH_REQUESTS,
    COMMIT_QUEUE_DEPTH,
    LANE_DEPTH,
    LANE_WAIT_SECONDS,
    DISK_WAIT_SECONDS,
    UNSYNCED_COMMITS,
    UNARCHIVED_FILES,
    PENDING_BYTES,
    CHECKPOINTS,
    CHECKPOINT_STALL_SECONDS,
    CACHE_BYTES,
    CACHE_LIMIT_BYTES,
    CACHE_READS,
    CACHE_EVICTIONS,
    DISK_FREE_BYTES,
    DISK_RESERVED_BYTES,
    STORE_BYTES,
    PRUNED,
    CLOCK_TRUSTED,
    READY,
    RELOAD_SUCCESSFUL,
    RELOAD_TIME,
    CERTIFICATE_EXPIRY,
    SPANS,
    PROCESS_CPU,
    PROCESS_RESIDENT,
    PROCESS_VIRTUAL,
    PROCESS_THREADS,
    PROCESS_OPEN_FDS,
    PROCESS_MAX_FDS,
    PROCESS_START,
];

/// The catalogue as the table in the documentation.
pub fn catalogue_markdown() -> String {
    let mut table = String::from("| Metric | Type | Meaning |\n|---|---|---|\n");
    for MetricEntry { name, kind, labels, help } in CATALOGUE {
        let kind = kind.as_str();
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| `{name}{labels}` | {kind} | {help} |");
    }
    table
}

pub(super) const BUILD_INFO: MetricEntry = MetricEntry {
    name: "gateway_build_info",
    kind: MetricKind::Info,
    labels: "{version}",
    help: "The version of the running program.",
};

pub(super) const REQUESTS: MetricEntry = MetricEntry {
    name: "gateway_requests_total",
    kind: MetricKind::Counter,
    labels: "{outcome}",
    help: "Requests by outcome: accepted, refused because of the request, or failed because of \
           the gateway.",
};

pub(super) const REFUSALS: MetricEntry = MetricEntry {
    name: "gateway_refusals_total",
    kind: MetricKind::Counter,
    labels: "{code}",
    help: "Requests refused or failed, by error code. `network_throttled` is the code of those \
           that exceeded the limit of a client network.",
};

pub(super) const PROFILES: MetricEntry = MetricEntry {
    name: "gateway_profiles_total",
    kind: MetricKind::Counter,
    labels: "{effect}",
    help: "Requests stored, by effect on the profile: created, updated, merged, unmerged, \
           deleted, nothing_deleted, unchanged, tokens_revoked, or unidentified when no claim \
           could be used.",
};

pub(super) const REQUEST_SECONDS: MetricEntry = MetricEntry {
    name: "gateway_request_seconds",
    kind: MetricKind::Histogram,
    labels: "{endpoint}",
    help: "Time from the head of a request to its response, by endpoint.",
};

pub(super) const PARSE_SECONDS: MetricEntry = MetricEntry {
    name: "gateway_parse_seconds",
    kind: MetricKind::Histogram,
    labels: "",
    help: "Time to parse and validate a body.",
};

pub(super) const COMMIT_SECONDS: MetricEntry = MetricEntry {
    name: "gateway_commit_seconds",
    kind: MetricKind::Histogram,
    labels: "",
    help: "Time from submitting a request to the store until its result, including the queue.",
};

pub(super) const HANDSHAKES_FAILED: MetricEntry = MetricEntry {
    name: "gateway_tls_handshakes_failed_total",
    kind: MetricKind::Counter,
    labels: "{reason}",
    help: "TLS handshakes that failed by reason: closed, by the client; protocol, nothing in \
           common; refused, by the client, usually because it does not trust the certificate; or \
           timeout.",
};

pub(super) const COMPANY_REQUESTS: MetricEntry = MetricEntry {
    name: "gateway_company_requests_total",
    kind: MetricKind::Counter,
    labels: "{company,endpoint,code}",
    help: "Requests by company, endpoint and code: `accepted`, the error code of a refusal, or \
           `closed` if the client closed its connection before the response. The company is \
           empty if none is configured that the request names, and `*` for companies without \
           series of their own. The endpoint is empty for other paths and methods.",
};

pub(super) const RATE_LIMIT_USED: MetricEntry = MetricEntry {
    name: "gateway_rate_limit_used_ratio",
    kind: MetricKind::Gauge,
    labels: "{company,endpoint,window}",
    help: "Used part of the current rate-limit windows of a company, 0 to 1: burst and steady. \
           Only of windows that are open.",
};

pub(super) const CLIENT_NETWORKS: MetricEntry = MetricEntry {
    name: "gateway_client_networks",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Client networks that are counted exactly, each at each company.",
};

pub(super) const CONNECTIONS: MetricEntry = MetricEntry {
    name: "gateway_connections",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Open connections of clients.",
};

pub(super) const CONNECTIONS_LIMIT: MetricEntry = MetricEntry {
    name: "gateway_connections_limit",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Connections of clients that may be open.",
};

pub(super) const CONNECTIONS_CLOSED: MetricEntry = MetricEntry {
    name: "gateway_connections_closed_total",
    kind: MetricKind::Counter,
    labels: "{reason}",
    help: "Connections of clients closed by reason: idle, to admit a new one; network, a new one \
           whose network has too many with a request in progress; or full, a new one while all \
           others have a request in progress.",
};

pub(super) const BODY_BYTES: MetricEntry = MetricEntry {
    name: "gateway_body_bytes",
    kind: MetricKind::Gauge,
    labels: "{budget}",
    help: "Bytes of request bodies in memory, by the budget that they are charged to.",
};

pub(super) const BODY_LIMIT_BYTES: MetricEntry = MetricEntry {
    name: "gateway_body_limit_bytes",
    kind: MetricKind::Gauge,
    labels: "{budget}",
    help: "Size of each budget for request bodies, in bytes.",
};

pub(super) const COMMIT_BATCHES: MetricEntry = MetricEntry {
    name: "gateway_commit_batches_total",
    kind: MetricKind::Counter,
    labels: "",
    help: "Committed batches of client requests and import rows.",
};

pub(super) const BATCH_REQUESTS: MetricEntry = MetricEntry {
    name: "gateway_batch_requests",
    kind: MetricKind::Histogram,
    labels: "",
    help: "Requests in a committed batch.",
};

pub(super) const COMMIT_QUEUE_DEPTH: MetricEntry = MetricEntry {
    name: "gateway_commit_queue_depth",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Requests waiting to be committed.",
};

pub(super) const LANE_DEPTH: MetricEntry = MetricEntry {
    name: "gateway_lane_depth",
    kind: MetricKind::Gauge,
    labels: "{lane}",
    help: "Requests waiting to be committed by a lane.",
};

pub(super) const LANE_WAIT_SECONDS: MetricEntry = MetricEntry {
    name: "gateway_lane_wait_seconds",
    kind: MetricKind::Gauge,
    labels: "{lane}",
    help: "How long the company that waits longest for a lane has waited for its turn, in \
           seconds; 0 if none waits.",
};

pub(super) const DISK_WAIT_SECONDS: MetricEntry = MetricEntry {
    name: "gateway_disk_wait_seconds",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Age of the oldest commit that waits for the disk, in seconds; 0 if none waits.",
};

pub(super) const UNSYNCED_COMMITS: MetricEntry = MetricEntry {
    name: "gateway_journal_unsynced_commits",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Commits in the journal that are not known to be on disk.",
};

pub(super) const PENDING_BYTES: MetricEntry = MetricEntry {
    name: "gateway_checkpoint_pending_bytes",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Changes in the journal that the table does not have yet, in bytes of memory.",
};

pub(super) const UNARCHIVED_FILES: MetricEntry = MetricEntry {
    name: "gateway_journal_unarchived_files",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Files of the journal that should be archived and are not, because the archive fails, hangs or is slow.",
};

pub(super) const CHECKPOINTS: MetricEntry = MetricEntry {
    name: "gateway_checkpoints_total",
    kind: MetricKind::Counter,
    labels: "",
    help: "Completed checkpoints.",
};

pub(super) const CHECKPOINT_STALL_SECONDS: MetricEntry = MetricEntry {
    name: "gateway_checkpoint_stall_seconds",
    kind: MetricKind::Gauge,
    labels: "",
    help: "How long the current checkpoint has made no progress, in seconds; 0 if there is none.",
};

pub(super) const CACHE_BYTES: MetricEntry = MetricEntry {
    name: "gateway_cache_bytes",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Size of the cache of the store, in bytes; 0 with a table in sled.",
};

pub(super) const CACHE_LIMIT_BYTES: MetricEntry = MetricEntry {
    name: "gateway_cache_limit_bytes",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Largest size of the cache of the store, in bytes.",
};

pub(super) const CACHE_READS: MetricEntry = MetricEntry {
    name: "gateway_cache_reads_total",
    kind: MetricKind::Counter,
    labels: "{result}",
    help: "Pages of the store that were read, by result: hit, in the cache, or miss. 0 with a \
           table in sled.",
};

pub(super) const CACHE_EVICTIONS: MetricEntry = MetricEntry {
    name: "gateway_cache_evictions_total",
    kind: MetricKind::Counter,
    labels: "",
    help: "Pages removed from the cache to make space for others.",
};

pub(super) const DISK_FREE_BYTES: MetricEntry = MetricEntry {
    name: "gateway_disk_free_bytes",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Free space on the file system of the data directory, in bytes.",
};

pub(super) const DISK_RESERVED_BYTES: MetricEntry = MetricEntry {
    name: "gateway_disk_reserved_bytes",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Disk space that is reserved for a start and for erasures, in bytes.",
};

pub(super) const STORE_BYTES: MetricEntry = MetricEntry {
    name: "gateway_store_bytes",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Disk usage of the store, in bytes.",
};

pub(super) const PRUNED: MetricEntry = MetricEntry {
    name: "gateway_outcomes_removed_total",
    kind: MetricKind::Counter,
    labels: "{reason}",
    help: "Outcomes removed by reason: age, or count, the maximum of a company.",
};

pub(super) const CLOCK_TRUSTED: MetricEntry = MetricEntry {
    name: "gateway_clock_trusted",
    kind: MetricKind::Gauge,
    labels: "",
    help: "1 if the wall clock is trusted. 0 if it has jumped: no outcome is removed by age.",
};

pub(super) const READY: MetricEntry = MetricEntry {
    name: "gateway_ready",
    kind: MetricKind::Gauge,
    labels: "",
    help: "1 if the gateway can store all requests. 0 if `/health/ready` fails.",
};

pub(super) const RELOAD_SUCCESSFUL: MetricEntry = MetricEntry {
    name: "gateway_config_last_reload_successful",
    kind: MetricKind::Gauge,
    labels: "",
    help: "1 if the last reload of the configuration was applied, or there was none. 0 if it was \
           refused.",
};

pub(super) const RELOAD_TIME: MetricEntry = MetricEntry {
    name: "gateway_config_last_reload_success_timestamp_seconds",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Unix time at which a configuration was applied last: at the start, or by a reload.",
};

pub(super) const CERTIFICATE_EXPIRY: MetricEntry = MetricEntry {
    name: "gateway_tls_certificate_not_after_timestamp_seconds",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Unix time after which clients refuse the TLS certificate, or one of those that lead \
           from it to one that they trust. Only if there is a certificate.",
};

pub(super) const SPANS: MetricEntry = MetricEntry {
    name: "gateway_spans_total",
    kind: MetricKind::Counter,
    labels: "{result}",
    help: "Spans of sampled requests: ended, exported, or failed if the collector did not take \
           them. The rest was dropped or waits. Only if traces are exported.",
};

pub(super) const PROCESS_CPU: MetricEntry = MetricEntry {
    name: "process_cpu_seconds_total",
    kind: MetricKind::Counter,
    labels: "",
    help: "Processor time of the process, in seconds.",
};

pub(super) const PROCESS_RESIDENT: MetricEntry = MetricEntry {
    name: "process_resident_memory_bytes",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Memory of the process that is resident, in bytes.",
};

pub(super) const PROCESS_VIRTUAL: MetricEntry = MetricEntry {
    name: "process_virtual_memory_bytes",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Virtual memory of the process, in bytes.",
};

pub(super) const PROCESS_THREADS: MetricEntry = MetricEntry {
    name: "process_threads",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Threads of the process.",
};

pub(super) const PROCESS_OPEN_FDS: MetricEntry = MetricEntry {
    name: "process_open_fds",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Open files of the process.",
};

pub(super) const PROCESS_MAX_FDS: MetricEntry = MetricEntry {
    name: "process_max_fds",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Files that the process may open.",
};

pub(super) const PROCESS_START: MetricEntry = MetricEntry {
    name: "process_start_time_seconds",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Unix time at which the process started.",
};
