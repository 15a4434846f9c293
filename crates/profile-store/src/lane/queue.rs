//! The queue of a lane: one queue for each company, and turns among them.
//!
//! A company pays for its own large profiles: what its requests read in one batch is taken from
//! its credit, and a company without credit sits out turns while others wait. While other companies
//! are served, by whatever lane, it also pauses after its expensive requests (see `pace`).

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, PoisonError},
    time::Duration,
};

use ahash::HashMap;
use profile_protocol::CompanyId;
// The clock of the runtime.
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{
    job::Job,
    pace::{self, BatchWork, Pause},
    statistics::LaneStatus,
};
use crate::{
    StoreError, limits,
    sync::{AtomicUsize, Mutex, MutexGuard, Notify, Ordering},
};

#[derive(Default)]
pub(crate) struct LaneQueue {
    state: Mutex<QueueState>,
    /// Wakes the lane.
    arrived: Notify,
    /// Wakes callers that wait for space.
    space: Notify,
    /// Requests that all lanes of the store decided, of any company.
    decided: Arc<AtomicUsize>,
}

#[derive(Default)]
struct QueueState {
    companies: HashMap<CompanyId, Waiting>,
    /// Companies with waiting jobs that are not paused, in the order of their turns.
    turns: VecDeque<CompanyId>,
    /// Companies that are paused, and until when.
    paused: Vec<(Instant, CompanyId)>,
    jobs: usize,
    closed: bool,
    /// Companies of which no job is taken: one at a time, and those whose deletion failed.
    held: HashSet<CompanyId>,
}

/// The jobs of one company.
#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// Since when it has waited for its turn.
    waits_since: Option<Instant>,
    /// Bytes that its requests may still read before it sits out a turn; negative when they read
    /// more.
    credit: i64,
    is_paused: bool,
    /// When the next rows of its bulk import may be queued.
    imports_from: Option<Instant>,
    /// Its requests that were decided.
    decided: usize,
    /// Requests of other companies that had been decided when it was charged last.
    decided_of_others: usize,
}

impl Waiting {
    fn push_back(&mut self, job: Job) {
        self.waits_since.get_or_insert_with(Instant::now);
        self.jobs.push_back(job);
    }
}

/// What a lane may do next.
enum Next {
    Serve,
    /// Every company with a waiting job is paused, one of them until then.
    WaitUntil(Instant),
    WaitForJobs,
    Stop,
}

/// Why a job was not queued.
#[derive(Debug)]
pub(crate) enum NotQueued {
    Full(Box<Job>),
    Closed,
    /// All data of the company are being deleted or copied.
    Held,
}

impl From<NotQueued> for StoreError {
    fn from(error: NotQueued) -> StoreError {
        match error {
            NotQueued::Full(_) => StoreError::Overloaded,
            NotQueued::Closed => StoreError::Closed,
            NotQueued::Held => StoreError::Unavailable,
        }
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Job({})", self.company())
    }
}

impl LaneQueue {
    /// The queue of one of several lanes, which count in `decided` what they decide.
    pub(crate) fn new(decided: Arc<AtomicUsize>) -> LaneQueue {
        LaneQueue { decided, ..LaneQueue::default() }
    }

