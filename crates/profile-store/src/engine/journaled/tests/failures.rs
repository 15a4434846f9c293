//! What becomes of a table, or a journal, that fails.

use super::*;

#[track_caller]
fn refuses(engine: &Journaled, told: &str) {
    for _ in 0..3 {
        for result in [apply(engine, numbered(0, BATCH)), apply(engine, Vec::new()), flush(engine)]
        {
            let Err(EngineError::Io(error)) = result else { panic!("{result:?}") };
            assert_eq!(error.to_string(), told);
        }
    }
}

fn faults(hows: &[How]) -> impl Iterator<Item = Fault> {
    let faults = hows.iter().flat_map(|how| {
        let done = [false, true].into_iter();
        done.flat_map(move |done| (0..26).map(move |after| Fault { after, how: *how, done }))
    });
    faults.collect::<Vec<_>>().into_iter()
}

#[test]
fn after_a_failure_of_the_table_writers_are_refused_and_readers_are_not() {
    for fault in faults(&[How::Once, How::ForGood]) {
        let machine = Machine::new();
        machine.medium.fail(fault);
        let engine = machine.open(GENERATION);
        let written = write_until_refused(&engine);
        refuses(&engine, "the medium failed");
        has_all(&engine, written);
        machine.crash(engine);
        has_all(&machine.open(GENERATION), written);
    }
}

#[test]
fn a_table_that_panics_is_one_that_failed() {
    for after in [0, 1, 5, 11, 12, 20] {
        let machine = Machine::new();
        machine.medium.fail(Fault { after, how: How::Panics, done: false });
        let engine = machine.open(GENERATION);
        let written = write_until_refused(&engine);
        refuses(&engine, "the thread that settles the journal has ended");
        has_all(&engine, written);
        machine.crash(engine);
        has_all(&machine.open(GENERATION), written);
    }
}

#[test]
fn whoever_waits_for_the_table_is_told_that_it_failed() {
    for how in [How::Once, How::ForGood, How::Panics] {
        let machine = Machine::new();
        let engine = machine.open_settled(GENERATION);
        machine.medium.hold_after(0);
        let writing = Writing::of(engine, 10_000, BATCH);
        writing.stops_at(10 + 2 + 1);
        machine.medium.fail(Fault { after: 0, how, done: false });
        machine.medium.release();
        let (engine, written) = writing.ended();
        assert_eq!(written, 10 + 2 + 1);
        has_all(&engine, written);
    }
}

#[test]
fn a_table_that_fails_at_once_is_noticed_though_nothing_is_written() {
    let machine = Machine::new();
    machine.medium.fail(Fault { after: 0, how: How::Once, done: false });
    let engine = machine.open(GENERATION);
    until(|| flush(&engine).is_err());
    refuses(&engine, "the medium failed");
}

#[test]
fn a_generation_that_cannot_begin_is_told_and_takes_nothing_with_it() {
    let machine = Machine::new();
    let engine = machine.open_settled(GENERATION);
    let in_the_way = machine.newest().with_file_name("0000000000000002.journal");
    fs::create_dir(&in_the_way).unwrap();
    let written = write_until_refused(&engine);
    assert_eq!(written, GENERATION / BATCH - 1);
    has_all(&engine, written);
    // Nothing is settled of what may not be on the medium. Whoever did would have begun.
    thread::sleep(Duration::from_millis(20));
    assert_eq!(machine.medium.state().puts, Vec::<Key>::new());
    fs::remove_dir(in_the_way).unwrap();
    machine.crash(engine);
    has_all(&machine.open(GENERATION), written);
}

#[test]
fn a_failure_is_told_as_it_was_however_often() {
    let errors = [
        (EngineError::InUse, "another process is using this data directory", None),
        (EngineError::Damaged("page".into()), "the data is damaged: page", None),
        (
            EngineError::Io(io::Error::from_raw_os_error(28)),
            "the data could not be read or written",
            Some(28),
        ),
        (EngineError::Io(io::Error::other("text")), "the data could not be read or written", None),
    ];
    for (error, text, number) in errors {
        let failure = failure::Failure::of(&error);
        for told in [failure.error(), failure.error()] {
            assert_eq!(told.to_string(), text);
            let EngineError::Io(told) = told else { continue };
            assert_eq!(told.raw_os_error(), number);
            assert_eq!(EngineError::Io(told).to_string(), error.to_string());
        }
    }
}
