//! Checks of values and refusals that several targets make.
#![allow(dead_code, reason = "each target takes what it needs")]

use std::{fmt, str::FromStr};

use profile_protocol::{
    Change, Email, Identifiers, ProfileEndpoint, ProfileRequest, PropertyName, PropertyValue,
    RequestParts, Violations, limits,
};

/// A parsed value, formatted and parsed again, is the same, and it keeps its limits.
pub(crate) fn canonical<T>(value: &T, text: &str, bytes: usize)
where
    T: FromStr + PartialEq + fmt::Debug,
    T::Err: fmt::Debug,
{
    assert!(text.len() <= bytes, "{value:?} has {} bytes", text.len());
    let again: T = text.parse().expect("what was accepted is accepted again");
    assert!(again == *value, "{value:?} was read again as {again:?}");
}

pub(crate) fn canonical_email(email: &Email) {
    canonical(email, email.as_str(), limits::EMAIL_BYTES);
}

pub(crate) fn canonical_property(name: &PropertyName, values: &[PropertyValue]) {
    canonical(name, name.as_str(), limits::PROPERTY_NAME_BYTES);
    for value in values {
        // No canonical form is longer than six bytes for each byte that was sent.
        canonical(value, value.as_json(), 6 * limits::BODY_BYTES);
    }
}

pub(crate) fn canonical_identifiers(identifiers: &Identifiers) {
    let Identifiers { id: _, exchange_token, external_id, email, phone_number, anonymous_id } =
        identifiers;
    // What could be no token has no text.
    if let Some(token) = exchange_token
        && !token.as_str().is_empty()
    {
        canonical(token, token.as_str(), limits::EXCHANGE_TOKEN_BYTES);
    }
    if let Some(id) = external_id {
        canonical(id, id.as_str(), limits::OPAQUE_ID_BYTES);
    }
    if let Some(email) = email {
        canonical_email(email);
    }
    if let Some(number) = phone_number {
        canonical(number, number.as_str(), 1 + limits::PHONE_DIGITS_MAX);
    }
    if let Some(id) = anonymous_id {
        canonical(id, id.as_str(), limits::OPAQUE_ID_BYTES);
    }
}

/// A request is rendered as a body that parses to the same request, unless that body is too large.
pub(crate) fn rendered_request(endpoint: ProfileEndpoint, request: &ProfileRequest) {
    let body = request.to_json(endpoint);
    if body.len() <= limits::BODY_BYTES {
        let parsed = ProfileRequest::parse_at(endpoint, body.as_bytes(), request.revision());
        assert_eq!(parsed.as_ref(), Ok(request), "another request is rendered");
    }
}

/// Everything in a request is in canonical form, and within its limits.
pub(crate) fn canonical_request(request: &ProfileRequest) {
    let RequestParts { revision: _, subject, identifiers, cleared, secondary_emails, patch } =
        request.parts();
    canonical_identifiers(subject);
    canonical_identifiers(identifiers);
    assert!(cleared.len() <= 3, "{cleared:?} names a kind twice");
    secondary_emails.append.iter().chain(&secondary_emails.unappend).for_each(canonical_email);
    for (_, change) in patch.fields.iter() {
        if let Change::Set(text) = change {
            canonical(text, text.as_str(), limits::TEXT_BYTES);
        }
    }
    let properties = &patch.properties;
    assert!(properties.set.len() <= limits::PROPERTIES);
    for (name, value) in &properties.set {
        canonical_property(name, std::slice::from_ref(value));
    }
    for (name, values) in properties.append.iter().chain(&properties.unappend) {
        canonical_property(name, values);
    }
    for name in &properties.unset {
        canonical_property(name, &[]);
    }
}

/// A refusal has a position and a reason, and a bounded size.
pub(crate) fn refused(violations: &Violations) {
    let count = violations.iter().len();
    assert!((1..=limits::VIOLATIONS + 1).contains(&count), "{count} violations");
    for violation in violations.iter() {
        let pointer = violation.pointer.as_str();
        assert!(pointer.is_empty() || pointer.starts_with('/'), "{pointer:?} is no pointer");
        let mut tildes = pointer.split('~').skip(1);
        assert!(tildes.all(|rest| rest.starts_with(['0', '1'])), "{pointer:?} is not escaped");
        let detail = violation.fault.to_string();
        assert!(!detail.is_empty());
        assert!(pointer.len() + detail.len() < 1_024, "the answer outgrows its question");
    }
}
