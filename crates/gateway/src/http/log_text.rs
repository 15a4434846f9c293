//! What a log line may show of a request. Everything that a caller can choose is bounded, and
//! nothing shows a personal value.

use std::fmt::{self, Write};

use actix_web::{
    HttpRequest,
    http::{
        Method,
        header::{HeaderMap, HeaderName},
    },
};
use profile_protocol::{ErrorObject, ProfileId, RequestedRevision, grammar};

use crate::{endpoints::ENDPOINTS, http::admission::only, limits};

/// What replaces a name that is the caller's own.
pub(crate) const OWN_NAME: &str = "*";

/// The longest index in a pointer: that of the last profile of a bulk import.
const INDEX_DIGITS: usize = 4;

/// The method, unless a caller has invented it.
pub(crate) fn method(method: &Method) -> &str {
    let standard = [
        Method::CONNECT,
        Method::DELETE,
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::PATCH,
        Method::POST,
        Method::PUT,
        Method::TRACE,
    ];
    if standard.contains(method) { method.as_str() } else { OWN_NAME }
}

/// The path without the query. A part that is neither in the path of an endpoint nor a profile id
/// is replaced by an asterisk.
pub(crate) fn path(request: &HttpRequest) -> impl fmt::Display {
    let path = request.uri().path();
    fmt::from_fn(move |f| {
        let mut parts = path.strip_prefix('/').unwrap_or(path).split('/');
        for part in parts.by_ref().take(limits::LOGGED_PATH_PARTS) {
            f.write_char('/')?;
            f.write_str(if is_of_endpoint(part) || is_profile_id(part) { part } else { OWN_NAME })?;
        }
        if parts.next().is_some() { f.write_str("/…") } else { Ok(()) }
    })
}

fn is_of_endpoint(part: &str) -> bool {
    let others = ["", "client", "openapi.json", "push-token-unregister"];
    let of_api = ENDPOINTS.iter().flat_map(|row| row.path.split('/'));
    others.into_iter().chain(of_api).any(|known| known == part)
}

fn is_profile_id(part: &str) -> bool {
    part.parse::<ProfileId>().is_ok()
}

/// The date of the `revision` header.
pub(crate) fn revision(headers: &HeaderMap) -> Option<&str> {
    const REVISION: HeaderName = HeaderName::from_static("revision");
    let sent = only(headers, &REVISION)?.trim();
    sent.parse::<RequestedRevision>().ok()?;
    // What follows the date is a text of the caller.
    sent.split('.').next()
}

/// Escapes what is not visible ASCII.
pub(crate) fn escape(f: &mut fmt::Formatter<'_>, word: &[u8]) -> fmt::Result {
    word.iter().try_for_each(|&byte| match byte {
        b'"' | b'\\' => write!(f, "\\{}", char::from(byte)),
        b'!'..=b'~' => f.write_char(char::from(byte)),
        _ => write!(f, "\\x{byte:02x}"),
    })
}

/// The pointers of the first errors, separated by spaces. In each, a name that no field has is
/// replaced by an asterisk.
pub(crate) fn pointers(errors: &[ErrorObject]) -> impl fmt::Display {
    joined(errors, |f, error| {
        error.source.pointer.split('/').enumerate().try_for_each(|(number, name)| {
            if number != 0 {
                f.write_char('/')?;
            }
            f.write_str(if is_public(name) { name } else { OWN_NAME })
        })
    })
}

/// Whether part of a pointer is a name that the protocol defines, or an index.
fn is_public(name: &str) -> bool {
    let is_index = name.len() <= INDEX_DIGITS && name.bytes().all(|byte| byte.is_ascii_digit());
    is_index || grammar::is_field_name(name)
}

/// The ids of the first errors, separated by spaces.
pub(crate) fn error_ids(errors: &[ErrorObject]) -> impl fmt::Display {
    joined(errors, |f, error| f.write_str(&error.id))
}

