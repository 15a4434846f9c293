//! The deletion of a company: all of it and nothing else, whatever ends the process in between.

use std::sync::Arc;

use profile_protocol::CompanyId;
use profile_store::{
    Audit, DeletedCompany, Engine, OpenError, StoreOptions, audit, copy, delete_company,
    engine::{Key, MemoryEngine, Value, Write},
};
use proptest::prelude::*;

use profile_store_suite::{
    engines::open_sled,
    faulty_engine::{EngineFault, FaultyEngine, commit_to_memory},
    generators::requests_with_intents,
    harness::{StoreHarness, contents, wait},
    simulated_ids::SimulatedIds,
};

/// Ids of which some are prefixes of others, so that their keys are neighbours.
const COMPANIES: [&str; 4] = ["DEMO0", "DEMO01", "DEMO010", "DEMO02"];
const DELETED: &str = "DEMO01";
const MARKER: &[u8] = b"\0remove-company\0DEMO01";

fn deleted() -> CompanyId {
    DELETED.parse().unwrap()
}

/// A store in which every company has these requests, and the deleted one has some hundred more.
fn companies(words: &[&str], more: usize) -> StoreHarness {
    let mut harness = StoreHarness::over(Arc::new(MemoryEngine::new()));
    for company in COMPANIES {
        harness.company = company.parse().unwrap();
        words.iter().for_each(|words| drop(harness.send(words)));
    }
    harness.company = deleted();
    (0..more).for_each(|number| drop(harness.send(&format!("e:person-{number} city=Bonn"))));
    harness
}

const WORDS: [&str; 6] = [
    "x:customer e:ann p:5 name=Annabel",
    "a:tablet city=Bonn",
    "a:pad",
    "e:ann a:tablet",
    "e:ann a:pad",
    "e:bob a:laptop",
];

/// All entries that are not those of the deleted company.
fn others(entries: &[(Key, Value)]) -> Vec<(Key, Value)> {
    let is_other = |(key, _): &&(Key, Value)| !key.starts_with(b"DEMO01\0");
    entries.iter().filter(is_other).cloned().collect()
}

fn copied(entries: &[(Key, Value)]) -> Arc<MemoryEngine> {
    let engine = MemoryEngine::new();
    let write =
        |(key, value): &(Key, Value)| Write { key: key.clone(), value: Some(value.clone()) };
    commit_to_memory(&engine, entries.iter().map(write).collect());
    Arc::new(engine)
}

fn delete(engine: &dyn Engine) -> Option<DeletedCompany> {
    wait(delete_company(engine, &deleted(), &SimulatedIds::new())).unwrap()
}

/// What an audit counts of a company that is alone in a store.
fn expected(before: &[(Key, Value)], audit: &Audit, of_others: &Audit) -> DeletedCompany {
    DeletedCompany {
        profiles: audit.profiles - of_others.profiles,
        identifiers: audit.identifiers - of_others.identifiers,
        outcomes: audit.outcomes - of_others.outcomes,
        imports: audit.imports - of_others.imports,
        merges: audit.merges - of_others.merges,
        entries: (before.len() - others(before).len()) as u64,
        unreadable: 0,
    }
}

fn assert_deleted(engine: &dyn Engine, before: &[(Key, Value)]) {
    assert!(contents(engine) == others(before), "it is gone, and all others are as they were");
}

#[test]
fn a_deleted_company_is_gone_and_counted_and_no_other_is_touched() {
    let harness = companies(&WORDS, 300);
    let before = contents(harness.engine.as_ref());
    let directory = tempfile::tempdir().unwrap();
    let on_disk: Arc<dyn Engine> = Arc::new(open_sled(directory.path()));
    wait(copy(harness.engine.as_ref(), on_disk.as_ref())).unwrap();
    for engine in [copied(&before) as Arc<dyn Engine>, on_disk] {
        let audited = wait(audit(engine.as_ref())).unwrap();
        let receipt = delete(engine.as_ref()).unwrap();
        assert_deleted(engine.as_ref(), &before);
        let left = wait(audit(engine.as_ref())).unwrap();
        assert_eq!(left.breaches, []);
        assert_eq!(receipt, expected(&before, &audited, &left));
        assert!(receipt.merges == 2 && 300 < receipt.profiles, "{receipt}");
        assert_eq!(delete(engine.as_ref()), None, "there is nothing left to delete");
        // The company begins anew.
        let mut again = StoreHarness::resumed(engine, SimulatedIds::after(1_000));
        assert!(again.send("e:ann").starts_with("created"));
        assert_eq!(again.outcomes().len(), 1);
        again.assert_sound();
    }
}

