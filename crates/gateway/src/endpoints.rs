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
    CreatePushToken,
    DeleteProfile,
    DeletePushToken,
    ExplainProfile,
    GetAccount,
    GetBulkImport,
    GetDeletionJob,
    GetProfile,
    GetPushToken,
    GetPushTokenProfile,
    GetPushTokenProfileId,
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
    ListProfilePushTokenIds,
    ListProfilePushTokens,
    ListProfiles,
    ListPushTokens,
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
    /// The scopes that the key must have, all of them.
    pub(crate) scopes: &'static [KeyScope],
    pub(crate) limits: RateLimit,
    /// A one-line description.
    pub(crate) summary: &'static str,
}

const fn row(
    endpoint: Endpoint,
    method: Method,
    path: &'static str,
    scopes: &'static [KeyScope],
    limits: RateLimit,
    summary: &'static str,
) -> EndpointRow {
    EndpointRow { endpoint, method, path, scopes, limits, summary }
}

const PROFILE: &str = "/api/profiles/{id}";
const PROFILES: &str = "/api/profiles";
const PROFILE_TOKENS: &str = "/api/profiles/{id}/push-tokens";
const PROFILE_TOKEN_IDS: &str = "/api/profiles/{id}/relationships/push-tokens";
const TOKENS: &str = "/api/push-tokens";
const TOKEN: &str = "/api/push-tokens/{id}";
const TOKEN_PROFILE: &str = "/api/push-tokens/{id}/profile";
const TOKEN_PROFILE_ID: &str = "/api/push-tokens/{id}/relationships/profile";
const ACCOUNTS: &str = "/api/accounts";
const DELETIONS: &str = "/api/data-privacy-deletion-jobs";
const DELETION: &str = "/api/data-privacy-deletion-jobs/{id}";
const IMPORTS: &str = "/api/profile-bulk-import-jobs";
const IMPORT: &str = "/api/profile-bulk-import-jobs/{id}";
const IMPORTED: &str = "/api/profile-bulk-import-jobs/{id}/profiles";
const IMPORTED_IDS: &str = "/api/profile-bulk-import-jobs/{id}/relationships/profiles";
const IMPORT_ERRORS: &str = "/api/profile-bulk-import-jobs/{id}/import-errors";

/// Every endpoint.
pub(crate) static ENDPOINTS: [EndpointRow; 34] = {
    use Endpoint as E;
    const READ: &[KeyScope] = &[KeyScope::ProfilesRead];
    const WRITE: &[KeyScope] = &[KeyScope::ProfilesWrite];
    const PRIVACY: &[KeyScope] = &[KeyScope::DataPrivacyWrite];
    const READ_TOKENS: &[KeyScope] = &[KeyScope::ProfilesRead, KeyScope::PushTokensRead];
    const WRITE_TOKENS: &[KeyScope] = &[KeyScope::ProfilesWrite, KeyScope::PushTokensWrite];
    const REMOVE_TOKENS: &[KeyScope] = &[KeyScope::PushTokensWrite];
    const GET: Method = Method::GET;
    const POST: Method = Method::POST;
    const L: RateLimit = limits::API_LARGE;
    const M: RateLimit = limits::API_MEDIUM;
    const S: RateLimit = limits::API_SMALL;
    [
        row(E::ListProfiles, GET, PROFILES, READ, L, "List profiles"),
        row(E::CreateProfile, POST, PROFILES, WRITE, L, "Create a profile"),
        row(E::GetProfile, GET, PROFILE, READ, L, "Get a profile"),
        row(E::UpdateProfile, Method::PATCH, PROFILE, WRITE, L, "Update a profile"),
        row(E::ListHistory, GET, "/api/profiles/{id}/history", READ, L, "The history of a profile"),
        row(E::ImportProfile, POST, "/api/profile-import", WRITE, L, "Create or update a profile"),
        row(
            E::MergeProfiles,
            POST,
            "/api/profile-merge",
            WRITE,
            M,
            "Merge one profile into another",
        ),
        row(E::UnmergeProfile, POST, "/api/profile-unmerge", WRITE, M, "Undo a merge"),
        row(E::RepairProfiles, POST, "/api/profile-repair", WRITE, S, "Undo what one sender did"),
        row(
            E::RevokeTokens,
            POST,
            "/api/exchange-token-revocation",
            WRITE,
            S,
            "Revoke the exchange tokens of a profile or of the company",
        ),
        row(
            E::ExplainProfile,
            POST,
            "/api/profile-explain",
            READ,
            L,
            "Explain what a request would do, without writing",
        ),
        row(
            E::ListOutcomes,
            GET,
            "/api/outcomes",
            READ,
            L,
            "The result of every request, in order",
        ),
        row(E::DeleteProfile, POST, DELETIONS, PRIVACY, S, "Erase a profile and all its data"),
        row(E::ListDeletionJobs, GET, DELETIONS, PRIVACY, M, "List deletion jobs"),
        row(E::GetDeletionJob, GET, DELETION, PRIVACY, M, "Get a deletion job"),
        row(E::CreateBulkImport, POST, IMPORTS, WRITE, M, "Create or update many profiles"),
        row(E::ListBulkImports, GET, IMPORTS, READ, M, "List bulk imports"),
        row(E::GetBulkImport, GET, IMPORT, READ, M, "Get a bulk import"),
        row(
            E::ListBulkImportProfiles,
            GET,
            IMPORTED,
            READ,
            M,
            "List the profiles of a bulk import",
        ),
        row(
            E::ListBulkImportProfileIds,
            GET,
            IMPORTED_IDS,
            READ,
            M,
            "List the ids of the profiles of a bulk import",
        ),
        row(
            E::ListBulkImportErrors,
            GET,
            IMPORT_ERRORS,
            READ,
            M,
            "List the errors of a bulk import",
        ),
        row(E::ListPushTokens, GET, TOKENS, READ_TOKENS, M, "List push tokens"),
        row(E::CreatePushToken, POST, TOKENS, WRITE_TOKENS, L, "Create or update a push token"),
        row(E::GetPushToken, GET, TOKEN, READ_TOKENS, M, "Get a push token"),
        row(E::DeletePushToken, Method::DELETE, TOKEN, REMOVE_TOKENS, S, "Delete a push token"),
        row(
            E::GetPushTokenProfile,
            GET,
            TOKEN_PROFILE,
            READ_TOKENS,
            M,
            "Get the profile of a push token",
        ),
        row(
            E::GetPushTokenProfileId,
            GET,
            TOKEN_PROFILE_ID,
            READ_TOKENS,
            M,
            "Get the id of the profile of a push token",
        ),
        row(
            E::ListProfilePushTokens,
            GET,
            PROFILE_TOKENS,
            READ,
            M,
            "List the push tokens of a profile",
        ),
        row(
            E::ListProfilePushTokenIds,
            GET,
            PROFILE_TOKEN_IDS,
            READ,
            M,
            "List the ids of the push tokens of a profile",
        ),
        row(E::ListAccounts, GET, ACCOUNTS, READ, M, "List the account: the company of the key"),
        row(E::GetAccount, GET, "/api/accounts/{id}", READ, M, "Get the account"),
        row(E::ListMetrics, GET, "/api/metrics", READ, M, "List metrics, of which there are none"),
        row(E::ListLists, GET, "/api/lists", READ, M, "List lists, of which there are none"),
        row(E::ListEvents, GET, "/api/events", READ, M, "List events, of which there are none"),
    ]
};
