//! Several stores over one engine, as several processes would run them: in one thread, in an order
//! that a seed decides, with crashes, lost answers and failed reads.
//!
//! It prints its seed; `SIMULATION_SEED` repeats a run.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::Poll,
};

use profile_protocol::{ChangedAttribute, CompanyId, ProfileId, PropertyName, Revision};
use profile_store::{
    Background, ClaimResult, Effect, Engine, Outcome, Rejected, Store, StoreError, StoreOptions,
    Submission, Undo, engine::BoxFuture,
};

use crate::{
    engines::Engines,
    expected_identities::{ExpectedIdentities, compare_audit},
    harness::{unprotected, wait},
    interleaved_engine::{InterleavedEngine, InterleavedFaults},
    notation::parse_request,
    random::{Choices, SeededRandom, client_request, setting},
    simulated_ids::SimulatedIds,
};

const STORES: usize = 3;

/// Requests of one run: few enough that a profile may have a property of each.
const REQUESTS: usize = 300;

/// Requests of one store that wait at the same time.
const CONCURRENT: usize = 6;

/// Polls without any answer after which a run is stuck.
const STUCK: usize = 20_000_000;

/// The name of one begins with that of the other.
const COMPANIES: [&str; 2] = ["DEMO01", "DEMO012"];

/// What was sent to a store.
enum SentRequest {
    Submitted(Box<Submission>),
    Undone(CompanyId, ProfileId),
}

impl SentRequest {
    fn company(&self) -> &CompanyId {
        match self {
            SentRequest::Submitted(submission) => &submission.company,
            SentRequest::Undone(company, _) => company,
        }
    }
}

type AnswerFuture = Pin<Box<dyn Future<Output = Result<Outcome, StoreError>>>>;

/// One store, as a process has it: its lanes run only when they are polled, and all of it can be
/// dropped at any time.
struct SimulatedProcess {
    store: Arc<Store>,
    lanes: Vec<BoxFuture<'static, ()>>,
    /// Requests without an answer, by their numbers.
    waiting: Vec<(usize, AnswerFuture)>,
}

struct SharedEngineRun {
    engine: InterleavedEngine,
    random: SeededRandom,
    processes: Vec<SimulatedProcess>,
    /// How many processes there have been.
    started: u64,
    crashes: u64,
    /// All requests, by their numbers.
    sent: Vec<SentRequest>,
    answers: BTreeMap<usize, Outcome>,
    /// The profiles of each company that callers know.
    created: BTreeMap<CompanyId, Vec<ProfileId>>,
}

/// What happened in some runs.
#[derive(Debug, Default)]
struct SeenEvents {
    crashes: u64,
    unanswered: u64,
    merges: u64,
    undone: u64,
    in_doubt_done: u64,
    in_doubt_not_done: u64,
    failed: u64,
    reads: u64,
}

impl SeenEvents {
    fn are_complete(&self) -> bool {
        let SeenEvents {
            crashes,
            unanswered,
            merges,
            undone,
            in_doubt_done,
            in_doubt_not_done,
            failed,
            reads,
        } = *self;
        let all =
            [crashes, unanswered, merges, undone, in_doubt_done, in_doubt_not_done, failed, reads];
        all.into_iter().all(|count| 0 < count)
    }
}

impl SharedEngineRun {
    fn new(engine: Arc<dyn Engine>, seed: u64) -> SharedEngineRun {
        SharedEngineRun {
            engine: InterleavedEngine::new(engine, !seed),
            random: SeededRandom::new(seed),
            processes: Vec::new(),
            started: 0,
            crashes: 0,
            sent: Vec::new(),
            answers: BTreeMap::new(),
            created: BTreeMap::new(),
        }
    }

    /// Sends all requests and lets the processes answer them.
    async fn run(&mut self) {
        while self.processes.len() < STORES {
            self.start().await;
        }
        let mut quiet = 0;
        while self.sent.len() < REQUESTS || self.processes.iter().any(|one| !one.waiting.is_empty())
        {
            quiet += 1;
            assert!(quiet < STUCK, "no request is answered any more");
            let index = self.random.index(STORES);
            let busy = CONCURRENT <= self.processes[index].waiting.len();
            if self.sent.len() < REQUESTS && !busy && self.random.once_in(8) {
                if self.random.once_in(30) {
                    self.crash(index).await;
                }
                self.send(index);
            } else if self.step(index).await {
                quiet = 0;
            }
            // Lets the engine's own tasks run.
            tokio::task::yield_now().await;
        }
    }

