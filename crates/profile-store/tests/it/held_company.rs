//! The deletion of a company, and a copy of one, in a store that goes on serving others.

use std::sync::Arc;

use profile_protocol::CompanyId;
use profile_store::{
    CompanyCopy, CopyCompanyError, Durability, Retention, StoreError, StoreOptions,
    engine::{Key, MemoryEngine, Value},
};
use profile_store_suite::{
    harness::{StoreHarness, contents, wait},
    notation::parse_request,
    simulated_ids::SimulatedIds,
};

const LAYOUT: &[u8] = &[8];

fn other() -> CompanyId {
    "OTHER1".parse().unwrap()
}

fn store() -> StoreHarness {
    StoreHarness::over(Arc::new(MemoryEngine::new()))
}

/// Sends as a company two persons, of whom one was merged.
fn fill(harness: &mut StoreHarness, company: &CompanyId) {
    let own = std::mem::replace(&mut harness.company, company.clone());
    for words in ["e:ann name=Ann", "a:tab", "e:ann a:tab", "x:1 plan=gold"] {
        harness.send(words);
    }
    harness.company = own;
}

fn entries_of(harness: &StoreHarness, company: &CompanyId) -> Vec<(Key, Value)> {
    let all = contents(harness.engine.as_ref()).into_iter();
    all.filter(|(key, _)| CompanyCopy::needs(company, key)).collect()
}

fn submit(harness: &StoreHarness, company: &CompanyId) -> Result<u64, StoreError> {
    let mut submission = harness.submission(&parse_request("x:9"));
    submission.company = company.clone();
    wait(harness.store.submit(submission)).map(|outcome| outcome.sequence)
}

#[test]
fn a_company_that_is_deleted_while_others_are_served_is_gone_and_begins_anew() {
    let (mut harness, other) = (store(), other());
    let company = harness.company.clone();
    fill(&mut harness, &company);
    fill(&mut harness, &other);
    let others = entries_of(&harness, &other);
    let mut steps = 0;
    let receipt = wait(harness.store.delete_company(&company, |removed| steps += removed));
    let receipt = receipt.unwrap().unwrap();
    assert_eq!((receipt.profiles, receipt.merges, receipt.entries), (2, 1, steps));
    assert_eq!(entries_of(&harness, &company), []);
    assert_eq!(entries_of(&harness, &other), others);
    assert_eq!(wait(harness.store.delete_company(&company, |_| {})).unwrap(), None);
    assert_eq!(submit(&harness, &company), Ok(1));
    harness.assert_sound();
}

#[test]
fn what_waits_when_a_deletion_begins_is_stored_and_deleted_with_the_rest() {
    let harness = store();
    let company = harness.company.clone();
    // They are queued before the deletion, which waits for their answers.
    let submissions = ["x:1", "x:2", "x:3"].map(|words| harness.submission(&parse_request(words)));
    let queued = submissions.map(|submission| wait(harness.store.enqueue(submission)).unwrap());
    let receipt = wait(harness.store.delete_company(&company, |_| {})).unwrap();
    assert_eq!(receipt.unwrap().profiles, 3);
    assert!(queued.into_iter().all(|answer| wait(answer).is_ok()));
    assert_eq!(entries_of(&harness, &company), []);
}

#[test]
fn a_company_is_copied_into_a_store_that_refuses_its_requests_and_serves_others() {
    let (mut from, mut to, other) = (store(), store(), other());
    let company = from.company.clone();
    fill(&mut from, &company);
    fill(&mut to, &other);
    let there = contents(from.engine.as_ref());
    let mut copy = wait(to.store.begin_copy(&company)).unwrap();
    assert_eq!(submit(&to, &company), Err(StoreError::Unavailable));
    assert_eq!(submit(&to, &other), Ok(5));
    wait(copy.write(there.clone())).unwrap();
    wait(to.store.end_copy(copy, LAYOUT)).unwrap();
    assert_eq!(entries_of(&to, &company), entries_of(&from, &company));
    // Outcomes are numbered on, and a second copy changes nothing.
    assert_eq!(submit(&to, &company), Ok(5));
    let refused = wait(to.store.begin_copy(&company)).err().unwrap();
    assert!(matches!(refused, CopyCompanyError::HasData { .. }));
    assert_eq!(submit(&to, &company), Ok(6));
    to.assert_sound();
}

#[test]
fn a_copy_that_is_broken_off_is_removed_and_the_company_may_be_copied_again() {
    let (mut from, to) = (store(), store());
    let company = from.company.clone();
    fill(&mut from, &company);
    let there = contents(from.engine.as_ref());
    let mut copy = wait(to.store.begin_copy(&company)).unwrap();
    wait(copy.write(there.clone())).unwrap();
    drop(copy);
    assert_eq!(submit(&to, &company), Err(StoreError::Unavailable));
    wait(to.store.delete_company(&company, |_| {})).unwrap();
    assert_eq!(entries_of(&to, &company), []);
    let mut copy = wait(to.store.begin_copy(&company)).unwrap();
    wait(copy.write(there)).unwrap();
    wait(to.store.end_copy(copy, LAYOUT)).unwrap();
    assert_eq!(entries_of(&to, &company), entries_of(&from, &company));
}

#[test]
fn outcomes_of_a_company_are_not_pruned_while_only_a_part_of_it_is_there() {
    let retention = Retention { count: 1, per_profile: 0, ..Retention::default() };
    let options = StoreOptions { durability: Durability::Flushed, retention };
    let (mut from, other) = (store(), other());
    let company = from.company.clone();
    fill(&mut from, &company);
    fill(&mut from, &other);
    let engine = Arc::new(MemoryEngine::new());
    let to = StoreHarness::open(engine, SimulatedIds::new(), options).unwrap();
    let there = contents(from.engine.as_ref());
    let mut copy = wait(to.store.begin_copy(&company)).unwrap();
    wait(copy.write(there)).unwrap();
    to.prune();
    let copied = entries_of(&to, &company);
    assert_eq!(copied.len(), entries_of(&from, &company).len() + 1, "with the marker");
    wait(to.store.end_copy(copy, LAYOUT)).unwrap();
    to.prune();
    assert!(entries_of(&to, &company).len() < copied.len() - 1);
}
