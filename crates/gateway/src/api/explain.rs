//! Explains what a request would do, without writing anything.

use actix_web::{
    http::StatusCode,
    web::{Data, Payload},
};
use profile_protocol::{ErrorObject, ExplainedScope, ProfileExplain};
use profile_store::{Intent, StoreError, SubmittedProfile};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    call::Call,
    documents::{ApiResponse, SelfLink},
    fieldset::Fieldset,
    outcomes::OutcomeResource,
    query::Query,
    resource::ProfileAttributes,
};
use crate::{
    capacity::{body_budget::BodyPermit, disk_wait},
    http::refusal::Refusal,
    submission,
};

/// `POST /api/profile-explain`
pub(super) async fn explain(
    call: &Call<'_>,
    payload: &mut Payload,
) -> Result<ApiResponse, Refusal> {
    Query::from_call(call, &[])?;
    let revision = call.revision;
    let parse = move |bytes: &[u8]| ProfileExplain::parse(bytes, revision);
    let (asked, permit) = call.parse(payload, parse).await?;
    let (explained, errors) = match explained(call, asked, permit).await {
        Ok(explained) => (Some(explained), Vec::new()),
        // A refusal is a result of the explanation, not an error.
        Err(refusal) if refusal.status().is_client_error() => (None, refusal.document().errors),
        Err(failure) => return Err(failure),
    };
    call.gateway.metrics.served();
    let fields = Fieldset::with_identifiers();
    let profile = explained.as_ref().and_then(|explained| explained.profile.as_ref());
    let meta = ExplanationMeta {
        errors,
        profile: profile.map(|profile| ProfileAttributes::of(profile, &fields)),
    };
    let data = explained.as_ref().map(|explained| OutcomeResource::explained(&explained.outcome));
    let links = SelfLink { this: call.own_link() };
    Ok(ApiResponse::with_document(StatusCode::OK, &Explanation { data, links, meta }))
}

async fn explained(
    call: &Call<'_>,
    asked: ProfileExplain,
    permit: BodyPermit,
) -> Result<SubmittedProfile, Refusal> {
    let Call { target, gateway, company, .. } = call;
    let submission = match asked.scope {
        ExplainedScope::Client => {
            let signature = submission::signature(gateway, company, target.headers, &asked.request);
            submission::from_client(gateway, company, signature, asked.request)?
        }
        ExplainedScope::Server => {
            submission::from_server(gateway, company, Intent::Import, asked.request)?
        }
    };
    let explaining = Data::clone(gateway);
    // A client that disconnects, or is refused, cancels neither the queued explanation nor its
    // permit.
    let explained = actix_web::rt::spawn(async move {
        let explained = explaining.store.explain_for_profile(submission).await;
        drop(permit);
        explained
    });
    let explained = disk_wait::read(gateway, explained).await?;
    explained.unwrap_or(Err(StoreError::Unavailable)).map_err(Refusal::Store)
}

/// What a request would do.
#[derive(JsonSchema, Serialize)]
pub(super) struct Explanation<'a> {
    /// The outcome; null if the request would be refused.
    data: Option<OutcomeResource>,
    links: SelfLink,
    meta: ExplanationMeta<'a>,
}

#[derive(JsonSchema, Serialize)]
struct ExplanationMeta<'a> {
    /// The errors that the request would be answered with, with pointers into its body.
    errors: Vec<ErrorObject>,
    /// The attributes of the profile as the request would leave it; null if it concerns none.
    profile: Option<ProfileAttributes<'a>>,
}
