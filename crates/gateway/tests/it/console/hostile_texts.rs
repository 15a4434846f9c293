//! What strangers sent is text wherever the console shows requests.

use serde_json::json;

use super::{
    Browser, Console, companies,
    naughty::{NAUGHTY, assert_escaped},
};
use crate::{api::KEY, serving::Home, wire::RawRequest};

const COMPANY: &str = "/console/c/ABC123";

fn inspecting() -> Console {
    let home = Home::configured(&companies("inspect = true"));
    Console { gateway: home.serve(), home }
}

/// The text without what no header can have.
fn in_header(text: &str) -> String {
    text.replace(char::is_control, "")
}

fn profile(attributes: &serde_json::Value) -> String {
    json!({ "data": { "type": "profile", "attributes": attributes } }).to_string()
}

/// Every page with the newest requests, and each of them whole. Returns all of it.
fn pages_of_requests(browser: &Browser<'_>) -> String {
    let mut all = String::new();
    for page in ["live", "live?code=invalid", "inspector", "inspector?text=script"] {
        let page = browser.page(&format!("{COMPANY}/{page}"));
        assert_escaped(&page);
        all.push_str(&page);
    }
    let list = browser.page(&format!("{COMPANY}/inspector"));
    let numbers = list.split("/inspector/").skip(1).filter_map(|rest| rest.split('"').next());
    for number in numbers {
        let page = browser.page(&format!("{COMPANY}/inspector/{number}"));
        assert_escaped(&page);
        all.push_str(&page);
    }
    all
}

#[test]
fn paths_headers_and_bodies_are_text_in_the_live_view_and_the_inspector() {
    let console = inspecting();
    let browser = console.signed_in(KEY);
    for naughty in NAUGHTY {
        let text = in_header(naughty);
        let encoded = form_urlencoded::byte_serialize(naughty.as_bytes()).collect::<String>();
        let sound =
            profile(&json!({ "external_id": text, "properties": { (text.clone()): text } }));
        let request = RawRequest::profile(sound)
            .with("User-Agent", &text)
            .with("X-Odd", &text)
            .with("X-Request-Id", &text);
        console.gateway.send(&request).assert_accepted();
        let target = format!("/client/profiles?company_id=ABC123&x={encoded}");
        console.gateway.send(&request.clone().to(&target)).assert_accepted();
        // As browsers never send it.
        let raw = text.replace(|symbol: char| symbol == ' ' || !symbol.is_ascii(), "");
        console.gateway.send(&request.clone().to(&format!("{target}{raw}")));
        for refused in [
            profile(&json!({ "email": text, "first_name": { (text.clone()): text } })),
            profile(&json!({ "phone_number": text, (text.clone()): text })),
            format!("{{\"{naughty}"),
            naughty.to_owned(),
        ] {
            assert_eq!(console.gateway.send(&request.clone().body(refused)).status, 400);
        }
    }
    let all = pages_of_requests(&browser);
    assert!(all.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!all.contains(['\0', '\u{7f}']));
}

#[test]
fn faulty_rows_and_names_of_columns_are_text_in_the_report_of_an_import() {
    let console = Console::new();
    let browser = console.signed_in(KEY);
    let imports = format!("{COMPANY}/imports");
    for naughty in NAUGHTY {
        let rows = [
            json!({ "email": naughty, "external_id": in_header(naughty) }),
            json!({ "email": "ann@example.com", naughty: naughty }),
            json!({ "phone_number": naughty, "properties": { naughty: naughty } }),
            json!({ "first_name": { naughty: naughty } }),
        ];
        let rows = rows.map(|row| row.to_string()).join("\n");
        let answer = browser.submit(&imports, &[("rows", &rows)]);
        let page =
            if answer.status == 303 { browser.follow(&answer) } else { answer.text().to_owned() };
        assert_escaped(&page);
        // Rows that are no JSON are given back as they were.
        let wrong = browser.submit(&imports, &[("rows", naughty)]);
        assert_eq!(wrong.status, 400);
        assert_escaped(wrong.text());
        assert_escaped(&browser.page(&imports));
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair("cursor", naughty).finish();
        assert_escaped(browser.get(&format!("{imports}?{query}")).text());
        assert_escaped(browser.get(&format!("{imports}/{}", query.replace("cursor=", ""))).text());
    }
}

#[test]
fn fields_of_exports_and_explanations_are_text() {
    let console = Console::new();
    let browser = console.signed_in(KEY);
    let (exports, explain) = (format!("{COMPANY}/exports"), format!("{COMPANY}/explain"));
    for naughty in NAUGHTY {
        let wrong = browser.submit(&exports, &[("format", "csv"), ("since", naughty)]);
        assert_eq!(wrong.status, 400);
        assert_escaped(wrong.text());
        let wrong = browser.submit(&exports, &[("format", naughty), ("since", naughty)]);
        assert_escaped(wrong.text());
        let text = in_header(naughty);
        let sound =
            profile(&json!({ "external_id": text, "properties": { (text.clone()): [text] } }));
        let quoted = sound.replace('\'', r"'\''");
        for request in [
            sound.clone(),
            format!("curl 'https://x/{naughty}' -H 'X-Odd: {naughty}' -d '{quoted}'"),
            profile(&json!({ "email": text, (text.clone()): text })),
            format!("{{\"{naughty}"),
            naughty.to_owned(),
        ] {
            for sender in ["client", "server", naughty] {
                let fields = [("sender", sender), ("request", request.as_str())];
                assert_escaped(browser.submit(&explain, &fields).text());
            }
        }
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("code", naughty)
            .append_pair("kind", naughty)
            .append_pair("text", naughty)
            .finish();
        for page in ["live", "inspector", "overview"] {
            assert_escaped(&browser.page(&format!("{COMPANY}/{page}?{query}")));
        }
    }
}
