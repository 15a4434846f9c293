//! Private keys: generation, and the digest that is configured.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use profile_store::NoEntropy;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::hexadecimal;

/// Random bytes of a private key: 136 bits, which cannot be guessed, and the 34 characters that
/// keys of the original have after their prefix.
const RANDOM_BYTES: usize = 17;

const PREFIX: &str = "pk_";

/// Whether a text may have a private key in it, sent where keys do not belong.
pub(crate) fn may_contain_key(text: &str) -> bool {
    text.contains(PREFIX)
}

/// A secret that lets a server act for a company.
///
/// It is shown once and never stored. `Debug` is redacted, and only [`PrivateKey::reveal`] returns
/// the text.
pub struct PrivateKey {
    text: String,
}

impl PrivateKey {
    /// Generates a key from the operating system's entropy.
    pub fn generate() -> Result<PrivateKey, NoEntropy> {
        let mut bytes = [0; RANDOM_BYTES];
        getrandom::fill(&mut bytes).or(Err(NoEntropy))?;
        Ok(PrivateKey { text: format!("{PREFIX}{}", hexadecimal::encode(&bytes)) })
    }

    /// Parses a key that was generated here.
    pub fn parse(text: &str) -> Option<PrivateKey> {
        let digits = text.strip_prefix(PREFIX)?;
        hexadecimal::decode::<RANDOM_BYTES>(digits)?;
        Some(PrivateKey { text: text.to_owned() })
    }

    /// The digest of the key, which is configured and looked up.
    pub fn digest(&self) -> KeyDigest {
        KeyDigest::from_key(&self.text)
    }

    /// The secret text, to be shown to the operator.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

/// Redacted, because `Debug` is how secrets reach logs.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

/// The SHA-256 of a private key.
///
/// A plain digest without salt or key stretching is enough, because the key is 136 random bits and
/// not a password.
#[derive(Clone, Copy)]
pub struct KeyDigest([u8; 32]);

/// Compares in constant time.
impl PartialEq for KeyDigest {
    fn eq(&self, other: &KeyDigest) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyDigest {}

/// Hashes the first bytes only: the timing of a table lookup discloses no more than these.
impl Hash for KeyDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [first, second, third, fourth, ..] = self.0;
        state.write_u32(u32::from_be_bytes([first, second, third, fourth]));
    }
}

impl KeyDigest {
    /// The digest of a key as a client sends it.
    pub fn from_key(presented: &str) -> KeyDigest {
        KeyDigest(Sha256::digest(presented.as_bytes()).into())
    }

    /// The 64 hexadecimal digits of the configuration.
    pub fn to_hexadecimal(self) -> String {
        hexadecimal::encode(&self.0)
    }
}

/// Redacted, so that a log does not help to recognise a key.
impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(…)")
    }
}

impl FromStr for KeyDigest {
    type Err = InvalidKeyDigest;

    fn from_str(text: &str) -> Result<KeyDigest, InvalidKeyDigest> {
        if text.starts_with(PREFIX) {
            return Err(InvalidKeyDigest::Key);
        }
        hexadecimal::decode(text).map(KeyDigest).ok_or(InvalidKeyDigest::Malformed)
    }
}

/// Why the text is not a [`KeyDigest`].
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKeyDigest {
    #[error("must be the SHA-256 of the private key, and not the key itself")]
    Key,
    #[error("must be 64 hexadecimal digits")]
    Malformed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_shape_clients_know_and_is_never_the_same() {
        let (one, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let random = one.reveal().strip_prefix("pk_").unwrap();
        assert_eq!(random.len(), 34);
        assert!(random.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(one.reveal(), other.reveal());
    }

    #[test]
    fn a_digest_is_the_sha_256_of_the_key() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(KeyDigest::from_key("abc").to_hexadecimal(), expected);
    }

    #[test]
    fn a_digest_is_read_back_in_either_case() {
        let digest = PrivateKey::generate().unwrap().digest();
        assert_eq!(digest.to_hexadecimal().parse(), Ok(digest));
        assert_eq!(digest.to_hexadecimal().to_uppercase().parse(), Ok(digest));
    }

    #[test]
    fn what_is_no_digest_is_refused_with_the_narrowest_reason() {
        let refused = |text: &str| text.parse::<KeyDigest>().unwrap_err();
        assert_eq!(refused(""), InvalidKeyDigest::Malformed);
        assert_eq!(refused(&"0".repeat(63)), InvalidKeyDigest::Malformed);
        assert_eq!(refused(&"g".repeat(64)), InvalidKeyDigest::Malformed);
        assert_eq!(refused(&"é".repeat(32)), InvalidKeyDigest::Malformed);
        assert_eq!(refused(PrivateKey::generate().unwrap().reveal()), InvalidKeyDigest::Key);
    }

    #[test]
    fn neither_a_key_nor_its_digest_is_in_a_log() {
        let key = PrivateKey::generate().unwrap();
        let logged = format!("{key:?} {:?}", key.digest());
        assert_eq!(logged, "PrivateKey(…) KeyDigest(…)");
    }
}
