//! The live view.

use std::io::{BufRead, BufReader};

use serde_json::json;

use super::{Browser, Console, STRANGER};
use crate::{
    api::KEY,
    wire::{Connection, RawRequest},
};

const LIVE: &str = "/console/c/ABC123/live";

/// The lines of a stream of events.
struct Events {
    lines: std::io::Lines<BufReader<std::net::TcpStream>>,
}

impl Events {
    fn open(browser: &Browser<'_>, path: &str) -> Events {
        let request = RawRequest::new("GET", path).with("Cookie", browser.cookie.as_ref().unwrap());
        let mut connection = Connection::open(browser.console.gateway.admin);
        connection.send(request.bytes());
        let stream = connection.stream().try_clone().unwrap();
        let mut events = Events { lines: BufReader::new(stream).lines() };
        assert!(events.next_with("HTTP/1.1 ").contains("200"));
        events.next_line("");
        // The first comment comes once the stream watches.
        events.next_line(":");
        events
    }

    /// The next line with this text.
    fn next_with(&mut self, text: &str) -> String {
        let mut lines = self.lines.by_ref().map(Result::unwrap);
        lines.find(|line| line.contains(text)).unwrap_or_else(|| panic!("no {text} came"))
    }

    /// Reads to the next line that is this text and nothing else.
    fn next_line(&mut self, text: &str) {
        let mut lines = self.lines.by_ref().map(Result::unwrap);
        assert!(lines.any(|line| line == text), "no line {text:?} came");
    }
}

#[test]
fn outcomes_and_refusals_come_as_they_happen_and_only_to_their_company() {
    let console = Console::new();
    let browser = console.signed_in(KEY);
    let mut events = Events::open(&browser, &format!("{LIVE}/events"));
    console.client(&json!({ "email": "sarah@example.com" }));
    let created = events.next_with("data: ");
    assert!(created.contains("A browser or app created this person."), "{created}");
    assert!(created.contains("/console/c/ABC123/people/") && !created.contains("sarah"));
    assert_eq!(console.gateway.send(&RawRequest::profile("{")).status, 400);
    let refused = events.next_with("data: ");
    assert!(refused.contains("Refused: parse_error"), "{refused}");
    let other = console.signed_in(STRANGER).page("/console/c/XYZ789/live");
    assert!(!other.contains("Refused") && !other.contains("created this person"));
    assert_eq!(console.signed_in(STRANGER).get(&format!("{LIVE}/events")).status, 403);
}

#[test]
fn the_page_shows_the_newest_without_a_script_and_filters_them() {
    let console = Console::new();
    let browser = console.signed_in(KEY);
    console.client(&json!({ "email": "sarah@example.com" }));
    console.client(&json!({ "anonymous_id": "browser-1" }));
    assert_eq!(console.gateway.send(&RawRequest::profile("{")).status, 400);
    let count =
        |query: &str| browser.page(&format!("{LIVE}{query}")).matches("<li><p class").count();
    assert_eq!(count(""), 3);
    assert_eq!(count("?kind=email"), 1);
    assert_eq!(count("?code=parse_error"), 1);
    assert_eq!(count("?code=throttled"), 0);
}

#[test]
fn live_views_are_bounded_and_end_with_the_session() {
    let console = Console::new();
    let browser = console.signed_in(KEY);
    let path = format!("{LIVE}/events");
    let mut views: Vec<Events> = (0..gateway::limits::CONSOLE_COMPANY_STREAMS)
        .map(|_| Events::open(&browser, &path))
        .collect();
    assert_eq!(browser.get(&path).status, 503);
    let other = console.signed_in(STRANGER);
    drop(Events::open(&other, "/console/c/XYZ789/live/events"));
    assert_eq!(browser.submit("/console/sign-out", &[]).status, 303);
    for view in &mut views {
        // The stream ends with the last chunk, which is empty.
        view.next_line("0");
    }
}
