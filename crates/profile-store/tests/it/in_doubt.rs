//! Commits that the engine does not confirm: the lane asks whether they were made.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use profile_store::{
    Durability, Engine, StoreError,
    engine::{
        BatchId, BoxFuture, CommitError, EngineError, Key, MemoryEngine, Place, Scan, Session,
        Value, Write,
    },
    limits::COMMIT_ATTEMPTS,
};

use profile_store_suite::{engines::Engines, harness::StoreHarness, notation::parse_request};

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

/// An engine in memory whose commits end as `ends` say, over and over.
#[derive(Clone)]
struct Doubtful {
    inner: Arc<MemoryEngine>,
    ends: Arc<Vec<ScriptedEnd>>,
    commits: Arc<AtomicUsize>,
}

impl Doubtful {
    fn new(ends: &[ScriptedEnd]) -> Doubtful {
        let (inner, ends) = (Arc::new(MemoryEngine::new()), Arc::new(ends.to_vec()));
        Doubtful { inner, ends, commits: Arc::default() }
    }
}

fn io() -> EngineError {
    EngineError::Io(std::io::Error::other("the connection was lost"))
}

impl Engine for Doubtful {
    fn places(&self) -> NonZeroU32 {
        self.inner.places()
    }

    fn begin(&self, place: Place) -> BoxFuture<'_, Result<Box<dyn Session>, EngineError>> {
        Box::pin(async move {
            let inner = self.inner.begin(place).await?;
            Ok(Box::new(DoubtfulSession { inner, engine: self.clone() }) as Box<dyn Session>)
        })
    }

    fn read(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>> {
        self.inner.read(keys)
    }

    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>> {
        self.inner.scan(scan)
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        self.inner.sync()
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        self.inner.bytes()
    }

    fn is_writable(&self) -> bool {
        true
    }
}

struct DoubtfulSession {
    inner: Box<dyn Session>,
    engine: Doubtful,
}

impl Session for DoubtfulSession {
    fn read(&mut self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>> {
        self.inner.read(keys)
    }

    fn scan(&mut self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>> {
        self.inner.scan(scan)
    }

    fn is_committed(&mut self, batch: BatchId) -> BoxFuture<'_, Result<bool, EngineError>> {
        self.inner.is_committed(batch)
    }

    fn commit(
        self: Box<Self>,
        batch: BatchId,
        writes: Vec<Write>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<(), CommitError>> {
        let Doubtful { ends, commits, .. } = &self.engine;
        let end = match commits.fetch_add(1, Ordering::SeqCst) {
            // The first commit writes the format of the store.
            0 => ScriptedEnd::Confirmed,
            number => ends[(number - 1) % ends.len()],
        };
        let committed = self.inner.commit(batch, writes, durability);
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
        let mut harness = StoreHarness::over(Arc::new(Doubtful::new(&ends)));
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
    let engine = Doubtful::new(&[ScriptedEnd::Undone]);
    let mut harness = StoreHarness::over(Arc::new(engine.clone()));
    let submission = harness.submission(&parse_request("e:ann"));
    assert_eq!(harness.submit(submission), Err(StoreError::Unavailable));
    assert_eq!(engine.commits.load(Ordering::SeqCst), 1 + COMMIT_ATTEMPTS);
    assert_eq!(harness.outcomes(), []);
}
