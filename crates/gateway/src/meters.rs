//! Meters: what the gateway counts and times, for Prometheus.
//!
//! No label names a company or holds anything a client sent. Every value of a label
//! is one this program was compiled with, so the number of series is fixed: a
//! hundred thousand companies would otherwise be a hundred thousand series in each
//! meter, and the admin listener would tell who the customers are.

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
    registry::{Metric, Registry},
};

/// What a request did to the profile it was about.
#[expect(missing_docs, reason = "each variant is the name of its effect")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Effect {
    Created,
    Deleted,
    Merged,
    Unchanged,
    Unidentified,
    Unmerged,
    Updated,
}

impl Effect {
    const ALL: [Effect; 7] = [
        Effect::Created,
        Effect::Deleted,
        Effect::Merged,
        Effect::Unchanged,
        Effect::Unidentified,
        Effect::Unmerged,
        Effect::Updated,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Effect::Created => "created",
            Effect::Deleted => "deleted",
            Effect::Merged => "merged",
            Effect::Unchanged => "unchanged",
            Effect::Unidentified => "unidentified",
            Effect::Unmerged => "unmerged",
            Effect::Updated => "updated",
        }
    }
}

impl EncodeLabelValue for Effect {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.as_str())
    }
}

/// How a request ended, for the caller.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Outcome {
    Accepted,
    Failed,
    Refused,
}

