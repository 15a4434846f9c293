//! Inputs that the benchmarks share.
//!
//! Every input begins as a body and goes through the same functions as in production, so no
//! benchmark measures a value that no request could make.
#![expect(
    clippy::missing_panics_doc,
    reason = "an input that cannot be parsed is a bug in this file, which its tests find"
)]

use std::{fmt::Write, ops::Range, sync::Arc};

use mimalloc::MiMalloc;
use profile_protocol::{
    AnonymousId, Identifiers, ProfileId, ProfileRequest, RequestParts, Revision,
};
use profile_store::{
    Caller, Claims, DecisionContext, Device, Intent, InvalidToken, Placeholders, Profile,
    ProfileIdentifiers, RequestSender, Submission, Timestamp,
};

/// The gateway's allocator. With another one, the benches would measure another program.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What a browser sends today about a customer who filled in a form: some 700 bytes.
pub const TODAY: &str = r#"{"data":{"type":"profile","attributes":{"email":"Sarah.Mason@example.com","phone_number":"+15005550006","external_id":"63f64a2b-c6bf-40c7-b81f-bed08162edbe","anonymous_id":"3f2504e0-4f89-11d3-9a0c-0305e82c3301","first_name":"Sarah","last_name":"Mason","organization":"Example Outfitters","title":"Regional Manager","image":"https://images.example.com/profiles/63f64a2b.png","locale":"en-US","location":{"address1":"89 E 42nd St","address2":"1st floor","city":"New York","country":"United States","latitude":40.752726,"longitude":-73.977229,"region":"NY","zip":"10017","timezone":"America/New_York"},"properties":{"plan":"gold","visits":17,"tags":["spring","sale"],"opted_in":true}}}}"#;

/// The sample of the first revision, 2022-10-17: the identifiers are separate from the attributes.
pub const FIRST_REVISION: &str = r#"{"data":{"type":"profile","attributes":{"email":"sarah.mason@example.com","phone_number":"+15005550006","external_id":"63f64a2b-c6bf-40c7-b81f-bed08162edbe","anonymous_id":"3f2504e0-4f89-11d3-9a0c-0305e82c3301","first_name":"Sarah","last_name":"Mason","organization":"Example Outfitters","title":"Regional Manager","image":"https://images.example.com/profiles/63f64a2b.png","location":{"address1":"89 E 42nd St","address2":"1st floor","city":"New York","country":"United States","latitude":40.752726,"longitude":-73.977229,"region":"NY","zip":"10017","timezone":"America/New_York"},"properties":{"plan":"gold"}},"meta":{"identifiers":{"id":"01GDDKASAP8TKDDA2GRZDSVP4H","external_id":"63f64a2b-c6bf-40c7-b81f-bed08162edbe","email":"sarah.mason@example.com","phone_number":"+15005550006","anonymous_id":"3f2504e0-4f89-11d3-9a0c-0305e82c3301"}}}}"#;

/// What a mobile app sends when it is first opened.
pub const ANONYMOUS: &str = r#"{"data":{"attributes":{"anonymous_id":"3F2504E0-4F89-11D3-9A0C-0305E82C3301","properties":{}},"type":"profile"}}"#;

/// What a careless integration sends: half of its fields are faulty.
pub const REFUSED: &str = r#"{"data":{"type":"profile","attributes":{"email":"blobemail","phone_number":"(500) 555-0006","external_id":"","first_name":"Sarah","lastname":"Mason","organization":"Example Outfitters","title":7,"location":{"address1":"89 E 42nd St","city":"New York","country":"United States","latitude":4075.2726,"longitude":"west","region":"NY","zip":"10017"},"properties":{"plan":"gold","plan":"silver"}}}}"#;

/// What a client sends that has the visitor's device and has just learned their address.
pub const SIGN_UP: &str = r#"{"data":{"type":"profile","attributes":{"email":"sarah.mason@example.com","anonymous_id":"3f2504e0-4f89-11d3-9a0c-0305e82c3301","properties":{"source":"footer"}}}}"#;

/// What a shop sends after each order.
pub const ORDER: &str = r#"{"data":{"type":"profile","attributes":{"email":"sarah.mason@example.com"},"meta":{"patch_properties":{"append":{"tags":["summer","sale"]},"unappend":{"tags":"spring"},"unset":["opted_in"]}}}}"#;

/// A body close to the largest one allowed: 950 properties.
pub fn huge_body() -> String {
    body_with_properties(0..950)
}

