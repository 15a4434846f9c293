//! Sort cursors: the position in a sorted list at which a page starts.

use profile_protocol::{Email, ProfileId};

use crate::{Profile, Timestamp, engine::Order, id_generator};

/// The attribute that profiles are sorted by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SortKey {
    /// The id.
    Id,
    /// The time of creation, then the id.
    Created,
    /// The time of the last update, then the id.
    Updated,
    /// The bytes of the primary email address. Profiles without one sort last, by id.
    Email,
}

/// The start of a page: the position after one entry of a sorted list.
///
/// A cursor contains the position itself and no reference into the store, so it stays valid
/// whatever is written. In the order of `email` it contains an email address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SortCursor {
    pub(crate) order: Order,
    pub(crate) position: SortPosition,
}

/// The position of a profile in a sorted list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum SortPosition {
    Id(ProfileId),
    Created(Timestamp, ProfileId),
    Updated(Timestamp, ProfileId),
    Email(Email),
    /// Follows all positions with an email address.
    NoEmail(ProfileId),
}

impl SortPosition {
    fn sort_key(&self) -> SortKey {
        match self {
            SortPosition::Id(_) => SortKey::Id,
            SortPosition::Created(..) => SortKey::Created,
            SortPosition::Updated(..) => SortKey::Updated,
            SortPosition::Email(_) | SortPosition::NoEmail(_) => SortKey::Email,
        }
    }

    /// The position in the order of `created` that the key of a profile determines.
    pub(crate) fn from_profile_key(id: ProfileId) -> SortPosition {
        SortPosition::Created(id_generator::time_of(id), id)
    }

    /// The time and the id, if the list is sorted by a time.
    pub(crate) fn time_and_id(&self) -> Option<(Timestamp, ProfileId)> {
        match self {
            SortPosition::Created(at, id) | SortPosition::Updated(at, id) => Some((*at, *id)),
            SortPosition::Id(_) | SortPosition::Email(_) | SortPosition::NoEmail(_) => None,
        }
    }

    /// Whether this is the position of the profile.
    pub(crate) fn is_position_of(&self, profile: &Profile) -> bool {
        match self {
            SortPosition::Id(id) => profile.id == *id,
            SortPosition::Created(at, id) => (profile.created, profile.id) == (*at, *id),
            SortPosition::Updated(at, id) => (profile.updated, profile.id) == (*at, *id),
            SortPosition::Email(email) => profile.identifiers.email.as_ref() == Some(email),
            SortPosition::NoEmail(id) => profile.identifiers.email.is_none() && profile.id == *id,
        }
    }
}

// The first two bytes of a cursor: the order, then the kind of the position.
const ASCENDING: u8 = b'+';
const DESCENDING: u8 = b'-';
const ID: u8 = b'i';
const CREATED: u8 = b'c';
const UPDATED: u8 = b'u';
const EMAIL: u8 = b'e';
const NO_EMAIL: u8 = b'n';

impl SortCursor {
    /// The bytes that [`SortCursor::from_bytes`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let order = match self.order {
            Order::Ascending => ASCENDING,
            Order::Descending => DESCENDING,
        };
        let timed = |at: &Timestamp, id: &ProfileId| {
            [&at.millis().to_be_bytes()[..], &id.bits().to_be_bytes()].concat()
        };
        let (kind, position) = match &self.position {
            SortPosition::Id(id) => (ID, id.bits().to_be_bytes().to_vec()),
            SortPosition::Created(at, id) => (CREATED, timed(at, id)),
            SortPosition::Updated(at, id) => (UPDATED, timed(at, id)),
            SortPosition::Email(email) => (EMAIL, email.as_str().as_bytes().to_vec()),
            SortPosition::NoEmail(id) => (NO_EMAIL, id.bits().to_be_bytes().to_vec()),
        };
        [&[order, kind][..], &position].concat()
    }

    /// Reads the cursor of a list that is sorted this way. The bytes are not trusted.
    pub fn from_bytes(
        bytes: &[u8],
        sort: SortKey,
        order: Order,
    ) -> Result<SortCursor, InvalidSortCursor> {
        let cursor = SortCursor::parse(bytes).ok_or(InvalidSortCursor::Malformed)?;
        if cursor.fits(sort, order) { Ok(cursor) } else { Err(InvalidSortCursor::OtherOrder) }
    }

    fn parse(bytes: &[u8]) -> Option<SortCursor> {
        let (&[order, kind], position) = bytes.split_first_chunk()?;
        let order = match order {
            ASCENDING => Order::Ascending,
            DESCENDING => Order::Descending,
            _ => return None,
        };
        let position = match kind {
            ID => SortPosition::Id(id(position)?),
            CREATED => timed(position).map(|(at, id)| SortPosition::Created(at, id))?,
            UPDATED => timed(position).map(|(at, id)| SortPosition::Updated(at, id))?,
            EMAIL => SortPosition::Email(email(position)?),
            NO_EMAIL => SortPosition::NoEmail(id(position)?),
            _ => return None,
        };
        Some(SortCursor { order, position })
    }

    /// Whether the cursor belongs to a list that is sorted this way.
    pub(crate) fn fits(&self, sort: SortKey, order: Order) -> bool {
        self.position.sort_key() == sort && self.order == order
    }
}

