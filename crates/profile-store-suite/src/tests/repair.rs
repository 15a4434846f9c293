//! Repair: undoing what one sender did.

use std::sync::Arc;

use profile_protocol::{EnablementStatus, Revision};

use profile_store::{
    Claim, Identifier, IdentitySettings, Outcome, ProfileRef, PushTokenId, Repair, Repaired,
    RepairedSender, RequestSender, Submission, Timestamp, limits,
};

use crate::{
    engines::Engines,
    harness::{StoreHarness, contents, unprotected, wait},
    notation::{parse_request, push_token},
    simulated_ids::EPOCH,
};

pub(super) const STRANGER: &str = "192.0.2.66";
pub(super) const HONEST: &str = "192.0.2.1";

/// Sends a request of a client from this network.
pub(super) fn send_from(harness: &mut StoreHarness, network: &str, words: &str) -> Outcome {
    let submission = harness.submission(&parse_request(words));
    let (key, company) = (*harness.store.sender_key(), harness.company.clone());
    let now = Timestamp::from_millis(EPOCH);
    let device = submission.claims.made().iter().find_map(|claim: &Claim| match &claim.target {
        ProfileRef::Identifier(Identifier::AnonymousId(id)) => Some(key.device(&company, id, now)),
        ProfileRef::Id(_) | ProfileRef::Identifier(_) => None,
    });
    let sender = RequestSender { network: Some(key.network(&company, network, now)), device };
    harness.submit(Submission { sender, ..submission }).unwrap()
}

fn command(harness: &StoreHarness, sender: RepairedSender, since: Timestamp) -> Repair {
    Repair {
        company: harness.company.clone(),
        sender,
        since,
        steps: limits::REPAIR_STEPS,
        settings: Arc::clone(&harness.settings),
        revision: Revision::LATEST,
        request_ids: None,
    }
}

pub(super) fn stranger() -> RepairedSender {
    RepairedSender::Network(STRANGER.to_owned())
}

pub(super) fn repair(harness: &StoreHarness, sender: RepairedSender) -> Repaired {
    wait(harness.store.repair(&command(harness, sender, Timestamp::default()))).unwrap()
}

pub(super) fn preview(harness: &StoreHarness, sender: RepairedSender) -> Repaired {
    wait(harness.store.preview_repair(&command(harness, sender, Timestamp::default()))).unwrap()
}

fn numbers(harness: &StoreHarness, ids: &[profile_protocol::ProfileId]) -> Vec<usize> {
    let number = |id| harness.created.iter().position(|known| known == id).unwrap();
    ids.iter().map(number).collect()
}

/// Two customers whom a stranger has merged and given identifiers, and an honest visitor.
fn attacked(engines: &Engines) -> StoreHarness {
    let mut harness = StoreHarness::new(engines);
    send_from(&mut harness, HONEST, "e:ann a:ann");
    send_from(&mut harness, HONEST, "p:5 a:ben");
    send_from(&mut harness, STRANGER, "e:ann p:5 name=Eve");
    send_from(&mut harness, STRANGER, "x:bogus e:ann a:stranger");
    send_from(&mut harness, STRANGER, "e:cat a:stranger-2");
    send_from(&mut harness, HONEST, "e:dan a:dan");
    harness
}

pub fn what_a_network_did_is_undone_and_what_others_did_is_not(engines: &Engines) {
    let harness = attacked(engines);
    assert_eq!(harness.about(0), "x:bogus e:ann p:5 a:ann a:ben a:stranger name=Eve");
    let repaired = repair(&harness, stranger());
    assert_eq!((repaired.requests, repaired.is_complete), (3, true));
    assert_eq!(numbers(&harness, &repaired.restored), [1]);
    assert_eq!(numbers(&harness, &repaired.created), [2]);
    assert_eq!(repaired.removed.len(), 4);
    // What was written is reported.
    let changed: Vec<usize> =
        repaired.changed.iter().flat_map(|(id, _)| numbers(&harness, &[*id])).collect();
    assert_eq!(changed, [0]);
    assert_eq!(repaired.returned, repaired.changed);
    let all = [0, 1, 2, 3].map(|number| harness.about(number));
    assert_eq!(all, ["e:ann a:ann", "p:5 a:ben", "", "e:dan a:dan"]);
    assert_eq!(harness.leads_to("x:bogus"), None);
    assert_eq!(harness.history(0).len(), 6);
    harness.assert_sound();
    // Nothing is left to undo.
    let again = repair(&harness, stranger());
    assert_eq!((again.restored, again.removed), (Vec::new(), Vec::new()));
}