/// A body with these properties: texts, lists, objects and numbers alternate.
pub fn body_with_properties(numbers: Range<usize>) -> String {
    let mut properties = String::new();
    for number in numbers {
        let comma = if properties.is_empty() { "" } else { "," };
        let value = match number % 4 {
            0 => format!(r#""{}""#, "wool, size 42, ".repeat(14)),
            1 => r#"["spring","sale",2026,"summer","winter","autumn","clearance"]"#.to_owned(),
            2 => format!(
                r#"{{"sku":"SKU-{number}","quantity":{number},"price":19.90,"gift":false,"note":"caf\u00e9 au lait"}}"#
            ),
            _ => format!("{number}.50"),
        };
        write!(properties, r#"{comma}"property_{number}":{value}"#)
            .expect("writing to a string cannot fail");
    }
    format!(
        r#"{{"data":{{"type":"profile","attributes":{{"email":"sarah.mason@example.com","properties":{{{properties}}}}}}}}}"#
    )
}

/// Parses a body without faults.
pub fn request(body: &str) -> ProfileRequest {
    ProfileRequest::parse(body.as_bytes(), Revision::LATEST).expect("the body has no fault")
}

/// The claims a body makes.
pub fn claims(body: &str) -> Claims {
    Claims::from_request(
        request(body).parts(),
        Caller::Client,
        &Placeholders::default(),
        |_token| Err(InvalidToken::Unsealed),
    )
    .expect("the body has an identifier")
}

/// A submission about the person with this number, who has identifiers of their own. It creates
/// the profile the first time: some 700 bytes.
pub fn new_person(number: usize) -> Submission {
    let body = TODAY
        .replace("Sarah.Mason@", &format!("sarah.{number}@"))
        .replace("+15005550006", &format!("+1{:010}", 2_000_000_000 + number))
        .replace("63f64a2b-c6bf-40c7-b81f-bed08162edbe", &format!("customer-{number}"))
        .replace("3f2504e0-4f89-11d3-9a0c-0305e82c3301", &format!("device-{number}"));
    submission(&body)
}

/// A body as the gateway passes it to the store.
pub fn submission(body: &str) -> Submission {
    Submission {
        company: "DEMO01".parse().expect("the company has a name"),
        caller: Caller::Client,
        intent: Intent::Upsert,
        revision: Revision::LATEST,
        request_ids: None,
        sender: RequestSender::default(),
        claims: claims(body),
        cleared: Vec::new(),
        leaving_emails: Vec::new(),
        patch: request(body).into_parts().patch,
        push_token: None,
        settings: Arc::default(),
    }
}

/// The profile that a body creates.
pub fn profile(id: u128, body: &str) -> Profile {
    let RequestParts { identifiers, patch, .. } = request(body).into_parts();
    let Identifiers { external_id, email, phone_number, anonymous_id, .. } = identifiers;
    let mut profile = Profile::new(ProfileId::from_bits(id), CONTEXT.now);
    profile.identifiers = ProfileIdentifiers {
        external_id,
        email,
        phone_number,
        devices: anonymous_id.into_iter().map(seen).collect(),
        ..ProfileIdentifiers::default()
    };
    patch.apply(&mut profile.attributes);
    profile.last_outcome = Some(CONTEXT.sequence);
    profile
}

/// A profile with a device as its only identifier, and few attributes.
pub fn visitor(id: u128) -> Profile {
    let body = r#"{"data":{"type":"profile","attributes":{"anonymous_id":"3f2504e0-4f89-11d3-9a0c-0305e82c3301","locale":"en-US","location":{"city":"Boston","ip":"203.0.113.7","timezone":"America/New_York"},"properties":{"landing_page":"/spring","visits":3}}}}"#;
    profile(id, body)
}

/// A customer with other devices.
pub fn customer(id: u128) -> Profile {
    let mut profile = profile(id, TODAY);
    profile.identifiers.devices = devices(0..2);
    profile
}

fn seen(id: AnonymousId) -> Device {
    Device::new(id, CONTEXT.now)
}

/// That many devices.
pub fn devices(numbers: Range<usize>) -> Vec<Device> {
    let device = |number| format!("9b2c7f00-0000-4000-8000-{number:012}");
    let id = |number| device(number).parse().expect("the device has a name");
    numbers.map(|number| seen(id(number))).collect()
}

/// The context of every decision.
pub const CONTEXT: DecisionContext = DecisionContext {
    now: Timestamp::from_millis(1_795_000_000_000),
    entropy: 7,
    sequence: 41,
    tokens_revoked: None,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bodies_have_their_documented_sizes() {
        assert!((680..720).contains(&TODAY.len()), "{}", TODAY.len());
        let huge = huge_body().len();
        assert!((100_000..=profile_protocol::limits::BODY_BYTES).contains(&huge), "{huge}");
    }

    #[test]
    fn every_body_is_accepted_or_refused_as_its_name_says() {
        for body in [TODAY, FIRST_REVISION, ANONYMOUS, SIGN_UP, ORDER, &huge_body()] {
            request(body);
        }
        let violations = ProfileRequest::parse(REFUSED.as_bytes(), Revision::LATEST).unwrap_err();
        assert_eq!(violations.iter().len(), 8, "{violations}");
    }
}
