//! Lists of profiles: every order gives what sorting them all in memory gives,
//! page by page, and no page takes more than so much reading.

use std::{cmp::Ordering, collections::HashSet, sync::Arc};

use profile_protocol::{EmailPrefix, ProfileId};
use profile_store::{
    Listing, Profile, ProfileCountSoFar, ProfilePage, ProfileWalk, SortCursor, SortKey, Span,
    StoreOptions, Timestamp,
    engine::{EngineError, Key, Order, Value, Write},
    limits::{COUNT_STEP, LIST_CHUNK, LIST_ENTRIES, LIST_PAGE},
};
use proptest::prelude::*;

use crate::{
    engines::Engines,
    generators::{SMALL_LIMITS, sequences},
    harness::{StoreHarness, wait},
    notation::{TestRequest, parse_request},
    simulated_ids::{EPOCH, SimulatedIds},
};

const SORTS: [SortKey; 4] = [SortKey::Id, SortKey::Created, SortKey::Updated, SortKey::Email];
const ORDERS: [Order; 2] = [Order::Ascending, Order::Descending];

/// All profiles in an order.
fn listing(harness: &StoreHarness, sort: SortKey, order: Order, limit: usize) -> Listing {
    let (created, updated) = (Span::default(), Span::default());
    let company = harness.company.clone();
    Listing { company, sort, order, created, updated, from: None, limit }
}

fn page(harness: &StoreHarness, listing: &Listing) -> ProfilePage {
    wait(harness.store.list(listing)).unwrap()
}

/// A cursor, encoded and decoded again.
fn kept(next: &SortCursor, listing: &Listing) -> SortCursor {
    SortCursor::from_bytes(&next.to_bytes(), listing.sort, listing.order).unwrap()
}

/// All pages, one after the other.
fn follow(harness: &StoreHarness, mut listing: Listing) -> Vec<Profile> {
    let mut read = Vec::new();
    loop {
        let mut page = page(harness, &listing);
        assert!(page.profiles.len() <= listing.limit);
        read.append(&mut page.profiles);
        let Some(next) = page.next else { return read };
        listing.from = Some(kept(&next, &listing));
    }
}

pub fn addresses_that_begin_alike_are_listed_page_by_page_in_either_order(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for request in ["e:sam", "e:sarah", "e:sab", "e:s", "e:tom", "x:1", "e:sarah2"] {
        harness.send(request);
    }
    // An address that a profile has lost lists it no more.
    harness.send("server x:1 e:sax");
    harness.send("server x:1 e:other");
    let prefix: EmailPrefix = "SA".parse().unwrap();
    for order in ORDERS {
        let mut listing = listing(&harness, SortKey::Email, order, 2);
        let mut read = Vec::new();
        loop {
            let page = wait(harness.store.list_by_email(&listing, &prefix)).unwrap();
            let emails = page.profiles.iter().filter_map(|one| one.identifiers.email.clone());
            read.extend(emails.map(|email| email.as_str().split('@').next().unwrap().to_owned()));
            let Some(next) = page.next else { break };
            listing.from = Some(kept(&next, &listing));
        }
        if order == Order::Descending {
            read.reverse();
        }
        // A digit comes before the @ that ends the other name.
        assert_eq!(read, ["sab", "sam", "sarah2", "sarah"]);
    }
}

/// All profiles that are not merged into another.
fn living(harness: &StoreHarness) -> Vec<Profile> {
    let numbers = 0..harness.created.len();
    numbers
        .filter(|&number| harness.is_unmerged(number))
        .map(|number| harness.profile(number))
        .collect()
}

fn within(span: Span, at: Timestamp) -> bool {
    span.after.is_none_or(|after| after < at) && span.before.is_none_or(|before| at < before)
}

