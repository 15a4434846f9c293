//! The page of a person, and what can be done there.

use serde_json::json;

use super::{Console, WRITER};
use crate::{
    api::{KEY, asking},
    wire::RawRequest,
};

/// Texts that would break out of HTML, of attributes, of JSON or of a line.
pub(crate) const NAUGHTY: [&str; 10] = [
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

/// Sees that a page has no element but those of the console.
#[track_caller]
pub(crate) fn assert_escaped(page: &str) {
    for element in ["<script>", "<img", "<h1>x", "<b>", "onerror=alert(1)>"] {
        assert!(!page.contains(element), "{element} in {page}");
    }
    assert_eq!(page.matches("<h1>").count(), 1);
}

#[test]
fn what_strangers_sent_is_text_on_every_page() {
    let console = Console::new();
    let browser = console.signed_in(KEY);
    for (number, naughty) in NAUGHTY.into_iter().enumerate() {
        let text = naughty.replace(char::is_control, "");
        console.client(&json!({
            "anonymous_id": format!("device {number} {text}"),
            "external_id": format!("{number} {text}"),
            "first_name": text, "last_name": text, "organization": text, "title": text,
            "image": text, "location": { "city": text, "address1": text, "region": text },
            "properties": { (text.clone()): text, "list": [text, { "deep": text }] }
        }));
        let list = browser.page("/console/c/ABC123/people");
        assert_escaped(&list);
        let (_, after) = list.split_once(r#"href="/console/c/ABC123/people/"#).unwrap();
        let id = after.split('"').next().unwrap();
        assert_escaped(&browser.page(&format!("/console/c/ABC123/people/{id}")));
        assert_escaped(&browser.page(&format!("/console/c/ABC123/people/{id}/erase")));
        let found = form_urlencoded::Serializer::new(String::new())
            .append_pair("by", "external_id")
            .append_pair("value", naughty)
            .finish();
        assert_escaped(browser.get(&format!("/console/c/ABC123/people?{found}")).text());
    }
}

#[test]
fn everything_stored_is_shown_with_who_wrote_it_and_the_history_in_words() {
    let console = Console::new();
    let id = console.create(&json!({ "email": "sarah@example.com", "first_name": "Sarah" }));
    console.client(&json!({ "email": "sarah@example.com", "anonymous_id": "browser-1",
        "properties": { "plan": "gold" } }));
    let ann =
        console.create(&json!({ "email": "ann@example.com", "phone_number": "+15005550006" }));
    console.client(&json!({ "anonymous_id": "browser-1", "phone_number": "+15005550006" }));
    let browser = console.signed_in(KEY);
    let page = browser.page(&format!("/console/c/ABC123/people/{id}"));
    for text in [
        "sarah@example.com",
        "properties.plan",
        "a browser or app",
        "your company",
        "Your company created this person.",
        "This person was not merged with others.",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    let page = browser.page(&format!("/console/c/ABC123/people/{ann}"));
    let refused = "A browser or app said that the browser or device belongs here; that was refused \
        because another person, with their own email address, holds it.";
    assert!(page.contains(refused), "{page}");
}

#[test]
fn attributes_are_edited_and_removed_as_the_server_api_would() {
    let console = Console::new();
    let id =
        console.create(&json!({ "email": "sarah@example.com", "properties": { "plan": "gold" } }));
    let browser = console.signed_in(WRITER);
    let edit = format!("/console/c/ABC123/people/{id}/edit");
    let answer = browser.submit(&edit, &[("attribute", "first_name"), ("value", "Sarah")]);
    assert!(browser.follow(&answer).contains("Sarah"));
    let property =
        [("attribute", "property"), ("property", "tags"), ("value", "[\"a\"]"), ("is_json", "yes")];
    assert_eq!(browser.submit(&edit, &property).status, 303);
    let unset = [("attribute", "properties.plan"), ("unset", "yes")];
    assert_eq!(browser.submit(&edit, &unset).status, 303);
    let answer = console.gateway.send(&asking("GET", &format!("/api/profiles/{id}")));
    let attributes = &answer.json()["data"]["attributes"];
    assert_eq!(attributes["first_name"], "Sarah");
    assert_eq!(attributes["properties"], json!({ "tags": ["a"] }));
    for (attribute, value) in
        [("email", "no address"), ("location.latitude", "95"), ("nothing", "1")]
    {
        let answer = browser.submit(&edit, &[("attribute", attribute), ("value", value)]);
        assert_eq!(answer.status, 400, "{attribute}");
        assert!(answer.text().contains(r#"role="alert""#), "{}", answer.text());
    }
    let wrong = [("attribute", "property"), ("property", "x"), ("value", "{"), ("is_json", "yes")];
    assert_eq!(browser.submit(&edit, &wrong).status, 400);
    let history = console.gateway.send(&asking("GET", &format!("/api/profiles/{id}/history")));
    assert_eq!(history.json()["data"][0]["attributes"]["scope"], "server");
}

#[test]
fn numbers_keep_their_digits_on_pages_in_downloads_and_in_edits() {
    let console = Console::new();
    let browser = console.signed_in(KEY);
    let id = console.create(&json!({ "email": "sarah@example.com" }));
    let page = format!("/console/c/ABC123/people/{id}");
    let set = |name: &str, value: &str| {
        let fields =
            [("attribute", "property"), ("property", name), ("value", value), ("is_json", "yes")];
        assert_eq!(browser.submit(&format!("{page}/edit"), &fields).status, 303);
    };
    set("account", "12345678901234567890123");
    set("price", " [1.50] ");
    let stored = console.gateway.send(&asking("GET", &format!("/api/profiles/{id}")));
    for text in [stored.text(), &browser.page(&page), &browser.page(&format!("{page}/download"))] {
        assert!(text.contains("12345678901234567890123") && text.contains("[1.50]"), "{text}");
    }
}

#[test]
fn each_property_is_removed_by_its_own_name_whatever_spaces_and_line_breaks_it_has() {
    let console = Console::new();
    let browser = console.signed_in(WRITER);
    let properties = json!({ "plan": 1, "plan ": 2, "two\nlines": 3 });
    let id = console.create(&json!({ "email": "a@example.com", "properties": properties }));
    let page = format!("/console/c/ABC123/people/{id}");
    for path in ["properties.plan ", "properties.two\nlines"] {
        let field = json!(path).to_string();
        let shown = format!("name=\"path\" value=\"{}\"", field.replace('"', "&quot;"));
        assert!(browser.page(&page).contains(&shown), "{shown}");
        let unset = [("path", field.as_str()), ("unset", "yes")];
        assert_eq!(browser.submit(&format!("{page}/edit"), &unset).status, 303);
    }
    let attribute = [("attribute", "property"), ("property", " plan"), ("value", " x ")];
    assert_eq!(browser.submit(&format!("{page}/edit"), &attribute).status, 303);
    let answer = console.gateway.send(&asking("GET", &format!("/api/profiles/{id}")));
    let stored = &answer.json()["data"]["attributes"]["properties"];
    assert_eq!(*stored, json!({ "plan": 1, " plan": " x " }));
    let wrong = [("path", "properties.plan"), ("unset", "yes")];
    assert_eq!(browser.submit(&format!("{page}/edit"), &wrong).status, 400);
}

#[test]
fn a_merge_is_compared_made_drawn_and_undone_after_a_preview() {
    let console = Console::new();
    let sarah = console.create(&json!({ "email": "sarah@example.com", "first_name": "Sarah" }));
    let ann = console.create(&json!({ "email": "ann@example.com", "title": "Engineer" }));
    let browser = console.signed_in(KEY);
    let page = format!("/console/c/ABC123/people/{sarah}");
    let compared = browser.page(&format!("{page}/merge?other={ann}"));
    assert!(compared.contains("sarah@example.com") && compared.contains("ann@example.com"));
    let merged = browser.submit(&format!("{page}/merge"), &[("other", &ann)]);
    let merged = browser.follow(&merged);
    assert!(merged.contains("<svg") && merged.contains("Engineer"), "{merged}");
    let old = browser.page(&format!("/console/c/ABC123/people/{ann}"));
    assert!(old.contains("was merged into this person"));
    let undo = format!("{page}/undo/{ann}");
    assert!(merged.contains(&format!(r#"href="{undo}""#)));
    let preview = browser.page(&undo);
    assert!(preview.contains("Nothing has changed yet") && preview.contains("Engineer"));
    assert!(browser.page(&page).contains("Engineer"), "a preview changes nothing");
    let restored = browser.follow(&browser.submit(&undo, &[]));
    assert!(restored.contains("ann@example.com") && !restored.contains("sarah@example.com"));
    let restored = browser.page(&page);
    assert!(restored.contains("was not merged with others") && !restored.contains("Engineer"));
    assert_eq!(browser.get(&undo).status, 404, "there is nothing to undo any more");
}

#[test]
fn an_erasure_takes_a_typed_word_and_leaves_a_receipt_without_values() {
    let console = Console::new();
    let id = console.create(&json!({ "email": "sarah@example.com" }));
    let browser = console.signed_in(KEY);
    let page = format!("/console/c/ABC123/people/{id}");
    let erase = format!("{page}/erase");
    assert!(browser.page(&erase).contains("sarah@example.com"));
    let refused = browser.submit(&erase, &[("confirmation", "yes")]);
    assert!(refused.text().contains("Nothing was erased"));
    assert_eq!(browser.get(&page).status, 200);
    let receipt = browser.follow(&browser.submit(&erase, &[("confirmation", "erase")]));
    assert!(receipt.contains("The erasure is complete") && receipt.contains("Profiles erased"));
    assert!(!receipt.contains("sarah@example.com"));
    assert_eq!(browser.get(&page).status, 404);
    assert_eq!(browser.submit(&erase, &[("confirmation", "erase")]).status, 404);
}

#[test]
fn everything_about_a_person_is_downloaded_as_json() {
    let console = Console::new();
    let id = console.create(&json!({ "email": "sarah@example.com" }));
    let browser = console.signed_in(KEY);
    let answer = browser.get(&format!("/console/c/ABC123/people/{id}/download"));
    let disposition = format!("attachment; filename=\"{id}.json\"");
    assert_eq!(answer.header("content-disposition"), Some(disposition.as_str()));
    let document = answer.json();
    assert_eq!(document["profile"]["attributes"]["email"], "sarah@example.com");
    assert_eq!(document["profile"]["attributes"]["writers"]["email"]["by"], "company");
    assert_eq!(document["history"][0]["attributes"]["effect"], "created");
    assert_eq!(document["history_is_complete"], true);
}

#[test]
fn pages_have_what_assistive_programs_need() {
    let console = Console::new();
    let id = console.create(&json!({ "email": "sarah@example.com" }));
    let browser = console.signed_in(KEY);
    for path in [
        "/console/sign-in".to_owned(),
        "/console/c/ABC123/people".to_owned(),
        format!("/console/c/ABC123/people/{id}"),
        format!("/console/c/ABC123/people/{id}/erase"),
    ] {
        let page = browser.page(&path);
        for part in
            ["<html lang=\"en\">", "<main ", "<title>", "Skip to content", "name=\"viewport\""]
        {
            assert!(page.contains(part), "{part} in {path}");
        }
        assert_labelled(&page, &path);
    }
    let head = browser.send(RawRequest::new("GET", "/console/nothing"));
    assert_eq!(head.status, 404);
}

/// Sees that each field of a form has a label.
#[track_caller]
fn assert_labelled(page: &str, path: &str) {
    for element in ["<input ", "<select ", "<textarea "] {
        for tag in page.split(element).skip(1).map(|rest| rest.split('>').next().unwrap()) {
            if tag.contains(r#"type="hidden""#) {
                continue;
            }
            let (_, id) = tag.split_once("id=\"").unwrap_or_else(|| panic!("{tag} in {path}"));
            let id = id.split('"').next().unwrap();
            assert!(
                page.contains(&format!("<label for=\"{id}\""))
                    || page.contains(&format!("for=\"{id}\"")),
                "{id} in {path}"
            );
        }
    }
}
