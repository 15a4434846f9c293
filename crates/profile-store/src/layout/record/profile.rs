//! The record of a profile.

use std::{collections::BTreeSet, ops::Range};

use profile_protocol::{Field, IdentifierKind, ProfileId, Text, limits::PROPERTIES};

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
    field_number::{field_from_number, field_number},
    replaced_value::{decode_replaced_value, encode_replaced_value},
};
use crate::{
    Device, DoNotMerge, LinkDigest, Profile, ProfileIdentifiers, ReplacedValue, SingleKinds,
    StoredProfile, Timestamp,
    model::encoded_properties::{
        EncodedProperties, EncodedProperty, PropertyBytes, decode_properties,
    },
};

const VERSION: u8 = 1;

// Tags of the parts after the head, in the order in which they are written.
const EXTERNAL_ID: u8 = 1;
const EMAIL: u8 = 2;
const PHONE_NUMBER: u8 = 3;
/// A device that an earlier release attached, which did not note when it saw it.
const UNDATED_DEVICE: u8 = 4;
const SECONDARY_EMAIL: u8 = 5;
const ABSORBED: u8 = 6;
const PROPERTY: u8 = 7;
const DO_NOT_MERGE: u8 = 8;
/// A property whose value the company wrote.
const COMPANY_PROPERTY: u8 = 9;
/// When the exchange tokens of the profile were revoked.
const TOKENS_REVOKED: u8 = 10;
// Only clients have named the identifier of this kind.
const CLIENT_EXTERNAL_ID: u8 = 11;
const CLIENT_EMAIL: u8 = 12;
const CLIENT_PHONE_NUMBER: u8 = 13;
/// A device, when it was attached, and how much later it was last seen.
const DEVICE: u8 = 14;
/// A profile that the request of a client merged.
const ABSORBED_BY_CLIENT: u8 = 15;
/// What is noted about a value that clients replaced.
const REPLACED: u8 = 20;
/// How many identifiers that the profile has lost still lead to it.
const FORMER_IDENTIFIERS: u8 = 21;
/// The tag of a field is this number plus the number of the field.
const FIELD: u8 = 32;
/// The same for a field whose value the company wrote.
const COMPANY_FIELD: u8 = 64;

/// The usual size of a property with a short value.
const EXPECTED_PROPERTY_BYTES: usize = 32;

/// The record of a profile. The id is in the key.
pub(crate) fn encode_profile(profile: &Profile) -> Vec<u8> {
    // Destructured without `..`, so that a new part does not compile until it is written, too.
    let Profile {
        id: _,
        created,
        updated,
        identifiers,
        attributes,
        authored,
        absorbed,
        client_merges,
        last_outcome,
        do_not_merge,
        tokens_revoked,
        replaced,
        former_identifiers,
    } = profile;
    let mut writer = RecordWriter::new(VERSION);
    encode_head(&mut writer, [*created, *updated], *last_outcome);
    encode_identifiers(&mut writer, identifiers);
    encode_absorbed(&mut writer, absorbed, client_merges);
    encode_marks(&mut writer, do_not_merge);
    encode_revocation(&mut writer, *tokens_revoked);
    replaced.iter().for_each(|noted| encode_replaced(&mut writer, noted));
    encode_former(&mut writer, *former_identifiers);
    for (name, value) in attributes.properties.iter() {
        let by_company = authored.property(name);
        let (name, value) = (name.as_str().as_bytes(), value.as_json().as_bytes());
        encode_property(&mut writer, PropertyBytes { name, value, by_company });
    }
    for field in Field::ALL {
        let value = attributes.fields[field].as_ref();
        encode_field(&mut writer, field, value, authored.field(field));
    }
    writer.finish()
}

