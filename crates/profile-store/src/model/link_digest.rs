//! Digests of claims: enough to know a claim again, and nothing of what it named.

use profile_protocol::ProfileId;
use sha2::{Digest, Sha256};

use crate::{Identifier, ProfileRef};

/// Sets these digests apart from all others of the same values.
const DOMAIN: &[u8] = b"profile-store apart 1\0";

/// The digest of a claim that led to a merge which was undone. A profile remembers
/// these for as long as it lives, and by then the value may be another person's,
/// who may ask for it to be deleted everywhere.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LinkDigest {
    bits: u128,
}

impl LinkDigest {
    /// The digest of a claim that led to `from`. The same claim has another digest
    /// where it led to another profile.
    pub fn of(from: ProfileId, link: &ProfileRef) -> LinkDigest {
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
    fn a_digest_is_what_it_always_was() {
        let email = ProfileRef::Identifier(Identifier::Email("a@b.co".parse().unwrap()));
        let digest = LinkDigest::of(ProfileId::from_bits(2), &email);
        assert_eq!(digest.bits(), 0x33bc_af4f_620f_8c8a_6cba_d842_0872_4ba7);
        let digest =
            LinkDigest::of(ProfileId::from_bits(2), &ProfileRef::Id(ProfileId::from_bits(4)));
        assert_eq!(digest.bits(), 0xc7b9_d445_5d60_77f9_b2fe_e9e2_cdba_287e);
    }

    #[test]
    fn the_same_text_of_another_kind_or_leading_elsewhere_has_another_digest() {
        let [here, there] = [1, 2].map(ProfileId::from_bits);
        let device = ProfileRef::Identifier(Identifier::AnonymousId("x1".parse().unwrap()));
        let customer = ProfileRef::Identifier(Identifier::ExternalId("x1".parse().unwrap()));
        assert_ne!(LinkDigest::of(here, &device), LinkDigest::of(here, &customer));
        assert_ne!(LinkDigest::of(here, &device), LinkDigest::of(there, &device));
    }
}
