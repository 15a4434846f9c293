//! Creating, updating and importing one profile.

use std::thread;

use profile_protocol::ProfileId;
use serde_json::{Value, json};

use super::{Api, profile, refused};
use crate::stop_flag::StopFlag;

fn update(id: &str, attributes: &Value) -> Value {
    json!({ "data": { "type": "profile", "id": id, "attributes": attributes } })
}

#[test]
fn a_profile_that_exists_is_not_created_again() {
    let api = Api::new();
    let id = api.create(&json!({ "email": "ann@example.com", "phone_number": "+15005550006" }));
    for attributes in [
        json!({ "email": "ANN@example.com " }),
        json!({ "external_id": "7", "phone_number": "+15005550006" }),
    ] {
        let answer = api.post("/api/profiles", &profile(&attributes));
        let conflict = (409, "duplicate_profile".into(), "/data/attributes".into());
        assert_eq!(refused(&answer), conflict);
        let error = &answer.json()["errors"][0];
        assert_eq!(error["title"], "Conflict.");
        assert_eq!(error["meta"]["duplicate_profile_id"], id);
        assert_eq!(error["detail"], "A profile already exists with one of these identifiers.");
    }
    // Nothing of it is stored.
    assert_eq!(api.attributes(&id)["external_id"], json!(null));
    assert_eq!(super::ids(&api.get("/api/profiles")), [id]);
}

#[test]
fn a_field_that_creating_does_not_take_is_refused_by_name() {
    let api = Api::new();
    let body = update("01GDDKASAP8TKDDA2GRZDSVP4H", &json!({ "email": "ann@example.com" }));
    let answer = api.post("/api/profiles", &body);
    assert_eq!(refused(&answer), (400, "invalid".into(), "/data/id".into()));
    let detail = "'id' is not a valid field for the resource 'profile'.";
    assert_eq!(answer.json()["errors"][0]["detail"], detail);
}

#[test]
fn an_update_replaces_identifiers_and_null_clears() {
    let api = Api::new();
    let id = api.create(&json!({ "email": "ann@example.com", "phone_number": "+15005550006",
        "first_name": "Ann", "title": "Dr", "properties": { "plan": "gold" } }));
    let target = format!("/api/profiles/{id}");
    let change = json!({ "email": "ann@new.example", "phone_number": null, "title": null,
        "properties": { "tier": 1 } });
    let answer = api.patch(&target, &update(&id, &change));
    assert_eq!(answer.status, 200, "{answer:?}");
    let attributes = &answer.json()["data"]["attributes"];
    assert_eq!(attributes["email"], "ann@new.example");
    assert_eq!(attributes["phone_number"], json!(null));
    assert_eq!((&attributes["title"], &attributes["first_name"]), (&json!(null), &json!("Ann")));
    assert_eq!(attributes["properties"], json!({ "plan": "gold", "tier": 1 }));
    // A cleared or replaced identifier may belong to another profile now.
    let other = api.create(&json!({ "email": "ann@example.com", "phone_number": "+15005550006" }));
    assert_ne!(other, id);
    let last = api.patch(&target, &update(&id, &json!({ "email": null })));
    assert_eq!(refused(&last), (400, "invalid".into(), "/data/attributes".into()));
    assert_eq!(api.attributes(&id)["email"], "ann@new.example");
}

#[test]
fn an_update_that_names_another_profile_is_refused_as_a_whole() {
    let api = Api::new();
    let ann = api.create(&json!({ "email": "ann@example.com" }));
    let bob = api.create(&json!({ "email": "bob@example.com" }));
    let target = format!("/api/profiles/{ann}");
    let answer =
        api.patch(&target, &update(&ann, &json!({ "email": "bob@example.com", "title": "Dr" })));
    assert_eq!(answer.status, 409);
    assert_eq!(answer.json()["errors"][0]["meta"]["duplicate_profile_id"], bob);
    assert_eq!(api.attributes(&ann)["title"], json!(null));
    let answer = api.patch(&target, &update(&bob, &json!({ "title": "Dr" })));
    assert_eq!(refused(&answer), (400, "invalid".into(), "/data/id".into()));
    let unknown = ProfileId::from_bits(7).to_string();
    let answer = api.patch(&format!("/api/profiles/{unknown}"), &update(&unknown, &json!({})));
    assert_eq!(refused(&answer).0, 404);
}

#[test]
fn an_update_may_name_a_profile_by_any_of_its_ids() {
    let api = Api::new();
    let ann = api.create(&json!({ "email": "ann@example.com" }));
    let old = api.create(&json!({ "phone_number": "+15005550006" }));
    let both = json!({ "email": "ann@example.com", "phone_number": "+15005550006" });
    assert_eq!(api.post("/api/profile-import", &profile(&both)).status, 200);
    for (path, named) in [(&old, &ann), (&ann, &old), (&old, &old)] {
        let answer = api.patch(&format!("/api/profiles/{path}"), &update(named, &json!({})));
        assert_eq!((answer.status, &answer.json()["data"]["id"]), (200, &json!(ann)));
    }
}

