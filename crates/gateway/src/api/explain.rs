//! Explaining: what would become of a request, with nothing written.

use actix_web::{
    http::StatusCode,
    web::{Data, Payload},
};
use profile_protocol::{ExplainedScope, ProfileExplain};
use profile_store::{Intent, Outcome, StoreError};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    call::Call,
    documents::{Answer, SelfLink},
    outcomes::OutcomeResource,
    query::Query,
};
use crate::{body::Body, refusal::Refusal, reply::ErrorObject, room::Share, submission};

/// `POST /api/profile-explain`
pub(super) async fn explain(call: &Call<'_>, payload: &mut Payload) -> Result<Answer, Refusal> {
    Query::of(call, &[])?;
    let Body { bytes, share } = call.body(payload).await?;
    let asked = ProfileExplain::parse(&bytes, call.revision).map_err(Refusal::Violations)?;
    drop(bytes);
    let (data, meta) = match explained(call, asked, share).await {
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

async fn explained(
    call: &Call<'_>,
    asked: ProfileExplain,
    share: Share,
) -> Result<Outcome, Refusal> {
    let Call { request, gateway, company, .. } = call;
    let submission = match asked.scope {
        ExplainedScope::Client => {
            submission::of_client(gateway, company, request.headers(), asked.request)?
        }
        ExplainedScope::Server => {
            submission::of_server(gateway, company, Intent::Import, asked.request)?
        }
    };
    let explaining = Data::clone(gateway);
    // Whoever hangs up does not take the question out of the queue, nor what it takes up.
    let outcome = actix_web::rt::spawn(async move {
        let outcome = explaining.store.explain(submission).await;
        drop(share);
        outcome
    });
    outcome.await.unwrap_or(Err(StoreError::Unavailable)).map_err(Refusal::Store)
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
