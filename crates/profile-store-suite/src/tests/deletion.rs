//! Deletion: nothing of a deleted profile is left, and its identifiers can be attached to a new
//! one.

use std::collections::{BTreeMap, BTreeSet};

use profile_protocol::ProfileId;
use profile_store::{
    ClaimResult, Effect, Identifier, Outcome, Profile, ProfileRef, PushTokenOutcome,
    PushTokenResult,
};
use proptest::prelude::*;

use crate::generators::requests_with_intents;
use crate::{
    engines::Engines,
    generators::SMALL_LIMITS,
    harness::{StoreHarness, contents, unprotected, wait},
    model::IdentityModel,
    notation::{TestRequest, parse_request},
};

pub fn no_identifier_leads_to_a_deleted_profile(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["x:1 a:tab name=Ann", "e:ann p:5", "x:1 e:ann"] {
        harness.send(words);
    }
    assert_eq!(harness.describe_deletion("p:5"), "deleted 0: matched");
    for word in ["x:1", "a:tab", "e:ann", "p:5"] {
        assert_eq!(harness.leads_to(word), None);
    }
    assert!(!harness.exists(0) && !harness.exists(1));
    let audit = harness.audit();
    assert_eq!((audit.profiles, audit.identifiers, audit.aliases, audit.merges), (0, 0, 0, 0));
    harness.assert_sound();
    assert!(harness.undo(1).is_err());
    assert_eq!(harness.try_send("update:1 e:ann"), "no profile has this id");
}

pub fn a_deletion_by_an_absorbed_id_deletes_the_survivor(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["x:1", "e:ann", "x:1 e:ann", "x:2"] {
        harness.send(words);
    }
    assert_eq!(harness.delete("id:1").outcome.survivor, Some(harness.created[0]));
    assert_eq!(harness.leads_to("x:2"), Some(2));
}

pub fn a_deletion_that_finds_no_profile_is_an_outcome_and_changes_no_profile(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("x:1 e:bob");
    harness.send("x:2");
    harness.delete("x:2");
    let before = harness.about(0);
    for (word, told) in [
        ("x:2", "nothing_deleted: no profile"),
        ("id:1", "nothing_deleted: unknown"),
        ("id:?", "nothing_deleted: unknown"),
        ("e:ann", "nothing_deleted: no profile"),
    ] {
        let deleted = harness.delete(word);
        assert_eq!(harness.describe(&deleted.outcome), told);
        assert_eq!((deleted.outcome.survivor, deleted.job.found), (None, None));
        assert_eq!((deleted.job.profiles, deleted.job.import_rows), (0, 0));
        assert_eq!(harness.outcomes().last(), Some(&deleted.outcome));
    }
    assert_eq!(harness.about(0), before);
    harness.assert_sound();
}

pub fn identifiers_of_a_deleted_profile_can_be_attached_to_a_new_one(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("x:1 e:ann plan=gold");
    harness.delete("x:1");
    assert_eq!(harness.send("x:1 e:ann"), "created 1: attached, attached");
    assert_eq!(harness.about(1), "x:1 e:ann");
    assert_eq!(harness.send("e:ann id:0"), "unchanged 1: unknown, matched");
}

pub fn a_deletion_is_an_outcome(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("x:1");
    harness.delete("x:1");
    harness.send("x:1");
    let told: Vec<String> =
        harness.outcomes().iter().map(|outcome| harness.describe(outcome)).collect();
    assert_eq!(told, ["created 0: attached", "deleted 0: matched", "created 1: attached"]);
    let outcomes = harness.outcomes();
    assert_eq!(outcomes[1].previous, [1]);
    assert_eq!(outcomes[1].effect, Effect::Deleted);
    assert_eq!(outcomes.iter().map(|outcome| outcome.sequence).collect::<Vec<_>>(), [1, 2, 3]);
}

pub fn requests_of_one_batch_see_a_deletion_in_their_order(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("x:1 e:ann");
    let [before, after] =
        ["x:1 p:5", "e:ann"].map(|words| harness.submission(&parse_request(words)));
    let deletion = harness.deletion("p:5");
    let (store, gate) = (&harness.store, harness.engine.hold_reads());
    let opened = async {
        while store.queue_depth() < 2 {
            tokio::task::yield_now().await;
        }
        drop(gate);
    };
    let answers = wait(async {
        tokio::join!(store.submit(before), store.delete(deletion), store.submit(after), opened)
    });
    let told = [answers.0, answers.1.map(|deleted| deleted.outcome), answers.2].map(|answer| {
        harness.note_created(&answer);
        harness.describe_answer(&answer)
    });
    let expected = ["updated 0: matched, attached", "deleted 0: matched", "created 1: attached"];
    assert_eq!(told, expected);
    harness.assert_sound();
}

