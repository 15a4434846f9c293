//! What happens when the medium fails: at every single operation, once or for
//! good, with or without having done what was asked.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use profile_store::{
    Durability, Engine, Outcome, StoreError,
    engine::{BoxFuture, EngineError, Key, MemoryEngine, Scan, Value, Write},
};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::{
    clockwork::Clockwork,
    people::asked,
    world::{World, contents, wait},
};

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fault {
    /// Whether it does what it was asked all the same.
    pub(crate) done: bool,
    /// Whether every later one fails, too.
    pub(crate) for_good: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operation {
    Reading,
    Writing,
}

/// An engine in memory that fails at one operation, and remembers what of it
/// would survive a crash.
pub(crate) struct Faulty {
    live: MemoryEngine,
    flushed: Arc<MemoryEngine>,
    /// Batches applied and not flushed yet.
    unflushed: Mutex<Vec<Vec<Write>>>,
    /// How many operations were asked for.
    asked: AtomicUsize,
    fails_at: usize,
    fault: Fault,
    /// The operations that failed.
    failed: Mutex<Vec<Operation>>,
}

impl Faulty {
    fn new(fails_at: usize, fault: Fault) -> Faulty {
        Faulty::over(Arc::new(MemoryEngine::new()), fails_at, fault)
    }

    /// An engine that begins with what a crash left.
    pub(crate) fn over(left: Arc<MemoryEngine>, fails_at: usize, fault: Fault) -> Faulty {
        Faulty {
            live: copied(&left),
            flushed: left,
            unflushed: Mutex::new(Vec::new()),
            asked: AtomicUsize::new(0),
            fails_at,
            fault,
            failed: Mutex::new(Vec::new()),
        }
    }

    /// Carries an operation out, or not, and fails, or not.
    fn attempt<T>(
        &self,
        operation: Operation,
        carry_out: impl FnOnce() -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        let fails = number == self.fails_at || (self.fault.for_good && self.fails_at < number);
        if !fails {
            return carry_out();
        }
        self.failed.lock().unwrap().push(operation);
        if self.fault.done {
            carry_out()?;
        }
        Err(EngineError::Io(std::io::Error::other("the cable was pulled")))
    }

    /// What a crash leaves if it takes all but so many of the batches that were
    /// not flushed.
    pub(crate) fn after_crash(&self, surviving: usize) -> Arc<MemoryEngine> {
        let engine = copied(&self.flushed);
        for batch in self.unflushed.lock().unwrap().iter().take(surviving) {
            wait(engine.apply(batch.clone())).unwrap();
        }
        Arc::new(engine)
    }
}

fn copied(engine: &MemoryEngine) -> MemoryEngine {
    let copy = MemoryEngine::new();
    let writes = contents(engine).into_iter();
    let writes = writes.map(|(key, value)| Write { key, value: Some(value) });
    wait(copy.apply(writes.collect())).unwrap();
    copy
}

impl Engine for Faulty {
    fn read<'a>(
        &'a self,
        keys: &'a [Key],
    ) -> BoxFuture<'a, Result<Vec<Option<Value>>, EngineError>> {
        Box::pin(async { self.attempt(Operation::Reading, || wait_now(self.live.read(keys))) })
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<(Key, Value)>, EngineError>> {
        Box::pin(async { self.attempt(Operation::Reading, || wait_now(self.live.scan(scan))) })
    }

    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(async {
            self.attempt(Operation::Writing, || {
                self.unflushed.lock().unwrap().push(batch.clone());
                wait_now(self.live.apply(batch))
            })
        })
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(async {
            self.attempt(Operation::Writing, || {
                let batches = std::mem::take(&mut *self.unflushed.lock().unwrap());
                batches.into_iter().try_for_each(|batch| wait_now(self.flushed.apply(batch)))
            })
        })
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        self.live.bytes()
    }
}

/// The result of a future that has nothing to wait for.
pub(crate) fn wait_now<T>(mut future: BoxFuture<'_, T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("memory made somebody wait"),
    }
}

const SCRIPT: [&str; 8] = [
    "e:ann name=Ann",
    "a:tab plan=trial",
    "e:ann a:tab",
    "x:1 e:bob p:5",
    "server x:1 e:bobby +e:bob",
    "x:1 p:5",
    "p:6 a:pad",
    "x:1 p:6 a:tab",
];

/// What is done to a world: a request in the notation, or `merge 0 1`, `undo 1` or
/// `delete e:ann`. `None` where there is nobody to do it to, which writes nothing.
fn carry_out(world: &mut World, line: &str) -> Result<Option<Outcome>, StoreError> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |word: &str| word.parse::<usize>().unwrap();
    match words[..] {
        ["merge", destination, source] => {
            world.merge(number(destination), number(source)).map(Some)
        }
        ["undo", absorbed] => world.undo(number(absorbed)).map(|unmerged| Some(unmerged.outcome)),
        ["delete", whom] => world.delete(whom),
        _ => world.submit(world.submission(&asked(line))).map(Some),
    }
}

