//! Any bytes at all, found by a store where its own records should be.
//!
//! The input is a list of entries: a byte for the kind, as docs/STORAGE.md has it,
//! a byte for the id or number, two for the length of the value, the value. A key
//! that has a text or a time takes it from the beginning of the value. Keys are well
//! formed but for those of kind `r`, which are all text. Whatever the records say, reading never panics, never ends in two ways
//! and takes no memory that they only claim to need. A profile that is read and
//! written again is the same. What an audit found sound stays sound, and no request
//! poisons the store.
#![no_main]

#[path = "../../crates/profile-store/tests/it/clockwork.rs"]
#[allow(dead_code, reason = "taken in as it stands")]
mod clockwork;
#[path = "../../crates/profile-store/tests/it/gated.rs"]
#[allow(dead_code, reason = "taken in as it stands")]
mod gated;
#[path = "../../crates/profile-store/tests/it/people.rs"]
#[allow(dead_code, reason = "taken in as it stands")]
mod people;
#[path = "../../crates/profile-store/tests/it/world.rs"]
#[allow(dead_code, reason = "taken in as it stands")]
mod world;

use std::sync::Arc;

use clockwork::Clockwork;
use libfuzzer_sys::fuzz_target;
use people::{Asked, identifier};
use profile_protocol::ProfileId;
use profile_store::{
    Audit, Effect, Engine, Listing, Profile, Rejected, Retention, Rules, Sentinels, SortKey, Span,
    StoreError, StoreOptions,
    engine::{MemoryEngine, Order, Write},
    limits,
};
use world::{World, wait};

/// Rules under which nothing has to leave a profile for want of room.
const ROOMY: Rules = Rules {
    anonymous_ids: usize::MAX,
    secondary_emails: usize::MAX,
    merges: usize::MAX,
    protect: false,
    sentinels: Sentinels { added: Vec::new(), removed: Vec::new() },
};

/// Ids that entries are looked for under.
const IDS: u8 = 8;

fuzz_target!(|input: &[u8]| {
    let engine = Arc::new(MemoryEngine::new());
    // Nothing is tidied away between two looks at it.
    let retention = Retention { days: u64::MAX, count: u64::MAX };
    let options = StoreOptions { retention, ..StoreOptions::default() };
    let world = World::run(Arc::clone(&engine) as _, Clockwork::new(), options);
    let mut world = World { rules: Arc::new(ROOMY), ..world.expect("an empty store opens") };
    world.known = (0..IDS).map(id).collect();
    wait(engine.apply(entries(input, world.company.as_str()))).expect("memory does not fail");
    let before = audited(&world);
    let living = read_everything(&world);
    for profile in living {
        write_again(&mut world, profile);
    }
    if before.breaches.is_empty() {
        assert_eq!(audited(&world).breaches, [], "a sound store was made unsound");
    }
    undo(input, &world);
    audited(&world);
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
            b'a' | b'j' | b'J' | b'm' | b'n' | b'p' => ([&prefix[..], &pointer].concat(), value),
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

fn audited(world: &World) -> Audit {
    let audit = world.audit();
    assert_eq!(audit, world.audit(), "two audits differ");
    assert!(audit.breaches.len() <= limits::BREACHES);
    audit
}

/// Reads all there is by every way of reading, and returns the living profiles.
fn read_everything(world: &World) -> Vec<Profile> {
    let outcomes = wait(world.store.outcomes(&world.company, 0, 64));
    if let Ok(outcomes) = outcomes {
        assert!(outcomes.is_sorted_by_key(|outcome| outcome.sequence));
    }
    for word in ["e:ann", "x:1", "p:5", "a:tab"] {
        let (kind, text) = word.split_once(':').expect("a word has a colon");
        let identifier = identifier(kind, text).expect("the word of an identifier");
        let _ = wait(world.store.find(&world.company, &identifier));
    }
    for sort in [SortKey::Id, SortKey::Created, SortKey::Updated, SortKey::Email] {
        list(world, sort, Order::Ascending);
        list(world, sort, Order::Descending);
    }
    let _ = wait(world.store.import_jobs(&world.company, None, Order::Descending, 8));
    let mut living = Vec::new();
    for number in 0..IDS {
        let _ = wait(world.store.import_job_body(&world.company, id(number)));
        let history = wait(world.store.history(&world.company, id(number), limits::HISTORY_PAGE));
        if let Ok(Some(history)) = history {
            assert!(history.outcomes.len() <= limits::HISTORY_PAGE);
        }
        let profile = wait(world.store.profile(&world.company, id(number)));
        living.extend(profile.ok().flatten().filter(|profile| profile.id == id(number)));
    }
    living
}

/// Reads a list to its end, or as far as it can be read. Nobody is in it twice.
fn list(world: &World, sort: SortKey, order: Order) {
    let (created, updated) = (Span::default(), Span::default());
    let company = world.company.clone();
    let mut listing = Listing { company, sort, order, created, updated, from: None, limit: 3 };
    let mut seen = Vec::new();
    loop {
        let Ok(page) = wait(world.store.list(&listing)) else { return };
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

/// A request that says nothing but the id of a profile leaves it as it was read.
fn write_again(world: &mut World, profile: Profile) {
    let number = (0..IDS).position(|number| id(number) == profile.id);
    let number = number.expect("one of the ids looked for").to_string();
    let asked = Asked { attributes: vec![("id".to_owned(), number)], ..Asked::default() };
    let submission = world.submission(&asked);
    match wait(world.store.submit(submission)) {
        Ok(outcome) if outcome.effect == Effect::Unchanged => {
            let again = wait(world.store.profile(&world.company, profile.id));
            let expected = Profile { last_outcome: Some(outcome.sequence), ..profile };
            assert_eq!(again.expect("what was written is read"), Some(expected));
        }
        Ok(_) | Err(StoreError::Rejected(Rejected::PropertiesTooLarge(_))) => {}
        Err(error) => assert_eq!(error, StoreError::Damaged),
    }
    assert!(world.store.is_healthy(), "a request poisoned the store");
}

/// Undoes the merge that the first entry tells of, if it does.
fn undo(input: &[u8], world: &World) {
    let [b'm', number, ..] = input else { return };
    if let Err(error) = world.undo(usize::from(*number % IDS)) {
        let told = matches!(error, StoreError::NotMerged | StoreError::Damaged);
        assert!(
            told || matches!(error, StoreError::Rejected(Rejected::PropertiesTooLarge(_))),
            "{error}"
        );
    }
    assert!(world.store.is_healthy(), "an undone merge poisoned the store");
}
