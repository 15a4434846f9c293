//! What the server side refuses, byte for byte but for the ids.

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::{Api, asking, profile};
use crate::{
    refusals::shown,
    wire::{RawRequest, RawResponse},
};

#[expect(clippy::needless_pass_by_value, reason = "it reads better where it is called")]
#[track_caller]
fn says(answer: &RawResponse, expected: Expect) {
    expected.assert_eq(&shown(answer));
}

fn bulk(profiles: &Value) -> Value {
    json!({ "data": { "type": "profile-bulk-import-job", "attributes": {
        "profiles": { "data": profiles } } } })
}

#[test]
fn of_who_asks() {
    let api = Api::new();
    let keyless = RawRequest::new("GET", "/api/profiles").with("revision", "2026-07-15");
    says(
        &api.send(&keyless),
        expect![[r#"
        401 application/vnd.api+json
        Www-Authenticate: Klaviyo-API-Key
        "status":401,"code":"not_authenticated","title":"Authentication required.","detail":"A private key is required: Authorization: Klaviyo-API-Key pk_...","source":{"pointer":"/data","header":"Authorization"},"links":{},"meta":{}}
    "#]],
    );
    let unknown = keyless.with("Authorization", "Klaviyo-API-Key pk_unknown");
    says(
        &api.send(&unknown),
        expect![[r#"
        401 application/vnd.api+json
        Www-Authenticate: Klaviyo-API-Key
        "status":401,"code":"authentication_failed","title":"Authentication failed.","detail":"The private key is not configured here.","source":{"pointer":"/data","header":"Authorization"},"links":{},"meta":{}}
    "#]],
    );
    let reader = asking("POST", "/api/profiles")
        .with("Authorization", &format!("Klaviyo-API-Key {}", super::READER));
    says(
        &api.send(&reader),
        expect![[r#"
        403 application/vnd.api+json
        "status":403,"code":"permission_denied","title":"Permission denied.","detail":"The private key needs the scope profiles:write.","source":{"pointer":"/data","header":"Authorization"},"links":{},"meta":{}}
    "#]],
    );
}

#[test]
fn of_what_is_asked_for() {
    let api = Api::new();
    says(
        &api.get("/api/profiles?sort=name"),
        expect![[r#"
        400 application/vnd.api+json
        "status":400,"code":"invalid","title":"Invalid input.","detail":"The sort must be one of id, created, updated, email, with a leading - to reverse it.","source":{"pointer":"/data","parameter":"sort"},"links":{},"meta":{}}
    "#]],
    );
    says(
        &api.get("/api/profiles?filter=equals(email,'x'"),
        expect![[r#"
        400 application/vnd.api+json
        "status":400,"code":"invalid","title":"Invalid input.","detail":"The filter must have a valid email address there, which must look like name@example.com, the name in ASCII, at byte 13.","source":{"pointer":"/data","parameter":"filter"},"links":{},"meta":{}}
    "#]],
    );
    says(
        &api.get("/api/profiles?page[cursor]=x"),
        expect![[r#"
        400 application/vnd.api+json
        "status":400,"code":"invalid","title":"Invalid input.","detail":"Invalid cursor provided.","source":{"pointer":"/data","parameter":"page[cursor]"},"links":{},"meta":{}}
    "#]],
    );
    says(
        &api.get("/api/profiles/ABC123"),
        expect![[r#"
        404 application/vnd.api+json
        "status":404,"code":"not_found","title":"Not found.","detail":"There is no profile with this id.","source":{"pointer":"/data"},"links":{},"meta":{}}
    "#]],
    );
}

#[test]
fn of_what_is_sent() {
    let api = Api::new();
    let id = api.create(&json!({ "email": "ann@example.com" }));
    let target = format!("/api/profiles/{id}");
    let other = json!({ "data": { "type": "profile", "id": "01GDDKASAP8TKDDA2GRZDSVP4H" } });
    says(
        &api.patch(&target, &other),
        expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"The id must be the one in the path.","source":{"pointer":"/data/id"},"links":{},"meta":{}}
        "#]],
    );
    let cleared =
        json!({ "data": { "type": "profile", "id": id, "attributes": { "email": null } } });
    says(
        &api.patch(&target, &cleared),
        expect![[r#"
        400 application/vnd.api+json
        "status":400,"code":"invalid","title":"Invalid input.","detail":"The profile must keep at least one identifier.","source":{"pointer":"/data/attributes"},"links":{},"meta":{}}
    "#]],
    );
    says(
        &api.post("/api/profiles", &profile(&json!({ "first_name": "Ann" }))),
        expect![[r#"
        400 application/vnd.api+json
        "status":400,"code":"invalid","title":"Invalid input.","detail":"One of `external_id`, `email`, `phone_number` or `anonymous_id` must be included to say whom to create.","source":{"pointer":"/data/attributes"},"links":{},"meta":{}}
    "#]],
    );
    let both = json!({ "data": { "type": "data-privacy-deletion-job", "attributes": {
        "email": "ann@example.com", "phone_number": "+15005550006" } } });
    says(
        &api.post("/api/data-privacy-deletion-jobs", &both),
        expect![[r#"
        400 application/vnd.api+json
        "status":400,"code":"invalid","title":"Invalid input.","detail":"Exactly one of `id`, `email` or `phone_number` must be included to say whom to delete.","source":{"pointer":"/data/attributes"},"links":{},"meta":{}}
    "#]],
    );
    says(
        &api.post("/api/profile-bulk-import-jobs", &bulk(&json!([]))),
        expect![[r#"
        400 application/vnd.api+json
        "status":400,"code":"invalid","title":"Invalid input.","detail":"Must contain 1 to 10000 profiles.","source":{"pointer":"/data/attributes/profiles/data"},"links":{},"meta":{}}
    "#]],
    );
    let unmerge = json!({ "data": { "type": "profile-unmerge", "attributes": {
        "profile_id": id } } });
    says(
        &api.post("/api/profile-unmerge", &unmerge),
        expect![[r#"
        404 application/vnd.api+json
        "status":404,"code":"not_found","title":"Not found.","detail":"The profile was not merged into another one, or the merge was undone.","source":{"pointer":"/data/attributes/profile_id"},"links":{},"meta":{}}
    "#]],
    );
}

#[test]
fn of_what_is_stored() {
    let api = Api::new();
    let id = api.create(&json!({ "email": "ann@example.com" }));
    let answer = api.post("/api/profiles", &profile(&json!({ "email": "ann@example.com" })));
    let shown = shown(&answer);
    assert!(shown.contains(&id), "{shown}");
    expect![[r#"
        409 application/vnd.api+json
        "status":409,"code":"duplicate_profile","title":"Conflict.","detail":"A profile already exists with one of these identifiers.","source":{"pointer":"/data/attributes"},"links":{},"meta":{"duplicate_profile_id":"ID"}}
    "#]].assert_eq(&shown.replace(&id, "ID"));
}

#[test]
fn of_a_profile_too_large_for_an_import() {
    let api = Api::new();
    let large = "x".repeat(102_400);
    let rows = json!([{ "type": "profile", "attributes": { "email": "a@example.com",
        "properties": { "large": large } } }]);
    let answer = api.post("/api/profile-bulk-import-jobs", &bulk(&rows));
    let id = answer.json()["data"]["id"].as_str().unwrap().to_owned();
    let errors = api.get(&format!("/api/profile-bulk-import-jobs/{id}/import-errors"));
    expect![[r#"{"code":"invalid","detail":"The profile must be at most 102400 bytes.","original_payload":{"attributes":{"email":"a@example.com"},"type":"profile"},"source":{"pointer":"/data/attributes/profiles/data/0"},"title":"Invalid input."}"#]].assert_eq(&errors.json()["data"][0]["attributes"].to_string());
}

#[test]
fn of_more_properties_than_a_profile_may_have() {
    let api = Api::new();
    let import = |prefix: &str| {
        let names = (0..600).map(|number| (format!("{prefix}{number}"), json!(1)));
        let properties: Value = names.collect::<serde_json::Map<_, _>>().into();
        let attributes = json!({ "email": "ann@example.com", "properties": properties });
        api.post("/api/profile-import", &profile(&attributes))
    };
    assert_eq!(import("p").status, 201);
    says(
        &import("q"),
        expect![[r#"
        400 application/vnd.api+json
        "status":400,"code":"invalid","title":"Invalid input.","detail":"The profile would exceed the limit on its properties; nothing was stored.","source":{"pointer":"/data/attributes/properties"},"links":{},"meta":{}}
    "#]],
    );
}

#[test]
fn of_one_merge_too_many() {
    let api = Api::new();
    let ann = api.create(&json!({ "email": "ann@example.com" }));
    for number in 0..101 {
        let other = api.create(&json!({ "external_id": format!("customer-{number}") }));
        let merge = json!({ "data": { "type": "profile-merge", "id": ann, "relationships": {
            "profiles": { "data": [{ "type": "profile", "id": other }] } } } });
        let answer = api.post("/api/profile-merge", &merge);
        if number == 100 {
            return says(
                &answer,
                expect![[r#"
                409 application/vnd.api+json
                "status":409,"code":"merge_cap_reached","title":"Conflict.","detail":"The profile has as many merges as the company's settings allow.","source":{"pointer":"/data"},"links":{},"meta":{}}
            "#]],
            );
        }
        assert_eq!(answer.status, 201);
    }
}

#[test]
fn of_a_repair_that_names_no_sender_or_two() {
    let api = Api::new();
    let body = json!({ "data": { "type": "profile-repair", "attributes": {
        "mode": "preview", "since": "2026-11-30T00:00:00Z",
        "client_address": "192.0.2.66", "anonymous_id": "a-stranger" } } });
    says(
        &api.post("/api/profile-repair", &body),
        expect![[r#"
        400 application/vnd.api+json
        "status":400,"code":"invalid","title":"Invalid input.","detail":"Exactly one of `client_address`, `anonymous_id` or `sender` must be included to say whose requests are undone.","source":{"pointer":"/data/attributes"},"links":{},"meta":{}}
    "#]],
    );
}
