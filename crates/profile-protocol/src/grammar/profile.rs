//! The body of one profile.

use super::{
    names::{FieldName, IdentifierField},
    rules::{BodyRule, Documentation, EndpointSet, FieldRule, ListStep, ObjectRule, ValueRule},
};
use crate::{
    attributes::Field,
    endpoint::ProfileEndpoint::{Client, Import, Update},
    limits,
};

const RESOURCE: &str = "profile";

/// The endpoints that find a profile by any identifier.
const LOOKING_UP: EndpointSet = EndpointSet::NONE.with(Client).with(Import);
/// The endpoints for profiles that may exist already.
const EXISTING: EndpointSet = LOOKING_UP.with(Update);

/// The body of one profile.
pub static PROFILE: BodyRule = BodyRule { document: &DOCUMENT, max_bytes: limits::BODY_BYTES };

static DOCUMENT: ObjectRule =
    object(&[FieldRule::new(FieldName::Data, ValueRule::Resource(&PROFILE_RESOURCE)).required()]);

/// The `data` of one profile, which is also an element of a bulk import.
pub static PROFILE_RESOURCE: ObjectRule = object(&[
    FieldRule::new(FieldName::Type, ValueRule::ResourceType(RESOURCE)).required(),
    identifier(IdentifierField::Id)
        .allowed_at(EXISTING)
        .required_at(EndpointSet::NONE.with(Update)),
    FieldRule::new(FieldName::Attributes, ValueRule::Object(&ATTRIBUTES)),
    PROFILE_META.allowed_at(EXISTING),
    // Some browser clients send relationships, none of which concern a profile.
    FieldRule::new(FieldName::Relationships, ValueRule::Ignored).documented(Documentation::Omitted),
]);

/// The `data` of the profile of a push token. Its `meta` is beside its attributes or among them, as
/// revisions differ.
pub static PUSH_TOKEN_PROFILE: ObjectRule = object(&[
    FieldRule::new(FieldName::Type, ValueRule::ResourceType(RESOURCE)).required(),
    identifier(IdentifierField::Id),
    FieldRule::new(FieldName::Attributes, ValueRule::Object(&PUSH_TOKEN_ATTRIBUTES)),
    PROFILE_META,
]);

static PUSH_TOKEN_ATTRIBUTES: ObjectRule = object(&with_meta(&ATTRIBUTE_FIELDS));

const PROFILE_META: FieldRule = FieldRule::new(FieldName::Meta, ValueRule::Object(&META));

/// The fields of the attributes, and `meta`.
const fn with_meta(fields: &[FieldRule; ATTRIBUTE_FIELDS.len()]) -> [FieldRule; 14] {
    let mut all = [PROFILE_META; ATTRIBUTE_FIELDS.len() + 1];
    let (attributes, _) = all.split_at_mut(fields.len());
    attributes.copy_from_slice(fields);
    all
}

static ATTRIBUTES: ObjectRule = object(&ATTRIBUTE_FIELDS);

const ATTRIBUTE_FIELDS: [FieldRule; 13] = [
    identifier(IdentifierField::Email),
    identifier(IdentifierField::PhoneNumber),
    identifier(IdentifierField::ExternalId),
    identifier(IdentifierField::AnonymousId),
    identifier(IdentifierField::ExchangeToken).allowed_at(LOOKING_UP),
    attribute(Field::FirstName),
    attribute(Field::LastName),
    attribute(Field::Organization),
    attribute(Field::Title),
    attribute(Field::Image),
    attribute(Field::Locale),
    FieldRule::new(FieldName::Location, ValueRule::ClearableObject(&LOCATION)),
    FieldRule::new(FieldName::Properties, ValueRule::Properties(&PROPERTIES))
        .described("`$append`, `$unappend` and `$unset` mean what they do in `patch_properties`."),
];

static LOCATION: ObjectRule = object(&[
    attribute(Field::Address1),
    attribute(Field::Address2),
    attribute(Field::City),
    attribute(Field::Country),
    attribute(Field::Region),
    attribute(Field::Zip),
    attribute(Field::Timezone),
    attribute(Field::Ip),
    attribute(Field::Latitude),
    attribute(Field::Longitude),
]);

static PROPERTIES: ObjectRule = object(&[
    FieldRule::new(FieldName::DollarAppend, ValueRule::PropertyElements(ListStep::Append)),
    FieldRule::new(FieldName::DollarUnappend, ValueRule::PropertyElements(ListStep::Unappend)),
    FieldRule::new(FieldName::DollarUnset, ValueRule::PropertyNames),
    FieldRule::new(FieldName::DollarExchangeId, ValueRule::FallbackExchangeToken)
        .allowed_at(LOOKING_UP),
]);

static META: ObjectRule = object(&[
    FieldRule::new(FieldName::Identifiers, ValueRule::Object(&SUBJECT)).allowed_at(LOOKING_UP),
    FieldRule::new(FieldName::PatchProperties, ValueRule::Object(&PATCH_PROPERTIES)),
    FieldRule::new(FieldName::PatchIdentifiers, ValueRule::Object(&PATCH_IDENTIFIERS)),
]);

static SUBJECT: ObjectRule = object(&[
    subject(IdentifierField::Id),
    subject(IdentifierField::ExternalId),
    subject(IdentifierField::Email),
    subject(IdentifierField::PhoneNumber),
    subject(IdentifierField::AnonymousId),
    subject(IdentifierField::ExchangeToken),
]);

static PATCH_PROPERTIES: ObjectRule = object(&[
    FieldRule::new(FieldName::Append, ValueRule::PropertyElements(ListStep::Append)),
    FieldRule::new(FieldName::Unappend, ValueRule::PropertyElements(ListStep::Unappend)),
    FieldRule::new(FieldName::Unset, ValueRule::PropertyNames),
]);

static PATCH_IDENTIFIERS: ObjectRule = object(&[
    FieldRule::new(FieldName::Append, ValueRule::Object(&APPENDED_IDENTIFIERS)),
    FieldRule::new(FieldName::Unappend, ValueRule::Object(&UNAPPENDED_IDENTIFIERS)),
]);

static APPENDED_IDENTIFIERS: ObjectRule = object(&[FieldRule::new(
    FieldName::Identifier(IdentifierField::Email),
    ValueRule::SecondaryEmails(ListStep::Append),
)]);

static UNAPPENDED_IDENTIFIERS: ObjectRule = object(&[FieldRule::new(
    FieldName::Identifier(IdentifierField::Email),
    ValueRule::SecondaryEmails(ListStep::Unappend),
)]);

const fn object(fields: &'static [FieldRule]) -> ObjectRule {
    ObjectRule { resource: RESOURCE, fields }
}

const fn identifier(field: IdentifierField) -> FieldRule {
    FieldRule::new(FieldName::Identifier(field), ValueRule::Identifier(field))
}

const fn subject(field: IdentifierField) -> FieldRule {
    FieldRule::new(FieldName::Identifier(field), ValueRule::SubjectIdentifier(field))
}

const fn attribute(field: Field) -> FieldRule {
    FieldRule::new(FieldName::Attribute(field), ValueRule::Attribute(field))
}
