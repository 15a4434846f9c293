//! One suite for every engine: what an engine promises, and what a store does
//! over it.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Barrier},
    thread,
};

use profile_store::{
    Effect, Engine,
    engine::{Key, MemoryEngine, Order, Scan, Value, Write},
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tempfile::TempDir;

use crate::{
    clockwork::Clockwork,
    people::asked,
    world::{World, contents, open_sled, wait},
};

/// Where an engine keeps its data, so that it can be opened a second time.
pub(crate) trait Medium {
    fn open(&self) -> Arc<dyn Engine>;
}

/// Memory lasts as long as the test.
struct InMemory(Arc<MemoryEngine>);

impl Medium for InMemory {
    fn open(&self) -> Arc<dyn Engine> {
        Arc::clone(&self.0) as _
    }
}

struct OnDisk(TempDir);

impl Medium for OnDisk {
    fn open(&self) -> Arc<dyn Engine> {
        Arc::new(open_sled(self.0.path()))
    }
}

macro_rules! suite {
    ($medium:expr; $($promise:ident)*) => {$(
        #[test]
        fn $promise() {
            super::$promise(&$medium);
        }
    )*};
}

macro_rules! conforms {
    ($engine:ident, $medium:expr) => {
        mod $engine {
            use super::*;

            suite! { $medium;
                values_come_in_the_order_in_which_they_were_asked_for
                a_batch_is_visible_as_a_whole
                the_last_change_of_a_key_in_a_batch_counts
                removing_what_is_not_there_changes_nothing
                a_scan_keeps_to_its_prefix_its_order_and_its_limit
                prefixes_may_end_in_the_greatest_byte
                scans_that_go_on_from_outside_their_prefix_stay_within_it
                readers_never_see_half_a_batch
                what_was_flushed_is_there_when_opened_again
                every_sequence_of_batches_leaves_what_a_sorted_map_holds
                a_profile_is_created_updated_and_read_back
                two_profiles_merge_and_old_ids_go_on_leading_there
                outcomes_are_numbered_and_read_in_pages
                requests_of_one_batch_see_each_other
                many_at_once_create_one_profile
                companies_have_nothing_in_common
                closing_and_opening_again_keeps_everything
            }
        }
    };
}

conforms!(memory, InMemory(Arc::new(MemoryEngine::new())));
conforms!(sled, OnDisk(tempfile::tempdir().unwrap()));

fn put(key: &[u8], value: &[u8]) -> Write {
    Write { key: key.to_vec(), value: Some(value.to_vec()) }
}

fn remove(key: &[u8]) -> Write {
    Write { key: key.to_vec(), value: None }
}

fn apply(engine: &Arc<dyn Engine>, batch: Vec<Write>) {
    wait(engine.apply(batch)).unwrap();
}

fn keys(engine: &Arc<dyn Engine>, scan: &Scan) -> Vec<Key> {
    wait(engine.scan(scan)).unwrap().into_iter().map(|(key, _)| key).collect()
}

fn scan(prefix: &[u8], after: Option<&[u8]>, order: Order, limit: usize) -> Scan {
    Scan { prefix: prefix.to_vec(), after: after.map(<[u8]>::to_vec), order, limit }
}

fn values_come_in_the_order_in_which_they_were_asked_for(medium: &dyn Medium) {
    let engine = medium.open();
    apply(&engine, vec![put(b"a", b"1"), put(b"b", b""), put(b"c", b"3")]);
    let asked: Vec<Key> = [&b"c"[..], b"missing", b"a", b"b", b"a"].map(<[u8]>::to_vec).into();
    let values = wait(engine.read(&asked)).unwrap();
    let expected = [Some(&b"3"[..]), None, Some(b"1"), Some(b""), Some(b"1")];
    assert_eq!(values, expected.map(|value| value.map(<[u8]>::to_vec)));
    assert_eq!(wait(engine.read(&[])).unwrap(), Vec::<Option<Value>>::new());
}

fn a_batch_is_visible_as_a_whole(medium: &dyn Medium) {
    let engine = medium.open();
    apply(&engine, vec![put(b"a", b"1"), put(b"b", b"1")]);
    apply(&engine, vec![remove(b"a"), put(b"b", b"2"), put(b"c", b"2")]);
    apply(&engine, Vec::new());
    let expected = [(b"b".to_vec(), b"2".to_vec()), (b"c".to_vec(), b"2".to_vec())];
    assert_eq!(contents(engine.as_ref()), expected);
}

fn the_last_change_of_a_key_in_a_batch_counts(medium: &dyn Medium) {
    let engine = medium.open();
    apply(&engine, vec![put(b"a", b"1"), remove(b"a"), remove(b"b"), put(b"b", b"2")]);
    assert_eq!(contents(engine.as_ref()), [(b"b".to_vec(), b"2".to_vec())]);
}

fn removing_what_is_not_there_changes_nothing(medium: &dyn Medium) {
    let engine = medium.open();
    apply(&engine, vec![put(b"a", b"1"), remove(b"b")]);
    apply(&engine, vec![remove(b"c")]);
    assert_eq!(contents(engine.as_ref()), [(b"a".to_vec(), b"1".to_vec())]);
}

fn a_scan_keeps_to_its_prefix_its_order_and_its_limit(medium: &dyn Medium) {
    use Order::{Ascending, Descending};
    let engine = medium.open();
    apply(&engine, ["a", "b", "b1", "b2", "b3", "c"].map(|key| put(key.as_bytes(), b"")).into());
    let reads = |scan: &Scan, expected: &[&str]| {
        let expected: Vec<Key> = expected.iter().map(|key| key.as_bytes().to_vec()).collect();
        assert_eq!(keys(&engine, scan), expected, "{scan:?}");
    };
    reads(&scan(b"b", None, Ascending, 10), &["b", "b1", "b2", "b3"]);
    reads(&scan(b"b", None, Descending, 10), &["b3", "b2", "b1", "b"]);
    reads(&scan(b"b", None, Ascending, 2), &["b", "b1"]);
    reads(&scan(b"b", None, Descending, 2), &["b3", "b2"]);
    reads(&scan(b"b", None, Ascending, 0), &[]);
    reads(&scan(b"b", Some(b"b1"), Ascending, 10), &["b2", "b3"]);
    reads(&scan(b"b", Some(b"b1"), Descending, 10), &["b"]);
    reads(&scan(b"b", Some(b"b10"), Ascending, 1), &["b2"]);
    reads(&scan(b"b", Some(b"b3"), Ascending, 10), &[]);
    reads(&scan(b"b", Some(b"b"), Descending, 10), &[]);
    reads(&scan(b"", Some(b"b3"), Ascending, 10), &["c"]);
    reads(&scan(b"", None, Descending, 1), &["c"]);
    reads(&scan(b"bb", None, Ascending, 10), &[]);
}

fn prefixes_may_end_in_the_greatest_byte(medium: &dyn Medium) {
    let engine = medium.open();
    let all: [&[u8]; 7] =
        [b"a\xfe", b"a\xff", b"a\xff\x00", b"a\xff\xff", b"b", b"\xff", b"\xff\xff"];
    apply(&engine, all.map(|key| put(key, b"")).into());
    for order in [Order::Ascending, Order::Descending] {
        let reads = |prefix: &[u8], expected: &[&[u8]]| {
            let mut expected: Vec<Key> = expected.iter().map(|key| key.to_vec()).collect();
            if order == Order::Descending {
                expected.reverse();
            }
            assert_eq!(keys(&engine, &scan(prefix, None, order, 10)), expected, "{prefix:?}");
        };
        reads(b"a\xff", &all[1..4]);
        reads(b"a\xff\xff", &all[3..4]);
        reads(b"\xff", &all[5..]);
        reads(b"\xff\xff", &all[6..]);
        reads(b"", &all);
    }
}

fn scans_that_go_on_from_outside_their_prefix_stay_within_it(medium: &dyn Medium) {
    use Order::{Ascending, Descending};
    let engine = medium.open();
    apply(&engine, ["a", "a1", "b", "b1", "c"].map(|key| put(key.as_bytes(), b"")).into());
    let both = [b"b".to_vec(), b"b1".to_vec()];
    assert_eq!(keys(&engine, &scan(b"b", Some(b"a"), Ascending, 10)), both);
    assert_eq!(keys(&engine, &scan(b"b", Some(b"c"), Ascending, 10)), Vec::<Key>::new());
    assert_eq!(keys(&engine, &scan(b"b", Some(b"c"), Descending, 1)), both[1..]);
    assert_eq!(keys(&engine, &scan(b"b", Some(b"a"), Descending, 10)), Vec::<Key>::new());
}

fn readers_never_see_half_a_batch(medium: &dyn Medium) {
    let engine = medium.open();
    let both = |value: &str| vec![put(b"a", value.as_bytes()), put(b"b", value.as_bytes())];
    apply(&engine, both("0"));
    let (writer, reader) = (Arc::clone(&engine), engine);
    let writing = thread::spawn(move || {
        (0..500).for_each(|number| apply(&writer, both(&format!("{number:03}"))));
    });
    while !writing.is_finished() {
        // What is read after something else can only be newer.
        for [first, then] in [[b"a", b"b"], [b"b", b"a"]] {
            let first = wait(reader.read(&[first.to_vec()])).unwrap();
            let then = wait(reader.read(&[then.to_vec()])).unwrap();
            assert!(first <= then, "{first:?} {then:?}");
        }
    }
    writing.join().unwrap();
}

fn what_was_flushed_is_there_when_opened_again(medium: &dyn Medium) {
    let engine = medium.open();
    let large = vec![7; 100_000];
    apply(&engine, vec![put(b"a", b"1"), put(b"large", &large)]);
    wait(engine.flush()).unwrap();
    assert!(0 < wait(engine.bytes()).unwrap());
    apply(&engine, vec![remove(b"a"), put(b"\xff", b"2")]);
    wait(engine.flush()).unwrap();
    drop(engine);
    let expected = [(b"large".to_vec(), large), (b"\xff".to_vec(), b"2".to_vec())];
    assert_eq!(contents(medium.open().as_ref()), expected);
}

/// Keys that often begin with one another.
fn few_keys() -> impl Strategy<Value = Key> {
    prop::collection::vec(prop::sample::select(&[0, b'a', b'b', 0xff][..]), 1..5)
}

fn batches() -> impl Strategy<Value = Vec<Write>> {
    let value = prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..4));
    let write = (few_keys(), value).prop_map(|(key, value)| Write { key, value });
    prop::collection::vec(write, 0..12)
}

