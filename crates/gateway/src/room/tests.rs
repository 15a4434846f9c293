//! What is promised of the room for bodies.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use profile_protocol::limits::{BODY_BYTES, BULK_BODY_BYTES};
use proptest::{collection::vec, prelude::*};

use super::*;

fn company(number: usize) -> CompanyId {
    format!("COMPANY{number}").parse().unwrap()
}

/// A budget for as many companies as there may be parts, or more.
fn divided(most: usize) -> Arc<Budget> {
    Budget::of(most, &Arc::new(Parts::of(limits::COMPANY_PARTS)))
}

/// Takes all that a company may have of a budget.
fn fill(budget: &Arc<Budget>, number: usize) -> Share {
    let mut share = Share::none(budget, &company(number));
    share.grow(budget.parts.part(budget.most)).unwrap();
    assert!(share.grow(1).is_err());
    share
}

/// Every budget of those bodies that come through one door.
fn of_door(room: &Room) -> [&Arc<Budget>; 3] {
    [&room.arriving, &room.large, &room.small]
}

#[test]
fn no_company_has_more_than_its_part_and_it_takes_four_to_use_a_budget_up() {
    let rooms = Rooms::of(usize::MAX);
    let doors = [&rooms.clients, &rooms.servers].into_iter().flat_map(of_door);
    for budget in doors.chain([&rooms.imports]) {
        let all: Vec<Share> = (0..4).map(|number| fill(budget, number)).collect();
        assert!(Share::none(budget, &company(4)).grow(1).is_err());
        drop(all);
        drop(fill(budget, 4));
    }
}

#[test]
fn fewer_companies_have_larger_parts_and_one_alone_has_all() {
    let rooms = Rooms::of(1);
    let budget = &rooms.clients.large;
    for companies in [1, 2, 3, 2, 1] {
        rooms.divide(companies);
        let all: Vec<Share> = (0..companies).map(|number| fill(budget, number)).collect();
        let taken: usize = all.iter().map(|share| share.bytes).sum();
        assert!(budget.most - taken < companies);
    }
    for companies in [0, 4, 5, 100_000] {
        rooms.divide(companies);
        let part = budget.parts.part(budget.most);
        assert_eq!(part, budget.most / companies.clamp(1, 4));
    }
}

#[test]
fn whoever_has_more_than_a_part_after_a_reload_keeps_it_and_gets_no_more() {
    let rooms = Rooms::of(1);
    let budget = &rooms.clients.large;
    let all = fill(budget, 0);
    rooms.divide(2);
    assert!(Share::none(budget, &company(0)).grow(1).is_err());
    drop(all);
    assert_eq!(fill(budget, 0).bytes, budget.most / 2);
    assert_untouched(budget);
}

#[test]
fn every_part_has_room_for_the_largest_body_there_is() {
    let rooms = Rooms::of(usize::MAX);
    let largest = [
        (BodyKind::Client, BODY_BYTES),
        (BodyKind::Server, BODY_BYTES),
        (BodyKind::Bulk, BULK_BODY_BYTES),
    ];
    let mut all = Vec::new();
    for (kind, bytes) in largest {
        for number in 0..limits::COMPANY_PARTS {
            let mut arriving = rooms.arriving(kind, &company(number));
            arriving.admit(bytes).unwrap();
            drop(rooms.hold(kind, &company(number), bytes).unwrap());
            all.push(arriving);
        }
    }
}

