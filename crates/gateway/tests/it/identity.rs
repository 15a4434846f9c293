//! Identity, as clients see it: the tests send bytes and then look into the store.

mod placeholders;
mod settings;
mod tokens;

use std::{sync::Barrier, thread};

use gateway::client::exchange_token::{ExchangeKey, KeyRing};
use profile_protocol::{Field, IdentifierKind, ProfileId};
use profile_store::{
    ClaimResult, DeviceDigest, Effect, Identifier, Ignored, InvalidToken, Profile, Refused,
    Timestamp, TokenContent, TokenTerms,
};

use crate::{
    api::{KEY, asking, key as private_key},
    clients::{android, onsite_script, swift},
    serving::{Home, Serving},
    stored::{StoredProfiles, field, identifiers, properties, stored},
    wire::{RawRequest, RawResponse},
};

/// The key of [`home`], so that tests can make tokens and open them.
fn key() -> String {
    "0f".repeat(32)
}

/// Two companies whose tokens are sealed with [`key`]. The first one has a private key.
fn home() -> Home {
    let private = private_key("all", KEY, r#""profiles:read", "profiles:write""#);
    Home::configured(&format!(
        "exchange_keys = [\"{}\"]\n[[company]]\nid = \"ABC123\"\napi_limits_factor = 100\n\
         {private}\n[[company]]\nid = \"XYZ789\"\n",
        key()
    ))
}

/// One company with these settings of `[company.identity]`.
fn home_where(identity: &str) -> Home {
    Home::configured(&format!("[[company]]\nid = \"ABC123\"\n[company.identity]\n{identity}\n"))
}

fn ring() -> KeyRing {
    let key: ExchangeKey = key().parse().unwrap();
    KeyRing::new(key, [])
}

/// A request with these attributes, written as members of a JSON object.
fn about(attributes: &str) -> RawRequest {
    RawRequest::profile(format!(r#"{{"data":{{"type":"profile","attributes":{{{attributes}}}}}}}"#))
}

/// The same about the profile of this id.
fn about_id(id: ProfileId, attributes: &str) -> RawRequest {
    RawRequest::profile(format!(
        r#"{{"data":{{"type":"profile","id":"{id}","attributes":{{{attributes}}}}}}}"#
    ))
}

/// Sends a request for a page, and returns the token in the answer.
fn token(gateway: &Serving, request: &RawRequest) -> String {
    onsite_script::token(&gateway.send(&request.clone().with("X-Klaviyo-Onsite", "1")))
}

/// The content of a token.
#[track_caller]
fn opened(token: &str) -> TokenContent {
    ring().open(&"ABC123".parse().unwrap(), &token.parse().unwrap(), 0).unwrap()
}

/// A token for this company and profile that was issued at that time.
fn sealed_for(company: &str, profile: ProfileId, issued: u64) -> String {
    let terms = TokenTerms { issued: Timestamp::from_millis(issued), device: None };
    ring().seal(&company.parse().unwrap(), TokenContent { profile, terms }).unwrap()
}

/// Sends a request, and returns the id of the profile it turned out to be about, which the newest
/// outcome says.
fn profile_of(gateway: &Serving, request: &RawRequest) -> ProfileId {
    gateway.send(request).assert_accepted();
    let mut target = "/api/outcomes?page[size]=100".to_owned();
    loop {
        let page = gateway.send(&asking("GET", &target)).json();
        if let Some(next) = page["links"]["next"].as_str() {
            let (_, rest) = next.split_once("/api/").unwrap();
            target = format!("/api/{rest}");
        } else {
            let newest = page["data"].as_array().unwrap().last().unwrap();
            let id = &newest["relationships"]["profile"]["data"]["id"];
            return id.as_str().unwrap().parse().unwrap();
        }
    }
}

/// Sends requests of which nothing is said but that they were stored.
fn accept(gateway: &Serving, requests: &[RawRequest]) {
    requests.iter().for_each(|request| gateway.send(request).assert_accepted());
}

/// An identifier of this kind, of which there are as many as there are numbers.
fn identifier(kind: IdentifierKind, number: usize) -> Identifier {
    match kind {
        IdentifierKind::AnonymousId => {
            Identifier::AnonymousId(format!("device-{number}").parse().unwrap())
        }
        IdentifierKind::PhoneNumber => {
            Identifier::PhoneNumber(format!("+1500555{number:04}").parse().unwrap())
        }
        IdentifierKind::Email => {
            Identifier::Email(format!("person-{number}@example.com").parse().unwrap())
        }
        _ => Identifier::ExternalId(format!("customer-{number}").parse().unwrap()),
    }
}

/// An identifier as it stands among the attributes.
fn member(identifier: &Identifier) -> String {
    format!(r#""{}":"{}""#, identifier.kind(), identifier.as_str())
}

fn members(identifiers: &[Identifier]) -> String {
    identifiers.iter().map(member).collect::<Vec<String>>().join(",")
}

/// The kinds of which a client can choose the value, by falling authority.
const KINDS: [IdentifierKind; 4] = [
    IdentifierKind::ExternalId,
    IdentifierKind::Email,
    IdentifierKind::PhoneNumber,
    IdentifierKind::AnonymousId,
];

/// One identifier of each kind.
fn all(number: usize) -> [Identifier; 4] {
    KINDS.map(|kind| identifier(kind, number))
}

/// Each kind with each that has less authority.
fn pairs() -> impl Iterator<Item = (IdentifierKind, IdentifierKind)> {
    let below = |higher| KINDS.into_iter().filter(move |&lower| lower < higher);
    KINDS.into_iter().flat_map(move |higher| below(higher).map(move |lower| (higher, lower)))
}

/// The profile that has this identifier. It must exist.
#[track_caller]
fn found(stored: &StoredProfiles, identifier: &Identifier) -> Profile {
    stored.find("ABC123", identifier).unwrap_or_else(|| panic!("no profile has {identifier:?}"))
}

fn first_name(profile: &Profile) -> &str {
    field(profile, Field::FirstName)
}

mod authority {
    use super::*;

    #[test]
    fn with_two_people_the_higher_ranked_identifier_decides() {
        let home = home();
        let gateway = home.serve();
        let first = profile_of(&gateway, &about(&members(&all(1))));
        let second = profile_of(&gateway, &about(&members(&all(2))));
        assert_ne!(first, second);
        for (higher, lower) in pairs() {
            // The lower one is written first: the order of members means nothing.
            let both = [identifier(lower, 2), identifier(higher, 1)];
            assert_eq!(
                profile_of(&gateway, &about(&members(&both))),
                first,
                "{higher} and {lower}"
            );
        }
        for lower in KINDS {
            let request = about_id(first, &member(&identifier(lower, 2)));
            assert_eq!(profile_of(&gateway, &request), first, "id and {lower}");
            let kx = token(&gateway, &about_id(first, ""));
            let request = format!(r#"{},"_kx":"{kx}""#, member(&identifier(lower, 2)));
            assert_eq!(profile_of(&gateway, &about(&request)), first, "_kx and {lower}");
        }
        let stored = stored(&home, gateway, 2);
        for (number, id) in [(1, first), (2, second)] {
            for identifier in all(number) {
                assert_eq!(found(&stored, &identifier).id, id);
            }
        }
    }

    #[test]
    fn a_profile_known_only_by_a_lower_identifier_is_merged_into_that_of_a_higher_one() {
        let home = home();
        let gateway = home.serve();
        let mut expected = Vec::new();
        for (number, (higher, lower)) in pairs().enumerate() {
            let higher = identifier(higher, number);
            let lower = identifier(lower, number);
            // The one that is to go is the older one.
            let gone = format!(r#"{},"title":"Engineer""#, member(&lower));
            accept(&gateway, &[about(&gone)]);
            let survivor = profile_of(&gateway, &about(&member(&higher)));
            let both = about(&members(&[lower.clone(), higher.clone()]));
            assert_eq!(profile_of(&gateway, &both), survivor, "{higher:?} and {lower:?}");
            expected.push((survivor, higher, lower));
        }
        let stored = stored(&home, gateway, expected.len());
        for (survivor, higher, lower) in expected {
            let profile = found(&stored, &lower);
            assert_eq!(profile.id, survivor);
            assert_eq!(identifiers(&profile), [higher.as_str(), lower.as_str()]);
            assert_eq!(field(&profile, Field::Title), "Engineer");
        }
    }

    #[test]
    fn a_request_that_names_four_profiles_leaves_one() {
        let home = home();
        let gateway = home.serve();
        for identifier in all(1) {
            let property = format!(r#""properties":{{"{}":true}}"#, identifier.kind());
            accept(&gateway, &[about(&format!("{},{property}", member(&identifier)))]);
        }
        accept(&gateway, &[about(&members(&all(1)))]);
        let stored = stored(&home, gateway, 1);
        let profile = found(&stored, &identifier(IdentifierKind::AnonymousId, 1));
        assert_eq!(
            properties(&profile),
            r#"{"anonymous_id":true,"email":true,"external_id":true,"phone_number":true}"#
        );
    }

    #[test]
    fn a_profile_that_owns_a_higher_identifier_is_not_swallowed() {
        let home = home();
        let gateway = home.serve();
        let mut expected = Vec::new();
        for (number, (owned, shared)) in pairs().enumerate() {
            // The other profile may have anything that ranks above the shared identifier.
            for (turn, &known) in KINDS.iter().filter(|&&known| shared < known).enumerate() {
                let owner =
                    [identifier(owned, 10 * number + turn), identifier(shared, 10 * number + turn)];
                let other = identifier(known, 1_000 + 10 * number + turn);
                let owner_id = profile_of(&gateway, &about(&members(&owner)));
                let other_id = profile_of(&gateway, &about(&member(&other)));
                let both = about(&members(&[other.clone(), owner[1].clone()]));
                assert_eq!(profile_of(&gateway, &both), other_id, "{owner:?} and {other:?}");
                expected.push((owner_id, owner, other_id, other));
            }
        }
        let stored = stored(&home, gateway, 2 * expected.len());
        for (owner_id, owner, other_id, other) in &expected {
            let [owned, shared] = owner;
            assert_eq!(found(&stored, shared).id, *owner_id);
            assert_eq!(identifiers(&found(&stored, owned)), [owned.as_str(), shared.as_str()]);
            assert_eq!(found(&stored, other).id, *other_id);
            assert_eq!(identifiers(&found(&stored, other)), [other.as_str()]);
        }
        let outcomes = stored.outcomes("ABC123");
        for (requests, (_, [owned, _], ..)) in outcomes.chunks(3).zip(&expected) {
            let refused = ClaimResult::Refused(Refused::OwnsHigher(owned.kind()));
            assert_eq!(requests[2].claims[1].result, refused);
        }
    }
}

mod identifiers_of_a_profile {
    use super::*;

    #[test]
    fn are_never_rewritten_by_a_client_and_the_rest_of_the_request_is_applied() {
        let home = home();
        let gateway = home.serve();
        let known = &all(1)[..3];
        let id = profile_of(&gateway, &about(&members(known)));
        for (turn, named) in known.iter().enumerate() {
            let others = all(2).into_iter().take(3).filter(|other| other.kind() != named.kind());
            let claimed: Vec<Identifier> = [named.clone()].into_iter().chain(others).collect();
            let request = format!(r#"{},"properties":{{"turn-{turn}":true}}"#, members(&claimed));
            accept(&gateway, &[about(&request)]);
        }
        let request = format!(r#"{},"first_name":"Ann""#, members(&all(2)[..3]));
        accept(&gateway, &[about_id(id, &request)]);
        let stored = stored(&home, gateway, 1);
        let profile = found(&stored, &known[0]);
        let texts: Vec<&str> = known.iter().map(Identifier::as_str).collect();
        assert_eq!(identifiers(&profile), texts);
        assert_eq!(first_name(&profile), "Ann");
        assert_eq!(properties(&profile), r#"{"turn-0":true,"turn-1":true,"turn-2":true}"#);
        for other in &all(2)[..3] {
            assert!(stored.find("ABC123", other).is_none(), "{other:?}");
        }
        let last = stored.outcomes("ABC123").pop().unwrap();
        let results: Vec<ClaimResult> = last.claims.iter().map(|claim| claim.result).collect();
        let taken = ClaimResult::Ignored(Ignored::AnotherHeld);
        assert_eq!(results, [ClaimResult::Matched, taken, taken, taken]);
    }

    #[test]
    fn are_not_taken_away_by_null() {
        let home = home();
        let gateway = home.serve();
        let id = profile_of(&gateway, &about(&members(&all(1))));
        let nulls = KINDS.map(|kind| format!(r#""{kind}":null"#)).join(",");
        accept(&gateway, &[about_id(id, &nulls)]);
        let stored = stored(&home, gateway, 1);
        for identifier in all(1) {
            assert_eq!(found(&stored, &identifier).id, id);
        }
    }
}

mod devices {
    use super::*;

    const SWIFT_MINIMAL: &str =
        r#"{"data":{"attributes":{"anonymous_id":"foo","properties":{}},"type":"profile"}}"#;

    fn swift_identified() -> String {
        swift::SNAPSHOT.replace("blobemail", "blob@example.com")
    }

    fn device(text: &str) -> Identifier {
        Identifier::AnonymousId(text.parse().unwrap())
    }

    #[test]
    fn become_the_person_who_signs_in_on_them() {
        let home = home();
        let gateway = home.serve();
        accept(
            &gateway,
            &[
                android::request(android::MINIMAL),
                swift::request(SWIFT_MINIMAL),
                android::request(android::FULL),
                swift::request(&swift_identified().replace("+15555555555", "+12223335555")),
            ],
        );
        let stored = stored(&home, gateway, 2);
        let outcomes = stored.outcomes("ABC123");
        let effects: Vec<Effect> = outcomes.iter().map(|outcome| outcome.effect).collect();
        assert_eq!(effects, [Effect::Created, Effect::Created, Effect::Updated, Effect::Updated]);
        for (address, name, anonymous, known) in
            [("sarah.mason@klaviyo-demo.com", "Sarah", 0, 2), ("blob@example.com", "Blob", 1, 3)]
        {
            let profile = stored.by_email("ABC123", address).unwrap();
            assert_eq!(first_name(&profile), name);
            assert_eq!(outcomes[anonymous].survivor, Some(profile.id));
            assert_eq!(outcomes[known].survivor, Some(profile.id));
        }
    }

    #[test]
    fn are_attached_to_the_existing_profile() {
        let home = home();
        let gateway = home.serve();
        let person = profile_of(&gateway, &about(r#""email":"blob@example.com","title":"Chef""#));
        accept(
            &gateway,
            &[
                swift::request(&SWIFT_MINIMAL.replace("{}", r#"{"plan":"trial"}"#)),
                swift::request(
                    r#"{"data":{"attributes":{"anonymous_id":"foo","email":"blob@example.com","properties":{}},"type":"profile"}}"#,
                ),
                // A reset makes a new anonymous id.
                swift::request(&SWIFT_MINIMAL.replace("foo", "bar")),
            ],
        );
        let stored = stored(&home, gateway, 2);
        let profile = found(&stored, &device("foo"));
        assert_eq!(profile.id, person);
        assert_eq!(identifiers(&profile), ["blob@example.com", "foo"]);
        assert_eq!(field(&profile, Field::Title), "Chef");
        assert_eq!(properties(&profile), r#"{"plan":"trial"}"#);
        assert_eq!(identifiers(&found(&stored, &device("bar"))), ["bar"]);
    }

    #[test]
    fn of_another_profile_bring_none_of_its_values_along() {
        let home = home();
        let gateway = home.serve();
        let sarah = android::request(android::FULL);
        let next = r#"{"data":{"type":"profile","attributes":{"email":"tom@klaviyo-demo.com","anonymous_id":"4fd4a0e6-b7f3-4b3c-8f6a-1b1b4bd2c0a7","title":"Chef"}}}"#;
        // Once for a new profile, once for an existing one.
        accept(&gateway, &[sarah, android::request(next), android::request(next)]);
        let stored = stored(&home, gateway, 2);
        let tom = stored.by_email("ABC123", "tom@klaviyo-demo.com").unwrap();
        assert_eq!(identifiers(&tom), ["tom@klaviyo-demo.com"]);
        assert_eq!((first_name(&tom), properties(&tom).as_str()), ("", "{}"));
        let sarah = found(&stored, &device("4fd4a0e6-b7f3-4b3c-8f6a-1b1b4bd2c0a7"));
        assert_eq!(field(&sarah, Field::Title), "Engineer");
        assert_eq!(identifiers(&sarah).len(), 4);
        assert!(sarah.absorbed.is_empty());
    }
}

#[test]
fn the_id_of_an_absorbed_profile_leads_to_the_survivor() {
    let home = home();
    let gateway = home.serve();
    let phone = profile_of(&gateway, &about(r#""phone_number":"+15005550006""#));
    let email = profile_of(&gateway, &about(r#""email":"ann@example.com""#));
    let external = profile_of(&gateway, &about(r#""external_id":"1""#));
    accept(
        &gateway,
        &[
            about(r#""email":"ann@example.com","phone_number":"+15005550006""#),
            about(r#""external_id":"1","email":"ann@example.com""#),
            about_id(phone, r#""first_name":"Ann""#),
        ],
    );
    assert_eq!(profile_of(&gateway, &about_id(phone, "")), external);
    assert_eq!(profile_of(&gateway, &about_id(email, r#""title":"Chef""#)), external);
    let stored = stored(&home, gateway, 1);
    let profile = stored.by_email("ABC123", "ann@example.com").unwrap();
    assert_eq!(identifiers(&profile), ["1", "ann@example.com", "+15005550006"]);
    assert_eq!((first_name(&profile), field(&profile, Field::Title)), ("Ann", "Chef"));
}

#[test]
fn another_company_has_no_profiles() {
    let home = home();
    let gateway = home.serve();
    let ann = profile_of(&gateway, &about(&members(&all(1))));
    accept(&gateway, &[about_id(ann, &members(&all(1))).of("XYZ789")]);
    let stored = stored(&home, gateway, 2);
    for identifier in all(1) {
        assert_eq!(found(&stored, &identifier).id, ann);
        assert_ne!(stored.find("XYZ789", &identifier).unwrap().id, ann);
    }
}

/// Requests of every effect, each with what is done about it.
fn of_every_effect() -> [(RawRequest, Effect); 10] {
    let unknown = ProfileId::from_bits(7);
    [
        (about_id(unknown, ""), Effect::Unidentified),
        (about(r#""email":"ann@example.com""#), Effect::Created),
        (about(r#""phone_number":"+15005550006""#), Effect::Created),
        (about(r#""external_id":"2","email":"bob@example.com""#), Effect::Created),
        (about(r#""email":"ann@example.com""#), Effect::Unchanged),
        (about(r#""email":"ann@example.com","first_name":"Ann""#), Effect::Updated),
        // Two are merged, a claim is refused, another ignored, and one is a
        // placeholder.
        (about(r#""email":"ann@example.com","phone_number":"+15005550006""#), Effect::Updated),
        (about(r#""external_id":"2","email":"ann@example.com""#), Effect::Unchanged),
        (about(r#""email":"ann@example.com","phone_number":"+15005550007""#), Effect::Unchanged),
        (about(r#""email":"ann@example.com","external_id":"null""#), Effect::Unchanged),
    ]
}

#[test]
fn answers_do_not_tell_what_was_done() {
    let home = home();
    let gateway = home.serve();
    let answers = of_every_effect().map(|(request, _)| gateway.send(&request).timeless());
    let expected = concat!(
        "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nDate: \r\nRatelimit-Limit: 3500\r\n",
        "Ratelimit-Remaining: \r\nRatelimit-Reset: \r\nTraceparent: \r\n",
        "X-Content-Type-Options: nosniff\r\nX-Request-Id: \r\n\r\n",
    );
    assert_eq!(answers[0], expected);
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    let stored = stored(&home, gateway, 2);
    let outcomes = stored.outcomes("ABC123");
    let effects: Vec<Effect> = outcomes.iter().map(|outcome| outcome.effect).collect();
    assert_eq!(effects, of_every_effect().map(|(_, effect)| effect));
    assert_eq!(outcomes[6].absorbed().count(), 1);
}

#[test]
fn an_answer_about_a_full_profile_is_that_about_a_stranger() {
    let home = home();
    let gateway = home.serve();
    let with_properties = |email: &str, prefix: &str, count: usize| {
        let names = (0..count).map(|number| format!(r#""{prefix}{number}":1"#));
        let properties = names.collect::<Vec<_>>().join(",");
        about(&format!(r#""email":"{email}","properties":{{{properties}}}"#))
    };
    accept(&gateway, &[with_properties("ann@example.com", "p", 900)]);
    let stranger = gateway.send(&with_properties("bob@example.com", "q", 900)).timeless();
    assert!(stranger.starts_with("HTTP/1.1 202"), "{stranger}");
    for count in [900, 1] {
        let full = gateway.send(&with_properties("ann@example.com", "q", count)).timeless();
        assert_eq!(full, stranger);
    }
    let stored = stored(&home, gateway, 2);
    let outcomes = stored.outcomes("ABC123");
    let withheld = |number: usize| {
        let outcome = &outcomes[number];
        outcome.withheld.len() + outcome.withheld_unlisted
    };
    assert_eq!([0, 1, 2, 3].map(withheld), [0, 0, 900, 1]);
}

#[test]
fn answers_to_pages_differ_in_nothing_but_the_token() {
    let home = home();
    let gateway = home.serve();
    let answers = of_every_effect().map(|(request, _)| {
        let answer: RawResponse = gateway.send(&request.with("X-Klaviyo-Onsite", "1"));
        let token = onsite_script::token(&answer);
        assert_eq!(token.len(), "ABC123".len() + 108);
        answer.timeless().replace(&token, "TOKEN")
    });
    assert!(answers[0].ends_with("}}"), "{}", answers[0]);
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
}

#[test]
fn fifty_connections_that_name_a_new_person_at_once_make_one_profile() {
    const CONNECTIONS: usize = 50;
    let home = home();
    let gateway = home.serve();
    let start = Barrier::new(CONNECTIONS);
    thread::scope(|scope| {
        for number in 0..CONNECTIONS {
            let (gateway, start) = (&gateway, &start);
            scope.spawn(move || {
                let property = format!(r#""properties":{{"n{number:02}":{number}}}"#);
                let request = about(&format!("{},{property}", members(&all(1))));
                let mut connection = gateway.connect();
                start.wait();
                connection.exchange(&request).assert_accepted();
            });
        }
    });
    let stored = stored(&home, gateway, 1);
    let outcomes = stored.outcomes("ABC123");
    assert_eq!(outcomes.len(), CONNECTIONS);
    let created = outcomes.iter().filter(|outcome| outcome.effect == Effect::Created);
    assert_eq!(created.count(), 1);
    let profile = found(&stored, &all(1)[0]);
    assert_eq!(profile.attributes.properties.len(), CONNECTIONS);
    assert!(profile.absorbed.is_empty());
}
