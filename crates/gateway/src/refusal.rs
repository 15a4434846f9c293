//! Refusals: every way in which a request can be turned away, in one table.

use std::fmt::Write;

use actix_web::http::StatusCode;
use profile_protocol::{
    Fault, InvalidRevision, UnavailableRevision, Violations, limits::VIOLATIONS,
};
use profile_store::{OnlySentinels, StoreError};

/// Why a request is turned away.
#[derive(Debug)]
pub enum Refusal {
    /// There is no such path.
    UnknownPath,
    /// The path takes other methods.
    Method,
    /// No company is named, or one that is not served.
    Company(InvalidCompany),
    /// The company's list of origins does not have this one.
    Origin,
    /// The company has used up one of its windows.
    Throttled {
        /// Seconds after which a request is admitted.
        retry_after_seconds: u64,
    },
    /// The `revision` header is missing.
    RevisionMissing,
    /// The `revision` header is no revision.
    RevisionMalformed(InvalidRevision),
    /// No release answers to the revision.
    RevisionUnavailable(UnavailableRevision),
    /// The body is of no media type that is read here.
    MediaType,
    /// The body is in no content coding that is read here.
    ContentCoding,
    /// The body is larger than allowed.
    TooLarge,
    /// The body did not arrive in time.
    TooSlow,
    /// The body broke off, or is not in the coding it names.
    Unreadable,
    /// The body says something that cannot be.
    Violations(Violations),
    /// Every identifier is a placeholder.
    OnlySentinels(OnlySentinels),
    /// The store did not take the request.
    Store(StoreError),
}

/// Why no company could be found.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidCompany {
    /// The query has no `company_id`.
    #[error("the query parameter company_id is missing")]
    Missing,
    /// The query has several.
    #[error("the query parameter company_id is given more than once")]
    Repeated,
    /// No company of this id is served here.
    #[error("no company of this id is served here")]
    Unknown,
}

/// The rows of the table, each for one cause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Cause {
    UnknownPath,
    Method,
    Company,
    Origin,
    Throttled,
    RevisionMissing,
    RevisionMalformed,
    RevisionTooEarly,
    RevisionFuture,
    MediaType,
    ContentCoding,
    TooLarge,
    TooSlow,
    Unreadable,
    Syntax,
    WrongType,
    Missing,
    UnknownField,
    Duplicate,
    WrongResource,
    EmptyData,
    NoIdentifier,
    OnlySentinels,
    Email,
    PhoneNumber,
    Identifier,
    Text,
    Coordinate,
    Property,
    TooManyProperties,
    Surrogate,
    MoreFaults,
    PropertiesTooLarge,
    Overloaded,
    Unavailable,
}

/// One row of the table.
#[derive(Clone, Copy)]
struct Row {
    cause: Cause,
    /// When it happens, for people.
    when: &'static str,
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    /// The detail, with what varies in braces.
    detail: &'static str,
    /// The pointer, with what varies in braces.
    pointer: &'static str,
    culprit: Option<Culprit>,
}

