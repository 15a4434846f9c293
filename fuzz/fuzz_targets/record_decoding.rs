//! Arbitrary bytes in place of the records of a store.
//!
//! The input is a list of entries: a byte for the kind, as in docs/STORAGE.md, a byte for the id or
//! number, two for the length of the value, the value. A key that has a text, a time or a second
//! number takes it from the beginning of the value. Keys are well formed, except those of kind `r`,
//! which are all text. Reading the records never panics, always has the same result, and allocates
//! no memory that a record only claims to need. A profile that is read and written again is the
//! same. A store that an audit found sound stays sound, and no request poisons the store.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use profile_protocol::ProfileId;
use profile_store::{
    Audit, DifferentExternalId, Effect, IdentitySettings, Listing, Placeholders, Profile, Rejected,
    Retention, SortKey, Span, StoreError, StoreOptions,
    engine::{MemoryEngine, Order, Write},
    limits,
};
use profile_store_suite::{
    harness::{StoreHarness, wait},
    notation::{TestRequest, identifier},
    simulated_ids::SimulatedIds,
};

/// Settings under which no identifier leaves a profile.
const NO_LIMITS: IdentitySettings = IdentitySettings {
    anonymous_ids: usize::MAX,
    secondary_emails: usize::MAX,
    merges: usize::MAX,
    protect: false,
    different_external_id: DifferentExternalId::SameProfile,
    replaced_days: 30,
    placeholders: Placeholders { added: Vec::new(), removed: Vec::new() },
};

/// The ids of which entries are read.
const IDS: u8 = 8;

fuzz_target!(|input: &[u8]| {
    let engine = Arc::new(MemoryEngine::new());
    // Nothing is pruned between two reads.
    let retention = Retention { days: u64::MAX, count: u64::MAX, ..Retention::default() };
    let options = StoreOptions { retention, ..StoreOptions::default() };
    let harness = StoreHarness::open(engine, SimulatedIds::new(), options);
    let mut harness =
        StoreHarness { settings: Arc::new(NO_LIMITS), ..harness.expect("an empty store opens") };
    harness.created = (0..IDS).map(id).collect();
    let entries = entries(input, harness.company.as_str());
    wait(harness.engine.apply(entries)).expect("memory does not fail");
    let before = audited(&harness);
    let profiles = read_everything(&harness);
    for profile in profiles {
        write_again(&mut harness, profile);
    }
    if before.breaches.is_empty() {
        assert_eq!(audited(&harness).breaches, [], "a sound store was made unsound");
    }
    undo(input, &harness);
    audited(&harness);
});

fn id(number: u8) -> ProfileId {
    ProfileId::from_bits(number.into())
}

fn entries(mut input: &[u8], company: &str) -> Vec<Write> {
    let mut writes = Vec::new();
    while let [kind, number, low, high, rest @ ..] = input {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (value, rest) = rest.split_at(length);
        input = rest;
        let prefix = [company.as_bytes(), &[0, *kind]].concat();
        let pointer = u128::from(*number).to_be_bytes();
        let (key, value) = match kind {
            b'i' => ([&prefix, value].concat(), &pointer[..]),
            b'o' => ([&prefix[..], &u64::from(*number).to_be_bytes()].concat(), value),
            b'N' => (prefix, value),
            b'a' | b'j' | b'J' | b'l' | b'm' | b'n' | b'p' => {
                ([&prefix[..], &pointer].concat(), value)
            }
            b'd' => {
                let (number, value) = value.split_at(value.len().min(1));
                ([&prefix, &pointer[..], &[0], number].concat(), value)
            }
            b'c' | b'u' => {
                let (time, value) = value.split_at(value.len().min(8));
                ([&prefix, time, &pointer].concat(), value)
            }
            _ => {
                let (key, value) = value.split_at(value.len().min((*number).into()));
                (key.to_vec(), value)
            }
        };
        writes.push(Write { key, value: Some(value.to_vec()) });
    }
    writes
}