    // Nothing that runs under the lock panics half way through a change.
    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a job, unless its company has as many waiting as it may.
    pub(crate) fn push(&self, job: Job) -> Result<(), NotQueued> {
        let mut state = self.state();
        if state.closed {
            return Err(NotQueued::Closed);
        }
        if state.held.contains(job.company()) && !matches!(job, Job::Fence(..)) {
            return Err(NotQueued::Held);
        }
        state.push(job)?;
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Queues a job as soon as its company has space.
    pub(crate) async fn push_waiting(&self, mut job: Job) -> Result<(), StoreError> {
        loop {
            let space = self.space.notified();
            match self.push(job) {
                Ok(()) => return Ok(()),
                Err(NotQueued::Full(full)) => job = *full,
                Err(error @ (NotQueued::Closed | NotQueued::Held)) => return Err(error.into()),
            }
            space.await;
        }
    }

    /// Takes no more jobs of a company. Those that wait are still carried out. Returns whether it
    /// has taken jobs so far.
    pub(crate) fn hold(&self, company: &CompanyId) -> bool {
        let is_new = self.state().held.insert(company.clone());
        self.space.notify_waiters();
        is_new
    }

    /// Takes jobs of the company again.
    pub(crate) fn release(&self, company: &CompanyId) {
        self.state().held.remove(company);
    }

    /// How many jobs wait.
    pub(crate) fn len(&self) -> usize {
        self.state().jobs
    }

    /// What waits for the lane.
    pub(crate) fn status(&self) -> LaneStatus {
        let state = self.state();
        let since = state.companies.values().filter_map(|waiting| waiting.waits_since).min();
        let longest_wait = since.map_or(Duration::ZERO, |since| since.elapsed());
        LaneStatus { depth: state.jobs, longest_wait }
    }

    /// Takes no more jobs. Those that wait are still carried out.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.arrived.notify_one();
        self.space.notify_waiters();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Waits until a job may be taken. False if none will come any more.
    pub(crate) async fn wait(&self) -> bool {
        loop {
            let arrived = self.arrived.notified();
            let next = self.state().next(Instant::now());
            match next {
                Next::Serve => return true,
                Next::Stop => return false,
                Next::WaitForJobs => arrived.await,
                // Whether the time is over or a job has arrived is looked up again.
                Next::WaitUntil(time) => drop(timeout_at(time, arrived).await),
            }
        }
    }

    /// Waits until further rows of the company's bulk import may be queued.
    pub(crate) async fn wait_for_imports(&self, company: &CompanyId) {
        let from = self.state().companies.get(company).and_then(|waiting| waiting.imports_from);
        if let Some(from) = from.filter(|from| Instant::now() + IMPORT_DEBT < *from) {
            sleep_until(from).await;
        }
    }

    /// Takes the jobs of the next batch: from each company in turn, as many as the bounds allow.
    pub(crate) fn take(&self) -> Vec<Job> {
        let taken = self.state().take();
        self.space.notify_waiters();
        taken
    }

    /// Gives back jobs that did not fit into a batch, in their order, to the front of their
    /// queues.
    pub(crate) fn give_back(&self, jobs: Vec<Job>) {
        let mut state = self.state();
        for job in jobs.into_iter().rev() {
            state.give_back(job);
        }
    }

    /// Charges companies for what a batch did for them, which took `took`.
    pub(crate) fn charge(&self, work: &BatchWork<'_>, took: Duration) {
        let requests: usize = work.values().map(|work| work.requests).sum();
        let decided = self.decided.fetch_add(requests, Ordering::Relaxed).wrapping_add(requests);
        let (now, weight) = (Instant::now(), pace::weight(work));
        let mut state = self.state();
        for (company, work) in work {
            let Some(waiting) = state.companies.get_mut(*company) else { continue };
            waiting.credit = waiting.credit.saturating_sub_unsigned(work.read as u64);
            waiting.decided = waiting.decided.wrapping_add(work.requests);
            let of_others = decided.wrapping_sub(waiting.decided);
            let before = std::mem::replace(&mut waiting.decided_of_others, of_others);
            if before != of_others {
                state.pause(company, now, work.pause(took, weight));
            }
        }
        state.forget_idle();
    }
}

impl QueueState {
    fn push(&mut self, job: Job) -> Result<(), NotQueued> {
        let company = job.company();
        match self.companies.get_mut(company) {
            Some(waiting) if limits::COMPANY_QUEUE <= waiting.jobs.len() => {
                return Err(NotQueued::Full(Box::new(job)));
            }
            Some(waiting) => {
                if waiting.jobs.is_empty() && !waiting.is_paused {
                    self.turns.push_back(company.clone());
                }
                waiting.push_back(job);
            }
            None => {
                self.turns.push_back(company.clone());
                let waiting = Waiting { credit: TURN, ..Waiting::default() };
                self.companies.entry(company.clone()).or_insert(waiting).push_back(job);
            }
        }
        self.jobs += 1;
        Ok(())
    }