/// The list as sorting all profiles gives it.
fn sorted(harness: &StoreHarness, listing: &Listing) -> Vec<Profile> {
    let mut profiles = living(harness);
    profiles.retain(|profile| {
        within(listing.created, profile.created) && within(listing.updated, profile.updated)
    });
    profiles.sort_by(|a, b| {
        let by = match listing.sort {
            SortKey::Id => Ordering::Equal,
            SortKey::Created => a.created.cmp(&b.created),
            SortKey::Updated => a.updated.cmp(&b.updated),
            SortKey::Email => address(a).cmp(&address(b)),
        };
        by.then(a.id.cmp(&b.id))
    });
    if listing.order == Order::Descending {
        profiles.reverse();
    }
    profiles
}

/// Greater than every address if there is none.
fn address(profile: &Profile) -> (bool, &str) {
    let email = profile.identifiers.email.as_ref();
    (email.is_none(), email.map_or("", |email| email.as_str()))
}

/// A time that cuts what happened in a short test, or none.
fn bounds() -> impl Strategy<Value = Option<Timestamp>> {
    let near = (0u64..12).prop_map(|ticks| Timestamp::from_millis(EPOCH + ticks));
    let far = prop::sample::select(&[0, u64::MAX][..]).prop_map(Timestamp::from_millis);
    prop::option::weighted(0.4, prop_oneof![9 => near, 1 => far])
}

fn spans() -> impl Strategy<Value = Span> {
    (bounds(), bounds()).prop_map(|(after, before)| Span { after, before })
}

type Steps = Vec<(Vec<TestRequest>, prop::sample::Index)>;

/// Requests, and now and then the undoing of a merge.
fn lives() -> impl Strategy<Value = Steps> {
    prop::collection::vec((sequences(), any::<prop::sample::Index>()), 1..4)
}

fn live(harness: &mut StoreHarness, steps: &Steps) {
    for (sequence, undone) in steps {
        for request in sequence {
            harness.send_request(request);
        }
        let gone: Vec<usize> =
            (0..harness.created.len()).filter(|&n| !harness.is_unmerged(n)).collect();
        if !gone.is_empty() {
            harness.undo(gone[undone.index(gone.len())]).unwrap();
        }
    }
}

/// A store with a clock that stands still for three readings, so that times repeat.
fn coarse(engines: &Engines) -> StoreHarness {
    let options = StoreOptions::default();
    let harness = StoreHarness::create(engines, SimulatedIds::new().coarse(3), options).unwrap();
    StoreHarness { settings: Arc::new(SMALL_LIMITS), ..harness }
}

/// A profile without the number of its newest outcome, which every request changes.
fn unnumbered(profile: Profile) -> Profile {
    Profile { last_outcome: None, ..profile }
}

/// Reads all pages of a list, with requests between them.
fn follow_while_living(
    harness: &mut StoreHarness,
    mut listing: Listing,
    mut steps: Steps,
) -> Vec<Profile> {
    let mut read = Vec::new();
    loop {
        let page = page(harness, &listing);
        read.extend(page.profiles.into_iter().map(unnumbered));
        let Some(next) = page.next else { return read };
        listing.from = Some(next);
        live(harness, &steps.pop().into_iter().collect());
    }
}

pub fn a_list_is_all_profiles_sorted(engines: &Engines) {
    engines.check((lives(), 1usize..8, spans(), spans()), |(steps, limit, created, updated)| {
        let mut harness = coarse(engines);
        live(&mut harness, &steps);
        for sort in SORTS {
            for order in ORDERS {
                let all = listing(&harness, sort, order, limit);
                prop_assert_eq!(follow(&harness, all.clone()), sorted(&harness, &all));
                let some = Listing { created, updated, ..all };
                prop_assert_eq!(follow(&harness, some.clone()), sorted(&harness, &some));
            }
        }
        harness.assert_sound();
        Ok(())
    });
}

