//! What processes leave that end before they have checkpointed everything.

use super::*;

/// Batches that each of several processes commits before it ends without a checkpoint.
const EACH: usize = 3;

/// A machine on which this many processes ended before their first checkpoint, after one that
/// created the store.
fn ended_before_checkpoints(processes: usize) -> Machine {
    let machine = Machine::new();
    machine.crash(machine.open_checkpointed(MEMTABLE));
    for process in 0..processes {
        machine.table.hold_after(0);
        let engine = machine.open(MEMTABLE);
        let numbers = EACH * process..EACH * (process + 1);
        numbers.for_each(|number| apply(&engine, numbered(number, BATCH)).unwrap());
        assert_eq!(machine.table.state().puts, Vec::<Key>::new());
        machine.crash(engine);
    }
    machine
}

#[test]
fn much_that_several_processes_left_is_checkpointed_before_the_engine_opens() {
    let processes = (2 * MEMTABLE).div_ceil(EACH * BATCH);
    let machine = ended_before_checkpoints(processes);
    let engine = machine.open(MEMTABLE);
    let all = numbered_contents(0..EACH * processes, BATCH);
    assert_eq!(machine.table.state().kept, all);
    assert!(is_checkpointed(&engine.core));
    assert_eq!(contents(&engine), all);
}

#[test]
fn little_that_several_processes_left_is_checkpointed_after_the_engine_opens() {
    let processes = 2 * MEMTABLE / (EACH * BATCH);
    let machine = ended_before_checkpoints(processes);
    machine.table.hold_after(0);
    let engine = machine.open(MEMTABLE);
    assert_eq!(contents(&engine), numbered_contents(0..EACH * processes, BATCH));
    machine.table.release();
    checkpointed(&engine);
    assert_eq!(machine.table.state().kept, numbered_contents(0..EACH * processes, BATCH));
}

#[test]
fn an_engine_does_not_open_if_its_first_checkpoint_fails() {
    let processes = (2 * MEMTABLE).div_ceil(EACH * BATCH);
    let all = numbered_contents(0..EACH * processes, BATCH);
    for (after, done) in [(0, true), (1, false), (10, true), (all.len(), false), (all.len(), true)]
    {
        let machine = ended_before_checkpoints(processes);
        machine.table.fail(TableFault { after, how: How::Once, done });
        assert!(machine.try_open(MEMTABLE).is_err());
        machine.table.crash(|number| number % 2 == 0);
        assert_eq!(contents(&machine.open(MEMTABLE)), all);
    }
}

#[test]
fn a_new_store_does_not_open_before_its_table_knows_of_its_journal() {
    for (how, done) in [(How::Once, false), (How::Once, true), (How::Permanently, false)] {
        let machine = Machine::new();
        machine.table.fail(TableFault { after: 0, how, done });
        assert!(machine.try_open(MEMTABLE).is_err());
        machine.table.crash(|_| false);
        let engine = machine.open(MEMTABLE);
        assert!(machine.table.state().mark.is_some());
        apply(&engine, numbered(0, BATCH)).unwrap();
        machine.crash(engine);
        assert_eq!(contents(&machine.open(MEMTABLE)), numbered_contents(0..1, BATCH));
    }
}

#[test]
fn a_dropped_engine_ends_its_checkpoint_early_and_leaves_nothing_running() {
    let machine = Machine::new();
    let engine = machine.open_checkpointed(1_024 * 1_024);
    machine.table.hold_after(3);
    (0..256).for_each(|number| apply(&engine, numbered(number, 4_096)).unwrap());
    wait_until(|| machine.table.state().puts.len() == 3);
    let core = Arc::clone(&engine.core);
    let dropping = thread::spawn(move || drop(engine));
    wait_until(|| core.progress.next().is_none());
    machine.table.release();
    wait_until(|| dropping.is_finished());
    dropping.join().unwrap();
    assert_eq!(Arc::strong_count(&core), 1);
    drop(core);
    assert_eq!(Arc::strong_count(&machine.table.0), 1);
    assert_eq!(machine.table.state().puts.len(), limits::PROGRESS_BYTES / 4_096);
    let engine = machine.open(1_024 * 1_024);
    assert_eq!(contents(&engine), numbered_contents(0..256, 4_096));
    checkpointed(&engine);
    assert_eq!(machine.table.state().kept, numbered_contents(0..256, 4_096));
}

#[test]
fn a_damaged_journal_is_not_opened() {
    let machine = Machine::new();
    let engine = machine.open_checkpointed(MEMTABLE);
    for number in 0..3 {
        apply(&engine, numbered(number, BATCH)).unwrap();
        sync(&engine).unwrap();
    }
    machine.crash(engine);
    let newest = machine.newest();
    let mut bytes = fs::read(&newest).unwrap();
    bytes[40] ^= 1;
    fs::write(newest, bytes).unwrap();
    assert!(matches!(machine.try_open(MEMTABLE), Err(EngineError::Damaged(_))));
    assert!(matches!(machine.try_open(MEMTABLE), Err(EngineError::Damaged(_))));
}
