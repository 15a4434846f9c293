//! A simulation: thousands of requests about few people, with merges, undone merges and restarts,
//! compared with what the outcomes say.
//!
//! It prints its seed. `SIMULATION_SEED` repeats a run; `SIMULATION_STEPS` makes it longer.

use std::sync::Arc;

use profile_protocol::ProfileId;
use profile_store::{
    ClaimResult, DifferentExternalId, Engine, IdentitySettings, Ignored, InvalidToken, OpenError,
    Retention, StoreError, StoreOptions, Submission, engine::MemoryEngine, limits,
};

use crate::{
    engines::{EngineStorage, Engines},
    expected_identities::{ExpectedIdentities, compare_audit},
    faulty_engine::{EngineFault, FaultyEngine},
    harness::{StoreHarness, unprotected, wait},
    notation::parse_request,
    random::{Choices, SeededRandom, client_request, setting},
    simulated_ids::SimulatedIds,
};

/// Storage that outlives the stores that are opened on it.
pub trait SimulatedStorage {
    /// Opens an engine for the next store.
    fn open(&mut self, random: &mut SeededRandom) -> Arc<dyn Engine>;

    /// After a store is gone, and a crash took what it may take: an engine that does not fail.
    fn after(&mut self, random: &mut SeededRandom) -> Arc<dyn Engine>;

    /// Whether it never fails, so that it can be compared after every step.
    const IS_RELIABLE: bool;
}

/// The storage of an engine that does not fail.
struct ReliableStorage(Box<dyn EngineStorage>);

impl SimulatedStorage for ReliableStorage {
    const IS_RELIABLE: bool = true;

    fn open(&mut self, _: &mut SeededRandom) -> Arc<dyn Engine> {
        self.0.open()
    }

    fn after(&mut self, _: &mut SeededRandom) -> Arc<dyn Engine> {
        self.0.open()
    }
}

/// Memory that fails after a while, and loses what was not flushed.
#[derive(Default)]
pub struct FailingStorage {
    left: Arc<MemoryEngine>,
    now: Option<FaultyEngine>,
}

impl SimulatedStorage for FailingStorage {
    const IS_RELIABLE: bool = false;

    fn open(&mut self, random: &mut SeededRandom) -> Arc<dyn Engine> {
        let (done, for_good) = (random.once_in(2), random.once_in(2));
        let fault = EngineFault { done, for_good, in_doubt: false };
        let fails_at = usize::try_from(4 + random.below(400)).unwrap();
        let engine = FaultyEngine::over(Arc::clone(&self.left), fails_at, fault);
        self.now = Some(engine.clone());
        Arc::new(engine)
    }

    fn after(&mut self, random: &mut SeededRandom) -> Arc<dyn Engine> {
        let surviving = usize::try_from(random.below(3)).unwrap();
        if let Some(engine) = self.now.take() {
            self.left = engine.after_crash(surviving);
        }
        Arc::clone(&self.left) as _
    }
}

/// A request that was answered with an error: it may be stored or not.
enum UnconfirmedRequest {
    Submitted(Box<Submission>),
    Undone(ProfileId),
    Revoked(Option<ProfileId>),
}

/// Runs a simulation over this storage.
pub fn simulate<S: SimulatedStorage>(storage: S, steps: u64) {
    let seed = setting("SIMULATION_SEED", u64::from(std::process::id()));
    let least = setting("SIMULATION_STEPS", steps);
    println!("SIMULATION_SEED={seed} SIMULATION_STEPS={least}");
    let mut simulation = Simulation {
        storage,
        random: SeededRandom::new(seed),
        expected: ExpectedIdentities::default(),
        unconfirmed: None,
        steps: 0,
        restarts: 0,
        merges: 0,
        undone: 0,
        revoked: 0,
        lost_answers: 0,
    };
    // What did not happen by chance in few steps happens in more of them.
    while simulation.steps < least
        || (!simulation.has_seen_enough() && simulation.steps < 20 * least)
    {
        simulation.run_store();
        simulation.reconcile();
    }
    let Simulation { steps, restarts, merges, undone, revoked, lost_answers, .. } = simulation;
    println!(
        "steps: {steps}, restarts: {restarts}, merges: {merges}, undone: {undone}, \
         revoked tokens: {revoked}, lost answers: {lost_answers}"
    );
    assert!(simulation.has_seen_enough(), "what is tested never happened");
}

struct Simulation<S> {
    storage: S,
    random: SeededRandom,
    expected: ExpectedIdentities,
    unconfirmed: Option<UnconfirmedRequest>,
    steps: u64,
    restarts: u64,
    merges: u64,
    undone: u64,
    /// Requests with a revoked token.
    revoked: u64,
    lost_answers: u64,
}

impl<S: SimulatedStorage> Simulation<S> {
    /// Whether all that a simulation is for has happened: merges, undone merges, revoked tokens,
    /// restarts, and on storage that fails an answer that was lost.
    fn has_seen_enough(&self) -> bool {
        let failed = S::IS_RELIABLE || 0 < self.lost_answers;
        let identities = 3 < self.merges && 0 < self.undone && 0 < self.revoked;
        identities && 1 < self.restarts && failed
    }

