//! What tools ask before they read profiles.

use serde_json::json;

use super::{Api, READER, asking_with, ids, refused};

#[test]
fn a_tool_finds_the_account_of_its_key_and_empty_lists_of_the_rest() {
    let api = Api::new();
    let get = |target: &str| api.send(&asking_with(READER, "GET", target));
    for target in ["/api/accounts", "/api/accounts/"] {
        let answer = get(target);
        assert_eq!(ids(&answer), ["ABC123"], "{answer:?}");
        let account = &answer.json()["data"][0];
        assert_eq!(account["type"], "account");
        assert_eq!(account["attributes"]["public_api_key"], "ABC123");
        let link = account["links"]["self"].as_str().unwrap().replace("http://gateway", "");
        assert_eq!(get(&link).json()["data"], *account);
    }
    assert_eq!(refused(&get("/api/accounts/XYZ789")), (404, "not_found".into(), "/data".into()));
    for target in
        ["/api/metrics", "/api/lists/", "/api/events?filter=equals(metric_id,'x')&sort=datetime"]
    {
        let answer = get(target);
        let link = format!("http://gateway{target}");
        let links = json!({ "self": link, "next": null, "prev": null });
        assert_eq!(answer.json(), json!({ "data": [], "links": links }), "{target}");
    }
    let unknown = api.send(&asking_with("pk_unknown", "GET", "/api/metrics"));
    assert_eq!(unknown.status, 401);
}

#[test]
fn no_profile_is_suppressed() {
    let api = Api::new();
    api.create(&json!({ "email": "a@x.co" }));
    let field = "subscriptions.email.marketing.suppression.reason";
    let answer = api.get(&format!("/api/profiles?filter=equals({field},'HARD_BOUNCE')"));
    assert_eq!((answer.status, ids(&answer).len()), (200, 0));
}
