//! The log lines about refused requests.

use std::{error::Error, net::IpAddr};

use actix_web::HttpRequest;
use profile_protocol::ErrorDocument;
use tracing::{
    Level,
    field::{DisplayValue, display},
};

use crate::{
    capacity::refusal_lines::{LineDecision, RefusalGroup},
    http::{
        admission, log_text, refusal::Refusal, request_trace::RequestTrace,
        response::ResponseContext, user_agent::user_agent,
    },
    state::GatewayState,
    telemetry::REFUSALS,
};

/// Logs a refused request, or a request that failed, unless its company has too many lines in this
/// second. Nothing in the line is a personal value.
pub(crate) fn report(
    request: &HttpRequest,
    gateway: &GatewayState,
    reply: &ResponseContext,
    refusal: &Refusal,
    document: &ErrorDocument,
) {
    let has_failed = refusal.status().is_server_error();
    let is_logged = if has_failed {
        tracing::enabled!(target: REFUSALS, Level::WARN)
    } else {
        tracing::enabled!(target: REFUSALS, Level::INFO)
    };
    if !is_logged {
        return;
    }
    let company = reply.company.as_ref().map(|company| &company.id);
    let (decision, group) = gateway.refusal_lines.count(company, gateway.clock.elapsed());
    let LineDecision::Written { left_out } = decision else { return };
    if left_out != 0 {
        report_left_out(&group, left_out);
    }
    let line = RefusalLine { request, gateway, reply, refusal, document };
    if has_failed { line.failed() } else { line.refused() }
}

/// Whether a line is written about a client that sent no request of a company. There are not too
/// many such lines in this second then.
fn is_written_without_company(gateway: &GatewayState) -> bool {
    tracing::enabled!(target: REFUSALS, Level::INFO) && is_one_of_few(gateway)
}

/// Counts a line about a client that sent no request of a company. Whether there are not too many
/// such lines in this second.
pub(crate) fn is_one_of_few(gateway: &GatewayState) -> bool {
    let (decision, group) = gateway.refusal_lines.count(None, gateway.clock.elapsed());
    let LineDecision::Written { left_out } = decision else { return false };
    if left_out != 0 {
        report_left_out(&group, left_out);
    }
    true
}

/// Logs a TLS handshake that failed, unless there are too many such lines in this second. `error`
/// has no text of the client.
pub(crate) fn report_handshake(
    gateway: &GatewayState,
    client: IpAddr,
    reason: &'static str,
    error: Option<&(dyn Error + 'static)>,
) {
    if is_written_without_company(gateway) {
        let error = error.map(display);
        tracing::info!(target: REFUSALS, reason, error, %client, "a TLS handshake failed");
    }
}

/// Logs a request whose head cannot be read, unless such requests have too many lines in this
/// second.
pub(crate) fn report_head(
    gateway: &GatewayState,
    client: IpAddr,
    trace: &RequestTrace,
    refusal: &Refusal,
    document: &ErrorDocument,
) {
    if !is_written_without_company(gateway) {
        return;
    }
    tracing::info!(
        target: REFUSALS,
        code = refusal.code(),
        status = refusal.status().as_u16(),
        detail = refusal.public_detail(),
        errors = document.errors.len(),
        error_ids = %log_text::error_ids(&document.errors),
        %client,
        request_id = %trace.ids.request,
        trace_id = %trace.context.trace_id(),
        "refused a request"
    );
}

/// What a line shows.
struct RefusalLine<'r> {
    request: &'r HttpRequest,
    gateway: &'r GatewayState,
    reply: &'r ResponseContext,
    refusal: &'r Refusal,
    document: &'r ErrorDocument,
}

/// The level of an event is part of the code, so two levels need two events.
macro_rules! log_line {
    ($level:expr, $line:ident, $message:literal) => {{
        let RefusalLine { request, gateway, reply, refusal, document } = $line;
        let headers = request.headers();
        tracing::event!(
            target: REFUSALS,
            $level,
            company = $line.company(),
            code = refusal.code(),
            status = refusal.status().as_u16(),
            detail = refusal.public_detail(),
            pointers = %log_text::pointers(&document.errors),
            errors = document.errors.len(),
            error_ids = %log_text::error_ids(&document.errors),
            method = log_text::method(request.method()),
            path = %log_text::path(request),
            client = %admission::client_address_of(request, gateway),
            request_id = %reply.trace.ids.request,
            trace_id = %reply.trace.context.trace_id(),
            revision = log_text::revision(headers),
            user_agent = user_agent(headers).map(display),
            $message
        );
    }};
}

impl RefusalLine<'_> {
    fn company(&self) -> Option<&str> {
        self.reply.company.as_ref().map(|company| company.id.as_str())
    }

    fn refused(&self) {
        log_line!(Level::INFO, self, "refused a request");
    }

    fn failed(&self) {
        log_line!(Level::WARN, self, "a request failed");
    }
}

/// Logs how many lines were left out that were not reported yet.
pub(crate) fn report_all_left_out(left_out: &[(RefusalGroup, u64)]) {
    left_out.iter().for_each(|(group, lines)| report_left_out(group, *lines));
}

fn report_left_out(group: &RefusalGroup, lines: u64) {
    let (company, other_companies): (Option<DisplayValue<_>>, Option<bool>) = match group {
        RefusalGroup::Company(company) => (Some(display(company)), None),
        RefusalGroup::NoCompany => (None, None),
        RefusalGroup::OtherCompanies => (None, Some(true)),
    };
    tracing::warn!(
        target: REFUSALS,
        company,
        other_companies,
        left_out = lines,
        "lines about refused requests were left out"
    );
}
