//! The inspector.

use std::process::Command;

use serde_json::json;

use super::{Browser, Console, STRANGER, companies};
use crate::{
    api::{KEY, asking},
    serving::{Home, Serving, wait_until},
    wire::RawRequest,
};

const INSPECTOR: &str = "/console/c/ABC123/inspector";

fn inspecting() -> Console {
    let home = Home::configured(&companies("inspect = true"));
    Console { gateway: home.serve(), home }
}

#[test]
fn a_request_is_kept_whole_but_for_what_authorizes_it() {
    let console = inspecting();
    let browser = console.signed_in(KEY);
    let id = console.create(&json!({ "email": "sarah@example.com" }));
    let request = RawRequest::email("sarah@example.com").with("X-Request-Id", "seen-1");
    let secret = request.with("Cookie", "shop=secret-cookie").with("X-Odd", "<script>pk");
    console.gateway.send(&secret).assert_accepted();
    assert_eq!(console.gateway.send(&RawRequest::profile("{")).status, 400);
    let list = browser.page(INSPECTOR);
    assert_eq!(list.matches("/inspector/").count(), 3, "{list}");
    let found = browser.page(&format!("{INSPECTOR}?text=seen-1"));
    assert_eq!(found.matches("/inspector/").count(), 1);
    let (_, after) = found.split_once("/inspector/").unwrap();
    let page = browser.page(&format!("{INSPECTOR}/{}", after.split('"').next().unwrap()));
    for part in ["sarah@example.com", "seen-1", "202", "unchanged", &id, "curl -g -X POST", "x-odd"]
    {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("<script>pk"));
    for query in ["", "?text=sarah", "?text=400", "?text=parse_error"] {
        let page = browser.page(&format!("{INSPECTOR}{query}"));
        assert!(!page.contains(KEY) && !page.contains("secret-cookie"));
        assert!(page.contains("/inspector/"), "{query}");
    }
    let refused = browser.page(&format!("{INSPECTOR}?text=parse_error"));
    let (_, after) = refused.split_once("/inspector/").unwrap();
    let page = browser.page(&format!("{INSPECTOR}/{}", after.split('"').next().unwrap()));
    assert!(page.contains("&quot;code&quot;:&quot;parse_error&quot;"), "{page}");
    assert!(page.contains("Explain what it would do now"));
    let merge = asking("POST", "/api/profile-merge").body("{}");
    assert_eq!(console.gateway.send(&merge).status, 400);
    let merge = newest(&browser, &format!("{INSPECTOR}?text=profile-merge"));
    assert!(merge.contains("/api/profile-merge") && !merge.contains("Explain what it"), "{merge}");
    let created = browser.page(&format!("{INSPECTOR}/1"));
    assert!(created.contains("POST /api/profiles") && !created.contains("authorization"));
    assert!(!created.contains("Explain what it"), "no import");
    assert_eq!(browser.get(&format!("{INSPECTOR}/99")).status, 404);
    assert_eq!(console.signed_in(STRANGER).get(&format!("{INSPECTOR}/1")).status, 403);
}

/// The newest request in a list of the inspector, whole.
fn newest(browser: &Browser<'_>, list: &str) -> String {
    let page = browser.page(list);
    let (_, after) = page.split_once("/inspector/").unwrap();
    let (path, _) = list.split_once('?').unwrap_or((list, ""));
    browser.page(&format!("{path}/{}", after.split('"').next().unwrap()))
}

