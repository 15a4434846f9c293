//! The ids of profiles.

use std::{
    fmt::{self, Write},
    str::FromStr,
};

/// The id of one profile: a ULID, written as 26 characters of Crockford's
/// base 32.
///
/// ```
/// use profile_protocol::ProfileId;
///
/// let id: ProfileId = "01gddkasap8tkdda2grzdsvp4h".parse()?;
/// assert_eq!(id.to_string(), "01GDDKASAP8TKDDA2GRZDSVP4H");
/// # Ok::<(), profile_protocol::InvalidProfileId>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ProfileId {
    bits: u128,
}

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHARACTERS: usize = 26;

impl ProfileId {
    /// The id with these 128 bits: 48 of milliseconds since 1970, then 80 of
    /// chance.
    pub const fn from_bits(bits: u128) -> ProfileId {
        ProfileId { bits }
    }

    /// The 128 bits. Their order is the order of creation.
    pub const fn bits(self) -> u128 {
        self.bits
    }
}

impl FromStr for ProfileId {
    type Err = InvalidProfileId;

    fn from_str(text: &str) -> Result<ProfileId, InvalidProfileId> {
        if text.len() != CHARACTERS {
            return Err(InvalidProfileId::Length);
        }
        let mut bits: u128 = 0;
        for byte in text.bytes() {
            let digit = ALPHABET.iter().position(|&known| known == byte.to_ascii_uppercase());
            let digit = digit.ok_or(InvalidProfileId::Alphabet)?;
            bits = bits.checked_mul(32).ok_or(InvalidProfileId::TooLarge)? | digit as u128;
        }
        Ok(ProfileId { bits })
    }
}

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in (0..CHARACTERS).rev() {
            let digit = (self.bits >> (5 * place)) as usize % ALPHABET.len();
            f.write_char(char::from(*ALPHABET.get(digit).unwrap_or(&b'0')))?;
        }
        Ok(())
    }
}

impl fmt::Debug for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProfileId({self})")
    }
}

/// Why some text is not a [`ProfileId`].
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidProfileId {
    #[error("must be {CHARACTERS} characters")]
    Length,
    #[error("must consist of digits and letters other than I, L, O and U")]
    Alphabet,
    #[error("must be at most 7ZZZZZZZZZZZZZZZZZZZZZZZZZ")]
    TooLarge,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_fault_has_its_narrowest_reason() {
        let refusal = |text: &str| text.parse::<ProfileId>().unwrap_err();
        assert_eq!(refusal("ABC123"), InvalidProfileId::Length);
        assert_eq!(refusal("01GDDKASAP8TKDDA2GRZDSVP4U"), InvalidProfileId::Alphabet);
        assert_eq!(refusal("8ZZZZZZZZZZZZZZZZZZZZZZZZZ"), InvalidProfileId::TooLarge);
    }

    proptest! {
        #[test]
        fn every_id_survives_being_written(bits in any::<u128>()) {
            let id = ProfileId::from_bits(bits);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn written_ids_sort_as_their_bits_do(a in any::<u128>(), b in any::<u128>()) {
            let (first, second) = (ProfileId::from_bits(a), ProfileId::from_bits(b));
            prop_assert_eq!(first.cmp(&second), first.to_string().cmp(&second.to_string()));
        }
    }
}
