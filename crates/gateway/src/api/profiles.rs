//! One profile: reading, creating and changing it.

use actix_web::{http::StatusCode, web::Payload};
use profile_protocol::{ClaimedId, ProfileEndpoint, ProfileRequest};
use profile_store::{Effect, Intent, Outcome, Profile};

use super::{
    call::{Call, PROFILE},
    documents::{Answer, SelfLink, Single},
    fieldset::{ADDITIONAL_FIELDS, FIELDS, Fieldset},
    query::Query,
    resource,
};
use crate::{body::Body, refusal::Refusal, room::Share, submission};

/// The parameters of everything that answers with a profile.
const PARAMETERS: [&str; 2] = [FIELDS, ADDITIONAL_FIELDS];

/// `GET /api/profiles/{id}`
pub(super) async fn get(call: &Call<'_>) -> Result<Answer, Refusal> {
    let fields = Fieldset::of(&Query::of(call, &PARAMETERS)?)?;
    let profile = call.profile(call.id(PROFILE)?).await?;
    call.gateway.meters.served();
    Ok(shown(call, StatusCode::OK, &profile, &fields))
}

/// `POST /api/profiles`
pub(super) async fn create(call: &Call<'_>, payload: &mut Payload) -> Result<Answer, Refusal> {
    let fields = Fieldset::of(&Query::of(call, &PARAMETERS)?)?;
    let sent = read(call, payload, ProfileEndpoint::Create).await?;
    let outcome = store(call, Intent::Create, sent).await?;
    changed(call, &outcome, &fields).await
}

/// `PATCH /api/profiles/{id}`
pub(super) async fn update(call: &Call<'_>, payload: &mut Payload) -> Result<Answer, Refusal> {
    let fields = Fieldset::of(&Query::of(call, &PARAMETERS)?)?;
    let id = call.id(PROFILE)?;
    let sent = read(call, payload, ProfileEndpoint::Update).await?;
    let Some(ClaimedId::Profile(named)) = sent.0.identifiers.id else {
        return Err(Refusal::OtherProfile);
    };
    // One of the two may be an older id of the other.
    if named != id {
        let living = call.profile(id).await?.id;
        if !call.profile(named).await.is_ok_and(|profile| profile.id == living) {
            return Err(Refusal::OtherProfile);
        }
    }
    let outcome = store(call, Intent::Update(named), sent).await?;
    changed(call, &outcome, &fields).await
}

/// `POST /api/profile-import`
pub(super) async fn import(call: &Call<'_>, payload: &mut Payload) -> Result<Answer, Refusal> {
    let fields = Fieldset::of(&Query::of(call, &PARAMETERS)?)?;
    let sent = read(call, payload, ProfileEndpoint::Import).await?;
    let outcome = store(call, Intent::Import, sent).await?;
    changed(call, &outcome, &fields).await
}

async fn read(
    call: &Call<'_>,
    payload: &mut Payload,
    endpoint: ProfileEndpoint,
) -> Result<(ProfileRequest, Share), Refusal> {
    let Body { bytes, share } = call.body(payload).await?;
    let request = ProfileRequest::parse_at(endpoint, &bytes, call.revision);
    Ok((request.map_err(Refusal::Violations)?, share))
}

async fn store(
    call: &Call<'_>,
    intent: Intent,
    (request, share): (ProfileRequest, Share),
) -> Result<Outcome, Refusal> {
    let Call { gateway, company, .. } = call;
    let submission = submission::of_server(gateway, company, intent, request)?;
    submission::store(gateway, submission, share).await
}

/// The answer to a change: the profile as it is now. A request may turn out to be
/// about nobody, if all it names is an id or token of nobody.
async fn changed(call: &Call<'_>, outcome: &Outcome, fields: &Fieldset) -> Result<Answer, Refusal> {
    let status = match outcome.effect {
        Effect::Created => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    let id = outcome.survivor.ok_or(Refusal::NotFound { what: PROFILE, pointer: "/data" })?;
    let profile = call.profile(id).await?;
    Ok(shown(call, status, &profile, fields))
}

fn shown(call: &Call<'_>, status: StatusCode, profile: &Profile, fields: &Fieldset) -> Answer {
    let data = resource::profile(call, profile, fields);
    let links = SelfLink { this: data.links.this.clone() };
    Answer::of(status, &Single { data, links })
}
