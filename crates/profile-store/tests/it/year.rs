//! A year in the life of a store: it grows, people leave and are erased, profiles are merged and
//! taken apart, the process is restarted, the layout is upgraded twice, the directory is compacted,
//! and a backup replaces it. All the while a model of identity and an audit agree with it.
//!
//! Each reading of the clock is twenty minutes later than the last. `YEAR_SEED` chooses another
//! year.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use profile_protocol::ProfileId;
use profile_store::{
    BackupSource, BackupTarget, Durability, Engine, StoreError,
    engine::{BatchId, EmbeddedEngine, MemoryEngine, Place, Write},
};
use profile_store_suite::{
    engines::open_embedded,
    expected_identities::ExpectedIdentities,
    faulty_engine::commit_to_memory,
    harness::{StoreHarness, contents, unprotected, wait},
    model::IdentityModel,
    notation::parse_request,
    random::{Choices, SeededRandom, client_request, setting},
    simulated_ids::SimulatedIds,
};
use tempfile::TempDir;

use crate::layouts::{copy, golden, opened, shown};

const MONTHS: u64 = 12;

/// The months at whose end the directory is compacted. The first is when its table, which is in
/// sled, comes into redb.
const COMPACTIONS: [u64; 2] = [3, 8];

/// The month at whose end a backup is made, and then restored, because the disk is lost.
const LOSS: u64 = 9;

/// Readings of the clock in a month, of which a store needs only some.
const READINGS: u64 = 2_160;

const STRIDE: u64 = 20 * 60 * 1_000;

/// A store, and what is known of it.
struct Year {
    home: TempDir,
    /// The number of the directory in which the store is now.
    directory: u64,
    random: SeededRandom,
    /// The company whose profiles the model has.
    modelled: YearCompany<IdentityModel>,
    /// The company whose merges are undone.
    undone: YearCompany<ExpectedIdentities>,
    deletions: u64,
    undos: u64,
    merges: u64,
}

/// A company of the store.
struct YearCompany<K> {
    id: &'static str,
    created: Vec<ProfileId>,
    known: K,
}

impl<K> YearCompany<K> {
    /// Makes the company the one of all further requests.
    fn enter(&self, harness: &mut StoreHarness) {
        harness.company = self.id.parse().unwrap();
        harness.created.clone_from(&self.created);
    }
}

impl Year {
    /// The year of a seed begins with what a release with layout 6 made of a directory of layout 5.
    fn new(seed: u64) -> Year {
        let home = tempfile::tempdir().unwrap();
        upgrade_to_layout_6(&home.path().join("0"));
        let settings = unprotected();
        Year {
            home,
            directory: 0,
            random: SeededRandom::new(seed),
            modelled: YearCompany {
                id: "YEAR01",
                created: Vec::new(),
                known: IdentityModel::new(settings),
            },
            undone: YearCompany {
                id: "UNDO01",
                created: Vec::new(),
                known: ExpectedIdentities::default(),
            },
            deletions: 0,
            undos: 0,
            merges: 0,
        }
    }

    fn path(&self) -> PathBuf {
        self.home.path().join(self.directory.to_string())
    }

    /// A new directory for the store.
    fn next_path(&mut self) -> PathBuf {
        self.directory += 1;
        self.path()
    }

    fn month(&mut self, month: u64) {
        let engine = Arc::new(open_embedded(&self.path()));
        let ids = SimulatedIds::after((month + 1) * READINGS).striding(STRIDE);
        let mut harness = StoreHarness::resumed(Arc::clone(&engine) as _, ids);
        for _ in 0..20 + 5 * month {
            self.modelled_step(&mut harness, month);
            self.undone_step(&mut harness);
        }
        // Outcomes grow old as well.
        harness.prune();
        self.compare(&mut harness);
        harness.assert_sound();
        if month == LOSS {
            self.lose(&engine, &mut harness);
        }
        // Every other month, the process ends as it pleases. What is read next is at rest.
        let is_read = COMPACTIONS.contains(&month) || month + 1 == MONTHS;
        if month.is_multiple_of(2) || is_read {
            wait(harness.store.close()).unwrap();
        }
        drop(harness);
        if COMPACTIONS.contains(&month) {
            let compacted = open_embedded(&self.next_path());
            wait(profile_store::copy(engine.as_ref(), &compacted)).unwrap();
            compacted.close().unwrap();
        }
    }

