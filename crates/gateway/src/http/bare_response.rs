//! Error responses of the HTTP library, which has no body for them.
//!
//! The library answers a head that it cannot read, that is too long or that arrives too late, and
//! then closes the connection. No handler sees such a request, so the stream of the connection
//! replaces the response by one with an error document.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{http::header::HeaderMap, web::Data};
use profile_protocol::Revision;
use tokio::io::AsyncWrite;

use crate::{
    http::{
        peer::Peer,
        refusal::{HeadFault, Refusal},
        refusal_log,
        request_trace::RequestTrace,
        stream_layer::StreamLayer,
    },
    state::GatewayState,
};

/// The longest response of the library without a body, in bytes.
const BARE_BYTES: usize = 160;

/// How the library, and nothing else here, begins the headers of a response.
const BARE_HEADERS: &[u8] = b"\r\ncontent-length: 0\r\n";

/// A bare response at the end of what is written.
#[derive(Debug, Eq, PartialEq)]
struct BareResponse<'b> {
    /// How many bytes are before it.
    before: usize,
    /// Its status line.
    status_line: &'b str,
    /// Its headers.
    headers: &'b str,
}

impl<'b> BareResponse<'b> {
    /// Looks for a bare response, which is always the last one of a connection.
    fn at_end_of(bytes: &'b [u8]) -> Option<BareResponse<'b>> {
        let tail =
            bytes.get(bytes.len().saturating_sub(BARE_BYTES)..)?.strip_suffix(b"\r\n\r\n")?;
        let found = last_position(tail, BARE_HEADERS)?;
        let (head, headers) = tail.split_at_checked(found)?;
        let text = std::str::from_utf8(head).ok()?;
        let begin = text.rfind("HTTP/1.")?;
        let status_line = text.get(begin..)?;
        let before = bytes.len() - tail.len() - "\r\n\r\n".len() + begin;
        let headers = std::str::from_utf8(headers).ok()?;
        // Otherwise another response follows.
        let is_last = !headers.contains("\r\n\r\n");
        is_last.then_some(BareResponse { before, status_line, headers })
    }

    fn date(&self) -> Option<&str> {
        self.headers.split("\r\n").find_map(|line| line.strip_prefix("date: "))
    }
}

/// Where `part` begins for the last time in `bytes`. Its first byte is rare, so few places are
/// compared.
fn last_position(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let mut places = memchr::memrchr_iter(*part.first()?, bytes);
    places.find(|place| bytes.get(*place..).is_some_and(|rest| rest.starts_with(part)))
}

/// A layer that replaces bare responses.
#[derive(Debug)]
pub(crate) struct DocumentedLayer {
    gateway: Data<GatewayState>,
    peer: Peer,
    /// What is still to be written of a replaced response.
    replaced: Vec<u8>,
}

impl DocumentedLayer {
    pub(crate) fn new(gateway: Data<GatewayState>, peer: Peer) -> DocumentedLayer {
        DocumentedLayer { gateway, peer, replaced: Vec::new() }
    }

    /// The other side of the connection.
    pub(crate) fn peer(&self) -> Peer {
        self.peer
    }

    /// Writes what is left of a replaced response.
    fn poll_replaced<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.replaced.is_empty() {
            let written = ready!(Pin::new(&mut *stream).poll_write(cx, &self.replaced))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.replaced.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

/// The response with an error document in place of a bare one. `None` if there is no refusal for
/// its status.
fn documented(gateway: &GatewayState, client: IpAddr, bare: &BareResponse<'_>) -> Option<Vec<u8>> {
    let fault = HeadFault::from_status(bare.status_line.split(' ').nth(1)?)?;
    refuse_head(gateway, client, fault, bare.status_line, bare.date()?)
}

/// Counts and logs a request whose head no handler sees, and makes the response to it.
pub(crate) fn refuse_head(
    gateway: &GatewayState,
    client: IpAddr,
    fault: HeadFault,
    status_line: &str,
    date: &str,
) -> Option<Vec<u8>> {
    let refusal = Refusal::Head(fault);
    gateway.metrics.refused(refusal.code());
    let trace = RequestTrace::from_headers(&HeaderMap::new(), &gateway.trace_ids);
    let document = refusal.document();
    refusal_log::report_head(gateway, client, &trace, &refusal, &document);
    let document = serde_json::to_string(&document).ok()?;
    let response = format!(
        "{}\r\nContent-Length: {}\r\nConnection: close\r\nX-Request-Id: {}\r\nContent-Type: {}\r\n\
         X-Content-Type-Options: nosniff\r\nTraceparent: {}\r\nDate: {}\r\n\r\n{document}",
        status_line,
        document.len(),
        trace.ids.request,
        Revision::LATEST.media_type(),
        trace.context,
        date,
    );
    Some(response.into_bytes())
}

impl StreamLayer for DocumentedLayer {
    fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_replaced(stream, cx))?;
        let Some(bare) = BareResponse::at_end_of(bytes) else {
            return Pin::new(stream).poll_write(cx, bytes);
        };
        if let (Some(others), true) = (bytes.get(..bare.before), 0 < bare.before) {
            return Pin::new(stream).poll_write(cx, others);
        }
        match documented(&self.gateway, self.peer.address(), &bare) {
            None => Pin::new(stream).poll_write(cx, bytes),
            Some(response) => {
                self.replaced = response;
                // What is not written now is written before the next flush ends.
                if let Poll::Ready(Err(error)) = self.poll_replaced(stream, cx) {
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(Ok(bytes.len()))
            }
        }
    }

    fn poll_flush<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_replaced(stream, cx))?;
        Pin::new(stream).poll_flush(cx)
    }

    fn poll_shutdown<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_replaced(stream, cx))?;
        Pin::new(stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\
         date: Mon, 30 Nov 2026 03:37:57 GMT\r\n\r\n";

    #[test]
    fn a_bare_response_is_found_at_the_end_of_what_is_written() {
        let found = BareResponse::at_end_of(BARE.as_bytes()).unwrap();
        assert_eq!((found.before, found.status_line), (0, "HTTP/1.1 400 Bad Request"));
        assert_eq!(found.date(), Some("Mon, 30 Nov 2026 03:37:57 GMT"));
        let after = format!("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n{BARE}");
        let found = BareResponse::at_end_of(after.as_bytes()).unwrap();
        assert_eq!((found.before, found.status_line), (44, "HTTP/1.1 400 Bad Request"));
    }

    #[test]
    fn no_other_response_is_taken_for_one() {
        let ours = BARE.replace("content-length", "Content-Length");
        let followed = format!("{BARE}HTTP/1.1 202 Accepted\r\n\r\n");
        for other in ["", "HTTP/1.1 400 Bad Request\r\n\r\n", &ours, &followed, &BARE[..60]] {
            assert_eq!(BareResponse::at_end_of(other.as_bytes()), None, "{other}");
        }
    }
}
