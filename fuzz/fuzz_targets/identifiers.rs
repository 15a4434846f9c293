//! Arbitrary text, parsed as every kind of value that has a parser of its own.
//!
//! An accepted value is within its limit, and its canonical form parses to itself. Spellings that
//! are promised to be equivalent are. A refusal has a reason that repeats nothing of the text.
#![no_main]

mod canonical;

use std::{fmt, str::FromStr};

use canonical::{canonical, canonical_email};
use libfuzzer_sys::fuzz_target;
use profile_protocol::{
    AnonymousId, ClaimedId, CompanyId, Email, ExchangeToken, ExternalId, PhoneNumber, ProfileId,
    PropertyName, PropertyValue, Text, limits,
};

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    email(text);
    phone_number(text);
    opaque(text);
    ids(text);
    property(text);
    if let Some(value) = reads::<Text>(text) {
        assert_eq!(value.as_str(), text);
        canonical(&value, value.as_str(), limits::TEXT_BYTES);
    }
});

/// The parsed value, which is the same each time.
fn reads<T>(text: &str) -> Option<T>
where
    T: FromStr + PartialEq + fmt::Debug,
    T::Err: fmt::Debug + fmt::Display + PartialEq,
{
    let answer = text.parse::<T>();
    assert_eq!(answer, text.parse::<T>(), "the answer differs");
    let reason = answer.as_ref().err().map(ToString::to_string);
    if let Some(reason) = reason {
        assert!((1..=256).contains(&reason.len()), "{reason}");
    }
    answer.ok()
}

fn email(text: &str) {
    let Some(email) = reads::<Email>(text) else { return };
    canonical_email(&email);
    let canonical = email.as_str();
    let (mailbox, domain) = canonical.rsplit_once('@').expect("an address has an @");
    assert!(canonical.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
    assert!(!mailbox.is_empty() && mailbox.len() <= 64, "the mailbox of an address");
    assert!(domain.contains('.') && domain.split('.').all(|label| (1..=63).contains(&label.len())));
    // Case and surrounding white space are not significant.
    for spelling in [canonical.to_ascii_uppercase(), format!(" {canonical}\n")] {
        assert_eq!(spelling.parse().as_ref(), Ok(&email), "another spelling");
    }
}

fn phone_number(text: &str) {
    let Some(number) = reads::<PhoneNumber>(text) else { return };
    canonical(&number, number.as_str(), 1 + limits::PHONE_DIGITS_MAX);
    let digits = number.as_str().strip_prefix('+').expect("a number begins with +");
    assert!((limits::PHONE_DIGITS_MIN..=limits::PHONE_DIGITS_MAX).contains(&digits.len()));
    assert!(digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0'));
}

fn opaque(text: &str) {
    let external = reads::<ExternalId>(text);
    let anonymous = reads::<AnonymousId>(text);
    assert_eq!(external.is_some(), anonymous.is_some(), "one rule for both");
    if let Some(id) = external {
        assert_eq!(id.as_str(), text);
        canonical(&id, id.as_str(), limits::OPAQUE_ID_BYTES);
        assert!(!text.chars().any(char::is_control) && !text.trim().is_empty());
    }
    if let Some(token) = reads::<ExchangeToken>(text) {
        assert_eq!(token.as_str(), text);
        canonical(&token, token.as_str(), limits::EXCHANGE_TOKEN_BYTES);
    }
}

fn ids(text: &str) {
    let id = reads::<ProfileId>(text);
    let claimed = reads::<ClaimedId>(text);
    if let Some(id) = id {
        assert_eq!(claimed, Some(ClaimedId::Profile(id)));
        assert!(id.to_string().eq_ignore_ascii_case(text));
        canonical(&id, &id.to_string(), 26);
    }
    if let Some(company) = reads::<CompanyId>(text) {
        assert_eq!(company.as_str(), text);
        canonical(&company, company.as_str(), limits::COMPANY_ID_BYTES);
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    }
}

fn property(text: &str) {
    if let Some(name) = reads::<PropertyName>(text) {
        canonical(&name, name.as_str(), limits::PROPERTY_NAME_BYTES);
    }
    if let Some(value) = reads::<PropertyValue>(text) {
        canonical(&value, value.as_json(), 6 * text.len());
        assert!(!value.as_json().contains('\n'), "canonical JSON has no white space");
    }
}
