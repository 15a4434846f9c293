//! Refusals: every reason to refuse a request, in one table.

mod table;

use std::borrow::Cow;

use actix_web::http::StatusCode;
use profile_protocol::{
    EmptyObject, ErrorDocument, ErrorMeta, ErrorObject, ErrorSourceObject, InvalidRevision,
    UnavailableRevision, Violations,
};
use profile_store::{OnlyPlaceholders, Rejected, StoreError, engine::EngineError};
use uuid::Uuid;

use self::table::{Cause, ErrorSource, NETWORK_THROTTLED, RefusalRow, row_of, status_of};
pub use self::table::{codes, table_markdown};
use crate::{capacity::body_budget::BodyBudgetExhausted, limits, tenants::scope::KeyScope};

/// Why a request is refused.
#[derive(Debug)]
pub enum Refusal {
    /// The head of the request cannot be read.
    Head(HeadFault),
    /// The path does not exist.
    UnknownPath,
    /// The path is about what this gateway does not keep.
    NotKept,
    /// The path does not support the method.
    Method {
        /// The supported methods, separated by commas.
        allowed: String,
    },
    /// The request has no private key.
    NotAuthenticated,
    /// The private key is not configured.
    AuthenticationFailed,
    /// The private key does not have this scope.
    Scope(KeyScope),
    /// The request names no company, or one that is not configured.
    Company(InvalidCompany),
    /// The company does not allow the origin.
    Origin,
    /// A rate-limit window of the client network is exhausted.
    NetworkThrottled {
        /// Seconds after which a request is admitted.
        retry_after_seconds: u64,
        /// Whether the connection closes, as it would if the network had sent less.
        closes: bool,
    },
    /// A rate-limit window of the company is exhausted.
    Throttled {
        /// Seconds after which a request is admitted.
        retry_after_seconds: u64,
    },
    /// The `revision` header is missing.
    RevisionMissing,
    /// The `revision` header is malformed.
    RevisionMalformed(InvalidRevision),
    /// There is no release for the revision.
    RevisionUnavailable(UnavailableRevision),
    /// The media type of the body is not supported.
    MediaType,
    /// The content coding of the body is not supported.
    ContentCoding,
    /// A query parameter is invalid.
    Parameter(InvalidParameter),
    /// The cursor belongs to another list, or is malformed.
    Cursor,
    /// There is no resource with this id.
    NotFound {
        /// The kind of resource.
        what: &'static str,
        /// A JSON pointer to the id in the body.
        pointer: &'static str,
    },
    /// The body names a different profile than the path.
    OtherProfile,
    /// The body is larger than allowed.
    TooLarge {
        /// The largest allowed size.
        bytes: usize,
    },
    /// The body did not arrive in time.
    TooSlow {
        /// The time allowed.
        seconds: u64,
    },
    /// The body is incomplete, or not in its content coding.
    Unreadable,
    /// The body is invalid.
    Violations(Violations),
    /// Every identifier is a placeholder.
    OnlyPlaceholders(OnlyPlaceholders),
    /// The disk does not answer, and nothing of the request was stored.
    DiskHangs,
    /// The disk did not answer in time. The request may be stored or not.
    ResultUnknown {
        /// The time that a commit may wait.
        seconds: u64,
    },
    /// The store did not answer in time, whatever the reason. The request may be stored or not.
    ResultOverdue {
        /// The time that the request may wait.
        seconds: u64,
    },
    /// Stored data was not read in time, whatever the reason.
    ReadOverdue {
        /// The time that a read may take.
        seconds: u64,
    },
    /// Too little disk space is free.
    DiskFull,
    /// The store refused the request.
    Store(StoreError),
}

impl From<BodyBudgetExhausted> for Refusal {
    fn from(_: BodyBudgetExhausted) -> Refusal {
        Refusal::Store(StoreError::Overloaded)
    }
}

/// Why the head of a request cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HeadFault {
    /// It is not HTTP/1.1.
    Malformed,
    /// It did not arrive in time.
    TooSlow,
    /// It is too large.
    TooLarge,
    /// It is not encrypted, and the listener speaks TLS.
    NotEncrypted,
}

impl HeadFault {
    /// The fault for which the HTTP library answers with this status.
    pub(crate) fn from_status(status: &str) -> Option<HeadFault> {
        match status {
            "400" => Some(HeadFault::Malformed),
            "408" => Some(HeadFault::TooSlow),
            "431" => Some(HeadFault::TooLarge),
            _ => None,
        }
    }
}

