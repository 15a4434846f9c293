//! What happens when storage fails: at every single operation, once or for good, with or without
//! having done what was asked.

use std::sync::Arc;

use profile_protocol::ProfileId;
use profile_store::{Effect, Outcome, StoreError, StoreOptions, engine::MemoryEngine};
use profile_store_suite::{
    engines::Engines,
    faulty_engine::{EngineFault, FaultyEngine, FaultyOperation},
    harness::{StoreHarness, wait},
    notation::parse_request,
    simulated_ids::SimulatedIds,
    tests::simulation::{FailingStorage, simulate},
};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

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

/// Carries out one line: a request in the notation, or `merge 0 1`, `undo 1` or
/// `delete e:ann`.
fn carry_out(harness: &mut StoreHarness, line: &str) -> Result<Outcome, StoreError> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |word: &str| word.parse::<usize>().unwrap();
    match words[..] {
        ["merge", destination, source] => harness.merge(number(destination), number(source)),
        ["undo", absorbed] => harness.undo(number(absorbed)).map(|unmerged| unmerged.outcome),
        ["delete", target] => {
            wait(harness.store.delete(harness.deletion(target))).map(|deleted| deleted.outcome)
        }
        _ => harness.submit(harness.submission(&parse_request(line))),
    }
}

/// The result of a script: the lines that were answered with an outcome, and the first one of which
/// it is unknown whether it is stored.
#[derive(Default)]
struct ScriptResult {
    answered: Vec<(String, Outcome)>,
    in_doubt: Option<String>,
    /// What a consumer of outcomes was shown.
    shown: Vec<Outcome>,
}

/// Plays the script, and checks that the failures so far explain each answer.
fn play(script: &[String], engine: &FaultyEngine) -> ScriptResult {
    let mut result = ScriptResult::default();
    let opened =
        StoreHarness::open(Arc::new(engine.clone()), SimulatedIds::new(), StoreOptions::default());
    let Ok(mut harness) = opened else {
        assert!(!engine.failed().is_empty());
        return result;
    };
    for line in script {
        let failures = engine.failed().len();
        let answer = carry_out(&mut harness, line);
        let failed = engine.failed();
        let poisoned = engine.is_poisoned();
        match answer {
            Ok(outcome) => {
                assert!(!poisoned, "{line}: answered well after a failed write");
                result.answered.push((line.clone(), outcome));
            }
            Err(StoreError::Unavailable) => {
                assert!(failures < failed.len(), "{line}: nothing failed");
                assert!(!poisoned, "{line}");
            }
            Err(StoreError::Poisoned) => {
                assert!(poisoned, "{line}");
                result.in_doubt = result.in_doubt.or(Some(line.clone()));
            }
            Err(refused) => assert!(refuses(&refused) && !poisoned, "{line}: {refused}"),
        }
        assert_eq!(harness.store.is_healthy(), !poisoned);
        // The consumer's own reads may fail, too, and are made again later.
        let after = result.shown.last().map_or(0, |outcome| outcome.sequence);
        let news = wait(harness.store.outcomes(&harness.company, after, 10));
        result.shown.extend(news.into_iter().flatten());
    }
    let closed = wait(harness.store.close());
    let poisoned = engine.is_poisoned();
    assert_eq!(closed, if poisoned { Err(StoreError::Poisoned) } else { Ok(()) });
    result
}

/// Whether this error is about the request, and not about the storage.
fn refuses(error: &StoreError) -> bool {
    !matches!(error, StoreError::Damaged | StoreError::Overloaded)
}

/// Checks that all that was answered well is there, in that order, at most one
/// request more, and that the profiles are those that these requests make.
fn assert_kept(engine: Arc<MemoryEngine>, result: &ScriptResult) {
    let harness = StoreHarness::resumed(engine, SimulatedIds::after(10_000));
    harness.assert_sound();
    let outcomes = harness.outcomes();
    let answered: Vec<&Outcome> = result.answered.iter().map(|(_, outcome)| outcome).collect();
    let lost = answered.iter().filter(|outcome| !outcomes.contains(outcome)).count();
    if 0 < lost {
        println!("figure: writes_lost {lost}");
    }
    assert_eq!(outcomes.iter().take(answered.len()).collect::<Vec<_>>(), answered);
    assert!(outcomes.starts_with(&result.shown), "a crash took back what was shown");
    let lines = result.answered.iter().map(|(line, _)| line).chain(&result.in_doubt);
    let lines: Vec<&String> = lines.take(outcomes.len()).collect();
    assert_eq!(lines.len(), outcomes.len());

    let mut reference = StoreHarness::new(&Engines::in_memory());
    let mut told = Vec::new();
    for line in lines {
        let outcome = carry_out(&mut reference, line).unwrap();
        told.push(reference.describe(&outcome));
    }
    let harness = StoreHarness { created: created(&outcomes), ..harness };
    assert_eq!(outcomes.iter().map(|outcome| harness.describe(outcome)).collect::<Vec<_>>(), told);
    for number in 0..reference.created.len() {
        assert_eq!(harness.exists(number), reference.exists(number));
        if reference.exists(number) {
            assert_eq!(harness.about(number), reference.about(number));
        }
    }
}

