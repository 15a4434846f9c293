//! Secret keys of 32 bytes, as `openssl rand -hex 32` prints them.

use std::{fmt, str::FromStr};

use profile_store::NoEntropy;

use crate::hexadecimal;

const BYTES: usize = 32;

/// A secret key of 32 bytes.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct SecretKey([u8; BYTES]);

impl SecretKey {
    /// Generates a key from the operating system's entropy.
    pub(crate) fn generate() -> Result<SecretKey, NoEntropy> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).or(Err(NoEntropy))?;
        Ok(SecretKey(bytes))
    }

    /// The secret bytes.
    pub(crate) fn reveal(&self) -> &[u8; BYTES] {
        &self.0
    }
}

/// Redacted, because `Debug` is how secrets reach logs.
impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

impl FromStr for SecretKey {
    type Err = InvalidSecretKey;

    fn from_str(text: &str) -> Result<SecretKey, InvalidSecretKey> {
        hexadecimal::decode(text).map(SecretKey).ok_or(InvalidSecretKey)
    }
}

/// The text is not a secret key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be 64 hexadecimal digits, as `openssl rand -hex 32` prints")]
pub struct InvalidSecretKey;
