//! One outcome, as a part of the record of an outcome segment.

use std::num::NonZeroU128;

use profile_protocol::{ChangedAttribute, Date, PropertyName, RequestedRevision, Revision};

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
    claim_result::{decode_kind, decode_result, encode_result, kind_number},
    field_number::{field_from_number, field_number},
};
use crate::{
    Caller, ClaimOutcome, ClaimSource, Effect, Outcome, PushTokenOutcome, PushTokenResult,
    RequestId, RequestIds, RequestSender, SenderDigest, Timestamp, TraceId,
};

/// The tag of a property. A field's tag is its number.
const PROPERTY: u8 = 255;

/// Writes an outcome. Its number follows from the key.
pub(super) fn encode_outcome(writer: &mut RecordWriter, outcome: &Outcome) {
    let Outcome { sequence: _, at, caller, revision, survivor, effect, claims, .. } = outcome;
    writer.number(at.millis());
    writer.byte(caller_number(*caller));
    writer.text(&revision.to_string());
    writer.byte(effect_number(*effect));
    writer.count(survivor.iter().len());
    survivor.iter().for_each(|&id| writer.id(id));
    writer.count(claims.len());
    claims.iter().for_each(|claim| encode_claim(writer, claim));
    encode_attributes(writer, &outcome.changed, outcome.changed_unlisted);
    encode_attributes(writer, &outcome.withheld, outcome.withheld_unlisted);
    writer.count(outcome.previous.len());
    outcome.previous.iter().for_each(|&sequence| writer.number(sequence));
    encode_request_ids(writer, outcome.request_ids.as_ref());
    encode_origin(writer, outcome.sender, outcome.push_token);
}

/// Reads the outcome with this number, as version 3 of a segment has it: without the ids of its
/// request, its sender, and what happened to push tokens.
pub(super) fn decode_outcome(
    sequence: u64,
    reader: &mut RecordReader<'_>,
) -> Result<Outcome, InvalidRecord> {
    let at = Timestamp::from_millis(reader.number()?);
    let caller = decode_caller(reader)?;
    let revision = decode_revision(reader.text()?)?;
    let effect = decode_effect(reader)?;
    let survivor = repeated(reader, RecordReader::id)?;
    let claims = repeated(reader, decode_claim)?;
    let (changed, changed_unlisted) = decode_attributes(reader)?;
    let (withheld, withheld_unlisted) = decode_attributes(reader)?;
    let previous = repeated(reader, RecordReader::number)?;
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
        push_token: None,
        request_ids: None,
        sender: RequestSender::default(),
    })
}

/// The bits of the byte that says what the id of the request is like, and whether the id of its
/// trace follows. It is 0 if the ids are not known.
const HEXADECIMAL: u8 = 1;
const TEXT: u8 = 2;
const TRACE: u8 = 4;

fn encode_request_ids(writer: &mut RecordWriter, ids: Option<&RequestIds>) {
    let Some(RequestIds { request, trace }) = ids else { return writer.byte(0) };
    let traced = trace.map_or(0, |_| TRACE);
    match request.bits_or_text() {
        Ok(bits) => {
            writer.byte(HEXADECIMAL | traced);
            writer.bits(bits);
        }
        Err(text) => {
            writer.byte(TEXT | traced);
            writer.text(text);
        }
    }
    trace.iter().for_each(|trace| writer.bits(trace.bits()));
}

/// Reads the ids of the request, which follow the outcome from version 4 of a segment on.
pub(super) fn decode_request_ids(
    reader: &mut RecordReader<'_>,
) -> Result<Option<RequestIds>, InvalidRecord> {
    let number = reader.byte()?;
    let request = match number & !TRACE {
        0 if number == 0 => return Ok(None),
        HEXADECIMAL => RequestId::from_bits(reader.bits()?),
        TEXT => reader.parsed()?,
        _ => return Err(InvalidRecord::Tag(number)),
    };
    let trace = (number & TRACE != 0).then(|| decode_trace_id(reader)).transpose()?;
    Ok(Some(RequestIds { request, trace }))
}

