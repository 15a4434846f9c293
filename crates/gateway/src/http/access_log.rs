//! What is noted about each request once it is answered: its metrics, and a line of the access log
//! if that is switched on.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    body::{BodySize, MessageBody},
};
use profile_protocol::CompanyId;
use tracing::Level;

use crate::{
    clock::Clock,
    endpoint_names::EndpointNumber,
    http::{
        development_lines::DevelopmentLines,
        inspection, log_text,
        request_trace::RequestTrace,
        response::{ErrorPointers, RefusalCode, ResponseContext},
    },
    metrics::{self, Metrics},
    ops::span_export::{RequestSpan, SpanExport},
    state::GatewayState,
    telemetry::ACCESS,
};

/// A request that is being answered. A request that is dropped before was given up by its client.
pub(crate) struct AccessEntry<'g> {
    request: HttpRequest,
    endpoint: EndpointNumber,
    gateway: Option<&'g GatewayState>,
    clock: Clock,
    metrics: &'g Metrics,
    development_lines: Option<&'g DevelopmentLines>,
    spans: Option<&'g SpanExport>,
    trace: RequestTrace,
    began: Duration,
    is_answered: bool,
    is_logged: bool,
}

/// Notes that a request is answered.
pub(crate) fn answered(
    entry: AccessEntry<'_>,
    reply: &ResponseContext,
    response: HttpResponse,
) -> HttpResponse {
    let is_inspected = reply.company.as_ref().is_some_and(|company| company.inspect);
    let response = match entry.gateway.filter(|_| is_inspected) {
        Some(gateway) => inspection::keep(&entry.request, gateway, reply, entry.began, response),
        None => response,
    };
    entry.answered(reply, &response);
    response
}

impl<'g> AccessEntry<'g> {
    /// Begins the entry of a request.
    pub(crate) fn begin(
        request: &HttpRequest,
        gateway: &'g GatewayState,
        reply: &ResponseContext,
    ) -> AccessEntry<'g> {
        AccessEntry {
            request: request.clone(),
            endpoint: EndpointNumber::of_request(request),
            gateway: Some(gateway),
            clock: gateway.clock,
            metrics: &gateway.metrics,
            development_lines: gateway.development_lines.as_ref(),
            spans: gateway.spans.as_ref(),
            trace: reply.trace.clone(),
            began: gateway.clock.elapsed(),
            is_answered: false,
            is_logged: tracing::enabled!(target: ACCESS, Level::INFO),
        }
    }

    fn answered(mut self, reply: &ResponseContext, response: &HttpResponse) {
        self.is_answered = true;
        let company = reply.company.as_ref().map(|company| &company.id);
        let code = RefusalCode::of(response).unwrap_or(metrics::ACCEPTED);
        self.count(company, Some(response.status().as_u16()), code);
        if self.is_logged {
            self.log(reply, response);
        }
        if let Some(lines) = self.development_lines {
            self.print(lines, reply, response);
        }
    }

    /// Prints the line of development mode.
    fn print(&self, lines: &DevelopmentLines, reply: &ResponseContext, response: &HttpResponse) {
        let head = format!(
            "{} {} {} {}",
            response.status().as_u16(),
            log_text::method(self.request.method()),
            log_text::path(&self.request),
            reply.company.as_ref().map_or("-", |company| company.id.as_str()),
        );
        let extensions = response.extensions();
        let pointers = extensions.get::<ErrorPointers>().map_or("", |pointers| &pointers.0);
        let refusal = RefusalCode::of(response).map(|code| format!("{code} {pointers}"));
        lines.print(&self.trace.ids.request, &head, refusal.as_deref());
    }

    /// Counts the request, and exports its span.
    fn count(&self, company: Option<&CompanyId>, status: Option<u16>, code: &'static str) {
        let took = self.took();
        self.metrics.requested(company, self.endpoint.index(), code, took);
        if let Some(spans) = self.spans {
            spans.export(&RequestSpan {
                context: &self.trace.context,
                endpoint: self.endpoint.name(),
                status,
                code,
                company,
                took,
                ended: self.clock.unix_time(),
            });
        }
    }

    fn log(&self, reply: &ResponseContext, response: &HttpResponse) {
        let bytes = match response.body().size() {
            BodySize::None => Some(0),
            BodySize::Sized(bytes) => Some(bytes),
            BodySize::Stream => None,
        };
        tracing::info!(
            target: ACCESS,
            method = log_text::method(self.request.method()),
            path = %log_text::path(&self.request),
            status = response.status().as_u16(),
            duration_us = self.microseconds(),
            bytes,
            company = reply.company.as_ref().map(|company| company.id.as_str()),
            request_id = %self.trace.ids.request,
            trace_id = %self.trace.context.trace_id(),
            "answered a request"
        );
    }

    /// The time since the head of the request was read.
    fn took(&self) -> Duration {
        self.clock.elapsed().saturating_sub(self.began)
    }

    fn microseconds(&self) -> u64 {
        u64::try_from(self.took().as_micros()).unwrap_or(u64::MAX)
    }
}

impl Drop for AccessEntry<'_> {
    fn drop(&mut self) {
        if self.is_answered {
            return;
        }
        self.count(None, None, metrics::CLOSED);
        if !self.is_logged {
            return;
        }
        tracing::info!(
            target: ACCESS,
            method = log_text::method(self.request.method()),
            path = %log_text::path(&self.request),
            duration_us = self.microseconds(),
            request_id = %self.trace.ids.request,
            trace_id = %self.trace.context.trace_id(),
            "a client closed its connection before it was answered"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use actix_web::test::TestRequest;

    use super::*;
    use crate::{http::trace_context::TraceIdGenerator, telemetry::tests::Sink};

    /// The lines that are logged while an entry is dropped.
    fn logged(is_answered: bool, is_logged: bool) -> String {
        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&written);
        let writer = move || Sink(Arc::clone(&sink));
        let subscriber = tracing_subscriber::fmt().with_writer(writer).with_ansi(false).finish();
        tracing::subscriber::with_default(subscriber, || {
            let request = TestRequest::with_uri("/client/profiles?email=a@b.co").to_http_request();
            let clock = Clock::start();
            drop(AccessEntry {
                endpoint: EndpointNumber::of_request(&request),
                trace: RequestTrace::from_headers(request.headers(), &TraceIdGenerator::default()),
                request,
                gateway: None,
                clock,
                metrics: &Metrics::new(&[], &[]),
                development_lines: None,
                spans: None,
                began: clock.elapsed(),
                is_answered,
                is_logged,
            });
        });
        let written = written.lock().unwrap().clone();
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn a_request_that_its_client_gave_up_is_a_line_too() {
        let line = logged(false, true);
        assert!(line.contains("closed its connection before it was answered"), "{line}");
        assert!(line.contains("path=/client/profiles ") && line.contains("request_id="), "{line}");
        assert!(!line.contains("a@b.co"), "{line}");
        assert_eq!(logged(true, true), "");
        assert_eq!(logged(false, false), "");
    }
}
