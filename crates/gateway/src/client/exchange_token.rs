//! Exchange tokens (`_kx`): sealed profile ids that a browser may store and cannot read or forge.
//!
//! A token is `<base64url of nonce, sealed id and issue time>.<company>`, sealed by
//! XChaCha20-Poly1305 with the company's id as associated data. The nonce is random, so two tokens
//! of one profile have nothing in common. All tokens of a company have the same length.

use std::str::FromStr;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use profile_protocol::{CompanyId, ExchangeToken, ProfileId};
use profile_store::{InvalidToken, NoEntropy};

use crate::{
    limits,
    secret_key::{InvalidSecretKey, SecretKey},
};

const NONCE_BYTES: usize = 24;
const ID_BYTES: usize = 16;
const TIME_BYTES: usize = 8;

/// A key that seals tokens: 32 secret bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExchangeKey(SecretKey);

impl ExchangeKey {
    /// Generates a key from the operating system's entropy.
    pub fn generate() -> Result<ExchangeKey, NoEntropy> {
        SecretKey::generate().map(ExchangeKey)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.reveal().into())
    }
}

impl FromStr for ExchangeKey {
    type Err = InvalidSecretKey;

    fn from_str(text: &str) -> Result<ExchangeKey, InvalidSecretKey> {
        text.parse().map(ExchangeKey)
    }
}

/// Why a token could not be sealed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum SealError {
    /// There is no random nonce.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// The cipher refused the input.
    #[error("the cipher refused the token")]
    Cipher,
}

/// The keys that seal and open tokens.
#[derive(Debug)]
pub struct KeyRing {
    current: ExchangeKey,
    retired: Box<[ExchangeKey]>,
}

impl KeyRing {
    /// Seals with the first key. Opens tokens sealed with any of the keys.
    pub fn new(current: ExchangeKey, retired: impl IntoIterator<Item = ExchangeKey>) -> KeyRing {
        KeyRing { current, retired: retired.into_iter().collect() }
    }

    /// A new token for this profile.
    pub fn seal(
        &self,
        company: &CompanyId,
        id: ProfileId,
        now_seconds: u64,
    ) -> Result<String, SealError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).or(Err(NoEntropy))?;
        let mut plain = [0; ID_BYTES + TIME_BYTES];
        let (id_part, time_part) = plain.split_at_mut(ID_BYTES);
        id_part.copy_from_slice(&id.bits().to_be_bytes());
        time_part.copy_from_slice(&now_seconds.to_be_bytes());
        let payload = Payload { msg: &plain, aad: company.as_str().as_bytes() };
        let nonce = XNonce::from(nonce);
        let sealed = self.current.cipher().encrypt(&nonce, payload).or(Err(SealError::Cipher))?;
        let whole = [nonce.as_slice(), &sealed].concat();
        Ok(format!("{}.{company}", BASE64_URL_SAFE_NO_PAD.encode(whole)))
    }

    /// The profile of this token.
    pub fn open(
        &self,
        company: &CompanyId,
        token: &ExchangeToken,
        now_seconds: u64,
    ) -> Result<ProfileId, InvalidToken> {
        let (sealed, owner) = token.as_str().rsplit_once('.').ok_or(InvalidToken::Unsealed)?;
        if owner != company.as_str() {
            return Err(InvalidToken::Foreign);
        }
        // Some clients send padding. It carries no information.
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(sealed.trim_end_matches('='));
        let sealed = sealed.or(Err(InvalidToken::Unsealed))?;
        let keys = std::iter::once(&self.current).chain(&self.retired);
        let plain = keys.into_iter().find_map(|key| unseal(key, company, &sealed));
        let (id, issued_seconds) = plain.and_then(split_plaintext).ok_or(InvalidToken::Unsealed)?;
        let age = now_seconds.saturating_sub(issued_seconds);
        if limits::EXCHANGE_TOKEN_LIFETIME.as_secs() < age {
            return Err(InvalidToken::Expired);
        }
        Ok(id)
    }
}

fn unseal(key: &ExchangeKey, company: &CompanyId, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let payload = Payload { msg: sealed, aad: company.as_str().as_bytes() };
    key.cipher().decrypt(&XNonce::from(*nonce), payload).ok()
}

