//! From a request to what the store is asked, and what came of it.

use std::sync::Arc;

use actix_web::{http::header::HeaderMap, web::Data};
use profile_protocol::ProfileRequest;
use profile_store::{Caller, Claims, Effect, Intent, Outcome, StoreError, Submission, Unsigned};

use crate::{companies::Company, meters, refusal::Refusal, room::Share, state::Gateway};

/// What a request of the company's own server asks of the store.
pub(crate) fn of_server(
    gateway: &Gateway,
    company: &Company,
    intent: Intent,
    request: ProfileRequest,
) -> Result<Submission, Refusal> {
    of(gateway, company, Caller::Server, intent, request, Ok(()))
}

/// What a request of a page or app asks of the store. Whom it names counts only if
/// the company signed that, where the company wants it signed.
pub(crate) fn of_client(
    gateway: &Gateway,
    company: &Company,
    headers: &HeaderMap,
    request: ProfileRequest,
) -> Result<Submission, Refusal> {
    let now = gateway.clock.unix_seconds();
    let signed = match &company.signed_identity {
        Some(signed) => signed.judge(&company.id, &request, headers, now),
        None => Ok(()),
    };
    of(gateway, company, Caller::Client, Intent::Upsert, request, signed)
}

fn of(
    gateway: &Gateway,
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
        Ok(()) => Claims::from_request(&request, caller, sentinels, open),
        Err(reason) => Claims::from_unsigned_request(&request, caller, sentinels, reason, open),
    };
    Ok(Submission {
        company: company.id.clone(),
        caller,
        intent,
        revision: request.revision,
        claims: claims.map_err(Refusal::OnlySentinels)?,
        leaving_emails: request.secondary_emails.unappend,
        cleared: request.cleared,
        patch: request.patch,
        rules: Arc::clone(&company.rules),
    })
}

/// Stores it. An outcome means that it is stored. The share of the room for bodies is
/// kept until then.
pub(crate) async fn store(
    gateway: &Data<Gateway>,
    submission: Submission,
    share: Share,
) -> Result<Outcome, Refusal> {
    let company = submission.company.clone();
    let committing = gateway.clock.elapsed();
    let storing = Data::clone(gateway);
    // Whoever hangs up does not take back what they submitted, nor what it takes up.
    let outcome = actix_web::rt::spawn(async move {
        let outcome = storing.store.submit(submission).await;
        drop(share);
        outcome
    });
    let outcome = outcome.await.unwrap_or(Err(StoreError::Unavailable));
    gateway.meters.committed(gateway.clock.elapsed().saturating_sub(committing));
    let outcome = outcome.map_err(Refusal::Store)?;
    gateway.meters.accepted(effect(&outcome));
    tracing::debug!(%company, effect = outcome.effect.as_str(), "stored a request");
    Ok(outcome)
}

pub(crate) fn effect(outcome: &Outcome) -> meters::Effect {
    match outcome.effect {
        Effect::Created => meters::Effect::Created,
        Effect::Updated if outcome.absorbed().next().is_some() => meters::Effect::Merged,
        Effect::Updated => meters::Effect::Updated,
        Effect::Unchanged => meters::Effect::Unchanged,
        Effect::Unmerged => meters::Effect::Unmerged,
        Effect::Deleted => meters::Effect::Deleted,
        Effect::Unidentified => meters::Effect::Unidentified,
    }
}
