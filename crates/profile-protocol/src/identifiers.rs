//! Identifiers: the claims a request makes about who a person is.

use std::{fmt, str::FromStr};

use crate::{
    AnonymousId, Email, ExchangeToken, ExternalId, InvalidOpaqueId, PhoneNumber, ProfileId, limits,
    opaque::printable,
};

/// The kinds of identifier, ordered by authority: of two, the greater is the
/// better evidence of who a person is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum IdentifierKind {
    /// A browser or device, which several people may share.
    AnonymousId,
    /// A phone number.
    PhoneNumber,
    /// An email address.
    Email,
    /// An id of the company's own system.
    ExternalId,
    /// A profile id, or a token that stands for one.
    Id,
}

impl IdentifierKind {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            IdentifierKind::AnonymousId => "anonymous_id",
            IdentifierKind::PhoneNumber => "phone_number",
            IdentifierKind::Email => "email",
            IdentifierKind::ExternalId => "external_id",
            IdentifierKind::Id => "id",
        }
    }
}

impl fmt::Display for IdentifierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a request gives as the profile's id.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ClaimedId {
    /// An id of the form this system gives out.
    Profile(ProfileId),
    /// Text of another form, such as the six-character ids of older systems. It
    /// names no profile here, and is no reason to turn the request away.
    Foreign,
}

impl FromStr for ClaimedId {
    type Err = InvalidOpaqueId;

    fn from_str(text: &str) -> Result<ClaimedId, InvalidOpaqueId> {
        printable(text, limits::ID_TEXT_BYTES)?;
        Ok(text.parse().map_or(ClaimedId::Foreign, ClaimedId::Profile))
    }
}

/// The identifiers that one section of a request names, at most one of each kind.
#[expect(missing_docs, reason = "each field is the identifier of that name")]
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Identifiers {
    pub id: Option<ClaimedId>,
    /// The token called `_kx` on the wire.
    pub exchange_token: Option<ExchangeToken>,
    pub external_id: Option<ExternalId>,
    pub email: Option<Email>,
    pub phone_number: Option<PhoneNumber>,
    pub anonymous_id: Option<AnonymousId>,
}

impl Identifiers {
    /// Whether there is no identifier.
    pub fn is_empty(&self) -> bool {
        let Identifiers { id, exchange_token, external_id, email, phone_number, anonymous_id } =
            self;
        id.is_none()
            && exchange_token.is_none()
            && external_id.is_none()
            && email.is_none()
            && phone_number.is_none()
            && anonymous_id.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authority_falls_from_id_to_anonymous_id() {
        use IdentifierKind::{AnonymousId, Email, ExternalId, Id, PhoneNumber};
        assert!([AnonymousId, PhoneNumber, Email, ExternalId, Id].is_sorted());
    }

    #[test]
    fn an_id_of_another_system_is_foreign_and_no_fault() {
        assert_eq!("ABC123".parse(), Ok(ClaimedId::Foreign));
        let id = ProfileId::from_bits(7);
        assert_eq!(id.to_string().parse(), Ok(ClaimedId::Profile(id)));
        assert_eq!("".parse::<ClaimedId>(), Err(InvalidOpaqueId::Blank));
        assert_eq!("a\0b".parse::<ClaimedId>(), Err(InvalidOpaqueId::ControlCharacter));
        let long = "x".repeat(limits::ID_TEXT_BYTES + 1).parse::<ClaimedId>();
        assert_eq!(long, Err(InvalidOpaqueId::TooLong { bytes: limits::ID_TEXT_BYTES }));
    }
}
