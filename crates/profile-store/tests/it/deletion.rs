//! Deletion: of whom was deleted nothing is left, and they can come back as
//! somebody new.

use std::collections::{BTreeMap, BTreeSet};

use profile_protocol::ProfileId;
use profile_store::{ClaimResult, Effect, Identifier, Outcome, ProfileRef, Rules};
use proptest::prelude::*;

use crate::{
    intents,
    laws::TIGHT,
    model::Model,
    people::{Asked, asked},
    world::{World, contents, wait},
};

#[test]
fn whoever_was_deleted_is_nobody() {
    let mut world = World::new();
    for words in ["x:1 a:tab name=Ann", "e:ann p:5", "x:1 e:ann"] {
        world.say(words);
    }
    let deleted = world.delete("p:5").unwrap().unwrap();
    assert_eq!(world.told(&deleted), "deleted 0: matched");
    for word in ["x:1", "a:tab", "e:ann", "p:5"] {
        assert_eq!(world.leads_to(word), None);
    }
    assert!(!world.is_known(0) && !world.is_known(1));
    let audit = world.audit();
    assert_eq!((audit.profiles, audit.identifiers, audit.aliases, audit.merges), (0, 0, 0, 0));
    world.is_sound();
    assert!(world.undo(1).is_err());
    assert_eq!(world.try_say("update:1 e:ann"), "no profile has this id");
}

#[test]
fn who_is_deleted_by_an_old_id_is_whom_it_became() {
    let mut world = World::new();
    for words in ["x:1", "e:ann", "x:1 e:ann", "x:2"] {
        world.say(words);
    }
    assert_eq!(world.delete("id:1").unwrap().unwrap().survivor, Some(world.known[0]));
    assert_eq!(world.leads_to("x:2"), Some(2));
}

#[test]
fn where_there_is_nobody_to_delete_nothing_is_written() {
    let mut world = World::new();
    world.say("x:1");
    world.delete("x:1").unwrap();
    let before = contents(world.engine.as_ref());
    for word in ["x:1", "id:0", "id:?", "e:ann"] {
        assert_eq!(world.delete(word), Ok(None));
    }
    assert_eq!(contents(world.engine.as_ref()), before);
}

#[test]
fn identifiers_of_who_was_deleted_may_be_taken_by_somebody_new() {
    let mut world = World::new();
    world.say("x:1 e:ann plan=gold");
    world.delete("x:1").unwrap();
    assert_eq!(world.say("x:1 e:ann"), "created 1: attached, attached");
    assert_eq!(world.about(1), "x:1 e:ann");
    assert_eq!(world.say("e:ann id:0"), "unchanged 1: unknown, matched");
}

