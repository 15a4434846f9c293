//! Arbitrary bytes, parsed as each of the bodies besides that of a client's profile.
//!
//! The first byte selects the kind; the rest is the body. As for the body of a client, parsing
//! never panics and always has the same result, an accepted body is in canonical form, and a
//! refusal has a position and a reason.
#![no_main]

mod canonical;

use std::fmt;

use canonical::{canonical, canonical_email, canonical_request, refused, rendered_request};
use libfuzzer_sys::fuzz_target;
use profile_protocol::{
    BulkImport, DeletionId, DeletionSubject, ProfileEndpoint, ProfileExplain,
    ProfileMerge, ProfileRequest, ProfileUnmerge, PushToken, PushTokenRegistration,
    PushTokenRemoval, Revision, TokenRevocation, Violations, limits,
};

fuzz_target!(|input: &[u8]| {
    let Some((&which, body)) = input.split_first() else { return };
    match which {
        b'b' => bulk(body),
        b'd' => deletion(body),
        b'e' => explain(body),
        b'm' => drop(reads(|| ProfileMerge::parse(body))),
        b'n' => drop(reads(|| ProfileUnmerge::parse(body))),
        b'r' => drop(reads(|| TokenRevocation::parse(body))),
        b'p' => push_token(body),
        b'q' => push_token_removal(body),
        b'c' => request(ProfileEndpoint::Create, body),
        b'u' => request(ProfileEndpoint::Update, body),
        _ => request(ProfileEndpoint::Import, body),
    }
});

/// The parsed body, which is the same each time, unless it is refused.
fn reads<T: fmt::Debug + PartialEq>(parse: impl Fn() -> Result<T, Violations>) -> Option<T> {
    let answer = parse();
    assert_eq!(answer, parse(), "the answer differs");
    answer.inspect_err(refused).ok()
}

fn request(endpoint: ProfileEndpoint, body: &[u8]) {
    let read = reads(|| ProfileRequest::parse_at(endpoint, body, Revision::LATEST));
    if let Some(request) = &read {
        canonical_request(request);
        rendered_request(endpoint, request);
    }
}

fn bulk(body: &[u8]) {
    let Some(import) = reads(|| BulkImport::parse(body, Revision::LATEST)) else { return };
    let profiles = import.profiles();
    assert!((1..=limits::BULK_PROFILES).contains(&profiles.len()));
    for profile in profiles {
        match profile {
            Ok(request) => canonical_request(request),
            Err(violations) => refused(violations),
        }
    }
}

fn deletion(body: &[u8]) {
    match reads(|| DeletionSubject::parse(body)) {
        Some(DeletionSubject::Email(email)) => canonical_email(&email),
        Some(DeletionSubject::PhoneNumber(number)) => {
            canonical(&number, number.as_str(), 1 + limits::PHONE_DIGITS_MAX);
        }
        Some(DeletionSubject::Id(DeletionId { profile: Some(id), external_id: _ })) => {
            canonical(&id, &id.to_string(), 26);
        }
        Some(DeletionSubject::Id(DeletionId { profile: None, external_id: _ })) | None => {}
    }
}

fn explain(body: &[u8]) {
    if let Some(explained) = reads(|| ProfileExplain::parse(body, Revision::LATEST)) {
        canonical_request(&explained.request);
    }
}

fn push_token(body: &[u8]) {
    let Some(read) = reads(|| PushTokenRegistration::parse(body, Revision::LATEST)) else { return };
    canonical_token(&read.details.token);
    canonical_request(&read.profile);
    for (_, text) in read.details.metadata.iter().flat_map(|metadata| metadata.iter()) {
        canonical(text, text.as_str(), limits::DEVICE_TEXT_BYTES);
    }
}

fn push_token_removal(body: &[u8]) {
    let Some(read) = reads(|| PushTokenRemoval::parse(body, Revision::LATEST)) else { return };
    canonical_token(&read.token);
    canonical_request(&read.profile);
}

fn canonical_token(token: &PushToken) {
    canonical(token, token.as_str(), limits::PUSH_TOKEN_BYTES);
}