    /// Starts a process, as often as its engine fails.
    async fn start(&mut self) {
        loop {
            self.started += 1;
            // The clock of every process is another.
            let ids =
                Arc::new(SimulatedIds::after(self.started << 20).coarse(1 + self.started % 5));
            let engine = Arc::new(self.engine.clone());
            if let Ok((store, Background { lanes, maintenance: _ })) =
                Store::assemble(engine, ids, StoreOptions::default()).await
            {
                let store = Arc::new(store);
                self.processes.push(SimulatedProcess { store, lanes, waiting: Vec::new() });
                return;
            }
        }
    }

    /// Ends a process wherever it is, and starts another.
    async fn crash(&mut self, index: usize) {
        self.crashes += 1;
        drop(self.processes.swap_remove(index));
        self.start().await;
    }

    fn send(&mut self, index: usize) {
        let number = self.sent.len();
        let company: CompanyId = COMPANIES[self.random.index(2)].parse().unwrap();
        let created = self.created.entry(company.clone()).or_default();
        let store = Arc::clone(&self.processes[index].store);
        let (request, answer): (_, AnswerFuture) = if !created.is_empty() && self.random.once_in(15)
        {
            let absorbed = created[self.random.index(created.len())];
            let undo = Undo {
                company: company.clone(),
                absorbed,
                settings: Arc::new(unprotected()),
                revision: Revision::LATEST,
                request_ids: None,
            };
            let answer = async move { store.undo(undo).await.map(|unmerged| unmerged.outcome) };
            (SentRequest::Undone(company, absorbed), Box::pin(answer))
        } else {
            let device = 1 + self.random.below(20);
            let words = client_request(&mut self.random);
            // Each request sets a property of its own, so that its outcome can be recognized.
            let words = format!("{words} sent-{number}=1");
            let names_a_device = words.contains(" a:") || words.starts_with("a:");
            let words = if names_a_device { words } else { format!("{words} a:{device}") };
            let submission = parse_request(&words).submission(company.as_str(), created);
            let request = SentRequest::Submitted(Box::new(submission.clone()));
            (request, Box::pin(async move { store.submit(submission).await }))
        };
        self.sent.push(request);
        self.processes[index].waiting.push((number, answer));
    }

    /// Polls one task of a process. Returns whether a request was answered.
    async fn step(&mut self, index: usize) -> bool {
        let process = &mut self.processes[index];
        let task = self.random.index(process.lanes.len() + process.waiting.len());
        if let Some(lane) = process.lanes.get_mut(task) {
            let ended = poll_once(lane.as_mut()).await;
            assert!(ended.is_none(), "a lane ended while its store was open");
            return false;
        }
        let task = task - process.lanes.len();
        let (number, answer) = &mut process.waiting[task];
        let Some(answer) = poll_once(answer.as_mut()).await else { return false };
        let number = *number;
        drop(process.waiting.swap_remove(task));
        self.answered(number, answer);
        true
    }

