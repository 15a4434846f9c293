//! Senders: which client network and device a request came from, in a form that names neither.

use std::fmt;

use profile_protocol::{AnonymousId, CompanyId};
use sha2::{Digest, Sha256};

use crate::Timestamp;

/// The domain separators of the digests.
const NETWORK: &[u8] = b"profile-store network 1\0";
const DEVICE: &[u8] = b"profile-store sender 1\0";

/// The network and the device that the request of a client came from. The company itself has none.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct RequestSender {
    /// The client network.
    pub network: Option<SenderDigest>,
    /// The device, if the request named one.
    pub device: Option<SenderDigest>,
}

/// The digest of a network or a device under a key of the store. One sender has another digest each
/// day and for each company, so that outcomes do not show for long that two had one sender.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SenderDigest {
    bits: u64,
}

impl SenderDigest {
    /// The digest with these bits.
    pub const fn from_bits(bits: u64) -> SenderDigest {
        SenderDigest { bits }
    }

    /// The bits of the digest.
    pub const fn bits(self) -> u64 {
        self.bits
    }
}

impl fmt::Display for SenderDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.bits)
    }
}

/// The key of a store for the digests of senders.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct SenderKey {
    bytes: [u8; 32],
}

impl fmt::Debug for SenderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SenderKey(…)")
    }
}

impl SenderKey {
    /// The key with these bytes.
    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> SenderKey {
        SenderKey { bytes }
    }

    pub(crate) const fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// The digest of a client network on the day of `at`.
    pub fn network(&self, company: &CompanyId, network: &str, at: Timestamp) -> SenderDigest {
        self.digest(NETWORK, company, network, at)
    }

    /// The digest of a device on the day of `at`.
    pub fn device(&self, company: &CompanyId, device: &AnonymousId, at: Timestamp) -> SenderDigest {
        self.digest(DEVICE, company, device.as_str(), at)
    }

    fn digest(
        &self,
        domain: &[u8],
        company: &CompanyId,
        text: &str,
        at: Timestamp,
    ) -> SenderDigest {
        let bytes = Sha256::new_with_prefix(self.bytes)
            .chain_update(domain)
            .chain_update(at.day().to_be_bytes())
            .chain_update(company.as_str())
            .chain_update([0])
            .chain_update(text)
            .finalize();
        let first = bytes.iter().take(size_of::<u64>());
        SenderDigest { bits: first.fold(0, |bits, byte| bits << 8 | u64::from(*byte)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_differ_by_key_company_day_kind_and_text() {
        let key = |byte| SenderKey::from_bytes([byte; 32]);
        let [one, other]: [CompanyId; 2] = ["ABC123", "XYZ789"].map(|id| id.parse().unwrap());
        let at = |days: u64| Timestamp::from_millis(days * 24 * 60 * 60 * 1_000 + 5);
        let device: AnonymousId = "192.0.2.1".parse().unwrap();
        let all = [
            key(1).network(&one, "192.0.2.1", at(3)),
            key(2).network(&one, "192.0.2.1", at(3)),
            key(1).network(&other, "192.0.2.1", at(3)),
            key(1).network(&one, "192.0.2.1", at(4)),
            key(1).network(&one, "192.0.2.2", at(3)),
            key(1).device(&one, &device, at(3)),
        ];
        let distinct: std::collections::HashSet<SenderDigest> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
        // What is stored must be found again by later releases.
        assert_eq!(all[0].to_string(), "380778ed820d3c74");
    }

    #[test]
    fn the_key_is_not_shown() {
        assert_eq!(format!("{:?}", SenderKey::from_bytes([7; 32])), "SenderKey(…)");
    }
}
