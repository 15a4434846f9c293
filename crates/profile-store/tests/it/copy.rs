//! Copies: a store without its past, whole or not at all.

use std::sync::Arc;

use profile_store::{
    Copied, CopyError, Engine, IdentitySettings, OpenError, StoreOptions, copy,
    engine::{MemoryEngine, Write},
};

use profile_store_suite::{
    engines::{Engines, open_embedded},
    faulty_engine::{EngineFault, FaultyEngine, commit_to_memory},
    harness::{StoreHarness, contents, wait},
    simulated_ids::SimulatedIds,
};

/// Profiles that were updated, merged and unmerged: more than one page of them.
fn past() -> StoreHarness {
    let mut harness = StoreHarness::new(&Engines::in_memory());
    for words in ["e:ann a:tab", "x:1 p:5", "a:tab p:5 x:1 name=Ann", "x:1 a:pad", "a:pad p:6"] {
        harness.send(words);
    }
    for number in 0..200 {
        harness.send(&format!("e:person-{number} city=Bonn"));
    }
    harness
}

fn put(key: &[u8], value: &[u8]) -> Vec<Write> {
    vec![Write { key: key.to_vec(), value: Some(value.to_vec()) }]
}

#[test]
fn a_copy_holds_what_the_store_does() {
    let harness = past();
    let all = contents(harness.engine.as_ref());
    let bytes = all.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    let directory = tempfile::tempdir().unwrap();
    let engines: [Arc<dyn Engine>; 2] =
        [Arc::new(MemoryEngine::new()), Arc::new(open_embedded(directory.path()))];
    for engine in engines {
        let copied = wait(copy(harness.engine.as_ref(), engine.as_ref())).unwrap();
        assert_eq!(copied, Copied { entries: all.len() as u64, bytes: bytes as u64 });
        assert_eq!(contents(engine.as_ref()), all);
        let again = StoreHarness::resumed(engine, SimulatedIds::after(1_000));
        let mut again = StoreHarness { created: harness.created.clone(), ..again };
        again.assert_sound();
        assert_eq!(again.outcomes(), harness.outcomes());
        assert!(again.send("e:person-7").starts_with("unchanged"));
    }
}

#[test]
fn a_copy_has_nothing_of_what_was_replaced_in_a_large_profile() {
    let settings = IdentitySettings { replaced_days: 0, ..IdentitySettings::default() };
    let mut harness = StoreHarness::with_settings(&Engines::in_memory(), settings);
    let filler = "f".repeat(4_000);
    harness.send(&format!("e:ann plan=gone-first a:tab filler={filler}"));
    for words in ["e:ann plan=gone-second", "e:ann plan=gold", "e:ann"] {
        harness.send(words);
    }
    let holds = |engine: &dyn Engine, text: &[u8]| {
        let entries = contents(engine);
        entries.iter().any(|(_, value)| value.windows(text.len()).any(|part| part == text))
    };
    assert!(holds(harness.engine.as_ref(), b"gone"));
    let copied: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
    wait(copy(harness.engine.as_ref(), copied.as_ref())).unwrap();
    assert!(!holds(copied.as_ref(), b"gone"));
    let again = StoreHarness::resumed(copied, SimulatedIds::after(1_000));
    let mut again = StoreHarness { created: harness.created.clone(), ..again };
    again.assert_sound();
    assert_eq!(again.profile(0), harness.profile(0));
    assert_eq!(again.history(0), harness.history(0));
    assert_eq!(again.send("e:ann plan=silver"), "updated 0: matched");
    again.assert_sound();
}

#[test]
fn a_copy_has_all_of_a_large_profile_whose_changes_are_damaged() {
    let mut harness = StoreHarness::new(&Engines::in_memory());
    harness.send(&format!("e:ann filler={}", "f".repeat(4_000)));
    harness.send("e:ann plan=gold");
    harness.send("e:ann plan=silver");
    let change = contents(harness.engine.as_ref()).into_iter().map(|(key, _)| key);
    let change = change.into_iter().find(|key| key.starts_with(b"DEMO01\0d")).unwrap();
    wait(harness.engine.apply(vec![Write { key: change, value: Some(vec![1]) }])).unwrap();
    let copied = MemoryEngine::new();
    wait(copy(harness.engine.as_ref(), &copied)).unwrap();
    assert_eq!(contents(&copied), contents(harness.engine.as_ref()));
}

#[test]
fn a_copy_goes_where_nothing_is_and_nowhere_else() {
    let harness = past();
    let taken = MemoryEngine::new();
    commit_to_memory(&taken, put(b"anything", b""));
    let refused = wait(copy(harness.engine.as_ref(), &taken));
    assert!(matches!(refused, Err(CopyError::NotEmpty)), "{refused:?}");
    assert_eq!(contents(&taken).len(), 1);
    let refused = wait(copy(harness.engine.as_ref(), harness.engine.as_ref()));
    assert!(matches!(refused, Err(CopyError::NotEmpty)), "{refused:?}");
}

#[test]
fn what_is_no_store_of_this_version_is_not_copied() {
    for (key, value) in [(&b"another program's"[..], &b"data"[..]), (b"\0format", b"\x01")] {
        let (from, to) = (MemoryEngine::new(), MemoryEngine::new());
        commit_to_memory(&from, put(key, value));
        let refused = wait(copy(&from, &to));
        assert!(matches!(refused, Err(CopyError::Format(_))), "{refused:?}");
        assert_eq!(contents(&to), []);
    }
}

#[test]
fn a_copy_that_was_broken_off_is_not_taken_for_a_store() {
    let harness = past();
    let whole = contents(harness.engine.as_ref());
    let fault = EngineFault { for_good: true, ..EngineFault::default() };
    for fails_at in 0.. {
        let to = FaultyEngine::over(Arc::new(MemoryEngine::new()), fails_at, fault);
        let copied = wait(copy(harness.engine.as_ref(), &to));
        if copied.is_ok() {
            assert!(5 < fails_at, "the store is not as large as it was");
            assert_eq!(contents(to.after_crash(0).as_ref()), whole);
            break;
        }
        assert!(matches!(copied, Err(CopyError::Target(_))), "{copied:?}");
        for left in [0, 1, 2, usize::MAX].map(|surviving| to.after_crash(surviving)) {
            let identifiers = contents(left.as_ref());
            if !identifiers.is_empty() && identifiers != whole {
                let opened = StoreHarness::open(left, SimulatedIds::new(), StoreOptions::default());
                assert!(matches!(opened, Err(OpenError::Format(_))));
            }
        }
    }
}
