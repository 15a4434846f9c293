//! What a claim names, as a part of other records.

use super::{
    InvalidRecord,
    bytes::{Reader, Writer},
};
use crate::{Identifier, Named};

const PROFILE: u8 = b'i';
const ANONYMOUS_ID: u8 = b'a';
const EMAIL: u8 = b'e';
const PHONE_NUMBER: u8 = b'p';
const EXTERNAL_ID: u8 = b'x';

pub(super) fn encode_named(writer: &mut Writer, named: &Named) {
    let (tag, identifier) = match named {
        Named::Profile(id) => {
            writer.byte(PROFILE);
            writer.id(*id);
            return;
        }
        Named::Holder(identifier @ Identifier::AnonymousId(_)) => (ANONYMOUS_ID, identifier),
        Named::Holder(identifier @ Identifier::Email(_)) => (EMAIL, identifier),
        Named::Holder(identifier @ Identifier::PhoneNumber(_)) => (PHONE_NUMBER, identifier),
        Named::Holder(identifier @ Identifier::ExternalId(_)) => (EXTERNAL_ID, identifier),
    };
    writer.byte(tag);
    writer.text(identifier.as_str());
}

pub(super) fn decode_named(reader: &mut Reader<'_>) -> Result<Named, InvalidRecord> {
    Ok(match reader.byte()? {
        PROFILE => Named::Profile(reader.id()?),
        ANONYMOUS_ID => Named::Holder(Identifier::AnonymousId(reader.parsed()?)),
        EMAIL => Named::Holder(Identifier::Email(reader.parsed()?)),
        PHONE_NUMBER => Named::Holder(Identifier::PhoneNumber(reader.parsed()?)),
        EXTERNAL_ID => Named::Holder(Identifier::ExternalId(reader.parsed()?)),
        tag => return Err(InvalidRecord::Tag(tag)),
    })
}
