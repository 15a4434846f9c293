//! Prometheus metrics.
//!
//! Labels are compiled in, but for the ids of configured companies, of which a bounded number have
//! series of their own. No label holds data from a client.

mod catalogue;
mod company_requests;
mod exposition;
mod labels;
mod readings;
mod series;

use std::{sync::Arc, time::Duration};

use profile_protocol::CompanyId;
use prometheus_client::{
    encoding::text,
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::Registry,
};

pub(crate) use self::readings::{BodyBudgetReading, ProcessReading, RateLimitReading, Readings};
use self::{
    catalogue::{
        BUILD_INFO, COMMIT_SECONDS, HANDSHAKES_FAILED, PARSE_SECONDS, PROFILES, REFUSALS,
        REQUEST_SECONDS, REQUESTS,
    },
    company_requests::{CompanyRequests, OTHER},
    labels::{
        CodeLabel, EffectLabel, EndpointLabel, HandshakeLabel, OutcomeLabel, RequestOutcome,
        VersionLabel,
    },
    readings::ReadingsCollector,
};
pub use self::{
    catalogue::{CATALOGUE, MetricEntry, MetricKind, catalogue_markdown},
    company_requests::{ACCEPTED, CLOSED},
    exposition::MetricsFormat,
    labels::{FailedHandshake, ProfileEffect},
};

