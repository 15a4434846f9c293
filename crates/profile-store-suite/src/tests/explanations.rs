//! Explaining: what a request would do, without doing it.

use profile_store::{IdentitySettings, Outcome};
use proptest::prelude::*;

use crate::{
    engines::Engines,
    generators::{different_external_ids, sequences},
    harness::{StoreHarness, contents, unprotected, wait},
};

/// An outcome without its time and the id of a new profile.
fn decided(harness: &StoreHarness, outcome: &Outcome) -> (Vec<String>, usize, usize) {
    let known = outcome.survivor.filter(|id| harness.created.contains(id));
    let results = outcome.claims.iter().map(|claim| format!("{:?}", claim.result));
    let words = [outcome.effect.as_str().to_owned(), format!("{known:?}")];
    (words.into_iter().chain(results).collect(), outcome.changed.len(), outcome.previous.len())
}

pub fn an_explanation_stores_nothing(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("x:1");
    harness.send("e:ann plan=gold");
    let before = contents(harness.engine.as_ref());
    let outcome = harness.explain("x:1 e:ann a:new name=Ann");
    assert_eq!(harness.describe(&outcome), "updated 0: matched, absorbed 1, attached");
    assert_eq!(harness.explain("e:new").effect.as_str(), "created");
    assert_eq!(contents(harness.engine.as_ref()), before);
}

pub fn an_explained_request_is_decided_as_explained(engines: &Engines) {
    engines.check((different_external_ids(), sequences()), |(different_external_id, sequence)| {
        let settings = IdentitySettings { different_external_id, ..unprotected() };
        let mut harness = StoreHarness::with_settings(engines, settings);
        for request in &sequence {
            let explained = wait(harness.store.explain(harness.submission(request)));
            let explained = decided(&harness, &explained.unwrap());
            let submission = harness.submission(request);
            let happened = wait(harness.store.submit(submission)).unwrap();
            prop_assert_eq!(explained, decided(&harness, &happened));
            harness.note_created(&Ok(happened));
        }
        Ok(())
    });
}