    /// From opening a store until it is closed or fails. Each time the company may have made the
    /// other choice about a different external id.
    fn run_store(&mut self) {
        let engine = self.storage.open(&mut self.random);
        self.restarts += 1;
        let Ok(mut harness) = self.harness(engine) else { return };
        if self.random.once_in(2) {
            let different_external_id = DifferentExternalId::NewProfile;
            harness.settings = IdentitySettings { different_external_id, ..unprotected() }.into();
        }
        harness.created = self.expected.created().to_vec();
        let until = self.steps + 50 + self.random.below(200);
        while self.steps < until && self.unconfirmed.is_none() {
            self.steps += 1;
            if self.random.once_in(12) {
                self.undo(&harness);
            } else if self.random.once_in(20) {
                self.revoke(&harness);
            } else {
                self.submit(&mut harness);
            }
            if S::IS_RELIABLE {
                self.compare(&harness);
            }
        }
        // A store that failed cannot be closed, which is why it is opened again.
        let _ = wait(harness.store.close());
    }

    /// Learns whether a request that was not confirmed is stored, and compares everything.
    fn reconcile(&mut self) {
        let engine = self.storage.after(&mut self.random);
        let harness = self.harness(engine).unwrap();
        let newer = harness.store.outcomes(&harness.company, self.expected.newest(), 10);
        match (self.unconfirmed.take(), wait(newer).unwrap().as_slice()) {
            (_, []) => {}
            (Some(UnconfirmedRequest::Submitted(submission)), [outcome]) => {
                self.expected.add(&submission, outcome);
            }
            (Some(UnconfirmedRequest::Undone(id)), [outcome]) => {
                self.expected.add_undo(id, outcome);
            }
            (Some(UnconfirmedRequest::Revoked(id)), [outcome]) => {
                self.expected.add_revocation(id, outcome);
            }
            (_, unexplained) => panic!("no request led to {unexplained:?}"),
        }
        self.compare(&harness);
        let _ = wait(harness.store.close());
    }

    fn compare(&self, harness: &StoreHarness) {
        self.expected.compare(&harness.store, &harness.company);
        compare_audit(&[&self.expected], harness.engine.as_ref());
    }

    /// A store that keeps few outcomes, so that comparing everything stays quick, and that may
    /// prune the others after every request.
    fn harness(&self, engine: Arc<dyn Engine>) -> Result<StoreHarness, OpenError> {
        let retention = Retention { count: 40, per_profile: 2, ..Retention::default() };
        let id_generator =
            SimulatedIds::after(self.restarts << 20).striding(2 * limits::PRUNE_EVERY_MS);
        let options = StoreOptions { retention, ..StoreOptions::default() };
        StoreHarness::open(engine, id_generator, options)
    }

    fn submit(&mut self, harness: &mut StoreHarness) {
        let words = self.words();
        let submission = harness.submission(&parse_request(&words));
        match harness.submit(submission.clone()) {
            Ok(outcome) => {
                let revoked = ClaimResult::Ignored(Ignored::Token(InvalidToken::Revoked));
                let has_revoked = outcome.claims.iter().any(|claim| claim.result == revoked);
                self.revoked += u64::from(has_revoked);
                self.merges += outcome.absorbed().count() as u64;
                self.expected.add(&submission, &outcome);
            }
            Err(error) => {
                self.failed(error, UnconfirmedRequest::Submitted(Box::new(submission)));
            }
        }
    }

    /// A request of a client, which may have a token from before or after all revocations.
    fn words(&mut self) -> String {
        let words = client_request(&mut self.random);
        if !self.random.once_in(4) {
            return words;
        }
        let number = self.random.below(40);
        let age = if self.random.once_in(3) { "new/" } else { "" };
        format!("{words} kx:{age}{number}")
    }

    /// Revokes the tokens of a profile, or seldom all.
    fn revoke(&mut self, harness: &StoreHarness) {
        if self.expected.created().is_empty() {
            return;
        }
        let number = self.random.index(self.expected.created().len());
        let number = (!self.random.once_in(40)).then_some(number);
        let id = number.map(|number| self.expected.created()[number]);
        match harness.revoke_tokens(number) {
            Ok(outcome) => self.expected.add_revocation(id, &outcome),
            Err(error) => self.failed(error, UnconfirmedRequest::Revoked(id)),
        }
    }

    /// Undoes the merge of a profile, which may be merged or not.
    fn undo(&mut self, harness: &StoreHarness) {
        if self.expected.created().is_empty() {
            return;
        }
        let number = self.random.index(self.expected.created().len());
        let id = self.expected.created()[number];
        match harness.undo(number) {
            Ok(unmerged) => {
                self.undone += 1;
                self.expected.add_undo(id, &unmerged.outcome);
            }
            Err(StoreError::NotMerged) => assert!(!self.expected.is_absorbed(id)),
            Err(error) => self.failed(error, UnconfirmedRequest::Undone(id)),
        }
    }

    fn failed(&mut self, error: StoreError, request: UnconfirmedRequest) {
        match error {
            StoreError::Unavailable if !S::IS_RELIABLE => {}
            StoreError::Poisoned if !S::IS_RELIABLE => {
                self.lost_answers += 1;
                self.unconfirmed = Some(request);
            }
            StoreError::Rejected(_)
            | StoreError::Overloaded
            | StoreError::NotMerged
            | StoreError::Unavailable
            | StoreError::Damaged
            | StoreError::Poisoned
            | StoreError::Closed => panic!("{error}"),
        }
    }
}

pub fn every_identifier_leads_to_its_profile_after_every_step(engines: &Engines) {
    let steps = u64::from(engines.cases() * 8).clamp(400, 2_000);
    simulate(ReliableStorage(engines.create()), steps);
}
