//! Values that clients replaced: what is kept of them, for how long, and how they come back.

use profile_store::{
    Audit, IdentitySettings, Repaired, Retention, StoreOptions, engine::Value, limits,
};
use proptest::prelude::*;

use crate::{
    engines::Engines,
    generators::SMALL_LIMITS,
    harness::{StoreHarness, contents, unprotected},
    notation::facts,
    simulated_ids::SimulatedIds,
    tests::repair::{HONEST, STRANGER, preview, repair, send_from, stranger},
};

const HOUR_MS: u64 = 60 * 60 * 1_000;

/// The records of replaced values.
fn kept(harness: &StoreHarness) -> Vec<Value> {
    let prefix = format!("{}\0v", harness.company.as_str());
    let all = contents(harness.engine.as_ref()).into_iter();
    all.filter(|(key, _)| key.starts_with(prefix.as_bytes())).map(|(_, value)| value).collect()
}

/// Whether these bytes are anywhere in the engine.
fn holds(harness: &StoreHarness, text: &str) -> bool {
    let is_part = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    contents(harness.engine.as_ref()).iter().any(|(key, value)| is_part(key) || is_part(value))
}

fn returned(repaired: &Repaired) -> usize {
    repaired.returned.iter().map(|(_, names)| names.len()).sum()
}

fn values(harness: &StoreHarness, number: usize) -> String {
    facts(&harness.profile(number))
}

/// A customer whom a stranger has described otherwise, in two requests.
fn described_otherwise(engines: &Engines) -> StoreHarness {
    let mut harness = StoreHarness::new(engines);
    send_from(&mut harness, HONEST, "e:ann name=Ann city=Bonn plan=gold");
    send_from(&mut harness, STRANGER, "e:ann name=Eve city= plan=none size=9");
    send_from(&mut harness, STRANGER, "e:ann name=Eva plan=");
    harness
}

pub fn what_a_stranger_overwrote_and_cleared_comes_back(engines: &Engines) {
    let harness = described_otherwise(engines);
    assert_eq!(values(&harness, 0), "name=Eva size=9");
    let told = preview(&harness, stranger());
    let repaired = repair(&harness, stranger());
    assert_eq!(told, repaired);
    assert_eq!(returned(&repaired), 4);
    assert_eq!(values(&harness, 0), "name=Ann city=Bonn plan=gold");
    assert_eq!(kept(&harness), Vec::<Value>::new());
    harness.assert_sound();
    assert_eq!(returned(&repair(&harness, stranger())), 0);
}

pub fn what_a_stranger_overwrote_comes_back_though_the_outcome_is_gone(engines: &Engines) {
    let retention = Retention { days: 90, count: 10, per_profile: 0 };
    let options = StoreOptions { retention, ..StoreOptions::default() };
    let harness = StoreHarness::create(engines, SimulatedIds::new(), options).unwrap();
    let mut harness = StoreHarness { settings: unprotected().into(), ..harness };
    send_from(&mut harness, HONEST, "e:ann name=Ann plan=gold");
    send_from(&mut harness, STRANGER, "e:ann name=Eve plan=");
    (0..60).for_each(|_| drop(harness.send("e:bob")));
    harness.prune();
    assert!(harness.outcomes().iter().all(|outcome| 2 < outcome.sequence));
    let told = preview(&harness, stranger());
    assert_eq!((told.requests, returned(&told)), (0, 2));
    assert_eq!(told, repair(&harness, stranger()));
    assert_eq!(values(&harness, 0), "name=Ann plan=gold");
    harness.assert_sound();
    assert_eq!(returned(&repair(&harness, stranger())), 0);
}

pub fn what_others_wrote_since_stays(engines: &Engines) {
    let mut harness = described_otherwise(engines);
    send_from(&mut harness, HONEST, "e:ann name=Anna");
    send_from(&mut harness, STRANGER, "e:ann size=10");
    let repaired = repair(&harness, stranger());
    assert_eq!(returned(&repaired), 3);
    assert_eq!(values(&harness, 0), "name=Anna city=Bonn plan=gold");
    harness.assert_sound();
}

pub fn what_the_company_said_since_stays(engines: &Engines) {
    for words in ["name=Eva", "name=", "name=Anna"] {
        let mut harness = described_otherwise(engines);
        harness.send(&format!("server e:ann city= {words}"));
        let before = values(&harness, 0);
        assert_eq!(returned(&repair(&harness, stranger())), 2);
        let expected = before.replace("size=9", "plan=gold");
        assert_eq!(values(&harness, 0), expected);
        harness.assert_sound();
    }
}

