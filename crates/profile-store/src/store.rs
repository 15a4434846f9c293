//! The store: requests in, outcomes out.

mod imports;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use profile_protocol::{ChangedAttribute, CompanyId, IdentifierKind, ProfileId, Revision};
use tokio::sync::{mpsc, oneshot};

use crate::{
    Delete, History, HistoryCursor, IdGenerator, Identifier, Listing, MergeProfiles, Outcome,
    Profile, ProfilePage, PropertiesTooLarge, Rejected, Retention, Rules, Submission, Timestamp,
    engine::{Engine, EngineError, Key, Order, Scan, Value, Write},
    lane::{Job, Lane},
    layout::key,
    layout::record,
    limits,
    maintenance::prune::Pruner,
    read::history,
    read::listing,
    read::outcomes,
    read::unflushed::Pending,
};

/// When a request counts as stored.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Durability {
    /// When it is on the medium.
    #[default]
    Flushed,
    /// When it is applied; it is on the medium at most
    /// [`limits::RELAXED_FLUSH_MS`] later, and a crash before that loses it.
    Relaxed,
}

/// How a store is to be run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct StoreOptions {
    /// When a request counts as stored.
    pub durability: Durability,
    /// How long outcomes are kept.
    pub retention: Retention,
}

/// A merge that is to be undone.
#[derive(Clone, Debug)]
pub struct Undo {
    /// Whose profiles it concerns.
    pub company: CompanyId,
    /// The profile that was merged into another.
    pub absorbed: ProfileId,
    /// The company's rules.
    pub rules: Arc<Rules>,
    /// The revision at which this is asked.
    pub revision: Revision,
}

/// A merge that was undone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unmerged {
    /// What became of it, as recorded.
    pub outcome: Outcome,
    /// The profile the other had been merged into.
    pub survivor: Profile,
    /// The profile that lives again.
    pub restored: Profile,
    /// Attributes that the survivor had from the restored profile and that were
    /// written again since: they stay with the survivor.
    pub kept: Vec<ChangedAttribute>,
    /// Identifiers of the restored profile that lead to somebody else by now.
    pub lost: Vec<IdentifierKind>,
}

/// Profiles, and who they are. Cheap to share, and closed once by one owner.
pub struct Store {
    engine: Arc<dyn Engine>,
    queue: mpsc::Sender<Job>,
    poisoned: Arc<AtomicBool>,
    pending: Arc<Pending>,
    batches: Arc<AtomicU64>,
}

