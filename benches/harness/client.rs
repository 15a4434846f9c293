//! A small HTTP/1.1 client: one connection, one request at a time.
//!
//! `wrk` measures; this client fills stores and attacks, which need requests that `wrk` cannot
//! build and a rate that it cannot keep.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    str,
    time::Duration,
};

use crate::limits;

/// A connection.
pub(crate) struct HttpClient {
    stream: TcpStream,
    received: Vec<u8>,
}

/// What the client needs of an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    /// Whether the server closes the connection after it.
    pub(crate) closes: bool,
}

/// The head of an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct AnswerHead {
    answer: HttpAnswer,
    /// Bytes of head and body.
    bytes: usize,
}

impl HttpClient {
    pub(crate) fn connect(to: SocketAddr) -> io::Result<HttpClient> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(limits::CLIENT_POLL))?;
        stream.set_write_timeout(Some(limits::CLIENT_POLL))?;
        Ok(HttpClient { stream, received: Vec::new() })
    }

    /// Sends a request and waits for its answer. Fails with [`ErrorKind::TimedOut`] as soon as
    /// `keep_waiting` returns false.
    pub(crate) fn exchange(
        &mut self,
        request: &[u8],
        keep_waiting: &dyn Fn() -> bool,
    ) -> io::Result<HttpAnswer> {
        match self.send(request, keep_waiting) {
            // The server may answer before it has the whole body, and then close the connection.
            Err(error) if error.kind() != ErrorKind::TimedOut => {
                self.receive(keep_waiting).or(Err(error))
            }
            Err(error) => Err(error),
            Ok(()) => self.receive(keep_waiting),
        }
    }

    fn send(&mut self, mut request: &[u8], keep_waiting: &dyn Fn() -> bool) -> io::Result<()> {
        while !request.is_empty() {
            let written = match self.stream.write(request) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(error) => wait_or_fail(error, keep_waiting)?,
            };
            request = request.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    fn receive(&mut self, keep_waiting: &dyn Fn() -> bool) -> io::Result<HttpAnswer> {
        let mut chunk = [0; 16_384];
        loop {
            if let Some(AnswerHead { answer, bytes }) = head(&self.received)?
                && bytes <= self.received.len()
            {
                self.received.drain(..bytes);
                return Ok(answer);
            }
            let read = match self.stream.read(&mut chunk) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) => wait_or_fail(error, keep_waiting)?,
            };
            self.received.extend(chunk.iter().take(read));
        }
    }
}

/// Passes over a timeout of the socket, as long as the caller keeps waiting.
fn wait_or_fail(error: io::Error, keep_waiting: &dyn Fn() -> bool) -> io::Result<usize> {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut if keep_waiting() => Ok(0),
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Err(ErrorKind::TimedOut.into()),
        ErrorKind::Interrupted => Ok(0),
        _ => Err(error),
    }
}

/// Reads the head of an answer, once it is there. The gateway always sends a `Content-Length`.
fn head(received: &[u8]) -> io::Result<Option<AnswerHead>> {
    const END: &[u8] = b"\r\n\r\n";
    let Some(end) = received.windows(END.len()).position(|window| window == END) else {
        return Ok(None);
    };
    let parsed = received.get(..end).and_then(|head| str::from_utf8(head).ok()).and_then(parse);
    let Some((answer, body)) = parsed else { return Err(ErrorKind::InvalidData.into()) };
    Ok(Some(AnswerHead { answer, bytes: end + END.len() + body }))
}

fn parse(head: &str) -> Option<(HttpAnswer, usize)> {
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let (mut body, mut closes) = (0, false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            body = value.trim().parse().ok()?;
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.trim().eq_ignore_ascii_case("close");
        }
    }
    Some((HttpAnswer { status, closes }, body))
}

/// A POST request, ready to be sent. `headers` are whole lines, each with its line end.
pub(crate) fn post(target: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
         Revision: 2026-01-15\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// How long a request that fills a store waits before it is sent again.
pub(crate) const RETRY_AFTER: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_head_says() {
        let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\
                       connection: close\r\n\r\n{}HTTP";
        let expected = HttpAnswer { status: 503, closes: true };
        let AnswerHead { answer: found, bytes } = head(answer).unwrap().unwrap();
        assert_eq!((found, bytes), (expected, answer.len() - 4));
        assert_eq!(head(b"HTTP/1.1 202 Accepted\r\n").unwrap(), None);
        head(b"SSH-2.0\r\n\r\n").unwrap_err();
    }
}
