//! Error responses: a refused request is counted, logged and answered.

use actix_web::{HttpRequest, HttpResponse, web::Payload};

use crate::{
    http::{body, refusal::Refusal, response::ResponseContext},
    state::GatewayState,
};

/// The response to a refused request. Reads the rest of its body, so that the connection can be
/// reused, or the client reads the response before the connection closes.
pub(crate) async fn error_response(
    request: &HttpRequest,
    mut payload: Payload,
    gateway: &GatewayState,
    reply: &ResponseContext,
    refusal: &Refusal,
) -> HttpResponse {
    let (status, code) = (refusal.status(), refusal.code());
    if status.is_server_error() {
        gateway.metrics.failed(code);
        tracing::warn!(code, "a request failed");
    } else {
        gateway.metrics.refused(code);
        tracing::debug!(code, status = status.as_u16(), "refused a request");
    }
    if !refusal.leaves_body_unread() {
        body::discard(request.headers(), &mut payload).await;
    }
    body::unread(reply.refused(refusal), payload)
}
