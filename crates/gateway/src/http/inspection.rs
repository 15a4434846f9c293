//! What the inspector gets of a request, when it is answered.

use std::time::Duration;

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    http::header::{self, HeaderMap, HeaderName},
    web::Bytes,
};
use profile_store::{Effect, Outcome};

use crate::{
    console::inspector::{InspectedAnswer, InspectedBody, InspectedOutcome, InspectedRequest},
    http::{
        body::Body,
        response::{RefusalCode, ResponseContext},
    },
    state::GatewayState,
    tenants::private_key::may_contain_key,
};

/// Headers that authorize a request, which are never kept.
const AUTHORIZING: [HeaderName; 4] = [
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    header::COOKIE,
    HeaderName::from_static("x-identity-signature"),
];

/// Notes the body of a request, if the inspector wants it.
pub(crate) fn note_body(request: &HttpRequest, body: &Body, now: Duration) {
    if let Some(sent) = &body.sent {
        let decoded = Bytes::copy_from_slice(&body.bytes);
        let note = InspectedBody { sent: sent.clone(), decoded, read_at: now };
        request.extensions_mut().insert(note);
    }
}

/// Notes what a request did, until it is answered.
pub(crate) fn note_outcome(request: &HttpRequest, outcome: &Outcome, now: Duration) {
    let note = InspectedOutcome { outcome: outcome.clone(), stored_at: now };
    request.extensions_mut().insert(note);
}

/// Keeps a request of a company that has the inspector on. An erasure is not kept, since it names
/// the person.
pub(crate) fn keep(
    request: &HttpRequest,
    gateway: &GatewayState,
    reply: &ResponseContext,
    began: Duration,
    response: HttpResponse,
) -> HttpResponse {
    let Some(company) = reply.company.as_ref().filter(|company| company.inspect) else {
        return response;
    };
    let stored = request.extensions_mut().remove::<InspectedOutcome>();
    let is_erasure = request.path().starts_with("/api/data-privacy-deletion-jobs")
        || stored.as_ref().is_some_and(|stored| stored.outcome.effect == Effect::Deleted);
    if is_erasure {
        return response;
    }
    let code = RefusalCode::of(&response);
    let noted = response.extensions().get::<InspectedAnswer>().map(|answer| answer.0.clone());
    let (response, answer) = with_answer(response, noted);
    let kept = InspectedRequest {
        began,
        at: gateway.clock.unix_time(),
        request_id: reply.trace.ids.request.to_string(),
        method: request.method().to_string(),
        target: without_key(&request.uri().to_string()),
        headers: headers(request.headers()),
        body: request.extensions_mut().remove::<InspectedBody>(),
        status: response.status().as_u16(),
        code,
        answer,
        stored,
        answered: gateway.clock.elapsed(),
    };
    gateway.inspector.keep(&company.id, kept);
    response
}

/// The response, and its body.
fn with_answer(response: HttpResponse, noted: Option<Bytes>) -> (HttpResponse, Bytes) {
    if let Some(noted) = noted {
        return (response, noted);
    }
    let (head, body) = response.into_parts();
    match body.try_into_bytes() {
        Ok(bytes) => (head.set_body(BoxBody::new(bytes.clone())), bytes),
        Err(body) => (head.set_body(body), Bytes::new()),
    }
}

fn headers(sent: &HeaderMap) -> Vec<(String, String)> {
    let may_be_kept = |name: &HeaderName| !AUTHORIZING.contains(name);
    let kept = sent.iter().filter(|(name, _)| may_be_kept(name));
    let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    kept.map(|(name, value)| (name.to_string(), without_key(&text(value)))).collect()
}

/// The text, unless it may have a private key.
fn without_key(text: &str) -> String {
    if may_contain_key(text) {
        "(not kept: it may have a private key)".to_owned()
    } else {
        text.to_owned()
    }
}
