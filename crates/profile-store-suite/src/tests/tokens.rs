//! Exchange tokens: what they stand for, and their revocation.

use profile_protocol::ProfileId;
use profile_store::{
    DeviceDigest, Effect, Engine, IdentitySettings, Profile, Rejected, StoreError, Timestamp,
    TokenContent, TokenTerms, engine::Write,
};
use proptest::prelude::*;

use crate::{
    engines::Engines,
    generators::{SMALL_LIMITS, requests},
    harness::{StoreHarness, contents, unprotected, wait},
    model::IdentityModel,
    notation::{TestRequest, parse_request},
    simulated_ids::SimulatedIds,
};

/// A store to which these requests were sent.
fn after(engines: &Engines, requests: &[&str]) -> StoreHarness {
    let mut harness = StoreHarness::new(engines);
    requests.iter().for_each(|words| drop(harness.send(words)));
    harness
}

pub fn a_token_of_a_device_counts_as_that_device_and_for_no_more(engines: &Engines) {
    for (stored, request, expected) in [
        (&["e:ann a:tab"][..], "kx:0/tab", "unchanged 0: matched"),
        (&["e:ann a:tab"], "kx:0/tab a:tab", "unchanged 0: matched"),
        (&["e:ann a:tab"], "kx:0/pad", "unidentified: token device not held"),
        (&["e:ann a:tab"], "kx:7/tab", "unidentified: unknown"),
        (&["e:ann a:tab"], "kx:0/tab a:pad", "updated 0: matched, attached"),
        (&["e:ann a:tab", "a:pad"], "kx:0/tab a:pad", "updated 0: matched, absorbed 1"),
        // The address outranks the device, whose profile has an address of its own.
        (&["e:ann a:tab", "e:bob"], "kx:0/tab e:bob", "unchanged 1: matched, owns e"),
        (&["e:ann a:tab"], "@kx:0/tab e:bob", "created 1: owns e, attached"),
        // A token of the profile itself outranks the address.
        (&["e:ann a:tab", "e:bob"], "kx:0 e:bob", "unchanged 0: matched, differs in e"),
        // Where the id is named as well, it counts for itself.
        (&["e:ann a:tab"], "id:0 kx:0/pad", "unchanged 0: matched"),
    ] {
        let mut harness = after(engines, stored);
        assert_eq!(harness.send(request), expected, "{stored:?} <- {request}");
        harness.assert_sound();
    }
}

pub fn a_token_of_a_device_ends_with_the_device(engines: &Engines) {
    let mut harness = after(engines, &["e:ann a:tab", "a:new"]);
    assert_eq!(harness.send("kx:0/tab"), "unchanged 0: matched");
    let settings = IdentitySettings { anonymous_ids: 1, ..unprotected() };
    harness.settings = settings.into();
    harness.send("e:ann a:web");
    assert_eq!(harness.about(0), "e:ann a:web");
    assert_eq!(harness.send("kx:0/tab"), "unidentified: token device not held");
}

pub fn tokens_of_a_profile_do_not_count_after_their_revocation_and_others_do(engines: &Engines) {
    let mut harness = after(engines, &["e:ann a:tab", "e:bob"]);
    let outcome = harness.revoke_tokens(Some(0)).unwrap();
    assert_eq!(harness.describe(&outcome), "tokens_revoked 0: matched");
    for (request, expected) in [
        ("kx:0", "unidentified: token revoked"),
        ("kx:0/tab", "unidentified: token revoked"),
        ("kx:0 e:bob", "unchanged 1: matched, token revoked"),
        ("kx:new/0", "unchanged 0: matched"),
        ("kx:new/0/tab", "unchanged 0: matched"),
        ("kx:1", "unchanged 1: matched"),
        ("id:0 kx:0", "unchanged 0: matched"),
        ("@kx:0 id:0", "unchanged 0: matched"),
        ("a:tab", "unchanged 0: matched"),
    ] {
        assert_eq!(harness.send(request), expected, "{request}");
    }
    harness.assert_sound();
}

pub fn tokens_of_a_company_do_not_count_after_their_revocation(engines: &Engines) {
    let mut harness = after(engines, &["e:ann a:tab", "e:bob"]);
    let outcome = harness.revoke_tokens(None).unwrap();
    assert_eq!(harness.describe(&outcome), "tokens_revoked: ");
    for (request, expected) in [
        ("kx:0", "unidentified: token revoked"),
        ("kx:0/tab", "unidentified: token revoked"),
        ("kx:1", "unidentified: token revoked"),
        ("kx:9", "unidentified: token revoked"),
        ("kx:new/1", "unchanged 1: matched"),
        ("e:new a:pad", "created 2: attached, attached"),
        ("kx:2", "unidentified: token revoked"),
        ("kx:new/2/pad", "unchanged 2: matched"),
    ] {
        assert_eq!(harness.send(request), expected, "{request}");
    }
    harness.company = "OTHER1".parse().unwrap();
    harness.created.clear();
    harness.send("e:ann");
    assert_eq!(harness.send("kx:0"), "unchanged 0: matched");
    harness.assert_sound();
}

