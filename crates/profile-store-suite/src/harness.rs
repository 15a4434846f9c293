//! A store that tests send requests to in the notation of [`notation`](crate::notation), and that
//! describes its answers in words.

use std::{
    collections::BTreeSet,
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
    thread,
};

use profile_protocol::{ChangedAttribute, CompanyId, ProfileId, Revision};
use profile_store::{
    Audit, Background, ClaimResult, Delete, Deleted, Durability, Effect, Engine, IdentitySettings,
    Ignored, InvalidToken, MergeProfiles, OpenError, Outcome, OwnedPushToken, Profile, ProfileRef,
    PushTokenId, PushTokenOutcome, PushTokenResult, Refused, Rejected, RemovePushToken,
    RevocationScope, RevokeTokens, Store, StoreError, StoreOptions, Submission, Undo, Unmerged,
    audit,
    engine::{Key, Order, Place, Scan, Value},
};

use crate::{
    engines::{EngineStorage, Engines},
    gated_engine::GatedEngine,
    notation::{
        TestRequest, describe_identifiers, facts, identifier, letter, parse_request, push_token,
    },
    simulated_ids::SimulatedIds,
};

/// Requests after which a profile has absorbed two others, and another one has absorbed none.
pub const TWO_MERGES: [&str; 6] = [
    "x:customer e:ann p:5 name=Annabel",
    "a:tablet city=Bonn",
    "a:pad",
    "e:ann a:tablet",
    "e:ann a:pad",
    "e:bob a:laptop",
];

/// The version of the layout that a store writes.
pub const LAYOUT: u8 = 8;

/// What an audit counts of a company that has sent [`TWO_MERGES`].
pub fn audit_of_two_merges() -> Audit {
    Audit {
        layout: Some(LAYOUT),
        profiles: 2,
        identifiers: 7,
        aliases: 2,
        outcomes: 6,
        merges: 2,
        push_tokens: 0,
        imports: 0,
        deletions: Vec::new(),
        breaches: Vec::new(),
        breaches_unlisted: 0,
    }
}