    fn answered(&mut self, number: usize, answer: Result<Outcome, StoreError>) {
        match answer {
            Ok(outcome) => {
                if let (Effect::Created, Some(id)) = (outcome.effect, outcome.survivor) {
                    let company = self.sent[number].company().clone();
                    self.created.entry(company).or_default().push(id);
                }
                self.answers.insert(number, outcome);
            }
            // A read failed, or it is unknown whether the request is stored.
            Err(
                StoreError::Unavailable
                | StoreError::NotMerged
                | StoreError::Rejected(Rejected::PropertiesTooLarge(_)),
            ) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// Compares what is stored with what was sent and answered.
    fn check(&self, engine: &Arc<dyn Engine>, seen: &mut SeenEvents) {
        let ids = Arc::new(SimulatedIds::after((self.started + 1) << 20));
        let options = StoreOptions::default();
        let (store, _) = wait(Store::assemble(Arc::clone(engine), ids, options)).unwrap();
        let mut all = Vec::new();
        for company in COMPANIES.map(|company| company.parse().unwrap()) {
            all.push(self.check_company(&store, &company, seen));
        }
        compare_audit(&all.iter().collect::<Vec<_>>(), engine.as_ref());
        let InterleavedFaults { reads, begins: _, in_doubt_done, in_doubt_not_done, failed } =
            self.engine.faults();
        seen.reads += reads;
        seen.in_doubt_done += in_doubt_done;
        seen.in_doubt_not_done += in_doubt_not_done;
        seen.failed += failed;
        seen.crashes += self.crashes;
        seen.unanswered += (self.sent.len() - self.answers.len()) as u64;
    }

    fn check_company(
        &self,
        store: &Store,
        company: &CompanyId,
        seen: &mut SeenEvents,
    ) -> ExpectedIdentities {
        let outcomes = wait(store.outcomes(company, 0, usize::MAX)).unwrap();
        // Each store has another clock, and none has too many requests for a millisecond each.
        let is_later = |one: &Outcome, next: &Outcome| one.at < next.at;
        assert!(outcomes.is_sorted_by(is_later), "two outcomes have the same time");
        let (mut expected, mut carried_out) = (ExpectedIdentities::default(), BTreeSet::new());
        for outcome in &outcomes {
            if outcome.effect == Effect::Unmerged {
                seen.undone += 1;
                expected.add_undo(self.restored(company, outcome), outcome);
                continue;
            }
            let number = Self::request_of(outcome);
            assert!(carried_out.insert(number), "request {number} was carried out twice");
            let SentRequest::Submitted(submission) = &self.sent[number] else { panic!("an undo") };
            assert_eq!(&submission.company, company);
            seen.merges += outcome.absorbed().count() as u64;
            expected.add(submission, outcome);
        }
        for (number, answer) in &self.answers {
            if self.sent[*number].company() == company {
                let sequence = usize::try_from(answer.sequence).unwrap();
                assert_eq!(outcomes.get(sequence - 1), Some(answer), "an answer is stored");
            }
        }
        expected.compare(store, company);
        Self::check_properties(store, company, &outcomes, &expected);
        expected
    }

    /// The absorbed profile of which an outcome undoes the merge, as a request asked for.
    fn restored(&self, company: &CompanyId, outcome: &Outcome) -> ProfileId {
        let restored = outcome.claims.iter().find_map(|claim| {
            let ClaimResult::Restored(id) = claim.result else { return None };
            Some(id)
        });
        let restored = restored.unwrap();
        let sent = self.sent.iter().any(
            |sent| matches!(sent, SentRequest::Undone(of, id) if of == company && *id == restored),
        );
        assert!(sent, "no request led to {outcome:?}");
        restored
    }

    /// The number of the request that led to this outcome.
    fn request_of(outcome: &Outcome) -> usize {
        let numbers = outcome.changed.iter().filter_map(|changed| match changed {
            ChangedAttribute::Field(_) => None,
            ChangedAttribute::Property(name) => name.as_str().strip_prefix("sent-")?.parse().ok(),
        });
        let numbers: Vec<usize> = numbers.collect();
        let [number] = numbers[..] else {
            panic!("not the first outcome of a request: {outcome:?}")
        };
        number
    }

    /// No update is lost: the property that each request set is there.
    fn check_properties(
        store: &Store,
        company: &CompanyId,
        outcomes: &[Outcome],
        expected: &ExpectedIdentities,
    ) {
        for outcome in outcomes.iter().filter(|outcome| outcome.effect != Effect::Unmerged) {
            let number = Self::request_of(outcome);
            let profile = expected.root(outcome.survivor.unwrap());
            let profile = wait(store.profile(company, profile)).unwrap().unwrap();
            let name: PropertyName = format!("sent-{number}").parse().unwrap();
            assert!(profile.attributes.properties.value(&name).is_some(), "{number} is lost");
        }
    }
}

/// Polls a future once, in the context of the task that calls.
async fn poll_once<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

pub fn stores_that_share_an_engine_carry_out_each_request_once_and_agree(engines: &Engines) {
    let first = setting("SIMULATION_SEED", u64::from(std::process::id()));
    let runs = u64::from(engines.cases() / 12).max(1);
    let mut seen = SeenEvents::default();
    for seed in (first..).take(20 * usize::try_from(runs).unwrap()) {
        println!("SIMULATION_SEED={seed}");
        let storage = engines.create();
        let engine = storage.open();
        let mut run = SharedEngineRun::new(Arc::clone(&engine), seed);
        wait(tokio::task::unconstrained(run.run()));
        run.processes.clear();
        run.check(&engine, &mut seen);
        if runs <= seed - first + 1 && seen.are_complete() {
            println!("{seen:?}");
            return;
        }
    }
    panic!("what is tested never happened: {seen:?}");
}
