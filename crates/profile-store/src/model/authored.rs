//! Authored attributes: the values of a profile that the company itself wrote last.
//!
//! Authors are always recorded, so that `protect` also covers values that the company wrote
//! before it turned the setting on.

use std::collections::BTreeSet;

use profile_protocol::{ChangedAttribute, Field, Fields, PropertyName};

/// The values of a profile that were last written with a private key. Clients wrote all others.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Authored {
    // Invariant: only fields and properties that have a value.
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

    /// The properties whose values the company wrote, in ascending order of names.
    pub(crate) fn properties(&self) -> impl Iterator<Item = &PropertyName> {
        self.properties.iter()
    }

    pub(crate) fn put_field(&mut self, field: Field, by_company: bool) {
        self.fields[field] = by_company;
    }

    pub(crate) fn put_property(&mut self, name: &PropertyName, by_company: bool) {
        if by_company {
            self.properties.insert(name.clone());
        } else {
            self.properties.remove(name);
        }
    }

    pub(crate) fn put(&mut self, attribute: &ChangedAttribute, by_company: bool) {
        match attribute {
            ChangedAttribute::Field(field) => self.put_field(*field, by_company),
            ChangedAttribute::Property(name) => self.put_property(name, by_company),
        }
    }
}