    /// A request about one of the people of this company, of whom there are more each month, or the
    /// erasure of one of them.
    fn modelled_step(&mut self, harness: &mut StoreHarness, month: u64) {
        self.modelled.enter(harness);
        let people = 6 * (month + 1);
        let person = self.random.below(people);
        if self.random.once_in(12) {
            let word = identifier(["e", "x"][self.random.index(2)], person);
            let told = harness.describe_deletion(&word);
            self.deletions += u64::from(told.starts_with("deleted"));
            assert_eq!(told, self.modelled.known.delete(&parse_request(&word)), "delete {word}");
            return;
        }
        let words = self.words(person, people);
        let request = parse_request(&words);
        let told = harness.try_send_request(&request);
        self.merges += u64::from(told.contains("absorbed"));
        assert_eq!(told, self.modelled.known.decide(&request), "{words}");
        self.modelled.created.clone_from(&harness.created);
    }

    /// Two identifiers of a person, or seldom of two persons, and some attributes.
    fn words(&mut self, person: u64, people: u64) -> String {
        let other = if self.random.once_in(6) { self.random.below(people) } else { person };
        let kinds = ["e", "x", "p", "a"];
        let (one, another) = (self.random.index(4), self.random.index(4));
        let mut words = String::new();
        if self.random.once_in(3) {
            words += "server ";
        }
        words += &identifier(kinds[one], person);
        if one != another {
            words += &[" ", &identifier(kinds[another], other)].concat();
        }
        for name in ["name", "city", "plan"] {
            if self.random.once_in(3) {
                words += &[" ", name, "=", &self.random.below(4).to_string()].concat();
            }
        }
        words
    }

    /// A request of a client of the other company, or a merge of it that is undone.
    fn undone_step(&mut self, harness: &mut StoreHarness) {
        self.undone.enter(harness);
        if !self.undone.created.is_empty() && self.random.once_in(8) {
            let number = self.random.index(self.undone.created.len());
            let id = self.undone.created[number];
            match harness.undo(number) {
                Ok(unmerged) => {
                    self.undos += 1;
                    self.undone.known.add_undo(id, &unmerged.outcome);
                }
                Err(StoreError::NotMerged) => assert!(!self.undone.known.is_absorbed(id)),
                Err(error) => panic!("{error}"),
            }
            return;
        }
        let submission = harness.submission(&parse_request(&client_request(&mut self.random)));
        let outcome = harness.submit(submission.clone()).unwrap();
        self.merges += outcome.absorbed().count() as u64;
        self.undone.known.add(&submission, &outcome);
        self.undone.created.clone_from(&harness.created);
    }

    /// Every profile of both companies is as it should be.
    fn compare(&mut self, harness: &mut StoreHarness) {
        self.undone.enter(harness);
        self.undone.known.compare(&harness.store, &harness.company);
        self.modelled.enter(harness);
        let model = &self.modelled.known;
        assert_eq!(harness.created.len(), model.created_count());
        for number in 0..model.created_count() {
            assert_eq!(harness.exists(number), !model.is_deleted(number), "profile {number}");
            if harness.exists(number) {
                assert_eq!(sorted(&harness.about(number)), sorted(&model.about(number)));
            }
        }
    }

    /// Makes a backup, takes requests that it does not have, and puts it in place of the directory.
    fn lose(&mut self, engine: &EmbeddedEngine, harness: &mut StoreHarness) {
        let snapshot = wait(engine.snapshot()).unwrap().unwrap();
        let backup = open_embedded(&self.next_path());
        wait(async {
            let mut source = BackupSource::new(&snapshot.engine).await.unwrap();
            let mut target = BackupTarget::begin(&backup).await.unwrap();
            while let Some(entries) = source.next_entries().await.unwrap() {
                target.write(entries).await.unwrap();
            }
            target.finish(source.layout().to_vec(), snapshot.position).await.unwrap();
        });
        backup.close().unwrap();
        for person in 0..10 {
            harness.send(&format!("server e:n{person} x:n{person} name=Lost"));
        }
    }
}

