//! A store that tests speak to in the notation of `people.rs`, and that answers
//! in words, too.

use std::{
    future::Future,
    path::Path,
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
    thread,
    time::Duration,
};

use profile_protocol::{CompanyId, ProfileId, Revision};
use profile_store::{
    Audit, ClaimResult, Delete, Durability, Effect, Engine, Ignored, InvalidToken, MergeProfiles,
    OpenError, Outcome, Profile, Refused, Rejected, Rules, Store, StoreError, StoreOptions,
    Submission, Undo, Unmerged, audit,
    engine::{EngineError, Key, MemoryEngine, Order, Scan, SledEngine, SledOptions, Value},
};

use tempfile::TempDir;

use crate::{
    clockwork::Clockwork,
    gated::Gated,
    people::{Asked, asked, facts, holds, identifier, letter},
};

/// Waits for a future on this thread.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// All that an engine holds.
pub(crate) fn contents(engine: &dyn Engine) -> Vec<(Key, Value)> {
    let all = Scan { prefix: Vec::new(), after: None, order: Order::Ascending, limit: usize::MAX };
    wait(engine.scan(&all)).unwrap()
}

/// The database in a directory. After it was let go of, sled's own threads may hold
/// on to it for a moment longer.
pub(crate) fn open_sled(directory: &Path) -> SledEngine {
    let options = SledOptions { cache_bytes: 8 * 1024 * 1024, generation_bytes: 8 * 1024 };
    for _ in 0..100 {
        match SledEngine::open(directory, options) {
            Err(EngineError::InUse) => thread::sleep(Duration::from_millis(50)),
            opened => return opened.unwrap(),
        }
    }
    panic!("the database is still in use after five seconds");
}

pub(crate) struct World {
    pub(crate) engine: Arc<Gated>,
    pub(crate) store: Store,
    pub(crate) company: CompanyId,
    pub(crate) rules: Arc<Rules>,
    /// The profiles, in the order of their creation.
    pub(crate) known: Vec<ProfileId>,
    /// Where the engine keeps its data, if it is this world's alone.
    pub(crate) _directory: Option<TempDir>,
}

impl World {
    /// An empty store in memory.
    pub(crate) fn new() -> World {
        World::over(Arc::new(MemoryEngine::new()))
    }

    /// The store that lies in `engine`.
    pub(crate) fn over(engine: Arc<dyn Engine>) -> World {
        World::resumed(engine, Clockwork::new())
    }

    pub(crate) fn resumed(engine: Arc<dyn Engine>, id_generator: Clockwork) -> World {
        World::opened(engine, id_generator, Durability::Flushed).unwrap()
    }

    pub(crate) fn opened(
        engine: Arc<dyn Engine>,
        id_generator: Clockwork,
        durability: Durability,
    ) -> Result<World, OpenError> {
        World::run(engine, id_generator, StoreOptions { durability, ..StoreOptions::default() })
    }

    pub(crate) fn run(
        engine: Arc<dyn Engine>,
        id_generator: Clockwork,
        options: StoreOptions,
    ) -> Result<World, OpenError> {
        let engine = Arc::new(Gated::new(engine));
        let store = wait(Store::open(Arc::clone(&engine) as _, Box::new(id_generator), options))?;
        Ok(World {
            engine,
            store,
            company: "DEMO01".parse().unwrap(),
            rules: Arc::default(),
            known: Vec::new(),
            _directory: None,
        })
    }

    /// An empty store on disk.
    pub(crate) fn on_disk(rules: Rules) -> World {
        let directory = tempfile::tempdir().unwrap();
        let engine = open_sled(directory.path());
        let rules = Arc::new(rules);
        World { rules, _directory: Some(directory), ..World::over(Arc::new(engine)) }
    }

    pub(crate) fn with_rules(rules: Rules) -> World {
        World { rules: Arc::new(rules), ..World::new() }
    }

    pub(crate) fn submission(&self, asked: &Asked) -> Submission {
        let submission = asked.submission(self.company.as_str(), &self.known);
        Submission { rules: Arc::clone(&self.rules), ..submission }
    }

    /// Submits a request and notes whom it created.
    pub(crate) fn submit(&mut self, submission: Submission) -> Result<Outcome, StoreError> {
        let answer = wait(self.store.submit(submission));
        self.note(&answer);
        answer
    }

    pub(crate) fn note(&mut self, answer: &Result<Outcome, StoreError>) {
        if let Ok(Outcome { effect: Effect::Created, survivor, .. }) = answer {
            self.known.extend(*survivor);
        }
    }

