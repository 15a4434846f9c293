//! Request targets that are not percent-encoded, such as `?filter=equals(email,"a@x.co")`.
//!
//! The HTTP library refuses a target with a quotation mark, `<`, `>` or a byte beyond ASCII, which
//! curl and other clients send as they are given. The stream of a connection replaces such bytes by
//! placeholders before the library reads the line, and keeps the line. The request gets its target
//! back, percent-encoded, before it is routed.
//!
//! No byte is added or removed, so the library finds the bounds of requests where they are. A line
//! is only looked for at the beginning of a connection and after a response.

use std::{
    fmt::Write as _,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use actix_http::Request;
use actix_web::http::Uri;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{http::stream_layer::StreamLayer, limits};

/// What stands for a byte that the library refuses.
const PLACEHOLDER: u8 = b'_';

/// Whether the library refuses the byte in a query, although it can be meant as it stands.
fn is_refused(byte: u8) -> bool {
    matches!(byte, b'"' | b'<' | b'>' | 0x7f..)
}

/// The target of the latest request of a connection, if bytes of it were replaced.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawTarget {
    sent: Arc<Mutex<Option<Vec<u8>>>>,
}

impl RawTarget {
    fn keep(&self, target: Option<Vec<u8>>) {
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = target;
    }

    fn take(&self) -> Option<Vec<u8>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Gives a request its target back, percent-encoded where the library would refuse it.
pub(crate) fn restore(request: &mut Request) {
    let Some(sent) = request.conn_data::<RawTarget>().and_then(RawTarget::take) else { return };
    let replaced: Vec<u8> =
        sent.iter().map(|&byte| if is_refused(byte) { PLACEHOLDER } else { byte }).collect();
    // The line may belong to no request of the library, if a client sends more than it announces.
    if request.uri().to_string().as_bytes() == replaced
        && let Ok(target) = encoded(&sent).parse::<Uri>()
    {
        request.head_mut().uri = target;
    }
}

fn encoded(target: &[u8]) -> String {
    let mut text = String::with_capacity(2 * target.len());
    for &byte in target {
        if is_refused(byte) {
            // Writing to a string does not fail.
            let _ = write!(text, "%{byte:02X}");
        } else {
            text.push(char::from(byte));
        }
    }
    text
}

/// Where in a request line the stream is.
#[derive(Debug, Eq, PartialEq)]
enum LinePosition {
    /// The next byte begins a line.
    Before,
    /// The line is not complete.
    Within,
    /// The rest of the request follows, or no request.
    After,
}

/// A layer that replaces bytes in the request lines that it reads.
#[derive(Debug)]
pub(crate) struct TargetLayer {
    target: RawTarget,
    position: LinePosition,
    /// The line so far, as it was sent. Its memory is used again.
    line: Vec<u8>,
    is_replaced: bool,
}

impl TargetLayer {
    pub(crate) fn new() -> TargetLayer {
        let (target, position) = (RawTarget::default(), LinePosition::Before);
        TargetLayer { target, position, line: Vec::new(), is_replaced: false }
    }

    /// Where handlers find the target of a request.
    pub(crate) fn target(&self) -> RawTarget {
        self.target.clone()
    }

    /// Takes bytes that were read.
    fn read(&mut self, bytes: &mut [u8]) {
        if self.position == LinePosition::Before {
            self.line.clear();
            self.is_replaced = false;
            self.position = LinePosition::Within;
        }
        if self.position == LinePosition::Within {
            self.read_line(bytes);
        }
    }

