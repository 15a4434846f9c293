//! Files of the journal that are kept after their checkpoint.

use super::{archive::ArchiveStorage, *};

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
        self.machine.archived(PACE, Some(self.archive())).unwrap()
    }

    /// An engine whose archive answers only while the gate is open, and is not waited for.
    fn open_gated(&self, gate: &ArchiveGate) -> Journaled {
        let storage = Box::new(GatedArchive { archive: self.archive(), gate: gate.clone() });
        let (wait_limit, stop_limit) = (Duration::from_millis(100), Duration::from_millis(50));
        let options = ArchiveOptions { storage, wait_limit, stop_limit };
        let parent = File::open(self.machine.directory.path()).unwrap();
        let disk = Arc::new(Directory::within(parent, JOURNAL));
        let table = Box::new(self.machine.table.clone());
        Journaled::open_on(table, disk, PACE, Some(options)).unwrap()
    }

    /// The generations that the journal has.
    fn generations(&self) -> Vec<u64> {
        let parent = File::open(self.machine.directory.path()).unwrap();
        journal::generations(&Directory::within(parent, JOURNAL)).unwrap()
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

const PACE: Pace = Pace { memtable_bytes: MEMTABLE, stall_limit: HOLD_LIMIT };

/// Whether an archive answers.
#[derive(Clone, Default)]
struct ArchiveGate(Arc<(Mutex<bool>, Condvar)>);

impl ArchiveGate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let is_closed = |is_open: &mut bool| !*is_open;
        drop(self.0.1.wait_while(self.0.0.lock().unwrap(), is_closed).unwrap());
    }
}

struct GatedArchive {
    archive: JournalArchive,
    gate: ArchiveGate,
}

impl ArchiveStorage for GatedArchive {
    fn keep(&self, store: StoreId, generation: u64, bytes: &[u8]) -> Result<(), EngineError> {
        self.gate.pass();
        self.archive.keep(store, generation, bytes)
    }

    fn location(&self) -> String {
        "behind a gate".to_owned()
    }
}

fn unarchived(engine: &Journaled) -> u64 {
    engine.core.status().unarchived_files
}

fn is_all_archived(engine: &Journaled) -> bool {
    engine.core.archive_all().unwrap().is_archived
}

fn beginning(engine: &Journaled) -> JournalPosition {
    JournalPosition::after_generation(engine.core.store, 0)
}

/// Commits batches of these numbers, and waits until all of them are in the table, and in the
/// archive if it works.
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
    assert_eq!(unarchived(&engine), 0);
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
        assert!(!is_all_archived(&engine));
    }
    let waiting = unarchived(&engine);
    assert!(3 <= waiting, "{waiting}");
    machine.machine.crash(engine);
    let engine = machine.open();
    assert!(!is_all_archived(&engine));
    assert!(waiting <= unarchived(&engine));
    fs::remove_file(machine.directory()).unwrap();
    store(&engine, 120..130);
    assert_eq!(unarchived(&engine), 0);
    let archived = machine.replayed(beginning(&engine)).unwrap();
    assert_eq!(archived, numbered_contents(0..130, BATCH));
    assert_eq!(machine.generations().len(), 1);
}

#[test]
fn what_waits_for_the_archive_is_archived_although_no_commit_follows() {
    let machine = ArchivingMachine::new();
    fs::write(machine.directory(), "a file in the place of the directory").unwrap();
    let engine = machine.open();
    store(&engine, 0..40);
    assert!(0 < unarchived(&engine));
    fs::remove_file(machine.directory()).unwrap();
    assert!(is_all_archived(&engine));
    assert_eq!(unarchived(&engine), 0);
    assert_eq!(machine.generations().len(), 1);
    let archived = machine.replayed(beginning(&engine)).unwrap();
    assert_eq!(archived, numbered_contents(0..40, BATCH));
}

#[test]
fn an_archive_that_hangs_stops_no_commit_and_no_checkpoint_and_gets_what_waited() {
    let (machine, gate) = (ArchivingMachine::new(), ArchiveGate::default());
    let engine = machine.open_gated(&gate);
    for number in 0..200 {
        apply(&engine, numbered(number, BATCH)).unwrap();
        sync(&engine).unwrap();
    }
    assert!(!is_all_archived(&engine));
    assert_eq!(machine.machine.table.state().kept, numbered_contents(0..200, BATCH));
    let waiting = usize::try_from(unarchived(&engine)).unwrap();
    assert!(10 < waiting, "{waiting}");
    // One more receives records.
    assert_eq!(machine.generations().len(), waiting + 1);
    assert!(engine.core.is_writable());
    gate.open();
    wait_until(|| unarchived(&engine) == 0);
    assert!(is_all_archived(&engine));
    assert_eq!(machine.generations().len(), 1);
    let archived = machine.replayed(beginning(&engine)).unwrap();
    assert_eq!(archived, numbered_contents(0..200, BATCH));
}