/// The largest times of the buckets of a request, in seconds. A request may take as long as its
/// deadline.
const REQUEST_BUCKETS: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// All metrics of the gateway.
///
/// The series of events are looked up once, here. Counting a request costs a few atomic additions
/// and allocates nothing, but for the first of a company.
#[derive(Debug)]
pub struct Metrics {
    accepted: Counter,
    commit: Histogram,
    company_requests: Arc<CompanyRequests>,
    effects: [(ProfileEffect, Counter); ProfileEffect::ALL.len()],
    failed: Counter,
    failed_handshakes: [(FailedHandshake, Counter); FailedHandshake::ALL.len()],
    parse: Histogram,
    readings: Arc<ReadingsCollector>,
    // Invariant: sorted by code, and not empty.
    refusals: Box<[(&'static str, Counter)]>,
    refused: Counter,
    registry: Registry,
    // In the order of the endpoints.
    request_seconds: Box<[Histogram]>,
}

impl Metrics {
    /// Creates metrics that start at zero. `codes` are the codes of all refusals, and `endpoints`
    /// the names of all endpoints.
    pub fn new(codes: &[&'static str], endpoints: &'static [&'static str]) -> Metrics {
        let mut registry = Registry::default();
        let info = Info::new(VersionLabel { version: env!("CARGO_PKG_VERSION") });
        BUILD_INFO.add(&mut registry, info);
        let requests = REQUESTS.register(&mut registry, Family::<OutcomeLabel, Counter>::default());
        let requests = |outcome| requests.get_or_create_owned(&OutcomeLabel { outcome });
        let (refusals, effects) = (refusals(&mut registry, codes), effects(&mut registry));
        let request_seconds = request_seconds(&mut registry, endpoints);
        // Each bucket doubles the previous one: 1 µs to 8 ms, and 100 µs to 1.6 s.
        let parse = Histogram::new(exponential_buckets(1e-6, 2.0, 14));
        let commit = Histogram::new(exponential_buckets(1e-4, 2.0, 15));
        let parse = PARSE_SECONDS.register(&mut registry, parse);
        let commit = COMMIT_SECONDS.register(&mut registry, commit);
        let failed_handshakes = failed_handshakes(&mut registry);
        let company_requests = Arc::new(CompanyRequests::new(codes, endpoints));
        registry.register_collector(Box::new(Arc::clone(&company_requests)));
        let readings = Arc::new(ReadingsCollector::default());
        registry.register_collector(Box::new(Arc::clone(&readings)));
        Metrics {
            accepted: requests(RequestOutcome::Accepted),
            failed: requests(RequestOutcome::Failed),
            failed_handshakes,
            refused: requests(RequestOutcome::Refused),
            refusals,
            effects,
            parse,
            commit,
            company_requests,
            readings,
            registry,
            request_seconds,
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

    /// Counts a TLS handshake that failed.
    pub fn handshake_failed(&self, reason: FailedHandshake) {
        let mut counters = self.failed_handshakes.iter();
        if let Some((_, counter)) = counters.find(|(counted, _)| *counted == reason) {
            counter.inc();
        }
    }

    /// Records the time to parse and validate a body.
    pub fn parsed(&self, took: Duration) {
        self.parse.observe(took.as_secs_f64());
    }

    /// Records the time a request waited for its commit, including the queue.
    pub fn committed(&self, took: Duration) {
        self.commit.observe(took.as_secs_f64());
    }

    /// Counts a request to the endpoint of this number. The company is a configured one, or `None`
    /// if the request names none. The code is that of the refusal, [`ACCEPTED`] or [`CLOSED`].
    pub fn requested(
        &self,
        company: Option<&CompanyId>,
        endpoint: usize,
        code: &str,
        took: Duration,
    ) {
        self.company_requests.count(company, endpoint, code);
        if let Some(seconds) = self.request_seconds.get(endpoint) {
            seconds.observe(took.as_secs_f64());
        }
    }

    /// Whether a company has series of its own.
    pub(crate) fn has_series(&self, company: &CompanyId) -> bool {
        self.company_requests.has_series(company)
    }

    /// Removes the series of companies that are no longer configured.
    pub(crate) fn retain_companies(&self, is_configured: impl Fn(&CompanyId) -> bool) {
        self.company_requests.retain(is_configured);
    }

    /// Replaces what was read from the rest of the gateway.
    pub(crate) fn set_readings(&self, readings: Readings) {
        self.readings.set(readings);
    }

    /// Renders all metrics.
    pub fn render(&self, format: MetricsFormat) -> String {
        let mut rendered = String::new();
        // Writing to a string cannot fail.
        let _ = text::encode(&mut rendered, &self.registry);
        match format {
            MetricsFormat::OpenMetrics => rendered,
            MetricsFormat::Text => exposition::text_format(&rendered),
        }
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

fn failed_handshakes(
    registry: &mut Registry,
) -> [(FailedHandshake, Counter); FailedHandshake::ALL.len()] {
    let family = HANDSHAKES_FAILED.register(registry, Family::<HandshakeLabel, Counter>::default());
    let counter = |reason| (reason, family.get_or_create_owned(&HandshakeLabel { reason }));
    FailedHandshake::ALL.map(counter)
}

fn request_seconds(
    registry: &mut Registry,
    endpoints: &'static [&'static str],
) -> Box<[Histogram]> {
    let new = || Histogram::new(REQUEST_BUCKETS);
    let family = Family::<EndpointLabel, Histogram, _>::new_with_constructor(new);
    let family = REQUEST_SECONDS.register(registry, family);
    let of_endpoint = |endpoint| family.get_or_create_owned(&EndpointLabel { endpoint });
    endpoints.iter().copied().map(of_endpoint).collect()
}

#[cfg(test)]
mod tests {
    use profile_store::LaneStatus;

    use super::*;

    fn has(rendered: &str, line: &str) {
        assert!(rendered.lines().any(|other| other == line), "{line} is missing in:\n{rendered}");
    }

    #[test]
    fn every_series_is_there_before_anything_happens() {
        let rendered = Metrics::new(&["invalid", "throttled"], &["POST /a"])
            .render(MetricsFormat::OpenMetrics);
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
        let metrics = Metrics::new(&["invalid", "throttled"], &["POST /a"]);
        metrics.accepted(ProfileEffect::Created);
        metrics.accepted(ProfileEffect::Merged);
        metrics.refused("throttled");
        metrics.failed("unheard of");
        let rendered = metrics.render(MetricsFormat::OpenMetrics);
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
        let metrics = Metrics::new(&[], &["POST /a"]);
        metrics.parsed(Duration::from_micros(3));
        metrics.committed(Duration::from_millis(2));
        metrics.requested(None, 0, ACCEPTED, Duration::from_millis(2));
        metrics.set_readings(Readings {
            checkpoint_stall: Duration::from_millis(1_500),
            lanes: vec![LaneStatus { depth: 17, longest_wait: Duration::from_millis(20) }],
            store_bytes: Some(1 << 33),
            ..Readings::default()
        });
        let rendered = metrics.render(MetricsFormat::OpenMetrics);
        has(&rendered, "gateway_parse_seconds_bucket{le=\"0.000002\"} 0");
        has(&rendered, "gateway_parse_seconds_bucket{le=\"0.000004\"} 1");
        has(&rendered, "gateway_parse_seconds_sum 0.000003");
        has(&rendered, "gateway_commit_seconds_sum 0.002");
        has(&rendered, "gateway_commit_queue_depth 17");
        has(&rendered, "gateway_lane_wait_seconds{lane=\"0\"} 0.02");
        has(&rendered, "gateway_checkpoint_stall_seconds 1.5");
        has(&rendered, "gateway_request_seconds_sum{endpoint=\"POST /a\"} 0.002");
        has(&rendered, "gateway_store_bytes 8589934592");
    }

    /// Readings in which every metric has a series.
    fn readings() -> Readings {
        let process = ProcessReading {
            cpu: Duration::from_millis(10),
            resident_bytes: 1 << 20,
            virtual_bytes: 1 << 30,
            threads: 8,
            open_files: 20,
            most_files: Some(1_024),
            started: Duration::from_hours(500_000),
        };
        let company = "ABC123".parse().unwrap();
        let body = BodyBudgetReading { name: "client_small", used: 1, capacity: 2 };
        Readings {
            certificate_expiry: Some(Duration::from_hours(1)),
            bodies: vec![body],
            lanes: vec![LaneStatus::default()],
            process: Some(process),
            rate_limits: vec![RateLimitReading {
                company,
                endpoint: "POST /a",
                burst: 0.5,
                steady: 0.25,
            }],
            spans: Some([("ended", 3), ("exported", 2), ("failed", 1)]),
            store_bytes: Some(1),
            ..Readings::default()
        }
    }

    /// The comments on all metrics in a format.
    fn described(format: MetricsFormat) -> Vec<String> {
        let metrics = Metrics::new(&[], &["POST /a"]);
        metrics.set_readings(readings());
        let rendered = metrics.render(format);
        let is_comment = |line: &&str| line.starts_with("# HELP") || line.starts_with("# TYPE");
        rendered.lines().filter(is_comment).map(str::to_owned).collect()
    }

    #[test]
    fn the_catalogue_says_what_is_rendered() {
        let comments = |name: &str, help: &str, kind: &str| {
            [format!("# HELP {name} {help}"), format!("# TYPE {name} {kind}")]
        };
        let open_metrics = CATALOGUE.iter().flat_map(|MetricEntry { name, kind, help, .. }| {
            comments(name.trim_end_matches(kind.suffix()), help, kind.as_str())
        });
        assert_eq!(described(MetricsFormat::OpenMetrics), open_metrics.collect::<Vec<_>>());
        let text = CATALOGUE.iter().flat_map(|MetricEntry { name, kind, help, .. }| {
            comments(name, help, if *kind == MetricKind::Info { "gauge" } else { kind.as_str() })
        });
        assert_eq!(described(MetricsFormat::Text), text.collect::<Vec<_>>());
    }

    #[test]
    fn the_labels_of_the_catalogue_are_those_that_are_rendered() {
        let metrics = Metrics::new(&["invalid"], &["POST /a"]);
        metrics.set_readings(readings());
        metrics.requested(Some(&"ABC123".parse().unwrap()), 0, ACCEPTED, Duration::ZERO);
        let rendered = metrics.render(MetricsFormat::Text);
        for MetricEntry { name, labels, .. } in CATALOGUE {
            let mut series = rendered.lines().filter(|line| line.starts_with(name));
            let series = series.next().unwrap_or_else(|| panic!("no {name} in {rendered}"));
            let set = series.split_once('{').map_or("", |(_, set)| set);
            let names = set.split('"').step_by(2).map(|part| part.trim_matches([',', '=']));
            let names: Vec<&str> = names
                .filter(|name| !name.is_empty() && !name.contains('}'))
                .filter(|name| *name != "le")
                .collect();
            let expected = labels.trim_matches(['{', '}']);
            assert_eq!(names.join(","), expected, "{series}");
        }
    }

    #[test]
    fn every_entry_is_a_row_of_the_table() {
        let table = catalogue_markdown();
        assert_eq!(table.lines().count(), CATALOGUE.len() + 2);
        assert!(table.contains("| `gateway_refusals_total{code}` | counter | Requests refused"));
    }
}