/// Why the request names no configured company.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}", self.as_str())]
pub enum InvalidCompany {
    /// The query has no `company_id`.
    Missing,
    /// The query has more than one `company_id`.
    Repeated,
    /// No company with this id is configured.
    Unknown,
}

impl InvalidCompany {
    /// The reason, which repeats nothing of the query.
    pub const fn as_str(self) -> &'static str {
        match self {
            InvalidCompany::Missing => "the query parameter company_id is missing",
            InvalidCompany::Repeated => "the query parameter company_id is given more than once",
            InvalidCompany::Unknown => "no company with this id is configured here",
        }
    }
}

/// Why a query parameter is invalid.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidParameter {
    /// The name of the parameter.
    pub name: String,
    /// The message: a sentence.
    pub message: String,
}

impl Refusal {
    /// Stored data could not be read. The error is logged, and the response does not disclose it.
    #[expect(clippy::needless_pass_by_value, reason = "this is where the error ends")]
    pub(crate) fn unreadable(error: EngineError) -> Refusal {
        tracing::error!(%error, "stored data could not be read");
        match error {
            EngineError::Damaged(_) => Refusal::Store(StoreError::Damaged),
            EngineError::InUse
            | EngineError::Io(_)
            | EngineError::Poisoned
            | EngineError::ReadOnly => Refusal::Store(StoreError::Unavailable),
        }
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        if let Refusal::Violations(violations) = self {
            status_of(violations.class())
        } else {
            row_of(self.cause()).status
        }
    }

