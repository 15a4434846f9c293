//! The state that all requests share.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use profile_protocol::{CompanyId, Date, Revision};
use profile_store::Store;
use tokio::sync::Semaphore;

use crate::{
    capacity::{
        body_budget::BodyBudget,
        checkpoint_progress::CheckpointWatch,
        company_slots::CompanySlots,
        connection_table::{ConnectionLimits, ConnectionTable, is_proxy_on_this_machine},
        disk_space::DiskSpace,
        import_progress::RunningBulkImports,
        network_limiter::NetworkLimiter,
        rate_limiter::RateLimiter,
        refusal_lines::RefusalLines,
    },
    client::exchange_token::KeyRing,
    clock::{Clock, date_of},
    console::{
        company_history::CompanyHistory, export_progress::ConsoleExports, inspector::Inspector,
        live_streams::LiveStreams, metric_history::MetricHistory, profile_counts::ProfileCounts,
        refusal_feed::RefusalFeed, sessions::ConsoleSessions,
    },
    endpoint_names::endpoint_names,
    endpoints::Endpoint,
    http::{
        client_address::TrustedProxies, development_lines::DevelopmentLines, refusal,
        trace_context::TraceIdGenerator,
    },
    limits,
    metrics::Metrics,
    ops::{backup::BackupOrigin, reload_status::ReloadStatus, span_export::SpanExport},
    settings::{Configuration, Connections, server_text},
    tenants::{directory::CompanyDirectory, private_key::KeyDigest},
    tls::certificate::ServedCertificate,
};

/// The state that all requests share. There is one per process.
#[derive(Debug)]
pub struct GatewayState {
    /// What backups are made of, in a process that serves.
    pub(crate) backups: Option<BackupOrigin>,
    /// The connections of the admin listeners.
    pub(crate) admin_connections: Arc<ConnectionTable>,
    /// The rate-limit windows of each company at each endpoint of `/api`.
    pub(crate) api_rate_limiter: RateLimiter<(CompanyId, Endpoint)>,
    /// The connections of the client listeners.
    pub(crate) client_connections: Arc<ConnectionTable>,
    /// Bytes of memory that the store may use as a cache.
    pub(crate) cache_bytes: u64,
    /// The exports of the console.
    pub(crate) console_exports: ConsoleExports,
    /// The refused requests that the console shows.
    pub(crate) console_refusals: RefusalFeed,
    /// The sessions of the console.
    pub(crate) console_sessions: ConsoleSessions,
    /// The sign-ins to the console, by client network.
    pub(crate) console_sign_ins: NetworkLimiter,
    /// The live views of the console.
    pub(crate) console_streams: LiveStreams,
    /// Held while a company is deleted, or copied into the store.
    pub(crate) company_changes: Arc<Semaphore>,
    /// The requests of each company over the last minutes.
    pub(crate) company_history: CompanyHistory,
    /// How far the checkpoint of the store is.
    pub(crate) checkpoint: CheckpointWatch,
    /// The limits on client connections.
    pub(crate) connections: Connections,
    /// The clocks.
    pub clock: Clock,
    /// The lines of development mode.
    pub(crate) development_lines: Option<DevelopmentLines>,
    /// The free disk space.
    pub(crate) disk_space: DiskSpace,
    /// How long a commit may wait for the disk before requests are refused.
    pub(crate) disk_wait_limit: Duration,
    /// The rate-limit windows of the `OpenAPI` document, over all callers.
    pub(crate) openapi_rate_limiter: RateLimiter<()>,
    /// The newest requests of companies that have the inspector on.
    pub(crate) inspector: Inspector,
    /// The slots in which bulk imports run.
    pub(crate) import_slots: CompanySlots,
    /// The slots in which large bodies are decompressed and parsed.
    pub(crate) large_body_slots: CompanySlots,
    /// The slots in which repairs run.
    pub(crate) repair_slots: CompanySlots,
    /// The companies served.
    pub companies: CompanyDirectory,
    /// The metrics over the last hour and day.
    pub(crate) metric_history: MetricHistory,
    /// The metrics.
    pub metrics: Metrics,
    /// The rate-limit windows of each company at the client endpoint.
    pub client_rate_limiter: RateLimiter,
    /// The rate-limit windows of each client network at the client endpoint.
    pub network_limiter: NetworkLimiter,
    /// The windows of merges that the requests of each client network led to.
    pub(crate) merge_limiter: NetworkLimiter,
    /// How many profiles companies have, as the console shows it.
    pub(crate) profile_counts: ProfileCounts,
    /// Whether the log says that a proxy may have to be trusted.
    pub(crate) proxy_was_reported: AtomicBool,
    /// The memory budget for request bodies.
    pub(crate) body_budget: BodyBudget,
    /// The log lines about refused requests.
    pub(crate) refusal_lines: RefusalLines,
    /// The bulk imports that are being carried out.
    pub(crate) running_imports: RunningBulkImports,
    /// The reloads of the configuration.
    pub(crate) reloads: ReloadStatus,
    /// The settings of the server itself as a file, without secrets.
    pub(crate) server_text: String,
    /// The profile store.
    pub store: Store,
    /// The export of spans, if there is any.
    pub(crate) spans: Option<SpanExport>,
    /// The ids of requests and traces that callers do not name.
    pub(crate) trace_ids: TraceIdGenerator,
    admin_keys: ArcSwap<Vec<KeyDigest>>,
    certificate: ArcSwapOption<ServedCertificate>,
    exchange: ArcSwap<KeyRing>,
    trusted_proxies: Arc<ArcSwap<TrustedProxies>>,
}

