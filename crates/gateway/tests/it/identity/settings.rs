//! The identity settings of each company.

use serde_json::{Value, json};

use super::*;

#[test]
fn merging_can_be_switched_off() {
    let home = home_where("merges = 0");
    let gateway = home.serve();
    accept(
        &gateway,
        &[
            about(r#""email":"ann@example.com""#),
            about(r#""phone_number":"+15005550006""#),
            about(r#""email":"ann@example.com","phone_number":"+15005550006","first_name":"Ann""#),
        ],
    );
    let stored = stored(&home, gateway, 2);
    let ann = stored.by_email("ABC123", "ann@example.com").unwrap();
    assert_eq!(identifiers(&ann), ["ann@example.com"]);
    assert_eq!(first_name(&ann), "Ann");
    let last = stored.outcomes("ABC123").pop().unwrap();
    assert_eq!(last.claims[1].result, ClaimResult::Refused(Refused::MergeCap));
}

#[test]
fn a_company_configures_its_placeholders() {
    let home = home_where("sentinels = [\"kiosk-1\"]\nnot_sentinels = [\"0\"]");
    let gateway = home.serve();
    assert_eq!(gateway.send(&about(r#""anonymous_id":"KIOSK-1""#)).status, 400);
    accept(
        &gateway,
        &[
            about(r#""external_id":"0","first_name":"Zero""#),
            about(r#""email":"ann@example.com","anonymous_id":"kiosk-1""#),
        ],
    );
    let stored = stored(&home, gateway, 2);
    let zero = found(&stored, &Identifier::ExternalId("0".parse().unwrap()));
    assert_eq!(first_name(&zero), "Zero");
    let ann = stored.by_email("ABC123", "ann@example.com").unwrap();
    assert_eq!(identifiers(&ann), ["ann@example.com"]);
}

#[test]
fn a_company_says_how_many_devices_a_person_has() {
    let home = home_where("anonymous_ids = 2");
    let gateway = home.serve();
    for device in ["first", "second", "third"] {
        let request = format!(r#""email":"ann@example.com","anonymous_id":"{device}""#);
        accept(&gateway, &[about(&request)]);
    }
    let stored = stored(&home, gateway, 1);
    let ann = stored.by_email("ABC123", "ann@example.com").unwrap();
    assert_eq!(identifiers(&ann), ["ann@example.com", "second", "third"]);
    let oldest = Identifier::AnonymousId("first".parse().unwrap());
    assert!(stored.find("ABC123", &oldest).is_none());
}

/// One company with a private key and this choice about a different external id.
fn different_external_id(choice: &str) -> String {
    let key = private_key("all", KEY, r#""profiles:read", "profiles:write""#);
    format!(
        "[[company]]\nid = \"ABC123\"\napi_limits_factor = 100\n{key}\
         [company.identity]\ndifferent_external_id = \"{choice}\"\n"
    )
}

/// The effect that an explanation shows, and the result of each claim.
fn explained(gateway: &Serving, attributes: &Value) -> (String, Vec<String>) {
    let body = json!({ "data": { "type": "profile", "attributes": attributes } });
    let question = json!({ "data": { "type": "profile-explain",
        "attributes": { "scope": "client", "body": body } } });
    let asked = asking("POST", "/api/profile-explain").body(question.to_string());
    let explained = gateway.send(&asked).json()["data"]["attributes"].clone();
    let claims = explained["claims"].as_array().unwrap().iter();
    let told = |claim: &Value| [&claim["identifier"], &claim["fate"], &claim["reason"]].map(word);
    let claims = claims.map(|claim| told(claim).join(" ")).collect();
    (word(&explained["effect"]), claims)
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

#[test]
fn a_company_chooses_that_a_different_external_id_is_a_new_profile() {
    let home = Home::configured(&different_external_id("same_profile"));
    let gateway = home.serve();
    let jack = json!({ "external_id": "2", "email": "one@example.com", "first_name": "Jack" });
    accept(
        &gateway,
        &[about(r#""external_id":"1","email":"one@example.com","first_name":"Jane""#)],
    );
    let same = explained(&gateway, &jack);
    let ignored = "external_id ignored place taken".to_owned();
    assert_eq!(same, ("updated".to_owned(), vec![ignored, "email matched -".to_owned()]));
    home.configure(&different_external_id("new_profile"));
    gateway.signal("HUP");
    gateway.logged("reloaded the configuration");
    let new = explained(&gateway, &jack);
    let refused = "email refused owns its own external_id".to_owned();
    assert_eq!(new, ("created".to_owned(), vec!["external_id attached -".to_owned(), refused]));
    accept(
        &gateway,
        &[about(r#""external_id":"2","email":"one@example.com","first_name":"Jack""#)],
    );
    let stored = stored(&home, gateway, 2);
    let known = |id: &str| found(&stored, &Identifier::ExternalId(id.parse().unwrap()));
    assert_eq!(["1", "2"].map(|id| first_name(&known(id)).to_owned()), ["Jane", "Jack"]);
    assert_eq!(identifiers(&known("2")), ["2"]);
}
