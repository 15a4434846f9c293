//! `POST /client/profiles`: creates a profile, or updates the profile that the identifiers name.
//! `POST /client/push-tokens` does so as well, and gives the profile a push token;
//! `POST /client/push-token-unregister` takes one from it.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web::{Data, Payload},
};
use profile_protocol::{CompanyId, ProfileRequest, Revision, Violations};
use profile_store::{Outcome, StoreError, Submission, TokenContent};

use crate::{
    capacity::{
        body_budget::BodyKind,
        disk_wait::{self, StoreUse},
        network_limiter::ReservedMerges,
    },
    client::{
        issued_token::Evidence,
        request::{ClientEndpoint, ClientRequest, PushTokenRequest},
    },
    http::{
        access_log::{self, AccessEntry},
        admission, body,
        cors::Cors,
        error_response::error_response,
        inspection,
        refusal::Refusal,
        response::{METHODS, Onsite, ResponseContext},
    },
    state::GatewayState,
    submission::{self, SignatureStatus},
    tenants::directory::Company,
};

/// Serves `/client/profiles`.
pub(crate) fn client_profiles(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<GatewayState>,
) -> impl Future<Output = HttpResponse> {
    serve(ClientEndpoint::Profiles, request, payload, gateway)
}

/// Serves `/client/push-tokens`.
pub(crate) fn push_tokens(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<GatewayState>,
) -> impl Future<Output = HttpResponse> {
    serve(ClientEndpoint::PushTokens, request, payload, gateway)
}

/// Serves `/client/push-token-unregister`.
pub(crate) fn push_token_unregister(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<GatewayState>,
) -> impl Future<Output = HttpResponse> {
    serve(ClientEndpoint::PushTokenUnregister, request, payload, gateway)
}

/// Serves every method on a path.
///
/// The response to a stored request is an empty 202: the caller is a browser with a public key and
/// must not learn what the store already contains.
async fn serve(
    endpoint: ClientEndpoint,
    request: HttpRequest,
    mut payload: Payload,
    gateway: Data<GatewayState>,
) -> HttpResponse {
    let mut reply = context(&request, &gateway);
    let entry = AccessEntry::begin(&request, &gateway, &reply);
    let answer = match *request.method() {
        Method::POST => upsert(endpoint, &request, &mut payload, &gateway, &mut reply).await,
        Method::OPTIONS => charged_preflight(&request, &gateway, &mut reply),
        _ => {
            let refusal = Refusal::Method { allowed: METHODS.to_owned() };
            Err(admission::without_company(&request, &gateway, refusal))
        }
    };
    let response = match answer {
        Ok(answer) => answer,
        Err(refusal) => error_response(&request, payload, &gateway, &reply, &refusal).await,
    };
    access_log::answered(entry, &reply, response)
}

/// The context of a response to a page.
pub(super) fn context(request: &HttpRequest, gateway: &GatewayState) -> ResponseContext {
    let media_type = admission::answer_media_type(request.headers(), gateway);
    ResponseContext::new(request, gateway, Cors::from_request(request), media_type)
}

/// Serves every other path.
pub(crate) async fn unknown_path(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<GatewayState>,
) -> HttpResponse {
    let reply = context(&request, &gateway);
    let entry = AccessEntry::begin(&request, &gateway, &reply);
    let refusal = admission::without_company(&request, &gateway, Refusal::UnknownPath);
    let response = error_response(&request, payload, &gateway, &reply, &refusal).await;
    access_log::answered(entry, &reply, response)
}

/// The order of these lines is the order of checks that docs/PROTOCOL.md promises.
async fn upsert(
    endpoint: ClientEndpoint,
    request: &HttpRequest,
    payload: &mut Payload,
    gateway: &Data<GatewayState>,
    reply: &mut ResponseContext,
) -> Result<HttpResponse, Refusal> {
    let headers = request.headers();
    let company = admission::company(request, gateway)
        .map_err(|refusal| admission::without_company(request, gateway, refusal))?;
    reply.company = Some(Arc::clone(&company));
    // A request of a page that is not allowed is charged to the network as well.
    let charged = admission::charge_network(request, &company, gateway);
    reply.cors = Cors::for_company(request, &company).inspect_err(|_| reply.cors = Cors::Closed)?;
    let charged = charged?;
    reply.rate_limit_status = Some(admission::uncharged(&company, gateway)?);
    let revision = admission::revision(headers, gateway)?;
    admission::media_type(headers)?;
    let encoding = admission::content_encoding(headers)?;
    disk_wait::admit(gateway, StoreUse::ClientWrite)?;
    let kind = BodyKind::Client;
    let read = body::read(headers, payload, encoding, kind, &company.id, gateway);
    let body = inspection::noted(request, read.await, gateway.clock.elapsed())?;
    let requests = admission::requests_of_body(body.bytes.len());
    admission::charge_network_for_body(request, &company, gateway, (charged, requests))?;
    let parse = timed_parse(gateway, endpoint, revision);
    let (parsed, permit) = body.parse(gateway, &company.id, parse).await?;
    let ClientSubmission { submission, push_token, evidence, merges } =
        submission_of(endpoint, request, gateway, &company, reply, parsed)?;
    // Only what could be stored is charged to the company, so nothing else spends its limit.
    reply.rate_limit_status = Some(admission::charge(&company, gateway, requests)?);
    let registered = match push_token {
        Some(PushTokenRequest::Removal(token)) => {
            submission::remove_push_token(request, gateway, token, submission, permit).await?;
            return Ok(reply.accepted(None));
        }
        Some(PushTokenRequest::Registration(details)) => Some(details),
        None => None,
    };
    let submission = submission::with_push_token(submission, registered);
    let outcome = submission::store(request, gateway, submission, permit).await?;
    if let Some(reserved) = merges {
        give_back(gateway, reserved, &outcome);
    }

    let token = evidence.map(|evidence| evidence.token(&outcome));
    let onsite = token.map(|token| exchange(gateway, &company.id, token)).transpose()?;
    Ok(reply.accepted(onsite))
}

