//! A lane commits the batches of one place.
//!
//! It begins a session, takes what waits, reads what that needs, decides it in order, commits once,
//! and answers. Batches form by themselves: while one is being committed, requests gather for the
//! next. A lone request waits for no other.

pub(crate) mod disk_waits;
pub(crate) mod job;
mod pace;
pub(crate) mod queue;
pub(crate) mod statistics;
pub(crate) mod times_ahead;

use std::{error::Error, sync::Arc};

use ahash::HashMap;
use profile_protocol::CompanyId;
use tokio::time::Instant;

use self::{
    disk_waits::DiskWaits,
    job::{IdSource, Job},
    pace::BatchWork,
    queue::LaneQueue,
    statistics::BatchSizes,
    times_ahead::TimesAhead,
};
use crate::{
    IdGenerator, StoreError,
    batch::{Batch, Needs},
    engine::{BatchId, CommitError, Durability, Engine, EngineError, Place, Session, Write},
    limits,
    maintenance::{clock_status::ClockStatus, prune::PrunedOutcomes},
    read::unflushed::Unflushed,
    sync::{AtomicUsize, Ordering},
};

/// What the lanes, the maintenance and the readers of one store have in common.
pub(crate) struct StoreContext {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) id_generator: Arc<dyn IdGenerator>,
    pub(crate) durability: Durability,
    /// How long the lanes and the relaxed sync have been waiting for the engine.
    pub(crate) disk_waits: DiskWaits,
    /// Outcomes that are applied and not on disk yet.
    pub(crate) unflushed: Unflushed,
    /// The batches of requests that were stored.
    pub(crate) batch_sizes: BatchSizes,
    /// How many segments of outcomes were written since pruning looked last.
    pub(crate) recorded: AtomicUsize,
    pub(crate) clock: ClockStatus,
    pub(crate) pruned: PrunedOutcomes,
}

pub(crate) struct Lane {
    shared: Arc<StoreContext>,
    queue: Arc<LaneQueue>,
    place: Place,
    /// The next batch of this lane.
    next: BatchId,
    spare_entropy: Option<u128>,
    times_ahead: TimesAhead,
}

/// The result of an attempt to commit.
enum Attempt {
    /// All is decided; a commit was confirmed if anything was to be stored.
    Done,
    /// Nothing is stored, and the same jobs may be tried again.
    Again,
    /// Nothing is stored, as far as is known.
    Failed(StoreError),
}

impl Lane {
    pub(crate) fn new(
        shared: Arc<StoreContext>,
        queue: Arc<LaneQueue>,
        place: Place,
        writer: u64,
    ) -> Lane {
        let next = BatchId { writer, number: 1 };
        let (spare_entropy, times_ahead) = (None, TimesAhead::default());
        Lane { shared, queue, place, next, spare_entropy, times_ahead }
    }

    /// Serves the queue until it is closed and empty.
    pub(crate) async fn run(mut self) {
        while self.queue.wait().await {
            self.serve().await;
        }
    }

    /// Commits one batch of what waits.
    async fn serve(&mut self) {
        // Held before jobs are taken, so that all that arrives meanwhile is in the batch.
        let session = self.begin().await;
        let mut jobs = self.queue.take();
        let result = match session {
            Ok(session) => self.commit_with_retries(session, &mut jobs).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => jobs.into_iter().for_each(Job::answer),
            Err(error) => jobs.into_iter().for_each(|job| job.fail(error)),
        }
    }

    async fn begin(&self) -> Result<Box<dyn Session>, StoreError> {
        if !self.shared.engine.is_writable() {
            return Err(StoreError::Poisoned);
        }
        let begun = self.shared.engine.begin(self.place);
        self.shared.disk_waits.during(begun).await.map_err(|error| unreadable(&error))
    }

    /// Decides and commits these jobs. Those that do not fit go back to the queue.
    async fn commit_with_retries(
        &mut self,
        mut session: Box<dyn Session>,
        jobs: &mut Vec<Job>,
    ) -> Result<(), StoreError> {
        for _ in 0..limits::COMMIT_ATTEMPTS {
            match self.attempt(session, jobs).await {
                Attempt::Done => return Ok(()),
                Attempt::Failed(error) => return Err(error),
                Attempt::Again => session = self.begin().await?,
            }
        }
        Err(StoreError::Unavailable)
    }

    async fn attempt(&mut self, mut session: Box<dyn Session>, jobs: &mut Vec<Job>) -> Attempt {
        let began = Instant::now();
        let mut batch = Batch::new(jobs.iter().map(Job::wants));
        let mut source = Source::Session(session.as_mut(), &self.shared.disk_waits);
        if let Err(error) = load(&mut source, &mut batch).await {
            return Attempt::Failed(unreadable(&error));
        }
        self.queue.give_back(jobs.split_off(batch.ready()));
        let stored = self.decide(&mut batch, jobs);
        let read = batch.bytes_read();
        let outcomes = batch.new_outcomes().map(|(company, first)| (company.clone(), first));
        let outcomes: Vec<_> = outcomes.collect();
        outcomes.iter().for_each(|(company, first)| self.shared.unflushed.note(company, *first));
        let segments = batch.new_segments();
        let writes = batch.into_writes();
        let written = pace::written(&writes, jobs.len());
        let attempt = if writes.is_empty() {
            Attempt::Done
        } else {
            let attempt = self.store(session, writes, &outcomes).await;
            if let Attempt::Done = attempt {
                self.shared.recorded.fetch_add(segments, Ordering::Relaxed);
                if stored {
                    self.shared.batch_sizes.note(jobs.len());
                }
            }
            attempt
        };
        self.queue.charge(&work_of(jobs, &read, &written), began.elapsed());
        attempt
    }

