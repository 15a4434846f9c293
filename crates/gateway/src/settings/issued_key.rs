//! New private keys, and the configuration lines for them.

use profile_protocol::CompanyId;
use profile_store::NoEntropy;

use super::KeyArguments;
use crate::tenants::{
    directory::KeyName,
    private_key::{KeyDigest, PrivateKey},
    scope::{KeyScope, KeyScopes},
};

/// A generated private key that is about to be shown.
#[derive(Debug)]
pub struct IssuedKey {
    company: CompanyId,
    name: Option<KeyName>,
    private_key: PrivateKey,
    scopes: KeyScopes,
}

impl IssuedKey {
    /// Generates the key that `gateway key` asks for.
    pub fn issue(arguments: &KeyArguments) -> Result<IssuedKey, NoEntropy> {
        Ok(IssuedKey {
            company: arguments.company.clone(),
            name: arguments.name.clone(),
            private_key: PrivateKey::generate()?,
            scopes: arguments.scope.iter().copied().collect(),
        })
    }

    /// The key.
    pub fn private_key(&self) -> &PrivateKey {
        &self.private_key
    }

    /// The table to add below the company in the configuration.
    pub fn entry(&self) -> String {
        let digest = self.private_key.digest();
        let name = match &self.name {
            Some(name) => name.to_string(),
            None => default_name(digest),
        };
        let scopes: Vec<&str> = self.scopes.iter().map(KeyScope::as_str).collect();
        format!(
            "[[company.key]]\nname = \"{name}\"\nsha256 = \"{}\"\nscopes = [\"{}\"]\n",
            digest.to_hexadecimal(),
            scopes.join("\", \""),
        )
    }

    /// The text to show to the operator besides the key. It is a part of a configuration file.
    pub fn announcement(&self) -> String {
        format!(
            "# The private key is shown this once and stored nowhere.\n\
             # Write this below the [[company]] with id = \"{}\", then reload:\n{}",
            self.company,
            self.entry(),
        )
    }
}

/// A generated name that no other key of the company has, so that the lines can be pasted as they
/// are.
fn default_name(digest: KeyDigest) -> String {
    format!("key-{:.8}", digest.to_hexadecimal())
}
