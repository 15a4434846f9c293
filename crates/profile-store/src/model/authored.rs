//! Authors: which values of a profile the company itself wrote last.
//!
//! It is always kept, so that a company that protects its values from one day on
//! protects those of the day before, too.

use std::collections::BTreeSet;

use profile_protocol::{ChangedAttribute, Field, Fields, PropertyName};

/// The values of a profile that were last written with a private key. All others
/// a client wrote.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Authored {
    // Invariant: none but of values that the profile has.
    fields: Fields<bool>,
    properties: BTreeSet<PropertyName>,
}

impl Authored {
    /// Whether the company wrote the value of this field.
    pub fn field(&self, field: Field) -> bool {
        self.fields[field]
    }

    /// Whether the company wrote the value of this property.
    pub fn property(&self, name: &PropertyName) -> bool {
        self.properties.contains(name)
    }

    /// Whether the company wrote this value.
    pub fn has(&self, attribute: &ChangedAttribute) -> bool {
        match attribute {
            ChangedAttribute::Field(field) => self.field(*field),
            ChangedAttribute::Property(name) => self.property(name),
        }
    }

    /// The properties whose values the company wrote, in the order of their names.
    pub(crate) fn properties(&self) -> impl Iterator<Item = &PropertyName> {
        self.properties.iter()
    }

    pub(crate) fn put_field(&mut self, field: Field, own: bool) {
        self.fields[field] = own;
    }

    pub(crate) fn put_property(&mut self, name: &PropertyName, own: bool) {
        if own {
            self.properties.insert(name.clone());
        } else {
            self.properties.remove(name);
        }
    }

    pub(crate) fn put(&mut self, attribute: &ChangedAttribute, own: bool) {
        match attribute {
            ChangedAttribute::Field(field) => self.put_field(*field, own),
            ChangedAttribute::Property(name) => self.put_property(name, own),
        }
    }
}
