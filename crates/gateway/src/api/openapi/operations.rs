//! What each endpoint takes and answers.

use profile_protocol::FilterField;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

use super::super::{
    accounts::AccountAttributes,
    documents::{Collection, Resource, ResourceIdentifier, Single},
    explain::Explanation,
    fieldset::{ADDITIONAL, ADDITIONAL_FIELDS, FIELDS},
    imports::{ImportErrorResource, JobResource},
    list::SORTS,
    merges::{MergedProfile, UnmergeDocument},
    outcomes::{OutcomeResource, OutcomeStream},
    privacy::DeletionJobResource,
    push_token_resource::{PushTokenResource, TOKEN_FIELDS},
    push_tokens,
    query::{FILTER, INCLUDE, PAGE_CURSOR, PAGE_SIZE, SORT},
    related_tokens,
    repair::RepairResource,
    resource::ProfileAttributes,
};
use super::elements::{
    BODY_REFUSALS, SuccessResponse, request_body, responses, revision_parameter, with,
};
use crate::{endpoints::Endpoint, http::response::OnsiteDocument, limits};

/// What one endpoint takes and answers.
pub(super) struct OpenApiOperation {
    pub(super) name: &'static str,
    pub(super) parameters: Vec<Value>,
    /// The name of the body's schema.
    pub(super) body: Option<&'static str>,
    pub(super) answers: Vec<SuccessResponse>,
    /// Whether the request may conflict with stored profiles (409).
    pub(super) conflicts: bool,
}

type ProfileResource<'a> = Resource<ProfileAttributes<'a>>;

/// What this endpoint takes and answers.
pub(super) fn operation_of(
    endpoint: Endpoint,
    generator: &mut SchemaGenerator,
) -> OpenApiOperation {
    let (name, body) = name_and_body(endpoint);
    let (parameters, answers) = (parameters_of(endpoint), answers_of(endpoint, generator));
    let conflicts = matches!(
        endpoint,
        Endpoint::CreateProfile
            | Endpoint::ImportProfile
            | Endpoint::MergeProfiles
            | Endpoint::UpdateProfile
    );
    OpenApiOperation { name, parameters, body, answers, conflicts }
}

fn name_and_body(endpoint: Endpoint) -> (&'static str, Option<&'static str>) {
    match endpoint {
        Endpoint::CreateBulkImport => ("create_profile_bulk_import_job", Some("BulkImportRequest")),
        Endpoint::CreateProfile => ("create_profile", Some("ProfileCreateRequest")),
        Endpoint::CreatePushToken => ("create_push_token", Some("PushTokenRequest")),
        Endpoint::DeletePushToken => ("delete_push_token", None),
        Endpoint::DeleteProfile => ("request_profile_deletion", Some("DeletionRequest")),
        Endpoint::ExplainProfile => ("explain_profile", Some("ExplainRequest")),
        Endpoint::GetAccount => ("get_account", None),
        Endpoint::GetDeletionJob => ("get_deletion_job", None),
        Endpoint::GetBulkImport => ("get_profile_bulk_import_job", None),
        Endpoint::GetProfile => ("get_profile", None),
        Endpoint::GetPushToken => ("get_push_token", None),
        Endpoint::GetPushTokenProfile => ("get_profile_for_push_token", None),
        Endpoint::GetPushTokenProfileId => ("get_profile_id_for_push_token", None),
        Endpoint::ImportProfile => ("create_or_update_profile", Some("ProfileImportRequest")),
        Endpoint::ListAccounts => ("get_accounts", None),
        Endpoint::ListBulkImportErrors => ("get_errors_for_profile_bulk_import_job", None),
        Endpoint::ListBulkImportProfileIds => ("get_profile_ids_for_profile_bulk_import_job", None),
        Endpoint::ListBulkImportProfiles => ("get_profiles_for_profile_bulk_import_job", None),
        Endpoint::ListBulkImports => ("get_profile_bulk_import_jobs", None),
        Endpoint::ListDeletionJobs => ("get_deletion_jobs", None),
        Endpoint::ListEvents => ("get_events", None),
        Endpoint::ListHistory => ("get_profile_history", None),
        Endpoint::ListLists => ("get_lists", None),
        Endpoint::ListMetrics => ("get_metrics", None),
        Endpoint::ListOutcomes => ("get_outcomes", None),
        Endpoint::ListProfilePushTokenIds => ("get_push_token_ids_for_profile", None),
        Endpoint::ListProfilePushTokens => ("get_push_tokens_for_profile", None),
        Endpoint::ListProfiles => ("get_profiles", None),
        Endpoint::ListPushTokens => ("get_push_tokens", None),
        Endpoint::MergeProfiles => ("merge_profiles", Some("ProfileMergeRequest")),
        Endpoint::RepairProfiles => ("repair_profiles", Some("ProfileRepairRequest")),
        Endpoint::RevokeTokens => ("revoke_exchange_tokens", Some("TokenRevocationRequest")),
        Endpoint::UnmergeProfile => ("unmerge_profile", Some("ProfileUnmergeRequest")),
        Endpoint::UpdateProfile => ("update_profile", Some("ProfileUpdateRequest")),
    }
}