/// Runs a future to its end on this thread.
pub fn wait<F: Future>(future: F) -> F::Output {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// The default settings, but for `protect`: clients overwrite what the company wrote, as in the
/// original. Most tests are about identifiers, and state more with it.
pub fn unprotected() -> IdentitySettings {
    IdentitySettings { protect: false, ..IdentitySettings::default() }
}

/// All that an engine holds.
pub fn contents(engine: &dyn Engine) -> Vec<(Key, Value)> {
    let all = Scan { prefix: Vec::new(), after: None, order: Order::Ascending, limit: usize::MAX };
    wait(engine.scan(all)).unwrap()
}

/// A store with a thread for each lane. Under relaxed durability it is maintained as well;
/// otherwise nothing happens in it but what a test asks for.
fn open_store(
    engine: Arc<dyn Engine>,
    id_generator: SimulatedIds,
    options: StoreOptions,
) -> Result<Store, OpenError> {
    let assembled = wait(Store::assemble(engine, Arc::new(id_generator), options))?;
    let (store, Background { lanes, maintenance }) = assembled;
    let maintained = options.durability == Durability::Relaxed;
    for work in lanes.into_iter().chain(maintained.then_some(maintenance)) {
        thread::spawn(move || wait(work));
    }
    Ok(store)
}

/// A store, and the company whose requests are sent to it.
pub struct StoreHarness {
    /// The engine of the store.
    pub engine: Arc<GatedEngine>,
    /// The store. It has a thread for each lane.
    pub store: Store,
    /// The company of all requests.
    pub company: CompanyId,
    /// The identity settings of that company.
    pub settings: Arc<IdentitySettings>,
    /// The profiles, in the order of their creation.
    pub created: Vec<ProfileId>,
    /// Where the engine keeps its data, if only this harness uses it.
    pub storage: Option<Box<dyn EngineStorage>>,
}

impl StoreHarness {
    /// An empty store.
    pub fn new(engines: &Engines) -> StoreHarness {
        StoreHarness::create(engines, SimulatedIds::new(), StoreOptions::default()).unwrap()
    }

    /// An empty store for companies with these settings.
    pub fn with_settings(engines: &Engines, settings: IdentitySettings) -> StoreHarness {
        StoreHarness { settings: Arc::new(settings), ..StoreHarness::new(engines) }
    }

    /// An empty store.
    pub fn create(
        engines: &Engines,
        id_generator: SimulatedIds,
        options: StoreOptions,
    ) -> Result<StoreHarness, OpenError> {
        let storage = engines.create();
        let harness = StoreHarness::open(storage.open(), id_generator, options)?;
        Ok(StoreHarness { storage: Some(storage), ..harness })
    }

    /// The store in `engine`, with a clock that was never read.
    pub fn over(engine: Arc<dyn Engine>) -> StoreHarness {
        StoreHarness::resumed(engine, SimulatedIds::new())
    }

    /// The store in `engine`.
    pub fn resumed(engine: Arc<dyn Engine>, id_generator: SimulatedIds) -> StoreHarness {
        StoreHarness::open(engine, id_generator, StoreOptions::default()).unwrap()
    }

    /// The store in `engine`, run with these options.
    pub fn open(
        engine: Arc<dyn Engine>,
        id_generator: SimulatedIds,
        options: StoreOptions,
    ) -> Result<StoreHarness, OpenError> {
        let engine = Arc::new(GatedEngine::new(engine));
        let store = open_store(Arc::clone(&engine) as _, id_generator, options)?;
        Ok(StoreHarness {
            engine,
            store,
            company: "DEMO01".parse().unwrap(),
            settings: unprotected().into(),
            created: Vec::new(),
            storage: None,
        })
    }

    /// A request, ready to be submitted.
    pub fn submission(&self, request: &TestRequest) -> Submission {
        let submission = request.submission(self.company.as_str(), &self.created);
        Submission { settings: Arc::clone(&self.settings), ..submission }
    }

    /// Submits a request, and notes the profile that it created.
    pub fn submit(&mut self, submission: Submission) -> Result<Outcome, StoreError> {
        let answer = wait(self.store.submit(submission));
        self.note_created(&answer);
        answer
    }

    /// Notes the profile that a request created.
    pub fn note_created(&mut self, answer: &Result<Outcome, StoreError>) {
        if let Ok(Outcome { effect: Effect::Created, survivor, .. }) = answer {
            self.created.extend(*survivor);
        }
    }

    /// Submits a request that is not refused.
    pub fn send_request(&mut self, request: &TestRequest) -> Outcome {
        let submission = self.submission(request);
        self.submit(submission).unwrap()
    }

    /// Submits a request in the notation, and describes its outcome.
    pub fn send(&mut self, words: &str) -> String {
        let outcome = self.send_request(&parse_request(words));
        self.describe(&outcome)
    }

    /// The same for a request that may be refused whole.
    pub fn try_send(&mut self, words: &str) -> String {
        self.try_send_request(&parse_request(words))
    }

    /// Submits a request that may be refused whole, and describes the answer.
    pub fn try_send_request(&mut self, request: &TestRequest) -> String {
        let submission = self.submission(request);
        let answer = self.submit(submission);
        self.describe_answer(&answer)
    }

    /// Describes an answer in words.
    pub fn describe_answer(&self, answer: &Result<Outcome, StoreError>) -> String {
        match answer {
            Ok(outcome) => self.describe(outcome),
            Err(StoreError::Rejected(Rejected::Duplicate { id })) => {
                format!("duplicate {}", self.number(*id))
            }
            Err(error) => error.to_string(),
        }
    }

    /// Submits requests that are decided in one batch. A request of another company keeps the lane
    /// busy while they gather.
    pub fn send_together(&mut self, requests: &[TestRequest]) -> Vec<Outcome> {
        let submissions = requests.iter().map(|request| self.submission(request)).collect();
        let before = self.engine.commits();
        let answers = self.submit_together(submissions);
        assert_eq!(self.engine.commits() - before, 2);
        answers.iter().for_each(|answer| self.note_created(answer));
        answers.into_iter().map(Result::unwrap).collect()
    }

    /// The same for submissions, some of which may be refused.
    pub fn submit_together(
        &self,
        submissions: Vec<Submission>,
    ) -> Vec<Result<Outcome, StoreError>> {
        let mut context = Context::from_waker(Waker::noop());
        let mut first = pin!(self.store.submit(self.ahead()));
        let mut waiting: Vec<_> =
            submissions.into_iter().map(|one| Box::pin(self.store.submit(one))).collect();
        let gate = self.engine.hold_reads();
        assert!(first.as_mut().poll(&mut context).is_pending());
        while 0 < self.store.queue_depth() {
            thread::yield_now();
        }
        waiting.iter_mut().for_each(|one| drop(one.as_mut().poll(&mut context)));
        drop(gate);
        wait(first).unwrap();
        waiting.into_iter().map(wait).collect()
    }

    /// The request that keeps the lane busy: of another company of the same place.
    pub fn ahead(&self) -> Submission {
        let places = self.engine.places();
        let place = |company: &str| Place::of_tenant(company.as_bytes(), places);
        let names = (0..).map(|number| format!("AHEAD{number}"));
        let mut same = names.filter(|name| place(name) == place(self.company.as_str()));
        let company = same.next().unwrap().parse().unwrap();
        Submission { company, ..self.submission(&parse_request("a:ahead")) }
    }

    /// Removes all outcomes that have expired.
    pub fn prune(&self) {
        wait(self.store.prune()).unwrap();
    }

    /// The outcomes of the profile that was created as the nth, newest first.
    pub fn history(&self, number: usize) -> Vec<Outcome> {
        let history = self.store.history(&self.company, self.created[number], 100);
        wait(history).unwrap().unwrap().outcomes
    }

    /// The outcome that a request in the notation would have.
    pub fn explain(&self, words: &str) -> Outcome {
        wait(self.store.explain(self.submission(&parse_request(words)))).unwrap()
    }

    /// Merges the profile with the second of these numbers into the one with the first.
    pub fn merge(&self, destination: usize, source: usize) -> Result<Outcome, StoreError> {
        let request = MergeProfiles {
            company: self.company.clone(),
            destination: self.id(destination),
            source: self.id(source),
            settings: Arc::clone(&self.settings),
            revision: Revision::LATEST,
            request_ids: None,
        };
        wait(self.store.merge(request))
    }

    /// Deletes the profile that a word of the notation leads to.
    pub fn delete(&self, word: &str) -> Deleted {
        wait(self.store.delete(self.deletion(word))).unwrap()
    }

    /// The same, described in words.
    pub fn describe_deletion(&self, word: &str) -> String {
        self.describe(&self.delete(word).outcome)
    }

    /// The deletion of the profile that a word of the notation leads to.
    pub fn deletion(&self, word: &str) -> Delete {
        Delete::by(self.company.clone(), self.target(word), Revision::LATEST)
    }

    /// What a word of the notation leads to a profile by.
    pub fn target(&self, word: &str) -> ProfileRef {
        let submission = parse_request(word).submission(self.company.as_str(), &self.created);
        submission.claims.made()[0].target.clone()
    }

    /// Removes the push token of a request in the notation from the profile that the request names,
    /// and describes the outcome.
    pub fn unregister(&self, words: &str) -> String {
        self.unregister_request(&parse_request(words))
    }

    /// The same for a request.
    pub fn unregister_request(&self, request: &TestRequest) -> String {
        let submission = self.submission(request);
        let asked = RemovePushToken {
            company: submission.company,
            token: PushTokenId::of_token(&submission.push_token.unwrap().token),
            named: Some(submission.claims),
            created: None,
            caller: submission.caller,
            revision: Revision::LATEST,
            request_ids: None,
            sender: submission.sender,
        };
        let outcome = wait(self.store.remove_push_token(asked)).unwrap().unwrap();
        self.describe(&outcome)
    }

    /// The number of the profile that has a push token.
    pub fn owner_of_token(&self, token: &str) -> Option<usize> {
        Some(self.number(self.stored_token(token)?.profile))
    }

    /// A push token, and the profile that has it.
    pub fn stored_token(&self, token: &str) -> Option<OwnedPushToken> {
        let id = PushTokenId::of_token(&push_token(token).token);
        wait(self.store.push_token(&self.company, id)).unwrap()
    }

    /// The push tokens of the profile that was created as the nth, or that absorbed it.
    pub fn tokens_of(&self, number: usize) -> BTreeSet<String> {
        let profile = self.profile(number);
        let tokens =
            wait(self.store.push_tokens_of(&self.company, profile.id, &profile.absorbed)).unwrap();
        tokens.into_iter().map(|stored| stored.token.as_str().to_owned()).collect()
    }

    /// Whether the profile that was created as the nth still exists, merged or not.
    pub fn exists(&self, number: usize) -> bool {
        wait(self.store.profile(&self.company, self.created[number])).unwrap().is_some()
    }

    /// Undoes the merge of the profile that was created as the nth.
    pub fn undo(&self, number: usize) -> Result<Unmerged, StoreError> {
        wait(self.store.undo(self.undo_of(number)))
    }

    /// What undoing it would do.
    pub fn preview_undo(&self, number: usize) -> Result<Unmerged, StoreError> {
        wait(self.store.explain_undo(self.undo_of(number)))
    }

    fn undo_of(&self, number: usize) -> Undo {
        Undo {
            company: self.company.clone(),
            absorbed: self.id(number),
            settings: Arc::clone(&self.settings),
            revision: Revision::LATEST,
            request_ids: None,
        }
    }

    /// Revokes the tokens of the profile that was created as the nth, or of the whole company.
    pub fn revoke_tokens(&self, number: Option<usize>) -> Result<Outcome, StoreError> {
        wait(self.store.revoke_tokens(self.revocation(number)))
    }

    /// The request to do so.
    pub fn revocation(&self, number: Option<usize>) -> RevokeTokens {
        RevokeTokens {
            company: self.company.clone(),
            scope: number.map_or(RevocationScope::Company, |number| {
                RevocationScope::Profile(self.id(number))
            }),
            revision: Revision::LATEST,
            request_ids: None,
        }
    }

    /// The id of the profile that was created as the nth, or an id of no profile if there are
    /// fewer.
    fn id(&self, number: usize) -> ProfileId {
        self.created.get(number).copied().unwrap_or(ProfileId::from_bits(u128::MAX))
    }

    /// Whether the profile that was created as the nth is not merged into another.
    pub fn is_unmerged(&self, number: usize) -> bool {
        self.profile(number).id == self.created[number]
    }

    /// Describes an outcome in words: the effect, the number of the profile, and the result of each
    /// claim.
    pub fn describe(&self, outcome: &Outcome) -> String {
        let results: Vec<String> =
            outcome.claims.iter().map(|claim| self.result(claim.result)).collect();
        let profile =
            outcome.survivor.map(|id| format!(" {}", self.number(id))).unwrap_or_default();
        let token = outcome.push_token.map(|token| self.token_result(token)).unwrap_or_default();
        format!("{}{profile}: {}{token}", outcome.effect.as_str(), results.join(", "))
    }

    fn token_result(&self, outcome: PushTokenOutcome) -> String {
        let PushTokenOutcome { result, released } = outcome;
        let result = match result {
            PushTokenResult::Moved(from) => format!("moved {}", self.number(from)),
            PushTokenResult::NoSpace => "taken".to_owned(),
            PushTokenResult::NotHeld => "not held".to_owned(),
            PushTokenResult::Attached
            | PushTokenResult::Updated
            | PushTokenResult::Matched
            | PushTokenResult::Released => result.as_str().to_owned(),
        };
        let released = if released == 0 { String::new() } else { format!(", released {released}") };
        format!("; token {result}{released}")
    }

    fn number(&self, id: ProfileId) -> usize {
        self.created.iter().position(|&created| created == id).unwrap()
    }

    fn result(&self, result: ClaimResult) -> String {
        match result {
            ClaimResult::Matched => "matched".into(),
            ClaimResult::Attached => "attached".into(),
            ClaimResult::Replaced => "replaced".into(),
            ClaimResult::Absorbed(id) => format!("absorbed {}", self.number(id)),
            ClaimResult::Moved(id) => format!("moved {}", self.number(id)),
            ClaimResult::Restored(id) => format!("restored {}", self.number(id)),
            ClaimResult::Released => "released".into(),
            ClaimResult::Refused(Refused::Protected) => "refused: protected".to_owned(),
            ClaimResult::Refused(Refused::Undone) => "undone".into(),
            ClaimResult::Refused(Refused::Placeholder) => "placeholder".into(),
            ClaimResult::Refused(Refused::OwnsHigher(kind)) => format!("owns {}", letter(kind)),
            ClaimResult::Refused(Refused::HeldDifferently(kind)) => {
                format!("differs in {}", letter(kind))
            }
            ClaimResult::Refused(Refused::MergeCap) => "capped".into(),
            ClaimResult::Refused(Refused::TooLarge) => "too large".into(),
            ClaimResult::Refused(Refused::BothKnown) => "both known".into(),
            ClaimResult::Refused(Refused::MergeRate) => "too many".into(),
            ClaimResult::Ignored(Ignored::AnotherHeld) => "taken".into(),
            ClaimResult::Ignored(Ignored::UnknownId) => "unknown".into(),
            ClaimResult::Ignored(Ignored::ForeignId) => "foreign".into(),
            ClaimResult::Ignored(Ignored::NoProfile) => "no profile".into(),
            ClaimResult::Ignored(Ignored::ServerOnly) => "server only".into(),
            ClaimResult::Ignored(Ignored::Token(InvalidToken::Unsealed)) => "token unsealed".into(),
            ClaimResult::Ignored(Ignored::Token(InvalidToken::Foreign)) => "token foreign".into(),
            ClaimResult::Ignored(Ignored::Token(InvalidToken::Expired)) => "token expired".into(),
            ClaimResult::Ignored(Ignored::Token(InvalidToken::Revoked)) => "token revoked".into(),
            ClaimResult::Ignored(Ignored::Token(InvalidToken::DeviceNotHeld)) => {
                "token device not held".into()
            }
            ClaimResult::Ignored(Ignored::Unsigned(reason)) => reason.to_string(),
        }
    }

    /// The profile that was created as the nth, or that absorbed it.
    pub fn profile(&self, number: usize) -> Profile {
        wait(self.store.profile(&self.company, self.created[number])).unwrap().unwrap()
    }

    /// The profile an identifier leads to.
    pub fn find(&self, word: &str) -> Option<Profile> {
        let (kind, text) = word.split_once(':').unwrap();
        let identifier = identifier(kind, text).unwrap();
        wait(self.store.find(&self.company, &identifier)).unwrap()
    }

    /// The number of the profile an identifier leads to.
    pub fn leads_to(&self, word: &str) -> Option<usize> {
        self.find(word).map(|profile| self.number(profile.id))
    }

    /// All identifiers and attributes of a profile, in the notation.
    pub fn about(&self, number: usize) -> String {
        let profile = self.profile(number);
        format!("{} {}", describe_identifiers(&profile.identifiers), facts(&profile))
            .trim()
            .to_owned()
    }

    /// All outcomes of the company.
    pub fn outcomes(&self) -> Vec<Outcome> {
        wait(self.store.outcomes(&self.company, 0, usize::MAX)).unwrap()
    }

    /// Audits everything in the engine.
    pub fn audit(&self) -> Audit {
        wait(audit(self.engine.as_ref())).unwrap()
    }

    /// Panics if an audit finds anything wrong.
    pub fn assert_sound(&self) {
        let Audit { breaches, .. } = self.audit();
        assert!(breaches.is_empty(), "{breaches:?}");
    }
}

/// The names of the attributes that a request did not change.
pub fn withheld(outcome: &Outcome) -> Vec<String> {
    let name = |attribute: &ChangedAttribute| match attribute {
        ChangedAttribute::Field(field) => field.name().to_owned(),
        ChangedAttribute::Property(name) => name.as_str().to_owned(),
    };
    outcome.withheld.iter().map(name).collect()
}
