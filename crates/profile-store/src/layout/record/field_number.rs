//! The numbers of fields in records. A number once assigned stays with its field forever.

use profile_protocol::Field;

pub(super) const fn field_number(field: Field) -> u8 {
    match field {
        Field::FirstName => 0,
        Field::LastName => 1,
        Field::Organization => 2,
        Field::Title => 3,
        Field::Image => 4,
        Field::Locale => 5,
        Field::Address1 => 6,
        Field::Address2 => 7,
        Field::City => 8,
        Field::Country => 9,
        Field::Region => 10,
        Field::Zip => 11,
        Field::Timezone => 12,
        Field::Ip => 13,
        Field::Latitude => 14,
        Field::Longitude => 15,
    }
}

pub(super) fn field_from_number(number: u8) -> Option<Field> {
    Field::ALL.into_iter().find(|field| field_number(*field) == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_a_number_of_its_own() {
        for field in Field::ALL {
            assert_eq!(field_from_number(field_number(field)), Some(field));
        }
        assert_eq!(field_from_number(16), None);
    }
}
