//! An admin key as a command gets it.

use std::{env, path::Path, str::FromStr};

use super::secret_file::{self, InvalidSecret};
use crate::tenants::private_key::PrivateKey;

/// A key for the endpoints of the admin listener that give data away.
#[derive(Debug)]
pub struct AdminKey(PrivateKey);

/// How a key is named: by an argument for a file, or by a variable. The key itself is no argument,
/// since everyone on a machine may see those of its processes.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyNames {
    argument: &'static str,
    pub(super) variable: &'static str,
}

/// The key for the store of a command.
pub(super) const ADMIN_KEY: KeyNames =
    KeyNames { argument: "--admin-key-file", variable: "GATEWAY_ADMIN_KEY" };

/// The key for the store that gets a company.
pub(super) const INTO_KEY: KeyNames =
    KeyNames { argument: "--into-key-file", variable: "GATEWAY_INTO_KEY" };

/// Why there is no admin key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminKeyError {
    /// Neither the variable nor the file was named.
    #[error("name a file with an admin key by {argument}, or set {variable}")]
    Missing {
        /// The argument.
        argument: &'static str,
        /// The variable.
        variable: &'static str,
    },
    /// The file has no key.
    #[error("{argument} {reason}")]
    File {
        /// The argument.
        argument: &'static str,
        /// What is wrong with the file.
        reason: InvalidSecret,
    },
    /// The variable has no key.
    #[error("{variable} {reason}")]
    Variable {
        /// The variable.
        variable: &'static str,
        /// What is wrong with its text.
        reason: InvalidAdminKey,
    },
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
    /// The key in a file, or else in an environment variable.
    pub(super) fn find(names: KeyNames, file: Option<&Path>) -> Result<AdminKey, AdminKeyError> {
        let KeyNames { argument, variable } = names;
        let missing = AdminKeyError::Missing { argument, variable };
        let Some(path) = file else {
            let text = env::var_os(variable).ok_or(missing)?;
            let invalid = |reason| AdminKeyError::Variable { variable, reason };
            return text.to_string_lossy().trim().parse().map_err(invalid);
        };
        let invalid = |reason| AdminKeyError::File { argument, reason };
        secret_file::read(path, 1).map_err(invalid)?.into_iter().next().ok_or(missing)
    }

    /// The secret text.
    pub(crate) fn reveal(&self) -> &str {
        self.0.reveal()
    }
}
