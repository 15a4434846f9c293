//! What a person does with people in a browser, beyond what one visit to a page shows. Each leaves
//! a picture.

use std::{fs, path::Path, thread};

use serde_json::{Value, json};

use super::{
    super::{
        Console,
        naughty::{NAUGHTY, naughty_person},
    },
    driver::{Chromium, LOOKS, PAUSE},
    visited,
};
use crate::api::asking;

/// Two people, of whom the second was merged into the first. Returns their ids.
fn merged(console: &Console) -> [String; 2] {
    let sarah = console.create(&json!({ "email": "sarah@example.com", "first_name": "Sarah",
        "last_name": "Mason", "properties": { "plan": "gold" } }));
    let ann = console.create(&json!({ "email": "ann@example.com", "title": "Engineer" }));
    console.register(
        "c0mEVJqkR5yAPA91bHPRgkF3JUikC4E",
        &json!({ "email": "sarah@example.com" }),
        &json!({ "device_model": "iPhone17,1" }),
    );
    let merge = json!({ "data": { "type": "profile-merge", "id": sarah, "relationships":
        { "profiles": { "data": [{ "type": "profile", "id": ann }] } } } });
    let merge = asking("POST", "/api/profile-merge").body(merge.to_string());
    assert_eq!(console.gateway.send(&merge).status, 201);
    [sarah, ann]
}

/// Finds a person by their id, also an old one, and goes to their page.
fn find_by_id(chromium: &Chromium, id: &str) {
    chromium.follow("People");
    chromium.click_first("#by option[value='id']");
    chromium.fill("#value", id);
    chromium.press("Find");
    chromium.click_first("tbody th a");
    chromium.wait_for("Identifiers");
}

/// The document that the browser has written into this directory.
fn downloaded(directory: &Path, name: &str) -> Value {
    for _ in 0..LOOKS {
        let text = fs::read_to_string(directory.join(name)).unwrap_or_default();
        if let Ok(document) = serde_json::from_str(&text) {
            return document;
        }
        thread::sleep(PAUSE);
    }
    panic!("{name} was not downloaded: {:?}", fs::read_dir(directory).unwrap().collect::<Vec<_>>());
}

#[test]
fn a_person_is_found_by_an_old_id_downloaded_restored_and_erased_in_chromium() {
    let Some((console, chromium)) = visited() else { return };
    let [sarah, ann] = merged(&console);
    find_remove_and_download(&chromium, &sarah, &ann);
    undo_and_erase(&chromium, &ann);
    let found = |id: &str| console.gateway.send(&asking("GET", &format!("/api/profiles/{id}")));
    assert_eq!([found(&ann).status, found(&sarah).status], [404, 200]);
}

fn find_remove_and_download(chromium: &Chromium, sarah: &str, ann: &str) {
    find_by_id(chromium, ann);
    chromium.wait_for("Sarah Mason");
    chromium.wait_for("old profile id");
    chromium.wait_for("1 registered, the newest first.");
    chromium.check_page("a person found by an old id");
    chromium.picture("found-by-an-old-id");
    chromium.press("Remove properties.plan");
    chromium.wait_for("What changed: properties.plan.");
    assert!(!chromium.text().contains("gold"));
    chromium.picture("attribute-removed");
    let directory = tempfile::tempdir().unwrap();
    chromium.download_into(directory.path());
    chromium.follow("Download everything (JSON)");
    let document = downloaded(directory.path(), &format!("{sarah}.json"));
    let attributes = &document["profile"]["attributes"];
    assert_eq!(document["profile"]["id"], sarah);
    assert_eq!(attributes["email"], "sarah@example.com");
    assert_eq!(attributes["properties"], json!({}));
    assert_eq!(attributes["merges"][0]["profile_id"], ann);
    assert_eq!(attributes["identifiers"]["secondary_emails"], json!(["ann@example.com"]));
    assert_eq!(attributes["writers"]["email"]["by"], "company");
    let token = &document["push_tokens"][0]["attributes"]["token"];
    assert_eq!(token, "c0mEVJqkR5yAPA91bHPRgkF3JUikC4E");
    let effects = document["history"].as_array().unwrap().iter();
    let effects: Vec<&Value> = effects.map(|outcome| &outcome["attributes"]["effect"]).collect();
    assert_eq!(effects, ["updated", "updated", "updated", "created", "created"]);
    assert_eq!(document["history_is_complete"], true);
    chromium.picture("downloaded");
}

/// Undoes the merge with two clicks, and erases the restored person after a typed word.
fn undo_and_erase(chromium: &Chromium, ann: &str) {
    chromium.click_first("a[href*='/undo/']");
    chromium.wait_for("Nothing has changed yet");
    let preview = chromium.text();
    let (stays, returns) = preview.split_once("Is a person of their own again").unwrap();
    assert!(stays.contains("sarah@example.com") && !stays.contains("Engineer"), "{preview}");
    assert!(returns.contains("ann@example.com") && returns.contains("Engineer"), "{preview}");
    chromium.picture("undo-previewed");
    chromium.press("Undo the merge");
    chromium.wait_for("This person was not merged with others.");
    let restored = chromium.text();
    assert!(restored.contains(ann) && restored.contains("ann@example.com"), "{restored}");
    chromium.picture("undone");
    chromium.follow("Erase this person…");
    chromium.fill("#confirmation", "yes");
    chromium.press("Erase this person");
    chromium.wait_for("Nothing was erased");
    chromium.picture("erasure-refused");
    chromium.fill("#confirmation", "erase");
    chromium.press("Erase this person");
    chromium.wait_for("The erasure is complete");
    let receipt = chromium.text();
    assert!(receipt.contains("Profiles erased") && !receipt.contains("ann@example.com"));
    chromium.picture("receipt");
}

