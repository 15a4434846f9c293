//! Backups: whole, growing, and only of one store.

use std::{path::Path, sync::Arc};

use profile_store::{
    BackupSource, BackupTarget, CopyError, Engine, GrowingBackup, audit, backup_position,
    batch_time, delete_company,
    engine::{
        EmbeddedEngine, EmbeddedOptions, JournalArchive, JournalPosition, Key, MemoryEngine, Value,
        Write,
    },
};
use profile_store_suite::{
    engines::open_embedded,
    faulty_engine::{EngineFault, FaultyEngine, commit_to_memory},
    harness::{StoreHarness, contents, wait},
    simulated_ids::SimulatedIds,
};
use tempfile::TempDir;

/// The key of the position, which only a backup has.
const POSITION: &[u8] = b"\0backup";

/// A store in a directory, with an archive of its journal.
struct ArchivedSource {
    directory: TempDir,
    engine: Arc<EmbeddedEngine>,
    harness: StoreHarness,
}

impl ArchivedSource {
    fn new() -> ArchivedSource {
        let directory = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions { memtable_bytes: 8 * 1_024, ..EmbeddedOptions::default() };
        let archive = Some(archive(directory.path()));
        let data = directory.path().join("data");
        let engine = Arc::new(EmbeddedEngine::open_archived(&data, options, archive).unwrap());
        let shared: Arc<dyn Engine> = Arc::<EmbeddedEngine>::clone(&engine);
        ArchivedSource { directory, engine, harness: StoreHarness::over(shared) }
    }

    fn archive(&self) -> JournalArchive {
        archive(self.directory.path())
    }

    /// Requests of every kind: they create, change, merge, undo, delete, and change large profiles.
    fn send_some(&mut self, round: usize) {
        let filler = "f".repeat(3_000);
        let created = self.harness.created.len();
        for words in [
            &format!("e:ann{round} a:tab{round} filler={filler}"),
            &format!("x:{round} p:5{round:03}"),
            &format!("e:ann{round} plan=gold"),
            &format!("e:bob{round} city=Bonn"),
            &format!("e:ann{round} plan=silver"),
        ] {
            self.harness.send(words);
        }
        self.harness.merge(created, created + 1).unwrap();
        self.harness.send(&format!("e:ann{round} plan=tin"));
        self.harness.undo(created + 1).unwrap();
        self.harness.delete(&format!("e:bob{round}"));
    }

    /// Writes a whole backup of what is stored now into `to`.
    fn back_up(&self, to: &dyn Engine) -> JournalPosition {
        let snapshot = wait(self.engine.snapshot()).unwrap().unwrap();
        wait(write(&snapshot.engine, snapshot.position, to)).unwrap();
        snapshot.position
    }

    /// Returns once everything that is stored is in the archive.
    fn archive_all(&self) {
        wait(self.engine.archive_all()).unwrap();
    }
}

fn archive(directory: &Path) -> JournalArchive {
    JournalArchive::new(directory.join("archive"))
}

async fn write(
    from: &dyn Engine,
    position: JournalPosition,
    to: &dyn Engine,
) -> Result<(), CopyError> {
    let (mut source, mut target) = (BackupSource::new(from).await?, BackupTarget::begin(to).await?);
    while let Some(entries) = source.next_entries().await? {
        target.write(entries).await?;
    }
    target.finish(source.layout().to_vec(), position).await.map(drop)
}

/// Adds what is archived, at most so many batches. Returns how many there were.
fn grow(source: &ArchivedSource, backup: &dyn Engine, most: usize) -> usize {
    let mut growing = wait(GrowingBackup::open(backup)).unwrap().expect("a backup");
    let batches = source.archive().batches_after(growing.position());
    let mut added = 0;
    for batch in batches.take(most) {
        let (position, batch) = batch.unwrap();
        wait(growing.add(position, batch)).unwrap();
        added += 1;
    }
    wait(growing.sync()).unwrap();
    added
}

/// What a backup has besides its position.
fn stored(backup: &dyn Engine) -> Vec<(Key, Value)> {
    contents(backup).into_iter().filter(|(key, _)| key != POSITION).collect()
}

#[test]
fn a_backup_has_what_was_stored_when_it_began_and_opens_as_a_store() {
    let mut source = ArchivedSource::new();
    (0..3).for_each(|round| source.send_some(round));
    let before = contents(source.engine.as_ref());
    let directory = tempfile::tempdir().unwrap();
    let backup: Arc<dyn Engine> = Arc::new(open_embedded(directory.path()));
    source.back_up(backup.as_ref());
    source.send_some(3);
    assert_eq!(stored(backup.as_ref()), before);
    let opened = StoreHarness::resumed(Arc::clone(&backup), SimulatedIds::after(1_000));
    let mut opened = StoreHarness { created: source.harness.created.clone(), ..opened };
    opened.assert_sound();
    assert_eq!(opened.send("e:ann0 plan=tin"), "unchanged 0: matched");
}

