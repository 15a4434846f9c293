//! Responses of the console: pages and redirects, with the headers that all of them have.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use maud::Markup;

/// Nothing is loaded but the style and the script of the console, and no page runs what is in it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' \
    data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The headers of every response but those of files.
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // With `no-referrer`, browsers would hide the origin of forms, too.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// A page.
pub(super) fn html(status: StatusCode, markup: Markup) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    response.insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"));
    hardened(response.body(markup.into_string()))
}

/// A redirect to a page of the console, which is then read with GET.
pub(super) fn see_other(path: &str) -> HttpResponse {
    hardened(HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish())
}

/// A file for the user to keep.
pub(super) fn download(name: &str, media_type: &str, body: Vec<u8>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_TYPE, media_type));
    let disposition = format!("attachment; filename=\"{name}\"");
    response.insert_header((header::CONTENT_DISPOSITION, disposition));
    hardened(response.body(body))
}

/// The same response with the headers of all.
pub(super) fn hardened(mut response: HttpResponse) -> HttpResponse {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
