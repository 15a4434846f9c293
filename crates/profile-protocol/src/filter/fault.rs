//! What is wrong with a filter, and where.

use super::{
    email_prefix::InvalidEmailPrefix,
    fields::{FilterField, FilterOperator},
};
use crate::{InvalidEmail, InvalidOpaqueId, InvalidPhoneNumber, InvalidText, limits};

/// Why some text is not a [`ProfileFilter`](crate::ProfileFilter).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{fault}, at byte {offset}")]
pub struct InvalidFilter {
    /// Where in the text, in bytes from its beginning.
    pub offset: usize,
    /// What is wrong there. Its `Display` says what would be right.
    pub fault: FilterFault,
}

/// What can be wrong at one offset of a filter.
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterFault {
    #[error("must be at most {} bytes", limits::FILTER_BYTES)]
    TooLong,
    #[error("must not nest and(…) deeper than {} levels", limits::FILTER_DEPTH)]
    TooDeep,
    #[error("must have at most {} conditions", limits::FILTER_CONDITIONS)]
    TooManyConditions,
    #[error("must list at most {} values", limits::FILTER_VALUES)]
    TooManyValues,
    #[error("must have {expected} there")]
    Expected { expected: &'static str },
    #[error(
        "must use and(…) or one of the operators equals, any, greater-than, greater-or-equal, \
         less-than, less-or-equal and starts-with, not '{name}'"
    )]
    UnknownOperator { name: String },
    #[error(
        "must ask for one of id, email, phone_number, external_id, _kx, created, updated and \
         subscriptions.email.marketing.suppression.reason, not '{name}'"
    )]
    UnknownField { name: String },
    #[error("must ask for {} with {}, not {}", field.name(), alternatives(field.operators()), operator.name())]
    NotAllowed { operator: FilterOperator, field: FilterField },
    #[error("must close what is quoted")]
    Unclosed,
    #[error("must have an escape of JSON after a backslash")]
    Escape,
    #[error("must not ask for null: what a profile lacks cannot be asked for")]
    Null,
    #[error("must have a time there, such as 2023-03-01T01:00:00Z or 2023-03-01")]
    Time,
    #[error("must have a valid email address there, which {0}")]
    Email(InvalidEmail),
    #[error("must have the beginning of an email address there, which {0}")]
    EmailPrefix(InvalidEmailPrefix),
    #[error("must have a valid phone number there, which {0}")]
    PhoneNumber(InvalidPhoneNumber),
    #[error("must have a valid identifier there, which {0}")]
    Identifier(InvalidOpaqueId),
    #[error("must have a valid text there, which {0}")]
    Text(InvalidText),
    #[error("{fault} (a + of the query is read as a space; send it as %2B)")]
    Space { fault: Box<FilterFault> },
}

impl From<InvalidEmail> for FilterFault {
    fn from(error: InvalidEmail) -> FilterFault {
        FilterFault::Email(error)
    }
}

impl From<InvalidEmailPrefix> for FilterFault {
    fn from(error: InvalidEmailPrefix) -> FilterFault {
        FilterFault::EmailPrefix(error)
    }
}

impl From<InvalidPhoneNumber> for FilterFault {
    fn from(error: InvalidPhoneNumber) -> FilterFault {
        FilterFault::PhoneNumber(error)
    }
}

impl From<InvalidText> for FilterFault {
    fn from(error: InvalidText) -> FilterFault {
        FilterFault::Text(error)
    }
}

impl From<InvalidOpaqueId> for FilterFault {
    fn from(error: InvalidOpaqueId) -> FilterFault {
        FilterFault::Identifier(error)
    }
}

/// The operators as a sentence lists them: `equals or any`.
fn alternatives(operators: &[FilterOperator]) -> String {
    let names: Vec<&str> = operators.iter().map(|operator| operator.name()).collect();
    match &names[..] {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [others @ .., final_name] => format!("{} or {final_name}", others.join(", ")),
    }
}
