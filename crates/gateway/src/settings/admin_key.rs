//! An admin key as a command gets it.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

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
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The text is no key.
    #[error("the admin key must be one that `gateway key --admin` has printed")]
    Malformed,
}

impl AdminKey {
    /// The key in a file, or else this text of an environment variable.
    pub(super) fn find(
        file: Option<&Path>,
        variable: Option<&AdminKeyText>,
    ) -> Result<AdminKey, AdminKeyError> {
        let unreadable =
            |path: &Path, source| AdminKeyError::Unreadable { path: path.to_owned(), source };
        let text = match (file, variable) {
            (Some(path), _) => fs::read_to_string(path).map_err(|error| unreadable(path, error))?,
            (None, Some(AdminKeyText(text))) => text.clone(),
            (None, None) => return Err(AdminKeyError::Missing),
        };
        PrivateKey::parse(text.trim()).map(AdminKey).ok_or(AdminKeyError::Malformed)
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
