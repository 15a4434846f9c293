//! Explains what a request would do, without writing anything.

use actix_web::{
    http::StatusCode,
    web::{Data, Payload},
};
use profile_protocol::{ErrorObject, ExplainedScope, ProfileExplain};
use profile_store::{Intent, Outcome, StoreError};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    call::Call,
    documents::{ApiResponse, SelfLink},
    outcomes::OutcomeResource,
    query::Query,
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
    let (data, meta) = match explained(call, asked, permit).await {
        Ok(outcome) => {
            (Some(OutcomeResource::explained(&outcome)), ExplanationMeta { errors: Vec::new() })
        }
        // A refusal is a result of the explanation, not an error.
        Err(refusal) if refusal.status().is_client_error() => {
            (None, ExplanationMeta { errors: refusal.document().errors })
        }
        Err(failure) => return Err(failure),
    };
    call.gateway.metrics.served();
    let links = SelfLink { this: call.own_link() };
    Ok(ApiResponse::with_document(StatusCode::OK, &Explanation { data, links, meta }))
}

async fn explained(
    call: &Call<'_>,
    asked: ProfileExplain,
    permit: BodyPermit,
) -> Result<Outcome, Refusal> {
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
    let outcome = actix_web::rt::spawn(async move {
        let outcome = explaining.store.explain(submission).await;
        drop(permit);
        outcome
    });
    let outcome = disk_wait::read(gateway, outcome).await?;
    outcome.unwrap_or(Err(StoreError::Unavailable)).map_err(Refusal::Store)
}

/// What a request would do.
#[derive(JsonSchema, Serialize)]
pub(super) struct Explanation {
    /// The outcome; null if the request would be refused.
    data: Option<OutcomeResource>,
    links: SelfLink,
    meta: ExplanationMeta,
}

#[derive(JsonSchema, Serialize)]
struct ExplanationMeta {
    /// The errors that the request would be answered with, with pointers into its body.
    errors: Vec<ErrorObject>,
}
