//! The value of an identifier or alias key.

use profile_protocol::ProfileId;

use super::{InvalidRecord, decode_id, encode_id};

/// What the key of an identifier or alias leads to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Pointer {
    /// The profile that holds the identifier, or that has absorbed the one with the id.
    Held(ProfileId),
    /// The profile that lost the identifier last. No profile holds it. Only an erasure follows it.
    Former(ProfileId),
}

impl Pointer {
    /// The profile that requests find by this.
    pub(crate) const fn held(self) -> Option<ProfileId> {
        match self {
            Pointer::Held(id) => Some(id),
            Pointer::Former(_) => None,
        }
    }

    /// The profile that only an erasure finds by this.
    pub(crate) const fn former(self) -> Option<ProfileId> {
        match self {
            Pointer::Held(_) => None,
            Pointer::Former(id) => Some(id),
        }
    }
}

/// The first byte of the value of a former identifier.
const FORMER: u8 = 1;

/// The value: the id, after another byte if the identifier is a former one.
pub(crate) fn encode_pointer(pointer: Pointer) -> Vec<u8> {
    match pointer {
        Pointer::Held(id) => encode_id(id),
        Pointer::Former(id) => [vec![FORMER], encode_id(id)].concat(),
    }
}

/// See [`encode_pointer`].
pub(crate) fn decode_pointer(value: &[u8]) -> Result<Pointer, InvalidRecord> {
    match value {
        [FORMER, id @ ..] if value.len() == 1 + size_of::<u128>() => {
            decode_id(id).map(Pointer::Former)
        }
        held => decode_id(held).map(Pointer::Held),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_layout_of_a_pointer_never_changes() {
        let id = ProfileId::from_bits(9);
        let held = [[0; 15].as_slice(), &[9]].concat();
        let former = [&[1], held.as_slice()].concat();
        assert_eq!(encode_pointer(Pointer::Held(id)), held);
        assert_eq!(encode_pointer(Pointer::Former(id)), former);
        let other = [&[2], held.as_slice()].concat();
        for value in [&former[..16], &held[1..], &other, &[former.as_slice(), &[0]].concat()] {
            // Sixteen bytes of a truncated value are an id, too.
            let read = decode_pointer(value);
            assert!(value.len() == 16 || read == Err(InvalidRecord::Truncated), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn a_pointer_is_decoded_as_it_was_encoded(bits in any::<u128>(), is_held in any::<bool>()) {
            let id = ProfileId::from_bits(bits);
            let pointer = if is_held { Pointer::Held(id) } else { Pointer::Former(id) };
            prop_assert_eq!(decode_pointer(&encode_pointer(pointer)), Ok(pointer));
        }
    }
}
