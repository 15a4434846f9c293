//! Deletions of all data about a person.

use std::str::FromStr;

use super::body_reader::{self, BodyReader, KnownObject, RuledValue};
use crate::{
    ClaimedId, Email, ExternalId, Fault, InvalidOpaqueId, PhoneNumber, ProfileId, Violations,
    grammar::{DELETION, FieldName, IdentifierField},
};

/// A body of `POST /api/data-privacy-deletion-jobs`: the profile to delete.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DeletionSubject {
    /// The profile with this id. If no profile has it, it is the external id of the profile.
    Id(DeletionId),
    /// The profile with this email address.
    Email(Email),
    /// The profile with this phone number.
    PhoneNumber(PhoneNumber),
}

/// An id of a profile, or an external id in its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeletionId {
    /// The text as an id of this system, if it has that form.
    pub profile: Option<ProfileId>,
    /// The text as an external id.
    pub external_id: ExternalId,
}

impl FromStr for DeletionId {
    type Err = InvalidOpaqueId;

    fn from_str(text: &str) -> Result<DeletionId, InvalidOpaqueId> {
        let profile = match text.parse()? {
            ClaimedId::Profile(id) => Some(id),
            ClaimedId::Foreign => None,
        };
        Ok(DeletionId { profile, external_id: text.parse()? })
    }
}

impl DeletionSubject {
    /// Parses a body, in the form that nests a profile or in the older form that does not. The
    /// error has every violation. Exactly one identifier must be given: of several, the gateway
    /// would have to guess which one is meant.
    pub fn parse(body: &[u8]) -> Result<DeletionSubject, Violations> {
        body_reader::read(body, &DELETION, |reader, data| {
            let attributes = reader.object_in(data, FieldName::Attributes)?;
            let (id, nested) = match attributes.get(FieldName::Profile) {
                None => (None, None),
                Some(profile) => nested_profile(reader, &profile)?,
            };
            let ids = id.into_iter().chain(attributes.get(FieldName::ProfileId));
            let mut subjects: Vec<Option<DeletionSubject>> =
                ids.map(|value| reader.parsed(&value).map(DeletionSubject::Id)).collect();
            for object in nested.iter().chain([&attributes]) {
                subjects.extend(contacts(reader, object));
            }
            only(reader, &attributes.at, subjects)
        })
    }
}

/// The id of a nested profile, and its attributes.
type NestedProfile<'a> = (Option<RuledValue<'a>>, Option<KnownObject<'a>>);

fn nested_profile<'a>(
    reader: &mut BodyReader,
    profile: &RuledValue<'a>,
) -> Option<NestedProfile<'a>> {
    let profile = reader.object(profile)?;
    let data = reader.object_in(&profile, FieldName::Data)?;
    let attributes = match data.get(FieldName::Attributes) {
        None => None,
        Some(attributes) => Some(reader.object(&attributes)?),
    };
    Some((data.get(IdentifierField::Id), attributes))
}

/// The email address and the phone number that are given here. An invalid one counts as given.
fn contacts(reader: &mut BodyReader, object: &KnownObject<'_>) -> Vec<Option<DeletionSubject>> {
    let (email, number) =
        (object.get(IdentifierField::Email), object.get(IdentifierField::PhoneNumber));
    let email = email.map(|value| reader.parsed(&value).map(DeletionSubject::Email));
    let number = number.map(|value| reader.parsed(&value).map(DeletionSubject::PhoneNumber));
    email.into_iter().chain(number).collect()
}

fn only(
    reader: &mut BodyReader,
    at: &str,
    subjects: Vec<Option<DeletionSubject>>,
) -> Option<DeletionSubject> {
    let mut subjects = subjects.into_iter();
    if let (Some(subject), None) = (subjects.next(), subjects.next()) {
        return subject;
    }
    reader.add(at, Fault::NotOneSubject);
    None
}
