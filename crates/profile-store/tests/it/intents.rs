//! Intents: what the company's own server asks for is done whole, or not at all.

use profile_store::{ClaimResult, Effect, ProfileRef};
use proptest::prelude::*;

use crate::{
    laws::{TIGHT, requests},
    model::Model,
    people::{Asked, Meant, asked},
    world::{World, contents, wait},
};

/// Requests of the company's own server, and of clients in between.
pub(crate) fn intents() -> impl Strategy<Value = Asked> {
    let meant = prop_oneof![
        2 => Just(Meant::Upsert),
        2 => Just(Meant::Import),
        1 => Just(Meant::Create),
        2 => (0usize..6).prop_map(Meant::Update),
    ];
    let cleared = prop::sample::subsequence(vec!["x", "e", "p"], 0..=3);
    (requests(), meant, prop::option::weighted(0.3, cleared)).prop_map(|(asked, meant, cleared)| {
        let cleared = cleared.unwrap_or_default().into_iter().map(str::to_owned).collect();
        let asked = Asked { cleared, ..asked };
        if meant == Meant::Upsert { asked } else { asked.meaning(meant) }
    })
}

pub(crate) fn sequences() -> impl Strategy<Value = Vec<Asked>> {
    prop::collection::vec(intents(), 1..20)
}

fn told(stored: &[&str], request: &str) -> (String, String) {
    let mut world = World::new();
    for words in stored {
        world.say(&format!("server {words}"));
    }
    let told = world.try_say(request);
    world.is_sound();
    (told, world.about(0))
}

#[test]
fn an_import_merges_where_it_may_and_is_refused_whole_where_it_may_not() {
    let merges = told(&["x:1", "e:ann"], "import x:1 e:ann name=Ann");
    assert_eq!(merges, ("updated 0: matched, absorbed 1".into(), "x:1 e:ann name=Ann".into()));
    let owns = told(&["x:1", "x:2 e:ann"], "import x:1 e:ann p:5 name=Ann");
    assert_eq!(owns, ("duplicate 1".into(), "x:1".into()));
    let differs = told(&["x:1 p:5", "p:6 e:ann"], "import x:1 e:ann name=Ann");
    assert_eq!(differs, ("duplicate 1".into(), "x:1 p:5".into()));
    let replaces = told(&["x:1 e:ann"], "import x:1 e:bob");
    assert_eq!(replaces, ("updated 0: matched, replaced".into(), "x:1 e:bob".into()));
}

#[test]
fn an_import_is_refused_where_a_merge_was_undone() {
    let mut world = World::new();
    for words in ["x:1", "e:ann", "x:1 e:ann"] {
        world.say(words);
    }
    world.undo(1).unwrap();
    assert_eq!(world.try_say("import x:1 e:ann"), "duplicate 1");
}

#[test]
fn an_import_of_an_id_that_nobody_has_finds_nobody() {
    assert_eq!(told(&["x:1"], "import id:? name=Ann").0, "no profile has this id");
    assert_eq!(told(&["x:1"], "import id:old name=Ann").0, "no profile has this id");
}

#[test]
fn to_create_a_profile_no_claim_may_lead_to_one() {
    assert_eq!(told(&[], "create x:1 e:ann").0, "created 0: attached, attached");
    assert_eq!(told(&["x:1", "e:ann"], "create e:ann x:1").0, "duplicate 0");
    assert_eq!(told(&["x:1", "e:ann"], "create e:ann x:2").0, "duplicate 1");
    // A device that is shared decides nothing, and is somebody's all the same.
    assert_eq!(told(&["e:ann a:tab"], "create e:bob a:tab").0, "duplicate 0");
    assert_eq!(told(&["e:ann +e:bob"], "create x:1 e:bob").0, "duplicate 0");
}

