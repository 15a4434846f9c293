//! Clients in the field are served as they are: their exact heads and bodies.

use profile_protocol::Field;
use profile_store::{ClaimResult, Effect, Identifier, Ignored, Profile};

use crate::{
    serving::Home,
    stored::{field, identifiers, properties, stored},
    wire::{RawRequest, RawResponse},
};

/// The fields of a profile that have a value, as `name: value`.
fn fields(profile: &Profile) -> Vec<String> {
    let known = profile.attributes.fields.iter().filter(|(_, value)| value.is_some());
    known.map(|(name, _)| format!("{}: {}", name.name(), field(profile, name))).collect()
}

pub(crate) mod android {
    use super::*;

    pub(crate) const MINIMAL: &str = r#"{"data":{"type":"profile","attributes":{"anonymous_id":"4fd4a0e6-b7f3-4b3c-8f6a-1b1b4bd2c0a7"}}}"#;

    /// The longest form its own tests know, but for the latitude.
    pub(crate) const FULL: &str = r#"{"data":{"type":"profile","attributes":{"email":"sarah.mason@klaviyo-demo.com","phone_number":"+12223334444","external_id":"abcdefg","anonymous_id":"4fd4a0e6-b7f3-4b3c-8f6a-1b1b4bd2c0a7","first_name":"Sarah","last_name":"Mason","organization":"Klaviyo","title":"Engineer","image":"image_url","location":{"address1":"89 E 42nd St","address2":"1st floor","city":"New York","country":"United States","latitude":12.3,"longitude":123,"region":"NY","zip":"10017","timezone":"America/New_York"},"properties":{"custom_key1":"custom_1","custom_key2":"custom_2"}}}}"#;

    pub(crate) fn request(body: &str) -> RawRequest {
        // Query values are put together by hand there, so a comma or a space in one
        // would arrive as it is.
        RawRequest::new("POST", "/client/profiles?company_id=ABC123")
            .with("Content-Type", "application/json")
            .with("Accept", "application/json")
            .with("Revision", "2026-01-15")
            .with(
                "User-Agent",
                "Shop/1.0.0 (com.shop.example; build:1; Android 34) klaviyo-android/4.4.0",
            )
            .with("X-Klaviyo-Mobile", "1")
            .with("X-Klaviyo-Attempt-Count", "1/50")
            .body(body)
    }

    #[test]
    fn the_minimal_form_makes_an_anonymous_profile_which_the_full_form_names() {
        let home = Home::new();
        let gateway = home.serve();
        gateway.send(&request(MINIMAL)).assert_accepted();
        gateway.send(&request(FULL)).assert_accepted();
        let stored = stored(&home, gateway, 1);
        let profile = stored.by_email("ABC123", "sarah.mason@klaviyo-demo.com").unwrap();
        assert_eq!(
            identifiers(&profile),
            [
                "abcdefg",
                "sarah.mason@klaviyo-demo.com",
                "+12223334444",
                "4fd4a0e6-b7f3-4b3c-8f6a-1b1b4bd2c0a7",
            ]
        );
        assert_eq!(
            fields(&profile),
            [
                "first_name: Sarah",
                "last_name: Mason",
                "organization: Klaviyo",
                "title: Engineer",
                "image: image_url",
                "address1: 89 E 42nd St",
                "address2: 1st floor",
                "city: New York",
                "country: United States",
                "region: NY",
                "zip: 10017",
                "timezone: America/New_York",
                "latitude: 12.3",
                "longitude: 123",
            ]
        );
        let expected = r#"{"custom_key1":"custom_1","custom_key2":"custom_2"}"#;
        assert_eq!(properties(&profile), expected);
    }

    #[test]
    fn the_form_of_its_tests_is_refused_for_a_latitude_no_place_has_and_nothing_else() {
        let gateway = Home::new();
        let gateway = gateway.serve();
        let answer = gateway.send(&request(&FULL.replace("12.3", "123")));
        assert_eq!(answer.status, 400);
        let errors = answer.json()["errors"].as_array().unwrap().clone();
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0]["source"]["pointer"], "/data/attributes/location/latitude");
    }

    #[test]
    fn a_query_that_was_not_percent_encoded_is_understood() {
        let gateway = Home::new();
        let gateway = gateway.serve();
        let target = "/client/profiles?source=a,b;c:d@e/f?g'h(i)*j!k$&company_id=ABC123";
        gateway.send(&request(MINIMAL).to(target)).assert_accepted();
    }
}

pub(crate) mod swift {
    use super::*;