pub fn changes_between_pages_lose_no_unchanged_profile(engines: &Engines) {
    engines.check(
        (lives(), lives(), prop::sample::select(&SORTS[..]), prop::sample::select(&ORDERS[..])),
        |(before, between, sort, order)| {
            let mut harness = coarse(engines);
            live(&mut harness, &before);
            let all = listing(&harness, sort, order, 1);
            let first: Vec<Profile> = living(&harness).into_iter().map(unnumbered).collect();
            let read = follow_while_living(&mut harness, all, between);
            let last: Vec<Profile> = living(&harness).into_iter().map(unnumbered).collect();
            for profile in first.iter().filter(|profile| last.contains(profile)) {
                prop_assert_eq!(read.iter().filter(|one| *one == profile).count(), 1);
            }
            if sort == SortKey::Id {
                let ids: HashSet<ProfileId> = read.iter().map(|profile| profile.id).collect();
                prop_assert_eq!(ids.len(), read.len());
            }
            Ok(())
        },
    );
}

/// Five thousand profiles, every second without an address.
fn crowd(engines: &Engines) -> StoreHarness {
    let mut harness = StoreHarness::new(engines);
    for thousand in 0..5 {
        let words = |number: usize| {
            let number = 1_000 * thousand + number;
            if number.is_multiple_of(2) {
                format!("e:person-{number}")
            } else {
                format!("a:{number}")
            }
        };
        let requests =
            (0..1_000).map(|number| harness.submission(&parse_request(&words(number)))).collect();
        let answers = harness.submit_together(requests);
        answers.iter().for_each(|answer| harness.note_created(answer));
    }
    harness.prune();
    harness
}

/// A page, and how many entries were read for it.
fn counted(harness: &StoreHarness, listing: &Listing) -> (ProfilePage, usize) {
    let before = harness.engine.entries_read();
    let page = page(harness, listing);
    (page, harness.engine.entries_read() - before)
}

pub fn a_page_of_a_large_store_takes_a_bounded_number_of_reads(engines: &Engines) {
    let harness = crowd(engines);
    assert_eq!(harness.created.len(), 5_000);
    for (sort, order) in SORTS.into_iter().flat_map(|sort| ORDERS.map(|order| (sort, order))) {
        for limit in [0, 1, LIST_PAGE, usize::MAX] {
            let all = listing(&harness, sort, order, limit);
            let (page, read) = counted(&harness, &all);
            let wanted = limit.clamp(1, LIST_PAGE);
            assert_eq!(page.profiles, sorted(&harness, &all)[..wanted]);
            // Each profile and its index entry, up to the end of a chunk, and the newest outcome of
            // each profile on the page.
            let bound = 2 * (wanted + LIST_CHUNK) + wanted;
            assert!(read <= bound, "{sort:?} {order:?} {limit}: {read}");
        }
        // Both the entries and the profiles they lead to.
        let missing = Span { after: Some(Timestamp::from_millis(u64::MAX)), before: None };
        for (created, updated) in [(missing, Span::default()), (Span::default(), missing)] {
            let none = Listing { created, updated, ..listing(&harness, sort, order, 1) };
            let (page, read) = counted(&harness, &none);
            assert_eq!(page.profiles, []);
            assert!(read <= 2 * LIST_ENTRIES, "{sort:?} {order:?}: {read}");
        }
    }
}

pub fn a_rare_match_is_found_by_following_empty_pages(engines: &Engines) {
    let harness = crowd(engines);
    let last = harness.profile(4_999);
    let before = Timestamp::from_millis(last.created.millis() - 1);
    let created = Span { after: Some(before), before: None };
    let mut one = Listing { created, ..listing(&harness, SortKey::Id, Order::Ascending, 10) };
    let first = page(&harness, &one);
    assert_eq!(first.profiles, []);
    one.from = first.next;
    assert!(one.from.is_some());
    assert_eq!(follow(&harness, one), [last]);
}

pub fn a_span_of_the_sort_key_reads_only_its_entries(engines: &Engines) {
    let harness = crowd(engines);
    let (from, to) = (harness.profile(2_400).created, harness.profile(2_411).created);
    let span = Span { after: Some(from), before: Some(to) };
    let spans =
        [(SortKey::Created, span, Span::default()), (SortKey::Updated, Span::default(), span)];
    for ((sort, created, updated), order) in
        spans.into_iter().flat_map(|spans| ORDERS.map(|order| (spans, order)))
    {
        let ten = Listing { created, updated, ..listing(&harness, sort, order, 20) };
        let (page, read) = counted(&harness, &ten);
        assert_eq!(page.profiles, sorted(&harness, &ten));
        assert_eq!((page.profiles.len(), page.next), (10, None));
        assert!(read <= 2 * 21, "{sort:?} {order:?}: {read}");
    }
}

