//! The committer: the one writer of a store.
//!
//! It gathers the requests that wait, decides them in order, writes one batch,
//! flushes once, and answers them all. Batches form by themselves: while one is
//! being flushed, requests gather for the next. A lone request waits for nobody.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use profile_protocol::CompanyId;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use crate::{
    Mint, Moment, Outcome, Submission,
    engine::{Engine, EngineError, Order, Scan},
    key, limits,
    store::{Durability, StoreError},
    view::View,
};

/// What is asked of the committer.
pub(crate) enum Job {
    /// To decide and store a request.
    Commit { submission: Box<Submission>, answer: Answer },
    /// To flush and stop, once all that was asked before is done.
    Stop { answer: oneshot::Sender<Result<(), StoreError>> },
}

type Answer = oneshot::Sender<Result<Outcome, StoreError>>;

pub(crate) struct Committer {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) mint: Box<dyn Mint>,
    pub(crate) queue: mpsc::Receiver<Job>,
    pub(crate) durability: Durability,
    /// Set for good when a write failed: nobody knows any more what is stored.
    pub(crate) poisoned: Arc<AtomicBool>,
    /// The number of each company's newest outcome.
    pub(crate) sequences: HashMap<CompanyId, u64>,
    /// Chance for the next profile's id.
    pub(crate) chance: Option<u128>,
    /// When what was applied has to be flushed; nothing if all of it is.
    pub(crate) flush_due: Option<Instant>,
}

impl Committer {
    /// Serves the queue until it is told to stop, or nobody can ask any more.
    pub(crate) async fn run(mut self) {
        let mut jobs = Vec::with_capacity(limits::BATCH);
        while self.receive(&mut jobs).await {
            let (mut batch, mut stops) = (Vec::new(), Vec::new());
            for job in jobs.drain(..) {
                match job {
                    Job::Commit { submission, answer } => batch.push((submission, answer)),
                    Job::Stop { answer } => stops.push(answer),
                }
            }
            self.commit(batch).await;
            if !stops.is_empty() {
                let flushed = self.flush().await;
                // Whoever hears that the store is closed may open its data again.
                drop(self);
                for answer in stops {
                    // Whoever asked may have gone; what they asked for is done.
                    let _ = answer.send(flushed);
                }
                return;
            }
        }
        // A failure is logged, and nobody is left to be told.
        let _ = self.flush().await;
    }

    /// Waits for jobs, and flushes what was left unflushed when it is due. False if
    /// no jobs will come any more.
    async fn receive(&mut self, jobs: &mut Vec<Job>) -> bool {
        while let Some(due) = self.flush_due
            && !self.poisoned.load(Ordering::Acquire)
        {
            match timeout_at(due, self.queue.recv_many(jobs, limits::BATCH)).await {
                Ok(received) => return received != 0,
                // A failure poisons the store, which the next answer tells.
                Err(_nothing_came) => {
                    let _ = self.flush().await;
                }
            }
        }
        self.queue.recv_many(jobs, limits::BATCH).await != 0
    }

    async fn commit(&mut self, batch: Vec<(Box<Submission>, Answer)>) {
        let (submissions, answers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        match self.store(&submissions).await {
            Ok(results) => {
                let pairs = answers.into_iter().zip(results);
                pairs.for_each(|(answer, result)| drop(answer.send(result)));
            }
            Err(error) => {
                answers.into_iter().for_each(|answer| drop(answer.send(Err(error))));
            }
        }
    }

    /// Decides and stores a batch. An error means that nothing of it is stored,
    /// as far as is known.
    async fn store(
        &mut self,
        submissions: &[Box<Submission>],
    ) -> Result<Vec<Result<Outcome, StoreError>>, StoreError> {
        if self.poisoned.load(Ordering::Acquire) {
            return Err(StoreError::Poisoned);
        }
        let all = submissions.iter().map(Box::as_ref);
        let mut view = View::load(self.engine.as_ref(), all).await.map_err(unreadable)?;
        let mut results = Vec::with_capacity(submissions.len());
        for submission in submissions {
            results.push(self.decide(&mut view, submission).await);
        }
        let writes = view.into_writes();
        if !writes.is_empty() {
            let applied = self.engine.apply(writes).await;
            applied.map_err(|error| self.poison(&error))?;
            let now = Instant::now();
            let due = *self.flush_due.get_or_insert(now + self.patience());
            // While jobs keep coming, nobody else sees to what is due.
            if due <= now {
                self.flush().await?;
            }
        }
        Ok(results)
    }

    async fn decide(
        &mut self,
        view: &mut View,
        submission: &Submission,
    ) -> Result<Outcome, StoreError> {
        let sequence = 1 + self.last_sequence(&submission.company).await.map_err(unreadable)?;
        let now = self.mint.now();
        let chance = match self.chance.take() {
            Some(chance) => chance,
            None => self.mint.chance().or(Err(StoreError::Unavailable))?,
        };
        let outcome = view.decide(submission, Moment { now, chance, sequence });
        // Chance that went into no id serves the next request.
        self.chance = match &outcome {
            Ok(outcome) if outcome.effect == crate::Effect::Created => None,
            _ => Some(chance),
        };
        let outcome = outcome?;
        self.sequences.insert(submission.company.clone(), sequence);
        Ok(outcome)
    }

    async fn last_sequence(&mut self, company: &CompanyId) -> Result<u64, EngineError> {
        if let Some(&sequence) = self.sequences.get(company) {
            return Ok(sequence);
        }
        let scan = Scan {
            prefix: key::prefix(company, key::Kind::Outcome),
            after: None,
            order: Order::Descending,
            limit: 1,
        };
        let newest = self.engine.scan(&scan).await?;
        let sequence = newest.first().and_then(|(key, _)| match key::parse(key) {
            Some(key::Parsed::Outcome(_, sequence)) => Some(sequence),
            _ => None,
        });
        Ok(sequence.unwrap_or(0))
    }

    /// How long something applied may stay unflushed.
    fn patience(&self) -> Duration {
        match self.durability {
            Durability::Flushed => Duration::ZERO,
            Durability::Relaxed => Duration::from_millis(limits::RELAXED_FLUSH_MS),
        }
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        if self.poisoned.load(Ordering::Acquire) {
            return Err(StoreError::Poisoned);
        }
        if self.flush_due.is_some() {
            self.engine.flush().await.map_err(|error| self.poison(&error))?;
            self.flush_due = None;
        }
        Ok(())
    }

    fn poison(&self, error: &EngineError) -> StoreError {
        tracing::error!(%error, "a write failed; nothing more is stored until the gateway is restarted");
        self.poisoned.store(true, Ordering::Release);
        StoreError::Poisoned
    }
}

#[expect(clippy::needless_pass_by_value, reason = "this is where the error ends")]
fn unreadable(error: EngineError) -> StoreError {
    tracing::error!(%error, "stored data could not be read");
    StoreError::Unavailable
}
