//! Audits: a sound store passes, and each kind of damage is named. Damage is
//! written past the store, in the bytes that docs/STORAGE.md draws.

use std::sync::Arc;

use profile_protocol::ProfileId;
use profile_store::{
    Audit, Engine, StoreError,
    engine::{EngineError, Key, Value, Write},
};

use crate::{
    clockwork::EPOCH,
    people::{asked, identifier},
    world::{World, contents, wait},
};

/// A key of the company, its kind, and what follows.
fn key(kind: u8, rest: &[u8]) -> Key {
    [b"DEMO01\0", &[kind][..], rest].concat()
}

fn bytes(id: ProfileId) -> [u8; 16] {
    id.bits().to_be_bytes()
}

/// The key of the nth profile, its alias or its merge.
fn by_id(kind: u8, number: usize, world: &World) -> Key {
    key(kind, &bytes(world.known[number]))
}

fn write(key: Key, value: &[u8]) -> Write {
    Write { key, value: Some(value.to_vec()) }
}

fn value_at(key: &Key, world: &World) -> Value {
    wait(world.engine.read(std::slice::from_ref(key))).unwrap().remove(0).unwrap()
}

const ANN: &[u8] = b"eann@example.com";
const NOBODY: ProfileId = ProfileId::from_bits(99);

/// Ann, who absorbed two profiles, and Bob.
fn sound() -> World {
    let mut world = World::new();
    for words in [
        "x:customer e:ann p:5 name=Annabel",
        "a:tablet city=Bonn",
        "a:pad",
        "e:ann a:tablet",
        "e:ann a:pad",
        "e:bob a:laptop",
    ] {
        world.say(words);
    }
    world
}

/// What an audit finds after this damage, with `#n` for the nth profile.
fn found(damage: impl FnOnce(&World) -> Vec<Write>) -> Vec<String> {
    let world = sound();
    let damage = damage(&world);
    wait(world.engine.apply(damage)).unwrap();
    let breaches = world.audit().breaches;
    let mut faults: Vec<String> = breaches.iter().map(ToString::to_string).collect();
    for fault in &mut faults {
        for (number, id) in world.known.iter().enumerate() {
            *fault = fault.replace(&id.to_string(), &format!("#{number}"));
        }
        *fault = fault.replace(&NOBODY.to_string(), "#nobody");
        for value in ["customer", "ann", "Ann", "bob", "example", "500555", "tablet", "Bonn"] {
            assert!(!fault.contains(value), "{fault}");
        }
    }
    faults
}

#[test]
fn a_sound_store_has_nothing_wrong_and_everything_counted() {
    let expected = Audit {
        profiles: 2,
        identifiers: 7,
        aliases: 2,
        outcomes: 6,
        merges: 2,
        imports: 0,
        breaches: Vec::new(),
        breaches_unlisted: 0,
    };
    assert_eq!(sound().audit(), expected);
    assert_eq!(World::new().audit(), Audit::default());
}

#[test]
fn an_identifier_that_leads_to_somebody_else_is_named() {
    let faults = found(|world| vec![write(key(b'i', ANN), &bytes(world.known[3]))]);
    assert_eq!(
        faults,
        [
            "company DEMO01: profile #3: an email refers to it, but it does not hold it",
            "company DEMO01: profile #0: its email refers to another profile",
        ]
    );
}

#[test]
fn an_identifier_that_leads_nowhere_is_named() {
    let faults = found(|_| vec![write(key(b'i', ANN), &bytes(NOBODY))]);
    assert_eq!(
        faults,
        [
            "company DEMO01: profile #nobody: an email refers to it, but it does not exist",
            "company DEMO01: profile #0: its email refers to another profile",
        ]
    );
    let faults = found(|_| vec![write(key(b'i', b"p+15005550005"), b"short")]);
    assert_eq!(
        faults,
        [
            "company DEMO01: a phone_number refers to an invalid profile id",
            "company DEMO01: profile #0: its phone_number refers to another profile",
        ]
    );
}

#[test]
fn an_identifier_that_is_held_and_leads_nowhere_is_named() {
    let faults = found(|_| vec![Write { key: key(b'i', ANN), value: None }]);
    assert_eq!(faults, ["company DEMO01: profile #0: its email has no entry"]);
}

#[test]
fn an_identifier_that_nobody_holds_is_named() {
    let faults = found(|world| vec![write(key(b'i', b"atv"), &bytes(world.known[0]))]);
    let fault = "company DEMO01: profile #0: an anonymous_id refers to it, but it does not hold it";
    assert_eq!(faults, [fault]);
}

