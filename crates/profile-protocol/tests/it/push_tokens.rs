//! Push tokens: what is read from the bodies of both mobile SDKs, and what is wrong with others.

use expect_test::expect;
use profile_protocol::{
    Background, EnablementStatus, MetadataField, Platform, PushTokenRegistration, PushTokenRemoval,
    Revision, Vendor, Violations,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The body that the SDK for Android sends.
fn android() -> Value {
    json!({"data": {"type": "push-token", "attributes": {
        "token": "c0mEVJqkR5y:APA91bHPRgkF3JUikC4ENAHEeMrd41Zxv3hVZjC9KtT8",
        "platform": "Android", "vendor": "FCM",
        "enablement_status": "AUTHORIZED", "background": "AVAILABLE",
        "device_metadata": {
            "device_id": "b54d1d1b-0f6c-4f5c-9d7e-1a0f8a1a6f63", "klaviyo_sdk": "android",
            "sdk_version": "4.4.0", "device_model": "Pixel 9", "os_name": "Android",
            "os_version": "35", "manufacturer": "google", "app_name": "Shop",
            "app_version": "2.1.0", "app_build": "210", "app_id": "com.example.shop",
            "environment": "release"},
        "profile": {"data": {"type": "profile", "attributes": {
            "email": "sarah@example.com",
            "anonymous_id": "93bee61b-5f10-4c4c-a3b9-3bd7a0a5a5ee",
            "first_name": "Sarah", "properties": {"plan": "gold"}}}}}}})
}

/// The body that the SDK for Swift sends before a person is known.
fn swift() -> Value {
    json!({"data": {"type": "push-token", "attributes": {
        "token": "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad",
        "platform": "ios", "vendor": "APNs",
        "enablement_status": "NOT_DETERMINED", "background": "RESTRICTED",
        "device_metadata": {"os_name": "iOS", "klaviyo_sdk": "swift", "environment": "debug"},
        "profile": {"data": {"type": "profile", "attributes": {
            "anonymous_id": "2C7B7E0B-8C5C-4A5B-8A5E-6D0C0B7F4E11", "properties": {}}}}}}})
}

fn unregister() -> Value {
    json!({"data": {"type": "push-token-unregister", "attributes": {
        "token": "abc", "platform": "Android", "vendor": "FCM",
        "profile": {"data": {"type": "profile", "attributes": {"anonymous_id": "device"}}}}}})
}

/// The body with this value at a pointer, below members that exist.
fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[name] = value;
    body
}

fn parse(body: &Value) -> Result<PushTokenRegistration, Violations> {
    PushTokenRegistration::parse(body.to_string().as_bytes(), Revision::LATEST)
}

fn faults(body: &str) -> String {
    let violations = PushTokenRegistration::parse(body.as_bytes(), Revision::LATEST).unwrap_err();
    let lines = violations.iter().map(|one| format!("{} {}\n", one.pointer, one.fault));
    lines.collect()
}

fn faults_of(body: &Value) -> String {
    faults(&body.to_string())
}

#[test]
fn the_body_of_the_sdk_for_android_is_read() {
    let read = parse(&android()).unwrap();
    assert_eq!((read.details.platform, read.details.vendor), (Platform::Android, Vendor::Fcm));
    assert_eq!(read.details.enablement_status, Some(EnablementStatus::Authorized));
    assert_eq!(read.details.background, Some(Background::Available));
    let metadata = read.details.metadata.unwrap();
    let value = |field| metadata.value(field).unwrap().as_str();
    assert_eq!((value(MetadataField::OsName), value(MetadataField::OsVersion)), ("android", "35"));
    assert_eq!(metadata.iter().count(), MetadataField::ALL.len());
    let email = read.profile.identifiers().email.as_ref().unwrap();
    assert_eq!(email.as_str(), "sarah@example.com");
    assert_eq!(read.profile.patch().properties.set.len(), 1);
}

#[test]
fn the_body_of_the_sdk_for_swift_is_read_before_a_person_is_known() {
    let read = parse(&swift()).unwrap();
    assert_eq!((read.details.platform, read.details.vendor), (Platform::Ios, Vendor::Apns));
    assert_eq!(read.details.enablement_status, Some(EnablementStatus::NotDetermined));
    assert_eq!(read.details.background, Some(Background::Restricted));
    assert!(read.profile.identifiers().anonymous_id.is_some());
}

#[test]
fn what_is_absent_or_null_says_nothing() {
    let attributes = "/data/attributes";
    for absent in [Value::Null, json!([])] {
        let body = with(swift(), &format!("{attributes}/device_metadata"), absent.clone());
        assert!(parse(&body).unwrap().details.metadata.is_none_or(|all| all.iter().count() == 0));
    }
    let body = with(swift(), &format!("{attributes}/enablement_status"), Value::Null);
    let body = with(body, &format!("{attributes}/background"), Value::Null);
    let details = parse(&body).unwrap().details;
    assert_eq!((details.enablement_status, details.background), (None, None));
}

