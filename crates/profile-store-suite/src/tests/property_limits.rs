//! How many properties a profile may have, and how many of them are reserved for the company.

use profile_protocol::{
    PropertyName, PropertyValue,
    limits::{PROPERTIES, PROPERTIES_BYTES},
};
use profile_store::{
    Effect, Outcome, PropertiesTooLarge, Rejected, StoreError, Submission,
    limits::{CLIENT_PROPERTIES, CLIENT_PROPERTIES_BYTES},
};

use crate::{
    engines::Engines,
    harness::{StoreHarness, withheld},
    notation::parse_request,
};

const TOO_LARGE: Result<Outcome, StoreError> =
    Err(StoreError::Rejected(Rejected::PropertiesTooLarge(PropertiesTooLarge)));

/// Sets a property that takes up so many bytes with its name.
fn filled(words: &str, name: &str, bytes: usize, harness: &StoreHarness) -> Submission {
    let mut submission = harness.submission(&parse_request(words));
    submission.patch.properties.set.push(property(name, bytes));
    submission
}

fn property(name: &str, bytes: usize) -> (PropertyName, PropertyValue) {
    let text = "x".repeat(bytes - name.len() - 2);
    (name.parse().unwrap(), format!("\"{text}\"").parse().unwrap())
}

/// Sets so many properties, of which no other prefix has any.
fn many(words: &str, prefix: &str, count: usize, harness: &StoreHarness) -> Submission {
    let mut submission = harness.submission(&parse_request(words));
    let name = |number| format!("{prefix}{number}").parse().unwrap();
    submission.patch.properties.set =
        (0..count).map(|number| (name(number), "1".parse().unwrap())).collect();
    submission
}

/// Submits a request of a client. Returns the names that were left out, in order.
#[track_caller]
fn left_out(harness: &mut StoreHarness, submission: Submission) -> Vec<String> {
    let mut names = withheld(&harness.submit(submission).unwrap());
    names.sort();
    names
}

pub fn a_request_of_the_company_with_too_many_properties_is_refused_whole(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("x:1 plan=gold");
    harness.send("e:ann");
    let before = harness.about(0);
    let submission = filled("server x:1 e:ann name=Ann a:tab", "notes", 256 * 1024 + 1, &harness);
    assert_eq!(harness.submit(submission), TOO_LARGE);

    let mut many = harness.submission(&parse_request("server x:1 a:tab"));
    for number in 0..=PROPERTIES {
        let name = format!("p{number}").parse().unwrap();
        many.patch.properties.set.push((name, "1".parse().unwrap()));
    }
    assert_eq!(harness.submit(many), TOO_LARGE);

    assert_eq!(harness.about(0), before);
    assert_eq!(harness.leads_to("e:ann"), Some(1));
    assert_eq!(harness.leads_to("a:tab"), None);
    assert_eq!(harness.outcomes().len(), 2);
    // A profile may be full to the last byte.
    let submission = filled("server x:1", "notes", 256 * 1024 - "plan\"gold\"".len(), &harness);
    assert!(harness.submit(submission).is_ok());
    harness.assert_sound();
}

pub fn clients_cannot_use_the_property_count_reserved_for_the_company(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.submit(many("e:ann", "p", CLIENT_PROPERTIES, &harness)).unwrap();
    let more = many("e:ann", "q", 1, &harness);
    assert_eq!(left_out(&mut harness, more), ["q0"]);
    // Nor can they with a profile of their own, which they would have absorbed.
    harness.submit(many("a:tab", "r", 1, &harness)).unwrap();
    assert_eq!(harness.send("e:ann a:tab"), "unchanged 0: matched, too large");
    let room = PROPERTIES - CLIENT_PROPERTIES;
    let outcome = harness.submit(many("server e:ann", "s", room, &harness)).unwrap();
    assert_eq!(withheld(&outcome), Vec::<String>::new());
    harness.assert_sound();
}

/// A profile that a client has filled, and what the company writes to it all the same.
pub fn what_clients_wrote_leaves_for_what_the_company_writes(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.submit(many("e:ann", "p", CLIENT_PROPERTIES, &harness)).unwrap();
    let room = PROPERTIES - CLIENT_PROPERTIES;
    let outcome = harness.submit(many("import e:ann", "s", room + 3, &harness)).unwrap();
    assert_eq!(withheld(&outcome), ["p99", "p98", "p97"]);
    assert_eq!(outcome.effect, Effect::Updated);
    // What the company wrote leaves for nothing.
    let outcome = harness.submit(many("update:0", "t", CLIENT_PROPERTIES - 3, &harness)).unwrap();
    let left = outcome.withheld.len() + outcome.withheld_unlisted;
    assert_eq!(left, CLIENT_PROPERTIES - 3);
    assert_eq!(harness.submit(many("server e:ann", "u", 1, &harness)), TOO_LARGE);
    let stored = harness.profile(0).attributes.properties;
    assert!(stored.iter().all(|(name, _)| !name.as_str().starts_with('p')), "{stored:?}");
    assert_eq!(stored.len(), PROPERTIES);
    harness.assert_sound();
}