    /// The body its own tests know.
    pub(crate) const SNAPSHOT: &str = r#"{"data":{"attributes":{"anonymous_id":"foo","email":"blobemail","external_id":"blobid","first_name":"Blob","image":"foo","last_name":"Junior","location":{"address1":"blob","address2":"blob","city":"blob city","country":"Blobland","latitude":1,"longitude":1,"region":"BL","timezone":"EST","zip":"0BLOB"},"organization":"Blobco","phone_number":"+15555555555","properties":{},"title":"Jelly"},"type":"profile"}}"#;

    pub(crate) fn request(body: &str) -> RawRequest {
        RawRequest::new("POST", "/client/profiles/?company_id=ABC123")
            .with("Accept-Encoding", "br, gzip, deflate")
            .with(
                "User-Agent",
                "Shop/1.0.0 (com.shop.example; build:1; iOS 17.2.0) klaviyo-ios/5.3.1",
            )
            .with("content-type", "application/json")
            .with("accept", "application/json")
            .with("X-Klaviyo-Mobile", "1")
            .with("X-Klaviyo-Attempt-Count", "1/50")
            .with("revision", "2026-01-15")
            .body(body)
    }

    #[test]
    fn its_profile_is_stored_as_it_was_sent() {
        let home = Home::new();
        let gateway = home.serve();
        let body = SNAPSHOT.replace("blobemail", "Blob.Junior@example.com");
        gateway.send(&request(&body)).assert_accepted();
        let stored = stored(&home, gateway, 1);
        let profile = stored.by_email("ABC123", "blob.junior@example.com").unwrap();
        let expected = ["blobid", "blob.junior@example.com", "+15555555555", "foo"];
        assert_eq!(identifiers(&profile), expected);
        let known = fields(&profile);
        assert_eq!(known.len(), 14, "{known:?}");
        for known_field in ["title: Jelly", "timezone: EST", "zip: 0BLOB", "latitude: 1"] {
            assert!(known.iter().any(|field| field == known_field), "{known:?}");
        }
        assert_eq!(properties(&profile), "{}");
    }

    #[test]
    fn a_refusal_has_every_member_it_must_decode_in_the_types_it_expects() {
        let gateway = Home::new();
        let gateway = gateway.serve();
        let answer = gateway.send(&request(SNAPSHOT));
        assert_eq!(answer.status, 400);
        let document = answer.json();
        let [error] = &document["errors"].as_array().unwrap()[..] else { panic!("{document}") };
        assert_eq!(error["id"].as_str().unwrap().len(), 36);
        assert_eq!(error["status"].as_u64(), Some(400));
        assert_eq!(error["code"].as_str(), Some("invalid"));
        assert_eq!(error["title"].as_str(), Some("Invalid input."));
        assert_eq!(error["detail"].as_str(), Some("Invalid email address"));
        assert_eq!(error["source"]["pointer"].as_str(), Some("/data/attributes/email"));
    }
}

pub(crate) mod onsite_script {
    use super::*;

    pub(crate) fn request(body: &str) -> RawRequest {
        RawRequest::new("POST", "/client/profiles/?company_id=ABC123")
            .with("Content-Type", "application/json")
            .with("accept", "application/json")
            .with("revision", "2024-10-15")
            .with("X-Klaviyo-Onsite", "1")
            .with("X-Klaviyo-Js-Url", "/onsite/js/ABC123/klaviyo.js|company_id=ABC123")
            .with("Origin", "https://shop.example")
            .body(body)
    }

