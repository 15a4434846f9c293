//! Push tokens: each belongs to one profile, and the last request wins.

use std::collections::BTreeSet;

use profile_protocol::{Background, EnablementStatus, Platform, ProfileId};
use profile_store::{
    Caller, FoundBy, IdentitySettings, OwnedPushToken, ProfileRef, PushTokenId, PushTokenListing,
    RemovePushToken, StoreOptions, engine::Write, limits,
};
use proptest::prelude::*;

use crate::{
    engines::Engines,
    generators::{SMALL_LIMITS, requests_with_intents},
    harness::{StoreHarness, contents, wait},
    model::IdentityModel,
    notation::{TestRequest, parse_request, push_token},
    simulated_ids::SimulatedIds,
};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A store that has received these requests.
fn after(engines: &Engines, requests: &[&str]) -> StoreHarness {
    let mut harness = StoreHarness::new(engines);
    requests.iter().for_each(|words| drop(harness.send(words)));
    harness
}

/// A store in which each request is a day later than the one before.
fn daily(engines: &Engines) -> StoreHarness {
    let ids = SimulatedIds::new().striding(DAY_MS);
    StoreHarness::create(engines, ids, StoreOptions::default()).unwrap()
}

fn names(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|&name| name.to_owned()).collect()
}

fn id_of(token: &str) -> PushTokenId {
    PushTokenId::of_token(&token.parse().unwrap())
}

fn owned(harness: &StoreHarness, token: &str) -> Option<OwnedPushToken> {
    wait(harness.store.push_token(&harness.company, id_of(token))).unwrap()
}

/// The entries of push tokens.
fn entries(harness: &StoreHarness) -> Vec<(Vec<u8>, Vec<u8>)> {
    let is_token = |key: &[u8]| key.starts_with(b"DEMO01\0t") || key.starts_with(b"DEMO01\0T");
    contents(harness.engine.as_ref()).into_iter().filter(|(key, _)| is_token(key)).collect()
}

/// A removal of any profile's token by the company.
fn removal(harness: &StoreHarness, token: &str) -> RemovePushToken {
    RemovePushToken {
        company: harness.company.clone(),
        token: id_of(token),
        named: None,
        created: None,
        caller: Caller::Server,
        revision: profile_protocol::Revision::LATEST,
        request_ids: None,
        sender: profile_store::RequestSender::default(),
    }
}

pub fn a_token_belongs_to_the_profile_of_the_last_request(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    assert_eq!(harness.send("a:tab t:phone"), "created 0: attached; token attached");
    assert_eq!(harness.send("e:ann t:tablet"), "created 1: attached; token attached");
    assert_eq!(harness.send("e:ann t:phone"), "updated 1: matched; token moved 0");
    assert_eq!(harness.tokens_of(0), names(&[]));
    assert_eq!(harness.tokens_of(1), names(&["phone", "tablet"]));
    assert_eq!(harness.send("e:bob t:phone"), "created 2: attached; token moved 1");
    assert_eq!(harness.owner_of_token("phone"), Some(2));
    assert_eq!(harness.owner_of_token("unknown"), None);
    assert_eq!(harness.audit().push_tokens, 2);
    harness.assert_sound();
}

pub fn a_token_without_a_profile_is_not_kept(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    assert_eq!(harness.send("id:? t:phone"), "unidentified: unknown");
    assert_eq!(entries(&harness), []);
    harness.assert_sound();
}

pub fn a_request_that_repeats_a_token_writes_no_token(engines: &Engines) {
    let mut harness = after(engines, &["e:ann t:phone"]);
    let before = (entries(&harness), harness.profile(0).updated);
    for _ in 0..3 {
        assert_eq!(harness.send("e:ann t:phone"), "unchanged 0: matched; token matched");
    }
    assert_eq!((entries(&harness), harness.profile(0).updated), before);
    assert_eq!(harness.send("e:ann t:phone/denied"), "updated 0: matched; token updated");
    assert!(before.1 < harness.profile(0).updated);
    assert_eq!(harness.send("e:ann t:phone/denied"), "unchanged 0: matched; token matched");
}

