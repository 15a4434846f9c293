//! Numbers: those that every parser of JSON reads, as at least the nearest double.

use crate::limits;

/// Checks that common parsers can read this JSON number. It may be as exact as its digits are; a
/// reader that knows only doubles gets the nearest one.
pub(crate) fn check_number(json: &str) -> Result<(), InvalidNumber> {
    let digits = json.bytes().filter(u8::is_ascii_digit).count();
    if limits::NUMBER_DIGITS < digits {
        return Err(InvalidNumber::TooLong);
    }
    let (mantissa, exponent) = json.split_once(['e', 'E']).unwrap_or((json, "0"));
    let exponent: i16 = exponent.parse().or(Err(InvalidNumber::OutOfRange))?;
    let is_zero = mantissa.bytes().all(|byte| matches!(byte, b'0' | b'-' | b'.'));
    // Not infinite, and no number so small that a double loses its digits or all of it.
    let has_double = is_zero || json.parse().is_ok_and(f64::is_normal);
    if has_double && exponent.unsigned_abs() <= limits::NUMBER_EXPONENT {
        Ok(())
    } else {
        Err(InvalidNumber::OutOfRange)
    }
}

/// Why common parsers cannot read a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum InvalidNumber {
    /// It has more digits than [`limits::NUMBER_DIGITS`].
    TooLong,
    /// No normal double is near it.
    OutOfRange,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_and_measurements_are_numbers() {
        let id = "1234567890".repeat(4);
        let longest = "9".repeat(limits::NUMBER_DIGITS);
        for number in [&id, &longest, "0", "-0", "-0.0e-5", "0.10", "1E+2", "-3.0e-07", "0E0005"] {
            assert_eq!(check_number(number), Ok(()), "{number}");
        }
    }

    #[test]
    fn the_range_is_that_of_a_double() {
        for number in ["1.7976931348623157e308", "-2.2250738585072014e-308"] {
            assert_eq!(check_number(number), Ok(()), "{number}");
        }
        let small = format!("0.{}1e+404", "0".repeat(95));
        assert_eq!(check_number(&small), Ok(()));
        for number in
            ["1.8e308", "-1e400", "2.2e-308", "1e-400", "1e99999999999", "0e409", "0e-409"]
        {
            assert_eq!(check_number(number), Err(InvalidNumber::OutOfRange), "{number}");
        }
    }

    #[test]
    fn the_number_of_digits_is_bounded() {
        let digits = "1".repeat(limits::NUMBER_DIGITS);
        for number in [format!("{digits}1"), format!("-0.{digits}"), format!("{digits}e0")] {
            assert_eq!(check_number(&number), Err(InvalidNumber::TooLong), "{number}");
        }
    }

    proptest! {
        #[test]
        fn a_double_written_out_is_a_number_that_reads_back(double in prop::num::f64::NORMAL) {
            let written = serde_json::to_string(&double).unwrap();
            prop_assert_eq!(check_number(&written), Ok(()), "{}", written);
        }
    }
}