#[test]
fn those_who_follow_the_outcomes_hear_of_it() {
    let mut world = World::new();
    world.say("x:1");
    world.delete("x:1").unwrap();
    world.say("x:1");
    let told: Vec<String> = world.outcomes().iter().map(|outcome| world.told(outcome)).collect();
    assert_eq!(told, ["created 0: attached", "deleted 0: matched", "created 1: attached"]);
    let outcomes = world.outcomes();
    assert_eq!(outcomes[1].previous, [1]);
    assert_eq!(outcomes[1].effect, Effect::Deleted);
    assert_eq!(outcomes.iter().map(|outcome| outcome.sequence).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn requests_that_wait_together_see_a_deletion_in_its_turn() {
    let mut world = World::new();
    world.say("x:1 e:ann");
    let [before, after] = ["x:1 p:5", "e:ann"].map(|words| world.submission(&asked(words)));
    let deletion = world.deletion("p:5");
    let (store, gate) = (&world.store, world.engine.close());
    let opened = async {
        while store.queue_depth() < 2 {
            tokio::task::yield_now().await;
        }
        drop(gate);
    };
    let answers = wait(async {
        tokio::join!(store.submit(before), store.delete(deletion), store.submit(after), opened)
    });
    let told = [answers.0, answers.1.map(Option::unwrap), answers.2].map(|answer| {
        world.note(&answer);
        world.answered(&answer)
    });
    let expected = ["updated 0: matched, attached", "deleted 0: matched", "created 1: attached"];
    assert_eq!(told, expected);
    world.is_sound();
}

#[test]
fn what_a_merge_that_was_undone_is_remembered_by_goes_with_whom_it_named() {
    let mut world = World::new();
    for words in ["p:5", "e:ann", "x:1", "x:1 p:5"] {
        world.say(words);
    }
    world.undo(0).unwrap();
    // What led to the merge was the number of the first, and is the second's now.
    world.try_say("import id:0 a:tab p:-");
    world.say("e:ann p:5");
    let number = b"+15005550005";
    assert!(occurs(&world, number));
    world.delete("e:ann").unwrap();
    assert_eq!(world.leads_to("a:tab"), Some(0));
    assert_eq!(world.profile(0).do_not_merge.len(), 1);
    assert!(!occurs(&world, number));
}

#[test]
fn what_led_to_a_later_merge_by_an_identifier_of_whom_was_deleted_goes_too() {
    let mut world = World::new();
    for words in ["e:ann", "p:5", "x:1", "id:1 e:ann", "x:1 e:ann"] {
        world.say(words);
    }
    assert_eq!(world.profile(0).id, world.known[2]);
    // The second is the third still, and by the address of the first.
    world.undo(0).unwrap();
    world.delete("e:ann").unwrap();
    assert_eq!(world.about(1), "x:1 p:5");
    assert!(!occurs(&world, b"ann@example.com"));
    world.is_sound();
}

/// Whether these bytes occur in any key or value.
fn occurs(world: &World, text: &[u8]) -> bool {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    contents(world.engine.as_ref()).iter().any(|(key, value)| holds(key) || holds(value))
}

#[derive(Clone, Debug)]
enum Step {
    Ask(Asked),
    Merge(usize, usize),
    Undo(usize),
    Delete(&'static str),
}

const WHOM: [&str; 9] = ["x:1", "x:2", "e:ann", "e:bob", "p:5", "a:tab", "id:0", "id:1", "id:3"];

fn whom() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&WHOM[..])
}

/// Requests that name a person twice, and so merge a lot.
fn pairs() -> impl Strategy<Value = Asked> {
    let names = ["id:0", "id:1", "id:2", "x:1", "x:2", "e:ann", "e:bob", "p:5", "p:6", "a:tab"];
    (prop::sample::subsequence(names.to_vec(), 1..=2), any::<bool>()).prop_map(
        |(mut names, known)| {
            // There is one place for each kind.
            names.dedup_by_key(|name| name.as_bytes()[0]);
            let fact = if known { " name=Ann plan=gold" } else { "" };
            asked(&format!("{}{fact}", names.join(" ")))
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = || 0usize..5;
    let saying = prop_oneof![
        2 => intents::intents().prop_map(Step::Ask),
        6 => pairs().prop_map(Step::Ask),
        1 => (number(), number()).prop_map(|(into, from)| Step::Merge(into, from)),
    ];
    let parting = prop_oneof![
        2 => number().prop_map(Step::Undo),
        1 => whom().prop_map(Step::Delete),
    ];
    let saying = prop::collection::vec(saying, 1..10);
    let parting = prop::collection::vec(parting, 0..5);
    prop::collection::vec((saying, parting), 1..4).prop_map(|rounds| {
        let both = rounds.into_iter().flat_map(|(saying, parting)| [saying, parting]);
        both.flatten().collect()
    })
}

/// What was said of whom, by number: only what was said, and not what came by a
/// merge, so that it is known whose a value is after the merge was undone.
#[derive(Default)]
struct Said {
    of: BTreeMap<usize, BTreeSet<String>>,
    steps: usize,
}

impl Said {
    /// A request with texts so long, and values so rare, that they are found for
    /// what they are.
    fn unmistakable(&mut self, asked: &Asked) -> Asked {
        self.steps += 1;
        let long = |(kind, text): (String, String)| match kind.as_str() {
            "x" | "a" => (kind, long(&text)),
            _ => (kind, text),
        };
        let rare = |(name, value): (String, String)| match value.as_str() {
            "" => (name, value),
            value => (name, format!("{value}-in-step-{}-", self.steps)),
        };
        let mut asked = asked.clone();
        asked.subject = asked.subject.into_iter().map(long).collect();
        asked.attributes = asked.attributes.into_iter().map(long).collect();
        asked.facts = asked.facts.into_iter().map(rare).collect();
        asked
    }

    fn note(&mut self, world: &World, asked: &Asked, named: Vec<ProfileRef>, outcome: &Outcome) {
        let Some(survivor) = outcome.survivor else { return };
        let number = world.known.iter().position(|known| *known == survivor).unwrap();
        let said = self.of.entry(number).or_default();
        for (named, told) in named.into_iter().zip(&outcome.claims) {
            if let (
                ProfileRef::Identifier(identifier),
                ClaimResult::Attached | ClaimResult::Replaced,
            ) = (named, told.result)
            {
                said.insert(Identifier::as_str(&identifier).to_owned());
            }
        }
        said.extend(asked.facts.iter().map(|(_, value)| value.clone()).filter(|v| !v.is_empty()));
    }

    /// Forgets some, and tells what was theirs alone.
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

/// Deletes whom the word leads to, and tells what has to be gone then.
fn forget(world: &World, said: &mut Said, named: &str) -> BTreeSet<String> {
    let named = match named.split_once(':') {
        Some((kind @ ("x" | "a"), text)) => format!("{kind}:{}", long(text)),
        _ => named.to_owned(),
    };
    let living = |number: usize| -> Option<ProfileId> {
        let profile = wait(world.store.profile(&world.company, world.known[number])).unwrap();
        profile.map(|profile| profile.id)
    };
    let before: Vec<Option<ProfileId>> = (0..world.known.len()).map(living).collect();
    let Some(Outcome { survivor, .. }) = world.delete(&named).unwrap() else {
        return BTreeSet::new();
    };
    let numbers = before.iter().enumerate().filter(|(_, living)| **living == survivor);
    let numbers: BTreeSet<usize> = numbers.map(|(number, _)| number).collect();
    assert!(numbers.iter().all(|&number| !world.is_known(number)));
    said.forget(&numbers)
}

/// Lives through all of it, and sees after each deletion that nothing is left.
fn forgets(mut world: World, steps: &[Step]) {
    let mut said = Said::default();
    for step in steps.iter().cloned().chain(WHOM.map(Step::Delete)) {
        match step {
            Step::Ask(asked) => {
                let asked = said.unmistakable(&asked);
                let submission = world.submission(&asked);
                let named = submission.claims.made().iter().map(|claim| claim.target.clone());
                let named: Vec<ProfileRef> = named.collect();
                if let Ok(outcome) = world.submit(submission) {
                    said.note(&world, &asked, named, &outcome);
                }
            }
            Step::Merge(into, from) => drop(world.merge(into, from)),
            Step::Undo(number) if number < world.known.len() => drop(world.undo(number)),
            Step::Undo(_) => {}
            Step::Delete(named) => {
                for text in forget(&world, &mut said, named) {
                    assert!(!occurs(&world, text.as_bytes()), "{text} is left");
                }
                world.is_sound();
            }
        }
    }
    wait(world.store.close()).unwrap();
    world.is_sound();
}

proptest! {
    #[test]
    fn nothing_is_left_of_whom_was_deleted(steps in steps()) {
        forgets(World::with_rules(TIGHT), &steps);
        forgets(World::with_rules(Rules::default()), &steps);
    }

    #[test]
    fn the_store_decides_after_deletions_as_the_rules_read(steps in steps()) {
        let (mut world, mut model) = (World::with_rules(TIGHT), Model::new(TIGHT));
        for step in &steps {
            match step {
                Step::Ask(asked) => prop_assert_eq!(world.try_ask(asked), model.ask(asked)),
                Step::Delete(word) => {
                    let deleted = world.delete(word).unwrap();
                    let told = deleted.map_or("nobody".to_owned(), |outcome| world.told(&outcome));
                    prop_assert_eq!(told, model.delete(&asked(word)));
                }
                Step::Merge(..) | Step::Undo(_) => {}
            }
        }
        prop_assert_eq!(world.known.len(), model.ever());
        for number in 0..model.ever() {
            prop_assert_eq!(world.is_known(number), !model.is_gone(number));
            if world.is_known(number) {
                prop_assert_eq!(world.about(number), model.about(number));
            }
        }
        world.is_sound();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn nothing_is_left_on_disk_of_whom_was_deleted(steps in steps()) {
        forgets(World::on_disk(TIGHT), &steps);
    }
}