#[test]
fn an_absorbed_id_that_leads_to_nobody_alive_is_named() {
    let faults = found(|world| vec![write(by_id(b'a', 1, world), &bytes(NOBODY))]);
    assert_eq!(
        faults,
        [
            "company DEMO01: profile #nobody: the alias #1 refers to it, but it does not exist",
            "company DEMO01: profile #0: the alias #1 refers to another profile",
        ]
    );
    // Two hops are one too many.
    let faults = found(|world| vec![write(by_id(b'a', 1, world), &bytes(world.known[2]))]);
    assert_eq!(
        faults,
        [
            "company DEMO01: profile #2: the alias #1 refers to it, but it does not exist",
            "company DEMO01: profile #0: the alias #1 refers to another profile",
        ]
    );
}

#[test]
fn an_absorbed_id_that_leads_nowhere_is_named() {
    let faults = found(|world| vec![Write { key: by_id(b'a', 1, world), value: None }]);
    assert_eq!(
        faults,
        [
            "company DEMO01: profile #1: was absorbed, but has no alias",
            "company DEMO01: profile #0: the alias #1 has no entry",
        ]
    );
}

#[test]
fn an_id_that_leads_to_who_did_not_absorb_it_is_named() {
    let faults = found(|world| vec![write(key(b'a', &bytes(NOBODY)), &bytes(world.known[0]))]);
    assert_eq!(
        faults,
        [
            "company DEMO01: profile #0: the alias #nobody refers to it, but it did not absorb it",
            "company DEMO01: profile #nobody: was absorbed, but has no merge record",
        ]
    );
}

#[test]
fn a_merge_that_is_not_on_record_is_named() {
    let faults = found(|world| vec![Write { key: by_id(b'm', 1, world), value: None }]);
    assert_eq!(faults, ["company DEMO01: profile #1: was absorbed, but has no merge record"]);
}

#[test]
fn an_absorbed_profile_that_still_lives_is_named() {
    let faults = found(|world| {
        let bob = value_at(&by_id(b'p', 3, world), world);
        vec![write(by_id(b'p', 1, world), &bob)]
    });
    assert_eq!(
        faults,
        [
            "company DEMO01: profile #1: was absorbed, but still exists",
            "company DEMO01: profile #1: its email refers to another profile",
            "company DEMO01: profile #1: its anonymous_id refers to another profile",
            "company DEMO01: profile #1: its entry by updated is missing",
            "company DEMO01: profile #1: its entry by created is missing",
        ]
    );
}

/// The key of the profile created as the nth in an order of times.
fn by_time(kind: u8, at: u64, number: usize, world: &World) -> Key {
    key(kind, &[&at.to_be_bytes()[..], &bytes(world.known[number])].concat())
}

#[test]
fn a_profile_that_an_order_lacks_is_named() {
    let faults = found(|world| {
        let updated = world.profile(0).updated.millis();
        vec![Write { key: by_time(b'u', updated, 0, world), value: None }]
    });
    assert_eq!(faults, ["company DEMO01: profile #0: its entry by updated is missing"]);
    let mut world = World::new();
    world.say("a:tab");
    wait(world.engine.apply(vec![Write { key: by_id(b'n', 0, &world), value: None }])).unwrap();
    let fault =
        format!("company DEMO01: profile {}: its entry without email is missing", world.known[0]);
    assert_eq!(world.audit().breaches[0].to_string(), fault);
}

#[test]
fn a_profile_that_stands_where_it_does_not_belong_is_named() {
    let faults = found(|world| {
        vec![
            write(by_id(b'n', 0, world), b""),
            write(by_time(b'c', EPOCH, 0, world), b""),
            write(by_time(b'u', EPOCH, 3, world), b""),
        ]
    });
    assert_eq!(
        faults,
        [
            "company DEMO01: profile #0: an entry by created refers to it, but does not match it",
            "company DEMO01: profile #0: an entry without email refers to it, but does not match it",
            "company DEMO01: profile #3: an entry by updated refers to it, but does not match it",
        ]
    );
    let faults = found(|_| vec![write(key(b'n', &bytes(NOBODY)), b"")]);
    let fault = "company DEMO01: profile #nobody: an entry without email refers to it, but it does not exist";
    assert_eq!(faults, [fault]);
    let faults = found(|world| {
        let updated = world.profile(0).updated.millis();
        vec![write(by_time(b'u', updated, 0, world), b"more")]
    });
    let fault = "company DEMO01: profile #0: an entry by updated refers to it and has a value";
    assert_eq!(faults, [fault]);
}