fn scans() -> impl Strategy<Value = Scan> {
    let prefix = prop::collection::vec(prop::sample::select(&[0, b'a', b'b', 0xff][..]), 0..3);
    let order = prop::sample::select(&[Order::Ascending, Order::Descending][..]);
    (prefix, prop::option::of(few_keys()), order, 0usize..8)
        .prop_map(|(prefix, after, order, limit)| Scan { prefix, after, order, limit })
}

/// What a scan reads from a sorted map.
fn expected(model: &BTreeMap<Key, Value>, scan: &Scan) -> Vec<(Key, Value)> {
    let mut entries: Vec<(Key, Value)> = match scan.order {
        Order::Ascending => {
            let after = scan.after.clone().map_or(Bound::Unbounded, Bound::Excluded);
            model.range((after, Bound::Unbounded)).map(owned).collect()
        }
        Order::Descending => {
            let after = scan.after.clone().map_or(Bound::Unbounded, Bound::Excluded);
            model.range((Bound::Unbounded, after)).rev().map(owned).collect()
        }
    };
    entries.retain(|(key, _)| key.starts_with(&scan.prefix));
    entries.truncate(scan.limit);
    entries
}

fn owned((key, value): (&Key, &Value)) -> (Key, Value) {
    (key.clone(), value.clone())
}