pub fn what_clients_wrote_last_leaves_first(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("e:ann plan=gold");
    harness.submit(many("e:ann", "junk", CLIENT_PROPERTIES - 1, &harness)).unwrap();
    let room = PROPERTIES - CLIENT_PROPERTIES;
    let noted = profile_store::limits::REPLACED_VALUES;
    harness.submit(many("server e:ann", "s", room + noted, &harness)).unwrap();
    let stored = harness.profile(0).attributes.properties;
    assert!(stored.value(&"plan".parse().unwrap()).is_some());
    harness.submit(many("server e:ann", "t", 1, &harness)).unwrap();
    let stored = harness.profile(0).attributes.properties;
    assert!(stored.value(&"plan".parse().unwrap()).is_none());
    harness.assert_sound();
}

pub fn the_company_merges_profiles_though_clients_have_filled_the_survivor(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.submit(many("e:ann", "p", CLIENT_PROPERTIES, &harness)).unwrap();
    let half = PROPERTIES / 2;
    harness.submit(many("server p:5", "s", half, &harness)).unwrap();
    harness.submit(many("server p:6", "t", half, &harness)).unwrap();
    assert_eq!(harness.send("import e:ann p:5"), "updated 0: matched, absorbed 1");
    let outcome = harness.merge(0, 2).unwrap();
    assert_eq!(outcome.withheld.len() + outcome.withheld_unlisted, half);
    let stored = harness.profile(0).attributes.properties;
    assert!(stored.iter().all(|(name, _)| !name.as_str().starts_with('p')), "{stored:?}");
    // What left was no part of the merged profiles.
    harness.undo(2).unwrap();
    harness.undo(1).unwrap();
    assert_eq!(harness.profile(1).attributes.properties.len(), half);
    assert_eq!(harness.profile(0).attributes.properties.len(), 0);
    harness.assert_sound();
}

pub fn clients_can_change_and_remove_properties_of_a_full_profile(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.submit(many("server e:ann", "p", PROPERTIES, &harness)).unwrap();
    assert_eq!(harness.send("e:ann p1=2 name=Ann"), "updated 0: matched");
    assert_eq!(harness.send("e:ann p2= p3="), "updated 0: matched");
    let outcome = harness.send_request(&parse_request("e:ann q=1 p1=3 zip=5"));
    assert_eq!(withheld(&outcome), ["q"]);
    assert_eq!((outcome.effect, outcome.changed.len()), (Effect::Updated, 2));
    // What has no properties may become part of it.
    harness.send("a:tab name=Eve");
    assert_eq!(harness.send("e:ann a:tab"), "updated 0: matched, absorbed 1");
}

pub fn profiles_that_together_have_too_many_properties_are_not_merged(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for (words, kibibytes) in [("x:1", 150), ("e:ann", 150), ("p:5", 50)] {
        let submission = filled(words, words, kibibytes * 1024, &harness);
        harness.submit(submission).unwrap();
    }
    assert_eq!(harness.send("x:1 e:ann p:5"), "updated 0: matched, too large, absorbed 2");
    harness.assert_sound();
}

pub fn clients_cannot_use_the_bytes_reserved_for_the_company(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.submit(filled("e:ann", "notes", CLIENT_PROPERTIES_BYTES, &harness)).unwrap();
    let more = filled("e:ann", "notes", CLIENT_PROPERTIES_BYTES + 1, &harness);
    assert_eq!(left_out(&mut harness, more), ["notes"]);
    assert_eq!(withheld(&harness.send_request(&parse_request("e:ann q=1"))), ["q"]);
    let stored = harness.profile(0).attributes.properties.bytes();
    assert_eq!(stored, CLIENT_PROPERTIES_BYTES, "the value from before stays whole");
    let room = PROPERTIES_BYTES - CLIENT_PROPERTIES_BYTES;
    let outcome = harness.submit(filled("server e:ann", "own", room, &harness)).unwrap();
    assert_eq!(withheld(&outcome), Vec::<String>::new());
    // Beyond the reserve, what the client wrote leaves.
    let outcome = harness.submit(filled("server e:ann", "own", room + 1, &harness)).unwrap();
    assert_eq!(withheld(&outcome), ["notes"]);
    let full = PROPERTIES_BYTES - (room + 1);
    assert!(harness.submit(filled("server e:ann", "more", full, &harness)).is_ok());
    assert_eq!(harness.submit(filled("server e:ann", "more", full + 1, &harness)), TOO_LARGE);
    harness.assert_sound();
}

