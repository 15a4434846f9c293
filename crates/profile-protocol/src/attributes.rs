//! What is known about a person beside who they are.

use std::{
    fmt,
    ops::{Index, IndexMut},
};

use crate::{Properties, Text};

/// One attribute that holds a single value.
///
/// The names are those of the wire; the members of `location` stand beside the
/// others because the same rules hold for all of them.
#[expect(missing_docs, reason = "each variant is the attribute of that name")]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Field {
    FirstName,
    LastName,
    Organization,
    Title,
    Image,
    Locale,
    Address1,
    Address2,
    City,
    Country,
    Region,
    Zip,
    Timezone,
    Ip,
    Latitude,
    Longitude,
}

impl Field {
    /// Every field, in the order of declaration.
    pub const ALL: [Field; 16] = [
        Field::FirstName,
        Field::LastName,
        Field::Organization,
        Field::Title,
        Field::Image,
        Field::Locale,
        Field::Address1,
        Field::Address2,
        Field::City,
        Field::Country,
        Field::Region,
        Field::Zip,
        Field::Timezone,
        Field::Ip,
        Field::Latitude,
        Field::Longitude,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Field::FirstName => "first_name",
            Field::LastName => "last_name",
            Field::Organization => "organization",
            Field::Title => "title",
            Field::Image => "image",
            Field::Locale => "locale",
            Field::Address1 => "address1",
            Field::Address2 => "address2",
            Field::City => "city",
            Field::Country => "country",
            Field::Region => "region",
            Field::Zip => "zip",
            Field::Timezone => "timezone",
            Field::Ip => "ip",
            Field::Latitude => "latitude",
            Field::Longitude => "longitude",
        }
    }

    /// Whether the field is a member of `location`.
    pub fn is_location(self) -> bool {
        Field::Address1 <= self
    }

    /// For a coordinate, the greatest number of degrees north or east, and of degrees south or
    /// west.
    pub const fn max_degrees(self) -> Option<u8> {
        match self {
            Field::Latitude => Some(90),
            Field::Longitude => Some(180),
            Field::FirstName
            | Field::LastName
            | Field::Organization
            | Field::Title
            | Field::Image
            | Field::Locale
            | Field::Address1
            | Field::Address2
            | Field::City
            | Field::Country
            | Field::Region
            | Field::Zip
            | Field::Timezone
            | Field::Ip => None,
        }
    }
}

/// One `T` for every [`Field`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fields<T> {
    // Invariant: in the order of `Field::ALL`, which is that of the variants.
    values: [T; Field::ALL.len()],
}

impl<T> Fields<T> {
    /// Every field with its value, in the order of declaration.
    pub fn iter(&self) -> impl Iterator<Item = (Field, &T)> {
        Field::ALL.into_iter().zip(&self.values)
    }
}

impl<T> IntoIterator for Fields<T> {
    type Item = (Field, T);
    type IntoIter = std::iter::Zip<std::array::IntoIter<Field, 16>, std::array::IntoIter<T, 16>>;

    fn into_iter(self) -> Self::IntoIter {
        Field::ALL.into_iter().zip(self.values)
    }
}

impl<T: Default> Default for Fields<T> {
    fn default() -> Fields<T> {
        Fields { values: std::array::from_fn(|_| T::default()) }
    }
}

#[expect(clippy::indexing_slicing, reason = "there is a value for every field")]
impl<T> Index<Field> for Fields<T> {
    type Output = T;

    fn index(&self, field: Field) -> &T {
        &self.values[field as usize]
    }
}

#[expect(clippy::indexing_slicing, reason = "there is a value for every field")]
impl<T> IndexMut<Field> for Fields<T> {
    fn index_mut(&mut self, field: Field) -> &mut T {
        &mut self.values[field as usize]
    }
}

/// Everything known about a person beside who they are.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Attributes {
    /// The attributes that hold a single value.
    pub fields: Fields<Option<Text>>,
    /// The attributes the company made up itself.
    pub properties: Properties,
}

/// Names what is known, and not what it is.
impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.fields.iter().filter(|(_, value)| value.is_some());
        let names = known.map(|(field, _)| field.name()).collect::<Vec<_>>();
        write!(f, "Attributes({names:?}, {:?})", self.properties)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_its_own_place() {
        let mut fields = Fields::<usize>::default();
        for (number, field) in Field::ALL.into_iter().enumerate() {
            fields[field] = number;
        }
        assert!(fields.iter().enumerate().all(|(number, (_, &value))| number == value));
    }

    #[test]
    fn debug_names_what_is_known_and_not_what_it_is() {
        let mut attributes = Attributes::default();
        attributes.fields[Field::City] = "Boston".parse().ok();
        let shown = format!("{attributes:?}");
        assert!(shown.contains("city") && !shown.contains("Boston"), "{shown}");
    }
}
