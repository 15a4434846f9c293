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
    /// Registers a metric under this entry and returns a handle to it.
    pub(super) fn register<M: Clone + Metric>(self, registry: &mut Registry, metric: M) -> M {
        self.add(registry, metric.clone());
        metric
    }

    pub(super) fn add(self, registry: &mut Registry, metric: impl Metric) {
        // The encoder adds these suffixes, and a full stop to the help text.
        let name = self.name.trim_end_matches(self.kind.suffix());
        registry.register(name, self.help.trim_end_matches('.'), metric);
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
    CONNECTIONS,
    CONNECTIONS_CLOSED,
    REFUSALS,
    PROFILES,
    PARSE_SECONDS,
    COMMIT_SECONDS,
    COMMIT_BATCHES,
    COMMIT_QUEUE_DEPTH,
    DISK_WAIT_SECONDS,
    DISK_FREE_BYTES,
    DISK_RESERVED_BYTES,
    STORE_BYTES,
    PRUNED,
    CLOCK_TRUSTED,
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

pub(super) const CONNECTIONS: MetricEntry = MetricEntry {
    name: "gateway_connections",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Open connections of clients.",
};

pub(super) const CONNECTIONS_CLOSED: MetricEntry = MetricEntry {
    name: "gateway_connections_closed_total",
    kind: MetricKind::Counter,
    labels: "{reason}",
    help: "Connections of clients closed by reason: idle, to admit a new one; network, a new one \
           whose network has too many with a request in progress; or full, a new one while all \
           others have a request in progress.",
};

pub(super) const REFUSALS: MetricEntry = MetricEntry {
    name: "gateway_refusals_total",
    kind: MetricKind::Counter,
    labels: "{code}",
    help: "Requests refused or failed, by error code. `network_throttled` is the code of those that \
           exceeded the limit of a client network.",
};

pub(super) const PROFILES: MetricEntry = MetricEntry {
    name: "gateway_profiles_total",
    kind: MetricKind::Counter,
    labels: "{effect}",
    help: "Requests stored, by effect on the profile: created, updated, merged, unmerged, deleted, \
           unchanged, tokens_revoked, or unidentified when no claim could be used.",
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

pub(super) const COMMIT_BATCHES: MetricEntry = MetricEntry {
    name: "gateway_commit_batches_total",
    kind: MetricKind::Counter,
    labels: "",
    help: "Committed batches of client requests and import rows. The count of \
           `gateway_commit_seconds` divided by this is the requests per batch.",
};

pub(super) const COMMIT_QUEUE_DEPTH: MetricEntry = MetricEntry {
    name: "gateway_commit_queue_depth",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Requests waiting to be committed.",
};

pub(super) const DISK_WAIT_SECONDS: MetricEntry = MetricEntry {
    name: "gateway_disk_wait_seconds",
    kind: MetricKind::Gauge,
    labels: "",
    help: "Age of the oldest commit that waits for the disk, in seconds; 0 if none waits.",
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
