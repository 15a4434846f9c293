//! What may be said to a profile gateway.
//!
//! This crate is the vocabulary of `POST /client/profiles`: identifiers,
//! attributes, revisions, and the one function that reads a request body,
//! [`ProfileRequest::parse`]. Every type holds a value that has been checked;
//! there is no way to build one that has not.
//!
//! It also has what servers say: the same body as their endpoints take it
//! ([`ProfileRequest::parse_at`]), many at once ([`BulkImport`]), which profiles
//! are one person, are not, or go ([`ProfileMerge`], [`ProfileUnmerge`],
//! [`DeletionSubject`]), what a request would do ([`ProfileExplain`]), and which
//! profiles to list ([`ProfileFilter`]).
//!
//! You will *not* find I/O here, nor a clock, threads, HTTP, or any opinion on
//! who a person is. It builds for `wasm32-unknown-unknown`.
//!
//! ```
//! use profile_protocol::{ProfileRequest, Revision};
//!
//! let body = br#"{"data":{"type":"profile","attributes":{"email":"nobody"}}}"#;
//! let violations = ProfileRequest::parse(body, Revision::LATEST).unwrap_err();
//! let first = violations.iter().next().unwrap();
//! assert_eq!(first.pointer, "/data/attributes/email");
//! assert_eq!(first.fault.to_string(), "Invalid email address");
//! ```

pub mod limits;

mod attributes;
mod company;
mod email;
mod filter;
mod identifiers;
mod json;
mod opaque;
mod patch;
mod phone_number;
mod profile_id;
mod properties;
mod request;
mod revision;
mod server;
mod text;
mod violation;

pub use attributes::{Attributes, Field, Fields};
pub use company::{CompanyId, InvalidCompanyId};
pub use email::{Email, InvalidEmail};
pub use filter::{Bound, Condition, FilterFault, InvalidFilter, ProfileFilter};
pub use identifiers::{ClaimedId, IdentifierKind, Identifiers};
pub use opaque::{AnonymousId, ExchangeToken, ExternalId, InvalidOpaqueId};
pub use patch::{Change, ChangedAttribute, Patch, PropertiesPatch};
pub use phone_number::{InvalidPhoneNumber, PhoneNumber};
pub use profile_id::{InvalidProfileId, ProfileId};
pub use properties::{InvalidProperty, Properties, PropertyName, PropertyValue};
pub use request::{ProfileEndpoint, ProfileRequest, SecondaryEmails};
pub use revision::{Date, InvalidRevision, RequestedRevision, Revision, UnavailableRevision};
pub use server::{
    BulkImport, DeletionSubject, ExplainedScope, ProfileExplain, ProfileMerge, ProfileUnmerge,
};
pub use text::{InvalidCoordinate, InvalidText, Text};
pub use violation::{Fault, Violation, Violations, echo};

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
