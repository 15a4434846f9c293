//! The companies that a store has data of.

use std::sync::Arc;

use profile_protocol::CompanyId;
use profile_store::{
    StoredCompanies,
    engine::{MemoryEngine, Write},
    limits, stored_companies,
};

use profile_store_suite::{
    faulty_engine::commit_to_memory,
    harness::{StoreHarness, wait},
};

fn id(number: usize) -> CompanyId {
    format!("C{number:05}").parse().unwrap()
}

/// A store with data of this many companies.
fn stored(companies: usize) -> StoreHarness {
    let mut harness = StoreHarness::over(Arc::new(MemoryEngine::new()));
    for number in 0..companies {
        harness.company = id(number);
        harness.send("e:ann a:tab");
    }
    harness
}

#[test]
fn every_company_with_data_is_found_once_and_no_other() {
    let harness = stored(3);
    let all = |_: &CompanyId| true;
    let expected = StoredCompanies { listed: (0..3).map(id).collect(), count: 3 };
    assert_eq!(wait(harness.store.companies(all)).unwrap(), expected);
    let but_the_second = |company: &CompanyId| *company != id(1);
    let expected = StoredCompanies { listed: vec![id(0), id(2)], count: 2 };
    assert_eq!(wait(harness.store.companies(but_the_second)).unwrap(), expected);
    let empty = wait(stored_companies(&MemoryEngine::new(), all)).unwrap();
    assert_eq!(empty, StoredCompanies::default());
}

#[test]
fn companies_beyond_the_limit_are_counted_and_not_listed() {
    let companies = limits::COMPANIES_LISTED + 3;
    let found = wait(stored(companies).store.companies(|_| true)).unwrap();
    assert_eq!(found.listed, (0..limits::COMPANIES_LISTED).map(id).collect::<Vec<_>>());
    assert_eq!(found.count, companies as u64);
}

#[test]
fn a_format_key_is_no_company() {
    let engine = MemoryEngine::new();
    let value = Some(vec![7]);
    commit_to_memory(&engine, vec![Write { key: b"\0format".to_vec(), value }]);
    assert_eq!(wait(stored_companies(&engine, |_| true)).unwrap(), StoredCompanies::default());
}
