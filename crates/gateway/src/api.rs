//! The server API: the endpoints that a company's own programs use.
//!
//! Routes, scopes, rate limits and the `OpenAPI` document are made from [`ENDPOINTS`].

mod accounts;
mod call;
mod cursor;
mod details;
mod documents;
mod empty_lists;
mod explain;
mod fieldset;
mod imports;
mod list;
mod merges;
mod openapi;
mod outcomes;
mod privacy;
mod profiles;
mod push_token_resource;
mod push_tokens;
mod query;
mod related_tokens;
mod repair;
mod resource;
mod time;
mod tokens;

use std::sync::Arc;

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, dev,
    http::{
        Method, Uri,
        header::{self, HeaderMap, HeaderValue},
    },
    web::{self, Data, Payload, ServiceConfig},
};

use profile_protocol::Revision;
use profile_store::RequestIds;

use self::call::{Call, CallTarget};
pub(crate) use self::{
    documents::ApiResponse,
    fieldset::Fieldset,
    outcomes::{NewOutcomes, outcomes_after},
    resource::{ExportedProfile, properties_json},
    time::rfc3339,
};
use crate::{
    capacity::{
        disk_wait::{self, StoreUse},
        rate_limiter::RateLimitStatus,
    },
    endpoints::{ENDPOINTS, Endpoint, EndpointRow},
    http::{
        access_log::{self, AccessEntry},
        admission, auth,
        cors::Cors,
        error_response::error_response,
        refusal::Refusal,
        response::{ResponseContext, without_body_for_head},
    },
    state::GatewayState,
    tenants::directory::Principal,
};

/// The routes of the server API, each with and without a trailing slash.
pub(crate) fn routes(config: &mut ServiceConfig) {
    let mut paths: Vec<&str> = ENDPOINTS.iter().map(|row| row.path).collect();
    paths.sort_unstable();
    paths.dedup();
    for path in paths {
        config.route(path, web::route().to(serve));
        config.route(&format!("{path}/"), web::route().to(serve));
    }
    config.route("/openapi.json", web::route().to(openapi::serve));
}

/// Serves every method on these paths.
async fn serve(
    request: HttpRequest,
    mut payload: Payload,
    gateway: Data<GatewayState>,
) -> HttpResponse {
    let media_type = admission::answer_media_type(request.headers(), &gateway);
    // A page must not hold a private key, so CORS stays closed.
    let mut reply = ResponseContext::new(&request, &gateway, Cors::Closed, media_type);
    let entry = AccessEntry::begin(&request, &gateway, &reply);
    let response = match answer(&request, &mut payload, &gateway, &mut reply).await {
        Ok(answer) => reply.answered(answer.status, answer.location.as_deref(), answer.body),
        Err(refusal) => error_response(&request, payload, &gateway, &reply, &refusal).await,
    };
    access_log::answered(entry, &reply, without_body_for_head(&request, response))
}

/// The order of these lines is the order of checks that docs/API.md promises.
async fn answer(
    request: &HttpRequest,
    payload: &mut Payload,
    gateway: &Data<GatewayState>,
    reply: &mut ResponseContext,
) -> Result<ApiResponse, Refusal> {
    // What has no valid key is charged to the client network, so that keys cannot be tried at will.
    let uncharged = |refusal| admission::without_company(request, gateway, refusal);
    let row = row_of(request).map_err(uncharged)?;
    let principal = auth::principal(request.headers(), gateway).map_err(uncharged)?;
    reply.company = Some(Arc::clone(&principal.company));
    reply.rate_limit_status = Some(authorized(&principal, row, gateway)?);
    let revision = admission::revision(request.headers(), gateway)?;
    disk_wait::admit(gateway, store_use(row.endpoint))?;
    let (request_ids, target) = (&reply.trace.ids, CallTarget::of_request(request));
    let company = principal.company;
    let call = Call { request, target, gateway, company, revision, request_ids };
    dispatch(row.endpoint, &call, payload).await
}

/// Checks the scopes of the key, and charges the request to its company.
fn authorized(
    principal: &Principal,
    row: &EndpointRow,
    gateway: &GatewayState,
) -> Result<RateLimitStatus, Refusal> {
    row.scopes.iter().try_for_each(|scope| auth::require(principal, *scope))?;
    let charged = gateway.api_rate_limiter.charge(
        &(principal.company.id.clone(), row.endpoint),
        row.limits.times(principal.company.api_limits_factor),
        gateway.clock.elapsed(),
    );
    admission::admitted(charged)
}

/// A call of an endpoint from within the process, with the rights of a private key.
pub(crate) struct InnerCall<'a> {
    /// The request that the call is made for.
    pub(crate) request: &'a HttpRequest,
    pub(crate) principal: &'a Principal,
    pub(crate) endpoint: Endpoint,
    /// The id in the path; empty if the endpoint has none.
    pub(crate) id: &'a str,
    /// The query of the URL, percent-encoded.
    pub(crate) query: &'a str,
    /// Further headers, such as a signature.
    pub(crate) headers: HeaderMap,
    /// The body, which is JSON.
    pub(crate) body: Vec<u8>,
    pub(crate) request_ids: &'a RequestIds,
}

