//! What the body budget promises.

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

/// A budget divided into the largest number of portions.
fn divided(most: usize) -> Arc<ByteBudget> {
    ByteBudget::new(most, &Arc::new(PortionCount::for_companies(limits::COMPANY_PORTIONS)))
}

/// Takes the whole portion of a company.
fn fill(budget: &Arc<ByteBudget>, number: usize) -> BodyPermit {
    let mut permit = BodyPermit::empty(budget, &company(number));
    permit.grow(budget.portions.portion_of(budget.capacity)).unwrap();
    assert!(permit.grow(1).is_err());
    permit
}

/// The three budgets of one group of callers.
fn each_budget(caller: &CallerBudgets) -> [&Arc<ByteBudget>; 3] {
    [&caller.arriving, &caller.large, &caller.small]
}

#[test]
fn no_company_uses_more_than_its_portion_and_four_companies_exhaust_a_budget() {
    let budgets = BodyBudget::for_companies(usize::MAX);
    let callers = [&budgets.clients, &budgets.servers].into_iter().flat_map(each_budget);
    for budget in callers.chain([&budgets.imports]) {
        let all: Vec<BodyPermit> = (0..4).map(|number| fill(budget, number)).collect();
        assert!(BodyPermit::empty(budget, &company(4)).grow(1).is_err());
        drop(all);
        drop(fill(budget, 4));
    }
}

#[test]
fn fewer_companies_have_larger_portions_and_a_single_company_has_all() {
    let budgets = BodyBudget::for_companies(1);
    let budget = &budgets.clients.large;
    for companies in [1, 2, 3, 2, 1] {
        budgets.set_companies(companies);
        let all: Vec<BodyPermit> = (0..companies).map(|number| fill(budget, number)).collect();
        let taken: usize = all.iter().map(|permit| permit.bytes).sum();
        assert!(budget.capacity - taken < companies);
    }
    for companies in [0, 4, 5, 100_000] {
        budgets.set_companies(companies);
        let portion = budget.portions.portion_of(budget.capacity);
        assert_eq!(portion, budget.capacity / companies.clamp(1, 4));
    }
}

#[test]
fn a_company_above_its_portion_after_a_reload_keeps_its_permits_and_gets_no_more() {
    let budgets = BodyBudget::for_companies(1);
    let budget = &budgets.clients.large;
    let all = fill(budget, 0);
    budgets.set_companies(2);
    assert!(BodyPermit::empty(budget, &company(0)).grow(1).is_err());
    drop(all);
    assert_eq!(fill(budget, 0).bytes, budget.capacity / 2);
    assert_untouched(budget);
}

#[test]
fn the_largest_body_fits_into_every_portion() {
    let budgets = BodyBudget::for_companies(usize::MAX);
    let largest = [
        (BodyKind::Client, BODY_BYTES),
        (BodyKind::Server, BODY_BYTES),
        (BodyKind::Bulk, BULK_BODY_BYTES),
    ];
    let mut all = Vec::new();
    for (kind, bytes) in largest {
        for number in 0..limits::COMPANY_PORTIONS {
            let mut arriving = budgets.arriving(kind, &company(number));
            arriving.extend(bytes).unwrap();
            drop(budgets.reserve(kind, &company(number), bytes).unwrap());
            all.push(arriving);
        }
    }
}

#[test]
fn clients_and_servers_with_a_private_key_do_not_share_a_budget() {
    let budgets = BodyBudget::for_companies(usize::MAX);
    let companies = 0..limits::COMPANY_PORTIONS;
    let permits = |caller: &CallerBudgets| {
        let fill_all =
            |budget| companies.clone().map(|number| fill(budget, number)).collect::<Vec<_>>();
        each_budget(caller).map(fill_all).into_iter().flatten().collect::<Vec<_>>()
    };
    let reserve = |kind, bytes| budgets.reserve(kind, &company(0), bytes);
    let of_clients = permits(&budgets.clients);
    assert!(
        reserve(BodyKind::Client, 1).is_err() && reserve(BodyKind::Client, BODY_BYTES).is_err()
    );
    budgets.arriving(BodyKind::Server, &company(0)).extend(BODY_BYTES).unwrap();
    drop([reserve(BodyKind::Server, 1).unwrap(), reserve(BodyKind::Server, BODY_BYTES).unwrap()]);
    drop([reserve(BodyKind::Bulk, 1).unwrap(), reserve(BodyKind::Bulk, BULK_BODY_BYTES).unwrap()]);
    drop(of_clients);
    // The reverse holds, too.
    let _of_servers = permits(&budgets.servers);
    assert!(
        reserve(BodyKind::Server, 1).is_err() && reserve(BodyKind::Server, BODY_BYTES).is_err()
    );
    budgets.arriving(BodyKind::Client, &company(0)).extend(BODY_BYTES).unwrap();
    drop([reserve(BodyKind::Client, 1).unwrap(), reserve(BodyKind::Client, BODY_BYTES).unwrap()]);
}

#[test]
fn small_bodies_are_admitted_when_the_budget_for_large_ones_is_exhausted() {
    let (budgets, free) = (BodyBudget::for_companies(usize::MAX), limits::BODY_FREE_BYTES);
    let large =
        |number| [fill(&budgets.clients.arriving, number), fill(&budgets.clients.large, number)];
    let all: Vec<_> = (0..limits::COMPANY_PORTIONS).map(large).collect();
    for number in 0..=limits::COMPANY_PORTIONS {
        let mut small = budgets.arriving(BodyKind::Client, &company(number));
        small.extend(free / 2).unwrap();
        small.extend(free / 2).unwrap();
        assert!(small.extend(1).is_err());
        assert!(budgets.reserve(BodyKind::Client, &company(number), free).is_ok());
        assert!(budgets.reserve(BodyKind::Client, &company(number), free + 1).is_err());
    }
    drop(all);
    let mut small = budgets.arriving(BodyKind::Client, &company(0));
    small.extend(free + 1).unwrap();
}

