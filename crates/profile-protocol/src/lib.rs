//! The requests of a profile gateway.
//!
//! [`ProfileRequest::parse`] reads a body of `POST /client/profiles`, and
//! [`ProfileRequest::parse_at`] a body of another endpoint that takes one profile. Servers also
//! send many profiles at once ([`BulkImport`]), merges and their undoing ([`ProfileMerge`],
//! [`ProfileUnmerge`]), deletions ([`DeletionSubject`]), requests to explain ([`ProfileExplain`]),
//! repairs ([`ProfileRepair`]), revocations of tokens ([`TokenRevocation`]) and filters of lists
//! ([`ProfileFilter`]). Apps and servers register push tokens ([`PushTokenRegistration`]), and apps
//! remove them ([`PushTokenRemoval`]). [`ProfileRequestBuilder`] builds a request,
//! [`ProfileRequest::to_json`] renders it, and [`Violations::to_document`] renders what is wrong
//! with one. The fields of every body are in the tables of [`grammar`].
//!
//! The crate has no I/O, clock, threads or HTTP. It builds for `wasm32-unknown-unknown`.
//!
//! ```
//! use profile_protocol::{ProfileRequest, Revision};
//!
//! let body = br#"{"data":{"type":"profile","attributes":{"email":"unknown"}}}"#;
//! let violations = ProfileRequest::parse(body, Revision::LATEST).unwrap_err();
//! let first = violations.iter().next().unwrap();
//! assert_eq!(first.pointer, "/data/attributes/email");
//! assert_eq!(first.fault.to_string(), "Invalid email address");
//! ```

pub mod grammar;
pub mod limits;

mod attributes;
mod body;
mod builder;
mod company;
mod email;
mod endpoint;
mod error_document;
mod filter;
mod identifiers;
mod json;
mod json_writer;
mod number;
mod opaque;
mod parse;
mod patch;
mod phone_number;
mod pointer;
mod profile_id;
mod properties;
mod push_token;
mod render;
mod request;
mod revision;
mod server;
mod text;
mod violation;

pub use attributes::{Attributes, Field, Fields};
pub use builder::{ProfileRequestBuilder, UnbuildableRequest};
pub use company::{CompanyId, InvalidCompanyId};
pub use email::{Email, InvalidEmail};
pub use endpoint::ProfileEndpoint;
pub use error_document::{
    EmptyObject, ErrorClass, ErrorDocument, ErrorMeta, ErrorObject, ErrorSourceObject,
};
pub use filter::{
    Bound, Condition, EmailPrefix, FilterFault, FilterField, FilterOperator, InvalidEmailPrefix,
    InvalidFilter, InvalidTime, NamedTime, ProfileFilter, PushTokenFilter,
};
pub use identifiers::{ClaimedId, IdentifierKind, Identifiers};
pub use opaque::{AnonymousId, ExchangeToken, ExternalId, InvalidOpaqueId};
pub use patch::{AppliedPatch, Change, ChangedAttribute, Patch, PropertiesPatch};
pub use phone_number::{InvalidPhoneNumber, PhoneNumber};
pub use pointer::shortened;
pub use profile_id::{InvalidProfileId, ProfileId};
pub use properties::{InvalidProperty, Properties, PropertyName, PropertyValue};
pub use push_token::{
    Background, DeviceMetadata, DeviceText, EnablementStatus, InvalidDeviceText, InvalidPushToken,
    MetadataField, Platform, PushToken, PushTokenDetails, Vendor,
};
pub use request::{ProfileRequest, RequestParts, SecondaryEmails};
pub use revision::{Date, InvalidRevision, RequestedRevision, Revision, UnavailableRevision};
pub use server::{
    BulkImport, DeletionId, DeletionSubject, ExplainedScope, ProfileExplain, ProfileMerge,
    ProfileRepair, ProfileUnmerge, PushTokenRegistration, PushTokenRemoval, RepairMode,
    RepairSubject, TokenRevocation,
};
pub use text::{InvalidCoordinate, InvalidText, Text};
pub use violation::{Fault, Violation, Violations};

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