/// What became of the script: the lines that were answered well, and the first
/// of which nobody knows what became of it.
#[derive(Default)]
struct Played {
    answered: Vec<(String, Outcome)>,
    in_doubt: Option<String>,
    /// What a consumer of outcomes was shown.
    shown: Vec<Outcome>,
}

/// Plays the script, and sees that each answer is one that the failures so far
/// explain.
fn play(script: &[String], engine: &Arc<Faulty>) -> Played {
    let mut played = Played::default();
    let opened = World::opened(Arc::clone(engine) as _, Clockwork::new(), Durability::Flushed);
    let Ok(mut world) = opened else {
        assert!(!engine.failed.lock().unwrap().is_empty());
        return played;
    };
    for line in script {
        let failures = engine.failed.lock().unwrap().len();
        let answer = carry_out(&mut world, line);
        let failed = engine.failed.lock().unwrap().clone();
        let poisoned = failed.contains(&Operation::Writing);
        match answer {
            Ok(outcome) => {
                assert!(!poisoned, "{line}: answered well after a failed write");
                played.answered.extend(outcome.map(|outcome| (line.clone(), outcome)));
            }
            Err(StoreError::Unavailable) => {
                assert!(failures < failed.len(), "{line}: nothing failed");
                assert!(!poisoned, "{line}");
            }
            Err(StoreError::Poisoned) => {
                assert!(poisoned, "{line}");
                played.in_doubt = played.in_doubt.or(Some(line.clone()));
            }
            Err(refused) => assert!(refuses(&refused) && !poisoned, "{line}: {refused}"),
        }
        assert_eq!(world.store.is_healthy(), !poisoned);
        // The consumer's own reads may fail, too, and are made again later.
        let after = played.shown.last().map_or(0, |outcome| outcome.sequence);
        let news = wait(world.store.outcomes(&world.company, after, 10));
        played.shown.extend(news.into_iter().flatten());
    }
    let closed = wait(world.store.close());
    let poisoned = engine.failed.lock().unwrap().contains(&Operation::Writing);
    assert_eq!(closed, if poisoned { Err(StoreError::Poisoned) } else { Ok(()) });
    played
}

/// Whether this is said of what was asked, and not of the medium.
fn refuses(error: &StoreError) -> bool {
    !matches!(error, StoreError::Damaged | StoreError::Overloaded)
}

/// Sees that all that was answered well is there, in that order, at most one
/// request more, and that the people are those whom these requests make.
fn keeps_its_word(engine: Arc<MemoryEngine>, played: &Played) {
    let world = World::resumed(engine, Clockwork::after(10_000));
    world.is_sound();
    let outcomes = world.outcomes();
    let answered: Vec<&Outcome> = played.answered.iter().map(|(_, outcome)| outcome).collect();
    let lost = answered.iter().filter(|outcome| !outcomes.contains(outcome)).count();
    if 0 < lost {
        println!("figure: writes_lost {lost}");
    }
    assert_eq!(outcomes.iter().take(answered.len()).collect::<Vec<_>>(), answered);
    assert!(outcomes.starts_with(&played.shown), "a crash took back what was shown");
    let lines = played.answered.iter().map(|(line, _)| line).chain(&played.in_doubt);
    let lines: Vec<&String> = lines.take(outcomes.len()).collect();
    assert_eq!(lines.len(), outcomes.len());

    let mut reference = World::new();
    let mut told = Vec::new();
    for line in lines {
        let outcome = carry_out(&mut reference, line).unwrap().unwrap();
        told.push(reference.told(&outcome));
    }
    let world = World { known: created(&outcomes), ..world };
    assert_eq!(outcomes.iter().map(|outcome| world.told(outcome)).collect::<Vec<_>>(), told);
    for number in 0..reference.known.len() {
        assert_eq!(world.is_known(number), reference.is_known(number));
        if reference.is_known(number) {
            assert_eq!(world.about(number), reference.about(number));
        }
    }
}

fn created(outcomes: &[Outcome]) -> Vec<profile_protocol::ProfileId> {
    let created = outcomes.iter().filter(|one| one.effect == profile_store::Effect::Created);
    created.filter_map(|outcome| outcome.survivor).collect()
}

/// What was gone through.
#[derive(Default)]
struct Tally {
    failures: usize,
    acknowledged: usize,
    crashes: usize,
}

/// Plays a script again and again, with a failure at its first operation, its second
/// and so on, until there is none left to fail.
fn fail_at_each(script: &[String], fault: Fault, tally: &mut Tally) {
    for fails_at in 0.. {
        let engine = Arc::new(Faulty::new(fails_at, fault));
        let played = play(script, &engine);
        let unflushed = engine.unflushed.lock().unwrap().len();
        for surviving in 0..=unflushed {
            keeps_its_word(engine.after_crash(surviving), &played);
            tally.crashes += 1;
        }
        tally.acknowledged += played.answered.len();
        if engine.failed.lock().unwrap().is_empty() {
            assert!(3 * script.len() < fails_at, "the script is not as long as it was");
            break;
        }
        tally.failures += 1;
    }
}