#[test]
fn a_body_larger_than_every_budget_is_refused() {
    let budgets = BodyBudget::for_companies(usize::MAX);
    for kind in [BodyKind::Client, BodyKind::Server, BodyKind::Bulk] {
        assert!(budgets.reserve(kind, &company(0), usize::MAX).is_err());
        let mut arriving = budgets.arriving(kind, &company(0));
        arriving.extend(1).unwrap();
        assert!(arriving.extend(usize::MAX).is_err());
        arriving.extend(BODY_BYTES).unwrap();
    }
}

/// Asserts that no bytes of the budget are in use.
#[track_caller]
fn assert_untouched(budget: &ByteBudget) {
    let usage = budget.lock();
    assert!(usage.total == 0 && usage.by_company.is_empty(), "{usage:?}");
}

#[test]
fn threads_together_exceed_neither_the_budget_nor_a_portion() {
    let portion = 100;
    let budget = divided(portion * limits::COMPANY_PORTIONS);
    // Two threads for each company: first as many companies as portions, then one more.
    for companies in [limits::COMPANY_PORTIONS, limits::COMPANY_PORTIONS + 1] {
        let start = Barrier::new(2 * companies);
        let permits_of = |number: usize| {
            start.wait();
            let mut permits: Vec<BodyPermit> = Vec::new();
            for _ in 0..portion {
                let mut permit = BodyPermit::empty(&budget, &company(number % companies));
                permits.extend(permit.grow(1).is_ok().then_some(permit));
            }
            permits
        };
        let permits: Vec<BodyPermit> = thread::scope(|scope| {
            let spawn = |number| {
                scope.spawn({
                    let permits_of = &permits_of;
                    move || permits_of(number)
                })
            };
            let threads: Vec<_> = (0..2 * companies).map(spawn).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(permits.len(), budget.capacity);
        for number in 0..companies {
            let own = permits.iter().filter(|permit| permit.company == company(number)).count();
            assert!(
                own <= portion && (own == portion || limits::COMPANY_PORTIONS < companies),
                "{own}"
            );
        }
        drop(permits);
        assert_untouched(&budget);
    }
}

#[test]
fn threads_that_take_and_return_never_exceed_a_bound_and_leave_nothing_behind() {
    let budget = divided(40);
    let (all, own) = (AtomicUsize::new(0), [const { AtomicUsize::new(0) }; 5]);
    let come_and_go = |number: usize| {
        for bytes in (1..=7).cycle().take(20_000) {
            let mut permit = BodyPermit::empty(&budget, &company(number));
            if permit.grow(bytes).is_ok() {
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
enum BudgetStep {
    /// A new permit of this many bytes.
    Take { company: usize, bytes: usize },
    /// An existing permit grows.
    Grow { which: usize, bytes: usize },
    /// A permit is dropped.
    Drop { which: usize },
}

fn steps() -> impl Strategy<Value = Vec<BudgetStep>> {
    let bytes = || prop_oneof![9 => 0..60_usize, 1 => any::<usize>()];
    let come =
        (0..7_usize, bytes()).prop_map(|(company, bytes)| BudgetStep::Take { company, bytes });
    let grow = (0..20_usize, bytes()).prop_map(|(which, bytes)| BudgetStep::Grow { which, bytes });
    let go = (0..20_usize).prop_map(|which| BudgetStep::Drop { which });
    vec(prop_oneof![3 => come, 2 => grow, 1 => go], 1..200)
}

/// The same promise in another form: a list of permits, added up each time.
#[derive(Default)]
struct BudgetModel {
    taken: Vec<(usize, usize)>,
}

impl BudgetModel {
    fn fits(&self, most: usize, company: usize, bytes: usize) -> bool {
        let own = self.taken.iter().filter(|(other, _)| *other == company);
        let sum = |taken: usize| taken as u128 + bytes as u128;
        let all: usize = self.taken.iter().map(|(_, bytes)| bytes).sum();
        let own: usize = own.map(|(_, bytes)| bytes).sum();
        sum(all) <= most as u128 && sum(own) <= (most / limits::COMPANY_PORTIONS) as u128
    }
}

proptest! {
    #[test]
    fn permits_match_a_model_that_adds_up_the_bytes_of_each_company(most in 0..500_usize, steps in steps()) {
        let (budget, mut model, mut permits) = (divided(most), BudgetModel::default(), Vec::new());
        for step in steps {
            match step {
                BudgetStep::Take { company: number, bytes } => {
                    let mut permit = BodyPermit::empty(&budget, &company(number));
                    let fits = permit.grow(bytes).is_ok();
                    prop_assert_eq!(fits, model.fits(most, number, bytes));
                    if fits {
                        model.taken.push((number, bytes));
                        permits.push(permit);
                    }
                }
                BudgetStep::Grow { which, bytes } if which < permits.len() => {
                    let number = model.taken[which].0;
                    let fits = permits[which].grow(bytes).is_ok();
                    prop_assert_eq!(fits, model.fits(most, number, bytes));
                    model.taken[which].1 += if fits { bytes } else { 0 };
                }
                BudgetStep::Drop { which } if which < permits.len() => {
                    drop(permits.swap_remove(which));
                    model.taken.swap_remove(which);
                }
                BudgetStep::Grow { .. } | BudgetStep::Drop { .. } => {}
            }
            let counted: usize = model.taken.iter().map(|(_, bytes)| bytes).sum();
            prop_assert_eq!(budget.lock().total, counted);
        }
        drop(permits);
        assert_untouched(&budget);
    }
}
