//! Whom pages may name where the company wants that signed.

use base16ct::lower::encode_string;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Api, asking, ids, profile};
use crate::{serving::Home, wire::RawRequest};

pub(super) const KEYS: [[u8; 32]; 2] = [[0x0f; 32], [0xab; 32]];

/// The setting that wants signatures by these keys.
pub(super) fn policy(keys: &[[u8; 32]]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("\"{}\"", encode_string(key))).collect();
    format!("signed_identity = {{ keys = [{}] }}", keys.join(", "))
}

/// What a back end signs for these identifiers.
pub(super) fn sign(key: &[u8; 32], lines: &[&str]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update([&["identity-1", "ABC123"], lines].concat().join("\n").as_bytes());
    encode_string(&mac.finalize().into_bytes())
}

fn page(attributes: &Value) -> RawRequest {
    RawRequest::profile(profile(attributes).to_string())
}

pub(super) fn signed(attributes: &Value, signature: &str) -> RawRequest {
    page(attributes).with("X-Identity-Signature", signature)
}

/// The newest outcome of the company.
fn newest(api: &Api) -> Value {
    let outcomes = api.get("/api/outcomes").json();
    outcomes["data"].as_array().unwrap().last().unwrap()["attributes"].clone()
}

/// The result of each claim of the newest outcome.
fn results(api: &Api) -> Vec<String> {
    let outcome = newest(api);
    let claims = outcome["claims"].as_array().unwrap().iter();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    claims
        .map(|claim| {
            let why = word(&claim["reason"]);
            format!("{} {} {why}", word(&claim["identifier"]), word(&claim["fate"]))
                .trim()
                .to_owned()
        })
        .collect()
}

#[test]
fn whom_a_page_names_counts_only_with_a_signature() {
    let api = Api::set(&policy(&KEYS[..1]));
    let id = api.create(&json!({ "email": "ann@example.com" }));
    let meddling = json!({ "email": "ann@example.com", "first_name": "Eve" });

    let unsigned = api.send(&page(&meddling));
    assert_eq!(results(&api), ["email ignored unsigned"]);
    assert_eq!(newest(&api)["effect"], "unidentified");
    let other = sign(&KEYS[0], &["email=eve@example.com"]);
    let wrong = api.send(&signed(&meddling, &other));
    assert_eq!(results(&api), ["email ignored signature wrong"]);
    let lines = ["email=ann@example.com", "expires=1"];
    let expired = api.send(&signed(&meddling, &format!("{};expires=1", sign(&KEYS[0], &lines))));
    assert_eq!(results(&api), ["email ignored signature expired"]);
    assert_eq!(api.attributes(&id)["first_name"], Value::Null);

    let own = sign(&KEYS[0], &["email=ann@example.com"]);
    let right = api.send(&signed(&meddling, &own));
    assert_eq!(results(&api), ["email matched"]);
    assert_eq!(api.attributes(&id)["first_name"], "Eve");

    // The response does not show which one it was.
    for answer in [&unsigned, &wrong, &expired, &right] {
        answer.assert_accepted();
        assert_eq!(answer.timeless(), right.timeless());
    }
}

#[test]
fn without_the_policy_a_page_names_whom_it_likes() {
    let api = Api::new();
    api.create(&json!({ "email": "ann@example.com" }));
    api.send(&signed(&json!({ "email": "ann@example.com" }), "nonsense")).assert_accepted();
    assert_eq!(results(&api), ["email matched"]);
}

#[test]
fn devices_ids_and_tokens_count_without_a_signature() {
    let api = Api::set(&policy(&KEYS[..1]));
    let id = api.create(&json!({ "external_id": "1" }));
    api.client(
        &json!({ "anonymous_id": "tab", "external_id": "1", "phone_number": "+15005550006" }),
    );
    let expected =
        ["anonymous_id attached", "external_id ignored unsigned", "phone_number ignored unsigned"];
    assert_eq!(results(&api), expected);
    assert_eq!(newest(&api)["effect"], "created");

    let mut by_id = profile(&json!({ "title": "Dr", "email": "eve@example.com" }));
    by_id["data"]["id"] = json!(id);
    let answer = api.send(&RawRequest::profile(by_id.to_string()).with("X-Klaviyo-Onsite", "1"));
    assert_eq!(results(&api), ["id matched", "email ignored unsigned"]);
    let token = answer.json()["meta"]["exchange_id"].as_str().unwrap().to_owned();
    api.client(&json!({ "_kx": token, "organization": "Klinik" }));
    assert_eq!(results(&api), ["id matched"]);
    let attributes = api.attributes(&id);
    assert_eq!(
        (&attributes["title"], &attributes["organization"]),
        (&json!("Dr"), &json!("Klinik"))
    );
}

