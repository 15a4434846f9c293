//! The certificate of the gateway and its private key, as they are read from their files.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    version::{TLS12, TLS13},
};
use x509_cert::{
    certificate::{CertificateInner, Raw},
    der::{DateTime, Decode},
};

use crate::limits;

/// The only protocol that is spoken over TLS.
const HTTP_1_1: &[u8] = b"http/1.1";

/// The files of a certificate and of its private key, in PEM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateFiles {
    /// The certificate, and those that lead to one that clients trust.
    pub certificate: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
}

/// A certificate that can be served: it has been read, and its private key belongs to it.
#[derive(Clone)]
pub struct ServedCertificate {
    config: Arc<ServerConfig>,
    expiry: DateTime,
    files: CertificateFiles,
}

impl ServedCertificate {
    /// Reads both files.
    pub fn read(files: &CertificateFiles) -> Result<ServedCertificate, InvalidCertificate> {
        let chain = read_chain(&files.certificate)?;
        let expiry = expiry_of(&chain)
            .ok_or_else(|| InvalidCertificate::Malformed { path: files.certificate.clone() })?;
        let key = read_key(&files.key)?;
        let config = config_of(chain, key).map_err(|source| InvalidCertificate::Unusable {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            source,
        })?;
        Ok(ServedCertificate { config: Arc::new(config), expiry, files: files.clone() })
    }

    /// The files that were read.
    pub(crate) fn files(&self) -> &CertificateFiles {
        &self.files
    }

    /// What a handshake needs.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// The time since 1970 after which clients refuse the certificate.
    pub fn not_after(&self) -> Duration {
        self.expiry.unix_duration()
    }

    /// Whether clients refuse the certificate at this time since 1970.
    pub fn has_expired(&self, now: Duration) -> bool {
        self.not_after() < now
    }

    /// The time after which clients refuse the certificate, for people.
    pub fn expiry(&self) -> impl fmt::Display {
        self.expiry
    }
}

/// Shows nothing of the private key.
impl fmt::Debug for ServedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServedCertificate").field("expiry", &self.expiry).finish_non_exhaustive()
    }
}

/// Why a certificate cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCertificate {
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file is too large.
    #[error("{} is larger than {} bytes", path.display(), limits::CERTIFICATE_BYTES)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A file is not PEM.
    #[error("{} is not PEM", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
    },
    /// The file of the certificate has none, or too many.
    #[error(
        "{} must have 1 to {} certificates in PEM, but has {found}",
        path.display(),
        limits::CERTIFICATES
    )]
    Count {
        /// The file.
        path: PathBuf,
        /// The number of certificates.
        found: usize,
    },
    /// A certificate is malformed.
    #[error("{} has a malformed certificate", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The file of the private key has none.
    #[error("{} has no private key in PEM", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The private key is malformed, of an unknown kind, or not that of the certificate.
    #[error("the key of {} cannot be used with the certificate of {}", key.display(), certificate.display())]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the private key.
        key: PathBuf,
        /// The cause.
        source: rustls::Error,
    },
}

/// The bytes of a file.
fn read(path: &Path) -> Result<Vec<u8>, InvalidCertificate> {
    let unreadable = |source| InvalidCertificate::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(unreadable)?.take(limits::CERTIFICATE_BYTES + 1);
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    if file.limit() == 0 {
        return Err(InvalidCertificate::TooLarge { path: path.to_owned() });
    }
    Ok(bytes)
}

/// The certificate, followed by those that lead to one that clients trust.
fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, InvalidCertificate> {
    let bytes = read(path)?;
    let chain: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&bytes).collect();
    let chain = chain.or(Err(InvalidCertificate::NotPem { path: path.to_owned() }))?;
    match chain.len() {
        1..=limits::CERTIFICATES => Ok(chain),
        found => Err(InvalidCertificate::Count { path: path.to_owned(), found }),
    }
}

/// The first private key of a file.
fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, InvalidCertificate> {
    match PrivateKeyDer::from_pem_slice(&read(path)?) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(InvalidCertificate::NoKey { path: path.to_owned() }),
        // Says nothing of what the file has.
        Err(_) => Err(InvalidCertificate::NotPem { path: path.to_owned() }),
    }
}

/// The end of the certificate that is the first of the chain to expire. `None` if one of them is
/// malformed.
fn expiry_of(chain: &[CertificateDer<'_>]) -> Option<DateTime> {
    let expiry = |certificate: &CertificateDer<'_>| {
        let parsed = CertificateInner::<Raw>::from_der(certificate).ok()?;
        Some(parsed.tbs_certificate().validity().not_after.to_date_time())
    };
    let expiries: Option<Vec<DateTime>> = chain.iter().map(expiry).collect();
    expiries?.into_iter().min()
}

/// TLS 1.2 and 1.3 with this certificate, without certificates of clients.
fn config_of(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    // Sessions are resumed by tickets, so the gateway keeps nothing about a client.
    config.ticketer = ring::Ticketer::new()?;
    Ok(config)
}

#[cfg(test)]
mod tests;
