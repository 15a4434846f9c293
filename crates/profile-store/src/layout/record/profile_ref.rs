//! The target of a claim, as a part of other records.

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
};
use crate::{Identifier, ProfileRef};

const PROFILE: u8 = b'i';
const ANONYMOUS_ID: u8 = b'a';
const EMAIL: u8 = b'e';
const PHONE_NUMBER: u8 = b'p';
const EXTERNAL_ID: u8 = b'x';

pub(super) fn encode_profile_ref(writer: &mut RecordWriter, target: &ProfileRef) {
    match target {
        ProfileRef::Id(id) => {
            writer.byte(PROFILE);
            writer.id(*id);
        }
        ProfileRef::Identifier(identifier) => {
            writer.byte(tag(identifier));
            writer.text(identifier.as_str());
        }
    }
}

const fn tag(identifier: &Identifier) -> u8 {
    match identifier {
        Identifier::AnonymousId(_) => ANONYMOUS_ID,
        Identifier::Email(_) => EMAIL,
        Identifier::PhoneNumber(_) => PHONE_NUMBER,
        Identifier::ExternalId(_) => EXTERNAL_ID,
    }
}

pub(super) fn decode_profile_ref(
    reader: &mut RecordReader<'_>,
) -> Result<ProfileRef, InvalidRecord> {
    Ok(match reader.byte()? {
        PROFILE => ProfileRef::Id(reader.id()?),
        ANONYMOUS_ID => ProfileRef::Identifier(Identifier::AnonymousId(reader.parsed()?)),
        EMAIL => ProfileRef::Identifier(Identifier::Email(reader.parsed()?)),
        PHONE_NUMBER => ProfileRef::Identifier(Identifier::PhoneNumber(reader.parsed()?)),
        EXTERNAL_ID => ProfileRef::Identifier(Identifier::ExternalId(reader.parsed()?)),
        tag => return Err(InvalidRecord::Tag(tag)),
    })
}