#[test]
fn what_anybody_sends_takes_nothing_of_what_comes_with_a_private_key() {
    let rooms = Rooms::of(usize::MAX);
    let companies = 0..limits::COMPANY_PARTS;
    let shares = |room: &Room| {
        let fill_all =
            |budget| companies.clone().map(|number| fill(budget, number)).collect::<Vec<_>>();
        of_door(room).map(fill_all).into_iter().flatten().collect::<Vec<_>>()
    };
    let hold = |kind, bytes| rooms.hold(kind, &company(0), bytes);
    let of_clients = shares(&rooms.clients);
    assert!(hold(BodyKind::Client, 1).is_err() && hold(BodyKind::Client, BODY_BYTES).is_err());
    rooms.arriving(BodyKind::Server, &company(0)).admit(BODY_BYTES).unwrap();
    drop([hold(BodyKind::Server, 1).unwrap(), hold(BodyKind::Server, BODY_BYTES).unwrap()]);
    drop([hold(BodyKind::Bulk, 1).unwrap(), hold(BodyKind::Bulk, BULK_BODY_BYTES).unwrap()]);
    drop(of_clients);
    // Nor the other way round.
    let _of_servers = shares(&rooms.servers);
    assert!(hold(BodyKind::Server, 1).is_err() && hold(BodyKind::Server, BODY_BYTES).is_err());
    rooms.arriving(BodyKind::Client, &company(0)).admit(BODY_BYTES).unwrap();
    drop([hold(BodyKind::Client, 1).unwrap(), hold(BodyKind::Client, BODY_BYTES).unwrap()]);
}

#[test]
fn small_bodies_find_room_when_large_ones_find_none() {
    let (rooms, free) = (Rooms::of(usize::MAX), limits::BODY_FREE_BYTES);
    let large =
        |number| [fill(&rooms.clients.arriving, number), fill(&rooms.clients.large, number)];
    let all: Vec<_> = (0..limits::COMPANY_PARTS).map(large).collect();
    for number in 0..=limits::COMPANY_PARTS {
        let mut small = rooms.arriving(BodyKind::Client, &company(number));
        small.admit(free / 2).unwrap();
        small.admit(free / 2).unwrap();
        assert!(small.admit(1).is_err());
        assert!(rooms.hold(BodyKind::Client, &company(number), free).is_ok());
        assert!(rooms.hold(BodyKind::Client, &company(number), free + 1).is_err());
    }
    drop(all);
    let mut small = rooms.arriving(BodyKind::Client, &company(0));
    small.admit(free + 1).unwrap();
}

#[test]
fn a_body_too_large_for_any_room_is_refused() {
    let rooms = Rooms::of(usize::MAX);
    for kind in [BodyKind::Client, BodyKind::Server, BodyKind::Bulk] {
        assert!(rooms.hold(kind, &company(0), usize::MAX).is_err());
        let mut arriving = rooms.arriving(kind, &company(0));
        arriving.admit(1).unwrap();
        assert!(arriving.admit(usize::MAX).is_err());
        arriving.admit(BODY_BYTES).unwrap();
    }
}

/// What is there of a budget when nobody has any of it.
#[track_caller]
fn assert_untouched(budget: &Budget) {
    let taken = budget.lock();
    assert!(taken.all == 0 && taken.by_company.is_empty(), "{taken:?}");
}

