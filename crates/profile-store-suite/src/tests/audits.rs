//! Audits: a sound store passes, and each kind of damage is named. Damage is
//! written past the store, in the bytes that docs/STORAGE.md draws.

use std::sync::Arc;

use profile_protocol::ProfileId;
use profile_store::{
    Audit, Engine, OpenError, StoreError, StoreOptions,
    engine::{EngineError, Key, Value, Write},
};

use crate::{
    engines::Engines,
    gated_engine::GatedEngine,
    harness::{LAYOUT, StoreHarness, TWO_MERGES, audit_of_two_merges, contents, wait},
    notation::{identifier, parse_request},
    simulated_ids::{EPOCH, SimulatedIds},
};

/// A key of the company, its kind, and what follows.
fn key(kind: u8, rest: &[u8]) -> Key {
    [b"DEMO01\0", &[kind][..], rest].concat()
}

fn bytes(id: ProfileId) -> [u8; 16] {
    id.bits().to_be_bytes()
}

/// The key of the nth profile, its alias or its merge.
fn by_id(kind: u8, number: usize, harness: &StoreHarness) -> Key {
    key(kind, &bytes(harness.created[number]))
}

fn write(key: Key, value: &[u8]) -> Write {
    Write { key, value: Some(value.to_vec()) }
}

fn value_at(key: &Key, harness: &StoreHarness) -> Value {
    wait(harness.engine.read(vec![key.clone()])).unwrap().remove(0).unwrap()
}

const ANN: &[u8] = b"eann@example.com";
const NO_PROFILE: ProfileId = ProfileId::from_bits(99);

/// A profile that absorbed two others, and one that absorbed none.
fn sound(engines: &Engines) -> StoreHarness {
    let mut harness = StoreHarness::new(engines);
    TWO_MERGES.iter().for_each(|words| drop(harness.send(words)));
    harness
}

/// What an audit finds after this damage, with `#n` for the nth profile.
fn found(engines: &Engines, damage: impl FnOnce(&StoreHarness) -> Vec<Write>) -> Vec<String> {
    let harness = sound(engines);
    let damage = damage(&harness);
    wait(harness.engine.apply(damage)).unwrap();
    let breaches = harness.audit().breaches;
    let mut faults: Vec<String> = breaches.iter().map(ToString::to_string).collect();
    for fault in &mut faults {
        for (number, id) in harness.created.iter().enumerate() {
            *fault = fault.replace(&id.to_string(), &format!("#{number}"));
        }
        *fault = fault.replace(&NO_PROFILE.to_string(), "#none");
        for value in ["customer", "ann", "Ann", "bob", "example", "500555", "tablet", "Bonn"] {
            assert!(!fault.contains(value), "{fault}");
        }
    }
    faults
}

pub fn a_sound_store_has_nothing_wrong_and_everything_counted(engines: &Engines) {
    assert_eq!(sound(engines).audit(), audit_of_two_merges());
    let empty = Audit { layout: Some(LAYOUT), ..Audit::default() };
    assert_eq!(StoreHarness::new(engines).audit(), empty);
}

pub fn an_outcome_that_names_a_later_one_as_earlier_is_reported(engines: &Engines) {
    let outcomes = |last: u64| key(b'o', &last.to_be_bytes());
    let faults =
        found(engines, |harness| vec![write(outcomes(2), &value_at(&outcomes(4), harness))]);
    let fault = "company DEMO01: profile #0: the outcome 2 names the outcome 2 as an earlier one";
    assert_eq!(faults, [fault]);
}

pub fn a_damaged_trusted_time_is_reported(engines: &Engines) {
    let faults = found(engines, |_| vec![write(b"\0trusted time".to_vec(), &[1])]);
    assert_eq!(faults, ["the trusted time is damaged: the record ends too early"]);
    // A readable one is no breach.
    assert_eq!(found(engines, |_| vec![write(b"\0trusted time".to_vec(), &[1, 7])]), [""; 0]);
}