pub fn a_token_that_is_seen_on_a_later_day_is_noted_once_a_day(engines: &Engines) {
    let mut harness = daily(engines);
    harness.send("e:ann t:phone");
    let first = owned(&harness, "phone").unwrap().token;
    assert_eq!(harness.send("e:ann t:phone"), "unchanged 0: matched; token matched");
    let second = owned(&harness, "phone").unwrap().token;
    assert_eq!(second.created, first.created);
    assert_eq!(second.recorded.day(), first.recorded.day() + 1);
}

pub fn what_a_request_does_not_say_of_a_token_stays(engines: &Engines) {
    let mut harness = after(engines, &["e:ann t:phone/denied"]);
    let mut submission = harness.submission(&parse_request("e:ann t:phone"));
    let details = submission.push_token.as_mut().unwrap();
    (details.metadata, details.background) = (None, Some(Background::Restricted));
    harness.submit(submission).unwrap();
    let token = owned(&harness, "phone").unwrap().token;
    assert_eq!(token.enablement_status, EnablementStatus::Denied);
    assert_eq!(token.background, Background::Restricted);
    assert_eq!(Some(token.metadata), push_token("phone").metadata);
}

pub fn tokens_follow_a_merge_and_return_with_its_undo(engines: &Engines) {
    let mut harness = after(engines, &["x:1 t:phone", "e:ann t:tablet"]);
    assert_eq!(harness.send("x:1 e:ann"), "updated 0: matched, absorbed 1");
    assert_eq!(harness.tokens_of(0), names(&["phone", "tablet"]));
    assert_eq!(harness.owner_of_token("tablet"), Some(0));
    assert_eq!(harness.send("x:1 t:tablet"), "unchanged 0: matched; token matched");
    harness.assert_sound();
    harness.undo(1).unwrap();
    assert_eq!(harness.tokens_of(0), names(&["phone"]));
    assert_eq!(harness.tokens_of(1), names(&["tablet"]));
    assert_eq!(harness.owner_of_token("tablet"), Some(1));
    harness.assert_sound();
}

pub fn a_token_that_was_registered_after_a_merge_stays_with_the_survivor(engines: &Engines) {
    let harness = after(engines, &["x:1", "e:ann", "x:1 e:ann", "e:ann t:phone"]);
    harness.undo(1).unwrap();
    assert_eq!(harness.owner_of_token("phone"), Some(0));
    harness.assert_sound();
}

pub fn a_token_moves_out_of_a_merged_profile(engines: &Engines) {
    let mut harness = after(engines, &["x:1", "e:ann t:phone", "x:1 e:ann"]);
    assert_eq!(harness.send("e:bob t:phone"), "created 2: attached; token moved 0");
    harness.undo(1).unwrap();
    assert_eq!(harness.owner_of_token("phone"), Some(2));
    assert_eq!(harness.tokens_of(1), names(&[]));
    harness.assert_sound();
}

pub fn a_person_takes_the_tokens_of_all_merged_profiles_along_when_deleted(engines: &Engines) {
    let harness =
        after(engines, &["x:1 t:phone", "e:ann t:tablet", "x:1 e:ann t:watch", "e:bob t:other"]);
    harness.delete("x:1");
    for token in ["phone", "tablet", "watch"] {
        assert_eq!(owned(&harness, token), None);
    }
    assert_eq!(entries(&harness).len(), 2);
    harness.delete("e:bob");
    assert_eq!(entries(&harness), []);
    harness.assert_sound();
    let mut harness = after(engines, &["x:1 e:ann t:phone", "p:5 t:tablet", "e:ann p:5"]);
    harness.send("update:0 e:cat");
    assert_eq!(harness.delete("e:ann").job.found, Some(FoundBy::Former));
    assert_eq!(entries(&harness), []);
    harness.assert_sound();
}

