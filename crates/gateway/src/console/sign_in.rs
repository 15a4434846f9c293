//! Signing in with a private key, and out.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, http::header, web::Data};
use maud::{Markup, html};

use super::{
    form::FormFields,
    layout,
    page::{self, see_other},
    refusal::ConsoleRefusal,
    session_cookie,
    sessions::SessionSecret,
    visit::{Visit, check_origin},
};
use crate::{
    capacity::rate_limiter::RateLimitDecision,
    http::admission::{client_address_of, client_network},
    limits,
    state::GatewayState,
    tenants::private_key::KeyDigest,
};

/// The page with the form.
pub(super) fn form(request: &HttpRequest, gateway: &Data<GatewayState>) -> HttpResponse {
    shown(request, gateway, StatusCode::OK, None)
}

/// The same with what was wrong.
pub(super) fn shown(
    request: &HttpRequest,
    gateway: &Data<GatewayState>,
    status: StatusCode,
    wrong: Option<&ConsoleRefusal>,
) -> HttpResponse {
    let content = content(wrong);
    let page = match Visit::from_request(request, gateway) {
        Ok(visit) => layout::framed(&visit, None, "Sign in", &content),
        Err(_) => layout::bare("Sign in", &content),
    };
    page::html(status, page)
}

fn content(wrong: Option<&ConsoleRefusal>) -> Markup {
    html! {
        @if let Some(wrong) = wrong {
            div.wrong role="alert" { strong { (wrong.title()) ". " } (wrong.detail()) }
        }
        form method="post" action="/console/sign-in" {
            p {
                label for="key" { "Private key of a company" }
                input #key name="key" type="password" autocomplete="off" spellcheck="false"
                    required aria-describedby="key-hint";
            }
            p #key-hint.hint {
                "Its scopes decide what you see and may do. It is not kept: only its digest is, "
                "in memory, until you sign out. Sign in again with the key of another company to "
                "see both."
            }
            button type="submit" { "Sign in" }
        }
    }
}

/// Signs in. The session keeps the keys that it has of other companies.
pub(super) fn sign_in(
    request: &HttpRequest,
    gateway: &Data<GatewayState>,
    form: &FormFields,
) -> Result<HttpResponse, ConsoleRefusal> {
    check_origin(request, gateway)?;
    admit(request, gateway)?;
    let is_encrypted = session_cookie::is_encrypted(request, gateway);
    let previous = session_cookie::session_id(request.headers(), is_encrypted)?;
    let key = KeyDigest::from_key(form.text("key"));
    let principal = gateway.companies.principal(key).ok_or(ConsoleRefusal::UnknownKey)?;
    let company = &principal.company.id;
    let of_others = |other: &KeyDigest| {
        gateway.companies.principal(*other).is_some_and(|one| one.company.id != *company)
    };
    let now = gateway.clock.elapsed();
    let kept = previous.and_then(|id| gateway.console_sessions.find(id, now));
    let kept = kept.into_iter().flat_map(|session| session.keys).filter(of_others);
    let keys = kept.chain([key]).collect();
    let secret = || SessionSecret::generate().or(Err(ConsoleRefusal::NoEntropy));
    let (id, form_token) = (secret()?, secret()?);
    if let Some(previous) = previous {
        gateway.console_sessions.end(previous);
    }
    gateway.console_sessions.open(&id, form_token, keys, now);
    tracing::info!(
        %company,
        client = %client_address_of(request, gateway),
        "signed in to the console"
    );
    let mut response = see_other(&layout::path_of(company, "people"));
    if let Some(cookie) = session_cookie::given(&id, is_encrypted) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Charges an attempt to its client network.
fn admit(request: &HttpRequest, gateway: &GatewayState) -> Result<(), ConsoleRefusal> {
    let network = client_network(request, gateway);
    let (limits, now) = (limits::CONSOLE_SIGN_INS, gateway.clock.elapsed());
    match gateway.console_sign_ins.charge(network, None, limits, now) {
        RateLimitDecision::Admitted(_) => Ok(()),
        RateLimitDecision::Throttled { retry_after_seconds } => {
            Err(ConsoleRefusal::SignIns { retry_after_seconds })
        }
    }
}

/// Ends the session.
pub(super) fn sign_out(visit: &Visit<'_>) -> HttpResponse {
    let is_encrypted = session_cookie::is_encrypted(visit.request, visit.gateway);
    visit.gateway.console_sessions.end(visit.session_id);
    let mut response = see_other("/console/sign-in");
    if let Some(cookie) = session_cookie::taken(is_encrypted) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
