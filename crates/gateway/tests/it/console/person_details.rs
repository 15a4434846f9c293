//! What the page of a person says about push tokens, identifiers and claims.

use serde_json::json;

use super::Console;
use crate::api::KEY;

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
