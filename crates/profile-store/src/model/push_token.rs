//! Push tokens: where the notifications for a person are delivered.

use std::fmt;

use profile_protocol::{
    Background, DeviceMetadata, EnablementStatus, Platform, ProfileId, PushToken, PushTokenDetails,
    Vendor,
};
use sha2::{Digest, Sha256};

use crate::Timestamp;

/// The domain separator of the ids of tokens.
const DOMAIN: &[u8] = b"profile-store push token 1\0";

/// The id of a push token: a digest of it, the same at every company.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PushTokenId {
    bits: u128,
}

impl PushTokenId {
    /// The id of a token.
    pub fn of_token(token: &PushToken) -> PushTokenId {
        let digest = Sha256::new_with_prefix(DOMAIN).chain_update(token.as_str()).finalize();
        let half = digest.iter().take(size_of::<u128>());
        PushTokenId { bits: half.fold(0, |bits, byte| bits << 8 | u128::from(*byte)) }
    }

    /// The id with these bits.
    pub const fn from_bits(bits: u128) -> PushTokenId {
        PushTokenId { bits }
    }

    /// The bits of the id.
    pub const fn bits(self) -> u128 {
        self.bits
    }

    /// Reads what `Display` writes, in any letter case.
    pub fn parse(text: &str) -> Option<PushTokenId> {
        let is_id = text.len() == 2 * size_of::<u128>()
            && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_id { u128::from_str_radix(text, 16).ok().map(PushTokenId::from_bits) } else { None }
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for PushTokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.bits)
    }
}

/// A push token as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredPushToken {
    /// The token.
    pub token: PushToken,
    /// The platform of the app.
    pub platform: Platform,
    /// The service that delivers notifications.
    pub vendor: Vendor,
    /// Whether the user allows notifications.
    pub enablement_status: EnablementStatus,
    /// Whether the app may run in the background.
    pub background: Background,
    /// The device.
    pub metadata: DeviceMetadata,
    /// When the profile got the token.
    pub created: Timestamp,
    /// When a request last changed the token, or named it on a later day.
    pub recorded: Timestamp,
}

impl StoredPushToken {
    /// The token that these details describe, which a profile gets now.
    pub(crate) fn new(details: &PushTokenDetails, now: Timestamp) -> StoredPushToken {
        let PushTokenDetails { token, platform, vendor, enablement_status, background, metadata } =
            details.clone();
        StoredPushToken {
            token,
            platform,
            vendor,
            enablement_status: enablement_status.unwrap_or(EnablementStatus::Authorized),
            background: background.unwrap_or(Background::Available),
            metadata: metadata.unwrap_or_default(),
            created: now,
            recorded: now,
        }
    }

    /// The token after a request with these details. What they lack stays.
    pub(crate) fn with_details(&self, details: &PushTokenDetails) -> StoredPushToken {
        let metadata = details.metadata.clone();
        StoredPushToken {
            token: details.token.clone(),
            platform: details.platform,
            vendor: details.vendor,
            enablement_status: details.enablement_status.unwrap_or(self.enablement_status),
            background: details.background.unwrap_or(self.background),
            metadata: metadata.unwrap_or_else(|| self.metadata.clone()),
            created: self.created,
            recorded: self.recorded,
        }
    }

    /// What a request says that registers this token.
    pub(crate) fn details(&self) -> PushTokenDetails {
        PushTokenDetails {
            token: self.token.clone(),
            platform: self.platform,
            vendor: self.vendor,
            enablement_status: Some(self.enablement_status),
            background: Some(self.background),
            metadata: Some(self.metadata.clone()),
        }
    }

    /// The id.
    pub fn id(&self) -> PushTokenId {
        PushTokenId::of_token(&self.token)
    }
}

/// A push token, and the profile that it belongs to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OwnedPushToken {
    /// The profile.
    pub profile: ProfileId,
    /// The token.
    pub token: StoredPushToken,
}

/// What a request did with a push token.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PushTokenResult {
    /// The profile got the token, which no profile had.
    Attached,
    /// The profile got the token from this other profile.
    Moved(ProfileId),
    /// The profile had the token, and the request says something new about it.
    Updated,
    /// The profile had the token, and the request says nothing new.
    Matched,
    /// The profile lost the token.
    Released,
    /// The profile did not get the token: it has as many as it may have, and they are in use.
    NoSpace,
    /// No profile that the request names has the token.
    NotHeld,
}

impl PushTokenResult {
    /// The name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            PushTokenResult::Attached => "attached",
            PushTokenResult::Moved(_) => "moved",
            PushTokenResult::Updated => "updated",
            PushTokenResult::Matched => "matched",
            PushTokenResult::Released => "released",
            PushTokenResult::NoSpace | PushTokenResult::NotHeld => "ignored",
        }
    }

    /// Why the token was ignored, if it was.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            PushTokenResult::NoSpace => Some("place taken"),
            PushTokenResult::NotHeld => Some("not held"),
            PushTokenResult::Attached
            | PushTokenResult::Moved(_)
            | PushTokenResult::Updated
            | PushTokenResult::Matched
            | PushTokenResult::Released => None,
        }
    }

    /// Whether the profile got the token.
    pub(crate) const fn is_arrival(self) -> bool {
        matches!(self, PushTokenResult::Attached | PushTokenResult::Moved(_))
    }

    /// Whether what the profile has is different afterwards.
    pub(crate) const fn is_change(self) -> bool {
        match self {
            PushTokenResult::Attached
            | PushTokenResult::Moved(_)
            | PushTokenResult::Updated
            | PushTokenResult::Released => true,
            PushTokenResult::Matched | PushTokenResult::NoSpace | PushTokenResult::NotHeld => false,
        }
    }
}

/// What a request did with the push tokens of its profile.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct PushTokenOutcome {
    /// What it did with the token that it names.
    pub result: PushTokenResult,
    /// How many other tokens left the profile, so that it has no more than it may have.
    pub released: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_digest_of_the_token_and_is_read_as_it_is_written() {
        let [one, other] = ["a", "b"].map(|text| PushTokenId::of_token(&text.parse().unwrap()));
        assert_ne!(one, other);
        // Stored keys contain ids, so they never change.
        assert_eq!(one.to_string().len(), 32);
        assert_eq!(PushTokenId::parse(&one.to_string()), Some(one));
        assert_eq!(PushTokenId::parse(&one.to_string().to_uppercase()), Some(one));
        for text in ["", "1", "+0000000000000000000000000000001", &one.to_string()[1..]] {
            assert_eq!(PushTokenId::parse(text), None);
        }
    }
}
