//! What is wrong with a request, and where.

use std::{fmt, num::NonZeroUsize};

use crate::{
    InvalidCoordinate, InvalidDeviceText, InvalidEmail, InvalidOpaqueId, InvalidPhoneNumber,
    InvalidProperty, InvalidPushToken, InvalidText, limits,
};

/// One thing that is wrong with a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// Where in the body: a JSON pointer (RFC 6901). The empty one is the whole
    /// body.
    pub pointer: String,
    /// What is wrong there. Its `Display` says what would be right.
    pub fault: Fault,
}

/// What can be wrong with one value of a request.
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    #[error("Invalid JSON: {message}.")]
    Syntax { message: String },
    #[error("The body must be at most {bytes} bytes.")]
    TooLarge { bytes: usize },
    #[error("The profile must be at most {} bytes.", limits::BODY_BYTES)]
    ProfileTooLarge,
    #[error("Must be {expected}.")]
    WrongType { expected: &'static str },
    #[error("'{name}' is required.")]
    Missing { name: &'static str },
    #[error("'{name}' is not a valid field for the resource '{resource}'.")]
    UnknownField { name: String, resource: &'static str },
    #[error("'{name}' is given more than once.")]
    Duplicate { name: String },
    #[error("'type' must be '{resource}'.")]
    WrongResource { resource: &'static str },
    #[error(
        "One of `attributes`, `relationships` or `id` must be included in the request payload."
    )]
    EmptyData,
    #[error(
        "One of `id`, `_kx`, `external_id`, `email`, `phone_number` or `anonymous_id` must be \
         included to say whom the request is about."
    )]
    NoIdentifier,
    #[error(
        "One of `external_id`, `email`, `phone_number` or `anonymous_id` must be included to say \
         whom to create."
    )]
    NoIdentifierToCreate,
    #[error(
        "Exactly one of `id`, `email` or `phone_number` must be included to say whom to delete."
    )]
    NotOneSubject,
    #[error(
        "Exactly one of `client_address`, `anonymous_id` or `sender` must be included to say whose \
         requests are undone."
    )]
    NotOneSender,
    #[error("Invalid email address")]
    Email(InvalidEmail),
    #[error("Invalid phone number format (Example of a valid format: +12345678901)")]
    PhoneNumber(InvalidPhoneNumber),
    #[error("The identifier {0}.")]
    Identifier(InvalidOpaqueId),
    #[error("The identifier {}; leave the field out if there is none.", InvalidOpaqueId::Blank)]
    BlankIdentifier,
    #[error("The text {0}.")]
    Text(InvalidText),
    #[error("The coordinate {0}.")]
    Coordinate(InvalidCoordinate),
    #[error("The property {0}.")]
    Property(InvalidProperty),
    #[error("'{value}' is not a valid choice for '{name}'.")]
    NotAChoice { value: String, name: &'static str },
    #[error("The push token {0}.")]
    PushToken(InvalidPushToken),
    #[error("The text {0}.")]
    DeviceText(InvalidDeviceText),
    #[error("Must contain {expected}.")]
    WrongCount { expected: &'static str },
    #[error("Must contain at most {} properties.", limits::PROPERTIES)]
    TooManyProperties,
    #[error("Must not contain half of a surrogate pair.")]
    Surrogate,
    #[error("More than {} faults; the rest are not listed.", limits::VIOLATIONS)]
    More,
}

impl Fault {
    /// The narrower reason behind a message whose words the original fixed.
    pub fn reason(&self) -> Option<String> {
        match self {
            Fault::Email(reason @ InvalidEmail::Empty) => Some(left_out(reason)),
            Fault::PhoneNumber(reason @ InvalidPhoneNumber::Empty) => Some(left_out(reason)),
            Fault::Email(reason) => Some(reason.to_string()),
            Fault::PhoneNumber(reason) => Some(reason.to_string()),
            Fault::Syntax { .. }
            | Fault::TooLarge { .. }
            | Fault::ProfileTooLarge
            | Fault::WrongType { .. }
            | Fault::Missing { .. }
            | Fault::UnknownField { .. }
            | Fault::Duplicate { .. }
            | Fault::WrongResource { .. }
            | Fault::EmptyData
            | Fault::NoIdentifier
            | Fault::NoIdentifierToCreate
            | Fault::NotOneSubject
            | Fault::NotOneSender
            | Fault::Identifier(_)
            | Fault::BlankIdentifier
            | Fault::Text(_)
            | Fault::Coordinate(_)
            | Fault::Property(_)
            | Fault::NotAChoice { .. }
            | Fault::PushToken(_)
            | Fault::DeviceText(_)
            | Fault::WrongCount { .. }
            | Fault::TooManyProperties
            | Fault::Surrogate
            | Fault::More => None,
        }
    }
}

/// The reason, and what a program with nothing to send should do.
fn left_out(reason: &impl fmt::Display) -> String {
    format!("{reason}; leave the field out if there is none")
}

macro_rules! fault_from {
    ($($error:ident => $variant:ident),+ $(,)?) => {$(
        impl From<$error> for Fault {
            fn from(error: $error) -> Fault {
                Fault::$variant(error)
            }
        }
    )+};
}

fault_from! {
    InvalidCoordinate => Coordinate,
    InvalidDeviceText => DeviceText,
    InvalidEmail => Email,
    InvalidOpaqueId => Identifier,
    InvalidPhoneNumber => PhoneNumber,
    InvalidProperty => Property,
    InvalidPushToken => PushToken,
    InvalidText => Text,
}

/// Everything that is wrong with a request, in the order it was met: at least
/// one violation, at most [`limits::VIOLATIONS`] and a last one that says there
/// were more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violations {
    // Invariant: not empty.
    all: Vec<Violation>,
}