/// Ann and Bob, and Bob's second address.
fn two(engines: &Engines) -> StoreHarness {
    let mut harness = StoreHarness::new(engines);
    for words in ["e:ann", "e:bob", "server e:bob +e:bobby", "a:tab"] {
        harness.send(words);
    }
    harness
}

fn key(kind: u8, rest: &[&[u8]]) -> Key {
    [b"DEMO01\0", &[kind][..], &rest.concat()].concat()
}

pub fn stale_index_entries_are_skipped(engines: &Engines) {
    let harness = two(engines);
    let id = |number: usize| harness.created[number].bits().to_be_bytes();
    let (at, missing) = (EPOCH.to_be_bytes(), [9; 16]);
    let stale = [
        (key(b'u', &[&at, &id(0)]), Value::new()),
        (key(b'u', &[&at, &missing]), Value::new()),
        (key(b'c', &[&at, &id(0)]), Value::new()),
        (key(b'n', &[&id(0)]), Value::new()),
        (key(b'i', &[b"eada@example.com"]), id(0).to_vec()),
        (key(b'i', &[b"ezoe@example.com"]), missing.to_vec()),
    ];
    let stale = stale.map(|(key, value)| Write { key, value: Some(value) });
    wait(harness.engine.apply(stale.into())).unwrap();
    for (sort, order) in SORTS.into_iter().flat_map(|sort| ORDERS.map(|order| (sort, order))) {
        for limit in 1..4 {
            let all = listing(&harness, sort, order, limit);
            assert_eq!(follow(&harness, all.clone()), sorted(&harness, &all));
        }
    }
}

pub fn both_indexes_of_created_are_read_to_the_same_time(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["a:1", "a:2", "a:3", "a:4", "x:between", "e:1", "e:2", "e:3", "e:4"] {
        harness.send(words);
    }
    for words in ["e:1 a:1", "e:2 a:2", "e:3 a:3", "e:4 a:4", "x:between name=Ann"] {
        harness.send(words);
    }
    // Neither of the first two was updated late enough, and they are all that a
    // small page reads at first of those created at another time than their ids say.
    let updated = Span { after: Some(harness.profile(6).updated), before: None };
    let late = listing(&harness, SortKey::Created, Order::Ascending, 1);
    let late = Listing { updated, ..late };
    assert_eq!(sorted(&harness, &late).len(), 3);
    assert_eq!(follow(&harness, late.clone()), sorted(&harness, &late));
}

pub fn a_damaged_profile_makes_a_list_fail(engines: &Engines) {
    let harness = two(engines);
    let own = key(b'p', &[&harness.created[0].bits().to_be_bytes()]);
    wait(harness.engine.apply(vec![Write { key: own, value: Some(vec![9]) }])).unwrap();
    for sort in SORTS {
        let all = listing(&harness, sort, Order::Ascending, 10);
        let read = wait(harness.store.list(&all));
        assert!(matches!(read, Err(EngineError::Damaged(_))), "{read:?}");
    }
}

/// The ids of all profiles that a walk reads, those of damaged ones apart. `between` is called
/// after each read.
fn walked(
    harness: &mut StoreHarness,
    mut between: impl FnMut(&mut StoreHarness),
) -> (Vec<ProfileId>, Vec<ProfileId>) {
    let (mut walk, mut sound, mut damaged) = (ProfileWalk::default(), vec![], vec![]);
    let company = harness.company.clone();
    while let Some(read) = wait(harness.store.next_profiles(&company, &mut walk)).unwrap() {
        assert!(read.len() <= LIST_CHUNK);
        for profile in read {
            match profile {
                Ok(profile) => sound.push(profile.id),
                Err(profile) => damaged.push(profile.id),
            }
        }
        between(harness);
    }
    (sound, damaged)
}