#[test]
fn no_request_is_shown_with_the_outcome_of_another_whatever_id_both_have() {
    let both = companies("inspect = true").replace("\"XYZ789\"\n", "\"XYZ789\"\ninspect = true\n");
    let home = Home::configured(&both);
    let console = Console { gateway: home.serve(), home };
    let id = console.create(&json!({ "email": "sarah@example.com" }));
    let browser = console.signed_in(KEY);
    let token = browser.form_token();
    // A page of the console stores, and is no request that the inspector shows.
    let edit = RawRequest::new("POST", &format!("/console/c/ABC123/people/{id}/edit"))
        .with("Content-Type", "application/x-www-form-urlencoded")
        .with("X-Request-Id", "same");
    let edit = |value: &str| {
        let body = format!("form_token={token}&attribute=first_name&value={value}");
        assert_eq!(browser.send(edit.clone().body(body)).status, 303);
    };
    let refused = RawRequest::profile("{").with("X-Request-Id", "same");
    for (company, key, name) in [("XYZ789", STRANGER, "Sarah"), ("ABC123", KEY, "Sara")] {
        edit(name);
        assert_eq!(console.gateway.send(&refused.clone().of(company)).status, 400);
        let reader = console.signed_in(key);
        let page = newest(&reader, &format!("/console/c/{company}/inspector?text=400"));
        assert!(page.contains("same") && !page.contains(&id), "{company}: {page}");
        assert!(!page.contains("updated") && !page.contains("Stored after"), "{company}: {page}");
    }
}

#[test]
fn secrets_are_kept_of_no_part_of_a_request() {
    let console = inspecting();
    let body = json!({ "data": { "type": "profile", "attributes": { "email": "a@example.com",
        "_kx": "secret.token", "properties": { "note": "pk_0secret0" } } } });
    let target = "/client/profiles?company_id=ABC123&_kx=secret.query";
    let request = RawRequest::profile(body.to_string())
        .to(target)
        .with("X-Hub-Signature", "secret-signature")
        .with("X-Api-Key", "secret-key")
        .with("X-Auth-Token", "secret-token")
        .with("X-Odd", "Bearer secret-bearer")
        .with("X-Note", "pk_secret");
    console.gateway.send(&request);
    let page = newest(&console.signed_in(KEY), INSPECTOR);
    assert!(page.contains("a@example.com") && page.contains("pk_MASKED"), "{page}");
    assert!(!page.contains("secret"), "{page}");
}

#[test]
fn an_erasure_empties_the_inspector_of_its_company() {
    let console = inspecting();
    let browser = console.signed_in(KEY);
    let id = console.create(&json!({ "email": "sarah@example.com" }));
    console.client(&json!({ "email": "sarah@example.com" }));
    let profile = json!({ "data": { "type": "profile", "id": id,
        "attributes": { "email": "sarah@example.com" } } });
    let profile =
        json!({ "profile": { "data": { "type": "profile", "id": profile["data"]["id"] } } });
    let body = json!({ "data": { "type": "data-privacy-deletion-job", "attributes": profile } });
    let erase = asking("POST", "/api/data-privacy-deletion-jobs").body(body.to_string());
    assert_eq!(console.gateway.send(&erase).status, 202);
    let page = browser.page(INSPECTOR);
    assert!(page.contains("No request is kept") && !page.contains("sarah@"), "{page}");
}

#[test]
fn an_erasure_that_finds_no_profile_empties_the_inspector_too() {
    let console = inspecting();
    let browser = console.signed_in(KEY);
    // A refused request stores no profile, and names its person all the same.
    let refused = r#"{"data":{"type":"profile","attributes":{"email":"eve@example.com","x":1"#;
    assert_eq!(console.gateway.send(&RawRequest::profile(refused)).status, 400);
    assert!(browser.page(INSPECTOR).contains("/inspector/"));
    let subject = json!({ "data": { "type": "profile",
        "attributes": { "email": "eve@example.com" } } });
    let body = json!({ "data": { "type": "data-privacy-deletion-job",
        "attributes": { "profile": subject } } });
    let erase = asking("POST", "/api/data-privacy-deletion-jobs").body(body.to_string());
    assert_eq!(console.gateway.send(&erase).status, 202);
    assert!(browser.page(INSPECTOR).contains("No request is kept"));
}