pub fn a_revocation_is_an_outcome_in_the_history(engines: &Engines) {
    let mut harness = after(engines, &["e:ann", "e:bob"]);
    let ann = harness.revoke_tokens(Some(0)).unwrap();
    let all = harness.revoke_tokens(None).unwrap();
    harness.send("e:ann name=Ann");
    let effects: Vec<Effect> = harness.history(0).iter().map(|outcome| outcome.effect).collect();
    assert_eq!(effects, [Effect::Updated, Effect::TokensRevoked, Effect::Created]);
    assert_eq!(harness.history(1).len(), 1);
    assert_eq!(harness.outcomes()[2..4], [ann, all]);
    harness.assert_sound();
}

pub fn a_revocation_changes_nothing_else_of_a_profile(engines: &Engines) {
    let harness = after(engines, &["e:ann a:tab name=Ann plan=gold"]);
    let before = harness.profile(0);
    let outcome = harness.revoke_tokens(Some(0)).unwrap();
    let expected = Profile {
        tokens_revoked: Some(outcome.at),
        last_outcome: Some(outcome.sequence),
        ..before
    };
    assert_eq!(harness.profile(0), expected);
    // A second revocation is later.
    let again = harness.revoke_tokens(Some(0)).unwrap();
    assert!(outcome.at < again.at);
    assert_eq!(harness.profile(0).tokens_revoked, Some(again.at));
}

pub fn a_revocation_for_an_unknown_profile_is_refused_and_writes_nothing(engines: &Engines) {
    let harness = after(engines, &["e:ann"]);
    let before = contents(harness.engine.as_ref());
    let refused = Err(StoreError::Rejected(Rejected::UnknownProfile));
    assert_eq!(harness.revoke_tokens(Some(7)), refused);
    assert_eq!(contents(harness.engine.as_ref()), before);
}

pub fn a_revocation_covers_the_ids_of_all_merged_profiles(engines: &Engines) {
    for number in [0, 1] {
        let mut harness = after(engines, &["x:1", "e:ann", "x:1 e:ann", "p:5"]);
        let outcome = harness.revoke_tokens(Some(number)).unwrap();
        assert_eq!(harness.describe(&outcome), "tokens_revoked 0: matched");
        for token in ["kx:0", "kx:1"] {
            assert_eq!(harness.send(token), "unidentified: token revoked");
        }
        assert_eq!(harness.send("kx:2"), "unchanged 2: matched");
    }
}

pub fn a_merge_brings_no_revoked_token_back(engines: &Engines) {
    for revoked in [0, 1] {
        let mut harness = after(engines, &["x:1", "e:ann"]);
        harness.revoke_tokens(Some(revoked)).unwrap();
        assert_eq!(harness.send("x:1 e:ann"), "updated 0: matched, absorbed 1");
        for token in ["kx:0", "kx:1"] {
            assert_eq!(harness.send(token), "unidentified: token revoked");
        }
        harness.merge(0, 1).unwrap();
        harness.assert_sound();
    }
}

pub fn an_undo_keeps_what_was_revoked_since_the_merge_and_restores_the_rest(engines: &Engines) {
    let mut harness = after(engines, &["x:1", "e:ann", "x:1 e:ann"]);
    harness.revoke_tokens(Some(0)).unwrap();
    harness.undo(1).unwrap();
    for token in ["kx:0", "kx:1"] {
        assert_eq!(harness.send(token), "unidentified: token revoked");
    }
    for revoked in [0, 1] {
        let mut harness = after(engines, &["x:1", "e:ann"]);
        harness.revoke_tokens(Some(revoked)).unwrap();
        harness.send("x:1 e:ann");
        harness.undo(1).unwrap();
        for number in [0, 1] {
            let expected = if number == revoked {
                "unidentified: token revoked".to_owned()
            } else {
                format!("unchanged {number}: matched")
            };
            assert_eq!(harness.send(&format!("kx:{number}")), expected);
        }
        harness.assert_sound();
    }
}