pub fn do_not_merge_marks_that_name_a_deleted_identifier_keep_nothing_of_it(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["p:5", "e:ann", "x:1", "x:1 p:5"] {
        harness.send(words);
    }
    harness.undo(0).unwrap();
    // What led to the merge was the number of the first, and is the second's now.
    harness.try_send("import id:0 a:tab p:-");
    harness.send("e:ann p:5");
    let number = b"+15005550005";
    assert!(occurs(&harness, number));
    harness.delete("e:ann");
    assert_eq!(harness.leads_to("a:tab"), Some(0));
    assert_eq!(harness.profile(0).do_not_merge.len(), 1);
    assert!(!occurs(&harness, number));
}

pub fn merge_records_that_name_a_deleted_identifier_keep_nothing_of_it(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["e:ann", "p:5", "x:1", "id:1 e:ann", "x:1 e:ann"] {
        harness.send(words);
    }
    assert_eq!(harness.profile(0).id, harness.created[2]);
    // The second is the third still, and by the address of the first.
    harness.undo(0).unwrap();
    harness.delete("e:ann");
    assert_eq!(harness.about(1), "x:1 p:5");
    assert!(!occurs(&harness, b"ann@example.com"));
    harness.assert_sound();
}

/// Whether these bytes occur in any key or value.
fn occurs(harness: &StoreHarness, text: &[u8]) -> bool {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    contents(harness.engine.as_ref()).iter().any(|(key, value)| holds(key) || holds(value))
}

#[derive(Clone, Debug)]
enum DeletionStep {
    Ask(TestRequest),
    Merge(usize, usize),
    Undo(usize),
    Delete(&'static str),
}

const TARGETS: [&str; 9] = ["x:1", "x:2", "e:ann", "e:bob", "p:5", "a:tab", "id:0", "id:1", "id:3"];

fn target() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&TARGETS[..])
}

