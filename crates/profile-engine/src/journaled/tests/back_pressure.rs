//! How far commits may be ahead of the table.

use super::*;

/// A memtable beside which the first page of a file of the journal is small.
const LARGE_MEMTABLE: usize = 64 * 1_024;

#[test]
fn commits_are_ahead_of_a_blocked_table_by_a_quarter_of_a_memtable() {
    let machine = Machine::new();
    let engine = machine.open_checkpointed(64 * 1_024);
    machine.table.hold_after(0);
    let writing = Writing::start(engine, 300, 1_024);
    writing.stops_at(64 + 16 + 1);
    let bytes = {
        let memtables = writing.engine.core.view.memtables();
        (memtables.closed.as_ref().map(|closed| closed.bytes()), memtables.open.bytes())
    };
    assert_eq!(bytes, (Some(64 * 1_024), 17 * 1_024));
    assert_eq!(contents(&writing.engine), numbered_contents(0..81, 1_024));
    sync(&writing.engine).unwrap();
    machine.table.release();
    let (engine, _) = writing.finish();
    assert_eq!(contents(&engine), numbered_contents(0..300, 1_024));
    machine.crash(engine);
    assert_eq!(contents(&machine.open(64 * 1_024)), numbered_contents(0..300, 1_024));
}

#[test]
fn commits_advance_as_far_as_the_table_does() {
    let machine = Machine::new();
    let engine = machine.open_checkpointed(512 * 1_024);
    machine.table.hold_after(0);
    let writing = Writing::start(engine, 400, 4_096);
    writing.stops_at(128 + 32 + 1);
    machine.table.hold_after(64);
    writing.stops_at(128 + 32 + 64 + 1);
    machine.table.hold_after(32);
    writing.stops_at(128 + 32 + 96 + 1);
    machine.table.release();
    let (engine, _) = writing.finish();
    assert_eq!(contents(&engine), numbered_contents(0..400, 4_096));
}

#[test]
fn earlier_commits_become_durable_while_a_commit_waits_for_the_table() {
    let machine = Machine::new();
    let engine = machine.open_checkpointed(MEMTABLE);
    machine.table.hold_after(0);
    let writing = Writing::start(engine, 10_000, BATCH);
    writing.stops_at(10 + 2 + 1);
    wait_until(|| is_durable(&writing.engine));
    assert_eq!(writing.written.load(SeqCst), 10 + 2 + 1);
    machine.table.cut_off();
    writing.finish();
}

#[test]
fn a_checkpoint_puts_each_key_once_and_in_the_order_of_keys() {
    let machine = Machine::new();
    let engine = machine.open_checkpointed(MEMTABLE);
    for number in 0..500 {
        let often = [put("often", number.to_string()), put("oftener", "0"), put("oftener", "1")];
        let batch = [numbered(number, BATCH), often.to_vec()].concat();
        apply(&engine, batch).unwrap();
    }
    checkpointed(&engine);
    let generations = usize::try_from(engine.core.journal().generation()).unwrap() - 1;
    let state = machine.table.state();
    for often in [&b"often"[..], b"oftener"] {
        assert_eq!(state.puts.iter().filter(|key| *key == often).count(), generations);
    }
    assert_eq!(state.flushes, generations + 1);
    let by_generation = state.puts.chunk_by(|one, next| one < next);
    assert_eq!(by_generation.count(), generations);
    let least = 500 * BATCH / MEMTABLE / 3;
    assert!((least..=4 * least).contains(&generations));
}

#[test]
fn a_checkpoint_is_noted_in_the_table_with_its_last_change() {
    let machine = Machine::new();
    let engine = machine.open_checkpointed(4 * limits::PROGRESS_BYTES);
    let bytes = limits::PROGRESS_BYTES / 8;
    (0..32).for_each(|number| apply(&engine, numbered(number, bytes)).unwrap());
    checkpointed(&engine);
    let state = machine.table.state();
    // The first was at the opening.
    assert_eq!((state.flushes, state.mark.unwrap().checkpointed), (2, 1));
    assert_eq!(state.kept, numbered_contents(0..32, bytes));
}

#[test]
fn a_journal_is_at_most_a_few_memtables_large() {
    let machine = Machine::new();
    let engine = machine.open_checkpointed(LARGE_MEMTABLE);
    for number in 0..3_000 {
        apply(&engine, numbered(number, 1_024)).unwrap();
        // Each record has a head, and each change a length.
        let most = 4 * LARGE_MEMTABLE * 2;
        assert!(machine.journal_bytes() < most as u64);
    }
    checkpointed(&engine);
    let files = machine.directory.path().join(JOURNAL);
    wait_until(|| fs::read_dir(&files).unwrap().count() == 2);
}

#[test]
fn a_key_that_changes_many_times_does_not_grow_the_journal_without_bound() {
    let machine = Machine::new();
    let engine = machine.open_checkpointed(LARGE_MEMTABLE);
    let value = vec![7; LARGE_MEMTABLE / 2];
    for number in 0..200 {
        apply(&engine, vec![put("hot", &value), put("count", key(number))]).unwrap();
        // Two generations and the spare file, each a batch too long.
        let most = 3 * (limits::JOURNAL_FACTOR + 1) * LARGE_MEMTABLE;
        let bytes = machine.journal_bytes();
        assert!(bytes < most as u64, "{bytes} after {number}");
    }
    let puts = machine.table.state().puts.iter().filter(|key| *key == b"hot").count();
    assert!(puts < 100, "{puts}");
}

#[test]
fn no_commit_and_no_close_waits_forever_for_a_blocked_table() {
    let machine = Machine::new();
    let pace = Pace { memtable_bytes: MEMTABLE, stall_limit: Duration::from_millis(50) };
    let engine = machine.paced(pace).unwrap();
    checkpointed(&engine);
    machine.table.hold_after(0);
    let written = write_until_refused(&engine);
    assert!((10..30).contains(&written), "{written}");
    assert!(matches!(apply(&engine, Vec::new()), Err(EngineError::Poisoned)));
    assert_eq!(contents(&engine), numbered_contents(0..written, BATCH));
    let core = Arc::clone(&engine.core);
    drop(engine);
    assert_eq!(Arc::strong_count(&core), 3);
    machine.table.cut_off();
    // The checkpointer has ended. The other reference is the one that `drop` leaks.
    wait_until(|| Arc::strong_count(&core) == 2);
    machine.table.crash(|_| false);
    has_all(&machine.open(MEMTABLE), written);
}

#[test]
fn no_write_of_the_journal_follows_one_that_failed() {
    let machine = Machine::new();
    let engine = machine.open_checkpointed(MEMTABLE);
    apply(&engine, numbered(0, BATCH)).unwrap();
    let batch = vec![put("large", vec![0; MEMTABLE])];
    let in_the_way = machine.newest().with_file_name("0000000000000002.journal");
    fs::create_dir(&in_the_way).unwrap();
    apply(&engine, batch).unwrap_err();
    fs::remove_dir(in_the_way).unwrap();
    apply(&engine, numbered(1, BATCH)).unwrap_err();
    sync(&engine).unwrap_err();
}
