//! Finding people.

use serde_json::json;

use super::Console;
use crate::api::KEY;

#[test]
fn a_person_is_found_by_every_identifier_and_by_an_old_id() {
    let console = Console::new();
    let id = console.create(&json!({
        "email": "sarah@example.com", "phone_number": "+15005550006", "external_id": "c-7",
        "anonymous_id": "browser-1", "first_name": "Sarah", "last_name": "Mason"
    }));
    console.create(&json!({ "email": "other@example.com" }));
    let browser = console.signed_in(KEY);
    for (by, value) in [
        ("email", "SARAH%40example.com"),
        ("phone_number", "%2B15005550006"),
        ("external_id", "c-7"),
        ("anonymous_id", "browser-1"),
        ("id", id.as_str()),
    ] {
        let page = browser.page(&format!("/console/c/ABC123/people?by={by}&value={value}"));
        assert!(page.contains("Sarah Mason") && !page.contains("other@example.com"), "{by}");
        assert!(page.contains(&format!("/console/c/ABC123/people/{id}")), "{by}");
    }
    let page = browser.page("/console/c/ABC123/people?by=email&value=none%40example.com");
    assert!(page.contains("There is no such person"));
}

#[test]
fn a_value_that_is_no_identifier_is_explained_beside_the_form() {
    let console = Console::new();
    let browser = console.signed_in(KEY);
    for query in
        ["by=email&value=%3Cscript%3E", "by=nothing&value=1", "created_after=soon", "sort=x"]
    {
        let answer = browser.get(&format!("/console/c/ABC123/people?{query}"));
        assert_eq!(answer.status, 400, "{query}");
        assert!(
            answer.text().contains(r#"role="alert""#) && answer.text().contains(r#"role="search""#)
        );
        assert!(!answer.text().contains("<script>"));
    }
}

#[test]
fn lists_are_ordered_filtered_and_paged() {
    let console = Console::new();
    for number in 10..40 {
        console.create(&json!({ "email": format!("p{number}@example.com") }));
    }
    let browser = console.signed_in(KEY);
    let first = browser.page("/console/c/ABC123/people?sort=email");
    assert!(first.contains("p10@example.com") && first.contains("p34@") && !first.contains("p35@"));
    let (_, after) = first.split_once(r#"<a href="/console/c/ABC123/people?"#).unwrap();
    let next = after.split('"').next().unwrap().replace("&amp;", "&");
    let second = browser.page(&format!("/console/c/ABC123/people?{next}"));
    assert!(second.contains("p35@") && second.contains("p39@") && !second.contains("p34@"));
    assert!(!second.contains("Next page"));
    let alike = "/console/c/ABC123/people?by=email_starts_with&value=P2";
    let alike = browser.page(alike);
    assert!(alike.contains("p20@") && alike.contains("p29@") && !alike.contains("p30@"));
    let last = browser.page("/console/c/ABC123/people?sort=-email");
    assert!(last.find("p39@").unwrap() < last.find("p38@").unwrap());
    let future = browser.page("/console/c/ABC123/people?created_after=2200-01-01");
    assert!(future.contains("There is no such person"));
}