fn audited(harness: &StoreHarness) -> Audit {
    let audit = harness.audit();
    assert_eq!(audit, harness.audit(), "two audits differ");
    assert!(audit.breaches.len() <= limits::BREACHES);
    audit
}

/// Reads everything in every way, and returns the profiles that were not merged into another.
fn read_everything(harness: &StoreHarness) -> Vec<Profile> {
    let outcomes = wait(harness.store.outcomes(&harness.company, 0, 64));
    if let Ok(outcomes) = outcomes {
        assert!(outcomes.is_sorted_by_key(|outcome| outcome.sequence));
    }
    for word in ["e:ann", "x:1", "p:5", "a:tab"] {
        let (kind, text) = word.split_once(':').expect("a word has a colon");
        let identifier = identifier(kind, text).expect("the word of an identifier");
        let _ = wait(harness.store.find(&harness.company, &identifier));
    }
    for sort in [SortKey::Id, SortKey::Created, SortKey::Updated, SortKey::Email] {
        list(harness, sort, Order::Ascending);
        list(harness, sort, Order::Descending);
    }
    let _ = wait(harness.store.import_jobs(&harness.company, None, Order::Descending, 8));
    let mut living = Vec::new();
    for number in 0..IDS {
        let _ = wait(harness.store.import_job_body(&harness.company, id(number)));
        let history =
            wait(harness.store.history(&harness.company, id(number), limits::HISTORY_PAGE));
        if let Ok(Some(history)) = history {
            assert!(history.outcomes.len() <= limits::HISTORY_PAGE);
        }
        let profile = wait(harness.store.profile(&harness.company, id(number)));
        living.extend(profile.ok().flatten().filter(|profile| profile.id == id(number)));
    }
    living
}

/// Reads a list to its end, or as far as it can be read. No profile is in it twice.
fn list(harness: &StoreHarness, sort: SortKey, order: Order) {
    let (created, updated) = (Span::default(), Span::default());
    let company = harness.company.clone();
    let mut listing = Listing { company, sort, order, created, updated, from: None, limit: 3 };
    let mut seen = Vec::new();
    loop {
        let Ok(page) = wait(harness.store.list(&listing)) else { return };
        assert!(page.profiles.len() <= listing.limit);
        for profile in page.profiles {
            assert!(!seen.contains(&profile.id), "{:?} is listed twice by {sort:?}", profile.id);
            seen.push(profile.id);
        }
        if page.next.is_none() {
            return;
        }
        listing.from = page.next;
    }
}

/// A request with only the id of a profile leaves the profile as it was read.
fn write_again(harness: &mut StoreHarness, profile: Profile) {
    let number = (0..IDS).position(|number| id(number) == profile.id);
    let number = number.expect("one of the ids looked for").to_string();
    let request =
        TestRequest { attributes: vec![("id".to_owned(), number)], ..TestRequest::default() };
    let submission = harness.submission(&request);
    match wait(harness.store.submit(submission)) {
        Ok(outcome) if outcome.effect == Effect::Unchanged => {
            let again = wait(harness.store.profile(&harness.company, profile.id));
            // A damaged record may name an outcome that does not exist yet.
            let last_outcome = profile.last_outcome.max(Some(outcome.sequence));
            let expected = Profile { last_outcome, ..profile };
            assert_eq!(again.expect("what was written is read"), Some(expected));
        }
        Ok(_) | Err(StoreError::Rejected(Rejected::PropertiesTooLarge(_))) => {}
        Err(error) => assert_eq!(error, StoreError::Damaged),
    }
    assert!(harness.store.is_healthy(), "a request poisoned the store");
}

/// Undoes the merge that the first entry records, if it records one.
fn undo(input: &[u8], harness: &StoreHarness) {
    let [b'm', number, ..] = input else { return };
    if let Err(error) = harness.undo(usize::from(*number % IDS)) {
        let told = matches!(error, StoreError::NotMerged | StoreError::Damaged);
        assert!(
            told || matches!(error, StoreError::Rejected(Rejected::PropertiesTooLarge(_))),
            "{error}"
        );
    }
    assert!(harness.store.is_healthy(), "an undone merge poisoned the store");
}
