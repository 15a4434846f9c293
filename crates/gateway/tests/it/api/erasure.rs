//! Erasure as its callers see it: jobs that can be read, everything that finds a person, and
//! everything that is stored about one.

use serde_json::{Value, json};

use super::{Api, READER, STRANGER, asking_with, ids, refused};
use crate::wire::RawResponse;

const JOBS: &str = "/api/data-privacy-deletion-jobs";
const IMPORTS: &str = "/api/profile-bulk-import-jobs";

fn deletion(profile: &Value) -> Value {
    json!({ "data": { "type": "data-privacy-deletion-job", "attributes": {
        "profile": { "data": profile } } } })
}

fn by_id(id: &str) -> Value {
    deletion(&json!({ "type": "profile", "id": id, "attributes": {} }))
}

fn by_email(email: &str) -> Value {
    deletion(&json!({ "type": "profile", "attributes": { "email": email } }))
}

/// Sends a deletion, and returns the path and the attributes of its job.
#[track_caller]
fn erase(api: &Api, body: &Value) -> (String, Value) {
    let answer = api.post(JOBS, body);
    assert_eq!((answer.status, answer.text()), (202, ""), "{answer:?}");
    let path = path_of(&answer);
    let job = api.get(&path).json();
    assert_eq!(job["data"]["type"], "data-privacy-deletion-job");
    (path, job["data"]["attributes"].clone())
}

fn path_of(answer: &RawResponse) -> String {
    let location = answer.header("Location").unwrap();
    format!("/api{}", location.split_once("/api").unwrap().1)
}

#[track_caller]
fn found(job: &Value, identifier: &str, found: &Value, profiles: u32) {
    assert_eq!(job["identifier"], identifier, "{job}");
    assert_eq!((&job["found"], &job["profiles_count"]), (found, &json!(profiles)), "{job}");
    assert_eq!(job["status"], "complete");
}

#[test]
fn a_deletion_leaves_a_job_and_an_outcome_whether_or_not_a_person_was_erased() {
    let api = Api::new();
    let ann = api.create(&json!({ "email": "ann@example.com" }));
    let (path, job) = erase(&api, &by_email("Ann@Example.com"));
    found(&job, "email", &json!("current"), 1);
    let (other, job) = erase(&api, &by_email("ann@example.com"));
    found(&job, "email", &Value::Null, 0);
    let outcomes = api.get("/api/outcomes").json();
    let outcomes: Vec<&Value> = outcomes["data"].as_array().unwrap().iter().skip(1).collect();
    let effects: Vec<&Value> = outcomes.iter().map(|one| &one["attributes"]["effect"]).collect();
    assert_eq!(effects, ["deleted", "nothing_deleted"]);
    assert_eq!(outcomes[0]["relationships"]["profile"]["data"]["id"], ann);
    assert_eq!(outcomes[1]["relationships"]["profile"]["data"], Value::Null);
    let claim = &outcomes[1]["attributes"]["claims"][0];
    assert_eq!((&claim["fate"], &claim["reason"]), (&json!("ignored"), &json!("no profile")));
    for (path, outcome) in [(&path, outcomes[0]), (&other, outcomes[1])] {
        let job = api.get(path);
        let named = &job.json()["data"]["relationships"]["outcome"]["data"]["id"];
        assert_eq!(*named, outcome["id"]);
        // Never the value, and never a profile that could be the value.
        assert!(!job.text().contains("example.com") && !job.text().contains(&ann));
    }
    assert_eq!(ids(&api.get("/api/profiles")), [""; 0]);
}

