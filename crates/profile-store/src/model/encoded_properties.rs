//! Encoded properties: the properties of a stored profile before they are decoded.
//!
//! A profile may have a thousand properties in 256 KiB, and most requests need none of their
//! values. Names and values stay in the buffer of the record until something asks for them.

use std::{fmt, ops::Range, sync::Arc};

use profile_protocol::{Properties, PropertyName, PropertyValue};

use crate::Authored;

/// The properties of one profile in the buffer of its record, in ascending order of names.
#[derive(Clone)]
pub(crate) struct EncodedProperties {
    shared: Arc<SharedRecord>,
}

struct SharedRecord {
    record: Vec<u8>,
    // Invariant: every range lies in `record`.
    entries: Vec<EncodedProperty>,
    bytes: usize,
}

/// The position of one property in the buffer of its record.
#[derive(Clone, Debug)]
pub(crate) struct EncodedProperty {
    /// The name, in UTF-8.
    pub(crate) name: Range<usize>,
    /// The value, in canonical JSON.
    pub(crate) value: Range<usize>,
    /// Whether the company wrote the value.
    pub(crate) by_company: bool,
}

/// The name and the value of one property as bytes, which may be damaged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct PropertyBytes<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) by_company: bool,
}

/// A stored name or value of a property could never have been stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a property holds a value that could never have been stored")]
pub struct DamagedProperty;

impl EncodedProperty {
    fn bytes<'a>(&self, record: &'a [u8]) -> PropertyBytes<'a> {
        PropertyBytes {
            name: slice(record, &self.name),
            value: slice(record, &self.value),
            by_company: self.by_company,
        }
    }
}

/// The bytes in a range of the record. A range outside of the record is a programming error.
fn slice<'a>(record: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    record.split_at(range.end).0.split_at(range.start).1
}

impl EncodedProperties {
    pub(crate) fn new(record: Vec<u8>, entries: Vec<EncodedProperty>) -> EncodedProperties {
        let bytes = entries.iter().map(|entry| entry.name.len() + entry.value.len()).sum();
        EncodedProperties { shared: Arc::new(SharedRecord { record, entries, bytes }) }
    }

    /// Whether both are the properties of one and the same record.
    pub(crate) fn is_same_record(&self, other: &EncodedProperties) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// The number of properties.
    pub(crate) fn len(&self) -> usize {
        self.shared.entries.len()
    }

    /// The size of all names and values.
    pub(crate) fn bytes(&self) -> usize {
        self.shared.bytes
    }

    /// Every property, in ascending order of names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = PropertyBytes<'_>> {
        self.shared.entries.iter().map(|entry| entry.bytes(&self.shared.record))
    }

    /// Decodes every property, and marks those that the company wrote in `authored`.
    pub(crate) fn decode(&self, authored: &mut Authored) -> Result<Properties, DamagedProperty> {
        decode_properties(&self.shared.record, &self.shared.entries, authored)
    }
}

/// Decodes the properties at these positions of a record, and marks those that the company wrote
/// in `authored`. Fails if they are not in ascending order of names.
pub(crate) fn decode_properties(
    record: &[u8],
    entries: &[EncodedProperty],
    authored: &mut Authored,
) -> Result<Properties, DamagedProperty> {
    if !entries.is_sorted_by(|one, next| slice(record, &one.name) < slice(record, &next.name)) {
        return Err(DamagedProperty);
    }
    let mut decode = |entry: &EncodedProperty| {
        let PropertyBytes { name, value, by_company } = entry.bytes(record);
        let name = PropertyName::from_stored(text(name)?).or(Err(DamagedProperty))?;
        authored.put_property(&name, by_company);
        let value = PropertyValue::from_stored(text(value)?).or(Err(DamagedProperty))?;
        Ok((name, value))
    };
    entries.iter().map(&mut decode).collect()
}

fn text(bytes: &[u8]) -> Result<&str, DamagedProperty> {
    std::str::from_utf8(bytes).or(Err(DamagedProperty))
}

/// Shows no name and no value.
impl fmt::Debug for EncodedProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncodedProperties({})", self.len())
    }
}
