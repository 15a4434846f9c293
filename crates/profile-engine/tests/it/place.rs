//! Which place a tenant belongs to.

use std::num::NonZeroU32;

use profile_engine::Place;

fn places(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap()
}

#[test]
fn the_place_of_a_tenant_never_changes() {
    let expected = [
        ("", [0, 1, 5, 5]),
        ("a", [0, 0, 4, 44]),
        ("XyZ123", [0, 0, 0, 48]),
        ("company_0001", [0, 0, 6, 54]),
        ("company_0002", [0, 1, 3, 35]),
    ];
    let counts = [1, 2, 8, 64].map(places);
    let found = expected.map(|(tenant, _)| {
        (tenant, counts.map(|count| Place::of_tenant(tenant.as_bytes(), count).number()))
    });
    assert_eq!(found, expected);
}

#[test]
fn a_key_belongs_to_the_place_of_its_tenant() {
    for key in [&b"tenant\0pkey"[..], b"tenant\0", b"tenant", b"tenant\0\0\xff"] {
        assert_eq!(Place::of_key(key, places(64)), Place::of_tenant(b"tenant", places(64)));
    }
    for key in [&b"\0format"[..], b""] {
        assert_eq!(Place::of_key(key, places(64)), Place::of_tenant(b"", places(64)));
    }
}

#[test]
fn tenants_are_distributed_evenly() {
    for count in [2, 3, 8, 16, 64] {
        let mut tenants = vec![0; usize::try_from(count).unwrap()];
        for number in 0..count * 1_000 {
            let place = Place::of_tenant(format!("T{number:05}").as_bytes(), places(count));
            tenants[usize::try_from(place.number()).unwrap()] += 1;
        }
        assert!(tenants.iter().all(|tenants| (800..1_200).contains(tenants)), "{tenants:?}");
    }
}

#[test]
fn all_places_are_numbered_from_zero() {
    let numbers: Vec<u32> = Place::all(places(5)).map(Place::number).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
}