#[test]
fn deletion_jobs_are_listed_page_by_page_and_each_company_has_its_own() {
    let api = Api::new();
    let jobs: Vec<String> =
        (0..5).map(|number| erase(&api, &by_email(&format!("{number}@example.com"))).0).collect();
    let id = |path: &String| path.rsplit('/').next().unwrap().to_owned();
    let mut expected: Vec<String> = jobs.iter().map(id).collect();
    assert_eq!(ids(&api.get(&format!("{JOBS}?sort=created_at"))), expected);
    expected.reverse();
    let first = api.get(&format!("{JOBS}?page[size]=3"));
    let next = first.json()["links"]["next"].as_str().unwrap().to_owned();
    let second = api.get(&format!("/api{}", next.split_once("/api").unwrap().1));
    assert_eq!([ids(&first), ids(&second)].concat(), expected);
    assert_eq!(second.json()["links"]["next"], Value::Null);
    let stranger = |target: &str| api.send(&asking_with(STRANGER, "GET", target));
    assert_eq!(ids(&stranger(JOBS)), [""; 0]);
    let not_found = (404, "not_found".to_owned(), "/data".to_owned());
    assert_eq!(refused(&stranger(&jobs[0])), not_found);
    assert_eq!(api.send(&asking_with(READER, "GET", &jobs[0])).status, 403);
    for path in [format!("{JOBS}/1"), format!("{JOBS}/01GDDKASAP8TKDDA2GRZDSVP4H")] {
        assert_eq!(refused(&api.get(&path)), not_found);
    }
    assert_eq!(api.get(&format!("{JOBS}?sort=id")).status, 400);
    assert_eq!(api.get(&format!("{JOBS}?filter=equals(status,'complete')")).status, 400);
    // A cursor of another list.
    let (_, cursor) = next.split_once("page%5Bcursor%5D=").unwrap();
    assert_eq!(api.get(&format!("{IMPORTS}?page[cursor]={cursor}")).status, 400);
}

#[test]
fn an_id_that_is_no_profiles_is_an_external_id() {
    let api = Api::new();
    let looks_like_an_id = "01GDDKASAP8TKDDA2GRZDSVP4H";
    for external_id in ["customer 7", looks_like_an_id] {
        api.create(&json!({ "external_id": external_id }));
        found(&erase(&api, &by_id(external_id)).1, "external_id", &json!("current"), 1);
        found(&erase(&api, &by_id(external_id)).1, "id", &Value::Null, 0);
    }
    // The id of a profile comes first.
    let ann = api.create(&json!({ "email": "ann@example.com" }));
    let ben = api.create(&json!({ "external_id": ann }));
    found(&erase(&api, &by_id(&ann)).1, "id", &json!("current"), 1);
    assert_eq!(api.get(&format!("/api/profiles/{ben}")).status, 200);
}

#[test]
fn an_address_that_a_person_has_lost_erases_them_and_finds_them_for_no_other_request() {
    let api = Api::new();
    let ann = api.create(&json!({ "email": "old@example.com", "external_id": "1" }));
    let change = json!({ "data": { "type": "profile", "id": ann,
        "attributes": { "email": "new@example.com" } } });
    assert_eq!(api.patch(&format!("/api/profiles/{ann}"), &change).status, 200);
    let listed = "/api/profiles?filter=equals(email,'old@example.com')";
    assert_eq!(ids(&api.get(listed)), [""; 0]);
    let former = api.get(&format!(
        "/api/profiles/{ann}?fields[profile]=email&additional-fields[profile]=former_identifiers"
    ));
    let shown = former.json()["data"]["attributes"]["former_identifiers"][0].clone();
    let at = shown["at"].as_str().unwrap();
    let expected = json!({ "identifier": "email", "value": "old@example.com",
        "by": "company", "at": at, "outcome": "2" });
    assert_eq!(shown, expected);
    found(&erase(&api, &by_email("old@example.com")).1, "email", &json!("former"), 1);
    assert_eq!(api.get(&format!("/api/profiles/{ann}")).status, 404);
    found(&erase(&api, &by_email("new@example.com")).1, "email", &Value::Null, 0);
}

/// An import of rows of which some fail, and the payloads of its errors.
fn payloads(api: &Api, id: &str) -> Vec<Value> {
    let errors = api.get(&format!("{IMPORTS}/{id}/import-errors")).json();
    let errors = errors["data"].as_array().unwrap().iter();
    errors.map(|error| error["attributes"]["original_payload"].clone()).collect()
}