#[test]
fn a_damaged_record_is_named_wherever_it_lies() {
    let cut = |key: Key, world: &World| {
        let mut value = value_at(&key, world);
        value.truncate(2);
        vec![write(key, &value)]
    };
    assert_eq!(
        found(|world| cut(by_id(b'p', 0, world), world)),
        ["company DEMO01: profile #0: its record is damaged: the record ends too early"]
    );
    assert_eq!(
        found(|world| cut(by_id(b'm', 1, world), world)),
        [
            "company DEMO01: profile #1: the record of its merge is damaged: the record ends too early"
        ]
    );
    assert_eq!(
        found(|world| cut(key(b'o', &4u64.to_be_bytes()), world)),
        ["company DEMO01: the outcomes up to 4 are damaged: the record ends too early"]
    );
    assert_eq!(
        found(|world| vec![write(by_id(b'p', 3, world), &[9])]),
        ["company DEMO01: profile #3: its record is damaged: the record is of version 9, which a \
          newer gateway wrote"]
    );
}

#[test]
fn a_key_of_unknown_form_is_named() {
    let faults = found(|_| vec![write(b"DEMO01\0zsomething".to_vec(), b"")]);
    assert_eq!(faults, ["a key of unknown form"]);
    let faults = found(|_| vec![write(key(b'i', b"eAnn@Example.com"), b"")]);
    assert_eq!(faults, ["a key of unknown form"]);
}

#[test]
fn of_very_much_damage_the_rest_is_counted() {
    let world = sound();
    let unknown = (0..130u8).map(|number| write(vec![b'?', number], b"")).collect();
    wait(world.engine.apply(unknown)).unwrap();
    let audit = world.audit();
    assert_eq!((audit.breaches.len(), audit.breaches_unlisted), (100, 30));
    assert_eq!(audit.profiles, 2);
}

#[test]
fn a_store_longer_than_a_page_is_audited_to_its_end() {
    let mut world = World::new();
    let company = "LATER".parse().unwrap();
    let demo = std::mem::replace(&mut world.company, company);
    for number in 0..600 {
        world.say(&format!("e:person-{number}"));
    }
    world.company = demo;
    world.say("e:ann");
    let audit = world.audit();
    assert_eq!((audit.profiles, audit.identifiers, audit.outcomes), (601, 601, 601));
    world.is_sound();
}

#[test]
fn damage_to_one_person_harms_nobody_else() {
    for damage in [
        |_: &World| write(key(b'i', ANN), b"short"),
        |_: &World| write(key(b'i', ANN), &bytes(NOBODY)),
        |world: &World| write(by_id(b'p', 0, world), b"short"),
    ] {
        let mut world = sound();
        let damage = damage(&world);
        wait(world.engine.apply(vec![damage])).unwrap();
        let before = contents(world.engine.as_ref());
        let batch = ["e:bob p:7", "e:ann name=Anna", "a:new"].map(asked);
        let answers =
            world.submit_together(batch.iter().map(|asked| world.submission(asked)).collect());
        assert_eq!(answers[1], Err(StoreError::Damaged));
        assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
        // What is damaged stays as it is, for whoever looks into it.
        let after = contents(world.engine.as_ref());
        assert!(before.iter().filter(|(key, _)| key.ends_with(ANN)).all(|one| after.contains(one)));
        let email = identifier("e", "ann").unwrap();
        let found = wait(world.store.find(&world.company, &email));
        assert!(matches!(found, Err(EngineError::Damaged(_))), "{found:?}");
        assert_eq!(world.say("a:laptop"), "unchanged 3: matched");
    }
}

#[test]
fn data_that_are_not_a_stores_are_not_opened() {
    use profile_store::{Durability, OpenError, engine::MemoryEngine};

    use crate::clockwork::Clockwork;

    let versions = [b"\x01", b"\x02", b"\x03", b"\x04", b"\x06"]
        .map(|version| (&b"\0format"[..], &version[..]));
    for (key, value) in versions.into_iter().chain([(&b"somebody else's"[..], &b"data"[..])]) {
        let engine = Arc::new(MemoryEngine::new());
        wait(engine.apply(vec![write(key.to_vec(), value)])).unwrap();
        let opened = World::opened(engine, Clockwork::new(), Durability::Flushed);
        assert!(matches!(opened, Err(OpenError::Format)));
    }
}
