//! What the company wrote and protects, no client changes.

use std::collections::BTreeMap;

use profile_protocol::{Field, PropertyName, limits::PROPERTIES};
use profile_store::{Effect, IdentitySettings, Outcome, Profile};
use proptest::prelude::*;

use crate::{
    engines::Engines,
    generators::{SMALL_LIMITS, requests},
    harness::{StoreHarness, withheld},
    notation::{TestRequest, parse_request},
};

fn protected() -> IdentitySettings {
    IdentitySettings { protect: true, ..SMALL_LIMITS }
}

fn harness(engines: &Engines) -> StoreHarness {
    StoreHarness::with_settings(engines, protected())
}

pub fn a_client_fills_gaps_and_changes_nothing_that_the_company_wrote(engines: &Engines) {
    let mut harness = harness(engines);
    harness.send("server e:ann name=Ann city=Bonn plan=gold");
    let outcome =
        harness.send_request(&parse_request("e:ann name=Eve city= zip=5 plan= size=small"));
    assert_eq!(withheld(&outcome), ["first_name", "city", "plan"]);
    assert_eq!((outcome.effect, outcome.changed.len()), (Effect::Updated, 2));
    assert_eq!(harness.about(0), "e:ann name=Ann city=Bonn zip=5 plan=gold size=small");
    // What it filled is its own.
    let outcome = harness.send_request(&parse_request("e:ann zip=6 size="));
    assert!(withheld(&outcome).is_empty());
    assert_eq!(harness.about(0), "e:ann name=Ann city=Bonn zip=6 plan=gold");
}

pub fn a_request_whose_values_are_all_withheld_changes_nothing(engines: &Engines) {
    let mut harness = harness(engines);
    harness.send("server e:ann name=Ann");
    let before = harness.profile(0).updated;
    let outcome = harness.send_request(&parse_request("e:ann name=Eve"));
    assert_eq!((outcome.effect, harness.profile(0).updated), (Effect::Unchanged, before));
    let again = harness.send_request(&parse_request("e:ann name=Ann"));
    assert!(withheld(&again).is_empty(), "what is there anyway is not withheld");
}

pub fn no_operator_of_a_client_changes_a_property_of_the_companys(engines: &Engines) {
    let mut harness = harness(engines);
    harness.send("server e:ann plan=gold");
    harness.send("e:ann size=small");
    let name = |text: &str| text.parse::<PropertyName>().unwrap();
    let element = || vec!["\"gold\"".parse().unwrap()];
    for step in 0..5 {
        let mut request = harness.submission(&parse_request("e:ann"));
        let properties = &mut request.patch.properties;
        match step {
            0 => properties.append.push((name("plan"), vec!["1".parse().unwrap()])),
            1 => properties.unappend.push((name("plan"), element())),
            2 => properties.unset.push(name("plan")),
            3 => properties.set.push((name("plan"), "null".parse().unwrap())),
            _ => properties.clear = true,
        }
        let outcome = harness.submit(request).unwrap();
        assert_eq!(withheld(&outcome), ["plan"], "step {step}");
        assert_eq!(outcome.changed.len(), usize::from(step == 4));
    }
    assert_eq!(harness.about(0), "e:ann plan=gold");
}

