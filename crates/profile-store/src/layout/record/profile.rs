//! The record of a profile.

use profile_protocol::{Field, ProfileId, PropertyName, PropertyValue};

use super::{
    InvalidRecord,
    bytes::{Reader, Writer},
};
use crate::{DoNotMerge, LinkDigest, Profile, ProfileIdentifiers, Timestamp};

const VERSION: u8 = 1;

// Tags of the parts after the head, in the order in which they are written.
const EXTERNAL_ID: u8 = 1;
const EMAIL: u8 = 2;
const PHONE_NUMBER: u8 = 3;
const ANONYMOUS_ID: u8 = 4;
const SECONDARY_EMAIL: u8 = 5;
const ABSORBED: u8 = 6;
const PROPERTY: u8 = 7;
const APART: u8 = 8;
/// A property whose value the company wrote.
const OWN_PROPERTY: u8 = 9;
/// A field's tag is this much above its number.
const FIELD: u8 = 32;
/// The same for a field whose value the company wrote.
const OWN_FIELD: u8 = 64;

/// Fields by number. A number once given stays with its field for good.
const FIELDS: [Field; 16] = [
    Field::FirstName,
    Field::LastName,
    Field::Organization,
    Field::Title,
    Field::Image,
    Field::Locale,
    Field::Address1,
    Field::Address2,
    Field::City,
    Field::Country,
    Field::Region,
    Field::Zip,
    Field::Timezone,
    Field::Ip,
    Field::Latitude,
    Field::Longitude,
];

/// The number of a field in records.
pub(super) fn field_number(field: Field) -> u8 {
    let number = FIELDS.iter().position(|&known| known == field);
    number.and_then(|number| u8::try_from(number).ok()).unwrap_or(u8::MAX)
}

/// The field of that number.
pub(super) fn field_of(number: u8) -> Option<Field> {
    FIELDS.get(usize::from(number)).copied()
}

/// The record of a profile. Its id is in the key.
pub(crate) fn encode_profile(profile: &Profile) -> Vec<u8> {
    // Taken apart without `..`, so that a new part does not compile until it is
    // written, too.
    let Profile {
        id: _,
        created,
        updated,
        identifiers,
        attributes,
        authored,
        absorbed,
        last_outcome,
        do_not_merge,
    } = profile;
    let mut writer = Writer::new(VERSION);
    writer.number(created.millis());
    writer.number(updated.millis());
    writer.number(last_outcome.unwrap_or(0));
    encode_held(&mut writer, identifiers);
    for &id in absorbed {
        writer.byte(ABSORBED);
        writer.id(id);
    }
    for DoNotMerge { from, link } in do_not_merge {
        writer.byte(APART);
        writer.id(*from);
        writer.bits(link.bits());
    }
    for (name, value) in attributes.properties.iter() {
        writer.byte(if authored.property(name) { OWN_PROPERTY } else { PROPERTY });
        writer.text(name.as_str());
        writer.text(value.as_json());
    }
    for (field, value) in attributes.fields.iter() {
        if let Some(text) = value {
            let first = if authored.field(field) { OWN_FIELD } else { FIELD };
            writer.byte(first + field_number(field));
            writer.text(text.as_str());
        }
    }
    writer.finish()
}

fn encode_held(writer: &mut Writer, identifiers: &ProfileIdentifiers) {
    let ProfileIdentifiers { external_id, email, phone_number, anonymous_ids, secondary_emails } =
        identifiers;
    let mut part = |tag, text: &str| {
        writer.byte(tag);
        writer.text(text);
    };
    external_id.iter().for_each(|id| part(EXTERNAL_ID, id.as_str()));
    email.iter().for_each(|email| part(EMAIL, email.as_str()));
    phone_number.iter().for_each(|number| part(PHONE_NUMBER, number.as_str()));
    anonymous_ids.iter().for_each(|id| part(ANONYMOUS_ID, id.as_str()));
    secondary_emails.iter().for_each(|email| part(SECONDARY_EMAIL, email.as_str()));
}

/// The profile with this id and record.
pub(crate) fn decode_profile(id: ProfileId, record: &[u8]) -> Result<Profile, InvalidRecord> {
    let mut reader = Reader::new(record, VERSION)?;
    let mut profile = Profile::new(id, Timestamp::from_millis(reader.number()?));
    profile.updated = Timestamp::from_millis(reader.number()?);
    profile.last_outcome = Some(reader.number()?).filter(|&sequence| sequence != 0);
    let mut properties: Vec<(PropertyName, PropertyValue)> = Vec::new();
    while !reader.is_empty() {
        match reader.byte()? {
            tag @ (PROPERTY | OWN_PROPERTY) => {
                let name = reader.parsed()?;
                profile.authored.put_property(&name, tag == OWN_PROPERTY);
                properties.push((name, reader.parsed()?));
            }
            tag => decode_part(&mut profile, tag, &mut reader)?,
        }
    }
    profile.attributes.properties = properties.into_iter().collect();
    Ok(profile)
}

fn decode_part(
    profile: &mut Profile,
    tag: u8,
    reader: &mut Reader<'_>,
) -> Result<(), InvalidRecord> {
    let Profile { identifiers, attributes, authored, absorbed, do_not_merge, .. } = profile;
    match tag {
        EXTERNAL_ID => identifiers.external_id = Some(reader.parsed()?),
        EMAIL => identifiers.email = Some(reader.parsed()?),
        PHONE_NUMBER => identifiers.phone_number = Some(reader.parsed()?),
        ANONYMOUS_ID => identifiers.anonymous_ids.push(reader.parsed()?),
        SECONDARY_EMAIL => identifiers.secondary_emails.push(reader.parsed()?),
        ABSORBED => absorbed.push(reader.id()?),
        APART => {
            let (from, link) = (reader.id()?, LinkDigest::from_bits(reader.bits()?));
            do_not_merge.push(DoNotMerge { from, link });
        }
        tag => {
            let own = OWN_FIELD <= tag;
            let number = tag.checked_sub(if own { OWN_FIELD } else { FIELD });
            let field = number.and_then(field_of).ok_or(InvalidRecord::Tag(tag))?;
            authored.put_field(field, own);
            attributes.fields[field] = Some(reader.parsed()?);
        }
    }
    Ok(())
}