    /// The code that counts the refusal: that of its first error, unless it is the limit of a
    /// client network, which is counted apart from that of a company.
    pub fn code(&self) -> &'static str {
        if let Refusal::Violations(violations) = self {
            violations.class().code()
        } else if let Refusal::NetworkThrottled { .. } = self {
            NETWORK_THROTTLED
        } else {
            row_of(self.cause()).code
        }
    }

    /// What is wrong, without anything that the caller sent: the detail as the table has it, with
    /// variable parts in braces. `None` for an invalid body, whose pointers say more.
    pub(crate) fn public_detail(&self) -> Option<&'static str> {
        if let Refusal::Violations(_) = self {
            None
        } else if let Refusal::Company(reason) = self {
            Some(reason.as_str())
        } else {
            Some(row_of(self.cause()).detail)
        }
    }

    /// Seconds until a retry may succeed, if it may.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        if let Refusal::Throttled { retry_after_seconds }
        | Refusal::NetworkThrottled { retry_after_seconds, .. } = self
        {
            Some(*retry_after_seconds)
        } else if let Refusal::Store(error) = self {
            retry_after_store_error(*error)
        } else if let Refusal::DiskHangs
        | Refusal::ResultUnknown { .. }
        | Refusal::ResultOverdue { .. }
        | Refusal::ReadOverdue { .. } = self
        {
            Some(5)
        } else if let Refusal::DiskFull = self {
            Some(limits::DISK_FULL_RETRY_SECONDS)
        } else {
            None
        }
    }

    /// Whether the rest of the body is not read.
    pub fn leaves_body_unread(&self) -> bool {
        matches!(self, Refusal::TooLarge { .. } | Refusal::TooSlow { .. } | Refusal::Unreadable)
    }

    /// Whether the connection closes after the response: because the rest of the body is not read,
    /// or because only a scanner or a flood sends such requests, which cost no key and no rate.
    pub fn closes(&self) -> bool {
        self.leaves_body_unread()
            || matches!(
                self,
                Refusal::UnknownPath
                    | Refusal::Method { .. }
                    | Refusal::NetworkThrottled { closes: true, .. }
                    | Refusal::NotAuthenticated
                    | Refusal::AuthenticationFailed
            )
    }

    /// The error document, with at least one error.
    pub fn document(&self) -> ErrorDocument {
        if let Refusal::Violations(violations) = self {
            violations.to_document(new_id)
        } else {
            ErrorDocument { errors: vec![self.error()] }
        }
    }

    fn error(&self) -> ErrorObject {
        let row = row_of(self.cause());
        ErrorObject {
            id: new_id(),
            status: row.status.as_u16(),
            code: row.code,
            title: row.title,
            detail: self.detail(),
            source: self.source(row),
            links: EmptyObject {},
            meta: ErrorMeta {
                reason: self.reason(),
                duplicate_profile_id: self.duplicate_profile_id(),
            },
        }
    }

    fn source(&self, row: &RefusalRow) -> ErrorSourceObject {
        let (header, mut parameter) = match row.source {
            Some(ErrorSource::Header(name)) => (Some(name), None),
            Some(ErrorSource::Parameter(name)) => (None, Some(Cow::Borrowed(name))),
            None => (None, None),
        };
        if let Refusal::Parameter(invalid) = self {
            parameter = Some(Cow::Owned(invalid.name.clone()));
        }
        let pointer =
            if let Refusal::NotFound { pointer, .. } = self { pointer } else { row.pointer };
        ErrorSourceObject { pointer: pointer.to_owned(), header, parameter }
    }

    fn duplicate_profile_id(&self) -> Option<String> {
        if let Refusal::Store(StoreError::Rejected(Rejected::Duplicate { id })) = self {
            Some(id.to_string())
        } else {
            None
        }
    }

    fn cause(&self) -> Cause {
        match self {
            Refusal::Head(HeadFault::Malformed) => Cause::HeadMalformed,
            Refusal::Head(HeadFault::TooSlow) => Cause::HeadTooSlow,
            Refusal::Head(HeadFault::TooLarge) => Cause::HeadTooLarge,
            Refusal::Head(HeadFault::NotEncrypted) => Cause::HeadNotEncrypted,
            Refusal::UnknownPath => Cause::UnknownPath,
            Refusal::NotKept => Cause::NotKept,
            Refusal::Method { .. } => Cause::Method,
            Refusal::NotAuthenticated => Cause::NotAuthenticated,
            Refusal::AuthenticationFailed => Cause::AuthenticationFailed,
            Refusal::Scope(_) => Cause::Scope,
            Refusal::Parameter(_) => Cause::Parameter,
            Refusal::Cursor => Cause::Cursor,
            Refusal::NotFound { .. } => Cause::NotFound,
            Refusal::OtherProfile => Cause::OtherProfile,
            Refusal::Company(_) => Cause::Company,
            Refusal::Origin => Cause::Origin,
            Refusal::NetworkThrottled { .. } => Cause::NetworkThrottled,
            Refusal::Throttled { .. } => Cause::Throttled,
            Refusal::RevisionMissing => Cause::RevisionMissing,
            Refusal::RevisionMalformed(_) => Cause::RevisionMalformed,
            Refusal::RevisionUnavailable(UnavailableRevision::Future) => Cause::RevisionFuture,
            Refusal::RevisionUnavailable(UnavailableRevision::TooEarly) => Cause::RevisionTooEarly,
            Refusal::MediaType => Cause::MediaType,
            Refusal::ContentCoding => Cause::ContentCoding,
            Refusal::TooLarge { .. } => Cause::TooLarge,
            Refusal::TooSlow { .. } => Cause::TooSlow,
            Refusal::Unreadable => Cause::Unreadable,
            Refusal::Violations(_) => Cause::Syntax,
            Refusal::OnlyPlaceholders(_) => Cause::OnlyPlaceholders,
            Refusal::DiskHangs => Cause::DiskHangs,
            Refusal::ResultUnknown { .. } => Cause::ResultUnknown,
            Refusal::ResultOverdue { .. } => Cause::ResultOverdue,
            Refusal::ReadOverdue { .. } => Cause::ReadOverdue,
            Refusal::DiskFull => Cause::DiskFull,
            Refusal::Store(error) => cause_of_store_error(*error),
        }
    }

    fn detail(&self) -> String {
        match self {
            Refusal::Throttled { retry_after_seconds: seconds }
            | Refusal::NetworkThrottled { retry_after_seconds: seconds, .. } => {
                let plural = if *seconds == 1 { "" } else { "s" };
                let wait = format!("{seconds} second{plural}");
                row_of(self.cause()).detail.replace("{seconds} second(s)", &wait)
            }
            Refusal::Method { allowed } => {
                row_of(Cause::Method).detail.replace("{methods}", &sentence(allowed))
            }
            Refusal::Scope(scope) => row_of(Cause::Scope).detail.replace("{scope}", scope.as_str()),
            Refusal::Parameter(invalid) => invalid.to_string(),
            Refusal::Store(StoreError::Rejected(Rejected::UnknownProfile)) => {
                row_of(Cause::NotFound).detail.replace("{what}", "profile")
            }
            Refusal::NotFound { what, .. } => {
                row_of(Cause::NotFound).detail.replace("{what}", what)
            }
            Refusal::TooLarge { bytes } => {
                row_of(Cause::TooLarge).detail.replace("{bytes}", &bytes.to_string())
            }
            Refusal::TooSlow { seconds }
            | Refusal::ResultUnknown { seconds }
            | Refusal::ResultOverdue { seconds }
            | Refusal::ReadOverdue { seconds } => {
                row_of(self.cause()).detail.replace("{seconds}", &seconds.to_string())
            }
            Refusal::RevisionMalformed(reason) => format!("The revision {reason}."),
            Refusal::RevisionUnavailable(reason @ UnavailableRevision::TooEarly) => {
                format!("The revision {reason}.")
            }
            Refusal::Head(_)
            | Refusal::UnknownPath
            | Refusal::NotKept
            | Refusal::NotAuthenticated
            | Refusal::AuthenticationFailed
            | Refusal::Company(_)
            | Refusal::Origin
            | Refusal::RevisionMissing
            | Refusal::RevisionUnavailable(UnavailableRevision::Future)
            | Refusal::MediaType
            | Refusal::ContentCoding
            | Refusal::Cursor
            | Refusal::OtherProfile
            | Refusal::Unreadable
            | Refusal::Violations(_)
            | Refusal::OnlyPlaceholders(_)
            | Refusal::DiskHangs
            | Refusal::DiskFull
            | Refusal::Store(_) => row_of(self.cause()).detail.to_owned(),
        }
    }

    fn reason(&self) -> Option<String> {
        if let Refusal::Company(reason) = self { Some(reason.to_string()) } else { None }
    }
}

