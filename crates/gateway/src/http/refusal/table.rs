//! The table of refusals, as docs/PROTOCOL.md shows it.

mod cause;
mod markdown;

use actix_web::http::StatusCode;
use profile_protocol::{ErrorClass, limits::VIOLATIONS};

pub(super) use self::cause::Cause;
pub use self::markdown::table_markdown;

/// One row of the table.
#[derive(Clone, Copy)]
pub(super) struct RefusalRow {
    cause: Cause,
    /// When the refusal occurs.
    when: &'static str,
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) title: &'static str,
    /// The detail, with variable parts in braces.
    pub(super) detail: &'static str,
    /// The pointer, with variable parts in braces.
    pub(super) pointer: &'static str,
    pub(super) source: Option<ErrorSource>,
}

/// The part of a request other than the body that caused the error.
#[derive(Clone, Copy)]
pub(super) enum ErrorSource {
    Header(&'static str),
    Parameter(&'static str),
}

const INVALID: (StatusCode, &str, &str) = row_class(ErrorClass::Invalid);
const MALFORMED: (StatusCode, &str, &str) = row_class(ErrorClass::Malformed);
const TOO_LARGE: (StatusCode, &str, &str) = row_class(ErrorClass::TooLarge);
const NOT_FOUND: (StatusCode, &str, &str) = (StatusCode::NOT_FOUND, "not_found", "Not found.");
const NOT_SUPPORTED: (StatusCode, &str, &str) =
    (StatusCode::NOT_FOUND, "not_supported", "Not supported.");
const METHOD: (StatusCode, &str, &str) =
    (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed.");
const DENIED: (StatusCode, &str, &str) =
    (StatusCode::FORBIDDEN, "permission_denied", "Permission denied.");
const THROTTLED: (StatusCode, &str, &str) =
    (StatusCode::TOO_MANY_REQUESTS, "throttled", "Request was throttled.");
const MEDIA_TYPE: (StatusCode, &str, &str) =
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Unsupported media type.");
const TOO_SLOW: (StatusCode, &str, &str) =
    (StatusCode::REQUEST_TIMEOUT, "request_timeout", "Request timed out.");
const HEAD_TOO_LARGE: (StatusCode, &str, &str) = (
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    "request_header_fields_too_large",
    "Request header fields too large.",
);
const CONFLICT: &str = "Conflict.";
const UNAVAILABLE: (StatusCode, &str, &str) =
    (StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", "Service unavailable.");

/// The status, code and title of the errors that the protocol describes.
const fn row_class(class: ErrorClass) -> (StatusCode, &'static str, &'static str) {
    (status_of(class), class.code(), class.title())
}

/// The status of an error that the protocol describes.
pub(super) const fn status_of(class: ErrorClass) -> StatusCode {
    match class {
        ErrorClass::Malformed | ErrorClass::Invalid => StatusCode::BAD_REQUEST,
        ErrorClass::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
    }
}

const fn row(
    cause: Cause,
    when: &'static str,
    (status, code, title): (StatusCode, &'static str, &'static str),
    detail: &'static str,
    pointer: &'static str,
) -> RefusalRow {
    RefusalRow { cause, when, status, code, title, detail, pointer, source: None }
}

const fn unavailable(cause: Cause, when: &'static str, detail: &'static str) -> RefusalRow {
    row(cause, when, UNAVAILABLE, detail, "/data")
}

const fn header(name: &'static str, row: RefusalRow) -> RefusalRow {
    RefusalRow { source: Some(ErrorSource::Header(name)), ..row }
}

const fn parameter(name: &'static str, row: RefusalRow) -> RefusalRow {
    RefusalRow { source: Some(ErrorSource::Parameter(name)), ..row }
}

/// The table, in the order of the checks.
const TABLE: [RefusalRow; 64] = [
    row(
        Cause::HeadNotEncrypted,
        "the request is not encrypted, at a port that speaks TLS",
        MALFORMED,
        "The request must be sent over TLS, to a URL that begins with https.",
        "",
    ),
    row(
        Cause::HeadMalformed,
        "the head of the request is not HTTP/1.1",
        MALFORMED,
        "The head must be HTTP/1.1 with a Host, and its target without raw spaces and control characters.",
        "",
    ),
    row(
        Cause::HeadTooSlow,
        "the head is not complete in time",
        TOO_SLOW,
        "The head must arrive within the time that the server allows.",
        "",
    ),
    row(
        Cause::HeadTooLarge,
        "the head is over 128 KiB",
        HEAD_TOO_LARGE,
        "The head must be at most 131072 bytes.",
        "",
    ),
    row(Cause::UnknownPath, "any other path", NOT_FOUND, "This path does not exist.", "/data"),
    row(
        Cause::NotKept,
        "one of the [other client paths](#other-client-paths)",
        NOT_SUPPORTED,
        "This gateway keeps profiles, and no events, subscriptions, reviews or analytics. Nothing of \
         the request was stored.",
        "/data",
    ),
    row(
        Cause::Method,
        "any other method on the path",
        METHOD,
        "Only {methods} are allowed here.",
        "/data",
    ),
    parameter(
        "company_id",
        row(
            Cause::Company,
            "`company_id` missing, repeated, malformed or not configured",
            INVALID,
            "Invalid Company ID",
            "/data",
        ),
    ),
    header(
        "Origin",
        row(
            Cause::Origin,
            "the origin of the page is not allowed by the company",
            DENIED,
            "Pages of this origin may not send profiles for this company.",
            "/data",
        ),
    ),
    header(
        "Authorization",
        row(
            Cause::NotAuthenticated,
            "`/api`: no private key",
            (StatusCode::UNAUTHORIZED, "not_authenticated", "Authentication required."),
            "A private key is required: Authorization: Klaviyo-API-Key pk_...",
            "/data",
        ),
    ),
    header(
        "Authorization",
        row(
            Cause::AuthenticationFailed,
            "`/api`: the private key is not configured",
            (StatusCode::UNAUTHORIZED, "authentication_failed", "Authentication failed."),
            "The private key is not configured here.",
            "/data",
        ),
    ),
    row(
        Cause::NetworkThrottled,
        "a rate-limit window of the client's network is exhausted",
        THROTTLED,
        "Too many requests from this network. Expected available in {seconds} second(s).",
        "/data",
    ),
    row(
        Cause::Throttled,
        "a rate-limit window of the company is exhausted",
        THROTTLED,
        "Request was throttled. Expected available in {seconds} second(s).",
        "/data",
    ),
    header(
        "Authorization",
        row(
            Cause::Scope,
            "`/api`: the private key lacks the scope",
            DENIED,
            "The private key needs the scope {scope}.",
            "/data",
        ),
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
            "`revision` is not a date, or there are several",
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
    row(
        Cause::Parameter,
        "`/api`: a query parameter that is unknown, repeated or malformed",
        INVALID,
        "{what is wrong, and what would be right}",
        "/data",
    ),
    parameter(
        "page[cursor]",
        row(
            Cause::Cursor,
            "`/api`: a cursor of another list, or malformed",
            INVALID,
            "Invalid cursor provided.",
            "/data",
        ),
    ),
    header(
        "Content-Type",
        row(
            Cause::MediaType,
            "`Content-Type` missing, unsupported, or several",
            MEDIA_TYPE,
            "The body must be application/json or application/vnd.api+json.",
            "/data",
        ),
    ),
    header(
        "Content-Encoding",
        row(
            Cause::ContentCoding,
            "`Content-Encoding` unsupported, or several",
            MEDIA_TYPE,
            "The body must be encoded as gzip, deflate, br or zstd, or not at all.",
            "/data",
        ),
    ),
    row(
        Cause::TooLarge,
        "body over 102,400 bytes (bulk import: 5,000,000), before or after decoding",
        TOO_LARGE,
        "The body must be at most {bytes} bytes.",
        "",
    ),
    row(
        Cause::TooSlow,
        "body not complete in time",
        TOO_SLOW,
        "The body must arrive within {seconds} seconds.",
        "",
    ),
    row(
        Cause::Unreadable,
        "body incomplete, or not in its content coding",
        MALFORMED,
        "The body must be complete and in its content coding.",
        "",
    ),
    row(Cause::Syntax, "not JSON, or not UTF-8", MALFORMED, "Invalid JSON: {what, and where}.", ""),
    row(
        Cause::WrongType,
        "JSON of the wrong type",
        INVALID,
        "Must be {what is expected}.",
        "{the value}",
    ),
    row(
        Cause::Missing,
        "a required member is missing",
        INVALID,
        "'{name}' is required.",
        "{where it belongs}",
    ),
    row(
        Cause::UnknownField,
        "a field that is not allowed there",
        INVALID,
        "'{name}' is not a valid field for the resource '{resource}'.",
        "{the field}",
    ),
    row(
        Cause::Duplicate,
        "a repeated name in one object",
        INVALID,
        "'{name}' is given more than once.",
        "{the field}",
    ),
    row(
        Cause::WrongResource,
        "`type` does not match the endpoint",
        INVALID,
        "'type' must be '{resource}'.",
        "{the value}",
    ),
    row(
        Cause::EmptyData,
        "empty `data`",
        INVALID,
        "One of `attributes`, `relationships` or `id` must be included in the request payload.",
        "/data",
    ),
    row(
        Cause::NoIdentifier,
        "no identifier",
        INVALID,
        "One of `id`, `_kx`, `external_id`, `email`, `phone_number` or `anonymous_id` must be \
         included to say whom the request is about.",
        "/data/attributes",
    ),
    row(
        Cause::NoIdentifierToCreate,
        "no identifier for a new profile",
        INVALID,
        "One of `external_id`, `email`, `phone_number` or `anonymous_id` must be included to \
         say whom to create.",
        "/data/attributes",
    ),
    row(
        Cause::NotOneSubject,
        "no identifier of the profile to delete, or more than one",
        INVALID,
        "Exactly one of `id`, `email` or `phone_number` must be included to say whom to delete.",
        "/data/attributes",
    ),
    row(
        Cause::NotOneSender,
        "no sender whose requests are undone, or more than one",
        INVALID,
        "Exactly one of `client_address`, `anonymous_id` or `sender` must be included to say \
         whose requests are undone.",
        "/data/attributes",
    ),
    row(
        Cause::OnlyPlaceholders,
        "only placeholders such as `undefined` as identifiers",
        INVALID,
        "Every identifier is a placeholder such as `null` or `undefined`.",
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
        "any other identifier but `_kx` empty, too long, or with control characters",
        INVALID,
        "The identifier {what would be right}.",
        "{the value}",
    ),
    row(
        Cause::Text,
        "a text too long, or with U+0000",
        INVALID,
        "The text {what would be right}.",
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
        "a property that cannot be stored unchanged, or that readers could not take",
        INVALID,
        "The property {what would be right}.",
        "{the property}",
    ),
    row(
        Cause::NotAChoice,
        "a word that is none of those the field takes",
        INVALID,
        "'{value}' is not a valid choice for '{name}'.",
        "{the value}",
    ),
    row(
        Cause::PushToken,
        "a push token empty, over 4,096 bytes, or with control characters",
        INVALID,
        "The push token {what would be right}.",
        "{the value}",
    ),
    row(
        Cause::WrongCount,
        "a list with too many elements, or too few",
        INVALID,
        "Must contain {how many}.",
        "{the list}",
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
        "half of a UTF-16 surrogate pair, in a value or in a name",
        INVALID,
        "Must not contain half of a surrogate pair.",
        "{the value}",
    ),
    row(
        Cause::ProfileTooLarge,
        "one of many profiles over 102,400 bytes",
        INVALID,
        "The profile must be at most 102400 bytes.",
        "{the profile}",
    ),
    row(
        Cause::MoreFaults,
        "more than a hundred faults",
        INVALID,
        "More than 100 faults; the rest are not listed.",
        "",
    ),
    row(
        Cause::OtherProfile,
        "`/api`: the body names another profile than the path",
        INVALID,
        "The id must be the one in the path.",
        "/data/id",
    ),
    row(
        Cause::NotFound,
        "`/api`: no resource has this id",
        NOT_FOUND,
        "There is no {what} with this id.",
        "/data",
    ),
    row(
        Cause::DuplicateProfile,
        "`/api`: an identifier belongs to another profile, which `meta.duplicate_profile_id` names",
        (StatusCode::CONFLICT, "duplicate_profile", CONFLICT),
        "A profile already exists with one of these identifiers.",
        "/data/attributes",
    ),
    row(
        Cause::NoIdentifierLeft,
        "`/api`: the profile would lose its only identifier",
        INVALID,
        "The profile must keep at least one identifier.",
        "/data/attributes",
    ),
    row(
        Cause::NotMerged,
        "`/api`: the merge to undo does not exist",
        NOT_FOUND,
        "The profile was not merged into another one, or the merge was undone.",
        "/data/attributes/profile_id",
    ),
    row(
        Cause::MergeCap,
        "`/api`: the profile has the maximum number of merges",
        (StatusCode::CONFLICT, "merge_cap_reached", CONFLICT),
        "The profile has as many merges as the company's settings allow.",
        "/data",
    ),
    row(
        Cause::PropertiesTooLarge,
        "`/api`: over 1,000 properties of the profile, or 256 KiB",
        INVALID,
        "The profile would exceed the limit on its properties; nothing was stored.",
        "/data/attributes/properties",
    ),
    unavailable(
        Cause::DiskHangs,
        "a commit has been waiting for the disk for longer than `disk_wait_seconds`",
        "The disk does not answer. Nothing of the request was stored.",
    ),
    unavailable(
        Cause::ResultUnknown,
        "the same, and the request is being stored already",
        "The disk did not answer within {seconds} seconds. The request may have been stored or \
         not; the same request may be sent again.",
    ),
    unavailable(
        Cause::ResultOverdue,
        "the request is being stored, and has waited for `answer_seconds`; or for \
         `disk_wait_seconds`, and a commit has been waiting for the disk for a second",
        "The store did not answer within {seconds} seconds. The request may have been stored or \
         not; the same request may be sent again.",
    ),
    unavailable(
        Cause::ReadOverdue,
        "`/api`: stored data was not read within `disk_wait_seconds`",
        "The stored data was not read within {seconds} seconds.",
    ),
    unavailable(
        Cause::DiskFull,
        "less disk space is free than `client_free_mib`, or `server_free_mib` for `/api`",
        "Too little disk space is free. Nothing of the request was stored.",
    ),
    unavailable(
        Cause::Overloaded,
        "too many requests waiting, or too many bytes of bodies",
        "Too many requests are waiting to be stored.",
    ),
    unavailable(
        Cause::Unavailable,
        "the store cannot be read or written",
        "The request could not be stored.",
    ),
];

const _: () = assert!(VIOLATIONS == 100, "the table says how many faults are listed");

// The rows are in the order of the causes, so a cause is the index of its row.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const _: () = {
    assert!(TABLE.len() == Cause::Unavailable as usize + 1, "one row for each cause");
    let mut number = 0;
    while number < TABLE.len() {
        assert!(TABLE[number].cause as usize == number, "a row out of order");
        number += 1;
    }
};

/// The row of this cause.
#[expect(clippy::indexing_slicing, reason = "the assertion above holds the index in range")]
pub(super) fn row_of(cause: Cause) -> &'static RefusalRow {
    const ROWS: &[RefusalRow; TABLE.len()] = &TABLE;
    &ROWS[cause as usize]
}

/// The code that counts requests refused by the limit of a client network. Clients get `throttled`.
pub(super) const NETWORK_THROTTLED: &str = "network_throttled";

/// All codes that count refusals, without duplicates.
pub fn codes() -> Vec<&'static str> {
    let mut codes: Vec<&str> = TABLE.iter().map(|row| row.code).collect();
    codes.push(NETWORK_THROTTLED);
    codes.sort_unstable();
    codes.dedup();
    codes
}

#[cfg(test)]
mod tests;
