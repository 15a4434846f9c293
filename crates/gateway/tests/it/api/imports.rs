//! Bulk imports.

use serde_json::{Value, json};

use super::{Api, ids, refused};

const JOBS: &str = "/api/profile-bulk-import-jobs";

fn job(profiles: &[Value]) -> Value {
    json!({ "data": { "type": "profile-bulk-import-job", "attributes": {
        "profiles": { "data": profiles } } } })
}

fn row(attributes: &Value) -> Value {
    json!({ "type": "profile", "attributes": attributes })
}

#[test]
fn a_bulk_import_stores_what_is_right_and_tells_what_is_not() {
    let api = Api::new();
    let ann = api.create(&json!({ "external_id": "1", "email": "ann@example.com" }));
    let taken = api.create(&json!({ "external_id": "2", "phone_number": "+15005550006" }));
    let answer = api.post(
        JOBS,
        &job(&[
            row(&json!({ "email": "new@example.com", "first_name": "New" })),
            row(&json!({ "email": "nobody", "nickname": "x" })),
            row(&json!({ "external_id": "1", "title": "Dr" })),
            row(&json!({ "email": "ann@example.com", "phone_number": "+15005550006" })),
            row(&json!({ "external_id": "undefined" })),
        ]),
    );
    assert_eq!(answer.status, 202, "{answer:?}");
    let document = answer.json();
    let id = document["data"]["id"].as_str().unwrap();
    let attributes = &document["data"]["attributes"];
    assert_eq!(attributes["status"], "complete");
    let counts = ["total_count", "completed_count", "failed_count"].map(|name| &attributes[name]);
    assert_eq!(counts, [&json!(5), &json!(2), &json!(3)]);
    assert_eq!(api.attributes(&ann)["title"], "Dr");

    let target = format!("{JOBS}/{id}");
    let read = api.get(&target).json();
    assert_eq!(read["data"]["attributes"], *attributes);
    let profiles = ids(&api.get(&format!("{target}/profiles")));
    assert!(profiles.len() == 2 && profiles[1] == ann && !profiles.contains(&taken));

    let errors = api.get(&format!("{target}/import-errors")).json();
    let told: Vec<(&str, &str)> = errors["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            let attributes = &error["attributes"];
            let pointer = attributes["source"]["pointer"].as_str().unwrap();
            (attributes["code"].as_str().unwrap(), pointer)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("invalid", "/data/attributes/profiles/data/1/attributes/email"),
            ("invalid", "/data/attributes/profiles/data/1/attributes/nickname"),
            ("duplicate_profile", "/data/attributes/profiles/data/3/attributes"),
            ("invalid", "/data/attributes/profiles/data/4/attributes"),
        ]
    );
}

#[test]
fn rows_are_stored_in_their_order() {
    let api = Api::new();
    let rows: Vec<Value> = (0..300)
        .map(|number| row(&json!({ "external_id": "1", "properties": { "n": number } })))
        .collect();
    assert_eq!(api.post(JOBS, &job(&rows)).status, 202);
    let found = api.get("/api/profiles").json();
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    assert_eq!(found["data"][0]["attributes"]["properties"], json!({ "n": 299 }));
}

#[test]
fn ten_thousand_profiles_are_one_import_and_one_more_are_none() {
    let api = Api::new();
    let rows: Vec<Value> = (0..10_001)
        .map(|number| row(&json!({ "email": format!("{number}@example.com") })))
        .collect();
    let answer = api.post(JOBS, &job(&rows));
    let place = "/data/attributes/profiles/data".to_owned();
    assert_eq!(refused(&answer), (400, "invalid".into(), place));
    assert_eq!(ids(&api.get("/api/profiles")).len(), 0);
    let answer = api.post(JOBS, &job(&rows[..10_000]));
    assert_eq!(answer.json()["data"]["attributes"]["completed_count"], 10_000);
    assert_eq!(ids(&api.get("/api/profiles?filter=equals(email,'9999@example.com')")).len(), 1);
}

#[test]
fn imports_are_listed_newest_first_page_by_page() {
    let api = Api::new();
    let import = |number: u32| {
        let rows = [row(&json!({ "email": format!("{number}@example.com") }))];
        api.post(JOBS, &job(&rows)).json()["data"]["id"].as_str().unwrap().to_owned()
    };
    let mut jobs: Vec<String> = (0..5).map(import).collect();
    assert_eq!(ids(&api.get(&format!("{JOBS}?sort=created_at"))), jobs);
    jobs.reverse();
    let first = api.get(&format!("{JOBS}?page[size]=3"));
    let link = first.json()["links"]["next"].as_str().unwrap().to_owned();
    let (_, rest) = link.split_once("/api").unwrap();
    let second = api.get(&format!("/api{rest}"));
    assert_eq!([ids(&first), ids(&second)].concat(), jobs);
    assert_eq!(ids(&api.get(&format!("{JOBS}?filter=equals(status,'complete')"))), jobs);
    assert_eq!(ids(&api.get(&format!("{JOBS}?filter=any(status,['queued'])"))).len(), 0);
    assert_eq!(api.get(&format!("{JOBS}/01GDDKASAP8TKDDA2GRZDSVP4H")).status, 404);
    assert_eq!(api.get(&format!("{JOBS}?filter=equals(email,'x')")).status, 400);
}

#[test]
fn a_body_over_five_megabytes_is_not_read() {
    let api = Api::new();
    let request = super::asking("POST", JOBS).body(vec![b' '; 5_000_001]);
    let answer = api.send(&request);
    assert_eq!(refused(&answer), (413, "payload_too_large".into(), String::new()));
}
