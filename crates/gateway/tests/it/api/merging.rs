//! Merging on demand, undoing it, and erasing.

use serde_json::{Value, json};

use super::{Api, profile, refused};

fn merge(destination: &str, source: &str) -> Value {
    json!({ "data": { "type": "profile-merge", "id": destination, "relationships": {
        "profiles": { "data": [{ "type": "profile", "id": source }] } } } })
}

fn unmerge(id: &str) -> Value {
    json!({ "data": { "type": "profile-unmerge", "attributes": { "profile_id": id } } })
}

fn deletion(profile: &Value) -> Value {
    json!({ "data": { "type": "data-privacy-deletion-job", "attributes": {
        "profile": { "data": profile } } } })
}

#[test]
fn a_merge_leaves_one_profile_that_both_ids_lead_to() {
    let api = Api::new();
    let ann = api.create(&json!({ "email": "ann@example.com", "first_name": "Ann" }));
    let old = api.create(&json!({ "email": "old@example.com", "last_name": "Li" }));
    let answer = api.post("/api/profile-merge", &merge(&ann, &old));
    assert_eq!(answer.status, 201, "{answer:?}");
    let data = &answer.json()["data"];
    assert_eq!((&data["type"], &data["id"]), (&json!("profile"), &json!(ann)));
    let by_old_id = api.get(&format!("/api/profiles/{old}")).json();
    assert_eq!(by_old_id["data"]["id"], json!(ann));
    let attributes = api.attributes(&old);
    assert_eq!(
        (&attributes["first_name"], &attributes["last_name"]),
        (&json!("Ann"), &json!("Li"))
    );
    assert_eq!(attributes["email"], "ann@example.com");
    let by_address = api.get("/api/profiles?filter=equals(email,%22old@example.com%22)");
    assert_eq!(super::ids(&by_address), [ann]);
}

#[test]
fn a_preview_of_an_undo_shows_both_profiles_and_the_merge_stays() {
    let api = Api::new();
    let ann = api.create(&json!({ "email": "ann@example.com", "first_name": "Ann" }));
    let bob = api.create(&json!({ "external_id": "b-1", "last_name": "Li" }));
    assert_eq!(api.post("/api/profile-merge", &merge(&ann, &bob)).status, 201);
    let merges = || {
        let profile = api.get(&format!("/api/profiles/{ann}?additional-fields[profile]=merges"));
        profile.json()["data"]["attributes"]["merges"].as_array().unwrap().clone()
    };
    let [listed] = &merges()[..] else { panic!() };
    assert_eq!((&listed["profile_id"], &listed["into"]), (&json!(bob), &json!(ann)));
    let mut preview = unmerge(&bob);
    preview["data"]["attributes"]["mode"] = "preview".into();
    let answer = api.post("/api/profile-unmerge", &preview);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(super::ids(&answer), [ann.clone(), bob.clone()]);
    let attributes = |number: usize| answer.json()["data"][number]["attributes"].clone();
    assert_eq!(
        (&attributes(0)["last_name"], &attributes(1)["last_name"]),
        (&json!(null), &json!("Li"))
    );
    assert_eq!(api.attributes(&bob)["email"], "ann@example.com", "nothing has changed");
    preview["data"]["attributes"]["mode"] = "look".into();
    let (status, _, pointer) = refused(&api.post("/api/profile-unmerge", &preview));
    assert_eq!((status, pointer.as_str()), (400, "/data/attributes/mode"));
    assert_eq!(api.post("/api/profile-unmerge", &unmerge(&bob)).status, 200);
    assert!(merges().is_empty());
}

#[test]
fn a_merge_that_was_undone_leaves_both_as_they_were() {
    let api = Api::new();
    let ann = api.create(&json!({ "email": "ann@example.com", "first_name": "Ann" }));
    let bob = api.create(&json!({ "email": "bob@example.com", "first_name": "Bob" }));
    let (before_ann, before_bob) = (api.attributes(&ann), api.attributes(&bob));
    assert_eq!(api.post("/api/profile-merge", &merge(&ann, &bob)).status, 201);
    let answer = api.post("/api/profile-unmerge", &unmerge(&bob));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(super::ids(&answer), [ann.clone(), bob.clone()]);
    let meta = &answer.json()["meta"];
    assert_eq!((&meta["survivor_id"], &meta["restored_id"]), (&json!(ann), &json!(bob)));
    let timeless = |mut attributes: Value| {
        attributes.as_object_mut().unwrap().remove("updated");
        attributes
    };
    assert_eq!(timeless(api.attributes(&ann)), timeless(before_ann));
    assert_eq!(timeless(api.attributes(&bob)), timeless(before_bob));
    let again = api.post("/api/profile-unmerge", &unmerge(&bob));
    assert_eq!(refused(&again), (404, "not_found".into(), "/data/attributes/profile_id".into()));
}

#[test]
fn a_merge_with_an_unknown_profile_changes_nothing() {
    let api = Api::new();
    let ann = api.create(&json!({ "email": "ann@example.com" }));
    let unknown = "01GDDKASAP8TKDDA2GRZDSVP4H";
    let missing = |destination: &str, source: &str| {
        refused(&api.post("/api/profile-merge", &merge(destination, source)))
    };
    let not_found = |pointer: &str| (404, "not_found".to_owned(), pointer.to_owned());
    let source = "/data/relationships/profiles/data/0/id";
    assert_eq!(missing(&ann, unknown), not_found(source));
    assert_eq!(missing(unknown, &ann), not_found("/data/id"));
    assert_eq!(missing("ABC123", &ann), not_found("/data/id"));
    let updated = api.attributes(&ann)["updated"].clone();
    assert_eq!(api.post("/api/profile-merge", &merge(&ann, &ann)).status, 201);
    assert_eq!(api.attributes(&ann)["updated"], updated);
}

