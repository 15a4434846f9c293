//! Identifiers, and those that one profile holds.

use profile_protocol::{AnonymousId, Email, ExternalId, IdentifierKind, PhoneNumber};

/// An identifier of a profile.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Identifier {
    /// The id that a browser or device gave itself.
    AnonymousId(AnonymousId),
    /// A phone number.
    PhoneNumber(PhoneNumber),
    /// An email address, primary or secondary.
    Email(Email),
    /// The id of the person in the company's own system.
    ExternalId(ExternalId),
}

impl Identifier {
    /// The kind, which determines the authority.
    pub fn kind(&self) -> IdentifierKind {
        match self {
            Identifier::AnonymousId(_) => IdentifierKind::AnonymousId,
            Identifier::PhoneNumber(_) => IdentifierKind::PhoneNumber,
            Identifier::Email(_) => IdentifierKind::Email,
            Identifier::ExternalId(_) => IdentifierKind::ExternalId,
        }
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        match self {
            Identifier::AnonymousId(id) => id.as_str(),
            Identifier::PhoneNumber(number) => number.as_str(),
            Identifier::Email(email) => email.as_str(),
            Identifier::ExternalId(id) => id.as_str(),
        }
    }
}

/// The identifiers that a profile holds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ProfileIdentifiers {
    /// The id of the person in the company's own system.
    pub external_id: Option<ExternalId>,
    /// The primary email address.
    pub email: Option<Email>,
    /// The phone number.
    pub phone_number: Option<PhoneNumber>,
    /// The ids of devices and browsers, oldest first.
    pub anonymous_ids: Vec<AnonymousId>,
    /// The secondary email addresses, oldest first.
    pub secondary_emails: Vec<Email>,
}

impl ProfileIdentifiers {
    /// Every identifier of the profile.
    pub fn iter(&self) -> impl Iterator<Item = Identifier> {
        let ProfileIdentifiers {
            external_id,
            email,
            phone_number,
            anonymous_ids,
            secondary_emails,
        } = self;
        let external_id = external_id.iter().cloned().map(Identifier::ExternalId);
        let emails = email.iter().chain(secondary_emails).cloned().map(Identifier::Email);
        let phone_number = phone_number.iter().cloned().map(Identifier::PhoneNumber);
        let anonymous_ids = anonymous_ids.iter().cloned().map(Identifier::AnonymousId);
        external_id.chain(emails).chain(phone_number).chain(anonymous_ids)
    }

    /// Whether the profile holds this identifier.
    pub fn holds(&self, identifier: &Identifier) -> bool {
        match identifier {
            Identifier::AnonymousId(id) => self.anonymous_ids.contains(id),
            Identifier::PhoneNumber(number) => self.phone_number.as_ref() == Some(number),
            Identifier::Email(email) => {
                self.email.as_ref() == Some(email) || self.secondary_emails.contains(email)
            }
            Identifier::ExternalId(id) => self.external_id.as_ref() == Some(id),
        }
    }

    /// The kind of highest authority among the identifiers.
    pub fn highest(&self) -> Option<IdentifierKind> {
        if self.external_id.is_some() {
            Some(IdentifierKind::ExternalId)
        } else if self.email.is_some() || !self.secondary_emails.is_empty() {
            Some(IdentifierKind::Email)
        } else if self.phone_number.is_some() {
            Some(IdentifierKind::PhoneNumber)
        } else if self.anonymous_ids.is_empty() {
            None
        } else {
            Some(IdentifierKind::AnonymousId)
        }
    }
}
