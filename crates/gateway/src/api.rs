//! The server side of the API: what a company's own programs may ask and change.
//!
//! [`ENDPOINTS`] is the whole of it: routes, scopes, rate limits and the
//! `OpenAPI` document are made from these rows.

mod call;
mod cursor;
mod documents;
mod explain;
mod fieldset;
mod imports;
mod list;
mod merges;
mod openapi;
mod outcomes;
mod privacy;
mod profiles;
mod query;
mod resource;
mod time;

use actix_web::{
    HttpRequest, HttpResponse,
    body::{self, BoxBody},
    http::Method,
    web::{self, Data, Payload, ServiceConfig},
};

use self::{call::Call, documents::Answer};
use crate::{
    admission, auth, cors::Cors, limits, quota::Limits, refusal::Refusal, reply::Reply,
    scope::Scope, state::Gateway, turn_away::turn_away,
};

/// One thing that can be asked.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Endpoint {
    CreateBulkImport,
    CreateProfile,
    DeleteProfile,
    ExplainProfile,
    GetBulkImport,
    GetProfile,
    ImportProfile,
    ListBulkImportErrors,
    ListBulkImportProfileIds,
    ListBulkImportProfiles,
    ListBulkImports,
    ListHistory,
    ListOutcomes,
    ListProfiles,
    MergeProfiles,
    UnmergeProfile,
    UpdateProfile,
}

/// One row of the table of endpoints.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) endpoint: Endpoint,
    pub(crate) method: Method,
    /// The path, without the slash that may follow it.
    pub(crate) path: &'static str,
    pub(crate) scope: Scope,
    pub(crate) limits: Limits,
    /// What it does, for people.
    pub(crate) summary: &'static str,
}

const fn row(
    endpoint: Endpoint,
    method: Method,
    path: &'static str,
    scope: Scope,
    limits: Limits,
    summary: &'static str,
) -> Row {
    Row { endpoint, method, path, scope, limits, summary }
}

const PROFILE: &str = "/api/profiles/{id}";
const PROFILES: &str = "/api/profiles";
const IMPORTS: &str = "/api/profile-bulk-import-jobs";
const IMPORT: &str = "/api/profile-bulk-import-jobs/{id}";
const IMPORTED: &str = "/api/profile-bulk-import-jobs/{id}/profiles";
const IMPORTED_IDS: &str = "/api/profile-bulk-import-jobs/{id}/relationships/profiles";
const IMPORT_ERRORS: &str = "/api/profile-bulk-import-jobs/{id}/import-errors";

/// Every endpoint.
pub(crate) static ENDPOINTS: [Row; 17] = {
    use Endpoint as E;
    use Scope::{DataPrivacyWrite as Privacy, ProfilesRead as Read, ProfilesWrite as Write};
    const GET: Method = Method::GET;
    const POST: Method = Method::POST;
    const L: Limits = limits::API_LARGE;
    const M: Limits = limits::API_MEDIUM;
    const S: Limits = limits::API_SMALL;
    [
        row(E::ListProfiles, GET, PROFILES, Read, L, "List profiles"),
        row(E::CreateProfile, POST, PROFILES, Write, L, "Create a profile"),
        row(E::GetProfile, GET, PROFILE, Read, L, "Get a profile"),
        row(E::UpdateProfile, Method::PATCH, PROFILE, Write, L, "Update a profile"),
        row(
            E::ListHistory,
            GET,
            "/api/profiles/{id}/history",
            Read,
            L,
            "What happened to a profile",
        ),
        row(E::ImportProfile, POST, "/api/profile-import", Write, L, "Create or update a profile"),
        row(
            E::MergeProfiles,
            POST,
            "/api/profile-merge",
            Write,
            M,
            "Merge one profile into another",
        ),
        row(E::UnmergeProfile, POST, "/api/profile-unmerge", Write, M, "Undo a merge"),
        row(
            E::ExplainProfile,
            POST,
            "/api/profile-explain",
            Read,
            L,
            "What would become of a request, with nothing written",
        ),
        row(
            E::ListOutcomes,
            GET,
            "/api/outcomes",
            Read,
            L,
            "What became of every request, in order",
        ),
        row(
            E::DeleteProfile,
            POST,
            "/api/data-privacy-deletion-jobs",
            Privacy,
            S,
            "Erase a profile and all that is known of it",
        ),
        row(E::CreateBulkImport, POST, IMPORTS, Write, M, "Create or update many profiles"),
        row(E::ListBulkImports, GET, IMPORTS, Read, M, "List bulk imports"),
        row(E::GetBulkImport, GET, IMPORT, Read, M, "Get a bulk import"),
        row(
            E::ListBulkImportProfiles,
            GET,
            IMPORTED,
            Read,
            M,
            "List the profiles of a bulk import",
        ),
        row(
            E::ListBulkImportProfileIds,
            GET,
            IMPORTED_IDS,
            Read,
            M,
            "List the ids of the profiles of a bulk import",
        ),
        row(
            E::ListBulkImportErrors,
            GET,
            IMPORT_ERRORS,
            Read,
            M,
            "List what a bulk import refused",
        ),
    ]
};

