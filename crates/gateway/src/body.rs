//! Bodies: read within bounds of size and time, and decoded.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    http::header::{self, HeaderMap},
    rt::time::timeout,
    web::{Bytes, BytesMut, Payload},
};
use futures_util::StreamExt;
use profile_protocol::limits::BODY_BYTES;

use crate::{
    encoding::{ContentEncoding, DecodeError},
    limits,
    refusal::Refusal,
    room::{Room, Share},
    state::Gateway,
};

/// A body that was read, and its share of the room there is.
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// To be kept until the request is answered.
    pub(crate) share: Share,
}

/// Reads a whole body and decodes it. Both what is sent and what it stands for
/// are at most `limit` bytes; of a larger one nothing more is read. With it comes
/// its share of the room there is, which is kept until the request is answered.
pub(crate) async fn read(
    headers: &HeaderMap,
    payload: &mut Payload,
    encoding: ContentEncoding,
    limit: usize,
    gateway: &Gateway,
) -> Result<Body, Refusal> {
    let announced = announced(headers);
    if announced.is_some_and(|length| limit < length) {
        return Err(Refusal::TooLarge { bytes: limit });
    }
    let slow = Refusal::TooSlow { seconds: gateway.body_timeout.as_secs() };
    let sent = timeout(gateway.body_timeout, gather(payload, &gateway.room, limit));
    let (sent, _arrived) = sent.await.unwrap_or(Err(slow))?;
    match encoding.decode(&sent, limit) {
        Ok(body) => {
            let share = gateway.room.hold(body.len())?;
            Ok(Body { bytes: body.into_owned(), share })
        }
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

/// The answer to a request whose body was perhaps not read to its end. Then the
/// connection is closed soon after. Were the payload let go of before the answer,
/// the server would go on taking in a chunked body for as long as it comes.
pub(crate) fn unread(answer: HttpResponse, payload: Payload) -> HttpResponse {
    answer.map_body(|_, answer| BoxBody::new(Unread { answer, _payload: payload }))
}

/// An answer that holds on to the payload of its request.
struct Unread {
    answer: BoxBody,
    _payload: Payload,
}

impl MessageBody for Unread {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().answer).poll_next(cx)
    }
}

/// The length a head announces.
fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn gather(
    payload: &mut Payload,
    room: &Room,
    limit: usize,
) -> Result<(BytesMut, Share), Refusal> {
    let (mut body, mut share) = (BytesMut::new(), Share::default());
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.or(Err(Refusal::Unreadable))?;
        if limit < body.len() + chunk.len() {
            return Err(Refusal::TooLarge { bytes: limit });
        }
        room.admit(&mut share, body.len(), chunk.len())?;
        body.extend_from_slice(&chunk);
    }
    Ok((body, share))
}