pub fn a_deletion_leaves_nothing_of_a_revocation(engines: &Engines) {
    let mut harness = after(engines, &["e:bob", "e:ann a:tab", "x:1", "x:1 e:ann"]);
    let entries = |harness: &StoreHarness| {
        let all = contents(harness.engine.as_ref()).into_iter().map(|(key, _)| key);
        let is_left =
            |key: &Vec<u8>| !key.starts_with(b"DEMO01\0o") && !key.starts_with(b"DEMO01\0e");
        all.filter(is_left).collect::<Vec<_>>()
    };
    harness.revoke_tokens(Some(1)).unwrap();
    harness.delete("e:ann");
    let left = after(engines, &["e:bob"]);
    assert_eq!(entries(&harness).len(), entries(&left).len());
    assert_eq!(harness.send("kx:1"), "unidentified: unknown");
    harness.assert_sound();
}

pub fn revocations_are_there_after_closing_and_opening_again(engines: &Engines) {
    let storage = engines.create();
    let mut harness = StoreHarness::over(storage.open());
    for words in ["e:ann", "e:bob"] {
        harness.send(words);
    }
    let created = harness.created.clone();
    harness.revoke_tokens(Some(0)).unwrap();
    wait(harness.store.close()).unwrap();
    drop(harness);
    let mut harness = StoreHarness::resumed(storage.open(), SimulatedIds::after(1_000));
    harness.created.clone_from(&created);
    assert_eq!(harness.send("kx:0"), "unidentified: token revoked");
    assert_eq!(harness.send("kx:1"), "unchanged 1: matched");
    harness.revoke_tokens(None).unwrap();
    // Later outcomes keep it, although they replace its record.
    harness.send("e:bob name=Bob");
    wait(harness.store.close()).unwrap();
    drop(harness);
    let mut harness = StoreHarness::resumed(storage.open(), SimulatedIds::after(2_000));
    harness.created = created;
    assert_eq!(harness.send("kx:1"), "unidentified: token revoked");
    harness.assert_sound();
}

pub fn requests_of_one_batch_see_a_revocation_in_their_order(engines: &Engines) {
    for scope in [Some(0), None] {
        let mut harness = after(engines, &["e:ann"]);
        let [before, after] =
            ["kx:0 a:tab", "kx:0 a:tab"].map(|words| harness.submission(&parse_request(words)));
        let revocation = harness.revocation(scope);
        let (store, gate) = (&harness.store, harness.engine.hold_reads());
        let opened = async {
            while store.queue_depth() < 2 {
                tokio::task::yield_now().await;
            }
            drop(gate);
        };
        let answers = wait(async {
            tokio::join!(
                store.submit(before),
                store.revoke_tokens(revocation),
                store.submit(after),
                opened
            )
        });
        assert!(answers.1.is_ok());
        let told = [answers.0, answers.2].map(|answer| harness.describe_answer(&answer));
        let expected = ["updated 0: matched, attached", "unchanged 0: matched, token revoked"];
        assert_eq!(told, expected);
        harness.send("e:ann");
        harness.assert_sound();
    }
}

pub fn a_token_is_looked_up_by_the_rules_by_which_it_counts(engines: &Engines) {
    let mut harness = after(engines, &["e:ann a:tab", "x:1"]);
    let finds = |harness: &StoreHarness, issued: u64, device: Option<&str>, number: usize| {
        let device = device.map(|device| DeviceDigest::from_device(&device.parse().unwrap()));
        let terms = TokenTerms { issued: Timestamp::from_millis(issued), device };
        let token = TokenContent { profile: harness.created[number], terms };
        let found = wait(harness.store.profile_of_token(&harness.company, token)).unwrap();
        found.map(|profile| profile.id)
    };
    let ids: Vec<Option<ProfileId>> = harness.created.iter().copied().map(Some).collect();
    assert_eq!(finds(&harness, 0, None, 0), ids[0]);
    assert_eq!(finds(&harness, 0, Some("tab"), 0), ids[0]);
    assert_eq!(finds(&harness, 0, Some("pad"), 0), None);
    harness.send("x:1 e:ann");
    assert_eq!(finds(&harness, 0, None, 0), ids[1]);
    harness.revoke_tokens(Some(1)).unwrap();
    assert_eq!(finds(&harness, 0, None, 0), None);
    assert_eq!(finds(&harness, u64::MAX, Some("tab"), 0), ids[1]);
    harness.revoke_tokens(None).unwrap();
    assert_eq!(finds(&harness, 0, None, 1), None);
    assert_eq!(finds(&harness, u64::MAX, None, 1), ids[1]);
}

