//! How many repairs run at the same time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use profile_protocol::CompanyId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
    /// Waits for the turn of a repair of this company.
    pub(super) async fn turn(&self, company: &CompanyId) -> Result<RepairTurn, StoreError> {
        // These semaphores are never closed.
        let of_company = self.of_company(company).acquire_owned().await;
        let total = Arc::clone(&self.total);
        Ok(RepairTurn {
            _company: of_company.or(Err(StoreError::Closed))?,
            _total: total.acquire_owned().await.or(Err(StoreError::Closed))?,
        })
    }

    /// The repairs of a company. Those of companies that repair nothing now are forgotten.
    fn of_company(&self, company: &CompanyId) -> Arc<Semaphore> {
        // A panic cannot leave the map half changed.
        let mut companies = self.companies.lock().unwrap_or_else(PoisonError::into_inner);
        companies.retain(|_, repairs| 1 < Arc::strong_count(repairs));
        let new = || Arc::new(Semaphore::new(limits::COMPANY_REPAIRS));
        Arc::clone(companies.entry(company.clone()).or_insert_with(new))
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
