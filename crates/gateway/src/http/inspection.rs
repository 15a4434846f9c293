//! What the inspector gets of a request, when it is answered.

use std::time::Duration;

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    http::header::{HeaderMap, HeaderName, HeaderValue},
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

/// What the names of headers have in them that authorize a request, here or where a proxy or an app
/// uses them.
const SECRET_PARTS: [&str; 20] = [
    "auth",
    "token",
    "secret",
    "key",
    "cookie",
    "session",
    "password",
    "passwd",
    "passphrase",
    "signature",
    "signed",
    "hmac",
    "credential",
    "bearer",
    "jwt",
    "saml",
    "oidc",
    "assertion",
    "cert",
    "csrf",
];

/// Words of such names that are parts of harmless ones.
const SECRET_WORDS: [&str; 8] = ["sid", "pin", "otp", "pat", "pass", "pwd", "sig", "xsrf"];

/// Headers that authorize nothing, although their names have one of these.
const HARMLESS: [&str; 3] = ["idempotency-key", "surrogate-key", "sec-websocket-key"];

/// Schemes of credentials, which are not kept in a header of any name.
const SCHEMES: [&str; 4] = ["bearer ", "basic ", "digest ", "negotiate "];

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
    let kept = sent.iter().filter(|(name, value)| may_be_kept(name, value));
    kept.map(|(name, value)| (name.to_string(), masked_text(value.as_bytes()))).collect()
}

/// Whether neither the name of a header nor its value looks as if it authorized something.
fn may_be_kept(name: &HeaderName, value: &HeaderValue) -> bool {
    let name = name.as_str();
    let is_secret = SECRET_PARTS.iter().any(|part| name.contains(part))
        || name.split(['-', '_', '.']).any(|word| SECRET_WORDS.contains(&word));
    let begins_with = |scheme: &&str| {
        let start = value.as_bytes().get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    (!is_secret || HARMLESS.contains(&name)) && !SCHEMES.iter().any(begins_with)
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
        let is_kept = |name, value| {
            may_be_kept(&HeaderName::from_static(name), &HeaderValue::from_static(value))
        };
        for name in [
            "authorization",
            "proxy-authorization",
            "cookie",
            "set-cookie",
            "x-identity-signature",
            "x-hub-signature-256",
            "x-api-key",
            "apikey",
            "x-auth-token",
            "x-access-token",
            "x-amz-security-token",
            "x-csrf-token",
            "x-xsrf",
            "x-client-secret",
            "x-session-id",
            "x-sid",
            "x-user-password",
            "x-pwd",
            "x-otp",
            "x-amz-credential",
            "x-goog-iap-jwt-assertion",
            "x-amzn-oidc-data",
            "x-forwarded-client-cert",
            "x-authenticated-user",
            "x_auth_token",
        ] {
            assert!(!is_kept(name, "abc"), "{name}");
        }
        for name in [
            "accept",
            "content-type",
            "host",
            "idempotency-key",
            "origin",
            "revision",
            "sec-fetch-site",
            "user-agent",
            "x-forwarded-for",
            "x-odd",
            "x-request-id",
            "x-spinner",
        ] {
            assert!(is_kept(name, "abc"), "{name}");
            for value in ["Bearer abc", "basic YTpi", "DIGEST a=b"] {
                assert!(!is_kept(name, value), "{name}: {value}");
            }
        }
        assert!(is_kept("x-odd", "Basically"));
    }
}
