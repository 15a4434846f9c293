//! The store: requests in, outcomes out.

mod all_profiles;
mod deletion_jobs;
pub(crate) mod details;
mod explanation_permits;
mod explanations;
mod held_company;
mod imports;
pub(crate) mod profile_count;
mod push_tokens;
pub(crate) mod repair;
mod repaired_tokens;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use profile_protocol::{CompanyId, EmailPrefix, ProfileId};
use tokio::sync::{Mutex, oneshot, watch};

use self::explanation_permits::ExplanationPermits;
use crate::{
    Delete, Deleted, History, HistoryCursor, IdGenerator, Identifier, InvalidRecord, Listing,
    MergeProfiles, NoEntropy, Outcome, Profile, ProfilePage, Retention, RevokeTokens, SenderKey,
    SortKey, StoreError, Submission, SubmittedProfile, Timestamp, TokenContent, Undo, Unmerged,
    engine::{
        BoxFuture, Durability, Engine, EngineError, EngineStatus, Key, Place, Value,
        dedicate_thread,
    },
    id_generator::{profile_id, writers},
    lane::{
        Lane, StoreContext,
        disk_waits::DiskWaits,
        job::{Job, SubmissionTicket, Ticket},
        queue::LaneQueue,
        statistics::{BatchCounts, BatchSizes, LaneStatus},
    },
    layout::{key, record},
    limits,
    maintenance::{
        backup::forget_backup_position,
        clock_status::ClockStatus,
        company_deletion::{self, DeleteCompanyError},
        format::{self, FormatError},
        prune::{PrunedOutcomes, Pruner},
        schedule,
        sender_key::{self, SenderKeyError},
        stored_companies::{StoredCompanies, stored_companies},
    },
    model::deletion_job::ErasureStep,
    read::{history, listing, outcomes, profiles::profile_record},
    sync::AtomicUsize,
};

/// How a store is to be run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct StoreOptions {
    /// When a request counts as stored. Under [`Durability::Relaxed`] it is on disk at most
    /// [`limits::RELAXED_FLUSH_MS`] later.
    pub durability: Durability,
    /// How long outcomes are kept.
    pub retention: Retention,
}

/// An open store of profiles.
pub struct Store {
    shared: Arc<StoreContext>,
    /// The queue of each lane, in the order of places.
    queues: Vec<Arc<LaneQueue>>,
    /// Each ends when its lane, or the maintenance, has stopped.
    stopped: Mutex<Vec<oneshot::Receiver<()>>>,
    /// Stops the maintenance.
    closing: watch::Sender<bool>,
    pruner: Arc<Mutex<Pruner>>,
    explanation_permits: ExplanationPermits,
    sender_key: SenderKey,
}