    pub(crate) fn ask(&mut self, asked: &Asked) -> Outcome {
        let submission = self.submission(asked);
        self.submit(submission).unwrap()
    }

    /// Says a request in the notation, and hears what was decided.
    pub(crate) fn say(&mut self, words: &str) -> String {
        let outcome = self.ask(&asked(words));
        self.told(&outcome)
    }

    /// Says a request that may be refused whole.
    pub(crate) fn try_say(&mut self, words: &str) -> String {
        self.try_ask(&asked(words))
    }

    pub(crate) fn try_ask(&mut self, asked: &Asked) -> String {
        let submission = self.submission(asked);
        let answer = self.submit(submission);
        self.answered(&answer)
    }

    /// What was answered, in words.
    pub(crate) fn answered(&self, answer: &Result<Outcome, StoreError>) -> String {
        match answer {
            Ok(outcome) => self.told(outcome),
            Err(StoreError::Rejected(Rejected::Duplicate { id })) => {
                format!("duplicate {}", self.number(*id))
            }
            Err(error) => error.to_string(),
        }
    }

    /// Says requests that are decided in one batch. A request for another company
    /// goes ahead, to keep the committer waiting while they gather.
    pub(crate) fn say_together(&mut self, requests: &[Asked]) -> Vec<Outcome> {
        let submissions = requests.iter().map(|asked| self.submission(asked)).collect();
        let before = self.engine.batches();
        let answers = self.submit_together(submissions);
        assert_eq!(self.engine.batches() - before, 2);
        answers.iter().for_each(|answer| self.note(answer));
        answers.into_iter().map(Result::unwrap).collect()
    }

    pub(crate) fn submit_together(
        &self,
        submissions: Vec<Submission>,
    ) -> Vec<Result<Outcome, StoreError>> {
        let mut context = Context::from_waker(Waker::noop());
        let mut first = pin!(self.store.submit(self.ahead()));
        let mut waiting: Vec<_> =
            submissions.into_iter().map(|one| Box::pin(self.store.submit(one))).collect();
        let gate = self.engine.close();
        assert!(first.as_mut().poll(&mut context).is_pending());
        while 0 < self.store.queue_depth() {
            thread::yield_now();
        }
        waiting.iter_mut().for_each(|one| drop(one.as_mut().poll(&mut context)));
        drop(gate);
        wait(first).unwrap();
        waiting.into_iter().map(wait).collect()
    }

    /// What goes ahead of a batch.
    pub(crate) fn ahead(&self) -> Submission {
        Submission { company: "AHEAD".parse().unwrap(), ..self.submission(&asked("a:ahead")) }
    }

    /// Waits until the store has tidied up after all that was asked.
    pub(crate) fn settle(&self) {
        // Who asks is answered before it is tidied up after them, so it takes two who do.
        for _ in 0..2 {
            wait(self.store.explain(self.ahead())).unwrap();
        }
    }

    /// What happened to the person who was created as the nth, newest first.
    pub(crate) fn history(&self, number: usize) -> Vec<Outcome> {
        let history = self.store.history(&self.company, self.known[number], 100);
        wait(history).unwrap().unwrap().outcomes
    }

    /// What a request would do, in the notation.
    pub(crate) fn explain(&self, words: &str) -> Outcome {
        wait(self.store.explain(self.submission(&asked(words)))).unwrap()
    }

    /// Merges the profile that was created as the second of these numbers into the
    /// first.
    pub(crate) fn merge(&self, destination: usize, source: usize) -> Result<Outcome, StoreError> {
        let asked = MergeProfiles {
            company: self.company.clone(),
            destination: self.id(destination),
            source: self.id(source),
            rules: Arc::clone(&self.rules),
            revision: Revision::LATEST,
        };
        wait(self.store.merge(asked))
    }

    /// Deletes whom a word of the notation leads to.
    pub(crate) fn delete(&self, word: &str) -> Result<Option<Outcome>, StoreError> {
        wait(self.store.delete(self.deletion(word)))
    }

    pub(crate) fn deletion(&self, word: &str) -> Delete {
        Delete {
            company: self.company.clone(),
            target: asked(word).submission(self.company.as_str(), &self.known).claims.made()[0]
                .target
                .clone(),
            revision: Revision::LATEST,
        }
    }

    /// Whether whoever was created as the nth is somebody still.
    pub(crate) fn is_known(&self, number: usize) -> bool {
        wait(self.store.profile(&self.company, self.known[number])).unwrap().is_some()
    }