pub fn an_audit_reports_a_revocation_after_the_newest_outcome(engines: &Engines) {
    let key = b"DEMO01\0N".to_vec();
    let damaged = |value: &dyn Fn(&[u8]) -> Vec<u8>| {
        let harness = after(engines, &["e:ann"]);
        harness.revoke_tokens(Some(0)).unwrap();
        let record = wait(harness.engine.read(vec![key.clone()])).unwrap().remove(0).unwrap();
        let write = Write { key: key.clone(), value: Some(value(&record)) };
        wait(harness.engine.apply(vec![write])).unwrap();
        let found = harness.audit().breaches;
        let id = harness.created[0].to_string();
        found.iter().map(|breach| breach.to_string().replace(&id, "#0")).collect::<Vec<_>>()
    };
    let far = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    let of_company = damaged(&|record| [record, &far].concat());
    assert_eq!(of_company, ["company DEMO01: its tokens were revoked after its newest outcome"]);
    // The number of the newest outcome stays, and its time is zero.
    let of_profile = damaged(&|record| vec![record[0], record[1], 0]);
    let fault = "company DEMO01: profile #0: its tokens were revoked after the newest outcome";
    assert_eq!(of_profile, [fault]);
}

/// A request, or the revocation of tokens.
#[derive(Clone, Debug)]
enum TokenStep {
    Ask(TestRequest),
    Revoke(Option<usize>),
}

/// Requests that often have a token of any kind, and revocations between them.
fn steps() -> impl Strategy<Value = Vec<TokenStep>> {
    let device = prop_oneof![
        2 => Just(""),
        1 => Just("/tab"),
        1 => Just("/pad"),
    ];
    let token = (any::<bool>(), 0usize..6, device);
    let token = token.prop_map(|(is_new, number, device)| {
        format!("{}{number}{device}", if is_new { "new/" } else { "" })
    });
    let tokens = (prop::option::weighted(0.2, token.clone()), prop::option::weighted(0.6, token));
    let asked = (requests(), tokens).prop_map(|(mut request, (subject, attributes))| {
        for (list, token) in
            [(&mut request.subject, subject), (&mut request.attributes, attributes)]
        {
            if let Some(token) = token {
                list.retain(|(kind, _)| kind != "kx");
                list.push(("kx".to_owned(), token));
            }
        }
        TokenStep::Ask(request)
    });
    let revoked = prop_oneof![
        8 => (0usize..6).prop_map(Some),
        1 => Just(None),
    ];
    let step = prop_oneof![
        5 => asked,
        1 => revoked.prop_map(TokenStep::Revoke),
    ];
    prop::collection::vec(step, 1..24)
}

pub fn the_store_judges_tokens_as_the_model(engines: &Engines) {
    engines.check(steps(), |steps| {
        let (mut harness, mut model) =
            (StoreHarness::with_settings(engines, SMALL_LIMITS), IdentityModel::new(SMALL_LIMITS));
        for step in &steps {
            match step {
                TokenStep::Ask(request) => {
                    let told = harness.try_send_request(request);
                    prop_assert_eq!(told, model.decide(request), "{:?}", request);
                }
                TokenStep::Revoke(number) => {
                    let answer = harness.revoke_tokens(*number);
                    let told = harness.describe_answer(&answer);
                    prop_assert_eq!(told, model.revoke_tokens(*number));
                }
            }
        }
        prop_assert_eq!(harness.created.len(), model.created_count());
        for number in 0..model.created_count() {
            prop_assert_eq!(harness.about(number), model.about(number));
        }
        harness.assert_sound();
        Ok(())
    });
}

pub fn merges_undone_in_any_order_leave_revocations_as_they_were(engines: &Engines) {
    let revoked = prop::collection::vec(0usize..5, 0..4);
    let pairs = prop::collection::vec((0usize..5, 0usize..5), 1..8);
    let orders = prop::collection::vec(any::<prop::sample::Index>(), 8);
    engines.check((revoked, pairs, orders), |(revoked, pairs, orders)| {
        let mut harness = after(engines, &["x:1", "e:ann", "p:5", "a:tab", "a:pad"]);
        for number in revoked {
            harness.revoke_tokens(Some(number)).unwrap();
        }
        let revocations = |harness: &StoreHarness| {
            (0..5).map(|number| harness.profile(number).tokens_revoked).collect::<Vec<_>>()
        };
        let before = revocations(&harness);
        let mut merged = Vec::new();
        for (into, from) in pairs {
            let outcome = harness.merge(into, from).unwrap();
            merged.extend(outcome.absorbed());
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
        prop_assert_eq!(revocations(&harness), before);
        harness.send("x:1");
        Ok(())
    });
}
