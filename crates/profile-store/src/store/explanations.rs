//! Explaining a request: decided like any other, beside the lanes, with nothing written.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use profile_protocol::CompanyId;
use tokio::{runtime::Handle, sync::Semaphore, task::spawn_blocking};

use super::Store;
use crate::{
    Outcome, StoreError, Submission,
    batch::Batch,
    lane::{
        Shared, Source,
        job::{IdSource, wants_of},
        load, unreadable,
    },
    limits,
};

/// Bounds how many requests are explained at a time, of a company and in all.
#[derive(Debug)]
pub(super) struct Explanations {
    total: Semaphore,
    companies: Mutex<HashMap<CompanyId, Arc<Semaphore>>>,
}

impl Explanations {
    pub(super) fn new() -> Explanations {
        Explanations { total: Semaphore::new(limits::EXPLANATIONS), companies: Mutex::default() }
    }

    /// The permits of a company. Those of companies that explain nothing now are forgotten.
    fn permits_of(&self, company: &CompanyId) -> Arc<Semaphore> {
        // A panic cannot leave the map half changed.
        let mut companies = self.companies.lock().unwrap_or_else(PoisonError::into_inner);
        companies.retain(|_, permits| 1 < Arc::strong_count(permits));
        let new = || Arc::new(Semaphore::new(limits::COMPANY_EXPLANATIONS));
        Arc::clone(companies.entry(company.clone()).or_insert_with(new))
    }
}

impl Store {
    /// What [`Store::submit`] would answer to this request now. Nothing is stored. A company's
    /// requests are explained one after the other.
    pub async fn explain(&self, submission: Submission) -> Result<Outcome, StoreError> {
        if self.is_closed() {
            return Err(StoreError::Closed);
        }
        let permits = self.explanations.permits_of(&submission.company);
        // These semaphores are never closed.
        let _company = permits.acquire().await.or(Err(StoreError::Closed))?;
        let _total = self.explanations.total.acquire().await.or(Err(StoreError::Closed))?;
        if !self.shared.engine.is_writable() {
            return Err(StoreError::Poisoned);
        }
        let (shared, runtime) = (Arc::clone(&self.shared), Handle::current());
        // To decode and decide a hundred large profiles takes longer than a thread that serves
        // others may be held.
        let explaining = spawn_blocking(move || runtime.block_on(explain(&shared, &submission)));
        explaining.await.unwrap_or(Err(StoreError::Unavailable))
    }
}

async fn explain(shared: &Shared, submission: &Submission) -> Result<Outcome, StoreError> {
    let mut batch = Batch::new(std::iter::once(wants_of(submission)));
    let mut source = Source::Committed(shared.engine.as_ref());
    load(&mut source, &mut batch).await.map_err(|error| unreadable(&error))?;
    // The caller may read the id that is made up, so its entropy serves no other request.
    let mut ids = IdSource { generator: shared.id_generator.as_ref(), spare: &mut None };
    ids.submit(&mut batch, submission)
}