impl Violations {
    /// The violations.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Violation> {
        self.all.iter()
    }

    /// The fault of the first violation.
    #[expect(clippy::indexing_slicing, reason = "there is at least one violation")]
    pub(crate) fn first_fault(&self) -> &Fault {
        &self.all[0].fault
    }

    pub(crate) fn syntax(error: impl fmt::Display) -> Violations {
        let fault = Fault::Syntax { message: error.to_string() };
        Violation { pointer: String::new(), fault }.into()
    }

    /// The same, of a document that is found at `to` instead of `from`.
    pub(crate) fn moved(mut self, from: &str, to: &str) -> Violations {
        for Violation { pointer, .. } in &mut self.all {
            *pointer = format!("{to}{}", pointer.strip_prefix(from).unwrap_or(pointer));
        }
        self
    }

    /// The first so many of them.
    pub(crate) fn first(mut self, most: NonZeroUsize) -> Violations {
        self.all.truncate(most.get());
        self
    }
}

impl IntoIterator for Violations {
    type Item = Violation;
    type IntoIter = std::vec::IntoIter<Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.into_iter()
    }
}

impl From<Violation> for Violations {
    fn from(violation: Violation) -> Violations {
        Violations { all: vec![violation] }
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, Violation { pointer, fault }) in self.all.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            write!(f, "{separator}{pointer}: {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

/// Where violations gather while a request is read.
#[derive(Debug, Default)]
pub(crate) struct Report {
    all: Vec<Violation>,
}

impl Report {
    pub(crate) fn add(&mut self, pointer: String, fault: impl Into<Fault>) {
        if self.all.len() < limits::VIOLATIONS {
            self.all.push(Violation { pointer, fault: fault.into() });
        } else if self.all.len() == limits::VIOLATIONS {
            self.all.push(Violation { pointer: String::new(), fault: Fault::More });
        }
    }

    /// What was gathered, if anything.
    pub(crate) fn into_violations(self) -> Option<Violations> {
        if self.all.is_empty() { None } else { Some(Violations { all: self.all }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_bounded_and_says_when_it_was_cut() {
        let mut report = Report::default();
        for _ in 0..limits::VIOLATIONS + 50 {
            report.add(String::new(), Fault::Surrogate);
        }
        let violations = report.into_violations().unwrap();
        assert_eq!(violations.iter().len(), limits::VIOLATIONS + 1);
        assert_eq!(violations.iter().last().unwrap().fault, Fault::More);
    }
}