    fn give_back(&mut self, job: Job) {
        let waiting = self.companies.entry(job.company().clone()).or_default();
        if waiting.jobs.is_empty() && !waiting.is_paused {
            self.turns.push_front(job.company().clone());
        }
        waiting.waits_since.get_or_insert_with(Instant::now);
        waiting.jobs.push_front(job);
        self.jobs += 1;
    }

    /// What the lane may do now. Ends the pauses that are over.
    fn next(&mut self, now: Instant) -> Next {
        self.end_pauses(now);
        if !self.turns.is_empty() {
            return Next::Serve;
        }
        if self.jobs == 0 {
            return if self.closed { Next::Stop } else { Next::WaitForJobs };
        }
        let earliest = self.paused.iter().map(|(until, _)| *until).min();
        earliest.map_or(Next::WaitForJobs, Next::WaitUntil)
    }

    /// Makes a company wait.
    fn pause(&mut self, company: &CompanyId, now: Instant, pause: Pause) {
        let Some(waiting) = self.companies.get_mut(company) else { return };
        if !pause.imports.is_zero() {
            let earlier = waiting.imports_from.filter(|from| now < *from);
            waiting.imports_from = Some(earlier.unwrap_or(now) + pause.imports);
        }
        if !pause.requests.is_zero() && !self.closed {
            waiting.is_paused = true;
            self.turns.retain(|other| other != company);
            self.paused.push((now + pause.requests, company.clone()));
        }
    }

    /// Ends the pauses that are over, and every pause once the queue is closed.
    fn end_pauses(&mut self, now: Instant) {
        let is_over = |(until, _): &mut (Instant, CompanyId)| self.closed || *until <= now;
        for (_, company) in self.paused.extract_if(.., is_over) {
            let Some(waiting) = self.companies.get_mut(&company) else { continue };
            waiting.is_paused = false;
            if !waiting.jobs.is_empty() {
                self.turns.push_back(company);
            }
        }
    }

    fn take(&mut self) -> Vec<Job> {
        let (mut taken, mut claims) = (Vec::with_capacity(self.jobs.min(limits::BATCH)), 0);
        while taken.len() < limits::BATCH {
            let Some(company) = self.next_in_turn() else { break };
            let Some(waiting) = self.companies.get_mut(&company) else { continue };
            let Some(next) = waiting.jobs.front() else { continue };
            let fits = taken.is_empty()
                || (!next.is_alone() && claims + next.claims() <= limits::BATCH_CLAIMS);
            if !fits {
                self.turns.push_front(company);
                break;
            }
            claims += next.claims();
            let alone = next.is_alone();
            taken.extend(waiting.jobs.pop_front());
            waiting.waits_since = (!waiting.jobs.is_empty()).then(Instant::now);
            self.jobs -= 1;
            if !waiting.jobs.is_empty() {
                self.turns.push_back(company);
            }
            if alone {
                break;
            }
        }
        taken
    }

    /// The next company whose turn it is: the first with credit. Each that is passed over is
    /// credited with one turn, so that one of them has credit after as many rounds as it takes.
    fn next_in_turn(&mut self) -> Option<CompanyId> {
        if self.turns.len() == 1 {
            // There is no company to be fair to.
            let company = self.turns.pop_front()?;
            self.companies.get_mut(&company)?.credit = TURN;
            return Some(company);
        }
        loop {
            let company = self.turns.pop_front()?;
            let waiting = self.companies.get_mut(&company)?;
            if 0 < waiting.credit {
                return Some(company);
            }
            waiting.credit = waiting.credit.saturating_add(TURN);
            self.turns.push_back(company);
        }
    }

    /// Forgets companies that wait for nothing, if there are many. They begin with full credit
    /// again.
    fn forget_idle(&mut self) {
        if self.companies.len() <= 2 * self.turns.len() + limits::IDLE_COMPANIES {
            return;
        }
        self.companies.retain(|_, waiting| {
            !waiting.jobs.is_empty() || waiting.credit <= 0 || waiting.is_paused
        });
    }
}

#[expect(clippy::cast_possible_wrap, reason = "the bound is far below half the range")]
const TURN: i64 = limits::TURN_BYTES as i64;

const IMPORT_DEBT: Duration = Duration::from_millis(limits::IMPORT_DEBT_MS);

#[cfg(test)]
mod tests {
    use profile_protocol::{ProfileId, Revision};