/// The same record of a stored profile. Properties that are not decoded are copied.
pub(crate) fn encode_stored_profile(profile: &StoredProfile) -> Vec<u8> {
    let mut writer = RecordWriter::new(VERSION);
    writer.reserve(profile.property_bytes());
    encode_head(&mut writer, [profile.created, profile.updated], profile.last_outcome);
    encode_identifiers(&mut writer, &profile.identifiers);
    encode_absorbed(&mut writer, &profile.absorbed, &profile.client_merges);
    encode_marks(&mut writer, &profile.do_not_merge);
    encode_revocation(&mut writer, profile.tokens_revoked);
    profile.replaced.iter().for_each(|noted| encode_replaced(&mut writer, noted));
    encode_former(&mut writer, profile.former_identifiers);
    for property in profile.properties() {
        encode_property(&mut writer, property);
    }
    for field in Field::ALL {
        encode_field(&mut writer, field, profile.field(field), profile.is_authored(field));
    }
    writer.finish()
}

fn encode_head(writer: &mut RecordWriter, times: [Timestamp; 2], last_outcome: Option<u64>) {
    times.into_iter().for_each(|time| writer.number(time.millis()));
    // Outcomes are numbered from one.
    writer.number(last_outcome.unwrap_or(0));
}

fn encode_identifiers(writer: &mut RecordWriter, identifiers: &ProfileIdentifiers) {
    let ProfileIdentifiers {
        external_id,
        email,
        phone_number,
        devices,
        secondary_emails,
        client_attached,
    } = identifiers;
    let mut part = |tag, text: &str| {
        writer.byte(tag);
        writer.text(text);
    };
    external_id.iter().for_each(|id| part(EXTERNAL_ID, id.as_str()));
    email.iter().for_each(|email| part(EMAIL, email.as_str()));
    phone_number.iter().for_each(|number| part(PHONE_NUMBER, number.as_str()));
    devices.iter().for_each(|device| encode_device(writer, device));
    for email in secondary_emails {
        writer.byte(SECONDARY_EMAIL);
        writer.text(email.as_str());
    }
    let by_client = SingleKinds::ALL.into_iter().filter(|kind| client_attached.contains(*kind));
    by_client.filter_map(client_tag).for_each(|tag| writer.byte(tag));
}

fn encode_device(writer: &mut RecordWriter, device: &Device) {
    let Device { id, attached, seen } = device;
    if *seen == Timestamp::default() {
        writer.byte(UNDATED_DEVICE);
    } else {
        writer.byte(DEVICE);
        writer.number(attached.millis());
        writer.number(seen.millis().saturating_sub(attached.millis()));
    }
    writer.text(id.as_str());
}

const fn client_tag(kind: IdentifierKind) -> Option<u8> {
    match kind {
        IdentifierKind::ExternalId => Some(CLIENT_EXTERNAL_ID),
        IdentifierKind::Email => Some(CLIENT_EMAIL),
        IdentifierKind::PhoneNumber => Some(CLIENT_PHONE_NUMBER),
        IdentifierKind::AnonymousId | IdentifierKind::Id => None,
    }
}

fn encode_absorbed(
    writer: &mut RecordWriter,
    absorbed: &[ProfileId],
    client_merges: &BTreeSet<ProfileId>,
) {
    for &id in absorbed {
        writer.byte(if client_merges.contains(&id) { ABSORBED_BY_CLIENT } else { ABSORBED });
        writer.id(id);
    }
}

fn encode_marks(writer: &mut RecordWriter, marks: &[DoNotMerge]) {
    for DoNotMerge { from, link } in marks {
        writer.byte(DO_NOT_MERGE);
        writer.id(*from);
        writer.bits(link.bits());
    }
}

fn encode_revocation(writer: &mut RecordWriter, revoked: Option<Timestamp>) {
    if let Some(at) = revoked {
        writer.byte(TOKENS_REVOKED);
        writer.number(at.millis());
    }
}

fn encode_replaced(writer: &mut RecordWriter, noted: &ReplacedValue) {
    writer.byte(REPLACED);
    encode_replaced_value(writer, noted);
}

fn encode_former(writer: &mut RecordWriter, count: u32) {
    if count != 0 {
        writer.byte(FORMER_IDENTIFIERS);
        writer.number(u64::from(count));
    }
}

fn encode_property(writer: &mut RecordWriter, property: PropertyBytes<'_>) {
    let PropertyBytes { name, value, by_company } = property;
    writer.byte(if by_company { COMPANY_PROPERTY } else { PROPERTY });
    writer.blob(name);
    writer.blob(value);
}

