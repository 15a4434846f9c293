//! Commits that share a sync of the journal, and syncs that fail.

use super::*;
use crate::journaled::simulated_disk::SimulatedDisk;

/// A table, and the disk of its journal.
struct Setup {
    disk: SimulatedDisk,
    table: SimulatedTable,
}

impl Setup {
    fn new() -> Setup {
        listen();
        Setup { disk: SimulatedDisk::new(), table: SimulatedTable::default() }
    }

    /// An engine that has checkpointed what it recovered.
    fn open(&self, memtable_bytes: usize) -> Arc<Journaled> {
        let pace = Pace { memtable_bytes, stall_limit: HOLD_LIMIT };
        let (table, disk) = (Box::new(self.table.clone()), Arc::new(self.disk.clone()));
        let engine = Journaled::open_on(table, disk, pace, None).unwrap();
        checkpointed(&engine);
        Arc::new(engine)
    }

    /// The contents after a loss of power.
    fn survivors(&self) -> Contents {
        let crashed = Setup { disk: self.disk.crashed(), table: self.table.crashed() };
        contents(&crashed.open(MEMTABLE))
    }
}

fn commit(engine: &Journaled, number: usize) -> Result<(), EngineError> {
    engine.core.commit(numbered(number, BATCH), Durability::Flushed)
}

type Committing = JoinHandle<Result<(), EngineError>>;

/// Commits a batch on a thread of its own.
fn start_commit(engine: &Arc<Journaled>, number: usize) -> Committing {
    let engine = Arc::clone(engine);
    thread::spawn(move || commit(&engine, number))
}

/// Begins a commit whose sync does not end, and several others that wait for it.
fn start_commits_during_a_sync(
    engine: &Arc<Journaled>,
    disk: &SimulatedDisk,
    others: usize,
) -> Vec<Committing> {
    disk.hold_syncs();
    let begun = disk.state().begun;
    let appended = engine.core.journal().position();
    let first = start_commit(engine, 0);
    wait_until(|| disk.state().begun == begun + 1);
    let others = (1..=others).map(|number| start_commit(engine, number));
    let commits: Vec<Committing> = [first].into_iter().chain(others).collect();
    wait_until(|| engine.core.journal().position() == appended + commits.len() as u64);
    commits
}

fn results(commits: Vec<Committing>) -> Vec<Result<(), EngineError>> {
    commits.into_iter().map(|commit| commit.join().unwrap()).collect()
}

#[test]
fn commits_that_arrive_during_a_sync_share_the_next_one() {
    let setup = Setup::new();
    let (disk, engine) = (&setup.disk, setup.open(1_000_000));
    let commits = start_commits_during_a_sync(&engine, disk, 9);
    // No commit returns before it is on disk.
    thread::sleep(Duration::from_millis(20));
    assert!(commits.iter().all(|commit| !commit.is_finished()));
    disk.release_syncs();
    assert!(results(commits).iter().all(Result::is_ok));
    assert_eq!(disk.state().ended, 2);
    assert_eq!(disk.state().most_at_once, 1);
    assert_eq!(setup.survivors(), numbered_contents(0..10, BATCH));
}

#[test]
fn a_commit_that_no_other_accompanies_syncs_once() {
    let setup = Setup::new();
    let (disk, engine) = (&setup.disk, setup.open(1_000_000));
    (0..5).for_each(|number| commit(&engine, number).unwrap());
    assert_eq!(disk.state().ended, 5);
    engine.core.sync().unwrap();
    assert_eq!(disk.state().ended, 5);
}

#[test]
fn a_failed_sync_fails_every_waiting_commit_and_poisons_the_engine() {
    let setup = Setup::new();
    let (disk, engine) = (&setup.disk, setup.open(1_000_000));
    apply(&engine, vec![put("earlier", "value")]).unwrap();
    engine.core.sync().unwrap();
    disk.fail_sync_after(0);
    let commits = start_commits_during_a_sync(&engine, disk, 9);
    disk.release_syncs();
    assert!(results(commits).iter().all(Result::is_err));
    assert!(!engine.core.is_writable());
    assert!(matches!(commit(&engine, 10), Err(EngineError::Poisoned)));
    assert!(matches!(apply(&engine, Vec::new()), Err(EngineError::Poisoned)));
    assert!(matches!(engine.core.sync(), Err(EngineError::Poisoned)));
    // No other sync follows the one that failed.
    assert_eq!(disk.state().begun, 2);
    assert_eq!(read(&engine, b"earlier"), Some(b"value".to_vec()));
}

#[test]
fn a_failed_append_fails_its_commit_and_poisons_the_engine() {
    let setup = Setup::new();
    let (disk, engine) = (&setup.disk, setup.open(1_000_000));
    commit(&engine, 0).unwrap();
    disk.fail_write_after(0);
    assert!(matches!(commit(&engine, 1), Err(EngineError::Io(_))));
    assert!(matches!(commit(&engine, 2), Err(EngineError::Poisoned)));
    assert_eq!(contents(&engine), numbered_contents(0..1, BATCH));
    assert_eq!(setup.survivors(), numbered_contents(0..1, BATCH));
}

