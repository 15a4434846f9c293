//! Malicious input: shared identifiers merge no profiles, and each body is always refused or always
//! stored.

use std::{
    collections::{HashMap, HashSet},
    thread,
};

use profile_store::Identifier;

use super::{Form, UNLIMITED, figure, peak_kib, report};
use crate::{
    serving::{Home, Serving},
    stored::{StoredProfiles, stored},
    wire::{Connection, RawRequest},
};

/// Requests sent before their answers are read.
const AT_ONCE: usize = 100;

/// Sends requests in pieces, and hands on what was answered.
pub(super) fn pour(
    connection: &mut Connection,
    requests: impl Iterator<Item = RawRequest>,
    mut answered: impl FnMut(u16),
) {
    let mut requests = requests.peekable();
    while requests.peek().is_some() {
        let piece: Vec<Vec<u8>> =
            requests.by_ref().take(AT_ONCE).map(|request| request.bytes()).collect();
        assert!(connection.send(piece.concat()));
        piece.iter().for_each(|_| answered(connection.receive().status));
    }
}

/// Sends requests that are all accepted, over many connections, in no order.
fn pour_widely(gateway: &Serving, count: usize, request: impl Fn(usize) -> RawRequest + Sync) {
    const CONNECTIONS: usize = 32;
    thread::scope(|scope| {
        for first in 0..CONNECTIONS {
            let (mut connection, request) = (gateway.connect(), &request);
            let requests = (first..count).step_by(CONNECTIONS).map(request);
            scope.spawn(move || pour(&mut connection, requests, |status| assert_eq!(status, 202)));
        }
    });
}

