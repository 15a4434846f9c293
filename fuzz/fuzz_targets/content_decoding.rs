//! Arbitrary bytes, decoded as a body in each content coding.
//!
//! The first byte selects the coding and the limit; the rest is the body as sent. No output is
//! longer than the limit. An output within the limit is the same under every larger limit, and is
//! refused under every smaller one.
#![no_main]

use gateway::http::encoding::{ContentEncoding, DecodeError};
use libfuzzer_sys::fuzz_target;
use profile_protocol::limits;

const CODINGS: [ContentEncoding; 5] = [
    ContentEncoding::Brotli,
    ContentEncoding::Deflate,
    ContentEncoding::Gzip,
    ContentEncoding::Identity,
    ContentEncoding::Zstd,
];

/// From nothing, over the limit in use, to some that call for larger windows.
const LIMITS: [usize; 6] = [0, 1, 100, limits::BODY_BYTES, 1 << 18, 1 << 20];

fuzz_target!(|input: &[u8]| {
    let Some((&choice, sent)) = input.split_first() else { return };
    let choice = usize::from(choice);
    let coding = CODINGS[choice % CODINGS.len()];
    let limit = LIMITS[choice / CODINGS.len() % LIMITS.len()];
    let answer = decoded(coding, sent, limit);
    match &answer {
        Ok(body) => {
            for larger in LIMITS.into_iter().filter(|larger| limit < *larger) {
                assert_eq!(decoded(coding, sent, larger), answer, "a larger limit");
            }
            assert_eq!(decoded(coding, sent, body.len()), answer, "the exact limit");
            if let Some(smaller) = body.len().checked_sub(1) {
                assert_eq!(decoded(coding, sent, smaller), Err(DecodeError::TooLarge));
            }
        }
        // Malformed input is refused under every limit.
        Err(DecodeError::Corrupt) => {
            for other in LIMITS {
                assert!(decoded(coding, sent, other).is_err(), "a limit of {other} makes it whole");
            }
        }
        Err(DecodeError::TooLarge) => {}
    }
});

fn decoded(coding: ContentEncoding, sent: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
    let answer = coding.decode(sent, limit);
    assert_eq!(answer, coding.decode(sent, limit), "the answer differs");
    let answer = answer.map(std::borrow::Cow::into_owned);
    assert!(answer.iter().all(|body| body.len() <= limit), "more than allowed");
    answer
}