fn parameters_of(endpoint: Endpoint) -> Vec<Value> {
    let page = || vec![page_size(), page_cursor()];
    match endpoint {
        Endpoint::ListProfiles => {
            let related = vec![include(&related_tokens::RELATED), token_fields()];
            [page(), fields(), vec![filter(), sort()], related].concat()
        }
        Endpoint::ListPushTokens => {
            let shown = vec![token_filter(), token_fields(), include(&push_tokens::RELATED)];
            [page(), shown, fields()].concat()
        }
        Endpoint::GetPushToken => {
            [vec![token_fields(), include(&push_tokens::RELATED)], fields()].concat()
        }
        Endpoint::ListProfilePushTokens => vec![token_fields()],
        Endpoint::ListBulkImportProfiles => [page(), fields()].concat(),
        Endpoint::ListBulkImports => [page(), import_filter_and_sort()].concat(),
        Endpoint::ListDeletionJobs => [page(), vec![sort_by_age()]].concat(),
        Endpoint::ListBulkImportErrors
        | Endpoint::ListBulkImportProfileIds
        | Endpoint::ListHistory => page(),
        Endpoint::ListOutcomes => [page(), vec![sort_by_time()]].concat(),
        Endpoint::GetProfile => {
            [fields(), vec![include(&related_tokens::RELATED), token_fields()]].concat()
        }
        Endpoint::CreateProfile
        | Endpoint::GetPushTokenProfile
        | Endpoint::ImportProfile
        | Endpoint::UnmergeProfile
        | Endpoint::UpdateProfile => fields(),
        Endpoint::CreateBulkImport
        | Endpoint::CreatePushToken
        | Endpoint::DeleteProfile
        | Endpoint::DeletePushToken
        | Endpoint::ExplainProfile
        | Endpoint::GetAccount
        | Endpoint::GetBulkImport
        | Endpoint::GetDeletionJob
        | Endpoint::GetPushTokenProfileId
        | Endpoint::ListAccounts
        | Endpoint::ListEvents
        | Endpoint::ListLists
        | Endpoint::ListMetrics
        | Endpoint::ListProfilePushTokenIds
        | Endpoint::MergeProfiles
        | Endpoint::RepairProfiles
        | Endpoint::RevokeTokens => Vec::new(),
    }
}

fn answers_of(endpoint: Endpoint, generator: &mut SchemaGenerator) -> Vec<SuccessResponse> {
    let schema = schema_of(endpoint, generator);
    let answer = |(status, description): &(u16, &'static str)| SuccessResponse {
        status: *status,
        description,
        schema: schema.clone(),
    };
    successes_of(endpoint).iter().map(answer).collect()
}

/// The statuses of successful answers, and what each means.
fn successes_of(endpoint: Endpoint) -> &'static [(u16, &'static str)] {
    match endpoint {
        Endpoint::CreateBulkImport => &[(202, "The import, done.")],
        Endpoint::CreateProfile => &[(201, "The profile, created.")],
        Endpoint::CreatePushToken => &[(202, "The profile has the token.")],
        Endpoint::DeletePushToken => &[(204, "No profile has the token.")],
        Endpoint::DeleteProfile => {
            &[(202, "The profile, if there was one, is erased. `Location` is the URL of the job.")]
        }
        Endpoint::ExplainProfile => &[(200, "The outcome that the request would have.")],
        Endpoint::GetAccount | Endpoint::ListAccounts => &[(200, "The account.")],
        Endpoint::GetBulkImport => &[(200, "The import.")],
        Endpoint::GetDeletionJob => &[(200, "The deletion job.")],
        Endpoint::GetProfile | Endpoint::GetPushTokenProfile => &[(200, "The profile.")],
        Endpoint::GetPushToken => &[(200, "The token.")],
        Endpoint::GetPushTokenProfileId => &[(200, "The id.")],
        Endpoint::ImportProfile => {
            &[(200, "The profile, updated."), (201, "The profile, created.")]
        }
        Endpoint::ListBulkImportErrors => &[(200, "A page of errors.")],
        Endpoint::ListBulkImportProfileIds | Endpoint::ListProfilePushTokenIds => {
            &[(200, "A page of ids.")]
        }
        Endpoint::ListProfilePushTokens | Endpoint::ListPushTokens => &[(200, "A page of tokens.")],
        Endpoint::ListBulkImportProfiles | Endpoint::ListProfiles => {
            &[(200, "A page of profiles.")]
        }
        Endpoint::ListBulkImports => &[(200, "A page of imports.")],
        Endpoint::ListDeletionJobs => &[(200, "A page of deletion jobs.")],
        Endpoint::ListEvents | Endpoint::ListLists | Endpoint::ListMetrics => {
            &[(200, "An empty list.")]
        }
        Endpoint::ListHistory => &[(200, "Newest first.")],
        Endpoint::ListOutcomes => &[(200, "Oldest first, or with `sort=-at` newest first.")],
        Endpoint::MergeProfiles => &[(201, "The merged profile.")],
        Endpoint::RepairProfiles => &[(200, "What was undone, or would be.")],
        Endpoint::RevokeTokens => &[(200, "The outcome that records the revocation.")],
        Endpoint::UnmergeProfile => &[(200, "Both profiles, as they are or would be.")],
        Endpoint::UpdateProfile => &[(200, "The profile, updated.")],
    }
}

