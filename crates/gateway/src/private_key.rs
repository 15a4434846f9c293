//! Private keys: how they are made, and the only form in which they are kept.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::hexadecimal;

/// Bytes of chance in a private key: 136 bits, which nobody guesses, and the 34
/// characters that keys of the original have after their prefix.
const RANDOM_BYTES: usize = 17;

const PREFIX: &str = "pk_";

/// A secret that lets a server act for a company.
///
/// It is shown to a person once and never stored, so it prints itself nowhere:
/// only [`PrivateKey::reveal`] gives it away.
pub struct PrivateKey {
    text: String,
}

impl PrivateKey {
    /// A new key nobody has seen, from the operating system's randomness.
    pub fn id_generator() -> Result<PrivateKey, NoRandomness> {
        let mut bytes = [0; RANDOM_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(PrivateKey { text: format!("{PREFIX}{}", hexadecimal::text_of(&bytes)) })
    }

    /// The form in which the key is configured and looked up.
    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(&self.text)
    }

    /// The secret itself, to be shown to the person who asked for it.
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

/// The operating system gave no randomness, so no key can be made.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct NoRandomness(#[from] getrandom::Error);

/// The SHA-256 of a private key.
///
/// A plain digest is enough, without salt or stretching: what it stands for is 136
/// bits of chance and not a password.
#[derive(Clone, Copy)]
pub struct KeyDigest([u8; 32]);

/// In a time that does not depend on how much of the two is the same.
impl PartialEq for KeyDigest {
    fn eq(&self, other: &KeyDigest) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyDigest {}

/// Of the first bytes only: what a table of digests gives away by the time a
/// look-up takes is no more than they are.
impl Hash for KeyDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [first, second, third, fourth, ..] = self.0;
        state.write_u32(u32::from_be_bytes([first, second, third, fourth]));
    }
}

impl KeyDigest {
    /// The digest of a key as a client presents it.
    pub fn of(presented: &str) -> KeyDigest {
        KeyDigest(Sha256::digest(presented.as_bytes()).into())
    }

    /// The 64 hexadecimal digits a configuration holds.
    pub fn to_hexadecimal(self) -> String {
        hexadecimal::text_of(&self.0)
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
        hexadecimal::bytes_of(text).map(KeyDigest).ok_or(InvalidKeyDigest::Malformed)
    }
}

/// Why some text is not a [`KeyDigest`].
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
        let (one, other) =
            (PrivateKey::id_generator().unwrap(), PrivateKey::id_generator().unwrap());
        let chance = one.reveal().strip_prefix("pk_").unwrap();
        assert_eq!(chance.len(), 34);
        assert!(chance.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(one.reveal(), other.reveal());
    }

    #[test]
    fn a_digest_is_the_sha_256_of_the_key() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(KeyDigest::of("abc").to_hexadecimal(), expected);
    }

    #[test]
    fn a_digest_is_read_back_in_either_case() {
        let digest = PrivateKey::id_generator().unwrap().digest();
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
        assert_eq!(refused(PrivateKey::id_generator().unwrap().reveal()), InvalidKeyDigest::Key);
    }

    #[test]
    fn neither_a_key_nor_its_digest_is_in_a_log() {
        let key = PrivateKey::id_generator().unwrap();
        let logged = format!("{key:?} {:?}", key.digest());
        assert_eq!(logged, "PrivateKey(…) KeyDigest(…)");
    }
}