impl EncodeLabelValue for Outcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(match self {
            Outcome::Accepted => "accepted",
            Outcome::Failed => "failed",
            Outcome::Refused => "refused",
        })
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct CodeLabel {
    code: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct EffectLabel {
    effect: Effect,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OutcomeLabel {
    outcome: Outcome,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct VersionLabel {
    version: &'static str,
}

/// The code under which a refusal is counted whose code was not announced.
const OTHER: &str = "other";

/// Every meter of the gateway.
///
/// The series are looked up once, here, so that counting a request costs a few
/// atomic additions and allocates nothing.
#[derive(Debug)]
pub struct Meters {
    accepted: Counter,
    commit: Histogram,
    commit_batches: Counter,
    commit_queue_depth: Gauge<u64, AtomicU64>,
    effects: [(Effect, Counter); Effect::ALL.len()],
    failed: Counter,
    parse: Histogram,
    // Invariant: sorted by code, and not empty.
    refusals: Box<[(&'static str, Counter)]>,
    refused: Counter,
    registry: Registry,
    store_bytes: Gauge<u64, AtomicU64>,
}

impl Meters {
    /// The media type of [`Meters::render`].
    pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Meters that start at zero. `codes` are those of all refusals there are.
    pub fn new(codes: &[&'static str]) -> Meters {
        let mut registry = Registry::default();
        let info = Info::new(VersionLabel { version: env!("CARGO_PKG_VERSION") });
        BUILD_INFO.add(&mut registry, info);
        let requests = REQUESTS.register(&mut registry, Family::<OutcomeLabel, Counter>::default());
        let requests = |outcome| requests.get_or_create_owned(&OutcomeLabel { outcome });
        // A bucket doubles the one before: 1 µs to 8 ms, and 100 µs to 1.6 s.
        let parse = Histogram::new(exponential_buckets(1e-6, 2.0, 14));
        let commit = Histogram::new(exponential_buckets(1e-4, 2.0, 15));
        Meters {
            accepted: requests(Outcome::Accepted),
            failed: requests(Outcome::Failed),
            refused: requests(Outcome::Refused),
            refusals: refusals(&mut registry, codes),
            effects: effects(&mut registry),
            parse: PARSE_SECONDS.register(&mut registry, parse),
            commit: COMMIT_SECONDS.register(&mut registry, commit),
            commit_batches: COMMIT_BATCHES.register(&mut registry, Counter::default()),
            commit_queue_depth: COMMIT_QUEUE_DEPTH.register(&mut registry, Gauge::default()),
            store_bytes: STORE_BYTES.register(&mut registry, Gauge::default()),
            registry,
        }
    }

    /// Counts a request that was accepted, and what it did.
    pub fn accepted(&self, effect: Effect) {
        self.accepted.inc();
        self.stored(effect);
    }

    /// Counts what one of several that came in one request did.
    pub fn stored(&self, effect: Effect) {
        if let Some((_, counter)) = self.effects.iter().find(|(known, _)| *known == effect) {
            counter.inc();
        }
    }

    /// Counts a request that was accepted and changed nothing.
    pub fn served(&self) {
        self.accepted.inc();
    }

    /// Counts a request the gateway could not serve through no fault of the caller.
    pub fn failed(&self, code: &str) {
        self.failed.inc();
        self.refusal(code);
    }

    /// Counts a request that was refused.
    pub fn refused(&self, code: &str) {
        self.refused.inc();
        self.refusal(code);
    }

    /// Records how long it took to parse and validate a body.
    pub fn parsed(&self, took: Duration) {
        self.parse.observe(took.as_secs_f64());
    }

    /// Records how long a request waited for its commit, the queue included.
    pub fn committed(&self, took: Duration) {
        self.commit.observe(took.as_secs_f64());
    }

    /// Sets how many batches were stored, of which there are never fewer than before.
    pub fn set_commit_batches(&self, batches: u64) {
        self.commit_batches.inner().fetch_max(batches, Ordering::Relaxed);
    }

    /// Sets how many requests wait to be committed.
    pub fn set_commit_queue_depth(&self, requests: u64) {
        self.commit_queue_depth.set(requests);
    }

    /// Sets how much disk the store uses.
    pub fn set_store_bytes(&self, bytes: u64) {
        self.store_bytes.set(bytes);
    }

    /// All meters in the text format of [`Meters::CONTENT_TYPE`].
    pub fn render(&self) -> String {
        let mut rendered = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut rendered, &self.registry);
        rendered
    }

    fn refusal(&self, code: &str) {
        let find = |code| self.refusals.binary_search_by_key(&code, |(known, _)| *known);
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

fn effects(registry: &mut Registry) -> [(Effect, Counter); Effect::ALL.len()] {
    let family = PROFILES.register(registry, Family::<EffectLabel, Counter>::default());
    Effect::ALL.map(|effect| (effect, family.get_or_create_owned(&EffectLabel { effect })))
}

/// What one meter is called and means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Its name, as Prometheus knows it.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its labels, as in `{effect}`, or nothing.
    pub labels: &'static str,
    /// What it tells.
    pub help: &'static str,
}

impl Entry {
    /// Registers a meter under this entry, and returns a handle to it.
    fn register<M: Clone + Metric>(self, registry: &mut Registry, meter: M) -> M {
        self.add(registry, meter.clone());
        meter
    }

    fn add(self, registry: &mut Registry, meter: impl Metric) {
        // The encoder adds these suffixes itself, and a full stop to the help.
        let name = self.name.trim_end_matches(self.kind.suffix());
        registry.register(name, self.help.trim_end_matches('.'), meter);
    }
}

/// How a meter behaves.
#[expect(missing_docs, reason = "each variant is the name of its kind")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
    Info,
}

impl Kind {
    /// The name of the kind, as Prometheus spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Info => "info",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Kind::Counter => "_total",
            Kind::Gauge | Kind::Histogram => "",
            Kind::Info => "_info",
        }
    }
}

/// Every meter there is, in the order of [`Meters::render`].
pub const CATALOGUE: &[Entry] = &[
    BUILD_INFO,
    REQUESTS,
    REFUSALS,
    PROFILES,
    PARSE_SECONDS,
    COMMIT_SECONDS,
    COMMIT_BATCHES,
    COMMIT_QUEUE_DEPTH,
    STORE_BYTES,
];

/// The catalogue as the table that stands in the documentation.
pub fn catalogue_markdown() -> String {
    let mut table = String::from("| Meter | Kind | What it tells |\n|---|---|---|\n");
    for Entry { name, kind, labels, help } in CATALOGUE {
        let kind = kind.as_str();
        // Writing to a string does not fail.
        let _ = writeln!(table, "| `{name}{labels}` | {kind} | {help} |");
    }
    table
}

const BUILD_INFO: Entry = Entry {
    name: "gateway_build_info",
    kind: Kind::Info,
    labels: "{version}",
    help: "The version that is running.",
};

const REQUESTS: Entry = Entry {
    name: "gateway_requests_total",
    kind: Kind::Counter,
    labels: "{outcome}",
    help: "Requests by outcome: accepted, refused for a fault of the caller, or failed for one of \
           the gateway.",
};

const REFUSALS: Entry = Entry {
    name: "gateway_refusals_total",
    kind: Kind::Counter,
    labels: "{code}",
    help: "Requests refused or failed, by the code of the error that was answered.",
};

const PROFILES: Entry = Entry {
    name: "gateway_profiles_total",
    kind: Kind::Counter,
    labels: "{effect}",
    help: "Requests stored, by effect on the profile: created, updated, merged, unmerged, deleted, \
           unchanged, or unidentified when no claim could be used.",
};

const PARSE_SECONDS: Entry = Entry {
    name: "gateway_parse_seconds",
    kind: Kind::Histogram,
    labels: "",
    help: "Time to parse and validate a body.",
};

const COMMIT_SECONDS: Entry = Entry {
    name: "gateway_commit_seconds",
    kind: Kind::Histogram,
    labels: "",
    help: "Time from handing a request to the store to its answer, waiting included.",
};

const COMMIT_BATCHES: Entry = Entry {
    name: "gateway_commit_batches_total",
    kind: Kind::Counter,
    labels: "",
    help: "Batches in which what clients and bulk imports sent was stored. How often \
           `gateway_commit_seconds` was taken, by these, is how many requests share one.",
};

const COMMIT_QUEUE_DEPTH: Entry = Entry {
    name: "gateway_commit_queue_depth",
    kind: Kind::Gauge,
    labels: "",
    help: "Requests waiting to be committed.",
};

const STORE_BYTES: Entry = Entry {
    name: "gateway_store_bytes",
    kind: Kind::Gauge,
    labels: "",
    help: "Disk the store uses, in bytes.",
};

#[cfg(test)]
mod tests {
    use super::*;

    fn has(rendered: &str, line: &str) {
        assert!(rendered.lines().any(|other| other == line), "{line} is missing in:\n{rendered}");
    }

    #[test]
    fn every_series_is_there_before_anything_happens() {
        let rendered = Meters::new(&["invalid", "throttled"]).render();
        has(&rendered, "gateway_requests_total{outcome=\"accepted\"} 0");
        has(&rendered, "gateway_requests_total{outcome=\"refused\"} 0");
        has(&rendered, "gateway_requests_total{outcome=\"failed\"} 0");
        has(&rendered, "gateway_refusals_total{code=\"invalid\"} 0");
        has(&rendered, "gateway_refusals_total{code=\"throttled\"} 0");
        has(&rendered, "gateway_refusals_total{code=\"other\"} 0");
        for effect in Effect::ALL {
            let effect = effect.as_str();
            has(&rendered, &format!("gateway_profiles_total{{effect=\"{effect}\"}} 0"));
        }
        let version = env!("CARGO_PKG_VERSION");
        has(&rendered, &format!("gateway_build_info{{version=\"{version}\"}} 1"));
        assert!(rendered.ends_with("# EOF\n"));
    }

    #[test]
    fn what_happens_is_counted_once_in_each_meter() {
        let meters = Meters::new(&["invalid", "throttled"]);
        meters.accepted(Effect::Created);
        meters.accepted(Effect::Merged);
        meters.refused("throttled");
        meters.failed("unheard of");
        let rendered = meters.render();
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
        let meters = Meters::new(&[]);
        meters.parsed(Duration::from_micros(3));
        meters.committed(Duration::from_millis(2));
        meters.set_commit_queue_depth(17);
        meters.set_commit_batches(3);
        meters.set_store_bytes(1 << 33);
        let rendered = meters.render();
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
        let rendered = Meters::new(&[]).render();
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
