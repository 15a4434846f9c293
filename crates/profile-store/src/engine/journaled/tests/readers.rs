//! What readers find while all of it moves.

use super::*;

/// An engine with a generation that stands before the table: of keys that the table has
/// with other values, that it has not, and that are removed.
fn closed_before_the_table() -> (Machine, Journaled, Contents) {
    let table = ["a", "b", "c", "d"].map(|key| (key.into(), b"old".to_vec())).into();
    let machine = Machine::with(&table);
    let engine = machine.open_settled(GENERATION);
    machine.medium.hold_after(0);
    let batch = vec![put("b", vec![7; GENERATION]), put("bb", "new"), remove("c")];
    apply(&engine, batch.clone()).unwrap();
    let mut expected = table;
    batch.into_iter().for_each(|Write { key, value }| make(&mut expected, key, value));
    assert!(!is_settled(&engine.shared));
    (machine, engine, expected)
}

/// Has the generation settled while a reader is in the table.
fn settle_meanwhile(machine: &Machine, engine: &Journaled) {
    let (medium, shared) = (machine.medium.clone(), Arc::clone(&engine.shared));
    machine.medium.meanwhile(move || {
        medium.release();
        until(|| is_settled(&shared));
    });
}

#[test]
fn values_that_are_settled_while_they_are_read_are_found_before_or_after() {
    for asked in [["a", "b", "bb", "c"], ["c", "bb", "b", "a"], ["bb", "a", "c", "b"]] {
        let (machine, engine, expected) = closed_before_the_table();
        settle_meanwhile(&machine, &engine);
        let keys = asked.map(|key| key.as_bytes().to_vec());
        let values = now(engine.read(&keys)).unwrap();
        assert_eq!(values, keys.map(|key| expected.get(&key).cloned()));
        assert!(is_settled(&engine.shared));
    }
}

#[test]
fn ranges_that_are_settled_while_they_are_read_are_found_before_or_after() {
    for limit in [1, 2, 3, usize::MAX] {
        for order in [Order::Ascending, Order::Descending] {
            let (machine, engine, contents) = closed_before_the_table();
            settle_meanwhile(&machine, &engine);
            let scan = Scan { limit, ..all(order) };
            assert_eq!(now(engine.scan(&scan)).unwrap(), expected(&contents, &scan));
            assert!(is_settled(&engine.shared));
        }
    }
}

#[test]
fn nobody_sees_a_value_go_back() {
    let machine = Machine::new();
    let engine = machine.open(GENERATION);
    let write = |number| {
        let both = ["a", "b"].map(|name| put(name, key(number)));
        apply(&engine, [numbered(number, BATCH), both.to_vec()].concat()).unwrap();
    };
    write(0);
    let first = Scan { limit: 1, ..all(Order::Ascending) };
    let (mut newest, ended) = (None, AtomicBool::new(false));
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            while !ended.load(SeqCst) {
                // What is read after something else can only be newer.
                let scans = || now(engine.scan(&first)).unwrap().pop().map(|(_, value)| value);
                let next = [read(&engine, b"a"), read(&engine, b"b"), scans()];
                assert!(newest <= next[0] && next.is_sorted(), "{newest:?} {next:?}");
                [.., newest] = next;
            }
        });
        (1..500).for_each(write);
        ended.store(true, SeqCst);
        reading.join().unwrap();
    });
}

#[test]
fn its_size_is_known_whatever_the_journal_does_meanwhile() {
    let machine = Machine::new();
    let writing = Writing::of(machine.open(400), 300, 200);
    while !writing.thread.is_finished() {
        now(writing.engine.bytes()).unwrap();
    }
    let (engine, written) = writing.ended();
    assert!(64 * written as u64 <= now(engine.bytes()).unwrap());
}

#[test]
fn a_scan_passes_over_any_number_of_removals() {
    let removed = 150..2 * limits::REMOVALS_SCANNED + 150;
    let mut left = of_numbers(0..removed.end + 150, 128);
    let machine = Machine::with(&left);
    machine.medium.hold_after(0);
    let engine = machine.open(1_000_000);
    apply(&engine, removed.clone().map(|number| remove(key(number))).collect()).unwrap();
    removed.for_each(|number| drop(left.remove(&key(number))));
    for order in [Order::Ascending, Order::Descending] {
        for (limit, after) in [(1, 149), (149, 0), (151, 0), (200, 2_000), (usize::MAX, 1_000)] {
            let scan = Scan { limit, after: Some(key(after)), ..all(order) };
            let before = machine.medium.state().scans;
            assert_eq!(now(engine.scan(&scan)).unwrap(), expected(&left, &scan), "{scan:?}");
            // A step for as many removals as one passes over, and one for the rest.
            assert!(machine.medium.state().scans - before <= 3);
        }
        assert_eq!(now(engine.scan(&all(order))).unwrap(), expected(&left, &all(order)));
    }
    machine.end(engine);
}
