//! What an engine promises.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    future::Future,
    ops::Bound,
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
    thread,
};

use profile_store::{
    Durability, Engine,
    engine::{BatchId, Key, Order, Place, Scan, Session, Value, Write},
};
use proptest::prelude::*;

use crate::{
    engines::{Engines, check},
    harness::{contents, wait},
};

/// The tenants of these tests. The name of one begins with that of another.
const TENANTS: [&str; 3] = ["T", "T2", "t"];

/// A key of the first tenant.
fn key(rest: &[u8]) -> Key {
    key_of(TENANTS[0], rest)
}

fn key_of(tenant: &str, rest: &[u8]) -> Key {
    [tenant.as_bytes(), b"\0", rest].concat()
}

fn put(rest: &[u8], value: &[u8]) -> Write {
    Write { key: key(rest), value: Some(value.to_vec()) }
}

fn remove(rest: &[u8]) -> Write {
    Write { key: key(rest), value: None }
}

fn entry(rest: &[u8], value: &[u8]) -> (Key, Value) {
    (key(rest), value.to_vec())
}

fn place_of(engine: &Arc<dyn Engine>, tenant: &str) -> Place {
    Place::of_tenant(tenant.as_bytes(), engine.places())
}

fn batch(number: u64) -> BatchId {
    BatchId { writer: 7, number }
}

/// A session of the first tenant's place.
fn begin(engine: &Arc<dyn Engine>) -> Box<dyn Session> {
    wait(engine.begin(place_of(engine, TENANTS[0]))).unwrap()
}

fn commit(engine: &Arc<dyn Engine>, number: u64, writes: Vec<Write>, durability: Durability) {
    wait(begin(engine).commit(batch(number), writes, durability)).unwrap();
}

/// Commits changes of the first tenant.
fn apply(engine: &Arc<dyn Engine>, writes: Vec<Write>) {
    commit(engine, 0, writes, Durability::Relaxed);
}

/// What follows the tenant in the keys that a scan of the first tenant reads.
fn keys(engine: &Arc<dyn Engine>, scan: &Scan) -> Vec<Key> {
    let entries = wait(engine.scan(scan.clone())).unwrap();
    entries.into_iter().map(|(found, _)| found[key(b"").len()..].to_vec()).collect()
}

/// A scan of the first tenant.
fn scan(prefix: &[u8], after: Option<&[u8]>, order: Order, limit: usize) -> Scan {
    Scan { prefix: key(prefix), after: after.map(key), order, limit }
}

/// Whether a future is not ready when it is polled for the first time.
fn is_waiting<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

pub fn values_come_in_the_order_of_the_keys_that_were_read(engines: &Engines) {
    let storage = engines.create();
    let engine = storage.open();
    apply(&engine, vec![put(b"a", b"1"), put(b"b", b""), put(b"c", b"3")]);
    let read: Vec<Key> = [&b"c"[..], b"missing", b"a", b"b", b"a"].map(key).into();
    let expected = [Some(&b"3"[..]), None, Some(b"1"), Some(b""), Some(b"1")];
    let expected = expected.map(|value| value.map(<[u8]>::to_vec));
    assert_eq!(wait(engine.read(read.clone())).unwrap(), expected);
    assert_eq!(wait(begin(&engine).read(read)).unwrap(), expected);
    assert_eq!(wait(engine.read(Vec::new())).unwrap(), Vec::<Option<Value>>::new());
}

pub fn a_batch_is_visible_as_a_whole(engines: &Engines) {
    let storage = engines.create();
    let engine = storage.open();
    apply(&engine, vec![put(b"a", b"1"), put(b"b", b"1")]);
    apply(&engine, vec![remove(b"a"), put(b"b", b"2"), put(b"c", b"2")]);
    apply(&engine, Vec::new());
    assert_eq!(contents(engine.as_ref()), [entry(b"b", b"2"), entry(b"c", b"2")]);
}

