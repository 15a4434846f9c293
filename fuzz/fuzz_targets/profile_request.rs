//! Any bytes at all, read as a request body.
//!
//! Whatever they are, reading ends without a panic and always in the same way.
//! What is accepted names somebody, keeps every limit, and is in canonical form.
//! What is refused says where and why, in an answer of bounded size.
#![no_main]

mod canonical;

use canonical::{canonical_request, refused};
use libfuzzer_sys::fuzz_target;
use profile_protocol::{ProfileRequest, Revision, limits};

fuzz_target!(|body: &[u8]| {
    let answer = ProfileRequest::parse(body, Revision::LATEST);
    assert_eq!(answer, ProfileRequest::parse(body, Revision::LATEST), "the answer differs");
    match answer {
        Ok(request) => accepted(body, &request),
        Err(violations) => refused(&violations),
    }
});

fn accepted(body: &[u8], request: &ProfileRequest) {
    let ProfileRequest { revision, subject, identifiers, cleared, .. } = request;
    assert_eq!(*revision, Revision::LATEST);
    assert!(body.len() <= limits::BODY_BYTES);
    assert!(!subject.is_empty() || !identifiers.is_empty(), "nobody is named");
    assert!(cleared.is_empty(), "a client took an identifier away");
    canonical_request(request);
}