/// Has the list of people in this order, and waits for it.
fn order(chromium: &Chromium, order: &str) {
    chromium.click_first("form.search summary");
    chromium.click_first(&format!("#sort option[value='{order}']"));
    chromium.press("Find");
    let script = "return document.readyState == 'complete' && \
        new URLSearchParams(location.search).get('sort') == arguments[0]";
    for _ in 0..LOOKS {
        if chromium.script(script, &json!([order])) == true {
            return;
        }
        thread::sleep(PAUSE);
    }
    panic!("the list has not got the order {order}");
}

#[test]
fn people_are_listed_by_first_letters_in_each_order_by_dates_and_in_pages_in_chromium() {
    let Some((console, chromium)) = visited() else { return };
    let person = |number: u32| json!({ "email": format!("p{number}@example.com") });
    let ids: Vec<String> = (10..40).map(|number| console.create(&person(number))).collect();
    let path = format!("/api/profiles/{}", ids[5]);
    let change = json!({ "data": { "type": "profile", "id": ids[5],
        "attributes": { "title": "Engineer" } } });
    let changed = console.gateway.send(&asking("PATCH", &path).body(change.to_string()));
    assert_eq!(changed.status, 200);
    for (sort, first) in [
        ("updated", "p10@"),
        ("-updated", "p15@"),
        ("created", "p10@"),
        ("-created", "p39@"),
        ("id", "p10@"),
        ("-id", "p39@"),
        ("-email", "p39@"),
        ("email", "p10@"),
    ] {
        order(&chromium, sort);
        let row = chromium.text_of("tbody tr");
        assert!(row.contains(first), "{sort}: {row}");
        assert_eq!(chromium.count("tbody tr"), 25);
    }
    chromium.follow("Next page");
    chromium.wait_for_count("tbody tr", 5);
    assert!(chromium.text_of("tbody").contains("p35@"));
    chromium.click_first("#by option[value=email_starts_with]");
    chromium.fill("#value", "p2");
    chromium.press("Find");
    chromium.wait_for_count("tbody tr", 10);
    chromium.check_page("people by first letters");
    chromium.picture("first-letters");
    for (field, count) in [("created_before", 0), ("created_after", 10)] {
        // The keys that a date takes depend on the language of the browser.
        let date = "document.getElementById(arguments[0]).value = '2026-01-02'";
        chromium.script(date, &json!([field]));
        chromium.press("Find");
        chromium.wait_for_count("tbody tr", count);
        let script = "document.getElementById(arguments[0]).value = ''";
        chromium.script(script, &json!([field]));
    }
}

#[test]
fn a_refused_claim_is_read_as_a_sentence_with_its_table_in_chromium() {
    let Some((console, chromium)) = visited() else { return };
    let sarah = console.create(&json!({ "email": "sarah@example.com" }));
    console.create(&json!({ "email": "ann@example.com", "phone_number": "+15005550006" }));
    console.client(&json!({ "email": "sarah@example.com", "phone_number": "+15005550006",
        "properties": { "plan": "gold" } }));
    find_by_id(&chromium, &sarah);
    chromium.wait_for(
        "A browser or app said that the phone number +1…06 belongs here; that was refused because \
         another person, with their own email address, holds it.",
    );
    // The company and the browser each wrote something.
    let rows = chromium.texts_of("tbody tr");
    let row = |value: &str| rows.iter().find(|row| row.contains(value)).unwrap();
    assert!(row("sarah@example.com").contains("your company"), "{rows:?}");
    assert!(row("properties.plan").contains("a browser or app"), "{rows:?}");
    assert!(!chromium.text().contains("owns its own email"), "the claims are folded");
    chromium.click_first("ol.history details summary");
    chromium.wait_for("owns its own email");
    let claims = chromium.texts_of("ol.history li:first-child tbody tr");
    assert!(claims.iter().any(|row| row.starts_with("email") && row.contains("matched")));
    assert!(claims.iter().any(|row| row.starts_with("phone_number") && row.contains("refused")));
    chromium.check_page("a refused claim");
    chromium.picture("refused-claim");
}

#[test]
fn what_strangers_sent_becomes_no_element_and_breaks_no_policy_in_chromium() {
    let Some((console, chromium)) = visited() else { return };
    let people = NAUGHTY.into_iter().enumerate();
    let people: Vec<String> = people
        .map(|(number, text)| naughty_person(&console, number, text))
        .map(|[id, _]| id)
        .collect();
    let admin = console.gateway.admin;
    let pages = people.iter().map(|id| format!("people/{id}"));
    let lists =
        ["overview", "people?sort=email", "people?by=external_id&value=%3Cimg%20src%3Dx%3E"];
    for page in lists.into_iter().map(str::to_owned).chain(pages) {
        chromium.open(&format!("http://{admin}/console/c/ABC123/{page}"));
        let foreign = "return document.querySelectorAll('main script, main img, main b, \
            [onerror], [onmouseover], a[href^=\"javascript\"], h1 ~ h1').length";
        assert_eq!(chromium.script(foreign, &json!([])), 0, "{page}");
        chromium.check_log(&page);
    }
    chromium.picture("hostile-values");
}
