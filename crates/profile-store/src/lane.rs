//! The committer: the one writer of a store.
//!
//! It gathers the requests that wait, decides them in order, writes one batch,
//! flushes once, and answers them all. Batches form by themselves: while one is
//! being flushed, requests gather for the next. A lone request waits for nobody.

mod commands;

use std::{
    collections::HashMap,
    error::Error,
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use profile_protocol::CompanyId;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use crate::{
    DecisionContext, Delete, Effect, IdGenerator, ImportJob, MergeProfiles, Outcome, Submission,
    Timestamp, Undo, Unmerged,
    batch::Batch,
    engine::{Engine, EngineError, Write},
    layout::key,
    limits,
    maintenance::prune::Pruner,
    read::outcomes::newest_outcome,
    read::unflushed::Pending,
    store::{Durability, StoreError},
};

const RELAXED_FLUSH: Duration = Duration::from_millis(limits::RELAXED_FLUSH_MS);
const PRUNE_EVERY: Duration = Duration::from_millis(limits::PRUNE_EVERY_MS);
const PRUNE_PAUSE: Duration = Duration::from_millis(limits::PRUNE_PAUSE_MS);

/// What is asked of the committer.
pub(crate) enum Job {
    /// To decide and store a request.
    Commit { submission: Box<Submission>, answer: Answer<Outcome> },
    /// To decide a request and store nothing.
    Explain { submission: Box<Submission>, answer: Answer<Outcome> },
    /// To flush and stop, once all that was asked before is done.
    Stop { answer: Answer<()> },
    /// To merge two profiles.
    Merge { asked: Box<MergeProfiles>, answer: Answer<Outcome> },
    /// To delete a person.
    Delete { asked: Box<Delete>, answer: Answer<Option<Outcome>> },
    /// To keep the record of a bulk import.
    KeepImport { company: CompanyId, job: Box<ImportJob>, answer: Answer<()> },
    /// To undo a merge.
    Undo { undo: Box<Undo>, answer: Answer<Unmerged> },
}

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;
type Commits = Vec<(Box<Submission>, Answer<Outcome>)>;

pub(crate) struct Lane {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) id_generator: Box<dyn IdGenerator>,
    pub(crate) queue: mpsc::Receiver<Job>,
    pub(crate) durability: Durability,
    pub(crate) pruner: Pruner,
    /// Set for good when a write failed: nobody knows any more what is stored.
    pub(crate) poisoned: Arc<AtomicBool>,
    /// Outcomes that are applied and that nobody is shown yet.
    pub(crate) pending: Arc<Pending>,
    /// How many batches of requests were stored.
    pub(crate) batches: Arc<AtomicU64>,
    /// The number of each company's newest outcome.
    pub(crate) sequences: HashMap<CompanyId, u64>,
    /// Chance for the next profile's id.
    pub(crate) entropy: Option<u128>,
    /// The time, when it was last looked at.
    pub(crate) latest: Timestamp,
    /// How many records of outcomes were written since the last step of pruning.
    pub(crate) recorded: usize,
    /// Since when something is applied that was not flushed.
    pub(crate) unflushed: Option<Instant>,
}

impl Lane {
    /// Serves the queue until it is told to stop, or nobody can ask any more.
    pub(crate) async fn run(mut self) {
        let mut jobs = Vec::with_capacity(limits::BATCH);
        while self.receive(&mut jobs).await {
            let stopped = self.serve(mem::take(&mut jobs)).await;
            if let Some(answer) = stopped {
                // With nothing to flush, too: by now the engine may know of a failure.
                self.unflushed.get_or_insert_with(Instant::now);
                let flushed = self.flush().await;
                // Whoever hears that the store is closed may open its data again.
                drop(self);
                respond(answer, flushed);
                return;
            }
            let page = limits::PRUNE_STEP.max(2 * mem::take(&mut self.recorded));
            self.prune(page).await;
        }
        // A failure is logged, and nobody is left to be told.
        let _ = self.flush().await;
    }