fn decode_trace_id(reader: &mut RecordReader<'_>) -> Result<TraceId, InvalidRecord> {
    NonZeroU128::new(reader.bits()?).map(TraceId::from_bits).ok_or(InvalidRecord::Value)
}

/// The bits of the byte that says which parts of a sender follow, and whether what happened to push
/// tokens does.
const NETWORK: u8 = 1;
const DEVICE: u8 = 2;
const PUSH_TOKEN: u8 = 4;

pub(super) fn encode_origin(
    writer: &mut RecordWriter,
    sender: RequestSender,
    push_token: Option<PushTokenOutcome>,
) {
    let RequestSender { network, device } = sender;
    let present = network.map_or(0, |_| NETWORK)
        | device.map_or(0, |_| DEVICE)
        | push_token.map_or(0, |_| PUSH_TOKEN);
    writer.byte(present);
    for digest in network.into_iter().chain(device) {
        digest.bits().to_be_bytes().into_iter().for_each(|byte| writer.byte(byte));
    }
    push_token.into_iter().for_each(|outcome| encode_push_token_outcome(writer, outcome));
}

/// Reads the sender and what happened to push tokens, which follow the id of the request from
/// version 5 of a segment on.
pub(super) fn decode_origin(
    reader: &mut RecordReader<'_>,
) -> Result<(RequestSender, Option<PushTokenOutcome>), InvalidRecord> {
    let present = reader.byte()?;
    if NETWORK | DEVICE | PUSH_TOKEN < present {
        return Err(InvalidRecord::Tag(present));
    }
    let mut digest = |bit| {
        let read = |reader| (present & bit != 0).then(|| decode_digest(reader)).transpose();
        read(&mut *reader)
    };
    let sender = RequestSender { network: digest(NETWORK)?, device: digest(DEVICE)? };
    let has_push_token = present & PUSH_TOKEN != 0;
    let push_token = has_push_token.then(|| decode_push_token_outcome(reader)).transpose()?;
    Ok((sender, push_token))
}

fn encode_push_token_outcome(writer: &mut RecordWriter, outcome: PushTokenOutcome) {
    let PushTokenOutcome { result, released } = outcome;
    match result {
        PushTokenResult::Attached => writer.byte(0),
        PushTokenResult::Moved(from) => {
            writer.byte(1);
            writer.id(from);
        }
        PushTokenResult::Updated => writer.byte(2),
        PushTokenResult::Matched => writer.byte(3),
        PushTokenResult::Released => writer.byte(4),
        PushTokenResult::NoSpace => writer.byte(5),
        PushTokenResult::NotHeld => writer.byte(6),
    }
    writer.number(released as u64);
}

fn decode_push_token_outcome(
    reader: &mut RecordReader<'_>,
) -> Result<PushTokenOutcome, InvalidRecord> {
    let result = match reader.byte()? {
        0 => PushTokenResult::Attached,
        1 => PushTokenResult::Moved(reader.id()?),
        2 => PushTokenResult::Updated,
        3 => PushTokenResult::Matched,
        4 => PushTokenResult::Released,
        5 => PushTokenResult::NoSpace,
        6 => PushTokenResult::NotHeld,
        number => return Err(InvalidRecord::Tag(number)),
    };
    Ok(PushTokenOutcome { result, released: reader.size()? })
}

fn decode_digest(reader: &mut RecordReader<'_>) -> Result<SenderDigest, InvalidRecord> {
    let mut bits = 0;
    for _ in 0..size_of::<u64>() {
        bits = bits << 8 | u64::from(reader.byte()?);
    }
    Ok(SenderDigest::from_bits(bits))
}

fn repeated<'a, T>(
    reader: &mut RecordReader<'a>,
    read: impl Fn(&mut RecordReader<'a>) -> Result<T, InvalidRecord>,
) -> Result<Vec<T>, InvalidRecord> {
    let count = reader.count()?;
    (0..count).map(|_| read(reader)).collect()
}

fn decode_revision(text: &str) -> Result<Revision, InvalidRecord> {
    let requested: RequestedRevision = text.parse().or(Err(InvalidRecord::Value))?;
    // A recorded revision had been released, whatever the current day is.
    requested.resolve(Date::from_unix_days(u32::MAX)).or(Err(InvalidRecord::Value))
}