pub fn a_preview_tells_the_same_and_writes_nothing(engines: &Engines) {
    let harness = attacked(engines);
    let before = contents(harness.engine.as_ref());
    let told = preview(&harness, stranger());
    assert_eq!(contents(harness.engine.as_ref()), before);
    assert_eq!(told, repair(&harness, stranger()));
}

pub fn what_a_device_did_is_undone(engines: &Engines) {
    let harness = attacked(engines);
    let device = RepairedSender::Device("stranger".parse().unwrap());
    let repaired = repair(&harness, device);
    assert_eq!((repaired.requests, repaired.removed.len()), (1, 2));
    assert_eq!(harness.about(0), "e:ann p:5 a:ann a:ben name=Eve");
}

pub fn the_sender_of_an_outcome_is_found_by_its_digest(engines: &Engines) {
    let harness = attacked(engines);
    let network = harness.outcomes()[2].sender.network.unwrap();
    let told = preview(&harness, RepairedSender::Digest(network));
    assert_eq!(told, preview(&harness, stranger()));
}

pub fn what_was_done_before_stays(engines: &Engines) {
    let harness = attacked(engines);
    let since = harness.outcomes()[3].at;
    let asked = command(&harness, stranger(), since);
    let repaired = wait(harness.store.repair(&asked)).unwrap();
    assert_eq!((repaired.requests, repaired.restored.len()), (2, 0));
    assert_eq!(harness.about(0), "e:ann p:5 a:ann a:ben name=Eve");
}

pub fn what_the_company_has_named_since_stays(engines: &Engines) {
    let mut harness = attacked(engines);
    harness.send("server x:bogus");
    let repaired = repair(&harness, stranger());
    assert_eq!(repaired.removed.len(), 3);
    assert_eq!(harness.about(0), "x:bogus e:ann a:ann");
}

pub fn a_merge_that_was_undone_since_is_left(engines: &Engines) {
    let harness = attacked(engines);
    harness.undo(1).unwrap();
    assert_eq!(preview(&harness, stranger()).restored, Vec::new());
    assert_eq!(repair(&harness, stranger()).restored, Vec::new());
    assert_eq!(harness.about(1), "p:5 a:ben");
}

pub fn a_profile_that_others_have_merged_since_is_reported(engines: &Engines) {
    let mut harness = attacked(engines);
    harness.send("server x:7");
    harness.merge(4, 2).unwrap();
    for told in [preview(&harness, stranger()), repair(&harness, stranger())] {
        assert_eq!(numbers(&harness, &told.left), [2]);
    }
    assert_eq!(harness.about(4), "x:7 e:cat a:stranger-2");
}

pub fn a_repair_that_is_given_again_undoes_what_is_left(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for number in 0..12 {
        send_from(&mut harness, STRANGER, &format!("e:{number} a:tab{number}"));
    }
    let asked = Repair { steps: 4, ..command(&harness, stranger(), Timestamp::default()) };
    let mut steps = Vec::new();
    loop {
        let preview = wait(harness.store.preview_repair(&asked)).unwrap();
        let repaired = wait(harness.store.repair(&asked)).unwrap();
        assert_eq!(preview, repaired);
        steps.push(repaired.removed.len());
        if repaired.is_complete {
            break;
        }
    }
    assert_eq!(steps, [8, 8, 8, 0]);
    assert!((0..12).all(|number| harness.about(number).is_empty()));
    harness.assert_sound();
}

