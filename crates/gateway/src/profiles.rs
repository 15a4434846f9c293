//! `POST /client/profiles`: creates a profile, or updates the one these
//! identifiers already name.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web::{Data, Payload},
};
use profile_protocol::{CompanyId, ProfileId, ProfileRequest};
use profile_store::{Outcome, StoreError};

use crate::{
    admission,
    body::{self, Body, BodyKind},
    cors::Cors,
    refusal::Refusal,
    reply::{METHODS, Onsite, Reply},
    state::Gateway,
    submission,
    turn_away::turn_away,
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
        _ => Err(Refusal::Method { allowed: METHODS.to_owned() }),
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
    let kind = BodyKind::Client;
    let read = body::read(headers, payload, encoding, kind, &company.id, gateway);
    let Body { bytes, share } = read.await?;

    let parsing = gateway.clock.elapsed();
    let parsed = ProfileRequest::parse(&bytes, revision);
    gateway.meters.parsed(gateway.clock.elapsed().saturating_sub(parsing));
    drop(bytes);
    let parsed = parsed.map_err(Refusal::Violations)?;
    let submission = submission::of_client(gateway, &company, headers, parsed)?;
    let outcome = submission::store(gateway, submission, share).await?;

    let onsite = headers.get("x-klaviyo-onsite").is_some_and(|value| value == "1");
    Ok(reply.accepted(if onsite { exchange(gateway, &company.id, &outcome)? } else { None }))
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
