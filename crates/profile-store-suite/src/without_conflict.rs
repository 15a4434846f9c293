//! Requests without conflicts: each identifier belongs to one person, and a person has one of each
//! kind, and some devices.

use proptest::prelude::*;

use crate::{
    harness::StoreHarness,
    notation::{TestRequest, describe_identifiers},
};

/// The identifiers of a person that a request names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamedPerson {
    person: usize,
    kinds: [bool; 3],
    device: Option<usize>,
}

fn all() -> impl Strategy<Value = NamedPerson> {
    (0usize..3, any::<[bool; 3]>(), prop::option::of(0usize..3))
        .prop_map(|(person, kinds, device)| NamedPerson { person, kinds, device })
}

pub(crate) fn words(named: &NamedPerson, anchored: bool) -> Vec<(String, String)> {
    let NamedPerson { person, kinds, device } = *named;
    let mut words: Vec<(String, String)> = ["x", "e", "p"]
        .into_iter()
        .zip(kinds)
        .filter(|(kind, said)| *said || (anchored && *kind == "x"))
        .map(|(kind, _)| (kind.into(), format!("{}", person + 1)))
        .collect();
    words.extend(device.map(|device| ("a".into(), format!("tab-{person}-{device}"))));
    words
}

pub(crate) fn written(named: &NamedPerson, anchored: bool) -> TestRequest {
    TestRequest { attributes: words(named, anchored), ..TestRequest::default() }
}

pub(crate) fn sequences() -> impl Strategy<Value = Vec<NamedPerson>> {
    prop::collection::vec(all(), 1..12).prop_map(|mut all| {
        all.retain(|named| named.device.is_some() || named.kinds.contains(&true));
        all
    })
}

/// The identifiers that these requests name together, directly or through others.
pub(crate) fn components(sequence: &[NamedPerson], anchored: bool) -> Vec<Vec<String>> {
    let mut groups: Vec<Vec<String>> = Vec::new();
    for named in sequence {
        let mut joined: Vec<String> = words(named, anchored)
            .into_iter()
            .map(|(kind, text)| format!("{kind}:{text}"))
            .collect();
        groups.retain(|group| {
            let touched = group.iter().any(|word| joined.contains(word));
            if touched {
                joined.extend(group.iter().cloned());
            }
            !touched
        });
        joined.sort();
        joined.dedup();
        groups.push(joined);
    }
    groups.sort();
    groups
}

/// The same of a store.
pub(crate) fn partition(harness: &StoreHarness) -> Vec<Vec<String>> {
    let mut groups: Vec<Vec<String>> = (0..harness.created.len())
        .map(|number| {
            let identifiers = describe_identifiers(&harness.profile(number).identifiers);
            let mut words: Vec<String> = identifiers.split(' ').map(str::to_owned).collect();
            words.sort();
            words
        })
        .collect();
    groups.sort();
    groups.dedup();
    groups
}
