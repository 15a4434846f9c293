//! The ids of requests, by which a caller, a log and an outcome name the same request.

use std::{fmt, num::NonZeroU128, str::FromStr};

use crate::limits;

/// The ids that an outcome keeps of its request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestIds {
    /// The id of the request.
    pub request: RequestId,
    /// The distributed trace that the request is a part of, unless the request has the same id.
    pub trace: Option<TraceId>,
}

/// The id of a distributed trace (W3C Trace Context).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TraceId {
    /// The bytes need less alignment than a number.
    bytes: [u8; 16],
}

impl TraceId {
    /// The id that is spelt as these bits in 32 hexadecimal digits.
    pub const fn from_bits(bits: NonZeroU128) -> TraceId {
        TraceId { bytes: bits.get().to_be_bytes() }
    }

    pub(crate) const fn bits(self) -> u128 {
        u128::from_be_bytes(self.bytes)
    }
}

/// 32 hexadecimal digits, as the header `traceparent` has them.
impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.bits())
    }
}

/// The id of one request, chosen by its caller, by a proxy or by the gateway.
///
/// ```
/// use profile_store::RequestId;
///
/// let id: RequestId = "7b1c04f2-3d5e-4a6b-8c9d-0e1f2a3b4c5d".parse()?;
/// assert_eq!(id.to_string(), "7b1c04f2-3d5e-4a6b-8c9d-0e1f2a3b4c5d");
/// assert!("sarah@example.com".parse::<RequestId>().is_err());
/// # Ok::<(), profile_store::InvalidRequestId>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct RequestId {
    // Invariant: a text is valid, and is not 32 lower-case hexadecimal digits.
    spelling: RequestIdSpelling,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum RequestIdSpelling {
    /// 32 lower-case hexadecimal digits: as the gateway and many proxies make them. The bytes need
    /// less alignment than a number.
    Hexadecimal([u8; 16]),
    Other(Box<str>),
}

impl RequestId {
    /// The id that is spelt as these bits in 32 hexadecimal digits.
    pub const fn from_bits(bits: u128) -> RequestId {
        RequestId { spelling: RequestIdSpelling::Hexadecimal(bits.to_be_bytes()) }
    }

    /// The bits of an id that is spelt as 32 hexadecimal digits, otherwise the text.
    pub(crate) fn bits_or_text(&self) -> Result<u128, &str> {
        match &self.spelling {
            RequestIdSpelling::Hexadecimal(bytes) => Ok(u128::from_be_bytes(*bytes)),
            RequestIdSpelling::Other(text) => Err(text),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bits_or_text() {
            Ok(bits) => write!(f, "{bits:032x}"),
            Err(text) => f.write_str(text),
        }
    }
}

impl FromStr for RequestId {
    type Err = InvalidRequestId;

    fn from_str(text: &str) -> Result<RequestId, InvalidRequestId> {
        if !(1..=limits::REQUEST_ID_BYTES).contains(&text.len()) {
            return Err(InvalidRequestId::Length);
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte);
        if !text.bytes().all(allowed) {
            return Err(InvalidRequestId::Character);
        }
        if is_like_phone_number(text) {
            return Err(InvalidRequestId::PhoneNumber);
        }
        if let Some(bits) = hexadecimal(text) {
            return Ok(RequestId::from_bits(bits));
        }
        Ok(RequestId { spelling: RequestIdSpelling::Other(text.into()) })
    }
}

/// Whether the text could be a phone number, however its digits are grouped.
fn is_like_phone_number(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    limits::PHONE_NUMBER_DIGITS.contains(&digits)
        && !text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// The bits of 32 lower-case hexadecimal digits.
fn hexadecimal(text: &str) -> Option<u128> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_whole = text.len() == 32 && text.bytes().all(is_digit);
    u128::from_str_radix(text, 16).ok().filter(|_| is_whole)
}

/// Why some text is not a [`RequestId`].
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequestId {
    #[error("must be 1 to {} bytes", limits::REQUEST_ID_BYTES)]
    Length,
    #[error("must consist of ASCII letters, digits and -_.:/+=")]
    Character,
    #[error("must not look like a phone number")]
    PhoneNumber,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Result<RequestId, InvalidRequestId> {
        text.parse()
    }

    #[test]
    fn the_ids_of_common_proxies_are_ids() {
        for text in [
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "7b1c04f2-3d5e-4a6b-8c9d-0e1f2a3b4c5d",
            "7F000001:8296_7F00001E:1F90_4F7B0A69_0003:790E",
            "Root=1-67891233-abcdef012345678912345678",
            "JTeUq4hYbEpFUzBn2mYzFqvWXkYyQw==",
            "01HV6Z3T9QK8W4X5Y6Z7A8B9C0",
            "42",
            "a",
        ] {
            assert_eq!(parsed(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_address_a_phone_number_and_free_text_are_no_ids() {
        for text in ["sarah@example.com", "Sarah Mason", "a\"b", "a\nb", "é", "a,b", "{a}"] {
            assert_eq!(parsed(text), Err(InvalidRequestId::Character), "{text:?}");
        }
        for text in ["+15005550006", "15005550006", "1-500-555-0006", "5550006", "1.500:555/0006"] {
            assert_eq!(parsed(text), Err(InvalidRequestId::PhoneNumber), "{text}");
        }
        for text in ["", &"a".repeat(limits::REQUEST_ID_BYTES + 1)] {
            assert_eq!(parsed(text), Err(InvalidRequestId::Length), "{text}");
        }
    }

    #[test]
    fn one_spelling_is_one_id() {
        let bits = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128;
        assert_eq!(parsed("4bf92f3577b34da6a3ce929d0e0e4736"), Ok(RequestId::from_bits(bits)));
        let upper = parsed("4BF92F3577B34DA6A3CE929D0E0E4736").unwrap();
        assert_ne!(upper, RequestId::from_bits(bits));
        assert_eq!(RequestId::from_bits(7).to_string().len(), 32);
    }

    proptest! {
        #[test]
        fn an_id_is_spelt_as_it_was_read(text in "\\PC{0,70}|[0-9a-f]{32}|[-_.:/+=0-9A-Za-z]{1,64}") {
            if let Ok(id) = parsed(&text) {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
