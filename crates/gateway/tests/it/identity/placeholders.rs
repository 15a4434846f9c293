//! Placeholder values that programs send instead of an identifier.

use super::*;

#[test]
fn alone_are_refused() {
    let home = home();
    let gateway = home.serve();
    let body = about(
        r#""external_id":"undefined","anonymous_id":"00000000-0000-0000-0000-000000000000","first_name":"Ann""#,
    );
    let answer = gateway.send(&body);
    assert_eq!(answer.status, 400);
    let id = answer.json()["errors"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        answer.text().replace(&id, "ID"),
        r#"{"errors":[{"id":"ID","status":400,"code":"invalid","title":"Invalid input.","detail":"Every identifier is a placeholder such as `null` or `undefined`.","source":{"pointer":"/data/attributes"},"links":{},"meta":{}}]}"#
    );
    assert!(stored(&home, gateway, 0).outcomes("ABC123").is_empty());
}

#[test]
fn beside_an_address_merge_no_profiles() {
    let home = home();
    let gateway = home.serve();
    accept(
        &gateway,
        &[
            about(r#""external_id":"null","email":"ann@example.com""#),
            about(r#""external_id":"null","email":"bob@example.com""#),
        ],
    );
    let stored = stored(&home, gateway, 2);
    for address in ["ann@example.com", "bob@example.com"] {
        let profile = stored.by_email("ABC123", address).unwrap();
        assert_eq!(identifiers(&profile), [address]);
    }
    for outcome in stored.outcomes("ABC123") {
        assert_eq!(outcome.claims[1].result, ClaimResult::Refused(Refused::Placeholder));
    }
}
