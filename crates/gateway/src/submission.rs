//! From a request to what the store is asked, and what came of it.

use std::sync::Arc;

use profile_protocol::ProfileRequest;
use profile_store::{Claims, Effect, Intent, Outcome, Scope, Submission};

use crate::{companies::Company, meters, refusal::Refusal, state::Gateway};

/// What a request asks of the store.
pub(crate) fn of(
    gateway: &Gateway,
    company: &Company,
    scope: Scope,
    intent: Intent,
    request: ProfileRequest,
) -> Result<Submission, Refusal> {
    let (ring, now) = (gateway.exchange(), gateway.clock.unix_seconds());
    let open = |token: &_| ring.open(&company.id, token, now);
    let claims = Claims::of(&request, scope, &company.rules.sentinels, open);
    Ok(Submission {
        company: company.id.clone(),
        scope,
        intent,
        revision: request.revision,
        claims: claims.map_err(Refusal::OnlySentinels)?,
        leaving_emails: request.secondary_emails.unappend,
        cleared: request.cleared,
        patch: request.patch,
        rules: Arc::clone(&company.rules),
    })
}

/// Stores it. An outcome means that it is stored.
pub(crate) async fn store(gateway: &Gateway, submission: Submission) -> Result<Outcome, Refusal> {
    let company = submission.company.clone();
    let committing = gateway.clock.elapsed();
    let outcome = gateway.store.submit(submission).await;
    gateway.meters.committed(gateway.clock.elapsed().saturating_sub(committing));
    let outcome = outcome.map_err(Refusal::Store)?;
    gateway.meters.accepted(effect(&outcome));
    tracing::debug!(%company, effect = outcome.effect.word(), "stored a request");
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
