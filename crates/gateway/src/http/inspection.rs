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
    console::inspector::{
        InspectedAnswer, InspectedBody, InspectedOutcome, InspectedRequest, NotDecoded, SentBody,
    },
    http::{
        body::{Body, BodyFailure},
        refusal::Refusal,
        response::{RefusalCode, ResponseContext},
    },
    state::GatewayState,
};

/// Headers that authorize a request, which are never kept.
const AUTHORIZING: [HeaderName; 3] =
    [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE];

/// Notes the body of a request, or why it could not be decoded, if the inspector wants it.
pub(crate) fn noted(
    request: &HttpRequest,
    read: Result<Body, BodyFailure>,
    now: Duration,
) -> Result<Body, Refusal> {
    let (sent, decoded) = match &read {
        Ok(body) => (body.sent.as_ref().map(SentBody::decoded), Ok(&body.bytes)),
        Err(failure) => (failure.sent.clone(), Err(reason(&failure.refusal))),
    };
    if let Some(sent) = sent {
        let sent = SentBody { first: masked(&sent.first), ..sent };
        let decoded = decoded.map(|bytes| masked(bytes));
        request.extensions_mut().insert(InspectedBody { sent, decoded, read_at: now });
    }
    read.map_err(|failure| failure.refusal)
}

/// Why a body that arrived was not decoded.
fn reason(refusal: &Refusal) -> NotDecoded {
    if let Refusal::TooLarge { bytes } = refusal {
        NotDecoded::TooLarge { bytes: *bytes }
    } else if matches!(refusal, Refusal::Unreadable) {
        NotDecoded::Corrupt
    } else {
        NotDecoded::NotTried
    }
}

/// Notes what a request did, until it is answered.
pub(crate) fn note_outcome(request: &HttpRequest, outcome: &Outcome, now: Duration) {
    let note = InspectedOutcome {
        effect: outcome.effect,
        sequence: outcome.sequence,
        person: outcome.survivor,
        stored_at: now,
    };
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
        || stored.as_ref().is_some_and(|stored| stored.effect == Effect::Deleted);
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
        target: masked_text(request.uri().to_string().as_bytes()),
        headers: headers(request.headers()),
        body: request.extensions_mut().remove::<InspectedBody>(),
        status: response.status().as_u16(),
        code,
        answer: masked(&answer),
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
    let kept = sent.iter().filter(|(name, _)| may_be_kept(name));
    kept.map(|(name, value)| (name.to_string(), masked_text(value.as_bytes()))).collect()
}

/// Whether a header authorizes no request: neither here, nor where a proxy or an app uses it.
fn may_be_kept(name: &HeaderName) -> bool {
    let text = name.as_str();
    let is_own = text.starts_with("x-");
    let is_secret = is_own && (text.ends_with("-signature") || text.ends_with("-key"));
    !is_secret && !AUTHORIZING.contains(name)
}

fn masked_text(text: &[u8]) -> String {
    String::from_utf8_lossy(&masked(text)).into_owned()
}

/// The text, in which each private key and exchange token is masked.
fn masked(text: &[u8]) -> Bytes {
    let (mut kept, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((first, after)) = rest.split_first() {
        if let Some((before, behind)) = secret_at(rest) {
            kept.extend_from_slice(before);
            kept.extend_from_slice(b"MASKED");
            rest = behind;
        } else {
            kept.push(*first);
            rest = after;
        }
    }
    kept.into()
}

/// What is before and behind a secret, if the text begins with one or with its name.
fn secret_at(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_of_key = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let is_of_token = |byte: &u8| !matches!(byte, b'"' | b'\\' | b'&' | b'#' | b'\0'..=b' ');
    let (value, length) = if let Some(value) = text.strip_prefix(b"pk_") {
        (value, value.iter().take_while(|byte| is_of_key(byte)).count())
    } else {
        let value = token_after_name(text)?;
        (value, value.iter().take_while(|byte| is_of_token(byte)).count())
    };
    let (before, _) = text.split_at(text.len() - value.len());
    let (_, behind) = value.split_at(length);
    (length != 0).then_some((before, behind))
}

/// What follows the name of an exchange token in a query or in JSON.
fn token_after_name(text: &[u8]) -> Option<&[u8]> {
    let after = text.strip_prefix(b"_kx").or_else(|| text.strip_prefix(b"exchange_id"))?;
    if let Some(value) = after.strip_prefix(b"=") {
        return Some(value);
    }
    let colon = after.strip_prefix(b"\"")?.trim_ascii_start();
    colon.strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_exchange_tokens_are_masked_wherever_they_are() {
        for (sent, kept) in [
            ("/api/profiles?key=pk_0a-b_c&x=1", "/api/profiles?key=pk_MASKED&x=1"),
            ("/?a=1&_kx=ab.cd#end", "/?a=1&_kx=MASKED#end"),
            ("{\"_kx\" : \"ab.cd\",\"a\":1}", "{\"_kx\" : \"MASKED\",\"a\":1}"),
            ("{\"exchange_id\":\"ab\"}", "{\"exchange_id\":\"MASKED\"}"),
            ("{\"_kx\":null} pk_ _kx", "{\"_kx\":null} pk_ _kx"),
        ] {
            assert_eq!(masked_text(sent.as_bytes()), kept);
        }
    }

    #[test]
    fn no_header_that_authorizes_is_kept() {
        for name in
            ["authorization", "cookie", "x-identity-signature", "x-hub-signature", "x-api-key"]
        {
            assert!(!may_be_kept(&HeaderName::from_static(name)), "{name}");
        }
        assert!(may_be_kept(&HeaderName::from_static("x-request-id")));
    }
}
