//! Exchange tokens (`_kx`): sealed profile ids that a browser may store and cannot read or forge.
//!
//! A token is `<base64url of nonce and sealed content>.<company>`, sealed by XChaCha20-Poly1305
//! with the company's id as associated data. The nonce is random, so two tokens of one profile have
//! nothing in common. All tokens of a company have the same length, whatever they stand for.
//!
//! The content is the id of the profile, the time of issue in milliseconds, and the digest of the
//! device that the token stands for, or zeros. An earlier form had the id and the time in seconds.

use std::{str::FromStr, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use profile_protocol::{CompanyId, ExchangeToken, ProfileId};
use profile_store::{DeviceDigest, InvalidToken, NoEntropy, Timestamp, TokenContent, TokenTerms};

use crate::{
    hexadecimal, limits,
    secret_key::{InvalidSecretKey, SecretKey},
};

const NONCE_BYTES: usize = 24;
const ID_BYTES: usize = 16;
const TIME_BYTES: usize = 8;
const DEVICE_BYTES: usize = 16;

/// A key that seals tokens: 32 secret bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExchangeKey(SecretKey);

impl ExchangeKey {
    /// Generates a key from the operating system's entropy.
    pub fn generate() -> Result<ExchangeKey, NoEntropy> {
        SecretKey::generate().map(ExchangeKey)
    }

    /// The 64 hexadecimal digits of the key.
    pub(crate) fn reveal(&self) -> String {
        hexadecimal::encode(self.0.reveal())
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

/// The keys that seal and open tokens, and the life of a token.
#[derive(Debug)]
pub struct KeyRing {
    current: ExchangeKey,
    retired: Box<[ExchangeKey]>,
    life: Duration,
}

impl KeyRing {
    /// Seals with the first key. Opens tokens sealed with any of the keys. Tokens have the default
    /// life.
    pub fn new(current: ExchangeKey, retired: impl IntoIterator<Item = ExchangeKey>) -> KeyRing {
        let life = days(limits::EXCHANGE_TOKEN_DAYS);
        KeyRing { current, retired: retired.into_iter().collect(), life }
    }

    /// The same keys for tokens that count for so many days, whenever they were issued.
    #[must_use]
    pub fn with_token_days(self, number: u64) -> KeyRing {
        KeyRing { life: days(number), ..self }
    }

    /// For how many days a token counts.
    pub(crate) fn token_days(&self) -> u64 {
        self.life.as_secs() / days(1).as_secs()
    }

    /// A new token with this content.
    pub fn seal(&self, company: &CompanyId, content: TokenContent) -> Result<String, SealError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).or(Err(NoEntropy))?;
        let TokenContent { profile, terms: TokenTerms { issued, device } } = content;
        // No device has a digest of zeros: it would take 2^128 attempts to find one.
        let device = device.map_or(0, DeviceDigest::bits);
        let plain = [
            &profile.bits().to_be_bytes()[..],
            &issued.millis().to_be_bytes(),
            &device.to_be_bytes(),
        ]
        .concat();
        let payload = Payload { msg: &plain, aad: company.as_str().as_bytes() };
        let nonce = XNonce::from(nonce);
        let sealed = self.current.cipher().encrypt(&nonce, payload).or(Err(SealError::Cipher))?;
        let whole = [nonce.as_slice(), &sealed].concat();
        Ok(format!("{}.{company}", BASE64_URL_SAFE_NO_PAD.encode(whole)))
    }

    /// The content of this token, unless its life is over.
    pub fn open(
        &self,
        company: &CompanyId,
        token: &ExchangeToken,
        now_seconds: u64,
    ) -> Result<TokenContent, InvalidToken> {
        let (sealed, owner) = token.as_str().rsplit_once('.').ok_or(InvalidToken::Unsealed)?;
        if owner != company.as_str() {
            return Err(InvalidToken::Foreign);
        }
        // Some clients send padding. It carries no information.
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(sealed.trim_end_matches('='));
        let sealed = sealed.or(Err(InvalidToken::Unsealed))?;
        let keys = std::iter::once(&self.current).chain(&self.retired);
        let plain = keys.into_iter().find_map(|key| unseal(key, company, &sealed));
        let content = plain.and_then(|plain| content(&plain)).ok_or(InvalidToken::Unsealed)?;
        let issued = Duration::from_millis(content.terms.issued.millis());
        if self.life < Duration::from_secs(now_seconds).saturating_sub(issued) {
            return Err(InvalidToken::Expired);
        }
        Ok(content)
    }
}

const fn days(number: u64) -> Duration {
    Duration::from_hours(number * 24)
}

fn unseal(key: &ExchangeKey, company: &CompanyId, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let payload = Payload { msg: sealed, aad: company.as_str().as_bytes() };
    key.cipher().decrypt(&XNonce::from(*nonce), payload).ok()
}

/// The content of a token, in the current form or in the earlier one.
fn content(plain: &[u8]) -> Option<TokenContent> {
    let (id, rest) = plain.split_first_chunk::<ID_BYTES>()?;
    let (time, device) = rest.split_first_chunk::<TIME_BYTES>()?;
    let time = u64::from_be_bytes(*time);
    let (millis, device) = if device.is_empty() {
        (time.saturating_mul(1_000), None)
    } else {
        let device = u128::from_be_bytes(<[u8; DEVICE_BYTES]>::try_from(device).ok()?);
        (time, (device != 0).then(|| DeviceDigest::from_bits(device)))
    };
    let terms = TokenTerms { issued: Timestamp::from_millis(millis), device };
    Some(TokenContent { profile: ProfileId::from_bits(u128::from_be_bytes(*id)), terms })
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

    /// The content of a token for the profile 7, issued now.
    fn content(device: Option<u128>) -> TokenContent {
        let issued = Timestamp::from_millis(NOW * 1_000);
        let terms = TokenTerms { issued, device: device.map(DeviceDigest::from_bits) };
        TokenContent { profile: ProfileId::from_bits(7), terms }
    }

    fn sealed(ring: &KeyRing) -> String {
        ring.seal(&company("ABC123"), content(None)).unwrap()
    }

    #[test]
    fn a_token_has_the_content_that_was_sealed() {
        for device in [None, Some(1), Some(u128::MAX)] {
            let sealed = ring(&[1]).seal(&company("ABC123"), content(device)).unwrap();
            let opened = ring(&[1]).open(&company("ABC123"), &token(&sealed), NOW + 5);
            assert_eq!(opened, Ok(content(device)));
        }
    }

    #[test]
    fn the_form_of_a_token_never_changes() {
        // Sealed by another program, with keys of these rings, for the profile 7.
        let tab = DeviceDigest::from_device(&"tab".parse().unwrap()).bits();
        for (sealed, device) in [
            (
                "-4VzmRIwedbRrxFaIHJec8dbBfElTHrGLVkN0dvJC9_MyAT1IsF-gSfaOAqMjg0UKK_Rhq7zOre5K1qy36MuJSLz6wHZdxf2jy_FKsjV9nc.ABC123",
                None,
            ),
            (
                "6Wj2hMX7Ogdbz0II5OhioRjmW7tkZO3Mb9nnRidvKylWEd7olfDmo-0i6OhcUWh3lUfJ4KgdHtF6PqozJHnnEacqlMo3isVI_stNhTKjw_8.ABC123",
                Some(tab),
            ),
        ] {
            let opened = ring(&[0x0f]).open(&company("ABC123"), &token(sealed), NOW);
            assert_eq!(opened, Ok(content(device)));
        }
    }

    #[test]
    fn a_token_of_the_earlier_form_stands_for_its_profile_since_its_time() {
        // Sealed for the profile 7 at `NOW` with the key of this ring.
        let old = "gakaSGe5kxjBBNmHMQBf7mYhMMy1qdVI5Oq482aeVa5andFguPLJyZAVLTHORXxK4oOLuTKyIjp76IlR3l1MAg.ABC123";
        let opened = |now| ring(&[0x0f]).open(&company("ABC123"), &token(old), now);
        let life = limits::EXCHANGE_TOKEN_DAYS * 24 * 60 * 60;
        assert_eq!(opened(NOW + life), Ok(content(None)));
        assert_eq!(opened(NOW + life + 1), Err(InvalidToken::Expired));
    }

    #[test]
    fn a_token_is_judged_by_its_own_time_and_the_days_of_today() {
        let (issued, day) = (token(&sealed(&ring(&[1]))), 24 * 60 * 60);
        for days in [1, 30, 730] {
            let ring = ring(&[1]).with_token_days(days);
            let opened = |now| ring.open(&company("ABC123"), &issued, now);
            assert_eq!(opened(NOW + days * day), Ok(content(None)), "{days}");
            assert_eq!(opened(NOW + days * day + 1), Err(InvalidToken::Expired), "{days}");
            // The clock was ahead when the token was issued, or is behind now.
            assert_eq!(opened(0), Ok(content(None)), "{days}");
        }
    }

    #[test]
    fn tokens_differ_each_time_and_have_one_length() {
        let (first, second) = (sealed(&ring(&[1])), sealed(&ring(&[1])));
        assert_ne!(first, second);
        assert_eq!(first.len(), second.len());
        // The length does not show whether a token stands for a device.
        let of_device = ring(&[1]).seal(&company("ABC123"), content(Some(5))).unwrap();
        assert_eq!(first.len(), of_device.len());
        let (cipher, company) = first.rsplit_once('.').unwrap();
        assert_eq!((cipher.len(), company), (107, "ABC123"));
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
        let life = limits::EXCHANGE_TOKEN_DAYS * 24 * 60 * 60;
        assert!(open(&good, NOW + life).is_ok());
        assert_eq!(open(&good, NOW + life + 1), Err(InvalidToken::Expired));
        assert_eq!(open(&good.replace("ABC123", "ABC124"), NOW), Err(InvalidToken::Foreign));
        for text in ["x", ".ABC123", "AAAA.ABC123", "N1a3kx_=.ABC123", "é.ABC123"] {
            assert_eq!(open(text, NOW), Err(InvalidToken::Unsealed), "{text}");
        }
        // Changing the company in a token does not make it valid there.
        let stolen = ring.seal(&company("XYZ789"), content(None)).unwrap();
        assert_eq!(open(&stolen.replace("XYZ789", "ABC123"), NOW), Err(InvalidToken::Unsealed));
    }

    #[test]
    fn a_token_altered_anywhere_cannot_be_opened() {
        let (ring, good) = (ring(&[1]), sealed(&ring(&[1])));
        for place in 0..107 {
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
