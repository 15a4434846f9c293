//! Floods of large bodies in one company's name: what they leave to the others, and
//! to the company's own programs.

use profile_protocol::limits::BODY_BYTES;
use serde_json::json;

use super::{connections, report};
use crate::{
    api::{KEY, asking, key},
    serving::{Home, Serving},
    wire::{Connection, RawRequest},
};

/// Companies that accept client requests, the last of which has a private key, too. The body
/// timeout is longer than any of these tests.
fn home() -> Home {
    let company = |id| {
        let limits = "limits = { burst = 10000, steady = 10000 }";
        format!("[[company]]\nid = \"{id}\"\n{limits}\nnetwork_{limits}\n")
    };
    let companies = ["FLOOD1", "FLOOD2", "FLOOD3", "ABC123"].map(company).concat();
    let key = key("backend", KEY, r#""profiles:read", "profiles:write""#);
    Home::configured(&format!("connections = {{ body_seconds = 300 }}\n{companies}{key}"))
}

/// A body of almost the largest size there is, about this person.
fn large(email: &str) -> Vec<u8> {
    let text = "x".repeat(90_000);
    let attributes = json!({ "email": email, "properties": { "text": text } });
    json!({ "data": { "type": "profile", "attributes": attributes } }).to_string().into_bytes()
}

/// A bulk import of some megabytes.
fn bulk() -> Vec<u8> {
    let text = "x".repeat(90_000);
    let row = |number: usize| {
        let email = format!("row{number}@example.com");
        json!({ "type": "profile", "attributes": { "email": email, "properties": { "text": text } } })
    };
    let rows: Vec<_> = (0..40).map(row).collect();
    let attributes = json!({ "profiles": { "data": rows } });
    let job = json!({ "type": "profile-bulk-import-job", "attributes": attributes });
    json!({ "data": job }).to_string().into_bytes()
}

/// Sends large bodies for this company, each without its last bytes, until one is refused.
fn flood(gateway: &Serving, company: &str, count: usize) -> Vec<Connection> {
    let unfinished = RawRequest::profile(vec![b' '; BODY_BYTES]).of(company).bytes();
    let unfinished = &unfinished[..unfinished.len() - 100];
    let open = |_| {
        let mut connection = gateway.connect();
        // Refused connections are closed while the request is sent.
        connection.send(unfinished);
        connection
    };
    let open: Vec<Connection> = (0..count).map(open).collect();
    let one_more = RawRequest::profile(large("flood@example.com")).of(company);
    let mut statuses = (0..5_000).map(|_| gateway.send(&one_more).status);
    assert!(statuses.any(|status| status == 503), "{company} has budget for all of them");
    open
}

#[track_caller]
fn assert_its_programs_are_served(gateway: &Serving) {
    let answer = gateway.send(&asking("POST", "/api/profile-import").body(large("a@example.com")));
    assert_eq!(answer.status, 201, "{answer:?}");
    let answer = gateway.send(&asking("POST", "/api/profile-bulk-import-jobs").body(bulk()));
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.json()["data"]["attributes"]["completed_count"], 40);
}

#[test]
fn unfinished_bodies_for_one_company_take_no_budget_of_another() {
    let home = home();
    let gateway = home.serve();
    // More than the whole budget.
    let count = connections(750);
    let open = flood(&gateway, "FLOOD1", count);
    for number in 0..10 {
        let other = RawRequest::profile(large(&format!("large{number}@example.com")));
        gateway.send(&other).assert_accepted();
    }
    assert_its_programs_are_served(&gateway);
    gateway.send(&RawRequest::email("small@example.com").of("FLOOD1")).assert_accepted();
    report(
        "unfinished bodies",
        format_args!("{count} in one company's name; the other's are stored"),
    );
    drop(open);
    gateway.stop().assert_exit(0);
}

#[test]
fn bodies_with_a_private_key_are_admitted_when_client_budgets_are_exhausted() {
    let home = home();
    let gateway = home.serve();
    // Each has a quarter, 170 bodies.
    let count = connections(4 * 180) / 4;
    let open = ["FLOOD1", "FLOOD2", "FLOOD3", "ABC123"].map(|id| flood(&gateway, id, count));
    assert_eq!(gateway.send(&RawRequest::profile(large("b@example.com"))).status, 503);
    assert_its_programs_are_served(&gateway);
    gateway.send(&RawRequest::email("small@example.com")).assert_accepted();
    drop(open);
    gateway.stop().assert_exit(0);
}