/// Requests of two identifiers each, which lead to many merges.
fn pairs() -> impl Strategy<Value = TestRequest> {
    let names = ["id:0", "id:1", "id:2", "x:1", "x:2", "e:ann", "e:bob", "p:5", "p:6", "a:tab"];
    (prop::sample::subsequence(names.to_vec(), 1..=2), any::<bool>()).prop_map(
        |(mut names, known)| {
            // A request names one identifier of each kind.
            names.dedup_by_key(|name| name.as_bytes()[0]);
            let fact = if known { " name=Ann plan=gold t:phone" } else { " t:tablet" };
            parse_request(&format!("{}{fact}", names.join(" ")))
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<DeletionStep>> {
    let number = || 0usize..5;
    let saying = prop_oneof![
        2 => requests_with_intents().prop_map(DeletionStep::Ask),
        6 => pairs().prop_map(DeletionStep::Ask),
        1 => (number(), number()).prop_map(|(into, from)| DeletionStep::Merge(into, from)),
    ];
    let parting = prop_oneof![
        2 => number().prop_map(DeletionStep::Undo),
        1 => target().prop_map(DeletionStep::Delete),
    ];
    let saying = prop::collection::vec(saying, 1..10);
    let parting = prop::collection::vec(parting, 0..5);
    prop::collection::vec((saying, parting), 1..4).prop_map(|rounds| {
        let both = rounds.into_iter().flat_map(|(saying, parting)| [saying, parting]);
        both.flatten().collect()
    })
}

/// The values that requests gave to each profile, by number, without those that a merge brought: so
/// a value has one profile, whether merges are undone or not.
#[derive(Default)]
struct Said {
    of: BTreeMap<usize, BTreeSet<String>>,
    steps: usize,
}

impl Said {
    /// A request with texts so long, and values so rare, that they are found for
    /// what they are.
    fn unmistakable(&mut self, request: &TestRequest) -> TestRequest {
        self.steps += 1;
        let long = |(kind, text): (String, String)| match kind.as_str() {
            "x" | "a" => (kind, long(&text)),
            _ => (kind, text),
        };
        let rare = |(name, value): (String, String)| match value.as_str() {
            "" => (name, value),
            value => (name, format!("{value}-in-step-{}-", self.steps)),
        };
        let mut request = request.clone();
        request.subject = request.subject.into_iter().map(long).collect();
        request.attributes = request.attributes.into_iter().map(long).collect();
        request.facts = request.facts.into_iter().map(rare).collect();
        request.push_token = request.push_token.map(|token| format!("its-token-{token}"));
        request
    }

    fn note(
        &mut self,
        harness: &StoreHarness,
        request: &TestRequest,
        named: Vec<ProfileRef>,
        outcome: &Outcome,
    ) {
        let Some(survivor) = outcome.survivor else { return };
        let number = harness.created.iter().position(|known| *known == survivor).unwrap();
        let said = self.of.entry(number).or_default();
        for (named, told) in named.into_iter().zip(&outcome.claims) {
            if let (
                ProfileRef::Identifier(identifier),
                ClaimResult::Attached | ClaimResult::Replaced | ClaimResult::Moved(_),
            ) = (named, told.result)
            {
                said.insert(Identifier::as_str(&identifier).to_owned());
            }
        }
        if let Some(PushTokenOutcome {
            result: PushTokenResult::Attached | PushTokenResult::Moved(_),
            ..
        }) = outcome.push_token
        {
            let token = request.push_token.as_deref().unwrap_or_default();
            said.extend(token.split('/').next().map(str::to_owned));
        }
        said.extend(request.facts.iter().map(|(_, value)| value.clone()).filter(|v| !v.is_empty()));
    }

    /// Gives a profile that was restored what it holds: while it was merged, requests gave it to
    /// the other one.
    fn give_back(&mut self, harness: &StoreHarness, restored: usize) {
        let Profile { id, identifiers, .. } = harness.profile(restored);
        let held: Vec<String> = identifiers.iter().map(|one| one.as_str().to_owned()).collect();
        for (&number, said) in &mut self.of {
            if harness.exists(number) && harness.profile(number).id != id {
                said.retain(|text| !held.contains(text));
            }
        }
        self.of.entry(restored).or_default().extend(held);
    }

    /// Removes some profiles. Returns the values that only they had.
    fn forget(&mut self, numbers: &BTreeSet<usize>) -> BTreeSet<String> {
        let theirs = numbers.iter().filter_map(|number| self.of.remove(number)).flatten();
        let theirs: BTreeSet<String> = theirs.collect();
        let others: BTreeSet<&String> = self.of.values().flatten().collect();
        theirs.iter().filter(|text| !others.contains(text)).cloned().collect()
    }
}

fn long(text: &str) -> String {
    format!("number-{text}-of-its-kind")
}

/// Deletes the profile that the word leads to. Returns the values that must be absent then.
fn forget(harness: &StoreHarness, said: &mut Said, named: &str) -> BTreeSet<String> {
    let named = match named.split_once(':') {
        Some((kind @ ("x" | "a"), text)) => format!("{kind}:{}", long(text)),
        _ => named.to_owned(),
    };
    let living = |number: usize| -> Option<ProfileId> {
        let profile =
            wait(harness.store.profile(&harness.company, harness.created[number])).unwrap();
        profile.map(|profile| profile.id)
    };
    let before: Vec<Option<ProfileId>> = (0..harness.created.len()).map(living).collect();
    let Outcome { survivor, .. } = harness.delete(&named).outcome;
    if survivor.is_none() {
        return BTreeSet::new();
    }
    let numbers = before.iter().enumerate().filter(|(_, living)| **living == survivor);
    let numbers: BTreeSet<usize> = numbers.map(|(number, _)| number).collect();
    assert!(numbers.iter().all(|&number| !harness.exists(number)));
    said.forget(&numbers)
}

/// Carries out all steps, and checks after each deletion that nothing is left.
fn forgets(mut harness: StoreHarness, steps: &[DeletionStep]) {
    let mut said = Said::default();
    for step in steps.iter().cloned().chain(TARGETS.map(DeletionStep::Delete)) {
        match step {
            DeletionStep::Ask(request) => {
                let request = said.unmistakable(&request);
                let submission = harness.submission(&request);
                let named = submission.claims.made().iter().map(|claim| claim.target.clone());
                let named: Vec<ProfileRef> = named.collect();
                if let Ok(outcome) = harness.submit(submission) {
                    said.note(&harness, &request, named, &outcome);
                }
            }
            DeletionStep::Merge(into, from) => drop(harness.merge(into, from)),
            DeletionStep::Undo(number) if number < harness.created.len() => {
                if harness.undo(number).is_ok() {
                    said.give_back(&harness, number);
                }
            }
            DeletionStep::Undo(_) => {}
            DeletionStep::Delete(named) => {
                for text in forget(&harness, &mut said, named) {
                    assert!(!occurs(&harness, text.as_bytes()), "{text} is left");
                }
                harness.assert_sound();
            }
        }
    }
    wait(harness.store.close()).unwrap();
    harness.assert_sound();
}

pub fn nothing_of_a_deleted_profile_is_left(engines: &Engines) {
    engines.check(steps(), |steps| {
        forgets(StoreHarness::with_settings(engines, SMALL_LIMITS), &steps);
        forgets(StoreHarness::with_settings(engines, unprotected()), &steps);
        Ok(())
    });
}

pub fn the_store_decides_as_the_model_after_deletions(engines: &Engines) {
    engines.check(steps(), |steps| {
        let (mut harness, mut model) =
            (StoreHarness::with_settings(engines, SMALL_LIMITS), IdentityModel::new(SMALL_LIMITS));
        for step in &steps {
            match step {
                DeletionStep::Ask(request) => {
                    prop_assert_eq!(harness.try_send_request(request), model.decide(request));
                }
                DeletionStep::Delete(word) => {
                    let told = harness.describe_deletion(word);
                    prop_assert_eq!(told, model.delete(&parse_request(word)));
                }
                DeletionStep::Merge(..) | DeletionStep::Undo(_) => {}
            }
        }
        prop_assert_eq!(harness.created.len(), model.created_count());
        for number in 0..model.created_count() {
            prop_assert_eq!(harness.exists(number), !model.is_deleted(number));
            if harness.exists(number) {
                prop_assert_eq!(harness.about(number), model.about(number));
            }
        }
        harness.assert_sound();
        Ok(())
    });
}
