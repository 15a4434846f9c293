//! Who may see the console: signing in and out, sessions, forms of other sites, and companies.

use std::net::Ipv4Addr;

use super::{Console, READER, STRANGER, companies, routes::routes};
use crate::{api::KEY, serving::wait_until, wire::RawRequest};

#[test]
fn the_public_listener_has_no_path_of_the_console() {
    let console = Console::new();
    let mut paths: Vec<String> = routes().iter().map(|route| route.path("1")).collect();
    let others = ["/console", "/console/", "/console/c/ABC123", "//console/", "/Console/"];
    paths.extend(others.map(str::to_owned));
    paths.extend([style_of(&console)]);
    paths.sort();
    paths.dedup();
    assert!(20 < paths.len(), "{paths:?}");
    for (path, number) in paths.iter().zip(1..) {
        // A network may ask for few paths that do not exist.
        let network = Ipv4Addr::new(127, 0, 1, number);
        for method in ["GET", "POST", "HEAD"] {
            let mut connection = console.gateway.connect_from(network);
            let answer = connection.exchange_head(&RawRequest::new(method, path));
            assert_eq!(answer.status, 404, "{method} {path}");
        }
    }
}

fn style_of(console: &Console) -> String {
    let page = console.browser().page("/console/sign-in");
    let (_, after) = page.split_once(r#"rel="stylesheet" href=""#).unwrap();
    after.split('"').next().unwrap().to_owned()
}

#[test]
fn a_key_signs_in_and_what_it_opens_ends_with_signing_out() {
    let console = Console::new();
    let mut browser = console.browser();
    let asked = browser.get("/console/c/ABC123/people");
    assert_eq!((asked.status, asked.header("location")), (303, Some("/console/sign-in")));
    let answer = browser.post("/console/sign-in", &[("key", KEY)]);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    assert!(!cookie.contains(KEY));
    browser.sign_in(KEY);
    let page = browser.page("/console/c/ABC123/people");
    assert!(page.contains("ABC123") && !page.contains("XYZ789") && !page.contains(KEY));
    let answer = browser.submit("/console/sign-out", &[]);
    assert_eq!(answer.status, 303);
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    let ended = browser.get("/console/c/ABC123/people");
    assert_eq!(ended.status, 403);
    assert!(ended.text().contains("You are signed out"));
}

#[test]
fn what_is_no_key_of_a_company_does_not_sign_in_and_attempts_are_bounded() {
    let console = Console::new();
    let browser = console.browser();
    let answer = browser.post("/console/sign-in", &[("key", "pk_wrong_secret")]);
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("The key is not known") && !answer.has("set-cookie"));
    let attempt = || browser.post("/console/sign-in", &[("key", "pk_wrong_secret")]).status;
    assert!((0..40).any(|_| attempt() == 429));
    console.gateway.logged("it tried to sign in with an unknown key");
    // Lines of one second are bounded, so that of this refusal may come in a later one.
    wait_until("too many attempts are logged", || {
        attempt();
        console.gateway.written().contains("too many attempts to sign in")
    });
    assert!(!console.gateway.written().contains("wrong_secret"));
}

#[test]
fn requests_without_a_session_do_not_flood_the_log() {
    let console = Console::new();
    let mut browser = console.browser();
    browser.cookie = Some("console=0".to_owned());
    let requests = 20 * gateway::limits::REFUSAL_LINES as usize;
    for _ in 0..requests {
        assert_eq!(browser.get("/console/c/ABC123/people").status, 403);
    }
    console.gateway.logged("lines about refused requests were left out");
    let lines = console.gateway.written().matches("its session is not open").count();
    assert!(lines < requests, "{lines} lines of {requests} requests");
}

#[test]
fn a_wrong_session_a_forged_form_and_a_form_of_another_site_are_refused_and_logged() {
    let console = Console::new();
    let browser = console.signed_in(KEY);
    let id = console.create(&serde_json::json!({ "email": "sarah@example.com" }));
    let edit = format!("/console/c/ABC123/people/{id}/edit");
    let fields = [("attribute", "first_name"), ("value", "Eve")];
    for token in ["", "0", &"0".repeat(64)] {
        let forged = [("form_token", token), fields[0], fields[1]];
        assert_eq!(browser.post(&edit, &forged).status, 403);
    }
    let token = browser.form_token();
    let body = format!("form_token={token}&attribute=first_name&value=Eve");
    let form = RawRequest::new("POST", &edit)
        .with("Content-Type", "application/x-www-form-urlencoded")
        .body(body);
    for (header, value) in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
    ] {
        assert_eq!(browser.send(form.clone().with(header, value)).status, 403, "{value}");
    }
    console.gateway.logged("its form is not of its session");
    let mut other = console.browser();
    for cookie in ["console=0", "console=", "x=y"] {
        other.cookie = Some(cookie.to_owned());
        assert_ne!(other.send(form.clone()).status, 303, "{cookie}");
        assert_ne!(other.get("/console/c/ABC123/people").status, 200, "{cookie}");
    }
    console.gateway.logged("its session is not open");
    assert!(!browser.page(&format!("/console/c/ABC123/people/{id}")).contains("Eve"));
    let own = form.with("Sec-Fetch-Site", "same-origin").with("Origin", "http://gateway");
    assert_eq!(browser.send(own).status, 303, "and that of the own page is not");
}