/// Registers as many tokens as a profile may have, named by their numbers.
fn fill(harness: &mut StoreHarness, words: &str) {
    for number in 0..limits::PUSH_TOKENS {
        harness.send(&format!("{words} t:{number:02}"));
    }
}

pub fn the_token_seen_longest_ago_leaves_a_full_list(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    fill(&mut harness, "e:ann");
    let one_more = harness.send("e:ann t:more");
    assert_eq!(one_more, "updated 0: matched; token attached, released 1");
    let held = harness.tokens_of(0);
    assert_eq!(held.len(), limits::PUSH_TOKENS);
    assert!(!held.contains("00") && held.contains("01") && held.contains("more"));
    assert_eq!(owned(&harness, "00"), None);
    // What changes is seen.
    harness.send("e:ann t:01/denied");
    harness.send("e:ann t:again");
    assert!(harness.tokens_of(0).contains("01") && !harness.tokens_of(0).contains("02"));
    harness.assert_sound();
}

pub fn strangers_push_out_no_token_that_has_returned(engines: &Engines) {
    let mut harness = daily(engines);
    fill(&mut harness, "server e:ann");
    for number in limits::PUSH_TOKENS - 2..limits::PUSH_TOKENS {
        harness.send(&format!("e:ann t:{number:02}"));
    }
    let [last, before] = [1, 2].map(|back| format!("{:02}", limits::PUSH_TOKENS - back));
    for number in 0..2 * limits::PUSH_TOKENS {
        harness.send(&format!("e:ann t:stranger-{number}"));
        if number < 28 {
            let held = harness.tokens_of(0);
            assert!(held.contains(&last) && held.contains(&before), "after {number}");
        }
    }
    harness.assert_sound();
}

pub fn the_company_pushes_out_any_token(engines: &Engines) {
    let mut harness = StoreHarness::create(
        engines,
        SimulatedIds::new().striding(DAY_MS / 8),
        StoreOptions::default(),
    )
    .unwrap();
    fill(&mut harness, "server e:ann");
    fill(&mut harness, "server e:ann");
    assert_eq!(harness.send("e:ann t:more"), "unchanged 0: matched; token taken");
    assert_eq!(owned(&harness, "more"), None);
    let told = harness.send("server e:ann t:more");
    assert_eq!(told, "updated 0: matched; token attached, released 1");
    harness.assert_sound();
}

pub fn a_merge_may_exceed_the_limit_until_the_next_token(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    fill(&mut harness, "x:1");
    for number in 0..8 {
        harness.send(&format!("e:ann t:of-ann-{number}"));
    }
    harness.send("x:1 e:ann");
    assert_eq!(harness.tokens_of(0).len(), limits::PUSH_TOKENS + 8);
    assert_eq!(harness.send("x:1 t:more"), "updated 0: matched; token attached, released 9",);
    assert_eq!(harness.tokens_of(0).len(), limits::PUSH_TOKENS);
    harness.assert_sound();
}

pub fn a_client_removes_a_token_only_of_a_profile_that_it_names(engines: &Engines) {
    let harness = after(engines, &["e:ann a:tab t:phone", "e:bob"]);
    assert_eq!(harness.unregister("e:bob t:phone"), "unidentified: ; token not held");
    assert_eq!(harness.unregister("e:cat t:phone"), "unidentified: ; token not held");
    assert_eq!(harness.unregister("e:ann t:unknown"), "unidentified: ; token not held");
    assert_eq!(harness.owner_of_token("phone"), Some(0));
    let told = harness.unregister("e:bob a:tab name=Bob t:phone");
    assert_eq!(told, "updated 0: matched; token released");
    assert_eq!(harness.owner_of_token("phone"), None);
    assert_eq!(entries(&harness), []);
    // Nothing else of any profile changes, and none is created.
    assert_eq!([harness.about(0), harness.about(1)], ["e:ann a:tab", "e:bob"]);
    assert_eq!(harness.leads_to("e:cat"), None);
    harness.assert_sound();
}

