//! Snapshots, taken while commits and checkpoints go on.

use super::*;

fn snapshot(engine: &Journaled) -> EngineSnapshot {
    engine.core.snapshot().unwrap().unwrap()
}

fn snapshot_contents(snapshot: &EngineSnapshot) -> Contents {
    snapshot.engine.view.scan(&all(Order::Ascending)).unwrap().into_iter().collect()
}

/// How many batches from the first on these contents have. No part of a later one may be there.
fn batches_in(contents: &Contents) -> usize {
    let count = contents.len();
    assert_eq!(*contents, numbered_contents(0..count, BATCH));
    count
}

#[test]
fn a_snapshot_has_what_was_committed_before_and_nothing_later() {
    let machine = Machine::new();
    let engine = machine.open(MEMTABLE);
    assert_eq!(batches_in(&snapshot_contents(&snapshot(&engine))), 0);
    for count in [1, 2, 25, 26] {
        let stored = batches_in(&contents(&engine));
        (stored..count).for_each(|number| apply(&engine, numbered(number, BATCH)).unwrap());
        let taken = snapshot(&engine);
        let again = snapshot(&engine);
        assert_eq!(taken.position, again.position);
        (count..count + 12).for_each(|number| apply(&engine, numbered(number, BATCH)).unwrap());
        checkpointed(&engine);
        assert_eq!(batches_in(&snapshot_contents(&taken)), count);
        assert_eq!(batches_in(&snapshot_contents(&again)), count);
        (count..count + 12).for_each(|number| apply(&engine, vec![remove(key(number))]).unwrap());
    }
}

#[test]
fn snapshots_among_commits_have_all_batches_up_to_one_of_them() {
    let machine = Machine::new();
    let writing = Writing::start(machine.open(MEMTABLE), 2_000, BATCH);
    let mut last = 0;
    while last < 2_000 {
        let confirmed = writing.written.load(SeqCst);
        let taken = snapshot(&writing.engine);
        let count = batches_in(&snapshot_contents(&taken));
        assert!(confirmed.max(last) <= count, "{confirmed} {last} {count}");
        last = count;
    }
    writing.finish();
}

#[test]
fn commits_go_on_while_a_snapshot_waits_for_the_table() {
    let machine = Machine::new();
    let engine = Arc::new(machine.open_checkpointed(MEMTABLE));
    apply(&engine, numbered(0, BATCH)).unwrap();
    machine.table.hold_after(0);
    let taking = Arc::clone(&engine);
    let snapshot = thread::spawn(move || snapshot_contents(&snapshot(&taking)));
    wait_until(|| !is_checkpointed(&engine.core));
    (1..3).for_each(|number| apply(&engine, numbered(number, BATCH)).unwrap());
    sync(&engine).unwrap();
    assert!(!snapshot.is_finished());
    machine.table.release();
    assert_eq!(batches_in(&snapshot.join().unwrap()), 1);
    assert_eq!(batches_in(&contents(&engine)), 3);
}

#[test]
fn no_snapshot_is_taken_after_a_failed_write_or_a_stop() {
    let machine = Machine::new();
    let engine = machine.open_checkpointed(MEMTABLE);
    machine.table.fail(TableFault { after: 0, how: How::Permanently, done: false });
    apply(&engine, numbered(0, BATCH)).unwrap();
    assert!(engine.core.snapshot().is_err());
    assert!(matches!(engine.core.snapshot(), Err(EngineError::Poisoned)));

    let machine = Machine::new();
    let engine = machine.open_checkpointed(MEMTABLE);
    apply(&engine, numbered(0, BATCH)).unwrap();
    engine.close().unwrap();
    assert!(matches!(engine.core.snapshot(), Err(EngineError::Poisoned)));
}

#[test]
fn a_snapshot_that_is_waited_for_is_taken_or_refused_when_the_engine_is_closed() {
    let machine = Machine::new();
    let engine = Arc::new(machine.open_checkpointed(MEMTABLE));
    apply(&engine, numbered(0, BATCH)).unwrap();
    machine.table.hold_after(0);
    let taking = Arc::clone(&engine);
    let waiting = thread::spawn(move || taking.core.snapshot());
    wait_until(|| !is_checkpointed(&engine.core));
    let closing = Arc::clone(&engine);
    let closed = thread::spawn(move || closing.close());
    machine.table.release();
    match waiting.join().unwrap() {
        Ok(taken) => assert_eq!(batches_in(&snapshot_contents(&taken.unwrap())), 1),
        Err(error) => assert!(matches!(error, EngineError::Poisoned), "{error}"),
    }
    closed.join().unwrap().unwrap();
}