#[test]
fn whatever_fails_and_when_what_was_answered_well_is_there() {
    let (scripts, mut tally) = (scripts(), Tally::default());
    for script in &scripts {
        for done in [false, true] {
            for for_good in [false, true] {
                fail_at_each(script, Fault { done, for_good }, &mut tally);
            }
        }
    }
    let Tally { failures, acknowledged, crashes } = tally;
    println!("figure: engine_failures {failures}");
    println!("figure: engine_crashes {crashes}");
    println!("figure: engine_writes_acknowledged {acknowledged}");
    println!("figure: writes_lost 0");
}

#[test]
fn nothing_fails_where_nothing_is_made_to_and_scripts_do_what_they_say() {
    let never = Fault { done: false, for_good: false };
    let engine = Arc::new(Faulty::new(usize::MAX, never));
    let lines = ["e:ann", "x:1", "merge 0 1", "undo 1", "x:1 e:bob", "delete e:bob", "undo 7"];
    let played = play(&lines.map(str::to_owned), &engine);
    let effects: Vec<_> =
        played.answered.iter().map(|(_, outcome)| outcome.effect.as_str()).collect();
    assert_eq!(effects, ["created", "created", "updated", "unmerged", "updated", "deleted"]);
}

/// The script, and in the long form, which `HOSTILE=long` asks for, long ones of
/// chance. `HOSTILE_SEED` repeats it.
fn scripts() -> Vec<Vec<String>> {
    const SCRIPTS: u64 = 8;
    let mut scripts = vec![SCRIPT.map(str::to_owned).to_vec()];
    if setting("HOSTILE").as_deref() == Some("long") {
        let seed = setting("HOSTILE_SEED").map_or(1_u64, |seed| seed.parse().unwrap());
        println!("faulty: HOSTILE_SEED={seed}");
        scripts.extend((0..SCRIPTS).map(|number| random_script(seed.wrapping_add(number))));
    }
    scripts
}

#[expect(clippy::disallowed_methods, reason = "a test has no other way to be told anything")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A script about few people, so that it comes to merges, refusals and replacements.
fn random_script(seed: u64) -> Vec<String> {
    const LINES: usize = 60;
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &seed.to_le_bytes().repeat(4)),
    );
    let word = prop_oneof![
        "x:[1-4]",
        "e:(ann|bob|cid|dan|eve)",
        "p:[1-4]",
        "a:(tab|pad|web|tv)",
        "@(e:ann|x:1|p:2)",
        "id:[0-5]",
    ];
    let fact = "(name|city|zip|tz|plan|size)=(Ann|Bob|)";
    let request = (vec(word, 1..4), vec(fact, 0..3), "(server )?")
        .prop_map(|(words, facts, who)| format!("{who}{} {}", words.join(" "), facts.join(" ")));
    let line = prop_oneof![
        12 => request,
        1 => "merge [0-5] [0-5]",
        1 => "undo [0-5]",
        1 => "delete (x:[1-4]|e:(ann|bob|cid))",
    ];
    vec(line, LINES).new_tree(&mut runner).unwrap().current()
}

#[test]
fn after_a_failed_read_the_next_request_is_served() {
    // Opening reads, scans, applies and flushes; the fifth operation looks a
    // person up.
    let engine = Arc::new(Faulty::new(4, Fault { done: false, for_good: false }));
    let played = play(&SCRIPT.map(str::to_owned), &engine);
    assert_eq!(*engine.failed.lock().unwrap(), [Operation::Reading]);
    assert_eq!(played.answered.len(), SCRIPT.len() - 1);
}

#[test]
fn all_who_waited_for_a_failed_batch_are_told() {
    // Opening takes four operations, what goes ahead of the batch five, and a step
    // of pruning three. The batch is looked up, its people are, it is numbered,
    // applied and flushed.
    for fails_at in 12..17 {
        let engine = Arc::new(Faulty::new(fails_at, Fault { done: false, for_good: false }));
        let world = World::over(Arc::clone(&engine) as _);
        let submissions = SCRIPT.map(|line| world.submission(&asked(line)));
        let answers = world.submit_together(submissions.into());
        let failed = engine.failed.lock().unwrap().clone();
        let refused = |error| answers.iter().filter(|answer| **answer == Err(error)).count();
        match fails_at {
            12 | 13 => assert_eq!(refused(StoreError::Unavailable), SCRIPT.len()),
            14 => assert_eq!(refused(StoreError::Unavailable), 1),
            _ => assert_eq!(refused(StoreError::Poisoned), SCRIPT.len()),
        }
        assert_eq!(failed, [if fails_at < 15 { Operation::Reading } else { Operation::Writing }]);
    }
}
