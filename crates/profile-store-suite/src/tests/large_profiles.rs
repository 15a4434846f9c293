//! Large profiles: small changes are stored beside their records, and no reader can tell.

use std::thread;

use profile_protocol::ProfileId;
use profile_store::{
    Engine, IdentitySettings, Listing, Profile, SortKey, Span, StoreError,
    engine::{Key, Order, Write},
    limits,
};
use proptest::prelude::*;

use crate::{
    engines::Engines,
    generators::sequences,
    harness::{StoreHarness, contents, unprotected, wait},
    notation::TestRequest,
};

/// A value that makes any profile large.
fn filler() -> String {
    "f".repeat(4 * limits::LARGE_PROFILE_BYTES)
}

/// A store with the large profile of Ann.
fn with_ann(engines: &Engines) -> StoreHarness {
    ann_in(StoreHarness::new(engines))
}

fn ann_in(mut harness: StoreHarness) -> StoreHarness {
    harness.send(&format!("e:ann a:tab filler={}", filler()));
    harness
}

/// The keys of a kind with the id of the nth profile.
fn keys_of(kind: u8, number: usize, harness: &StoreHarness) -> Vec<Key> {
    let prefix = [b"DEMO01\0", &[kind][..], &bytes(harness.created[number])].concat();
    let all = contents(harness.engine.as_ref()).into_iter().map(|(key, _)| key);
    all.filter(|key| key.starts_with(&prefix)).collect()
}

fn bytes(id: ProfileId) -> [u8; 16] {
    id.bits().to_be_bytes()
}

fn value_of(key: &Key, harness: &StoreHarness) -> Option<Vec<u8>> {
    wait(harness.engine.read(vec![key.clone()])).unwrap().remove(0)
}

fn is_stored(text: &str, harness: &StoreHarness) -> bool {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    contents(harness.engine.as_ref()).iter().any(|(key, value)| holds(key) || holds(value))
}

/// All profiles in an order.
fn listed(harness: &StoreHarness, sort: SortKey) -> Vec<Profile> {
    let listing = Listing {
        company: harness.company.clone(),
        sort,
        order: Order::Ascending,
        created: Span::default(),
        updated: Span::default(),
        from: None,
        limit: limits::LIST_PAGE,
    };
    wait(harness.store.list(&listing)).unwrap().profiles
}

pub fn a_small_change_leaves_the_record_as_it_is_and_is_read_with_it(engines: &Engines) {
    let mut harness = with_ann(engines);
    let record = keys_of(b'p', 0, &harness).remove(0);
    let before = value_of(&record, &harness);
    harness.send("e:bob");
    for words in ["e:ann plan=gold", "e:ann a:web name=Ann", "e:ann plan=silver", "a:tab plan="] {
        harness.send(words);
        harness.assert_sound();
    }
    assert_eq!(value_of(&record, &harness), before);
    assert_eq!(keys_of(b'd', 0, &harness).len(), 4);
    harness.send("e:ann");
    assert_eq!(keys_of(b'd', 0, &harness).len(), 4);
    let expected = format!("e:ann a:tab a:web name=Ann filler={}", filler());
    assert_eq!(harness.about(0), expected);
    assert_eq!(harness.history(0).len(), 6);
    assert_eq!(harness.leads_to("a:web"), Some(0));
    for sort in [SortKey::Id, SortKey::Created, SortKey::Updated, SortKey::Email] {
        let ann = listed(&harness, sort).into_iter().find(|one| one.id == harness.created[0]);
        assert_eq!(ann, Some(harness.profile(0)));
    }
    assert_eq!(harness.explain("e:ann plan=gold").changed.len(), 1);
    harness.assert_sound();
}

pub fn a_record_is_written_anew_before_its_changes_are_too_many_or_too_large(engines: &Engines) {
    // What is noted about replaced values would be in the record, too.
    let settings = IdentitySettings { replaced_days: 0, ..unprotected() };
    let mut harness = ann_in(StoreHarness::with_settings(engines, settings));
    let (mut most, mut renewed) = (0, 0);
    for number in 0..3 * limits::PROFILE_CHANGES {
        let before = keys_of(b'd', 0, &harness).len();
        harness.send(&format!("e:ann n={number}"));
        let changes = keys_of(b'd', 0, &harness).len();
        renewed += usize::from(changes < before);
        most = most.max(changes);
        if number % 64 == 0 {
            harness.assert_sound();
        }
    }
    assert!(0 < renewed && most <= limits::PROFILE_CHANGES, "{renewed} times, {most} changes");
    harness.send("server e:ann filler=");
    assert_eq!(keys_of(b'd', 0, &harness).len(), 0);
    assert_eq!(harness.about(0), format!("e:ann a:tab n={}", 3 * limits::PROFILE_CHANGES - 1));
    harness.assert_sound();
}

pub fn nothing_of_a_deleted_large_profile_is_left(engines: &Engines) {
    let mut harness = with_ann(engines);
    for words in ["e:ann plan=secret-a", "e:ann plan=secret-b a:secret-c", "p:5 size=secret-d"] {
        harness.send(words);
    }
    harness.send("e:ann p:5");
    harness.delete("e:ann");
    for text in ["secret", "ffff", "ann@"] {
        assert!(!is_stored(text, &harness), "{text}");
    }
    harness.assert_sound();
}

pub fn nothing_of_a_profile_that_was_restored_and_deleted_is_left_in_a_large_one(
    engines: &Engines,
) {
    let mut harness = with_ann(engines);
    harness.send("p:5 a:secret-device plan=secret-plan");
    harness.send("e:ann p:5");
    harness.send("e:ann name=Ann");
    harness.undo(1).unwrap();
    assert!(is_stored("secret", &harness));
    harness.delete("p:5");
    assert!(!is_stored("secret", &harness));
    assert_eq!(harness.about(0), format!("e:ann a:tab name=Ann filler={}", filler()));
    harness.assert_sound();
}