pub fn a_value_of_the_company_comes_back_as_its_own(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("server e:ann name=Ann plan=gold");
    send_from(&mut harness, STRANGER, "e:ann name=Eve plan=");
    let written = harness.profile(0);
    assert_eq!(written.authored, profile_store::Authored::default());
    repair(&harness, stranger());
    harness.settings = IdentitySettings { protect: true, ..unprotected() }.into();
    send_from(&mut harness, HONEST, "e:ann name=Eve plan=");
    assert_eq!(values(&harness, 0), "name=Ann plan=gold");
}

pub fn one_network_cannot_push_out_what_it_replaced(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    send_from(&mut harness, HONEST, "e:ann name=Ann plan=gold");
    send_from(&mut harness, STRANGER, "e:ann name=Eve plan=");
    for first in (0..limits::REPLACED_VALUES + 90).step_by(100) {
        let junk = (first..first + 100).map(|number| format!(" junk{number}=1"));
        send_from(&mut harness, STRANGER, &format!("e:ann{}", junk.collect::<String>()));
    }
    for number in 0..100 {
        send_from(&mut harness, STRANGER, &format!("e:ann name=Eve{number} junk5={number}"));
    }
    assert!(harness.profile(0).replaced.len() <= limits::REPLACED_VALUES);
    repair(&harness, stranger());
    let described = values(&harness, 0);
    assert!(described.starts_with("name=Ann ") && described.ends_with("plan=gold"), "{described}");
    harness.assert_sound();
}

pub fn many_networks_have_a_bounded_number_of_values_kept(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for number in 0..limits::REPLACED_VALUES + 20 {
        send_from(&mut harness, &format!("net{number}"), &format!("e:ann plan=no{number}"));
    }
    // The first request created the profile, and the others replaced its value.
    assert_eq!(harness.profile(0).replaced.len(), limits::REPLACED_VALUES);
    assert_eq!(kept(&harness).len(), limits::REPLACED_VALUES);
    harness.assert_sound();
}

pub fn a_long_list_to_which_a_client_adds_is_not_kept(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    let list = "x".repeat(2 * limits::REPLACED_LIST_BYTES);
    send_from(&mut harness, HONEST, &format!("e:ann list={list} short=1"));
    let mut submission = harness.submission(&crate::notation::parse_request("e:ann"));
    for name in ["list", "short"] {
        let elements = vec!["2".parse().unwrap()];
        submission.patch.properties.append.push((name.parse().unwrap(), elements));
    }
    harness.submit(submission).unwrap();
    let sizes: Vec<usize> = kept(&harness).iter().map(Vec::len).collect();
    assert!(sizes.len() == 1 && sizes[0] < 100, "{sizes:?}");
}

pub fn nothing_is_kept_without_days(engines: &Engines) {
    let settings = IdentitySettings { replaced_days: 0, ..unprotected() };
    let mut harness = StoreHarness::with_settings(engines, settings);
    send_from(&mut harness, HONEST, "e:ann name=Ann");
    send_from(&mut harness, STRANGER, "e:ann name=Eve");
    assert_eq!((kept(&harness), harness.profile(0).replaced), (Vec::new(), Vec::new()));
    assert_eq!(returned(&repair(&harness, stranger())), 0);
}

pub fn replaced_values_leave_after_their_days(engines: &Engines) {
    let clock = SimulatedIds::new().striding(HOUR_MS);
    let options = StoreOptions {
        retention: Retention { days: 90, ..Retention::default() },
        ..Default::default()
    };
    let harness = StoreHarness::create(engines, clock, options).unwrap();
    let settings = IdentitySettings { replaced_days: 2, ..unprotected() };
    let mut harness = StoreHarness { settings: settings.into(), ..harness };
    send_from(&mut harness, HONEST, "e:ann name=Ann-the-first");
    send_from(&mut harness, STRANGER, "e:ann name=Eve");
    harness.prune();
    assert_eq!(kept(&harness).len(), 1);
    assert!(holds(&harness, "Ann-the-first"));
    (0..60).for_each(|_| drop(harness.send("e:bob")));
    harness.prune();
    assert_eq!(kept(&harness).len(), 0);
    assert!(!holds(&harness, "Ann-the-first"));
    assert_eq!(returned(&repair(&harness, stranger())), 0);
    assert_eq!(values(&harness, 0), "name=Eve");
    harness.assert_sound();
}