    use super::*;
    use crate::{
        Claims, Delete, IdentitySettings, Intent, ProfileRef, RequestSender, Submission,
        lane::{
            job::{SubmissionTicket, Ticket},
            pace::CompanyWork,
        },
    };

    fn company(name: &str) -> CompanyId {
        name.parse().unwrap()
    }

    fn submission(name: &str) -> Job {
        let submission = Submission {
            company: company(name),
            caller: crate::Caller::Client,
            intent: Intent::Upsert,
            revision: Revision::LATEST,
            request_ids: None,
            sender: RequestSender::default(),
            claims: Claims::default(),
            cleared: Vec::new(),
            leaving_emails: Vec::new(),
            patch: profile_protocol::Patch::default(),
            push_token: None,
            settings: Arc::new(IdentitySettings::default()),
        };
        Job::Submit(Box::new(submission), SubmissionTicket::Outcome(Ticket::new().0))
    }

    fn deletion(name: &str) -> Job {
        let target = ProfileRef::Id(ProfileId::from_bits(1));
        let (company, revision) = (company(name), Revision::LATEST);
        let asked = Delete::by(company, target, revision);
        Job::Delete(Box::new((asked, 0)), Ticket::new().0)
    }

    fn taken(queue: &LaneQueue) -> Vec<String> {
        queue.take().iter().map(|job| job.company().to_string()).collect()
    }

    /// A batch with one request, which read so many bytes.
    fn read(company: &CompanyId, bytes: usize) -> BatchWork<'_> {
        let mut work = CompanyWork::default();
        work.add(bytes, false);
        BatchWork::from_iter([(company, work)])
    }

    const LARGE: usize = 8 * 220 * 1_024;

    /// Queues of two lanes of one store.
    fn two_lanes() -> [LaneQueue; 2] {
        let decided = Arc::default();
        [&decided, &decided].map(|decided| LaneQueue::new(Arc::clone(decided)))
    }

    /// Whether the lane may take a job at that time.
    fn may_serve(queue: &LaneQueue, time: Instant) -> bool {
        matches!(queue.state().next(time), Next::Serve)
    }

    #[test]
    fn a_lane_shows_what_waits_and_since_when() {
        let queue = LaneQueue::default();
        let waits = || queue.state().companies.values().any(|one| one.waits_since.is_some());
        assert_eq!(queue.status(), LaneStatus::default());
        queue.push(submission("ABC123")).unwrap();
        queue.push(submission("ABC123")).unwrap();
        assert_eq!(queue.status().depth, 2);
        let taken = queue.take();
        assert_eq!((queue.status(), waits()), (LaneStatus::default(), false));
        queue.give_back(taken);
        assert_eq!((queue.status().depth, waits()), (2, true));
    }

    #[test]
    fn a_company_pauses_after_expensive_requests_while_another_lane_serves_others() {
        let ([lane, other_lane], [heavy, light]) = (two_lanes(), ["HEAVY", "LIGHT"].map(company));
        let (took, second) = (Duration::from_millis(10), Duration::from_secs(1));
        for served in [false, true] {
            lane.push(submission("HEAVY")).unwrap();
            assert!(may_serve(&lane, Instant::now() + second));
            assert_eq!(taken(&lane), ["HEAVY"]);
            if served {
                other_lane.charge(&read(&light, 0), took);
            }
            lane.charge(&read(&heavy, LARGE), took);
            lane.push(submission("HEAVY")).unwrap();
            assert_eq!(may_serve(&lane, Instant::now()), !served);
            // Others of its lane do not wait.
            lane.push(submission("LIGHT")).unwrap();
            assert!(may_serve(&lane, Instant::now()));
            assert_eq!(taken(&lane).len(), if served { 1 } else { 2 });
        }
        assert!(may_serve(&lane, Instant::now() + second));
        assert_eq!(taken(&lane), ["HEAVY"]);
    }

