//! Prometheus metrics.
//!
//! No label names a company or holds data from a client. All label values are compiled in, so the
//! number of series is fixed. With a company label, a hundred thousand companies would be a hundred
//! thousand series per metric, and the admin listener would disclose the customers.

mod catalogue;

use std::{
    fmt::{self, Write},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::Registry,
};

use self::catalogue::{
    BUILD_INFO, CLOCK_TRUSTED, COMMIT_BATCHES, COMMIT_QUEUE_DEPTH, COMMIT_SECONDS, CONNECTIONS,
    CONNECTIONS_CLOSED, DISK_FREE_BYTES, DISK_RESERVED_BYTES, DISK_WAIT_SECONDS, PARSE_SECONDS,
    PROFILES, PRUNED, REFUSALS, REQUESTS, STORE_BYTES,
};
pub use self::catalogue::{CATALOGUE, MetricEntry, MetricKind, catalogue_markdown};
use crate::capacity::connection_table::ConnectionCounts;

/// The effect of a request on its profile.
#[expect(missing_docs, reason = "each variant is the name of its effect")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ProfileEffect {
    Created,
    Deleted,
    Merged,
    TokensRevoked,
    Unchanged,
    Unidentified,
    Unmerged,
    Updated,
}

impl ProfileEffect {
    const ALL: [ProfileEffect; 8] = [
        ProfileEffect::Created,
        ProfileEffect::Deleted,
        ProfileEffect::Merged,
        ProfileEffect::TokensRevoked,
        ProfileEffect::Unchanged,
        ProfileEffect::Unidentified,
        ProfileEffect::Unmerged,
        ProfileEffect::Updated,
    ];

    fn as_str(self) -> &'static str {
        match self {
            ProfileEffect::Created => "created",
            ProfileEffect::Deleted => "deleted",
            ProfileEffect::Merged => "merged",
            ProfileEffect::TokensRevoked => "tokens_revoked",
            ProfileEffect::Unchanged => "unchanged",
            ProfileEffect::Unidentified => "unidentified",
            ProfileEffect::Unmerged => "unmerged",
            ProfileEffect::Updated => "updated",
        }
    }
}

impl EncodeLabelValue for ProfileEffect {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.as_str())
    }
}

/// The result of a request for the caller.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum RequestOutcome {
    Accepted,
    Failed,
    Refused,
}