#[test]
fn lists_take_and_give_elements() {
    let api = Api::new();
    let id = api.create(&json!({ "email": "ann@example.com",
        "properties": { "tags": ["a", "b"], "old": 1 } }));
    let body = json!({ "data": { "type": "profile", "id": id, "attributes": {}, "meta": {
        "patch_properties": {
            "append": { "tags": "c" }, "unappend": { "tags": ["a"] }, "unset": "old",
        },
        "patch_identifiers": { "append": { "email": ["second@example.com"] } },
    } } });
    let answer = api.patch(&format!("/api/profiles/{id}"), &body);
    assert_eq!(answer.json()["data"]["attributes"]["properties"], json!({ "tags": ["b", "c"] }));
    let found = api.get("/api/profiles?filter=equals(email,%22second@example.com%22)");
    assert_eq!(super::ids(&found), [id]);
}

#[test]
fn an_import_creates_and_then_updates() {
    let api = Api::new();
    let import = |attributes: &Value| api.post("/api/profile-import", &profile(attributes));
    let created = import(&json!({ "phone_number": "+15005550006", "email": "ann@example.com" }));
    assert_eq!(created.status, 201);
    let id = created.json()["data"]["id"].clone();
    // A new email for an existing phone number replaces the old one.
    let updated = import(&json!({ "phone_number": "+15005550006", "email": "ann@new.example" }));
    assert_eq!((updated.status, &updated.json()["data"]["id"]), (200, &id));
    assert_eq!(updated.json()["data"]["attributes"]["email"], "ann@new.example");
}

#[test]
fn an_import_whose_identifiers_belong_to_two_profiles_is_a_conflict() {
    let api = Api::new();
    let ann = api.create(&json!({ "external_id": "1", "email": "ann@example.com" }));
    let bob = api.create(&json!({ "external_id": "2", "phone_number": "+15005550006" }));
    let both = json!({ "email": "ann@example.com", "phone_number": "+15005550006", "title": "Dr" });
    let answer = api.post("/api/profile-import", &profile(&both));
    assert_eq!(refused(&answer), (409, "duplicate_profile".into(), "/data/attributes".into()));
    assert_eq!(answer.json()["errors"][0]["meta"]["duplicate_profile_id"], bob);
    assert_eq!(api.attributes(&ann)["title"], json!(null));
}

#[test]
fn an_import_merges_a_profile_with_only_lower_identifiers() {
    let api = Api::new();
    let ann = api.create(&json!({ "email": "ann@example.com" }));
    let phone = api.create(&json!({ "phone_number": "+15005550006", "first_name": "Ann" }));
    let both = json!({ "email": "ann@example.com", "phone_number": "+15005550006" });
    let answer = api.post("/api/profile-import", &profile(&both));
    assert_eq!((answer.status, &answer.json()["data"]["id"]), (200, &json!(ann)));
    assert_eq!(api.attributes(&phone)["first_name"], "Ann");
}

#[test]
fn an_import_of_an_unknown_id_without_identifiers_is_not_found() {
    let api = Api::new();
    let unknown = ProfileId::from_bits(7).to_string();
    let answer = api.post("/api/profile-import", &update(&unknown, &json!({ "title": "Dr" })));
    assert_eq!(refused(&answer), (404, "not_found".into(), "/data".into()));
}

#[test]
fn all_faults_of_a_body_are_reported_at_once() {
    let api = Api::new();
    let body = profile(&json!({ "email": "x", "phone_number": "1", "nickname": "A" }));
    let answer = api.post("/api/profile-import", &body);
    let document = answer.json();
    let errors = document["errors"].as_array().unwrap();
    assert_eq!((answer.status, errors.len()), (400, 3));
}

#[test]
fn what_is_stored_is_answered_as_stored_while_it_is_erased() {
    const EACH: usize = 150;
    let api = Api::new();
    let attributes = json!({ "email": "ann@example.com" });
    let delete = json!({ "data": { "type": "data-privacy-deletion-job", "attributes": {
        "profile": { "data": { "type": "profile", "attributes": attributes } } } } });
    let ended = StopFlag::default();
    let statuses = thread::scope(|scope| {
        let _ends = ended.set_on_drop();
        scope.spawn(|| {
            while !ended.is_set() {
                api.post("/api/data-privacy-deletion-jobs", &delete);
            }
        });
        let mut statuses = Vec::new();
        for _ in 0..EACH {
            for target in ["/api/profile-import", "/api/profiles"] {
                let answer = api.post(target, &profile(&attributes));
                if answer.status != 409 {
                    assert!([200, 201].contains(&answer.status), "{answer:?}");
                    let shown = &answer.json()["data"]["attributes"]["email"];
                    assert_eq!(shown, "ann@example.com");
                }
                statuses.push(answer.status);
            }
        }
        statuses
    });
    assert!(statuses.contains(&201), "{statuses:?}");
}
