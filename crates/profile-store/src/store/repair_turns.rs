//! How many repairs run at the same time, and how they spare other requests.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use profile_protocol::CompanyId;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};

use super::Store;
use crate::{StoreError, limits};

/// Bounds how many repairs run at a time, of a company and in all.
#[derive(Debug)]
pub(super) struct RepairTurns {
    total: Arc<Semaphore>,
    companies: Mutex<HashMap<CompanyId, Arc<Semaphore>>>,
}

impl Default for RepairTurns {
    fn default() -> RepairTurns {
        let total = Arc::new(Semaphore::new(limits::REPAIRS));
        RepairTurns { total, companies: Mutex::default() }
    }
}

/// The turn of one repair, which ends when this is dropped.
#[derive(Debug)]
pub struct RepairTurn {
    _company: OwnedSemaphorePermit,
    _total: OwnedSemaphorePermit,
}

impl RepairTurns {
    /// The repairs of a company. Those of companies that repair nothing now are forgotten.
    fn of_company(&self, company: &CompanyId) -> Arc<Semaphore> {
        // A panic cannot leave the map half changed.
        let mut companies = self.companies.lock().unwrap_or_else(PoisonError::into_inner);
        companies.retain(|_, repairs| 1 < Arc::strong_count(repairs));
        let new = || Arc::new(Semaphore::new(limits::COMPANY_REPAIRS));
        Arc::clone(companies.entry(company.clone()).or_insert_with(new))
    }
}

/// What a step of a repair began with.
#[derive(Clone, Copy, Debug)]
pub(super) struct RepairStep {
    began: Instant,
    decided: usize,
}

impl Store {
    /// Waits until a repair of this company may begin: one of a company runs at a time, and
    /// [`limits::REPAIRS`] in all. A repair reads all outcomes of the company, so run it on a
    /// thread that serves no others.
    pub async fn repair_turn(&self, company: &CompanyId) -> Result<RepairTurn, StoreError> {
        let turns = &self.repair_turns;
        // These semaphores are never closed.
        let of_company = turns.of_company(company).acquire_owned().await;
        let total = Arc::clone(&turns.total);
        Ok(RepairTurn {
            _company: of_company.or(Err(StoreError::Closed))?,
            _total: total.acquire_owned().await.or(Err(StoreError::Closed))?,
        })
    }

    pub(super) fn begin_repair_step(&self) -> RepairStep {
        RepairStep { began: Instant::now(), decided: self.explanation_permits.decided() }
    }

    /// Pauses after a step of a repair, if requests were stored meanwhile: they get most of the
    /// time.
    pub(super) async fn end_repair_step(&self, step: RepairStep) {
        if step.decided != self.explanation_permits.decided() {
            let most = Duration::from_millis(limits::MAX_PAUSE_MS);
            sleep((step.began.elapsed() * limits::PAUSE_FACTOR).min(most)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The turns that are free now.
    fn free(turns: &RepairTurns, company: &str) -> [usize; 2] {
        let of_company = turns.of_company(&company.parse().unwrap()).available_permits();
        [of_company, turns.total.available_permits()]
    }

    fn take(turns: &RepairTurns, company: &str) -> RepairTurn {
        let of_company = turns.of_company(&company.parse().unwrap());
        RepairTurn {
            _company: of_company.try_acquire_owned().unwrap(),
            _total: Arc::clone(&turns.total).try_acquire_owned().unwrap(),
        }
    }

    #[test]
    fn one_repair_of_a_company_runs_at_a_time_and_others_are_forgotten() {
        let turns = RepairTurns::default();
        let of_one = take(&turns, "ONE");
        assert_eq!(free(&turns, "ONE"), [0, 1]);
        let of_other = take(&turns, "OTHER");
        assert_eq!(free(&turns, "THIRD"), [1, 0]);
        drop(of_one);
        assert_eq!(free(&turns, "ONE"), [1, 1]);
        drop(of_other);
        assert_eq!(free(&turns, "OTHER"), [1, 2]);
        assert_eq!(turns.companies.lock().unwrap().len(), 1);
    }
}
