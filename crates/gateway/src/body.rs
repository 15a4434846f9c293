//! Bodies: read within bounds of size and time, and decoded.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    http::header::{self, HeaderMap},
    rt::time::timeout,
    web::{Bytes, BytesMut, Payload},
};
use futures_util::StreamExt;
use profile_protocol::{
    CompanyId,
    limits::{BODY_BYTES, BULK_BODY_BYTES},
};

use crate::{
    encoding::{ContentEncoding, DecodeError},
    limits,
    refusal::Refusal,
    room::{Arriving, Share},
    settings::Connections,
    state::Gateway,
};

/// What a body is: how large it may be, how long it may take, and whose room it is in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BodyKind {
    /// What a page or an app sends, or anybody else.
    Client,
    /// What a company's own program sends.
    Server,
    /// What it sends of many profiles at once.
    Bulk,
}

impl BodyKind {
    fn most_bytes(self) -> usize {
        match self {
            BodyKind::Client | BodyKind::Server => BODY_BYTES,
            BodyKind::Bulk => BULK_BODY_BYTES,
        }
    }

    /// How long it may take to arrive.
    fn time(self, connections: &Connections) -> Duration {
        match self {
            BodyKind::Client | BodyKind::Server => connections.body_timeout,
            BodyKind::Bulk => connections.import_timeout,
        }
    }
}

/// A body that was read, and its share of the room there is.
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// To be kept until the request is answered.
    pub(crate) share: Share,
}

/// Reads a whole body of this company and decodes it. Neither what is sent nor what it
/// stands for is larger than its kind may be; of a larger one nothing more is read.
/// With it comes its share of the room there is, which is kept until the request is
/// answered.
pub(crate) async fn read(
    headers: &HeaderMap,
    payload: &mut Payload,
    encoding: ContentEncoding,
    kind: BodyKind,
    company: &CompanyId,
    gateway: &Gateway,
) -> Result<Body, Refusal> {
    let limit = kind.most_bytes();
    if announced(headers).is_some_and(|length| limit < length) {
        return Err(Refusal::TooLarge { bytes: limit });
    }
    let time = kind.time(&gateway.connections);
    let slow = Refusal::TooSlow { seconds: time.as_secs() };
    let arriving = gateway.rooms.arriving(kind, company);
    let sent = timeout(time, gather(payload, arriving, limit));
    let (sent, _arrived) = sent.await.unwrap_or(Err(slow))?;
    match encoding.decode(&sent, limit) {
        Ok(body) => {
            let share = gateway.rooms.hold(kind, company, body.len())?;
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
    mut arriving: Arriving,
    limit: usize,
) -> Result<(BytesMut, Arriving), Refusal> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.or(Err(Refusal::Unreadable))?;
        if limit < body.len() + chunk.len() {
            return Err(Refusal::TooLarge { bytes: limit });
        }
        arriving.admit(chunk.len())?;
        body.extend_from_slice(&chunk);
    }
    Ok((body, arriving))
}