pub fn a_walk_reads_each_profile_once_in_the_order_of_ids_and_goes_past_damage(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for number in 0..3 * LIST_CHUNK {
        harness.send(&format!("e:person-{number} a:{number}"));
    }
    let mut ids = harness.created.clone();
    ids.sort();
    assert_eq!(walked(&mut harness, |_| {}), (ids.clone(), vec![]));
    let damaged = ids.remove(5);
    let own = key(b'p', &[&damaged.bits().to_be_bytes()]);
    wait(harness.engine.apply(vec![Write { key: own, value: Some(vec![9]) }])).unwrap();
    // What is written meanwhile moves no profile and repeats none.
    let mut round = 0;
    let between = |harness: &mut StoreHarness| {
        round += 1;
        for number in 10..3 * LIST_CHUNK {
            harness.send(&format!("server e:person-{number} plan=round-{round}"));
        }
    };
    assert_eq!(walked(&mut harness, between), (ids, vec![damaged]));
}

pub fn no_list_shows_another_companys_profiles(engines: &Engines) {
    let mut harness = two(engines);
    let demo = std::mem::take(&mut harness.created);
    // The one name begins with the other.
    let first = std::mem::replace(&mut harness.company, "DEMO011".parse().unwrap());
    harness.send("e:cat");
    harness.send("a:pad");
    for (company, known) in [(harness.company.clone(), harness.created.clone()), (first, demo)] {
        (harness.company, harness.created) = (company, known);
        for (sort, order) in SORTS.into_iter().flat_map(|sort| ORDERS.map(|order| (sort, order))) {
            let all = listing(&harness, sort, order, 10);
            assert!(2 <= harness.created.len());
            assert_eq!(follow(&harness, all.clone()), sorted(&harness, &all));
        }
    }
}

pub fn a_cursor_of_another_list_begins_no_page(engines: &Engines) {
    let harness = two(engines);
    let by_id = listing(&harness, SortKey::Id, Order::Ascending, 1);
    let from = page(&harness, &by_id).next;
    assert!(from.is_some());
    for (sort, order) in [
        (SortKey::Id, Order::Descending),
        (SortKey::Created, Order::Ascending),
        (SortKey::Email, Order::Ascending),
    ] {
        let other = Listing { from: from.clone(), ..listing(&harness, sort, order, 1) };
        assert_eq!(page(&harness, &other), ProfilePage::default());
    }
}

pub fn a_page_of_the_largest_profiles_comes_back_short(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    let large = "x".repeat(100_000);
    for number in 0..30 {
        harness.send(&format!("x:n{number} plan={large}"));
        harness.send(&format!("x:n{number} name={number}"));
    }
    let first = page(&harness, &listing(&harness, SortKey::Id, Order::Ascending, 100));
    assert!(first.profiles.len() < 30 && 2 <= first.profiles.len(), "{}", first.profiles.len());
    let rest =
        Listing { from: first.next, ..listing(&harness, SortKey::Id, Order::Ascending, 100) };
    assert_eq!(first.profiles.len() + page(&harness, &rest).profiles.len(), 30);
}

pub fn a_count_has_each_profile_once_whatever_changes_meanwhile(engines: &Engines) {
    for count in [0, 1, COUNT_STEP, 2 * COUNT_STEP + 7] {
        let mut harness = StoreHarness::new(engines);
        for number in 0..count {
            harness.send(&format!("x:c{number}"));
        }
        let mut so_far = ProfileCountSoFar::default();
        loop {
            let step = harness.store.count_profiles(&harness.company, so_far);
            so_far = wait(step).unwrap();
            if so_far.after.is_none() {
                break;
            }
            harness.send("x:c0 name=Ann");
            harness.send(&format!("x:c{} name=Bob", count - 1));
        }
        assert_eq!(so_far.profiles, count as u64);
    }
}