#[test]
fn a_status_is_read_in_any_letter_case_and_one_that_is_not_known_says_nothing() {
    let status = |word: &str| {
        let body = with(swift(), "/data/attributes/enablement_status", json!(word));
        parse(&body).unwrap().details.enablement_status
    };
    assert_eq!(status("denied"), Some(EnablementStatus::Denied));
    for unknown in ["EPHEMERAL", "", "AUTHORIZED "] {
        assert_eq!(status(unknown), None, "{unknown:?}");
    }
}

#[test]
fn the_first_revision_sent_the_build_as_an_integer() {
    let at = "/data/attributes/device_metadata/app_build";
    let metadata = parse(&with(android(), at, json!(210))).unwrap().details.metadata.unwrap();
    assert_eq!(metadata.value(MetadataField::AppBuild).unwrap().as_str(), "210");
    for not_integer in [json!(2.5), json!(-1), json!(true), json!([1])] {
        assert!(parse(&with(android(), at, not_integer)).is_err());
    }
}

#[test]
fn meta_is_read_beside_the_attributes_and_among_them_and_refused_in_both() {
    let profile = "/data/attributes/profile/data";
    let meta = json!({"patch_properties": {"append": {"tags": ["a"]}}});
    for place in [format!("{profile}/meta"), format!("{profile}/attributes/meta")] {
        let read = parse(&with(android(), &place, meta.clone())).unwrap();
        assert_eq!(read.profile.patch().properties.append.len(), 1, "{place}");
    }
    let both = with(android(), &format!("{profile}/meta"), meta.clone());
    let both = with(both, &format!("{profile}/attributes/meta"), meta);
    expect![[r"
        /data/attributes/profile/data/attributes/meta 'meta' is given more than once.
    "]]
    .assert_eq(&faults_of(&both));
}

#[test]
fn every_fault_is_reported_at_its_place() {
    let attributes = "/data/attributes";
    let body = with(android(), &format!("{attributes}/token"), json!("a\u{0}"));
    let body = with(body, &format!("{attributes}/platform"), json!("windows"));
    let body = with(body, &format!("{attributes}/vendor"), Value::Null);
    let body = with(body, &format!("{attributes}/enablement_status"), json!(1));
    let body = with(body, &format!("{attributes}/background"), json!("UNAVAILABLE"));
    let body = with(body, &format!("{attributes}/device_metadata/os_name"), json!(7));
    let body = with(body, &format!("{attributes}/device_metadata/color"), json!("red"));
    let nested = format!("{attributes}/profile/data/attributes");
    let body = with(body, &format!("{nested}/email"), json!("not an address"));
    let body = with(body, &format!("{nested}/phone_number"), json!("12"));
    let body = with(body, &format!("{nested}/color"), json!("red"));
    expect![[r"
        /data/attributes/vendor 'vendor' is required.
        /data/attributes/token The push token must not contain control characters.
        /data/attributes/platform 'windows' is not a valid choice for 'platform'.
        /data/attributes/enablement_status Must be a string.
        /data/attributes/background 'UNAVAILABLE' is not a valid choice for 'background'.
        /data/attributes/device_metadata/color 'color' is not a valid field for the resource 'push-token'.
        /data/attributes/device_metadata/os_name Must be a string.
        /data/attributes/profile/data/attributes/color 'color' is not a valid field for the resource 'profile'.
        /data/attributes/profile/data/attributes/email Invalid email address
        /data/attributes/profile/data/attributes/phone_number Invalid phone number format (Example of a valid format: +12345678901)
    "]]
    .assert_eq(&faults_of(&body));
}

#[test]
fn a_profile_without_an_identifier_is_refused() {
    let profile = "/data/attributes/profile";
    let empty = with(android(), &format!("{profile}/data/attributes"), json!({}));
    let untyped = with(android(), profile, json!({"data": {}}));
    let absent = with(android(), profile, json!({}));
    expect![[r"
        /data/attributes/profile/data/attributes One of `id`, `_kx`, `external_id`, `email`, `phone_number` or `anonymous_id` must be included to say whom the request is about.
        /data/attributes/profile/data/type 'type' is required.
        /data/attributes/profile/data One of `attributes`, `relationships` or `id` must be included in the request payload.
        /data/attributes/profile/data 'data' is required.
    "]]
    .assert_eq(&[faults_of(&empty), faults_of(&untyped), faults_of(&absent)].concat());
}

#[test]
fn halves_of_surrogate_pairs_are_refused_wherever_they_are() {
    let body = android().to_string();
    for (place, pointer) in [
        ("c0mEVJqkR5y", "/data/attributes/token"),
        ("AUTHORIZED", "/data/attributes/enablement_status"),
        ("Pixel 9", "/data/attributes/device_metadata/device_model"),
        ("93bee61b", "/data/attributes/profile/data/attributes/anonymous_id"),
    ] {
        let found = faults(&body.replace(place, "\\ud800"));
        assert!(found.contains(&format!("{pointer} Must not contain half of a")), "{found}");
    }
}

#[test]
fn the_longest_texts_are_read_and_longer_ones_refused() {
    for (pointer, most) in [
        ("/data/attributes/token", 4_096),
        ("/data/attributes/device_metadata/app_name", 160),
        ("/data/attributes/profile/data/attributes/anonymous_id", 255),
    ] {
        let of_bytes = |bytes| with(android(), pointer, json!("x".repeat(bytes)));
        assert!(parse(&of_bytes(most)).is_ok(), "{pointer}");
        assert!(faults_of(&of_bytes(most + 1)).starts_with(pointer), "{pointer}");
    }
}

#[test]
fn a_thousand_unknown_members_are_refused_with_a_bounded_answer() {
    let metadata: serde_json::Map<String, Value> =
        (0..1_000).map(|number| (format!("m{number}"), json!("x"))).collect();
    let body = with(android(), "/data/attributes/device_metadata", metadata.into());
    let violations = parse(&body).unwrap_err();
    assert_eq!(violations.iter().len(), profile_protocol::limits::VIOLATIONS + 1);
}

fn parse_removal(body: &Value) -> Result<PushTokenRemoval, Violations> {
    PushTokenRemoval::parse(body.to_string().as_bytes(), Revision::LATEST)
}

#[test]
fn a_removal_names_a_token_and_a_profile_and_needs_no_vendor() {
    for vendor in [json!("FCM"), Value::Null] {
        let read = parse_removal(&with(unregister(), "/data/attributes/vendor", vendor)).unwrap();
        assert_eq!(read.token.as_str(), "abc");
        assert!(read.profile.identifiers().anonymous_id.is_some());
    }
    for (pointer, value) in [
        ("/data/type", json!("push-token")),
        ("/data/attributes/token", Value::Null),
        ("/data/attributes/platform", Value::Null),
        ("/data/attributes/vendor", json!("gcm")),
        ("/data/attributes/background", json!("AVAILABLE")),
        ("/data/attributes/profile/data", json!([])),
    ] {
        let violations = parse_removal(&with(unregister(), pointer, value)).unwrap_err();
        assert!(violations.iter().any(|one| one.pointer == pointer), "{pointer}: {violations}");
    }
}

/// The letters of a text in random cases.
fn in_some_case(text: &'static str) -> impl Strategy<Value = String> {
    proptest::collection::vec(any::<bool>(), text.len()).prop_map(move |upper| {
        let letters = text.chars().zip(upper);
        letters.map(|(one, up)| if up { one.to_ascii_uppercase() } else { one }).collect()
    })
}

proptest! {
    #[test]
    fn platform_vendor_and_system_are_read_in_any_case(
        platform in prop_oneof![in_some_case("android"), in_some_case("ios")],
        vendor in prop_oneof![in_some_case("apns"), in_some_case("fcm")],
        system in in_some_case("ipados"),
    ) {
        let body = with(android(), "/data/attributes/platform", json!(platform));
        let body = with(body, "/data/attributes/vendor", json!(vendor));
        let body = with(body, "/data/attributes/device_metadata/os_name", json!(system));
        let details = parse(&body).unwrap().details;
        prop_assert_eq!(details.platform.as_str(), platform.to_ascii_lowercase());
        prop_assert_eq!(details.vendor.as_str(), vendor.to_ascii_lowercase());
        let metadata = details.metadata.unwrap();
        prop_assert_eq!(metadata.value(MetadataField::OsName).unwrap().as_str(), "ipados");
    }

    #[test]
    fn no_bytes_make_the_parsers_fail_otherwise_than_with_violations(
        cut in 0..2_000_usize,
        at in 0..2_000_usize,
        byte in any::<u8>(),
    ) {
        let mut body = android().to_string().into_bytes();
        body.truncate(body.len().saturating_sub(cut % 400));
        let length = body.len();
        if let Some(place) = body.get_mut(at % length.max(1)) {
            *place = byte;
        }
        for violations in [
            PushTokenRegistration::parse(&body, Revision::LATEST).err(),
            PushTokenRemoval::parse(&body, Revision::LATEST).err(),
        ] {
            prop_assert!(violations.is_none_or(|violations| violations.iter().len() != 0));
        }
    }
}
