//! New private keys, and what to write into the configuration for them.

use profile_protocol::CompanyId;

use super::KeyArguments;
use crate::{
    companies::KeyName,
    private_key::{KeyDigest, NoRandomness, PrivateKey},
    scope::{Scope, Scopes},
};

/// A private key that was just made and is about to be shown.
#[derive(Debug)]
pub struct IssuedKey {
    company: CompanyId,
    name: Option<KeyName>,
    private_key: PrivateKey,
    scopes: Scopes,
}

impl IssuedKey {
    /// Makes the key `gateway key` was asked for.
    pub fn issue(arguments: &KeyArguments) -> Result<IssuedKey, NoRandomness> {
        Ok(IssuedKey {
            company: arguments.company.clone(),
            name: arguments.name.clone(),
            private_key: PrivateKey::id_generator()?,
            scopes: arguments.scope.iter().copied().collect(),
        })
    }

    /// The key itself.
    pub fn private_key(&self) -> &PrivateKey {
        &self.private_key
    }

    /// The table to write below the company's into the configuration.
    pub fn entry(&self) -> String {
        let digest = self.private_key.digest();
        let name = match &self.name {
            Some(name) => name.to_string(),
            None => default_name(digest),
        };
        let scopes: Vec<&str> = self.scopes.iter().map(Scope::as_str).collect();
        format!(
            "[[company.key]]\nname = \"{name}\"\nsha256 = \"{}\"\nscopes = [\"{}\"]\n",
            digest.to_hexadecimal(),
            scopes.join("\", \""),
        )
    }

    /// What to show to the person who asked: the only time the key is seen.
    pub fn announcement(&self) -> String {
        format!(
            "Private key, shown this once and stored nowhere:\n\n{}\n\n\
             Write this below the [[company]] with id = \"{}\", then reload:\n\n{}",
            self.private_key.reveal(),
            self.company,
            self.entry(),
        )
    }
}

/// A name no other key of the company has, so that entries can be pasted as they
/// are.
fn default_name(digest: KeyDigest) -> String {
    format!("key-{:.8}", digest.to_hexadecimal())
}
