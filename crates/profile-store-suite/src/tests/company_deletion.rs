//! The deletion of a company: all of it and nothing else, in steps that a later process finishes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use profile_protocol::CompanyId;
use profile_store::{
    Audit, DeletedCompany, Durability, Engine, OpenError, StoreOptions, audit, copy,
    delete_company,
    engine::{
        BatchId, BoxFuture, CommitError, EngineError, Key, MemoryEngine, Session, Value, Write,
    },
};
use proptest::prelude::*;

use crate::{
    engines::{EngineStorage, Engines},
    faulty_engine::commit_to_memory,
    generators::requests_with_intents,
    harness::{StoreHarness, TWO_MERGES, audit_of_two_merges, contents, wait},
    simulated_ids::SimulatedIds,
    wrapped_engine::{EngineHooks, WrappedEngine},
};

/// Ids of which some are prefixes of others, so that their keys are neighbours.
const COMPANIES: [&str; 4] = ["DEMO0", "DEMO01", "DEMO010", "DEMO02"];
const DELETED: &str = "DEMO01";
const MARKER: &[u8] = b"\0remove-company\0DEMO01";

/// The company that is deleted.
pub fn deleted_company() -> CompanyId {
    DELETED.parse().unwrap()
}

/// Sends [`TWO_MERGES`] of every company, and some more people of the deleted one.
fn fill(harness: &mut StoreHarness, more: usize) {
    for company in COMPANIES {
        harness.company = company.parse().unwrap();
        TWO_MERGES.iter().for_each(|words| drop(harness.send(words)));
    }
    harness.company = deleted_company();
    (0..more).for_each(|number| drop(harness.send(&format!("e:person-{number} city=Bonn"))));
}

/// A store of several companies, which has so many more people of the deleted one.
fn companies(engines: &Engines, more: usize) -> StoreHarness {
    let mut harness = StoreHarness::new(engines);
    fill(&mut harness, more);
    harness
}

/// The entries of such a store.
pub fn entries_of_companies(more: usize) -> Vec<(Key, Value)> {
    contents(companies(&Engines::in_memory(), more).engine.as_ref())
}

/// All entries that are not those of the deleted company.
fn others(entries: &[(Key, Value)]) -> Vec<(Key, Value)> {
    let is_other = |(key, _): &&(Key, Value)| !key.starts_with(b"DEMO01\0");
    entries.iter().filter(is_other).cloned().collect()
}

/// An engine in memory that has these entries.
pub fn memory_with(entries: &[(Key, Value)]) -> MemoryEngine {
    let engine = MemoryEngine::new();
    let write =
        |(key, value): &(Key, Value)| Write { key: key.clone(), value: Some(value.clone()) };
    commit_to_memory(&engine, entries.iter().map(write).collect());
    engine
}

/// Deletes the company.
pub fn delete(engine: &dyn Engine) -> Option<DeletedCompany> {
    wait(delete_company(engine, &deleted_company(), &SimulatedIds::new())).unwrap()
}

/// The receipt of a company that two audits differ by.
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

/// Checks what a deletion that ended early has left of the entries `before`: the company, nothing
/// of it, or a deletion that was begun and that a copy, a store and the next deletion go on with.
/// Returns whether it was begun. `whole` is the receipt of a deletion that nothing interrupts.
pub fn assert_resumable(
    left: &dyn Engine,
    before: &[(Key, Value)],
    whole: &DeletedCompany,
) -> bool {
    let entries = contents(left);
    let is_begun = entries.iter().any(|(key, _)| key == MARKER);
    assert!(is_begun || entries == before || entries == others(before));
    let audited = wait(audit(left)).unwrap();
    assert_eq!(audited.breaches, []);
    assert_eq!(audited.deletions.contains(&deleted_company()), is_begun);
    let copy_of = MemoryEngine::new();
    wait(copy(left, &copy_of)).unwrap();
    assert_eq!(contents(&copy_of), entries);
    // A store that is opened finishes what was begun, and begins nothing.
    let opened = StoreHarness::resumed(Arc::new(copy_of), SimulatedIds::after(1_000));
    if is_begun {
        assert_deleted(opened.engine.as_ref(), before);
    } else {
        assert_eq!(contents(opened.engine.as_ref()), entries);
    }
    // The next deletion counts what both have removed.
    let again = memory_with(&entries);
    match delete(&again) {
        Some(receipt) => assert_eq!(receipt, *whole),
        None => assert_eq!(entries, others(before)),
    }
    assert_deleted(&again, before);
    is_begun
}

pub fn a_deleted_company_is_gone_and_counted_and_no_other_is_touched(engines: &Engines) {
    const MORE: usize = 300;
    let harness = companies(engines, MORE);
    let engine = Arc::clone(&harness.engine);
    let before = contents(engine.as_ref());
    let receipt = delete(engine.as_ref()).unwrap();
    assert_deleted(engine.as_ref(), &before);
    assert_eq!(harness.audit().breaches, []);
    let (merged, more) = (audit_of_two_merges(), MORE as u64);
    let stored = DeletedCompany {
        profiles: merged.profiles + more,
        identifiers: merged.identifiers + more,
        outcomes: merged.outcomes + more,
        merges: merged.merges,
        imports: merged.imports,
        entries: (before.len() - others(&before).len()) as u64,
        unreadable: 0,
    };
    assert_eq!(receipt, stored);
    assert_eq!(delete(engine.as_ref()), None, "there is nothing left to delete");
    // The company begins anew.
    let mut again = StoreHarness::resumed(engine, SimulatedIds::after(1_000));
    assert!(again.send("e:ann").starts_with("created"));
    assert_eq!(again.outcomes().len(), 1);
    again.assert_sound();
}

