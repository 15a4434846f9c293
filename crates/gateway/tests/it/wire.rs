//! HTTP/1.1 as it goes over the wire: exact bytes out, exact bytes in.
//!
//! A client library would put header names into one case, follow redirects, decode
//! bodies and reuse connections. What is promised to clients is none of these, so
//! the tests see what a client's socket sees.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use actix_web::rt::{System, net::TcpSocket};

/// How long the other side may be silent before a test fails. Far longer than
/// anything takes, because machines that run tests can be slow.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(40);

/// A request, written as it is given.
#[derive(Clone, Debug)]
pub(crate) struct RawRequest {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl RawRequest {
    pub(crate) fn new(method: &str, target: &str) -> RawRequest {
        let (method, target) = (method.to_owned(), target.to_owned());
        RawRequest { method, target, headers: Vec::new(), body: Vec::new() }
    }

    /// A request for company `ABC123` that lacks nothing but a body.
    pub(crate) fn bare() -> RawRequest {
        RawRequest::new("POST", "/client/profiles?company_id=ABC123")
            .with("Content-Type", "application/vnd.api+json")
            .with("revision", "2026-07-15")
    }

    /// A request for company `ABC123` at which nothing is wrong but perhaps the
    /// body.
    pub(crate) fn profile(body: impl AsRef<[u8]>) -> RawRequest {
        RawRequest::bare().body(body)
    }

    /// A request that names one person and nothing else.
    pub(crate) fn email(email: &str) -> RawRequest {
        let attributes = format!(r#"{{"email":"{email}"}}"#);
        RawRequest::profile(format!(r#"{{"data":{{"type":"profile","attributes":{attributes}}}}}"#))
    }

    pub(crate) fn to(self, target: &str) -> RawRequest {
        RawRequest { target: target.to_owned(), ..self }
    }

    /// The same request for this company.
    pub(crate) fn of(self, company: &str) -> RawRequest {
        self.to(&format!("/client/profiles?company_id={company}"))
    }

    /// Sets a header, in this very spelling.
    pub(crate) fn with(self, name: &str, value: &str) -> RawRequest {
        let mut request = self.without(name);
        request.headers.push((name.to_owned(), value.to_owned()));
        request
    }

    /// Sends a header once more.
    pub(crate) fn and(mut self, name: &str, value: &str) -> RawRequest {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> RawRequest {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self
    }

    pub(crate) fn body(self, body: impl AsRef<[u8]>) -> RawRequest {
        RawRequest { body: body.as_ref().to_vec(), ..self }
    }

    /// The body alone.
    pub(crate) fn body_text(&self) -> Vec<u8> {
        self.body.clone()
    }

    /// The head, which announces the body unless a header does so already.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut lines = vec![format!("{} {} HTTP/1.1", self.method, self.target)];
        lines.push("Host: gateway".to_owned());
        lines.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        let framed = ["Content-Length", "Transfer-Encoding"];
        let announced = |(name, _): &(String, String)| {
            framed.iter().any(|framing| framing.eq_ignore_ascii_case(name))
        };
        if !self.headers.iter().any(announced) {
            lines.push(format!("Content-Length: {}", self.body.len()));
        }
        format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes()
    }

    /// The head and the body.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head(), self.body.clone()].concat()
    }
}

/// An answer, as it was read.
#[derive(Clone, Debug)]
pub(crate) struct RawResponse {
    head: String,
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl RawResponse {
    /// The value of the one header of this very spelling.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(other, _)| other == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is there twice: {:?}", self.headers);
        value
    }

    /// Whether there is a header of this name, spelt however.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
    }

    /// The names of the headers, in their spelling.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(name, _)| name.as_str())
    }

    /// The answer as it was sent, but for the values that go with the time of day
    /// and the number of requests, and for the ids.
    pub(crate) fn timeless(&self) -> String {
        let passing = [
            "Date: ",
            "Ratelimit-Remaining: ",
            "Ratelimit-Reset: ",
            "Traceparent: ",
            "X-Request-Id: ",
        ];
        let line =
            |line| passing.into_iter().find(|name| str::starts_with(line, name)).unwrap_or(line);
        let mut lines: Vec<&str> = self.head.trim_end().split("\r\n").map(line).collect();
        // The order of headers means nothing, and is another each time.
        lines[1..].sort_unstable();
        format!("{}\r\n\r\n{}", lines.join("\r\n"), self.text())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Sees that a request was stored and nothing said about it.
    #[track_caller]
    pub(crate) fn assert_accepted(&self) {
        assert_eq!((self.status, self.text()), (202, ""));
        assert!(!self.has("Content-Type"), "{:?}", self.headers);
    }
}

/// One connection to a listener, over TCP unless it says otherwise.
#[derive(Debug)]
pub(crate) struct Connection<S = TcpStream> {
    stream: S,
    unread: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Connection {
        Connection::try_open(address).unwrap()
    }

    /// A connection from this address.
    pub(crate) fn open_from(source: Ipv4Addr, address: SocketAddr) -> Connection {
        let connect = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::new(source.into(), 0))?;
            socket.connect(address).await?.into_std()
        };
        let stream = System::new().block_on(connect).unwrap();
        stream.set_nonblocking(false).unwrap();
        Connection::over(stream)
    }

