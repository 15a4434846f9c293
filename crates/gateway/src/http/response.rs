//! Responses: the headers and documents that all responses have in common.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    body::{self, BoxBody},
    http::{
        Method, StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    web::Bytes,
};
use profile_protocol::ErrorDocument;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    capacity::rate_limiter::RateLimitStatus,
    http::{
        auth, cors::Cors, encoding::ContentEncoding, refusal::Refusal, request_trace::RequestTrace,
    },
    state::GatewayState,
    tenants::directory::Company,
};

const RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATELIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// The methods of the client path.
pub(crate) const METHODS: &str = "POST, OPTIONS";

/// The context of a response. The checks of a request fill it in.
#[derive(Debug)]
pub struct ResponseContext {
    /// What a page may read of the response.
    pub cors: Cors,
    /// The media type of a document.
    pub media_type: &'static str,
    /// The rate-limit status of the company, once the request was charged.
    pub rate_limit_status: Option<RateLimitStatus>,
    /// The company, once it was found.
    pub(crate) company: Option<Arc<Company>>,
    /// What the request is recognized by.
    pub(crate) trace: RequestTrace,
}

impl ResponseContext {
    /// The context before any check.
    pub(crate) fn new(
        request: &HttpRequest,
        gateway: &GatewayState,
        cors: Cors,
        media_type: &'static str,
    ) -> ResponseContext {
        let trace = RequestTrace::from_headers(request.headers(), &gateway.trace_ids);
        ResponseContext { cors, media_type, rate_limit_status: None, company: None, trace }
    }

    /// The response to a stored request: empty, or the document for pages with the original's own
    /// script.
    pub fn accepted(&self, onsite: Option<Onsite>) -> HttpResponse {
        let mut builder = HttpResponse::build(StatusCode::ACCEPTED);
        self.rate_limit_status(&mut builder);
        match onsite {
            Some(onsite) => self.finish(self.json(builder, &OnsiteDocument { meta: onsite })),
            None => self.finish(builder.finish()),
        }
    }

    /// The response to a request to the server API that succeeded.
    pub(crate) fn answered(
        &self,
        status: StatusCode,
        location: Option<&str>,
        body: Option<Vec<u8>>,
    ) -> HttpResponse {
        let mut builder = HttpResponse::build(status);
        // Personal data must not be cached.
        builder.insert_header((header::CACHE_CONTROL, "no-store"));
        self.rate_limit_status(&mut builder);
        if let Some(url) = location {
            builder.insert_header((header::LOCATION, url));
        }
        match body {
            Some(body) => {
                builder.insert_header((header::CONTENT_TYPE, self.media_type));
                self.finish(builder.body(body))
            }
            None => self.finish(builder.finish()),
        }
    }

    /// A response that holds nothing of any person. A cache keeps it, and asks each time whether it
    /// changed.
    pub(crate) fn cacheable(&self, status: StatusCode, body: Option<Bytes>) -> HttpResponse {
        let mut builder = HttpResponse::build(status);
        builder.insert_header((header::CACHE_CONTROL, "no-cache"));
        match body {
            Some(body) => {
                builder.insert_header((header::CONTENT_TYPE, self.media_type));
                self.finish(builder.body(body))
            }
            None => self.finish(builder.finish()),
        }
    }

    /// The response to a refused request, with its error document.
    pub fn refused(&self, refusal: &Refusal, document: &ErrorDocument) -> HttpResponse {
        let status = refusal.status();
        let mut builder = HttpResponse::build(status);
        if status != StatusCode::TOO_MANY_REQUESTS {
            self.rate_limit_status(&mut builder);
        }
        if let Some(seconds) = refusal.retry_after_seconds() {
            builder.insert_header((header::RETRY_AFTER, seconds));
        }
        if let Refusal::Method { allowed } = refusal {
            builder.insert_header((header::ALLOW, allowed.as_str()));
        }
        if let Refusal::NotAuthenticated | Refusal::AuthenticationFailed = refusal {
            builder.insert_header((header::WWW_AUTHENTICATE, auth::SCHEME));
        }
        if let Refusal::ContentCoding = refusal {
            builder.insert_header((header::ACCEPT_ENCODING, ContentEncoding::ACCEPTED));
        }
        if refusal.closes() {
            builder.force_close();
        }
        let mut response = self.finish(self.json(builder, document));
        response.extensions_mut().insert(RefusalCode(refusal.code()));
        response
    }

    /// The response to a preflight.
    pub fn preflight(&self, requested_headers: Option<&HeaderValue>) -> HttpResponse {
        let mut builder = HttpResponse::build(StatusCode::NO_CONTENT);
        builder.insert_header((header::ALLOW, METHODS));
        self.cors.preflight(&mut builder, requested_headers);
        self.finish(builder.finish())
    }

    fn rate_limit_status(&self, builder: &mut HttpResponseBuilder) {
        let status = self.rate_limit_status.filter(RateLimitStatus::is_limited);
        if let Some(RateLimitStatus { limit, remaining, reset_seconds }) = status {
            builder.insert_header((RATELIMIT_LIMIT, u64::from(limit)));
            builder.insert_header((RATELIMIT_REMAINING, u64::from(remaining)));
            builder.insert_header((RATELIMIT_RESET, reset_seconds));
        }
    }

    fn json(&self, mut builder: HttpResponseBuilder, body: &impl Serialize) -> HttpResponse {
        builder.insert_header((header::CONTENT_TYPE, self.media_type));
        builder.body(serde_json::to_vec(body).expect("the keys of a document are strings"))
    }

    /// Some clients look headers up by their exact title-case names.
    fn finish(&self, mut response: HttpResponse) -> HttpResponse {
        self.cors.expose(response.headers_mut());
        self.trace.answer(response.headers_mut());
        let hardening = HeaderValue::from_static("nosniff");
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, hardening);
        response.head_mut().set_camel_case_headers(true);
        response
    }
}

/// The code of the refusal that a response is about, which goes with the response.
#[derive(Clone, Copy)]
pub(crate) struct RefusalCode(&'static str);

impl RefusalCode {
    /// The code, if the response is that to a refused request.
    pub(crate) fn of(response: &HttpResponse) -> Option<&'static str> {
        response.extensions().get::<RefusalCode>().map(|code| code.0)
    }
}

/// Where the errors are that a response is about, in development mode.
#[derive(Clone)]
pub(crate) struct ErrorPointers(pub(crate) String);

/// The response to HEAD is the response to GET without its body.
pub(crate) fn without_body_for_head(request: &HttpRequest, response: HttpResponse) -> HttpResponse {
    match *request.method() {
        Method::HEAD => response.map_body(|_, _| BoxBody::new(body::None::new())),
        _ => response,
    }
}

/// The data for pages with the original's own script.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Onsite {
    /// An exchange token of the profile.
    pub exchange_id: String,
    /// Whether the page should discard its stored identity.
    pub should_clear_cookie: bool,
}

/// The document for pages with the original's own script.
#[derive(JsonSchema, Serialize)]
pub(crate) struct OnsiteDocument {
    meta: Onsite,
}