    /// Commits what a batch writes. Each of these companies has new outcomes from this number on.
    async fn store(
        &mut self,
        session: Box<dyn Session>,
        writes: Vec<Write>,
        outcomes: &[(CompanyId, u64)],
    ) -> Attempt {
        let id = self.next;
        self.next.number += 1;
        let committed = session.commit(id, writes, self.shared.durability);
        let result = self.shared.disk_waits.during(committed).await;
        match self.confirm(id, result).await {
            Ok(true) => {
                self.committed(outcomes);
                Attempt::Done
            }
            Ok(false) => {
                let withdraw = |(company, first): &(CompanyId, u64)| {
                    self.shared.unflushed.withdraw(company, *first);
                };
                outcomes.iter().for_each(withdraw);
                Attempt::Again
            }
            Err(error) => Attempt::Failed(error),
        }
    }

    /// Decides all jobs in order. Returns whether any of them is to be stored.
    fn decide(&mut self, batch: &mut Batch, jobs: &mut [Job]) -> bool {
        let generator = self.shared.id_generator.as_ref();
        let (spare, times_ahead) = (&mut self.spare_entropy, &mut self.times_ahead);
        let mut ids = IdSource { generator, spare, times_ahead };
        let mut stored = false;
        for job in jobs {
            stored |= job.decide(batch, &mut ids);
        }
        stored
    }

    /// Whether the batch is committed. Asks the engine where the answer was lost.
    async fn confirm(
        &self,
        id: BatchId,
        result: Result<(), CommitError>,
    ) -> Result<bool, StoreError> {
        match result {
            Ok(()) => Ok(true),
            Err(CommitError::Failed(error)) => {
                let cause = error.source().map(tracing::field::display);
                tracing::error!(%error, cause, "a batch was not committed");
                if self.shared.engine.is_writable() { Ok(false) } else { Err(StoreError::Poisoned) }
            }
            Err(CommitError::InDoubt(error)) => {
                tracing::warn!(%error, "a commit was not confirmed; asking the engine about it");
                let mut session = self.begin().await?;
                let answer = self.shared.disk_waits.during(session.is_committed(id)).await;
                answer.map_err(|error| unreadable(&error))
            }
        }
    }

    /// Shows the new outcomes of these companies to readers, if they are on disk.
    fn committed(&self, outcomes: &[(CompanyId, u64)]) {
        if self.shared.durability == Durability::Flushed {
            outcomes.iter().for_each(|(company, _)| self.shared.unflushed.clear(company));
        }
    }
}

/// What a batch did for each company: for these jobs it read so many bytes each.
fn work_of<'j>(
    jobs: &'j [Job],
    read: &[usize],
    written: &HashMap<CompanyId, usize>,
) -> BatchWork<'j> {
    let mut work = BatchWork::default();
    for (job, read) in jobs.iter().zip(read) {
        work.entry(job.company()).or_default().add(*read, job.is_import_row());
    }
    for (company, bytes) in written {
        if let Some(work) = work.get_mut(company) {
            work.add_written(*bytes);
        }
    }
    work
}

/// What a batch reads from: a session, or committed data.
pub(crate) enum Source<'a> {
    /// Its waits are noted.
    Session(&'a mut dyn Session, &'a DiskWaits),
    Committed(&'a dyn Engine),
}

/// Reads all that a batch needs.
pub(crate) async fn load(source: &mut Source<'_>, batch: &mut Batch) -> Result<(), EngineError> {
    while let Some(needs) = batch.needs() {
        match needs {
            Needs::Keys(keys) => batch.feed(match source {
                Source::Session(session, waits) => waits.during(session.read(keys)).await?,
                Source::Committed(engine) => engine.read(keys).await?,
            }),
            Needs::Scan(scan) => batch.feed_scan(match source {
                Source::Session(session, waits) => waits.during(session.scan(scan)).await?,
                Source::Committed(engine) => engine.scan(scan).await?,
            }),
        }
    }
    Ok(())
}

pub(crate) fn unreadable(error: &EngineError) -> StoreError {
    let cause = error.source().map(tracing::field::display);
    tracing::error!(%error, cause, "stored data could not be read");
    match error {
        // A retry would not help.
        EngineError::Damaged(_) => StoreError::Damaged,
        EngineError::InUse | EngineError::Io(_) | EngineError::Poisoned | EngineError::ReadOnly => {
            StoreError::Unavailable
        }
    }
}
