//! What a store does over an engine.

use std::{sync::Barrier, thread};

use profile_store::Effect;

use crate::{
    engines::Engines,
    harness::{StoreHarness, contents, wait},
    notation::parse_request,
    simulated_ids::SimulatedIds,
};

pub fn a_profile_is_created_updated_and_read_back(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    assert_eq!(harness.send("e:ann a:tab name=Ann"), "created 0: attached, attached");
    assert_eq!(harness.about(0), "e:ann a:tab name=Ann");
    assert_eq!(harness.send("e:ann p:5 name=Anna plan=gold"), "updated 0: matched, attached");
    assert_eq!(harness.send("e:ann p:5 name=Anna plan=gold"), "unchanged 0: matched, matched");
    for word in ["e:ann", "a:tab", "p:5"] {
        assert_eq!(harness.find(word).unwrap(), harness.profile(0));
    }
    assert_eq!(harness.about(0), "e:ann p:5 a:tab name=Anna plan=gold");
    assert_eq!(harness.find("e:bob"), None);
    let missing = profile_protocol::ProfileId::from_bits(1);
    assert_eq!(wait(harness.store.profile(&harness.company, missing)).unwrap(), None);
    harness.assert_sound();
}

pub fn ids_of_merged_profiles_lead_to_the_survivor(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["a:tab", "p:5", "e:ann", "x:1"] {
        harness.send(words);
    }
    assert_eq!(harness.send("p:5 a:tab"), "updated 1: matched, absorbed 0");
    assert_eq!(harness.send("e:ann p:5"), "updated 2: matched, absorbed 1");
    assert_eq!(harness.send("x:1 e:ann"), "updated 3: matched, absorbed 2");
    for number in 0..4 {
        assert_eq!(harness.profile(number).id, harness.created[3]);
    }
    assert_eq!(harness.send("id:0 name=Ann"), "updated 3: matched");
    assert_eq!(harness.about(1), "x:1 e:ann p:5 a:tab name=Ann");
    let audit = harness.audit();
    assert_eq!((audit.profiles, audit.identifiers, audit.aliases, audit.merges), (1, 4, 3, 3));
    harness.assert_sound();
}

pub fn outcomes_are_numbered_and_read_in_pages(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    let told: Vec<_> = (1..=5)
        .map(|n| harness.send_request(&parse_request(&format!("e:ann a:tab-{n}"))))
        .collect();
    assert_eq!(told.iter().map(|one| one.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(harness.outcomes(), told);
    let page = |after, limit| wait(harness.store.outcomes(&harness.company, after, limit)).unwrap();
    assert_eq!(page(0, 2), told[..2]);
    assert_eq!(page(2, 2), told[2..4]);
    assert_eq!(page(4, 2), told[4..]);
    assert_eq!(page(5, 2), []);
    assert_eq!(page(u64::MAX, 2), []);
    let page = |before, limit| {
        let read = harness.store.outcomes_before(&harness.company, before, limit);
        wait(read).unwrap().iter().map(|outcome| outcome.sequence).collect::<Vec<_>>()
    };
    assert_eq!(page(u64::MAX, 2), [5, 4]);
    assert_eq!(page(4, 2), [3, 2]);
    assert_eq!(page(2, 2), [1]);
    assert_eq!((page(1, 2), page(0, 2), page(5, 0)), (vec![], vec![], vec![]));
}

pub fn requests_of_one_batch_see_each_other(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    let batch = ["e:ann", "e:ann p:5", "a:tab", "p:5 a:tab", "x:1 e:ann", "a:tab", "e:bob a:tab"];
    let outcomes = harness.send_together(&batch.map(parse_request));
    let told: Vec<String> = outcomes.iter().map(|outcome| harness.describe(outcome)).collect();
    assert_eq!(
        told,
        [
            "created 0: attached",
            "updated 0: matched, attached",
            "created 1: attached",
            "updated 0: matched, absorbed 1",
            "updated 0: attached, matched",
            "unchanged 0: matched",
            "created 2: attached, owns x",
        ]
    );
    assert_eq!(harness.about(1), "x:1 e:ann p:5 a:tab");
    assert_eq!(outcomes.iter().map(|one| one.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
    harness.assert_sound();
}

pub fn concurrent_requests_create_one_profile(engines: &Engines) {
    let harness = StoreHarness::new(engines);
    let start = Barrier::new(8);
    let effects: Vec<Effect> = thread::scope(|scope| {
        let ask = |_| {
            scope.spawn(|| {
                start.wait();
                wait(harness.store.submit(harness.submission(&parse_request("e:ann a:tab"))))
                    .unwrap()
                    .effect
            })
        };
        let asking: Vec<_> = (0..8).map(ask).collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let created = effects.iter().filter(|&&effect| effect == Effect::Created).count();
    assert_eq!((created, harness.audit().profiles), (1, 1));
    harness.assert_sound();
}

pub fn companies_have_nothing_in_common(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("x:1 e:ann p:5 a:tab name=Ann");
    let id = harness.created[0];
    for company in ["DEMO0", "DEMO011", "demo01"] {
        harness.company = company.parse().unwrap();
        assert_eq!(harness.find("e:ann"), None);
        assert_eq!(wait(harness.store.profile(&harness.company, id)).unwrap(), None);
        assert_eq!(harness.outcomes(), []);
        assert_eq!(harness.send_request(&parse_request("id:0")).effect, Effect::Unidentified);
        let outcome = harness.send_request(&parse_request("x:1 e:ann p:5 a:tab name=Bob"));
        assert_eq!((outcome.effect, outcome.sequence), (Effect::Created, 2));
    }
    harness.company = "DEMO01".parse().unwrap();
    assert_eq!(harness.about(0), "x:1 e:ann p:5 a:tab name=Ann");
    assert_eq!(harness.outcomes().len(), 1);
    harness.assert_sound();
}

pub fn closing_and_opening_again_keeps_everything(engines: &Engines) {
    let storage = engines.create();
    let mut harness = StoreHarness::over(storage.open());
    for words in ["e:ann name=Ann", "a:tab plan=trial", "e:ann a:tab", "x:2 e:bob"] {
        harness.send(words);
    }
    let (known, outcomes) = (harness.created.clone(), harness.outcomes());
    let before = contents(harness.engine.as_ref());
    wait(harness.store.close()).unwrap();
    assert!(!harness.store.is_healthy());
    drop(harness);

    let mut harness = StoreHarness::resumed(storage.open(), SimulatedIds::after(1_000));
    harness.created = known;
    assert_eq!(contents(harness.engine.as_ref()), before);
    assert_eq!(harness.about(1), "e:ann a:tab name=Ann plan=trial");
    assert_eq!(harness.outcomes(), outcomes);
    assert_eq!(harness.send_request(&parse_request("id:1 p:5")).sequence, 5);
    assert_eq!(harness.about(0), "e:ann p:5 a:tab name=Ann plan=trial");
    harness.assert_sound();
}