#[test]
fn a_relaxed_commit_is_durable_after_the_next_sync() {
    let setup = Setup::new();
    let (disk, engine) = (&setup.disk, setup.open(1_000_000));
    (0..3).for_each(|number| apply(&engine, numbered(number, BATCH)).unwrap());
    assert_eq!(disk.state().begun, 0);
    assert_eq!(contents(&engine), numbered_contents(0..3, BATCH));
    assert_eq!(setup.survivors(), Contents::new());
    engine.core.sync().unwrap();
    assert_eq!(disk.state().begun, 1);
    assert_eq!(setup.survivors(), numbered_contents(0..3, BATCH));
}

#[test]
fn a_flushed_commit_makes_earlier_relaxed_ones_durable() {
    let setup = Setup::new();
    let engine = setup.open(1_000_000);
    apply(&engine, numbered(0, BATCH)).unwrap();
    commit(&engine, 1).unwrap();
    assert_eq!(setup.survivors(), numbered_contents(0..2, BATCH));
}

/// For each record of a generation, how many it says were on disk when it was written.
fn synced_counts(disk: &SimulatedDisk, generation: u64) -> Vec<u32> {
    let bytes = disk.read(&format!("{generation:016}.journal")).unwrap();
    let (mut rest, mut counts) = (&bytes[journal::PAGE..], Vec::new());
    while rest.starts_with(b"\xffPJ1") {
        let number = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().unwrap());
        counts.push(number(20));
        rest = &rest[32 + usize::try_from(number(24)).unwrap()..];
    }
    counts
}

#[test]
fn a_record_counts_those_that_were_on_disk_when_it_was_written() {
    let setup = Setup::new();
    let (disk, engine) = (&setup.disk, setup.open(1_000_000));
    commit(&engine, 0).unwrap();
    let relaxed = |number| apply(&engine, numbered(number, BATCH)).unwrap();
    relaxed(1);
    relaxed(2);
    // While a sync of four records runs, only the first is known to be on disk.
    let commits = start_commits_during_a_sync(&engine, disk, 2);
    relaxed(3);
    disk.release_syncs();
    assert!(results(commits).iter().all(Result::is_ok));
    relaxed(4);
    let expected = [0, 1, 1, 1, 1, 1, 1, 7];
    assert_eq!(synced_counts(disk, 1), expected);
}

#[test]
fn a_record_that_is_written_during_a_sync_is_not_covered_by_it() {
    let setup = Setup::new();
    let (disk, engine) = (&setup.disk, setup.open(1_000_000));
    let mut commits = start_commits_during_a_sync(&engine, disk, 0);
    apply(&engine, numbered(1, BATCH)).unwrap();
    disk.release_syncs();
    commits.pop().unwrap().join().unwrap().unwrap();
    apply(&engine, numbered(2, BATCH)).unwrap();
    assert_eq!(synced_counts(disk, 1), [0, 0, 1]);
}

#[test]
fn a_generation_ends_after_the_sync_that_runs() {
    let setup = Setup::new();
    let (disk, engine) = (&setup.disk, setup.open(3 * BATCH));
    let commits = start_commits_during_a_sync(&engine, disk, 1);
    // This one fills the memtable.
    let last = start_commit(&engine, 2);
    wait_until(|| read(&engine, &key(2)).is_some());
    thread::sleep(Duration::from_millis(20));
    assert_eq!(disk.state().begun, 1);
    assert_eq!(disk.names().unwrap(), [journal_file(1)]);
    disk.release_syncs();
    assert!(results(commits).iter().all(Result::is_ok));
    last.join().unwrap().unwrap();
    assert_eq!(disk.state().ended, 2);
    assert_eq!(disk.state().most_at_once, 1);
    checkpointed(&engine);
    commit(&engine, 3).unwrap();
    commit(&engine, 4).unwrap();
    assert_eq!(synced_counts(disk, 2), [0, 1]);
    assert_eq!(disk.state().ended, 4);
}

#[test]
fn a_generation_does_not_end_if_the_sync_that_runs_fails() {
    let setup = Setup::new();
    let (disk, engine) = (&setup.disk, setup.open(3 * BATCH));
    disk.fail_sync_after(0);
    let commits = start_commits_during_a_sync(&engine, disk, 1);
    let last = start_commit(&engine, 2);
    wait_until(|| read(&engine, &key(2)).is_some());
    disk.release_syncs();
    assert!(results(commits).iter().all(Result::is_err));
    last.join().unwrap().unwrap_err();
    assert_eq!(disk.state().begun, 1);
    assert_eq!(disk.names().unwrap(), [journal_file(1)]);
    assert_eq!(setup.table.state().puts, Vec::<Key>::new());
    assert_eq!(contents(&engine), numbered_contents(0..3, BATCH));
}

fn journal_file(generation: u64) -> String {
    format!("{generation:016}.journal")
}

#[test]
fn the_first_failure_is_logged_once_with_its_cause() {
    let setup = Setup::new();
    let (disk, engine) = (&setup.disk, setup.open(1_000_000));
    disk.fail_sync_after(0);
    let log = logged(|| {
        (0..3).for_each(|number| commit(&engine, number).unwrap_err().to_string().clear());
    });
    assert_eq!(log.lines().count(), 1, "{log}");
    for part in ["ERROR", "sync the journal", "the simulated sync failed"] {
        assert!(log.contains(part), "{log}");
    }
}
