//! Identifiers, and those that one profile holds.

use std::collections::BTreeSet;

use profile_protocol::{AnonymousId, Email, ExternalId, IdentifierKind, PhoneNumber};

use crate::Timestamp;

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
    /// The devices and browsers, in the order in which they were last seen.
    pub devices: Vec<Device>,
    /// The secondary email addresses, oldest first.
    pub secondary_emails: Vec<Email>,
    /// The kinds whose identifier only clients have named. The company has neither sent nor
    /// confirmed it, so it yields to an identifier of the company.
    pub client_attached: SingleKinds,
}

/// A device or browser of a profile. Both times are zero if an earlier release attached it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Device {
    /// The id that the device gave itself.
    pub id: AnonymousId,
    /// When the device was attached.
    pub attached: Timestamp,
    /// When a request last named the device. While few others were seen since, this may be up to a
    /// day ago.
    pub seen: Timestamp,
}

impl Device {
    /// A device that is attached now.
    pub const fn new(id: AnonymousId, now: Timestamp) -> Device {
        Device { id, attached: now, seen: now }
    }

    /// Whether a request named the device on a later day than that on which it was attached.
    pub(crate) fn has_returned(&self) -> bool {
        self.attached == Timestamp::default() || self.attached.day() < self.seen.day()
    }
}

/// Some of the kinds of which a profile holds at most one identifier.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SingleKinds {
    external_id: bool,
    email: bool,
    phone_number: bool,
}

impl SingleKinds {
    /// The kinds of which a profile holds at most one identifier, highest authority first.
    pub const ALL: [IdentifierKind; 3] =
        [IdentifierKind::ExternalId, IdentifierKind::Email, IdentifierKind::PhoneNumber];

    /// Whether the kind is one of these.
    pub const fn contains(self, kind: IdentifierKind) -> bool {
        match kind {
            IdentifierKind::ExternalId => self.external_id,
            IdentifierKind::Email => self.email,
            IdentifierKind::PhoneNumber => self.phone_number,
            IdentifierKind::AnonymousId | IdentifierKind::Id => false,
        }
    }

    /// Adds a kind. A kind of which a profile holds several identifiers, or none, is not added.
    pub const fn insert(&mut self, kind: IdentifierKind) {
        self.set(kind, true);
    }

    pub(crate) const fn remove(&mut self, kind: IdentifierKind) {
        self.set(kind, false);
    }

    const fn set(&mut self, kind: IdentifierKind, is_contained: bool) {
        match kind {
            IdentifierKind::ExternalId => self.external_id = is_contained,
            IdentifierKind::Email => self.email = is_contained,
            IdentifierKind::PhoneNumber => self.phone_number = is_contained,
            IdentifierKind::AnonymousId | IdentifierKind::Id => {}
        }
    }
}

impl ProfileIdentifiers {
    /// Every identifier of the profile.
    pub fn iter(&self) -> impl Iterator<Item = Identifier> {
        let ProfileIdentifiers {
            external_id,
            email,
            phone_number,
            devices,
            secondary_emails,
            client_attached: _,
        } = self;
        let external_id = external_id.iter().cloned().map(Identifier::ExternalId);
        let emails = email.iter().chain(secondary_emails).cloned().map(Identifier::Email);
        let phone_number = phone_number.iter().cloned().map(Identifier::PhoneNumber);
        let ids = devices.iter().map(|device| Identifier::AnonymousId(device.id.clone()));
        external_id.chain(emails).chain(phone_number).chain(ids)
    }

    /// Whether the profile holds this identifier.
    pub fn holds(&self, identifier: &Identifier) -> bool {
        match identifier {
            Identifier::AnonymousId(id) => self.devices.iter().any(|device| device.id == *id),
            Identifier::PhoneNumber(number) => self.phone_number.as_ref() == Some(number),
            Identifier::Email(email) => {
                self.email.as_ref() == Some(email) || self.secondary_emails.contains(email)
            }
            Identifier::ExternalId(id) => self.external_id.as_ref() == Some(id),
        }
    }