fn encode_field(writer: &mut RecordWriter, field: Field, value: Option<&Text>, by_company: bool) {
    if let Some(text) = value {
        let first = if by_company { COMPANY_FIELD } else { FIELD };
        writer.byte(first + field_number(field));
        writer.text(text.as_str());
    }
}

/// The profile with this id and record.
pub(crate) fn decode_profile(id: ProfileId, record: &[u8]) -> Result<Profile, InvalidRecord> {
    let (mut profile, properties) = decode_parts(id, record)?;
    let properties = decode_properties(record, &properties, &mut profile.authored)?;
    profile.attributes.properties = properties;
    Ok(profile)
}

/// The profile with this id and record, whose properties are decoded when they are needed.
pub(crate) fn decode_stored_profile(
    id: ProfileId,
    record: Vec<u8>,
) -> Result<StoredProfile, InvalidRecord> {
    let (profile, properties) = decode_parts(id, &record)?;
    if properties.is_empty() {
        return Ok(profile.into());
    }
    Ok(StoredProfile::with_encoded(profile, EncodedProperties::new(record, properties)))
}

/// The profile with this id and record, without its attributes. Nothing else is read: they are the
/// last parts of a record.
pub(crate) fn decode_profile_head(
    id: ProfileId,
    record: &[u8],
) -> Result<StoredProfile, InvalidRecord> {
    let mut reader = RecordReader::new(record, VERSION)?;
    let ([created, updated], last_outcome) = decode_head(&mut reader)?;
    let mut profile = Profile::new(id, created);
    (profile.updated, profile.last_outcome) = (updated, last_outcome);
    while !reader.is_empty() {
        match reader.byte()? {
            PROPERTY | COMPANY_PROPERTY | FIELD.. => break,
            tag => decode_part(&mut profile, tag, &mut reader)?,
        }
    }
    Ok(profile.into())
}

/// The newest outcome of a profile that its record names. Nothing else is decoded.
pub(crate) fn decode_last_outcome(record: &[u8]) -> Result<Option<u64>, InvalidRecord> {
    let mut reader = RecordReader::new(record, VERSION)?;
    decode_head(&mut reader).map(|(_, last_outcome)| last_outcome)
}

/// Where the parts of a record are, beginning with its head.
pub(super) fn part_ranges(record: &[u8]) -> Result<Vec<Range<usize>>, InvalidRecord> {
    let mut reader = RecordReader::new(record, VERSION)?;
    decode_head(&mut reader)?;
    let mut read = Profile::new(ProfileId::from_bits(0), Timestamp::default());
    let mut start = 0;
    let mut ranges = Vec::with_capacity(expected_properties(record));
    loop {
        let end = reader.range_of_last(0).end;
        ranges.push(start..end);
        if reader.is_empty() {
            return Ok(ranges);
        }
        start = end;
        match reader.byte()? {
            PROPERTY | COMPANY_PROPERTY => {
                reader.blob()?;
                reader.blob()?;
            }
            tag => decode_part(&mut read, tag, &mut reader)?,
        }
    }
}

/// The name and the value of a part that is a property.
pub(super) fn property_of_part(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = RecordReader::part(part);
    match reader.byte() {
        Ok(PROPERTY | COMPANY_PROPERTY) => Some((reader.blob().ok()?, reader.blob().ok()?)),
        _ => None,
    }
}

/// The time of creation and of the last change, and the number of the newest outcome.
fn decode_head(
    reader: &mut RecordReader<'_>,
) -> Result<([Timestamp; 2], Option<u64>), InvalidRecord> {
    let created = Timestamp::from_millis(reader.number()?);
    let updated = Timestamp::from_millis(reader.number()?);
    let last_outcome = Some(reader.number()?).filter(|&sequence| sequence != 0);
    Ok(([created, updated], last_outcome))
}

