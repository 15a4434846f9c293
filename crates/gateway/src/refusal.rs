//! Refusals: every way in which a request can be turned away, in one table.

mod table;

use std::borrow::Cow;

use actix_web::http::StatusCode;
use profile_protocol::{Fault, InvalidRevision, ProfileId, UnavailableRevision, Violations};
use profile_store::{OnlySentinels, Rejected, StoreError, engine::EngineError};

use self::table::{Cause, Culprit, row_of};
pub use self::table::{codes, table_markdown};
use crate::scope::Scope;

/// Why a request is turned away.
#[derive(Debug)]
pub enum Refusal {
    /// There is no such path.
    UnknownPath,
    /// The path takes other methods.
    Method {
        /// Those it takes, separated by commas.
        allowed: String,
    },
    /// No private key is given.
    NotAuthenticated,
    /// The private key is nobody's.
    AuthenticationFailed,
    /// The private key does not allow this.
    Scope(Scope),
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
    /// A parameter of the query says something that cannot be.
    Parameter(InvalidParameter),
    /// The cursor was not given out for this listing.
    Cursor,
    /// There is nothing of this id.
    NotFound {
        /// What there is not.
        what: &'static str,
        /// Where it is asked for.
        pointer: &'static str,
    },
    /// The body names another profile than the path.
    OtherProfile,
    /// The body is larger than allowed.
    TooLarge {
        /// How large it may be.
        bytes: usize,
    },
    /// The body did not arrive in time.
    TooSlow {
        /// The time it had.
        seconds: u64,
    },
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

/// What is wrong with a parameter of the query.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidParameter {
    /// Its name.
    pub name: String,
    /// What is wrong, and what would be right: a sentence.
    pub message: String,
}

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
    pub parameter: Option<Cow<'static, str>>,
    /// The narrower reason, where the detail's words are fixed.
    pub reason: Option<String>,
    /// The profile that already has what was asked for.
    pub duplicate_profile_id: Option<ProfileId>,
}

impl Refusal {
    /// What was asked for cannot be read. It is logged, and told no more of.
    #[expect(clippy::needless_pass_by_value, reason = "this is where the error ends")]
    pub(crate) fn unreadable(error: EngineError) -> Refusal {
        tracing::error!(%error, "stored data could not be read");
        match error {
            EngineError::Damaged(_) => Refusal::Store(StoreError::Damaged),
            _ => Refusal::Store(StoreError::Unavailable),
        }
    }

    /// The status to answer with.
    pub fn status(&self) -> StatusCode {
        row_of(self.first_cause()).status
    }

    /// The code to count it under: that of its first problem.
    pub fn code(&self) -> &'static str {
        row_of(self.first_cause()).code
    }

    fn first_cause(&self) -> Cause {
        let first = match self {
            Refusal::Violations(violations) => violations.iter().next(),
            _ => None,
        };
        first.map_or_else(|| self.cause(), |violation| cause_of(&violation.fault))
    }

    /// Seconds to wait before asking again, where asking again may help.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Refusal::Throttled { retry_after_seconds } => Some(*retry_after_seconds),
            Refusal::Store(StoreError::Overloaded) => Some(1),
            // It will not mend itself.
            Refusal::Store(StoreError::Damaged) => None,
            Refusal::Store(_) if self.status().is_server_error() => Some(5),
            _ => None,
        }
    }

    /// Whether the connection ends with the answer, since the rest of the body is
    /// not waited for.
    pub fn closes(&self) -> bool {
        matches!(self, Refusal::TooLarge { .. } | Refusal::TooSlow { .. } | Refusal::Unreadable)
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
            _ => vec![self.problem()],
        }
    }

    fn problem(&self) -> Problem {
        let mut problem =
            Problem { detail: self.detail(), reason: self.reason(), ..problem(self.cause()) };
        match self {
            Refusal::Parameter(invalid) => {
                problem.parameter = Some(Cow::Owned(invalid.name.clone()));
            }
            Refusal::NotFound { pointer, .. } => (*pointer).clone_into(&mut problem.pointer),
            Refusal::Store(StoreError::Rejected(Rejected::Duplicate { id })) => {
                problem.duplicate_profile_id = Some(*id);
            }
            _ => {}
        }
        problem
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
            Refusal::Store(_) => Cause::Unavailable,
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

fn cause_of_rejected(rejected: Rejected) -> Cause {
    match rejected {
        Rejected::PropertiesTooLarge(_) => Cause::PropertiesTooLarge,
        Rejected::Duplicate { .. } => Cause::DuplicateProfile,
        Rejected::UnknownProfile => Cause::NotFound,
        Rejected::NoIdentifierLeft => Cause::NoIdentifierLeft,
        Rejected::MergeCap => Cause::MergeCap,
    }
}

/// A list as a sentence has it: "GET, HEAD and POST".
fn sentence(words: &str) -> String {
    match words.rsplit_once(", ") {
        Some((others, final_word)) => format!("{others} and {final_word}"),
        None => words.to_owned(),
    }
}

/// The problem a row tells of, before what varies is filled in.
fn problem(cause: Cause) -> Problem {
    let row = row_of(cause);
    let (header, parameter) = match row.culprit {
        Some(Culprit::Header(name)) => (Some(name), None),
        Some(Culprit::Parameter(name)) => (None, Some(Cow::Borrowed(name))),
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
        Fault::NobodyToCreate => Cause::NobodyToCreate,
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
        // The protocol crate may learn of faults before this table does.
        Fault::Syntax { .. } | _ => Cause::Syntax,
    }
}

#[cfg(test)]
mod tests {
    use profile_protocol::{ProfileRequest, Revision};

    use super::*;

    #[test]
    fn violations_are_told_in_the_words_of_the_table() {
        let body =
            br#"{"data":{"type":"event","attributes":{"email":"x","phone_number":"1","X":1}}}"#;
        let violations = ProfileRequest::parse(body, Revision::LATEST).unwrap_err();
        let problems = Refusal::Violations(violations).problems();
        let details: Vec<&str> = problems.iter().map(|problem| problem.detail.as_str()).collect();
        let [wrong_type, email, phone, unknown] = details[..] else { panic!("{details:?}") };
        let told = |cause| row_of(cause).detail.replace("{resource}", "profile");
        assert_eq!(wrong_type, told(Cause::WrongResource));
        assert_eq!(email, row_of(Cause::Email).detail);
        assert_eq!(phone, row_of(Cause::PhoneNumber).detail);
        assert_eq!(unknown, told(Cause::UnknownField).replace("{name}", "X"));
    }

    #[test]
    fn waiting_is_told_in_seconds_of_the_right_number() {
        let told = |retry_after_seconds| Refusal::Throttled { retry_after_seconds }.detail();
        assert_eq!(told(1), "Request was throttled. Expected available in 1 second.");
        assert_eq!(told(17), "Request was throttled. Expected available in 17 seconds.");
    }
}
