//! Admission: the checks a request passes before its body is read, in order.

use std::{borrow::Cow, str::FromStr, sync::Arc};

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderName},
};
use profile_protocol::{RequestedRevision, Revision};

use crate::{
    companies::Company,
    encoding::ContentEncoding,
    quota::{Admission, Standing},
    refusal::{InvalidCompany, Refusal},
    state::Gateway,
};

const REVISION: HeaderName = HeaderName::from_static("revision");

/// The company the query names.
pub(crate) fn company(request: &HttpRequest, gateway: &Gateway) -> Result<Arc<Company>, Refusal> {
    let id = company_id(request.query_string()).map_err(Refusal::Company)?;
    gateway.companies.find(&id).ok_or(Refusal::Company(InvalidCompany::Unknown))
}

fn company_id(query: &str) -> Result<Cow<'_, str>, InvalidCompany> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let mut ids = pairs.filter(|(name, _)| name == "company_id").map(|(_, id)| id);
    match (ids.next(), ids.next()) {
        (None, _) => Err(InvalidCompany::Missing),
        (Some(id), None) if id.is_empty() => Err(InvalidCompany::Missing),
        (Some(id), None) => Ok(id),
        (Some(_), Some(_)) => Err(InvalidCompany::Repeated),
    }
}

/// Charges the request to both windows of the company.
pub(crate) fn charge(company: &Company, gateway: &Gateway) -> Result<Standing, Refusal> {
    admitted(gateway.quotas.charge(&company.id, company.limits, gateway.clock.elapsed()))
}

/// Where the windows stand, unless one of them is used up.
pub(crate) fn admitted(decision: Admission) -> Result<Standing, Refusal> {
    match decision {
        Admission::Admitted(standing) => Ok(standing),
        Admission::Throttled { retry_after_seconds } => {
            Err(Refusal::Throttled { retry_after_seconds })
        }
    }
}

/// The revision in force.
pub(crate) fn revision(headers: &HeaderMap, gateway: &Gateway) -> Result<Revision, Refusal> {
    if !headers.contains_key(REVISION) {
        return Err(Refusal::RevisionMissing);
    }
    // What is not one text is no date either, and is told so by the parser.
    let asked = RequestedRevision::from_str(only(headers, &REVISION).unwrap_or("").trim());
    let asked = asked.map_err(Refusal::RevisionMalformed)?;
    asked.resolve(gateway.clock.today()).map_err(Refusal::RevisionUnavailable)
}

/// The media type that answers carry: that of the revision, or of the newest one
/// where the request does not name one that exists.
pub(crate) fn answer_media_type(headers: &HeaderMap, gateway: &Gateway) -> &'static str {
    revision(headers, gateway).unwrap_or(Revision::LATEST).media_type()
}

/// Sees that the body is of a media type that is read here.
pub(crate) fn media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let sent = only(headers, &header::CONTENT_TYPE);
    let essence = sent.and_then(|sent| sent.split(';').next()).unwrap_or("").trim();
    let known = ["application/json", "application/vnd.api+json"];
    if known.iter().any(|known| known.eq_ignore_ascii_case(essence)) {
        Ok(())
    } else {
        Err(Refusal::MediaType)
    }
}

/// The coding the body is in.
pub(crate) fn content_encoding(headers: &HeaderMap) -> Result<ContentEncoding, Refusal> {
    if !headers.contains_key(header::CONTENT_ENCODING) {
        return Ok(ContentEncoding::default());
    }
    let coding = only(headers, &header::CONTENT_ENCODING).and_then(|coding| coding.parse().ok());
    coding.ok_or(Refusal::ContentCoding)
}

/// The text of a header that is there once. Which of several counts would be a
/// guess, and a proxy on the way may make another one.
pub(crate) fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut sent = headers.get_all(name);
    match (sent.next(), sent.next()) {
        (Some(one), None) => one.to_str().ok(),
        _ => None,
    }
}