pub fn the_company_removes_any_token(engines: &Engines) {
    let mut harness = after(engines, &["x:1", "e:ann t:phone", "x:1 e:ann"]);
    let asked = removal(&harness, "phone");
    let outcome = wait(harness.store.remove_push_token(asked.clone())).unwrap().unwrap();
    assert_eq!(harness.describe(&outcome), "updated 0: ; token released");
    let before = contents(harness.engine.as_ref());
    assert_eq!(wait(harness.store.remove_push_token(asked)), Ok(None));
    assert_eq!(contents(harness.engine.as_ref()), before);
    harness.undo(1).unwrap();
    assert_eq!(harness.tokens_of(1), names(&[]));
    harness.assert_sound();
    harness.send("x:1");
}

pub fn a_token_that_moves_is_in_both_histories(engines: &Engines) {
    let mut harness = after(engines, &["e:ann t:phone", "e:bob"]);
    assert_eq!(harness.send("e:bob t:phone"), "updated 1: matched; token moved 0");
    let numbers = |number| -> Vec<u64> {
        harness.history(number).iter().map(|outcome| outcome.sequence).collect()
    };
    assert_eq!((numbers(0), numbers(1)), (vec![3, 1], vec![3, 2]));
    assert_eq!(harness.profile(0).updated, harness.profile(1).updated);
}

pub fn tokens_of_companies_are_separate(engines: &Engines) {
    let mut harness = after(engines, &["e:ann t:phone"]);
    let other = "DEMO02".parse().unwrap();
    let first = std::mem::replace(&mut harness.company, other);
    assert_eq!(owned(&harness, "phone"), None);
    assert_eq!(harness.send("e:ann t:phone"), "created 1: attached; token attached");
    assert_eq!(harness.unregister("e:ann t:phone"), "updated 1: matched; token released");
    harness.company = first;
    assert_eq!(harness.owner_of_token("phone"), Some(0));
    harness.assert_sound();
}

pub fn tokens_of_one_batch_are_decided_in_order(engines: &Engines) {
    let mut harness = after(engines, &["x:1 t:phone", "e:ann t:tablet", "p:5"]);
    let requests = [
        "x:1 e:ann",
        "p:5 t:tablet",
        "e:ann t:tablet",
        "p:5 t:phone",
        "p:5 t:watch",
        "x:1 t:watch",
        "a:new t:watch",
        "a:new t:watch/denied",
    ];
    let outcomes = harness.send_together(&requests.map(parse_request));
    let told: Vec<String> = outcomes.iter().map(|one| harness.describe(one)).collect();
    assert_eq!(
        told,
        [
            "updated 0: matched, absorbed 1",
            "updated 2: matched; token moved 0",
            "updated 0: matched; token moved 2",
            "updated 2: matched; token moved 0",
            "updated 2: matched; token attached",
            "updated 0: matched; token moved 2",
            "created 3: attached; token moved 0",
            "updated 3: matched; token updated",
        ]
    );
    assert_eq!(harness.tokens_of(0), names(&["tablet"]));
    assert_eq!(harness.tokens_of(2), names(&["phone"]));
    harness.assert_sound();
}

pub fn a_list_has_every_token_once_and_filters(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for number in 0..40 {
        let status = if number % 4 == 0 { "/denied" } else { "" };
        harness.send(&format!("e:person-{} t:{number:02}{status}", number / 3));
    }
    let listed = |status, platform, limit| {
        let (mut found, mut from) = (Vec::new(), None);
        loop {
            let listing = PushTokenListing {
                company: harness.company.clone(),
                platform,
                enablement_status: status,
                from,
                limit,
            };
            let page = wait(harness.store.list_push_tokens(&listing)).unwrap();
            assert!(page.tokens.len() <= limit);
            found.extend(page.tokens.into_iter().map(|one| one.token.token.as_str().to_owned()));
            let Some(next) = page.next else { break };
            from = Some(next);
        }
        found.sort();
        found
    };
    let all: Vec<String> = (0..40).map(|number| format!("{number:02}")).collect();
    for limit in [1, 7, 40, 100] {
        assert_eq!(listed(None, None, limit), all);
    }
    assert_eq!(listed(Some(EnablementStatus::Denied), None, 3).len(), 10);
    assert_eq!(listed(None, Some(Platform::Android), 3), all);
    assert_eq!(listed(None, Some(Platform::Ios), 3), [""; 0]);
}