/// The work of an open store that is not done in its callers: a future for each lane, and one for
/// its maintenance. Each runs until the store is closed or dropped.
pub struct Background {
    /// Commits batches: one future for each place. Needs a runtime with time enabled.
    pub lanes: Vec<BoxFuture<'static, ()>>,
    /// Prunes, and under [`Durability::Relaxed`] syncs. Needs a runtime with time enabled.
    pub maintenance: BoxFuture<'static, ()>,
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The layout of the data cannot be used, or not be migrated.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A deletion of a company that was begun cannot be finished.
    #[error("the deletion of a company cannot be finished")]
    Deletion(#[from] DeleteCompanyError),
    /// There is no entropy to name this store's batches by.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The system gave no thread to commit on.
    #[error("a thread of the store could not be started")]
    Thread(#[source] std::io::Error),
}

impl From<SenderKeyError> for OpenError {
    fn from(error: SenderKeyError) -> OpenError {
        match error {
            SenderKeyError::Engine(error) => error.into(),
            SenderKeyError::Entropy(error) => error.into(),
        }
    }
}

impl Store {
    /// Opens the store in `engine`, migrates it if an earlier version wrote it, finishes deletions
    /// of companies that were begun, and starts a thread for each lane and one for maintenance.
    pub async fn open(
        engine: Arc<dyn Engine>,
        id_generator: Arc<dyn IdGenerator>,
        options: StoreOptions,
    ) -> Result<Store, OpenError> {
        let (store, Background { lanes, maintenance }) =
            Store::assemble(engine, id_generator, options).await?;
        for lane in lanes {
            start_thread("lane", lane)?;
        }
        start_thread("maintenance", maintenance)?;
        Ok(store)
    }

    /// As [`Store::open`], but leaves it to the caller to run the store's [`Background`].
    pub async fn assemble(
        engine: Arc<dyn Engine>,
        id_generator: Arc<dyn IdGenerator>,
        options: StoreOptions,
    ) -> Result<(Store, Background), OpenError> {
        let [lane_writer, maintenance_writer] = writers(id_generator.as_ref())?;
        format::open(engine.as_ref(), id_generator.as_ref(), maintenance_writer).await?;
        company_deletion::finish_begun(engine.as_ref(), id_generator.as_ref()).await?;
        let [position_writer, key_writer] =
            [3, 2].map(|step| maintenance_writer.wrapping_add(step));
        forget_backup_position(engine.as_ref(), position_writer).await?;
        let sender_key =
            sender_key::open(engine.as_ref(), id_generator.as_ref(), key_writer).await?;
        let shared = Arc::new(StoreContext {
            id_generator,
            durability: options.durability,
            disk_waits: DiskWaits::default(),
            unflushed: crate::read::unflushed::Unflushed::default(),
            batch_sizes: BatchSizes::default(),
            recorded: AtomicUsize::new(0),
            clock: ClockStatus::default(),
            pruned: PrunedOutcomes::default(),
            engine,
        });
        let (mut queues, mut lanes, mut stopped) = (Vec::new(), Vec::new(), Vec::new());
        let decided = Arc::new(AtomicUsize::new(0));
        for place in Place::all(shared.engine.places()) {
            let queue = Arc::new(LaneQueue::new(Arc::clone(&decided)));
            let lane = Lane::new(Arc::clone(&shared), Arc::clone(&queue), place, lane_writer);
            queues.push(queue);
            lanes.push(until_stopped(lane.run(), &mut stopped));
        }
        let pruner = Arc::new(Mutex::new(Pruner::new(options.retention, maintenance_writer)));
        let (closing, closed) = watch::channel(false);
        let clock_writer = maintenance_writer.wrapping_add(1);
        let maintenance =
            schedule::run(Arc::clone(&shared), Arc::clone(&pruner), clock_writer, closed);
        let maintenance = until_stopped(maintenance, &mut stopped);
        let stopped = Mutex::new(stopped);
        let explanation_permits = ExplanationPermits::new(decided);
        let store =
            Store { shared, queues, stopped, closing, pruner, explanation_permits, sender_key };
        Ok((store, Background { lanes, maintenance }))
    }

    /// Decides and stores one request. The answer comes when it is stored as surely as the store's
    /// [`Durability`] promises.
    pub async fn submit(&self, submission: Submission) -> Result<Outcome, StoreError> {
        let submission = Box::new(submission);
        self.ask(|ticket| Job::Submit(submission, SubmissionTicket::Outcome(ticket))).await
    }

    /// As [`Store::submit`], and answers with the profile as the request left it. Later requests,
    /// such as a deletion, do not change the answer.
    pub async fn submit_for_profile(
        &self,
        submission: Submission,
    ) -> Result<SubmittedProfile, StoreError> {
        let submission = Box::new(submission);
        self.ask(|ticket| Job::Submit(submission, SubmissionTicket::Profile(Box::new(ticket))))
            .await
    }

    /// As [`Store::submit`], for callers with many requests: waits for space in the queue, and
    /// returns once the request is in it, so that requests enqueued in order are decided in order.
    /// The future waits for the answer. Import rows also wait while other companies are served.
    pub async fn enqueue(
        &self,
        submission: Submission,
    ) -> Result<impl Future<Output = Result<Outcome, StoreError>> + use<>, StoreError> {
        let (ticket, answer) = Ticket::new();
        let job = Job::Submit(Box::new(submission), SubmissionTicket::Outcome(ticket));
        let queue = self.queue_of(job.company())?;
        if job.is_import_row() {
            queue.wait_for_imports(job.company()).await;
        }
        queue.push_waiting(job).await?;
        Ok(async { answer.await.unwrap_or(Err(StoreError::Closed)) })
    }

    /// The key for the digests of senders.
    pub const fn sender_key(&self) -> &SenderKey {
        &self.sender_key
    }

    /// An id that sorts by this time, such as that of an import.
    pub fn id_at(&self, time: Timestamp) -> Result<ProfileId, NoEntropy> {
        Ok(profile_id(time, self.shared.id_generator.entropy()?))
    }

    /// Merges two profiles. If both ids are of one profile already, the profile stays as it is.
    pub async fn merge(&self, asked: MergeProfiles) -> Result<Outcome, StoreError> {
        let asked = Box::new(asked);
        self.ask(|ticket| Job::Merge(asked, ticket)).await
    }

    /// Deletes a profile, all that leads or has led to it, the records of all profiles that were
    /// merged into it, and what failed rows of bulk imports have of the person. Copies of the store
    /// that were made before still have them. Whether a profile is found or not, an outcome and the
    /// record of the job say so.
    pub async fn delete(&self, asked: Delete) -> Result<Deleted, StoreError> {
        let mut removed = 0;
        loop {
            let step = Box::new((asked.clone(), removed));
            match self.ask(|ticket| Job::Delete(step, ticket)).await? {
                ErasureStep::Rows(rows) => removed = rows,
                ErasureStep::Done(deleted) => return Ok(*deleted),
            }
        }
    }

    /// Undoes a merge.
    pub async fn undo(&self, undo: Undo) -> Result<Unmerged, StoreError> {
        self.ask(|ticket| Job::Undo(Box::new((undo, ticket)))).await
    }

    /// Revokes the exchange tokens that were issued so far, of one profile or of the whole company.
    pub async fn revoke_tokens(&self, asked: RevokeTokens) -> Result<Outcome, StoreError> {
        self.ask(|ticket| Job::revoke_tokens(asked, ticket)).await
    }

    /// The profile that a token of this content finds, if the token counts.
    pub async fn profile_of_token(
        &self,
        company: &CompanyId,
        token: TokenContent,
    ) -> Result<Option<Profile>, EngineError> {
        let TokenContent { profile, terms } = token;
        let engine = self.shared.engine.as_ref();
        let revoked = outcomes::newest_outcome(engine, company).await?.tokens_revoked;
        if terms.is_revoked(revoked) {
            return Ok(None);
        }
        let counts = |profile: &Profile| {
            !terms.is_revoked(profile.tokens_revoked)
                && terms.device_of(&profile.identifiers.devices).is_ok()
        };
        Ok(self.profile(company, profile).await?.filter(counts))
    }

    async fn ask<T>(&self, job: impl FnOnce(Ticket<T>) -> Job) -> Result<T, StoreError> {
        let (ticket, answer) = Ticket::new();
        let job = job(ticket);
        self.queue_of(job.company())?.push(job)?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// As [`Store::ask`], but waits for space in the queue.
    async fn wait_and_ask<T>(&self, job: impl FnOnce(Ticket<T>) -> Job) -> Result<T, StoreError> {
        let (ticket, answer) = Ticket::new();
        let job = job(ticket);
        self.queue_of(job.company())?.push_waiting(job).await?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// The queue of the lane that commits this company's batches.
    fn queue_of(&self, company: &CompanyId) -> Result<&LaneQueue, StoreError> {
        let place = key::place_of(company, self.shared.engine.places());
        let number = usize::try_from(place.number()).or(Err(StoreError::Closed))?;
        self.queues.get(number).map(Arc::as_ref).ok_or(StoreError::Closed)
    }

    /// Accepts no more requests, stores those that were accepted, and syncs.
    pub async fn close(&self) -> Result<(), StoreError> {
        if self.is_closed() {
            return Err(StoreError::Closed);
        }
        self.stop();
        for stopped in self.stopped.lock().await.drain(..) {
            // Its sender is dropped without a message, so this is always an error.
            let _ = stopped.await;
        }
        if !self.shared.engine.is_writable() {
            return Err(StoreError::Poisoned);
        }
        self.shared.unflushed.begin_sync();
        self.shared.engine.sync().await.map_err(|error| {
            tracing::error!(%error, "the store could not be synced when it was closed");
            StoreError::Poisoned
        })?;
        self.shared.unflushed.end_sync();
        Ok(())
    }

    fn stop(&self) {
        self.queues.iter().for_each(|queue| queue.close());
        self.closing.send_replace(true);
    }

    fn is_closed(&self) -> bool {
        self.queues.iter().any(|queue| queue.is_closed())
    }

    /// Whether requests can be stored.
    pub fn is_healthy(&self) -> bool {
        self.shared.engine.is_writable() && !self.is_closed()
    }

    /// For how long the oldest commit has been waiting for the engine, which is the disk; zero if
    /// no commit waits. Requests wait at least as long if they wait for the same commit.
    pub fn oldest_disk_wait(&self) -> Duration {
        self.shared.disk_waits.oldest()
    }

    /// How many requests wait to be stored.
    pub fn queue_depth(&self) -> usize {
        self.queues.iter().map(|queue| queue.len()).sum()
    }

    /// What waits for each lane, in the order of places.
    pub fn lanes(&self) -> impl Iterator<Item = LaneStatus> {
        self.queues.iter().map(|queue| queue.status())
    }

    /// In how many batches submissions were stored since the store was opened.
    pub fn batches(&self) -> u64 {
        self.batch_counts().total()
    }

    /// These batches by the number of their requests.
    pub fn batch_counts(&self) -> BatchCounts {
        self.shared.batch_sizes.counts()
    }

    /// The state of the engine.
    pub fn engine_status(&self) -> EngineStatus {
        self.shared.engine.status()
    }

    /// Removes all outcomes that have expired now, by the wall clock as it is. Maintenance does
    /// this from time to time, and judges the clock before.
    pub async fn prune(&self) -> Result<(), EngineError> {
        let now = Some(self.shared.id_generator.now());
        let (engine, counts) = (self.shared.engine.as_ref(), &self.shared.pruned);
        let mut pruner = self.pruner.lock().await;
        pruner.restart();
        while pruner.step(engine, now, limits::PRUNE_STEP, counts).await? {}
        Ok(())
    }

    /// How many outcomes were removed since the store was opened because they were too old.
    pub fn pruned_by_age(&self) -> u64 {
        self.shared.pruned.by_age()
    }

    /// How many outcomes were removed since the store was opened because there were too many.
    pub fn pruned_by_count(&self) -> u64 {
        self.shared.pruned.by_count()
    }

    /// Whether the wall clock is trusted. While it is not, no outcome is removed by age.
    pub fn trusts_clock(&self) -> bool {
        self.shared.clock.is_trusted()
    }

    /// The newest time that is stored, or at which the wall clock was trusted. While the clock is
    /// not trusted, the time goes on by the monotonic clock.
    pub fn newest_trusted_time(&self) -> Timestamp {
        self.shared.clock.newest()
    }

    /// Bytes taken up on disk.
    pub async fn bytes(&self) -> Result<u64, EngineError> {
        self.shared.engine.bytes().await
    }

    /// The companies with data in this store that `is_wanted` accepts.
    pub async fn companies(
        &self,
        is_wanted: impl Fn(&CompanyId) -> bool,
    ) -> Result<StoredCompanies, EngineError> {
        stored_companies(self.shared.engine.as_ref(), is_wanted).await
    }

    /// The profile with this id, or into which the profile with this id was merged.
    pub async fn profile(
        &self,
        company: &CompanyId,
        id: ProfileId,
    ) -> Result<Option<Profile>, EngineError> {
        if let Some(profile) = self.stored_profile(company, id).await? {
            return Ok(Some(profile));
        }
        if let Some(profile) = self.follow(company, &key::alias(company, id)).await? {
            return Ok(Some(profile));
        }
        // The merge may have been undone between the two reads.
        self.stored_profile(company, id).await
    }

    /// The profile that holds this identifier.
    pub async fn find(
        &self,
        company: &CompanyId,
        identifier: &Identifier,
    ) -> Result<Option<Profile>, EngineError> {
        self.follow(company, &key::identifier(company, identifier)).await
    }

    /// The outcomes about the profile with this id, or about the profile that it was merged into,
    /// and about all profiles that were merged into that. Newest first, at most
    /// [`limits::HISTORY_PAGE`] outcomes, all of them on disk.
    pub async fn history(
        &self,
        company: &CompanyId,
        id: ProfileId,
        limit: usize,
    ) -> Result<Option<History>, EngineError> {
        let Some(profile) = self.profile(company, id).await? else { return Ok(None) };
        let from = HistoryCursor { sequences: profile.last_outcome.into_iter().collect() };
        self.history_from(company, &profile, from, limit).await.map(Some)
    }

    /// The page of the history of this profile that begins at a cursor.
    pub async fn history_from(
        &self,
        company: &CompanyId,
        of: &Profile,
        from: HistoryCursor,
        limit: usize,
    ) -> Result<History, EngineError> {
        let limit = limit.min(limits::HISTORY_PAGE);
        history::read(self.shared.engine.as_ref(), &self.shared.unflushed, company, of, from, limit)
            .await
    }

    /// The number of the company's newest outcome; 0 if it has none.
    pub async fn newest_outcome(&self, company: &CompanyId) -> Result<u64, EngineError> {
        Ok(outcomes::newest_outcome(self.shared.engine.as_ref(), company).await?.sequence)
    }

    /// Whether the outcome of this number, which was read as the newest, is on disk.
    pub fn is_on_disk(&self, company: &CompanyId, number: u64) -> bool {
        !self.shared.unflushed.holds(company, number)
    }

    /// The outcomes after the one of this number, oldest first, as far as they are on disk, so that
    /// no crash removes an outcome that was shown. The numbers have no gaps, except where outcomes
    /// were pruned.
    pub async fn outcomes(
        &self,
        company: &CompanyId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Outcome>, EngineError> {
        let outcomes =
            outcomes::outcomes(self.shared.engine.as_ref(), company, after, limit).await?;
        let lasting = |outcome: &Outcome| !self.shared.unflushed.holds(company, outcome.sequence);
        Ok(outcomes.into_iter().take_while(lasting).collect())
    }

    /// The outcomes before the one of this number, newest first, as far as they are on disk. All of
    /// a company's are before the number `u64::MAX`.
    pub async fn outcomes_before(
        &self,
        company: &CompanyId,
        before: u64,
        limit: usize,
    ) -> Result<Vec<Outcome>, EngineError> {
        let engine = self.shared.engine.as_ref();
        let mut before = before;
        loop {
            let outcomes = outcomes::outcomes_before(engine, company, before, limit).await?;
            let held = |outcome: &&Outcome| self.shared.unflushed.holds(company, outcome.sequence);
            // What a crash may undo is newer than everything else.
            let Some(oldest_held) = outcomes.iter().take_while(held).last() else {
                return Ok(outcomes);
            };
            before = oldest_held.sequence;
        }
    }

    /// One page of a company's profiles, in an order. At most [`limits::LIST_PAGE`] of them. A page
    /// may be short, even empty, and still have a next one. All pages together list every profile
    /// that did not change meanwhile once.
    pub async fn list(&self, listing: &Listing) -> Result<ProfilePage, EngineError> {
        listing::read(self.shared.engine.as_ref(), listing, None).await
    }

    /// As [`Store::list`] in the order of addresses, of those whose address begins like this.
    pub async fn list_by_email(
        &self,
        listing: &Listing,
        emails: &EmailPrefix,
    ) -> Result<ProfilePage, EngineError> {
        let listing = Listing { sort: SortKey::Email, ..listing.clone() };
        listing::read(self.shared.engine.as_ref(), &listing, Some(emails)).await
    }

    /// The profile that the pointer at this key leads to.
    async fn follow(
        &self,
        company: &CompanyId,
        pointer: &Key,
    ) -> Result<Option<Profile>, EngineError> {
        let mut followed = None;
        loop {
            let Some(value) = self.value(pointer).await? else { return Ok(None) };
            let Some(id) = record::decode_pointer(&value)?.held() else { return Ok(None) };
            if let Some(profile) = self.stored_profile(company, id).await? {
                return Ok(Some(profile));
            }
            // The profile may have been absorbed between the two reads. Then the pointer leads to
            // its survivor by now.
            if followed == Some(id) {
                return Err(EngineError::Damaged("a dangling pointer".to_owned()));
            }
            followed = Some(id);
        }
    }

    /// The profile with exactly this id.
    async fn stored_profile(
        &self,
        company: &CompanyId,
        id: ProfileId,
    ) -> Result<Option<Profile>, EngineError> {
        let record = profile_record(self.shared.engine.as_ref(), company, id).await?;
        let Some(record) = record else { return Ok(None) };
        let profile = record.decode(id)?.decode();
        Ok(Some(profile.map_err(InvalidRecord::from)?))
    }

    async fn value(&self, key: &Key) -> Result<Option<Value>, EngineError> {
        Ok(self.shared.engine.read(vec![key.clone()]).await?.pop().flatten())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The same work, and a receiver that learns when it is over.
fn until_stopped(
    work: impl Future<Output = ()> + Send + 'static,
    stopped: &mut Vec<oneshot::Receiver<()>>,
) -> BoxFuture<'static, ()> {
    let (running, ended) = oneshot::channel();
    stopped.push(ended);
    Box::pin(async move {
        work.await;
        drop(running);
    })
}

fn start_thread(name: &str, work: BoxFuture<'static, ()>) -> Result<(), OpenError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(OpenError::Thread)?;
    let thread = std::thread::Builder::new().name(name.to_owned());
    let work = move || {
        dedicate_thread();
        runtime.block_on(work);
    };
    thread.spawn(work).map_err(OpenError::Thread)?;
    Ok(())
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({} waiting, healthy: {})", self.queue_depth(), self.is_healthy())
    }
}
