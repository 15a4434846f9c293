//! Random requests about few people, so that they meet.

use std::collections::BTreeMap;

use profile_store::{DifferentExternalId, IdentitySettings, Placeholders};
use proptest::prelude::*;

use crate::notation::{TestIntent, TestRequest};

/// Limits small enough that short sequences meet them.
pub const SMALL_LIMITS: IdentitySettings = IdentitySettings {
    anonymous_ids: 3,
    secondary_emails: 2,
    merges: 4,
    placeholders: Placeholders { added: Vec::new(), removed: Vec::new() },
    protect: false,
    different_external_id: DifferentExternalId::SameProfile,
    replaced_days: 30,
};

/// These limits, under either choice about a different external id.
pub fn small_limits() -> impl Strategy<Value = IdentitySettings> {
    different_external_ids().prop_map(|different_external_id| IdentitySettings {
        different_external_id,
        ..SMALL_LIMITS
    })
}

/// Either choice about a different external id.
pub fn different_external_ids() -> impl Strategy<Value = DifferentExternalId> {
    prop::sample::select(&[DifferentExternalId::SameProfile, DifferentExternalId::NewProfile][..])
}

/// The choice about a different external id that goes with a number: one with even numbers, the
/// other with odd ones.
pub const fn different_external_id(number: usize) -> DifferentExternalId {
    match number % 2 {
        0 => DifferentExternalId::SameProfile,
        _ => DifferentExternalId::NewProfile,
    }
}

fn chosen(from: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(from).prop_map(str::to_owned)
}

/// At most one identifier of each kind, of few.
fn identifiers(often: f64) -> impl Strategy<Value = Vec<(String, String)>> {
    let maybe = |share: f64, kind: &'static str, from: &'static [&'static str]| {
        prop::option::weighted(
            share * often,
            chosen(from).prop_map(move |text| (kind.into(), text)),
        )
    };
    (
        maybe(0.1, "id", &["0", "1", "2", "3", "99", "old"]),
        maybe(0.1, "kx", &["0", "1", "2", "99", "expired"]),
        maybe(0.4, "x", &["1", "2", "3"]),
        maybe(0.5, "e", &["ann", "bob", "cat", "dan"]),
        maybe(0.4, "p", &["5", "6", "7"]),
        maybe(0.6, "a", &["tab", "pad", "web", "app", "tv"]),
    )
        .prop_map(|(id, token, external, email, phone, device)| {
            [id, token, external, email, phone, device].into_iter().flatten().collect()
        })
}

fn facts() -> impl Strategy<Value = Vec<(String, String)>> {
    let names = chosen(&["name", "city", "zip", "tz", "plan", "size"]);
    prop::collection::btree_map(names, chosen(&["", "one", "two"]), 0..4)
        .prop_map(|facts: BTreeMap<String, String>| facts.into_iter().collect())
}

/// Requests about few people, by clients and by the company itself.
pub fn requests() -> impl Strategy<Value = TestRequest> {
    let emails = || prop::collection::vec(chosen(&["ann", "bob", "cat", "dan", "eve"]), 0..4);
    let secondary = prop::option::weighted(0.2, (emails(), emails()));
    let token = chosen(&["phone", "phone/denied", "tablet", "watch"]);
    let facts = (facts(), prop::option::weighted(0.3, token));
    let parts = (any::<bool>(), identifiers(0.3), identifiers(1.0), secondary, facts);
    parts
        .prop_map(|(server, subject, attributes, secondary, (facts, push_token))| {
            let (append, unappend) = secondary.unwrap_or_default();
            TestRequest {
                server,
                subject,
                attributes,
                append,
                unappend,
                facts,
                push_token,
                ..TestRequest::default()
            }
        })
        .prop_filter("an identifier is named", |request| {
            !request.subject.is_empty() || !request.attributes.is_empty()
        })
}

/// Some such requests.
pub fn sequences() -> impl Strategy<Value = Vec<TestRequest>> {
    prop::collection::vec(requests(), 1..20)
}

/// Requests of the company's own server, and of clients in between.
pub fn requests_with_intents() -> impl Strategy<Value = TestRequest> {
    let intent = prop_oneof![
        2 => Just(TestIntent::Upsert),
        2 => Just(TestIntent::Import),
        1 => Just(TestIntent::Create),
        2 => (0usize..6).prop_map(TestIntent::Update),
    ];
    let cleared = prop::sample::subsequence(vec!["x", "e", "p"], 0..=3);
    (requests(), intent, prop::option::weighted(0.3, cleared)).prop_map(
        |(request, intent, cleared)| {
            let cleared = cleared.unwrap_or_default().into_iter().map(str::to_owned).collect();
            let request = TestRequest { cleared, ..request };
            if intent == TestIntent::Upsert { request } else { request.with_intent(intent) }
        },
    )
}

/// Some such requests.
pub fn intent_sequences() -> impl Strategy<Value = Vec<TestRequest>> {
    prop::collection::vec(requests_with_intents(), 1..20)
}
