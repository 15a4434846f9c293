//! Profiles: who a person is and what is known about them.

use profile_protocol::{
    AnonymousId, Attributes, Email, ExternalId, IdentifierKind, PhoneNumber, ProfileId,
};

use crate::{Authored, LinkDigest, ProfileRef, Timestamp};

/// An identifier that can lead to a profile.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Identifier {
    /// What a browser or device calls itself.
    AnonymousId(AnonymousId),
    /// A phone number.
    PhoneNumber(PhoneNumber),
    /// An email address, primary or secondary.
    Email(Email),
    /// What the company's own system calls this person.
    ExternalId(ExternalId),
}

impl Identifier {
    /// Its kind, and so its authority.
    pub fn kind(&self) -> IdentifierKind {
        match self {
            Identifier::AnonymousId(_) => IdentifierKind::AnonymousId,
            Identifier::PhoneNumber(_) => IdentifierKind::PhoneNumber,
            Identifier::Email(_) => IdentifierKind::Email,
            Identifier::ExternalId(_) => IdentifierKind::ExternalId,
        }
    }

    /// Its canonical text.
    pub fn as_str(&self) -> &str {
        match self {
            Identifier::AnonymousId(id) => id.as_str(),
            Identifier::PhoneNumber(number) => number.as_str(),
            Identifier::Email(email) => email.as_str(),
            Identifier::ExternalId(id) => id.as_str(),
        }
    }
}

/// The identifiers a profile holds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ProfileIdentifiers {
    /// What the company's own system calls this person.
    pub external_id: Option<ExternalId>,
    /// The primary address.
    pub email: Option<Email>,
    /// The phone number.
    pub phone_number: Option<PhoneNumber>,
    /// Devices and browsers, oldest first.
    pub anonymous_ids: Vec<AnonymousId>,
    /// Further addresses, oldest first.
    pub secondary_emails: Vec<Email>,
}

impl ProfileIdentifiers {
    /// Every identifier that leads to the profile.
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

    /// Whether the profile holds this very identifier.
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

    /// The kind of highest authority among the identifiers held.
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

/// One person, as far as is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Profile {
    /// The id, which never changes.
    pub id: ProfileId,
    /// When the person was first heard of.
    pub created: Timestamp,
    /// When anything about them last changed.
    pub updated: Timestamp,
    /// Who they are.
    pub identifiers: ProfileIdentifiers,
    /// What is known about them.
    pub attributes: Attributes,
    /// Which of that the company itself wrote.
    pub authored: Authored,
    /// The ids of the profiles that were merged into this one, and of those
    /// merged into them: all of them resolve to this one.
    pub absorbed: Vec<ProfileId>,
    /// The newest outcome about this profile.
    pub last_outcome: Option<u64>,
    /// Merges that were undone, and the claims that are not to repeat them, oldest
    /// first.
    pub do_not_merge: Vec<DoNotMerge>,
}

/// A profile that this one was once merged into, wrongly.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DoNotMerge {
    /// The profile it was merged into.
    pub from: ProfileId,
    /// The claim that led to it, as a digest. Any other claim may merge the two again.
    pub link: LinkDigest,
}

impl DoNotMerge {
    /// What is remembered of a merge into `from` that this claim led to.
    pub fn new(from: ProfileId, link: &ProfileRef) -> DoNotMerge {
        DoNotMerge { from, link: LinkDigest::of(from, link) }
    }
}

impl Profile {
    /// A person of whom nothing is known yet.
    pub fn new(id: ProfileId, now: Timestamp) -> Profile {
        Profile {
            id,
            created: now,
            updated: now,
            identifiers: ProfileIdentifiers::default(),
            attributes: Attributes::default(),
            authored: Authored::default(),
            absorbed: Vec::new(),
            last_outcome: None,
            do_not_merge: Vec::new(),
        }
    }

    /// Whether this claim merged this profile into `survivor` before, and that was
    /// undone.
    pub(crate) fn is_apart_from(&self, survivor: &Profile, link: &ProfileRef) -> bool {
        let same = |id: ProfileId| id == survivor.id || survivor.absorbed.contains(&id);
        self.do_not_merge.iter().any(|do_not_merge| {
            same(do_not_merge.from) && *do_not_merge == DoNotMerge::new(do_not_merge.from, link)
        })
    }
}