    /// The token in an answer, which the script reads and keeps.
    #[track_caller]
    pub(crate) fn token(answer: &RawResponse) -> String {
        assert_eq!(answer.status, 202);
        assert_eq!(answer.header("Content-Type"), Some("application/vnd.api+json"));
        let document = answer.json();
        let token = document["meta"]["exchange_id"].as_str().unwrap();
        let exact = r#"{"meta":{"exchange_id":"TOKEN","should_clear_cookie":false}}"#;
        assert_eq!(answer.text().replace(token, "TOKEN"), exact);
        // What the script takes for a token: [\w\-_=]+\.\w+
        let (sealed, company) = token.rsplit_once('.').unwrap();
        assert_eq!(company, "ABC123");
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte);
        assert!(!sealed.is_empty() && sealed.bytes().all(allowed), "{token}");
        token.to_owned()
    }

    #[test]
    fn its_body_is_stored_with_what_the_dollar_names_mean() {
        let home = Home::new();
        let gateway = home.serve();
        let body = r#"{"data":{"type":"profile","attributes":{"email":"sarah.mason@klaviyo-demo.com","anonymous_id":"d4cbb1d9","first_name":"Sarah","locale":"en-US","location":{"city":"Boston","region":"MA","country":"United States","timezone":"America/New_York"},"properties":{"plan":"gold","visits":0.10,"colors":["red","blue"],"$append":{"colors":"green","sizes":"M"},"$unappend":{"colors":"red"},"$unset":["old"],"$referrer":{"ts":1700000000,"value":"https://search.example","first_page":"https://shop.example"},"$viewed_items":[{"id":1}]}},"relationships":{"lists":{"data":[{"type":"list","id":"Y6nRLr"}]}}}}"#;
        token(&gateway.send(&request(body)));
        let stored = stored(&home, gateway, 1);
        let profile = stored.by_email("ABC123", "sarah.mason@klaviyo-demo.com").unwrap();
        assert_eq!(identifiers(&profile), ["sarah.mason@klaviyo-demo.com", "d4cbb1d9"]);
        assert_eq!(field(&profile, Field::Locale), "en-US");
        assert_eq!(
            properties(&profile),
            concat!(
                r#"{"$referrer":{"ts":1700000000,"value":"https://search.example","#,
                r#""first_page":"https://shop.example"},"$viewed_items":[{"id":1}],"#,
                r#""colors":["blue","green"],"plan":"gold","sizes":["M"],"visits":0.10}"#,
            )
        );
    }

    #[test]
    fn the_token_it_is_given_stands_for_the_profile_from_then_on() {
        let home = Home::new();
        let gateway = home.serve();
        let known = r#"{"data":{"type":"profile","attributes":{"email":"sarah.mason@klaviyo-demo.com","anonymous_id":"d4cbb1d9"}}}"#;
        let first = token(&gateway.send(&request(known)));
        // In a link, the token is an attribute; out of the cookie, a property.
        let body = format!(
            r#"{{"data":{{"type":"profile","attributes":{{"_kx":"{first}","first_name":"Sarah"}}}}}}"#
        );
        let second = token(&gateway.send(&request(&body)));
        assert_ne!(first, second);
        let body = format!(
            r#"{{"data":{{"type":"profile","attributes":{{"anonymous_id":"d4cbb1d9","properties":{{"$exchange_id":"{second}","plan":"gold"}}}}}}}}"#
        );
        token(&gateway.send(&request(&body)));
        let stored = stored(&home, gateway, 1);
        let profile = stored.by_email("ABC123", "sarah.mason@klaviyo-demo.com").unwrap();
        assert_eq!(field(&profile, Field::FirstName), "Sarah");
        assert_eq!(properties(&profile), r#"{"plan":"gold"}"#);
        assert_eq!(identifiers(&profile), ["sarah.mason@klaviyo-demo.com", "d4cbb1d9"]);
    }

    #[test]
    fn an_unused_token_is_answered_like_any_other() {
        let home = Home::new();
        let gateway = home.serve();
        let body = r#"{"data":{"type":"profile","attributes":{"_kx":"N1a3kx_-.ABC123","first_name":"Sarah"}}}"#;
        token(&gateway.send(&request(body)));
        let stored = stored(&home, gateway, 0);
        let outcomes = stored.outcomes("ABC123");
        assert_eq!(outcomes.len(), 1);
        assert_eq!(outcomes[0].effect, Effect::Unidentified);
        assert!(matches!(outcomes[0].claims[0].result, ClaimResult::Ignored(Ignored::Token(_))));
    }
}

mod identifiers_in_meta {
    use super::*;

    /// A body of the first release, with every identifier it knows.
    const FIRST_RELEASE: &str = r#"{"data":{"type":"profile","attributes":{"email":"sarah.mason@klaviyo-demo.com","phone_number":"+15005550006","external_id":"63f64a2b-c6bf-40c7-b81f-bed08162edbe","anonymous_id":"01GDDKASAP8TKDDA2GRZDSVP4H","first_name":"Sarah","last_name":"Mason","organization":"Klaviyo","title":"Engineer","image":"https://images.pexels.com/photos/3760854/pexels-photo-3760854.jpeg","location":{"address1":"89 E 42nd St","address2":"1st floor","city":"New York","country":"United States","latitude":"40.7128","longitude":"-74.0060","region":"NY","zip":"10017","timezone":"America/New_York"},"properties":{"newKey":"New Value"}},"meta":{"identifiers":{"id":"01GDDKASAP8TKDDA2GRZDSVP4H","external_id":"63f64a2b-c6bf-40c7-b81f-bed08162edbe","email":"sarah.mason@klaviyo-demo.com","phone_number":"+15005550006","anonymous_id":"01GDDKASAP8TKDDA2GRZDSVP4H","_kx":"8CF5hdQvmmCKVY7e0mYjMQ.ABC123"}}}}"#;

    fn request(revision: &str, media_type: &str, body: &str) -> RawRequest {
        RawRequest::new("POST", "/client/profiles/?company_id=ABC123")
            .with("Content-Type", media_type)
            .with("Accept", media_type)
            .with("revision", revision)
            .body(body)
    }

