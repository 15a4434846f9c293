//! Explaining a request: decided like any other, beside the lanes, with nothing written.

use std::sync::Arc;

use profile_protocol::CompanyId;
use tokio::{runtime::Handle, task::spawn_blocking, time::Instant};

use super::Store;
use crate::{
    Outcome, StoreError, Submission, SubmittedProfile, Undo, Unmerged,
    batch::{Batch, Wants},
    lane::{
        Source, StoreContext,
        job::{IdSource, wants_of},
        load,
        times_ahead::TimesAhead,
        unreadable,
    },
};

/// A request that can be explained.
trait Explained: Send + 'static {
    /// The answer that the request would get.
    type Answer: Send + 'static;

    fn company(&self) -> &CompanyId;

    /// What has to be read before it can be decided.
    fn wants(&self) -> Wants<'_>;

    fn decide(&self, batch: &mut Batch, ids: &mut IdSource<'_>)
    -> Result<Self::Answer, StoreError>;
}

impl Explained for Submission {
    type Answer = SubmittedProfile;

    fn company(&self) -> &CompanyId {
        &self.company
    }

    fn wants(&self) -> Wants<'_> {
        wants_of(self)
    }

    fn decide(
        &self,
        batch: &mut Batch,
        ids: &mut IdSource<'_>,
    ) -> Result<SubmittedProfile, StoreError> {
        let outcome = ids.submit(batch, self)?;
        batch.submitted(&self.company, outcome)
    }
}

impl Explained for Undo {
    type Answer = Unmerged;

    fn company(&self) -> &CompanyId {
        &self.company
    }

    fn wants(&self) -> Wants<'_> {
        Wants::Undo(&self.company, self.absorbed)
    }

    fn decide(&self, batch: &mut Batch, ids: &mut IdSource<'_>) -> Result<Unmerged, StoreError> {
        let context = ids.context(batch, &self.company)?;
        batch.undo(self, context)
    }
}

impl Store {
    /// What [`Store::submit`] would answer to this request now. Nothing is stored. A company's
    /// requests are explained one after the other. While requests are stored, those that wait to
    /// be explained get a sixth of the time.
    pub async fn explain(&self, submission: Submission) -> Result<Outcome, StoreError> {
        Ok(self.explain_for_profile(submission).await?.outcome)
    }

    /// As [`Store::explain`], with the profile as the request would leave it.
    pub async fn explain_for_profile(
        &self,
        submission: Submission,
    ) -> Result<SubmittedProfile, StoreError> {
        self.explain_any(submission).await
    }

    /// What [`Store::undo`] would answer now. Nothing is stored.
    pub async fn explain_undo(&self, undo: Undo) -> Result<Unmerged, StoreError> {
        self.explain_any(undo).await
    }

    async fn explain_any<E: Explained>(&self, asked: E) -> Result<E::Answer, StoreError> {
        if self.is_closed() {
            return Err(StoreError::Closed);
        }
        let company = self.explanation_permits.of_company(asked.company());
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
        let explaining = spawn_blocking(move || runtime.block_on(explain(&shared, &asked)));
        let explained = explaining.await.unwrap_or(Err(StoreError::Unavailable));
        if decided != self.explanation_permits.decided() {
            company.pause_after(began.elapsed());
        }
        explained
    }
}

async fn explain<E: Explained>(shared: &StoreContext, asked: &E) -> Result<E::Answer, StoreError> {
    let mut batch = Batch::new(std::iter::once(asked.wants()));
    let mut source = Source::Committed(shared.engine.as_ref());
    load(&mut source, &mut batch).await.map_err(|error| unreadable(&error))?;
    // The caller may read the id that is made up, so its entropy serves no other request.
    let generator = shared.id_generator.as_ref();
    let (spare, times_ahead) = (&mut None, &mut TimesAhead::default());
    let mut ids = IdSource { generator, spare, times_ahead };
    asked.decide(&mut batch, &mut ids)
}
