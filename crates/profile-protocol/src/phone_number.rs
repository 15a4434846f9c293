//! Phone numbers.

use std::{fmt, str::FromStr};

use crate::limits;

/// A phone number in E.164 form: `+`, then 7 to 15 digits, the first not 0.
///
/// Whether the number is in service anywhere is not asked: numbering plans
/// change faster than software is updated.
///
/// ```
/// use profile_protocol::PhoneNumber;
///
/// let number: PhoneNumber = "+15005550006".parse()?;
/// assert_eq!(number.as_str(), "+15005550006");
/// assert!("(500) 555-0006".parse::<PhoneNumber>().is_err());
/// # Ok::<(), profile_protocol::InvalidPhoneNumber>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PhoneNumber {
    // Invariant: parsing this text again yields this text.
    text: Box<str>,
}

impl PhoneNumber {
    /// The number, with its leading `+`.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for PhoneNumber {
    type Err = InvalidPhoneNumber;

    fn from_str(text: &str) -> Result<PhoneNumber, InvalidPhoneNumber> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidPhoneNumber::Empty);
        }
        let digits = text.strip_prefix('+').ok_or(InvalidPhoneNumber::MissingPlus)?;
        // The alphabet comes first, because it may be why there are too many characters.
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidPhoneNumber::NotDigits);
        }
        if !(limits::PHONE_DIGITS_MIN..=limits::PHONE_DIGITS_MAX).contains(&digits.len()) {
            return Err(InvalidPhoneNumber::Length);
        }
        if digits.starts_with('0') {
            return Err(InvalidPhoneNumber::LeadingZero);
        }
        Ok(PhoneNumber { text: text.into() })
    }
}

/// Shows nothing of the number, because `Debug` is how personal data reaches logs.
impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(…)")
    }
}

/// Why some text is not a [`PhoneNumber`].
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPhoneNumber {
    #[error("must not be empty")]
    Empty,
    #[error("must start with + and the country code")]
    MissingPlus,
    #[error(
        "must have {} to {} digits after the +",
        limits::PHONE_DIGITS_MIN,
        limits::PHONE_DIGITS_MAX
    )]
    Length,
    #[error("must have nothing but digits after the +: no spaces, hyphens or parentheses")]
    NotDigits,
    #[error("must have a country code, which never starts with 0")]
    LeadingZero,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuses(text: &str, reason: InvalidPhoneNumber) {
        assert_eq!(text.parse::<PhoneNumber>().unwrap_err(), reason, "{text:?}");
    }

    #[test]
    fn e164_numbers_are_kept_as_they_are() {
        for text in ["+1234567", "+15555555555", "+123456789012345"] {
            assert_eq!(text.parse::<PhoneNumber>().unwrap().as_str(), text);
        }
        assert_eq!(" +15555555555\n".parse::<PhoneNumber>().unwrap().as_str(), "+15555555555");
    }

    #[test]
    fn each_fault_has_its_narrowest_reason() {
        refuses("", InvalidPhoneNumber::Empty);
        refuses("15555555555", InvalidPhoneNumber::MissingPlus);
        refuses("+123456", InvalidPhoneNumber::Length);
        refuses("+1234567890123456", InvalidPhoneNumber::Length);
        refuses("+1 555 555", InvalidPhoneNumber::NotDigits);
        refuses("+1 (500) 555-0006", InvalidPhoneNumber::NotDigits);
        refuses("+44 (0)20 7946 0958", InvalidPhoneNumber::NotDigits);
        refuses("+1-5", InvalidPhoneNumber::NotDigits);
        refuses("+1555555555٣", InvalidPhoneNumber::NotDigits);
        refuses("+1555\u{0}5555", InvalidPhoneNumber::NotDigits);
        refuses("+05555555555", InvalidPhoneNumber::LeadingZero);
    }

    #[test]
    fn a_number_does_not_reach_logs() {
        let number: PhoneNumber = "+15005550006".parse().unwrap();
        assert!(!format!("{number:?}").contains("500"));
    }
}