pub fn devices_that_left_in_a_merge_of_the_sender_return(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.settings = IdentitySettings { anonymous_ids: 2, ..unprotected() }.into();
    for words in ["e:ann a:1", "e:ann a:2", "p:5 a:3", "p:5 a:4"] {
        send_from(&mut harness, HONEST, words);
    }
    let merged = send_from(&mut harness, STRANGER, "e:ann p:5");
    assert_eq!(harness.describe(&merged), "updated 0: matched, absorbed 1, released, released");
    repair(&harness, stranger());
    assert_eq!([0, 1].map(|number| harness.about(number)), ["e:ann a:1 a:2", "p:5 a:3 a:4"]);
    harness.assert_sound();
}

pub fn a_secondary_address_that_left_hides_no_address_of_the_sender(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("server x:1 +e:old");
    send_from(&mut harness, STRANGER, "x:1 e:bogus");
    assert_eq!(harness.send("server x:1 -e:old"), "updated 0: matched, released");
    assert_eq!(repair(&harness, stranger()).removed.len(), 1);
    assert_eq!(harness.about(0), "x:1");
    harness.assert_sound();
}

pub fn an_identifier_that_others_brought_after_the_senders_left_stays(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("server x:2 p:5");
    send_from(&mut harness, STRANGER, "e:ann p:5");
    harness.send("import x:1 e:ann");
    send_from(&mut harness, HONEST, "e:ben a:tab");
    harness.merge(0, 2).unwrap();
    let before = harness.about(0);
    assert!(before.contains("e:ben"), "{before}");
    let repaired = repair(&harness, stranger());
    assert_eq!(repaired.removed, Vec::new());
    assert_eq!(harness.about(0), before);
}

pub fn a_merge_that_the_company_has_confirmed_since_stays(engines: &Engines) {
    for is_confirmed_by_ids in [false, true] {
        let mut harness = attacked(engines);
        if is_confirmed_by_ids {
            harness.merge(0, 1).unwrap();
        } else {
            harness.send("server e:ann p:5");
        }
        let told = preview(&harness, stranger());
        assert_eq!(told.restored, Vec::new());
        assert_eq!(told, repair(&harness, stranger()));
        assert!(!harness.is_unmerged(1));
        harness.assert_sound();
    }
    // To name one of the two, in whatever way, says nothing about the merge.
    for words in ["server p:5", "import x:9 e:ann"] {
        let mut harness = attacked(engines);
        harness.send(words);
        assert_eq!(numbers(&harness, &repair(&harness, stranger()).restored), [1], "{words}");
    }
}

pub fn a_repair_does_not_split_a_customer_whom_the_company_has_completed(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    send_from(&mut harness, STRANGER, "e:ann");
    send_from(&mut harness, STRANGER, "x:bogus");
    send_from(&mut harness, STRANGER, "x:bogus e:ann");
    assert!(!harness.is_unmerged(0));
    harness.send("import x:7 e:ann name=Ann");
    assert_eq!(harness.about(1), "x:7 e:ann name=Ann");
    repair(&harness, stranger());
    assert_eq!(harness.about(1), "x:7 e:ann name=Ann");
    harness.assert_sound();
}

pub fn a_device_that_came_for_a_merged_person_does_not_stay_with_the_stranger(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    send_from(&mut harness, HONEST, "p:5 a:phone");
    send_from(&mut harness, STRANGER, "e:evil a:stranger");
    assert_eq!(
        {
            let outcome = send_from(&mut harness, STRANGER, "e:evil p:5");
            harness.describe(&outcome)
        },
        "updated 1: matched, absorbed 0"
    );
    send_from(&mut harness, HONEST, "p:5 a:tablet");
    assert_eq!(harness.leads_to("a:tablet"), Some(1));
    assert_eq!(preview(&harness, stranger()).restored, [harness.created[0]]);
    repair(&harness, stranger());
    assert_eq!(harness.about(0), "p:5 a:phone");
    assert_eq!(harness.about(1), "");
    assert_eq!(harness.leads_to("a:tablet"), None);
    send_from(&mut harness, HONEST, "p:5 a:tablet");
    assert_eq!(harness.about(0), "p:5 a:phone a:tablet");
    harness.assert_sound();
}

