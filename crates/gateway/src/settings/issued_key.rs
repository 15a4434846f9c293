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
    private_key: PrivateKey,
    /// Whose key it is. `None` for an admin key.
    company: Option<CompanyKeyEntry>,
}

/// What the configuration says about the key of a company.
#[derive(Debug)]
struct CompanyKeyEntry {
    company: CompanyId,
    name: Option<KeyName>,
    scopes: KeyScopes,
}

impl IssuedKey {
    /// Generates the key that `gateway key` asks for.
    pub fn issue(arguments: &KeyArguments) -> Result<IssuedKey, NoEntropy> {
        let entry = |company: &CompanyId| CompanyKeyEntry {
            company: company.clone(),
            name: arguments.name.clone(),
            scopes: arguments.scope.iter().copied().collect(),
        };
        let company = arguments.company.as_ref().map(entry);
        Ok(IssuedKey { private_key: PrivateKey::generate()?, company })
    }

    /// The key.
    pub fn private_key(&self) -> &PrivateKey {
        &self.private_key
    }

    /// The lines to add to the configuration: below the company, or before every table.
    pub fn entry(&self) -> String {
        let digest = self.private_key.digest();
        let Some(CompanyKeyEntry { name, scopes, .. }) = &self.company else {
            return format!("admin_keys = [\"{}\"]\n", digest.to_hexadecimal());
        };
        let name = name.as_ref().map_or_else(|| default_name(digest), KeyName::to_string);
        let scopes: Vec<&str> = scopes.iter().map(KeyScope::as_str).collect();
        format!(
            "[[company.key]]\nname = \"{name}\"\nsha256 = \"{}\"\nscopes = [\"{}\"]\n",
            digest.to_hexadecimal(),
            scopes.join("\", \""),
        )
    }

    /// The text to show to the operator besides the key. It is a part of a configuration file.
    pub fn announcement(&self) -> String {
        let place = match &self.company {
            Some(CompanyKeyEntry { company, .. }) => {
                format!("below the [[company]] with id = \"{company}\"")
            }
            None => "before the first table".to_owned(),
        };
        format!(
            "# The private key is shown this once and stored nowhere.\n\
             # Write this {place}, then reload:\n{}",
            self.entry(),
        )
    }
}

/// A generated name that no other key of the company has, so that the lines can be pasted as they
/// are.
fn default_name(digest: KeyDigest) -> String {
    format!("key-{:.8}", digest.to_hexadecimal())
}