#[test]
fn a_backup_grows_from_any_batch_to_what_is_stored() {
    let mut source = ArchivedSource::new();
    (0..2).for_each(|round| source.send_some(round));
    let backup = MemoryEngine::new();
    source.back_up(&backup);
    assert_eq!(grow(&source, &backup, usize::MAX), 0);
    (2..6).for_each(|round| source.send_some(round));
    source.archive_all();
    let mut steps = 0;
    while 0 < grow(&source, &backup, 1 + steps % 5) {
        steps += 1;
    }
    assert!(5 < steps, "{steps}");
    assert_eq!(stored(&backup), contents(source.engine.as_ref()));
    let opened = StoreHarness::resumed(Arc::new(backup), SimulatedIds::after(1_000));
    opened.assert_sound();
}

#[test]
fn a_backup_that_is_cut_off_while_it_grows_has_all_batches_up_to_one_of_them() {
    const LARGE: usize = 1024 * 1024;
    let mut source = ArchivedSource::new();
    let backup = MemoryEngine::new();
    source.back_up(&backup);
    (0..4).for_each(|round| source.send_some(round));
    source.archive_all();
    let mut growing = wait(GrowingBackup::open(&backup)).unwrap().expect("a backup");
    let mut positions = vec![growing.position()];
    for batch in source.archive().batches_after(growing.position()) {
        let (position, mut batch) = batch.unwrap();
        let key = format!("large {}", positions.len()).into_bytes();
        batch.push(Write { key, value: Some(vec![0; LARGE]) });
        wait(growing.add(position, batch)).unwrap();
        positions.push(position);
    }
    drop(growing);
    let reached = wait(backup_position(&backup)).unwrap().expect("a backup");
    let added = positions.iter().position(|position| *position == reached).unwrap();
    let found = contents(&backup).iter().filter(|(_, value)| value.len() == LARGE).count();
    assert_eq!(found, added, "of {}", positions.len());
    assert!(0 < added, "nothing was written before the end");
}

#[test]
fn batches_up_to_a_time_have_every_outcome_until_then_and_none_after() {
    let mut source = ArchivedSource::new();
    let beginning = MemoryEngine::new();
    source.back_up(&beginning);
    let position = wait(backup_position(&beginning)).unwrap().unwrap();
    let put = |(key, value)| Write { key, value: Some(value) };
    let empty: Vec<Write> = contents(&beginning).into_iter().map(put).collect();
    (0..4).for_each(|round| source.send_some(round));
    source.archive_all();
    let outcomes = source.harness.outcomes();
    for until in outcomes.iter().step_by(7).map(|outcome| outcome.at) {
        let restored = MemoryEngine::new();
        commit_to_memory(&restored, empty.clone());
        let batches = source.archive().batches_after(position).map(|batch| batch.unwrap().1);
        let is_until = |batch: &Vec<Write>| batch_time(batch).is_none_or(|at| at <= until);
        batches.take_while(is_until).for_each(|batch| commit_to_memory(&restored, batch));
        let restored = StoreHarness::resumed(Arc::new(restored), SimulatedIds::after(1_000));
        restored.assert_sound();
        let expected: Vec<_> = outcomes.iter().filter(|outcome| outcome.at <= until).collect();
        assert_eq!(restored.outcomes().iter().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_backup_that_was_served_does_not_grow() {
    let mut source = ArchivedSource::new();
    source.send_some(0);
    let backup: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
    let position = source.back_up(backup.as_ref());
    assert_eq!(wait(backup_position(backup.as_ref())).unwrap(), Some(position));
    drop(StoreHarness::resumed(Arc::clone(&backup), SimulatedIds::after(1_000)));
    assert_eq!(wait(backup_position(backup.as_ref())).unwrap(), None);
    assert!(wait(GrowingBackup::open(backup.as_ref())).unwrap().is_none());
    assert_eq!(stored(backup.as_ref()), contents(backup.as_ref()));
}

#[test]
fn a_backup_from_which_a_company_was_deleted_does_not_grow() {
    let mut source = ArchivedSource::new();
    source.send_some(0);
    let backup = MemoryEngine::new();
    source.back_up(&backup);
    let delete = |company: &str| {
        wait(delete_company(&backup, &company.parse().unwrap(), &SimulatedIds::new())).unwrap()
    };
    assert_eq!(delete("NONE00"), None);
    assert!(wait(GrowingBackup::open(&backup)).unwrap().is_some(), "nothing was deleted");
    assert!(delete(source.harness.company.as_str()).is_some());
    assert!(wait(GrowingBackup::open(&backup)).unwrap().is_none());
    assert_eq!(wait(audit(&backup)).unwrap().profiles, 0);
}

#[test]
fn a_backup_that_was_cut_off_is_not_taken_for_a_store() {
    let mut source = ArchivedSource::new();
    source.send_some(0);
    let snapshot = wait(source.engine.snapshot()).unwrap().unwrap();
    let fault = EngineFault { for_good: true, ..EngineFault::default() };
    for fails_at in 0.. {
        let to = FaultyEngine::over(Arc::new(MemoryEngine::new()), fails_at, fault);
        if wait(write(&snapshot.engine, snapshot.position, &to)).is_ok() {
            assert!(2 < fails_at, "the store is not as large as it was");
            break;
        }
        for left in [0, 1, 2, usize::MAX].map(|surviving| to.after_crash(surviving)) {
            let has_format = contents(left.as_ref()).iter().any(|(key, _)| key == b"\0format");
            let has_position = wait(backup_position(left.as_ref())).unwrap().is_some();
            assert!(
                !has_format && !has_position
                    || stored(left.as_ref()) == contents(source.engine.as_ref())
            );
        }
    }
}
