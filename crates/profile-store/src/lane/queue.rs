//! The queue of a lane: one queue for each company, and turns among them.
//!
//! A company pays for its own large profiles: what its requests read in one batch is taken from
//! its credit, and a company without credit sits out turns while others wait.

use std::{
    collections::{HashMap, VecDeque},
    sync::PoisonError,
};

use profile_protocol::CompanyId;

use super::job::Job;
use crate::{
    StoreError, limits,
    sync::{Mutex, MutexGuard, Notify},
};

#[derive(Default)]
pub(crate) struct LaneQueue {
    state: Mutex<QueueState>,
    /// Wakes the lane.
    arrived: Notify,
    /// Wakes callers that wait for space.
    space: Notify,
}

#[derive(Default)]
struct QueueState {
    companies: HashMap<CompanyId, Waiting>,
    /// Companies with waiting jobs, in the order of their turns.
    turns: VecDeque<CompanyId>,
    jobs: usize,
    closed: bool,
}

/// The jobs of one company.
#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// Bytes that its requests may still read before it sits out a turn; negative when they read
    /// more.
    credit: i64,
}

/// Why a job was not queued.
#[derive(Debug)]
pub(crate) enum NotQueued {
    Full(Box<Job>),
    Closed,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Job({})", self.company())
    }
}

impl LaneQueue {
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
                Err(NotQueued::Closed) => return Err(StoreError::Closed),
                Err(NotQueued::Full(full)) => job = *full,
            }
            space.await;
        }
    }

    /// How many jobs wait.
    pub(crate) fn len(&self) -> usize {
        self.state().jobs
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

    /// Waits until a job is there. False if none will come any more.
    pub(crate) async fn wait(&self) -> bool {
        loop {
            let arrived = self.arrived.notified();
            {
                let state = self.state();
                if 0 < state.jobs {
                    return true;
                }
                if state.closed {
                    return false;
                }
            }
            arrived.await;
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

    /// Charges a company for what its requests read.
    pub(crate) fn charge<'c>(&self, reads: impl Iterator<Item = (&'c CompanyId, usize)>) {
        let mut state = self.state();
        for (company, bytes) in reads {
            if let Some(waiting) = state.companies.get_mut(company) {
                let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
                waiting.credit = waiting.credit.saturating_sub(bytes);
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
                if waiting.jobs.is_empty() {
                    self.turns.push_back(company.clone());
                }
                waiting.jobs.push_back(job);
            }
            None => {
                self.turns.push_back(company.clone());
                let waiting = Waiting { jobs: VecDeque::new(), credit: TURN };
                self.companies.entry(company.clone()).or_insert(waiting).jobs.push_back(job);
            }
        }
        self.jobs += 1;
        Ok(())
    }

    fn give_back(&mut self, job: Job) {
        let waiting = self.companies.entry(job.company().clone()).or_default();
        if waiting.jobs.is_empty() {
            self.turns.push_front(job.company().clone());
        }
        waiting.jobs.push_front(job);
        self.jobs += 1;
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
        self.companies.retain(|_, waiting| !waiting.jobs.is_empty() || waiting.credit <= 0);
    }
}

#[expect(clippy::cast_possible_wrap, reason = "the bound is far below half the range")]
const TURN: i64 = limits::TURN_BYTES as i64;

#[cfg(test)]
mod tests {
    use profile_protocol::{ProfileId, Revision};

    use super::*;
    use crate::{Claims, Delete, Intent, ProfileRef, Rules, Submission, lane::job::Ticket};

    fn company(name: &str) -> CompanyId {
        name.parse().unwrap()
    }

    fn submission(name: &str) -> Job {
        let submission = Submission {
            company: company(name),
            caller: crate::Caller::Client,
            intent: Intent::Upsert,
            revision: Revision::LATEST,
            claims: Claims::default(),
            cleared: Vec::new(),
            leaving_emails: Vec::new(),
            patch: profile_protocol::Patch::default(),
            rules: std::sync::Arc::new(Rules::default()),
        };
        Job::Submit(Box::new(submission), Ticket::new().0)
    }

    fn deletion(name: &str) -> Job {
        let target = ProfileRef::Id(ProfileId::from_bits(1));
        let asked = Delete { company: company(name), target, revision: Revision::LATEST };
        Job::Delete(Box::new(asked), Ticket::new().0)
    }

    fn taken(queue: &LaneQueue) -> Vec<String> {
        queue.take().iter().map(|job| job.company().to_string()).collect()
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
        queue.charge(std::iter::once((&heavy, 10 * limits::TURN_BYTES)));
        push("LIGHT", 300);
        let first = taken(&queue);
        let light = first.iter().take_while(|name| *name == "LIGHT").count();
        assert!((9..=11).contains(&light), "{light}");
        // Alone it waits for no turn.
        queue.charge(std::iter::once((&heavy, 1_000 * limits::TURN_BYTES)));
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
