//! Replies: what every answer carries, whatever it says.

use std::borrow::Cow;

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    auth,
    cors::Cors,
    encoding::ContentEncoding,
    quota::Standing,
    refusal::{Problem, Refusal},
};

const RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATELIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// The methods of the client path.
pub(crate) const METHODS: &str = "POST, OPTIONS";

/// What an answer carries beside what it says. It fills up as a request passes
/// its checks.
#[derive(Debug)]
pub struct Reply {
    /// What a page that asked may know.
    pub cors: Cors,
    /// The media type of a body.
    pub media_type: &'static str,
    /// Where the company stands in its steady window, once it was charged.
    pub standing: Option<Standing>,
}

impl Reply {
    /// The answer to a request that was stored: nothing, or the body that pages of
    /// the original's own script read.
    pub fn accepted(&self, onsite: Option<Onsite>) -> HttpResponse {
        let mut builder = HttpResponse::build(StatusCode::ACCEPTED);
        self.standing(&mut builder);
        match onsite {
            Some(onsite) => self.finish(self.json(builder, &OnsiteDocument { meta: onsite })),
            None => self.finish(builder.finish()),
        }
    }

    /// The answer to a request that was served.
    pub(crate) fn answered(&self, status: StatusCode, body: Option<Vec<u8>>) -> HttpResponse {
        let mut builder = HttpResponse::build(status);
        self.standing(&mut builder);
        match body {
            Some(body) => {
                builder.insert_header((header::CONTENT_TYPE, self.media_type));
                self.finish(builder.body(body))
            }
            None => self.finish(builder.finish()),
        }
    }

    /// The answer to a request that was turned away.
    pub fn refused(&self, refusal: &Refusal) -> HttpResponse {
        let status = refusal.status();
        let mut builder = HttpResponse::build(status);
        if status != StatusCode::TOO_MANY_REQUESTS {
            self.standing(&mut builder);
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
        let problems = refusal.problems();
        let errors = problems.into_iter().map(|problem| ErrorObject::of(problem, status));
        self.finish(self.json(builder, &ErrorDocument { errors: errors.collect() }))
    }

    /// The answer to a preflight.
    pub fn preflight(&self, requested_headers: Option<&HeaderValue>) -> HttpResponse {
        let mut builder = HttpResponse::build(StatusCode::NO_CONTENT);
        builder.insert_header((header::ALLOW, METHODS));
        self.cors.preflight(&mut builder, requested_headers);
        self.finish(builder.finish())
    }

    fn standing(&self, builder: &mut HttpResponseBuilder) {
        if let Some(Standing { limit, remaining, reset_seconds }) = self.standing {
            builder.insert_header((RATELIMIT_LIMIT, u64::from(limit)));
            builder.insert_header((RATELIMIT_REMAINING, u64::from(remaining)));
            builder.insert_header((RATELIMIT_RESET, reset_seconds));
        }
    }

    fn json(&self, mut builder: HttpResponseBuilder, body: &impl Serialize) -> HttpResponse {
        builder.insert_header((header::CONTENT_TYPE, self.media_type));
        // What is serialized here has no map with other keys than texts, which is
        // all that could fail.
        builder.body(serde_json::to_vec(body).unwrap_or_default())
    }

    /// Some clients look headers up by their exact title-case names.
    fn finish(&self, mut response: HttpResponse) -> HttpResponse {
        self.cors.expose(response.headers_mut());
        let hardening = HeaderValue::from_static("nosniff");
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, hardening);
        response.head_mut().set_camel_case_headers(true);
        response
    }
}

/// What a page of the original's own script is told.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Onsite {
    /// A token that stands for the profile.
    pub exchange_id: String,
    /// Whether the page should forget whom it served.
    pub should_clear_cookie: bool,
}

/// The body for pages of the original's own script.
#[derive(JsonSchema, Serialize)]
pub(crate) struct OnsiteDocument {
    meta: Onsite,
}

/// Everything that is wrong with a request.
#[derive(JsonSchema, Serialize)]
pub(crate) struct ErrorDocument {
    errors: Vec<ErrorObject>,
}

/// An error object. Its members are all there, in this order, because a mobile
/// client cannot read it otherwise.
#[derive(JsonSchema, Serialize)]
struct ErrorObject {
    /// A UUID, different in every answer.
    id: String,
    /// The status of the answer.
    status: u16,
    /// The name of what is wrong, for programs.
    code: &'static str,
    /// What is wrong in general.
    title: &'static str,
    /// What is wrong here, and what would be right.
    detail: String,
    source: Source,
    links: Empty,
    meta: Meta,
}

impl ErrorObject {
    fn of(problem: Problem, status: StatusCode) -> ErrorObject {
        let Problem {
            code,
            title,
            detail,
            pointer,
            header,
            parameter,
            reason,
            duplicate_profile_id,
        } = problem;
        ErrorObject {
            id: Uuid::new_v4().to_string(),
            status: status.as_u16(),
            code,
            title,
            detail,
            source: Source { pointer, header, parameter },
            links: Empty {},
            meta: Meta {
                reason,
                duplicate_profile_id: duplicate_profile_id.map(|id| id.to_string()),
            },
        }
    }
}

#[derive(JsonSchema, Serialize)]
struct Source {
    /// Where in the body: a JSON pointer.
    pointer: String,
    /// The header at fault, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<&'static str>,
    /// The query parameter at fault, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<Cow<'static, str>>,
}

#[derive(JsonSchema, Serialize)]
struct Meta {
    /// The narrower reason, where the words of the detail are fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The profile that already has what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate_profile_id: Option<String>,
}

#[derive(JsonSchema, Serialize)]
struct Empty {}
