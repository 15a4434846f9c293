//! Explaining: what a request would do, without doing it.

use profile_store::Outcome;
use proptest::prelude::*;

use crate::{
    laws::sequences,
    world::{World, contents, wait},
};

/// An outcome apart from when it was decided and the id made up for it.
fn decided(world: &World, outcome: &Outcome) -> (Vec<String>, usize, usize) {
    let known = outcome.survivor.filter(|id| world.known.contains(id));
    let results = outcome.claims.iter().map(|claim| format!("{:?}", claim.result));
    let words = [outcome.effect.as_str().to_owned(), format!("{known:?}")];
    (words.into_iter().chain(results).collect(), outcome.changed.len(), outcome.previous.len())
}

#[test]
fn nothing_is_stored() {
    let mut world = World::new();
    world.say("x:1");
    world.say("e:ann plan=gold");
    let before = contents(world.engine.as_ref());
    let outcome = world.explain("x:1 e:ann a:new name=Ann");
    assert_eq!(world.told(&outcome), "updated 0: matched, absorbed 1, attached");
    assert_eq!(world.explain("e:new").effect.as_str(), "created");
    assert_eq!(contents(world.engine.as_ref()), before);
}

proptest! {
    #[test]
    fn what_is_explained_is_what_then_happens(sequence in sequences()) {
        let mut world = World::new();
        for asked in &sequence {
            let explained = wait(world.store.explain(world.submission(asked)));
            let explained = decided(&world, &explained.unwrap());
            let submission = world.submission(asked);
            let happened = wait(world.store.submit(submission)).unwrap();
            prop_assert_eq!(explained, decided(&world, &happened));
            world.note(&Ok(happened));
        }
    }
}
