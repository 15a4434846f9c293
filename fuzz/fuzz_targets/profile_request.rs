//! Arbitrary bytes, parsed as a request body.
//!
//! Parsing never panics and always has the same result. An accepted request names a profile, keeps
//! every limit, and is in canonical form. A refusal has a position and a reason, and a bounded
//! size.
#![no_main]

mod canonical;

use canonical::{canonical_request, refused, rendered_request};
use libfuzzer_sys::fuzz_target;
use profile_protocol::{ProfileEndpoint, ProfileRequest, Revision, limits};

fuzz_target!(|body: &[u8]| {
    let answer = ProfileRequest::parse(body, Revision::LATEST);
    assert_eq!(answer, ProfileRequest::parse(body, Revision::LATEST), "the answer differs");
    match answer {
        Ok(request) => accepted(body, &request),
        Err(violations) => refused(&violations),
    }
});

fn accepted(body: &[u8], request: &ProfileRequest) {
    assert_eq!(request.revision(), Revision::LATEST);
    assert!(body.len() <= limits::BODY_BYTES);
    assert!(!request.subject().is_empty() || !request.identifiers().is_empty(), "no profile is named");
    assert!(request.cleared().is_empty(), "a client removed an identifier");
    canonical_request(request);
    rendered_request(ProfileEndpoint::Client, request);
}
