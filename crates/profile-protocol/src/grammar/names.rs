//! The names of fields. All other code of this crate names a field by these enums.

use crate::{IdentifierKind, attributes::Field, limits, push_token::MetadataField};

macro_rules! field_names {
    ($($variant:ident = $text:literal,)*) => {
        /// The name of a field.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum FieldName {
            $($variant,)*
            /// The name of an identifier.
            Identifier(IdentifierField),
            /// The name of an attribute.
            Attribute(Field),
            /// The name of a member of the metadata of a device.
            Metadata(MetadataField),
        }

        impl FieldName {
            /// The names that belong neither to an identifier nor to an attribute nor to metadata.
            pub(super) const STRUCTURAL: &'static [FieldName] = &[$(FieldName::$variant,)*];

            /// The name on the wire.
            pub(crate) const fn as_str(self) -> &'static str {
                match self {
                    $(FieldName::$variant => $text,)*
                    FieldName::Identifier(field) => field.name(),
                    FieldName::Attribute(field) => field.name(),
                    FieldName::Metadata(field) => field.as_str(),
                }
            }
        }
    };
}

field_names! {
    DollarAppend = "$append",
    DollarExchangeId = "$exchange_id",
    DollarUnappend = "$unappend",
    DollarUnset = "$unset",
    Append = "append",
    Attributes = "attributes",
    Background = "background",
    Body = "body",
    ClientAddress = "client_address",
    Data = "data",
    DeviceMetadata = "device_metadata",
    EnablementStatus = "enablement_status",
    Identifiers = "identifiers",
    Location = "location",
    Meta = "meta",
    Mode = "mode",
    PatchIdentifiers = "patch_identifiers",
    PatchProperties = "patch_properties",
    Platform = "platform",
    Profile = "profile",
    ProfileId = "profile_id",
    Profiles = "profiles",
    Properties = "properties",
    Relationships = "relationships",
    Scope = "scope",
    Sender = "sender",
    Since = "since",
    Token = "token",
    Type = "type",
    Unappend = "unappend",
    Unset = "unset",
    Vendor = "vendor",
}

impl From<IdentifierField> for FieldName {
    fn from(field: IdentifierField) -> FieldName {
        FieldName::Identifier(field)
    }
}

/// The fields that identify a profile.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IdentifierField {
    /// `id`: the profile id.
    Id,
    /// `_kx`: a token that stands for a profile id.
    ExchangeToken,
    /// `external_id`: the id in the company's own system.
    ExternalId,
    /// `email`: an email address.
    Email,
    /// `phone_number`: a phone number.
    PhoneNumber,
    /// `anonymous_id`: the id of a browser or device.
    AnonymousId,
}

impl IdentifierField {
    /// All fields that identify a profile.
    pub(super) const ALL: [IdentifierField; 6] = [
        IdentifierField::Id,
        IdentifierField::ExchangeToken,
        IdentifierField::ExternalId,
        IdentifierField::Email,
        IdentifierField::PhoneNumber,
        IdentifierField::AnonymousId,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            IdentifierField::Id => "id",
            IdentifierField::ExchangeToken => "_kx",
            IdentifierField::ExternalId => "external_id",
            IdentifierField::Email => "email",
            IdentifierField::PhoneNumber => "phone_number",
            IdentifierField::AnonymousId => "anonymous_id",
        }
    }

    /// The length of the canonical text, in bytes.
    pub const fn max_bytes(self) -> usize {
        match self {
            IdentifierField::Id => limits::ID_TEXT_BYTES,
            IdentifierField::ExchangeToken => limits::EXCHANGE_TOKEN_BYTES,
            IdentifierField::ExternalId | IdentifierField::AnonymousId => limits::OPAQUE_ID_BYTES,
            IdentifierField::Email => limits::EMAIL_BYTES,
            IdentifierField::PhoneNumber => "+".len() + limits::PHONE_DIGITS_MAX,
        }
    }

    /// The kind of identifier that `null` removes, at the endpoints where `null` removes one.
    pub const fn cleared_kind(self) -> Option<IdentifierKind> {
        match self {
            IdentifierField::Email => Some(IdentifierKind::Email),
            IdentifierField::PhoneNumber => Some(IdentifierKind::PhoneNumber),
            IdentifierField::ExternalId => Some(IdentifierKind::ExternalId),
            IdentifierField::Id | IdentifierField::ExchangeToken | IdentifierField::AnonymousId => {
                None
            }
        }
    }
}