pub fn an_audit_reports_tokens_that_lead_to_no_profile(engines: &Engines) {
    let key = |kind: u8, parts: &[&[u8]]| [b"DEMO01\0", &[kind][..], &parts.concat()].concat();
    let bytes = |id: ProfileId| id.bits().to_be_bytes();
    let token = id_of("phone").bits().to_be_bytes();
    let found = |damage: &dyn Fn(&StoreHarness) -> Vec<Write>| {
        let harness = after(engines, &["e:ann t:phone", "e:bob"]);
        wait(harness.engine.apply(damage(&harness))).unwrap();
        let breaches = harness.audit().breaches;
        let mut faults: Vec<String> = breaches.iter().map(|one| one.fault.clone()).collect();
        for fault in &mut faults {
            assert!(!fault.contains("phone"), "{fault}");
            *fault = fault.replace(&id_of("phone").to_string(), "#");
        }
        faults
    };
    let leads_to = |harness: &StoreHarness, number: usize| Write {
        key: key(b'T', &[&token]),
        value: Some(bytes(harness.created[number]).to_vec()),
    };
    assert_eq!(
        found(&|harness| vec![leads_to(harness, 1)]),
        [
            "the push token # leads to it, but it does not have it",
            "the push token # does not lead to it",
        ]
    );
    assert_eq!(
        found(&|_| vec![Write { key: key(b'T', &[&token]), value: None }]),
        ["the push token # does not lead to it"]
    );
    let record = |harness: &StoreHarness, value: Option<Vec<u8>>| Write {
        key: key(b't', &[&bytes(harness.created[0]), &token]),
        value,
    };
    assert_eq!(
        found(&|harness| vec![record(harness, None)]),
        ["the push token # leads to it, but it does not have it"]
    );
    assert_eq!(
        found(&|harness| vec![record(harness, Some(vec![1, 5]))]),
        ["the push token # is damaged: the record ends too early"]
    );
    let other = [1, 5, 2, 0, 1, 2, 2, 3, b'a', b'b', b'c'].to_vec();
    assert_eq!(
        found(&|harness| vec![record(harness, Some(other.clone()))]),
        ["the push token # is kept under another one's key"]
    );
    let unknown = ProfileId::from_bits(99);
    assert_eq!(
        found(&|harness| vec![
            record(harness, None),
            Write { key: key(b'T', &[&token]), value: Some(bytes(unknown).to_vec()) },
            Write {
                key: key(b't', &[&bytes(unknown), &token]),
                value: Some([&[1, 5, 2, 0, 1, 2, 2, 5][..], b"phone"].concat()),
            },
        ]),
        ["has the push token #, but does not exist"]
    );
}