fn id(bytes: &[u8]) -> Option<ProfileId> {
    Some(ProfileId::from_bits(u128::from_be_bytes(bytes.try_into().ok()?)))
}

fn timed(bytes: &[u8]) -> Option<(Timestamp, ProfileId)> {
    let (at, rest) = bytes.split_first_chunk()?;
    Some((Timestamp::from_millis(u64::from_be_bytes(*at)), id(rest)?))
}

/// Every position has a canonical email address.
fn email(bytes: &[u8]) -> Option<Email> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.parse().ok().filter(|email: &Email| email.as_str() == text)
}

/// Why some bytes are not the [`SortCursor`] that was asked for.
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSortCursor {
    #[error("is not a cursor")]
    Malformed,
    #[error("is the cursor of a list in another order")]
    OtherOrder,
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::arbitrary::every_variant;

    const SORTS: [SortKey; 4] = [SortKey::Id, SortKey::Created, SortKey::Updated, SortKey::Email];
    const ORDERS: [Order; 2] = [Order::Ascending, Order::Descending];

    fn ids() -> impl Strategy<Value = ProfileId> {
        any::<u128>().prop_map(ProfileId::from_bits)
    }

    fn times_and_ids() -> impl Strategy<Value = (Timestamp, ProfileId)> {
        (any::<u64>().prop_map(Timestamp::from_millis), ids())
    }

    fn emails() -> impl Strategy<Value = Email> {
        "[a-z0-9]{1,20}".prop_map(|name| format!("{name}@example.com").parse().unwrap())
    }

    every_variant!(positions: SortPosition {
        SortPosition::Id(_) => ids().prop_map(SortPosition::Id),
        SortPosition::Created(..) => {
            times_and_ids().prop_map(|(at, id)| SortPosition::Created(at, id))
        },
        SortPosition::Updated(..) => {
            times_and_ids().prop_map(|(at, id)| SortPosition::Updated(at, id))
        },
        SortPosition::Email(_) => emails().prop_map(SortPosition::Email),
        SortPosition::NoEmail(_) => ids().prop_map(SortPosition::NoEmail),
    });

    fn cursors() -> impl Strategy<Value = SortCursor> {
        let order = prop::sample::select(&ORDERS[..]);
        (order, positions()).prop_map(|(order, position)| SortCursor { order, position })
    }

    proptest! {
        #[test]
        fn a_cursor_is_read_in_its_own_order_only(cursor in cursors()) {
            let bytes = cursor.to_bytes();
            for sort in SORTS {
                for order in ORDERS {
                    let read = SortCursor::from_bytes(&bytes, sort, order);
                    let own = cursor.position.sort_key() == sort && cursor.order == order;
                    let expected =
                        if own { Ok(cursor.clone()) } else { Err(InvalidSortCursor::OtherOrder) };
                    prop_assert_eq!(read, expected);
                }
            }
        }

        #[test]
        fn any_bytes_are_a_cursor_or_refused(
            order in prop::sample::select(&[ASCENDING, DESCENDING, 0][..]),
            kind in prop::sample::select(&[ID, CREATED, UPDATED, EMAIL, NO_EMAIL, 0][..]),
            rest in vec(any::<u8>(), 0..30),
        ) {
            let bytes = [&[order, kind][..], &rest].concat();
            for sort in SORTS {
                if let Ok(cursor) = SortCursor::from_bytes(&bytes, sort, Order::Ascending) {
                    prop_assert_eq!(cursor.to_bytes(), bytes.clone());
                }
            }
        }

        #[test]
        fn a_truncated_or_extended_cursor_is_refused(cursor in cursors()) {
            // A truncated email address may still be an email address.
            prop_assume!(cursor.position.sort_key() != SortKey::Email);
            let (sort, bytes) = (cursor.position.sort_key(), cursor.to_bytes());
            for wrong in [&bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat(), &[]] {
                let read = SortCursor::from_bytes(wrong, sort, cursor.order);
                prop_assert_eq!(read, Err(InvalidSortCursor::Malformed));
            }
        }
    }

    #[test]
    fn an_email_address_that_is_not_canonical_is_refused() {
        for text in [&b"+eAnn@Example.com"[..], b"+e ann@example.com", b"+eann", b"+e\xff"] {
            let read = SortCursor::from_bytes(text, SortKey::Email, Order::Ascending);
            assert_eq!(read, Err(InvalidSortCursor::Malformed));
        }
    }

    #[test]
    fn a_cursor_shows_no_email_address() {
        let position = SortPosition::Email("ann@example.com".parse().unwrap());
        let shown = format!("{:?}", SortCursor { order: Order::Ascending, position });
        assert!(!shown.contains("ann"), "{shown}");
    }
}