fn cause_of_store_error(error: StoreError) -> Cause {
    match error {
        StoreError::Rejected(rejected) => cause_of_rejected(rejected),
        StoreError::Overloaded => Cause::Overloaded,
        StoreError::NotMerged => Cause::NotMerged,
        StoreError::Unavailable
        | StoreError::Damaged
        | StoreError::Poisoned
        | StoreError::Closed => Cause::Unavailable,
    }
}

/// Seconds until the store may accept the request, if it may.
fn retry_after_store_error(error: StoreError) -> Option<u64> {
    match error {
        StoreError::Overloaded => Some(1),
        StoreError::Unavailable | StoreError::Poisoned | StoreError::Closed => Some(5),
        // A retry changes neither what is refused nor what is damaged.
        StoreError::Rejected(_) | StoreError::NotMerged | StoreError::Damaged => None,
    }
}

fn cause_of_rejected(rejected: Rejected) -> Cause {
    match rejected {
        Rejected::PropertiesTooLarge(_) => Cause::PropertiesTooLarge,
        Rejected::Duplicate { .. } => Cause::DuplicateProfile,
        Rejected::UnknownProfile => Cause::NotFound,
        Rejected::NoIdentifierLeft => Cause::NoIdentifierLeft,
        Rejected::MergeCap => Cause::MergeCap,
    }
}

/// The items as a sentence lists them: "GET, HEAD and POST".
fn sentence(words: &str) -> String {
    match words.rsplit_once(", ") {
        Some((others, final_word)) => format!("{others} and {final_word}"),
        None => words.to_owned(),
    }
}

fn new_id() -> String {
    Uuid::new_v4().to_string()
}

#[cfg(test)]
mod tests {
    use profile_protocol::{ProfileRequest, Revision};

    use super::*;

    #[test]
    fn violations_have_the_details_of_the_table() {
        let body =
            br#"{"data":{"type":"event","attributes":{"email":"x","phone_number":"1","X":1}}}"#;
        let violations = ProfileRequest::parse(body, Revision::LATEST).unwrap_err();
        let errors = Refusal::Violations(violations).document().errors;
        let details: Vec<&str> = errors.iter().map(|error| error.detail.as_str()).collect();
        let [wrong_type, email, phone, unknown] = details[..] else { panic!("{details:?}") };
        let detail = |cause| row_of(cause).detail.replace("{resource}", "profile");
        assert_eq!(wrong_type, detail(Cause::WrongResource));
        assert_eq!(email, row_of(Cause::Email).detail);
        assert_eq!(phone, row_of(Cause::PhoneNumber).detail);
        assert_eq!(unknown, detail(Cause::UnknownField).replace("{name}", "X"));
    }

    #[test]
    fn a_wait_of_one_second_is_singular() {
        let detail = |retry_after_seconds| Refusal::Throttled { retry_after_seconds }.detail();
        assert_eq!(detail(1), "Request was throttled. Expected available in 1 second.");
        assert_eq!(detail(17), "Request was throttled. Expected available in 17 seconds.");
        let of_network = Refusal::NetworkThrottled { retry_after_seconds: 1, closes: false };
        let of_network = of_network.detail();
        assert_eq!(
            of_network,
            "Too many requests from this network. Expected available in 1 second."
        );
    }
}