/// What a request asks the store for.
struct ClientSubmission {
    submission: Submission,
    push_token: Option<PushTokenRequest>,
    /// What a page shows about its sender, if it asks for an exchange token.
    evidence: Option<Evidence>,
    merges: Option<ReservedMerges>,
}

/// The submission of a parsed request. It is made here, and not between the steps that wait, so
/// that the future of a request has no space for the parsed one.
fn submission_of(
    endpoint: ClientEndpoint,
    request: &HttpRequest,
    gateway: &GatewayState,
    company: &Company,
    reply: &ResponseContext,
    ClientRequest { profile, push_token }: ClientRequest,
) -> Result<ClientSubmission, Refusal> {
    let headers = request.headers();
    let signature = submission::signature(gateway, company, headers, &profile);
    let onsite = endpoint.answers_pages()
        && headers.get("x-klaviyo-onsite").is_some_and(|value| value == "1");
    let evidence = onsite.then(|| evidence(gateway, &company.id, signature, &profile));
    let network = admission::client_network(request, gateway);
    let request_ids = reply.trace.ids.clone();
    let submission = submission::from_client(gateway, company, signature, profile)?;
    let (submission, merges) = match &push_token {
        // It merges nothing.
        Some(PushTokenRequest::Removal(_)) => (submission, None),
        Some(PushTokenRequest::Registration(_)) | None => {
            with_merges(request, gateway, company, submission)
        }
    };
    let submission = submission::with_origin(gateway, submission, network, request_ids);
    Ok(ClientSubmission { submission, push_token, evidence, merges })
}

/// Reserves as many merges as a submission may lead to: one fewer than it has claims. Without any
/// left, it merges nothing.
fn with_merges(
    request: &HttpRequest,
    gateway: &GatewayState,
    company: &Company,
    submission: Submission,
) -> (Submission, Option<ReservedMerges>) {
    let merges = submission.claims.made().len().saturating_sub(1);
    let merges = u32::try_from(merges).unwrap_or(u32::MAX);
    if merges == 0 {
        return (submission, None);
    }
    match admission::reserve_merges(request, company, gateway, merges) {
        Some(reserved) => (submission, Some(reserved)),
        None => (submission::without_merges(submission), None),
    }
}

/// Gives back what was reserved beyond the merges of the outcome.
fn give_back(gateway: &GatewayState, reserved: ReservedMerges, outcome: &Outcome) {
    let used = u32::try_from(outcome.absorbed().count()).unwrap_or(u32::MAX);
    gateway.merge_limiter.give_back(reserved, used, gateway.clock.elapsed());
}

/// A parser of the body that records how long it takes.
fn timed_parse(
    gateway: &Data<GatewayState>,
    endpoint: ClientEndpoint,
    revision: Revision,
) -> impl FnOnce(&[u8]) -> Result<ClientRequest, Violations> + Send + use<> {
    let gateway = Data::clone(gateway);
    move |bytes| {
        let start = gateway.clock.elapsed();
        let parsed = endpoint.parse(bytes, revision);
        gateway.metrics.parsed(gateway.clock.elapsed().saturating_sub(start));
        parsed
    }
}

/// What the request of a page shows about its sender.
fn evidence(
    gateway: &GatewayState,
    company: &CompanyId,
    signature: SignatureStatus,
    request: &ProfileRequest,
) -> Evidence {
    let (ring, now) = (gateway.exchange(), gateway.clock.unix_seconds());
    let signed = signature == SignatureStatus::Valid;
    Evidence::from_request(request, signed, |token| ring.open(company, token, now).ok())
}

/// The answer to a page, with a token of this content.
fn exchange(
    gateway: &GatewayState,
    company: &CompanyId,
    token: TokenContent,
) -> Result<Onsite, Refusal> {
    let exchange_id = gateway.exchange().seal(company, token);
    let exchange_id = exchange_id.or(Err(Refusal::Store(StoreError::Unavailable)))?;
    Ok(Onsite { exchange_id, should_clear_cookie: false })
}

/// Answers a preflight, which is charged to its client network whatever its answer is.
fn charged_preflight(
    request: &HttpRequest,
    gateway: &GatewayState,
    reply: &mut ResponseContext,
) -> Result<HttpResponse, Refusal> {
    let answer = preflight(request, gateway, reply);
    match &reply.company {
        Some(company) => admission::charge_preflight(request, company, gateway)?,
        None => admission::charge_without_company(request, gateway)?,
    }
    answer
}

/// A browser sends a preflight before the request of a page. The company may be invalid here; the
/// response to the actual request then says so.
pub(super) fn preflight(
    request: &HttpRequest,
    gateway: &GatewayState,
    reply: &mut ResponseContext,
) -> Result<HttpResponse, Refusal> {
    if let Ok(company) = admission::company(request, gateway) {
        reply.company = Some(Arc::clone(&company));
        reply.cors =
            Cors::for_company(request, &company).inspect_err(|_| reply.cors = Cors::Closed)?;
    }
    Ok(reply.preflight(request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<F, Answer>(_: F) -> usize
    where
        F: Fn(HttpRequest, Payload, Data<GatewayState>) -> Answer,
    {
        size_of::<Answer>()
    }

    #[test]
    fn the_future_of_a_request_is_small_because_it_is_moved_several_times() {
        let size = size_of_future(client_profiles);
        assert!(size <= 2_048, "{size}");
    }
}
