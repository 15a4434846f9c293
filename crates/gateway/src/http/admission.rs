//! Admission: the checks before the body of a request is read, in order.

use std::{
    borrow::Cow,
    net::IpAddr,
    str::FromStr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderName},
};
use profile_protocol::{RequestedRevision, Revision};

use crate::{
    capacity::{
        client_network::ClientNetwork,
        network_limiter::ReservedMerges,
        rate_limit::RateLimit,
        rate_limiter::{RateLimitDecision, RateLimitStatus},
    },
    http::{
        client_address::{client_address, reports_address},
        encoding::ContentEncoding,
        peer::Peer,
        refusal::{InvalidCompany, Refusal},
    },
    limits,
    state::GatewayState,
    tenants::directory::Company,
};

const REVISION: HeaderName = HeaderName::from_static("revision");

/// The company that the query names.
pub(crate) fn company(
    request: &HttpRequest,
    gateway: &GatewayState,
) -> Result<Arc<Company>, Refusal> {
    let id = company_id(request.query_string()).map_err(Refusal::Company)?;
    gateway.companies.find(&id).ok_or(Refusal::Company(InvalidCompany::Unknown))
}

fn company_id(query: &str) -> Result<Cow<'_, str>, InvalidCompany> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let mut ids = pairs.filter(|(name, _)| name == "company_id").map(|(_, id)| id);
    match (ids.next(), ids.next()) {
        (None, _) => Err(InvalidCompany::Missing),
        (Some(id), None) if id.is_empty() => Err(InvalidCompany::Missing),
        (Some(id), None) => Ok(id),
        (Some(_), Some(_)) => Err(InvalidCompany::Repeated),
    }
}

/// The address of the client that sent the request.
pub(crate) fn client_address_of(request: &HttpRequest, gateway: &GatewayState) -> IpAddr {
    client_address(Peer::of_request(request), request.headers(), &gateway.trusted_proxies())
}

/// Whether a trusted proxy forwarded the request.
pub(crate) fn is_behind_proxy(request: &HttpRequest, gateway: &GatewayState) -> bool {
    Peer::of_request(request).is_some_and(|peer| gateway.trusted_proxies().trusts(peer))
}

/// The network of the client that sent the request.
pub(crate) fn client_network(request: &HttpRequest, gateway: &GatewayState) -> ClientNetwork {
    client_address_of(request, gateway).into()
}

/// Charges the request to both rate-limit windows that its client network has at the company.
/// Returns when that was.
pub(crate) fn charge_network(
    request: &HttpRequest,
    company: &Company,
    gateway: &GatewayState,
) -> Result<Duration, Refusal> {
    let network = client_network(request, gateway);
    let (company, limits) = (Some(&company.id), company.network_limits);
    let now = gateway.clock.elapsed();
    let decision = gateway.network_limiter.charge(network, company, limits, now);
    admitted_network(request, gateway, decision).map(|()| now)
}

/// Charges a preflight to its client network.
pub(crate) fn charge_preflight(
    request: &HttpRequest,
    company: &Company,
    gateway: &GatewayState,
) -> Result<(), Refusal> {
    let (network, limits) = (client_network(request, gateway), company.network_limits);
    let now = gateway.clock.elapsed();
    let decision = gateway.network_limiter.charge_preflight(network, &company.id, limits, now);
    admitted_network(request, gateway, decision)
}

/// As how many requests a decoded body of this size counts.
pub(crate) fn requests_of_body(bytes: usize) -> u32 {
    u32::try_from(1 + bytes / limits::BODY_BYTES_OF_A_REQUEST).unwrap_or(u32::MAX)
}

/// Charges to the client network what a request counts as beyond one, once its body is there: as
/// many as its size, and one more if the second in which it was charged at its head is over. So a
/// network that holds bodies back and sends them at once has no more of them than others.
pub(crate) fn charge_network_for_body(
    request: &HttpRequest,
    company: &Company,
    gateway: &GatewayState,
    (charged, requests): (Duration, u32),
) -> Result<(), Refusal> {
    let now = gateway.clock.elapsed();
    let is_late = limits::BURST_WINDOW <= now.saturating_sub(charged);
    let more = requests.saturating_sub(1).saturating_add(u32::from(is_late));
    if more == 0 {
        return Ok(());
    }
    let (network, limits) = (client_network(request, gateway), company.network_limits);
    let decision = gateway.network_limiter.charge_more(network, &company.id, limits, now, more);
    admitted_network(request, gateway, decision)
}

/// Reserves merges for a request that may lead to so many. `None` if its client network has had as
/// many as it may. No answer depends on it, so no answer tells whether there was a merge.
pub(crate) fn reserve_merges(
    request: &HttpRequest,
    company: &Company,
    gateway: &GatewayState,
    merges: u32,
) -> Option<ReservedMerges> {
    let (network, now) = (client_network(request, gateway), gateway.clock.elapsed());
    gateway.merge_limiter.reserve(network, &company.id, merge_limits(company), now, merges)
}

/// The merges that the requests of one client network may lead to.
fn merge_limits(company: &Company) -> RateLimit {
    company.network_limits.divided(limits::REQUESTS_OF_A_MERGE, limits::REQUESTS_OF_A_MERGE)
}

