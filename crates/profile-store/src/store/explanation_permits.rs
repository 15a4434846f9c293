//! How many requests are explained at the same time, and how soon after each other.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use profile_protocol::CompanyId;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep_until},
};

use crate::{
    limits,
    sync::{AtomicUsize, Ordering},
};

/// Bounds how many requests are explained at a time, of a company and in all.
#[derive(Debug)]
pub(super) struct ExplanationPermits {
    pub(super) total: Semaphore,
    companies: Mutex<HashMap<CompanyId, Arc<CompanyExplanations>>>,
    /// Requests that the lanes decided.
    decided: Arc<AtomicUsize>,
}

/// Bounds how many requests of one company are explained at a time, and how soon after each other.
#[derive(Debug)]
pub(super) struct CompanyExplanations {
    pub(super) permits: Semaphore,
    /// When the next request may be explained.
    next_from: Mutex<Option<Instant>>,
}

impl ExplanationPermits {
    /// The lanes count in `decided` what they decide.
    pub(super) fn new(decided: Arc<AtomicUsize>) -> ExplanationPermits {
        let total = Semaphore::new(limits::EXPLANATIONS);
        ExplanationPermits { total, companies: Mutex::default(), decided }
    }

    /// How many requests the lanes have decided.
    pub(super) fn decided(&self) -> usize {
        self.decided.load(Ordering::Relaxed)
    }

    /// The permits of a company. Those of companies that explain nothing now are forgotten.
    pub(super) fn of_company(&self, company: &CompanyId) -> Arc<CompanyExplanations> {
        // A panic cannot leave the map half changed.
        let mut companies = self.companies.lock().unwrap_or_else(PoisonError::into_inner);
        companies.retain(|_, explanations| 1 < Arc::strong_count(explanations));
        Arc::clone(companies.entry(company.clone()).or_insert_with(CompanyExplanations::new))
    }
}

impl CompanyExplanations {
    fn new() -> Arc<CompanyExplanations> {
        let permits = Semaphore::new(limits::COMPANY_EXPLANATIONS);
        Arc::new(CompanyExplanations { permits, next_from: Mutex::new(None) })
    }

    /// Waits until the pause after the request before is over.
    pub(super) async fn end_of_pause(&self) {
        let next_from = *self.next_from.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(time) = next_from {
            sleep_until(time).await;
        }
    }

    /// Makes the next request wait after one that took this long.
    pub(super) fn pause_after(&self, took: Duration) {
        let most = Duration::from_millis(limits::MAX_PAUSE_MS);
        let time = Instant::now() + (took * limits::PAUSE_FACTOR).min(most);
        *self.next_from.lock().unwrap_or_else(PoisonError::into_inner) = Some(time);
    }
}
