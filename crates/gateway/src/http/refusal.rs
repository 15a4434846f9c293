//! Refusals: every reason to refuse a request, in one table.

mod table;

use std::borrow::Cow;

use actix_web::http::StatusCode;
use profile_protocol::{Fault, InvalidRevision, ProfileId, UnavailableRevision, Violations};
use profile_store::{OnlySentinels, Rejected, StoreError, engine::EngineError};

use self::table::{Cause, ErrorSource, row_of};
pub use self::table::{codes, table_markdown};
use crate::{capacity::body_budget::BodyBudgetExhausted, tenants::scope::KeyScope};

/// Why a request is refused.
#[derive(Debug)]
pub enum Refusal {
    /// The path does not exist.
    UnknownPath,
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
    OnlySentinels(OnlySentinels),
    /// The store refused the request.
    Store(StoreError),
}

impl From<BodyBudgetExhausted> for Refusal {
    fn from(_: BodyBudgetExhausted) -> Refusal {
        Refusal::Store(StoreError::Overloaded)
    }
}

/// Why the request names no configured company.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidCompany {
    /// The query has no `company_id`.
    #[error("the query parameter company_id is missing")]
    Missing,
    /// The query has more than one `company_id`.
    #[error("the query parameter company_id is given more than once")]
    Repeated,
    /// No company with this id is configured.
    #[error("no company with this id is configured here")]
    Unknown,
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

/// One element of the `errors` of an error response.
pub struct ErrorEntry {
    /// The code of the error.
    pub code: &'static str,
    /// The title of the error.
    pub title: &'static str,
    /// The detail of this occurrence.
    pub detail: String,
    /// A JSON pointer into the body.
    pub pointer: String,
    /// The header that caused the error.
    pub header: Option<&'static str>,
    /// The query parameter that caused the error.
    pub parameter: Option<Cow<'static, str>>,
    /// The specific reason, if the wording of the detail is fixed.
    pub reason: Option<String>,
    /// The profile that already has the identifier.
    pub duplicate_profile_id: Option<ProfileId>,
}

impl Refusal {
    /// Stored data could not be read. The error is logged, and the response does not disclose it.
    #[expect(clippy::needless_pass_by_value, reason = "this is where the error ends")]
    pub(crate) fn unreadable(error: EngineError) -> Refusal {
        tracing::error!(%error, "stored data could not be read");
        match error {
            EngineError::Damaged(_) => Refusal::Store(StoreError::Damaged),
            EngineError::InUse | EngineError::Io(_) | EngineError::Poisoned => {
                Refusal::Store(StoreError::Unavailable)
            }
        }
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        row_of(self.first_cause()).status
    }

