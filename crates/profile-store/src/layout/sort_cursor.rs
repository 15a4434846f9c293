//! Positions: where in an order of profiles a page begins.

use profile_protocol::{Email, ProfileId};

use crate::{Profile, SortKey, Timestamp, engine::Order, id_generator};

/// Where a page begins: after one place in one order.
///
/// It names the place and nothing of the store, so it stays good for as long as
/// its holder likes, whatever is written meanwhile. In the order of `email` it
/// holds an address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SortCursor {
    pub(crate) order: Order,
    pub(crate) place: SortPosition,
}

/// What a profile is listed by. Places of one order compare as they follow one
/// another when it ascends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum SortPosition {
    Id(ProfileId),
    Created(Timestamp, ProfileId),
    Updated(Timestamp, ProfileId),
    Email(Email),
    /// After all that have an address.
    NoEmail(ProfileId),
}

impl SortPosition {
    fn sort(&self) -> SortKey {
        match self {
            SortPosition::Id(_) => SortKey::Id,
            SortPosition::Created(..) => SortKey::Created,
            SortPosition::Updated(..) => SortKey::Updated,
            SortPosition::Email(_) | SortPosition::NoEmail(_) => SortKey::Email,
        }
    }

    /// The place at which a profile's own key stands in the order of `created`.
    pub(crate) fn born(id: ProfileId) -> SortPosition {
        SortPosition::Created(id_generator::time_of(id), id)
    }

    /// The time and the id, in an order of times.
    pub(crate) fn time_and_id(&self) -> Option<(Timestamp, ProfileId)> {
        match self {
            SortPosition::Created(at, id) | SortPosition::Updated(at, id) => Some((*at, *id)),
            SortPosition::Id(_) | SortPosition::Email(_) | SortPosition::NoEmail(_) => None,
        }
    }

    /// Whether this is where the profile stands.
    pub(crate) fn is_of(&self, profile: &Profile) -> bool {
        match self {
            SortPosition::Id(id) => profile.id == *id,
            SortPosition::Created(at, id) => (profile.created, profile.id) == (*at, *id),
            SortPosition::Updated(at, id) => (profile.updated, profile.id) == (*at, *id),
            SortPosition::Email(email) => profile.identifiers.email.as_ref() == Some(email),
            SortPosition::NoEmail(id) => profile.identifiers.email.is_none() && profile.id == *id,
        }
    }
}

// What the bytes of a position begin with: the order, then the form of the place.
const ASCENDING: u8 = b'+';
const DESCENDING: u8 = b'-';
const ID: u8 = b'i';
const CREATED: u8 = b'c';
const UPDATED: u8 = b'u';
const EMAIL: u8 = b'e';
const NO_EMAIL: u8 = b'n';

impl SortCursor {
    /// Bytes from which [`SortCursor::from_bytes`] makes it again.
    pub fn to_bytes(&self) -> Vec<u8> {
        let order = match self.order {
            Order::Ascending => ASCENDING,
            Order::Descending => DESCENDING,
        };
        let timed = |at: &Timestamp, id: &ProfileId| {
            [&at.millis().to_be_bytes()[..], &id.bits().to_be_bytes()].concat()
        };
        let (form, place) = match &self.place {
            SortPosition::Id(id) => (ID, id.bits().to_be_bytes().to_vec()),
            SortPosition::Created(at, id) => (CREATED, timed(at, id)),
            SortPosition::Updated(at, id) => (UPDATED, timed(at, id)),
            SortPosition::Email(email) => (EMAIL, email.as_str().as_bytes().to_vec()),
            SortPosition::NoEmail(id) => (NO_EMAIL, id.bits().to_be_bytes().to_vec()),
        };
        [&[order, form][..], &place].concat()
    }

    /// The position that these bytes are of, in a list sorted so. They may come from
    /// anybody.
    pub fn from_bytes(
        bytes: &[u8],
        sort: SortKey,
        order: Order,
    ) -> Result<SortCursor, InvalidSortCursor> {
        let position = SortCursor::parse(bytes).ok_or(InvalidSortCursor::Malformed)?;
        if position.fits(sort, order) { Ok(position) } else { Err(InvalidSortCursor::OtherOrder) }
    }

    fn parse(bytes: &[u8]) -> Option<SortCursor> {
        let (&[order, form], place) = bytes.split_first_chunk()?;
        let order = match order {
            ASCENDING => Order::Ascending,
            DESCENDING => Order::Descending,
            _ => return None,
        };
        let place = match form {
            ID => SortPosition::Id(id(place)?),
            CREATED => timed(place).map(|(at, id)| SortPosition::Created(at, id))?,
            UPDATED => timed(place).map(|(at, id)| SortPosition::Updated(at, id))?,
            EMAIL => SortPosition::Email(email(place)?),
            NO_EMAIL => SortPosition::NoEmail(id(place)?),
            _ => return None,
        };
        Some(SortCursor { order, place })
    }