    #[test]
    fn an_import_waits_once_it_is_ahead_of_its_pauses_and_other_requests_do_not() {
        let ([lane, other_lane], [importing, light]) =
            (two_lanes(), ["IMPORTING", "LIGHT"].map(company));
        let must_wait = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            let waiting = lane.wait_for_imports(&importing);
            let waited = async { tokio::time::timeout(Duration::ZERO, waiting).await.is_err() };
            runtime.unwrap().block_on(waited)
        };
        lane.push(submission("IMPORTING")).unwrap();
        let mut rows = CompanyWork::default();
        (0..limits::BATCH).for_each(|_| rows.add(0, true));
        for (took, waits) in [(IMPORT_DEBT / 20, false), (IMPORT_DEBT * 20, true)] {
            assert_eq!(lane.take().len(), 1);
            other_lane.charge(&read(&light, 0), Duration::ZERO);
            lane.charge(&BatchWork::from_iter([(&importing, rows)]), took);
            assert_eq!(must_wait(), waits);
            lane.push(submission("IMPORTING")).unwrap();
            assert!(may_serve(&lane, Instant::now()));
        }
    }

    #[test]
    fn a_queue_that_is_closed_ends_every_pause() {
        let ([lane, other_lane], [heavy, light]) = (two_lanes(), ["HEAVY", "LIGHT"].map(company));
        lane.push(submission("HEAVY")).unwrap();
        let mut jobs = lane.take();
        lane.push(submission("HEAVY")).unwrap();
        other_lane.charge(&read(&light, 0), Duration::ZERO);
        lane.charge(&read(&heavy, LARGE), Duration::from_secs(1));
        assert!(!may_serve(&lane, Instant::now()));
        lane.close();
        assert!(may_serve(&lane, Instant::now()));
        jobs.extend(lane.take());
        assert_eq!(jobs.len(), 2);
        assert!(matches!(lane.state().next(Instant::now()), Next::Stop));
    }

    #[test]
    fn companies_take_turns() {
        let queue = LaneQueue::default();
        for name in ["A", "A", "A", "B", "C", "B"] {
            queue.push(submission(name)).unwrap();
        }
        assert_eq!(taken(&queue), ["A", "B", "C", "A", "B", "A"]);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_company_that_read_much_sits_out_turns_while_others_wait() {
        let queue = LaneQueue::default();
        let push = |name: &str, jobs: usize| {
            (0..jobs).for_each(|_| queue.push(submission(name)).unwrap());
        };
        push("HEAVY", 1);
        assert_eq!(taken(&queue), ["HEAVY"]);
        push("HEAVY", 300);
        let heavy = company("HEAVY");
        queue.charge(&read(&heavy, 10 * limits::TURN_BYTES), Duration::ZERO);
        push("LIGHT", 300);
        let first = taken(&queue);
        let light = first.iter().take_while(|name| *name == "LIGHT").count();
        assert!((9..=11).contains(&light), "{light}");
        // Alone it waits for no turn.
        queue.charge(&read(&heavy, 1_000 * limits::TURN_BYTES), Duration::ZERO);
        while taken(&queue).contains(&"LIGHT".to_owned()) {}
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_deletion_is_a_batch_of_its_own() {
        let queue = LaneQueue::default();
        for job in [submission("A"), deletion("A"), submission("A")] {
            queue.push(job).unwrap();
        }
        assert_eq!([1, 1, 1].map(|_| queue.take().len()), [1, 1, 1]);
    }

    #[test]
    fn jobs_that_are_given_back_come_first_and_in_their_order() {
        let queue = LaneQueue::default();
        for name in ["A", "B", "A"] {
            queue.push(submission(name)).unwrap();
        }
        let mut jobs = queue.take();
        queue.push(submission("C")).unwrap();
        queue.give_back(jobs.split_off(1));
        assert_eq!(taken(&queue), ["B", "A", "C"]);
    }

    #[test]
    fn one_company_cannot_take_the_queue_from_another() {
        let queue = LaneQueue::default();
        for _ in 0..limits::COMPANY_QUEUE {
            queue.push(submission("A")).unwrap();
        }
        assert!(matches!(queue.push(submission("A")), Err(NotQueued::Full(_))));
        queue.push(submission("B")).unwrap();
        queue.close();
        assert!(matches!(queue.push(submission("B")), Err(NotQueued::Closed)));
        assert_eq!(queue.len(), limits::COMPANY_QUEUE + 1);
    }
}
