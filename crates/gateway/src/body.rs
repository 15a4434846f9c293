//! Bodies: read within bounds of size and time, and decoded.

use actix_web::{
    http::header::{self, HeaderMap},
    rt::time::timeout,
    web::{BytesMut, Payload},
};
use futures_util::StreamExt;
use profile_protocol::limits::BODY_BYTES;

use crate::{
    encoding::{ContentEncoding, DecodeError},
    limits,
    refusal::Refusal,
};

/// Reads a whole body and decodes it. Both what is sent and what it stands for
/// are at most `limit` bytes; of a larger one nothing more is read.
pub(crate) async fn read(
    headers: &HeaderMap,
    payload: &mut Payload,
    encoding: ContentEncoding,
    limit: usize,
) -> Result<Vec<u8>, Refusal> {
    let announced = announced(headers);
    if announced.is_some_and(|length| limit < length) {
        return Err(Refusal::TooLarge { bytes: limit });
    }
    let sent = timeout(limits::BODY_TIMEOUT, gather(payload, announced.unwrap_or(0), limit));
    let sent = sent.await.unwrap_or(Err(Refusal::TooSlow))?;
    match encoding.decode(&sent, limit) {
        Ok(body) => Ok(body.into_owned()),
        Err(DecodeError::TooLarge) => Err(Refusal::TooLarge { bytes: limit }),
        Err(DecodeError::Corrupt) => Err(Refusal::Unreadable),
    }
}

/// Takes in what is left of a body that nobody will read, if it is not too large
/// and comes soon. Otherwise the connection has to be closed after the answer,
/// and a page in a loop would open one for every 429.
pub(crate) async fn discard(headers: &HeaderMap, payload: &mut Payload) {
    if announced(headers).is_some_and(|length| BODY_BYTES < length) {
        return;
    }
    // Whatever comes of it, the answer is the same.
    let _ = timeout(limits::DISCARD_TIMEOUT, async {
        let mut left = BODY_BYTES;
        while let Some(Ok(chunk)) = payload.next().await {
            match left.checked_sub(chunk.len()) {
                Some(less) => left = less,
                None => return,
            }
        }
    })
    .await;
}

/// The length a head announces.
fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn gather(payload: &mut Payload, expected: usize, limit: usize) -> Result<BytesMut, Refusal> {
    let mut body = BytesMut::with_capacity(expected.min(BODY_BYTES));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.or(Err(Refusal::Unreadable))?;
        if limit < body.len() + chunk.len() {
            return Err(Refusal::TooLarge { bytes: limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
