//! Exports of the console.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Browser, Console, READER, STRANGER, companies};
use crate::{
    api::{KEY, asking, key},
    serving::{Home, wait_until},
    wire::{Connection, RawRequest},
};

const EXPORTS: &str = "/console/c/ABC123/exports";

/// The request of a form for an export.
fn asked(browser: &Browser<'_>, page: &str, fields: &[(&str, &str)]) -> RawRequest {
    let token = browser.form_token();
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.append_pair("form_token", &token).extend_pairs(fields);
    RawRequest::new("POST", page)
        .with("Content-Type", "application/x-www-form-urlencoded")
        .with("Cookie", browser.cookie.as_ref().unwrap())
        .body(body.finish())
}

/// The file that an export gives, which has to be whole.
fn exported(browser: &Browser<'_>, fields: &[(&str, &str)]) -> String {
    let mut download = Connection::open(browser.console.gateway.admin);
    let head = download.exchange_head(&asked(browser, EXPORTS, fields));
    assert_eq!(head.status, 200);
    let (text, is_whole) = download.chunks();
    assert!(is_whole);
    String::from_utf8(text).unwrap()
}

#[test]
fn an_export_has_what_the_api_shows_and_a_table_has_no_formula() {
    let console = Console::new();
    console.create(&json!({ "email": "ann@example.com", "first_name": "=HYPERLINK(\"http://x\")",
        "last_name": "O, \"N\"\n", "properties": { "sizes": [1, 2.50] } }));
    console.client(&json!({ "anonymous_id": "-2+3" }));
    let browser = console.signed_in(READER);
    let shown = asking("GET", "/api/profiles?additional-fields[profile]=identifiers");
    let mut shown = console.gateway.send(&shown).json()["data"].as_array().unwrap().clone();
    shown.iter_mut().for_each(|profile| drop(profile.as_object_mut().unwrap().remove("links")));
    let lines = exported(&browser, &[("format", "jsonl"), ("since", "")]);
    let parsed: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(parsed, shown);
    let table = exported(&browser, &[("format", "csv"), ("since", "")]);
    assert_eq!(table.matches("id,email,phone_number").count(), 1);
    assert!(table.contains("\"'=HYPERLINK(\"\"http://x\"\")\",\"O, \"\"N\"\"\n\""), "{table}");
    assert_eq!(table.matches("\r\n").count(), 3, "{table}");
    let page = browser.page(EXPORTS);
    assert!(page.contains("No export is under way"), "{page}");
    assert_eq!(page.matches(">Whole<").count(), 2, "{page}");
    for part in ["<td class=\"number\">2</td>".to_owned(), format!(">{}<", table.len())] {
        assert!(page.contains(&part), "{part} in {page}");
    }
    let other = console.signed_in(STRANGER).page("/console/c/XYZ789/exports");
    assert!(other.contains("No export has ended"), "{other}");
    console.gateway.logged("profiles are being exported from the console");
}

#[test]
fn more_profiles_than_one_step_reads_are_exported_once_each_in_the_order_of_ids() {
    let console = Console::new();
    let people = 2 * gateway::limits::CONSOLE_EXPORT_STEP + 3;
    for number in 0..people {
        console.create(&json!({ "email": format!("person-{number}@example.com") }));
    }
    let browser = console.signed_in(KEY);
    for (format, heads) in [("jsonl", 0), ("csv", 1)] {
        let text = exported(&browser, &[("format", format), ("since", "")]);
        assert_eq!(text.lines().count(), people + heads, "{format}");
        let found = (0..people).filter(|number| text.contains(&format!("person-{number}@")));
        assert_eq!(found.count(), people, "{format}");
    }
}

#[test]
fn an_export_since_a_time_has_who_was_updated_then_and_a_wrong_time_is_explained() {
    let console = Console::new();
    let old = console.create(&json!({ "email": "old@example.com" }));
    std::thread::sleep(Duration::from_millis(20));
    console.create(&json!({ "email": "new@example.com" }));
    let list = console.gateway.send(&asking("GET", "/api/profiles?sort=-updated")).json();
    let since = list["data"][0]["attributes"]["updated"].as_str().unwrap();
    let browser = console.signed_in(KEY);
    let text = exported(&browser, &[("format", "jsonl"), ("since", since)]);
    assert!(text.contains("new@example.com") && !text.contains(&old), "{text}");
    assert!(browser.page(EXPORTS).contains("updated since "));
    let naughty = "\"><script>alert(1)</script>";
    for (fields, words) in [
        ([("format", "csv"), ("since", naughty)], "The time must be a time such as 2026-11-30"),
        ([("format", naughty), ("since", "")], "Choose one of the forms of a file"),
    ] {
        let wrong = browser.submit(EXPORTS, &fields);
        assert_eq!(wrong.status, 400);
        assert!(wrong.text().contains(words) && !wrong.text().contains("<script>"));
    }
}

