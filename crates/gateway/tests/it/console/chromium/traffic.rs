//! Requests as they come, explained requests, imports and exports in a real browser.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use super::visited;
use crate::{
    api::asking,
    console::{STRANGER, naughty::NAUGHTY},
    serving::wait_until,
    wire::RawRequest,
};

#[test]
fn a_request_is_inspected_copied_and_explained_in_chromium() {
    let Some((console, chromium)) = visited() else { return };
    console.client(&json!({ "email": "other@example.com" }));
    console.client(&json!({ "email": "sarah@example.com", "first_name": "Sarah" }));
    assert_eq!(console.gateway.send(&RawRequest::profile("{")).status, 400);
    chromium.follow("Inspector");
    chromium.wait_for_count("tbody tr", 3);
    // By code, by request id, and by address.
    chromium.fill("#text", "parse_error");
    chromium.press("Search");
    chromium.wait_for_count("tbody tr", 1);
    let refused = chromium.text_of("tbody th");
    chromium.fill("#text", "");
    chromium.press("Search");
    chromium.wait_for_count("tbody tr", 3);
    chromium.fill("#text", &refused);
    chromium.press("Search");
    chromium.wait_for_count("tbody tr", 1);
    assert!(chromium.text_of("tbody tr").contains("400 parse_error"));
    chromium.fill("#text", "sarah@example.com");
    chromium.press("Search");
    chromium.wait_for("202");
    assert_eq!(chromium.count("tbody tr"), 1);
    chromium.check_page("the inspector");
    chromium.click_first("tbody th a");
    chromium.wait_for("As a curl command");
    chromium.check_page("a request");
    chromium.picture_of_docs("console-inspector");
    chromium.press("Copy");
    chromium.wait_for("Copied");
    let copied = chromium.text_of("#curl");
    chromium.press("Explain what it would do now");
    chromium.wait_for("named this person, and nothing changed");
    chromium.wait_for("which keeps no signature");
    chromium.check_page("an explanation");
    // What was copied is pasted, and says the same.
    chromium.follow("Explain");
    chromium.paste("#request");
    assert_eq!(chromium.value_of("#request").trim(), copied.trim());
    chromium.press("Explain");
    chromium.wait_for("named this person, and nothing changed");
}

#[test]
fn a_curl_line_is_pasted_and_its_difference_is_read_in_chromium() {
    let Some((console, chromium)) = visited() else { return };
    console.client(&json!({ "email": "sarah@example.com", "first_name": "Sarah" }));
    chromium.follow("Explain");
    let body = json!({ "data": { "type": "profile", "attributes": { "email": "sarah@example.com",
        "first_name": "Sally", "anonymous_id": "browser-1" } } });
    let line = "curl -X POST 'https://gateway.example/client/profiles?company_id=ABC123'";
    let line = format!("{line} -H 'revision: 2026-01-15' -d '{body}'");
    chromium.fill("#request", &line);
    chromium.press("Explain");
    chromium.wait_for("What would change");
    assert_eq!(chromium.text_of("del"), "Sarah");
    assert_eq!(chromium.texts_of("ins"), ["browser-1", "Sally"]);
    chromium.wait_for("The browser or device belongs here now.");
    chromium.check_page("a difference");
    chromium.wait_for("A browser or app changed this person.");
    chromium.picture_of_docs("console-explain");
    // The same body, sent by the company, is an import.
    chromium.click_first("#sender option[value=server]");
    chromium.fill("#request", &body.to_string());
    chromium.press("Explain");
    chromium.wait_for("Your company changed this person.");
}