pub fn a_company_without_data_is_not_deleted_and_nothing_is_written(engines: &Engines) {
    let harness = companies(engines, 0);
    let before = contents(harness.engine.as_ref());
    let company: CompanyId = "OTHER1".parse().unwrap();
    let receipt = wait(delete_company(harness.engine.as_ref(), &company, &SimulatedIds::new()));
    assert_eq!(receipt.unwrap(), None);
    assert_eq!(contents(harness.engine.as_ref()), before);
    let empty = engines.create().open();
    assert_eq!(delete(empty.as_ref()), None);
    assert_eq!(contents(empty.as_ref()), []);
}

/// How the commit ends at which a deletion is cut off.
#[derive(Clone, Copy, Debug)]
enum CutOffCommit {
    /// Nothing is committed, and the engine says so.
    Failed,
    /// Nothing is committed, and the engine does not know.
    LostInDoubt,
    /// The batch is committed, and the engine does not know.
    DoneInDoubt,
}

/// An engine whose commit with the number `at`, from 0, does not succeed.
type CutOffEngine = WrappedEngine<CutOffHooks>;

#[derive(Clone)]
struct CutOffHooks {
    at: usize,
    ending: CutOffCommit,
    commits: Arc<AtomicUsize>,
}

impl EngineHooks for CutOffHooks {
    fn commit(
        engine: CutOffEngine,
        session: Box<dyn Session>,
        batch: BatchId,
        writes: Vec<Write>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<(), CommitError>> {
        Box::pin(async move {
            let CutOffHooks { at, ending, commits } = engine.hooks;
            if commits.fetch_add(1, Ordering::SeqCst) != at {
                return session.commit(batch, writes, durability).await;
            }
            let error = EngineError::Io(std::io::Error::other("the cable was pulled"));
            match ending {
                CutOffCommit::Failed => Err(CommitError::Failed(error)),
                CutOffCommit::LostInDoubt => Err(CommitError::InDoubt(error)),
                CutOffCommit::DoneInDoubt => {
                    session.commit(batch, writes, Durability::Flushed).await?;
                    Err(CommitError::InDoubt(error))
                }
            }
        })
    }
}

/// Storage that has these entries.
fn storage_with(engines: &Engines, entries: &[(Key, Value)]) -> Box<dyn EngineStorage> {
    let storage = engines.create();
    wait(copy(&memory_with(entries), storage.open().as_ref())).unwrap();
    storage
}

pub fn a_deletion_that_is_cut_off_at_any_commit_is_finished_at_the_next_open(engines: &Engines) {
    let before = entries_of_companies(150);
    let whole = delete(&memory_with(&before)).unwrap();
    for ending in [CutOffCommit::Failed, CutOffCommit::LostInDoubt, CutOffCommit::DoneInDoubt] {
        let mut begun = 0;
        for at in 0.. {
            let storage = storage_with(engines, &before);
            let hooks = CutOffHooks { at, ending, commits: Arc::default() };
            let engine = CutOffEngine { inner: storage.open(), hooks };
            let ended = wait(delete_company(&engine, &deleted_company(), &SimulatedIds::new()));
            drop(engine);
            let left = storage.open();
            if let Ok(receipt) = ended {
                assert_eq!(receipt, Some(whole));
                assert_deleted(left.as_ref(), &before);
                break;
            }
            let is_begun = assert_resumable(left.as_ref(), &before, &whole);
            begun += usize::from(is_begun);
            let opened = StoreHarness::resumed(left, SimulatedIds::after(1_000));
            if is_begun {
                assert_deleted(opened.engine.as_ref(), &before);
            }
        }
        assert!(3 <= begun, "{begun} of the commits that {ending:?} ended were in the middle");
    }
}

pub fn damaged_entries_are_deleted_and_counted_as_unreadable(engines: &Engines) {
    let harness = companies(engines, 0);
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

pub fn a_deletion_that_names_no_company_is_damage(engines: &Engines) {
    let harness = companies(engines, 0);
    let marker = Write { key: b"\0remove-company\0A-C".to_vec(), value: Some(vec![1]) };
    wait(harness.engine.apply(vec![marker])).unwrap();
    assert_eq!(harness.audit().breaches.len(), 1);
    let engine = Arc::clone(&harness.engine) as _;
    let opened = StoreHarness::open(engine, SimulatedIds::new(), StoreOptions::default());
    assert!(matches!(opened, Err(OpenError::Deletion(_))));
}

pub fn whatever_was_sent_a_deletion_removes_one_company_and_leaves_every_other_sound(
    engines: &Engines,
) {
    let requests = prop::collection::vec((0..COMPANIES.len(), requests_with_intents()), 1..60);
    engines.check(requests, |requests| {
        let mut harness = StoreHarness::new(engines);
        for (company, request) in &requests {
            harness.company = COMPANIES[*company].parse().unwrap();
            harness.try_send_request(request);
        }
        let before = contents(harness.engine.as_ref());
        let audited = harness.audit();
        let receipt = delete(harness.engine.as_ref());
        assert_deleted(harness.engine.as_ref(), &before);
        let left = harness.audit();
        prop_assert_eq!(&left.breaches, &[]);
        let expected = expected(&before, &audited, &left);
        prop_assert_eq!(receipt, (0 < expected.entries).then_some(expected));
        Ok(())
    });
}
