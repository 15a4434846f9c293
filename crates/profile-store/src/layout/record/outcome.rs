//! What a record says of one outcome.

use profile_protocol::{ChangedAttribute, Date, IdentifierKind, RequestedRevision, Revision};

use super::{
    InvalidRecord,
    bytes::{Reader, Writer},
    profile::{field_number, field_of},
};
use crate::{
    Caller, ClaimOutcome, ClaimResult, ClaimSource, Effect, Ignored, InvalidToken, Outcome,
    Refused, Timestamp, Unsigned,
};

/// The tag of a property. A field's tag is its number.
const PROPERTY: u8 = 255;

/// Writes an outcome. Its number follows from the key.
pub(super) fn encode_outcome(writer: &mut Writer, outcome: &Outcome) {
    let Outcome { sequence: _, at, caller, revision, survivor, effect, claims, .. } = outcome;
    writer.number(at.millis());
    writer.byte(number_of(&SCOPES, *caller));
    writer.text(&revision.to_string());
    writer.byte(number_of(&EFFECTS, *effect));
    writer.count(survivor.iter().len());
    survivor.iter().for_each(|&id| writer.id(id));
    writer.count(claims.len());
    claims.iter().for_each(|claim| encode_claim(writer, claim));
    encode_attributes(writer, &outcome.changed, outcome.changed_unlisted);
    encode_attributes(writer, &outcome.withheld, outcome.withheld_unlisted);
    writer.count(outcome.previous.len());
    outcome.previous.iter().for_each(|&sequence| writer.number(sequence));
}

/// Reads the outcome with this number.
pub(super) fn decode_outcome(
    sequence: u64,
    reader: &mut Reader<'_>,
) -> Result<Outcome, InvalidRecord> {
    let at = Timestamp::from_millis(reader.number()?);
    let caller = nth(&SCOPES, reader.byte()?)?;
    let revision = decode_revision(reader.text()?)?;
    let effect = nth(&EFFECTS, reader.byte()?)?;
    let survivor = repeated(reader, Reader::id)?;
    let claims = repeated(reader, decode_claim)?;
    let (changed, changed_unlisted) = decode_attributes(reader)?;
    let (withheld, withheld_unlisted) = decode_attributes(reader)?;
    let previous = repeated(reader, Reader::number)?;
    let survivor = match survivor[..] {
        [] => None,
        [id] => Some(id),
        _ => return Err(InvalidRecord::Value),
    };
    Ok(Outcome {
        sequence,
        at,
        caller,
        revision,
        survivor,
        effect,
        claims,
        changed,
        changed_unlisted,
        withheld,
        withheld_unlisted,
        previous,
    })
}

fn repeated<'a, T>(
    reader: &mut Reader<'a>,
    read: impl Fn(&mut Reader<'a>) -> Result<T, InvalidRecord>,
) -> Result<Vec<T>, InvalidRecord> {
    let count = reader.count()?;
    (0..count).map(|_| read(reader)).collect()
}

fn decode_revision(text: &str) -> Result<Revision, InvalidRecord> {
    let requested: RequestedRevision = text.parse().or(Err(InvalidRecord::Value))?;
    // What was recorded had come out by then, whatever day it is now.
    requested.resolve(Date::from_unix_days(u32::MAX)).or(Err(InvalidRecord::Value))
}

// What has a place in one of these lists is recorded as its number there, so
// new entries go to the end.
const SCOPES: [Caller; 2] = [Caller::Client, Caller::Server];
const EFFECTS: [Effect; 6] = [
    Effect::Created,
    Effect::Updated,
    Effect::Unchanged,
    Effect::Unidentified,
    Effect::Unmerged,
    Effect::Deleted,
];
const ORIGINS: [ClaimSource; 4] =
    [ClaimSource::Subject, ClaimSource::Attributes, ClaimSource::Append, ClaimSource::Command];
const KINDS: [IdentifierKind; 5] = [
    IdentifierKind::AnonymousId,
    IdentifierKind::PhoneNumber,
    IdentifierKind::Email,
    IdentifierKind::ExternalId,
    IdentifierKind::Id,
];

fn number_of<T: Copy + PartialEq>(all: &[T], one: T) -> u8 {
    let number = all.iter().position(|known| *known == one);
    number.and_then(|number| u8::try_from(number).ok()).unwrap_or(u8::MAX)
}

fn nth<T: Copy>(all: &[T], number: u8) -> Result<T, InvalidRecord> {
    all.get(usize::from(number)).copied().ok_or(InvalidRecord::Tag(number))
}

fn encode_claim(writer: &mut Writer, claim: &ClaimOutcome) {
    writer.byte(number_of(&KINDS, claim.kind));
    writer.byte(number_of(&ORIGINS, claim.origin));
    encode_fate(writer, claim.result);
}

fn decode_claim(reader: &mut Reader<'_>) -> Result<ClaimOutcome, InvalidRecord> {
    let kind = nth(&KINDS, reader.byte()?)?;
    let origin = nth(&ORIGINS, reader.byte()?)?;
    Ok(ClaimOutcome { kind, origin, result: decode_fate(reader)? })
}