#[test]
fn what_happens_is_followed_filtered_and_paused_in_chromium() {
    let Some((console, chromium)) = visited() else { return };
    let refused = |company: &str| {
        assert_eq!(console.gateway.send(&RawRequest::profile("{").of(company)).status, 400);
    };
    chromium.follow("Add a key");
    chromium.wait_for("Private key of a company");
    chromium.fill("#key", STRANGER);
    chromium.press("Sign in");
    chromium.follow("ABC123");
    chromium.wait_for_count("[href='/console/c/ABC123/people'][aria-current=true]", 1);
    chromium.follow("Live");
    chromium.wait_for("Live.");
    console.client(&json!({ "email": "sarah@example.com" }));
    chromium.wait_for("A browser or app created this person.");
    refused("ABC123");
    chromium.wait_for("Refused: parse_error");
    chromium.check_page("the live view");
    chromium.picture_of_docs("console-live");
    chromium.follow("The request, whole");
    chromium.wait_for_count("tbody tr", 1);
    chromium.click_first("tbody th a");
    chromium.wait_for("As a curl command");
    assert!(chromium.text_of("main").contains("\"code\":\"parse_error\""));
    chromium.follow("Live");
    chromium.wait_for("Live.");
    chromium.press("Pause");
    console.client(&json!({ "anonymous_id": "browser-1" }));
    chromium.wait_for("Paused; 1 new.");
    chromium.press("Pause");
    chromium.wait_for("The browser or device belongs here now.");
    // By code: a refusal comes, and the outcome before it does not.
    chromium.fill("#code", "parse_error");
    chromium.press("Filter");
    chromium.wait_for_count("#live > li", 1);
    chromium.wait_for("Live.");
    console.client(&json!({ "email": "tom@example.com" }));
    refused("ABC123");
    chromium.wait_for_count("#live > li", 2);
    assert!(!chromium.text_of("#live").contains("created this person"));
    // By kind of identifier.
    chromium.fill("#code", "");
    chromium.click_first("#kind option[value=phone_number]");
    chromium.press("Filter");
    chromium.wait_for_count("#live > li", 0);
    chromium.wait_for("Live.");
    console.client(&json!({ "email": "eve@example.com" }));
    console.client(&json!({ "phone_number": "+15005550006" }));
    chromium.wait_for_count("#live > li", 1);
    chromium.click_first("#live li > p > a");
    chromium.wait_for("Identifiers");
    // And by company.
    chromium.follow("XYZ789");
    chromium.wait_for_count("[href='/console/c/XYZ789/people'][aria-current=true]", 1);
    chromium.follow("Live");
    chromium.wait_for("Live.");
    chromium.wait_for_count("#live > li", 0);
    refused("XYZ789");
    chromium.wait_for_count("#live > li", 1);
}

/// The body of an import of so many rows, of which the second is faulty.
fn rows(count: usize) -> String {
    let row = |number: usize| {
        let email = if number == 1 { "no address".to_owned() } else { format!("p{number}@a.de") };
        json!({ "type": "profile", "attributes": { "email": email } })
    };
    let rows: Vec<Value> = (0..count).map(row).collect();
    let attributes = json!({ "profiles": { "data": rows } });
    json!({ "data": { "type": "profile-bulk-import-job", "attributes": attributes } }).to_string()
}

#[test]
fn an_import_shows_its_progress_and_its_faulty_rows_in_chromium() {
    let Some((console, chromium)) = visited() else { return };
    chromium.hurry();
    chromium.follow("Overview");
    chromium.wait_for("Configuration in force");
    chromium.check_page("the overview");
    let charts = chromium.count("main svg");
    assert!(5 < charts && chromium.text_of("#charts") == "The last hour");
    chromium.follow("The last day");
    chromium.wait_for("in 5 minutes");
    assert_eq!(chromium.text_of("#charts"), "The last day");
    assert_eq!(chromium.count("main svg rect"), 0, "there is no sample yet");
    chromium.follow("The last hour");
    chromium.wait_for("in a minute");
    assert_eq!(chromium.count("main svg"), charts);
    chromium.follow("Imports");
    chromium.check_page("imports");
    chromium.fill("#rows", "{\"email\":\"ann@example.com\"}\n{\"email\":\"no address\"}");
    chromium.press("Import");
    chromium.wait_for("row 2 attributes/email");
    chromium.check_page("the report of an import");
    chromium.follow("Imports");
    chromium.wait_for("No import is under way.");
    let import = asking("POST", "/api/profile-bulk-import-jobs").body(rows(1_500));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(console.gateway.send(&import).status, 202);
            is_over.store(true, Ordering::Relaxed);
        });
        // Rows pause while requests of others are stored, which are not so many that their network
        // exceeds its limit.
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                console.gateway.send(&RawRequest::email("other@example.com").of("XYZ789"));
                thread::sleep(Duration::from_millis(30));
            }
        });
        chromium.wait_for(" of 1500 rows, of which 1 failed");
        chromium.picture_of_docs("console-imports");
    });
    chromium.wait_for("No import is under way.");
    chromium.follow("Imports");
    chromium.click_first("tbody th a");
    chromium.wait_for("row 2 attributes/email");
    assert!(chromium.text_of("main").contains("1499"));
}