pub fn an_address_of_the_stranger_is_removed_though_a_secondary_one_left(engines: &Engines) {
    let settings = IdentitySettings { secondary_emails: 1, ..unprotected() };
    let mut harness = StoreHarness::with_settings(engines, settings);
    harness.send("server x:1");
    send_from(&mut harness, STRANGER, "x:1 e:evil");
    harness.send("server x:1 +e:one");
    assert_eq!(harness.send("server x:1 +e:two"), "updated 0: matched, attached, released");
    assert_eq!(harness.about(0), "x:1 e:evil +e:two");
    repair(&harness, stranger());
    assert_eq!(harness.about(0), "x:1 +e:two");
    harness.assert_sound();
}

pub fn an_address_that_a_merge_brought_after_the_senders_was_cleared_stays(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("server x:1");
    send_from(&mut harness, STRANGER, "x:1 e:evil");
    harness.send("update:0 e:-");
    send_from(&mut harness, HONEST, "e:ben a:tab");
    harness.merge(0, 1).unwrap();
    assert_eq!(harness.about(0), "x:1 e:ben a:tab");
    repair(&harness, stranger());
    assert_eq!(harness.about(0), "x:1 e:ben a:tab");
}

pub fn what_a_stranger_attached_and_a_repair_removed_erases_no_one(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    send_from(&mut harness, HONEST, "e:ann");
    send_from(&mut harness, STRANGER, "x:bogus e:ann");
    assert_eq!(harness.leads_to("x:bogus"), Some(0));
    repair(&harness, stranger());
    assert_eq!(harness.leads_to("x:bogus"), None);
    assert_eq!(harness.delete("x:bogus").job.found, None);
    assert!(harness.exists(0));
    harness.assert_sound();
}

pub fn push_tokens_of_the_sender_are_removed_and_those_that_it_took_return(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    send_from(&mut harness, HONEST, "e:ann a:ann t:phone/denied");
    send_from(&mut harness, HONEST, "e:ben t:tablet");
    send_from(&mut harness, STRANGER, "e:ben t:phone");
    send_from(&mut harness, STRANGER, "e:ben t:bogus");
    assert_eq!(["phone", "bogus"].map(|token| harness.owner_of_token(token)), [Some(1); 2]);
    let before = contents(harness.engine.as_ref());
    let told = preview(&harness, stranger());
    assert_eq!(contents(harness.engine.as_ref()), before);
    let repaired = repair(&harness, stranger());
    assert_eq!(told, repaired);
    let holders: Vec<usize> =
        repaired.removed_tokens.iter().flat_map(|(id, _)| numbers(&harness, &[*id])).collect();
    assert_eq!(holders, [1, 1]);
    let phone = PushTokenId::of_token(&push_token("phone").token);
    assert_eq!(repaired.returned_tokens, [(harness.created[0], phone)]);
    let owners = ["phone", "tablet", "bogus"].map(|token| harness.owner_of_token(token));
    assert_eq!(owners, [Some(0), Some(1), None]);
    harness.assert_sound();
    let again = repair(&harness, stranger());
    assert_eq!((again.removed_tokens, again.returned_tokens), (Vec::new(), Vec::new()));
}