impl GatewayState {
    /// Creates the state from a configuration and an open store.
    pub fn new(configuration: Configuration, store: Store) -> GatewayState {
        let server_text = server_text(&configuration);
        let Configuration {
            admin_keys,
            certificate,
            companies,
            exchange,
            exchange_keys: _,
            development: _,
            log,
            server,
            trusted_proxies,
        } = configuration;
        let body_budget = BodyBudget::for_companies(companies.len());
        let clock = Clock::start();
        let trusted_proxies = Arc::new(ArcSwap::from_pointee(trusted_proxies));
        let proxies = Arc::clone(&trusted_proxies);
        GatewayState {
            backups: None,
            admin_connections: Arc::new(admin_connections()),
            client_connections: Arc::new(client_connections(server.connections, proxies)),
            api_rate_limiter: RateLimiter::default(),
            connections: server.connections,
            cache_bytes: server.cache_bytes,
            console_exports: ConsoleExports::default(),
            console_refusals: RefusalFeed::default(),
            console_sessions: ConsoleSessions::default(),
            console_sign_ins: NetworkLimiter::default(),
            console_streams: LiveStreams::default(),
            company_changes: Arc::new(Semaphore::new(limits::COMPANY_CHANGES_AT_ONCE)),
            company_history: CompanyHistory::default(),
            checkpoint: CheckpointWatch::default(),
            clock,
            development_lines: None,
            disk_space: DiskSpace::new(server.disk.marks),
            disk_wait_limit: server.disk.wait_limit,
            openapi_rate_limiter: RateLimiter::default(),
            inspector: Inspector::default(),
            profile_counts: ProfileCounts::default(),
            import_slots: CompanySlots::new(limits::IMPORTS_AT_ONCE),
            large_body_slots: CompanySlots::new(limits::LARGE_BODIES_AT_ONCE),
            repair_slots: CompanySlots::new(limits::REPAIRS_AT_ONCE),
            companies: CompanyDirectory::new(companies),
            metric_history: MetricHistory::default(),
            metrics: Metrics::new(&refusal::codes(), endpoint_names()),
            client_rate_limiter: RateLimiter::default(),
            network_limiter: NetworkLimiter::default(),
            merge_limiter: NetworkLimiter::of_merges(),
            proxy_was_reported: AtomicBool::new(false),
            body_budget,
            refusal_lines: RefusalLines::new(log.refusal_lines),
            running_imports: RunningBulkImports::default(),
            spans: None,
            reloads: ReloadStatus::started(clock.unix_time()),
            server_text,
            store,
            trace_ids: TraceIdGenerator::sampling(match server.traces.endpoint {
                Some(_) => server.traces.sample_percent,
                None => 0,
            }),
            admin_keys: ArcSwap::from_pointee(admin_keys),
            certificate: ArcSwapOption::from_pointee(certificate),
            exchange: ArcSwap::from_pointee(exchange),
            trusted_proxies,
        }
    }

