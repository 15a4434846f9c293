//! Explaining a request: decided like any other, beside the lanes, with nothing written.

use std::sync::Arc;

use tokio::{runtime::Handle, task::spawn_blocking, time::Instant};

use super::Store;
use crate::{
    Outcome, StoreError, Submission,
    batch::Batch,
    lane::{
        Source, StoreContext,
        job::{IdSource, wants_of},
        load,
        times_ahead::TimesAhead,
        unreadable,
    },
};

impl Store {
    /// What [`Store::submit`] would answer to this request now. Nothing is stored. A company's
    /// requests are explained one after the other. While requests are stored, those that wait to
    /// be explained get a sixth of the time.
    pub async fn explain(&self, submission: Submission) -> Result<Outcome, StoreError> {
        if self.is_closed() {
            return Err(StoreError::Closed);
        }
        let company = self.explanation_permits.of_company(&submission.company);
        // These semaphores are never closed.
        let _company = company.permits.acquire().await.or(Err(StoreError::Closed))?;
        company.end_of_pause().await;
        let _total = self.explanation_permits.total.acquire().await.or(Err(StoreError::Closed))?;
        if !self.shared.engine.is_writable() {
            return Err(StoreError::Poisoned);
        }
        let (shared, runtime) = (Arc::clone(&self.shared), Handle::current());
        // To decode and decide a hundred large profiles takes longer than a thread that serves
        // others may be held.
        let (began, decided) = (Instant::now(), self.explanation_permits.decided());
        let explaining = spawn_blocking(move || runtime.block_on(explain(&shared, &submission)));
        let explained = explaining.await.unwrap_or(Err(StoreError::Unavailable));
        if decided != self.explanation_permits.decided() {
            company.pause_after(began.elapsed());
        }
        explained
    }
}

async fn explain(shared: &StoreContext, submission: &Submission) -> Result<Outcome, StoreError> {
    let mut batch = Batch::new(std::iter::once(wants_of(submission)));
    let mut source = Source::Committed(shared.engine.as_ref());
    load(&mut source, &mut batch).await.map_err(|error| unreadable(&error))?;
    // The caller may read the id that is made up, so its entropy serves no other request.
    let generator = shared.id_generator.as_ref();
    let (spare, times_ahead) = (&mut None, &mut TimesAhead::default());
    let mut ids = IdSource { generator, spare, times_ahead };
    ids.submit(&mut batch, submission)
}