#[test]
fn a_page_merges_only_what_the_company_signed_together() {
    let api = Api::set(&policy(&KEYS[..1]));
    api.create(&json!({ "external_id": "1" }));
    api.create(&json!({ "email": "ann@example.com" }));
    let both = json!({ "external_id": "1", "email": "ann@example.com" });
    api.send(&signed(&both, &sign(&KEYS[0], &["email=ann@example.com"]))).assert_accepted();
    assert_eq!(
        results(&api),
        ["external_id ignored signature wrong", "email ignored signature wrong"]
    );
    let together = sign(&KEYS[0], &["email=ann@example.com", "external_id=1"]);
    api.send(&signed(&both, &together)).assert_accepted();
    assert_eq!(results(&api), ["external_id matched", "email absorbed"]);
}

#[test]
fn the_company_itself_signs_nothing_and_may_try_out_a_signature() {
    let api = Api::set(&policy(&KEYS[..1]));
    let ann = json!({ "email": "ann@example.com" });
    let import = asking("POST", "/api/profile-import").body(profile(&ann).to_string());
    assert_eq!(api.send(&import).status, 201);
    assert_eq!(results(&api), ["email attached"]);
    let question = json!({ "data": { "type": "profile-explain",
        "attributes": { "scope": "client", "body": profile(&ann) } } });
    let asked = asking("POST", "/api/profile-explain").body(question.to_string());
    let result = |request: &RawRequest| {
        let answer = api.send(request).json();
        answer["data"]["attributes"]["claims"][0]["fate"].clone()
    };
    assert_eq!(result(&asked), "ignored");
    let own = sign(&KEYS[0], &["email=ann@example.com"]);
    assert_eq!(result(&asked.with("X-Identity-Signature", &own)), "matched");
}

#[test]
fn keys_are_rotated_by_a_reload_and_are_in_no_log() {
    let company = |keys: &[[u8; 32]]| {
        let key = super::key("all", super::KEY, r#""profiles:read""#);
        format!("[[company]]\nid = \"ABC123\"\n{}\n{key}", policy(keys))
    };
    let home = Home::configured(&company(&KEYS[..1]));
    let api = Api { gateway: home.serve(), home };
    let (ann, lines) = (json!({ "email": "ann@example.com" }), ["email=ann@example.com"]);
    let (old, new) = (sign(&KEYS[0], &lines), sign(&KEYS[1], &lines));
    let result = |signature: &str| {
        api.send(&signed(&ann, signature)).assert_accepted();
        results(&api).join("; ")
    };
    // The number of companies distinguishes the reloads.
    let reload = |keys: &[[u8; 32]], others: &str, log: &str| {
        api.home.configure(&format!("{}{others}", company(keys)));
        api.gateway.signal("HUP");
        api.gateway.logged(log);
    };
    assert_eq!(result(&new), "email ignored signature wrong");
    reload(&KEYS, "", "\"companies\":1");
    assert_eq!((result(&new), result(&old)), ("email attached".into(), "email matched".into()));
    reload(&KEYS[1..], "[[company]]\nid = \"XYZ789\"\n", "\"companies\":2");
    assert_eq!(
        (result(&new), result(&old)),
        ("email matched".into(), "email ignored signature wrong".into())
    );
    let found = api.get("/api/profiles?filter=equals(email,'ann@example.com')");
    assert_eq!(ids(&found).len(), 1);
    let logged = api.gateway.stop().output;
    assert!(KEYS.iter().all(|key| !logged.contains(&encode_string(key))));
}

#[test]
fn a_page_of_another_origin_may_send_the_header() {
    let api = Api::set(&policy(&KEYS[..1]));
    let preflight = RawRequest::new("OPTIONS", "")
        .of("ABC123")
        .with("Origin", "https://shop.example")
        .with("Access-Control-Request-Method", "POST")
        .with("Access-Control-Request-Headers", "x-identity-signature");
    let answer = api.send(&preflight);
    assert_eq!(answer.header("Access-Control-Allow-Headers"), Some("x-identity-signature"));
}