    /// Takes the next bytes of a line, and what follows it.
    fn read_line(&mut self, bytes: &mut [u8]) {
        let space = limits::REQUEST_LINE_BYTES.saturating_sub(self.line.len());
        let end = memchr::memchr(b'\n', bytes.get(..space).unwrap_or(bytes));
        let is_whole = end.is_some() || space < bytes.len();
        let length = end.unwrap_or(space.min(bytes.len()));
        let line = bytes.get_mut(..length).unwrap_or_default();
        let begun = self.line.len();
        self.line.extend_from_slice(line);
        // To look at every byte takes less time here than to stop at the first that is refused.
        let is_any_refused = line.iter().fold(false, |any, &byte| any | is_refused(byte));
        if is_any_refused && !self.replace(begun, line) {
            self.position = LinePosition::After;
        } else if is_whole {
            self.position = LinePosition::After;
            let target = if self.is_replaced { target_of(&self.line) } else { None };
            self.target.keep(target.map(<[u8]>::to_vec));
        }
    }

    /// Replaces the refused bytes of a part of the line that begins there. `false` if what is
    /// before one of them is no request line.
    fn replace(&mut self, begun: usize, part: &mut [u8]) -> bool {
        for (number, byte) in part.iter_mut().enumerate().filter(|(_, byte)| is_refused(**byte)) {
            if !self.line.get(..=begun + number).is_some_and(is_line) {
                return false;
            }
            *byte = PLACEHOLDER;
            self.is_replaced = true;
        }
        true
    }
}

/// Whether these bytes begin a request line: a method and the beginning of a path.
fn is_line(bytes: &[u8]) -> bool {
    let mut words = bytes.splitn(2, |&byte| byte == b' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    !method.is_empty() && method.iter().all(u8::is_ascii_uppercase) && target.starts_with(b"/")
}

/// The target in a whole line.
fn target_of(line: &[u8]) -> Option<&[u8]> {
    line.split(|&byte| byte == b' ').nth(1)
}

impl StreamLayer for TargetLayer {
    fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(stream).poll_read(cx, buffer))?;
        self.read(buffer.filled_mut().get_mut(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }

    fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.position = LinePosition::Before;
        Pin::new(stream).poll_write(cx, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that the library gets of these reads, and the target that is kept.
    fn read(reads: &[&[u8]]) -> (Vec<u8>, Option<Vec<u8>>) {
        let mut layer = TargetLayer::new();
        let mut bytes = Vec::new();
        for read in reads {
            let mut read = read.to_vec();
            layer.read(&mut read);
            bytes.extend(read);
        }
        (bytes, layer.target.take())
    }

    #[test]
    fn the_target_is_kept_and_its_bytes_are_replaced_one_by_one() {
        let (bytes, target) = read(&[b"GET /a?b=\"<\xc3\xa9>\x7f HTTP/1.1\r\nX: \"\xff\r\n\r\n\""]);
        assert_eq!(bytes, b"GET /a?b=______ HTTP/1.1\r\nX: \"\xff\r\n\r\n\"");
        assert_eq!(encoded(&target.unwrap()), "/a?b=%22%3C%C3%A9%3E%7F");
    }

    #[test]
    fn a_line_may_arrive_byte_by_byte() {
        let line = b"PATCH /x?\"1\" HTTP/1.1\r\nHost: \"\r\n";
        let bytes: Vec<&[u8]> = line.chunks(1).collect();
        let (read, target) = read(&bytes);
        assert_eq!(read, b"PATCH /x?_1_ HTTP/1.1\r\nHost: \"\r\n");
        assert_eq!(target.unwrap(), b"/x?\"1\"");
    }

    #[test]
    fn what_begins_no_request_or_has_no_such_byte_stays_as_it_is() {
        let long = [b"GET /".as_slice(), &vec![b'a'; limits::REQUEST_LINE_BYTES], b"\"\n"].concat();
        let others: [&[u8]; 6] = [
            b"{\"data\":1}",
            b"\x1f\x8b\n",
            b"get /\"\n",
            b"GET x\"\n",
            b"GET /plain?a=%22 HTTP/1.1\r\n\r\n\"",
            &long,
        ];
        for other in others {
            assert_eq!(read(&[other]), (other.to_vec(), None));
        }
    }
}
