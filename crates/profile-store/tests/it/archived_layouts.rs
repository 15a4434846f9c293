//! Data directories that the release with layout 5 wrote, with every kind of record and key, open
//! and show what that release showed.
//!
//! `tests/golden/layout-5-archives` holds them: `clean` was closed and is all in sled, `killed` was
//! aborted with much of it in the journal only, `empty` holds no company. `expected.txt` is what
//! [`dump`](crate::store_dump) wrote over that release, and `expected-after-undo.txt` the same
//! after every merge was undone, but that each undo has a time of its own.

use std::{fs, path::Path, sync::Arc};

use profile_protocol::{CompanyId, Revision};
use profile_store::{
    Engine, IdGenerator, Listing, NoEntropy, Retention, SortKey, Span, Store, StoreOptions,
    Timestamp, Undo, engine::Order,
};
use profile_store_suite::{archived_store, engines::open_embedded, harness::wait};
use tempfile::TempDir;

use crate::store_dump::dump;

const COMPANIES: [&str; 7] =
    ["A", "DEMO01", "DEMO012", "IMPORTS", "PRUNED", "SHOP02", "abcdefghijklmnopqrstuvwxyzABCDEF"];

/// A clock that stands still at the time at which the release undid the merges.
struct StoppedClock;

impl IdGenerator for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000)
    }

    fn entropy(&self) -> Result<u128, NoEntropy> {
        Ok(7 << 64 | 8)
    }
}

fn expected(name: &str, file: &str) -> String {
    fs::read_to_string(archived_store::file(name, file)).unwrap()
}

/// A directory with the contents of an archive.
fn unpacked(name: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    archived_store::unpack(name, directory.path());
    directory
}

fn open(engine: Arc<dyn Engine>) -> Store {
    let retention = Retention { days: 1_000_000, count: u64::MAX, ..Retention::default() };
    let options = StoreOptions { retention, ..StoreOptions::default() };
    wait(Store::open(engine, Arc::new(StoppedClock), options)).unwrap()
}

/// What the store in a directory shows, after `change`.
fn shown(directory: &Path, change: impl FnOnce(&Store)) -> String {
    let engine: Arc<dyn Engine> = Arc::new(open_embedded(directory));
    let store = open(Arc::clone(&engine));
    change(&store);
    let shown = wait(dump(&store, engine.as_ref(), &COMPANIES));
    wait(store.close()).unwrap();
    shown
}

/// Company by company, undoes the newest merge of the first profile that has any, until none is
/// left.
fn undo_all(store: &Store) {
    for company in COMPANIES.map(|name| name.parse::<CompanyId>().unwrap()) {
        loop {
            let listing = Listing {
                company: company.clone(),
                sort: SortKey::Id,
                order: Order::Ascending,
                created: Span::default(),
                updated: Span::default(),
                from: None,
                limit: 100,
            };
            let page = wait(store.list(&listing)).unwrap();
            assert_eq!(page.next, None);
            let merged = page.profiles.iter().find_map(|profile| profile.absorbed.last());
            let Some(&absorbed) = merged else { break };
            let (company, settings) = (company.clone(), Arc::default());
            let (revision, request_ids) = (Revision::LATEST, None);
            let undo = Undo { company, absorbed, settings, revision, request_ids };
            wait(store.undo(undo)).unwrap();
        }
    }
}

#[test]
fn an_archived_directory_shows_what_its_release_showed() {
    for name in ["clean", "killed", "empty"] {
        let directory = unpacked(name);
        let expected = expected(name, "expected.txt");
        // The second time there is nothing to migrate.
        for _ in 0..2 {
            assert_eq!(shown(directory.path(), |_| {}), expected, "{name}");
        }
    }
}

#[test]
fn every_merge_of_an_archived_directory_can_be_undone() {
    for name in ["clean", "killed", "empty"] {
        let directory = unpacked(name);
        let expected = expected(name, "expected-after-undo.txt");
        assert_eq!(shown(directory.path(), undo_all), expected, "{name}");
    }
}
