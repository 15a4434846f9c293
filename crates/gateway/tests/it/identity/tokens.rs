//! Exchange tokens that pages send back to name a profile.

use super::*;

const ANN: &str = r#""email":"ann@example.com","first_name":"Ann""#;

#[test]
fn identify_a_person_on_another_device_and_merge_its_anonymous_profile() {
    let home = home();
    let gateway = home.serve();
    let ann = profile_of(&gateway, &about(ANN));
    let device =
        profile_of(&gateway, &about(r#""anonymous_id":"phone","properties":{"seen":"pricing"}"#));
    assert_ne!(ann, device);
    let kx = token(&gateway, &about(&format!(r#"{ANN},"anonymous_id":"laptop""#)));
    let link = format!(r#""anonymous_id":"phone","_kx":"{kx}""#);
    assert_eq!(profile_of(&gateway, &about(&link)), ann);
    // The token that the device got earlier now stands for her profile.
    let kx = sealed_for("ABC123", device, u64::MAX);
    assert_eq!(profile_of(&gateway, &about(&format!(r#""_kx":"{kx}","title":"Chef""#))), ann);
    let stored = stored(&home, gateway, 1);
    let profile = stored.by_email("ABC123", "ann@example.com").unwrap();
    assert_eq!(identifiers(&profile), ["ann@example.com", "phone", "laptop"]);
    assert_eq!(properties(&profile), r#"{"seen":"pricing"}"#);
    assert_eq!(field(&profile, Field::Title), "Chef");
}

/// Tokens that stood for Ann and do not any more, and why.
fn useless(gateway: &Serving, ann: ProfileId) -> [(String, InvalidToken); 5] {
    let good = token(gateway, &about(ANN));
    let (sealed, _) = good.split_once('.').unwrap();
    let last = if sealed.ends_with('A') { "Q" } else { "A" };
    let altered = format!("{}{last}.ABC123", &sealed[..sealed.len() - 1]);
    let foreign = sealed_for("XYZ789", ann, u64::MAX);
    let renamed = foreign.replace("XYZ789", "ABC123");
    [
        (sealed_for("ABC123", ann, 0), InvalidToken::Expired),
        (foreign, InvalidToken::Foreign),
        (renamed, InvalidToken::Unsealed),
        (altered, InvalidToken::Unsealed),
        ("x".repeat(2_000), InvalidToken::Unsealed),
    ]
}

#[test]
fn expired_foreign_or_altered_are_ignored_and_noted() {
    let home = home();
    let gateway = home.serve();
    let ann = profile_of(&gateway, &about(ANN));
    let useless = useless(&gateway, ann);
    for (kx, _) in &useless {
        let alone = about(&format!(r#""_kx":"{kx}","title":"Thief""#));
        let beside = about(&format!(r#""_kx":"{kx}","email":"bob@example.com","title":"Chef""#));
        accept(&gateway, &[alone, beside]);
    }
    let stored = stored(&home, gateway, 2);
    let ann = stored.by_email("ABC123", "ann@example.com").unwrap();
    assert_eq!(field(&ann, Field::Title), "");
    let bob = stored.by_email("ABC123", "bob@example.com").unwrap();
    assert_eq!(identifiers(&bob), ["bob@example.com"]);
    assert_eq!(field(&bob, Field::Title), "Chef");
    // The first two requests made Ann and her token.
    let outcomes = stored.outcomes("ABC123");
    for (requests, (_, reason)) in outcomes[2..].chunks(2).zip(useless) {
        let ignored = ClaimResult::Ignored(Ignored::Token(reason));
        let [alone, beside] = requests else { panic!("{requests:?}") };
        assert_eq!((alone.effect, alone.survivor), (Effect::Unidentified, None));
        assert_eq!(alone.claims[0].result, ignored);
        assert_eq!(beside.survivor, Some(bob.id));
        assert!(beside.claims.iter().any(|claim| claim.result == ignored), "{beside:?}");
    }
}

#[test]
fn for_a_person_whom_a_request_only_named_stand_for_no_profile() {
    let home = home();
    let gateway = home.serve();
    accept(&gateway, &[about(ANN)]);
    // A stored person, a stranger whom the request creates, and the stranger again.
    for email in ["ann@example.com", "bob@example.com", "bob@example.com"] {
        let named = about(&format!(r#""email":"{email}""#));
        let kx = token(&gateway, &named);
        assert_eq!(opened(&kx).profile, ProfileId::from_bits(0), "{email}");
        accept(&gateway, &[about(&format!(r#""_kx":"{kx}","title":"Thief""#))]);
    }
    let stored = stored(&home, gateway, 2);
    for email in ["ann@example.com", "bob@example.com"] {
        assert_eq!(field(&stored.by_email("ABC123", email).unwrap(), Field::Title), "");
    }
    let outcomes = stored.outcomes("ABC123");
    for by_token in outcomes[2..].iter().step_by(2) {
        assert_eq!((by_token.effect, by_token.survivor), (Effect::Unidentified, None));
    }
}

#[test]
fn got_with_a_device_are_of_that_device_whatever_is_stored() {
    let home = home();
    let gateway = home.serve();
    accept(&gateway, &[about(ANN)]);
    let tab = Some(DeviceDigest::from_device(&"tab".parse().unwrap()));
    for attributes in [
        r#""anonymous_id":"tab""#,
        r#""email":"bob@example.com","anonymous_id":"tab""#,
        r#""email":"ann@example.com","anonymous_id":"tab""#,
        r#""email":"eve@example.com","anonymous_id":"tab""#,
    ] {
        let kx = token(&gateway, &about(attributes));
        assert_eq!(opened(&kx).terms.device, tab, "{attributes}");
    }
}

#[test]
fn of_a_device_give_no_more_than_the_device() {
    let home = home();
    let gateway = home.serve();
    let ann = profile_of(&gateway, &about(ANN));
    let bob = profile_of(&gateway, &about(r#""email":"bob@example.com""#));
    // A stranger attaches a device to Ann's profile by her address, and gets a token by it.
    let mine = about(r#""email":"ann@example.com","anonymous_id":"mine""#);
    let kx = token(&gateway, &mine);
    assert_eq!(profile_of(&gateway, &about(&format!(r#""_kx":"{kx}""#))), ann);
    // An address outranks it as it outranks the device, and nothing is merged.
    for device in [format!(r#""_kx":"{kx}""#), r#""anonymous_id":"mine""#.to_owned()] {
        let both = about(&format!(r#"{device},"email":"bob@example.com""#));
        assert_eq!(profile_of(&gateway, &both), bob, "{device}");
    }
    let stored = stored(&home, gateway, 2);
    let outcomes = stored.outcomes("ABC123");
    let refused = ClaimResult::Refused(Refused::OwnsHigher(IdentifierKind::Email));
    for outcome in &outcomes[4..] {
        let results: Vec<ClaimResult> = outcome.claims.iter().map(|claim| claim.result).collect();
        assert_eq!(results, [ClaimResult::Matched, refused]);
    }
}

#[test]
fn of_a_device_end_when_the_profile_loses_the_device() {
    let home = Home::configured(&format!(
        "exchange_keys = [\"{}\"]\n[[company]]\nid = \"ABC123\"\n[company.identity]\n\
         anonymous_ids = 1\n",
        key()
    ));
    let gateway = home.serve();
    let kx = token(&gateway, &about(r#""email":"ann@example.com","anonymous_id":"old""#));
    let by_token = about(&format!(r#""_kx":"{kx}","title":"Chef""#));
    accept(&gateway, &[about(r#""email":"ann@example.com","anonymous_id":"new""#), by_token]);
    let stored = stored(&home, gateway, 1);
    let ann = stored.by_email("ABC123", "ann@example.com").unwrap();
    assert_eq!(field(&ann, Field::Title), "");
    let last = stored.outcomes("ABC123").pop().unwrap();
    let gone = ClaimResult::Ignored(Ignored::Token(InvalidToken::DeviceNotHeld));
    assert_eq!(last.claims[0].result, gone);
}

#[test]
fn that_are_exchanged_for_new_ones_end_when_the_first_one_does() {
    let home = home();
    let gateway = home.serve();
    let ann = profile_of(&gateway, &about(ANN));
    let first = token(&gateway, &about_id(ann, ""));
    assert_eq!((opened(&first).profile, opened(&first).terms.device), (ann, None));
    let second = token(&gateway, &about(&format!(r#""_kx":"{first}""#)));
    let third = token(&gateway, &about(&format!(r#""_kx":"{second}","anonymous_id":"tab""#)));
    assert_ne!(first, second);
    for later in [second, third] {
        assert_eq!(opened(&later), opened(&first));
    }
}