fn encode_fate(writer: &mut Writer, result: ClaimResult) {
    let (tag, kind, id) = match result {
        ClaimResult::Matched => (0, None, None),
        ClaimResult::Attached => (1, None, None),
        ClaimResult::Replaced => (2, None, None),
        ClaimResult::Absorbed(id) => (3, None, Some(id)),
        ClaimResult::Restored(id) => (4, None, Some(id)),
        ClaimResult::Released => (5, None, None),
        ClaimResult::Refused(Refused::Sentinel) => (16, None, None),
        ClaimResult::Refused(Refused::OwnsHigher(kind)) => (17, Some(kind), None),
        ClaimResult::Refused(Refused::HeldDifferently(kind)) => (18, Some(kind), None),
        ClaimResult::Refused(Refused::MergeCap) => (19, None, None),
        ClaimResult::Refused(Refused::TooLarge) => (20, None, None),
        ClaimResult::Refused(Refused::Undone) => (21, None, None),
        ClaimResult::Refused(Refused::Protected) => (22, None, None),
        ClaimResult::Ignored(Ignored::PlaceTaken) => (32, None, None),
        ClaimResult::Ignored(Ignored::UnknownId) => (33, None, None),
        ClaimResult::Ignored(Ignored::ForeignId) => (34, None, None),
        ClaimResult::Ignored(Ignored::ServerOnly) => (35, None, None),
        ClaimResult::Ignored(Ignored::Token(InvalidToken::Unsealed)) => (36, None, None),
        ClaimResult::Ignored(Ignored::Token(InvalidToken::Foreign)) => (37, None, None),
        ClaimResult::Ignored(Ignored::Token(InvalidToken::Expired)) => (38, None, None),
        ClaimResult::Ignored(Ignored::Unsigned(Unsigned::Missing)) => (39, None, None),
        ClaimResult::Ignored(Ignored::Unsigned(Unsigned::Wrong)) => (40, None, None),
        ClaimResult::Ignored(Ignored::Unsigned(Unsigned::Expired)) => (41, None, None),
    };
    writer.byte(tag);
    kind.into_iter().for_each(|kind| writer.byte(number_of(&KINDS, kind)));
    id.into_iter().for_each(|id| writer.id(id));
}

fn decode_fate(reader: &mut Reader<'_>) -> Result<ClaimResult, InvalidRecord> {
    let token = |reason| Ok(ClaimResult::Ignored(Ignored::Token(reason)));
    let unsigned = |reason| Ok(ClaimResult::Ignored(Ignored::Unsigned(reason)));
    match reader.byte()? {
        0 => Ok(ClaimResult::Matched),
        1 => Ok(ClaimResult::Attached),
        2 => Ok(ClaimResult::Replaced),
        3 => Ok(ClaimResult::Absorbed(reader.id()?)),
        4 => Ok(ClaimResult::Restored(reader.id()?)),
        5 => Ok(ClaimResult::Released),
        16 => Ok(ClaimResult::Refused(Refused::Sentinel)),
        17 => Ok(ClaimResult::Refused(Refused::OwnsHigher(nth(&KINDS, reader.byte()?)?))),
        18 => Ok(ClaimResult::Refused(Refused::HeldDifferently(nth(&KINDS, reader.byte()?)?))),
        19 => Ok(ClaimResult::Refused(Refused::MergeCap)),
        20 => Ok(ClaimResult::Refused(Refused::TooLarge)),
        21 => Ok(ClaimResult::Refused(Refused::Undone)),
        22 => Ok(ClaimResult::Refused(Refused::Protected)),
        32 => Ok(ClaimResult::Ignored(Ignored::PlaceTaken)),
        33 => Ok(ClaimResult::Ignored(Ignored::UnknownId)),
        34 => Ok(ClaimResult::Ignored(Ignored::ForeignId)),
        35 => Ok(ClaimResult::Ignored(Ignored::ServerOnly)),
        36 => token(InvalidToken::Unsealed),
        37 => token(InvalidToken::Foreign),
        38 => token(InvalidToken::Expired),
        39 => unsigned(Unsigned::Missing),
        40 => unsigned(Unsigned::Wrong),
        41 => unsigned(Unsigned::Expired),
        tag => Err(InvalidRecord::Tag(tag)),
    }
}

/// The attributes listed, and how many more there are.
fn encode_attributes(writer: &mut Writer, listed: &[ChangedAttribute], unlisted: usize) {
    writer.count(listed.len());
    listed.iter().for_each(|attribute| encode_attribute(writer, attribute));
    writer.count(unlisted);
}

fn decode_attributes(
    reader: &mut Reader<'_>,
) -> Result<(Vec<ChangedAttribute>, usize), InvalidRecord> {
    let listed = repeated(reader, decode_attribute)?;
    let unlisted = usize::try_from(reader.number()?).or(Err(InvalidRecord::Value))?;
    Ok((listed, unlisted))
}

fn encode_attribute(writer: &mut Writer, attribute: &ChangedAttribute) {
    match attribute {
        ChangedAttribute::Field(field) => writer.byte(field_number(*field)),
        ChangedAttribute::Property(name) => {
            writer.byte(PROPERTY);
            writer.text(name.as_str());
        }
    }
}

fn decode_attribute(reader: &mut Reader<'_>) -> Result<ChangedAttribute, InvalidRecord> {
    match reader.byte()? {
        PROPERTY => Ok(ChangedAttribute::Property(reader.parsed()?)),
        number => field_of(number).map(ChangedAttribute::Field).ok_or(InvalidRecord::Tag(number)),
    }
}