#[test]
fn an_update_is_about_the_profile_with_its_id_and_no_other() {
    let replaced = told(&["x:1 e:ann", "p:5"], "update:0 e:bob name=Ann");
    assert_eq!(replaced, ("updated 0: matched, replaced".into(), "x:1 e:bob name=Ann".into()));
    assert_eq!(told(&["x:1", "e:ann"], "update:0 e:ann").0, "duplicate 1");
    assert_eq!(told(&["x:1", "a:tab"], "update:0 a:tab").0, "duplicate 1");
    assert_eq!(told(&["x:1"], "update:7 e:ann").0, "no profile has this id");
}

#[test]
fn an_update_by_the_id_of_an_absorbed_profile_reaches_who_it_became() {
    let mut world = World::new();
    for words in ["x:1", "e:ann", "x:1 e:ann"] {
        world.say(words);
    }
    assert_eq!(world.try_say("update:1 p:5"), "updated 0: matched, attached");
    assert_eq!(world.about(1), "x:1 e:ann p:5");
}

#[test]
fn an_update_makes_a_secondary_address_that_it_names_the_primary_one() {
    let mut world = World::new();
    world.say("server e:ann +e:bob");
    assert_eq!(world.try_say("update:0 e:bob"), "updated 0: matched, replaced");
    assert_eq!(world.about(0), "e:bob");
    assert_eq!(world.leads_to("e:ann"), None);
    assert_eq!(world.try_say("update:0 e:bob"), "unchanged 0: matched, matched");
    world.is_sound();
}

#[test]
fn what_is_cleared_leads_nowhere_and_may_be_taken_up_by_another() {
    let mut world = World::new();
    world.say("x:1 e:ann p:5");
    assert_eq!(world.try_say("update:0 e:-"), "updated 0: matched, released");
    assert_eq!((world.about(0), world.leads_to("e:ann")), ("x:1 p:5".into(), None));
    assert_eq!(world.try_say("create e:ann"), "created 1: attached");
    assert_eq!(world.try_say("import x:1 e:- p:-"), "updated 0: matched, released");
    assert_eq!(world.about(0), "x:1");
    world.is_sound();
}

#[test]
fn what_a_request_names_is_not_cleared_and_a_client_clears_nothing() {
    let named = told(&["x:1 e:ann"], "import @x:1 @e:ann e:-");
    assert_eq!(named, ("unchanged 0: matched, matched".into(), "x:1 e:ann".into()));
    let client = told(&["x:1 e:ann"], "x:1 e:-");
    assert_eq!(client, ("unchanged 0: matched".into(), "x:1 e:ann".into()));
}

#[test]
fn an_address_that_is_cleared_may_stay_as_a_secondary_one() {
    let moved = told(&["x:1 e:ann"], "import x:1 +e:ann e:-");
    assert_eq!(moved, ("updated 0: matched, matched, released".into(), "x:1 +e:ann".into()));
}

#[test]
fn the_last_identifier_of_a_profile_is_not_taken_away() {
    let last = "the profile would have no identifier";
    assert_eq!(told(&["x:1 e:ann"], "update:0 x:- e:-"), (last.into(), "x:1 e:ann".into()));
    assert_eq!(told(&["+e:ann"], "update:0 -e:ann"), (last.into(), "+e:ann".into()));
    assert_eq!(told(&["x:1 a:tab"], "update:0 x:-").1, "a:tab");
}

#[test]
fn the_history_of_a_profile_tells_of_what_was_cleared() {
    let mut world = World::new();
    for words in ["x:1 e:ann", "update:0 e:-", "update:0 e:-"] {
        world.try_say(words);
    }
    let history = world.history(0);
    let told: Vec<String> = history.iter().map(|outcome| world.told(outcome)).collect();
    assert_eq!(
        told,
        ["unchanged 0: matched", "updated 0: matched, released", "created 0: attached, attached"]
    );
}

