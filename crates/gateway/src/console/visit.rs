//! A request to the console, with its session and what its keys allow.

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderName},
    web::Data,
};
use profile_store::RequestIds;

use super::{
    form::{FormFields, TOKEN},
    refusal::ConsoleRefusal,
    session_cookie,
    sessions::ConsoleSession,
};
use crate::{
    http::{admission::only, public_url, request_trace::RequestTrace},
    state::GatewayState,
    tenants::{
        directory::{Company, Principal},
        scope::KeyScope,
    },
};

/// What the script of a page sends when it reads the page again: the visitor did not ask for it, so
/// it keeps no session open.
const REFRESH: HeaderName = HeaderName::from_static("x-console-refresh");

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A request of a visitor who is signed in.
pub(super) struct Visit<'a> {
    pub(super) request: &'a HttpRequest,
    pub(super) gateway: &'a Data<GatewayState>,
    /// The id of the session, as the browser sent it.
    pub(super) session_id: &'a str,
    pub(super) session: ConsoleSession,
    /// The principals of the session's keys: at least one.
    pub(super) principals: Vec<Principal>,
    pub(super) request_ids: RequestIds,
}

impl<'a> Visit<'a> {
    /// The visit of a request with an open session, which counts as used if a person asks.
    pub(super) fn from_request(
        request: &'a HttpRequest,
        gateway: &'a Data<GatewayState>,
    ) -> Result<Visit<'a>, ConsoleRefusal> {
        let is_encrypted = session_cookie::is_encrypted(request, gateway);
        let id = session_cookie::session_id(request.headers(), is_encrypted)?;
        let id = id.filter(|id| !id.is_empty()).ok_or(ConsoleRefusal::SignedOut)?;
        let (sessions, now) = (&gateway.console_sessions, gateway.clock.elapsed());
        let session = if request.headers().contains_key(&REFRESH) {
            sessions.look(id, now)
        } else {
            sessions.find(id, now)
        };
        let session = session.ok_or(ConsoleRefusal::SessionEnded)?;
        let principals = session.keys.iter().filter_map(|key| gateway.companies.principal(*key));
        let principals: Vec<Principal> = principals.collect();
        if principals.is_empty() {
            return Err(ConsoleRefusal::SessionEnded);
        }
        let request_ids = RequestTrace::from_headers(request.headers(), &gateway.trace_ids).ids;
        Ok(Visit { request, gateway, session_id: id, session, principals, request_ids })
    }

    /// The principal of the session for this company.
    pub(super) fn principal(&self, company: &str) -> Result<&Principal, ConsoleRefusal> {
        let found = self.principals.iter().find(|one| one.company.id.as_str() == company);
        found.ok_or(ConsoleRefusal::OtherCompany)
    }

    /// The companies of the session whose profiles one of its keys may read.
    pub(super) fn readable_companies(&self) -> impl Iterator<Item = &Company> {
        let readable =
            self.principals.iter().filter(|one| one.scopes.contains(KeyScope::ProfilesRead));
        readable.map(|principal| &*principal.company)
    }

    /// Checks that a form comes from a page of this session.
    pub(super) fn check_form(&self, form: &FormFields) -> Result<(), ConsoleRefusal> {
        check_origin(self.request, self.gateway)?;
        if self.session.form_token.is(form.text(TOKEN)) {
            Ok(())
        } else {
            Err(ConsoleRefusal::Forged)
        }
    }
}

/// Checks that no page of another site sent the request, as far as the browser says.
pub(super) fn check_origin(
    request: &HttpRequest,
    gateway: &GatewayState,
) -> Result<(), ConsoleRefusal> {
    let headers = request.headers();
    let is_own = if headers.contains_key(SEC_FETCH_SITE) {
        only(headers, &SEC_FETCH_SITE) == Some("same-origin")
    } else if headers.contains_key(header::ORIGIN) {
        let own = public_url::link(request, gateway, "");
        only(headers, &header::ORIGIN).is_some_and(|origin| origin.eq_ignore_ascii_case(&own))
    } else {
        true
    };
    if is_own { Ok(()) } else { Err(ConsoleRefusal::Forged) }
}
