//! Tables and journals that fail.

use super::*;

#[track_caller]
fn refuses(engine: &Journaled) {
    for _ in 0..3 {
        for result in [apply(engine, numbered(0, BATCH)), apply(engine, Vec::new()), sync(engine)] {
            assert!(matches!(result, Err(EngineError::Poisoned)), "{result:?}");
        }
    }
}

fn faults(hows: &[How]) -> impl Iterator<Item = TableFault> {
    let faults = hows.iter().flat_map(|how| {
        let done = [false, true].into_iter();
        done.flat_map(move |done| (0..26).map(move |after| TableFault { after, how: *how, done }))
    });
    faults.collect::<Vec<_>>().into_iter()
}

#[test]
fn after_a_failure_of_the_table_commits_fail_and_reads_do_not() {
    for fault in faults(&[How::Once, How::Permanently]) {
        let machine = Machine::new();
        let engine = machine.open_checkpointed(MEMTABLE);
        machine.table.fail(fault);
        let written = write_until_refused(&engine);
        refuses(&engine);
        has_all(&engine, written);
        machine.crash(engine);
        has_all(&machine.open(MEMTABLE), written);
    }
}

#[test]
fn a_table_that_panics_counts_as_failed() {
    for after in [0, 1, 5, 11, 12, 20] {
        let machine = Machine::new();
        let engine = machine.open_checkpointed(MEMTABLE);
        machine.table.fail(TableFault { after, how: How::Panics, done: false });
        let written = write_until_refused(&engine);
        refuses(&engine);
        has_all(&engine, written);
        machine.crash(engine);
        has_all(&machine.open(MEMTABLE), written);
    }
}

#[test]
fn a_commit_that_waits_for_the_table_fails_with_it() {
    for how in [How::Once, How::Permanently, How::Panics] {
        let machine = Machine::new();
        let engine = machine.open_checkpointed(MEMTABLE);
        machine.table.hold_after(0);
        let writing = Writing::start(engine, 10_000, BATCH);
        writing.stops_at(10 + 2 + 1);
        machine.table.fail(TableFault { after: 0, how, done: false });
        machine.table.release();
        let (engine, written) = writing.finish();
        assert_eq!(written, 10 + 2 + 1);
        has_all(&engine, written);
    }
}

#[test]
fn a_table_that_fails_is_noticed_without_a_commit() {
    let machine = Machine::new();
    let engine = machine.open_checkpointed(MEMTABLE);
    apply(&engine, numbered(0, BATCH)).unwrap();
    machine.crash(engine);
    machine.table.fail(TableFault { after: 0, how: How::Once, done: false });
    let engine = machine.open(MEMTABLE);
    wait_until(|| sync(&engine).is_err());
    refuses(&engine);
}

#[test]
fn a_generation_that_cannot_begin_poisons_the_engine_and_loses_nothing() {
    let machine = Machine::new();
    let engine = machine.open_checkpointed(MEMTABLE);
    let in_the_way = machine.newest().with_file_name("0000000000000002.journal");
    fs::create_dir(&in_the_way).unwrap();
    let written = write_until_refused(&engine);
    assert_eq!(written, MEMTABLE / BATCH - 1);
    has_all(&engine, written);
    // Changes that may not be on disk are not checkpointed. A checkpoint would have begun by then.
    thread::sleep(Duration::from_millis(20));
    assert_eq!(machine.table.state().puts, Vec::<Key>::new());
    fs::remove_dir(in_the_way).unwrap();
    machine.crash(engine);
    has_all(&machine.open(MEMTABLE), written);
}