/// What else than the body is at fault.
#[derive(Clone, Copy)]
enum Culprit {
    Header(&'static str),
    Parameter(&'static str),
}

const INVALID: (StatusCode, &str, &str) = (StatusCode::BAD_REQUEST, "invalid", "Invalid input.");
const MALFORMED: (StatusCode, &str, &str) =
    (StatusCode::BAD_REQUEST, "parse_error", "Malformed request.");
const NOT_FOUND: (StatusCode, &str, &str) = (StatusCode::NOT_FOUND, "not_found", "Not found.");
const METHOD: (StatusCode, &str, &str) =
    (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed.");
const DENIED: (StatusCode, &str, &str) =
    (StatusCode::FORBIDDEN, "permission_denied", "Permission denied.");
const THROTTLED: (StatusCode, &str, &str) =
    (StatusCode::TOO_MANY_REQUESTS, "throttled", "Request was throttled.");
const MEDIA_TYPE: (StatusCode, &str, &str) =
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Unsupported media type.");
const TOO_LARGE: (StatusCode, &str, &str) =
    (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "Payload too large.");
const TOO_SLOW: (StatusCode, &str, &str) =
    (StatusCode::REQUEST_TIMEOUT, "request_timeout", "Request timed out.");
const UNAVAILABLE: (StatusCode, &str, &str) =
    (StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", "Service unavailable.");

const fn row(
    cause: Cause,
    when: &'static str,
    (status, code, title): (StatusCode, &'static str, &'static str),
    detail: &'static str,
    pointer: &'static str,
) -> Row {
    Row { cause, when, status, code, title, detail, pointer, culprit: None }
}

const fn header(name: &'static str, row: Row) -> Row {
    Row { culprit: Some(Culprit::Header(name)), ..row }
}

const fn parameter(name: &'static str, row: Row) -> Row {
    Row { culprit: Some(Culprit::Parameter(name)), ..row }
}

/// The table. Its order is that of the checks.
const TABLE: [Row; 35] = [
    row(Cause::UnknownPath, "any other path", NOT_FOUND, "There is nothing at this path.", "/data"),
    row(
        Cause::Method,
        "any other method on the path",
        METHOD,
        "Only POST and OPTIONS are allowed here.",
        "/data",
    ),
    parameter(
        "company_id",
        row(
            Cause::Company,
            "`company_id` missing, repeated, malformed or not served here",
            INVALID,
            "Invalid Company ID",
            "/data",
        ),
    ),
    header(
        "Origin",
        row(
            Cause::Origin,
            "a page whose origin the company does not list",
            DENIED,
            "Pages of this origin may not send profiles for this company.",
            "/data",
        ),
    ),
    row(
        Cause::Throttled,
        "a rate-limit window of the company is used up",
        THROTTLED,
        "Request was throttled. Expected available in {seconds} second(s).",
        "/data",
    ),
    header(
        "revision",
        row(
            Cause::RevisionMissing,
            "no `revision` header",
            INVALID,
            "The revision header is required: a date such as 2026-07-15.",
            "/data",
        ),
    ),
    header(
        "revision",
        row(
            Cause::RevisionMalformed,
            "`revision` is not a date",
            INVALID,
            "The revision {what would be right}.",
            "/data",
        ),
    ),
    header(
        "revision",
        row(
            Cause::RevisionTooEarly,
            "`revision` before the first release",
            NOT_FOUND,
            "The revision {what would be right}.",
            "/data",
        ),
    ),
    header(
        "revision",
        row(
            Cause::RevisionFuture,
            "`revision` after today (UTC)",
            NOT_FOUND,
            "Unable to specify a future revision date",
            "/data",
        ),
    ),
    header(
        "Content-Type",
        row(
            Cause::MediaType,
            "`Content-Type` missing or another one",
            MEDIA_TYPE,
            "The body must be application/json or application/vnd.api+json.",
            "/data",
        ),
    ),
    header(
        "Content-Encoding",
        row(
            Cause::ContentCoding,
            "`Content-Encoding` another one, or several",
            MEDIA_TYPE,
            "The body must be encoded as gzip, deflate, br or zstd, or not at all.",
            "/data",
        ),
    ),
    row(
        Cause::TooLarge,
        "body over 102,400 bytes, before or after decoding",
        TOO_LARGE,
        "The body must be at most 102400 bytes.",
        "",
    ),
    row(
        Cause::TooSlow,
        "body not complete in time",
        TOO_SLOW,
        "The body must arrive within 10 seconds.",
        "",
    ),
    row(
        Cause::Unreadable,
        "body broken off, or not in the coding it names",
        MALFORMED,
        "The body must be whole and in the content coding it names.",
        "",
    ),
    row(Cause::Syntax, "not JSON, or not UTF-8", MALFORMED, "Invalid JSON: {what, and where}.", ""),
    row(
        Cause::WrongType,
        "JSON of the wrong type",
        INVALID,
        "Must be {an object or a string}.",
        "{the value}",
    ),
    row(
        Cause::Missing,
        "`data` or `type` missing",
        INVALID,
        "'{name}' is required.",
        "{where it belongs}",
    ),
    row(
        Cause::UnknownField,
        "a field no revision has",
        INVALID,
        "'{name}' is not a valid field for the resource 'profile'.",
        "{the field}",
    ),
    row(
        Cause::Duplicate,
        "a name given twice in one object",
        INVALID,
        "'{name}' is given more than once.",
        "{the field}",
    ),
    row(
        Cause::WrongResource,
        "`type` is not `profile`",
        INVALID,
        "'type' must be 'profile'.",
        "/data/type",
    ),
    row(
        Cause::EmptyData,
        "`data` with nothing in it",
        INVALID,
        "One of `attributes`, `relationships` or `id` must be included in the request payload.",
        "/data",
    ),
    row(
        Cause::NoIdentifier,
        "nobody is named",
        INVALID,
        "One of `id`, `_kx`, `external_id`, `email`, `phone_number` or `anonymous_id` must be \
         included to say whom the request is about.",
        "/data/attributes",
    ),
    row(
        Cause::OnlySentinels,
        "nobody is named but by placeholders such as `undefined`",
        INVALID,
        "Every identifier is a placeholder such as `null` or `undefined`, which names nobody.",
        "/data/attributes",
    ),
    row(Cause::Email, "not an email address", INVALID, "Invalid email address", "{the value}"),
    row(
        Cause::PhoneNumber,
        "not an E.164 phone number",
        INVALID,
        "Invalid phone number format (Example of a valid format: +12345678901)",
        "{the value}",
    ),
    row(
        Cause::Identifier,
        "another identifier empty, too long, or with control characters",
        INVALID,
        "The identifier {what would be right}.",
        "{the value}",
    ),
    row(
        Cause::Text,
        "a text too long",
        INVALID,
        "The text must be at most 2048 bytes.",
        "{the value}",
    ),
    row(
        Cause::Coordinate,
        "`latitude` or `longitude` not a number in range",
        INVALID,
        "The coordinate {what would be right}.",
        "{the value}",
    ),
    row(
        Cause::Property,
        "a property that cannot be kept as it is",
        INVALID,
        "The property {what would be right}.",
        "{the property}",
    ),
    row(
        Cause::TooManyProperties,
        "over 1,000 properties in one request",
        INVALID,
        "Must contain at most 1000 properties.",
        "/data/attributes/properties",
    ),
    row(
        Cause::Surrogate,
        "half of a UTF-16 surrogate pair",
        INVALID,
        "Must not contain half of a surrogate pair.",
        "{the value}",
    ),
    row(
        Cause::MoreFaults,
        "after a hundred faults",
        INVALID,
        "More than 100 faults; the rest are not listed.",
        "",
    ),
    row(
        Cause::PropertiesTooLarge,
        "the profile would have over 1,000 properties, or over 256 KiB of them",
        INVALID,
        "The profile would have more properties than one may keep; nothing was stored.",
        "/data/attributes/properties",
    ),
    row(
        Cause::Overloaded,
        "more requests wait to be stored than may",
        UNAVAILABLE,
        "Too many requests are waiting to be stored.",
        "/data",
    ),
    row(
        Cause::Unavailable,
        "the store cannot be read or written",
        UNAVAILABLE,
        "The request could not be stored.",
        "/data",
    ),
];

const _: () = assert!(VIOLATIONS == 100, "the table says how many faults are listed");

/// One entry of the `errors` that a refusal answers with.
pub struct Problem {
    /// The machine-readable name of what is wrong.
    pub code: &'static str,
    /// What is wrong in general.
    pub title: &'static str,
    /// What is wrong here, and what would be right.
    pub detail: String,
    /// Where in the body: a JSON pointer.
    pub pointer: String,
    /// The header that is at fault, if one is.
    pub header: Option<&'static str>,
    /// The query parameter that is at fault, if one is.
    pub parameter: Option<&'static str>,
    /// The narrower reason, where the detail's words are fixed.
    pub reason: Option<String>,
}

impl Refusal {
    /// The status to answer with.
    pub fn status(&self) -> StatusCode {
        let first = match self {
            Refusal::Violations(violations) => violations.iter().next().map(|v| cause_of(&v.fault)),
            _ => None,
        };
        row_of(first.unwrap_or_else(|| self.cause())).status
    }

    /// The code to count it under: that of its first problem.
    pub fn code(&self) -> &'static str {
        self.problems().first().map_or("invalid", |problem| problem.code)
    }

    /// Seconds to wait before asking again, where asking again may help.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Refusal::Throttled { retry_after_seconds } => Some(*retry_after_seconds),
            Refusal::Store(StoreError::PropertiesTooLarge(_)) => None,
            Refusal::Store(StoreError::Overloaded) => Some(1),
            Refusal::Store(_) => Some(5),
            _ => None,
        }
    }

    /// All that is wrong, at least one thing.
    pub fn problems(&self) -> Vec<Problem> {
        match self {
            Refusal::Violations(violations) => {
                let problem = |violation: &profile_protocol::Violation| Problem {
                    detail: violation.fault.to_string(),
                    pointer: violation.pointer.clone(),
                    reason: violation.fault.reason(),
                    ..problem(cause_of(&violation.fault))
                };
                violations.iter().map(problem).collect()
            }
            _ => vec![Problem {
                detail: self.detail(),
                reason: self.reason(),
                ..problem(self.cause())
            }],
        }
    }

    fn cause(&self) -> Cause {
        match self {
            Refusal::UnknownPath => Cause::UnknownPath,
            Refusal::Method => Cause::Method,
            Refusal::Company(_) => Cause::Company,
            Refusal::Origin => Cause::Origin,
            Refusal::Throttled { .. } => Cause::Throttled,
            Refusal::RevisionMissing => Cause::RevisionMissing,
            Refusal::RevisionMalformed(_) => Cause::RevisionMalformed,
            Refusal::RevisionUnavailable(UnavailableRevision::Future) => Cause::RevisionFuture,
            Refusal::RevisionUnavailable(_) => Cause::RevisionTooEarly,
            Refusal::MediaType => Cause::MediaType,
            Refusal::ContentCoding => Cause::ContentCoding,
            Refusal::TooLarge => Cause::TooLarge,
            Refusal::TooSlow => Cause::TooSlow,
            Refusal::Unreadable => Cause::Unreadable,
            Refusal::Violations(_) => Cause::Syntax,
            Refusal::OnlySentinels(_) => Cause::OnlySentinels,
            Refusal::Store(StoreError::PropertiesTooLarge(_)) => Cause::PropertiesTooLarge,
            Refusal::Store(StoreError::Overloaded) => Cause::Overloaded,
            Refusal::Store(_) => Cause::Unavailable,
        }
    }

    fn detail(&self) -> String {
        match self {
            Refusal::Throttled { retry_after_seconds: seconds } => {
                let plural = if *seconds == 1 { "" } else { "s" };
                format!("Request was throttled. Expected available in {seconds} second{plural}.")
            }
            Refusal::RevisionMalformed(reason) => format!("The revision {reason}."),
            Refusal::RevisionUnavailable(reason @ UnavailableRevision::TooEarly) => {
                format!("The revision {reason}.")
            }
            _ => row_of(self.cause()).detail.to_owned(),
        }
    }

    fn reason(&self) -> Option<String> {
        match self {
            Refusal::Company(reason) => Some(reason.to_string()),
            _ => None,
        }
    }
}

/// The problem a row tells of, before what varies is filled in.
fn problem(cause: Cause) -> Problem {
    let row = row_of(cause);
    let (header, parameter) = match row.culprit {
        Some(Culprit::Header(name)) => (Some(name), None),
        Some(Culprit::Parameter(name)) => (None, Some(name)),
        None => (None, None),
    };
    Problem {
        code: row.code,
        title: row.title,
        detail: String::new(),
        pointer: row.pointer.to_owned(),
        header,
        parameter,
        reason: None,
    }
}

fn cause_of(fault: &Fault) -> Cause {
    match fault {
        Fault::TooLarge => Cause::TooLarge,
        Fault::WrongType { .. } => Cause::WrongType,
        Fault::Missing { .. } => Cause::Missing,
        Fault::UnknownField { .. } => Cause::UnknownField,
        Fault::Duplicate { .. } => Cause::Duplicate,
        Fault::WrongResource => Cause::WrongResource,
        Fault::EmptyData => Cause::EmptyData,
        Fault::NoIdentifier => Cause::NoIdentifier,
        Fault::Email(_) => Cause::Email,
        Fault::PhoneNumber(_) => Cause::PhoneNumber,
        Fault::Identifier(_) => Cause::Identifier,
        Fault::Text(_) => Cause::Text,
        Fault::Coordinate(_) => Cause::Coordinate,
        Fault::Property(_) => Cause::Property,
        Fault::TooManyProperties => Cause::TooManyProperties,
        Fault::Surrogate => Cause::Surrogate,
        Fault::More => Cause::MoreFaults,
        // The protocol crate may learn of faults before this table does.
        Fault::Syntax { .. } | _ => Cause::Syntax,
    }
}

fn row_of(cause: Cause) -> &'static Row {
    // Every cause has its row, which a test sees to; the last one would be a safe
    // answer all the same.
    let [.., last] = &TABLE;
    TABLE.iter().find(|row| row.cause == cause).unwrap_or(last)
}