#[test]
fn a_request_with_several_sessions_is_refused_and_logged_although_one_of_them_is_open() {
    let console = Console::new();
    let mut browser = console.signed_in(KEY);
    let own = browser.cookie.clone().unwrap();
    for cookies in [format!("{own}; console=0"), format!("console=0; {own}"), own.repeat(2)] {
        browser.cookie = Some(cookies.replace("console=", "; console="));
        for path in ["/console/", "/console/c/ABC123/people"] {
            let answer = browser.get(path);
            assert_eq!(answer.status, 403, "{path}");
            assert!(answer.text().contains("The browser sent several sessions"));
        }
        assert_eq!(browser.post("/console/sign-in", &[("key", KEY)]).status, 403);
    }
    console.gateway.logged("it has cookies of several sessions");
    browser.cookie = Some(own);
    browser.page("/console/c/ABC123/people");
}

#[test]
fn nothing_of_one_company_is_shown_to_the_key_of_another() {
    let console = Console::new();
    let id = console.create(&serde_json::json!({ "email": "sarah@example.com" }));
    let mut browser = console.signed_in(STRANGER);
    for page in ["people", &format!("people/{id}"), &format!("people/{id}/download")] {
        let answer = browser.get(&format!("/console/c/ABC123/{page}"));
        assert_eq!(answer.status, 403, "{page}");
        assert!(answer.text().contains("no key of that company"));
        assert!(!answer.text().contains("sarah@"), "{page}");
        let own = browser.get(&format!("/console/c/XYZ789/{page}"));
        assert!([200, 404].contains(&own.status) && !own.text().contains("sarah@"), "{page}");
    }
    let erase = format!("/console/c/ABC123/people/{id}/erase");
    assert_eq!(browser.submit(&erase, &[("confirmation", "erase")]).status, 403);
    let erase = format!("/console/c/XYZ789/people/{id}/erase");
    assert_eq!(browser.submit(&erase, &[("confirmation", "erase")]).status, 404);
    console.gateway.logged("its session has no key of the company");
    console.gateway.logged("its company has nothing with this id");
    assert_eq!(browser.get("/console/c/NONE00/people").status, 403);
    // With a key of each, one session sees both.
    let before = browser.cookie.clone();
    browser.sign_in(KEY);
    assert_ne!(browser.cookie, before, "a session gets another id with another key");
    assert!(browser.page(&format!("/console/c/ABC123/people/{id}")).contains("sarah@"));
    assert!(browser.page("/console/c/XYZ789/people").contains("ABC123"));
}

#[test]
fn a_key_without_a_scope_sees_which_scope_it_lacks() {
    let console = Console::new();
    let id = console.create(&serde_json::json!({ "email": "sarah@example.com" }));
    let browser = console.signed_in(READER);
    let page = format!("/console/c/ABC123/people/{id}");
    let erase = browser.get(&format!("{page}/erase"));
    assert_eq!(erase.status, 403);
    assert!(erase.text().contains("data-privacy:write"), "{}", erase.text());
    let edit = [("attribute", "first_name"), ("value", "Eve")];
    let edit = browser.submit(&format!("{page}/edit"), &edit);
    assert_eq!(edit.status, 403);
    assert!(edit.text().contains("profiles:write"));
    let erased = browser.submit(&format!("{page}/erase"), &[("confirmation", "erase")]);
    assert_eq!(erased.status, 403);
    console.gateway.logged("its key lacks the scope");
    assert!(browser.page(&page).contains("sarah@example.com"));
}

#[test]
fn a_key_that_a_reload_removes_ends_its_sessions() {
    let console = Console::new();
    let browser = console.signed_in(READER);
    assert_eq!(browser.get("/console/c/ABC123/people").status, 200);
    let without = companies("").replace("name = \"reader\"", "name = \"other\"");
    let digest = gateway::tenants::private_key::KeyDigest::from_key(READER).to_hexadecimal();
    console.home.configure(&without.replace(&digest, &"0".repeat(64)));
    console.gateway.signal("HUP");
    wait_until("the session ends", || browser.get("/console/c/ABC123/people").status == 403);
}

#[test]
fn every_page_has_a_policy_that_lets_nothing_foreign_in_and_files_are_kept_for_ever() {
    let console = Console::new();
    let browser = console.signed_in(KEY);
    for path in ["/console/sign-in", "/console/c/ABC123/people", "/console/nothing"] {
        let answer = browser.get(path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'"));
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        let text = answer.text();
        assert!(
            !text.contains("<style") && !text.contains(" style=") && !text.contains(" onclick=")
        );
    }
    let style = browser.get(&style_of(&console));
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
    assert_eq!(style.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(browser.get("/console/assets/console-0.css").status, 404);
    assert_eq!(browser.send(RawRequest::new("DELETE", "/console/sign-in")).status, 405);
}