fn split_plaintext(plain: Vec<u8>) -> Option<(ProfileId, u64)> {
    let plain: [u8; ID_BYTES + TIME_BYTES] = plain.try_into().ok()?;
    let (id, time) = plain.split_first_chunk::<ID_BYTES>()?;
    let id = ProfileId::from_bits(u128::from_be_bytes(*id));
    Some((id, u64::from_be_bytes(time.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_764_000_000;

    fn ring(keys: &[u8]) -> KeyRing {
        let mut keys = keys
            .iter()
            .map(|&byte| ExchangeKey::from_str(&format!("{byte:02x}").repeat(32)).unwrap());
        KeyRing::new(keys.next().unwrap(), keys)
    }

    fn company(id: &str) -> CompanyId {
        id.parse().unwrap()
    }

    fn token(text: &str) -> ExchangeToken {
        text.parse().unwrap()
    }

    fn sealed(ring: &KeyRing) -> String {
        ring.seal(&company("ABC123"), ProfileId::from_bits(7), NOW).unwrap()
    }

    #[test]
    fn a_token_stands_for_the_profile_it_was_made_for() {
        let opened = ring(&[1]).open(&company("ABC123"), &token(&sealed(&ring(&[1]))), NOW + 5);
        assert_eq!(opened, Ok(ProfileId::from_bits(7)));
    }

    #[test]
    fn tokens_differ_each_time_and_have_one_length() {
        let (first, second) = (sealed(&ring(&[1])), sealed(&ring(&[1])));
        assert_ne!(first, second);
        assert_eq!(first.len(), second.len());
        let (cipher, company) = first.rsplit_once('.').unwrap();
        assert_eq!((cipher.len(), company), (86, "ABC123"));
        assert!(cipher.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    }

    #[test]
    fn retired_keys_still_open_what_they_sealed() {
        let old = sealed(&ring(&[1]));
        let rotated = ring(&[2, 1]);
        assert!(rotated.open(&company("ABC123"), &token(&old), NOW).is_ok());
        assert!(ring(&[2]).open(&company("ABC123"), &token(&old), NOW).is_err());
        assert!(ring(&[2]).open(&company("ABC123"), &token(&sealed(&rotated)), NOW).is_ok());
    }

    #[test]
    fn tokens_that_cannot_be_opened_say_why() {
        let (ring, good) = (ring(&[1]), sealed(&ring(&[1])));
        let open = |text: &str, now| ring.open(&company("ABC123"), &token(text), now);
        let lifetime = limits::EXCHANGE_TOKEN_LIFETIME.as_secs();
        assert!(open(&good, NOW + lifetime).is_ok());
        assert_eq!(open(&good, NOW + lifetime + 1), Err(InvalidToken::Expired));
        assert_eq!(open(&good.replace("ABC123", "ABC124"), NOW), Err(InvalidToken::Foreign));
        for text in ["x", ".ABC123", "AAAA.ABC123", "N1a3kx_=.ABC123", "é.ABC123"] {
            assert_eq!(open(text, NOW), Err(InvalidToken::Unsealed), "{text}");
        }
        // Changing the company in a token does not make it valid there.
        let stolen = ring.seal(&company("XYZ789"), ProfileId::from_bits(7), NOW).unwrap();
        assert_eq!(open(&stolen.replace("XYZ789", "ABC123"), NOW), Err(InvalidToken::Unsealed));
    }

    #[test]
    fn a_token_altered_anywhere_cannot_be_opened() {
        let (ring, good) = (ring(&[1]), sealed(&ring(&[1])));
        for place in 0..86 {
            let mut altered = good.clone().into_bytes();
            altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            let opened = ring.open(&company("ABC123"), &token(&altered), NOW);
            assert_eq!(opened, Err(InvalidToken::Unsealed), "at {place}");
        }
    }

    #[test]
    fn a_key_is_64_hexadecimal_digits_and_never_printed() {
        let key: ExchangeKey = "0f".repeat(32).parse().unwrap();
        assert_eq!(format!("{key:?}"), "ExchangeKey(SecretKey(…))");
        for text in ["", "0f", &"0g".repeat(32), &"0f".repeat(33)] {
            assert_eq!(text.parse::<ExchangeKey>(), Err(InvalidSecretKey));
        }
    }
}