    #[test]
    fn the_first_release_is_served_with_all_six_of_them() {
        let home = Home::new();
        let gateway = home.serve();
        let request = request("2022-10-17", "application/json", FIRST_RELEASE);
        gateway.send(&request).assert_accepted();
        let stored = stored(&home, gateway, 1);
        let profile = stored.by_email("ABC123", "sarah.mason@klaviyo-demo.com").unwrap();
        // The id of another system is not adopted.
        assert_ne!(profile.id.to_string(), "01GDDKASAP8TKDDA2GRZDSVP4H");
        assert_eq!(
            identifiers(&profile),
            [
                "63f64a2b-c6bf-40c7-b81f-bed08162edbe",
                "sarah.mason@klaviyo-demo.com",
                "+15005550006",
                "01GDDKASAP8TKDDA2GRZDSVP4H",
            ]
        );
        assert_eq!(field(&profile, Field::Latitude), "40.7128");
        assert_eq!(field(&profile, Field::Longitude), "-74.0060");
        assert_eq!(properties(&profile), r#"{"newKey":"New Value"}"#);
        let outcomes = stored.outcomes("ABC123");
        assert_eq!(outcomes[0].revision.to_string(), "2022-10-17");
    }

    #[test]
    fn they_say_whom_a_pixel_means_at_a_revision_that_no_longer_had_them() {
        let home = Home::new();
        let gateway = home.serve();
        let known =
            r#"{"data":{"type":"profile","attributes":{"email":"sarah.mason@klaviyo-demo.com"}}}"#;
        let pixel = r#"{"data":{"type":"profile","attributes":{"first_name":"Sarah","properties":{"$source":"shopify"}},"meta":{"identifiers":{"email":"sarah.mason@klaviyo-demo.com","anonymous_id":"c7f0"}}}}"#;
        gateway.send(&request("2024-10-15", "application/json", known)).assert_accepted();
        gateway.send(&request("2024-10-15", "application/json", pixel)).assert_accepted();
        let stored = stored(&home, gateway, 1);
        let browser = Identifier::AnonymousId("c7f0".parse().unwrap());
        let profile = stored.find("ABC123", &browser).unwrap();
        assert_eq!(identifiers(&profile), ["sarah.mason@klaviyo-demo.com", "c7f0"]);
        assert_eq!(field(&profile, Field::FirstName), "Sarah");
        assert_eq!(properties(&profile), r#"{"$source":"shopify"}"#);
    }

    #[test]
    fn the_body_of_today_is_served_with_or_without_a_slash() {
        let home = Home::new();
        let gateway = home.serve();
        let body = r#"{"data":{"type":"profile","attributes":{"email":"sarah.mason@klaviyo-demo.com","phone_number":"+15005550006","external_id":"63f64a2b-c6bf-40c7-b81f-bed08162edbe","anonymous_id":null,"_kx":null,"first_name":"Sarah","last_name":"Mason","organization":"Klaviyo","locale":"en-US","title":"Engineer","image":null,"location":{"address1":"89 E 42nd St","address2":"1st floor","city":"New York","country":"United States","latitude":40.7128,"longitude":"-74.0060","region":"NY","zip":"10017","timezone":"America/New_York","ip":"127.0.0.1"},"properties":{"pseudonym":"Dr. Octopus","big":12345678901234567890123}},"id":null,"meta":{"patch_properties":{"append":{"skus":"92538"},"unappend":{"skus":["40571"]},"unset":"skus_old"},"patch_identifiers":{"append":{"email":["sarah@work.example"]},"unappend":{}}}}}"#;
        let request = request("2026-07-15", "application/vnd.api+json", body);
        gateway.send(&request.clone().to("/client/profiles?company_id=ABC123")).assert_accepted();
        gateway.send(&request).assert_accepted();
        let stored = stored(&home, gateway, 1);
        let profile = stored.by_email("ABC123", "sarah.mason@klaviyo-demo.com").unwrap();
        assert_eq!(field(&profile, Field::Ip), "127.0.0.1");
        assert_eq!(field(&profile, Field::Latitude), "40.7128");
        assert_eq!(field(&profile, Field::Image), "");
        assert_eq!(
            properties(&profile),
            r#"{"big":12345678901234567890123,"pseudonym":"Dr. Octopus","skus":["92538"]}"#
        );
        // A client with the public key cannot add an email to a profile.
        assert!(stored.by_email("ABC123", "sarah@work.example").is_none());
        let effects: Vec<Effect> =
            stored.outcomes("ABC123").iter().map(|outcome| outcome.effect).collect();
        assert_eq!(effects, [Effect::Created, Effect::Unchanged]);
    }
}