#[test]
fn people_are_exported_into_a_file_in_chromium() {
    let Some((console, chromium)) = visited() else { return };
    console.create(&json!({ "email": "ann@example.com", "first_name": "=1+1" }));
    console.create(&json!({ "email": "tom@example.com" }));
    chromium.follow("Exports");
    chromium.wait_for("No export has ended");
    chromium.fill("#since", "yesterday");
    chromium.press("Export");
    chromium.wait_for("The time must be a time such as");
    chromium.fill("#since", "2026-01-01");
    chromium.press("Export");
    let file = chromium.downloads().join("ABC123-profiles.csv");
    wait_until("the file is there", || file.exists());
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.contains("ann@example.com") && text.contains(",'=1+1,"), "{text}");
    chromium.follow("Exports");
    chromium.wait_for("Whole");
    chromium.check_page("exports");
    chromium.picture_of_docs("console-exports");
    assert!(chromium.text_of("tbody").contains(&text.len().to_string()));
}

#[test]
fn hostile_texts_are_texts_on_every_page_in_chromium() {
    let Some((console, chromium)) = visited() else { return };
    let all = NAUGHTY.join(" ").replace(char::is_control, "");
    let header = all.replace(|symbol: char| !symbol.is_ascii(), "");
    let attributes =
        json!({ "external_id": &all, "first_name": &all, "properties": { &all: &all } });
    let body = json!({ "data": { "type": "profile", "attributes": attributes } }).to_string();
    let hostile = RawRequest::profile(&body).with("User-Agent", &header).with("X-Odd", &header);
    console.gateway.send(&hostile).assert_accepted();
    let wrong = json!({ "data": { "type": "profile", "attributes": { "email": &all, &all: 1 } } });
    for body in [wrong.to_string(), format!("{{{all}"), all.clone()] {
        let refused = hostile.clone().body(body);
        assert_eq!(console.gateway.send(&refused).status, 400);
    }
    chromium.follow("Live");
    chromium.wait_for("Live.");
    chromium.check_log("live");
    chromium.follow("Inspector");
    for place in [1, 4] {
        chromium.click_first(&format!("tbody tr:nth-of-type({place}) th a"));
        chromium.wait_for("onerror=alert(1)");
        chromium.check_log("a request");
        chromium.follow("Inspector");
    }
    chromium.follow("Explain");
    chromium.fill("#request", &body.replace(|symbol: char| u32::from(symbol) > 0xffff, ""));
    chromium.press("Explain");
    chromium.wait_for("What would change");
    chromium.check_log("an explanation");
    chromium.follow("Imports");
    chromium.fill(
        "#rows",
        "{\"email\":\"<script>alert(1)</script>\",\"<img src=x onerror=alert(1)>\":1}",
    );
    chromium.press("Import");
    chromium.wait_for("Report of an import");
    chromium.check_log("a report");
    chromium.follow("Exports");
    chromium.fill("#since", "\"><img src=x onerror=alert(1)>");
    chromium.press("Export");
    chromium.wait_for("The time must be a time such as");
    chromium.check_log("exports");
    assert_eq!(chromium.count("main img, main script, [onerror], [onmouseover]"), 0);
}
