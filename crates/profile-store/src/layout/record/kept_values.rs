//! The record of values that a request replaced.

use profile_protocol::{PropertyName, PropertyValue, Text};

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
    field_number::{field_from_number, field_number},
};
use crate::{
    Timestamp,
    model::replaced::{AttributeValue, KeptValue, KeptValues},
};

const VERSION: u8 = 1;

/// The tag of a property. A field's tag is its number.
const PROPERTY: u8 = 255;

/// The record of values that a request replaced. The number of its outcome is in the key.
pub(crate) fn encode_kept_values(kept: &KeptValues) -> Vec<u8> {
    let KeptValues { profile, until, values } = kept;
    let mut writer = RecordWriter::new(VERSION);
    writer.id(*profile);
    writer.number(until.millis());
    for KeptValue { value, by_company } in values {
        writer.byte(u8::from(*by_company));
        match value {
            AttributeValue::Field(field, text) => {
                writer.byte(field_number(*field));
                writer.text(text.as_str());
            }
            AttributeValue::Property(name, value) => {
                writer.byte(PROPERTY);
                writer.text(name.as_str());
                writer.text(value.as_json());
            }
        }
    }
    writer.finish()
}

/// See [`encode_kept_values`].
pub(crate) fn decode_kept_values(record: &[u8]) -> Result<KeptValues, InvalidRecord> {
    let mut reader = RecordReader::new(record, VERSION)?;
    let profile = reader.id()?;
    let until = Timestamp::from_millis(reader.number()?);
    let mut values = Vec::new();
    while !reader.is_empty() {
        let by_company = match reader.byte()? {
            0 => false,
            1 => true,
            _ => return Err(InvalidRecord::Value),
        };
        values.push(KeptValue { value: decode_value(&mut reader)?, by_company });
    }
    Ok(KeptValues { profile, until, values })
}

fn decode_value(reader: &mut RecordReader<'_>) -> Result<AttributeValue, InvalidRecord> {
    match reader.byte()? {
        PROPERTY => {
            let name = PropertyName::from_stored(reader.text()?).or(Err(InvalidRecord::Value))?;
            let value = PropertyValue::from_stored(reader.text()?).or(Err(InvalidRecord::Value))?;
            Ok(AttributeValue::Property(name, value))
        }
        number => {
            let field = field_from_number(number).ok_or(InvalidRecord::Tag(number))?;
            let text = Text::from_stored(reader.text()?).or(Err(InvalidRecord::Value))?;
            Ok(AttributeValue::Field(field, text))
        }
    }
}
