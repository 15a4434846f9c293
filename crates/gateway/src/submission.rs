//! Turns a parsed request into a submission to the store, and stores it.

use std::sync::Arc;

use actix_web::{http::header::HeaderMap, web::Data};
use profile_protocol::{ProfileRequest, RequestParts};
use profile_store::{Caller, Claims, Effect, Intent, Outcome, StoreError, Submission, Unsigned};

use crate::{
    capacity::{body_budget::BodyPermit, disk_wait},
    http::refusal::Refusal,
    metrics,
    state::GatewayState,
    tenants::directory::Company,
};

/// The submission for a request with a private key.
pub(crate) fn from_server(
    gateway: &GatewayState,
    company: &Company,
    intent: Intent,
    request: ProfileRequest,
) -> Result<Submission, Refusal> {
    new_submission(gateway, company, Caller::Server, intent, request, Ok(()))
}

/// The submission for a request to the client endpoint. If the company requires signed identity,
/// the identifiers count only with a valid signature.
pub(crate) fn from_client(
    gateway: &GatewayState,
    company: &Company,
    headers: &HeaderMap,
    request: ProfileRequest,
) -> Result<Submission, Refusal> {
    let now = gateway.clock.unix_seconds();
    let signed = match &company.signed_identity {
        Some(signed) => signed.check(&company.id, &request, headers, now),
        None => Ok(()),
    };
    new_submission(gateway, company, Caller::Client, Intent::Upsert, request, signed)
}

fn new_submission(
    gateway: &GatewayState,
    company: &Company,
    caller: Caller,
    intent: Intent,
    request: ProfileRequest,
    signed: Result<(), Unsigned>,
) -> Result<Submission, Refusal> {
    let (ring, now) = (gateway.exchange(), gateway.clock.unix_seconds());
    let open = |token: &_| ring.open(&company.id, token, now);
    let sentinels = &company.rules.sentinels;
    let claims = match signed {
        Ok(()) => Claims::from_request(request.parts(), caller, sentinels, open),
        Err(reason) => {
            Claims::from_unsigned_request(request.parts(), caller, sentinels, reason, open)
        }
    };
    let RequestParts { revision, cleared, secondary_emails, patch, .. } = request.into_parts();
    Ok(Submission {
        company: company.id.clone(),
        caller,
        intent,
        revision,
        claims: claims.map_err(Refusal::OnlySentinels)?,
        leaving_emails: secondary_emails.unappend,
        cleared,
        patch,
        rules: Arc::clone(&company.rules),
    })
}

/// Stores the submission. An outcome means that the change is stored. The permit is kept until
/// then.
pub(crate) async fn store(
    gateway: &Data<GatewayState>,
    submission: Submission,
    permit: BodyPermit,
) -> Result<Outcome, Refusal> {
    let company = submission.company.clone();
    let committing = gateway.clock.elapsed();
    let storing = Data::clone(gateway);
    // A client that disconnects cancels neither the submission nor its permit.
    let outcome = actix_web::rt::spawn(async move {
        let outcome = storing.store.submit(submission).await;
        drop(permit);
        outcome
    });
    let outcome = disk_wait::answered(gateway, outcome).await;
    gateway.metrics.committed(gateway.clock.elapsed().saturating_sub(committing));
    let outcome = outcome?.unwrap_or(Err(StoreError::Unavailable)).map_err(Refusal::Store)?;
    gateway.metrics.accepted(effect(&outcome));
    tracing::debug!(%company, effect = outcome.effect.as_str(), "stored a request");
    Ok(outcome)
}

pub(crate) fn effect(outcome: &Outcome) -> metrics::ProfileEffect {
    match outcome.effect {
        Effect::Created => metrics::ProfileEffect::Created,
        Effect::Updated if outcome.absorbed().next().is_some() => metrics::ProfileEffect::Merged,
        Effect::Updated => metrics::ProfileEffect::Updated,
        Effect::Unchanged => metrics::ProfileEffect::Unchanged,
        Effect::Unmerged => metrics::ProfileEffect::Unmerged,
        Effect::Deleted => metrics::ProfileEffect::Deleted,
        Effect::Unidentified => metrics::ProfileEffect::Unidentified,
    }
}
