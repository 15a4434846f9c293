//! Arbitrary bytes, parsed as the sort cursor at which a page of a list begins.
//!
//! The first byte selects the sort key, the second the direction; the rest comes from the client.
//! An accepted cursor is written as it was read, is valid in no other order, and the page that
//! begins there is in order and lists no profile twice.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use profile_store::{
    InvalidSortCursor, Listing, Profile, SortCursor, SortKey, Span, engine::Order,
};
use profile_store_suite::{
    engines::Engines,
    harness::{StoreHarness, wait},
};

const SORTS: [SortKey; 4] = [SortKey::Id, SortKey::Created, SortKey::Updated, SortKey::Email];
const ORDERS: [Order; 2] = [Order::Ascending, Order::Descending];

fuzz_target!(|input: &[u8]| {
    let [sort, order, bytes @ ..] = input else { return };
    let sort = SORTS[usize::from(*sort) % SORTS.len()];
    let order = ORDERS[usize::from(*order) % ORDERS.len()];
    let Ok(position) = SortCursor::from_bytes(bytes, sort, order) else { return };
    assert_eq!(position.to_bytes(), bytes);
    for (other, way) in SORTS.into_iter().flat_map(|other| ORDERS.map(|way| (other, way))) {
        if (other, way) != (sort, order) {
            let read = SortCursor::from_bytes(bytes, other, way);
            assert_eq!(read, Err(InvalidSortCursor::OtherOrder), "{other:?} {way:?}");
        }
    }
    page(sort, order, position);
});

/// Reads the page that begins at a cursor, of a store with a few profiles.
fn page(sort: SortKey, order: Order, from: SortCursor) {
    thread_local! {
        static PEOPLE: &'static StoreHarness = Box::leak(Box::new(people()));
    }
    let harness = PEOPLE.with(|harness| *harness);
    let (created, updated) = (Span::default(), Span::default());
    let (company, from) = (harness.company.clone(), Some(from));
    let listing = Listing { company, sort, order, created, updated, from, limit: 3 };
    let page = wait(harness.store.list(&listing)).expect("nothing is damaged");
    let distinct: BTreeSet<_> = page.profiles.iter().map(|profile| profile.id).collect();
    assert_eq!(distinct.len(), page.profiles.len(), "a profile is listed twice");
    assert!(page.profiles.len() <= 3);
    let mut profiles = page.profiles;
    if order == Order::Descending {
        profiles.reverse();
    }
    assert!(profiles.is_sorted_by(|one, next| is_before(sort, one, next)), "out of order");
}

fn is_before(sort: SortKey, one: &Profile, next: &Profile) -> bool {
    let address = |profile: &Profile| {
        let address = profile.identifiers.email.as_ref().map(|email| email.as_str().to_owned());
        (address.is_none(), address)
    };
    match sort {
        SortKey::Id => one.id < next.id,
        SortKey::Created => (one.created, one.id) < (next.created, next.id),
        SortKey::Updated => (one.updated, one.id) < (next.updated, next.id),
        SortKey::Email => (address(one), one.id) < (address(next), next.id),
    }
}

/// Profiles with and without email addresses, two of them merged.
fn people() -> StoreHarness {
    let mut harness = StoreHarness::new(&Engines::in_memory());
    for words in ["a:tab", "e:ann", "p:5", "x:1 e:bob", "e:cat", "x:1 p:5", "e:ann name=Ann"] {
        harness.send(words);
    }
    harness
}