/// The schema of successful answers, unless they have no body.
fn schema_of(endpoint: Endpoint, generator: &mut SchemaGenerator) -> Option<Value> {
    let schema = match endpoint {
        Endpoint::CreateBulkImport | Endpoint::GetBulkImport => {
            schema::<Single<JobResource>>(generator)
        }
        Endpoint::CreateProfile
        | Endpoint::GetProfile
        | Endpoint::GetPushTokenProfile
        | Endpoint::ImportProfile
        | Endpoint::UpdateProfile => schema::<Single<ProfileResource<'_>>>(generator),
        Endpoint::CreatePushToken | Endpoint::DeleteProfile | Endpoint::DeletePushToken => {
            return None;
        }
        Endpoint::GetPushToken => schema::<Single<PushTokenResource<'_>>>(generator),
        Endpoint::GetPushTokenProfileId => schema::<Single<ResourceIdentifier>>(generator),
        Endpoint::ExplainProfile => schema::<Explanation<'_>>(generator),
        Endpoint::GetAccount => schema::<Single<Resource<AccountAttributes>>>(generator),
        Endpoint::ListAccounts => schema::<Collection<Resource<AccountAttributes>>>(generator),
        Endpoint::ListBulkImportErrors => schema::<Collection<ImportErrorResource>>(generator),
        Endpoint::ListBulkImportProfileIds
        | Endpoint::ListEvents
        | Endpoint::ListLists
        | Endpoint::ListMetrics
        | Endpoint::ListProfilePushTokenIds => schema::<Collection<ResourceIdentifier>>(generator),
        Endpoint::ListProfilePushTokens | Endpoint::ListPushTokens => {
            schema::<Collection<PushTokenResource<'_>>>(generator)
        }
        Endpoint::ListBulkImportProfiles | Endpoint::ListProfiles => {
            schema::<Collection<ProfileResource<'_>>>(generator)
        }
        Endpoint::ListBulkImports => schema::<Collection<JobResource>>(generator),
        Endpoint::GetDeletionJob => schema::<Single<DeletionJobResource>>(generator),
        Endpoint::ListDeletionJobs => schema::<Collection<DeletionJobResource>>(generator),
        Endpoint::ListHistory => schema::<Collection<OutcomeResource>>(generator),
        Endpoint::ListOutcomes => schema::<OutcomeStream>(generator),
        Endpoint::MergeProfiles => schema::<Single<MergedProfile>>(generator),
        Endpoint::RepairProfiles => schema::<Single<RepairResource>>(generator),
        Endpoint::RevokeTokens => schema::<Single<OutcomeResource>>(generator),
        Endpoint::UnmergeProfile => schema::<UnmergeDocument<'_>>(generator),
    };
    Some(schema)
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

/// The endpoint that browsers and apps send to.
pub(super) fn client(generator: &mut SchemaGenerator) -> Value {
    // No response refers to this schema: most have no body, so the description names it.
    schema::<OnsiteDocument>(generator);
    let stored = "Stored. No body; with `X-Klaviyo-Onsite: 1` an OnsiteDocument.";
    let answers = vec![SuccessResponse { status: 202, description: stored, schema: None }];
    client_operation(
        "create_client_profile",
        "Create or update a profile, from a browser or app",
        "ProfileImportRequest",
        answers,
    )
}

/// The endpoint at which apps register push tokens.
pub(super) fn register_push_token() -> Value {
    client_operation(
        "create_client_push_token",
        "Give a push token to a profile, from an app",
        "PushTokenRequest",
        vec![stored_without_body()],
    )
}

/// The endpoint at which apps remove push tokens.
pub(super) fn unregister_push_token() -> Value {
    client_operation(
        "unregister_client_push_token",
        "Remove a push token from its profile, from an app",
        "PushTokenUnregisterRequest",
        vec![stored_without_body()],
    )
}

fn stored_without_body() -> SuccessResponse {
    SuccessResponse { status: 202, description: "Stored. No body.", schema: None }
}

fn client_operation(
    name: &str,
    summary: &str,
    body: &'static str,
    answers: Vec<SuccessResponse>,
) -> Value {
    json!({
        "operationId": name,
        "summary": summary,
        "tags": ["client"],
        "security": [],
        "parameters": [
            {
                "name": "company_id",
                "in": "query",
                "required": true,
                "description": "The company's public id.",
                "schema": { "type": "string" },
            },
            revision_parameter(),
        ],
        "requestBody": request_body(body),
        "responses": responses(answers, BODY_REFUSALS),
    })
}

fn in_query(name: &str, description: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

fn page_size() -> Value {
    let schema = json!({
        "type": "integer",
        "minimum": 1,
        "maximum": limits::PAGE,
        "default": limits::PAGE_DEFAULT,
    });
    in_query(PAGE_SIZE, "How many a page holds at most.", &schema)
}

fn page_cursor() -> Value {
    let description = "Where the page begins: from `links.next` of the one before.";
    in_query(PAGE_CURSOR, description, &json!({ "type": "string" }))
}

fn fields() -> Vec<Value> {
    // An SDK sends an empty list as an empty name.
    let names: Vec<_> = ADDITIONAL.into_iter().chain([""]).collect();
    let additional = json!({ "type": "array", "items": { "type": "string", "enum": names } });
    let mut fields = vec![
        in_query(
            FIELDS,
            "The attributes to show, such as `email,location.city,properties.plan`.",
            &json!({ "type": "array", "items": { "type": "string" } }),
        ),
        in_query(ADDITIONAL_FIELDS, "Shown only when asked for.", &additional),
    ];
    for field in &mut fields {
        field["style"] = "form".into();
        field["explode"] = false.into();
    }
    fields
}

fn include(related: &[&str]) -> Value {
    let items = json!({ "type": "string", "enum": related });
    let description = "Kinds of related resources that the response has in `included`.";
    let schema = json!({ "type": "array", "items": items });
    listing(in_query(INCLUDE, description, &schema))
}

fn token_fields() -> Value {
    let description = "The attributes of push tokens to show, such as `token,metadata.os_name`.";
    let schema = json!({ "type": "array", "items": { "type": "string" } });
    listing(in_query(TOKEN_FIELDS, description, &schema))
}

/// A parameter that lists values between commas.
fn listing(parameter: Value) -> Value {
    with(with(parameter, "style", "form".into()), "explode", false.into())
}

fn token_filter() -> Value {
    let description = "`equals` on `id`, `profile.id`, `enablement_status` or `platform`, joined \
                       by `and(...)` or commas, such as `equals(platform,\"ios\")`.";
    in_query(FILTER, description, &json!({ "type": "string" }))
}

fn filter() -> Value {
    let description = format!(
        "{}; joined by `and(...)` or commas. Example: `and(equals(email,\"a@example.com\"),\
         greater-than(updated,2026-01-01T00:00:00Z))`.",
        filter_conditions()
    );
    in_query(FILTER, &description, &json!({ "type": "string" }))
}

/// The operators of each field, where neighbours with the same operators are listed together.
fn filter_conditions() -> String {
    let groups = FilterField::ALL.chunk_by(|one, next| one.operators() == next.operators());
    let described = groups.map(|fields| {
        let operators = fields.first().map_or(&[][..], |field| field.operators());
        let operators: Vec<_> =
            operators.iter().map(|operator| format!("`{}`", operator.name())).collect();
        let names: Vec<_> = fields.iter().map(|field| field.name()).collect();
        format!("{} on {}", operators.join(" or "), names.join(", "))
    });
    described.collect::<Vec<_>>().join("; ")
}

fn sort() -> Value {
    let names = SORTS.iter().flat_map(|(name, _)| [(*name).to_owned(), format!("-{name}")]);
    let schema = json!({ "type": "string", "enum": names.collect::<Vec<_>>() });
    in_query(SORT, "The sort order; a leading `-` reverses it.", &schema)
}

fn import_filter_and_sort() -> Vec<Value> {
    let filter = "`equals` or `any` on `status`, such as `equals(status,\"complete\")`.";
    vec![in_query(FILTER, filter, &json!({ "type": "string" })), sort_by_age()]
}

fn sort_by_time() -> Value {
    let sort = json!({ "type": "string", "enum": ["at", "-at"] });
    in_query(SORT, "The order; oldest first, if absent.", &sort)
}

fn sort_by_age() -> Value {
    let sort = json!({ "type": "string", "enum": ["created_at", "-created_at"] });
    in_query(SORT, "The order; newest first, if absent.", &sort)
}
