//! Replaced values: which attributes of a profile clients changed, and what they had before.

use profile_protocol::{
    Attributes, ChangedAttribute, Field, ProfileId, PropertyName, PropertyValue, Text,
};
use sha2::{Digest, Sha256};

use crate::{RequestSender, Timestamp};

/// The domain separators of the digests.
const ATTRIBUTE: &[u8] = b"profile-store attribute 1\0";
const VALUE: &[u8] = b"profile-store value 1\0";

/// One attribute that clients changed: what is noted about it in the profile. Requests in a row
/// from one network count as one, so that a sender cannot push out what others wrote.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReplacedValue {
    /// The attribute.
    pub attribute: AttributeDigest,
    /// The sender of these requests. A device is named only if all of them named it.
    pub sender: RequestSender,
    /// The number of the outcome of the first of these requests.
    pub sequence: u64,
    /// When that was.
    pub at: Timestamp,
    /// The value that the last of these requests wrote; `None` if it removed the value.
    pub written: Option<ValueDigest>,
    /// The size of the value that the first of these requests replaced, which has a record of its
    /// own; `None` if there was no value.
    pub bytes: Option<u64>,
}

/// The digest of the name of an attribute.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AttributeDigest {
    bits: u64,
}

/// The digest of a value.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ValueDigest {
    bits: u32,
}

impl AttributeDigest {
    /// The digest with these bits.
    pub const fn from_bits(bits: u64) -> AttributeDigest {
        AttributeDigest { bits }
    }

    /// The digest of an attribute.
    pub fn from_attribute(attribute: &ChangedAttribute) -> AttributeDigest {
        let (kind, name) = match attribute {
            ChangedAttribute::Field(field) => (b'f', field.name()),
            ChangedAttribute::Property(name) => (b'p', name.as_str()),
        };
        let bytes = Sha256::new_with_prefix(ATTRIBUTE).chain_update([kind]).chain_update(name);
        let bytes = bytes.finalize();
        let first = bytes.iter().take(size_of::<u64>());
        AttributeDigest { bits: first.fold(0, |bits, byte| bits << 8 | u64::from(*byte)) }
    }

    /// The bits of the digest.
    pub const fn bits(self) -> u64 {
        self.bits
    }
}

impl ValueDigest {
    /// The digest with these bits.
    pub const fn from_bits(bits: u32) -> ValueDigest {
        ValueDigest { bits }
    }

    /// The digest of a value.
    pub fn from_value(value: &AttributeValue) -> ValueDigest {
        let bytes = Sha256::new_with_prefix(VALUE).chain_update(value.text()).finalize();
        let first = bytes.iter().take(size_of::<u32>());
        ValueDigest { bits: first.fold(0, |bits, byte| bits << 8 | u32::from(*byte)) }
    }

    /// The bits of the digest.
    pub const fn bits(self) -> u32 {
        self.bits
    }
}

/// An attribute with its value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AttributeValue {
    /// One of the attributes that hold a single value.
    Field(Field, Text),
    /// A custom property.
    Property(PropertyName, PropertyValue),
}

impl AttributeValue {
    /// The value of an attribute, if it has one.
    pub(crate) fn of(
        attributes: &Attributes,
        attribute: &ChangedAttribute,
    ) -> Option<AttributeValue> {
        match attribute {
            ChangedAttribute::Field(field) => {
                let text = attributes.fields[*field].clone();
                text.map(|text| AttributeValue::Field(*field, text))
            }
            ChangedAttribute::Property(name) => {
                let value = attributes.properties.value(name).cloned();
                value.map(|value| AttributeValue::Property(name.clone(), value))
            }
        }
    }

    /// The attribute.
    pub(crate) fn attribute(&self) -> ChangedAttribute {
        match self {
            AttributeValue::Field(field, _) => ChangedAttribute::Field(*field),
            AttributeValue::Property(name, _) => ChangedAttribute::Property(name.clone()),
        }
    }

    /// The text of the value: canonical JSON, if it is that of a property.
    pub(crate) fn text(&self) -> &str {
        match self {
            AttributeValue::Field(_, text) => text.as_str(),
            AttributeValue::Property(_, value) => value.as_json(),
        }
    }

    /// The size of the name and the value.
    pub(crate) fn bytes(&self) -> usize {
        let name = match self {
            AttributeValue::Field(..) => 1,
            AttributeValue::Property(name, _) => name.as_str().len(),
        };
        name + self.text().len()
    }
}

/// A value that a client replaced, and whether the company had written it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeptValue {
    /// The attribute and its value.
    pub value: AttributeValue,
    /// Whether the company had written it.
    pub by_company: bool,
}

/// The values that one request replaced. They are kept beside the profile until a time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeptValues {
    /// The profile that the request concerned.
    pub profile: ProfileId,
    /// Until when they are kept.
    pub until: Timestamp,
    /// The values.
    pub values: Vec<KeptValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_differ_by_kind_and_text_and_never_change() {
        let property = |name: &str| ChangedAttribute::Property(name.parse().unwrap());
        let field = ChangedAttribute::Field(Field::FirstName);
        let [one, other, same_name] = [property("a"), property("b"), property("first_name")]
            .map(|attribute| AttributeDigest::from_attribute(&attribute));
        assert_ne!(one, other);
        assert_ne!(same_name, AttributeDigest::from_attribute(&field));
        // What is stored must be found again by later releases.
        assert_eq!(format!("{:016x}", one.bits()), "18d50487d0b1a92b");
        let value = AttributeValue::Property("a".parse().unwrap(), "1".parse().unwrap());
        assert_eq!(format!("{:08x}", ValueDigest::from_value(&value).bits()), "443ddd4c");
    }
}
