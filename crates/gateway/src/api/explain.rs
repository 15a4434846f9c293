//! Explaining: what would become of a request, with nothing written.

use actix_web::{http::StatusCode, web::Payload};
use profile_protocol::{ExplainedScope, ProfileExplain};
use profile_store::{Intent, Outcome};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    call::Call,
    documents::{Answer, SelfLink},
    outcomes::OutcomeResource,
    query::Query,
};
use crate::{refusal::Refusal, reply::ErrorObject, submission};

/// `POST /api/profile-explain`
pub(super) async fn explain(call: &Call<'_>, payload: &mut Payload) -> Result<Answer, Refusal> {
    Query::of(call, &[])?;
    let body = call.body(payload).await?;
    let asked = ProfileExplain::parse(&body.bytes, call.revision).map_err(Refusal::Violations)?;
    let (data, meta) = match explained(call, asked).await {
        Ok(outcome) => {
            (Some(OutcomeResource::explained(&outcome)), ExplanationMeta { errors: Vec::new() })
        }
        // To be refused is what would become of it, and no failure to explain it.
        Err(refusal) if refusal.status().is_client_error() => {
            (None, ExplanationMeta { errors: ErrorObject::all(&refusal) })
        }
        Err(failure) => return Err(failure),
    };
    call.gateway.meters.served();
    let links = SelfLink { this: call.own_link() };
    Ok(Answer::of(StatusCode::OK, &Explanation { data, links, meta }))
}

async fn explained(call: &Call<'_>, asked: ProfileExplain) -> Result<Outcome, Refusal> {
    let Call { request, gateway, company, .. } = call;
    let submission = match asked.scope {
        ExplainedScope::Client => {
            submission::of_client(gateway, company, request.headers(), asked.request)?
        }
        ExplainedScope::Server => {
            submission::of_server(gateway, company, Intent::Import, asked.request)?
        }
    };
    gateway.store.explain(submission).await.map_err(Refusal::Store)
}

/// What would become of a request.
#[derive(JsonSchema, Serialize)]
pub(super) struct Explanation {
    /// Its outcome; null if it would be refused.
    data: Option<OutcomeResource>,
    links: SelfLink,
    meta: ExplanationMeta,
}

#[derive(JsonSchema, Serialize)]
struct ExplanationMeta {
    /// What it would be answered if it would be refused, with pointers into its body.
    errors: Vec<ErrorObject>,
}