/// What damages the change at a key.
type Damage = fn(Key, &StoreHarness) -> Write;

pub fn a_damaged_change_affects_only_its_profile_and_is_reported(engines: &Engines) {
    let damages: [(&str, Damage); 3] = [
        ("a change is missing", |key, _| Write { key, value: None }),
        ("the record ends too early", |key, _| Write { key, value: Some(vec![1]) }),
        ("a change is of an earlier record, or of none", |key, harness| {
            let mut value = value_of(&key, harness).unwrap();
            value[1] += 1;
            Write { key, value: Some(value) }
        }),
    ];
    for (fault, damage) in damages {
        let mut harness = with_ann(engines);
        harness.send(&format!("e:bob filler={}", filler()));
        harness.send("e:ann plan=gold");
        harness.send("e:bob plan=gold");
        let change = keys_of(b'd', 0, &harness).remove(0);
        wait(harness.engine.apply(vec![damage(change, &harness)])).unwrap();
        let breach = &harness.audit().breaches[0];
        let expected = format!("the changes of its record are damaged: {fault}");
        assert_eq!((breach.profile, &breach.fault), (Some(harness.created[0]), &expected));
        assert_eq!(harness.try_send("e:ann name=Ann"), StoreError::Damaged.to_string());
        assert_eq!(harness.try_send("e:bob name=Bob"), "updated 1: matched");
        assert_eq!(harness.leads_to("e:bob"), Some(1));
    }
}

pub fn a_change_that_belongs_to_no_profile_is_reported(engines: &Engines) {
    let mut harness = with_ann(engines);
    harness.send("e:ann plan=gold");
    harness.send("e:bob");
    let change = keys_of(b'd', 0, &harness).remove(0);
    let value = value_of(&change, &harness);
    let prefix = &change[..change.len() - 2];
    let key_of = |number: usize| [b"DEMO01\0d", &bytes(harness.created[number])[..]].concat();
    let orphans = [[prefix, &[0, 2]].concat(), [&key_of(1)[..], &[0, 1]].concat()];
    let writes = orphans.map(|key| Write { key, value: value.clone() });
    wait(harness.engine.apply(writes.to_vec())).unwrap();
    let faults: Vec<String> =
        harness.audit().breaches.into_iter().map(|breach| breach.fault).collect();
    let expected = [2, 1].map(|n| format!("the change {n} of its record does not belong to it"));
    assert_eq!(faults, expected);
}

pub fn a_reader_sees_no_value_older_than_before_while_records_are_replaced(engines: &Engines) {
    let mut harness = with_ann(engines);
    harness.send("e:ann n=0000");
    let number = |profile: &Profile| -> u32 {
        let value = profile.attributes.properties.value(&"n".parse().unwrap()).unwrap();
        value.as_json().trim_matches('"').parse().unwrap()
    };
    let submissions: Vec<_> = (1..400)
        .map(|n| harness.submission(&crate::notation::parse_request(&format!("e:ann n={n:04}"))))
        .collect();
    let store = &harness.store;
    thread::scope(|scope| {
        let writer = scope.spawn(move || {
            for submission in submissions {
                wait(store.submit(submission)).unwrap();
            }
        });
        let mut newest = 0;
        while !writer.is_finished() {
            let read = number(&harness.profile(0));
            assert!(newest <= read, "{read} after {newest}");
            newest = read;
            for sort in [SortKey::Id, SortKey::Email] {
                let read = number(&listed(&harness, sort)[0]);
                assert!(newest <= read, "{read} after {newest} in a list");
                newest = read;
            }
        }
    });
    assert_eq!(number(&harness.profile(0)), 399);
    harness.assert_sound();
}

/// A filler that makes no profile large.
const SMALL_FILLER: &str = "none";

/// What a store shows of its profiles, without the filler.
fn shown(harness: &StoreHarness) -> Vec<String> {
    let without = |text: String, filler: &str| text.replace(&format!("filler={filler}"), "");
    let about = |number| without(without(harness.about(number), &filler()), SMALL_FILLER);
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    (0..harness.created.len()).map(|number| words(about(number))).collect()
}

/// Sends requests and undoes merges, and describes what was answered and what is stored.
fn answers(
    engines: &Engines,
    steps: &[(Vec<TestRequest>, prop::sample::Index)],
    filler: &str,
) -> (Vec<String>, Vec<String>) {
    let mut harness = StoreHarness::new(engines);
    let mut answers = Vec::new();
    for (sequence, undone) in steps {
        for request in sequence {
            let mut request = request.clone();
            request.facts.push(("filler".to_owned(), filler.to_owned()));
            answers.push(harness.try_send_request(&request));
        }
        let merged: Vec<usize> =
            (0..harness.created.len()).filter(|&n| !harness.is_unmerged(n)).collect();
        if !merged.is_empty() {
            let unmerged = harness.undo(merged[undone.index(merged.len())]).unwrap();
            answers.push(harness.describe(&unmerged.outcome));
        }
        harness.assert_sound();
    }
    (answers, shown(&harness))
}

pub fn large_profiles_behave_as_small_ones_do(engines: &Engines) {
    let steps = prop::collection::vec((sequences(), any::<prop::sample::Index>()), 1..4);
    engines.check(steps, |steps| {
        // Both are written by the same callers, which merges depend on.
        let [small, large] =
            [SMALL_FILLER.to_owned(), filler()].map(|filler| answers(engines, &steps, &filler));
        prop_assert_eq!(small, large);
        Ok(())
    });
}