pub fn the_last_change_of_a_key_in_a_batch_counts(engines: &Engines) {
    let storage = engines.create();
    let engine = storage.open();
    apply(&engine, vec![put(b"a", b"1"), remove(b"a"), remove(b"b"), put(b"b", b"2")]);
    assert_eq!(contents(engine.as_ref()), [entry(b"b", b"2")]);
}

pub fn removing_an_absent_key_changes_nothing(engines: &Engines) {
    let storage = engines.create();
    let engine = storage.open();
    apply(&engine, vec![put(b"a", b"1"), remove(b"b")]);
    apply(&engine, vec![remove(b"c")]);
    assert_eq!(contents(engine.as_ref()), [entry(b"a", b"1")]);
}

pub fn a_scan_keeps_to_its_prefix_its_order_and_its_limit(engines: &Engines) {
    use Order::{Ascending, Descending};
    let storage = engines.create();
    let engine = storage.open();
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

/// Reads a range page by page. Each page ends with the entry that reaches the bound or the limit,
/// and none but the last has less.
fn paged(engine: &Arc<dyn Engine>, scan: &Scan, bytes: usize) -> Vec<(Key, Value)> {
    let (mut read, mut rest) = (Vec::new(), scan.clone());
    loop {
        let page = wait(engine.scan_page(rest.clone(), bytes)).unwrap();
        let sizes: Vec<usize> =
            page.entries.iter().map(|(key, value)| key.len() + value.len()).collect();
        let (all, but_last): (usize, usize) =
            (sizes.iter().sum(), sizes.iter().rev().skip(1).sum());
        assert!(sizes.len() <= 1 || but_last < bytes, "{sizes:?} have more than {bytes}");
        assert!(sizes.len() <= scan.limit.max(1), "{} entries", sizes.len());
        let is_full = bytes <= all || scan.limit <= sizes.len();
        let last = page.entries.last().map(|(key, _)| key.clone());
        read.extend(page.entries);
        match page.next_after {
            None => return read,
            Some(next) => {
                assert!(is_full, "{sizes:?} do not fill {bytes}, and entries follow");
                assert_eq!(Some(&next), last.as_ref());
                rest.after = Some(next);
            }
        }
    }
}

pub fn pages_of_any_number_of_bytes_are_a_whole_range_and_end_where_they_must(engines: &Engines) {
    let storage = engines.create();
    let engine = storage.open();
    let size = prop_oneof![3 => 0usize..30, 1 => 200usize..600];
    let value = prop::option::weighted(0.8, size.prop_map(|size| vec![b'v'; size]));
    let changes = prop::collection::vec((few_bytes(1..4), value), 0..24);
    let bytes = prop_oneof![0usize..60, 60usize..2_000, Just(usize::MAX)];
    let cases = (changes, scans(), bytes);
    let model = RefCell::new(BTreeMap::new());
    engines.check(cases, |(changes, scan, bytes)| {
        let mut model = model.borrow_mut();
        for (rest, value) in &changes {
            match value {
                Some(value) => drop(model.insert(key(rest), value.clone())),
                None => drop(model.remove(&key(rest))),
            }
        }
        let write = |(rest, value): (Vec<u8>, _)| Write { key: key(&rest), value };
        apply(&engine, changes.into_iter().map(write).collect());
        let whole = Scan { limit: usize::MAX, ..scan.clone() };
        prop_assert_eq!(paged(&engine, &scan, bytes), expected(&model, &whole));
        Ok(())
    });
}

pub fn prefixes_may_end_in_the_greatest_byte(engines: &Engines) {
    let storage = engines.create();
    let engine = storage.open();
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

pub fn scans_that_continue_from_outside_their_prefix_stay_within_it(engines: &Engines) {
    use Order::{Ascending, Descending};
    let storage = engines.create();
    let engine = storage.open();
    apply(&engine, ["a", "a1", "b", "b1", "c"].map(|key| put(key.as_bytes(), b"")).into());
    let both = [b"b".to_vec(), b"b1".to_vec()];
    assert_eq!(keys(&engine, &scan(b"b", Some(b"a"), Ascending, 10)), both);
    assert_eq!(keys(&engine, &scan(b"b", Some(b"c"), Ascending, 10)), Vec::<Key>::new());
    assert_eq!(keys(&engine, &scan(b"b", Some(b"c"), Descending, 1)), both[1..]);
    assert_eq!(keys(&engine, &scan(b"b", Some(b"a"), Descending, 10)), Vec::<Key>::new());
}

pub fn a_scan_reads_across_tenants_in_the_order_of_keys(engines: &Engines) {
    let storage = engines.create();
    let engine = storage.open();
    let mut all = Vec::new();
    for tenant in (0..20).map(|number| format!("T{number}")).chain(TENANTS.map(str::to_owned)) {
        let own = [&b"a"[..], b"b"].map(|rest| (key_of(&tenant, rest), Value::new()));
        let writes = own.iter().cloned().map(|(key, value)| Write { key, value: Some(value) });
        let session = wait(engine.begin(place_of(&engine, &tenant))).unwrap();
        wait(session.commit(batch(1), writes.collect(), Durability::Relaxed)).unwrap();
        all.extend(own);
    }
    all.sort();
    all.dedup();
    assert_eq!(contents(engine.as_ref()), all);
    let half = all[all.len() / 2].0.clone();
    let scan = Scan { prefix: Vec::new(), after: Some(half), order: Order::Descending, limit: 9 };
    let expected: Vec<_> = all[..all.len() / 2].iter().rev().take(9).cloned().collect();
    assert_eq!(wait(engine.scan(scan)).unwrap(), expected);
}

pub fn readers_never_see_half_a_batch(engines: &Engines) {
    let storage = engines.create();
    let engine = storage.open();
    let both = |value: &str| vec![put(b"a", value.as_bytes()), put(b"b", value.as_bytes())];
    apply(&engine, both("000"));
    let (writer, reader) = (Arc::clone(&engine), engine);
    let writing = thread::spawn(move || {
        (0..500).for_each(|number| apply(&writer, both(&format!("{number:03}"))));
    });
    while !writing.is_finished() {
        // A later read returns the same value or a newer one.
        for [first, then] in [[b"a", b"b"], [b"b", b"a"]] {
            let first = wait(reader.read(vec![key(first)])).unwrap();
            let then = wait(reader.read(vec![key(then)])).unwrap();
            assert!(first <= then, "{first:?} {then:?}");
        }
    }
    writing.join().unwrap();
}

pub fn a_session_reads_all_that_was_committed_before_it(engines: &Engines) {
    let storage = engines.create();
    let engine = storage.open();
    let number = |value: Option<&[u8]>| value.map_or(0, |value| u32::from(value[0]));
    // Each reads a counter under its session and commits one more: no increment is lost.
    let (threads, increments) = (4, 40);
    thread::scope(|scope| {
        for writer in 0..threads {
            let engine = &engine;
            scope.spawn(move || {
                for count in 1..=increments {
                    let mut session = begin(engine);
                    let values = wait(session.read(vec![key(b"counter")])).unwrap();
                    let next = u8::try_from(number(values[0].as_deref()) + 1).unwrap();
                    let scanned = wait(session.scan(scan(b"counter", None, Order::Ascending, 1)));
                    let scanned = scanned.unwrap().pop().map(|(_, value)| value);
                    assert_eq!(scanned, values[0]);
                    let writes = vec![put(b"counter", &[next])];
                    let id = BatchId { writer, number: count };
                    wait(session.commit(id, writes, Durability::Relaxed)).unwrap();
                }
            });
        }
    });
    let values = wait(engine.read(vec![key(b"counter")])).unwrap();
    let expected = u32::try_from(threads * increments).unwrap();
    assert_eq!(number(values[0].as_deref()), expected);
}

pub fn a_session_waits_for_the_session_of_its_place(engines: &Engines) {
    let storage = engines.create();
    let engine = storage.open();
    let first = begin(&engine);
    let mut second = pin!(engine.begin(place_of(&engine, TENANTS[0])));
    wait(async {
        for _ in 0..3 {
            assert!(is_waiting(second.as_mut()));
        }
        // What is committed under the first session, the second reads.
        first.commit(batch(1), vec![put(b"a", b"1")], Durability::Relaxed).await.unwrap();
        let mut second = second.await.unwrap();
        let values = second.read(vec![key(b"a")]).await.unwrap();
        assert_eq!(values, [Some(b"1".to_vec())]);
    });
}

pub fn a_session_that_is_dropped_changes_nothing_and_frees_its_place(engines: &Engines) {
    let storage = engines.create();
    let engine = storage.open();
    apply(&engine, vec![put(b"a", b"1")]);
    let mut session = begin(&engine);
    wait(session.read(vec![key(b"a")])).unwrap();
    drop(session);
    assert_eq!(wait(begin(&engine).read(vec![key(b"a")])).unwrap(), [Some(b"1".to_vec())]);
    assert_eq!(contents(engine.as_ref()), [entry(b"a", b"1")]);
}

pub fn a_cancelled_begin_does_not_keep_the_place(engines: &Engines) {
    let storage = engines.create();
    let engine = storage.open();
    let first = begin(&engine);
    {
        let mut second = pin!(engine.begin(place_of(&engine, TENANTS[0])));
        assert!(wait(async { is_waiting(second.as_mut()) }));
    }
    drop(first);
    apply(&engine, vec![put(b"a", b"1")]);
    assert_eq!(contents(engine.as_ref()), [entry(b"a", b"1")]);
}

pub fn sessions_of_several_places_are_open_at_the_same_time(engines: &Engines) {
    let storage = engines.create();
    let engine = storage.open();
    let sessions: Vec<_> =
        Place::all(engine.places()).map(|place| wait(engine.begin(place)).unwrap()).collect();
    assert_eq!(sessions.len(), usize::try_from(engine.places().get()).unwrap());
}

pub fn a_commit_is_recognized_by_its_batch(engines: &Engines) {
    let storage = engines.create();
    let engine = storage.open();
    let asks = |id: BatchId| wait(begin(&engine).is_committed(id)).unwrap();
    assert!(!asks(batch(1)));
    commit(&engine, 1, vec![put(b"a", b"1")], Durability::Flushed);
    assert!(asks(batch(1)));
    assert!(!asks(batch(2)));
    assert!(!asks(BatchId { writer: 8, number: 1 }));
    // Another writer, and a batch without changes, change nothing of that.
    let other = BatchId { writer: 8, number: 5 };
    wait(begin(&engine).commit(other, vec![put(b"b", b"1")], Durability::Flushed)).unwrap();
    assert!(asks(batch(1)) && asks(other));
    commit(&engine, 2, Vec::new(), Durability::Flushed);
    assert!(asks(batch(2)));
    // A session that was begun and dropped committed nothing.
    drop(begin(&engine));
    assert!(!asks(batch(3)));
}

pub fn what_was_flushed_is_there_when_opened_again(engines: &Engines) {
    let storage = engines.create();
    let engine = storage.open();
    let large = vec![7; 100_000];
    apply(&engine, vec![put(b"a", b"1"), put(b"large", &large)]);
    wait(engine.sync()).unwrap();
    assert!(0 < wait(engine.bytes()).unwrap());
    apply(&engine, vec![remove(b"a"), put(b"\xff", b"2")]);
    wait(engine.sync()).unwrap();
    drop(engine);
    let expected = [entry(b"large", &large), entry(b"\xff", b"2")];
    assert_eq!(contents(storage.open().as_ref()), expected);
}

pub fn a_flushed_commit_is_there_when_opened_again_without_a_sync(engines: &Engines) {
    let storage = engines.create();
    let engine = storage.open();
    let places = engine.places();
    commit(&engine, 1, vec![put(b"a", b"1"), put(b"b", b"1")], Durability::Flushed);
    commit(&engine, 2, vec![put(b"a", b"2"), remove(b"b")], Durability::Flushed);
    drop(engine);
    let engine = storage.open();
    assert_eq!(contents(engine.as_ref()), [entry(b"a", b"2")]);
    assert_eq!(engine.places(), places);
    assert!(engine.is_writable());
}

/// Bytes of which keys often begin with one another.
fn few_bytes(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(&[0, b'a', b'b', 0xff][..]), length)
}

/// The changes of one tenant.
fn batches() -> impl Strategy<Value = (&'static str, Vec<Write>)> {
    let value = prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..4));
    let changes = prop::collection::vec((few_bytes(1..5), value), 0..12);
    (prop::sample::select(&TENANTS[..]), changes).prop_map(|(tenant, changes)| {
        let write = |(rest, value): (Vec<u8>, _)| Write { key: key_of(tenant, &rest), value };
        (tenant, changes.into_iter().map(write).collect())
    })
}

