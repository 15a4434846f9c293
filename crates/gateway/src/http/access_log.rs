//! The access log: a line for each request, if it is switched on.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    body::{BodySize, MessageBody},
};
use tracing::Level;

use crate::{
    clock::Clock,
    http::{log_text, request_trace::RequestTrace, response::ResponseContext},
    state::GatewayState,
    telemetry::ACCESS,
};

/// A request that is being answered. A request that is dropped before was given up by its client.
pub(crate) struct AccessEntry {
    request: HttpRequest,
    clock: Clock,
    trace: RequestTrace,
    began: Duration,
    is_answered: bool,
}

/// Logs a request, if it has an entry, with its response.
pub(crate) fn answered(
    entry: Option<AccessEntry>,
    reply: &ResponseContext,
    response: HttpResponse,
) -> HttpResponse {
    if let Some(entry) = entry {
        entry.answered(reply, &response);
    }
    response
}

impl AccessEntry {
    /// Begins an entry, if the access log is on.
    pub(crate) fn begin(
        request: &HttpRequest,
        gateway: &GatewayState,
        reply: &ResponseContext,
    ) -> Option<AccessEntry> {
        tracing::enabled!(target: ACCESS, Level::INFO).then(|| AccessEntry {
            request: request.clone(),
            clock: gateway.clock,
            trace: reply.trace.clone(),
            began: gateway.clock.elapsed(),
            is_answered: false,
        })
    }

    fn answered(mut self, reply: &ResponseContext, response: &HttpResponse) {
        self.is_answered = true;
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
            request_id = %self.trace.request_id,
            trace_id = %self.trace.context.trace_id(),
            "answered a request"
        );
    }

    /// The time since the head of the request was read.
    fn microseconds(&self) -> u64 {
        let took = self.clock.elapsed().saturating_sub(self.began);
        u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
    }
}

impl Drop for AccessEntry {
    fn drop(&mut self) {
        if self.is_answered {
            return;
        }
        tracing::info!(
            target: ACCESS,
            method = log_text::method(self.request.method()),
            path = %log_text::path(&self.request),
            duration_us = self.microseconds(),
            request_id = %self.trace.request_id,
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
    fn logged(is_answered: bool) -> String {
        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&written);
        let writer = move || Sink(Arc::clone(&sink));
        let subscriber = tracing_subscriber::fmt().with_writer(writer).with_ansi(false).finish();
        tracing::subscriber::with_default(subscriber, || {
            let request = TestRequest::with_uri("/client/profiles?email=a@b.co").to_http_request();
            let trace = RequestTrace::from_headers(request.headers(), &TraceIdGenerator::default());
            let clock = Clock::start();
            let began = clock.elapsed();
            drop(AccessEntry { request, clock, trace, began, is_answered });
        });
        let written = written.lock().unwrap().clone();
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn a_request_that_its_client_gave_up_is_a_line_too() {
        let line = logged(false);
        assert!(line.contains("closed its connection before it was answered"), "{line}");
        assert!(line.contains("path=/client/profiles ") && line.contains("request_id="), "{line}");
        assert!(!line.contains("a@b.co"), "{line}");
        assert_eq!(logged(true), "");
    }
}