/// Why a request was not stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// What is asked cannot be done to the profiles there are.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// More requests wait than may; ask again in a moment.
    #[error("too many requests are waiting to be stored")]
    Overloaded,
    /// The profile was not merged into another, or that was undone.
    #[error("the profile was not merged into another, or that was undone")]
    NotMerged,
    /// The data could not be read; ask again.
    #[error("stored data could not be read")]
    Unavailable,
    /// What is stored about this person is damaged; an audit will say how.
    #[error("stored data is damaged")]
    Damaged,
    /// A write failed, and nothing more is stored until a restart.
    #[error("a write failed; the store takes no more requests until it is opened again")]
    Poisoned,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl From<PropertiesTooLarge> for StoreError {
    fn from(error: PropertiesTooLarge) -> StoreError {
        Rejected::from(error).into()
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The data are laid out in a way that this version does not know.
    #[error("the data are not those of a profile store, or of another version of it")]
    Format,
    /// The system gave no thread to commit on.
    #[error("the thread that commits could not be started: {0}")]
    Thread(#[source] std::io::Error),
}

impl Store {
    /// Opens the store that lies in `engine`, and starts its committer on a
    /// thread of its own.
    pub async fn open(
        engine: Arc<dyn Engine>,
        id_generator: Box<dyn IdGenerator>,
        options: StoreOptions,
    ) -> Result<Store, OpenError> {
        check_format(engine.as_ref()).await?;
        let (sender, queue) = mpsc::channel(limits::QUEUE);
        let poisoned = Arc::new(AtomicBool::new(false));
        let pending = Arc::new(Pending::default());
        let batches = Arc::new(AtomicU64::new(0));
        let committer = Lane {
            engine: Arc::clone(&engine),
            id_generator,
            queue,
            durability: options.durability,
            pruner: Pruner::new(options.retention),
            poisoned: Arc::clone(&poisoned),
            pending: Arc::clone(&pending),
            batches: Arc::clone(&batches),
            sequences: HashMap::new(),
            entropy: None,
            latest: Timestamp::default(),
            recorded: 0,
            unflushed: None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(OpenError::Thread)?;
        let thread = std::thread::Builder::new().name("committer".into());
        thread.spawn(move || runtime.block_on(committer.run())).map_err(OpenError::Thread)?;
        Ok(Store { engine, queue: sender, poisoned, pending, batches })
    }

    /// Decides and stores one request. The answer comes when it is stored as
    /// surely as the store's [`Durability`] promises.
    pub async fn submit(&self, submission: Submission) -> Result<Outcome, StoreError> {
        let submission = Box::new(submission);
        self.ask(|answer| Job::Commit { submission, answer }).await
    }

    /// As [`Store::submit`], for whoever has many requests: waits for room in the
    /// queue, and returns once the request is in it, so that what is enqueued in
    /// order is decided in order. What is returned waits for the answer.
    pub async fn enqueue(
        &self,
        submission: Submission,
    ) -> Result<impl Future<Output = Result<Outcome, StoreError>> + use<>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job = Job::Commit { submission: Box::new(submission), answer };
        self.queue.send(job).await.map_err(|_closed| StoreError::Closed)?;
        Ok(async { answered.await.unwrap_or(Err(StoreError::Closed)) })
    }

    /// What [`Store::submit`] would answer to this request now. Nothing is stored.
    pub async fn explain(&self, submission: Submission) -> Result<Outcome, StoreError> {
        let submission = Box::new(submission);
        self.ask(|answer| Job::Explain { submission, answer }).await
    }

    /// Merges two profiles. If both ids lead to one already, it stays as it is.
    pub async fn merge(&self, asked: MergeProfiles) -> Result<Outcome, StoreError> {
        let asked = Box::new(asked);
        self.ask(|answer| Job::Merge { asked, answer }).await
    }

    /// Deletes a person: their profile, all that leads to it, and the records of
    /// every merge it came of. Nothing of what was known of them is left but in
    /// copies made before. Nothing if nobody is led to.
    pub async fn delete(&self, asked: Delete) -> Result<Option<Outcome>, StoreError> {
        let asked = Box::new(asked);
        self.ask(|answer| Job::Delete { asked, answer }).await
    }

    /// Undoes a merge.
    pub async fn undo(&self, undo: Undo) -> Result<Unmerged, StoreError> {
        let undo = Box::new(undo);
        self.ask(|answer| Job::Undo { undo, answer }).await
    }

    async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Job,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(job(answer)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        answered.await.unwrap_or(Err(StoreError::Closed))
    }

    /// As [`Store::ask`], but waits for room in the queue.
    async fn wait_and_ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Job,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(job(answer)).await.map_err(|_closed| StoreError::Closed)?;
        answered.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Stores all that was submitted, flushes, and takes no more.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.wait_and_ask(|answer| Job::Stop { answer }).await
    }

    /// Whether requests can be stored.
    pub fn is_healthy(&self) -> bool {
        !self.poisoned.load(Ordering::Acquire) && !self.queue.is_closed()
    }

    /// How many requests wait to be stored.
    pub fn queue_depth(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// In how many batches submissions were stored since the store was opened. Where an
    /// answer waits for a flush, each has one of its own.
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Bytes taken up on the medium.
    pub async fn bytes(&self) -> Result<u64, EngineError> {
        self.engine.bytes().await
    }

    /// The profile with this id, or into which the profile with this id was
    /// merged.
    pub async fn profile(
        &self,
        company: &CompanyId,
        id: ProfileId,
    ) -> Result<Option<Profile>, EngineError> {
        let (own, alias) = (key::profile(company, id), key::alias(company, id));
        if let Some(value) = self.value(&own).await? {
            return Ok(Some(record::decode_profile(id, &value)?));
        }
        if let Some(profile) = self.living(company, &alias).await? {
            return Ok(Some(profile));
        }
        // The merge may have been undone between the two reads.
        let value = self.value(&own).await?;
        Ok(value.map(|value| record::decode_profile(id, &value)).transpose()?)
    }

    /// The profile that this identifier leads to.
    pub async fn find(
        &self,
        company: &CompanyId,
        identifier: &Identifier,
    ) -> Result<Option<Profile>, EngineError> {
        self.living(company, &key::identifier(company, identifier)).await
    }

    /// What happened to this person, newest first: to the profile with this id, or
    /// the one it was merged into, and to all that were merged into that.
    /// At most [`limits::HISTORY_PAGE`] outcomes, all of them on the medium.
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

    /// The page of the history of this profile that begins there.
    pub async fn history_from(
        &self,
        company: &CompanyId,
        of: &Profile,
        from: HistoryCursor,
        limit: usize,
    ) -> Result<History, EngineError> {
        let limit = limit.min(limits::HISTORY_PAGE);
        history::read(self.engine.as_ref(), &self.pending, company, of, from, limit).await
    }

    /// The number of the company's newest outcome; 0 if it has none.
    pub async fn newest_outcome(&self, company: &CompanyId) -> Result<u64, EngineError> {
        outcomes::newest_outcome(self.engine.as_ref(), company).await
    }

    /// The outcomes after the one of this number, oldest first, as far as they are
    /// on the medium: no crash takes back what was shown. Their numbers follow one
    /// another without a gap; where one is missing, what lay between was pruned.
    pub async fn outcomes(
        &self,
        company: &CompanyId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Outcome>, EngineError> {
        let outcomes = outcomes::outcomes(self.engine.as_ref(), company, after, limit).await?;
        let lasting = |outcome: &Outcome| !self.pending.holds(company, outcome.sequence);
        Ok(outcomes.into_iter().take_while(lasting).collect())
    }

    /// One page of a company's profiles, in an order. At most
    /// [`limits::LIST_PAGE`] of them. A page may come back short, even empty, and
    /// have a next one: following that to its end gives every profile that did not
    /// change meanwhile once.
    pub async fn list(&self, listing: &Listing) -> Result<ProfilePage, EngineError> {
        listing::read(self.engine.as_ref(), listing).await
    }

    /// The profile that the pointer at this key leads to.
    async fn living(
        &self,
        company: &CompanyId,
        pointer: &Key,
    ) -> Result<Option<Profile>, EngineError> {
        let mut led_to = None;
        loop {
            let Some(value) = self.value(pointer).await? else { return Ok(None) };
            let id = record::decode_id(&value)?;
            if let Some(value) = self.value(&key::profile(company, id)).await? {
                return Ok(Some(record::decode_profile(id, &value)?));
            }
            // The profile may have been absorbed between the two reads. Then the
            // pointer leads to its survivor by now.
            if led_to == Some(id) {
                return Err(EngineError::Damaged("a pointer that leads nowhere".to_owned()));
            }
            led_to = Some(id);
        }
    }

    async fn value(&self, key: &Key) -> Result<Option<Value>, EngineError> {
        let mut values = self.engine.read(std::slice::from_ref(key)).await?;
        Ok(values.pop().flatten())
    }
}

/// Sees that the data are laid out as this version knows, and says so in a store
/// that is still empty.
async fn check_format(engine: &dyn Engine) -> Result<(), OpenError> {
    let values = engine.read(&[key::FORMAT.to_vec()]).await?;
    match values.as_slice() {
        // What was written last may have outlived its process and not be flushed.
        [Some(version)] if version == key::FORMAT_VERSION => return Ok(engine.flush().await?),
        [Some(_)] => return Err(OpenError::Format),
        _ => {}
    }
    let first = Scan { prefix: Vec::new(), after: None, order: Order::Ascending, limit: 1 };
    if !engine.scan(&first).await?.is_empty() {
        return Err(OpenError::Format);
    }
    let version = Some(key::FORMAT_VERSION.to_vec());
    engine.apply(vec![Write { key: key::FORMAT.to_vec(), value: version }]).await?;
    engine.flush().await?;
    Ok(())
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({} waiting, healthy: {})", self.queue_depth(), self.is_healthy())
    }
}