fn scans() -> impl Strategy<Value = Scan> {
    let tenant = prop::sample::select(&TENANTS[..]);
    let prefix = (tenant.clone(), few_bytes(0..3), 0usize..9);
    let after = (tenant, few_bytes(1..5)).prop_map(|(tenant, rest)| key_of(tenant, &rest));
    let order = prop::sample::select(&[Order::Ascending, Order::Descending][..]);
    (prefix, prop::option::of(after), order, 0usize..8).prop_map(|(prefix, after, order, limit)| {
        let (tenant, rest, length) = prefix;
        let mut prefix = key_of(tenant, &rest);
        prefix.truncate(length);
        Scan { prefix, after, order, limit }
    })
}

/// What a scan reads from a sorted map.
fn expected(model: &BTreeMap<Key, Value>, scan: &Scan) -> Vec<(Key, Value)> {
    let after = scan.after.clone().map_or(Bound::Unbounded, Bound::Excluded);
    let mut entries: Vec<(Key, Value)> = match scan.order {
        Order::Ascending => model.range((after, Bound::Unbounded)).map(owned).collect(),
        Order::Descending => model.range((Bound::Unbounded, after)).rev().map(owned).collect(),
    };
    entries.retain(|(key, _)| key.starts_with(&scan.prefix));
    entries.truncate(scan.limit);
    entries
}

