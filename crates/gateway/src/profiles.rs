//! `POST /client/profiles`: creates a profile, or updates the one these
//! identifiers already name.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web::{Data, Payload},
};
use profile_protocol::{CompanyId, ProfileId, ProfileRequest};
use profile_store::{Claims, Effect, Outcome, Scope, StoreError, Submission};

use crate::{
    admission, body,
    companies::Company,
    cors::Cors,
    meters,
    refusal::Refusal,
    reply::{Onsite, Reply},
    room::Share,
    state::Gateway,
};

/// Serves every method on the path.
///
/// A stored request is answered 202 and no more is said: the caller is a browser
/// with a public key, and must not learn what the store already knew.
pub(crate) async fn client_profiles(
    request: HttpRequest,
    mut payload: Payload,
    gateway: Data<Gateway>,
) -> HttpResponse {
    let mut reply = Reply {
        cors: Cors::of(&request),
        media_type: admission::answer_media_type(request.headers(), &gateway),
        standing: None,
    };
    let answer = match *request.method() {
        Method::POST => upsert(&request, &mut payload, &gateway, &mut reply).await,
        Method::OPTIONS => preflight(&request, &gateway, &mut reply),
        _ => Err(Refusal::Method),
    };
    match answer {
        Ok(answer) => answer,
        Err(refusal) => turn_away(&request, payload, &gateway, &reply, &refusal).await,
    }
}

/// Serves every other path.
pub(crate) async fn unknown_path(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<Gateway>,
) -> HttpResponse {
    let media_type = admission::answer_media_type(request.headers(), &gateway);
    let reply = Reply { cors: Cors::of(&request), media_type, standing: None };
    turn_away(&request, payload, &gateway, &reply, &Refusal::UnknownPath).await
}

/// The order of these lines is the order of checks that docs/PROTOCOL.md
/// promises.
async fn upsert(
    request: &HttpRequest,
    payload: &mut Payload,
    gateway: &Data<Gateway>,
    reply: &mut Reply,
) -> Result<HttpResponse, Refusal> {
    let headers = request.headers();
    let company = admission::company(request, gateway)?;
    reply.cors = Cors::for_company(request, &company).inspect_err(|_| reply.cors = Cors::Closed)?;
    reply.standing = Some(admission::charge(&company, gateway)?);
    let revision = admission::revision(headers, gateway)?;
    admission::media_type(headers)?;
    let encoding = admission::content_encoding(headers)?;
    let (body, share) = body::read(headers, payload, encoding, gateway).await?;

    let parsing = gateway.clock.elapsed();
    let parsed = ProfileRequest::parse(&body, revision);
    gateway.meters.parsed(gateway.clock.elapsed().saturating_sub(parsing));
    drop(body);
    let outcome = store(gateway, &company, parsed.map_err(Refusal::Violations)?, share).await?;
    gateway.meters.accepted(effect(&outcome));
    tracing::debug!(company = %company.id, effect = outcome.effect.word(), "stored a request");

    let onsite = headers.get("x-klaviyo-onsite").is_some_and(|value| value == "1");
    Ok(reply.accepted(if onsite { exchange(gateway, &company.id, &outcome)? } else { None }))
}

async fn store(
    gateway: &Data<Gateway>,
    company: &Company,
    request: ProfileRequest,
    share: Share,
) -> Result<Outcome, Refusal> {
    let (ring, now) = (gateway.exchange(), gateway.clock.unix_seconds());
    let open = |token: &_| ring.open(&company.id, token, now);
    let sentinels = &company.rules.sentinels;
    let claims = Claims::of(&request, Scope::Client, sentinels, open);
    let submission = Submission {
        company: company.id.clone(),
        scope: Scope::Client,
        revision: request.revision,
        claims: claims.map_err(Refusal::OnlySentinels)?,
        leaving_emails: Vec::new(),
        patch: request.patch,
        rules: Arc::clone(&company.rules),
    };
    let committing = gateway.clock.elapsed();
    let store = gateway.clone();
    // Whoever hangs up does not take back what they submitted, nor what it takes up.
    let outcome = actix_web::rt::spawn(async move {
        let outcome = store.store.submit(submission).await;
        drop(share);
        outcome
    });
    let outcome = outcome.await.unwrap_or(Err(StoreError::Unavailable));
    gateway.meters.committed(gateway.clock.elapsed().saturating_sub(committing));
    outcome.map_err(Refusal::Store)
}

/// A token that stands for the profile. There is one even if the request was
/// about nobody, so that the answer tells nothing: it stands for an id that no
/// profile has.
fn exchange(
    gateway: &Gateway,
    company: &CompanyId,
    outcome: &Outcome,
) -> Result<Option<Onsite>, Refusal> {
    let id = outcome.survivor.unwrap_or(ProfileId::from_bits(0));
    let token = gateway.exchange().seal(company, id, gateway.clock.unix_seconds());
    let exchange_id = token.or(Err(Refusal::Store(StoreError::Unavailable)))?;
    Ok(Some(Onsite { exchange_id, should_clear_cookie: false }))
}

fn effect(outcome: &Outcome) -> meters::Effect {
    match outcome.effect {
        Effect::Created => meters::Effect::Created,
        Effect::Updated if outcome.absorbed().next().is_some() => meters::Effect::Merged,
        Effect::Updated => meters::Effect::Updated,
        Effect::Unchanged => meters::Effect::Unchanged,
        Effect::Unidentified | Effect::Unmerged => meters::Effect::Unidentified,
    }
}

/// A browser asks before it sends a page's request. Which company it will be for
/// may still be wrong here: the page then reads so in the answer to the request.
fn preflight(
    request: &HttpRequest,
    gateway: &Gateway,
    reply: &mut Reply,
) -> Result<HttpResponse, Refusal> {
    if let Ok(company) = admission::company(request, gateway) {
        reply.cors =
            Cors::for_company(request, &company).inspect_err(|_| reply.cors = Cors::Closed)?;
    }
    Ok(reply.preflight(request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS)))
}

async fn turn_away(
    request: &HttpRequest,
    mut payload: Payload,
    gateway: &Gateway,
    reply: &Reply,
    refusal: &Refusal,
) -> HttpResponse {
    let (status, code) = (refusal.status(), refusal.code());
    if status.is_server_error() {
        gateway.meters.failed(code);
        tracing::warn!(code, "could not serve a request");
    } else {
        gateway.meters.refused(code);
        tracing::debug!(code, status = status.as_u16(), "turned a request away");
    }
    if !refusal.closes() {
        body::discard(request.headers(), &mut payload).await;
    }
    body::unread(reply.refused(refusal), payload)
}