/// The identifier of a person. A number alone might be a placeholder.
fn identifier(kind: &str, person: u64) -> String {
    match kind {
        "p" => format!("p:5{person:03}"),
        kind => format!("{kind}:n{person}"),
    }
}

/// The words of a description in an order of their own: devices are in that in which they were seen
/// last, to a day, and the model has no days.
fn sorted(about: &str) -> BTreeSet<&str> {
    about.split(' ').collect()
}

/// Writes a directory as a release with layout 6 has it after it migrated one of layout 5. The
/// migration of this release makes the same entries, another version, and a key that release had
/// not.
fn upgrade_to_layout_6(directory: &Path) {
    copy(&golden("layout-5", "clean"), directory);
    let engine = open_embedded(directory);
    let migrated = MemoryEngine::new();
    let entries = contents(&engine).into_iter();
    let entries = entries.map(|(key, value)| Write { key, value: Some(value) });
    commit_to_memory(&migrated, entries.collect());
    wait(profile_store::migrate_layout(&migrated, &SimulatedIds::new())).unwrap();
    let of_layout_6 = contents(&migrated).into_iter().filter_map(|(key, value)| {
        let value = if key == b"\0format" { vec![6] } else { value };
        (key != b"\0sender key").then_some(Write { key, value: Some(value) })
    });
    for (number, write) in (0..).zip(of_layout_6) {
        let place = Place::of_key(&write.key, engine.places());
        let session = wait(engine.begin(place)).unwrap();
        let batch = BatchId { writer: 6, number };
        wait(session.commit(batch, vec![write], Durability::Relaxed)).unwrap();
    }
    engine.close().unwrap();
    drop(engine);
    let audit = wait(profile_store::audit(&open_embedded(directory))).unwrap();
    assert_eq!((audit.layout, audit.breaches), (Some(6), Vec::new()));
}

/// The lines about profiles of the company that was there first. Its outcomes grow old.
fn profiles_of_golden(shown: &str) -> Vec<String> {
    shown.lines().filter(|line| line.starts_with("profile")).map(str::to_owned).collect()
}

#[test]
fn a_store_that_lives_for_a_year_is_sound_and_has_everyone_as_they_should_be() {
    let seed = setting("YEAR_SEED", 7);
    println!("YEAR_SEED={seed}");
    let mut year = Year::new(seed);
    (0..MONTHS).for_each(|month| year.month(month));
    let Year { deletions, undos, merges, .. } = year;
    println!("deletions: {deletions}, undos: {undos}, merges: {merges}");
    assert!(5 < deletions && 3 < undos && 10 < merges, "what is tested seldom happened");
    assert_eq!(year.directory, COMPACTIONS.len() as u64 + 1);
    let audit = wait(profile_store::audit(
        &EmbeddedEngine::open_read_only(&year.path(), 8 * 1024 * 1024).unwrap(),
    ));
    let audit = audit.unwrap();
    assert!(audit.outcomes < 600, "outcomes of the first months are kept: {audit:?}");
    assert_eq!((audit.layout, audit.breaches), (Some(8), Vec::new()));
    let engine: Arc<dyn Engine> = Arc::new(open_embedded(&year.path()));
    // The outcomes that tell which profiles there were are gone.
    let before = tempfile::tempdir().unwrap();
    copy(&golden("layout-5", "clean"), before.path());
    let created = opened(Arc::new(open_embedded(before.path()))).created;
    let mut harness = StoreHarness { created, ..opened(engine) };
    let expected = fs::read_to_string(golden("layout-5", "expected.txt")).unwrap();
    assert_eq!(profiles_of_golden(&shown(&harness)), profiles_of_golden(&expected));
    year.compare(&mut harness);
}
