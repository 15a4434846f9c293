//! What happened: to one profile, and to all.

use serde_json::{Value, json};

use super::{Api, ids};

fn effects(document: &Value) -> Vec<&str> {
    let data = document["data"].as_array().unwrap().iter();
    data.map(|one| one["attributes"]["effect"].as_str().unwrap()).collect()
}

#[test]
fn a_history_lists_the_result_of_every_claim_newest_first() {
    let api = Api::new();
    let id = api.create(&json!({ "external_id": "1", "email": "ann@example.com" }));
    api.client(&json!({ "anonymous_id": "tablet", "first_name": "Ann" }));
    api.client(&json!({ "external_id": "1", "anonymous_id": "tablet",
        "email": "other@example.com", "location": { "city": "Bonn" }, "properties": { "a": 1 } }));
    let history = api.get(&format!("/api/profiles/{id}/history")).json();
    assert_eq!(effects(&history), ["updated", "created", "created"]);
    let newest = &history["data"][0];
    assert_eq!(newest["type"], "outcome");
    assert_eq!(newest["relationships"]["profile"]["data"], json!({ "type": "profile", "id": id }));
    let attributes = &newest["attributes"];
    assert_eq!(
        (&attributes["scope"], &attributes["revision"]),
        (&json!("client"), &json!("2026-07-15"))
    );
    let results: Vec<&str> = attributes["claims"]
        .as_array()
        .unwrap()
        .iter()
        .map(|claim| claim["fate"].as_str().unwrap())
        .collect();
    assert_eq!(results, ["matched", "ignored", "absorbed"]);
    assert_eq!(attributes["changed"], json!(["location.city", "properties.a"]));
    let text = history.to_string();
    for value in ["Ann", "Bonn", "ann@", "other@", "tablet"] {
        assert!(!text.contains(value), "{value} in {text}");
    }
}

#[test]
fn a_history_is_read_page_by_page() {
    let api = Api::new();
    let id = api.create(&json!({ "email": "ann@example.com" }));
    for number in 0..4 {
        api.client(&json!({ "email": "ann@example.com", "properties": { "n": number } }));
    }
    let mut target = format!("/api/profiles/{id}/history?page[size]=2");
    let mut numbers = Vec::new();
    loop {
        let answer = api.get(&target);
        numbers.extend(ids(&answer));
        let Some(link) = answer.json()["links"]["next"].as_str().map(str::to_owned) else { break };
        let (_, rest) = link.split_once("/api").unwrap();
        target = format!("/api{rest}");
    }
    assert_eq!(numbers, ["5", "4", "3", "2", "1"]);
}

#[test]
fn the_stream_is_followed_without_a_gap_or_a_repeat() {
    let api = Api::new();
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    for round in 0..5 {
        for number in 0..3 {
            api.client(&json!({ "email": format!("{round}-{number}@example.com") }));
        }
        loop {
            let page = api.get(&format!("/api/outcomes?page[size]=2&page[cursor]={cursor}"));
            seen.extend(ids(&page));
            let page = page.json();
            assert_eq!(page["meta"]["missed"], 0);
            page["meta"]["cursor"].as_str().unwrap().clone_into(&mut cursor);
            if page["links"]["next"].is_null() {
                break;
            }
        }
    }
    let expected: Vec<String> = (1..=15).map(|number: u32| number.to_string()).collect();
    assert_eq!(seen, expected);
    // A reader at the end stays there until there are new outcomes.
    let idle = api.get(&format!("/api/outcomes?page[cursor]={cursor}")).json();
    assert_eq!(
        (idle["data"].as_array().unwrap().len(), &idle["meta"]["cursor"]),
        (0, &json!(cursor))
    );
}

#[test]
fn outcomes_are_read_newest_first_and_back_to_the_oldest() {
    let api = Api::new();
    let empty = api.get("/api/outcomes?sort=-at").json();
    assert_eq!((&empty["data"], &empty["links"]["next"]), (&json!([]), &Value::Null));
    let cursor = empty["meta"]["cursor"].as_str().unwrap();
    assert_eq!(api.get(&format!("/api/outcomes?page[cursor]={cursor}")).status, 200);
    for number in 0..5 {
        api.client(&json!({ "email": format!("{number}@example.com") }));
    }
    let mut target = "/api/outcomes?sort=-at&page[size]=2".to_owned();
    let mut pages = Vec::new();
    loop {
        let answer = api.get(&target);
        // What happens meanwhile is on no later page.
        api.client(&json!({ "email": "late@example.com" }));
        pages.push(ids(&answer));
        let document = answer.json();
        assert_eq!(document["meta"]["missed"], 0);
        // The cursor alone continues in the same order.
        let cursor = document["meta"]["cursor"].as_str().unwrap();
        let alone = api.get(&format!("/api/outcomes?page[cursor]={cursor}"));
        let Some(link) = document["links"]["next"].as_str() else {
            assert_eq!(ids(&alone).len(), 0);
            break;
        };
        let (_, rest) = link.split_once("/api").unwrap();
        target = format!("/api{rest}");
        assert_eq!(ids(&alone), ids(&api.get(&target)));
    }
    assert_eq!(pages, [vec!["5", "4"], vec!["3", "2"], vec!["1"]]);
    assert_eq!(ids(&api.get("/api/outcomes?sort=at&page[size]=2")), ["1", "2"]);
    for sort in ["id", "-id", "", "at,-at"] {
        assert_eq!(api.get(&format!("/api/outcomes?sort={sort}")).status, 400, "{sort}");
    }
}

#[test]
fn a_cursor_of_another_list_or_of_another_store_is_refused() {
    let (api, other) = (Api::new(), Api::new());
    let id = api.create(&json!({ "email": "ann@example.com" }));
    api.client(&json!({ "email": "ann@example.com", "first_name": "Ann" }));
    other.create(&json!({ "email": "bob@example.com" }));
    let cursor = api.get("/api/outcomes").json()["meta"]["cursor"].as_str().unwrap().to_owned();
    assert_eq!(api.get(&format!("/api/outcomes?page[cursor]={cursor}")).status, 200);
    // A cursor of one order is none of the other.
    assert_eq!(api.get(&format!("/api/outcomes?sort=-at&page[cursor]={cursor}")).status, 400);
    // The other store has not come so far.
    assert_eq!(other.get(&format!("/api/outcomes?page[cursor]={cursor}")).status, 400);
    let history = format!("/api/profiles/{id}/history");
    for target in [&history, "/api/profiles", "/api/profile-bulk-import-jobs"] {
        assert_eq!(api.get(&format!("{target}?page[cursor]={cursor}")).status, 400, "{target}");
    }
    for cursor in ["x", "AAAA", "________________________"] {
        assert_eq!(api.get(&format!("/api/outcomes?page[cursor]={cursor}")).status, 400);
    }
}
