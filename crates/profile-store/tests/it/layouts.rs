//! Data directories of every layout since 5 open, and nothing in them is lost.
//!
//! `tests/golden/layout-N` holds directories that the release with layout N wrote, and what its
//! readers showed: `clean` was closed, `killed` has much in the journal, `empty` holds no profile.
//! `golden_directory.rs` writes those of the present layout.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use profile_protocol::ProfileId;
use profile_store::{
    Effect, Engine, StoreOptions,
    engine::{MemoryEngine, Order, Scan, Write},
};
use tempfile::TempDir;

use profile_store_suite::{
    engines::open_embedded,
    faulty_engine::{EngineFault, FaultyEngine, commit_to_memory},
    harness::{StoreHarness, contents, wait},
    simulated_ids::SimulatedIds,
};

const LAYOUTS: [&str; 4] = ["layout-5", "layout-6", "layout-7", "layout-8"];

pub(crate) fn golden(layout: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(layout).join(name)
}

/// A copy of a golden directory, which may be written to.
fn copied(layout: &str, name: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    copy(&golden(layout, name), directory.path());
    directory
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The store in an engine, which knows its profiles in the order of their creation.
pub(crate) fn opened(engine: Arc<dyn Engine>) -> StoreHarness {
    let harness = StoreHarness::resumed(engine, SimulatedIds::after(10_000));
    let outcomes = harness.outcomes();
    let created = outcomes.iter().filter(|outcome| outcome.effect == Effect::Created);
    StoreHarness { created: created.filter_map(|outcome| outcome.survivor).collect(), ..harness }
}

fn number_of(harness: &StoreHarness, id: ProfileId) -> usize {
    harness.created.iter().position(|known| *known == id).unwrap()
}

fn joined(numbers: impl IntoIterator<Item = impl ToString>) -> String {
    numbers.into_iter().map(|number| number.to_string()).collect::<Vec<_>>().join(" ")
}

/// All that readers show: profiles and their histories, outcomes, and bulk imports.
#[expect(clippy::format_push_string, reason = "a test need not be fast")]
pub(crate) fn shown(harness: &StoreHarness) -> String {
    let mut text = String::new();
    for number in 0..harness.created.len() {
        if !harness.exists(number) {
            text += &format!("profile {number} deleted\n");
            continue;
        }
        let profile = harness.profile(number);
        text += &format!(
            "profile {number} is {} {} created {} updated {} absorbed [{}]: {}\n",
            number_of(harness, profile.id),
            profile.id,
            profile.created.millis(),
            profile.updated.millis(),
            joined(profile.absorbed.iter().map(|id| number_of(harness, *id))),
            harness.about(number).replace(&"v".repeat(140_000), "(140,000 times v)")
        );
        let history = harness.history(number);
        let history = joined(history.iter().map(|outcome| outcome.sequence));
        text += &format!("history {number}: {history}\n");
    }
    for outcome in harness.outcomes() {
        text += &format!(
            "outcome {} at {} previous [{}]: {}\n",
            outcome.sequence,
            outcome.at.millis(),
            joined(&outcome.previous),
            harness.describe(&outcome)
        );
    }
    let imports = harness.store.import_jobs(&harness.company, None, Order::Ascending, 10);
    for head in wait(imports).unwrap() {
        text += &format!(
            "import {} created {} total {} completed {} failed {}\n",
            head.id,
            head.created.millis(),
            head.total,
            head.completed,
            head.failed
        );
    }
    text
}

/// The store in a copy of a golden directory is sound, shows what it showed, and goes on.
fn opens(layout: &str, name: &str, expected: &str) {
    let expected = fs::read_to_string(golden(layout, expected)).unwrap();
    let directory = copied(layout, name);
    let mut harness = opened(Arc::new(open_embedded(directory.path())));
    assert_eq!(shown(&harness), expected, "{layout} {name}");
    harness.assert_sound();
    let newest = harness.outcomes().last().map_or(0, |outcome| outcome.sequence);
    assert_eq!(harness.send("e:ann"), "unchanged 0: matched");
    assert_eq!(harness.outcomes().last().unwrap().sequence, newest + 1);
    assert_eq!(harness.history(0)[0].sequence, newest + 1);
    assert_eq!(harness.undo(4).unwrap().restored.id, harness.created[4]);
    harness.assert_sound();
    wait(harness.store.close()).unwrap();
    drop(harness);
    // And once more, with nothing left to migrate.
    opened(Arc::new(open_embedded(directory.path()))).assert_sound();
}

#[test]
fn a_directory_that_was_closed_opens_in_every_layout() {
    LAYOUTS.into_iter().for_each(|layout| opens(layout, "clean", "expected.txt"));
}

#[test]
fn a_directory_whose_process_was_killed_opens_in_every_layout() {
    LAYOUTS.into_iter().for_each(|layout| opens(layout, "killed", "expected-killed.txt"));
}

/// The kinds of keys among the contents of a golden directory.
fn kinds(layout: &str, name: &str) -> BTreeSet<u8> {
    let all = scan(&in_memory(layout, name)).into_iter();
    all.filter_map(|write| write.key.strip_prefix(b"DEMO01\0").map(|rest| rest[0])).collect()
}

#[test]
fn the_directories_since_layout_7_have_records_with_changes_and_older_ones_have_none() {
    for name in ["clean", "killed"] {
        let with_changes = LAYOUTS.map(|layout| kinds(layout, name).contains(&b'd'));
        assert_eq!(with_changes, [false, false, true, true], "{name}");
    }
}

#[test]
fn a_directory_of_layout_6_or_7_is_of_layout_8_once_it_is_open_and_nothing_else_changes() {
    for (layout, version) in [("layout-6", 6), ("layout-7", 7)] {
        let engine = Arc::new(in_memory(layout, "clean"));
        let before = scan(engine.as_ref());
        assert_eq!(wait(profile_store::audit(engine.as_ref())).unwrap().layout, Some(version));
        drop(opened(Arc::clone(&engine) as _));
        let differs = |(old, new): &(Write, Write)| old != new;
        // The key for senders is new, unless there was one.
        let has_key = before.iter().any(|write| write.key == b"\0sender key");
        let is_kept = |write: &Write| has_key || write.key != b"\0sender key";
        let after = scan(engine.as_ref()).into_iter().filter(is_kept);
        let changed: Vec<(Write, Write)> = before.into_iter().zip(after).filter(differs).collect();
        let [(_, format)] = &changed[..] else { panic!("{} entries changed", changed.len()) };
        assert_eq!((&format.key[..], format.value.as_deref()), (&b"\0format"[..], Some(&[8][..])));
    }
}

#[test]
fn the_key_for_senders_of_a_store_of_layout_7_outlives_the_next_release() {
    let engine = Arc::new(in_memory("layout-7", "clean"));
    let sender_key = [&[1, 32][..], &[7; 32]].concat();
    let key = Write { key: b"\0sender key".to_vec(), value: Some(sender_key.clone()) };
    commit_to_memory(&engine, vec![key]);
    drop(opened(Arc::clone(&engine) as _));
    let kept = scan(engine.as_ref()).into_iter().find(|write| write.key == b"\0sender key");
    assert_eq!(kept.unwrap().value, Some(sender_key));
}

#[test]
fn a_migration_that_a_release_with_layout_6_or_7_began_is_finished() {
    let expected = fs::read_to_string(golden("layout-5", "expected.txt")).unwrap();
    for value in [b"\x06\x05AHEAD", b"\x07\x05AHEAD"] {
        let engine = Arc::new(in_memory("layout-5", "clean"));
        let newest = Write { key: b"AHEAD\0N".to_vec(), value: Some(vec![1, 1, 0]) };
        let format = Write { key: b"\0format".to_vec(), value: Some(value.to_vec()) };
        commit_to_memory(&engine, vec![format, newest]);
        let harness = opened(engine);
        assert_eq!(shown(&harness), expected);
        harness.assert_sound();
    }
}

#[test]
fn a_directory_without_profiles_opens_in_every_layout() {
    for layout in LAYOUTS {
        let directory = copied(layout, "empty");
        let mut harness = opened(Arc::new(open_embedded(directory.path())));
        assert_eq!(harness.created, []);
        assert_eq!(harness.send("e:ann"), "created 0: attached");
        harness.assert_sound();
    }
}

/// An engine in memory with the contents of a golden directory.
fn in_memory(layout: &str, name: &str) -> MemoryEngine {
    let directory = copied(layout, name);
    let engine = MemoryEngine::new();
    let entries = contents(&open_embedded(directory.path())).into_iter();
    let writes = entries.map(|(key, value)| Write { key, value: Some(value) });
    commit_to_memory(&engine, writes.collect());
    engine
}

#[test]
fn the_plan_of_a_migration_tells_what_it_writes_and_writes_nothing() {
    for (layout, from) in LAYOUTS.into_iter().zip(5..) {
        let engine = Arc::new(in_memory(layout, "clean"));
        let before = scan(engine.as_ref());
        let plan = wait(profile_store::planned_migration(engine.as_ref())).unwrap();
        assert_eq!(scan(engine.as_ref()), before);
        assert_eq!((plan.from, plan.to, plan.is_begun), (from, 8, false));
        assert_eq!(plan.entries, before.len() as u64);
        let ids = SimulatedIds::after(10_000);
        wait(profile_store::migrate_layout(engine.as_ref(), &ids)).unwrap();
        let after = scan(engine.as_ref());
        let written = after.iter().filter(|write| !before.contains(write)).count();
        assert_eq!(plan.written, written as u64, "{layout}");
        let again = wait(profile_store::planned_migration(engine.as_ref())).unwrap();
        assert_eq!((again.from, again.written, again.commits), (8, 0, 0));
        opened(engine).assert_sound();
    }
}

#[test]
fn a_migration_that_fails_or_crashes_at_any_operation_goes_on_at_the_next_start() {
    let expected = fs::read_to_string(golden("layout-5", "expected.txt")).unwrap();
    for done in [false, true] {
        for fails_at in 0.. {
            let fault = EngineFault { done, for_good: true, in_doubt: false };
            let engine =
                FaultyEngine::over(Arc::new(in_memory("layout-5", "clean")), fails_at, fault);
            let ids = SimulatedIds::after(10_000);
            let failed =
                StoreHarness::open(Arc::new(engine.clone()), ids, StoreOptions::default()).is_err();
            for surviving in 0..3 {
                let left = engine.after_crash(surviving);
                let audit = wait(profile_store::audit(left.as_ref())).unwrap();
                assert_eq!(audit.breaches, [], "after operation {fails_at}");
                assert!(matches!(audit.layout, Some(5 | 8)), "{audit:?}");
                assert_eq!(audit.has_older_layout(), audit.layout == Some(5));
                let harness = opened(left);
                harness.assert_sound();
                assert_eq!(shown(&harness), expected, "after operation {fails_at}");
            }
            if !failed {
                assert!(10 < fails_at, "the migration is not as long as it was");
                break;
            }
        }
    }
}

#[test]
fn a_migration_gives_every_company_its_newest_outcome_and_changes_nothing_else() {
    let before = in_memory("layout-5", "clean");
    let after = MemoryEngine::new();
    commit_to_memory(&after, scan(&before));
    let engine = Arc::new(after);
    drop(StoreHarness::resumed(Arc::clone(&engine) as _, SimulatedIds::new()));
    let is_new = |write: &Write| {
        let is_of_store = [&b"\0format"[..], b"\0sender key"].contains(&&write.key[..]);
        is_of_store || write.key.ends_with(b"\0N")
    };
    let (new, kept): (Vec<Write>, Vec<Write>) = scan(engine.as_ref()).into_iter().partition(is_new);
    let old: Vec<Write> = scan(&before).into_iter().filter(|write| !is_new(write)).collect();
    assert_eq!(kept, old);
    let keys: Vec<&[u8]> = new.iter().map(|write| write.key.as_slice()).collect();
    assert_eq!(keys, [&b"\0format"[..], b"\0sender key", b"AHEAD\0N", b"DEMO01\0N"]);
}

fn scan(engine: &dyn Engine) -> Vec<Write> {
    let all = Scan { prefix: Vec::new(), after: None, order: Order::Ascending, limit: usize::MAX };
    let entries = wait(engine.scan(all)).unwrap().into_iter();
    entries.map(|(key, value)| Write { key, value: Some(value) }).collect()
}
