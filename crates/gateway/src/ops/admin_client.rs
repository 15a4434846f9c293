//! The client of the admin listener of a gateway that serves: over TCP, TLS or a unix socket.

use std::{
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustls::crypto::ring;
use ureq::{
    Agent, SendBody,
    http::header,
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
};

use super::unix_connector::{NoResolver, UnixConnector};
use crate::{limits, settings::AdminKey};

/// How the URL of a unix socket begins, as addresses of listeners do.
const UNIX: &str = "unix:";

/// The admin listener of a gateway, and what a command needs to be served there.
#[derive(Debug)]
pub struct AdminListener {
    /// Its URL: `http://HOST:PORT`, `https://HOST:PORT` or `unix:/path`.
    pub url: String,
    /// An admin key.
    pub key: AdminKey,
    /// A file with the certificate of the listener, or with those that lead to it.
    pub certificate: Option<PathBuf>,
}

impl fmt::Display for AdminListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// Why a gateway did not answer as it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It is unknown which certificate to trust.
    #[error("{url} speaks TLS: name a file with its certificate by --admin-certificate")]
    NoCertificate {
        /// The URL of the admin listener.
        url: String,
    },
    /// The certificate cannot be read.
    #[error("--admin-certificate {path} must be a file with certificates in PEM: {reason}")]
    Certificate {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There was no response.
    #[error("{url} cannot be reached")]
    Unreachable {
        /// The URL of the admin listener.
        url: String,
        /// The cause.
        source: Box<ureq::Error>,
    },
    /// The gateway refused.
    #[error("{url} answered with status {status}: {text}")]
    Refused {
        /// The URL of the admin listener.
        url: String,
        /// The status.
        status: u16,
        /// The beginning of the response.
        text: String,
    },
}

impl RequestError {
    /// Whether the same request may succeed later.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            RequestError::NoCertificate { .. } | RequestError::Certificate { .. } => false,
            RequestError::Unreachable { .. } => true,
            RequestError::Refused { status, .. } => 500 <= *status,
        }
    }
}

/// The body of a response with status 200.
pub(crate) type ResponseBody = Box<dyn Read>;

impl AdminListener {
    /// Asks for a path. The gateway has this time for the beginning of its answer, and as long for
    /// each further part of it.
    pub(crate) fn get(&self, path: &str, timeout: Duration) -> Result<ResponseBody, RequestError> {
        let request = self.agent(timeout)?.get(self.target(path));
        self.answered(request.header(header::AUTHORIZATION, self.authorization()).call())
    }

    /// Sends a body to a path, with the same times.
    pub(crate) fn post(
        &self,
        path: &str,
        body: &[u8],
        timeout: Duration,
    ) -> Result<ResponseBody, RequestError> {
        let request = self.agent(timeout)?.post(self.target(path));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        self.answered(request.header(header::AUTHORIZATION, self.authorization()).send(body))
    }

    /// Sends a body that is made meanwhile.
    pub(crate) fn post_stream(
        &self,
        path: &str,
        body: &mut dyn Read,
        timeout: Duration,
    ) -> Result<ResponseBody, RequestError> {
        let request = self.agent(timeout)?.post(self.target(path));
        let request = request.header(header::CONTENT_TYPE, "application/octet-stream");
        let request = request.header(header::AUTHORIZATION, self.authorization());
        self.answered(request.send(SendBody::from_reader(body)))
    }

    fn target(&self, path: &str) -> String {
        let begin = if self.url.starts_with(UNIX) { "http://localhost" } else { &self.url };
        format!("{}{path}", begin.trim_end_matches('/'))
    }

    fn authorization(&self) -> String {
        format!("Bearer {}", self.key.reveal())
    }

    fn agent(&self, timeout: Duration) -> Result<Agent, RequestError> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // The environment names proxies for other programs. One would get the key and the data.
            .proxy(None)
            .timeout_connect(Some(limits::BACKUP_CONNECT_TIMEOUT))
            .timeout_recv_response(Some(timeout))
            // A gateway that hangs, or a network that lost it, ends the command.
            .timeout_per_read(Some(timeout))
            .timeout_per_write(Some(timeout));
        if self.url.starts_with("https:") {
            config = config.tls_config(self.tls()?);
        }
        Ok(match self.url.strip_prefix(UNIX) {
            Some(path) => {
                Agent::with_parts(config.build(), UnixConnector::to(path.into()), NoResolver)
            }
            None => Agent::new_with_config(config.build()),
        })
    }

    fn tls(&self) -> Result<TlsConfig, RequestError> {
        let no_certificate = || RequestError::NoCertificate { url: self.url.clone() };
        let path = self.certificate.as_deref().ok_or_else(no_certificate)?;
        Ok(TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(certificates(path)?)))
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .build())
    }

    fn answered(
        &self,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<ResponseBody, RequestError> {
        let unreachable =
            |error| RequestError::Unreachable { url: self.url.clone(), source: Box::new(error) };
        let response = response.map_err(unreachable)?;
        let status = response.status().as_u16();
        let mut body = response.into_body().into_reader();
        if status == 200 {
            return Ok(Box::new(body));
        }
        let mut text = String::new();
        let beginning = body.by_ref().take(limits::BACKUP_REFUSAL_BYTES).read_to_string(&mut text);
        let text =
            beginning.map_or_else(|error: io::Error| error.to_string(), |_| text.trim().to_owned());
        Err(RequestError::Refused { url: self.url.clone(), status, text })
    }
}

/// The certificates in a file.
fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, RequestError> {
    let invalid =
        |reason: String| RequestError::Certificate { path: path.display().to_string(), reason };
    let pem = fs::read(path).map_err(|error| invalid(error.to_string()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) =
            item.map_err(|error| invalid(error.to_string()))?
        {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() { Err(invalid("it has none".to_owned())) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        net::TcpListener,
        os::unix::net::UnixListener,
        sync::mpsc::{self, Receiver},
        thread::{self, JoinHandle},
    };

    use super::*;
    use crate::clock::Clock;

    /// Answers one request with the beginning of a response, and then is silent until it is told
    /// to end.
    fn falls_silent(
        mut connection: impl Read + Write + Send + 'static,
        end: Receiver<()>,
    ) -> JoinHandle<()> {
        thread::spawn(move || {
            let _ = connection.read(&mut [0; 1_024]).unwrap();
            connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").unwrap();
            let _ = end.recv();
        })
    }

    fn assert_ends(url: String) {
        let listener = AdminListener {
            url,
            key: format!("pk_{}", "0".repeat(34)).parse().unwrap(),
            certificate: None,
        };
        let clock = Clock::start();
        let mut body = listener.get("/backup", Duration::from_millis(200)).unwrap();
        assert!(body.read_to_end(&mut Vec::new()).is_err());
        assert!(clock.elapsed() < Duration::from_secs(30), "{:?}", clock.elapsed());
    }

    #[test]
    fn a_gateway_that_falls_silent_ends_the_command_over_tcp_and_over_a_unix_socket() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", tcp.local_addr().unwrap());
        let (ends, end) = mpsc::channel();
        let silent = thread::spawn(move || falls_silent(tcp.accept().unwrap().0, end));
        assert_ends(url);
        drop(ends);
        silent.join().unwrap().join().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("admin.sock");
        let unix = UnixListener::bind(&path).unwrap();
        let (ends, end) = mpsc::channel();
        let silent = thread::spawn(move || falls_silent(unix.accept().unwrap().0, end));
        assert_ends(format!("unix:{}", path.display()));
        drop(ends);
        silent.join().unwrap().join().unwrap();
    }
}
