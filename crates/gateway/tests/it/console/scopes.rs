//! Which scope each page and each action of the console needs.

use super::{
    Browser, Console,
    routes::{Route, routes},
};
use crate::{
    api::{KEY, key},
    serving::Home,
};

const READ: &str = "profiles:read";
const WRITE: &str = "profiles:write";
const PRIVACY: &str = "data-privacy:write";

/// The scope of each route of a company.
const SCOPES: [(&str, &str, &str); 23] = [
    ("GET", "erasures/*", PRIVACY),
    ("GET", "explain", READ),
    ("GET", "exports", READ),
    ("GET", "imports", READ),
    ("GET", "imports/*", READ),
    ("GET", "inspector", READ),
    ("GET", "inspector/*", READ),
    ("GET", "live", READ),
    ("GET", "live/events", READ),
    ("GET", "overview", READ),
    ("GET", "people", READ),
    ("GET", "people/*", READ),
    ("GET", "people/*/download", READ),
    ("GET", "people/*/erase", PRIVACY),
    ("GET", "people/*/merge", WRITE),
    ("GET", "people/*/undo/*", WRITE),
    ("POST", "explain", READ),
    ("POST", "exports", READ),
    ("POST", "imports", WRITE),
    ("POST", "people/*/edit", WRITE),
    ("POST", "people/*/erase", PRIVACY),
    ("POST", "people/*/merge", WRITE),
    ("POST", "people/*/undo/*", WRITE),
];

/// What the forms of all actions have.
const FIELDS: [(&str, &str); 9] = [
    ("attribute", "first_name"),
    ("value", "Eve"),
    ("confirmation", "erase"),
    ("rows", r#"{"email":"eve@example.com"}"#),
    ("sender", "client"),
    ("request", "{}"),
    ("format", "csv"),
    ("since", ""),
    ("other", "01HF7YAT01000000000000000A"),
];

/// A key that has all scopes but this one.
fn key_without(scope: &str) -> String {
    format!("pk_without_{}", scope.replace([':', '-'], "_"))
}

/// A console whose company has a key without each scope.
fn console() -> Console {
    let all = [READ, WRITE, PRIVACY, "push-tokens:read", "push-tokens:write"];
    let quoted = |scopes: &[&str]| {
        scopes.iter().map(|scope| format!("\"{scope}\"")).collect::<Vec<_>>().join(", ")
    };
    let mut keys = key("all", KEY, &quoted(&all));
    for (number, without) in [READ, WRITE, PRIVACY].into_iter().enumerate() {
        let others: Vec<&str> = all.into_iter().filter(|scope| *scope != without).collect();
        keys += &key(&format!("key{number}"), &key_without(without), &quoted(&others));
    }
    let home =
        Home::configured(&format!("[[company]]\nid = \"ABC123\"\napi_limits_factor = 100\n{keys}"));
    Console { gateway: home.serve(), home }
}

/// The status of a route, and the page.
fn asked(browser: &Browser<'_>, route: &Route, id: &str) -> (u16, String) {
    let path = route.path(id);
    let answer =
        if route.method == "GET" { browser.get(&path) } else { browser.submit(&path, &FIELDS) };
    (answer.status, answer.text().to_owned())
}

#[test]
fn every_page_and_action_names_the_scope_that_a_key_lacks() {
    let console = console();
    let id = console.create(&serde_json::json!({ "email": "sarah@example.com" }));
    let routes: Vec<Route> =
        routes().into_iter().filter(|route| route.pattern.starts_with("c/")).collect();
    let needed = |route: &Route| {
        let rest = route.pattern.strip_prefix("c/ABC123/").unwrap();
        let found =
            SCOPES.iter().find(|(method, path, _)| (*method, *path) == (route.method, rest));
        found.unwrap_or_else(|| panic!("{route:?} needs a scope")).2
    };
    assert_eq!(routes.len(), SCOPES.len(), "and each of them is a route");
    let browsers =
        [READ, WRITE, PRIVACY].map(|scope| (scope, console.signed_in(&key_without(scope))));
    for route in &routes {
        let scope = needed(route);
        let (_, browser) = browsers.iter().find(|(without, _)| *without == scope).unwrap();
        let (status, page) = asked(browser, route, &id);
        assert_eq!(status, 403, "{route:?}: {page}");
        assert!(page.contains("Your key may not do that"), "{route:?}: {page}");
        assert!(page.contains(&format!("lacks the scope {scope}.")), "{route:?}: {page}");
        assert!(!page.contains("sarah@"), "{route:?}: {page}");
    }
    console.gateway.logged("its key lacks the scope");
    let page = console.signed_in(KEY).page(&format!("/console/c/ABC123/people/{id}"));
    assert!(page.contains("sarah@example.com") && !page.contains("Eve"), "{page}");
}
