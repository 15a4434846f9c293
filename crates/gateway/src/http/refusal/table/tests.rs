//! The table is complete, and agrees with the protocol.

use super::*;

#[test]
fn statuses_are_those_of_the_protocol() {
    for class in [ErrorClass::Malformed, ErrorClass::TooLarge, ErrorClass::Invalid] {
        assert_eq!(status_of(class).as_u16(), class.status(), "{class:?}");
    }
}

#[test]
fn every_cause_has_its_row_and_no_row_is_dead() {
    for (number, row) in TABLE.iter().enumerate() {
        assert_eq!(row.cause as usize, number, "{}", row.when);
    }
    assert_eq!(TABLE.len(), Cause::Unavailable as usize + 1);
}