/// People with so much that an export of them waits until it is read.
fn fill(console: &Console) {
    let large = "x".repeat(90_000);
    for number in 0..80 {
        let email = format!("person-{number}@example.com");
        console.create(&json!({ "email": email, "properties": { "note": large } }));
    }
}

#[test]
fn an_export_under_way_shows_its_progress_keeps_no_other_company_waiting_and_can_be_cut_off() {
    let console = Console::new();
    fill(&console);
    let browser = console.signed_in(KEY);
    let lines = [("format", "jsonl"), ("since", "")];
    let mut download = Connection::open(console.gateway.admin);
    assert_eq!(download.exchange_head(&asked(&browser, EXPORTS, &lines)).status, 200);
    wait_until("the page shows how far it is", || {
        let page = browser.page(EXPORTS);
        page.contains(" bytes so far of lines of JSON") && !page.contains("<p>0 rows")
    });
    let another = browser.submit(EXPORTS, &lines);
    assert_eq!(another.status, 503);
    assert!(another.text().contains("At most 1 of a company is under way"), "{}", another.text());
    let stranger = console.signed_in(STRANGER);
    let other = "/console/c/XYZ789/exports";
    assert!(!stranger.page(other).contains("bytes so far"));
    let mut theirs = Connection::open(console.gateway.admin);
    assert_eq!(theirs.exchange_head(&asked(&stranger, other, &lines)).status, 200);
    assert!(theirs.chunks().1);
    // The session ends, and so does what it may read.
    assert_eq!(browser.submit("/console/sign-out", &[]).status, 303);
    let (text, is_whole) = download.chunks();
    assert!(!is_whole && text.len() < 80 * 90_000, "{}", text.len());
    let browser = console.signed_in(KEY);
    let page = browser.page(EXPORTS);
    assert!(page.contains("Cut off") && page.contains("the session ended"), "{page}");
    // One whose receiver goes makes room for the next.
    let mut download = Connection::open(console.gateway.admin);
    assert_eq!(download.exchange_head(&asked(&browser, EXPORTS, &lines)).status, 200);
    drop(download);
    wait_until("the end of the other is noticed", || {
        browser.page(EXPORTS).contains("the download was broken off")
    });
    assert_eq!(exported(&browser, &lines).lines().count(), 80);
}

#[test]
fn an_export_needs_the_scope_to_read_profiles_and_a_version_of_http_that_marks_the_end() {
    let eraser = "pk_eraser";
    let settings = companies("").replacen(
        "[[company.key]]",
        &format!("{}[[company.key]]", key("eraser", eraser, "\"data-privacy:write\"")),
        1,
    );
    let home = Home::configured(&settings);
    let console = Console { gateway: home.serve(), home };
    let browser = console.signed_in(eraser);
    for answer in [browser.get(EXPORTS), browser.submit(EXPORTS, &[("format", "csv")])] {
        assert_eq!(answer.status, 403);
        assert!(answer.text().contains("profiles:read"), "{}", answer.text());
    }
    assert_eq!(console.signed_in(STRANGER).submit(EXPORTS, &[("format", "csv")]).status, 403);
    let browser = console.signed_in(KEY);
    let forged = browser.post(EXPORTS, &[("format", "csv")]);
    assert_eq!(forged.status, 403);
    let request = asked(&browser, EXPORTS, &[("format", "csv"), ("since", "")]);
    let request = String::from_utf8(request.bytes()).unwrap().replacen("HTTP/1.1", "HTTP/1.0", 1);
    let mut connection = Connection::open(console.gateway.admin);
    connection.send(request);
    let answer = String::from_utf8(connection.rest()).unwrap();
    assert!(answer.contains(" 505 ") && answer.contains("proxy_http_version 1.1"), "{answer}");
}