/// Carries out a call as if its request had come over HTTP: with the same checks and limits, except
/// that the revision is the newest one.
pub(crate) async fn call_within(
    inner: InnerCall<'_>,
    gateway: &Data<GatewayState>,
) -> Result<ApiResponse, Refusal> {
    let InnerCall { request, principal, endpoint, id, query, mut headers, body, request_ids } =
        inner;
    let row = ENDPOINTS.iter().find(|row| row.endpoint == endpoint).ok_or(Refusal::UnknownPath)?;
    authorized(principal, row, gateway)?;
    disk_wait::admit(gateway, store_use(endpoint))?;
    let path = row.path.replace("{id}", id);
    let uri = if query.is_empty() { path } else { format!("{path}?{query}") };
    let uri: Uri = uri.parse().or(Err(Refusal::UnknownPath))?;
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut payload = Payload::from_request(request, &mut dev::Payload::from(body)).await;
    let payload = payload.as_mut().or(Err(Refusal::Unreadable))?;
    let (company, revision) = (Arc::clone(&principal.company), Revision::LATEST);
    let target = CallTarget { uri: &uri, id, headers: &headers };
    let call = Call { request, target, gateway, company, revision, request_ids };
    dispatch(endpoint, &call, payload).await
}

/// What an endpoint does to the store.
fn store_use(endpoint: Endpoint) -> StoreUse {
    match endpoint {
        Endpoint::DeleteProfile | Endpoint::DeletePushToken => StoreUse::Erasure,
        Endpoint::CreateBulkImport
        | Endpoint::CreateProfile
        | Endpoint::CreatePushToken
        | Endpoint::ImportProfile
        | Endpoint::MergeProfiles
        | Endpoint::RepairProfiles
        | Endpoint::RevokeTokens
        | Endpoint::UnmergeProfile
        | Endpoint::UpdateProfile => StoreUse::ServerWrite,
        Endpoint::ExplainProfile
        | Endpoint::GetAccount
        | Endpoint::GetBulkImport
        | Endpoint::GetDeletionJob
        | Endpoint::GetProfile
        | Endpoint::GetPushToken
        | Endpoint::GetPushTokenProfile
        | Endpoint::GetPushTokenProfileId
        | Endpoint::ListAccounts
        | Endpoint::ListBulkImportErrors
        | Endpoint::ListBulkImportProfileIds
        | Endpoint::ListBulkImportProfiles
        | Endpoint::ListBulkImports
        | Endpoint::ListDeletionJobs
        | Endpoint::ListEvents
        | Endpoint::ListHistory
        | Endpoint::ListLists
        | Endpoint::ListMetrics
        | Endpoint::ListOutcomes
        | Endpoint::ListProfilePushTokenIds
        | Endpoint::ListProfilePushTokens
        | Endpoint::ListProfiles
        | Endpoint::ListPushTokens => StoreUse::Read,
    }
}

async fn dispatch(
    endpoint: Endpoint,
    call: &Call<'_>,
    payload: &mut Payload,
) -> Result<ApiResponse, Refusal> {
    match endpoint {
        Endpoint::CreateBulkImport => imports::create(call, payload).await,
        Endpoint::CreateProfile => profiles::create(call, payload).await,
        Endpoint::CreatePushToken => push_tokens::create(call, payload).await,
        Endpoint::DeletePushToken => push_tokens::delete(call).await,
        Endpoint::DeleteProfile => privacy::delete(call, payload).await,
        Endpoint::ExplainProfile => explain::explain(call, payload).await,
        Endpoint::GetAccount => accounts::get(call),
        Endpoint::GetBulkImport => imports::get(call).await,
        Endpoint::GetDeletionJob => privacy::get(call).await,
        Endpoint::GetProfile => profiles::get(call).await,
        Endpoint::GetPushToken => push_tokens::get(call).await,
        Endpoint::GetPushTokenProfile => push_tokens::profile(call).await,
        Endpoint::GetPushTokenProfileId => push_tokens::profile_id(call).await,
        Endpoint::ImportProfile => profiles::import(call, payload).await,
        Endpoint::ListAccounts => accounts::list(call),
        Endpoint::ListBulkImportErrors => imports::errors(call).await,
        Endpoint::ListBulkImportProfileIds => imports::profile_ids(call).await,
        Endpoint::ListBulkImportProfiles => imports::profiles(call).await,
        Endpoint::ListBulkImports => imports::list(call).await,
        Endpoint::ListDeletionJobs => privacy::list(call).await,
        Endpoint::ListEvents | Endpoint::ListLists | Endpoint::ListMetrics => {
            Ok(empty_lists::list(call))
        }
        Endpoint::ListHistory => outcomes::history(call).await,
        Endpoint::ListOutcomes => outcomes::stream(call).await,
        Endpoint::ListProfilePushTokenIds => push_tokens::ids_of_profile(call).await,
        Endpoint::ListProfilePushTokens => push_tokens::of_profile(call).await,
        Endpoint::ListProfiles => list::list(call).await,
        Endpoint::ListPushTokens => push_tokens::list(call).await,
        Endpoint::MergeProfiles => merges::merge(call, payload).await,
        Endpoint::RepairProfiles => repair::repair(call, payload).await,
        Endpoint::RevokeTokens => tokens::revoke(call, payload).await,
        Endpoint::UnmergeProfile => merges::unmerge(call, payload).await,
        Endpoint::UpdateProfile => profiles::update(call, payload).await,
    }
}

/// The endpoint of a request.
fn row_of(request: &HttpRequest) -> Result<&'static EndpointRow, Refusal> {
    let pattern = request.match_pattern().unwrap_or_default();
    let pattern = pattern.trim_end_matches('/');
    let on_path = || ENDPOINTS.iter().filter(|row| row.path == pattern);
    let method = match *request.method() {
        Method::HEAD => &Method::GET,
        ref method => method,
    };
    let row = on_path().find(|row| row.method == *method);
    row.ok_or_else(|| {
        let methods = on_path()
            .map(|row| if row.method == Method::GET { GETTING } else { row.method.as_str() });
        Refusal::Method { allowed: methods.collect::<Vec<&str>>().join(", ") }
    })
}

/// The methods allowed on a resource that can be read.
const GETTING: &str = "GET, HEAD";
