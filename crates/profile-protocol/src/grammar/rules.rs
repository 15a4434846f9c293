//! What the tables of the grammar consist of.

use super::names::{FieldName, IdentifierField};
use crate::{attributes::Field, endpoint::ProfileEndpoint};

/// One request body: its outermost object and its greatest size.
#[derive(Debug)]
pub struct BodyRule {
    /// The outermost object.
    pub document: &'static ObjectRule,
    /// The size of the body after decompression, in bytes.
    pub max_bytes: usize,
}

/// One JSON object with a fixed set of fields, none of which may be given twice.
#[derive(Debug)]
pub struct ObjectRule {
    /// The type of the resource that the object belongs to, as error details name it.
    pub resource: &'static str,
    /// The fields, at most 32.
    pub fields: &'static [FieldRule],
}

impl ObjectRule {
    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&'static FieldRule> {
        self.position(name).map(|(_, field)| field)
    }

    /// The field of that name, with its number in `fields`.
    pub(crate) fn position(&self, name: &str) -> Option<(usize, &'static FieldRule)> {
        self.fields.iter().enumerate().find(|(_, field)| field.name == name)
    }
}

/// One field of an object.
#[derive(Clone, Copy, Debug)]
pub struct FieldRule {
    /// The name.
    pub name: &'static str,
    /// What the field holds.
    pub value: ValueRule,
    /// The endpoints that take the field. The other endpoints refuse it.
    pub allowed: EndpointSet,
    /// The endpoints at which the field must be given, and must not be `null`.
    pub required: EndpointSet,
    /// A sentence for the documentation.
    pub description: Option<&'static str>,
    /// How the documentation shows the field.
    pub documentation: Documentation,
}

/// How the documentation shows a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Documentation {
    /// As the rule is.
    Plain,
    /// As a required field: what may be given instead is not documented.
    Required,
    /// Not at all: the field is ignored, or belongs to an older form of the body.
    Omitted,
}

impl FieldRule {
    /// An optional field that every endpoint takes.
    pub(super) const fn new(name: FieldName, value: ValueRule) -> FieldRule {
        FieldRule {
            name: name.as_str(),
            value,
            allowed: EndpointSet::ALL,
            required: EndpointSet::NONE,
            description: None,
            documentation: Documentation::Plain,
        }
    }

    pub(super) const fn required(self) -> FieldRule {
        FieldRule { required: EndpointSet::ALL, ..self }
    }

    pub(super) const fn required_at(self, endpoints: EndpointSet) -> FieldRule {
        FieldRule { required: endpoints, ..self }
    }

    pub(super) const fn allowed_at(self, endpoints: EndpointSet) -> FieldRule {
        FieldRule { allowed: endpoints, ..self }
    }

    pub(super) const fn documented(self, documentation: Documentation) -> FieldRule {
        FieldRule { documentation, ..self }
    }

    pub(super) const fn described(self, description: &'static str) -> FieldRule {
        FieldRule { description: Some(description), ..self }
    }
}

/// What a field holds. Except where a field is required, `null` is accepted in place of each.
#[derive(Clone, Copy, Debug)]
pub enum ValueRule {
    /// The type of a resource: this constant.
    ResourceType(&'static str),
    /// A resource: an object with a `type`.
    Resource(&'static ObjectRule),
    /// A resource with exactly one identifier, which is a field of its own or of its attributes.
    ResourceWithOneIdentifier(&'static ObjectRule),
    /// An array of resources.
    Resources {
        /// Each element.
        element: &'static ObjectRule,
        /// The fewest elements.
        min: usize,
        /// The most elements.
        max: usize,
        /// The same in words, for error details.
        count: &'static str,
    },
    /// An object.
    Object(&'static ObjectRule),
    /// An object of attributes; `null` clears all of them.
    ClearableObject(&'static ObjectRule),
    /// Custom properties: members of any name with any JSON value, and the named fields, which have
    /// a meaning of their own. `null` clears all properties.
    Properties(&'static ObjectRule),
    /// One identifier, in a string.
    Identifier(IdentifierField),
    /// One identifier that is looked up before all others, in a string.
    SubjectIdentifier(IdentifierField),
    /// An exchange token that counts where `_kx` is absent, in a string.
    FallbackExchangeToken,
    /// An attribute with a single value: a string, or for a coordinate also a number.
    Attribute(Field),
    /// An object whose members are array properties, each with the elements to add or remove.
    PropertyElements(ListStep),
    /// The names of properties to remove: one string, or an array of them.
    PropertyNames,
    /// Secondary email addresses to add or remove: one string, or an array of them.
    SecondaryEmails(ListStep),
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// One of these words, in a string.
    Enumeration {
        /// The words, as they are stored.
        words: &'static [&'static str],
        /// How a request may write them.
        case: LetterCase,
    },
    /// A string of a form of its own, such as this one.
    Text {
        /// An example.
        example: &'static str,
    },
    /// The same, or an integer, whose digits are the text.
    TextOrInteger {
        /// An example.
        example: &'static str,
    },
    /// A whole body of a profile.
    ProfileBody,
    /// Any value. It is ignored.
    Ignored,
}

/// The letter case in which a request may write a word.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LetterCase {
    /// As the word is.
    Exact,
    /// Any.
    Any,
}

/// Whether elements are added to a list or removed from it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ListStep {
    /// The elements are added unless they are there.
    Append,
    /// The elements are removed.
    Unappend,
}

/// A set of the endpoints that take a profile. A body that only one endpoint takes has fields that
/// are allowed, and required, at all of them or at none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EndpointSet {
    bits: u8,
}

impl EndpointSet {
    /// No endpoint.
    pub const NONE: EndpointSet = EndpointSet { bits: 0 };

    /// Every endpoint.
    pub const ALL: EndpointSet = EndpointSet::NONE
        .with(ProfileEndpoint::Client)
        .with(ProfileEndpoint::Create)
        .with(ProfileEndpoint::Update)
        .with(ProfileEndpoint::Import);

    /// This set and one more endpoint.
    #[must_use]
    pub const fn with(self, endpoint: ProfileEndpoint) -> EndpointSet {
        EndpointSet { bits: self.bits | 1 << endpoint as u8 }
    }

    /// Whether the endpoint is in the set.
    pub const fn contains(self, endpoint: ProfileEndpoint) -> bool {
        self.bits & 1 << endpoint as u8 != 0
    }

    /// Whether the set has no endpoint.
    pub const fn is_empty(self) -> bool {
        self.bits == 0
    }
}
