//! Error responses: a refused request is counted, logged and answered.

use actix_web::{HttpRequest, HttpResponse, web::Payload};

use crate::{
    http::{
        body, log_text,
        refusal::Refusal,
        refusal_log,
        response::{ErrorPointers, ResponseContext},
    },
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
    } else {
        gateway.metrics.refused(code);
    }
    let document = refusal.document();
    refusal_log::report(request, gateway, reply, refusal, &document);
    if !refusal.leaves_body_unread() {
        body::discard(request.headers(), &mut payload).await;
    }
    let mut response = reply.refused(refusal, &document);
    if gateway.development_lines.is_some() {
        let pointers = log_text::pointers(&document.errors).to_string();
        response.extensions_mut().insert(ErrorPointers(pointers));
    }
    body::unread(response, payload)
}