fn owned((key, value): (&Key, &Value)) -> (Key, Value) {
    (key.clone(), value.clone())
}

/// All cases share one engine and continue from one another.
pub fn every_sequence_of_batches_leaves_what_a_sorted_map_holds(engines: &Engines) {
    let storage = engines.create();
    let engine = storage.open();
    let cases = prop::collection::vec((batches(), scans()), 1..6);
    let model = RefCell::new(BTreeMap::new());
    let holds = |((tenant, writes), scan): ((&str, Vec<Write>), Scan)| {
        let mut model = model.borrow_mut();
        for Write { key, value } in &writes {
            match value {
                Some(value) => drop(model.insert(key.clone(), value.clone())),
                None => drop(model.remove(key)),
            }
        }
        let touched: Vec<Key> = writes.iter().map(|write| write.key.clone()).collect();
        let session = wait(engine.begin(place_of(&engine, tenant))).unwrap();
        wait(session.commit(batch(1), writes, Durability::Relaxed)).unwrap();
        let values: Vec<_> = touched.iter().map(|key| model.get(key).cloned()).collect();
        prop_assert_eq!(&wait(engine.read(touched.clone())).unwrap(), &values);
        prop_assert_eq!(wait(engine.scan(scan.clone())).unwrap(), expected(&model, &scan));
        let mut session = wait(engine.begin(place_of(&engine, tenant))).unwrap();
        prop_assert_eq!(wait(session.read(touched)).unwrap(), values);
        if scan.prefix.starts_with(&key_of(tenant, b"")) {
            prop_assert_eq!(wait(session.scan(scan.clone())).unwrap(), expected(&model, &scan));
        }
        Ok(())
    };
    check(256, cases, |steps| steps.into_iter().try_for_each(&holds));
    let model: Vec<(Key, Value)> = model.into_inner().into_iter().collect();
    assert_eq!(contents(engine.as_ref()), model);
    wait(engine.sync()).unwrap();
    drop(engine);
    assert_eq!(contents(storage.open().as_ref()), model);
}