/// Every code there is, each once.
pub fn codes() -> Vec<&'static str> {
    let mut codes: Vec<&str> = TABLE.iter().map(|row| row.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// The table as docs/PROTOCOL.md shows it.
pub fn table_markdown() -> String {
    let mut table = "| when | status | code | title | detail | pointer | also in `source` |\n\
                     |---|---|---|---|---|---|---|\n"
        .to_owned();
    for row in &TABLE {
        let culprit = match row.culprit {
            Some(Culprit::Header(name)) => format!("`header`: `{name}`"),
            Some(Culprit::Parameter(name)) => format!("`parameter`: `{name}`"),
            None => String::new(),
        };
        let Row { when, status, code, title, detail, pointer, .. } = row;
        let status = status.as_u16();
        // Writing to a string does not fail.
        let _ = writeln!(
            table,
            "| {when} | {status} | `{code}` | {title} | {detail} | `\"{pointer}\"` | {culprit} |"
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use profile_protocol::{ProfileRequest, Revision};

    use super::*;

    #[test]
    fn every_cause_has_its_row_and_no_row_is_dead() {
        for (number, row) in TABLE.iter().enumerate() {
            assert_eq!(row.cause as usize, number, "{}", row.when);
        }
        assert_eq!(TABLE.len(), Cause::Unavailable as usize + 1);
    }

    #[test]
    fn violations_are_told_in_the_words_of_the_table() {
        let body =
            br#"{"data":{"type":"event","attributes":{"email":"x","phone_number":"1","X":1}}}"#;
        let violations = ProfileRequest::parse(body, Revision::LATEST).unwrap_err();
        let problems = Refusal::Violations(violations).problems();
        let details: Vec<&str> = problems.iter().map(|problem| problem.detail.as_str()).collect();
        let [wrong_type, email, phone, unknown] = details[..] else { panic!("{details:?}") };
        assert_eq!(wrong_type, row_of(Cause::WrongResource).detail);
        assert_eq!(email, row_of(Cause::Email).detail);
        assert_eq!(phone, row_of(Cause::PhoneNumber).detail);
        assert_eq!(unknown, row_of(Cause::UnknownField).detail.replace("{name}", "X"));
    }

    #[test]
    fn waiting_is_told_in_seconds_of_the_right_number() {
        let told = |retry_after_seconds| Refusal::Throttled { retry_after_seconds }.detail();
        assert_eq!(told(1), "Request was throttled. Expected available in 1 second.");
        assert_eq!(told(17), "Request was throttled. Expected available in 17 seconds.");
    }
}