/// The routes of the server side, each with and without a slash at its end.
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
async fn serve(request: HttpRequest, mut payload: Payload, gateway: Data<Gateway>) -> HttpResponse {
    let mut reply = Reply {
        // A page must not hold a private key, so none is let in.
        cors: Cors::Closed,
        media_type: admission::answer_media_type(request.headers(), &gateway),
        standing: None,
    };
    let response = match answer(&request, &mut payload, &gateway, &mut reply).await {
        Ok(answer) => reply.answered(answer.status, answer.body),
        Err(refusal) => turn_away(&request, payload, &gateway, &reply, &refusal).await,
    };
    bodiless_if_asked(&request, response)
}

/// The answer to a HEAD is that to a GET without its body.
fn bodiless_if_asked(request: &HttpRequest, response: HttpResponse) -> HttpResponse {
    match *request.method() {
        Method::HEAD => response.map_body(|_, _| BoxBody::new(body::None::new())),
        _ => response,
    }
}

/// The order of these lines is the order of checks that docs/API.md promises.
async fn answer(
    request: &HttpRequest,
    payload: &mut Payload,
    gateway: &Data<Gateway>,
    reply: &mut Reply,
) -> Result<Answer, Refusal> {
    let row = row_of(request)?;
    let holder = auth::holder(request.headers(), gateway)?;
    auth::require(&holder, row.scope)?;
    let company = &holder.company.id;
    let charged = gateway.api_quotas.charge(
        &(company.clone(), row.endpoint),
        row.limits.times(holder.company.api_limits_factor),
        gateway.clock.elapsed(),
    );
    reply.standing = Some(admission::admitted(charged)?);
    let revision = admission::revision(request.headers(), gateway)?;
    let call = Call { request, gateway, company: holder.company, revision };
    dispatch(row.endpoint, &call, payload).await
}

async fn dispatch(
    endpoint: Endpoint,
    call: &Call<'_>,
    payload: &mut Payload,
) -> Result<Answer, Refusal> {
    match endpoint {
        Endpoint::CreateBulkImport => imports::create(call, payload).await,
        Endpoint::CreateProfile => profiles::create(call, payload).await,
        Endpoint::DeleteProfile => privacy::delete(call, payload).await,
        Endpoint::ExplainProfile => explain::explain(call, payload).await,
        Endpoint::GetBulkImport => imports::get(call).await,
        Endpoint::GetProfile => profiles::get(call).await,
        Endpoint::ImportProfile => profiles::import(call, payload).await,
        Endpoint::ListBulkImportErrors => imports::errors(call).await,
        Endpoint::ListBulkImportProfileIds => imports::profile_ids(call).await,
        Endpoint::ListBulkImportProfiles => imports::profiles(call).await,
        Endpoint::ListBulkImports => imports::list(call).await,
        Endpoint::ListHistory => outcomes::history(call).await,
        Endpoint::ListOutcomes => outcomes::stream(call).await,
        Endpoint::ListProfiles => list::list(call).await,
        Endpoint::MergeProfiles => merges::merge(call, payload).await,
        Endpoint::UnmergeProfile => merges::unmerge(call, payload).await,
        Endpoint::UpdateProfile => profiles::update(call, payload).await,
    }
}

/// The endpoint that a request is for.
fn row_of(request: &HttpRequest) -> Result<&'static Row, Refusal> {
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

/// What may be used where a thing can be got.
const GETTING: &str = "GET, HEAD";
