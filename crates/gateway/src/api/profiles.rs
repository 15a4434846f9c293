//! Reading, creating and changing one profile.

use actix_web::{http::StatusCode, web::Payload};
use profile_protocol::{ClaimedId, ProfileEndpoint, ProfileRequest};
use profile_store::{Effect, Intent, Profile, Submission, SubmittedProfile};

use super::{
    call::{Call, PROFILE},
    details::ProfileDetails,
    documents::{ApiResponse, Resource, SelfLink, Single},
    fieldset::{ADDITIONAL_FIELDS, FIELDS, Fieldset},
    push_token_resource::TOKEN_FIELDS,
    query::{INCLUDE, Query},
    related_tokens::RelatedTokens,
    resource::{self, ProfileAttributes},
};
use crate::{capacity::body_budget::BodyPermit, http::refusal::Refusal, submission};

/// The query parameters of every endpoint that changes a profile.
const PARAMETERS: [&str; 2] = [FIELDS, ADDITIONAL_FIELDS];

/// `GET /api/profiles/{id}`
pub(super) async fn get(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    let query = Query::from_call(call, &[FIELDS, ADDITIONAL_FIELDS, INCLUDE, TOKEN_FIELDS])?;
    let fields = Fieldset::of_one_profile(&query)?;
    let related = RelatedTokens::from_query(&query)?;
    let profile = [call.profile(call.id(PROFILE)?).await?];
    let tokens = related.tokens(call, &profile).await?;
    let included = tokens.as_ref().map(|tokens| related.resources(call, tokens));
    let [profile] = &profile;
    let details = ProfileDetails::read(call, profile, &fields).await?;
    call.gateway.metrics.served();
    let mut document = document(call, profile, &fields);
    document.data.attributes.details = details;
    Ok(ApiResponse::with_related(StatusCode::OK, document, included))
}

/// `POST /api/profiles`
pub(super) async fn create(call: &Call<'_>, payload: &mut Payload) -> Result<ApiResponse, Refusal> {
    let fields = Fieldset::from_query(&Query::from_call(call, &PARAMETERS)?)?;
    let sent = read(call, payload, ProfileEndpoint::Create).await?;
    changed(call, store(call, Intent::Create, sent).await?, &fields)
}

/// `PATCH /api/profiles/{id}`
pub(super) async fn update(call: &Call<'_>, payload: &mut Payload) -> Result<ApiResponse, Refusal> {
    let fields = Fieldset::from_query(&Query::from_call(call, &PARAMETERS)?)?;
    let id = call.id(PROFILE)?;
    let sent = read(call, payload, ProfileEndpoint::Update).await?;
    let Some(ClaimedId::Profile(named)) = sent.0.identifiers().id else {
        return Err(Refusal::OtherProfile);
    };
    // One of the two may be an older id of the other.
    if named != id {
        let living = call.profile(id).await?.id;
        if !call.profile(named).await.is_ok_and(|profile| profile.id == living) {
            return Err(Refusal::OtherProfile);
        }
    }
    changed(call, store(call, Intent::Update(named), sent).await?, &fields)
}

/// `POST /api/profile-import`
pub(super) async fn import(call: &Call<'_>, payload: &mut Payload) -> Result<ApiResponse, Refusal> {
    let fields = Fieldset::from_query(&Query::from_call(call, &PARAMETERS)?)?;
    let sent = read(call, payload, ProfileEndpoint::Import).await?;
    changed(call, store(call, Intent::Import, sent).await?, &fields)
}

async fn read(
    call: &Call<'_>,
    payload: &mut Payload,
    endpoint: ProfileEndpoint,
) -> Result<(ProfileRequest, BodyPermit), Refusal> {
    let revision = call.revision;
    call.parse(payload, move |bytes| ProfileRequest::parse_at(endpoint, bytes, revision)).await
}

async fn store(
    call: &Call<'_>,
    intent: Intent,
    (request, permit): (ProfileRequest, BodyPermit),
) -> Result<SubmittedProfile, Refusal> {
    let Call { request: carrier, gateway, company, .. } = call;
    let submission = Submission {
        request_ids: Some(call.request_ids.clone()),
        ..submission::from_server(gateway, company, intent, request)?
    };
    submission::store_for_profile(carrier, gateway, submission, permit).await
}

/// The response to a change: the profile as the request left it, whatever later requests do to it.
/// If the request names only an id or token of no profile, there is no profile to return.
fn changed(
    call: &Call<'_>,
    SubmittedProfile { outcome, profile }: SubmittedProfile,
    fields: &Fieldset,
) -> Result<ApiResponse, Refusal> {
    let status = match outcome.effect {
        Effect::Created => StatusCode::CREATED,
        Effect::Updated
        | Effect::Unchanged
        | Effect::Unidentified
        | Effect::Unmerged
        | Effect::Deleted
        | Effect::NothingDeleted
        | Effect::TokensRevoked => StatusCode::OK,
    };
    let profile = profile.ok_or(Refusal::NotFound { what: PROFILE, pointer: "/data" })?;
    Ok(ApiResponse::with_document(status, &document(call, &profile, fields)))
}

fn document<'a>(
    call: &Call<'_>,
    profile: &'a Profile,
    fields: &'a Fieldset,
) -> Single<Resource<ProfileAttributes<'a>>> {
    let data = resource::profile(call, profile, fields);
    let links = SelfLink { this: data.links.this.clone() };
    Single { data, links }
}
