//! Bodies: read within bounds of size and time, and decoded.

use std::{
    borrow::Cow,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    http::header::{self, HeaderMap},
    rt::time::timeout,
    web::{Bytes, BytesMut, Data, Payload},
};
use futures_util::StreamExt;
use profile_protocol::{CompanyId, Violations, limits::BODY_BYTES};

use crate::{
    capacity::body_budget::{ArrivingPermit, BodyKind, BodyPermit},
    console::inspector::SentBody,
    http::{
        encoding::{ContentEncoding, DecodeError},
        large_body,
        refusal::Refusal,
    },
    limits,
    settings::Connections,
    state::GatewayState,
};

/// How long a body of this kind may take to arrive.
fn timeout_of(kind: BodyKind, connections: &Connections) -> Duration {
    match kind {
        BodyKind::Client | BodyKind::Server => connections.body_timeout,
        BodyKind::Bulk => connections.import_timeout,
    }
}

/// A decoded body and its permit.
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// The memory of the body. Keep it until the request is answered.
    pub(crate) permit: BodyPermit,
    /// The body as it was sent, if the inspector keeps it.
    pub(crate) sent: Option<SentBody>,
}

/// Why there is no decoded body.
pub(crate) struct BodyFailure {
    pub(crate) refusal: Refusal,
    /// The body as it was sent, if it arrived whole and the inspector keeps it.
    pub(crate) sent: Option<SentBody>,
}

impl From<Refusal> for BodyFailure {
    fn from(refusal: Refusal) -> BodyFailure {
        BodyFailure { refusal, sent: None }
    }
}

/// Reads the whole body of a request for this company and decodes it.
///
/// Neither the encoded nor the decoded body exceeds the limit of its kind. Reading stops as soon
/// as it would.
pub(crate) async fn read(
    headers: &HeaderMap,
    payload: &mut Payload,
    encoding: ContentEncoding,
    kind: BodyKind,
    company: &CompanyId,
    gateway: &Data<GatewayState>,
) -> Result<Body, BodyFailure> {
    let limit = kind.max_bytes();
    if content_length(headers).is_some_and(|length| limit < length) {
        return Err(Refusal::TooLarge { bytes: limit }.into());
    }
    let time = timeout_of(kind, &gateway.connections);
    let slow = Refusal::TooSlow { seconds: time.as_secs() };
    let permit = gateway.body_budget.arriving(kind, company);
    let sent = timeout(time, gather(payload, permit, limit));
    let (sent, arrived) = sent.await.unwrap_or(Err(slow))?;
    let is_inspected = kind != BodyKind::Bulk && gateway.inspects(company);
    let kept = is_inspected.then(|| SentBody::new(encoding, &sent));
    match decode(gateway, company, encoding, limit, (sent, arrived)).await {
        Ok(bytes) => {
            let permit =
                gateway.body_budget.reserve(kind, company, bytes.len()).map_err(Refusal::from)?;
            Ok(Body { bytes, permit, sent: kept })
        }
        Err(refusal) => Err(BodyFailure { refusal, sent: kept }),
    }
}

/// Decodes a body of at most `limit` bytes: a small one on the calling thread, a large one on a
/// blocking thread.
async fn decode(
    gateway: &Data<GatewayState>,
    company: &CompanyId,
    encoding: ContentEncoding,
    limit: usize,
    (sent, arrived): (BytesMut, ArrivingPermit),
) -> Result<Vec<u8>, Refusal> {
    let is_identity = encoding == ContentEncoding::Identity;
    if is_identity || sent.len() < limits::LARGE_BODY_BYTES {
        let inline = if is_identity { limit } else { limits::LARGE_BODY_BYTES.min(limit) };
        match encoding.decode(&sent, inline) {
            // A small body may decode to a large one.
            Err(DecodeError::TooLarge) if inline < limit => {}
            decoded => return decoded.map(Cow::into_owned).map_err(|error| refused(error, limit)),
        }
    }
    let decoded = large_body::run_off(&gateway.large_body_slots, company, move || {
        let decoded = encoding.decode(&sent, limit).map(Cow::into_owned);
        drop((sent, arrived));
        decoded
    });
    decoded.await?.map_err(|error| refused(error, limit))
}

fn refused(error: DecodeError, limit: usize) -> Refusal {
    match error {
        DecodeError::TooLarge => Refusal::TooLarge { bytes: limit },
        DecodeError::Corrupt => Refusal::Unreadable,
    }
}

impl Body {
    /// Parses the body with `parse`: a small one on the calling thread, a large one on a blocking
    /// thread. Returns the permit, too, which is kept until the request is answered.
    pub(crate) async fn parse<T: Send + 'static>(
        self,
        gateway: &Data<GatewayState>,
        company: &CompanyId,
        parse: impl FnOnce(&[u8]) -> Result<T, Violations> + Send + 'static,
    ) -> Result<(T, BodyPermit), Refusal> {
        let Body { bytes, permit, sent: _ } = self;
        let parsed = large_body::run(&gateway.large_body_slots, company, bytes.len(), move || {
            // The permit moves with the bytes, in case the client disconnects.
            parse(&bytes).map(|parsed| (parsed, permit))
        });
        parsed.await?.map_err(Refusal::Violations)
    }
}

/// Reads and drops the rest of a body that is not needed, if the rest is small and arrives soon.
/// Otherwise the connection has to be closed after the answer, and a page that retries in a loop
/// would open a connection for every 429.
pub(crate) async fn discard(headers: &HeaderMap, payload: &mut Payload) {
    if content_length(headers).is_some_and(|length| BODY_BYTES < length) {
        return;
    }
    // The answer is the same whether or not the rest arrives in time.
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

/// The answer to a request whose body may not have been read to its end. The server then closes
/// the connection soon after. If the payload were dropped before the answer is sent, the server
/// would keep reading a chunked body without end.
pub(crate) fn unread(answer: HttpResponse, payload: Payload) -> HttpResponse {
    answer.map_body(|_, answer| BoxBody::new(Unread { answer, _payload: payload }))
}

/// An answer that keeps the payload of its request.
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

/// The value of `Content-Length`.
fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn gather(
    payload: &mut Payload,
    mut permit: ArrivingPermit,
    limit: usize,
) -> Result<(BytesMut, ArrivingPermit), Refusal> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.or(Err(Refusal::Unreadable))?;
        if limit < body.len() + chunk.len() {
            return Err(Refusal::TooLarge { bytes: limit });
        }
        permit.extend(chunk.len())?;
        body.extend_from_slice(&chunk);
    }
    Ok((body, permit))
}

#[cfg(test)]
mod tests;
