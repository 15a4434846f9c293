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
    Agent,
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
    /// Asks for a path.
    pub(crate) fn get(&self, path: &str, timeout: Duration) -> Result<ResponseBody, RequestError> {
        let request = self.agent(timeout)?.get(self.target(path));
        self.answered(request.header(header::AUTHORIZATION, self.authorization()).call())
    }

    /// Sends a body to a path.
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
            .timeout_connect(Some(limits::BACKUP_CONNECT_TIMEOUT))
            .timeout_recv_response(Some(timeout));
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