fn attributes(members: &str) -> RawRequest {
    RawRequest::profile(format!(r#"{{"data":{{"type":"profile","attributes":{{{members}}}}}}}"#))
}

/// Sends many different people, existing or new, who share an identifier, and asserts that each
/// keeps a profile of their own.
fn assert_merges_no_profiles(known: bool, shared: &str) {
    let count = Form::asked().pick(2_000, 100_000);
    let home = Home::configured(UNLIMITED);
    let gateway = home.serve();
    let email = |number: usize| format!("person{number}@example.com");
    let about = |number| attributes(&format!(r#""email":"{}",{shared}"#, email(number)));
    if known {
        pour_widely(&gateway, count, |number| RawRequest::email(&email(number)));
    }
    pour_widely(&gateway, count, about);
    let peak = peak_kib(&gateway);
    gateway.stop().assert_exit(0);
    let verified = home.verify();
    verified.assert_exit(0);
    verified.assert_output("merges: 0");
    super::wait_until_released(&home);
    let stored = StoredProfiles::open(&home);
    let mut ids = HashSet::new();
    for number in 0..count {
        let profile = stored.by_email("ABC123", &email(number)).unwrap();
        let holds = profile.identifiers.email.as_ref().map(profile_protocol::Email::as_str);
        assert_eq!(holds, Some(email(number).as_str()));
        assert!(ids.insert(profile.id), "two people have become one");
    }
    figure("people_with_a_shared_identifier", count);
    report(
        "poison",
        format_args!("{count} people share an identifier, 0 fused; peak {} MiB", peak / 1024),
    );
}

#[test]
fn a_device_that_many_people_use_merges_no_profiles() {
    assert_merges_no_profiles(false, r#""anonymous_id":"kiosk-in-the-hall""#);
}

#[test]
fn a_phone_that_many_people_use_merges_no_profiles() {
    assert_merges_no_profiles(true, r#""phone_number":"+15005550006""#);
}

#[test]
fn strangers_with_a_phone_number_of_another_profile_take_nothing_over() {
    let count = Form::asked().pick(500, 10_000);
    let home = Home::configured(UNLIMITED);
    let gateway = home.serve();
    let phone = r#""phone_number":"+15005550006""#;
    let about = |number| attributes(&format!(r#""email":"person{number}@example.com",{phone}"#));
    pour(&mut gateway.connect(), (0..count).map(about), |status| assert_eq!(status, 202));
    // All requests are about the profile with the number, and it keeps the number.
    let found = stored(&home, gateway, 1);
    let owner = found.find("ABC123", &Identifier::PhoneNumber("+15005550006".parse().unwrap()));
    let held = owner.unwrap().identifiers;
    assert_eq!(held.email.unwrap().as_str(), "person0@example.com");
    assert!(held.secondary_emails.is_empty());
}

#[test]
fn one_device_that_names_many_people_does_not_merge_them() {
    let count = Form::asked().pick(300, 5_000);
    let home = Home::configured(UNLIMITED);
    let gateway = home.serve();
    // Every profile has a device of its own before the shared one names it.
    let own = |number| {
        attributes(&format!(
            r#""anonymous_id":"own-{number}","email":"person{number}@example.com""#
        ))
    };
    let shared = |number| {
        attributes(&format!(r#""anonymous_id":"shared","email":"person{number}@example.com""#))
    };
    let cross = |number| {
        attributes(&format!(r#""anonymous_id":"own-{number}","phone_number":"+15005550006""#))
    };
    let requests = (0..count).map(own).chain((0..count).map(shared)).chain((0..count).map(cross));
    pour(&mut gateway.connect(), requests, |status| assert_eq!(status, 202));
    let found = stored(&home, gateway, count);
    let device = Identifier::AnonymousId("shared".parse().unwrap());
    assert!(found.find("ABC123", &device).is_some());
}

/// Malicious bodies, and the status and code of their responses.
fn poisons() -> Vec<(&'static str, Vec<u8>, u16, &'static str)> {
    let with = |members: &str| attributes(members).body_text();
    let good = with(r#""email":"ann@example.com""#);
    let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        std::str::from_utf8(&good).unwrap().encode_utf16().flat_map(order).collect()
    };
    let invalid = |members: &str| (with(members), 400, "invalid");
    let broken = |members: &str| (with(members), 400, "parse_error");
    let keys = |count| {
        let keys: Vec<String> = (0..count).map(|number| format!(r#""k{number}":0"#)).collect();
        format!(r#""email":"ann@example.com","properties":{{{}}}"#, keys.join(","))
    };
    let property =
        |value: &str| format!(r#""email":"ann@example.com","properties":{{"p":{value}}}"#);
    let named = |name, (body, status, code)| (name, body, status, code);
    vec![
        ("two BOMs", ["\u{feff}\u{feff}".as_bytes(), &good].concat(), 400, "parse_error"),
        ("UTF-16, little end first", utf16(u16::to_le_bytes), 400, "parse_error"),
        ("UTF-16, big end first", utf16(u16::to_be_bytes), 400, "parse_error"),
        (
            "bytes that are no UTF-8",
            with("\"email\":\"a\u{fffd}\"")
                .iter()
                .map(|byte| if *byte == 0xef { 0xff } else { *byte })
                .collect(),
            400,
            "parse_error",
        ),
        ("a body of NULs", vec![0; 1_000], 400, "parse_error"),
        named("a NUL in an address", invalid(r#""email":"ann\u0000@example.com""#)),
        named("a NUL in an external id", invalid(r#""external_id":"a\u0000b""#)),
        named("a line end in a device", invalid(r#""anonymous_id":"a\r\nb""#)),
        named("a bare control character", broken("\"email\":\"a\u{1}@example.com\"")),
        named("an address in two scripts", invalid(r#""email":"аnn@example.com""#)),
        named("an address turned around", invalid(r#""email":"\u202emoc.elpmaxe@nna""#)),
        named("half a pair in an address", invalid(r#""email":"\ud800@example.com""#)),
        named("half a pair in a value", invalid(&property(r#""\udc00""#))),
        named(
            "a name given twice",
            invalid(r#""email":"ann@example.com","email":"bob@example.com""#),
        ),
        named("too many keys", invalid(&keys(1_001))),
        named("a flood of keys", invalid(&keys(8_000))),
        named(
            "a key too long",
            invalid(&format!(
                r#""email":"ann@example.com","properties":{{"{}":1}}"#,
                "k".repeat(256)
            )),
        ),
        named(
            "a value too deep",
            invalid(&property(&format!("{}{}", "[".repeat(11), "]".repeat(11)))),
        ),
        named(
            "a value far too deep",
            invalid(&property(&format!("{}{}", "[".repeat(40_000), "]".repeat(40_000)))),
        ),
        named("an abyss", broken(&format!(r#""email":{}"#, "[".repeat(90_000)))),
        named(
            "a number of a million digits",
            (with(&property(&"9".repeat(1 << 20))), 413, "payload_too_large"),
        ),
        named("a number that is none", broken(&property("01"))),
        named("no number at all", broken(&property("NaN"))),
    ]
}

/// JSON that is sound, but that the company's own programs could not read or store.
fn unreadable_poisons() -> Vec<(&'static str, Vec<u8>, u16, &'static str)> {
    let with = |properties: &str| {
        let members = format!(r#""email":"ann@example.com","properties":{properties}"#);
        attributes(&members).body_text()
    };
    let long = format!(r#"{{"p":{}}}"#, "9".repeat(5_000));
    [
        ("a number that Python cannot read", long.as_str()),
        ("a number that is no double", r#"{"p":[1e400]}"#),
        ("a NUL in a property", r#"{"p":{"q":"\u0000"}}"#),
        ("a NUL in a name", r#"{"\u0000":1}"#),
        ("half a pair in a name", r#"{"\ud800":1}"#),
    ]
    .map(|(name, properties)| (name, with(properties), 400, "invalid"))
    .into()
}

#[test]
fn poison_is_refused_always_in_the_same_words_and_kept_nowhere() {
    let home = Home::configured(UNLIMITED);
    let gateway = home.serve();
    let mut outputs: HashMap<&str, String> = HashMap::new();
    let mut wrong = Vec::new();
    for _ in 0..Form::asked().pick(3, 100) {
        for (name, body, status, code) in poisons().into_iter().chain(unreadable_poisons()) {
            let answer = gateway.send(&RawRequest::profile(body));
            let errors = &answer.json()["errors"][0];
            if (answer.status, errors["code"].as_str()) != (status, Some(code)) {
                wrong.push(format!("{name}: {} {errors}", answer.status));
                continue;
            }
            let words = format!("{} {} {}", errors["title"], errors["detail"], errors["source"]);
            let before = outputs.entry(name).or_insert_with(|| words.clone());
            assert_eq!(*before, words, "{name}");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_untouched(&home, gateway);
}

#[track_caller]
fn assert_untouched(home: &Home, gateway: Serving) {
    gateway.send(&RawRequest::email("next@example.com")).assert_accepted();
    stored(home, gateway, 1);
}

#[test]
fn what_is_odd_but_no_poison_is_kept_as_it_was_sent() {
    let home = Home::configured(UNLIMITED);
    let gateway = home.serve();
    let digits = "9".repeat(100);
    let values = [
        digits.as_str(),
        "1e308",
        "-0.0",
        "12345678901234567890123",
        r#""\u0001\u001f""#,
        "\"\u{202e}turned around\"",
        r#""\ud83d\ude00""#,
    ];
    for (number, value) in values.iter().enumerate() {
        let members =
            format!(r#""email":"person{number}@example.com","properties":{{"p":{value}}}"#);
        gateway.send(&attributes(&members)).assert_accepted();
    }
    let found = stored(&home, gateway, values.len());
    for (number, value) in values.iter().enumerate() {
        let profile = found.by_email("ABC123", &format!("person{number}@example.com")).unwrap();
        let (_, kept) = profile.attributes.properties.iter().next().unwrap();
        let read = |json: &str| -> String {
            // A text may be written in several ways.
            serde_json::from_str(json).unwrap_or_else(|_| json.to_owned())
        };
        assert_eq!(read(kept.as_json()), read(value));
    }
}
