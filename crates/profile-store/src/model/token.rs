//! Exchange tokens, opened: what a token contains, and the terms on which it counts.

use profile_protocol::{AnonymousId, ProfileId};
use sha2::{Digest, Sha256};

use crate::{Device, Timestamp};

/// The domain separator of device digests.
const DOMAIN: &[u8] = b"profile-store device 1\0";

/// The content of an exchange token.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TokenContent {
    /// The profile that the token names, or an id of no profile.
    pub profile: ProfileId,
    /// The terms on which the token counts.
    pub terms: TokenTerms,
}

/// The terms on which an exchange token counts.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TokenTerms {
    /// When the sender proved what the token stands for. A token that was given in exchange for
    /// another one has the time of that one.
    pub issued: Timestamp,
    /// The device that the token stands for. The token then counts as that anonymous id, as long
    /// as the profile holds it. `None`: the token counts as the id of the profile.
    pub device: Option<DeviceDigest>,
}

impl TokenTerms {
    /// Whether a revocation at this time covers the token. A token of the same millisecond counts
    /// as older.
    pub(crate) fn is_revoked(&self, revoked: Option<Timestamp>) -> bool {
        revoked.is_some_and(|revoked| self.issued <= revoked)
    }

    /// The anonymous id that the token stands for, of those that the profile holds. `None` if the
    /// token stands for the profile itself.
    pub(crate) fn device_of<'p>(
        &self,
        held: &'p [Device],
    ) -> Result<Option<&'p AnonymousId>, InvalidToken> {
        let Some(digest) = self.device else { return Ok(None) };
        let found = held.iter().find(|held| DeviceDigest::from_device(&held.id) == digest);
        found.map(|held| Some(&held.id)).ok_or(InvalidToken::DeviceNotHeld)
    }
}

/// Why an exchange token names no profile.
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
pub enum InvalidToken {
    #[error("was not made here, or was altered")]
    Unsealed,
    #[error("was made for another company")]
    Foreign,
    #[error("has expired")]
    Expired,
    #[error("was revoked")]
    Revoked,
    #[error("is bound to a device that the profile does not hold")]
    DeviceNotHeld,
}

/// The digest of an anonymous id. It has a fixed length, however long the id is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct DeviceDigest {
    bits: u128,
}

impl DeviceDigest {
    /// The digest of this anonymous id.
    pub fn from_device(id: &AnonymousId) -> DeviceDigest {
        let bytes = Sha256::new_with_prefix(DOMAIN).chain_update(id.as_str()).finalize();
        let half = bytes.iter().take(size_of::<u128>());
        DeviceDigest { bits: half.fold(0, |bits, byte| bits << 8 | u128::from(*byte)) }
    }

    /// The digest with these bits.
    pub const fn from_bits(bits: u128) -> DeviceDigest {
        DeviceDigest { bits }
    }

    /// The bits of the digest.
    pub const fn bits(self) -> u128 {
        self.bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_a_device_never_changes() {
        let digest = DeviceDigest::from_device(&"tab".parse().unwrap());
        assert_eq!(digest.bits(), 0x08c8_219f_6f2f_17a4_7523_4407_59df_062d);
        assert_eq!(DeviceDigest::from_bits(digest.bits()), digest);
    }

    #[test]
    fn a_token_is_revoked_by_a_revocation_at_its_time_or_later() {
        let at = Timestamp::from_millis;
        let terms = TokenTerms { issued: at(5), device: None };
        let revoked = |time: Option<u64>| terms.is_revoked(time.map(at));
        assert_eq!([None, Some(4), Some(5), Some(6)].map(revoked), [false, false, true, true]);
    }

    #[test]
    fn a_token_of_a_device_counts_only_as_that_device_and_only_where_it_is_held() {
        let [tab, pad]: [AnonymousId; 2] = ["tab", "pad"].map(|id| id.parse().unwrap());
        let bound = |device: Option<&AnonymousId>| TokenTerms {
            issued: Timestamp::default(),
            device: device.map(DeviceDigest::from_device),
        };
        let seen = |id: &AnonymousId| Device::new(id.clone(), Timestamp::default());
        let held = [&pad, &tab].map(seen);
        assert_eq!(bound(Some(&tab)).device_of(&held), Ok(Some(&tab)));
        assert_eq!(bound(Some(&tab)).device_of(&[seen(&pad)]), Err(InvalidToken::DeviceNotHeld));
        assert_eq!(bound(None).device_of(&held), Ok(None));
    }
}
