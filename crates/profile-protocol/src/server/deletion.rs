//! Who wants to be forgotten.

use super::reader::{self, Object, Reader, Value};
use crate::{ClaimedId, Email, Fault, PhoneNumber, Violations, limits};

/// What one body of `POST /api/data-privacy-deletion-jobs` says: whom to delete.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DeletionSubject {
    /// The profile of this id.
    Id(ClaimedId),
    /// Whoever has this email address.
    Email(Email),
    /// Whoever has this phone number.
    PhoneNumber(PhoneNumber),
}

const ATTRIBUTES: &[&str] = &["profile", "profile_id", "email", "phone_number"];

impl DeletionSubject {
    /// Reads a body, in the form that nests a profile or in the older one that
    /// does not. All that is wrong with it is reported. Of several identifiers it
    /// would be a guess which is meant, so there has to be exactly one.
    pub fn parse(body: &[u8]) -> Result<DeletionSubject, Violations> {
        let (resource, fields) = ("data-privacy-deletion-job", &["type", "attributes"]);
        reader::read(body, limits::BODY_BYTES, resource, fields, |reader, data| {
            let attributes = reader.object_in(data, "attributes", ATTRIBUTES)?;
            let (id, contact) = match attributes.get("profile") {
                None => (None, None),
                Some(profile) => nested(reader, &profile)?,
            };
            let mut named: Vec<Value<'_>> = id.into_iter().collect();
            named.extend(attributes.get("profile_id"));
            let mut subjects: Vec<Option<DeletionSubject>> =
                named.iter().map(|value| reader.text(value).map(DeletionSubject::Id)).collect();
            for object in contact.iter().chain([&attributes]) {
                subjects.extend(reached(reader, object));
            }
            only(reader, &attributes.at, subjects)
        })
    }
}

/// The id of a nested profile, and its attributes.
type Nested<'a> = (Option<Value<'a>>, Option<Object<'a>>);

fn nested<'a>(reader: &mut Reader, profile: &Value<'a>) -> Option<Nested<'a>> {
    let profile = reader.object(profile, &["data"])?;
    let data = reader.required(&profile, "data")?;
    let data = reader.resource(&data, "profile", &["type", "id", "attributes"])?;
    let contact = match data.get("attributes") {
        None => None,
        Some(attributes) => Some(reader.object(&attributes, &["email", "phone_number"])?),
    };
    Some((data.get("id"), contact))
}

/// Whoever is reached at the addresses and numbers given here.
fn reached(reader: &mut Reader, object: &Object<'_>) -> Vec<Option<DeletionSubject>> {
    let email = object.get("email");
    let number = object.get("phone_number");
    let email = email.map(|value| reader.text(&value).map(DeletionSubject::Email));
    let number = number.map(|value| reader.text(&value).map(DeletionSubject::PhoneNumber));
    email.into_iter().chain(number).collect()
}

fn only(
    reader: &mut Reader,
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
