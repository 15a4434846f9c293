//! Explaining pasted requests.

use serde_json::json;

use super::Console;
use crate::api::KEY;

const EXPLAIN: &str = "/console/c/ABC123/explain";

#[test]
fn a_pasted_body_is_explained_beside_what_it_would_change() {
    let console = Console::new();
    let id = console.create(&json!({ "email": "sarah@example.com", "first_name": "Sarah" }));
    let browser = console.signed_in(KEY);
    let body = json!({ "data": { "type": "profile", "attributes": {
        "email": "sarah@example.com", "first_name": "Sally", "anonymous_id": "browser-1" } } });
    let text = body.to_string();
    let answer = browser.submit(EXPLAIN, &[("sender", "server"), ("request", &text)]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    for part in [
        "Your company changed this person.",
        "The browser or device belongs here now.",
        "<del>Sarah</del>",
        "<ins>Sally</ins>",
        "<ins>browser-1</ins>",
        &id,
    ] {
        assert!(answer.text().contains(part), "{part} in {}", answer.text());
    }
    let page = browser.page(&format!("/console/c/ABC123/people/{id}"));
    assert!(!page.contains("Sally"), "nothing is written");
}

#[test]
fn a_curl_command_is_explained_like_its_body() {
    let console = Console::new();
    let browser = console.signed_in(KEY);
    let line = "curl -X POST 'https://gateway.example/client/profiles?company_id=ABC123' \\\n  \
        -H 'revision: 2026-01-15' -d '{\"data\":{\"type\":\"profile\",\"attributes\":{\"email\":\
        \"new@example.com\"}}}'";
    let answer = browser.submit(EXPLAIN, &[("sender", "client"), ("request", line)]);
    assert!(answer.text().contains("A browser or app created this person."), "{}", answer.text());
    assert!(answer.text().contains("<ins>new@example.com</ins>"));
    assert!(answer.text().contains("-d &#39;") || answer.text().contains("-d '"), "it stays there");
}

#[test]
fn what_cannot_be_explained_says_why_and_keeps_what_was_pasted() {
    let console = Console::new();
    let browser = console.signed_in(KEY);
    let placeholder = r#"{"data":{"type":"profile","attributes":{"email":"a"}}}"#;
    for (request, words) in [
        ("{", "The body is not JSON."),
        ("curl https://x/", "The curl command has no body"),
        (placeholder, "/data/attributes/body/data/attributes/email"),
        ("<script>alert(1)</script>", "The body is not JSON."),
        ("curl https://gateway.example/api/profiles -d {}", "this command sends another"),
        ("curl https://a.example/client/push-tokens?company_id=A -d {}", "sends another"),
    ] {
        let answer = browser.submit(EXPLAIN, &[("sender", "client"), ("request", request)]);
        assert_eq!(answer.status, 400, "{request}");
        assert!(answer.text().contains(words), "{words} in {}", answer.text());
        assert!(!answer.text().contains("<script>"));
    }
    let wrong = browser.submit(EXPLAIN, &[("sender", "else"), ("request", placeholder)]);
    assert_eq!(wrong.status, 400);
}
