//! What the company wrote and protects, no client changes.

use std::collections::BTreeMap;

use profile_protocol::{ChangedAttribute, Field, PropertyName, limits::PROPERTIES};
use profile_store::{Effect, Outcome, Profile, Rules};
use proptest::prelude::*;

use crate::{
    laws::{TIGHT, requests},
    people::{Asked, asked},
    world::World,
};

fn protected() -> Rules {
    Rules { protect: true, ..TIGHT }
}

fn world() -> World {
    World::with_rules(protected())
}

/// The names of what was withheld.
fn withheld(outcome: &Outcome) -> Vec<String> {
    let name = |attribute: &ChangedAttribute| match attribute {
        ChangedAttribute::Field(field) => field.name().to_owned(),
        ChangedAttribute::Property(name) => name.as_str().to_owned(),
    };
    outcome.withheld.iter().map(name).collect()
}

#[test]
fn a_client_fills_gaps_and_changes_nothing_that_the_company_wrote() {
    let mut world = world();
    world.say("server e:ann name=Ann city=Bonn plan=gold");
    let outcome = world.ask(&asked("e:ann name=Eve city= zip=5 plan= size=small"));
    assert_eq!(withheld(&outcome), ["first_name", "city", "plan"]);
    assert_eq!((outcome.effect, outcome.changed.len()), (Effect::Updated, 2));
    assert_eq!(world.about(0), "e:ann name=Ann city=Bonn zip=5 plan=gold size=small");
    // What it filled is its own.
    let outcome = world.ask(&asked("e:ann zip=6 size="));
    assert!(withheld(&outcome).is_empty());
    assert_eq!(world.about(0), "e:ann name=Ann city=Bonn zip=6 plan=gold");
}

#[test]
fn a_request_of_which_all_is_withheld_changes_nothing() {
    let mut world = world();
    world.say("server e:ann name=Ann");
    let before = world.profile(0).updated;
    let outcome = world.ask(&asked("e:ann name=Eve"));
    assert_eq!((outcome.effect, world.profile(0).updated), (Effect::Unchanged, before));
    let again = world.ask(&asked("e:ann name=Ann"));
    assert!(withheld(&again).is_empty(), "what is there anyway is not withheld");
}

#[test]
fn no_operator_of_a_client_changes_a_property_of_the_companys() {
    let mut world = world();
    world.say("server e:ann plan=gold");
    world.say("e:ann size=small");
    let name = |text: &str| text.parse::<PropertyName>().unwrap();
    let element = || vec!["\"gold\"".parse().unwrap()];
    for step in 0..5 {
        let mut request = world.submission(&asked("e:ann"));
        let properties = &mut request.patch.properties;
        match step {
            0 => properties.append.push((name("plan"), vec!["1".parse().unwrap()])),
            1 => properties.unappend.push((name("plan"), element())),
            2 => properties.unset.push(name("plan")),
            3 => properties.set.push((name("plan"), "null".parse().unwrap())),
            _ => properties.clear = true,
        }
        let outcome = world.submit(request).unwrap();
        assert_eq!(withheld(&outcome), ["plan"], "step {step}");
        assert_eq!(outcome.changed.len(), usize::from(step == 4));
    }
    assert_eq!(world.about(0), "e:ann plan=gold");
}

#[test]
fn what_the_company_clears_is_a_gap() {
    let mut world = world();
    world.say("server e:ann name=Ann plan=gold");
    world.say("server e:ann name= plan=");
    assert!(withheld(&world.ask(&asked("e:ann name=Eve plan=free"))).is_empty());
    assert_eq!(world.about(0), "e:ann name=Eve plan=free");
}

#[test]
fn the_company_vouches_for_what_it_says_even_if_it_was_there() {
    let mut world = world();
    world.say("e:ann name=Ann plan=gold");
    let told = world.ask(&asked("server e:ann name=Ann plan=gold"));
    assert_eq!(told.effect, Effect::Unchanged);
    assert_eq!(withheld(&world.ask(&asked("e:ann name=Eve plan=free"))), ["first_name", "plan"]);
}

#[test]
fn who_wrote_a_value_is_known_when_it_comes_to_be_protected() {
    let mut world = World::new();
    world.say("server e:ann name=Ann city=Bonn plan=gold size=small");
    world.say("e:ann city=Rome plan=free");
    world.rules = protected().into();
    let outcome = world.ask(&asked("e:ann name=Eve city=Oslo plan=none size=large"));
    assert_eq!(withheld(&outcome), ["first_name", "size"]);
    assert_eq!(world.about(0), "e:ann name=Ann city=Oslo plan=none size=small");
}

#[test]
fn the_names_withheld_are_listed_up_to_a_bound() {
    let mut world = world();
    let mut request = world.submission(&asked("server e:ann"));
    let many = |json: &'static str| {
        let name = |number| format!("n{number}").parse().unwrap();
        (0..PROPERTIES).map(move |number| (name(number), json.parse().unwrap()))
    };
    request.patch.properties.set = many("1").collect();
    world.submit(request).unwrap();
    let mut request = world.submission(&asked("e:ann"));
    request.patch.properties.set = many("2").collect();
    let outcome = world.submit(request).unwrap();
    assert_eq!((outcome.withheld.len(), outcome.withheld_unlisted), (64, PROPERTIES - 64));
}

