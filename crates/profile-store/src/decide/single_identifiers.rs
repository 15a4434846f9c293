//! The identifiers of which a profile holds at most one each.

use profile_protocol::{Email, ExternalId, IdentifierKind, PhoneNumber};

use crate::{Identifier, ProfileIdentifiers};

/// The external id, primary email address and phone number of a profile.
#[derive(Clone, Copy, Default)]
pub(super) struct SingleIdentifiers<'a> {
    external_id: Option<&'a ExternalId>,
    email: Option<&'a Email>,
    phone_number: Option<&'a PhoneNumber>,
}

impl<'a> SingleIdentifiers<'a> {
    pub(super) fn from_profile(identifiers: &'a ProfileIdentifiers) -> SingleIdentifiers<'a> {
        let ProfileIdentifiers { external_id, email, phone_number, .. } = identifiers;
        SingleIdentifiers {
            external_id: external_id.as_ref(),
            email: email.as_ref(),
            phone_number: phone_number.as_ref(),
        }
    }

    /// Whether another identifier of the same kind is held.
    pub(super) fn hold_another(&self, identifier: &Identifier) -> bool {
        match identifier {
            Identifier::AnonymousId(_) => false,
            Identifier::PhoneNumber(number) => self.phone_number.is_some_and(|own| own != number),
            Identifier::Email(email) => self.email.is_some_and(|own| own != email),
            Identifier::ExternalId(id) => self.external_id.is_some_and(|own| own != id),
        }
    }

    pub(super) fn set(&mut self, identifier: &'a Identifier) {
        match identifier {
            Identifier::AnonymousId(_) => {}
            Identifier::PhoneNumber(number) => self.phone_number = Some(number),
            Identifier::Email(email) => self.email = Some(email),
            Identifier::ExternalId(id) => self.external_id = Some(id),
        }
    }

    /// The kind of highest authority of which both hold different identifiers.
    pub(super) fn conflict(&self, other: &SingleIdentifiers<'_>) -> Option<IdentifierKind> {
        fn differ<T: PartialEq>(ours: Option<&T>, theirs: Option<&T>) -> bool {
            matches!((ours, theirs), (Some(ours), Some(theirs)) if ours != theirs)
        }
        if differ(self.external_id, other.external_id) {
            Some(IdentifierKind::ExternalId)
        } else if differ(self.email, other.email) {
            Some(IdentifierKind::Email)
        } else if differ(self.phone_number, other.phone_number) {
            Some(IdentifierKind::PhoneNumber)
        } else {
            None
        }
    }

    pub(super) fn fill_from(&mut self, other: &SingleIdentifiers<'a>) {
        self.external_id = self.external_id.or(other.external_id);
        self.email = self.email.or(other.email);
        self.phone_number = self.phone_number.or(other.phone_number);
    }
}
