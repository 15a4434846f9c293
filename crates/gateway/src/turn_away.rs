//! Turning requests away: counted, logged, and with a whole answer.

use actix_web::{HttpRequest, HttpResponse, web::Payload};

use crate::{body, refusal::Refusal, reply::Reply, state::Gateway};

/// The answer to a request that is not served. What is left of its body is taken
/// in, so that the connection can be used again.
pub(crate) async fn turn_away(
    request: &HttpRequest,
    mut payload: Payload,
    gateway: &Gateway,
    reply: &Reply,
    refusal: &Refusal,
) -> HttpResponse {
    let (status, code) = (refusal.status(), refusal.code());
    if status.is_server_error() {
        gateway.meters.failed(code);
        tracing::warn!(code, "could not serve a request");
    } else {
        gateway.meters.refused(code);
        tracing::debug!(code, status = status.as_u16(), "turned a request away");
    }
    if !refusal.closes() {
        body::discard(request.headers(), &mut payload).await;
    }
    body::unread(reply.refused(refusal), payload)
}