impl EncodeLabelValue for RequestOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(match self {
            RequestOutcome::Accepted => "accepted",
            RequestOutcome::Failed => "failed",
            RequestOutcome::Refused => "refused",
        })
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct CodeLabel {
    code: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct EffectLabel {
    effect: ProfileEffect,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OutcomeLabel {
    outcome: RequestOutcome,
}

/// Why outcomes were removed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum PruneReason {
    Age,
    Count,
}

impl EncodeLabelValue for PruneReason {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(match self {
            PruneReason::Age => "age",
            PruneReason::Count => "count",
        })
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct PruneReasonLabel {
    reason: PruneReason,
}

/// Why connections were closed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum CloseReason {
    Full,
    Idle,
    Network,
}

impl EncodeLabelValue for CloseReason {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(match self {
            CloseReason::Full => "full",
            CloseReason::Idle => "idle",
            CloseReason::Network => "network",
        })
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct CloseReasonLabel {
    reason: CloseReason,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct VersionLabel {
    version: &'static str,
}

/// The code that counts refusals whose code was not registered.
const OTHER: &str = "other";

/// All metrics of the gateway.
///
/// The series are looked up once, here. Counting a request costs a few atomic additions and
/// allocates nothing.
#[derive(Debug)]
pub struct Metrics {
    accepted: Counter,
    clock_trusted: Gauge<u64, AtomicU64>,
    commit: Histogram,
    commit_batches: Counter,
    commit_queue_depth: Gauge<u64, AtomicU64>,
    connections: Gauge<u64, AtomicU64>,
    connections_closed_full: Counter,
    connections_closed_idle: Counter,
    connections_closed_network: Counter,
    disk_free_bytes: Gauge<u64, AtomicU64>,
    disk_reserved_bytes: Gauge<u64, AtomicU64>,
    disk_wait: Gauge<f64, AtomicU64>,
    effects: [(ProfileEffect, Counter); ProfileEffect::ALL.len()],
    failed: Counter,
    parse: Histogram,
    pruned_by_age: Counter,
    pruned_by_count: Counter,
    // Invariant: sorted by code, and not empty.
    refusals: Box<[(&'static str, Counter)]>,
    refused: Counter,
    registry: Registry,
    store_bytes: Gauge<u64, AtomicU64>,
}

impl Metrics {
    /// The media type of [`Metrics::render`].
    pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Creates metrics that start at zero. `codes` are the codes of all refusals.
    pub fn new(codes: &[&'static str]) -> Metrics {
        let mut registry = Registry::default();
        let info = Info::new(VersionLabel { version: env!("CARGO_PKG_VERSION") });
        BUILD_INFO.add(&mut registry, info);
        let requests = REQUESTS.register(&mut registry, Family::<OutcomeLabel, Counter>::default());
        let requests = |outcome| requests.get_or_create_owned(&OutcomeLabel { outcome });
        let connections = CONNECTIONS.register(&mut registry, Gauge::default());
        let closed = Family::<CloseReasonLabel, Counter>::default();
        let closed = CONNECTIONS_CLOSED.register(&mut registry, closed);
        let closed = |reason| closed.get_or_create_owned(&CloseReasonLabel { reason });
        // Each bucket doubles the previous one: 1 µs to 8 ms, and 100 µs to 1.6 s.
        let parse = Histogram::new(exponential_buckets(1e-6, 2.0, 14));
        let commit = Histogram::new(exponential_buckets(1e-4, 2.0, 15));
        let (refusals, effects) = (refusals(&mut registry, codes), effects(&mut registry));
        let parse = PARSE_SECONDS.register(&mut registry, parse);
        let commit = COMMIT_SECONDS.register(&mut registry, commit);
        let commit_batches = COMMIT_BATCHES.register(&mut registry, Counter::default());
        let commit_queue_depth = COMMIT_QUEUE_DEPTH.register(&mut registry, Gauge::default());
        let disk_wait = DISK_WAIT_SECONDS.register(&mut registry, Gauge::default());
        let disk_free_bytes = DISK_FREE_BYTES.register(&mut registry, Gauge::default());
        let disk_reserved_bytes = DISK_RESERVED_BYTES.register(&mut registry, Gauge::default());
        let store_bytes = STORE_BYTES.register(&mut registry, Gauge::default());
        let pruned = PRUNED.register(&mut registry, Family::<PruneReasonLabel, Counter>::default());
        let pruned = |reason| pruned.get_or_create_owned(&PruneReasonLabel { reason });
        Metrics {
            accepted: requests(RequestOutcome::Accepted),
            failed: requests(RequestOutcome::Failed),
            refused: requests(RequestOutcome::Refused),
            refusals,
            effects,
            parse,
            commit,
            commit_batches,
            commit_queue_depth,
            connections,
            connections_closed_full: closed(CloseReason::Full),
            connections_closed_idle: closed(CloseReason::Idle),
            connections_closed_network: closed(CloseReason::Network),
            pruned_by_age: pruned(PruneReason::Age),
            pruned_by_count: pruned(PruneReason::Count),
            store_bytes,
            clock_trusted: CLOCK_TRUSTED.register(&mut registry, Gauge::default()),
            disk_wait,
            disk_free_bytes,
            disk_reserved_bytes,
            registry,
        }
    }

    /// Counts an accepted request and its effect.
    pub fn accepted(&self, effect: ProfileEffect) {
        self.accepted.inc();
        self.stored(effect);
    }

    /// Counts the effect of one row of a bulk request.
    pub fn stored(&self, effect: ProfileEffect) {
        if let Some((_, counter)) = self.effects.iter().find(|(counted, _)| *counted == effect) {
            counter.inc();
        }
    }

    /// Counts an accepted request without effect.
    pub fn served(&self) {
        self.accepted.inc();
    }

    /// Counts a request that failed through no fault of the caller.
    pub fn failed(&self, code: &str) {
        self.failed.inc();
        self.refusal(code);
    }

    /// Counts a refused request.
    pub fn refused(&self, code: &str) {
        self.refused.inc();
        self.refusal(code);
    }

    /// Records the time to parse and validate a body.
    pub fn parsed(&self, took: Duration) {
        self.parse.observe(took.as_secs_f64());
    }

    /// Records the time a request waited for its commit, including the queue.
    pub fn committed(&self, took: Duration) {
        self.commit.observe(took.as_secs_f64());
    }

    /// Sets the number of committed batches. It never decreases.
    pub fn set_commit_batches(&self, batches: u64) {
        self.commit_batches.inner().fetch_max(batches, Ordering::Relaxed);
    }

    /// Sets the number of requests that wait for a commit.
    pub fn set_commit_queue_depth(&self, requests: u64) {
        self.commit_queue_depth.set(requests);
    }

    /// Sets the number of open client connections, and of those that were closed to admit others or
    /// refused. The latter never decrease.
    pub(crate) fn set_connections(&self, counts: ConnectionCounts) {
        self.connections.set(counts.open as u64);
        for (counter, count) in [
            (&self.connections_closed_full, counts.refused_full),
            (&self.connections_closed_idle, counts.closed_idle),
            (&self.connections_closed_network, counts.refused_network),
        ] {
            counter.inner().fetch_max(count, Ordering::Relaxed);
        }
    }

    /// Sets the age of the oldest commit that waits for the disk.
    pub fn set_disk_wait(&self, age: Duration) {
        self.disk_wait.set(age.as_secs_f64());
    }

    /// Sets the free disk space.
    pub fn set_disk_free_bytes(&self, bytes: u64) {
        self.disk_free_bytes.set(bytes);
    }

    /// Sets the disk space that is reserved.
    pub fn set_disk_reserved_bytes(&self, bytes: u64) {
        self.disk_reserved_bytes.set(bytes);
    }

    /// Sets the disk usage of the store.
    pub fn set_store_bytes(&self, bytes: u64) {
        self.store_bytes.set(bytes);
    }

    /// Sets the number of outcomes removed by age, and because there were too many. Neither
    /// decreases.
    pub fn set_pruned(&self, by_age: u64, by_count: u64) {
        self.pruned_by_age.inner().fetch_max(by_age, Ordering::Relaxed);
        self.pruned_by_count.inner().fetch_max(by_count, Ordering::Relaxed);
    }

    /// Sets whether the wall clock is trusted.
    pub fn set_clock_trusted(&self, trusted: bool) {
        self.clock_trusted.set(u64::from(trusted));
    }

    /// Renders all metrics in the text format of [`Metrics::CONTENT_TYPE`].
    pub fn render(&self) -> String {
        let mut rendered = String::new();
        // Writing to a string cannot fail.
        let _ = text::encode(&mut rendered, &self.registry);
        rendered
    }

    fn refusal(&self, code: &str) {
        let find = |code| self.refusals.binary_search_by_key(&code, |(code, _)| *code);
        let index = find(code).or_else(|_missing| find(OTHER));
        if let Some((_, counter)) = index.ok().and_then(|index| self.refusals.get(index)) {
            counter.inc();
        }
    }
}

fn refusals(registry: &mut Registry, codes: &[&'static str]) -> Box<[(&'static str, Counter)]> {
    let family = REFUSALS.register(registry, Family::<CodeLabel, Counter>::default());
    let mut codes = [codes, &[OTHER]].concat();
    codes.sort_unstable();
    codes.dedup();
    let counter = |code| (code, family.get_or_create_owned(&CodeLabel { code }));
    codes.into_iter().map(counter).collect()
}

fn effects(registry: &mut Registry) -> [(ProfileEffect, Counter); ProfileEffect::ALL.len()] {
    let family = PROFILES.register(registry, Family::<EffectLabel, Counter>::default());
    ProfileEffect::ALL.map(|effect| (effect, family.get_or_create_owned(&EffectLabel { effect })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(rendered: &str, line: &str) {
        assert!(rendered.lines().any(|other| other == line), "{line} is missing in:\n{rendered}");
    }

    #[test]
    fn every_series_is_there_before_anything_happens() {
        let rendered = Metrics::new(&["invalid", "throttled"]).render();
        has(&rendered, "gateway_requests_total{outcome=\"accepted\"} 0");
        has(&rendered, "gateway_requests_total{outcome=\"refused\"} 0");
        has(&rendered, "gateway_requests_total{outcome=\"failed\"} 0");
        has(&rendered, "gateway_refusals_total{code=\"invalid\"} 0");
        has(&rendered, "gateway_refusals_total{code=\"throttled\"} 0");
        has(&rendered, "gateway_refusals_total{code=\"other\"} 0");
        for effect in ProfileEffect::ALL {
            let effect = effect.as_str();
            has(&rendered, &format!("gateway_profiles_total{{effect=\"{effect}\"}} 0"));
        }
        let version = env!("CARGO_PKG_VERSION");
        has(&rendered, &format!("gateway_build_info{{version=\"{version}\"}} 1"));
        assert!(rendered.ends_with("# EOF\n"));
    }

    #[test]
    fn each_event_is_counted_once_in_each_metric() {
        let metrics = Metrics::new(&["invalid", "throttled"]);
        metrics.accepted(ProfileEffect::Created);
        metrics.accepted(ProfileEffect::Merged);
        metrics.refused("throttled");
        metrics.failed("unheard of");
        let rendered = metrics.render();
        has(&rendered, "gateway_requests_total{outcome=\"accepted\"} 2");
        has(&rendered, "gateway_profiles_total{effect=\"created\"} 1");
        has(&rendered, "gateway_profiles_total{effect=\"merged\"} 1");
        has(&rendered, "gateway_requests_total{outcome=\"refused\"} 1");
        has(&rendered, "gateway_refusals_total{code=\"throttled\"} 1");
        has(&rendered, "gateway_requests_total{outcome=\"failed\"} 1");
        has(&rendered, "gateway_refusals_total{code=\"other\"} 1");
        has(&rendered, "gateway_refusals_total{code=\"invalid\"} 0");
    }

    #[test]
    fn times_and_levels_are_shown_in_base_units() {
        let metrics = Metrics::new(&[]);
        metrics.parsed(Duration::from_micros(3));
        metrics.committed(Duration::from_millis(2));
        metrics.set_commit_queue_depth(17);
        metrics.set_commit_batches(3);
        metrics.set_store_bytes(1 << 33);
        let rendered = metrics.render();
        has(&rendered, "gateway_parse_seconds_bucket{le=\"0.000002\"} 0");
        has(&rendered, "gateway_parse_seconds_bucket{le=\"0.000004\"} 1");
        has(&rendered, "gateway_parse_seconds_sum 0.000003");
        has(&rendered, "gateway_commit_seconds_sum 0.002");
        has(&rendered, "gateway_commit_queue_depth 17");
        has(&rendered, "gateway_commit_batches_total 3");
        has(&rendered, "gateway_store_bytes 8589934592");
    }

    #[test]
    fn the_catalogue_says_what_is_rendered() {
        let rendered = Metrics::new(&[]).render();
        let described: Vec<&str> = rendered
            .lines()
            .filter(|line| line.starts_with("# HELP") || line.starts_with("# TYPE"))
            .collect();
        let expected: Vec<String> = CATALOGUE
            .iter()
            .flat_map(|entry| {
                let name = entry.name.trim_end_matches(entry.kind.suffix());
                let kind = entry.kind.as_str();
                [format!("# HELP {name} {}", entry.help), format!("# TYPE {name} {kind}")]
            })
            .collect();
        assert_eq!(described, expected);
    }

    #[test]
    fn every_entry_is_a_row_of_the_table() {
        let table = catalogue_markdown();
        assert_eq!(table.lines().count(), CATALOGUE.len() + 2);
        assert!(table.contains("| `gateway_refusals_total{code}` | counter | Requests refused"));
    }
}
