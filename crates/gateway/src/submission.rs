//! Turns a parsed request into a submission to the store, and stores it.

use std::sync::Arc;

use actix_web::{HttpRequest, http::header::HeaderMap, rt::task::JoinHandle, web::Data};
use profile_protocol::{CompanyId, ProfileRequest, PushTokenDetails, RequestParts};
use profile_store::{
    Caller, Claims, Effect, Identifier, Intent, Outcome, ProfileRef, PushTokenId, RemovePushToken,
    RequestIds, RequestSender, StoreError, Submission, SubmittedProfile, Timestamp, Unsigned,
};

use crate::{
    capacity::{body_budget::BodyPermit, client_network::ClientNetwork, disk_wait},
    http::{inspection, refusal::Refusal},
    metrics,
    state::GatewayState,
    tenants::directory::Company,
};

/// The task that stores a submission.
type Storing<T> = JoinHandle<Result<T, StoreError>>;

/// The submission for a request with a private key.
pub(crate) fn from_server(
    gateway: &GatewayState,
    company: &Company,
    intent: Intent,
    request: ProfileRequest,
) -> Result<Submission, Refusal> {
    new_submission(gateway, company, Caller::Server, intent, request, Ok(()))
}

/// What the signature of a request means for its claims.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SignatureStatus {
    /// The company requires none.
    NotRequired,
    /// The company signed the identifiers.
    Valid,
    /// The company requires a signature, and this request has none that is valid.
    Invalid(Unsigned),
}

/// Checks the signature of a request to the client endpoint.
pub(crate) fn signature(
    gateway: &GatewayState,
    company: &Company,
    headers: &HeaderMap,
    request: &ProfileRequest,
) -> SignatureStatus {
    let now = gateway.clock.unix_seconds();
    match &company.signed_identity {
        None => SignatureStatus::NotRequired,
        Some(signed) => match signed.check(&company.id, request, headers, now) {
            Ok(()) => SignatureStatus::Valid,
            Err(reason) => SignatureStatus::Invalid(reason),
        },
    }
}

/// The submission for a request to the client endpoint. If the company requires signed identity,
/// the identifiers count only with a valid signature.
pub(crate) fn from_client(
    gateway: &GatewayState,
    company: &Company,
    signature: SignatureStatus,
    request: ProfileRequest,
) -> Result<Submission, Refusal> {
    let signed = match signature {
        SignatureStatus::NotRequired | SignatureStatus::Valid => Ok(()),
        SignatureStatus::Invalid(reason) => Err(reason),
    };
    let submission =
        new_submission(gateway, company, Caller::Client, Intent::Upsert, request, signed)?;
    Ok(match signature {
        SignatureStatus::Valid => Submission { claims: submission.claims.signed(), ..submission },
        SignatureStatus::NotRequired | SignatureStatus::Invalid(_) => submission,
    })
}

/// The same submission, which merges no profiles.
pub(crate) fn without_merges(submission: Submission) -> Submission {
    Submission { claims: submission.claims.without_merges(), ..submission }
}

/// The submission of a client with what its outcome keeps of its origin. Taken by value, so that it
/// takes no space in a future.
pub(crate) fn with_origin(
    gateway: &GatewayState,
    submission: Submission,
    network: ClientNetwork,
    request_ids: RequestIds,
) -> Submission {
    let sender = sender(gateway, network, &submission);
    Submission { request_ids: Some(request_ids), sender, ..submission }
}

/// Where the request of a client came from.
fn sender(
    gateway: &GatewayState,
    network: ClientNetwork,
    submission: &Submission,
) -> RequestSender {
    let (company, key) = (&submission.company, gateway.store.sender_key());
    let now = Timestamp::from_millis(gateway.clock.unix_seconds().saturating_mul(1_000));
    let device = submission.claims.made().iter().find_map(|claim| match &claim.target {
        ProfileRef::Identifier(Identifier::AnonymousId(id)) => Some(id),
        ProfileRef::Identifier(_) | ProfileRef::Id(_) => None,
    });
    RequestSender {
        network: Some(key.network(company, &network.to_string(), now)),
        device: device.map(|id| key.device(company, id, now)),
    }
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
    let placeholders = &company.identity.placeholders;
    let claims = match signed {
        Ok(()) => Claims::from_request(request.parts(), caller, placeholders, open),
        Err(reason) => {
            Claims::from_unsigned_request(request.parts(), caller, placeholders, reason, open)
        }
    };
    let RequestParts { revision, cleared, secondary_emails, patch, .. } = request.into_parts();
    Ok(Submission {
        company: company.id.clone(),
        caller,
        intent,
        revision,
        request_ids: None,
        sender: RequestSender::default(),
        claims: claims.map_err(Refusal::OnlyPlaceholders)?,
        leaving_emails: secondary_emails.unappend,
        cleared,
        patch,
        push_token: None,
        settings: Arc::clone(&company.identity),
    })
}

