//! What processes leave that end before they have checkpointed everything.

use std::ops::Range;

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

/// An engine with some commits that were not synced, and where the record of each begins and ends
/// in the newest file of the journal.
fn with_records(machine: &Machine) -> (Journaled, Vec<Range<usize>>) {
    let engine = machine.open_checkpointed(MEMTABLE);
    let end = || journal::PAGE + usize::try_from(engine.core.journal().bytes()).unwrap();
    let record = |number| {
        let start = end();
        apply(&engine, numbered(number, BATCH)).unwrap();
        start..end()
    };
    let records = (0..5).map(record).collect();
    (engine, records)
}

fn is_refused(machine: &Machine, bytes: &[u8]) {
    let newest = machine.newest();
    let whole = fs::read(&newest).unwrap();
    fs::write(&newest, bytes).unwrap();
    let opened = machine.try_open(MEMTABLE).map(drop);
    let Err(EngineError::Damaged(reason)) = opened else { panic!("{opened:?}") };
    let name = newest.file_name().unwrap().to_str().unwrap();
    assert!(reason.starts_with(&format!("journal/{name} ")), "{reason}");
    fs::write(&newest, whole).unwrap();
}

#[test]
fn a_clean_stop_notes_where_the_journal_ends() {
    let machine = Machine::new();
    let (engine, records) = with_records(&machine);
    drop(engine);
    let mark = machine.table.state().mark.unwrap();
    let records = u32::try_from(records.len()).unwrap();
    assert_eq!((mark.checkpointed, mark.closed), (0, Some(JournalEnd { generation: 1, records })));
    // Also where nothing was written.
    drop(machine.open_checkpointed(MEMTABLE));
    let mark = machine.table.state().mark.unwrap();
    assert_eq!(
        (mark.checkpointed, mark.closed),
        (1, Some(JournalEnd { generation: 2, records: 0 }))
    );
    assert_eq!(contents(&machine.open(MEMTABLE)), numbered_contents(0..5, BATCH));
}

#[test]
fn an_engine_that_ends_otherwise_notes_no_end_of_its_journal() {
    let machine = Machine::new();
    let (engine, _) = with_records(&machine);
    machine.crash(engine);
    assert_eq!(machine.table.state().mark.unwrap().closed, None);
    // A checkpoint takes the note of an earlier stop back.
    drop(machine.open_checkpointed(MEMTABLE));
    let engine = machine.open(MEMTABLE);
    checkpointed(&engine);
    assert_eq!(machine.table.state().mark.unwrap().closed, None);
    machine.crash(engine);
    assert_eq!(contents(&machine.open(MEMTABLE)), numbered_contents(0..5, BATCH));
}

#[test]
fn after_a_clean_stop_a_journal_without_one_of_its_records_is_damage() {
    let machine = Machine::new();
    let (engine, records) = with_records(&machine);
    drop(engine);
    let whole = fs::read(machine.newest()).unwrap();
    let end = records.last().unwrap().end;
    for record in records {
        let mut cut = whole.clone();
        cut[record.start..].fill(0);
        is_refused(&machine, &cut);
        let mut emptied = whole.clone();
        emptied[record.clone()].fill(0);
        is_refused(&machine, &emptied);
        let mut left_out = whole.clone();
        left_out.copy_within(record.end..end, record.start);
        left_out[end - record.len()..end].fill(0);
        is_refused(&machine, &left_out);
        for at in record {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            is_refused(&machine, &flipped);
        }
    }
    assert_eq!(contents(&machine.open(MEMTABLE)), numbered_contents(0..5, BATCH));
}

#[test]
fn what_a_torn_tail_loses_is_logged_with_counts() {
    let machine = Machine::new();
    let (engine, records) = with_records(&machine);
    machine.crash(engine);
    let newest = machine.newest();
    let mut torn = fs::read(&newest).unwrap();
    torn[records[2].end - 1] ^= 1;
    fs::write(&newest, torn).unwrap();
    let log = logged(|| {
        assert_eq!(contents(&machine.open(MEMTABLE)), numbered_contents(0..2, BATCH));
    });
    assert_eq!(log.lines().count(), 1, "{log}");
    let name = format!("{:?}", newest.file_name().unwrap());
    for part in ["WARN", &name, "kept=2", "whole_records_dropped=2", "record_dropped=true"] {
        assert!(log.contains(part), "{log}");
    }
    // It is no part of the journal any more.
    let log = logged(|| drop(machine.open(MEMTABLE)));
    assert_eq!(log, "");
}

#[test]
fn a_journal_that_lost_nothing_logs_nothing() {
    let machine = Machine::new();
    let (engine, _) = with_records(&machine);
    machine.crash(engine);
    let log = logged(|| drop(machine.open_checkpointed(MEMTABLE)));
    assert_eq!(log, "");
}

#[test]
fn a_table_with_data_and_no_journal_is_damage_even_if_it_notes_nothing() {
    let machine = Machine::new();
    let state = |data: Contents| machine.table.state().live = data;
    state(numbered_contents(0..1, BATCH));
    assert!(matches!(machine.try_open(MEMTABLE), Err(EngineError::Damaged(_))));
    state(Contents::new());
    machine.open(MEMTABLE);
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
    bytes[journal::PAGE + 40] ^= 1;
    fs::write(newest, bytes).unwrap();
    assert!(matches!(machine.try_open(MEMTABLE), Err(EngineError::Damaged(_))));
    assert!(matches!(machine.try_open(MEMTABLE), Err(EngineError::Damaged(_))));
}