#[test]
fn threads_together_get_no_more_than_there_is_and_each_company_no_more_than_its_part() {
    let part = 100;
    let budget = divided(part * limits::COMPANY_PARTS);
    // Of one company fewer than may fill it all, two threads; then of one more.
    for companies in [limits::COMPANY_PARTS, limits::COMPANY_PARTS + 1] {
        let start = Barrier::new(2 * companies);
        let shares_of = |number: usize| {
            start.wait();
            let mut shares: Vec<Share> = Vec::new();
            for _ in 0..part {
                let mut share = Share::none(&budget, &company(number % companies));
                shares.extend(share.grow(1).is_ok().then_some(share));
            }
            shares
        };
        let shares: Vec<Share> = thread::scope(|scope| {
            let spawn = |number| {
                scope.spawn({
                    let shares_of = &shares_of;
                    move || shares_of(number)
                })
            };
            let threads: Vec<_> = (0..2 * companies).map(spawn).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(shares.len(), budget.most);
        for number in 0..companies {
            let own = shares.iter().filter(|share| share.company == company(number)).count();
            assert!(own <= part && (own == part || limits::COMPANY_PARTS < companies), "{own}");
        }
        drop(shares);
        assert_untouched(&budget);
    }
}

#[test]
fn threads_that_come_and_go_never_have_too_much_and_leave_nothing_behind() {
    let budget = divided(40);
    let (all, own) = (AtomicUsize::new(0), [const { AtomicUsize::new(0) }; 5]);
    let come_and_go = |number: usize| {
        for bytes in (1..=7).cycle().take(20_000) {
            let mut share = Share::none(&budget, &company(number));
            if share.grow(bytes).is_ok() {
                // Counted after it was taken and before it is given back, so never too high.
                assert!(all.fetch_add(bytes, Ordering::SeqCst) + bytes <= 40);
                assert!(own[number].fetch_add(bytes, Ordering::SeqCst) + bytes <= 10);
                own[number].fetch_sub(bytes, Ordering::SeqCst);
                all.fetch_sub(bytes, Ordering::SeqCst);
            }
        }
    };
    thread::scope(|scope| {
        for number in 0..10 {
            let come_and_go = &come_and_go;
            scope.spawn(move || come_and_go(number % 5));
        }
    });
    assert_untouched(&budget);
}

#[derive(Clone, Debug)]
enum Step {
    /// Somebody new takes so much.
    Come { company: usize, bytes: usize },
    /// One of those who are there takes more.
    Grow { which: usize, bytes: usize },
    /// One of them goes.
    Go { which: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bytes = || prop_oneof![9 => 0..60_usize, 1 => any::<usize>()];
    let come = (0..7_usize, bytes()).prop_map(|(company, bytes)| Step::Come { company, bytes });
    let grow = (0..20_usize, bytes()).prop_map(|(which, bytes)| Step::Grow { which, bytes });
    let go = (0..20_usize).prop_map(|which| Step::Go { which });
    vec(prop_oneof![3 => come, 2 => grow, 1 => go], 1..200)
}

/// The same promise said differently: a list of who has what, added up each time.
#[derive(Default)]
struct Model {
    taken: Vec<(usize, usize)>,
}

impl Model {
    fn fits(&self, most: usize, company: usize, bytes: usize) -> bool {
        let own = self.taken.iter().filter(|(other, _)| *other == company);
        let sum = |taken: usize| taken as u128 + bytes as u128;
        let all: usize = self.taken.iter().map(|(_, bytes)| bytes).sum();
        let own: usize = own.map(|(_, bytes)| bytes).sum();
        sum(all) <= most as u128 && sum(own) <= (most / limits::COMPANY_PARTS) as u128
    }
}

proptest! {
    #[test]
    fn shares_are_those_of_a_model_that_adds_up_who_has_what(most in 0..500_usize, steps in steps()) {
        let (budget, mut model, mut shares) = (divided(most), Model::default(), Vec::new());
        for step in steps {
            match step {
                Step::Come { company: number, bytes } => {
                    let mut share = Share::none(&budget, &company(number));
                    let fits = share.grow(bytes).is_ok();
                    prop_assert_eq!(fits, model.fits(most, number, bytes));
                    if fits {
                        model.taken.push((number, bytes));
                        shares.push(share);
                    }
                }
                Step::Grow { which, bytes } if which < shares.len() => {
                    let number = model.taken[which].0;
                    let fits = shares[which].grow(bytes).is_ok();
                    prop_assert_eq!(fits, model.fits(most, number, bytes));
                    model.taken[which].1 += if fits { bytes } else { 0 };
                }
                Step::Go { which } if which < shares.len() => {
                    drop(shares.swap_remove(which));
                    model.taken.swap_remove(which);
                }
                Step::Grow { .. } | Step::Go { .. } => {}
            }
            let counted: usize = model.taken.iter().map(|(_, bytes)| bytes).sum();
            prop_assert_eq!(budget.lock().all, counted);
        }
        drop(shares);
        assert_untouched(&budget);
    }
}