pub fn an_identifier_that_leads_to_another_profile_is_reported(engines: &Engines) {
    let faults = found(engines, |harness| vec![write(key(b'i', ANN), &bytes(harness.created[3]))]);
    assert_eq!(
        faults,
        [
            "company DEMO01: profile #3: an email refers to it, but it does not hold it",
            "company DEMO01: profile #0: its email refers to another profile",
        ]
    );
}

pub fn an_identifier_that_leads_to_no_profile_is_reported(engines: &Engines) {
    let faults = found(engines, |_| vec![write(key(b'i', ANN), &bytes(NO_PROFILE))]);
    assert_eq!(
        faults,
        [
            "company DEMO01: profile #none: an email refers to it, but it does not exist",
            "company DEMO01: profile #0: its email refers to another profile",
        ]
    );
    let faults = found(engines, |_| vec![write(key(b'i', b"p+15005550005"), b"short")]);
    assert_eq!(
        faults,
        [
            "company DEMO01: a phone_number refers to an invalid profile id",
            "company DEMO01: profile #0: its phone_number refers to another profile",
        ]
    );
}

pub fn an_identifier_of_a_profile_without_a_pointer_is_reported(engines: &Engines) {
    let faults = found(engines, |_| vec![Write { key: key(b'i', ANN), value: None }]);
    assert_eq!(faults, ["company DEMO01: profile #0: its email has no entry"]);
}

pub fn a_pointer_to_a_profile_without_the_identifier_is_reported(engines: &Engines) {
    let faults =
        found(engines, |harness| vec![write(key(b'i', b"atv"), &bytes(harness.created[0]))]);
    let fault = "company DEMO01: profile #0: an anonymous_id refers to it, but it does not hold it";
    assert_eq!(faults, [fault]);
}

pub fn an_alias_of_a_missing_profile_is_reported(engines: &Engines) {
    let faults = found(engines, |harness| vec![write(by_id(b'a', 1, harness), &bytes(NO_PROFILE))]);
    assert_eq!(
        faults,
        [
            "company DEMO01: profile #none: the alias #1 refers to it, but it does not exist",
            "company DEMO01: profile #0: the alias #1 refers to another profile",
        ]
    );
    // Two hops are one too many.
    let faults =
        found(engines, |harness| vec![write(by_id(b'a', 1, harness), &bytes(harness.created[2]))]);
    assert_eq!(
        faults,
        [
            "company DEMO01: profile #2: the alias #1 refers to it, but it does not exist",
            "company DEMO01: profile #0: the alias #1 refers to another profile",
        ]
    );
}

pub fn an_absorbed_id_without_an_alias_is_reported(engines: &Engines) {
    let faults =
        found(engines, |harness| vec![Write { key: by_id(b'a', 1, harness), value: None }]);
    assert_eq!(
        faults,
        [
            "company DEMO01: profile #1: was absorbed, but has no alias",
            "company DEMO01: profile #0: the alias #1 has no entry",
        ]
    );
}

pub fn an_alias_of_a_profile_that_did_not_absorb_it_is_reported(engines: &Engines) {
    let faults = found(engines, |harness| {
        vec![write(key(b'a', &bytes(NO_PROFILE)), &bytes(harness.created[0]))]
    });
    assert_eq!(
        faults,
        [
            "company DEMO01: profile #0: the alias #none refers to it, but it did not absorb it",
            "company DEMO01: profile #none: was absorbed, but has no merge record",
        ]
    );
}

pub fn a_merge_without_a_record_is_reported(engines: &Engines) {
    let faults =
        found(engines, |harness| vec![Write { key: by_id(b'm', 1, harness), value: None }]);
    assert_eq!(faults, ["company DEMO01: profile #1: was absorbed, but has no merge record"]);
}

