//! Commits that the engine does not confirm: the lane asks whether they were made.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use profile_store::{
    Durability, StoreError,
    engine::{BatchId, BoxFuture, CommitError, EngineError, MemoryEngine, Session, Write},
    limits::COMMIT_ATTEMPTS,
};
use profile_store_suite::{
    engines::Engines,
    harness::StoreHarness,
    notation::parse_request,
    wrapped_engine::{EngineHooks, WrappedEngine},
};

/// How a commit ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ScriptedEnd {
    Confirmed,
    /// Committed, and the answer is lost.
    Lost,
    /// Not committed, and the answer is lost.
    Undone,
    /// Not committed, and the engine says so.
    Refused,
}

/// Ends the commits of an engine as `ends` say, over and over.
#[derive(Clone)]
struct ScriptedCommits {
    ends: Arc<Vec<ScriptedEnd>>,
    commits: Arc<AtomicUsize>,
}

/// An engine in memory whose commits end as `ends` say, over and over.
fn scripted(ends: &[ScriptedEnd]) -> WrappedEngine<ScriptedCommits> {
    let hooks = ScriptedCommits { ends: Arc::new(ends.to_vec()), commits: Arc::default() };
    WrappedEngine { inner: Arc::new(MemoryEngine::new()), hooks }
}

fn io() -> EngineError {
    EngineError::Io(std::io::Error::other("the connection was lost"))
}

impl EngineHooks for ScriptedCommits {
    fn commit(
        engine: WrappedEngine<Self>,
        session: Box<dyn Session>,
        batch: BatchId,
        writes: Vec<Write>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<(), CommitError>> {
        let ScriptedCommits { ends, commits } = &engine.hooks;
        let end = match commits.fetch_add(1, Ordering::SeqCst) {
            // The first commit writes the format of the store.
            0 => ScriptedEnd::Confirmed,
            number => ends[(number - 1) % ends.len()],
        };
        let committed = session.commit(batch, writes, durability);
        Box::pin(async move {
            match end {
                ScriptedEnd::Confirmed => committed.await,
                ScriptedEnd::Lost => committed.await.and(Err(CommitError::InDoubt(io()))),
                ScriptedEnd::Undone => Err(CommitError::InDoubt(io())),
                ScriptedEnd::Refused => Err(CommitError::Failed(io())),
            }
        })
    }
}

#[test]
fn a_request_is_carried_out_once_however_its_commit_was_answered() {
    use ScriptedEnd::{Confirmed, Lost, Refused, Undone};
    let script = ["e:ann name=Ann", "a:tab", "e:ann a:tab", "x:1 e:bob", "e:ann name=Anna", "x:1"];
    let mut expected = StoreHarness::new(&Engines::in_memory());
    let told: Vec<String> = script.iter().map(|words| expected.send(words)).collect();
    for ends in [
        vec![Lost],
        vec![Lost, Confirmed],
        vec![Undone, Confirmed],
        vec![Undone, Lost],
        vec![Undone, Undone, Refused, Lost],
        vec![Refused, Confirmed],
        vec![Confirmed, Lost, Undone, Lost, Refused],
    ] {
        let mut harness = StoreHarness::over(Arc::new(scripted(&ends)));
        let answers: Vec<String> = script.iter().map(|words| harness.send(words)).collect();
        assert_eq!(answers, told, "{ends:?}");
        let sequences: Vec<u64> = harness.outcomes().iter().map(|one| one.sequence).collect();
        assert_eq!(sequences, [1, 2, 3, 4, 5, 6], "{ends:?}");
        for number in 0..expected.created.len() {
            assert_eq!(harness.about(number), expected.about(number), "{ends:?}");
        }
        harness.assert_sound();
    }
}

#[test]
fn an_engine_that_never_commits_is_not_asked_for_ever() {
    let engine = scripted(&[ScriptedEnd::Undone]);
    let mut harness = StoreHarness::over(Arc::new(engine.clone()));
    let submission = harness.submission(&parse_request("e:ann"));
    assert_eq!(harness.submit(submission), Err(StoreError::Unavailable));
    assert_eq!(engine.hooks.commits.load(Ordering::SeqCst), 1 + COMMIT_ATTEMPTS);
    assert_eq!(harness.outcomes(), []);
}
