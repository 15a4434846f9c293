//! The console in a real browser: what a person does, without faults that axe-core knows and
//! without anything that the policy of the pages forbids.

mod driver;
mod people;
mod traffic;

use serde_json::json;

use self::driver::Chromium;
use super::{Console, companies};
use crate::{api::KEY, serving::Home};

/// A console whose company has the inspector on, and a browser that has signed in.
fn visited() -> Option<(Console, Chromium)> {
    let chromium = Chromium::start()?;
    let home = Home::configured(&companies("inspect = true"));
    let console = Console { gateway: home.serve(), home };
    chromium.open(&format!("http://{}/console/", console.gateway.admin));
    chromium.fill("#key", KEY);
    chromium.press("Sign in");
    chromium.wait_for("Find by");
    Some((console, chromium))
}

#[test]
fn a_person_is_found_edited_merged_restored_and_erased_in_chromium() {
    let Some((console, chromium)) = visited() else { return };
    console.create(
        &json!({ "email": "sarah@example.com", "first_name": "Sarah", "last_name": "Mason" }),
    );
    let ann = console.create(&json!({ "email": "ann@example.com", "title": "Engineer" }));
    chromium.fill("#value", "sarah@example.com");
    chromium.press("Find");
    chromium.check_page("people");
    chromium.follow("Sarah Mason");
    chromium.check_page("a person");
    chromium.fill("#new-value", "Sally");
    chromium.press("Save");
    chromium.wait_for("Sally Mason");
    chromium.fill("#other", &ann);
    chromium.press("Compare…");
    chromium.wait_for("Is merged into it");
    chromium.check_page("a merge to be confirmed");
    chromium.press("Merge");
    chromium.wait_for("Engineer");
    chromium.check_page("a merged person");
    chromium.picture_of_docs("console");
    chromium.click_first("a[href*='/undo/']");
    chromium.wait_for("Nothing has changed yet");
    chromium.check_page("an undo to be confirmed");
    chromium.press("Undo the merge");
    chromium.wait_for("ann@example.com");
    chromium.follow("Erase this person…");
    chromium.check_page("an erasure to be confirmed");
    chromium.fill("#confirmation", "erase");
    chromium.press("Erase this person");
    chromium.wait_for("The erasure is complete");
    chromium.check_page("a receipt");
    chromium.press("Sign out");
    chromium.wait_for("Private key of a company");
    chromium.check_page("sign in");
}