    /// Whether the inspector keeps the requests of this company.
    pub(crate) fn inspects(&self, company: &CompanyId) -> bool {
        self.companies.find(company.as_str()).is_some_and(|company| company.inspect)
    }

    /// The certificate of listeners that speak TLS.
    pub(crate) fn certificate(&self) -> Option<Arc<ServedCertificate>> {
        self.certificate.load_full()
    }

    /// The keys that seal and open exchange tokens, and the life of a token.
    pub fn exchange(&self) -> Arc<KeyRing> {
        self.exchange.load_full()
    }

    /// Who may use the endpoints of the admin listener that give data away.
    pub(crate) fn admin_keys(&self) -> Guard<Arc<Vec<KeyDigest>>> {
        self.admin_keys.load()
    }

    /// The proxies that may report the addresses of clients.
    pub(crate) fn trusted_proxies(&self) -> Guard<Arc<TrustedProxies>> {
        self.trusted_proxies.load()
    }

    /// The date in UTC by which a revision is in the future. A clock that is behind does not make
    /// revisions unavailable that this program knows, or that were available before.
    pub(crate) fn revision_date(&self) -> Date {
        let stored = Duration::from_millis(self.store.newest_trusted_time().millis());
        self.clock.today().max(date_of(stored)).max(Revision::LATEST.date())
    }

    /// Applies a new configuration. Settings of the server itself need a restart.
    pub fn reload(&self, configuration: Configuration) {
        let Configuration {
            admin_keys,
            certificate,
            companies,
            exchange,
            exchange_keys: _,
            development: _,
            log,
            server: _,
            trusted_proxies,
        } = configuration;
        self.admin_keys.store(Arc::new(admin_keys));
        // Without a certificate, listeners that speak TLS keep theirs until the restart that
        // removes them.
        if let Some(certificate) = certificate {
            self.certificate.store(Some(Arc::new(certificate)));
        }
        self.refusal_lines.set_per_second(log.refusal_lines);
        self.exchange.store(Arc::new(exchange));
        self.trusted_proxies.store(Arc::new(trusted_proxies));
        self.companies.replace(companies);
        let current = self.companies.current();
        let is_served = |company: &CompanyId| current.find(company.as_str()).is_some();
        self.console_sessions.retain_keys(|key| current.principal(*key).is_some());
        self.client_rate_limiter.retain(is_served);
        self.api_rate_limiter.retain(|(company, _)| is_served(company));
        self.import_slots.retain(is_served);
        self.large_body_slots.retain(is_served);
        self.repair_slots.retain(is_served);
        self.body_budget.set_companies(current.len());
        let inspects = |company: &CompanyId| {
            current.find(company.as_str()).is_some_and(|company| company.inspect)
        };
        self.inspector.retain(inspects);
        self.metrics.retain_companies(is_served);
        self.reloads.applied(self.clock.unix_time());
    }
}

/// The table of client connections. Reverse proxies are exempt from the limit of one network: each
/// carries requests of many clients, which are told apart by the addresses that it reports.
fn client_connections(
    connections: Connections,
    trusted: Arc<ArcSwap<TrustedProxies>>,
) -> ConnectionTable {
    let limits = ConnectionLimits {
        most: connections.most,
        per_network: connections.per_network,
        closing: limits::CLOSING_CONNECTIONS,
    };
    ConnectionTable::new(limits, move |network| {
        is_proxy_on_this_machine(network) || trusted.load().may_be_in(network)
    })
}

/// The table of admin connections. Operators use few, so no network is exempt.
fn admin_connections() -> ConnectionTable {
    let limits = ConnectionLimits {
        most: limits::ADMIN_CONNECTIONS,
        per_network: limits::ADMIN_NETWORK_CONNECTIONS,
        closing: limits::ADMIN_CONNECTIONS,
    };
    ConnectionTable::new(limits, |_| false)
}
