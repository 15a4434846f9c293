//! What a log line may show of a request. Everything that a caller can choose is bounded, and
//! nothing shows a personal value.

use std::fmt::{self, Write};

use actix_web::{
    HttpRequest,
    http::{
        Method,
        header::{self, HeaderMap, HeaderName},
    },
};
use profile_protocol::{ErrorObject, ProfileId, RequestedRevision, grammar};

use crate::{
    endpoints::ENDPOINTS, http::admission::only, limits, tenants::private_key::may_contain_key,
};

/// What replaces a name that is the caller's own.
const OWN_NAME: &str = "*";

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

/// The beginning of the user agent. Characters other than visible ASCII are escaped, and words that
/// may be an address or a phone number are replaced by an asterisk.
pub(crate) fn user_agent(headers: &HeaderMap) -> Option<impl fmt::Display> {
    let sent = headers.get(header::USER_AGENT)?.as_bytes();
    Some(fmt::from_fn(move |f| {
        let (shown, rest) = sent.split_at(sent.len().min(limits::LOGGED_USER_AGENT_BYTES));
        for (number, word) in shown.split(|byte| *byte == b' ').enumerate() {
            if number != 0 {
                f.write_char(' ')?;
            }
            if is_personal(word) { f.write_str(OWN_NAME)? } else { escape(f, word)? }
        }
        if rest.is_empty() { Ok(()) } else { f.write_str("…") }
    }))
}

/// Whether a word is like an email address, a private key, or a phone number with its country.
fn is_personal(word: &[u8]) -> bool {
    let is_number = |two: &[u8]| matches!(two, [b'+', digit] if digit.is_ascii_digit());
    let is_phone_number = word.windows(2).any(is_number);
    let is_key = std::str::from_utf8(word).is_ok_and(may_contain_key);
    word.contains(&b'@') || is_key || is_phone_number
}

fn escape(f: &mut fmt::Formatter<'_>, word: &[u8]) -> fmt::Result {
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
    use actix_web::{http::header::HeaderValue, test::TestRequest};
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

    fn shown_user_agent(bytes: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_bytes(bytes).unwrap());
        user_agent(&headers).unwrap().to_string()
    }

    #[test]
    fn a_user_agent_is_escaped_and_has_neither_an_address_nor_a_phone_number() {
        for (sent, shown) in [
            (
                "Mozilla/5.0 (X11; rv:140.0) Gecko/20100101",
                "Mozilla/5.0 (X11; rv:140.0) Gecko/20100101",
            ),
            ("app \"1\\2\"", r#"app \"1\\2\""#),
            ("bot (+http://bot.example; me@bot.example)", "bot (+http://bot.example; *"),
            ("phone +15005550006", "phone *"),
            ("app/1 pk_0123456789", "app/1 *"),
            ("tab\tand é", "tab\\x09and \\xc3\\xa9"),
        ] {
            assert_eq!(shown_user_agent(sent.as_bytes()), shown);
        }
        assert_eq!(shown_user_agent(b"\xff"), "\\xff");
    }

    #[test]
    fn a_long_user_agent_is_cut() {
        let most = limits::LOGGED_USER_AGENT_BYTES;
        assert_eq!(shown_user_agent(&vec![b'a'; most]), "a".repeat(most));
        assert_eq!(shown_user_agent(&vec![b'a'; most + 1]), "a".repeat(most) + "…");
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
