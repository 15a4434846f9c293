//! The grammar of request bodies: which fields each object has, of which type, at which endpoints.
//!
//! The parser of profiles, the parsers of the other server bodies and the gateway's `OpenAPI`
//! document are all made from these tables. [`PROFILE`] describes the body of one profile at every
//! [`ProfileEndpoint`](crate::ProfileEndpoint); the other bodies each belong to one endpoint.
//!
//! ```
//! use profile_protocol::{
//!     ProfileEndpoint,
//!     grammar::{PROFILE, ValueRule},
//! };
//!
//! let data = PROFILE.document.field("data").expect("every document has data");
//! let ValueRule::Resource(resource) = data.value else { panic!("data is a resource") };
//! let id = resource.field("id").expect("a profile may have an id");
//! assert!(id.required.contains(ProfileEndpoint::Update));
//! assert!(!id.allowed.contains(ProfileEndpoint::Create));
//! ```

mod profile;
mod rules;
mod server;

pub use profile::{PROFILE, PROFILE_RESOURCE};
pub use rules::{
    BodyRule, Documentation, EndpointSet, FieldRule, IdentifierField, ListStep, ObjectRule,
    ValueRule,
};
pub use server::{BULK_IMPORT, DELETION, EXPLAIN, MERGE, UNMERGE};
