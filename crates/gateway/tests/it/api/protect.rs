//! What the company's own programs wrote, and what browsers may do to it.

use serde_json::{Value, json};

use super::{Api, asking, ids, profile};
use crate::wire::RawRequest;

/// The attributes of the newest outcome about a profile.
fn newest(api: &Api, id: &str) -> Value {
    let history = api.get(&format!("/api/profiles/{id}/history")).json();
    history["data"][0]["attributes"].clone()
}

/// A customer with values from the company and from a browser.
fn ann(api: &Api) -> String {
    let id = api.create(&json!({
        "email": "ann@example.com", "first_name": "Ann", "location": { "city": "Bonn" },
        "properties": { "plan": "gold", "tags": ["a"], "spare": 1 },
    }));
    api.client(&json!({ "email": "ann@example.com", "title": "Dr" }));
    id
}

/// What a browser would say to have it all otherwise.
fn meddling() -> Value {
    json!({ "data": { "type": "profile",
        "attributes": {
            "email": "ann@example.com", "first_name": "Eve", "last_name": "Li", "title": null,
            "location": null, "properties": { "plan": "free", "size": "small" },
        },
        "meta": { "patch_properties": {
            "append": { "tags": "b" }, "unset": "spare",
        } } } })
}

#[test]
fn a_browser_fills_gaps_and_what_it_may_not_do_is_noted() {
    let api = Api::new();
    let id = ann(&api);
    let explained = api.post(
        "/api/profile-explain",
        &json!({ "data": { "type": "profile-explain",
            "attributes": { "scope": "client", "body": meddling() } } }),
    );
    api.send(&RawRequest::profile(meddling().to_string())).assert_accepted();

    let withheld = json!([
        "first_name",
        "location.city",
        "properties.plan",
        "properties.spare",
        "properties.tags"
    ]);
    let outcome = newest(&api, &id);
    let mut listed: Vec<&str> =
        outcome["withheld"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    listed.sort_unstable();
    assert_eq!((json!(listed), &outcome["withheld_unlisted"]), (withheld, &json!(0)));
    assert_eq!(outcome["changed"], json!(["last_name", "title", "properties.size"]));
    let streamed = api.get("/api/outcomes").json();
    let last = streamed["data"].as_array().unwrap().last().unwrap();
    assert_eq!(last["attributes"], outcome);
    assert_eq!(explained.json()["data"]["attributes"]["withheld"], outcome["withheld"]);

    let attributes = api.attributes(&id);
    assert_eq!(attributes["first_name"], "Ann");
    assert_eq!(attributes["last_name"], "Li");
    assert_eq!(attributes["title"], Value::Null);
    assert_eq!(attributes["location"]["city"], "Bonn");
    let properties = json!({ "plan": "gold", "size": "small", "spare": 1, "tags": ["a"] });
    assert_eq!(attributes["properties"], properties);
}

#[test]
fn without_the_policy_a_browser_may_change_everything() {
    let api = Api::set("protect = false");
    let id = ann(&api);
    api.send(&RawRequest::profile(meddling().to_string())).assert_accepted();
    assert_eq!(newest(&api, &id)["withheld"], json!([]));
    let attributes = api.attributes(&id);
    assert_eq!(
        (&attributes["first_name"], &attributes["location"]["city"]),
        (&json!("Eve"), &Value::Null)
    );
    let properties = json!({ "plan": "free", "size": "small", "tags": ["a", "b"] });
    assert_eq!(attributes["properties"], properties);
}

#[test]
fn no_merge_lets_a_browsers_word_go_before_the_companys() {
    for (settings, expected) in [("protect = true", "Ann"), ("protect = false", "Eve")] {
        let api = Api::set(settings);
        api.create(&json!({ "email": "ann@example.com", "first_name": "Ann" }));
        api.client(&json!({ "external_id": "1", "first_name": "Eve" }));
        api.client(&json!({ "external_id": "1", "email": "ann@example.com" }));
        let found = api.get("/api/profiles?filter=equals(external_id,'1')");
        let [id] = &ids(&found)[..] else { panic!("{found:?}") };
        assert_eq!(api.attributes(id)["first_name"], expected);
        assert_eq!(api.attributes(id)["email"], "ann@example.com");
    }
}

#[test]
fn the_company_itself_changes_what_it_wrote() {
    let api = Api::set("protect = true");
    let id = ann(&api);
    let mut update = profile(&json!({ "first_name": "Anna" }));
    update["data"]["id"] = json!(id);
    assert_eq!(api.patch(&format!("/api/profiles/{id}"), &update).status, 200);
    let import = api.send(
        &asking("POST", "/api/profile-import").body(
            profile(&json!({ "email": "ann@example.com", "properties": { "plan": "free" } }))
                .to_string(),
        ),
    );
    assert_eq!(import.status, 200);
    assert_eq!(newest(&api, &id)["withheld"], json!([]));
    let attributes = api.attributes(&id);
    assert_eq!(
        (&attributes["first_name"], &attributes["properties"]["plan"]),
        (&json!("Anna"), &json!("free"))
    );
}