/// Charges a request that concerns no company, for the reason of `refusal`, to its client network.
/// The refusal is that of the network if one of its windows is exhausted.
pub(crate) fn without_company(
    request: &HttpRequest,
    gateway: &GatewayState,
    refusal: Refusal,
) -> Refusal {
    match charge_without_company(request, gateway) {
        Err(Refusal::NetworkThrottled { retry_after_seconds, .. }) => {
            Refusal::NetworkThrottled { retry_after_seconds, closes: refusal.closes() }
        }
        Err(other) => other,
        Ok(()) => refusal,
    }
}

/// Charges a request that concerns no company to its client network.
pub(crate) fn charge_without_company(
    request: &HttpRequest,
    gateway: &GatewayState,
) -> Result<(), Refusal> {
    let network = client_network(request, gateway);
    let (limits, now) = (limits::NO_COMPANY_RATE_LIMIT, gateway.clock.elapsed());
    let decision = gateway.network_limiter.charge(network, None, limits, now);
    admitted_network(request, gateway, decision)
}

/// Charges the `OpenAPI` document to the client network, which has windows of its own for it.
pub(crate) fn charge_document(
    request: &HttpRequest,
    gateway: &GatewayState,
) -> Result<(), Refusal> {
    let (network, now) = (client_network(request, gateway), gateway.clock.elapsed());
    let limits = limits::OPENAPI_NETWORK_RATE_LIMIT;
    admitted_network(
        request,
        gateway,
        gateway.network_limiter.charge_document(network, limits, now),
    )
}

fn admitted_network(
    request: &HttpRequest,
    gateway: &GatewayState,
    decision: RateLimitDecision,
) -> Result<(), Refusal> {
    match decision {
        RateLimitDecision::Admitted(_) => Ok(()),
        RateLimitDecision::Throttled { retry_after_seconds } => {
            report_proxy(request, gateway);
            Err(Refusal::NetworkThrottled { retry_after_seconds, closes: false })
        }
    }
}

/// Logs, once, that all clients of a proxy may count as one. Any client can cause that line.
fn report_proxy(request: &HttpRequest, gateway: &GatewayState) {
    let is_suspected = gateway.trusted_proxies().is_empty()
        && !is_behind_proxy(request, gateway)
        && reports_address(request.headers());
    if is_suspected && !gateway.proxy_was_reported.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            "a client network exceeded its limit, and its request came through a proxy; if the \
             proxy is yours, name it in trusted_proxies"
        );
    }
}

/// The rate-limit status of the company, unless a window is exhausted. Charges nothing.
pub(crate) fn uncharged(
    company: &Company,
    gateway: &GatewayState,
) -> Result<RateLimitStatus, Refusal> {
    let now = gateway.clock.elapsed();
    admitted(gateway.client_rate_limiter.peek(&company.id, company.limits, now))
}

/// Charges the request to both rate-limit windows of the company, as so many requests.
pub(crate) fn charge(
    company: &Company,
    gateway: &GatewayState,
    requests: u32,
) -> Result<RateLimitStatus, Refusal> {
    admitted(gateway.client_rate_limiter.charge_as(
        &company.id,
        company.limits,
        gateway.clock.elapsed(),
        requests,
    ))
}

/// The rate-limit status, unless a window is exhausted.
pub(crate) fn admitted(decision: RateLimitDecision) -> Result<RateLimitStatus, Refusal> {
    match decision {
        RateLimitDecision::Admitted(status) => Ok(status),
        RateLimitDecision::Throttled { retry_after_seconds } => {
            Err(Refusal::Throttled { retry_after_seconds })
        }
    }
}

/// The revision of the request.
pub(crate) fn revision(headers: &HeaderMap, gateway: &GatewayState) -> Result<Revision, Refusal> {
    if !headers.contains_key(REVISION) {
        return Err(Refusal::RevisionMissing);
    }
    // A header that is repeated or not text is not a date, and the parser reports it as malformed.
    let asked = RequestedRevision::from_str(only(headers, &REVISION).unwrap_or("").trim());
    let asked = asked.map_err(Refusal::RevisionMalformed)?;
    asked.resolve(gateway.revision_date()).map_err(Refusal::RevisionUnavailable)
}

/// The media type of the response: that of the revision, or of the newest revision if the request
/// names none that exists.
pub(crate) fn answer_media_type(headers: &HeaderMap, gateway: &GatewayState) -> &'static str {
    revision(headers, gateway).unwrap_or(Revision::LATEST).media_type()
}

/// Checks that the media type of the body is supported.
pub(crate) fn media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let sent = only(headers, &header::CONTENT_TYPE);
    let essence = sent.and_then(|sent| sent.split(';').next()).unwrap_or("").trim();
    let supported = ["application/json", "application/vnd.api+json"];
    if supported.iter().any(|supported| supported.eq_ignore_ascii_case(essence)) {
        Ok(())
    } else {
        Err(Refusal::MediaType)
    }
}

/// The content coding of the body.
pub(crate) fn content_encoding(headers: &HeaderMap) -> Result<ContentEncoding, Refusal> {
    if !headers.contains_key(header::CONTENT_ENCODING) {
        return Ok(ContentEncoding::default());
    }
    let coding = only(headers, &header::CONTENT_ENCODING).and_then(|coding| coding.parse().ok());
    coding.ok_or(Refusal::ContentCoding)
}

/// The value of a header that occurs exactly once. With several values, choosing one would be a
/// guess, and a proxy on the way may choose another one.
pub(crate) fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut sent = headers.get_all(name);
    match (sent.next(), sent.next()) {
        (Some(one), None) => one.to_str().ok(),
        _ => None,
    }
}