pub fn a_push_token_that_came_for_a_merged_person_is_given_to_that_person(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    send_from(&mut harness, HONEST, "e:ann a:ann");
    send_from(&mut harness, HONEST, "p:5 a:ben");
    send_from(&mut harness, STRANGER, "e:ann p:5");
    send_from(&mut harness, HONEST, "p:5 t:bens");
    send_from(&mut harness, HONEST, "e:ann t:anns");
    let told = preview(&harness, stranger());
    assert_eq!(told, repair(&harness, stranger()));
    let bens = PushTokenId::of_token(&push_token("bens").token);
    assert_eq!(told.returned_tokens, [(harness.created[1], bens)]);
    assert_eq!(["anns", "bens"].map(|token| harness.owner_of_token(token)), [Some(0), Some(1)]);
}

pub fn a_push_token_that_went_from_profile_to_profile_returns_to_the_first(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for person in ["e:ann t:phone", "e:ben", "e:cat"] {
        send_from(&mut harness, HONEST, person);
    }
    send_from(&mut harness, STRANGER, "e:ben t:bogus");
    for person in ["e:ben", "e:cat"] {
        send_from(&mut harness, STRANGER, &format!("{person} t:phone"));
    }
    repair(&harness, stranger());
    assert_eq!(["phone", "bogus"].map(|token| harness.owner_of_token(token)), [Some(0), None]);
    let status = harness.stored_token("phone").unwrap().token.enablement_status;
    assert_eq!(status, EnablementStatus::NotDetermined);
    harness.assert_sound();
}

pub fn a_push_token_that_the_sender_moved_and_brought_back_stays(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    send_from(&mut harness, HONEST, "e:ann t:phone");
    send_from(&mut harness, STRANGER, "e:ben t:phone");
    send_from(&mut harness, STRANGER, "e:ann t:phone");
    let repaired = repair(&harness, stranger());
    assert_eq!((repaired.removed_tokens, repaired.returned_tokens), (Vec::new(), Vec::new()));
    assert_eq!(harness.owner_of_token("phone"), Some(0));
}

pub fn a_push_token_stays_where_others_have_merged_the_profiles_that_had_it(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    send_from(&mut harness, HONEST, "e:ann t:phone");
    send_from(&mut harness, HONEST, "p:5");
    send_from(&mut harness, STRANGER, "p:5 t:phone");
    harness.merge(1, 0).unwrap();
    let told = preview(&harness, stranger());
    let repaired = repair(&harness, stranger());
    assert_eq!(told, repaired);
    assert_eq!((repaired.removed_tokens, repaired.returned_tokens), (Vec::new(), Vec::new()));
    assert_eq!(harness.owner_of_token("phone"), Some(1));
}

pub fn a_push_token_whose_way_is_not_known_for_certain_is_given_to_no_person(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    send_from(&mut harness, HONEST, "e:ann t:phone");
    send_from(&mut harness, HONEST, "e:dan t:tablet");
    for token in ["phone", "tablet"] {
        send_from(&mut harness, STRANGER, &format!("e:ben t:{token}"));
    }
    for token in ["phone", "tablet"] {
        send_from(&mut harness, STRANGER, &format!("e:cat t:{token}"));
    }
    repair(&harness, stranger());
    assert_eq!(["phone", "tablet"].map(|token| harness.owner_of_token(token)), [None, None]);
}

pub fn a_push_token_that_the_company_has_named_since_stays(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    send_from(&mut harness, STRANGER, "e:ann t:phone");
    harness.send("server e:ann t:phone");
    repair(&harness, stranger());
    assert_eq!(harness.owner_of_token("phone"), Some(0));
}

pub fn a_push_token_that_another_profile_got_since_stays(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    send_from(&mut harness, STRANGER, "e:ann t:phone");
    send_from(&mut harness, HONEST, "e:ben t:phone");
    send_from(&mut harness, STRANGER, "e:cat t:tablet");
    send_from(&mut harness, HONEST, "e:dan t:tablet");
    send_from(&mut harness, HONEST, "e:cat t:tablet");
    let repaired = repair(&harness, stranger());
    assert_eq!(repaired.removed_tokens, []);
    assert_eq!(["phone", "tablet"].map(|token| harness.owner_of_token(token)), [Some(1), Some(2)]);
}