proptest! {
    #[test]
    fn the_store_decides_on_intents_as_the_rules_read(sequence in sequences()) {
        let (mut world, mut model) = (World::with_rules(TIGHT), Model::new(TIGHT));
        for asked in &sequence {
            prop_assert_eq!(world.try_ask(asked), model.ask(asked), "{:?}", asked);
        }
        prop_assert_eq!(world.known.len(), model.ever());
        for number in 0..model.ever() {
            prop_assert_eq!(world.profile(number).id, world.known[model.living(number)]);
            prop_assert_eq!(world.about(number), model.about(number));
        }
        world.is_sound();
    }

    #[test]
    fn a_request_that_is_refused_leaves_the_store_byte_for_byte(sequence in sequences()) {
        let mut world = World::with_rules(TIGHT);
        for asked in &sequence {
            let before = contents(world.engine.as_ref());
            let submission = world.submission(asked);
            if world.submit(submission).is_err() {
                prop_assert_eq!(contents(world.engine.as_ref()), before, "{:?}", asked);
            }
        }
    }

    #[test]
    fn what_was_imported_or_updated_twice_was_so_once(sequence in sequences()) {
        let mut world = World::with_rules(TIGHT);
        for asked in &sequence {
            let submission = world.submission(asked);
            let first = world.submit(submission.clone());
            let once: Vec<String> = (0..world.known.len()).map(|number| world.about(number)).collect();
            if !matches!(asked.meant, Meant::Import | Meant::Update(_)) {
                continue;
            }
            match (first, world.submit(submission)) {
                (Ok(first), Ok(second)) => {
                    prop_assert_eq!(second.effect, Effect::Unchanged, "{:?}", asked);
                    prop_assert_eq!(second.survivor, first.survivor);
                }
                (first, second) => prop_assert_eq!(first, second, "{:?}", asked),
            }
            let twice: Vec<String> = (0..world.known.len()).map(|number| world.about(number)).collect();
            prop_assert_eq!(once, twice);
        }
    }

    #[test]
    fn what_an_update_names_is_what_the_profile_then_holds(sequence in sequences(), number in 0usize..3, last in intents()) {
        let mut world = World::new();
        world.say("x:9");
        for asked in &sequence {
            let submission = world.submission(asked);
            let _ = world.submit(submission);
        }
        let last = Asked { subject: Vec::new(), ..last }.meaning(Meant::Update(number));
        let submission = world.submission(&last);
        let claims = submission.claims.clone();
        let Ok(outcome) = world.submit(submission) else { return Ok(()) };
        prop_assert_eq!(outcome.survivor, Some(world.profile(number).id));
        prop_assert_eq!(outcome.absorbed().count(), 0);
        for claim in claims.made() {
            let ProfileRef::Identifier(identifier) = &claim.target else { continue };
            let identifiers = wait(world.store.find(&world.company, identifier)).unwrap();
            prop_assert_eq!(identifiers.map(|profile| profile.id), outcome.survivor, "{:?}", claim);
        }
    }

    #[test]
    fn what_is_explained_of_an_intent_is_what_then_happens(sequence in sequences()) {
        let mut world = World::with_rules(TIGHT);
        for asked in &sequence {
            let explained = wait(world.store.explain(world.submission(asked)));
            let submission = world.submission(asked);
            let happened = world.submit(submission);
            match (explained, happened) {
                (Ok(explained), Ok(happened)) => {
                    let results = |claims: Vec<profile_store::ClaimOutcome>| -> Vec<ClaimResult> {
                        claims.into_iter().map(|claim| claim.result).collect()
                    };
                    prop_assert_eq!(explained.effect, happened.effect);
                    prop_assert_eq!(results(explained.claims), results(happened.claims));
                }
                (explained, happened) => prop_assert_eq!(explained, happened),
            }
        }
    }
}

#[test]
fn requests_of_one_batch_find_what_those_before_them_created() {
    let mut world = World::new();
    let words = ["create e:ann", "create e:ann", "import x:1 e:ann", "create x:1"];
    let submissions = words.iter().map(|words| world.submission(&asked(words))).collect();
    let answers = world.submit_together(submissions);
    answers.iter().for_each(|answer| world.note(answer));
    let told: Vec<String> = answers.iter().map(|answer| world.answered(answer)).collect();
    let expected =
        ["created 0: attached", "duplicate 0", "updated 0: attached, matched", "duplicate 0"];
    assert_eq!(told, expected);
    assert_eq!(world.outcomes().iter().map(|outcome| outcome.sequence).collect::<Vec<_>>(), [1, 2]);
}
