//! Explaining: what would become of a request, with nothing written.

use actix_web::{http::StatusCode, web::Payload};
use profile_protocol::{ExplainedScope, ProfileExplain, limits::BODY_BYTES};
use profile_store::Intent;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    call::Call,
    documents::{Answer, SelfLink},
    outcomes::OutcomeResource,
    query::Query,
};
use crate::{refusal::Refusal, submission};

/// `POST /api/profile-explain`
pub(super) async fn explain(call: &Call<'_>, payload: &mut Payload) -> Result<Answer, Refusal> {
    Query::of(call, &[])?;
    let body = call.body(payload, BODY_BYTES).await?;
    let asked = ProfileExplain::parse(&body, call.revision).map_err(Refusal::Violations)?;
    let Call { request, gateway, company, .. } = call;
    let submission = match asked.scope {
        ExplainedScope::Client => {
            submission::of_client(gateway, company, request.headers(), asked.request)?
        }
        ExplainedScope::Server => {
            submission::of_server(gateway, company, Intent::Import, asked.request)?
        }
    };
    let outcome = gateway.store.explain(submission).await.map_err(Refusal::Store)?;
    gateway.meters.served();
    let links = SelfLink { this: call.own_link() };
    Ok(Answer::of(
        StatusCode::OK,
        &Explanation { data: OutcomeResource::explained(&outcome), links },
    ))
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Explanation {
    data: OutcomeResource,
    links: SelfLink,
}
