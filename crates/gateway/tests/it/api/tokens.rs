//! Revoking exchange tokens, and who gets one where the company signs.

use serde_json::{Value, json};

use super::{
    Api, READER, asking_with, ids, profile, refused,
    signed::{KEYS, policy, sign, signed},
};
use crate::wire::RawRequest;

fn revocation(attributes: &Value) -> Value {
    json!({ "data": { "type": "exchange-token-revocation", "attributes": attributes } })
}

/// Revokes tokens, and returns the answer.
#[track_caller]
fn revoke(api: &Api, attributes: &Value) -> Value {
    let answer = api.post("/api/exchange-token-revocation", &revocation(attributes));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// The token that the sender of this request gets.
#[track_caller]
fn token_for(api: &Api, request: RawRequest) -> String {
    let answer = api.send(&request.with("X-Klaviyo-Onsite", "1"));
    answer.json()["meta"]["exchange_id"].as_str().unwrap().to_owned()
}

fn page(attributes: &Value) -> RawRequest {
    RawRequest::profile(profile(attributes).to_string())
}

/// A profile with a device, its id and a token for it.
fn visitor(api: &Api, device: &str) -> (String, String) {
    let token = token_for(api, page(&json!({ "anonymous_id": device })));
    (found_by(api, &token).unwrap(), token)
}

/// The id of the profile that a token finds.
fn found_by(api: &Api, token: &str) -> Option<String> {
    ids(&api.get(&format!("/api/profiles?filter=equals(_kx,'{token}')"))).pop()
}

/// The effect of a request with this token, and the reason why the token does not count.
fn result(api: &Api, token: &str) -> (Value, Value) {
    api.client(&json!({ "_kx": token }));
    let outcomes = api.get("/api/outcomes?page[size]=100").json();
    let newest = outcomes["data"].as_array().unwrap().last().unwrap()["attributes"].clone();
    (newest["effect"].clone(), newest["claims"][0]["reason"].clone())
}

fn counts() -> (Value, Value) {
    (json!("unchanged"), Value::Null)
}

fn is_revoked() -> (Value, Value) {
    (json!("unidentified"), json!("token was revoked"))
}

#[test]
fn tokens_of_one_profile_are_revoked_and_those_of_others_are_not() {
    let api = Api::new();
    let (ann, of_ann) = visitor(&api, "tab");
    let (bob, of_bob) = visitor(&api, "pad");
    assert_eq!([result(&api, &of_ann), result(&api, &of_bob)], [counts(), counts()]);
    let answer = revoke(&api, &json!({ "scope": "profile", "profile_id": ann }));
    let data = &answer["data"];
    assert_eq!(
        (&data["type"], &data["attributes"]["effect"]),
        (&json!("outcome"), &json!("tokens_revoked"))
    );
    assert_eq!(data["relationships"]["profile"]["data"]["id"], json!(ann));
    assert_eq!([result(&api, &of_ann), result(&api, &of_bob)], [is_revoked(), counts()]);
    assert_eq!((found_by(&api, &of_ann), found_by(&api, &of_bob)), (None, Some(bob)));
    // The device still finds the profile, and gets a new token.
    let (again, token) = visitor(&api, "tab");
    assert_eq!((again, result(&api, &token)), (ann.clone(), counts()));
    let history = api.get(&format!("/api/profiles/{ann}/history")).json();
    let effects = history["data"].as_array().unwrap().iter();
    let effects: Vec<&Value> = effects.map(|one| &one["attributes"]["effect"]).collect();
    assert!(effects.contains(&&json!("tokens_revoked")), "{effects:?}");
}

#[test]
fn all_tokens_of_a_company_are_revoked_at_once_and_stay_so_after_a_restart() {
    let key = "0f".repeat(32);
    let api = Api::set_above(&format!("exchange_keys = [\"{key}\"]"));
    let tokens = ["tab", "pad"].map(|device| visitor(&api, device).1);
    let answer = revoke(&api, &json!({ "scope": "company" }));
    assert_eq!(answer["data"]["relationships"]["profile"]["data"], Value::Null);
    assert!(tokens.iter().all(|token| result(&api, token) == is_revoked()));
    let meter = r#"gateway_profiles_total{effect="tokens_revoked"}"#;
    assert_eq!(api.gateway.meter(meter), 1);
    let Api { gateway, home } = api;
    gateway.stop().assert_exit(0);
    let api = Api { gateway: home.serve(), home };
    assert!(tokens.iter().all(|token| result(&api, token) == is_revoked()));
    let (_, token) = visitor(&api, "tab");
    assert_eq!(result(&api, &token), counts());
    let Api { gateway, home } = api;
    gateway.stop().assert_exit(0);
    home.verify().assert_exit(0);
}

#[test]
fn a_revocation_covers_profiles_that_were_merged() {
    let api = Api::new();
    let (tab, of_tab) = visitor(&api, "tab");
    let (pad, of_pad) = visitor(&api, "pad");
    let merge = json!({ "data": { "type": "profile-merge", "id": tab, "relationships": {
        "profiles": { "data": [{ "type": "profile", "id": pad }] } } } });
    assert_eq!(api.post("/api/profile-merge", &merge).status, 201);
    assert_eq!([result(&api, &of_tab), result(&api, &of_pad)], [counts(), counts()]);
    // The id of the merged profile stands for the survivor.
    revoke(&api, &json!({ "scope": "profile", "profile_id": pad }));
    assert_eq!([result(&api, &of_tab), result(&api, &of_pad)], [is_revoked(), is_revoked()]);
}

#[test]
fn what_cannot_be_revoked_is_refused_with_the_field_at_fault() {
    let api = Api::new();
    let target = "/api/exchange-token-revocation";
    for (attributes, status, code, pointer) in [
        (
            json!({ "scope": "profile", "profile_id": "01GDDKASAP8TKDDA2GRZDSVP4H" }),
            404,
            "not_found",
            "/data/attributes/profile_id",
        ),
        (
            json!({ "scope": "profile", "profile_id": "ABC123" }),
            404,
            "not_found",
            "/data/attributes/profile_id",
        ),
        (json!({ "scope": "profile" }), 400, "invalid", "/data/attributes/profile_id"),
        (json!({ "profile_id": "ABC123" }), 400, "invalid", "/data/attributes/scope"),
    ] {
        let answer = api.post(target, &revocation(&attributes));
        assert_eq!(refused(&answer), (status, code.to_owned(), pointer.to_owned()), "{attributes}");
    }
    let body = revocation(&json!({ "scope": "company" })).to_string();
    let by_reader = api.send(&asking_with(READER, "POST", target).body(body));
    assert_eq!(by_reader.status, 403);
    assert_eq!(ids(&api.get("/api/outcomes")).len(), 0);
}

#[test]
fn a_signature_gets_a_token_of_the_person_and_a_page_without_one_does_not() {
    let api = Api::set(&policy(&KEYS[..1]));
    let ann = api.create(&json!({ "email": "ann@example.com" }));
    let named = json!({ "email": "ann@example.com" });
    let signature = sign(&KEYS[0], &["email=ann@example.com"]);
    let own = token_for(&api, signed(&named, &signature));
    assert_eq!(found_by(&api, &own), Some(ann.clone()));
    assert_eq!(result(&api, &own), counts());
    for request in [page(&named), signed(&named, &sign(&KEYS[1], &["email=ann@example.com"]))] {
        let token = token_for(&api, request);
        assert_eq!((found_by(&api, &token), token.len()), (None, own.len()));
    }
    // The token outlasts the device and the address, until it is revoked.
    let patch = json!({ "data": { "type": "profile", "id": ann,
        "attributes": { "email": "new@example.com" } } });
    assert_eq!(api.patch(&format!("/api/profiles/{ann}"), &patch).status, 200);
    assert_eq!(result(&api, &own), counts());
    revoke(&api, &json!({ "scope": "profile", "profile_id": ann }));
    assert_eq!(result(&api, &own), is_revoked());
}
