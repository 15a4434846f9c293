//! What processes leave that end before they settled all.

use super::*;

/// Batches that each of several processes adds before it ends, having settled nothing.
const EACH: usize = 3;

/// A machine on which so many processes ended before they settled anything.
fn ended_before_settling(processes: usize) -> Machine {
    let machine = Machine::new();
    for process in 0..processes {
        machine.medium.hold_after(0);
        let engine = machine.open(GENERATION);
        let numbers = EACH * process..EACH * (process + 1);
        numbers.for_each(|number| apply(&engine, numbered(number, BATCH)).unwrap());
        assert_eq!(machine.medium.state().puts, Vec::<Key>::new());
        machine.crash(engine);
    }
    machine
}

#[test]
fn what_several_processes_left_is_settled_before_anything_else_if_it_is_much() {
    let processes = (2 * GENERATION).div_ceil(EACH * BATCH);
    let machine = ended_before_settling(processes);
    let engine = machine.open(GENERATION);
    let all = of_numbers(0..EACH * processes, BATCH);
    assert_eq!(machine.medium.state().kept, all);
    assert!(is_settled(&engine.shared));
    assert_eq!(contents(&engine), all);
}

#[test]
fn nobody_waits_for_the_little_that_several_processes_left() {
    let processes = 2 * GENERATION / (EACH * BATCH);
    let machine = ended_before_settling(processes);
    machine.medium.hold_after(0);
    let engine = machine.open(GENERATION);
    assert_eq!(contents(&engine), of_numbers(0..EACH * processes, BATCH));
    machine.medium.release();
    settled(&engine);
    assert_eq!(machine.medium.state().kept, of_numbers(0..EACH * processes, BATCH));
}

#[test]
fn a_table_that_fails_while_much_is_settled_is_not_opened() {
    let processes = (2 * GENERATION).div_ceil(EACH * BATCH);
    let all = of_numbers(0..EACH * processes, BATCH);
    for (after, done) in [(0, true), (1, false), (10, true), (all.len(), false), (all.len(), true)]
    {
        let machine = ended_before_settling(processes);
        machine.medium.fail(Fault { after, how: How::Once, done });
        assert!(machine.try_open(GENERATION).is_err());
        machine.medium.crash(|number| number % 2 == 0);
        assert_eq!(contents(&machine.open(GENERATION)), all);
    }
}

#[test]
fn a_dropped_engine_leaves_much_to_settle_and_nothing_running() {
    let machine = Machine::new();
    let engine = machine.open_settled(1_024 * 1_024);
    machine.medium.hold_after(3);
    (0..256).for_each(|number| apply(&engine, numbered(number, 4_096)).unwrap());
    until(|| machine.medium.state().puts.len() == 3);
    let shared = Arc::clone(&engine.shared);
    let dropping = thread::spawn(move || drop(engine));
    until(|| shared.settling.next().is_none());
    machine.medium.release();
    until(|| dropping.is_finished());
    dropping.join().unwrap();
    assert_eq!(Arc::strong_count(&shared), 1);
    drop(shared);
    assert_eq!(Arc::strong_count(&machine.medium.0), 1);
    assert_eq!(machine.medium.state().puts.len(), limits::SETTLED_BYTES / 4_096);
    let engine = machine.open(1_024 * 1_024);
    assert_eq!(contents(&engine), of_numbers(0..256, 4_096));
    settled(&engine);
    assert_eq!(machine.medium.state().kept, of_numbers(0..256, 4_096));
}

#[test]
fn a_journal_that_is_damaged_is_not_opened() {
    let machine = Machine::new();
    let engine = machine.open_settled(GENERATION);
    for number in 0..3 {
        apply(&engine, numbered(number, BATCH)).unwrap();
        flush(&engine).unwrap();
    }
    machine.crash(engine);
    let newest = machine.newest();
    let mut bytes = fs::read(&newest).unwrap();
    bytes[40] ^= 1;
    fs::write(newest, bytes).unwrap();
    assert!(matches!(machine.try_open(GENERATION), Err(EngineError::Damaged(_))));
    assert!(matches!(machine.try_open(GENERATION), Err(EngineError::Damaged(_))));
}