#[test]
fn a_stop_does_not_wait_for_an_archive_that_hangs_and_what_waits_is_left_to_the_next_start() {
    let (machine, gate) = (ArchivingMachine::new(), ArchiveGate::default());
    let engine = machine.open_gated(&gate);
    (0..50).for_each(|number| apply(&engine, numbered(number, BATCH)).unwrap());
    checkpointed(&engine);
    let hanging = Arc::downgrade(engine.core.archiver.as_ref().unwrap());
    let core = Arc::downgrade(&engine.core);
    engine.close().unwrap();
    drop(engine);
    // Nothing keeps the table open, although the thread hangs.
    assert_eq!((core.strong_count(), hanging.strong_count()), (0, 1));
    let later = machine.open_gated(&ArchiveGate::default());
    let there = machine.generations();
    assert!(3 < there.len());
    // The first thread gets its answer, and leaves the journal to the engine that has it now.
    gate.open();
    wait_until(|| hanging.strong_count() == 0);
    assert_eq!(machine.generations(), there);
    drop(later);
    let engine = machine.open();
    store(&engine, 50..60);
    assert_eq!(unarchived(&engine), 0);
    let archived = machine.replayed(beginning(&engine)).unwrap();
    assert_eq!(archived, numbered_contents(0..60, BATCH));
}

#[test]
fn a_file_that_was_archived_just_before_the_process_ended_is_not_needed_again() {
    let (machine, gate) = (ArchivingMachine::new(), ArchiveGate::default());
    let engine = machine.open_gated(&gate);
    (0..50).for_each(|number| apply(&engine, numbered(number, BATCH)).unwrap());
    checkpointed(&engine);
    let files = machine.machine.directory.path().join(JOURNAL);
    let name = "0000000000000001.journal";
    let waiting = fs::read(files.join(name)).unwrap();
    gate.open();
    wait_until(|| machine.generations()[0] != 1);
    drop(engine);
    fs::write(files.join(name), waiting).unwrap();
    let engine = machine.open();
    assert!(is_all_archived(&engine));
    assert!(!files.join(name).exists());
    let archived = machine.replayed(beginning(&engine)).unwrap();
    assert_eq!(archived, numbered_contents(0..50, BATCH));
}

#[test]
fn an_older_copy_of_the_data_does_not_pass_for_the_store_that_was_archived() {
    let machine = ArchivingMachine::new();
    let engine = machine.open();
    store(&engine, 0..50);
    engine.close().unwrap();
    drop(engine);
    let older = Machine::new();
    fs::create_dir(older.directory.path().join(JOURNAL)).unwrap();
    for file in fs::read_dir(machine.machine.directory.path().join(JOURNAL)).unwrap() {
        let file = file.unwrap();
        let to = older.directory.path().join(JOURNAL).join(file.file_name());
        assert!(0 < fs::copy(file.path(), to).unwrap());
    }
    let older = Machine { table: machine.machine.table.crashed(), ..older };
    let engine = machine.open();
    store(&engine, 50..100);
    let (files, from) = (machine.files(&engine), beginning(&engine));
    let kept: Vec<_> = files.iter().map(|path| fs::read(path).unwrap()).collect();
    drop(engine);

    let older = ArchivingMachine { machine: older, archive: machine.archive };
    let engine = older.open();
    store(&engine, 200..250);
    assert!(!is_all_archived(&engine));
    assert!(0 < unarchived(&engine));
    assert!(files.iter().map(|path| fs::read(path).unwrap()).eq(kept));
    assert_eq!(older.replayed(from).unwrap(), numbered_contents(0..100, BATCH));
    // An archive of its own takes what waits.
    let directory = older.directory().join(engine.core.store.to_string());
    fs::rename(&directory, directory.with_extension("before")).unwrap();
    assert!(is_all_archived(&engine));
    assert_eq!(unarchived(&engine), 0);
}

#[test]
fn an_archive_without_the_store_or_that_ends_before_a_position_does_not_reach_it() {
    let machine = ArchivingMachine::new();
    let engine = machine.open();
    let from = beginning(&engine);
    let refused = || machine.archive().require_reaches(from).unwrap_err().to_string();
    assert!(refused().contains("has no file of the store"), "{}", refused());
    store(&engine, 0..60);
    machine.archive().require_reaches(from).unwrap();
    let end = engine.core.archive_all().unwrap().position;
    machine.archive().require_reaches(end).unwrap();
    machine.archive().require_files(from, end).unwrap();
    let files = machine.files(&engine);
    fs::remove_file(&files[1]).unwrap();
    let gap = machine.archive().require_files(from, end).unwrap_err().to_string();
    let name = files[1].file_name().unwrap().to_str().unwrap();
    assert!(gap.contains(&format!("{name} is missing in ")), "{gap}");
    fs::remove_file(files.last().unwrap()).unwrap();
    let early = machine.archive().require_reaches(end).unwrap_err().to_string();
    assert!(early.contains("before the backup"), "{early}");
}

#[test]
fn archives_of_several_stores_lie_side_by_side() {
    let first = ArchivingMachine::new();
    let second = ArchivingMachine { machine: Machine::new(), archive: first.archive };
    let other = Machine::new();
    let others = other.archived(PACE, Some(second.archive())).unwrap();
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
