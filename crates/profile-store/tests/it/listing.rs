//! Lists of profiles: every order gives what sorting them all in memory gives,
//! page by page, and no page takes more than so much reading.

use std::{
    cmp::Ordering,
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use profile_protocol::ProfileId;
use profile_store::{
    Engine, Listing, Profile, ProfilePage, SortCursor, SortKey, Span, Timestamp,
    engine::{BoxFuture, EngineError, Key, MemoryEngine, Order, Scan, Value, Write},
    limits::{LIST_CHUNK, LIST_ENTRIES, LIST_PAGE},
};
use proptest::prelude::*;

use crate::{
    clockwork::{Clockwork, EPOCH},
    faulty::wait_now,
    laws::{TIGHT, sequences},
    people::{Asked, asked},
    world::{World, open_sled, wait},
};

const SORTS: [SortKey; 4] = [SortKey::Id, SortKey::Created, SortKey::Updated, SortKey::Email];
const ORDERS: [Order; 2] = [Order::Ascending, Order::Descending];

/// All profiles in an order.
fn listing(world: &World, sort: SortKey, order: Order, limit: usize) -> Listing {
    let (created, updated) = (Span::default(), Span::default());
    let company = world.company.clone();
    Listing { company, sort, order, created, updated, from: None, limit }
}

fn page(world: &World, listing: &Listing) -> ProfilePage {
    wait(world.store.list(listing)).unwrap()
}

/// Where a list goes on, having been somebody else's to keep meanwhile.
fn kept(next: &SortCursor, listing: &Listing) -> SortCursor {
    SortCursor::from_bytes(&next.to_bytes(), listing.sort, listing.order).unwrap()
}

/// All pages, one after the other.
fn follow(world: &World, mut listing: Listing) -> Vec<Profile> {
    let mut read = Vec::new();
    loop {
        let mut page = page(world, &listing);
        assert!(page.profiles.len() <= listing.limit);
        read.append(&mut page.profiles);
        let Some(next) = page.next else { return read };
        listing.from = Some(kept(&next, &listing));
    }
}

/// Everybody who lives.
fn living(world: &World) -> Vec<Profile> {
    let numbers = 0..world.known.len();
    numbers.filter(|&number| world.lives(number)).map(|number| world.profile(number)).collect()
}

fn within(span: Span, at: Timestamp) -> bool {
    span.after.is_none_or(|after| after < at) && span.before.is_none_or(|before| at < before)
}

/// What a list is to be, by sorting everybody.
fn sorted(world: &World, listing: &Listing) -> Vec<Profile> {
    let mut profiles = living(world);
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

type Steps = Vec<(Vec<Asked>, prop::sample::Index)>;

/// Requests, and now and then the undoing of a merge.
fn lives() -> impl Strategy<Value = Steps> {
    prop::collection::vec((sequences(), any::<prop::sample::Index>()), 1..4)
}

fn live(world: &mut World, steps: &Steps) {
    for (sequence, undone) in steps {
        for asked in sequence {
            world.ask(asked);
        }
        let gone: Vec<usize> = (0..world.known.len()).filter(|&n| !world.lives(n)).collect();
        if !gone.is_empty() {
            world.undo(gone[undone.index(gone.len())]).unwrap();
        }
    }
}

/// A store whose clock stands still for three looks, so that times repeat.
fn coarse(engine: Arc<dyn Engine>) -> World {
    let world = World::resumed(engine, Clockwork::new().coarse(3));
    World { rules: Arc::new(TIGHT), ..world }
}

fn in_memory() -> World {
    coarse(Arc::new(MemoryEngine::new()))
}

fn on_disk() -> World {
    let directory = tempfile::tempdir().unwrap();
    let engine = open_sled(directory.path());
    World { _directory: Some(directory), ..coarse(Arc::new(engine)) }
}

/// A profile apart from the note of its newest outcome, which moves whatever is
/// asked.
fn unnumbered(profile: Profile) -> Profile {
    Profile { last_outcome: None, ..profile }
}

/// Reads all pages of a list while people live on.
fn follow_while_living(world: &mut World, mut listing: Listing, mut steps: Steps) -> Vec<Profile> {
    let mut read = Vec::new();
    loop {
        let page = page(world, &listing);
        read.extend(page.profiles.into_iter().map(unnumbered));
        let Some(next) = page.next else { return read };
        listing.from = Some(next);
        live(world, &steps.pop().into_iter().collect());
    }
}

macro_rules! lists {
    ($engine:ident, $cases:expr, $world:expr) => {
        mod $engine {
            use super::*;

            proptest! {
                #![proptest_config(ProptestConfig::with_cases($cases))]

                #[test]
                fn every_order_is_that_of_all_profiles_sorted(
                    steps in lives(),
                    limit in 1usize..8,
                    created in spans(),
                    updated in spans(),
                ) {
                    let mut world = $world();
                    live(&mut world, &steps);
                    for sort in SORTS {
                        for order in ORDERS {
                            let all = listing(&world, sort, order, limit);
                            prop_assert_eq!(follow(&world, all.clone()), sorted(&world, &all));
                            let some = Listing { created, updated, ..all };
                            prop_assert_eq!(follow(&world, some.clone()), sorted(&world, &some));
                        }
                    }
                    world.is_sound();
                }

                #[test]
                fn changes_between_pages_lose_nobody_who_did_not_change(
                    before in lives(),
                    between in lives(),
                    sort in prop::sample::select(&SORTS[..]),
                    order in prop::sample::select(&ORDERS[..]),
                ) {
                    let mut world = $world();
                    live(&mut world, &before);
                    let all = listing(&world, sort, order, 1);
                    let first: Vec<Profile> = living(&world).into_iter().map(unnumbered).collect();
                    let read = follow_while_living(&mut world, all, between);
                    let last: Vec<Profile> = living(&world).into_iter().map(unnumbered).collect();
                    for profile in first.iter().filter(|profile| last.contains(profile)) {
                        prop_assert_eq!(read.iter().filter(|one| *one == profile).count(), 1);
                    }
                    if sort == SortKey::Id {
                        let ids: HashSet<ProfileId> = read.iter().map(|profile| profile.id).collect();
                        prop_assert_eq!(ids.len(), read.len());
                    }
                }
            }
        }
    };
}

lists!(memory, 192, in_memory);
lists!(sled, 12, on_disk);

/// Counts the entries that are read.
#[derive(Default)]
struct Counting {
    inner: MemoryEngine,
    entries: AtomicUsize,
}

impl Engine for Counting {
    fn read<'a>(
        &'a self,
        keys: &'a [Key],
    ) -> BoxFuture<'a, Result<Vec<Option<Value>>, EngineError>> {
        self.entries.fetch_add(keys.len(), SeqCst);
        self.inner.read(keys)
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<(Key, Value)>, EngineError>> {
        let entries = wait_now(self.inner.scan(scan));
        self.entries.fetch_add(entries.as_ref().map_or(0, Vec::len), SeqCst);
        Box::pin(std::future::ready(entries))
    }

    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<(), EngineError>> {
        self.inner.apply(batch)
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        self.inner.flush()
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        self.inner.bytes()
    }
}

/// Five thousand profiles, every second without an address.
fn crowd() -> (Arc<Counting>, World) {
    let engine = Arc::new(Counting::default());
    let mut world = World::over(Arc::clone(&engine) as _);
    for thousand in 0..5 {
        let words = |number: usize| {
            let number = 1_000 * thousand + number;
            if number.is_multiple_of(2) {
                format!("e:person-{number}")
            } else {
                format!("a:{number}")
            }
        };
        let requests = (0..1_000).map(|number| world.submission(&asked(&words(number)))).collect();
        let answers = world.submit_together(requests);
        answers.iter().for_each(|answer| world.note(answer));
    }
    world.settle();
    (engine, world)
}

/// A page, and how many entries were read for it.
fn counted(engine: &Counting, world: &World, listing: &Listing) -> (ProfilePage, usize) {
    let before = engine.entries.load(SeqCst);
    let page = page(world, listing);
    (page, engine.entries.load(SeqCst) - before)
}

#[test]
fn a_page_of_a_large_store_takes_a_bounded_number_of_reads() {
    let (engine, world) = crowd();
    assert_eq!(world.known.len(), 5_000);
    for (sort, order) in SORTS.into_iter().flat_map(|sort| ORDERS.map(|order| (sort, order))) {
        for limit in [0, 1, LIST_PAGE, usize::MAX] {
            let all = listing(&world, sort, order, limit);
            let (page, read) = counted(&engine, &world, &all);
            let wanted = limit.clamp(1, LIST_PAGE);
            assert_eq!(page.profiles, sorted(&world, &all)[..wanted]);
            // Each profile and its entry, up to the end of a stretch.
            assert!(read <= 2 * (wanted + LIST_CHUNK), "{sort:?} {order:?} {limit}: {read}");
        }
        // Both the entries and the profiles they lead to.
        let nobody = Span { after: Some(Timestamp::from_millis(u64::MAX)), before: None };
        for (created, updated) in [(nobody, Span::default()), (Span::default(), nobody)] {
            let none = Listing { created, updated, ..listing(&world, sort, order, 1) };
            let (page, read) = counted(&engine, &world, &none);
            assert_eq!(page.profiles, []);
            assert!(read <= 2 * LIST_ENTRIES, "{sort:?} {order:?}: {read}");
        }
    }
}

#[test]
fn what_nearly_nobody_meets_is_found_by_following_pages_that_are_empty() {
    let (_, world) = crowd();
    let last = world.profile(4_999);
    let before = Timestamp::from_millis(last.created.millis() - 1);
    let created = Span { after: Some(before), before: None };
    let mut one = Listing { created, ..listing(&world, SortKey::Id, Order::Ascending, 10) };
    let first = page(&world, &one);
    assert_eq!(first.profiles, []);
    one.from = first.next;
    assert!(one.from.is_some());
    assert_eq!(follow(&world, one), [last]);
}

#[test]
fn a_span_of_the_order_itself_is_read_alone() {
    let (engine, world) = crowd();
    let (from, to) = (world.profile(2_400).created, world.profile(2_411).created);
    let span = Span { after: Some(from), before: Some(to) };
    for (sort, order) in [SortKey::Created, SortKey::Updated]
        .into_iter()
        .flat_map(|sort| ORDERS.map(|order| (sort, order)))
    {
        let (created, updated) = match sort {
            SortKey::Created => (span, Span::default()),
            _ => (Span::default(), span),
        };
        let ten = Listing { created, updated, ..listing(&world, sort, order, 20) };
        let (page, read) = counted(&engine, &world, &ten);
        assert_eq!(page.profiles, sorted(&world, &ten));
        assert_eq!((page.profiles.len(), page.next), (10, None));
        assert!(read <= 2 * 21, "{sort:?} {order:?}: {read}");
    }
}

/// Ann and Bob, and Bob's second address.
fn two() -> World {
    let mut world = World::new();
    for words in ["e:ann", "e:bob", "server e:bob +e:bobby", "a:tab"] {
        world.say(words);
    }
    world
}

fn key(kind: u8, rest: &[&[u8]]) -> Key {
    [b"DEMO01\0", &[kind][..], &rest.concat()].concat()
}

#[test]
fn entries_that_a_change_has_overtaken_are_passed_over() {
    let world = two();
    let id = |number: usize| world.known[number].bits().to_be_bytes();
    let (at, nobody) = (EPOCH.to_be_bytes(), [9; 16]);
    let stale = [
        (key(b'u', &[&at, &id(0)]), Value::new()),
        (key(b'u', &[&at, &nobody]), Value::new()),
        (key(b'c', &[&at, &id(0)]), Value::new()),
        (key(b'n', &[&id(0)]), Value::new()),
        (key(b'i', &[b"eada@example.com"]), id(0).to_vec()),
        (key(b'i', &[b"ezoe@example.com"]), nobody.to_vec()),
    ];
    let stale = stale.map(|(key, value)| Write { key, value: Some(value) });
    wait(world.engine.apply(stale.into())).unwrap();
    for (sort, order) in SORTS.into_iter().flat_map(|sort| ORDERS.map(|order| (sort, order))) {
        for limit in 1..4 {
            let all = listing(&world, sort, order, limit);
            assert_eq!(follow(&world, all.clone()), sorted(&world, &all));
        }
    }
}

#[test]
fn what_the_one_index_of_created_has_more_of_is_not_lost_to_the_other() {
    let mut world = World::new();
    for words in ["a:1", "a:2", "a:3", "a:4", "x:between", "e:1", "e:2", "e:3", "e:4"] {
        world.say(words);
    }
    for words in ["e:1 a:1", "e:2 a:2", "e:3 a:3", "e:4 a:4", "x:between name=Ann"] {
        world.say(words);
    }
    // Neither of the first two was updated late enough, and they are all that a
    // small page reads at first of those created at another time than their ids say.
    let updated = Span { after: Some(world.profile(6).updated), before: None };
    let late = listing(&world, SortKey::Created, Order::Ascending, 1);
    let late = Listing { updated, ..late };
    assert_eq!(sorted(&world, &late).len(), 3);
    assert_eq!(follow(&world, late.clone()), sorted(&world, &late));
}

#[test]
fn a_profile_that_is_damaged_is_not_left_out_in_silence() {
    let world = two();
    let own = key(b'p', &[&world.known[0].bits().to_be_bytes()]);
    wait(world.engine.apply(vec![Write { key: own, value: Some(vec![9]) }])).unwrap();
    for sort in SORTS {
        let all = listing(&world, sort, Order::Ascending, 10);
        let read = wait(world.store.list(&all));
        assert!(matches!(read, Err(EngineError::Damaged(_))), "{read:?}");
    }
}

#[test]
fn no_list_shows_another_companys_profiles() {
    let mut world = two();
    let demo = std::mem::take(&mut world.known);
    // The one name begins with the other.
    let first = std::mem::replace(&mut world.company, "DEMO011".parse().unwrap());
    world.say("e:cat");
    world.say("a:pad");
    for (company, known) in [(world.company.clone(), world.known.clone()), (first, demo)] {
        (world.company, world.known) = (company, known);
        for (sort, order) in SORTS.into_iter().flat_map(|sort| ORDERS.map(|order| (sort, order))) {
            let all = listing(&world, sort, order, 10);
            assert!(2 <= world.known.len());
            assert_eq!(follow(&world, all.clone()), sorted(&world, &all));
        }
    }
}

#[test]
fn a_position_of_another_list_begins_no_page() {
    let world = two();
    let by_id = listing(&world, SortKey::Id, Order::Ascending, 1);
    let from = page(&world, &by_id).next;
    assert!(from.is_some());
    for (sort, order) in [
        (SortKey::Id, Order::Descending),
        (SortKey::Created, Order::Ascending),
        (SortKey::Email, Order::Ascending),
    ] {
        let other = Listing { from: from.clone(), ..listing(&world, sort, order, 1) };
        assert_eq!(page(&world, &other), ProfilePage::default());
    }
}

#[test]
fn a_page_of_the_largest_profiles_comes_back_short() {
    let mut world = World::new();
    let large = "x".repeat(100_000);
    for number in 0..30 {
        world.say(&format!("x:n{number} plan={large}"));
        world.say(&format!("x:n{number} name={number}"));
    }
    let first = page(&world, &listing(&world, SortKey::Id, Order::Ascending, 100));
    assert!(first.profiles.len() < 30 && 2 <= first.profiles.len(), "{}", first.profiles.len());
    let rest = Listing { from: first.next, ..listing(&world, SortKey::Id, Order::Ascending, 100) };
    assert_eq!(first.profiles.len() + page(&world, &rest).profiles.len(), 30);
}
