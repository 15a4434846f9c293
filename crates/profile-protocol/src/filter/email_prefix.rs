//! The first characters of email addresses.

use std::{fmt, str::FromStr};

use crate::limits;

/// The first characters of email addresses, in lower case and ASCII as all addresses are stored: 1
/// to [`limits::EMAIL_BYTES`] without white space.
///
/// ```
/// use profile_protocol::EmailPrefix;
///
/// let prefix: EmailPrefix = " Sarah.M".parse()?;
/// assert_eq!(prefix.as_str(), "sarah.m");
/// # Ok::<(), profile_protocol::InvalidEmailPrefix>(())
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct EmailPrefix {
    text: Box<str>,
}

impl EmailPrefix {
    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for EmailPrefix {
    type Err = InvalidEmailPrefix;

    fn from_str(text: &str) -> Result<EmailPrefix, InvalidEmailPrefix> {
        let text = text.trim();
        let length = 1..=limits::EMAIL_BYTES;
        if length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(EmailPrefix { text: text.to_ascii_lowercase().into() })
        } else {
            Err(InvalidEmailPrefix)
        }
    }
}

/// Redacted, because it may be a whole address.
impl fmt::Debug for EmailPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailPrefix(…)")
    }
}

/// The text is not an [`EmailPrefix`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be 1 to {} ASCII characters without a space", limits::EMAIL_BYTES)]
pub struct InvalidEmailPrefix;
