//! Files of the journal that are kept after their checkpoint.

use super::*;

/// A machine whose engines archive their journal.
struct ArchivingMachine {
    machine: Machine,
    archive: TempDir,
}

impl ArchivingMachine {
    fn new() -> ArchivingMachine {
        ArchivingMachine { machine: Machine::new(), archive: tempfile::tempdir().unwrap() }
    }

    fn directory(&self) -> PathBuf {
        self.archive.path().join("archive")
    }

    fn archive(&self) -> JournalArchive {
        JournalArchive::new(self.directory())
    }

    fn open(&self) -> Journaled {
        let pace = Pace { memtable_bytes: MEMTABLE, stall_limit: HOLD_LIMIT };
        self.machine.archived(pace, Some(self.archive())).unwrap()
    }

    /// The files of the archive, oldest first.
    fn files(&self, engine: &Journaled) -> Vec<PathBuf> {
        let directory = self.directory().join(engine.core.store.to_string());
        let entries = fs::read_dir(directory).into_iter().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }

    fn replay(&self, from: JournalPosition, contents: &mut Contents) -> Result<(), EngineError> {
        for batch in self.archive().batches_after(from) {
            for Write { key, value } in batch?.1 {
                apply_change(contents, key, value);
            }
        }
        Ok(())
    }

    fn replayed(&self, from: JournalPosition) -> Result<Contents, EngineError> {
        let mut contents = Contents::new();
        self.replay(from, &mut contents).map(|()| contents)
    }
}

fn beginning(engine: &Journaled) -> JournalPosition {
    JournalPosition::after_generation(engine.core.store, 0)
}

/// Commits batches of these numbers, and waits until all of them are in the table.
fn store(engine: &Journaled, numbers: std::ops::Range<usize>) {
    numbers.for_each(|number| apply(engine, numbered(number, BATCH)).unwrap());
    engine.core.archive_all().unwrap();
}

#[test]
fn an_archive_has_every_batch_once_it_is_in_the_table() {
    let machine = ArchivingMachine::new();
    let engine = machine.open();
    store(&engine, 0..200);
    let archived = machine.replayed(beginning(&engine)).unwrap();
    assert_eq!(archived, numbered_contents(0..200, BATCH));
    assert_eq!(engine.core.status().unarchived_files, 0);
}

#[test]
fn a_snapshot_and_the_archive_after_it_have_what_the_engine_has() {
    let machine = ArchivingMachine::new();
    let engine = machine.open();
    store(&engine, 0..50);
    let snapshot = engine.core.snapshot().unwrap().unwrap();
    (0..20).for_each(|number| apply(&engine, vec![remove(key(number))]).unwrap());
    store(&engine, 50..150);
    let all = all(Order::Ascending);
    let mut restored: Contents = snapshot.engine.view.scan(&all).unwrap().into_iter().collect();
    machine.replay(snapshot.position, &mut restored).unwrap();
    assert_eq!(restored, numbered_contents(20..150, BATCH));
}

#[test]
fn reading_goes_on_after_any_batch_that_was_read_before() {
    let machine = ArchivingMachine::new();
    let engine = machine.open();
    store(&engine, 0..60);
    let all: Vec<_> =
        machine.archive().batches_after(beginning(&engine)).map(Result::unwrap).collect();
    assert_eq!(all.len(), 60);
    for (number, (position, _)) in all.iter().enumerate() {
        let rest = machine.archive().batches_after(*position).map(Result::unwrap);
        assert!(rest.eq(all[number + 1..].iter().cloned()));
    }
}

#[test]
fn processes_that_end_anywhere_leave_an_archive_without_gaps() {
    let machine = ArchivingMachine::new();
    let mut written = 0;
    for process in 0..30_usize {
        let engine = machine.open();
        for _ in 0..process {
            apply(&engine, numbered(written, BATCH)).unwrap();
            written += 1;
        }
        sync(&engine).unwrap();
        machine.machine.crash(engine);
    }
    let engine = machine.open();
    store(&engine, written..written + 1);
    let archived = machine.replayed(beginning(&engine)).unwrap();
    assert_eq!(archived, numbered_contents(0..=written, BATCH));
}

#[test]
fn what_cannot_be_archived_stays_until_it_can_be_and_commits_go_on() {
    let machine = ArchivingMachine::new();
    fs::write(machine.directory(), "a file in the place of the directory").unwrap();
    let engine = machine.open();
    for round in 0..3 {
        store(&engine, 40 * round..40 * (round + 1));
    }
    let waiting = engine.core.status().unarchived_files;
    assert!(3 <= waiting, "{waiting}");
    machine.machine.crash(engine);
    let engine = machine.open();
    fs::remove_file(machine.directory()).unwrap();
    store(&engine, 120..130);
    assert_eq!(engine.core.status().unarchived_files, 0);
    let archived = machine.replayed(beginning(&engine)).unwrap();
    assert_eq!(archived, numbered_contents(0..130, BATCH));
    assert!(!machine.machine.newest().to_string_lossy().contains("0000000000000001"));
}

#[test]
fn archives_of_several_stores_lie_side_by_side() {
    let first = ArchivingMachine::new();
    let second = ArchivingMachine { machine: Machine::new(), archive: first.archive };
    let other = Machine::new();
    let pace = Pace { memtable_bytes: MEMTABLE, stall_limit: HOLD_LIMIT };
    let others = other.archived(pace, Some(second.archive())).unwrap();
    let engine = second.open();
    store(&others, 0..30);
    store(&engine, 30..60);
    assert_eq!(second.replayed(beginning(&others)).unwrap(), numbered_contents(0..30, BATCH));
    assert_eq!(second.replayed(beginning(&engine)).unwrap(), numbered_contents(30..60, BATCH));
}

#[test]
fn a_file_that_is_missing_cut_off_or_exchanged_is_named() {
    let machine = ArchivingMachine::new();
    let engine = machine.open();
    store(&engine, 0..60);
    let (files, from) = (machine.files(&engine), beginning(&engine));
    assert!(3 < files.len());
    let damage = |change: &dyn Fn(&PathBuf)| {
        let kept: Vec<_> = files.iter().map(|path| fs::read(path).unwrap()).collect();
        change(&files[1]);
        let error = machine.replayed(from).unwrap_err().to_string();
        files.iter().zip(kept).for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
        error
    };
    let name = files[1].file_name().unwrap().to_str().unwrap();
    let missing = damage(&|path| fs::remove_file(path).unwrap());
    assert!(missing.contains(&format!("{name} is missing")), "{missing}");
    let cut = damage(&|path| {
        let length = fs::metadata(path).unwrap().len();
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length - 40).unwrap();
    });
    assert!(cut.contains(&format!("{name} was cut off")), "{cut}");
    let exchanged = damage(&|path| assert!(0 < fs::copy(&files[2], path).unwrap()));
    assert!(exchanged.contains(&format!("{name} has the header of another file")), "{exchanged}");
    assert_eq!(machine.replayed(from).unwrap(), numbered_contents(0..60, BATCH));
}

#[test]
fn an_archive_that_begins_after_a_position_is_not_taken_for_one_that_goes_on_there() {
    let machine = ArchivingMachine::new();
    let engine = machine.open();
    store(&engine, 0..60);
    let from = beginning(&engine);
    fs::remove_file(&machine.files(&engine)[0]).unwrap();
    assert!(machine.replayed(from).unwrap_err().to_string().contains("is missing"));
}
