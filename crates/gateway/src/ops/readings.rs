//! Reads what metrics report about the rest of the gateway.

use std::num::NonZeroU32;

use profile_protocol::CompanyId;

use crate::{
    capacity::{rate_limit::RateLimit, rate_limiter::WindowUse},
    endpoint_names::EndpointNumber,
    endpoints::ENDPOINTS,
    metrics::{RateLimitReading, Readings},
    ops::{process_status, readiness},
    state::GatewayState,
    tenants::directory::Company,
};

/// Reads all of it. The store may block the thread while it asks the file system for its size.
pub(crate) async fn read(gateway: &GatewayState) -> Readings {
    let store_bytes = gateway.store.bytes().await;
    let store_bytes = store_bytes
        .inspect_err(|error| tracing::warn!(%error, "the size of the store could not be read"));
    let engine = gateway.store.engine_status();
    Readings {
        batches: gateway.store.batch_counts(),
        bodies: gateway.body_budget.readings().into(),
        cache_limit: gateway.cache_bytes,
        certificate_expiry: gateway.certificate().map(|certificate| certificate.not_after()),
        checkpoint_stall: gateway.checkpoint.note(engine.checkpoint, gateway.clock.elapsed()),
        client_networks: gateway.network_limiter.counted(),
        connections: gateway.client_connections.counts(),
        connections_limit: gateway.client_connections.most(),
        disk_free: gateway.disk_space.free(),
        disk_reserved: gateway.disk_space.reserved(),
        disk_wait: gateway.store.oldest_disk_wait(),
        engine,
        is_clock_trusted: gateway.store.trusts_clock(),
        is_ready: readiness::reasons_against(gateway).is_empty(),
        is_reload_successful: gateway.reloads.is_successful(),
        lanes: gateway.store.lanes().collect(),
        process: process_status::read(),
        pruned_by_age: gateway.store.pruned_by_age(),
        pruned_by_count: gateway.store.pruned_by_count(),
        rate_limits: rate_limits(gateway),
        reload_time: gateway.reloads.applied_at(),
        spans: gateway.spans.as_ref().map(|spans| spans.counts().read()),
        store_bytes: store_bytes.ok(),
    }
}

/// The open rate-limit windows of the companies that have series.
fn rate_limits(gateway: &GatewayState) -> Vec<RateLimitReading> {
    let (companies, now) = (gateway.companies.current(), gateway.clock.elapsed());
    let find = |id: &CompanyId| {
        companies.find(id.as_str()).filter(|company| gateway.metrics.has_series(&company.id))
    };
    let clients = gateway.client_rate_limiter.used(now).into_iter().filter_map(|(id, used)| {
        let company = find(&id)?;
        reading(company, EndpointNumber::CLIENT_PROFILES, company.limits, used)
    });
    let servers = gateway.api_rate_limiter.used(now).into_iter();
    let servers = servers.filter_map(|((id, endpoint), used)| {
        let company = find(&id)?;
        let row = ENDPOINTS.iter().find(|row| row.endpoint == endpoint)?;
        let limits = row.limits.times(company.api_limits_factor);
        reading(company, EndpointNumber::in_api(endpoint), limits, used)
    });
    clients.chain(servers).collect()
}

/// `None` if the company has no limit.
fn reading(
    company: &Company,
    endpoint: EndpointNumber,
    limits: RateLimit,
    used: WindowUse,
) -> Option<RateLimitReading> {
    if limits == RateLimit::NONE {
        return None;
    }
    let ratio = |used: u32, limit: NonZeroU32| f64::from(used) / f64::from(limit.get());
    Some(RateLimitReading {
        company: company.id.clone(),
        endpoint: endpoint.name(),
        burst: ratio(used.burst, limits.burst),
        steady: ratio(used.steady, limits.steady),
    })
}