    /// Waits for jobs, and tidies up while there are none. False if none will come
    /// any more.
    async fn receive(&mut self, jobs: &mut Vec<Job>) -> bool {
        loop {
            let rests = self.pruner.rests(self.latest);
            // A poisoned store flushes no more, so nothing is due: it would be for ever.
            let unflushed = self.unflushed.filter(|_| self.require_health().is_ok());
            let idle = match unflushed {
                Some(since) => since + RELAXED_FLUSH,
                None if rests => Instant::now() + PRUNE_EVERY,
                None => Instant::now() + PRUNE_PAUSE,
            };
            let received = self.queue.recv_many(jobs, limits::BATCH);
            if let Ok(received) = timeout_at(idle, received).await {
                return received != 0;
            }
            if unflushed.is_some() {
                // A failure poisons the store, which the next answer tells.
                let _ = self.flush().await;
            } else {
                if rests {
                    self.latest = self.id_generator.now();
                }
                self.prune(limits::PRUNE_STEP).await;
            }
        }
    }

    /// Does all jobs in order; commits that follow one another as one batch, unless they
    /// claim too much, and explanations at the end, so that they part no batch. Returns
    /// whom to tell if one of the jobs was to stop.
    async fn serve(&mut self, jobs: Vec<Job>) -> Option<Answer<()>> {
        let (mut batch, mut explanations) = (Commits::with_capacity(jobs.len()), Commits::new());
        let (mut stopped, mut claims) = (None, 0);
        for job in jobs {
            match job {
                Job::Commit { submission, answer } => {
                    let more = submission.claims.made().len();
                    if limits::BATCH_CLAIMS < claims + more {
                        self.commit(mem::take(&mut batch)).await;
                        claims = 0;
                    }
                    claims += more;
                    batch.push((submission, answer));
                }
                Job::Explain { submission, answer } => explanations.push((submission, answer)),
                command => {
                    self.commit(mem::take(&mut batch)).await;
                    claims = 0;
                    stopped = self.carry_out(command).await;
                }
            }
            if stopped.is_some() {
                break;
            }
        }
        self.commit(batch).await;
        for (submission, answer) in explanations {
            respond(answer, self.explain(&submission).await);
        }
        stopped
    }

    /// Does one job that is a batch of its own. Returns whom to tell if it was to stop.
    async fn carry_out(&mut self, command: Job) -> Option<Answer<()>> {
        match command {
            Job::Merge { asked, answer } => respond(answer, self.merge(&asked).await),
            Job::Delete { asked, answer } => respond(answer, self.delete(&asked).await),
            Job::KeepImport { company, job, answer } => {
                respond(answer, self.keep_import(&company, *job).await);
            }
            Job::Undo { undo, answer } => respond(answer, self.undo(&undo).await),
            Job::Stop { answer } => return Some(answer),
            Job::Commit { .. } | Job::Explain { .. } => {}
        }
        None
    }

