//! What strangers sent, on every page that shows it.

use serde_json::{Value, json};

use super::{Console, companies};
use crate::{
    api::{KEY, asking},
    serving::Home,
    wire::RawRequest,
};

/// Texts that would break out of HTML, of attributes, of JSON or of a line.
pub(super) const NAUGHTY: [&str; 10] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</td></tr></table><h1>x",
    "&lt;b&gt; &amp; &#x3C;",
    "javascript:alert(1)",
    "{{7*7}} ${7*7} <%= 7*7 %>",
    "\u{202e}RTL \u{0}\u{7f} end",
    "Ω≈ç√∫ 😀 ﷽ Z̮̞̠͙͔ͅ",
    "../../etc/passwd%00 ' OR 1=1 --",
];

/// By what people are found.
const FOUND_BY: [&str; 7] =
    ["email", "email_starts_with", "phone_number", "external_id", "anonymous_id", "id", "_kx"];

/// Sees that a page has no element but those of the console.
#[track_caller]
pub(super) fn assert_escaped(page: &str) {
    for element in ["<script>", "<img", "<h1>x", "<b>", "onerror=alert(1)>"] {
        assert!(!page.contains(element), "{element} in {page}");
    }
    assert_eq!(page.matches("<h1>").count(), 1);
}

/// An address with as much of this text as one may have.
fn naughty_address(number: usize, text: &str) -> String {
    let may_be =
        |symbol: &char| symbol.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(*symbol);
    let part: String = text.chars().filter(may_be).collect();
    format!("more{number}{}@example.com", part.to_lowercase())
}

/// A person with this text in every field that takes it: by the app and the company, now and
/// before. Returns the id, and that of a person who was merged into this one.
pub(super) fn naughty_person(console: &Console, number: usize, text: &str) -> [String; 2] {
    let text = text.replace(char::is_control, "");
    let external_id = format!("{number} {text}");
    let (plain, company) = (text.as_str(), format!("{text} of the company"));
    let person = json!({
        "anonymous_id": format!("device {number} {text}"),
        "external_id": external_id, "email": format!("naughty{number}@example.com"),
        "first_name": plain, "last_name": plain, "organization": plain, "title": plain,
        "image": plain, "location": { "address1": plain, "address2": plain, "city": plain,
            "country": plain, "region": plain, "zip": plain },
        "properties": { (plain): plain, "list": [plain, { "deep": plain }] }
    });
    let id = console.create(&person);
    let change = |attributes: Value, meta: Value| {
        let body = json!({ "data": { "type": "profile", "id": id, "attributes": attributes,
            "meta": meta } });
        let path = format!("/api/profiles/{id}");
        let answer = console.gateway.send(&asking("PATCH", &path).body(body.to_string()));
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    let new_id = format!("{text} new {number}");
    let further = json!({ "append": { "email": [naughty_address(number, plain)] } });
    change(
        json!({ "external_id": new_id, "properties": { (company.as_str()): plain } }),
        json!({ "patch_identifiers": further }),
    );
    // A browser may not change what the company wrote.
    let named = json!({ "anonymous_id": format!("device {number} {text}"),
        "external_id": new_id, "title": format!("{text}!"),
        "properties": { company: "another", format!("{text} of a browser"): plain } });
    let body = json!({ "data": { "type": "profile", "attributes": named } });
    let request = RawRequest::profile(body.to_string());
    let is_header = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let request = if is_header { request.with("User-Agent", plain) } else { request };
    console.gateway.send(&request).assert_accepted();
    let device = json!({ "device_id": plain, "device_model": plain, "manufacturer": plain,
        "app_name": plain, "app_version": plain, "app_build": plain, "app_id": plain,
        "os_version": plain, "sdk_version": plain });
    let owner = json!({ "email": format!("naughty{number}@example.com") });
    console.register(&format!("{text} token {number}"), &owner, &device);
    let other = console.create(&json!({ "external_id": format!("{text} other {number}"),
        "title": plain, "properties": { format!("{text} merged"): plain } }));
    let merge = json!({ "data": { "type": "profile-merge", "id": id, "relationships":
        { "profiles": { "data": [{ "type": "profile", "id": other }] } } } });
    let merge = asking("POST", "/api/profile-merge").body(merge.to_string());
    assert_eq!(console.gateway.send(&merge).status, 201);
    [id, other]
}

#[test]
fn what_strangers_sent_is_text_on_every_page() {
    let home = Home::configured(&companies("inspect = true"));
    let console = Console { gateway: home.serve(), home };
    let browser = console.signed_in(KEY);
    for (number, naughty) in NAUGHTY.into_iter().enumerate() {
        let [id, other] = naughty_person(&console, number, naughty);
        let person = format!("people/{id}");
        for (page, shows) in [
            ("people".to_owned(), "naughty"),
            ("people?sort=email".to_owned(), "naughty"),
            (person.clone(), "former external id"),
            (person.clone(), "further email address"),
            (person.clone(), "location.address2"),
            (person.clone(), "location.country"),
            (person.clone(), "location.zip"),
            (person.clone(), "App: "),
            (person.clone(), "A browser may not change this"),
            (format!("{person}/erase"), "Will be erased"),
            (format!("{person}/undo/{other}"), "Is a person of their own again"),
            ("overview".to_owned(), "Configuration in force"),
            ("live".to_owned(), "Live"),
            ("inspector".to_owned(), "/client/profiles"),
        ] {
            let page = browser.page(&format!("/console/c/ABC123/{page}"));
            assert!(page.contains(shows), "{shows} in {page}");
            assert_escaped(&page);
        }
        for by in FOUND_BY {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("by", by).append_pair("value", naughty);
            let found = browser.get(&format!("/console/c/ABC123/people?{}", query.finish()));
            assert!([200, 400].contains(&found.status), "{by}: {}", found.status);
            assert_escaped(found.text());
        }
    }
}

#[test]
fn what_strangers_sent_instead_of_a_parameter_is_text_in_the_answer() {
    let console = Console::new();
    let browser = console.signed_in(KEY);
    for naughty in NAUGHTY {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for name in ["by", "value", "sort", "cursor", "created_after", "history", "range"] {
            query.append_pair(name, naughty);
        }
        let query = query.finish();
        for page in ["people", "overview", "people/01HF7YAT01000000000000000A", "nothing"] {
            assert_escaped(browser.get(&format!("/console/c/ABC123/{page}?{query}")).text());
        }
        let path = form_urlencoded::byte_serialize(naughty.as_bytes()).collect::<String>();
        for page in ["people/", "erasures/", "imports/", "inspector/", "people/1/undo/"] {
            assert_escaped(browser.get(&format!("/console/c/ABC123/{page}{path}")).text());
        }
    }
}
