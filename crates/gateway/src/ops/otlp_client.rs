//! Sends spans to a collector: one POST over HTTP/1.1 on a connection of its own, with a bound on
//! its time and on what is read of its answer.

use std::{
    fmt::Write as _,
    future::{self, Future},
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
};

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};

use crate::limits;

/// The client of one collector. It blocks, and has the thread of the exporter for itself.
#[derive(Debug)]
pub(crate) struct CollectorClient {
    authority: Box<str>,
    has_failed: AtomicBool,
}

impl CollectorClient {
    pub(crate) fn new(authority: &str) -> CollectorClient {
        CollectorClient { authority: authority.into(), has_failed: AtomicBool::new(false) }
    }

    fn send(&self, request: &Request<Bytes>) -> io::Result<u16> {
        let mut connection = self.connect()?;
        connection.set_read_timeout(Some(limits::COLLECTOR_TIMEOUT))?;
        connection.set_write_timeout(Some(limits::COLLECTOR_TIMEOUT))?;
        connection.write_all(self.head(request).as_bytes())?;
        connection.write_all(request.body())?;
        let mut answer = Vec::new();
        connection.take(limits::COLLECTOR_ANSWER_BYTES).read_to_end(&mut answer)?;
        let malformed = || io::Error::other("the answer of the collector is no HTTP");
        status(&answer).ok_or_else(malformed)
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut result = Err(io::ErrorKind::NotFound.into());
        for address in self.authority.to_socket_addrs()? {
            result = TcpStream::connect_timeout(&address, limits::COLLECTOR_TIMEOUT);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    fn head(&self, request: &Request<Bytes>) -> String {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let mut head = format!("POST {target} HTTP/1.1\r\nHost: {}\r\n", self.authority);
        for (name, value) in request.headers() {
            // Writing to a string cannot fail.
            let _ = write!(head, "{name}: {}\r\n", value.to_str().unwrap_or_default());
        }
        let _ = write!(head, "Content-Length: {}\r\n", request.body().len());
        head + "Connection: close\r\n\r\n"
    }

    /// Logs that traces cannot be sent, and that they can be again, once each.
    fn report(&self, result: &io::Result<u16>) {
        let failure = match result {
            Ok(200..=299) => None,
            Ok(status) => Some(format!("the collector answered with status {status}")),
            Err(error) => Some(error.to_string()),
        };
        let had_failed = self.has_failed.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(error) if !had_failed => {
                tracing::warn!(collector = %self.authority, error, "traces cannot be sent");
            }
            None if had_failed => {
                tracing::info!(collector = %self.authority, "traces are sent again");
            }
            Some(_) | None => {}
        }
    }
}

/// The status in the first line of an answer.
pub(super) fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\r').next()?;
    let line = str::from_utf8(line).ok()?.strip_prefix("HTTP/1.")?;
    line.split(' ').nth(1)?.parse().ok()
}

impl HttpClient for CollectorClient {
    fn send_bytes<'client, 'answer>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'answer>>
    where
        'client: 'answer,
        Self: 'answer,
    {
        let result = self.send(&request);
        self.report(&result);
        let answer = result.map_err(HttpError::from).and_then(|status| {
            Response::builder().status(status).body(Bytes::new()).map_err(HttpError::from)
        });
        Box::pin(future::ready(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_an_answer_is_that_of_its_first_line() {
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Some(200)),
            ("HTTP/1.0 503\r\n\r\n", Some(503)),
            ("SSH-2.0-x\r\n", None),
            ("", None),
        ] {
            assert_eq!(status(answer.as_bytes()), expected, "{answer}");
        }
    }
}