fn encode_claim(writer: &mut RecordWriter, claim: &ClaimOutcome) {
    writer.byte(kind_number(claim.kind));
    writer.byte(source_number(claim.origin));
    encode_result(writer, claim.result);
}

fn decode_claim(reader: &mut RecordReader<'_>) -> Result<ClaimOutcome, InvalidRecord> {
    let kind = decode_kind(reader)?;
    let origin = decode_source(reader)?;
    Ok(ClaimOutcome { kind, origin, result: decode_result(reader)? })
}

/// The attributes that an outcome lists, and the number of further ones.
fn encode_attributes(writer: &mut RecordWriter, listed: &[ChangedAttribute], unlisted: usize) {
    writer.count(listed.len());
    listed.iter().for_each(|attribute| encode_attribute(writer, attribute));
    writer.count(unlisted);
}

fn decode_attributes(
    reader: &mut RecordReader<'_>,
) -> Result<(Vec<ChangedAttribute>, usize), InvalidRecord> {
    let listed = repeated(reader, decode_attribute)?;
    let unlisted = usize::try_from(reader.number()?).or(Err(InvalidRecord::Value))?;
    Ok((listed, unlisted))
}

fn encode_attribute(writer: &mut RecordWriter, attribute: &ChangedAttribute) {
    match attribute {
        ChangedAttribute::Field(field) => writer.byte(field_number(*field)),
        ChangedAttribute::Property(name) => {
            writer.byte(PROPERTY);
            writer.text(name.as_str());
        }
    }
}

fn decode_attribute(reader: &mut RecordReader<'_>) -> Result<ChangedAttribute, InvalidRecord> {
    match reader.byte()? {
        PROPERTY => {
            let name = PropertyName::from_stored(reader.text()?);
            Ok(ChangedAttribute::Property(name.or(Err(InvalidRecord::Value))?))
        }
        number => {
            field_from_number(number).map(ChangedAttribute::Field).ok_or(InvalidRecord::Tag(number))
        }
    }
}

pub(super) const fn caller_number(caller: Caller) -> u8 {
    match caller {
        Caller::Client => 0,
        Caller::Server => 1,
    }
}

pub(super) fn decode_caller(reader: &mut RecordReader<'_>) -> Result<Caller, InvalidRecord> {
    match reader.byte()? {
        0 => Ok(Caller::Client),
        1 => Ok(Caller::Server),
        number => Err(InvalidRecord::Tag(number)),
    }
}

const fn effect_number(effect: Effect) -> u8 {
    match effect {
        Effect::Created => 0,
        Effect::Updated => 1,
        Effect::Unchanged => 2,
        Effect::Unidentified => 3,
        Effect::Unmerged => 4,
        Effect::Deleted => 5,
        Effect::TokensRevoked => 6,
        Effect::NothingDeleted => 7,
    }
}

fn decode_effect(reader: &mut RecordReader<'_>) -> Result<Effect, InvalidRecord> {
    match reader.byte()? {
        0 => Ok(Effect::Created),
        1 => Ok(Effect::Updated),
        2 => Ok(Effect::Unchanged),
        3 => Ok(Effect::Unidentified),
        4 => Ok(Effect::Unmerged),
        5 => Ok(Effect::Deleted),
        6 => Ok(Effect::TokensRevoked),
        7 => Ok(Effect::NothingDeleted),
        number => Err(InvalidRecord::Tag(number)),
    }
}

const fn source_number(source: ClaimSource) -> u8 {
    match source {
        ClaimSource::Subject => 0,
        ClaimSource::Attributes => 1,
        ClaimSource::Append => 2,
        ClaimSource::Command => 3,
    }
}

fn decode_source(reader: &mut RecordReader<'_>) -> Result<ClaimSource, InvalidRecord> {
    match reader.byte()? {
        0 => Ok(ClaimSource::Subject),
        1 => Ok(ClaimSource::Attributes),
        2 => Ok(ClaimSource::Append),
        3 => Ok(ClaimSource::Command),
        number => Err(InvalidRecord::Tag(number)),
    }
}
