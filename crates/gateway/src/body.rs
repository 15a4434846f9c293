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
/// are bounded; of a larger one nothing more is read.
pub(crate) async fn read(
    headers: &HeaderMap,
    payload: Payload,
    encoding: ContentEncoding,
) -> Result<Vec<u8>, Refusal> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let announced: Option<usize> = announced.and_then(|length| length.parse().ok());
    if announced.is_some_and(|length| BODY_BYTES < length) {
        return Err(Refusal::TooLarge);
    }
    let sent = timeout(limits::BODY_TIMEOUT, gather(payload, announced.unwrap_or(0)));
    let sent = sent.await.unwrap_or(Err(Refusal::TooSlow))?;
    match encoding.decode(&sent, BODY_BYTES) {
        Ok(body) => Ok(body.into_owned()),
        Err(DecodeError::TooLarge) => Err(Refusal::TooLarge),
        Err(DecodeError::Corrupt) => Err(Refusal::Unreadable),
    }
}

async fn gather(mut payload: Payload, expected: usize) -> Result<BytesMut, Refusal> {
    let mut body = BytesMut::with_capacity(expected);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.or(Err(Refusal::Unreadable))?;
        if BODY_BYTES < body.len() + chunk.len() {
            return Err(Refusal::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