#[test]
fn a_company_without_data_is_not_deleted_and_nothing_is_written() {
    let harness = companies(&WORDS, 0);
    let before = contents(harness.engine.as_ref());
    let company: CompanyId = "OTHER1".parse().unwrap();
    let receipt = wait(delete_company(harness.engine.as_ref(), &company, &SimulatedIds::new()));
    assert_eq!(receipt.unwrap(), None);
    assert_eq!(contents(harness.engine.as_ref()), before);
    let empty = MemoryEngine::new();
    assert_eq!(delete(&empty), None);
    assert_eq!(contents(&empty), []);
}

#[test]
fn a_deletion_that_was_cut_off_anywhere_is_named_and_finished_by_the_next_one_or_by_a_start() {
    let harness = companies(&WORDS, 200);
    let before = contents(harness.engine.as_ref());
    let whole = delete(copied(&before).as_ref()).unwrap();
    let fault = EngineFault { for_good: true, ..EngineFault::default() };
    let mut begun = 0;
    for fails_at in 0.. {
        let engine = FaultyEngine::over(copied(&before), fails_at, fault);
        let ended = wait(delete_company(&engine, &deleted(), &SimulatedIds::new()));
        for surviving in 0..=engine.unflushed() {
            let left = engine.after_crash(surviving);
            let entries = contents(left.as_ref());
            let is_begun = entries.iter().any(|(key, _)| key == MARKER);
            begun += usize::from(is_begun);
            assert!(is_begun || entries == before || entries == others(&before));
            let audited = wait(audit(left.as_ref())).unwrap();
            assert_eq!(audited.breaches, []);
            assert_eq!(audited.deletions.contains(&deleted()), is_begun);
            // A store that is opened finishes what was begun, and begins nothing.
            let opened = StoreHarness::resumed(copied(&entries), SimulatedIds::after(1_000));
            if is_begun {
                assert_deleted(opened.engine.as_ref(), &before);
            } else {
                assert_eq!(contents(opened.engine.as_ref()), entries);
            }
            // So does a copy.
            let copy_of = MemoryEngine::new();
            wait(copy(left.as_ref(), &copy_of)).unwrap();
            assert_eq!(contents(&copy_of), entries);
            // The next deletion counts what both have removed.
            match delete(left.as_ref()) {
                Some(receipt) => assert_eq!(receipt, whole),
                None => assert_eq!(entries, others(&before)),
            }
            assert_deleted(left.as_ref(), &before);
        }
        if ended.is_ok() {
            break;
        }
    }
    assert!(8 < begun, "{begun} crashes while it was deleted");
}

#[test]
fn damaged_entries_are_deleted_and_counted_as_unreadable() {
    let harness = companies(&WORDS, 0);
    let damage = [(b"DEMO01\0o\0\0\0\0\0\0\0\x63", b"\x09"), (b"DEMO01\0z12345678", b"\x01")];
    let write = |(key, value): (&[u8; 16], &[u8; 1])| Write {
        key: key.to_vec(),
        value: Some(value.to_vec()),
    };
    wait(harness.engine.apply(damage.into_iter().map(write).collect())).unwrap();
    let before = contents(harness.engine.as_ref());
    assert_eq!(delete(harness.engine.as_ref()).unwrap().unreadable, 2);
    assert_deleted(harness.engine.as_ref(), &before);
}

#[test]
fn a_deletion_that_names_no_company_is_damage() {
    let engine = copied(&contents(companies(&WORDS, 0).engine.as_ref()));
    let marker = Write { key: b"\0remove-company\0A-C".to_vec(), value: Some(vec![1]) };
    commit_to_memory(&engine, vec![marker]);
    assert_eq!(wait(audit(engine.as_ref())).unwrap().breaches.len(), 1);
    let opened = StoreHarness::open(engine, SimulatedIds::new(), StoreOptions::default());
    assert!(matches!(opened, Err(OpenError::Deletion(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_was_sent_a_deletion_removes_one_company_and_leaves_every_other_sound(
        requests in prop::collection::vec((0..COMPANIES.len(), requests_with_intents()), 1..60)
    ) {
        let mut harness = StoreHarness::over(Arc::new(MemoryEngine::new()));
        for (company, request) in &requests {
            harness.company = COMPANIES[*company].parse().unwrap();
            harness.try_send_request(request);
        }
        let before = contents(harness.engine.as_ref());
        let audited = wait(audit(harness.engine.as_ref())).unwrap();
        let receipt = delete(harness.engine.as_ref());
        assert_deleted(harness.engine.as_ref(), &before);
        let left = harness.audit();
        prop_assert_eq!(&left.breaches, &[]);
        let expected = expected(&before, &audited, &left);
        prop_assert_eq!(receipt, (0 < expected.entries).then_some(expected));
    }
}
