//! How many requests are explained at the same time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use profile_protocol::CompanyId;
use tokio::sync::Semaphore;

use crate::limits;

/// Bounds how many requests are explained at a time, of a company and in all.
#[derive(Debug)]
pub(super) struct ExplanationPermits {
    pub(super) total: Semaphore,
    companies: Mutex<HashMap<CompanyId, Arc<Semaphore>>>,
}

impl ExplanationPermits {
    pub(super) fn new() -> ExplanationPermits {
        let total = Semaphore::new(limits::EXPLANATIONS);
        ExplanationPermits { total, companies: Mutex::default() }
    }

    /// The permits of a company. Those of companies that explain nothing now are forgotten.
    pub(super) fn of_company(&self, company: &CompanyId) -> Arc<Semaphore> {
        // A panic cannot leave the map half changed.
        let mut companies = self.companies.lock().unwrap_or_else(PoisonError::into_inner);
        companies.retain(|_, permits| 1 < Arc::strong_count(permits));
        let new = || Arc::new(Semaphore::new(limits::COMPANY_EXPLANATIONS));
        Arc::clone(companies.entry(company.clone()).or_insert_with(new))
    }
}