    /// The kind of highest authority among the identifiers.
    pub fn highest(&self) -> Option<IdentifierKind> {
        self.highest_without(SingleKinds::default())
    }

    /// The kind of highest authority among the identifiers that the company has named, and devices.
    pub(crate) fn highest_of_company(&self) -> Option<IdentifierKind> {
        self.highest_without(self.client_attached)
    }

    /// The same without the single identifiers of some kinds.
    fn highest_without(&self, omitted: SingleKinds) -> Option<IdentifierKind> {
        let counts = |kind, is_held: bool| is_held && !omitted.contains(kind);
        if counts(IdentifierKind::ExternalId, self.external_id.is_some()) {
            Some(IdentifierKind::ExternalId)
        } else if counts(IdentifierKind::Email, self.email.is_some())
            || !self.secondary_emails.is_empty()
        {
            Some(IdentifierKind::Email)
        } else if counts(IdentifierKind::PhoneNumber, self.phone_number.is_some()) {
            Some(IdentifierKind::PhoneNumber)
        } else if self.devices.is_empty() {
            None
        } else {
            Some(IdentifierKind::AnonymousId)
        }
    }

    /// The identifier of a kind of which the profile holds at most one.
    pub fn single(&self, kind: IdentifierKind) -> Option<Identifier> {
        match kind {
            IdentifierKind::ExternalId => self.external_id.clone().map(Identifier::ExternalId),
            IdentifierKind::Email => self.email.clone().map(Identifier::Email),
            IdentifierKind::PhoneNumber => self.phone_number.clone().map(Identifier::PhoneNumber),
            IdentifierKind::AnonymousId | IdentifierKind::Id => None,
        }
    }

    /// Whether the profile holds this identifier as the single one of its kind, and only clients
    /// have named it.
    pub(crate) fn holds_by_client(&self, identifier: &Identifier) -> bool {
        let kind = identifier.kind();
        self.client_attached.contains(kind) && self.single(kind).as_ref() == Some(identifier)
    }

    /// Makes this the single identifier of its kind. A device is none.
    pub(crate) fn set_single(&mut self, identifier: Identifier) {
        match identifier {
            Identifier::ExternalId(id) => self.external_id = Some(id),
            Identifier::Email(email) => self.email = Some(email),
            Identifier::PhoneNumber(number) => self.phone_number = Some(number),
            Identifier::AnonymousId(_) => {}
        }
    }

    /// Takes the single identifier of a kind that `other` has, and who named it.
    pub(crate) fn take_single_of(&mut self, other: &ProfileIdentifiers, kind: IdentifierKind) {
        if let Some(identifier) = other.single(kind) {
            self.set_single(identifier);
            if other.client_attached.contains(kind) {
                self.client_attached.insert(kind);
            } else {
                self.client_attached.remove(kind);
            }
        }
    }

    /// Removes the single identifier of a kind. Returns whether there was one.
    pub(crate) fn remove_single(&mut self, kind: IdentifierKind) -> bool {
        self.client_attached.remove(kind);
        match kind {
            IdentifierKind::ExternalId => self.external_id.take().is_some(),
            IdentifierKind::Email => self.email.take().is_some(),
            IdentifierKind::PhoneNumber => self.phone_number.take().is_some(),
            IdentifierKind::AnonymousId | IdentifierKind::Id => false,
        }
    }

    /// Whether both hold the same identifiers, whatever is noted about them.
    pub(crate) fn equals_but_for_marks(&self, other: &ProfileIdentifiers) -> bool {
        let ids = |identifiers: &ProfileIdentifiers| {
            let ids = identifiers.devices.iter().map(|device| device.id.clone());
            ids.collect::<BTreeSet<AnonymousId>>()
        };
        (&self.external_id, &self.email) == (&other.external_id, &other.email)
            && self.phone_number == other.phone_number
            && self.secondary_emails == other.secondary_emails
            && (self.devices == other.devices || ids(self) == ids(other))
    }
}
