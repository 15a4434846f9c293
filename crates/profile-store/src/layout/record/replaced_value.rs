//! What a profile notes about a value that clients replaced, as a part of its record.

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
    outcome::{decode_origin, encode_origin},
};
use crate::{AttributeDigest, ReplacedValue, Timestamp, ValueDigest};

// The bits of the byte that says what follows.
const WRITTEN: u8 = 1;
const KEPT: u8 = 2;

pub(super) fn encode_replaced_value(writer: &mut RecordWriter, noted: &ReplacedValue) {
    let ReplacedValue { attribute, sender, sequence, at, written, bytes } = *noted;
    attribute.bits().to_be_bytes().into_iter().for_each(|byte| writer.byte(byte));
    encode_origin(writer, sender, None);
    writer.number(sequence);
    writer.number(at.millis());
    writer.byte(written.map_or(0, |_| WRITTEN) | bytes.map_or(0, |_| KEPT));
    written.iter().for_each(|written| writer.number(u64::from(written.bits())));
    bytes.iter().for_each(|bytes| writer.number(*bytes));
}

pub(super) fn decode_replaced_value(
    reader: &mut RecordReader<'_>,
) -> Result<ReplacedValue, InvalidRecord> {
    let mut attribute = 0;
    for _ in 0..size_of::<u64>() {
        attribute = attribute << 8 | u64::from(reader.byte()?);
    }
    let (sender, None) = decode_origin(reader)? else { return Err(InvalidRecord::Value) };
    let sequence = reader.number()?;
    let at = Timestamp::from_millis(reader.number()?);
    let present = reader.byte()?;
    if WRITTEN | KEPT < present {
        return Err(InvalidRecord::Tag(present));
    }
    let written = if present & WRITTEN == 0 {
        None
    } else {
        let bits = u32::try_from(reader.number()?).or(Err(InvalidRecord::Value))?;
        Some(ValueDigest::from_bits(bits))
    };
    let bytes = if present & KEPT == 0 { None } else { Some(reader.number()?) };
    let attribute = AttributeDigest::from_bits(attribute);
    Ok(ReplacedValue { attribute, sender, sequence, at, written, bytes })
}