pub fn an_absorbed_profile_that_is_still_stored_is_reported(engines: &Engines) {
    let faults = found(engines, |harness| {
        let bob = value_at(&by_id(b'p', 3, harness), harness);
        vec![write(by_id(b'p', 1, harness), &bob)]
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
fn by_time(kind: u8, at: u64, number: usize, harness: &StoreHarness) -> Key {
    key(kind, &[&at.to_be_bytes()[..], &bytes(harness.created[number])].concat())
}

pub fn a_profile_missing_from_an_index_is_reported(engines: &Engines) {
    let faults = found(engines, |harness| {
        let updated = harness.profile(0).updated.millis();
        vec![Write { key: by_time(b'u', updated, 0, harness), value: None }]
    });
    assert_eq!(faults, ["company DEMO01: profile #0: its entry by updated is missing"]);
    let mut harness = StoreHarness::new(engines);
    harness.send("a:tab");
    wait(harness.engine.apply(vec![Write { key: by_id(b'n', 0, &harness), value: None }])).unwrap();
    let fault = format!(
        "company DEMO01: profile {}: its entry without email is missing",
        harness.created[0]
    );
    assert_eq!(harness.audit().breaches[0].to_string(), fault);
}

pub fn a_stale_index_entry_is_reported(engines: &Engines) {
    let faults = found(engines, |harness| {
        vec![
            write(by_id(b'n', 0, harness), b""),
            write(by_time(b'c', EPOCH, 0, harness), b""),
            write(by_time(b'u', EPOCH, 3, harness), b""),
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
    let faults = found(engines, |_| vec![write(key(b'n', &bytes(NO_PROFILE)), b"")]);
    let fault =
        "company DEMO01: profile #none: an entry without email refers to it, but it does not exist";
    assert_eq!(faults, [fault]);
    let faults = found(engines, |harness| {
        let updated = harness.profile(0).updated.millis();
        vec![write(by_time(b'u', updated, 0, harness), b"more")]
    });
    let fault = "company DEMO01: profile #0: an entry by updated refers to it and has a value";
    assert_eq!(faults, [fault]);
}

pub fn a_damaged_record_of_any_kind_is_reported(engines: &Engines) {
    let cut = |key: Key, harness: &StoreHarness| {
        let mut value = value_at(&key, harness);
        value.truncate(2);
        vec![write(key, &value)]
    };
    assert_eq!(
        found(engines, |harness| cut(by_id(b'p', 0, harness), harness)),
        ["company DEMO01: profile #0: its record is damaged: the record ends too early"]
    );
    assert_eq!(
        found(engines, |harness| cut(by_id(b'm', 1, harness), harness)),
        [
            "company DEMO01: profile #1: the record of its merge is damaged: the record ends too early"
        ]
    );
    assert_eq!(
        found(engines, |harness| cut(key(b'o', &4u64.to_be_bytes()), harness)),
        ["company DEMO01: the outcomes up to 4 are damaged: the record ends too early"]
    );
    assert_eq!(
        found(engines, |harness| vec![write(by_id(b'p', 3, harness), &[9])]),
        ["company DEMO01: profile #3: its record is damaged: the record is of version 9, which a \
          newer gateway wrote"]
    );
}

pub fn a_key_of_unknown_form_is_reported(engines: &Engines) {
    let faults = found(engines, |_| vec![write(b"DEMO01\0zsomething".to_vec(), b"")]);
    assert_eq!(faults, ["a key of unknown form"]);
    let faults = found(engines, |_| vec![write(key(b'i', b"eAnn@Example.com"), b"")]);
    assert_eq!(faults, ["a key of unknown form"]);
}

pub fn damage_beyond_the_limit_is_counted(engines: &Engines) {
    let harness = sound(engines);
    let unknown = (0..130u8).map(|number| write(vec![b'?', number], b"")).collect();
    wait(harness.engine.apply(unknown)).unwrap();
    let audit = harness.audit();
    assert_eq!((audit.breaches.len(), audit.breaches_unlisted), (100, 30));
    assert_eq!(audit.profiles, 2);
}

pub fn a_store_longer_than_a_page_is_audited_to_its_end(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    let company = "LATER".parse().unwrap();
    let demo = std::mem::replace(&mut harness.company, company);
    for number in 0..600 {
        harness.send(&format!("e:person-{number}"));
    }
    harness.company = demo;
    harness.send("e:ann");
    let audit = harness.audit();
    assert_eq!((audit.profiles, audit.identifiers, audit.outcomes), (601, 601, 601));
    harness.assert_sound();
}

pub fn damage_to_one_profile_affects_no_other(engines: &Engines) {
    for damage in [
        |_: &StoreHarness| write(key(b'i', ANN), b"short"),
        |_: &StoreHarness| write(key(b'i', ANN), &bytes(NO_PROFILE)),
        |harness: &StoreHarness| write(by_id(b'p', 0, harness), b"short"),
    ] {
        let mut harness = sound(engines);
        let damage = damage(&harness);
        wait(harness.engine.apply(vec![damage])).unwrap();
        let before = contents(harness.engine.as_ref());
        let batch = ["e:bob p:7", "e:ann name=Anna", "a:new"].map(parse_request);
        let answers = harness
            .submit_together(batch.iter().map(|request| harness.submission(request)).collect());
        assert_eq!(answers[1], Err(StoreError::Damaged));
        assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
        // Damaged records are not overwritten.
        let after = contents(harness.engine.as_ref());
        assert!(before.iter().filter(|(key, _)| key.ends_with(ANN)).all(|one| after.contains(one)));
        let email = identifier("e", "ann").unwrap();
        let found = wait(harness.store.find(&harness.company, &email));
        assert!(matches!(found, Err(EngineError::Damaged(_))), "{found:?}");
        assert_eq!(harness.send("a:laptop"), "unchanged 3: matched");
    }
}

pub fn data_of_another_program_or_layout_is_not_opened(engines: &Engines) {
    let versions = [b"\x01", b"\x02", b"\x03", b"\x04", b"\x09"]
        .map(|version| (&b"\0format"[..], &version[..]));
    for (key, value) in versions.into_iter().chain([(&b"another program's"[..], &b"data"[..])]) {
        let storage = engines.create();
        let engine = GatedEngine::new(storage.open());
        wait(engine.apply(vec![write(key.to_vec(), value)])).unwrap();
        let engine = Arc::new(engine);
        let opened = StoreHarness::open(engine, SimulatedIds::new(), StoreOptions::default());
        assert!(matches!(opened, Err(OpenError::Format(_))));
    }
}

pub fn a_layout_that_cannot_be_opened_is_reported_as_it_is_when_a_store_opens(engines: &Engines) {
    let reported = |harness: &StoreHarness| {
        let breaches = harness.audit().breaches;
        breaches.iter().map(ToString::to_string).collect::<Vec<String>>()
    };
    for version in [4, 9, 99] {
        let harness = sound(engines);
        wait(harness.engine.apply(vec![write(b"\0format".to_vec(), &[version])])).unwrap();
        let expected = format!("the data has layout {version}; this version reads layouts 5 to 8");
        assert_eq!(reported(&harness), std::slice::from_ref(&expected));
        let engine: Arc<dyn Engine> = Arc::<GatedEngine>::clone(&harness.engine);
        let opened = StoreHarness::open(engine, SimulatedIds::new(), StoreOptions::default());
        let Err(OpenError::Format(error)) = opened else { panic!("layout {version} was opened") };
        assert_eq!(error.to_string(), expected);
    }
    let harness = sound(engines);
    wait(harness.engine.apply(vec![Write { key: b"\0format".to_vec(), value: None }])).unwrap();
    assert_eq!(reported(&harness), ["the data is not that of a profile store"]);
}
