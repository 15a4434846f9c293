//! The text of attributes.

use std::{fmt, str::FromStr};

use crate::{limits, number::check_number};

/// The value of one text attribute, kept as it was sent: at most
/// [`limits::TEXT_BYTES`], any characters but U+0000.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Text {
    // Invariant: at most `limits::TEXT_BYTES`.
    text: Box<str>,
}

impl Text {
    /// Reads a text that [`as_str`](Text::as_str) returned, perhaps in an earlier version of this
    /// crate, which accepted U+0000.
    pub fn from_stored(text: &str) -> Result<Text, InvalidText> {
        if limits::TEXT_BYTES < text.len() {
            return Err(InvalidText::TooLong);
        }
        Ok(Text { text: text.into() })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Text {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Text, InvalidText> {
        if text.contains('\0') {
            return Err(InvalidText::NullCharacter);
        }
        Text::from_stored(text)
    }
}

/// Shows the length only, because `Debug` is how personal data reaches logs.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.text.len())
    }
}

/// Why some text is not a [`Text`].
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidText {
    #[error("must be at most {} bytes", limits::TEXT_BYTES)]
    TooLong,
    // Many databases have no text with this character, so the company's own could not take it.
    #[error("must not contain the character U+0000")]
    NullCharacter,
}

/// Why some text or number is not a latitude or longitude.
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCoordinate {
    #[error("must be a decimal number of degrees")]
    NotANumber,
    #[error("must be from -{degrees} to {degrees} degrees")]
    OutOfRange { degrees: u8 },
    #[error("must be at most {} bytes", limits::COORDINATE_BYTES)]
    TooLong,
}

/// Reads degrees north or east, and keeps every digit that was sent.
pub(crate) fn parse_coordinate(text: &str, degrees: u8) -> Result<Text, InvalidCoordinate> {
    let text = text.trim();
    if limits::COORDINATE_BYTES < text.len() {
        return Err(InvalidCoordinate::TooLong);
    }
    // A coordinate is answered as a JSON number, so it has to be spelled as one.
    let number: f64 = serde_json::from_str(text).or(Err(InvalidCoordinate::NotANumber))?;
    check_number(text).or(Err(InvalidCoordinate::NotANumber))?;
    if f64::from(degrees) < number.abs() {
        return Err(InvalidCoordinate::OutOfRange { degrees });
    }
    Ok(Text { text: text.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kept_up_to_its_bound() {
        let longest = "x".repeat(limits::TEXT_BYTES);
        assert_eq!(longest.parse::<Text>().unwrap().as_str(), longest);
        assert_eq!(format!("{longest}x").parse::<Text>(), Err(InvalidText::TooLong));
    }

    #[test]
    fn what_databases_cannot_take_is_refused_and_still_read_where_it_was_stored() {
        assert_eq!("a\0".parse::<Text>(), Err(InvalidText::NullCharacter));
        assert_eq!(Text::from_stored("a\0").unwrap().as_str(), "a\0");
        assert_eq!("\u{1}\u{7f}\u{85}\u{feff}".parse::<Text>().unwrap().as_str().len(), 7);
    }

    #[test]
    fn coordinates_keep_their_digits() {
        for text in ["0", "-90", "40.712800000000001", "4.5e1"] {
            assert_eq!(parse_coordinate(text, 90).unwrap().as_str(), text);
        }
    }

    #[test]
    fn coordinates_are_numbers_of_degrees() {
        for text in ["", "north", "NaN", "+1", "1,5", "0x10", "null", "[1]", "1e-400", "0e999"] {
            assert_eq!(parse_coordinate(text, 90), Err(InvalidCoordinate::NotANumber), "{text}");
        }
        assert_eq!(
            parse_coordinate("90.1", 90),
            Err(InvalidCoordinate::OutOfRange { degrees: 90 })
        );
        assert_eq!(parse_coordinate(&"1".repeat(33), 90), Err(InvalidCoordinate::TooLong));
    }

    #[test]
    fn text_does_not_reach_logs() {
        assert_eq!(format!("{:?}", "Sarah".parse::<Text>().unwrap()), "Text(5 bytes)");
    }
}
