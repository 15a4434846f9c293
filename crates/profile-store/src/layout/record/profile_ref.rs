//! What a claim names, as a part of other records.

use super::{
    InvalidRecord,
    bytes::{Reader, Writer},
};
use crate::{Identifier, ProfileRef};

const PROFILE: u8 = b'i';
const ANONYMOUS_ID: u8 = b'a';
const EMAIL: u8 = b'e';
const PHONE_NUMBER: u8 = b'p';
const EXTERNAL_ID: u8 = b'x';

pub(super) fn encode_named(writer: &mut Writer, named: &ProfileRef) {
    let (tag, identifier) = match named {
        ProfileRef::Id(id) => {
            writer.byte(PROFILE);
            writer.id(*id);
            return;
        }
        ProfileRef::Identifier(identifier @ Identifier::AnonymousId(_)) => {
            (ANONYMOUS_ID, identifier)
        }
        ProfileRef::Identifier(identifier @ Identifier::Email(_)) => (EMAIL, identifier),
        ProfileRef::Identifier(identifier @ Identifier::PhoneNumber(_)) => {
            (PHONE_NUMBER, identifier)
        }
        ProfileRef::Identifier(identifier @ Identifier::ExternalId(_)) => (EXTERNAL_ID, identifier),
    };
    writer.byte(tag);
    writer.text(identifier.as_str());
}

pub(super) fn decode_named(reader: &mut Reader<'_>) -> Result<ProfileRef, InvalidRecord> {
    Ok(match reader.byte()? {
        PROFILE => ProfileRef::Id(reader.id()?),
        ANONYMOUS_ID => ProfileRef::Identifier(Identifier::AnonymousId(reader.parsed()?)),
        EMAIL => ProfileRef::Identifier(Identifier::Email(reader.parsed()?)),
        PHONE_NUMBER => ProfileRef::Identifier(Identifier::PhoneNumber(reader.parsed()?)),
        EXTERNAL_ID => ProfileRef::Identifier(Identifier::ExternalId(reader.parsed()?)),
        tag => return Err(InvalidRecord::Tag(tag)),
    })
}