/// The profile without its properties, and the positions of these.
fn decode_parts(
    id: ProfileId,
    record: &[u8],
) -> Result<(Profile, Vec<EncodedProperty>), InvalidRecord> {
    let mut reader = RecordReader::new(record, VERSION)?;
    let ([created, updated], last_outcome) = decode_head(&mut reader)?;
    let mut profile = Profile::new(id, created);
    (profile.updated, profile.last_outcome) = (updated, last_outcome);
    let mut properties = Vec::with_capacity(expected_properties(record));
    while !reader.is_empty() {
        match reader.byte()? {
            tag @ (PROPERTY | COMPANY_PROPERTY) => {
                let name = reader.blob()?.len();
                let name = reader.range_of_last(name);
                let value = reader.blob()?.len();
                let value = reader.range_of_last(value);
                let by_company = tag == COMPANY_PROPERTY;
                properties.push(EncodedProperty { name, value, by_company });
            }
            tag => decode_part(&mut profile, tag, &mut reader)?,
        }
    }
    Ok((profile, properties))
}

/// The capacity to reserve for the positions of the properties of a record.
fn expected_properties(record: &[u8]) -> usize {
    (record.len() / EXPECTED_PROPERTY_BYTES).min(PROPERTIES)
}

fn decode_part(
    profile: &mut Profile,
    tag: u8,
    reader: &mut RecordReader<'_>,
) -> Result<(), InvalidRecord> {
    let Profile { identifiers, absorbed, client_merges, do_not_merge, .. } = profile;
    match tag {
        EXTERNAL_ID => identifiers.external_id = Some(reader.parsed()?),
        EMAIL => identifiers.email = Some(reader.parsed()?),
        PHONE_NUMBER => identifiers.phone_number = Some(reader.parsed()?),
        UNDATED_DEVICE => {
            identifiers.devices.push(Device::new(reader.parsed()?, Timestamp::default()));
        }
        SECONDARY_EMAIL => identifiers.secondary_emails.push(reader.parsed()?),
        ABSORBED => absorbed.push(reader.id()?),
        ABSORBED_BY_CLIENT => {
            let id = reader.id()?;
            absorbed.push(id);
            client_merges.insert(id);
        }
        DO_NOT_MERGE => {
            let (from, link) = (reader.id()?, LinkDigest::from_bits(reader.bits()?));
            do_not_merge.push(DoNotMerge { from, link });
        }
        TOKENS_REVOKED => {
            profile.tokens_revoked = Some(Timestamp::from_millis(reader.number()?));
        }
        FORMER_IDENTIFIERS => {
            let count = u32::try_from(reader.number()?).or(Err(InvalidRecord::Value))?;
            profile.former_identifiers = count;
        }
        CLIENT_EXTERNAL_ID => identifiers.client_attached.insert(IdentifierKind::ExternalId),
        CLIENT_EMAIL => identifiers.client_attached.insert(IdentifierKind::Email),
        CLIENT_PHONE_NUMBER => identifiers.client_attached.insert(IdentifierKind::PhoneNumber),
        DEVICE => identifiers.devices.push(decode_device(reader)?),
        REPLACED => profile.replaced.push(decode_replaced_value(reader)?),
        FIELD..COMPANY_FIELD => decode_field(profile, tag, tag - FIELD, false, reader)?,
        COMPANY_FIELD.. => decode_field(profile, tag, tag - COMPANY_FIELD, true, reader)?,
        tag => return Err(InvalidRecord::Tag(tag)),
    }
    Ok(())
}

fn decode_device(reader: &mut RecordReader<'_>) -> Result<Device, InvalidRecord> {
    let attached = reader.number()?;
    let seen = attached.checked_add(reader.number()?).ok_or(InvalidRecord::Value)?;
    let [attached, seen] = [attached, seen].map(Timestamp::from_millis);
    Ok(Device { id: reader.parsed()?, attached, seen })
}

fn decode_field(
    profile: &mut Profile,
    tag: u8,
    number: u8,
    by_company: bool,
    reader: &mut RecordReader<'_>,
) -> Result<(), InvalidRecord> {
    let field = field_from_number(number).ok_or(InvalidRecord::Tag(tag))?;
    profile.authored.put_field(field, by_company);
    let text = Text::from_stored(reader.text()?).or(Err(InvalidRecord::Value))?;
    profile.attributes.fields[field] = Some(text);
    Ok(())
}