fn joined(
    errors: &[ErrorObject],
    write: impl Fn(&mut fmt::Formatter<'_>, &ErrorObject) -> fmt::Result,
) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        let mut logged = errors.iter().take(limits::LOGGED_ERRORS).enumerate();
        logged.try_for_each(|(number, error)| {
            if number != 0 {
                f.write_char(' ')?;
            }
            write(f, error)
        })
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use profile_protocol::{ProfileRequest, Revision, limits::BULK_PROFILES};

    use super::*;
    use crate::http::refusal::Refusal;

    fn shown_path(target: &str) -> String {
        path(&TestRequest::with_uri(target).to_http_request()).to_string()
    }

    #[test]
    fn a_path_shows_the_names_of_endpoints_and_ids_of_profiles_alone() {
        for (target, shown) in [
            ("/client/profiles?company_id=ABC123&email=a@b.co", "/client/profiles"),
            ("/client/profiles/", "/client/profiles/"),
            ("/", "/"),
            ("/client/profiles/sarah@example.com", "/client/profiles/*"),
            (
                "/api/profiles/01GDDKASAP8TKDDA2GRZDSVP4H",
                "/api/profiles/01GDDKASAP8TKDDA2GRZDSVP4H",
            ),
            ("/api/profiles/15005550006/history", "/api/profiles/*/history"),
            ("/wp-login.php", "/*"),
            ("/%73arah", "/*"),
            ("/a/b/c/d/e/f/g/h/i", "/*/*/*/*/*/*/*/*/…"),
        ] {
            assert_eq!(shown_path(target), shown, "{target}");
        }
    }

    #[test]
    fn a_method_that_a_caller_invents_is_not_shown() {
        assert_eq!(method(&Method::PATCH), "PATCH");
        assert_eq!(method(&Method::from_bytes(b"SARAH").unwrap()), "*");
    }

    #[test]
    fn of_a_revision_only_the_date_is_shown() {
        let revision = |text: &str| {
            let request = TestRequest::default().insert_header(("revision", text));
            revision(request.to_http_request().headers()).map(str::to_owned)
        };
        assert_eq!(revision("2026-07-15").as_deref(), Some("2026-07-15"));
        assert_eq!(revision(" 2026-07-15.sarah ").as_deref(), Some("2026-07-15"));
        assert_eq!(revision("sarah"), None);
    }

    fn shown_pointers(body: &str) -> String {
        let violations = ProfileRequest::parse(body.as_bytes(), Revision::LATEST).unwrap_err();
        pointers(&Refusal::Violations(violations).document().errors).to_string()
    }

    #[test]
    fn a_pointer_shows_no_name_of_the_caller() {
        // A property must not be that deep.
        let deep = format!("{}{}", "[".repeat(50), "]".repeat(50));
        let body = format!(
            r#"{{"data":{{"type":"profile","attributes":{{"email":1,"sarah@example.com":1,
            "properties":{{"15005550006":{deep},"a/b~c":{deep}}}}}}}}}"#
        );
        let expected = [
            "/data/attributes/email",
            "/data/attributes/*",
            "/data/attributes/properties/*",
            "/data/attributes/properties/*",
        ];
        assert_eq!(shown_pointers(&body).split(' ').collect::<Vec<_>>(), expected);
        assert_eq!(shown_pointers("{"), "");
    }

    #[test]
    fn only_the_first_errors_are_shown() {
        let names: Vec<String> = (0..50).map(|number| format!("\"n{number}\":1")).collect();
        let body =
            format!(r#"{{"data":{{"type":"profile","attributes":{{{}}}}}}}"#, names.join(","));
        assert_eq!(shown_pointers(&body).split(' ').count(), limits::LOGGED_ERRORS);
    }

    #[test]
    fn the_index_of_every_profile_of_an_import_is_shown() {
        let last = (BULK_PROFILES - 1).to_string();
        assert!(is_public(&last), "{last}");
        assert!(!is_public("1500555") && !is_public("sarah"));
    }
}
