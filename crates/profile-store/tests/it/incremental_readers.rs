//! Programs that read what changed since they last looked: no change is ever committed at a time
//! that such a reader has already seen.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ScopedJoinHandle},
};

use profile_protocol::ProfileId;
use profile_store::{
    Durability, IdGenerator, Listing, NoEntropy, Profile, SortKey, Span, Store, StoreOptions,
    SystemIdGenerator, Timestamp,
    engine::{Engine, MemoryEngine, Order},
};
use profile_store_suite::{
    harness::{StoreHarness, wait},
    notation::parse_request,
    simulated_ids::SimulatedIds,
};

const COMPANY: &str = "ABC123";
const WRITERS: usize = 6;
const HOUR: u64 = 60 * 60 * 1_000;

/// The clock of the system, or one that is so many milliseconds ahead of it.
#[derive(Default)]
struct AheadIds {
    system: SystemIdGenerator,
    ahead: u64,
}

impl IdGenerator for AheadIds {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.system.now().millis() + self.ahead)
    }

    fn entropy(&self) -> Result<u128, NoEntropy> {
        self.system.entropy()
    }
}

/// How a reader goes on after a page.
#[derive(Clone, Copy)]
enum Paging {
    /// It follows the list to its end, and then asks for what is after the greatest time.
    Links,
    /// It asks for what is after the greatest time of each page.
    Times,
}

/// What a reader has seen of each profile last, and how far it is.
struct Reader {
    paging: Paging,
    sort: SortKey,
    limit: usize,
    mark: Option<Timestamp>,
    seen: HashMap<ProfileId, Timestamp>,
}

impl Reader {
    fn new(sort: SortKey, paging: Paging) -> Reader {
        Reader { paging, sort, limit: 100, mark: None, seen: HashMap::new() }
    }

    fn time(&self, profile: &Profile) -> Timestamp {
        if self.sort == SortKey::Created { profile.created } else { profile.updated }
    }

    /// Reads what is after the mark. False if that was nothing.
    fn read(&mut self, store: &Store) -> bool {
        let after = Span { after: self.mark, before: None };
        let (created, updated) = match self.sort {
            SortKey::Created => (after, Span::default()),
            _ => (Span::default(), after),
        };
        let mut listing = Listing {
            company: COMPANY.parse().unwrap(),
            sort: self.sort,
            order: Order::Ascending,
            created,
            updated,
            from: None,
            limit: self.limit,
        };
        let mut found = false;
        loop {
            let page = wait(store.list(&listing)).unwrap();
            for profile in &page.profiles {
                let time = self.time(profile);
                self.mark = self.mark.max(Some(time));
                self.seen.insert(profile.id, time);
                found = true;
            }
            match (page.next, self.paging) {
                (Some(next), Paging::Links) => listing.from = Some(next),
                // A page may be empty although more follow.
                (Some(next), Paging::Times) if page.profiles.is_empty() => {
                    listing.from = Some(next);
                }
                _ => return found,
            }
        }
    }
}

/// A store of which the clock is set back by an hour if `is_set_back`, after one request.
fn open(durability: Durability, is_set_back: bool) -> Store {
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
    let options = StoreOptions { durability, ..StoreOptions::default() };
    if is_set_back {
        let ids = Arc::new(AheadIds { ahead: HOUR, ..AheadIds::default() });
        let store = wait(Store::open(Arc::clone(&engine), ids, options)).unwrap();
        wait(store.submit(parse_request("e:p0").submission(COMPANY, &[]))).unwrap();
        wait(store.close()).unwrap();
    }
    wait(Store::open(engine, Arc::new(AheadIds::default()), options)).unwrap()
}

/// Six writers create profiles and change them once, while readers read without a pause. Returns
/// how many profiles each reader knows in an older state than the store has.
fn stale(profiles: usize, store: Store, readers: Vec<Reader>) -> Vec<usize> {
    let store = Arc::new(store);
    let is_over = AtomicBool::new(false);
    let readers = thread::scope(|scope| {
        let (store, is_over) = (&store, &is_over);
        let reading: Vec<_> = readers
            .into_iter()
            .map(|mut reader| {
                scope.spawn(move || {
                    // The last look begins when everything is written.
                    while {
                        let last = is_over.load(Ordering::Acquire);
                        let found = reader.read(store);
                        found || !last
                    } {}
                    reader
                })
            })
            .collect();
        let writing: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    let own = (0..profiles).skip(writer).step_by(WRITERS);
                    let sent = own.flat_map(|number| {
                        [format!("e:p{number}"), format!("e:p{number} plan=changed")]
                    });
                    for words in sent {
                        let request = parse_request(&words);
                        wait(store.submit(request.submission(COMPANY, &[]))).unwrap();
                    }
                })
            })
            .collect();
        let written: Vec<_> = writing.into_iter().map(ScopedJoinHandle::join).collect();
        // Also after a writer that failed, or its readers would go on for ever.
        is_over.store(true, Ordering::Release);
        written.into_iter().for_each(|writer| writer.unwrap());
        reading.into_iter().map(|reader| reader.join().unwrap()).collect::<Vec<_>>()
    });
    let mut all = Reader::new(SortKey::Updated, Paging::Links);
    all.read(&store);
    assert_eq!(all.seen.len(), profiles);
    let is_stale = |reader: &Reader, id: &ProfileId, time: &Timestamp| match reader.sort {
        SortKey::Created => !reader.seen.contains_key(id),
        _ => reader.seen.get(id) != Some(time),
    };
    let count =
        |reader: &Reader| all.seen.iter().filter(|(id, at)| is_stale(reader, id, at)).count();
    readers.iter().map(count).collect()
}

fn all_readers() -> Vec<Reader> {
    vec![
        Reader::new(SortKey::Updated, Paging::Links),
        Reader::new(SortKey::Updated, Paging::Times),
        Reader::new(SortKey::Created, Paging::Links),
    ]
}

#[test]
fn readers_that_go_on_after_the_greatest_time_that_they_saw_lose_no_profile() {
    for (profiles, durability) in [(10_000, Durability::Flushed), (2_000, Durability::Relaxed)] {
        let store = open(durability, false);
        assert_eq!(stale(profiles, store, all_readers()), [0, 0, 0], "{durability:?}");
    }
}

#[test]
fn readers_lose_no_profile_though_the_clock_was_set_back() {
    for durability in [Durability::Flushed, Durability::Relaxed] {
        // With so few changes, however fast, each has a time of its own. So a page may end
        // anywhere.
        let readers = all_readers().into_iter().map(|reader| Reader { limit: 3, ..reader });
        let store = open(durability, true);
        assert_eq!(stale(400, store, readers.collect()), [0, 0, 0], "{durability:?}");
    }
}

#[test]
fn nothing_is_committed_at_a_time_that_was_shown_though_the_clock_stands_or_goes_back() {
    let engine = Arc::new(MemoryEngine::new());
    let mut shown = Timestamp::default();
    for _ in 0..3 {
        // The clock stands, and each start sets it back.
        let clock = SimulatedIds::new().coarse(1_000);
        let mut harness = StoreHarness::resumed(Arc::clone(&engine) as _, clock);
        for words in ["e:ann", "e:bob plan=one", "e:ann plan=two", "e:ann plan=three"] {
            let newest = harness.send_request(&parse_request(words)).at;
            assert!(shown < newest, "{newest:?} was committed after {shown:?} was shown");
            shown = newest;
        }
    }
}