#[test]
fn who_is_erased_is_gone_under_every_name() {
    let api = Api::new();
    let ann = api.create(&json!({ "email": "ann@example.com", "phone_number": "+15005550006" }));
    let old = api.create(&json!({ "email": "old@example.com" }));
    assert_eq!(api.post("/api/profile-merge", &merge(&ann, &old)).status, 201);
    let answer = api.post(
        "/api/data-privacy-deletion-jobs",
        &deletion(&json!({ "type": "profile", "attributes": { "phone_number": "+15005550006" } })),
    );
    assert_eq!((answer.status, answer.text()), (202, ""));
    for id in [&ann, &old] {
        assert_eq!(api.get(&format!("/api/profiles/{id}")).status, 404);
        assert_eq!(api.get(&format!("/api/profiles/{id}/history")).status, 404);
    }
    assert_eq!(super::ids(&api.get("/api/profiles")).len(), 0);
    assert_eq!(api.post("/api/profile-unmerge", &unmerge(&old)).status, 404);
    // The email is free again and creates a new profile.
    let new = api.create(&json!({ "email": "old@example.com" }));
    assert_ne!(new, ann);
    let stream = api.get("/api/outcomes").json();
    let effects = stream["data"].as_array().unwrap().iter();
    let effects: Vec<&str> =
        effects.map(|one| one["attributes"]["effect"].as_str().unwrap()).collect();
    assert_eq!(effects, ["created", "created", "updated", "deleted", "created"]);
}

#[test]
fn erasing_an_unknown_profile_is_answered_alike_and_several_at_once_are_refused() {
    let api = Api::new();
    let ann = api.create(&json!({ "email": "ann@example.com" }));
    let target = "/api/data-privacy-deletion-jobs";
    let unknown =
        deletion(&json!({ "type": "profile", "attributes": { "email": "no@example.com" } }));
    assert_eq!(api.post(target, &unknown).status, 202);
    let several = deletion(&json!({ "type": "profile", "id": ann,
        "attributes": { "email": "ann@example.com" } }));
    assert_eq!(api.post(target, &several).status, 400);
    assert_eq!(api.get(&format!("/api/profiles/{ann}")).status, 200);
    // As the official clients send it.
    let by_id = deletion(&json!({ "type": "profile", "id": ann, "attributes": {} }));
    assert_eq!(api.post(target, &by_id).status, 202);
    assert_eq!(api.get(&format!("/api/profiles/{ann}")).status, 404);
}

#[test]
fn an_explanation_shows_the_outcome_and_changes_nothing() {
    let api = Api::new();
    let ann = api.create(&json!({ "external_id": "1", "email": "ann@example.com" }));
    let explain = |scope: &str, attributes: &Value| {
        api.post(
            "/api/profile-explain",
            &json!({ "data": { "type": "profile-explain",
            "attributes": { "scope": scope, "body": profile(attributes) } } }),
        )
    };
    let answer = explain(
        "client",
        &json!({ "external_id": "1", "email": "new@example.com",
        "first_name": "Ann" }),
    );
    assert_eq!(answer.status, 200, "{answer:?}");
    let data = &answer.json()["data"];
    assert_eq!(data["type"], "profile-explain");
    assert_eq!(data["relationships"]["profile"]["data"]["id"], json!(ann));
    let attributes = &data["attributes"];
    assert_eq!(
        (&attributes["effect"], &attributes["changed"]),
        (&json!("updated"), &json!(["first_name"]))
    );
    let claims = json!([
        { "identifier": "external_id", "origin": "attributes", "fate": "matched", "reason": null,
            "profile_id": null },
        { "identifier": "email", "origin": "attributes", "fate": "ignored", "reason": "place taken",
            "profile_id": null },
    ]);
    assert_eq!(attributes["claims"], claims);
    let server = explain("server", &json!({ "external_id": "1", "email": "new@example.com" }));
    assert_eq!(server.json()["data"]["attributes"]["claims"][1]["fate"], "attached");
    let created = explain("client", &json!({ "email": "new@example.com" })).json();
    assert_eq!(created["data"]["attributes"]["effect"], "created");
    assert_eq!(created["data"]["relationships"]["profile"]["data"], json!(null));
    assert_eq!(api.attributes(&ann)["first_name"], json!(null));
    assert_eq!(super::ids(&api.get("/api/outcomes")).len(), 1);
    let other = api.create(&json!({ "external_id": "2", "phone_number": "+15005550006" }));
    let both = json!({ "email": "ann@example.com", "phone_number": "+15005550006" });
    let conflict = explain("server", &both);
    assert_eq!((conflict.status, &conflict.json()["data"]), (200, &json!(null)));
    let error = &conflict.json()["meta"]["errors"][0];
    assert_eq!(
        (&error["status"], &error["meta"]["duplicate_profile_id"]),
        (&json!(409), &json!(other))
    );
    let faulty = explain("client", &json!({ "email": "x" }));
    assert_eq!(refused(&faulty).2, "/data/attributes/body/data/attributes/email");
}
