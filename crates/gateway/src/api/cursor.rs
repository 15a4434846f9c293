//! Cursors: places in a list, as texts that only this gateway reads.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{call::Call, documents::PageLinks, query::Query};
use crate::refusal::Refusal;

/// The text of a place.
pub(super) fn encode(place: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(place)
}

/// The place that a request begins at, if it names one.
pub(super) fn decode(query: &Query<'_>) -> Result<Option<Vec<u8>>, Refusal> {
    let Some(cursor) = query.cursor() else { return Ok(None) };
    bytes_of(&cursor).map(Some).ok_or(Refusal::Cursor)
}

/// What a text stands for, if it is one of [`encode`]'s.
pub(super) fn bytes_of(text: &str) -> Option<Vec<u8>> {
    // Some clients send padding along, which carries nothing.
    BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

/// The links of a page after which the next begins at this place.
pub(super) fn links(call: &Call<'_>, query: &Query<'_>, next: Option<&[u8]>) -> PageLinks {
    let next = next.map(|place| {
        let query = query.with_cursor(&encode(place));
        call.link(&format!("{}?{query}", call.request.path()))
    });
    PageLinks { this: call.own_link(), next, prev: None }
}
