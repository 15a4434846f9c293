//! The copy of a company into another store: whole, or nothing of it.

use std::sync::Arc;

use profile_store::{
    CompanyCopy, CopyCompanyError, SystemIdGenerator,
    engine::{Engine, Key, MemoryEngine, Order, Scan, Value},
};
use profile_store_suite::harness::{StoreHarness, wait};

/// The layout of a store of this version.
const LAYOUT: &[u8] = &[8];

/// A store with two persons, of whom one was merged.
fn first() -> StoreHarness {
    let mut harness = StoreHarness::over(Arc::new(MemoryEngine::new()));
    for words in ["e:ann name=Ann", "a:tab", "e:ann a:tab", "x:1 plan=gold"] {
        harness.send(words);
    }
    harness
}

fn entries(engine: &dyn Engine) -> Vec<(Key, Value)> {
    let (prefix, after, order) = (Vec::new(), None, Order::Ascending);
    wait(engine.scan(Scan { prefix, after, order, limit: 10_000 })).unwrap()
}

fn begin<'a>(
    to: &'a MemoryEngine,
    from: &StoreHarness,
) -> Result<CompanyCopy<'a>, CopyCompanyError> {
    wait(CompanyCopy::begin(to, &from.company, &SystemIdGenerator::default()))
}

#[test]
fn a_copy_has_every_entry_of_the_company() {
    let (from, to) = (first(), MemoryEngine::new());
    let mut copy = begin(&to, &from).unwrap();
    let entries_there = entries(from.engine.as_ref());
    wait(copy.write(entries_there.clone())).unwrap();
    wait(copy.finish(LAYOUT)).unwrap();
    let of_company = |entries: Vec<(Key, Value)>| -> Vec<(Key, Value)> {
        let prefix = [from.company.as_str().as_bytes(), &[0]].concat();
        entries.into_iter().filter(|(key, _)| key.starts_with(&prefix)).collect()
    };
    let copied = of_company(entries(&to));
    assert!(10 < copied.len());
    assert_eq!(copied, of_company(entries_there));
    assert!(matches!(begin(&to, &from), Err(CopyCompanyError::HasData { .. })));
}

#[test]
fn a_copy_that_is_cut_off_is_removed_by_the_next_start_and_by_the_next_copy() {
    let from = first();
    let entries_there = entries(from.engine.as_ref());
    for is_started in [true, false] {
        let to = Arc::new(MemoryEngine::new());
        let mut copy = begin(&to, &from).unwrap();
        wait(copy.write(entries_there.clone())).unwrap();
        drop(copy);
        if is_started {
            let harness = StoreHarness::over(Arc::clone(&to) as Arc<dyn Engine>);
            assert_eq!(wait(harness.store.companies(|_| true)).unwrap().count, 0);
        }
        let mut copy = begin(&to, &from).unwrap();
        wait(copy.write(entries_there.clone())).unwrap();
        wait(copy.finish(LAYOUT)).unwrap();
    }
}

#[test]
fn a_company_that_is_being_deleted_and_an_earlier_layout_are_not_copied() {
    let (from, to) = (first(), MemoryEngine::new());
    let unfinished = MemoryEngine::new();
    drop(begin(&unfinished, &from).unwrap());
    let mut copy = begin(&to, &from).unwrap();
    let written = wait(copy.write(entries(&unfinished)));
    assert!(matches!(written, Err(CopyCompanyError::NotWhole { .. })));
    let mut copy = begin(&to, &from).unwrap();
    wait(copy.write(entries(from.engine.as_ref()))).unwrap();
    assert!(matches!(wait(copy.finish(&[7])), Err(CopyCompanyError::OtherLayout)));
}
