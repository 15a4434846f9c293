//! Identifiers that are compared and never read: ids of the caller's own system,
//! of devices, and the tokens that stand for a profile.

use std::{fmt, str::FromStr};

use crate::limits;

/// Declares a newtype over text that only its owner can read: a private field,
/// one parser, and a `Debug` that shows none of it.
macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident, $bytes:expr) => {
        $(#[$doc])*
        #[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name {
            // Invariant: parsing this text again yields this text.
            text: Box<str>,
        }

        impl $name {
            /// The text, byte for byte as it was sent.
            pub fn as_str(&self) -> &str {
                &self.text
            }
        }

        impl FromStr for $name {
            type Err = InvalidOpaqueId;

            fn from_str(text: &str) -> Result<$name, InvalidOpaqueId> {
                printable(text, $bytes)?;
                Ok($name { text: text.into() })
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

opaque! {
    /// What the caller's own system calls this person: 1 to 255 bytes, compared
    /// byte for byte.
    ExternalId, limits::OPAQUE_ID_BYTES
}

opaque! {
    /// What a browser or device calls itself: 1 to 255 bytes, compared byte for
    /// byte. It names a device, so it is the weakest hint at a person.
    AnonymousId, limits::OPAQUE_ID_BYTES
}

opaque! {
    /// A token (`_kx`, `$exchange_id`) that stands for the profile id sealed
    /// inside it. Whether it opens is for the holder of the key to find out; a
    /// token that does not is ignored, never an error. A request also holds what
    /// could be no token, as one without a text, which opens nothing.
    ExchangeToken, limits::EXCHANGE_TOKEN_BYTES
}

impl ExchangeToken {
    /// The token in this text of a request. A malformed one is no reason to refuse what else the
    /// request says.
    pub(crate) fn from_sent(text: &str) -> ExchangeToken {
        text.parse().unwrap_or_else(|_| ExchangeToken { text: Box::default() })
    }
}

/// Sees that a text is visible, and at most this long.
pub(crate) fn printable(text: &str, bytes: usize) -> Result<(), InvalidOpaqueId> {
    if bytes < text.len() {
        return Err(InvalidOpaqueId::TooLong { bytes });
    }
    if text.trim().is_empty() {
        return Err(InvalidOpaqueId::Blank);
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidOpaqueId::ControlCharacter);
    }
    Ok(())
}

/// Why some text is not an [`ExternalId`], [`AnonymousId`], [`ExchangeToken`] or
/// [`ClaimedId`](crate::ClaimedId).
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOpaqueId {
    #[error("must not be empty or only white space")]
    Blank,
    #[error("must be at most {bytes} bytes")]
    TooLong { bytes: usize },
    #[error("must not contain control characters")]
    ControlCharacter,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuses(text: &str, reason: InvalidOpaqueId) {
        assert_eq!(text.parse::<ExternalId>().unwrap_err(), reason, "{text:?}");
        assert_eq!(text.parse::<AnonymousId>().unwrap_err(), reason, "{text:?}");
    }

    #[test]
    fn the_text_is_kept_byte_for_byte() {
        for text in ["1", " padded ", "Ünïcode-🙂", &"x".repeat(255)] {
            assert_eq!(text.parse::<ExternalId>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn each_fault_has_its_narrowest_reason() {
        refuses("", InvalidOpaqueId::Blank);
        refuses(" \u{a0}", InvalidOpaqueId::Blank);
        refuses(&"x".repeat(256), InvalidOpaqueId::TooLong { bytes: 255 });
        refuses("a\u{0}b", InvalidOpaqueId::ControlCharacter);
        refuses("a\u{85}b", InvalidOpaqueId::ControlCharacter);
    }

    #[test]
    fn an_id_does_not_reach_logs() {
        let id: AnonymousId = "device-17".parse().unwrap();
        assert_eq!(format!("{id:?}"), "AnonymousId(…)");
    }
}
