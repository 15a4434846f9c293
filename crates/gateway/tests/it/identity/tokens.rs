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
    let kx = token(&gateway, &about(ANN));
    let link = format!(r#""anonymous_id":"phone","_kx":"{kx}""#);
    assert_eq!(profile_of(&gateway, &about(&link)), ann);
    // The token that the device got earlier now stands for her profile.
    let kx = ring().seal(&"ABC123".parse().unwrap(), device, u64::MAX).unwrap();
    assert_eq!(profile_of(&gateway, &about(&format!(r#""_kx":"{kx}","title":"Chef""#))), ann);
    let stored = stored(&home, gateway, 1);
    let profile = stored.by_email("ABC123", "ann@example.com").unwrap();
    assert_eq!(identifiers(&profile), ["ann@example.com", "phone"]);
    assert_eq!(properties(&profile), r#"{"seen":"pricing"}"#);
    assert_eq!(field(&profile, Field::Title), "Chef");
}

/// Tokens that stood for Ann and do not any more, and why.
fn useless(gateway: &Serving, ann: ProfileId) -> [(String, InvalidToken); 4] {
    let good = token(gateway, &about(ANN));
    let (sealed, _) = good.split_once('.').unwrap();
    let last = if sealed.ends_with('A') { "Q" } else { "A" };
    let altered = format!("{}{last}.ABC123", &sealed[..sealed.len() - 1]);
    let sealed_for =
        |company: &str, seconds| ring().seal(&company.parse().unwrap(), ann, seconds).unwrap();
    let foreign = sealed_for("XYZ789", u64::MAX);
    let renamed = foreign.replace("XYZ789", "ABC123");
    [
        (sealed_for("ABC123", 0), InvalidToken::Expired),
        (foreign, InvalidToken::Foreign),
        (renamed, InvalidToken::Unsealed),
        (altered, InvalidToken::Unsealed),
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
