//! The result of one claim, as a part of the record of an outcome.

use profile_protocol::IdentifierKind;

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
};
use crate::{ClaimResult, Ignored, InvalidToken, Refused, Unsigned};

// Tags of results. A tag once assigned keeps its meaning forever.
const MATCHED: u8 = 0;
const ATTACHED: u8 = 1;
const REPLACED: u8 = 2;
const ABSORBED: u8 = 3;
const RESTORED: u8 = 4;
const RELEASED: u8 = 5;
const MOVED: u8 = 6;
const REFUSED_PLACEHOLDER: u8 = 16;
const REFUSED_OWNS_HIGHER: u8 = 17;
const REFUSED_HELD_DIFFERENTLY: u8 = 18;
const REFUSED_MERGE_CAP: u8 = 19;
const REFUSED_TOO_LARGE: u8 = 20;
const REFUSED_UNDONE: u8 = 21;
const REFUSED_PROTECTED: u8 = 22;
const REFUSED_BOTH_KNOWN: u8 = 23;
const REFUSED_MERGE_RATE: u8 = 24;
const IGNORED_ANOTHER_HELD: u8 = 32;
const IGNORED_UNKNOWN_ID: u8 = 33;
const IGNORED_FOREIGN_ID: u8 = 34;
const IGNORED_SERVER_ONLY: u8 = 35;
const IGNORED_TOKEN_UNSEALED: u8 = 36;
const IGNORED_TOKEN_FOREIGN: u8 = 37;
const IGNORED_TOKEN_EXPIRED: u8 = 38;
const IGNORED_UNSIGNED: u8 = 39;
const IGNORED_SIGNATURE_WRONG: u8 = 40;
const IGNORED_SIGNATURE_EXPIRED: u8 = 41;
const IGNORED_TOKEN_REVOKED: u8 = 42;
const IGNORED_TOKEN_DEVICE_NOT_HELD: u8 = 43;
const IGNORED_NO_PROFILE: u8 = 44;

pub(super) fn encode_result(writer: &mut RecordWriter, result: ClaimResult) {
    match result {
        ClaimResult::Matched => writer.byte(MATCHED),
        ClaimResult::Attached => writer.byte(ATTACHED),
        ClaimResult::Replaced => writer.byte(REPLACED),
        ClaimResult::Absorbed(id) => {
            writer.byte(ABSORBED);
            writer.id(id);
        }
        ClaimResult::Restored(id) => {
            writer.byte(RESTORED);
            writer.id(id);
        }
        ClaimResult::Released => writer.byte(RELEASED),
        ClaimResult::Moved(id) => {
            writer.byte(MOVED);
            writer.id(id);
        }
        ClaimResult::Refused(reason) => encode_refused(writer, reason),
        ClaimResult::Ignored(reason) => writer.byte(ignored_tag(reason)),
    }
}

fn encode_refused(writer: &mut RecordWriter, reason: Refused) {
    match reason {
        Refused::Placeholder => writer.byte(REFUSED_PLACEHOLDER),
        Refused::OwnsHigher(kind) => {
            writer.byte(REFUSED_OWNS_HIGHER);
            writer.byte(kind_number(kind));
        }
        Refused::HeldDifferently(kind) => {
            writer.byte(REFUSED_HELD_DIFFERENTLY);
            writer.byte(kind_number(kind));
        }
        Refused::MergeCap => writer.byte(REFUSED_MERGE_CAP),
        Refused::TooLarge => writer.byte(REFUSED_TOO_LARGE),
        Refused::Undone => writer.byte(REFUSED_UNDONE),
        Refused::Protected => writer.byte(REFUSED_PROTECTED),
        Refused::BothKnown => writer.byte(REFUSED_BOTH_KNOWN),
        Refused::MergeRate => writer.byte(REFUSED_MERGE_RATE),
    }
}

const fn ignored_tag(reason: Ignored) -> u8 {
    match reason {
        Ignored::AnotherHeld => IGNORED_ANOTHER_HELD,
        Ignored::UnknownId => IGNORED_UNKNOWN_ID,
        Ignored::ForeignId => IGNORED_FOREIGN_ID,
        Ignored::ServerOnly => IGNORED_SERVER_ONLY,
        Ignored::NoProfile => IGNORED_NO_PROFILE,
        Ignored::Token(InvalidToken::Unsealed) => IGNORED_TOKEN_UNSEALED,
        Ignored::Token(InvalidToken::Foreign) => IGNORED_TOKEN_FOREIGN,
        Ignored::Token(InvalidToken::Expired) => IGNORED_TOKEN_EXPIRED,
        Ignored::Token(InvalidToken::Revoked) => IGNORED_TOKEN_REVOKED,
        Ignored::Token(InvalidToken::DeviceNotHeld) => IGNORED_TOKEN_DEVICE_NOT_HELD,
        Ignored::Unsigned(Unsigned::Missing) => IGNORED_UNSIGNED,
        Ignored::Unsigned(Unsigned::Wrong) => IGNORED_SIGNATURE_WRONG,
        Ignored::Unsigned(Unsigned::Expired) => IGNORED_SIGNATURE_EXPIRED,
    }
}

