//! The access log: a line for each request, when it is switched on.

use serde_json::Value;

use super::{assert_members, lines, refused, serve};
use crate::{serving::Home, wire::RawRequest};

const ANSWERED: &str = "answered a request";

#[test]
fn each_request_is_one_line_without_the_values_of_its_query() {
    let home = Home::new();
    let gateway = serve(&home, &["--access-log"]);
    let target = "/client/profiles?company_id=ABC123&email=sarah.mason@klaviyo-demo.com";
    let accepted = RawRequest::email("sarah.mason@klaviyo-demo.com").to(target);
    gateway.send(&accepted.with("X-Request-Id", "checkout-42")).assert_accepted();
    let refused = gateway.send(&refused());
    gateway.send(&RawRequest::new("SARAH", "/sarah.mason@klaviyo-demo.com"));
    gateway.send(&RawRequest::new("GET", "/openapi.json"));
    let preflight = RawRequest::new("OPTIONS", "").of("SHOP01");
    gateway.send(&preflight.with("Origin", "https://shop.example"));
    let finished = gateway.stop();
    let logged = lines(&finished, ANSWERED);
    let shown = |line: &Value| {
        let [method, path, company] =
            ["method", "path", "company"].map(|name| line[name].as_str().map(str::to_owned));
        (method.unwrap(), path.unwrap(), line["status"].as_u64().unwrap(), company)
    };
    let shown: Vec<_> = logged.iter().map(shown).collect();
    let expected = [
        ("POST", "/client/profiles", 202, Some("ABC123")),
        ("POST", "/client/profiles", 400, Some("ABC123")),
        ("*", "/*", 404, None),
        ("GET", "/openapi.json", 200, None),
        ("OPTIONS", "/client/profiles", 204, Some("SHOP01")),
    ];
    let expected = expected.map(|(method, path, status, company)| {
        (method.to_owned(), path.to_owned(), status, company.map(str::to_owned))
    });
    assert_eq!(shown, expected);
    let text = |text: &str| Value::from(text);
    let head = [("level", text("INFO")), ("target", text("gateway::access"))];
    assert_members(&logged[0], &head);
    assert_members(&logged[0], &[("request_id", text("checkout-42")), ("bytes", 0.into())]);
    assert_eq!(logged[1]["bytes"], refused.text().len());
    assert_eq!(logged[1]["request_id"], refused.header("X-Request-Id").unwrap());
    assert!(logged.iter().all(|line| line["duration_us"].is_u64()), "{logged:?}");
    assert!(!finished.output.contains("sarah.mason"), "{}", finished.output);
}

#[test]
fn no_request_is_logged_unless_it_is_switched_on() {
    for arguments in [&[][..], &["--access-log", "false"], &["--log", "trace"]] {
        let home = Home::new();
        let gateway = serve(&home, arguments);
        gateway.send(&RawRequest::email("sarah.mason@klaviyo-demo.com")).assert_accepted();
        assert!(lines(&gateway.stop(), ANSWERED).is_empty(), "{arguments:?}");
    }
}