pub fn a_merge_uses_the_reserved_bytes_only_for_the_company(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    let room = PROPERTIES_BYTES - CLIENT_PROPERTIES_BYTES;
    harness.submit(filled("e:ann", "notes", CLIENT_PROPERTIES_BYTES, &harness)).unwrap();
    harness.submit(filled("a:tab", "more", room, &harness)).unwrap();
    assert_eq!(harness.send("e:ann a:tab"), "unchanged 0: matched, too large");
    assert_eq!(harness.send("server e:ann a:tab"), "updated 0: matched, absorbed 1");
    assert_eq!(harness.profile(0).attributes.properties.bytes(), PROPERTIES_BYTES);
    harness.assert_sound();
}

pub fn clients_cannot_replace_the_companys_properties_with_their_own(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    let room = PROPERTIES - CLIENT_PROPERTIES;
    harness.submit(many("e:ann", "p", CLIENT_PROPERTIES, &harness)).unwrap();
    harness.submit(many("server e:ann", "s", room, &harness)).unwrap();
    let taken = (0..room).map(|number| format!("s{number}").parse().unwrap());
    let mut swap = many("e:ann", "q", room, &harness);
    swap.patch.properties.unset = taken.collect();
    harness.submit(swap.clone()).unwrap();
    let stored = harness.profile(0).attributes.properties;
    assert!(stored.iter().all(|(name, _)| name.as_str().starts_with('p')), "{stored:?}");
    // What clients remove without a substitute is reserved for the company again.
    swap.patch.properties.set.clear();
    assert!(harness.submit(swap).is_ok());
    let more = many("e:ann", "q", 1, &harness);
    assert_eq!(left_out(&mut harness, more), ["q0"]);
    assert!(harness.submit(many("server e:ann", "s", room, &harness)).is_ok());
    harness.assert_sound();
}

pub fn clients_cannot_grow_their_values_by_shrinking_the_companys(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    let room = PROPERTIES_BYTES - CLIENT_PROPERTIES_BYTES;
    harness.submit(filled("e:ann", "notes", CLIENT_PROPERTIES_BYTES, &harness)).unwrap();
    harness.submit(filled("server e:ann", "own", room, &harness)).unwrap();
    for name in ["notes", "new"] {
        let mut swap = filled("e:ann", "own", room / 2, &harness);
        let had = if name == "notes" { CLIENT_PROPERTIES_BYTES } else { 0 };
        swap.patch.properties.set.push(property(name, had + room / 2));
        assert_eq!(left_out(&mut harness, swap), [name]);
    }
    assert!(harness.submit(filled("e:ann", "own", room / 2, &harness)).is_ok());
    assert!(harness.submit(filled("server e:ann", "own", room, &harness)).is_ok());
    // Nor by a merge: a profile of theirs may survive.
    harness.submit(filled("a:tab", "own", room + 1, &harness)).unwrap();
    assert_eq!(harness.send("e:ann a:tab"), "unchanged 0: matched, too large");
    harness.submit(filled("a:pad", "own", room, &harness)).unwrap();
    assert_eq!(harness.send("e:ann a:pad"), "updated 0: matched, absorbed 2");
    harness.assert_sound();
}

pub fn common_properties_of_merged_profiles_count_once(engines: &Engines) {
    let half = CLIENT_PROPERTIES / 2;
    let mut harness = StoreHarness::new(engines);
    harness.submit(many("a:tab", "p", half + 1, &harness)).unwrap();
    harness.submit(many("a:pad", "p", half + 1, &harness)).unwrap();
    assert_eq!(harness.send("@a:pad a:tab"), "updated 1: matched, absorbed 0");
    harness.submit(many("a:phone", "q", half, &harness)).unwrap();
    assert_eq!(harness.send("a:tab @a:phone"), "unchanged 2: matched, too large");
    assert_eq!(harness.send("a:phone q0="), "updated 2: matched");
    assert_eq!(harness.send("a:tab @a:phone"), "updated 2: matched, absorbed 1");
    assert_eq!(harness.profile(0).attributes.properties.len(), CLIENT_PROPERTIES);
    harness.assert_sound();
}

pub fn the_company_merges_profiles_that_clients_have_filled(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.submit(many("e:ann", "p", CLIENT_PROPERTIES, &harness)).unwrap();
    harness.submit(many("p:5", "q", CLIENT_PROPERTIES, &harness)).unwrap();
    harness.send("server p:5 mine=1");
    let joins = parse_request("import e:ann p:5 plan=gold");
    let outcome = harness.send_request(&joins);
    assert_eq!(harness.describe(&outcome), "updated 0: matched, absorbed 1");
    // What a client wrote to the absorbed profile gives way, and is in the record of the merge.
    let left_out = outcome.withheld.len() + outcome.withheld_unlisted;
    assert_eq!(left_out, 2 * CLIENT_PROPERTIES + 2 - PROPERTIES);
    let profile = harness.profile(0);
    assert_eq!(profile.attributes.properties.len(), PROPERTIES);
    for name in ["mine", "plan"] {
        assert!(profile.attributes.properties.value(&name.parse().unwrap()).is_some());
    }
    harness.undo(1).unwrap();
    assert_eq!(harness.profile(1).attributes.properties.len(), CLIENT_PROPERTIES + 1);
    harness.assert_sound();
}