#[test]
fn where_profiles_join_the_companys_values_go_first_and_are_still_its_own() {
    let mut world = world();
    world.say("x:1 name=Eve tz=There plan=free");
    world.say("server e:ann name=Ann tz=Here plan=gold");
    world.say("p:5 tz=Nowhere size=large");
    world.say("x:1 e:ann p:5");
    assert_eq!(world.about(0), "x:1 e:ann p:5 name=Ann tz=Here plan=gold size=large");
    let outcome = world.ask(&asked("x:1 name=Eve tz=There plan=free size=small"));
    assert_eq!(withheld(&outcome), ["first_name", "timezone", "plan"]);
}

#[test]
fn a_location_of_the_companys_stands_as_a_whole() {
    let mut world = world();
    world.say("x:1 city=Rome zip=1");
    world.say("server e:ann city=Bonn");
    world.say("x:1 e:ann");
    assert_eq!(world.about(0), "x:1 e:ann city=Bonn");
    // What the company wrote of another comes into it.
    world.say("p:5 city=Oslo");
    world.say("server p:5 zip=9");
    world.say("x:1 p:5");
    assert_eq!(world.about(0), "x:1 e:ann p:5 city=Bonn zip=9");
}

#[test]
fn a_merge_is_undone_as_it_was_made_whatever_the_rules_are_by_then() {
    for (then, now) in [(protected(), TIGHT), (TIGHT, protected())] {
        let mut world = World::with_rules(then);
        world.say("x:1 name=Eve tz=There plan=free");
        world.say("server e:ann name=Ann tz=Here plan=gold");
        let before = [world.profile(0), world.profile(1)];
        world.say("x:1 e:ann");
        world.rules = now.into();
        let unmerged = world.undo(1).unwrap();
        assert!(unmerged.kept.is_empty());
        for (number, before) in before.into_iter().enumerate() {
            let Profile { attributes, authored, .. } = world.profile(number);
            assert!(attributes == before.attributes);
            assert_eq!(authored, before.authored);
        }
    }
}

#[test]
fn what_the_company_wrote_since_a_merge_stays_its_own_when_that_is_undone() {
    let mut world = world();
    for words in ["x:1 name=Ann", "e:ann", "x:1 e:ann", "server x:1 name=Ann"] {
        world.say(words);
    }
    world.undo(1).unwrap();
    assert!(world.profile(0).authored.field(Field::FirstName));
}

/// What the company and nobody else says of whom: who said it can be told by the value.
fn signed(asked: Asked) -> Asked {
    let sign = if asked.server { "s" } else { "c" };
    let facts = asked.facts.into_iter().map(|(name, value)| match value.as_str() {
        "" => (name, value),
        _ => (name, format!("{sign}-{value}")),
    });
    Asked { facts: facts.collect(), ..asked }
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

fn sequences() -> impl Strategy<Value = Vec<Asked>> {
    prop::collection::vec(requests().prop_map(signed), 1..20)
}

proptest! {
    /// Whoever is merged with whom: what a person had of the company is of the
    /// company still, and the same unless it had said another thing of the other.
    #[test]
    fn no_client_changes_what_the_company_wrote(sequence in sequences()) {
        let mut world = world();
        for asked in &sequence {
            let before: Vec<_> = (0..world.known.len()).map(|number| world.profile(number)).collect();
            world.ask(asked);
            if asked.server {
                continue;
            }
            for (number, profile) in before.iter().enumerate() {
                let now = values(&world.profile(number));
                for (name, own) in values(profile).into_iter().filter(|(_, (_, own))| *own) {
                    prop_assert_eq!(now.get(&name), Some(&own), "{}: {:?}", name, asked);
                }
            }
        }
    }

    /// The note of who wrote a value is true, whether anything is protected or not.
    #[test]
    fn a_value_is_whose_it_says(sequence in sequences(), protect in any::<bool>()) {
        let mut world = World::with_rules(Rules { protect, ..TIGHT });
        for asked in &sequence {
            world.ask(asked);
            for number in 0..world.known.len() {
                for (name, (value, own)) in values(&world.profile(number)) {
                    prop_assert_eq!(value.starts_with("s-"), own, "{}={}", name, value);
                }
            }
        }
    }

    #[test]
    fn a_request_of_a_client_carried_out_twice_withholds_the_same(sequence in sequences()) {
        let mut world = world();
        for asked in &sequence {
            let first = world.ask(asked);
            let second = world.ask(asked);
            let merged = |outcome: &Outcome| outcome.absorbed().next().is_some();
            if first.survivor == second.survivor && !merged(&first) && !merged(&second) {
                prop_assert_eq!(withheld(&first), withheld(&second));
            }
        }
        world.is_sound();
    }
}
