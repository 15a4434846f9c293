//! The people that are sent: the identifiers of number 17, and the bodies about them.
//!
//! `load.lua` makes the same of a number and is passed these texts, so a store is filled with what
//! is sent later.

use profile_protocol::{CompanyId, ProfileRequest, Revision};
use profile_store::{
    Caller, Claims, IdentitySettings, Intent, InvalidToken, RequestSender, Submission,
};

use crate::{
    error::{ErrorContext, HarnessError},
    limits,
};

/// What a browser or an app sends about a customer with an address and a device: some 700 bytes.
/// Its placeholders are the customer, twice, and the version.
pub(crate) const CUSTOMER: &str = r#"{"data":{"type":"profile","attributes":{"email":"sarah.%09d@example.com","anonymous_id":"3f2504e0-4f89-41d3-9a0c-305%09d","first_name":"Sarah","last_name":"Mason","organization":"Example Outfitters","title":"Regional Manager","image":"https://images.example.com/profiles/63f64a2b-c6bf-40c7-b81f-bed08162edbe.png","locale":"en-US","location":{"address1":"89 E 42nd St","address2":"1st floor","city":"New York","country":"United States","latitude":40.752726,"longitude":-73.977229,"region":"NY","zip":"10017","timezone":"America/New_York"},"properties":{"plan":"gold","visits":%07d,"tags":["spring","sale","clearance"],"landing_page":"/collections/spring-sale","opted_in":true}}}}"#;

/// What a page sends that knows who its visitor is, and has nothing to say of them. Its placeholder
/// is the customer, twice.
pub(crate) const PAGE_VIEW: &str = r#"{"data":{"type":"profile","attributes":{"email":"sarah.%09d@example.com","anonymous_id":"3f2504e0-4f89-41d3-9a0c-305%09d"}}}"#;

/// What an app sends when it is first opened. Its placeholder is the visitor.
pub(crate) const VISITOR: &str = r#"{"data":{"type":"profile","attributes":{"anonymous_id":"7c9e6679-7425-40de-944b-e07%09d","properties":{"landing_page":"/collections/spring-sale"}}}}"#;

/// What a form sends when that visitor turns out to be a customer. Its placeholders are the
/// customer and the visitor.
pub(crate) const SIGN_UP: &str = r#"{"data":{"type":"profile","attributes":{"email":"sarah.%09d@example.com","anonymous_id":"7c9e6679-7425-40de-944b-e07%09d","properties":{"source":"footer"}}}}"#;

/// The first version of a customer: seven digits, so that all bodies have the same length.
pub(crate) const VERSION: u64 = 1_000_000;

/// The number of the company that attacks its neighbours.
pub(crate) const ATTACKER: u64 = 1;

/// Its private key. The configuration has the SHA-256 of it.
pub(crate) const ATTACKER_KEY: &str = "pk_5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e";

/// The private key of the first company, which signs in to the console. The configuration has its
/// SHA-256.
pub(crate) const CONSOLE_KEY: &str = "pk_7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c";

/// The id of the company with this number.
pub(crate) fn company(number: u64) -> String {
    format!("H{number:05}")
}

/// Spreads numbers below 1,000,000,000 over all of them, no two onto one. Otherwise people created
/// one after the other would have neighbouring keys, which is easier for a store than real traffic.
pub(crate) fn scatter(number: u64) -> u64 {
    const NUMBERS: u64 = 1_000_000_000;
    const FACTOR: u64 = 7_654_321;
    let spread = (number * FACTOR + 12_345) % NUMBERS;
    let turned = (spread % 1_000) * 1_000_000 + spread / 1_000;
    turned * FACTOR % NUMBERS
}

/// The address of this customer.
pub(crate) fn email(number: u64) -> String {
    format!("sarah.{:09}@example.com", scatter(number))
}

/// The body about this customer.
pub(crate) fn customer(number: u64, version: u64) -> String {
    let id = format!("{:09}", scatter(number));
    CUSTOMER.replace("%09d", &id).replace("%07d", &version.to_string())
}

/// The body about this customer with a property of [`limits::RICH_PROPERTY_BYTES`].
pub(crate) fn rich_customer(number: u64) -> String {
    let history =
        "/collections/sale ".chars().cycle().take(limits::RICH_PROPERTY_BYTES).collect::<String>();
    let properties = format!(r#""properties":{{"history":"{history}","#);
    customer(number, VERSION).replace(r#""properties":{"#, &properties)
}

/// The body about this visitor.
pub(crate) fn visitor(number: u64) -> String {
    VISITOR.replace("%09d", &format!("{:09}", scatter(number)))
}

/// A body as the gateway passes it to the store.
pub(crate) fn submission(company: &CompanyId, body: &str) -> Result<Submission, HarnessError> {
    let revision = Revision::LATEST;
    let request = ProfileRequest::parse(body.as_bytes(), revision).map_err(|violations| {
        HarnessError::new(format!("a generated body is refused: {violations}"))
    })?;
    let settings = IdentitySettings::default();
    let no_token = |_: &_| Err(InvalidToken::Unsealed);
    let claims =
        Claims::from_request(request.parts(), Caller::Client, &settings.placeholders, no_token)
            .while_doing("make claims of a generated body")?;
    Ok(Submission {
        company: company.clone(),
        caller: Caller::Client,
        intent: Intent::Upsert,
        revision,
        request_ids: None,
        sender: RequestSender::default(),
        claims,
        cleared: Vec::new(),
        leaving_emails: Vec::new(),
        patch: request.into_parts().patch,
        push_token: None,
        settings: std::sync::Arc::new(settings),
    })
}

/// The company that has all people where only one company is served.
pub(crate) fn first_company() -> Result<CompanyId, HarnessError> {
    company(0).parse().while_doing("name a company")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_numbers_are_scattered_onto_one() {
        let scattered: HashSet<u64> = (0..100_000).map(scatter).collect();
        assert_eq!(scattered.len(), 100_000);
        assert!(scattered.iter().all(|&number| number < 1_000_000_000));
    }

    #[test]
    fn every_body_is_accepted_and_as_long_as_real_ones() {
        let company = first_company().unwrap();
        let sign_up = SIGN_UP.replace("%09d", "000000001");
        let page_view = PAGE_VIEW.replace("%09d", "000000001");
        for body in [customer(1, VERSION), rich_customer(1), visitor(1), sign_up, page_view] {
            submission(&company, &body).unwrap();
        }
        let length = customer(1, VERSION).len();
        assert!((650..=750).contains(&length), "{length}");
    }
}