/// What happens to people and their tokens.
#[derive(Clone, Debug)]
enum PushTokenStep {
    Ask(TestRequest),
    Unregister(TestRequest),
    Delete(&'static str),
}

fn steps() -> impl Strategy<Value = Vec<PushTokenStep>> {
    let tokens = ["phone", "phone/denied", "tablet", "watch", "car"];
    let asked = || {
        (requests_with_intents(), prop::sample::select(tokens.to_vec()))
            .prop_map(|(request, token)| TestRequest { push_token: Some(token.into()), ..request })
    };
    let targets = ["x:1", "e:ann", "p:5", "a:tab", "id:0", "id:1"];
    let step = prop_oneof![
        6 => asked().prop_map(PushTokenStep::Ask),
        2 => requests_with_intents().prop_map(PushTokenStep::Ask),
        1 => asked().prop_map(|request| {
            PushTokenStep::Unregister(TestRequest { server: false, ..request })
        }),
        1 => prop::sample::select(targets.to_vec()).prop_map(PushTokenStep::Delete),
    ];
    prop::collection::vec(step, 1..24)
}

/// Whether a request names the profile that has the token.
fn names_owner(harness: &StoreHarness, request: &TestRequest, owner: ProfileId) -> bool {
    let submission = harness.submission(request);
    submission.claims.made().iter().any(|claim| {
        let found = match &claim.target {
            ProfileRef::Id(id) => wait(harness.store.profile(&harness.company, *id)),
            ProfileRef::Identifier(identifier) => {
                wait(harness.store.find(&harness.company, identifier))
            }
        };
        // A token of a request may not count.
        claim.token.is_none() && found.unwrap().is_some_and(|profile| profile.id == owner)
    })
}

pub fn the_store_keeps_tokens_as_the_model(engines: &Engines) {
    engines.check(steps(), |steps| {
        let (mut harness, mut model) =
            (StoreHarness::with_settings(engines, SMALL_LIMITS), IdentityModel::new(SMALL_LIMITS));
        for step in &steps {
            match step {
                PushTokenStep::Ask(request) => {
                    let told = harness.try_send_request(request);
                    prop_assert_eq!(told, model.decide(request), "{:?}", request);
                }
                PushTokenStep::Unregister(request) => {
                    let mut request = request.clone();
                    for list in [&mut request.subject, &mut request.attributes] {
                        list.retain(|(kind, _)| kind != "kx");
                    }
                    if request.subject.is_empty() && request.attributes.is_empty() {
                        continue;
                    }
                    let word = request.push_token.clone().unwrap();
                    let token = word.split('/').next().unwrap();
                    let is_named = owned(&harness, token)
                        .is_some_and(|owned| names_owner(&harness, &request, owned.profile));
                    let told = harness.unregister_request(&request);
                    prop_assert_eq!(told.ends_with("released"), is_named, "{}", told);
                    model.unregister(token, is_named);
                }
                PushTokenStep::Delete(word) => {
                    let told = harness.describe_deletion(word);
                    prop_assert_eq!(told, model.delete(&parse_request(word)));
                }
            }
        }
        prop_assert_eq!(harness.created.len(), model.created_count());
        for number in (0..model.created_count()).filter(|number| !model.is_deleted(*number)) {
            prop_assert_eq!(harness.tokens_of(number), model.tokens_of(number));
        }
        harness.assert_sound();
        for number in 0..model.created_count() {
            harness.delete(&format!("id:{number}"));
        }
        prop_assert_eq!(entries(&harness), []);
        Ok(())
    });
}

pub fn merges_undone_in_any_order_return_tokens_as_they_were(engines: &Engines) {
    let pairs = prop::collection::vec((0usize..5, 0usize..5), 1..8);
    let orders = prop::collection::vec(any::<prop::sample::Index>(), 8);
    engines.check((pairs, orders), |(pairs, orders)| {
        let people = ["x:1 t:0", "e:ann t:1", "p:5 t:2", "a:tab t:3", "a:pad t:4"];
        let mut harness = after(engines, &people);
        harness.settings = IdentitySettings::default().into();
        let mut merged = Vec::new();
        for (into, from) in pairs {
            merged.extend(harness.merge(into, from).unwrap().absorbed());
            for number in 0..5 {
                // Each is wherever its first profile is.
                let survivor = harness.profile(number).id;
                prop_assert_eq!(owned(&harness, &number.to_string()).unwrap().profile, survivor);
            }
        }
        for order in orders {
            if merged.is_empty() {
                break;
            }
            let absorbed = merged.swap_remove(order.index(merged.len()));
            let number = harness.created.iter().position(|known| *known == absorbed).unwrap();
            harness.undo(number).unwrap();
            harness.assert_sound();
        }
        for number in 0..5 {
            let token = number.to_string();
            prop_assert_eq!(harness.tokens_of(number), names(&[&token]));
        }
        harness.send("x:1");
        Ok(())
    });
}
