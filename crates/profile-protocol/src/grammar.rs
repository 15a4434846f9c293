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

mod names;
mod profile;
mod push_token;
mod rules;
mod server;

pub(crate) use names::FieldName;
pub use names::IdentifierField;
pub use profile::{PROFILE, PROFILE_RESOURCE, PUSH_TOKEN_PROFILE};
pub use push_token::{PUSH_TOKEN, PUSH_TOKEN_UNREGISTER};
pub use rules::{
    BodyRule, Documentation, EndpointSet, FieldRule, LetterCase, ListStep, ObjectRule, ValueRule,
};
pub use server::{BULK_IMPORT, DELETION, EXPLAIN, MERGE, REPAIR, TOKEN_REVOCATION, UNMERGE};

use crate::{Field, MetadataField};

/// Whether a field of some body has this name. Any other name in a body, such as that of a
/// property, is the caller's own.
///
/// ```
/// use profile_protocol::grammar::is_field_name;
///
/// assert!(is_field_name("first_name"));
/// assert!(!is_field_name("sarah@example.com"));
/// ```
pub fn is_field_name(name: &str) -> bool {
    let structural = FieldName::STRUCTURAL.iter().map(|field| field.as_str());
    let identifiers = IdentifierField::ALL.into_iter().map(IdentifierField::name);
    let attributes = Field::ALL.into_iter().map(Field::name);
    let metadata = MetadataField::WORDS.iter().copied();
    structural.chain(identifiers).chain(attributes).chain(metadata).any(|field| field == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the fields of an object, and of the objects in it.
    fn names(object: &ObjectRule) -> Vec<&'static str> {
        let below = |field: &FieldRule| match field.value {
            ValueRule::Resource(rule)
            | ValueRule::ResourceWithOneIdentifier(rule)
            | ValueRule::Resources { element: rule, .. }
            | ValueRule::Object(rule)
            | ValueRule::ClearableObject(rule)
            | ValueRule::Properties(rule) => names(rule),
            ValueRule::ResourceType(_)
            | ValueRule::Identifier(_)
            | ValueRule::SubjectIdentifier(_)
            | ValueRule::FallbackExchangeToken
            | ValueRule::Attribute(_)
            | ValueRule::PropertyElements(_)
            | ValueRule::PropertyNames
            | ValueRule::SecondaryEmails(_)
            | ValueRule::Choice(_)
            | ValueRule::Enumeration { .. }
            | ValueRule::Text { .. }
            | ValueRule::TextOrInteger { .. }
            | ValueRule::ProfileBody
            | ValueRule::Ignored => Vec::new(),
        };
        object.fields.iter().flat_map(|field| [vec![field.name], below(field)].concat()).collect()
    }

    #[test]
    fn every_name_that_code_may_use_is_in_the_grammar() {
        let bodies = [
            &PROFILE,
            &MERGE,
            &UNMERGE,
            &DELETION,
            &EXPLAIN,
            &REPAIR,
            &TOKEN_REVOCATION,
            &BULK_IMPORT,
            &PUSH_TOKEN,
            &PUSH_TOKEN_UNREGISTER,
        ];
        let in_grammar: Vec<_> = bodies.iter().flat_map(|body| names(body.document)).collect();
        let attributes = Field::ALL.into_iter().map(FieldName::Attribute);
        let metadata = MetadataField::ALL.iter().copied().map(FieldName::Metadata);
        for name in FieldName::STRUCTURAL.iter().copied().chain(attributes).chain(metadata) {
            assert!(in_grammar.contains(&name.as_str()), "{name:?}");
        }
        assert!(in_grammar.iter().all(|name| is_field_name(name)), "{in_grammar:?}");
        assert!(!is_field_name("favourite_colour") && !is_field_name(""));
    }
}
