//! What a request is recognized by, in its response, in the log and in its outcome.

use std::fmt::{Display, Write};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use profile_store::{RequestId, RequestIds, TraceId};

use crate::{
    http::{
        admission::only,
        trace_context::{SpanIds, TraceContext, TraceIdGenerator},
    },
    tenants::private_key::may_contain_key,
};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The length of an id that is made here, in bytes.
const MADE_ID_BYTES: usize = 32;

/// The id of a request, and its place in a distributed trace.
#[derive(Clone, Debug)]
pub(crate) struct RequestTrace {
    pub(crate) ids: RequestIds,
    pub(crate) context: TraceContext,
}

impl RequestTrace {
    /// What the headers `X-Request-Id` and `traceparent` say. A header that is missing, repeated or
    /// malformed is replaced.
    pub(crate) fn from_headers(headers: &HeaderMap, generator: &TraceIdGenerator) -> RequestTrace {
        let ids = generator.next();
        let request_id = only(headers, &X_REQUEST_ID).and_then(request_id);
        let request = request_id.unwrap_or(RequestId::from_bits(ids.trace.get()));
        let context =
            only(headers, &TRACEPARENT).and_then(|sent| TraceContext::continued(sent.trim(), ids));
        let context = context.unwrap_or(TraceContext::first(ids));
        RequestTrace { ids: RequestIds { trace: kept_trace(&request, &context), request }, context }
    }

    /// Adds both headers to a response.
    pub(crate) fn answer(&self, headers: &mut HeaderMap) {
        headers.insert(X_REQUEST_ID, value(&self.ids.request, MADE_ID_BYTES));
        headers.insert(TRACEPARENT, value(&self.context, TraceContext::TEXT_BYTES));
    }
}

/// The trace that an outcome keeps: one that another system knows or records, unless the id of the
/// request says the same.
fn kept_trace(request: &RequestId, context: &TraceContext) -> Option<TraceId> {
    let SpanIds { trace, parent, .. } = context.ids();
    let is_known = parent.is_some() || context.is_sampled();
    let is_named = *request == RequestId::from_bits(trace.get());
    (is_known && !is_named).then(|| TraceId::from_bits(trace))
}

/// The id, unless it is malformed, or has a private key that must not be logged.
fn request_id(sent: &str) -> Option<RequestId> {
    Some(sent.trim()).filter(|sent| !may_contain_key(sent))?.parse().ok()
}

/// A value of a header. The text usually has so many bytes, and is allocated once.
fn value(content: &impl Display, usual_bytes: usize) -> HeaderValue {
    let mut text = String::with_capacity(usual_bytes);
    // Writing to a string does not fail.
    let _ = write!(text, "{content}");
    HeaderValue::try_from(text).expect("ids consist of visible ASCII characters")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(sent: &[(HeaderName, &str)]) -> (RequestTrace, HeaderMap) {
        let mut headers = HeaderMap::new();
        for (name, text) in sent {
            headers.append(name.clone(), text.parse().unwrap());
        }
        let trace = RequestTrace::from_headers(&headers, &TraceIdGenerator::default());
        let mut answered = HeaderMap::new();
        trace.answer(&mut answered);
        (trace, answered)
    }

    fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
        headers.get(name).unwrap().to_str().unwrap()
    }

    #[test]
    fn what_is_sent_is_answered() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let (_, answered) = trace(&[(X_REQUEST_ID, " checkout-42 "), (TRACEPARENT, parent)]);
        assert_eq!(header(&answered, &X_REQUEST_ID), "checkout-42");
        assert_eq!(header(&answered, &TRACEPARENT)[..36], parent[..36]);
    }

    #[test]
    fn what_is_not_sent_or_malformed_is_made() {
        let twice = [(X_REQUEST_ID, "a"), (X_REQUEST_ID, "b")];
        let malformed = [(X_REQUEST_ID, "sarah@example.com"), (TRACEPARENT, "00")];
        for sent in [&[][..], &malformed, &[(X_REQUEST_ID, "pk_0123456789")], &twice] {
            let (trace, answered) = trace(sent);
            let id = header(&answered, &X_REQUEST_ID);
            assert_eq!(id.len(), MADE_ID_BYTES);
            assert_eq!(id.parse(), Ok(trace.ids.request));
            // The request begins a trace, which has the same id.
            assert!(header(&answered, &TRACEPARENT).starts_with(&format!("00-{id}-")));
        }
    }
}
