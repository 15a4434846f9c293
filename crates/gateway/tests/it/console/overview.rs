//! The overview, and imports.

use std::{thread, time::Duration};

use serde_json::json;

use super::{Browser, Console, READER, STRANGER};
use crate::{api::KEY, wire::RawRequest};

#[test]
fn the_overview_shows_health_charts_requests_and_settings_without_secrets() {
    let console = Console::new();
    console.client(&json!({ "email": "sarah@example.com" }));
    assert_eq!(console.gateway.send(&RawRequest::profile("{")).status, 400);
    let browser = console.signed_in(KEY);
    let page = browser.page("/console/c/ABC123/overview");
    for part in [
        "Ready: the store accepts all requests",
        "Accepted requests, in a minute",
        "<svg",
        "Free disk space",
        "POST /client/profiles",
        "parse_error",
        "id = &quot;ABC123&quot;",
        "sha256 = &quot;(not shown)&quot;",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("XYZ789") && !page.contains(KEY));
    assert!(browser.page("/console/c/ABC123/overview?range=day").contains("The last day"));
    let other = console.signed_in(STRANGER).page("/console/c/XYZ789/overview");
    assert!(!other.contains("ABC123"), "{other}");
}

#[test]
fn an_import_is_made_and_reported_with_its_faulty_rows() {
    let console = Console::new();
    let browser = console.signed_in(KEY);
    let rows = "{\"email\":\"ann@example.com\"}\n{\"email\":\"<script>no address\"}\n";
    let report = browser.follow(&browser.submit("/console/c/ABC123/imports", &[("rows", rows)]));
    assert!(report.contains("row 2 attributes/email"), "{report}");
    assert!(report.contains("/console/c/ABC123/people/") && !report.contains("<script>no"));
    let list = browser.page("/console/c/ABC123/imports");
    assert!(list.contains("No import is under way") && list.contains("/console/c/ABC123/imports/"));
    let wrong = browser.submit("/console/c/ABC123/imports", &[("rows", "{}\n{")]);
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("Line 2 is not JSON"));
    let reader = console.signed_in(READER);
    assert!(reader.page("/console/c/ABC123/imports").contains("profiles:write"));
    assert_eq!(reader.submit("/console/c/ABC123/imports", &[("rows", "{}")]).status, 403);
}

/// The overview, once it has counted. Where the machine is slow, that goes on in the background.
fn counted_page(browser: &Browser<'_>, path: &str) -> String {
    let look = || {
        thread::sleep(Duration::from_millis(50));
        browser.page(path)
    };
    let mut looks = std::iter::repeat_with(look).take(200);
    looks.find(|page| !page.contains("are being counted")).unwrap()
}

#[test]
fn the_overview_counts_the_profiles_of_the_companies_of_the_session() {
    let console = Console::new();
    for number in 0..205 {
        console.client(&json!({ "email": format!("p{number}@example.com") }));
    }
    let browser = console.signed_in(KEY);
    let overview = "/console/c/ABC123/overview";
    let page = counted_page(&browser, overview);
    let counted = "<strong>205</strong> profiles, counted 0 min ";
    assert!(page.contains(counted), "{page}");
    console.client(&json!({ "email": "later@example.com" }));
    assert!(browser.page(overview).contains(counted), "a count is shown until it is old");
    let other = console.signed_in(STRANGER);
    let page = counted_page(&other, "/console/c/XYZ789/overview");
    // The token of a form may have the same digits.
    assert!(page.contains("<strong>0</strong> profiles"), "{page}");
    assert!(!page.contains("<strong>205</strong>"), "{page}");
}
