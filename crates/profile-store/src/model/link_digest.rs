//! Link digests: they recognize a claim without storing the identifier that it named.

use profile_protocol::ProfileId;
use sha2::{Digest, Sha256};

use crate::{Identifier, ProfileRef};

/// The domain separator of these digests.
const DOMAIN: &[u8] = b"profile-store apart 1\0";

/// The digest of a claim that led to a merge which was undone.
///
/// A profile keeps these digests for as long as it exists. By then the identifier may belong to
/// another person, who may ask for its deletion, so the identifier itself is not kept.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LinkDigest {
    bits: u128,
}

impl LinkDigest {
    /// The digest of a claim target that led to `from`. The same target has another digest for
    /// another profile.
    pub fn from_link(from: ProfileId, link: &ProfileRef) -> LinkDigest {
        let mut hasher = Sha256::new_with_prefix(DOMAIN);
        hasher.update(from.bits().to_be_bytes());
        match link {
            ProfileRef::Id(id) => {
                hasher.update(b"i");
                hasher.update(id.bits().to_be_bytes());
            }
            ProfileRef::Identifier(identifier) => {
                hasher.update(kind(identifier));
                hasher.update(identifier.as_str());
            }
        }
        let bytes = hasher.finalize();
        let half = bytes.iter().take(size_of::<u128>());
        LinkDigest { bits: half.fold(0, |bits, byte| bits << 8 | u128::from(*byte)) }
    }

    pub(crate) const fn from_bits(bits: u128) -> LinkDigest {
        LinkDigest { bits }
    }

    pub(crate) const fn bits(self) -> u128 {
        self.bits
    }
}

const fn kind(identifier: &Identifier) -> &'static [u8] {
    match identifier {
        Identifier::AnonymousId(_) => b"a",
        Identifier::PhoneNumber(_) => b"p",
        Identifier::Email(_) => b"e",
        Identifier::ExternalId(_) => b"x",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_a_claim_never_changes() {
        let email = ProfileRef::Identifier(Identifier::Email("a@b.co".parse().unwrap()));
        let digest = LinkDigest::from_link(ProfileId::from_bits(2), &email);
        assert_eq!(digest.bits(), 0x33bc_af4f_620f_8c8a_6cba_d842_0872_4ba7);
        let digest = LinkDigest::from_link(
            ProfileId::from_bits(2),
            &ProfileRef::Id(ProfileId::from_bits(4)),
        );
        assert_eq!(digest.bits(), 0xc7b9_d445_5d60_77f9_b2fe_e9e2_cdba_287e);
    }

    #[test]
    fn the_digest_depends_on_the_kind_of_the_identifier_and_on_the_profile() {
        let [here, there] = [1, 2].map(ProfileId::from_bits);
        let device = ProfileRef::Identifier(Identifier::AnonymousId("x1".parse().unwrap()));
        let customer = ProfileRef::Identifier(Identifier::ExternalId("x1".parse().unwrap()));
        assert_ne!(LinkDigest::from_link(here, &device), LinkDigest::from_link(here, &customer));
        assert_ne!(LinkDigest::from_link(here, &device), LinkDigest::from_link(there, &device));
    }
}