    /// A connection, unless nothing listens at the address.
    pub(crate) fn try_open(address: SocketAddr) -> io::Result<Connection> {
        Ok(Connection::over(TcpStream::connect_timeout(&address, TEST_TIMEOUT)?))
    }

    /// A connection over a connected stream.
    pub(crate) fn over(stream: TcpStream) -> Connection {
        stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(TEST_TIMEOUT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Connection { stream, unread: Vec::new() }
    }

    /// The same connection for another thread, which reads nothing.
    pub(crate) fn another(&self) -> Connection {
        Connection { stream: self.stream.try_clone().unwrap(), unread: Vec::new() }
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

impl Connection<UnixStream> {
    /// A connection to a unix socket.
    pub(crate) fn open_unix(path: &Path) -> Connection<UnixStream> {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(TEST_TIMEOUT)).unwrap();
        Connection::over_any(stream)
    }
}

impl<S: Read + Write> Connection<S> {
    /// A connection over a stream with timeouts.
    pub(crate) fn over_any(stream: S) -> Connection<S> {
        Connection { stream, unread: Vec::new() }
    }

    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }

    /// Sends bytes. False if the other side has closed.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        match self.stream.write_all(bytes.as_ref()) {
            Ok(()) => true,
            Err(error) => {
                let gone = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
                assert!(gone.contains(&error.kind()), "{error}");
                false
            }
        }
    }

    /// Sends a request and reads the answer.
    pub(crate) fn exchange(&mut self, request: &RawRequest) -> RawResponse {
        assert!(self.send(request.bytes()), "the connection was closed");
        self.receive()
    }

    /// Sends a request and reads the head of the answer, whatever the method.
    pub(crate) fn exchange_head(&mut self, request: &RawRequest) -> RawResponse {
        assert!(self.send(request.bytes()), "the connection was closed");
        self.receive_head()
    }

    /// Reads an answer, which has to come.
    pub(crate) fn receive(&mut self) -> RawResponse {
        self.receive_or_end().expect("an answer, and not the end of the connection")
    }

    /// Reads an answer, if there is one before the connection ends.
    pub(crate) fn receive_or_end(&mut self) -> Option<RawResponse> {
        let mut answer = self.head_or_end()?;
        let length =
            answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = length.map_or(0, |(_, length)| length.parse().unwrap());
        while self.unread.len() < length {
            assert!(self.read_more(), "the connection ended within a body");
        }
        answer.body = self.unread.drain(..length).collect();
        Some(answer)
    }

    /// Reads the answer to a HEAD, which has no body whatever it says.
    pub(crate) fn receive_head(&mut self) -> RawResponse {
        self.head_or_end().expect("an answer, and not the end of the connection")
    }

    fn head_or_end(&mut self) -> Option<RawResponse> {
        let head = loop {
            if let Some(end) = position(&self.unread, b"\r\n\r\n") {
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                break String::from_utf8(head).unwrap();
            }
            if !self.read_more() {
                assert!(self.unread.is_empty(), "the connection ended within a head");
                return None;
            }
        };
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().strip_prefix("HTTP/1.1 ").unwrap();
        let status = status.get(..3).unwrap().parse().unwrap();
        let pair = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        };
        let headers = lines.map(pair).collect();
        Some(RawResponse { head: head.clone(), status, headers, body: Vec::new() })
    }

    /// Whether the other side closes the connection without saying more.
    pub(crate) fn ends(&mut self) -> bool {
        !self.read_more() && self.unread.is_empty()
    }

    /// Reads all that comes until the connection ends. Returns the number of bytes.
    pub(crate) fn read_to_end(&mut self) -> usize {
        while self.read_more() {}
        self.unread.len()
    }

    /// All that comes until the connection ends.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.read_more() {}
        std::mem::take(&mut self.unread)
    }

    /// A body that comes in chunks, and whether its last chunk came before the connection ended.
    pub(crate) fn chunks(&mut self) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            let Some(end) = position(&self.unread, b"\r\n") else {
                if self.read_more() {
                    continue;
                }
                return (body, false);
            };
            let size = std::str::from_utf8(&self.unread[..end]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            let whole = end + 2 + size + 2;
            while self.unread.len() < whole {
                if !self.read_more() {
                    return (body, false);
                }
            }
            let chunk: Vec<u8> = self.unread.drain(..whole).collect();
            if size == 0 {
                return (body, true);
            }
            body.extend_from_slice(&chunk[end + 2..end + 2 + size]);
        }
    }

    /// Reads what is there, or waits for it. False at the end.
    fn read_more(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(length) => {
                self.unread.extend_from_slice(&buffer[..length]);
                true
            }
            // TLS tells the end of a connection from a cut.
            Err(error)
                if [ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof]
                    .contains(&error.kind()) =>
            {
                false
            }
            Err(error) => panic!("nothing more came: {error}"),
        }
    }
}

/// Sends one request on a connection of its own and reads the answer.
pub(crate) fn exchange(address: SocketAddr, request: &RawRequest) -> RawResponse {
    Connection::open(address).exchange(request)
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
