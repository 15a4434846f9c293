//! Bulk imports.

use serde_json::{Value, json};

use super::{Api, KEY, STRANGER, asking, asking_with, ids, key, refused};
use crate::{serving::Home, wire::RawRequest};

const JOBS: &str = "/api/profile-bulk-import-jobs";

fn job(profiles: &[Value]) -> Value {
    json!({ "data": { "type": "profile-bulk-import-job", "attributes": {
        "profiles": { "data": profiles } } } })
}

fn row(attributes: &Value) -> Value {
    json!({ "type": "profile", "attributes": attributes })
}

#[test]
fn a_bulk_import_stores_valid_rows_and_reports_faulty_ones() {
    let api = Api::new();
    let ann = api.create(&json!({ "external_id": "1", "email": "ann@example.com" }));
    let taken = api.create(&json!({ "external_id": "2", "phone_number": "+15005550006" }));
    let answer = api.post(
        JOBS,
        &job(&[
            row(&json!({ "email": "new@example.com", "first_name": "New" })),
            row(&json!({ "email": "invalid", "nickname": "x" })),
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

    assert_eq!(ids(&api.get(&format!("{target}/relationships/profiles"))), profiles);
    let errors = api.get(&format!("{target}/import-errors")).json();
    assert!(errors.to_string().contains(&format!("It is {taken}.")), "{errors}");
    let listed: Vec<(&str, &str)> = errors["data"]
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
        listed,
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
fn no_text_about_a_failed_row_has_a_null_character() {
    let api = Api::new();
    let rows = [
        row(&json!({ "email": "ann@example.com\0", "external_id": "a\0b", "anonymous_id": "c" })),
        row(&json!({ "email": "bob@example.com", "nick\0name": 1 })),
        row(&json!({ "email": "cid@example.com", "properties": { "a\0b": 1 } })),
    ];
    let answer = api.post(JOBS, &job(&rows)).json();
    let id = answer["data"]["id"].as_str().unwrap();
    let errors = api.get(&format!("{JOBS}/{id}/import-errors")).json();
    let attributes: Vec<&Value> =
        errors["data"].as_array().unwrap().iter().map(|one| &one["attributes"]).collect();
    assert_eq!(attributes.len(), 4);
    let has_null = |text: &Value| text.as_str().is_some_and(|text| text.contains('\0'));
    assert!(!attributes.iter().any(|one| has_null(&one["detail"])), "{errors}");
    let sent = json!({ "type": "profile", "attributes": { "anonymous_id": "c" } });
    assert_eq!(attributes[0]["original_payload"], sent);
    let pointers: Vec<&str> =
        attributes.iter().map(|one| one["source"]["pointer"].as_str().unwrap()).collect();
    assert!(pointers[2].ends_with(r"/data/1/attributes/nick\u0000name"), "{pointers:?}");
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
    let first = api.get(&format!("{JOBS}?page[size]=2&sort=created_at"));
    let link = first.json()["links"]["next"].as_str().unwrap().to_owned();
    let (_, cursor) = link.split_once("page%5Bcursor%5D=").unwrap();
    let second = api.get(&format!("{JOBS}?page[cursor]={cursor}"));
    jobs.reverse();
    assert_eq!([ids(&first), ids(&second)].concat(), jobs[..4]);
    jobs.reverse();
    assert_eq!(ids(&api.get(&format!("{JOBS}?filter=equals(status,'complete')"))), jobs);
    assert_eq!(ids(&api.get(&format!("{JOBS}?filter=any(status,['queued'])"))).len(), 0);
    assert_eq!(api.get(&format!("{JOBS}/01GDDKASAP8TKDDA2GRZDSVP4H")).status, 404);
    for filter in
        ["equals(email,'x')", "equals(status,complete)", "equals(status,'x')", "any(status,[])"]
    {
        assert_eq!(api.get(&format!("{JOBS}?filter={filter}")).status, 400, "{filter}");
    }
}

#[test]
fn a_body_over_five_megabytes_is_not_read() {
    let api = Api::new();
    let request = asking("POST", JOBS).body(vec![b' '; 5_000_001]);
    let answer = api.send(&request);
    assert_eq!(refused(&answer), (413, "payload_too_large".into(), String::new()));
}

#[test]
fn every_failed_row_is_reported() {
    let api = Api::new();
    let faulty = (0..100).map(|number| (format!("bad{number}"), json!(1))).collect();
    let rows = vec![row(&Value::Object(faulty)); 1_000];
    let answer = api.post(JOBS, &job(&rows)).json();
    assert_eq!(answer["data"]["attributes"]["failed_count"], 1_000);
    let id = answer["data"]["id"].as_str().unwrap();
    let mut target = format!("{JOBS}/{id}/import-errors?page[size]=100");
    let mut rows = std::collections::BTreeSet::new();
    loop {
        let page = api.get(&target).json();
        for error in page["data"].as_array().unwrap() {
            let pointer = error["attributes"]["source"]["pointer"].as_str().unwrap();
            rows.insert(pointer.split('/').nth(5).unwrap().to_owned());
        }
        let Some(next) = page["links"]["next"].as_str() else { break };
        let (_, rest) = next.split_once("/api").unwrap();
        target = format!("/api{rest}");
    }
    assert_eq!(rows.len(), 1_000);
}

#[test]
fn the_profiles_of_an_import_are_listed_once_even_after_merges() {
    let api = Api::new();
    let rows = ["a", "b", "c"].map(|name| row(&json!({ "email": format!("{name}@example.com") })));
    let answer = api.post(JOBS, &job(&rows)).json();
    let target = format!("{JOBS}/{}/profiles", answer["data"]["id"].as_str().unwrap());
    let profiles = ids(&api.get(&target));
    let [first, second, third] = &profiles[..] else { panic!("{profiles:?}") };
    let merge = json!({ "data": { "type": "profile-merge", "id": first, "relationships": {
        "profiles": { "data": [{ "type": "profile", "id": second }] } } } });
    assert_eq!(api.post("/api/profile-merge", &merge).status, 201);
    assert_eq!(ids(&api.get(&target)), [first.as_str(), third]);
}

#[test]
fn imports_leave_capacity_for_other_requests() {
    let api = Api::new();
    let rows = |import: usize| -> Vec<Value> {
        let row = |number| row(&json!({ "external_id": format!("row-{import}-{number}") }));
        (0..1_000).map(row).collect()
    };
    // Few enough that the last import gets its slot long before its wait ends.
    let import = |import: usize| {
        let key = if import.is_multiple_of(2) { KEY } else { STRANGER };
        api.send(&asking_with(key, "POST", JOBS).body(job(&rows(import)).to_string()))
    };
    std::thread::scope(|scope| {
        let import = &import;
        let imports: Vec<_> = (0..6).map(|number| scope.spawn(move || import(number))).collect();
        for number in 0..100 {
            api.client(&json!({ "email": format!("{number}@example.com") }));
        }
        for import in imports {
            let answer = import.join().unwrap();
            assert_eq!(answer.status, 202, "{answer:?}");
            assert_eq!(answer.json()["data"]["attributes"]["completed_count"], 1_000);
        }
    });
}

#[test]
fn the_body_of_an_import_has_time_of_its_own() {
    let company = "[[company]]\nid = \"ABC123\"\n";
    let key = key("all", KEY, r#""profiles:write""#);
    let quick = "connections = { head_seconds = 1, body_seconds = 1, answer_seconds = 1 }";
    let home = Home::configured(&format!("{quick}\n{company}{key}"));
    let gateway = home.serve();
    let rows = [row(&json!({ "email": "ann@example.com" }))];
    let import = asking("POST", JOBS).body(job(&rows).to_string()).bytes();
    let (start, end) = import.split_at(import.len() - 1);
    let mut importing = gateway.connect();
    assert!(importing.send(start));
    // When the time of another body is over, or of another connection, that of the
    // import is not.
    let mut other = gateway.connect();
    assert!(other.send(RawRequest::email("ben@example.com").head()));
    assert_eq!(other.receive().status, 408);
    let mut other = gateway.connect();
    other.exchange(&RawRequest::email("ben@example.com")).assert_accepted();
    assert!(other.send("POST"));
    assert!(other.ends());
    assert!(importing.send(end));
    assert_eq!(importing.receive().status, 202);
}