    pub(crate) fn fits(&self, sort: SortKey, order: Order) -> bool {
        self.place.sort() == sort && self.order == order
    }
}

fn id(bytes: &[u8]) -> Option<ProfileId> {
    Some(ProfileId::from_bits(u128::from_be_bytes(bytes.try_into().ok()?)))
}

fn timed(bytes: &[u8]) -> Option<(Timestamp, ProfileId)> {
    let (at, rest) = bytes.split_first_chunk()?;
    Some((Timestamp::from_millis(u64::from_be_bytes(*at)), id(rest)?))
}

/// An address in any but its canonical form was never a place.
fn email(bytes: &[u8]) -> Option<Email> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.parse().ok().filter(|email: &Email| email.as_str() == text)
}

/// Why some bytes are not the [`SortCursor`] that was asked for.
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSortCursor {
    #[error("is not where a page begins")]
    Malformed,
    #[error("is where a page of a list in another order begins")]
    OtherOrder,
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const SORTS: [SortKey; 4] = [SortKey::Id, SortKey::Created, SortKey::Updated, SortKey::Email];
    const ORDERS: [Order; 2] = [Order::Ascending, Order::Descending];

    fn positions() -> impl Strategy<Value = SortCursor> {
        let place = (0..5, any::<u64>(), any::<u128>(), "[a-z0-9]{1,20}").prop_map(
            |(form, millis, bits, name)| {
                let (at, id) = (Timestamp::from_millis(millis), ProfileId::from_bits(bits));
                match form {
                    0 => SortPosition::Id(id),
                    1 => SortPosition::Created(at, id),
                    2 => SortPosition::Updated(at, id),
                    3 => SortPosition::Email(format!("{name}@example.com").parse().unwrap()),
                    _ => SortPosition::NoEmail(id),
                }
            },
        );
        let order = prop::sample::select(&ORDERS[..]);
        (order, place).prop_map(|(order, place)| SortCursor { order, place })
    }

    proptest! {
        #[test]
        fn a_position_comes_back_in_its_own_order_and_in_no_other(position in positions()) {
            let bytes = position.to_bytes();
            for sort in SORTS {
                for order in ORDERS {
                    let read = SortCursor::from_bytes(&bytes, sort, order);
                    let own = position.place.sort() == sort && position.order == order;
                    let expected =
                        if own { Ok(position.clone()) } else { Err(InvalidSortCursor::OtherOrder) };
                    prop_assert_eq!(read, expected);
                }
            }
        }

        #[test]
        fn whatever_bytes_come_are_a_position_or_refused(
            order in prop::sample::select(&[ASCENDING, DESCENDING, 0][..]),
            form in prop::sample::select(&[ID, CREATED, UPDATED, EMAIL, NO_EMAIL, 0][..]),
            rest in vec(any::<u8>(), 0..30),
        ) {
            let bytes = [&[order, form][..], &rest].concat();
            for sort in SORTS {
                if let Ok(position) = SortCursor::from_bytes(&bytes, sort, Order::Ascending) {
                    prop_assert_eq!(position.to_bytes(), bytes.clone());
                }
            }
        }

        #[test]
        fn a_position_cut_short_or_drawn_out_is_refused(position in positions()) {
            // An address cut short may still be one.
            prop_assume!(position.place.sort() != SortKey::Email);
            let (sort, bytes) = (position.place.sort(), position.to_bytes());
            for wrong in [&bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat(), &[]] {
                let read = SortCursor::from_bytes(wrong, sort, position.order);
                prop_assert_eq!(read, Err(InvalidSortCursor::Malformed));
            }
        }
    }

    #[test]
    fn an_address_as_nobody_keeps_it_is_refused() {
        for text in [&b"+eAnn@Example.com"[..], b"+e ann@example.com", b"+eann", b"+e\xff"] {
            let read = SortCursor::from_bytes(text, SortKey::Email, Order::Ascending);
            assert_eq!(read, Err(InvalidSortCursor::Malformed));
        }
    }

    #[test]
    fn a_position_shows_no_address() {
        let place = SortPosition::Email("ann@example.com".parse().unwrap());
        let shown = format!("{:?}", SortCursor { order: Order::Ascending, place });
        assert!(!shown.contains("ann"), "{shown}");
    }
}
