//! What SDKs send beside profiles, and that it never holds up the profiles behind it.

use serde_json::json;

use crate::{
    clients::{android, swift},
    serving::Home,
    stored::stored,
    wire::{RawRequest, RawResponse},
};

const EVENT: &str = r#"{"data":{"type":"event","attributes":{"metric":{"data":{"type":"metric","attributes":{"name":"Viewed Product"}}},"properties":{"sku":"7"},"profile":{"data":{"type":"profile","attributes":{"email":"sarah@example.com","anonymous_id":"tab"}}}}}}"#;

/// The statuses that both mobile SDKs retry, up to 50 times.
const RETRIED: [u16; 5] = [429, 500, 502, 503, 504];

fn code(answer: &RawResponse) -> (u16, String) {
    let code = answer.json()["errors"][0]["code"].as_str().unwrap().to_owned();
    (answer.status, code)
}

#[test]
fn events_of_both_sdks_are_dropped_and_profiles_after_them_are_stored() {
    let home = Home::new();
    let gateway = home.serve();
    let android_event = android::request(EVENT).to("/client/events?company_id=ABC123");
    let swift_event = swift::request(EVENT).to("/client/events/?company_id=ABC123");
    for event in [android_event, swift_event] {
        let mut connection = gateway.connect();
        for _ in 0..3 {
            let answer = connection.exchange(&event);
            assert_eq!(code(&answer), (404, "not_supported".to_owned()));
            assert!(!answer.has("Retry-After") && !answer.text().contains("attributes/email"));
        }
        connection.exchange(&android::request(android::MINIMAL)).assert_accepted();
    }
    stored(&home, gateway, 1);
}

#[test]
fn a_flood_gets_the_same_answers_on_connections_that_close() {
    let home = Home::new();
    let gateway = home.serve();
    let event = android::request(EVENT).to("/client/events?company_id=ABC123");
    let answers: Vec<RawResponse> = (0..60).map(|_| gateway.send(&event)).collect();
    assert!(answers.iter().all(|answer| !RETRIED.contains(&answer.status)));
    assert!(answers.iter().all(|answer| code(answer) == (404, "not_supported".to_owned())));
    let closing = |answer: &RawResponse| answer.header("Connection") == Some("close");
    assert!(!closing(&answers[0]));
    assert!(answers.iter().any(closing));
    gateway.send(&android::request(android::MINIMAL)).assert_accepted();
}

#[test]
fn every_other_path_of_the_original_has_an_answer_and_pages_may_read_it() {
    let home = Home::new();
    let gateway = home.serve();
    for path in [
        "/client/back-in-stock-subscriptions",
        "/client/event-bulk-create/",
        "/client/reviews",
        "/client/review-values-reports",
        "/client/subscriptions/",
        "/onsite/track-analytics",
    ] {
        let target = format!("{path}?company_id=ABC123");
        let asked = RawRequest::bare().to(&target).with("Origin", "https://shop.example");
        let answer = gateway.send(&asked.body("{}"));
        assert_eq!(code(&answer), (404, "not_supported".to_owned()), "{path}");
        assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"), "{path}");
        let preflight = RawRequest::new("OPTIONS", &target)
            .with("Origin", "https://shop.example")
            .with("Access-Control-Request-Method", "POST");
        assert_eq!(gateway.send(&preflight).status, 204, "{path}");
    }
}

#[test]
fn geofences_are_an_empty_list() {
    let home = Home::new();
    let gateway = home.serve();
    let target = "/client/geofences?company_id=ABC123&page[size]=30";
    let asked = RawRequest::new("GET", target)
        .with("revision", "2026-01-15.pre")
        .with("X-Klaviyo-API-Filters", "and(equals(lat,42.3),equals(lng,-71.1))");
    let answer = gateway.send(&asked);
    assert_eq!((answer.status, &answer.json()["data"]), (200, &json!([])));
    let links = answer.json()["links"].clone();
    assert_eq!(links["next"], json!(null));
    let this = links["self"].as_str().unwrap();
    assert!(this.starts_with("http://") && this.ends_with(target), "{this}");
    assert_eq!(gateway.send(&RawRequest::bare().to(target)).status, 405);
}
