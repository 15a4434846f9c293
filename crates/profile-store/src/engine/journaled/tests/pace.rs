//! How far writers and the table may be apart.

use super::*;

#[test]
fn writers_are_ahead_of_a_table_that_stands_still_by_a_quarter_of_a_generation() {
    let machine = Machine::new();
    let engine = machine.open_settled(64 * 1_024);
    machine.medium.hold_after(0);
    let writing = Writing::of(engine, 300, 1_024);
    writing.stops_at(64 + 16 + 1);
    let bytes = {
        let overlay = writing.engine.shared.overlay();
        (overlay.closed.as_ref().map(|closed| closed.bytes()), overlay.open.bytes())
    };
    assert_eq!(bytes, (Some(64 * 1_024), 17 * 1_024));
    assert_eq!(contents(&writing.engine), of_numbers(0..81, 1_024));
    flush(&writing.engine).unwrap();
    machine.medium.release();
    let (engine, _) = writing.ended();
    assert_eq!(contents(&engine), of_numbers(0..300, 1_024));
    machine.crash(engine);
    assert_eq!(contents(&machine.open(64 * 1_024)), of_numbers(0..300, 1_024));
}

#[test]
fn writers_go_on_as_far_as_the_table_does() {
    let machine = Machine::new();
    let engine = machine.open_settled(512 * 1_024);
    machine.medium.hold_after(0);
    let writing = Writing::of(engine, 400, 4_096);
    writing.stops_at(128 + 32 + 1);
    machine.medium.hold_after(64);
    writing.stops_at(128 + 32 + 64 + 1);
    machine.medium.hold_after(32);
    writing.stops_at(128 + 32 + 96 + 1);
    machine.medium.release();
    let (engine, _) = writing.ended();
    assert_eq!(contents(&engine), of_numbers(0..400, 4_096));
}

#[test]
fn whoever_waits_for_the_table_has_what_was_applied_before_flushed() {
    let machine = Machine::new();
    let engine = machine.open_settled(GENERATION);
    machine.medium.hold_after(0);
    let writing = Writing::of(engine, 10_000, BATCH);
    writing.stops_at(10 + 2 + 1);
    until(|| writing.engine.shared.journal().is_synced());
    assert_eq!(writing.written.load(SeqCst), 10 + 2 + 1);
    machine.medium.cut_off();
    writing.ended();
}

#[test]
fn a_key_is_put_into_the_table_once_a_generation_and_in_the_order_of_keys() {
    let machine = Machine::new();
    let engine = machine.open_settled(GENERATION);
    for number in 0..500 {
        let often = [put("often", number.to_string()), put("oftener", "0"), put("oftener", "1")];
        let batch = [numbered(number, BATCH), often.to_vec()].concat();
        apply(&engine, batch).unwrap();
    }
    settled(&engine);
    let generations = usize::try_from(engine.shared.journal().generation()).unwrap() - 1;
    let state = machine.medium.state();
    for often in [&b"often"[..], b"oftener"] {
        assert_eq!(state.puts.iter().filter(|key| *key == often).count(), generations);
    }
    assert_eq!(state.flushes, generations + 1);
    let by_generation = state.puts.chunk_by(|one, next| one < next);
    assert_eq!(by_generation.count(), generations);
    let least = 500 * BATCH / GENERATION / 3;
    assert!((least..=4 * least).contains(&generations));
}

#[test]
fn the_table_is_flushed_before_much_of_it_is_not() {
    let machine = Machine::new();
    let engine = machine.open_settled(4 * limits::UNFLUSHED_BYTES);
    let bytes = limits::UNFLUSHED_BYTES / 8;
    (0..32).for_each(|number| apply(&engine, numbered(number, bytes)).unwrap());
    settled(&engine);
    assert_eq!(machine.medium.state().flushes, 1 + 4 + 1);
}

#[test]
fn a_journal_takes_up_no_more_than_some_generations() {
    let machine = Machine::new();
    let engine = machine.open_settled(GENERATION);
    for number in 0..1_000 {
        apply(&engine, numbered(number, BATCH)).unwrap();
        // Each record has a head, and each change a length.
        let most = 4 * GENERATION * 2;
        assert!(journal::bytes(machine.directory.path()).unwrap() < most as u64);
    }
    settled(&engine);
    until(|| fs::read_dir(machine.directory.path()).unwrap().count() == 2);
}

#[test]
fn a_key_that_changes_again_and_again_does_not_grow_the_journal_without_end() {
    let machine = Machine::new();
    let engine = machine.open_settled(GENERATION);
    let value = vec![7; GENERATION / 2];
    for number in 0..200 {
        apply(&engine, vec![put("hot", &value), put("count", key(number))]).unwrap();
        // Two generations and what is to be written over, each a batch too long.
        let most = 3 * (limits::JOURNAL_TIMES + 1) * GENERATION;
        let bytes = journal::bytes(machine.directory.path()).unwrap();
        assert!(bytes < most as u64, "{bytes} after {number}");
    }
    let puts = machine.medium.state().puts.iter().filter(|key| *key == b"hot").count();
    assert!(puts < 100, "{puts}");
}

#[test]
fn nobody_waits_for_ever_for_a_table_that_stands_still() {
    let machine = Machine::new();
    let pace = Pace { generation_bytes: GENERATION, patience: Duration::from_millis(50) };
    let engine = machine.paced(pace).unwrap();
    settled(&engine);
    machine.medium.hold_after(0);
    let written = write_until_refused(&engine);
    assert!((10..30).contains(&written), "{written}");
    let Err(EngineError::Io(told)) = apply(&engine, Vec::new()) else { panic!("it went on") };
    assert_eq!(told.kind(), io::ErrorKind::TimedOut);
    assert_eq!(contents(&engine), of_numbers(0..written, BATCH));
    // Nor does whoever closes it.
    let shared = Arc::clone(&engine.shared);
    drop(engine);
    assert_eq!(Arc::strong_count(&shared), 3);
    machine.medium.cut_off();
    // The thread ends after all. What is left besides is what was given up.
    until(|| Arc::strong_count(&shared) == 2);
    machine.medium.crash(|_| false);
    has_all(&machine.open(GENERATION), written);
}

#[test]
fn after_a_write_of_the_journal_that_failed_there_is_no_other() {
    let machine = Machine::new();
    let engine = machine.open_settled(GENERATION);
    apply(&engine, numbered(0, BATCH)).unwrap();
    let batch = vec![put("large", vec![0; GENERATION])];
    let in_the_way = machine.newest().with_file_name("0000000000000002.journal");
    fs::create_dir(&in_the_way).unwrap();
    apply(&engine, batch).unwrap_err();
    fs::remove_dir(in_the_way).unwrap();
    apply(&engine, numbered(1, BATCH)).unwrap_err();
    flush(&engine).unwrap_err();
}
