//! Error responses: a refused request is counted, logged and answered.

use actix_web::{HttpRequest, HttpResponse, web::Payload};

use crate::{
    console::{inspector::InspectedAnswer, refusal_feed::RefusalNote},
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
    if let Some(company) = &reply.company {
        let pointers = log_text::pointers(&document.errors).to_string();
        gateway.console_refusals.note(RefusalNote {
            at: gateway.clock.unix_time(),
            company: company.id.clone(),
            request: reply.trace.ids.request.to_string(),
            status: status.as_u16(),
            code,
            pointers,
            detail: refusal.public_detail(),
        });
    }
    if !refusal.leaves_body_unread() {
        body::discard(request.headers(), &mut payload).await;
    }
    let mut response = reply.refused(refusal, &document);
    if reply.company.as_ref().is_some_and(|company| company.inspect) {
        let answer = serde_json::to_vec(&document).unwrap_or_default();
        response.extensions_mut().insert(InspectedAnswer(answer.into()));
    }
    if gateway.development_lines.is_some() {
        let pointers = log_text::pointers(&document.errors).to_string();
        response.extensions_mut().insert(ErrorPointers(pointers));
    }
    body::unread(response, payload)
}