pub fn values_that_differ_only_in_the_order_of_members_are_the_same(engines: &Engines) {
    let mut harness = harness(engines);
    let (first, second) = (r#"{"w":1,"h":2}"#, r#"{"h":2,"w":1}"#);
    let mut send = |words: &str, json: &str| {
        let mut request = harness.submission(&parse_request(words));
        request.patch.properties.set = vec![("size".parse().unwrap(), json.parse().unwrap())];
        let outcome = harness.submit(request).unwrap();
        (harness.describe(&outcome), withheld(&outcome).len())
    };
    send("server x:1", first);
    send("server a:tab", second);
    // A client that repeats the value writes nothing.
    assert_eq!(send("x:1", second), ("unchanged 0: matched".to_owned(), 0));
    assert_eq!(send("x:1", r#"{"h":2,"w":3}"#), ("unchanged 0: matched".to_owned(), 1));
    // And the company did not write otherwise to the two profiles.
    let merged = send("x:1 a:tab", second);
    assert_eq!(merged, ("updated 0: matched, absorbed 1".to_owned(), 0));
    assert_eq!(harness.about(0), format!("x:1 a:tab size={first}"));
}

pub fn a_value_that_the_company_cleared_is_a_gap(engines: &Engines) {
    let mut harness = harness(engines);
    harness.send("server e:ann name=Ann plan=gold");
    harness.send("server e:ann name= plan=");
    assert!(withheld(&harness.send_request(&parse_request("e:ann name=Eve plan=free"))).is_empty());
    assert_eq!(harness.about(0), "e:ann name=Eve plan=free");
}

pub fn a_value_that_the_company_repeats_becomes_the_companys(engines: &Engines) {
    let mut harness = harness(engines);
    harness.send("e:ann name=Ann plan=gold");
    let told = harness.send_request(&parse_request("server e:ann name=Ann plan=gold"));
    assert_eq!(told.effect, Effect::Unchanged);
    assert_eq!(
        withheld(&harness.send_request(&parse_request("e:ann name=Eve plan=free"))),
        ["first_name", "plan"]
    );
}

pub fn the_author_of_a_value_is_recorded_before_protection_begins(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("server e:ann name=Ann city=Bonn plan=gold size=small");
    harness.send("e:ann city=Rome plan=free");
    harness.settings = protected().into();
    let outcome =
        harness.send_request(&parse_request("e:ann name=Eve city=Oslo plan=none size=large"));
    assert_eq!(withheld(&outcome), ["first_name", "size"]);
    assert_eq!(harness.about(0), "e:ann name=Ann city=Oslo plan=none size=small");
}

pub fn withheld_names_are_listed_up_to_a_limit(engines: &Engines) {
    let mut harness = harness(engines);
    let mut request = harness.submission(&parse_request("server e:ann"));
    let many = |json: &'static str| {
        let name = |number| format!("n{number}").parse().unwrap();
        (0..PROPERTIES).map(move |number| (name(number), json.parse().unwrap()))
    };
    request.patch.properties.set = many("1").collect();
    harness.submit(request).unwrap();
    let mut request = harness.submission(&parse_request("e:ann"));
    request.patch.properties.set = many("2").collect();
    let outcome = harness.submit(request).unwrap();
    assert_eq!((outcome.withheld.len(), outcome.withheld_unlisted), (64, PROPERTIES - 64));
}

pub fn a_merge_prefers_the_companys_values_and_keeps_their_author(engines: &Engines) {
    let mut harness = harness(engines);
    harness.send("x:1 name=Eve tz=There plan=free");
    harness.send("server e:ann name=Ann tz=Here plan=gold");
    harness.send("p:5 tz=Nowhere size=large");
    harness.send("x:1 e:ann p:5");
    assert_eq!(harness.about(0), "x:1 e:ann p:5 name=Ann tz=Here plan=gold size=large");
    let outcome =
        harness.send_request(&parse_request("x:1 name=Eve tz=There plan=free size=small"));
    assert_eq!(withheld(&outcome), ["first_name", "timezone", "plan"]);
}

pub fn a_location_that_the_company_wrote_is_kept_whole(engines: &Engines) {
    let mut harness = harness(engines);
    harness.send("x:1 city=Rome zip=1");
    harness.send("server e:ann city=Bonn");
    harness.send("x:1 e:ann");
    assert_eq!(harness.about(0), "x:1 e:ann city=Bonn");
    // What the company wrote of another comes into it.
    harness.send("p:5 city=Oslo");
    harness.send("server p:5 zip=9");
    harness.send("server x:1 p:5");
    assert_eq!(harness.about(0), "x:1 e:ann p:5 city=Bonn zip=9");
}

pub fn a_merge_is_undone_as_it_was_made_whatever_the_settings_are_by_then(engines: &Engines) {
    for (then, now) in [(protected(), SMALL_LIMITS), (SMALL_LIMITS, protected())] {
        let mut harness = StoreHarness::with_settings(engines, then);
        harness.send("x:1 name=Eve tz=There plan=free");
        harness.send("server e:ann name=Ann tz=Here plan=gold");
        let before = [harness.profile(0), harness.profile(1)];
        harness.send("x:1 e:ann");
        harness.settings = now.into();
        let unmerged = harness.undo(1).unwrap();
        assert!(unmerged.kept.is_empty());
        for (number, before) in before.into_iter().enumerate() {
            let Profile { attributes, authored, .. } = harness.profile(number);
            assert!(attributes == before.attributes);
            assert_eq!(authored, before.authored);
        }
    }
}

pub fn an_undo_keeps_the_author_of_values_written_since(engines: &Engines) {
    let mut harness = harness(engines);
    for words in ["x:1 name=Ann", "e:ann", "x:1 e:ann", "server x:1 name=Ann"] {
        harness.send(words);
    }
    harness.undo(1).unwrap();
    assert!(harness.profile(0).authored.field(Field::FirstName));
}

/// The same request with values that name their author.
fn signed(request: TestRequest) -> TestRequest {
    let sign = if request.server { "s" } else { "c" };
    let facts = request.facts.into_iter().map(|(name, value)| match value.as_str() {
        "" => (name, value),
        _ => (name, format!("{sign}-{value}")),
    });
    TestRequest { facts: facts.collect(), ..request }
}

/// The values of a profile by name, and whether the company wrote each.
fn values(profile: &Profile) -> BTreeMap<String, (String, bool)> {
    let Profile { attributes, authored, .. } = profile;
    let fields = attributes.fields.iter().filter_map(|(field, value)| {
        let text = value.as_ref()?.as_str().to_owned();
        Some((field.name().to_owned(), (text, authored.field(field))))
    });
    let properties = attributes.properties.iter().map(|(name, value)| {
        let text = value.as_json().trim_matches('"').to_owned();
        (name.as_str().to_owned(), (text, authored.property(name)))
    });
    fields.chain(properties).collect()
}

fn sequences() -> impl Strategy<Value = Vec<TestRequest>> {
    prop::collection::vec(requests().prop_map(signed), 1..20)
}

/// Whatever is merged, a value of the company stays one, and stays the same unless the company had
/// written another value of the other profile.
pub fn no_client_changes_what_the_company_wrote(engines: &Engines) {
    engines.check(sequences(), |sequence| {
        let mut harness = harness(engines);
        for request in &sequence {
            let before: Vec<_> =
                (0..harness.created.len()).map(|number| harness.profile(number)).collect();
            harness.send_request(request);
            if request.server {
                continue;
            }
            for (number, profile) in before.iter().enumerate() {
                let now = values(&harness.profile(number));
                for (name, own) in values(profile).into_iter().filter(|(_, (_, own))| *own) {
                    prop_assert_eq!(now.get(&name), Some(&own), "{}: {:?}", name, request);
                }
            }
        }
        Ok(())
    });
}

/// The recorded author of a value is true, whether values are protected or not.
pub fn the_recorded_author_of_a_value_is_true(engines: &Engines) {
    engines.check((sequences(), any::<bool>()), |(sequence, protect)| {
        let mut harness =
            StoreHarness::with_settings(engines, IdentitySettings { protect, ..SMALL_LIMITS });
        for request in &sequence {
            harness.send_request(request);
            for number in 0..harness.created.len() {
                for (name, (value, own)) in values(&harness.profile(number)) {
                    prop_assert_eq!(value.starts_with("s-"), own, "{}={}", name, value);
                }
            }
        }
        Ok(())
    });
}

pub fn a_request_of_a_client_carried_out_twice_withholds_the_same(engines: &Engines) {
    engines.check(sequences(), |sequence| {
        let mut harness = harness(engines);
        for request in &sequence {
            let first = harness.send_request(request);
            let second = harness.send_request(request);
            let merged = |outcome: &Outcome| outcome.absorbed().next().is_some();
            if first.survivor == second.survivor && !merged(&first) && !merged(&second) {
                prop_assert_eq!(withheld(&first), withheld(&second));
            }
        }
        harness.assert_sound();
        Ok(())
    });
}
