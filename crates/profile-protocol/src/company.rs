//! Companies: the tenants of a gateway.

use std::{fmt, str::FromStr};

use crate::limits;

/// The public key of one company, also called its site id: 1 to 32 ASCII
/// letters, digits and underscores, compared case-sensitively.
///
/// ```
/// use profile_protocol::CompanyId;
///
/// let company: CompanyId = "ABC123".parse()?;
/// assert_eq!(company.as_str(), "ABC123");
/// assert!("ABC 123".parse::<CompanyId>().is_err());
/// # Ok::<(), profile_protocol::InvalidCompanyId>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CompanyId {
    // Invariant: 1 to `limits::COMPANY_ID_BYTES` of [A-Za-z0-9_], so never a NUL
    // byte, which the store relies on to end a company's name in its keys.
    text: Box<str>,
}

impl CompanyId {
    /// The id as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for CompanyId {
    type Err = InvalidCompanyId;

    fn from_str(text: &str) -> Result<CompanyId, InvalidCompanyId> {
        if text.is_empty() {
            return Err(InvalidCompanyId::Empty);
        }
        if limits::COMPANY_ID_BYTES < text.len() {
            return Err(InvalidCompanyId::TooLong);
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !text.bytes().all(allowed) {
            return Err(InvalidCompanyId::Malformed);
        }
        Ok(CompanyId { text: text.into() })
    }
}

impl fmt::Display for CompanyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why some text is not a [`CompanyId`].
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCompanyId {
    #[error("must not be empty")]
    Empty,
    #[error("must be at most {} bytes", limits::COMPANY_ID_BYTES)]
    TooLong,
    #[error("must consist of ASCII letters, digits and underscores")]
    Malformed,
}