pub fn replaced_values_are_erased_with_the_person(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    send_from(&mut harness, HONEST, "e:ann name=Ann-the-first plan=gold-plan");
    send_from(&mut harness, HONEST, "p:5 city=Bonn-am-Rhein");
    send_from(&mut harness, STRANGER, "e:ann name=Eve plan=");
    send_from(&mut harness, STRANGER, "p:5 city=Nowhere");
    harness.send("server e:ann p:5");
    assert_eq!(kept(&harness).len(), 2);
    for value in ["Ann-the-first", "gold-plan", "Bonn-am-Rhein"] {
        assert!(holds(&harness, value));
    }
    harness.delete("e:ann");
    for value in ["Ann-the-first", "gold-plan", "Bonn-am-Rhein", "Eve", "Nowhere"] {
        assert!(!holds(&harness, value), "{value}");
    }
    harness.assert_sound();
}

pub fn an_undo_divides_what_was_replaced(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    send_from(&mut harness, HONEST, "e:ann name=Ann");
    send_from(&mut harness, HONEST, "p:5 city=Bonn");
    send_from(&mut harness, STRANGER, "e:ann name=Eve");
    send_from(&mut harness, STRANGER, "p:5 city=Nowhere");
    let before = [0, 1].map(|number| harness.profile(number).replaced);
    harness.send("server e:ann p:5");
    assert_eq!(harness.profile(0).replaced, before.concat());
    harness.assert_sound();
    harness.undo(1).unwrap();
    assert_eq!([0, 1].map(|number| harness.profile(number).replaced), before);
    harness.assert_sound();
    repair(&harness, stranger());
    assert_eq!([0, 1].map(|number| values(&harness, number)), ["name=Ann", "city=Bonn"]);
    harness.assert_sound();
}

pub fn values_come_back_before_and_after_a_merge_is_undone(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    send_from(&mut harness, HONEST, "e:ann name=Ann");
    send_from(&mut harness, HONEST, "p:5 city=Bonn plan=gold");
    send_from(&mut harness, STRANGER, "p:5 city=Nowhere");
    send_from(&mut harness, STRANGER, "e:ann p:5 plan=none name=Eve");
    assert_eq!(values(&harness, 0), "name=Eve city=Nowhere plan=none");
    let repaired = repair(&harness, stranger());
    assert_eq!(repaired.restored.len(), 1);
    assert_eq!([0, 1].map(|number| values(&harness, number)), ["name=Ann", "city=Bonn plan=gold"]);
    harness.assert_sound();
}

pub fn an_audit_finds_replaced_values_of_no_profile(engines: &Engines) {
    let harness = described_otherwise(engines);
    let all = contents(harness.engine.as_ref());
    let (key, value) = all.iter().find(|(key, _)| key.starts_with(b"DEMO01\0v")).unwrap();
    let mut other = key.clone();
    *other.last_mut().unwrap() = 77;
    let write = |key, value| profile_store::engine::Write { key, value };
    let writes = vec![
        write(other, Some(value.clone())),
        write(b"DEMO01\0v\0\0\0\0\0\0\0\x09".to_vec(), Some(vec![9])),
    ];
    crate::harness::wait(harness.engine.apply(writes)).unwrap();
    let Audit { breaches, .. } = harness.audit();
    assert_eq!(breaches.len(), 2, "{breaches:?}");
}

/// A request of the stranger or of an honest sender: about which person, which attribute, and
/// whether the stranger clears it.
type ReplacedStep = (bool, usize, usize, bool);

fn steps() -> impl Strategy<Value = Vec<ReplacedStep>> {
    prop::collection::vec((any::<bool>(), 0..2usize, 0..4usize, any::<bool>()), 1..24)
}

fn carried_out(engines: &Engines, steps: &[ReplacedStep], with_stranger: bool) -> StoreHarness {
    let mut harness = StoreHarness::with_settings(engines, SMALL_LIMITS);
    let people = ["e:ann", "p:5"];
    people.iter().for_each(|person| drop(send_from(&mut harness, HONEST, person)));
    for (number, &(is_stranger, person, attribute, clears)) in steps.iter().enumerate() {
        let name = ["name", "city", "plan", "size"][attribute];
        let value = if is_stranger && clears { String::new() } else { number.to_string() };
        let words = format!("{} {name}={value}", people[person]);
        if !is_stranger {
            let network = ["192.0.2.1", "192.0.2.2"][number % 2];
            send_from(&mut harness, network, &words);
        } else if with_stranger {
            send_from(&mut harness, STRANGER, &words);
        }
    }
    harness
}

pub fn after_a_repair_values_are_as_if_the_stranger_had_sent_nothing(engines: &Engines) {
    engines.check(steps(), |steps| {
        let attacked = carried_out(engines, &steps, true);
        repair(&attacked, stranger());
        let quiet = carried_out(engines, &steps, false);
        for number in 0..2 {
            prop_assert_eq!(values(&attacked, number), values(&quiet, number));
        }
        attacked.assert_sound();
        Ok(())
    });
}