/// The cases share one engine and go on from one another: opening one takes long.
fn every_sequence_of_batches_leaves_what_a_sorted_map_holds(medium: &dyn Medium) {
    let engine = medium.open();
    let cases = prop::collection::vec((batches(), scans()), 1..6);
    let model = std::cell::RefCell::new(BTreeMap::new());
    let mut runner = TestRunner::new(Config {
        max_shrink_iters: 0,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&cases, |steps| {
        let mut model = model.borrow_mut();
        for (batch, scan) in steps {
            for Write { key, value } in &batch {
                match value {
                    Some(value) => drop(model.insert(key.clone(), value.clone())),
                    None => drop(model.remove(key)),
                }
            }
            let touched: Vec<Key> = batch.iter().map(|write| write.key.clone()).collect();
            apply(&engine, batch);
            let values: Vec<_> = touched.iter().map(|key| model.get(key).cloned()).collect();
            prop_assert_eq!(wait(engine.read(&touched)).unwrap(), values);
            prop_assert_eq!(wait(engine.scan(&scan)).unwrap(), expected(&model, &scan));
        }
        Ok(())
    });
    result.unwrap();
    let model: Vec<(Key, Value)> = model.into_inner().into_iter().collect();
    assert_eq!(contents(engine.as_ref()), model);
    wait(engine.flush()).unwrap();
    drop(engine);
    assert_eq!(contents(medium.open().as_ref()), model);
}

fn a_profile_is_created_updated_and_read_back(medium: &dyn Medium) {
    let mut world = World::over(medium.open());
    assert_eq!(world.say("e:ann a:tab name=Ann"), "created 0: attached, attached");
    assert_eq!(world.about(0), "e:ann a:tab name=Ann");
    assert_eq!(world.say("e:ann p:5 name=Anna plan=gold"), "updated 0: matched, attached");
    assert_eq!(world.say("e:ann p:5 name=Anna plan=gold"), "unchanged 0: matched, matched");
    for word in ["e:ann", "a:tab", "p:5"] {
        assert_eq!(world.find(word).unwrap(), world.profile(0));
    }
    assert_eq!(world.about(0), "e:ann p:5 a:tab name=Anna plan=gold");
    assert_eq!(world.find("e:bob"), None);
    let nobody = profile_protocol::ProfileId::from_bits(1);
    assert_eq!(wait(world.store.profile(&world.company, nobody)).unwrap(), None);
    world.is_sound();
}

fn two_profiles_merge_and_old_ids_go_on_leading_there(medium: &dyn Medium) {
    let mut world = World::over(medium.open());
    for words in ["a:tab", "p:5", "e:ann", "x:1"] {
        world.say(words);
    }
    assert_eq!(world.say("p:5 a:tab"), "updated 1: matched, absorbed 0");
    assert_eq!(world.say("e:ann p:5"), "updated 2: matched, absorbed 1");
    assert_eq!(world.say("x:1 e:ann"), "updated 3: matched, absorbed 2");
    for number in 0..4 {
        assert_eq!(world.profile(number).id, world.known[3]);
    }
    assert_eq!(world.say("id:0 name=Ann"), "updated 3: matched");
    assert_eq!(world.about(1), "x:1 e:ann p:5 a:tab name=Ann");
    let audit = world.audit();
    assert_eq!((audit.profiles, audit.identifiers, audit.aliases, audit.merges), (1, 4, 3, 3));
    world.is_sound();
}

fn outcomes_are_numbered_and_read_in_pages(medium: &dyn Medium) {
    let mut world = World::over(medium.open());
    let told: Vec<_> = (1..=5).map(|n| world.ask(&asked(&format!("e:ann a:tab-{n}")))).collect();
    assert_eq!(told.iter().map(|one| one.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(world.outcomes(), told);
    let page = |after, limit| wait(world.store.outcomes(&world.company, after, limit)).unwrap();
    assert_eq!(page(0, 2), told[..2]);
    assert_eq!(page(2, 2), told[2..4]);
    assert_eq!(page(4, 2), told[4..]);
    assert_eq!(page(5, 2), []);
    assert_eq!(page(u64::MAX, 2), []);
}

fn requests_of_one_batch_see_each_other(medium: &dyn Medium) {
    let mut world = World::over(medium.open());
    let batch = ["e:ann", "e:ann p:5", "a:tab", "p:5 a:tab", "x:1 e:ann", "a:tab", "e:bob a:tab"];
    let outcomes = world.say_together(&batch.map(asked));
    let told: Vec<String> = outcomes.iter().map(|outcome| world.told(outcome)).collect();
    assert_eq!(
        told,
        [
            "created 0: attached",
            "updated 0: matched, attached",
            "created 1: attached",
            "updated 0: matched, absorbed 1",
            "updated 0: attached, matched",
            "unchanged 0: matched",
            "created 2: attached, owns x",
        ]
    );
    assert_eq!(world.about(1), "x:1 e:ann p:5 a:tab");
    assert_eq!(outcomes.iter().map(|one| one.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
    world.is_sound();
}

fn many_at_once_create_one_profile(medium: &dyn Medium) {
    let world = World::over(medium.open());
    let start = Barrier::new(8);
    let effects: Vec<Effect> = thread::scope(|scope| {
        let ask = |_| {
            scope.spawn(|| {
                start.wait();
                wait(world.store.submit(world.submission(&asked("e:ann a:tab")))).unwrap().effect
            })
        };
        let asking: Vec<_> = (0..8).map(ask).collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let created = effects.iter().filter(|&&effect| effect == Effect::Created).count();
    assert_eq!((created, world.audit().profiles), (1, 1));
    world.is_sound();
}

fn companies_have_nothing_in_common(medium: &dyn Medium) {
    let mut world = World::over(medium.open());
    world.say("x:1 e:ann p:5 a:tab name=Ann");
    let id = world.known[0];
    for company in ["DEMO0", "DEMO011", "demo01"] {
        world.company = company.parse().unwrap();
        assert_eq!(world.find("e:ann"), None);
        assert_eq!(wait(world.store.profile(&world.company, id)).unwrap(), None);
        assert_eq!(world.outcomes(), []);
        assert_eq!(world.ask(&asked("id:0")).effect, Effect::Unidentified);
        let outcome = world.ask(&asked("x:1 e:ann p:5 a:tab name=Bob"));
        assert_eq!((outcome.effect, outcome.sequence), (Effect::Created, 2));
    }
    world.company = "DEMO01".parse().unwrap();
    assert_eq!(world.about(0), "x:1 e:ann p:5 a:tab name=Ann");
    assert_eq!(world.outcomes().len(), 1);
    world.is_sound();
}

fn closing_and_opening_again_keeps_everything(medium: &dyn Medium) {
    let mut world = World::over(medium.open());
    for words in ["e:ann name=Ann", "a:tab plan=trial", "e:ann a:tab", "x:2 e:bob"] {
        world.say(words);
    }
    let (known, outcomes) = (world.known.clone(), world.outcomes());
    let before = contents(world.engine.as_ref());
    wait(world.store.close()).unwrap();
    assert!(!world.store.is_healthy());
    drop(world);

    let mut world = World::resumed(medium.open(), Clockwork::after(1_000));
    world.known = known;
    assert_eq!(contents(world.engine.as_ref()), before);
    assert_eq!(world.about(1), "e:ann a:tab name=Ann plan=trial");
    assert_eq!(world.outcomes(), outcomes);
    assert_eq!(world.ask(&asked("id:1 p:5")).sequence, 5);
    assert_eq!(world.about(0), "e:ann p:5 a:tab name=Ann plan=trial");
    world.is_sound();
}