    /// The code that counts the refusal: that of its first entry.
    pub fn code(&self) -> &'static str {
        row_of(self.first_cause()).code
    }

    fn first_cause(&self) -> Cause {
        if let Refusal::Violations(violations) = self
            && let Some(first) = violations.iter().next()
        {
            return cause_of(&first.fault);
        }
        self.cause()
    }

    /// Seconds until a retry may succeed, if it may.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        if let Refusal::Throttled { retry_after_seconds } = self {
            return Some(*retry_after_seconds);
        }
        let Refusal::Store(error) = self else { return None };
        match error {
            StoreError::Overloaded => Some(1),
            StoreError::Unavailable | StoreError::Poisoned | StoreError::Closed => Some(5),
            // A retry repairs no damage, and finds the same profiles.
            StoreError::Damaged | StoreError::Rejected(_) | StoreError::NotMerged => None,
        }
    }

    /// Whether the connection closes after the response, because the rest of the body is not read.
    pub fn closes(&self) -> bool {
        matches!(self, Refusal::TooLarge { .. } | Refusal::TooSlow { .. } | Refusal::Unreadable)
    }

    /// All errors of the refusal, at least one.
    pub fn entries(&self) -> Vec<ErrorEntry> {
        let Refusal::Violations(violations) = self else { return vec![self.entry()] };
        let entry = |violation: &profile_protocol::Violation| ErrorEntry {
            detail: violation.fault.to_string(),
            pointer: violation.pointer.clone(),
            reason: violation.fault.reason(),
            ..entry(cause_of(&violation.fault))
        };
        violations.iter().map(entry).collect()
    }

    fn entry(&self) -> ErrorEntry {
        let mut entry =
            ErrorEntry { detail: self.detail(), reason: self.reason(), ..entry(self.cause()) };
        if let Refusal::Parameter(invalid) = self {
            entry.parameter = Some(Cow::Owned(invalid.name.clone()));
        }
        if let Refusal::NotFound { pointer, .. } = self {
            (*pointer).clone_into(&mut entry.pointer);
        }
        if let Refusal::Store(StoreError::Rejected(Rejected::Duplicate { id })) = self {
            entry.duplicate_profile_id = Some(*id);
        }
        entry
    }

    fn cause(&self) -> Cause {
        match self {
            Refusal::UnknownPath => Cause::UnknownPath,
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
            Refusal::Throttled { .. } => Cause::Throttled,
            Refusal::RevisionMissing => Cause::RevisionMissing,
            Refusal::RevisionMalformed(_) => Cause::RevisionMalformed,
            Refusal::RevisionUnavailable(UnavailableRevision::Future) => Cause::RevisionFuture,
            Refusal::RevisionUnavailable(_) => Cause::RevisionTooEarly,
            Refusal::MediaType => Cause::MediaType,
            Refusal::ContentCoding => Cause::ContentCoding,
            Refusal::TooLarge { .. } => Cause::TooLarge,
            Refusal::TooSlow { .. } => Cause::TooSlow,
            Refusal::Unreadable => Cause::Unreadable,
            Refusal::Violations(_) => Cause::Syntax,
            Refusal::OnlySentinels(_) => Cause::OnlySentinels,
            Refusal::Store(StoreError::Rejected(rejected)) => cause_of_rejected(*rejected),
            Refusal::Store(StoreError::Overloaded) => Cause::Overloaded,
            Refusal::Store(StoreError::NotMerged) => Cause::NotMerged,
            Refusal::Store(
                StoreError::Unavailable
                | StoreError::Damaged
                | StoreError::Poisoned
                | StoreError::Closed,
            ) => Cause::Unavailable,
        }
    }

    fn detail(&self) -> String {
        match self {
            Refusal::Throttled { retry_after_seconds: seconds } => {
                let plural = if *seconds == 1 { "" } else { "s" };
                format!("Request was throttled. Expected available in {seconds} second{plural}.")
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
            Refusal::TooSlow { seconds } => {
                row_of(Cause::TooSlow).detail.replace("{seconds}", &seconds.to_string())
            }
            Refusal::RevisionMalformed(reason) => format!("The revision {reason}."),
            Refusal::RevisionUnavailable(reason @ UnavailableRevision::TooEarly) => {
                format!("The revision {reason}.")
            }
            Refusal::UnknownPath
            | Refusal::NotAuthenticated
            | Refusal::AuthenticationFailed
            | Refusal::Cursor
            | Refusal::OtherProfile
            | Refusal::Company(_)
            | Refusal::Origin
            | Refusal::RevisionMissing
            | Refusal::RevisionUnavailable(_)
            | Refusal::MediaType
            | Refusal::ContentCoding
            | Refusal::Unreadable
            | Refusal::Violations(_)
            | Refusal::OnlySentinels(_)
            | Refusal::Store(_) => row_of(self.cause()).detail.to_owned(),
        }
    }

    fn reason(&self) -> Option<String> {
        let Refusal::Company(reason) = self else { return None };
        Some(reason.to_string())
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

/// The entry of a row, without its variable parts.
fn entry(cause: Cause) -> ErrorEntry {
    let row = row_of(cause);
    let (header, parameter) = match row.source {
        Some(ErrorSource::Header(name)) => (Some(name), None),
        Some(ErrorSource::Parameter(name)) => (None, Some(Cow::Borrowed(name))),
        None => (None, None),
    };
    ErrorEntry {
        code: row.code,
        title: row.title,
        detail: String::new(),
        pointer: row.pointer.to_owned(),
        header,
        parameter,
        reason: None,
        duplicate_profile_id: None,
    }
}

fn cause_of(fault: &Fault) -> Cause {
    match fault {
        Fault::TooLarge { .. } => Cause::TooLarge,
        Fault::WrongType { .. } => Cause::WrongType,
        Fault::Missing { .. } => Cause::Missing,
        Fault::UnknownField { .. } => Cause::UnknownField,
        Fault::Duplicate { .. } => Cause::Duplicate,
        Fault::WrongResource { .. } => Cause::WrongResource,
        Fault::EmptyData => Cause::EmptyData,
        Fault::NoIdentifier => Cause::NoIdentifier,
        Fault::NobodyToCreate => Cause::NoIdentifierToCreate,
        Fault::NotOneSubject => Cause::NotOneSubject,
        Fault::ProfileTooLarge => Cause::ProfileTooLarge,
        Fault::WrongCount { .. } => Cause::WrongCount,
        Fault::Email(_) => Cause::Email,
        Fault::PhoneNumber(_) => Cause::PhoneNumber,
        Fault::Identifier(_) => Cause::Identifier,
        Fault::Text(_) => Cause::Text,
        Fault::Coordinate(_) => Cause::Coordinate,
        Fault::Property(_) => Cause::Property,
        Fault::TooManyProperties => Cause::TooManyProperties,
        Fault::Surrogate => Cause::Surrogate,
        Fault::More => Cause::MoreFaults,
        // The protocol crate may add faults before this table does.
        Fault::Syntax { .. } | _ => Cause::Syntax,
    }
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
        let entries = Refusal::Violations(violations).entries();
        let details: Vec<&str> = entries.iter().map(|entry| entry.detail.as_str()).collect();
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
    }
}