#[test]
fn an_erasure_whose_caller_goes_away_runs_to_its_end() {
    let console = inspecting();
    for round in 0..10 {
        let id = console.create(&json!({ "email": format!("sarah{round}@example.com") }));
        let body = json!({ "data": { "type": "data-privacy-deletion-job", "attributes": {
            "profile": { "data": { "type": "profile", "id": id } } } } });
        let erase = asking("POST", "/api/data-privacy-deletion-jobs").body(body.to_string());
        let mut caller = console.gateway.connect();
        assert!(caller.send(erase.bytes()));
        drop(caller);
        wait_until("the person is erased", || {
            console.gateway.send(&asking("GET", &format!("/api/profiles/{id}"))).status == 404
        });
    }
    // Requests about people who are gone were asked afterwards, and name no more than their ids.
    let page = console.signed_in(KEY).page(INSPECTOR);
    assert!(!page.contains("sarah"), "{page}");
}

#[test]
fn the_inspector_is_off_unless_the_company_or_development_mode_has_it_on() {
    let console = Console::new();
    console.client(&json!({ "email": "sarah@example.com" }));
    let page = console.signed_in(KEY).page(INSPECTOR);
    assert!(page.contains("The inspector is off") && !page.contains("sarah@"));
    let home = Home::configured("");
    let mut command: Command = home.command(&["dev", "--listen", "127.0.0.1:0"]);
    command.args(["--admin-listen", "127.0.0.1:0"]).arg("--data-dir").arg(home.data_dir());
    let gateway = Serving::start(command);
    let key = gateway.logged("pk_").trim().to_owned();
    let console = Console { gateway, home };
    let mut browser = console.browser();
    browser.sign_in(&key);
    let start = browser.get("/console/");
    let company = start.header("location").unwrap().strip_suffix("/people").unwrap().to_owned();
    let page = browser.page(&format!("{company}/inspector"));
    assert!(page.contains("No request is kept") && !page.contains("is off"), "{page}");
}

#[test]
fn bodies_that_cannot_be_read_are_shown_as_they_are_with_the_reason() {
    let console = inspecting();
    let browser = console.signed_in(KEY);
    let gzip = |body: &[u8]| RawRequest::profile(body).with("Content-Encoding", "gzip");
    let email = br#"{"data":{"type":"profile","attributes":{"email":"a@example.com"}}}"#;
    let mut cut = crate::bodies::gzip(email);
    cut.truncate(20);
    let latin = b"{\"data\":{\"type\":\"profile\",\"attributes\":{\"first_name\":\"Jos\xe9\"}}}";
    for (request, words) in [
        (gzip(email), ["does not begin with 1f 8b, as gzip does", "a@example.com"]),
        (gzip(&cut), ["It was not decoded: it is not gzip, ends early", r"\x1f\x8b\x08"]),
        (RawRequest::profile(latin), ["It is not UTF-8 after byte 57", r"Jos\xe9"]),
        (RawRequest::profile("{\"a\":"), ["It is not JSON: EOF", "{&quot;a&quot;:"]),
        (RawRequest::profile("\0\u{1b}[31m<b>"), ["It is not JSON", r"\x00\x1b[31m&lt;b&gt;"]),
        (RawRequest::profile(vec![b' '; 200_000]), ["None was kept", "payload_too_large"]),
        (
            RawRequest::profile("{}").with("Content-Encoding", "compress"),
            ["None was kept", "unsupported_media_type"],
        ),
    ] {
        let answer = console.gateway.send(&request);
        assert_ne!(answer.status, 202);
        let page = newest(&browser, INSPECTOR);
        for words in words {
            assert!(page.contains(words), "{words} in {page}");
        }
        assert!(!page.contains("<b>") && !page.contains('\0') && !page.contains('\u{1b}'));
    }
    let encoded = gzip(&crate::bodies::gzip(email));
    console.gateway.send(&encoded).assert_accepted();
    let page = newest(&browser, INSPECTOR);
    assert!(page.contains("bytes as gzip, of which the first are <code>1f 8b 08"), "{page}");
    assert!(
        page.contains("Decoded, with 66 bytes:") && !page.contains("class=\"wrong\""),
        "{page}"
    );
}
