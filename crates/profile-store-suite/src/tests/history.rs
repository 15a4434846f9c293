//! Histories: the outcomes of one profile, and the stream of all outcomes.

use profile_store::Outcome;

use crate::engines::Engines;
use crate::harness::{StoreHarness, wait};

fn sequences(outcomes: &[Outcome]) -> Vec<u64> {
    outcomes.iter().map(|outcome| outcome.sequence).collect()
}

/// Two profiles of three requests each, in turn, which are then merged.
fn interwoven(engines: &Engines) -> StoreHarness {
    let mut harness = StoreHarness::new(engines);
    for words in ["x:1", "e:ann", "x:1 name=Ann", "e:ann", "x:1", "e:ann city=Bonn"] {
        harness.send(words);
    }
    harness.send("e:other");
    harness.send("x:1 e:ann");
    harness
}

pub fn a_history_includes_that_of_every_merged_profile(engines: &Engines) {
    let harness = interwoven(engines);
    assert_eq!(sequences(&harness.history(0)), [8, 6, 5, 4, 3, 2, 1]);
    // The id of the absorbed profile has the same history.
    assert_eq!(harness.history(0), harness.history(1));
    assert_eq!(sequences(&harness.history(2)), [7]);
}

pub fn a_restored_profile_has_its_own_history_again(engines: &Engines) {
    let harness = interwoven(engines);
    harness.undo(1).unwrap();
    // What they have in common begins with the undoing.
    assert_eq!(sequences(&harness.history(0))[..2], [9, 8]);
    assert!(sequences(&harness.history(1)).contains(&2));
    assert_eq!(sequences(&harness.history(2)), [7]);
}

pub fn a_history_is_read_page_by_page_without_gap_or_repeat(engines: &Engines) {
    let harness = interwoven(engines);
    let profile =
        wait(harness.store.profile(&harness.company, harness.created[0])).unwrap().unwrap();
    for size in 1..=8 {
        let mut read = Vec::new();
        let first = wait(harness.store.history(&harness.company, harness.created[0], size));
        let mut page = first.unwrap().unwrap();
        loop {
            assert!(page.outcomes.len() <= size);
            read.append(&mut page.outcomes);
            let Some(next) = page.next else { break };
            page =
                wait(harness.store.history_from(&harness.company, &profile, next, size)).unwrap();
        }
        assert_eq!(sequences(&read), [8, 6, 5, 4, 3, 2, 1], "{size} a page");
    }
}

pub fn an_unknown_profile_has_no_history(engines: &Engines) {
    let harness = interwoven(engines);
    let unknown = profile_protocol::ProfileId::from_bits(7);
    assert_eq!(wait(harness.store.history(&harness.company, unknown, 10)).unwrap(), None);
}

pub fn a_consumer_follows_all_outcomes_without_gap_or_repeat(engines: &Engines) {
    let mut harness = interwoven(engines);
    let mut followed = Vec::new();
    loop {
        let after = followed.last().copied().unwrap_or(0);
        let page = wait(harness.store.outcomes(&harness.company, after, 3)).unwrap();
        if page.is_empty() {
            break;
        }
        followed.extend(sequences(&page));
        if followed.len() == 6 {
            harness.send("e:late");
        }
    }
    assert_eq!(followed, (1..=9).collect::<Vec<u64>>());
}

pub fn after_an_undo_neither_history_includes_the_other(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["x:1", "x:1 name=A", "x:2", "x:2 name=B"] {
        harness.send(words);
    }
    harness.merge(0, 1).unwrap();
    harness.send("x:1 name=C");
    harness.undo(1).unwrap();
    harness.send("x:2 name=D");
    assert_eq!(sequences(&harness.history(0)), [7, 6, 5, 2, 1]);
    assert_eq!(sequences(&harness.history(1)), [8, 7, 4, 3]);
    // Merged again, they have one past.
    harness.merge(0, 1).unwrap();
    assert_eq!(sequences(&harness.history(1)), [9, 8, 7, 6, 5, 4, 3, 2, 1]);
}