    /// Undoes the merge of the profile that was created as the nth.
    pub(crate) fn undo(&self, number: usize) -> Result<Unmerged, StoreError> {
        let undo = Undo {
            company: self.company.clone(),
            absorbed: self.id(number),
            rules: Arc::clone(&self.rules),
            revision: Revision::LATEST,
        };
        wait(self.store.undo(undo))
    }

    /// The id of the profile that was created as the nth; one that nobody has, if there
    /// were not so many.
    fn id(&self, number: usize) -> ProfileId {
        self.known.get(number).copied().unwrap_or(ProfileId::from_bits(u128::MAX))
    }

    /// The profile that was created as the nth, under its own id and no other.
    pub(crate) fn lives(&self, number: usize) -> bool {
        self.profile(number).id == self.known[number]
    }

    /// What was decided, in words: the effect, the number of the profile it is
    /// about, and the fate of each claim.
    pub(crate) fn told(&self, outcome: &Outcome) -> String {
        let results: Vec<String> =
            outcome.claims.iter().map(|claim| self.result(claim.result)).collect();
        let whom = outcome.survivor.map(|id| format!(" {}", self.number(id))).unwrap_or_default();
        format!("{}{whom}: {}", outcome.effect.as_str(), results.join(", "))
    }

    fn number(&self, id: ProfileId) -> usize {
        self.known.iter().position(|&known| known == id).unwrap()
    }

    fn result(&self, result: ClaimResult) -> String {
        match result {
            ClaimResult::Matched => "matched".into(),
            ClaimResult::Attached => "attached".into(),
            ClaimResult::Replaced => "replaced".into(),
            ClaimResult::Absorbed(id) => format!("absorbed {}", self.number(id)),
            ClaimResult::Restored(id) => format!("restored {}", self.number(id)),
            ClaimResult::Released => "released".into(),
            ClaimResult::Refused(Refused::Protected) => "refused: protected".to_owned(),
            ClaimResult::Refused(Refused::Undone) => "undone".into(),
            ClaimResult::Refused(Refused::Sentinel) => "placeholder".into(),
            ClaimResult::Refused(Refused::OwnsHigher(kind)) => format!("owns {}", letter(kind)),
            ClaimResult::Refused(Refused::HeldDifferently(kind)) => {
                format!("differs in {}", letter(kind))
            }
            ClaimResult::Refused(Refused::MergeCap) => "capped".into(),
            ClaimResult::Refused(Refused::TooLarge) => "too large".into(),
            ClaimResult::Ignored(Ignored::PlaceTaken) => "taken".into(),
            ClaimResult::Ignored(Ignored::UnknownId) => "unknown".into(),
            ClaimResult::Ignored(Ignored::ForeignId) => "foreign".into(),
            ClaimResult::Ignored(Ignored::ServerOnly) => "server only".into(),
            ClaimResult::Ignored(Ignored::Token(InvalidToken::Unsealed)) => "token unsealed".into(),
            ClaimResult::Ignored(Ignored::Token(InvalidToken::Foreign)) => "token foreign".into(),
            ClaimResult::Ignored(Ignored::Token(InvalidToken::Expired)) => "token expired".into(),
            ClaimResult::Ignored(Ignored::Unsigned(reason)) => reason.to_string(),
        }
    }

    /// The profile that was created as the nth, or that absorbed it.
    pub(crate) fn profile(&self, number: usize) -> Profile {
        wait(self.store.profile(&self.company, self.known[number])).unwrap().unwrap()
    }

    /// The profile an identifier leads to.
    pub(crate) fn find(&self, word: &str) -> Option<Profile> {
        let (kind, text) = word.split_once(':').unwrap();
        let identifier = identifier(kind, text).unwrap();
        wait(self.store.find(&self.company, &identifier)).unwrap()
    }

    /// The number of the profile an identifier leads to.
    pub(crate) fn leads_to(&self, word: &str) -> Option<usize> {
        self.find(word).map(|profile| self.number(profile.id))
    }

    /// All that is known of a profile, in the notation.
    pub(crate) fn about(&self, number: usize) -> String {
        let profile = self.profile(number);
        format!("{} {}", holds(&profile.identifiers), facts(&profile)).trim().to_owned()
    }

    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        wait(self.store.outcomes(&self.company, 0, usize::MAX)).unwrap()
    }

    pub(crate) fn audit(&self) -> Audit {
        wait(audit(self.engine.as_ref())).unwrap()
    }

    /// Finds nothing wrong in what is stored.
    pub(crate) fn is_sound(&self) {
        let Audit { breaches, .. } = self.audit();
        assert!(breaches.is_empty(), "{breaches:?}");
    }
}
