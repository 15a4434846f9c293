//! The table of endpoints under `/api`: paths, methods, scopes and rate limits.
//!
//! Routes, checks and the `OpenAPI` document are made from these rows.

use actix_web::http::Method;

use crate::{capacity::rate_limit::RateLimit, limits, tenants::scope::KeyScope};

/// An endpoint under `/api`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Endpoint {
    CreateBulkImport,
    CreateProfile,
    DeleteProfile,
    ExplainProfile,
    GetAccount,
    GetBulkImport,
    GetDeletionJob,
    GetProfile,
    ImportProfile,
    ListAccounts,
    ListBulkImportErrors,
    ListBulkImportProfileIds,
    ListBulkImportProfiles,
    ListBulkImports,
    ListDeletionJobs,
    ListEvents,
    ListHistory,
    ListLists,
    ListMetrics,
    ListOutcomes,
    ListProfiles,
    MergeProfiles,
    RepairProfiles,
    RevokeTokens,
    UnmergeProfile,
    UpdateProfile,
}

/// One row of the table of endpoints.
#[derive(Clone, Debug)]
pub(crate) struct EndpointRow {
    pub(crate) endpoint: Endpoint,
    pub(crate) method: Method,
    /// The path, without a trailing slash.
    pub(crate) path: &'static str,
    pub(crate) scope: KeyScope,
    pub(crate) limits: RateLimit,
    /// A one-line description.
    pub(crate) summary: &'static str,
}

const fn row(
    endpoint: Endpoint,
    method: Method,
    path: &'static str,
    scope: KeyScope,
    limits: RateLimit,
    summary: &'static str,
) -> EndpointRow {
    EndpointRow { endpoint, method, path, scope, limits, summary }
}

const PROFILE: &str = "/api/profiles/{id}";
const PROFILES: &str = "/api/profiles";
const ACCOUNTS: &str = "/api/accounts";
const DELETIONS: &str = "/api/data-privacy-deletion-jobs";
const DELETION: &str = "/api/data-privacy-deletion-jobs/{id}";
const IMPORTS: &str = "/api/profile-bulk-import-jobs";
const IMPORT: &str = "/api/profile-bulk-import-jobs/{id}";
const IMPORTED: &str = "/api/profile-bulk-import-jobs/{id}/profiles";
const IMPORTED_IDS: &str = "/api/profile-bulk-import-jobs/{id}/relationships/profiles";
const IMPORT_ERRORS: &str = "/api/profile-bulk-import-jobs/{id}/import-errors";

/// Every endpoint.
pub(crate) static ENDPOINTS: [EndpointRow; 26] = {
    use Endpoint as E;
    use KeyScope::{DataPrivacyWrite as Privacy, ProfilesRead as Read, ProfilesWrite as Write};
    const GET: Method = Method::GET;
    const POST: Method = Method::POST;
    const L: RateLimit = limits::API_LARGE;
    const M: RateLimit = limits::API_MEDIUM;
    const S: RateLimit = limits::API_SMALL;
    [
        row(E::ListProfiles, GET, PROFILES, Read, L, "List profiles"),
        row(E::CreateProfile, POST, PROFILES, Write, L, "Create a profile"),
        row(E::GetProfile, GET, PROFILE, Read, L, "Get a profile"),
        row(E::UpdateProfile, Method::PATCH, PROFILE, Write, L, "Update a profile"),
        row(E::ListHistory, GET, "/api/profiles/{id}/history", Read, L, "The history of a profile"),
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
        row(E::RepairProfiles, POST, "/api/profile-repair", Write, S, "Undo what one sender did"),
        row(
            E::RevokeTokens,
            POST,
            "/api/exchange-token-revocation",
            Write,
            S,
            "Revoke the exchange tokens of a profile or of the company",
        ),
        row(
            E::ExplainProfile,
            POST,
            "/api/profile-explain",
            Read,
            L,
            "Explain what a request would do, without writing",
        ),
        row(
            E::ListOutcomes,
            GET,
            "/api/outcomes",
            Read,
            L,
            "The result of every request, in order",
        ),
        row(E::DeleteProfile, POST, DELETIONS, Privacy, S, "Erase a profile and all its data"),
        row(E::ListDeletionJobs, GET, DELETIONS, Privacy, M, "List deletion jobs"),
        row(E::GetDeletionJob, GET, DELETION, Privacy, M, "Get a deletion job"),
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
            "List the errors of a bulk import",
        ),
        row(E::ListAccounts, GET, ACCOUNTS, Read, M, "List the account: the company of the key"),
        row(E::GetAccount, GET, "/api/accounts/{id}", Read, M, "Get the account"),
        row(E::ListMetrics, GET, "/api/metrics", Read, M, "List metrics, of which there are none"),
        row(E::ListLists, GET, "/api/lists", Read, M, "List lists, of which there are none"),
        row(E::ListEvents, GET, "/api/events", Read, M, "List events, of which there are none"),
    ]
};
