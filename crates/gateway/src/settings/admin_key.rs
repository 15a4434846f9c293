//! An admin key as a command gets it.

use std::{fmt, path::Path, str::FromStr};

use super::secret_file::{self, InvalidSecret};
use crate::tenants::private_key::PrivateKey;

/// A key for the endpoints of the admin listener that give data away.
#[derive(Debug)]
pub struct AdminKey(PrivateKey);

/// Why there is no admin key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminKeyError {
    /// Neither the variable nor the file was named.
    #[error("name a file with an admin key by --admin-key-file, or set GATEWAY_ADMIN_KEY")]
    Missing,
    /// The file has no key.
    #[error("--admin-key-file {0}")]
    File(#[source] InvalidSecret),
    /// The variable has no key.
    #[error("GATEWAY_ADMIN_KEY {0}")]
    Variable(#[source] InvalidAdminKey),
}

/// The text is not an [`AdminKey`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be one that `gateway key --admin` has printed")]
pub struct InvalidAdminKey;

impl FromStr for AdminKey {
    type Err = InvalidAdminKey;

    fn from_str(text: &str) -> Result<AdminKey, InvalidAdminKey> {
        PrivateKey::parse(text).map(AdminKey).ok_or(InvalidAdminKey)
    }
}

impl AdminKey {
    /// The key in a file, or else this text of an environment variable.
    pub(super) fn find(
        file: Option<&Path>,
        variable: Option<&AdminKeyText>,
    ) -> Result<AdminKey, AdminKeyError> {
        match (file, variable) {
            (Some(path), _) => {
                let keys = secret_file::read(path, 1).map_err(AdminKeyError::File)?;
                keys.into_iter().next().ok_or(AdminKeyError::Missing)
            }
            (None, Some(AdminKeyText(text))) => {
                text.trim().parse().map_err(AdminKeyError::Variable)
            }
            (None, None) => Err(AdminKeyError::Missing),
        }
    }

    /// The secret text.
    pub(crate) fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

/// A text that may be a key.
#[derive(Clone)]
pub struct AdminKeyText(String);

impl From<&str> for AdminKeyText {
    fn from(text: &str) -> AdminKeyText {
        AdminKeyText(text.to_owned())
    }
}

/// Redacted, because `Debug` is how secrets reach logs.
impl fmt::Debug for AdminKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminKeyText(…)")
    }
}
