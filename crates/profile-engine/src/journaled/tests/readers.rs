//! What readers find during commits and checkpoints.

use super::*;

/// An engine with a closed memtable above a blocked table. The memtable has keys that the table has
/// with other values, keys that the table does not have, and removed keys.
fn closed_above_the_table() -> (Machine, Journaled, Contents) {
    let table = ["a", "b", "c", "d"].map(|key| (key.into(), b"old".to_vec())).into();
    let machine = Machine::with(&table);
    let engine = machine.open_checkpointed(MEMTABLE);
    machine.table.hold_after(0);
    let batch = vec![put("b", vec![7; MEMTABLE]), put("bb", "new"), remove("c")];
    apply(&engine, batch.clone()).unwrap();
    let mut expected = table;
    batch.into_iter().for_each(|Write { key, value }| apply_change(&mut expected, key, value));
    assert!(!is_checkpointed(&engine.core));
    (machine, engine, expected)
}

/// Completes the checkpoint while a reader is in the table.
fn checkpoint_meanwhile(machine: &Machine, engine: &Journaled) {
    let (table, core) = (machine.table.clone(), Arc::clone(&engine.core));
    machine.table.meanwhile(move || {
        table.release();
        wait_until(|| is_checkpointed(&core));
    });
}

#[test]
fn values_that_are_checkpointed_during_a_read_are_found() {
    for asked in [["a", "b", "bb", "c"], ["c", "bb", "b", "a"], ["bb", "a", "c", "b"]] {
        let (machine, engine, expected) = closed_above_the_table();
        checkpoint_meanwhile(&machine, &engine);
        let keys = asked.map(|key| key.as_bytes().to_vec());
        let values = read_all(&engine, &keys);
        assert_eq!(values, keys.map(|key| expected.get(&key).cloned()));
        assert!(is_checkpointed(&engine.core));
    }
}

#[test]
fn ranges_that_are_checkpointed_during_a_scan_are_found() {
    for limit in [1, 2, 3, usize::MAX] {
        for order in [Order::Ascending, Order::Descending] {
            let (machine, engine, contents) = closed_above_the_table();
            checkpoint_meanwhile(&machine, &engine);
            let scan = Scan { limit, ..all(order) };
            assert_eq!(engine.core.view.scan(&scan).unwrap(), expected(&contents, &scan));
            assert!(is_checkpointed(&engine.core));
        }
    }
}

#[test]
fn a_reader_never_sees_an_older_value_after_a_newer_one() {
    let machine = Machine::new();
    let engine = machine.open(MEMTABLE);
    let write = |number| {
        let both = ["a", "b"].map(|name| put(name, key(number)));
        apply(&engine, [numbered(number, BATCH), both.to_vec()].concat()).unwrap();
    };
    write(0);
    let first = Scan { limit: 1, ..all(Order::Ascending) };
    let mut newest = None;
    thread::scope(|scope| {
        let writing = scope.spawn(|| (1..500).for_each(write));
        while !writing.is_finished() {
            // What is read after something else can only be newer.
            let scans = || engine.core.view.scan(&first).unwrap().pop().map(|(_, value)| value);
            let next = [read(&engine, b"a"), read(&engine, b"b"), scans()];
            assert!(newest <= next[0] && next.is_sorted(), "{newest:?} {next:?}");
            [.., newest] = next;
        }
    });
}

#[test]
fn the_size_can_be_read_while_the_journal_changes() {
    let machine = Machine::new();
    let writing = Writing::start(machine.open(400), 300, 200);
    while !writing.thread.is_finished() {
        writing.engine.core.bytes().unwrap();
    }
    let (engine, written) = writing.finish();
    assert!(64 * written as u64 <= engine.core.bytes().unwrap());
}

#[test]
fn a_scan_passes_over_any_number_of_removals() {
    let removed = 150..2 * limits::SCANNED_REMOVALS + 150;
    let mut left = numbered_contents(0..removed.end + 150, 128);
    let machine = Machine::with(&left);
    let engine = machine.open_checkpointed(1_000_000);
    machine.table.hold_after(0);
    apply(&engine, removed.clone().map(|number| remove(key(number))).collect()).unwrap();
    removed.for_each(|number| drop(left.remove(&key(number))));
    for order in [Order::Ascending, Order::Descending] {
        for (limit, after) in [(1, 149), (149, 0), (151, 0), (200, 2_000), (usize::MAX, 1_000)] {
            let scan = Scan { limit, after: Some(key(after)), ..all(order) };
            let before = machine.table.state().scans;
            assert_eq!(engine.core.view.scan(&scan).unwrap(), expected(&left, &scan), "{scan:?}");
            // A step for as many removals as one passes over, and one for the rest.
            assert!(machine.table.state().scans - before <= 3);
        }
        assert_eq!(engine.core.view.scan(&all(order)).unwrap(), expected(&left, &all(order)));
    }
    machine.end(engine);
}