/// Stores the submission. An outcome means that the change is stored. The permit is kept until
/// then.
///
/// The submission goes into its task at once: it is large, and the future that waits is moved
/// several times.
pub(crate) fn store(
    request: &HttpRequest,
    gateway: &Data<GatewayState>,
    submission: Submission,
    permit: BodyPermit,
) -> impl Future<Output = Result<Outcome, Refusal>> {
    let (storing, company) = (Data::clone(gateway), submission.company.clone());
    let storing = spawn(permit, async move { storing.store.submit(submission).await });
    async move {
        let outcome = stored(gateway, storing).await?;
        count(request, gateway, &company, &outcome);
        Ok(outcome)
    }
}

/// The submission, with the push token that its profile gets.
pub(crate) fn with_push_token(
    submission: Submission,
    push_token: Option<Box<PushTokenDetails>>,
) -> Submission {
    Submission { push_token, ..submission }
}

/// Removes a push token from its profile, if one of the claims of the submission finds that
/// profile. Nothing else of the submission is stored.
pub(crate) fn remove_push_token(
    request: &HttpRequest,
    gateway: &Data<GatewayState>,
    token: PushTokenId,
    submission: Submission,
    permit: BodyPermit,
) -> impl Future<Output = Result<Outcome, Refusal>> {
    let Submission { company, caller, revision, request_ids, sender, claims, .. } = submission;
    let named = Some(claims);
    let asked = RemovePushToken {
        company: company.clone(),
        token,
        named,
        created: None,
        caller,
        revision,
        request_ids,
        sender,
    };
    let storing = Data::clone(gateway);
    let storing = spawn(permit, async move { storing.store.remove_push_token(asked).await });
    async move {
        // A client's removal has an outcome, whether it found the token or not.
        let outcome = stored(gateway, storing).await?;
        let outcome = outcome.ok_or(Refusal::Store(StoreError::Unavailable))?;
        count(request, gateway, &company, &outcome);
        Ok(outcome)
    }
}

/// Stores the submission, and returns the profile as the submission left it.
pub(crate) fn store_for_profile(
    request: &HttpRequest,
    gateway: &Data<GatewayState>,
    submission: Submission,
    permit: BodyPermit,
) -> impl Future<Output = Result<SubmittedProfile, Refusal>> {
    let (storing, company) = (Data::clone(gateway), submission.company.clone());
    let storing = spawn(permit, async move { storing.store.submit_for_profile(submission).await });
    async move {
        let submitted = stored(gateway, storing).await?;
        count(request, gateway, &company, &submitted.outcome);
        Ok(submitted)
    }
}

/// Begins to store. A client that disconnects cancels neither the submission nor its permit.
fn spawn<T: 'static>(
    permit: BodyPermit,
    storing: impl Future<Output = Result<T, StoreError>> + 'static,
) -> Storing<T> {
    actix_web::rt::spawn(async move {
        let answer = storing.await;
        drop(permit);
        answer
    })
}

/// Waits for a submission to be stored.
async fn stored<T>(gateway: &GatewayState, storing: Storing<T>) -> Result<T, Refusal> {
    let committing = gateway.clock.elapsed();
    let answer = disk_wait::answered(gateway, storing).await;
    gateway.metrics.committed(gateway.clock.elapsed().saturating_sub(committing));
    answer?.unwrap_or(Err(StoreError::Unavailable)).map_err(Refusal::Store)
}

/// Counts a request that is stored, and notes what it did.
pub(crate) fn count(
    request: &HttpRequest,
    gateway: &GatewayState,
    company: &CompanyId,
    outcome: &Outcome,
) {
    gateway.metrics.accepted(effect(outcome));
    if let Some(lines) = &gateway.development_lines {
        lines.note_outcome(outcome);
    }
    if gateway.inspects(company) {
        inspection::note_outcome(request, outcome, gateway.clock.elapsed());
    }
    tracing::debug!(
        %company,
        effect = outcome.effect.as_str(),
        request_id = outcome.request_ids.as_ref().map(|ids| tracing::field::display(&ids.request)),
        "stored a request"
    );
}

pub(crate) fn effect(outcome: &Outcome) -> metrics::ProfileEffect {
    match outcome.effect {
        Effect::Created => metrics::ProfileEffect::Created,
        Effect::Updated if outcome.absorbed().next().is_some() => metrics::ProfileEffect::Merged,
        Effect::Updated => metrics::ProfileEffect::Updated,
        Effect::Unchanged => metrics::ProfileEffect::Unchanged,
        Effect::Unmerged => metrics::ProfileEffect::Unmerged,
        Effect::Deleted => metrics::ProfileEffect::Deleted,
        Effect::NothingDeleted => metrics::ProfileEffect::NothingDeleted,
        Effect::TokensRevoked => metrics::ProfileEffect::TokensRevoked,
        Effect::Unidentified => metrics::ProfileEffect::Unidentified,
    }
}
