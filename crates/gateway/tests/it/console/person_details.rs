//! What the page of a person says about push tokens, identifiers and claims.

use serde_json::{Value, json};

use super::{Console, companies};
use crate::{
    api::{KEY, asking},
    serving::Home,
};

#[test]
fn push_tokens_are_shown_with_their_device_and_never_whole() {
    let console = Console::new();
    let sarah = json!({ "email": "sarah@example.com" });
    let id = console.create(&sarah);
    let browser = console.signed_in(KEY);
    let page = format!("/console/c/ABC123/people/{id}");
    assert!(browser.page(&page).contains("No app of this person is registered"));
    let token = "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad";
    let device = json!({ "device_model": "iPhone17,1", "manufacturer": "Apple",
        "os_name": "iOS", "os_version": "17.2.0", "app_name": "Shop", "environment": "debug" });
    console.register(token, &sarah, &device);
    let shown = browser.page(&page);
    for text in [
        "1 registered, the newest first.",
        "740f47…78ad",
        "ios (APNs)",
        "allowed, without sound; also in the background",
        "Device: Apple iPhone17,1",
        "System: ios 17.2.0",
        "App: Shop debug",
    ] {
        assert!(shown.contains(text), "{text} in {shown}");
    }
    assert!(!shown.contains(token));
    for number in 0..40 {
        console.register(&format!("token-{number:08}"), &sarah, &json!({}));
    }
    let shown = browser.page(&page);
    assert!(shown.contains("32 registered"), "{shown}");
    assert_eq!(shown.matches("ios (APNs)").count(), 32);
}

/// The cells of the row of the table of identifiers that has this value.
#[track_caller]
fn row_of(page: &str, value: &str) -> String {
    let (_, table) = page.split_once("<h2>Identifiers</h2>").unwrap();
    let (table, _) = table.split_once("</table>").unwrap();
    let row = table.split("<tr>").find(|row| row.contains(value));
    let row = row.unwrap_or_else(|| panic!("{value} in {table}"));
    let mut text = String::new();
    for part in row.split('<') {
        let (tag, words) = part.split_once('>').unwrap_or_default();
        text += if tag.starts_with('t') && !tag.starts_with("time") { "|" } else { "" };
        text += words;
    }
    text
}

#[test]
fn every_identifier_says_since_when_and_by_whom_or_that_it_is_not_recorded() {
    let console = Console::new();
    console.client(&json!({ "email": "ann@example.com", "anonymous_id": "browser-1" }));
    let body = |id: &str, attributes: &Value, meta: &Value| {
        let data = json!({ "type": "profile", "id": id, "attributes": attributes, "meta": meta });
        json!({ "data": data }).to_string()
    };
    let found = asking("GET", "/api/profiles?filter=equals(email,'ann@example.com')");
    let found = console.gateway.send(&found).json();
    let ann = found["data"][0]["id"].as_str().unwrap();
    let change = |attributes: &Value, meta: &Value| {
        let change = asking("PATCH", &format!("/api/profiles/{ann}"));
        let answer = console.gateway.send(&change.body(body(ann, attributes, meta)));
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    change(&json!({}), &json!({ "patch_identifiers": { "append": { "email": ["work@x.de"] } } }));
    let other = console.create(&json!({ "phone_number": "+15005550006" }));
    let merge = json!({ "data": { "type": "profile-merge", "id": ann, "relationships":
        { "profiles": { "data": [{ "type": "profile", "id": other }] } } } });
    let merge = asking("POST", "/api/profile-merge").body(merge.to_string());
    assert_eq!(console.gateway.send(&merge).status, 201);
    change(&json!({ "phone_number": "+15005550007" }), &json!({}));
    let page = console.signed_in(KEY).page(&format!("/console/c/ABC123/people/{ann}"));
    for (value, kind, by) in [
        ("ann@example.com", "email address", "a browser or app (outcome 1)"),
        ("work@x.de", "further email address", "your company (outcome 2)"),
        ("browser-1", "browser or device", "a browser or app (outcome 1); last seen 20"),
        (other.as_str(), "old profile id", "a merge by your company (outcome 4)"),
        ("+15005550007", "phone number", "your company (outcome 5)"),
        ("+15005550006", "former phone number", "taken away by your company (outcome 5)"),
    ] {
        let row = row_of(&page, value);
        assert!(row.starts_with(&format!("|{kind}|{value}|20")), "{row}");
        assert!(row.contains(&format!("|{by}")), "{row}");
    }
    // The list loses an address, of which outcomes do not tell which it was.
    let append = json!({ "append": { "email": ["more@x.de"] } });
    change(&json!({}), &json!({ "patch_identifiers": append }));
    let remove = json!({ "unappend": { "email": ["more@x.de"] } });
    change(&json!({}), &json!({ "patch_identifiers": remove }));
    let page = console.signed_in(KEY).page(&format!("/console/c/ABC123/people/{ann}"));
    assert_eq!(
        row_of(&page, "work@x.de"),
        "|further email address|work@x.de|not recorded|your company"
    );
}

#[test]
fn the_history_names_masked_what_claims_named_as_far_as_that_is_known() {
    let refused = "belongs here; that was refused because another person, with their own email \
        address, holds it.";
    for (settings, device) in [("", ""), ("inspect = true", "b…1 ")] {
        let home = Home::configured(&companies(settings));
        let console = Console { gateway: home.serve(), home };
        console.client(&json!({ "email": "sarah@example.com", "anonymous_id": "browser-1" }));
        let phone = "+15005550006";
        let ann = console.create(&json!({ "email": "ann@example.com", "phone_number": phone }));
        console.client(&json!({ "anonymous_id": "browser-1", "phone_number": phone }));
        let page = console.signed_in(KEY).page(&format!("/console/c/ABC123/people/{ann}"));
        let said = format!("A browser or app said that the browser or device {device}{refused}");
        for sentence in [
            "The phone number +1…06 belongs here now.",
            "The email address a…@example.com belongs here now.",
            said.as_str(),
        ] {
            assert!(page.contains(sentence), "{sentence} in {page}");
        }
    }
}