    async fn commit(&mut self, batch: Commits) {
        if batch.is_empty() {
            return;
        }
        let (submissions, answers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        match self.store(&submissions).await {
            Ok(results) => {
                let pairs = answers.into_iter().zip(results);
                pairs.for_each(|(answer, result)| respond(answer, result));
            }
            Err(error) => answers.into_iter().for_each(|answer| respond(answer, Err(error))),
        }
    }

    /// Decides and stores a batch. An error means that nothing of it is stored,
    /// as far as is known.
    async fn store(
        &mut self,
        submissions: &[Box<Submission>],
    ) -> Result<Vec<Result<Outcome, StoreError>>, StoreError> {
        self.require_health()?;
        let all = submissions.iter().map(Box::as_ref);
        let mut view = Batch::load(self.engine.as_ref(), all).await.map_err(unreadable)?;
        let mut results = Vec::with_capacity(submissions.len());
        for submission in submissions {
            results.push(self.decide(&mut view, submission).await);
        }
        self.write(view.into_writes()).await?;
        // What is refused writes nothing.
        if results.iter().any(Result::is_ok) {
            self.batches.fetch_add(1, Ordering::Relaxed);
        }
        Ok(results)
    }

    async fn decide(
        &mut self,
        view: &mut Batch,
        submission: &Submission,
    ) -> Result<Outcome, StoreError> {
        let context = self.context(&submission.company).await?;
        let outcome = view.decide(submission, context)?;
        // Chance that went into no id serves the next request.
        if outcome.effect == Effect::Created {
            self.entropy = None;
        }
        self.number(&submission.company, context);
        Ok(outcome)
    }

    async fn explain(&mut self, submission: &Submission) -> Result<Outcome, StoreError> {
        self.require_health()?;
        let one = std::iter::once(submission);
        let mut view = Batch::load(self.engine.as_ref(), one).await.map_err(unreadable)?;
        let context = self.context(&submission.company).await?;
        // Whoever asked may read the id that was made up, so no profile gets it.
        self.entropy = None;
        view.decide(submission, context)
    }

    async fn undo(&mut self, undo: &Undo) -> Result<Unmerged, StoreError> {
        self.require_health()?;
        let loaded = Batch::load_merge(self.engine.as_ref(), &undo.company, undo.absorbed).await;
        let loaded = loaded.map_err(unreadable)?;
        let (mut view, merge, later) = loaded.ok_or(StoreError::NotMerged)?;
        let context = self.context(&undo.company).await?;
        let unmerged = view.undo(undo, &merge, later, context)?;
        self.number(&undo.company, context);
        self.write(view.into_writes()).await?;
        Ok(unmerged)
    }

    async fn context(&mut self, company: &CompanyId) -> Result<DecisionContext, StoreError> {
        let last = match self.sequences.get(company) {
            Some(&sequence) => sequence,
            None => newest_outcome(self.engine.as_ref(), company).await.map_err(unreadable)?,
        };
        // Only damage has given out the last number there is.
        let sequence = last.checked_add(1).ok_or(StoreError::Damaged)?;
        let entropy = match self.entropy {
            Some(entropy) => entropy,
            None => self.id_generator.entropy().or(Err(StoreError::Unavailable))?,
        };
        self.entropy = Some(entropy);
        self.latest = self.id_generator.now();
        Ok(DecisionContext { now: self.latest, entropy, sequence })
    }

    /// Gives out a number: it is an outcome's that is about to be written.
    fn number(&mut self, company: &CompanyId, DecisionContext { sequence, .. }: DecisionContext) {
        self.pending.note(company, sequence);
        match self.sequences.get_mut(company) {
            Some(newest) => *newest = sequence,
            None => drop(self.sequences.insert(company.clone(), sequence)),
        }
    }

    /// Writes a batch, and flushes it if that is what an answer promises.
    async fn write(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        if writes.is_empty() {
            return Ok(());
        }
        self.recorded += writes.iter().filter(|write| key::is_outcomes_key(&write.key)).count();
        let applied = self.engine.apply(writes).await;
        applied.map_err(|error| self.poison(&error))?;
        let since = *self.unflushed.get_or_insert_with(Instant::now);
        match self.durability {
            Durability::Relaxed if since.elapsed() < RELAXED_FLUSH => Ok(()),
            Durability::Flushed | Durability::Relaxed => self.flush().await,
        }
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        self.require_health()?;
        if self.unflushed.is_some() {
            self.engine.flush().await.map_err(|error| self.poison(&error))?;
            self.unflushed = None;
            self.pending.clear();
        }
        Ok(())
    }

    /// Takes one step of pruning. What it removes is flushed with what is written
    /// next: nobody was promised that it is gone.
    async fn prune(&mut self, page: usize) {
        if self.require_health().is_err() || self.pruner.rests(self.latest) {
            return;
        }
        match self.pruner.step(self.engine.as_ref(), self.latest, page).await {
            Ok(removals) if removals.is_empty() => {}
            Ok(removals) => {
                self.unflushed.get_or_insert_with(Instant::now);
                if let Err(error) = self.engine.apply(removals).await {
                    self.poison(&error);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "old outcome records could not be read");
                self.pruner.rest(self.latest);
            }
        }
    }

    fn require_health(&self) -> Result<(), StoreError> {
        if self.poisoned.load(Ordering::Acquire) { Err(StoreError::Poisoned) } else { Ok(()) }
    }

    fn poison(&self, error: &EngineError) -> StoreError {
        let cause = error.source().map(tracing::field::display);
        tracing::error!(%error, cause, "a write failed; nothing more is stored until a restart");
        self.poisoned.store(true, Ordering::Release);
        StoreError::Poisoned
    }
}

/// Whoever asked may have gone; what they asked for is done all the same.
fn respond<T>(answer: Answer<T>, result: Result<T, StoreError>) {
    drop(answer.send(result));
}

#[expect(clippy::needless_pass_by_value, reason = "this is where the error ends")]
fn unreadable(error: EngineError) -> StoreError {
    tracing::error!(%error, "stored data could not be read");
    match error {
        // To ask again would not help.
        EngineError::Damaged(_) => StoreError::Damaged,
        EngineError::InUse | EngineError::Io(_) => StoreError::Unavailable,
    }
}
