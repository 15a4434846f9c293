//! The identity settings of each company.

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