pub(super) fn decode_result(reader: &mut RecordReader<'_>) -> Result<ClaimResult, InvalidRecord> {
    Ok(match reader.byte()? {
        MATCHED => ClaimResult::Matched,
        ATTACHED => ClaimResult::Attached,
        REPLACED => ClaimResult::Replaced,
        ABSORBED => ClaimResult::Absorbed(reader.id()?),
        RESTORED => ClaimResult::Restored(reader.id()?),
        RELEASED => ClaimResult::Released,
        MOVED => ClaimResult::Moved(reader.id()?),
        REFUSED_PLACEHOLDER => ClaimResult::Refused(Refused::Placeholder),
        REFUSED_OWNS_HIGHER => ClaimResult::Refused(Refused::OwnsHigher(decode_kind(reader)?)),
        REFUSED_HELD_DIFFERENTLY => {
            ClaimResult::Refused(Refused::HeldDifferently(decode_kind(reader)?))
        }
        REFUSED_MERGE_CAP => ClaimResult::Refused(Refused::MergeCap),
        REFUSED_TOO_LARGE => ClaimResult::Refused(Refused::TooLarge),
        REFUSED_UNDONE => ClaimResult::Refused(Refused::Undone),
        REFUSED_PROTECTED => ClaimResult::Refused(Refused::Protected),
        REFUSED_BOTH_KNOWN => ClaimResult::Refused(Refused::BothKnown),
        REFUSED_MERGE_RATE => ClaimResult::Refused(Refused::MergeRate),
        tag => ClaimResult::Ignored(ignored(tag)?),
    })
}

fn ignored(tag: u8) -> Result<Ignored, InvalidRecord> {
    match tag {
        IGNORED_ANOTHER_HELD => Ok(Ignored::AnotherHeld),
        IGNORED_UNKNOWN_ID => Ok(Ignored::UnknownId),
        IGNORED_FOREIGN_ID => Ok(Ignored::ForeignId),
        IGNORED_SERVER_ONLY => Ok(Ignored::ServerOnly),
        IGNORED_NO_PROFILE => Ok(Ignored::NoProfile),
        IGNORED_TOKEN_UNSEALED => Ok(Ignored::Token(InvalidToken::Unsealed)),
        IGNORED_TOKEN_FOREIGN => Ok(Ignored::Token(InvalidToken::Foreign)),
        IGNORED_TOKEN_EXPIRED => Ok(Ignored::Token(InvalidToken::Expired)),
        IGNORED_TOKEN_REVOKED => Ok(Ignored::Token(InvalidToken::Revoked)),
        IGNORED_TOKEN_DEVICE_NOT_HELD => Ok(Ignored::Token(InvalidToken::DeviceNotHeld)),
        IGNORED_UNSIGNED => Ok(Ignored::Unsigned(Unsigned::Missing)),
        IGNORED_SIGNATURE_WRONG => Ok(Ignored::Unsigned(Unsigned::Wrong)),
        IGNORED_SIGNATURE_EXPIRED => Ok(Ignored::Unsigned(Unsigned::Expired)),
        tag => Err(InvalidRecord::Tag(tag)),
    }
}

pub(super) const fn kind_number(kind: IdentifierKind) -> u8 {
    match kind {
        IdentifierKind::AnonymousId => 0,
        IdentifierKind::PhoneNumber => 1,
        IdentifierKind::Email => 2,
        IdentifierKind::ExternalId => 3,
        IdentifierKind::Id => 4,
    }
}

pub(super) fn decode_kind(reader: &mut RecordReader<'_>) -> Result<IdentifierKind, InvalidRecord> {
    match reader.byte()? {
        0 => Ok(IdentifierKind::AnonymousId),
        1 => Ok(IdentifierKind::PhoneNumber),
        2 => Ok(IdentifierKind::Email),
        3 => Ok(IdentifierKind::ExternalId),
        4 => Ok(IdentifierKind::Id),
        number => Err(InvalidRecord::Tag(number)),
    }
}
