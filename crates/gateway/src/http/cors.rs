//! Cross-origin requests: which pages may send profiles and read the responses.

use actix_web::{
    HttpRequest, HttpResponseBuilder,
    http::header::{self, HeaderMap, HeaderValue},
};

use crate::{
    http::{admission::only, refusal::Refusal},
    limits,
    tenants::directory::Company,
};

/// The response headers that a page may read.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-Id, traceparent",
);

/// What a page may read of the response.
#[derive(Clone, Debug, Default)]
pub enum Cors {
    /// Nothing: no page sent the request, or its origin is not allowed.
    #[default]
    Closed,
    /// Pages of any origin may read the response.
    Any,
    /// Pages of this origin may read the response.
    Only(HeaderValue),
}

impl Cors {
    /// The access of the page before the company of the request is determined.
    pub fn from_request(request: &HttpRequest) -> Cors {
        match only(request.headers(), &header::ORIGIN) {
            Some(_) => Cors::Any,
            None => Cors::Closed,
        }
    }

    /// The access of the page by the company's list of origins. A browser sends one origin, so a
    /// request with several is refused, whatever the list.
    pub fn for_company(request: &HttpRequest, company: &Company) -> Result<Cors, Refusal> {
        let mut origins = request.headers().get_all(header::ORIGIN);
        let (origin, further) = (origins.next(), origins.next());
        match (origin, further, &company.allowed_origins) {
            (None, _, _) => Ok(Cors::Closed),
            (Some(_), Some(_), _) => Err(Refusal::Origin),
            (Some(_), None, None) => Ok(Cors::Any),
            (Some(origin), None, Some(_)) => {
                let allowed = origin.to_str().is_ok_and(|origin| company.allows_origin(origin));
                if allowed { Ok(Cors::Only(origin.clone())) } else { Err(Refusal::Origin) }
            }
        }
    }

    /// Adds the headers that let the page read the response.
    pub(crate) fn expose(&self, headers: &mut HeaderMap) {
        let origin = match self {
            Cors::Closed => return,
            Cors::Any => HeaderValue::from_static("*"),
            Cors::Only(origin) => {
                headers.insert(header::VARY, HeaderValue::from_static("Origin"));
                origin.clone()
            }
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }

    /// Adds what the page may send: any headers, since the scripts in use send several of their
    /// own.
    pub(crate) fn preflight(
        &self,
        builder: &mut HttpResponseBuilder,
        requested_headers: Option<&HeaderValue>,
    ) {
        if let Cors::Closed = self {
            return;
        }
        builder.insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "POST, OPTIONS"));
        builder
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, limits::PREFLIGHT_MAX_AGE.as_secs()));
        let requested = requested_headers
            .filter(|requested| requested.len() <= limits::PREFLIGHT_HEADERS_BYTES);
        if let Some(requested) = requested {
            builder.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, requested.clone()));
        }
    }
}