fn created(outcomes: &[Outcome]) -> Vec<ProfileId> {
    let created = outcomes.iter().filter(|one| one.effect == Effect::Created);
    created.filter_map(|outcome| outcome.survivor).collect()
}

/// What the scripts went through.
#[derive(Default)]
struct FailureCount {
    failures: usize,
    acknowledged: usize,
    crashes: usize,
}

/// Plays a script again and again, with a failure at its first operation, its second
/// and so on, until there is none left to fail.
fn fail_at_each(script: &[String], fault: EngineFault, count: &mut FailureCount) {
    for fails_at in 0.. {
        let engine = FaultyEngine::new(fails_at, fault);
        let result = play(script, &engine);
        let unflushed = engine.unflushed();
        for surviving in 0..=unflushed {
            assert_kept(engine.after_crash(surviving), &result);
            count.crashes += 1;
        }
        count.acknowledged += result.answered.len();
        if engine.failed().is_empty() {
            assert!(3 * script.len() < fails_at, "the script is not as long as it was");
            break;
        }
        count.failures += 1;
    }
}

#[test]
fn whatever_fails_and_when_what_was_answered_well_is_there() {
    let (scripts, mut count) = (scripts(), FailureCount::default());
    for script in &scripts {
        for done in [false, true] {
            for for_good in [false, true] {
                fail_at_each(script, EngineFault { done, for_good, in_doubt: false }, &mut count);
            }
        }
    }
    let FailureCount { failures, acknowledged, crashes } = count;
    println!("figure: engine_failures {failures}");
    println!("figure: engine_crashes {crashes}");
    println!("figure: engine_writes_acknowledged {acknowledged}");
    println!("figure: writes_lost 0");
}

#[test]
fn nothing_fails_where_nothing_is_made_to_and_scripts_do_what_they_say() {
    let never = EngineFault::default();
    let engine = FaultyEngine::new(usize::MAX, never);
    let lines = ["e:ann", "x:1", "merge 0 1", "undo 1", "x:1 e:bob", "delete e:bob", "undo 7"];
    let result = play(&lines.map(str::to_owned), &engine);
    let effects: Vec<_> =
        result.answered.iter().map(|(_, outcome)| outcome.effect.as_str()).collect();
    assert_eq!(effects, ["created", "created", "updated", "unmerged", "updated", "deleted"]);
}

/// The script, and with `HOSTILE=long` long random ones. `HOSTILE_SEED` repeats them.
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

/// A script about few people, with merges, refusals and replacements.
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
    // Opening reads, scans, applies, flushes, looks for deletions that were begun, for the position
    // of a backup, and for the key for senders; the eighth operation looks up a profile.
    let engine = FaultyEngine::new(7, EngineFault::default());
    let result = play(&SCRIPT.map(str::to_owned), &engine);
    assert_eq!(engine.failed(), [FaultyOperation::Read]);
    assert_eq!(result.answered.len(), SCRIPT.len() - 1);
}

#[test]
fn all_who_waited_for_a_failed_batch_are_told() {
    // Opening takes seven operations, and each of the two requests that go ahead of the batch
    // three. The batch reads pointers and profiles, is applied and flushed.
    for fails_at in 13..17 {
        let engine = FaultyEngine::new(fails_at, EngineFault::default());
        let mut harness = StoreHarness::over(Arc::new(engine.clone()));
        harness.send("e:ann");
        let submissions = SCRIPT.map(|line| harness.submission(&parse_request(line)));
        let answers = harness.submit_together(submissions.into());
        let reading = fails_at < 15;
        let told = if reading { StoreError::Unavailable } else { StoreError::Poisoned };
        assert_eq!(answers, vec![Err(told); SCRIPT.len()], "{fails_at}");
        let operation = if reading { FaultyOperation::Read } else { FaultyOperation::Write };
        assert_eq!(engine.failed(), [operation]);
    }
}

#[test]
fn a_commit_in_doubt_is_answered_as_it_ended() {
    let script = SCRIPT.map(str::to_owned);
    let reference = play(&script, &FaultyEngine::new(usize::MAX, EngineFault::default()));
    for done in [false, true] {
        let fault = EngineFault { done, for_good: false, in_doubt: true };
        let mut in_doubt = 0;
        for fails_at in 0.. {
            let engine = FaultyEngine::new(fails_at, fault);
            let result = play(&script, &engine);
            match engine.failed().first() {
                None => break,
                Some(FaultyOperation::Read) => continue,
                // The commit that writes the format: the store is not opened.
                Some(FaultyOperation::Write) if fails_at < 3 => continue,
                Some(FaultyOperation::Write) => in_doubt += 1,
            }
            let decided = |result: &ScriptResult| -> Vec<(u64, Effect)> {
                let outcomes = result.answered.iter().map(|(_, outcome)| outcome);
                outcomes.map(|outcome| (outcome.sequence, outcome.effect)).collect()
            };
            assert_eq!(decided(&result), decided(&reference), "{fails_at}");
            assert_kept(engine.after_crash(usize::MAX), &result);
        }
        assert_eq!(in_doubt, SCRIPT.len(), "each request is one commit");
    }
}

#[test]
fn nothing_answered_is_lost_or_torn_when_storage_fails() {
    simulate(FailingStorage::default(), 4_000);
}