fn import(api: &Api, rows: &[Value]) -> String {
    let rows: Vec<Value> =
        rows.iter().map(|row| json!({ "type": "profile", "attributes": row })).collect();
    let body = json!({ "data": { "type": "profile-bulk-import-job", "attributes": {
        "profiles": { "data": rows } } } });
    let answer = api.post(IMPORTS, &body);
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.json()["data"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn an_import_error_has_the_identifiers_of_its_row_until_the_person_is_erased() {
    let api = Api::new();
    api.create(&json!({ "email": "ann@example.com", "external_id": "1" }));
    api.create(&json!({ "phone_number": "+15005550006", "external_id": "2" }));
    let id = import(
        &api,
        &[
            json!({ "email": "Ann@Example.com", "phone_number": "+15005550006", "title": "Dr" }),
            json!({ "email": "no address", "first_name": "Ben", "nickname": "x" }),
            json!({ "external_id": "lead-7", "email": "lead@example.com", "locale": 5 }),
            json!({ "email": "fine@example.com" }),
        ],
    );
    let row = |attributes: Value| json!({ "type": "profile", "attributes": attributes });
    let conflict = row(json!({ "email": "Ann@Example.com", "phone_number": "+15005550006" }));
    let invalid = row(json!({ "email": "no address" }));
    let lead = row(json!({ "email": "lead@example.com", "external_id": "lead-7" }));
    let all = [conflict.clone(), invalid.clone(), invalid.clone(), lead];
    assert_eq!(payloads(&api, &id), all);
    // A person of whom there is nothing but the row.
    let (_, job) = erase(&api, &by_email("lead@example.com"));
    found(&job, "email", &Value::Null, 0);
    assert_eq!(job["import_errors_count"], 1);
    assert_eq!(payloads(&api, &id), [conflict, invalid.clone(), invalid.clone(), Value::Null]);
    let (_, job) = erase(&api, &by_id("1"));
    found(&job, "external_id", &json!("current"), 1);
    assert_eq!(job["import_errors_count"], 1);
    assert_eq!(payloads(&api, &id), [Value::Null, invalid.clone(), invalid, Value::Null]);
    let Api { gateway, home } = api;
    gateway.stop().assert_exit(0);
    home.verify().assert_output("every invariant holds");
}

#[test]
fn the_first_thousand_failed_rows_have_payloads() {
    let api = Api::new();
    let rows: Vec<Value> = (0..1_001).map(|n| json!({ "email": format!("bad {n}") })).collect();
    let id = import(&api, &rows);
    let page = |number: &str| {
        let mut target = format!("{IMPORTS}/{id}/import-errors?page[size]=100");
        for _ in 0..number.parse::<usize>().unwrap() {
            let next = api.get(&target).json()["links"]["next"].as_str().unwrap().to_owned();
            target = format!("/api{}", next.split_once("/api").unwrap().1);
        }
        let errors = api.get(&target).json();
        let errors = errors["data"].as_array().unwrap().clone();
        errors.iter().map(|one| one["attributes"]["original_payload"].clone()).collect::<Vec<_>>()
    };
    assert!(page("0").iter().chain(&page("9")).all(Value::is_object));
    assert_eq!(page("10"), [Value::Null]);
}

#[test]
fn everything_about_a_person_is_shown_to_the_company_that_asks_for_it() {
    let api = Api::new();
    api.client(&json!({ "email": "ann@example.com", "anonymous_id": "d4cb", "title": "Dr" }));
    let ann = ids(&api.get("/api/profiles?filter=equals(anonymous_id,'d4cb')")).remove(0);
    let body = json!({ "data": { "type": "profile", "id": ann, "attributes": {
        "first_name": "Ann", "external_id": "1", "properties": { "plan": "gold" } },
        "meta": { "patch_identifiers": { "append": { "email": ["a@work.example"] } } } } });
    let answer = api.patch(&format!("/api/profiles/{ann}"), &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    let other = api.create(&json!({ "phone_number": "+15005550006", "properties": { "x": 1 } }));
    let merge = json!({ "data": { "type": "profile-merge", "id": ann, "relationships":
        { "profiles": { "data": [{ "type": "profile", "id": other }] } } } });
    assert_eq!(api.post("/api/profile-merge", &merge).status, 201);

    let all = format!("/api/profiles/{ann}?additional-fields[profile]=identifiers,writers");
    let shown = api.get(&all).json()["data"]["attributes"].clone();
    let identifiers = &shown["identifiers"];
    assert_eq!(identifiers["secondary_emails"], json!(["a@work.example"]));
    assert_eq!(identifiers["former_ids"], json!([other]));
    let [device] = &identifiers["anonymous_ids"].as_array().unwrap()[..] else { panic!("{shown}") };
    assert_eq!(device["anonymous_id"], "d4cb");
    assert!(device["first_seen"].is_string() && device["last_seen"].is_string());
    let writer = |path: &str| {
        let writer = &shown["writers"][path];
        assert_eq!(writer["at"].is_string(), writer["outcome"].is_string(), "{path}: {shown}");
        (writer["by"].as_str().unwrap().to_owned(), writer["outcome"].clone())
    };
    let by = |by: &str, outcome: &str| (by.to_owned(), json!(outcome));
    assert_eq!(writer("title"), by("client", "1"));
    assert_eq!(writer("first_name"), by("company", "2"));
    assert_eq!(writer("properties.plan"), by("company", "2"));
    assert_eq!(writer("email"), by("client", "1"));
    assert_eq!(writer("external_id"), by("company", "2"));
    assert_eq!(writer("identifiers.secondary_emails.a@work.example"), by("company", "2"));
    assert_eq!(writer("identifiers.anonymous_ids.d4cb"), by("client", "1"));
    // They came with the merge. The identifier was in one profile only, the property perhaps in
    // both.
    assert_eq!(writer("phone_number"), by("company", "4"));
    assert_eq!(writer("properties.x"), ("company".to_owned(), Value::Null));
    let paths = shown["writers"].as_object().unwrap().len();
    assert_eq!(paths, 9, "{shown}");
    // Nothing of it is shown unasked, nor to another company.
    let plain = api.get(&format!("/api/profiles/{ann}"));
    assert!(!plain.text().contains("d4cb") && !plain.text().contains("writers"));
    assert_eq!(api.send(&asking_with(STRANGER, "GET", &all)).status, 404);
}

#[test]
fn what_takes_many_reads_is_shown_of_one_profile_at_a_time() {
    let api = Api::new();
    api.create(&json!({ "email": "ann@example.com" }));
    let listed = api.get("/api/profiles?additional-fields[profile]=identifiers").json();
    assert!(listed["data"][0]["attributes"]["identifiers"]["anonymous_ids"].is_array());
    for name in ["writers", "former_identifiers", "merges"] {
        for parameter in ["additional-fields[profile]", "fields[profile]"] {
            let answer = api.get(&format!("/api/profiles?{parameter}={name}"));
            assert_eq!(answer.status, 400);
            let text = answer.text();
            assert!(text.contains("shown by GET /api/profiles/{id} only"), "{text}");
            assert!(text.contains(parameter), "{text}");
        }
    }
}

#[test]
fn a_profile_is_found_by_a_device_by_the_company_alone() {
    let api = Api::new();
    api.client(&json!({ "anonymous_id": "d4cb b1d9'\"" }));
    let found = |filter: &str| api.get(&format!("/api/profiles?filter={filter}"));
    let device = "%22d4cb%20b1d9'%5C%22%22";
    assert_eq!(ids(&found(&format!("equals(anonymous_id,{device})"))).len(), 1);
    assert_eq!(ids(&found(&format!("any(anonymous_id,['x',{device}])"))).len(), 1);
    assert_eq!(ids(&found("equals(anonymous_id,'x')")).len(), 0);
    assert_eq!(found("greater-than(anonymous_id,'x')").status, 400);
    assert_eq!(found("equals(anonymous_id,'')").status, 400);
    let target = format!("/api/profiles?filter=equals(anonymous_id,{device})");
    assert_eq!(ids(&api.send(&asking_with(STRANGER, "GET", &target))), [""; 0]);
}
